"""Options that a text names by their letters, and texts of an item that repeat one another, under the checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from afya.items import Item, Turn
from afya.translation.checks import Checker

MCQ = Item(
    item_id="g:en",
    group_id="g",
    lang="en",
    task="mcq",
    split="train",
    question="Which one is given?",
    options=("Clean water", "Fresh bread"),
    answer=(0,),
    rationale="The answer is A. Option B is wrong.",
    source="s",
    licence="MIT",
    origin="native",
)


def failed(source: Item, translated: Item) -> list[str]:
    checker = Checker("en", translated.lang, checks=["options"])
    return [str(verdict.detail) for verdict in checker.check_item(source, translated) if not verdict.passed]


@pytest.mark.parametrize(
    ("lang", "rationale", "lost"),
    [
        ("es", "La respuesta es A. La opción B está mal.", []),
        ("es", "La respuesta es Un. La opción B está mal.", ["rationale names option A, its translation does not"]),
        ("zh", "答案是A。选项Ｂ错。", []),
        ("am", "መልሱ ሀ ነው። ምርጫ ለ ስህተት ነው።", []),
        ("ru", "Ответ А. Вариант Б неверен.", []),
    ],
)
def test_an_option_named_by_its_letter_is_named_in_the_translation(lang: str, rationale: str, lost: list[str]) -> None:
    assert failed(MCQ, replace(MCQ, item_id=f"g:{lang}", lang=lang, rationale=rationale)) == lost


def test_a_turn_may_repeat_the_question_on_one_side_only() -> None:
    turns = (Turn("user", "My child has fever"), Turn("assistant", "Drink water."))
    plain = {"task": "dialogue", "options": None, "answer": None, "rationale": None}
    source = replace(MCQ, **plain, question="My child has fever.", turns=turns)  # type: ignore[arg-type]
    told = (Turn("user", "Mi hijo tiene fiebre."), Turn("assistant", "Beba agua."))
    made = replace(source, item_id="g:es", lang="es", question=told[0].text, turns=told)
    assert failed(source, made) == []
    assert failed(source, replace(made, turns=told[:1])) == ["turn.1: there is no translation"]

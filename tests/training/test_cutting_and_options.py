"""What is longer than a pack is cut by the rule, and letters are right equally often."""

from __future__ import annotations

from collections import Counter

import pytest
from family_templates import family_tokenizer
from hypothesis import given
from hypothesis import strategies as st
from test_attention_and_loss import CHOICE, item
from tiny_models import make_tokenizer

from afya.items import Turn
from afya.runs import Ledger
from afya.training.examples.build import build_examples
from afya.training.examples.cutting import MARK, shortened
from afya.training.examples.lesson import Lesson
from afya.training.examples.option_order import balance_letters, letter_balance, speaks_of_options

LONG = " ".join(f"Day {number}: the fever goes on." for number in range(40))


@pytest.mark.parametrize("form", ["letter", "cloze", "instruction"])
def test_a_long_context_loses_its_middle_and_nothing_else_is_touched(form: str) -> None:
    tokenizer = make_tokenizer(chat=True)
    long = item("mcq", **CHOICE, context=LONG, answer_text="Forty and more.")
    whole = build_examples([Lesson(long, form)], tokenizer, 2048, "stage").examples[0]  # type: ignore[arg-type]
    size = len(whole.tokens) - 150
    built = build_examples([Lesson(long, form)], tokenizer, size, "stage")  # type: ignore[arg-type]
    (made,), (cut,) = built.examples, built.cuts
    assert size - 12 < len(made.tokens) <= size
    assert made.tokens[made.learned].tolist() == whole.tokens[whole.learned].tolist()
    text, full = tokenizer.decode(made.tokens), tokenizer.decode(whole.tokens)
    start, end = text.split(MARK)
    assert full.startswith(start)
    assert full.endswith(end)
    assert "fast breathing" in end
    assert ("D. 60" in end) == (form == "letter")
    assert (cut.reason, cut.item_id) == ("cut", long.item_id)
    assert cut.detail is not None
    assert "of the context's" in cut.detail


def test_half_of_a_text_stays_or_the_item_is_rejected() -> None:
    tokenizer = make_tokenizer(chat=True)
    long = item("mcq", **CHOICE, context=LONG)
    whole = len(build_examples([Lesson(long, "letter")], tokenizer, 2048, "stage").examples[0].tokens)
    built = build_examples([Lesson(long, "letter")], tokenizer, whole // 2 - 40, "stage")
    assert (built.used, built.cuts, [entry.reason for entry in built.rejections]) == (0, [], ["too_long"])
    kept = build_examples([Lesson(long, "letter")], tokenizer, whole - 1, "stage", cut=False)
    assert (kept.used, kept.cuts, len(kept.rejections)) == (0, [], 1)


def test_answers_options_and_claims_are_never_cut() -> None:
    tokenizer = make_tokenizer(chat=True)
    items = [
        (item("long_form", answer_text=LONG), "instruction"),
        (item("mcq", options=(LONG, "no"), answer=(1,)), "letter"),
        (item("nli", question=LONG, options=("true", "false"), answer=(0,)), "cloze"),
    ]
    built = build_examples([Lesson(one, form) for one, form in items], tokenizer, 300, "stage")  # type: ignore[arg-type]
    assert [entry.reason for entry in built.rejections] == ["too_long"] * 3


def test_the_ledger_adds_up_with_cut_rows() -> None:
    tokenizer = make_tokenizer(chat=True)
    lessons = [
        Lesson(item("mcq", **CHOICE), "letter"),
        Lesson(item("mcq", **CHOICE, context=LONG), "letter"),
        Lesson(item("mcq", **CHOICE, context=LONG * 9), "letter"),
    ]
    built = build_examples(lessons, tokenizer, 600, "stage")
    ledger = Ledger()
    ledger.add("stage", len(lessons), built.used, [*built.rejections, *built.cuts], made=len(built.cuts))
    ledger.check()
    assert ledger.reasons("stage") == {"cut": 1, "too_long": 1}
    assert built.used == 2


@pytest.mark.parametrize("name", ["llama3", "qwen3", "mistral"])
def test_a_long_dialogue_leaves_its_oldest_messages_out(name: str) -> None:
    tokenizer = family_tokenizer(name)
    texts = [f"{word} {number}: {'the fever goes on. ' * 4}" for number in range(12) for word in ("Question", "Answer")]
    turns = tuple(Turn(role, text) for role, text in zip(["user", "assistant"] * 12, texts, strict=True))
    asked = item("dialogue", turns=(Turn("system", "You are a nurse."), *turns))
    whole = build_examples([Lesson(asked, "instruction")], tokenizer, 8192, "stage")
    built = build_examples([Lesson(asked, "instruction")], tokenizer, 400, "stage")
    assert max(len(made.tokens) for made in whole.examples) > 800
    assert (built.used, len(built.cuts)) == (1, 1)
    assert all(len(made.tokens) <= 400 for made in built.examples)
    learned = "".join(tokenizer.decode(made.tokens[made.learned]) for made in built.examples)
    assert learned == "".join(tokenizer.decode(made.tokens[made.learned]) for made in whole.examples)
    assert [learned.count(f"Answer {number}:") for number in range(12)] == [1] * 12
    assert all("You are a nurse." in tokenizer.decode(made.tokens) for made in built.examples)


@given(st.text(alphabet="ab é́ṣ̀\u0300漢 \n", min_size=4, max_size=200), st.floats(0.5, 0.99))
def test_a_shortened_text_keeps_its_ends(text: str, part: float) -> None:
    kept = int(len(text) * part)
    short = shortened(text, kept)
    start, _, end = short.partition(MARK)
    assert len(start) + len(end) <= kept
    assert text.startswith(start)
    assert text.endswith(end)


def test_a_cut_stands_between_words_and_never_inside_a_letter() -> None:
    assert shortened("one two three four five", 15) == "one two […] five"
    assert shortened("\u1ecd\u0300" * 10, 11).partition(MARK)[2].startswith("\u1ecd")


def choices(count: int, lang: str = "en", size: int = 4) -> list[Lesson]:
    """Items whose first option is always right."""
    options = ("ORS", "aspirin", "cough syrup", "rest", "zinc")[:size]
    return [
        Lesson(
            item("mcq", lang, options=options, answer=(0,), item_id=f"set:{number}:{lang}", group_id=f"set:{number}"),
            "letter",
        )
        for number in range(count)
    ]


def test_every_letter_is_right_equally_often_in_every_language_and_size() -> None:
    lessons = [*choices(41), *choices(30, "sw"), *choices(12, "sw", 5)]
    made = balance_letters(lessons, 3)
    for counts in letter_balance(made).values():
        assert max(counts.values()) - min(counts.values()) <= 1
    for before, after in zip(lessons, made, strict=True):
        assert after.item.item_id == before.item.item_id
        assert Counter(after.item.options) == Counter(before.item.options)
        assert (after.item.options or ())[(after.item.answer or ())[0]] == "ORS"
    assert len({lesson.item.options for lesson in made}) > 12


def test_orders_come_from_the_seed_and_copies_have_their_own() -> None:
    lessons = choices(20) * 2
    made = balance_letters(lessons, 3)
    assert made == balance_letters(lessons, 3)
    assert made != balance_letters(lessons, 4)
    assert made[:20] != made[20:]


def test_fixed_labels_and_forms_without_letters_keep_their_order() -> None:
    claims = [Lesson(item("nli", options=("true", "false"), answer=(0,)), "letter")]
    cloze = [lesson._replace(form="cloze") for lesson in choices(3)]
    assert balance_letters([*claims, *cloze], 1) == [*claims, *cloze]


@pytest.mark.parametrize(
    ("lang", "option", "linked"),
    [
        ("en", "All of the above", True),
        ("en", "Both A and C", True),
        ("en", "1 and 3", True),
        ("en", "A dose of 3 mg", False),
        ("en", "Vitamin B", False),
        ("sw", "Majibu yote hapo juu", True),
        ("sw", "Mpe maji", False),
        ("zh", "以上都是", True),
        ("es", "Todas las anteriores", True),
        ("yo", "Gbogbo wọn tó wà lókè", True),
    ],
)
def test_options_that_speak_of_others_keep_their_order(lang: str, option: str, linked: bool) -> None:
    asked = item("mcq", lang, options=("ORS", "zinc", "rest", option), answer=(0,))
    assert speaks_of_options(asked, "letter") == linked
    assert (balance_letters([Lesson(asked, "letter")] * 9, 1)[0].item == asked) == linked or not linked


@pytest.mark.parametrize(
    ("rationale", "linked"),
    [("The answer is 4.", True), ("B is wrong: it harms.", True), ("A child needs 12 tablets, 1.5% salt.", False)],
)
def test_a_rationale_that_names_options_keeps_their_order_where_it_is_learned(rationale: str, linked: bool) -> None:
    asked = item("mcq", **CHOICE, rationale=rationale)
    assert speaks_of_options(asked, "letter+rationale") == linked
    assert not speaks_of_options(asked, "letter")

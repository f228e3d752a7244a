"""Every text gets exactly one answer, in order, whatever an engine does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.errors import ConfigError, EngineError
from afya.languages import registry
from afya.translation import guard
from afya.translation.base import EngineIdentity, Hint, Translation
from afya.translation.codes import unsupported
from afya.translation.segments import cut, join

Answering = Callable[[Sequence[str]], list[Translation]]


@dataclass
class Scripted:
    """An engine whose answers are a function of the texts it is given; it remembers what it was asked."""

    answering: Answering
    uses_hints: bool = False
    asked: list[list[str]] = field(default_factory=list)
    hinted: list[Sequence[Sequence[Hint]] | None] = field(default_factory=list)
    identity = EngineIdentity("scripted", "scripted", "0")

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({("en", "sw")})

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        self.asked.append(list(texts))
        self.hinted.append(hints)
        return self.answering(texts)

    def close(self) -> None: ...


def said(text: str, score: float | None = None) -> Translation:
    return Translation(text, "scripted", score=score)


def shout(texts: Sequence[str]) -> list[Translation]:
    return [said(text.upper(), -float(len(text))) for text in texts]


def ask(engine: Scripted, texts: Sequence[str], **more: object) -> list[Translation]:
    return guard.translate(engine, texts, "en", "sw", **more)  # type: ignore[arg-type]


def test_answers_keep_the_order_and_a_repeated_text_is_asked_for_once() -> None:
    engine = Scripted(shout)
    assert [answer.text for answer in ask(engine, ["b", "a", "b", "", "  ", "38.5"])] == [
        *("B", "A", "B"),
        *("", "  ", "38.5"),
    ]
    assert engine.asked == [["b", "a"]]


def test_long_texts_go_sentence_by_sentence_and_keep_their_lines() -> None:
    engine = Scripted(shout)
    text = "  Give ORS.\r\n\r\n\t- First wash the hands, then mix it in clean water. " + "Do not boil it again. " * 5
    answer = ask(engine, [text])[0]
    assert answer.text == text.upper()
    assert answer.error is None
    assert engine.asked[0] == [
        "Give ORS.",
        "- First wash the hands, then mix it in clean water.",
        "Do not boil it again.",
    ]


def test_the_score_of_a_text_is_the_mean_of_its_sentences_by_length() -> None:
    engine = Scripted(lambda texts: [said(text, float(len(text))) for text in texts])
    assert ask(engine, ["abc\ndefghi"])[0].score == pytest.approx((3 * 3 + 6 * 6) / 9)


@given(st.lists(st.text(alphabet="ab .!?\n\r\t。1-", max_size=60), max_size=6), st.sampled_from(sorted(registry())))
def test_an_engine_that_changes_nothing_gives_the_texts_back(texts: list[str], lang: str) -> None:
    engine = Scripted(lambda asked: [said(text) for text in asked])
    answers = guard.translate(engine, texts, lang, lang)
    assert [answer.text for answer in answers] == texts
    assert all(answer.error is None for answer in answers)


def test_spaces_between_sentences_are_set_and_dropped_with_the_script() -> None:
    pieces = cut("发热。咳嗽。" * 30, "zh")
    assert join(pieces, ["Fever.", "Cough."] * 30, "zh", "en") == " ".join(["Fever. Cough."] * 30)
    pieces = cut("It is a fever. " * 20, "en")
    assert join(pieces, ["发热。"] * 20, "en", "zh") == "发热。" * 20 + " "


def test_an_engine_that_dies_on_one_text_loses_only_that_one() -> None:
    def answering(texts: Sequence[str]) -> list[Translation]:
        if "poison" in texts:
            raise RuntimeError("segmentation fault")
        return shout(texts)

    texts = [f"text {number:c}" for number in range(97, 120)] + ["poison"] + ["z"]
    answers = ask(Scripted(answering), texts)
    assert [answer.text for answer in answers] == [text.upper() if text != "poison" else "" for text in texts]
    assert answers[-2].error == "the engine failed (RuntimeError: segmentation fault)"


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_too_few_or_too_many_answers_to_a_batch_are_asked_for_again(count: int) -> None:
    def answering(texts: Sequence[str]) -> list[Translation]:
        return shout(texts) if len(texts) == 1 else (shout(texts) * 3)[:count]

    assert [answer.text for answer in ask(Scripted(answering), ["a", "b", "c", "d"])] == ["A", "B", "C", "D"]


def test_a_count_that_stays_wrong_is_an_error_of_each_text() -> None:
    answers = ask(Scripted(lambda texts: [said("x")] * (len(texts) + 1)), ["a", "b", "c"])
    assert {answer.error for answer in answers} == {"the engine gave more than 1 answer(s) for 1 text(s)"}


def test_empty_answers_are_asked_for_again_and_then_are_errors() -> None:
    tries: list[str] = []

    def answering(texts: Sequence[str]) -> list[Translation]:
        tries.extend(texts)
        return [said("" if text == "mute" or (text == "shy" and len(texts) > 1) else text.upper()) for text in texts]

    answers = ask(Scripted(answering), ["a", "mute", "b", "shy", "c"])
    assert [answer.text for answer in answers] == ["A", "", "B", "SHY", "C"]
    assert answers[1].error == "the engine gave an empty translation"
    assert tries.count("mute") <= 3


def test_ten_megabytes_for_a_word_are_refused() -> None:
    answers = ask(
        Scripted(lambda texts: [said("ha" * 5_000_000 if text == "b" else text) for text in texts]), ["a", "b"]
    )
    assert answers[0].text == "a"
    assert answers[1].text == ""
    assert "10,000,000 characters for a text of 1" in (answers[1].error or "")


def test_ten_megabytes_of_text_are_translated() -> None:
    text = "Give the child clean water to drink every hour. " * 20_000 + "x" * 9_000_000
    engine = Scripted(lambda texts: [said(text) for text in texts])
    answer = ask(engine, [text])[0]
    assert answer.text == text
    assert max(len(piece) for asked in engine.asked for piece in asked) <= 1500


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "a NoneType where a translation was expected"),
        (Translation(cast("str", None), "scripted"), "a NoneType where a text was expected"),
        (said("\ud800"), "no valid Unicode"),
        (said("\u200b \n"), "an empty translation"),
    ],
)
def test_what_is_no_text_is_an_error(answer: Translation, told: str) -> None:
    found = ask(Scripted(lambda texts: [answer] * len(texts)), ["a", "b"])
    assert all(told in (entry.error or "") for entry in found)


def test_scores_that_are_no_numbers_are_dropped_and_the_text_is_kept() -> None:
    answers = ask(Scripted(lambda texts: [said(text, float("nan")) for text in texts]), ["a", "b\nc"])
    assert [(answer.text, answer.score) for answer in answers] == [("a", None), ("b\nc", None)]


def test_lines_that_an_engine_adds_are_joined() -> None:
    assert ask(Scripted(lambda texts: [said("one\r\n two\n") for _ in texts]), ["a"])[0].text == "one two"


@given(st.lists(st.text(alphabet="abcd .\n", max_size=12), max_size=30), st.randoms(use_true_random=False))
def test_whatever_an_engine_does_no_text_is_lost_doubled_or_moved(texts: list[str], chance: Random) -> None:
    def answering(asked: Sequence[str]) -> list[Translation]:
        right = shout(asked)
        match chance.randrange(8):
            case 0:
                raise RuntimeError("died")
            case 1:
                return right[:-1]
            case 2:
                return [*right, said("MORE")]
            case 3:
                return [said("") if chance.random() < 0.3 else answer for answer in right]
            case 4:
                return [said("x" * 9000) if chance.random() < 0.3 else answer for answer in right]
        return right

    answers = ask(Scripted(answering), texts)
    assert len(answers) == len(texts)
    for text, answer in zip(texts, answers, strict=True):
        assert answer.text == ("" if answer.error else text.upper())


def test_an_error_of_one_sentence_names_it() -> None:
    def answering(texts: Sequence[str]) -> list[Translation]:
        return [Translation("", "scripted", error="too hard") if text == "hard" else said(text) for text in texts]

    engine = Scripted(answering)
    assert ask(engine, ["easy\nhard\nend"])[0].error == "sentence 2 of 3 ('hard'): too hard"
    assert len(engine.asked) == 1


def test_an_engine_that_answers_nothing_stops_the_work_after_three_tries() -> None:
    def answering(texts: Sequence[str]) -> list[Translation]:
        raise EngineError("The server cannot be reached.")

    engine = Scripted(answering)
    with pytest.raises(EngineError, match="cannot be reached"):
        ask(engine, [f"text {number:c}" for number in range(97, 120)])
    assert len(engine.asked) == 3


def test_one_text_that_stops_an_engine_is_its_own_error_unless_the_engine_is_down() -> None:
    def choking(texts: Sequence[str]) -> list[Translation]:
        if "poison" in texts:
            raise EngineError("The program hung.")
        return shout(texts)

    assert "The program hung" in str(ask(Scripted(choking), ["poison"])[0].error)

    def dead(texts: Sequence[str]) -> list[Translation]:
        raise EngineError("The server cannot be reached.")

    with pytest.raises(EngineError, match="cannot be reached"):
        ask(Scripted(dead), ["the last text of a build"])


def test_an_unsupported_pair_is_told_at_once() -> None:
    def answering(texts: Sequence[str]) -> list[Translation]:
        raise unsupported("scripted", "en", "sw", {("fr", "es")})

    with pytest.raises(ConfigError, match=r"English \(en\) to Swahili \(sw\). It has: fr-es"):
        ask(Scripted(answering), ["a", "b"])


def test_hints_go_with_the_sentence_they_stand_in() -> None:
    engine = Scripted(shout, uses_hints=True)
    fever, cough = Hint("fever", "homa"), Hint("cough", "kikohozi")
    ask(engine, ["Fever.\nA cough."], hints=[[fever, cough]])
    assert engine.hinted == [[(fever,), (cough,)]]
    silent = Scripted(shout)
    ask(silent, ["Fever."], hints=[[fever]])
    assert silent.hinted == [None]
    with pytest.raises(ValueError, match="1 lists of hints for 2 texts"):
        ask(silent, ["a", "b"], hints=[[]])

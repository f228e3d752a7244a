"""All checks together: one order, no exception, items by their texts; the checks on a file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.translation.base import EngineIdentity, Hint, Translation
from afya.translation.checks import CHECKS, Checker, suite
from afya.translation.checks.files import check_file, read_pairs
from afya.translation.checks.verdict import Verdict

SOURCE = "Do not give more than 250 mg of amoxicillin to the child for 5 days."
RIGHT = "Usimpe mtoto zaidi ya mg 250 ya amoksisilini kwa siku 5."
WRONG = "Mpe mtoto zaidi ya mg 25 ya parasetamoli kwa siku 5."


class Scripted:
    """An engine for the way back that says what it was told to."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said
        self.calls = 0
        self.identity = EngineIdentity("scripted", "scripted", "0")
        self.uses_hints = False

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({("sw", "en")})

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        self.calls += 1
        return [Translation(self.said.get(text, ""), "scripted") for text in texts]

    def close(self) -> None:
        """Nothing to let go of."""


def _failed(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.check for verdict in verdicts if not verdict.passed]


def test_verdicts_come_in_one_order_and_name_what_is_wrong() -> None:
    checker = Checker("en", "sw")
    assert checker.names == CHECKS[:-2]
    assert [verdict.check for verdict in checker.check(SOURCE, RIGHT)] == list(checker.names)
    assert _failed(checker.check(SOURCE, RIGHT)) == []
    assert _failed(checker.check(SOURCE, WRONG)) == ["quantities", "polarity", "drugs"]


def test_only_the_named_checks_are_made_in_the_usual_order() -> None:
    checker = Checker("en", "sw", checks=["polarity", "quantities"])
    assert checker.names == ("quantities", "polarity")


def test_an_unknown_check_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"Unknown check 'polarty'\. Did you mean 'polarity'\?"):
        Checker("en", "sw", checks=["polarty"])
    with pytest.raises(ConfigError, match="No check was named"):
        Checker("en", "sw", checks=[])


def test_what_a_check_needs_must_be_given() -> None:
    with pytest.raises(ConfigError, match="It needs a glossary"):
        Checker("en", "sw", checks=["glossary"])
    with pytest.raises(ConfigError, match="It needs an engine for the way back"):
        Checker("en", "sw", checks=["back_translation"])


def test_two_languages_are_needed() -> None:
    with pytest.raises(ConfigError, match="both 'sw'"):
        Checker("sw", "sw")
    with pytest.raises(ConfigError, match="Unknown language code 'swa'"):
        Checker("en", "swa")


def test_a_check_with_a_fault_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: str, target: str):  # type: ignore[no-untyped-def]
        def check(text: str, translation: str) -> Verdict:
            raise RuntimeError("no such thing")

        return check

    monkeypatch.setitem(suite._MAKERS, "length", broken)
    verdict = Checker("en", "sw", checks=["length"]).check(SOURCE, RIGHT)[0]
    assert not verdict.passed
    assert not verdict.judged
    assert verdict.detail == "the check could not be made (RuntimeError: no such thing)"


@pytest.mark.parametrize("target", ["sw", "yo", "wo", "zu", "zh", "ja", "ko", "ar", "hi", "am", "fr", "te", "bem"])
@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "🤒" * 50, "ሀ" * 400, "a" * 5000, "{" * 200, "\ud800", "1\n2\n3", "ÿ́̀"]
)
def test_no_text_makes_it_raise(target: str, text: str) -> None:
    checker = Checker("en", target)
    for pair in ((text, text), (SOURCE, text), (text, SOURCE)):
        assert len(checker.check(*pair)) == len(checker.names)


def test_verdicts_do_not_depend_on_what_was_checked_before() -> None:
    checker = Checker("en", "sw")
    first = checker.check(SOURCE, WRONG)
    for _ in range(3):
        checker.check("Wash your hands.", "Nawa mikono yako.")
    assert checker.check(SOURCE, WRONG) == first


def _item(lang: str, question: str, options: tuple[str, ...], answer: int, answer_text: str | None) -> Item:
    return Item(
        item_id=f"demo:1:{lang}",
        group_id="demo:1",
        lang=lang,
        task="mcq",
        split="train",
        question=question,
        options=options,
        answer=(answer,),
        answer_text=answer_text,
        source="demo",
        licence="CC0-1.0",
        origin="native",
    )


ENGLISH = _item("en", "Which dose is right?", ("5 mg", "10 mg", "not any of these"), 1, "10 mg")
SWAHILI = _item("sw", "Kipimo kipi ni sahihi?", ("mg 5", "mg 10", "si chochote kati ya hivi"), 1, "mg 10")


def test_an_item_is_checked_text_by_text() -> None:
    checker = Checker("en", "sw")
    assert _failed(checker.check_item(ENGLISH, SWAHILI)) == []
    wrong = replace(SWAHILI, options=("mg 5", "mg 100", "si chochote kati ya hivi"), answer_text="mg 100")
    found = {verdict.check: verdict for verdict in checker.check_item(ENGLISH, wrong)}
    assert not found["quantities"].passed
    assert str(found["quantities"].detail).startswith("option.1: ")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"options": ("mg 5", "mg 10")}, "3 options in the source, 2 in the translation"),
        ({"options": ("mg 10", "mg 10", "si chochote kati ya hivi")}, "options 1 and 2 have become the same"),
        ({"options": ("A. mg 5", "mg 10", "si chochote kati ya hivi")}, "option 1 begins with the letter 'A.'"),
        ({"answer": (2,)}, "the marked answer is C, in the source B"),
        ({"answer_text": None}, "the right answer's text is lost"),
        ({"answer_text": "mg 5"}, "is not the right option's"),
        ({"rationale": "Ni kipimo sahihi."}, "rationale: the source has no such text"),
    ],
)
def test_what_happens_to_options_is_seen(change: dict[str, object], detail: str) -> None:
    changed = replace(SWAHILI, **change)  # type: ignore[arg-type]
    verdict = Checker("en", "sw", checks=["options"]).check_item(ENGLISH, changed)[0]
    assert not verdict.passed
    assert detail in str(verdict.detail)


def test_back_translation_is_asked_once_for_all_pairs() -> None:
    pytest.importorskip("sacrebleu")
    engine = Scripted({RIGHT: "Do not give the child more than 250 mg of amoxicillin for 5 days.", WRONG: "It rains."})
    checker = Checker("en", "sw", back=engine)
    assert checker.names == (*CHECKS[:-2], "back_translation")
    right, wrong = checker.check_pairs([SOURCE, SOURCE], [RIGHT, WRONG])
    assert right[-1].passed
    assert not wrong[-1].passed
    assert "back: 'It rains.'" in str(wrong[-1].detail)
    assert engine.calls == 1


def test_a_text_that_could_not_be_translated_back_is_not_judged() -> None:
    pytest.importorskip("sacrebleu")
    verdict = Checker("en", "sw", checks=["back_translation"], back=Scripted({})).check(SOURCE, RIGHT)[0]
    assert not verdict.passed
    assert not verdict.judged


def test_a_real_engine_takes_the_way_back() -> None:
    pytest.importorskip("sacrebleu")
    if shutil.which("apertium") is None:
        pytest.skip("apertium is not installed")
    from afya.translation.load import load_translator

    engine = load_translator("apertium:")
    try:
        checker = Checker("en", "es", checks=["back_translation"], back=engine)
        texts = ["The child has a high fever and a cough.", "The child has a high fever and a cough."]
        right, wrong = checker.check_pairs(texts, ["El niño tiene fiebre alta y tos.", "La casa es roja y muy grande."])
    finally:
        engine.close()
    assert right[0].passed
    assert not wrong[0].passed


def test_a_file_is_read_line_by_line_and_a_bad_line_is_named(tmp_path: Path) -> None:
    good = tmp_path / "good.tsv"
    good.write_bytes("\ufeffsource\ttranslation\r\n".encode() + f"{SOURCE}\t{RIGHT}\n\n{SOURCE}\t{WRONG}\n".encode())
    assert [pair.line for pair in read_pairs(good, header=True)] == [2, 4]
    bad = tmp_path / "bad.tsv"
    bad.write_text("a\tb\nonly one\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad.tsv, line 2: 1 column\(s\), expected 2"):
        list(read_pairs(bad))
    bad.write_bytes(b"a\tb\na\t\xff\n")
    with pytest.raises(DataError, match=r"line 2: byte 2 is not UTF-8"):
        list(read_pairs(bad))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_pairs(tmp_path / "none.tsv"))


def test_failures_are_counted_and_written(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"{SOURCE}\t{RIGHT}\n{SOURCE}\t{WRONG}\n", encoding="utf-8")
    checker = Checker("en", "sw")
    report = check_file(pairs, checker, out=tmp_path / "out.tsv", keep=2)
    assert (report.pairs, report.failed) == (2, 1)
    assert (report.tallies["polarity"].judged, report.tallies["polarity"].alarms) == (2, 1)
    assert [(pair.line, verdict.check) for pair, verdict in report.first] == [(2, "quantities"), (2, "polarity")]
    written = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    assert written[0] == "line\tcheck\tjudged\tdetail\tsource\ttranslation"
    assert [line.split("\t")[1] for line in written[1:]] == ["quantities", "polarity", "drugs"]
    check_file(pairs, checker, out=tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet")["check"].to_list() == ["quantities", "polarity", "drugs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "out.tsv", "pairs.tsv"]


def test_a_file_that_breaks_off_leaves_nothing_half_written(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"{SOURCE}\t{WRONG}\nbroken\n", encoding="utf-8")
    with pytest.raises(DataError):
        check_file(pairs, Checker("en", "sw"), out=tmp_path / "out.tsv")
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.tsv"]
    with pytest.raises(ConfigError, match=r"written as \.tsv or \.parquet"):
        check_file(pairs, Checker("en", "sw"), out=tmp_path / "out.xlsx")

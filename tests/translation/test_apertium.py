"""Apertium, the real program, with the pairs that the tests' machine has."""

from __future__ import annotations

import shutil
import stat
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from afya.errors import ConfigError, EngineError, MissingDependencyError
from afya.translation import guard
from afya.translation.apertium import ApertiumOptions, ApertiumTranslator, _from_stream, _to_stream
from afya.translation.load import load_translator

NEEDED = {("en", "es"), ("es", "pt"), ("es", "fr"), ("fr", "es")}


@pytest.fixture(scope="module")
def apertium() -> ApertiumTranslator:
    if shutil.which("apertium") is None:
        pytest.skip("the program apertium is absent: apt-get install apertium apertium-en-es apertium-es-pt")
    engine = load_translator("apertium:")
    assert isinstance(engine, ApertiumTranslator)
    if not engine.pairs() >= NEEDED:
        pytest.skip("pairs are absent: apt-get install apertium-en-es apertium-es-pt apertium-fr-es")
    return engine


def test_a_direct_pair_translates_and_keeps_numbers(apertium: ApertiumTranslator) -> None:
    answers = apertium.translate(["The child has fever.", "Give 5 mg now."], "en", "es")
    assert [answer.text for answer in answers] == ["El niño tiene fiebre.", "Da 5 mg ahora."]
    assert all(answer.note is None and answer.error is None for answer in answers)


def test_chains_go_through_the_fewest_pivots_and_say_so(apertium: ApertiumTranslator) -> None:
    answer = apertium.translate(["The child has fever."], "en", "pt")[0]
    assert answer.note == "via es"
    assert "febre" in answer.text
    assert ("pt", "fr") in apertium.pairs()
    assert ("en", "pt") not in ApertiumTranslator(options=ApertiumOptions(pivots=0)).pairs()


def test_texts_come_back_one_to_one_whatever_stands_in_them(apertium: ApertiumTranslator) -> None:
    texts = [
        "",
        "  ",
        "Fever.\n\tCough.",
        "[1] <b>x</b> ^y$ \\ @ {z} a/b",
        "~ 5\t6",
        "a\0b",
        "\ufeff«50%»",
        "😀\u2028x",
        "*#",
    ]
    answers = apertium.translate([*texts, "The end."], "en", "es")
    assert len(answers) == len(texts) + 1
    assert answers[-1].text == "El fin."
    assert answers[2].text == "Fiebre.\n\tTos."
    for sign in "[1]<b></b>^$\\@{}/":
        assert sign in answers[3].text
    assert answers[4].text.split() == ["~", "5", "6"]


@given(st.text(max_size=40))
def test_the_stream_format_gives_a_text_back(text: str) -> None:
    assert _from_stream(_to_stream(text)) == text.replace("\0", " ")


@settings(max_examples=3, deadline=None)
@example(["a ^", "^", "x ^\n", "^fever$ ~ ^~c~t"])
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=60))
def test_no_text_moves_another(apertium: ApertiumTranslator, texts: list[str]) -> None:
    mixed = [entry for text in texts for entry in (text, "The child has fever.")]
    answers = apertium.translate(mixed, "en", "es")
    assert [answer.text for answer in answers[1::2]] == ["El niño tiene fiebre."] * len(texts)


def test_a_paragraph_goes_through_the_guard(apertium: ApertiumTranslator) -> None:
    text = "The child has fever.\n\n- The child has cough.\n"
    assert guard.translate(apertium, [text], "en", "es")[0].text == "El niño tiene fiebre.\n\n- El niño tiene tos.\n"


def test_an_unsupported_pair_lists_what_there_is(apertium: ApertiumTranslator) -> None:
    with pytest.raises(ConfigError, match=r"apertium does not translate English \(en\) to Zulu \(zu\)") as caught:
        apertium.translate(["x"], "en", "zu")
    assert "es" in (caught.value.hint or "")


def test_a_missing_program_says_what_to_install() -> None:
    with pytest.raises(MissingDependencyError, match="apt-get install apertium apertium-en-es"):
        load_translator("apertium:", program="no-such-apertium")


def _program(folder: Path, body: str) -> str:
    file = folder / "apertium"
    file.write_text(
        f'#!/bin/sh\ncase "$1" in -l) echo "  en-es"; exit 0;; -V) echo 0; exit 0;; esac\n{body}\n', encoding="utf-8"
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sleep 30 & sleep 30", "did not answer within"),
        ("echo 'no dictionary' >&2; exit 3", r"failed with code 3 \(no dictionary\)"),
        ("cat > /dev/null; printf 'one\\0two\\0three\\0'", "gave other texts than the 2 it got"),
        ("cat > /dev/null", "gave other texts than the 2 it got"),
        ("exit 0", "gave other texts than the 2 it got"),
    ],
)
def test_a_program_that_hangs_dies_or_miscounts_is_an_error(tmp_path: Path, body: str, told: str) -> None:
    engine = load_translator("apertium:", program=_program(tmp_path, body), timeout_s=0.3)
    started = time.perf_counter()
    with pytest.raises(EngineError, match=told):
        engine.translate(["a" * 10, "b"], "en", "es")
    assert time.perf_counter() - started < 10

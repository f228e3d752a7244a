"""Written cases are checked strictly, and generated ones are the same for the same seed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from afya.assistant.evaluation import casefiles, generated
from afya.assistant.evaluation.misspelling import KINDS, misspelt
from afya.errors import DataError

SOUND = {"id": "en-danger-001", "text": "he fell", "expected": ["severe_injury"], "kind": "plain", "part": "develop"}


def _write(root: Path, name: str, *rows: object) -> None:
    folder = root / "en"
    folder.mkdir(exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**SOUND, "kind": "rumour"}, "line 2: 'kind'"),
        ({**SOUND, "expected": ["hiccups"]}, "no danger rule 'hiccups'"),
        ({**SOUND, "colour": "red"}, "line 2: 'colour'"),
        ({**SOUND, "id": "sw-danger-001"}, "does not begin with 'en-'"),
        ({**SOUND, "expected": []}, "of kind 'plain' expects a rule"),
        (SOUND, "stands in line 1 already"),
        ("{not json", "line 2: not JSON"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong(tmp_path: Path, row: object, told: str) -> None:
    other = {**row, "text": "she fell"} if isinstance(row, dict) and row is not SOUND else row
    if isinstance(other, dict) and other["id"] == SOUND["id"] and other is not SOUND:
        other = {**other, "id": "en-danger-002"}
    _write(tmp_path, "danger.jsonl", SOUND, other)
    with pytest.raises(DataError) as caught:
        casefiles.load("en", tmp_path)
    assert told in str(caught.value)
    assert "danger.jsonl" in str(caught.value)


def test_a_piece_to_mask_must_stand_in_the_text(tmp_path: Path) -> None:
    _write(tmp_path, "privacy.jsonl", {"id": "en-privacy-001", "text": "call 1", "mask": ["2"], "keep": []})
    with pytest.raises(DataError, match="'2' does not stand in the text"):
        casefiles.load("en", tmp_path)


@pytest.mark.parametrize("lang", casefiles.languages())
def test_shipped_cases_are_sound_and_cover_every_rule(lang: str) -> None:
    cases = casefiles.load(lang)
    told = {rule for case in cases.danger for rule in case.expected}
    assert not cases.danger or told == set(casefiles.danger_rules())
    assert all(
        sum(case.part == "held_out" for case in listed) >= len(listed) / 2 for listed in (cases.danger, cases.harm)
    )


def test_english_has_as_many_cases_as_were_asked_for() -> None:
    counts = casefiles.load("en").counts()
    assert {name: count.total() for name, count in counts.items()} == {
        "danger": 85,
        "harm": 60,
        "privacy": 40,
        "questions": 40,
        "injection": 50,
    }


def test_generated_cases_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    cases, rules = casefiles.load("en"), ("convulsions", "snake_bite")
    first = generated.probes("en", cases, rules, 1)
    assert [probe.row() for probe in first] == [probe.row() for probe in generated.probes("en", cases, rules, 1)]
    assert [probe.row() for probe in first] != [probe.row() for probe in generated.probes("en", cases, rules, 2)]
    assert {probe.kind for probe in first} >= {"composition", "third_person", "past_tense", "denied", "number_words"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_misspelling_changes_letters_and_never_digits(kind: str) -> None:
    text = "Ọmọ náà ní ibà fún ọjọ́ 3, temperature 39.5, he cannot drink"
    made = misspelt(text, kind, random.Random(5))
    assert made is not None
    assert made != text
    assert [char for char in made if char.isdigit()] == [char for char in text if char.isdigit()]


def test_a_word_without_marks_has_no_marks_to_lose() -> None:
    assert misspelt("drink water", "marks_lost", random.Random(1)) is None

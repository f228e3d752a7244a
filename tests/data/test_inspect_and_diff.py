"""What a dataset folder holds, and what differs between two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recipes_for_tests import dataset, item
from typer.testing import CliRunner

from afya.cli.data import app
from afya.data.diff import diff
from afya.data.inspect import inspect
from afya.errors import ConfigError, DataError
from afya.items import Check


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    english = [item(number, split="test" if number > 6 else "train") for number in range(9)]
    machine = {"origin": "machine", "translator": "ct2:tiny", "translated_from": "en"}
    verdicts = (Check("quantities", True), Check("drugs", False, "salt is missing"))
    swahili = [
        item(number, "sw", question=f"Mtoto mwenye homa apewe nini siku ya {number}?", checks=verdicts, **machine)
        for number in range(4)
    ]
    return dataset(tmp_path / "quiz", [*english, *swahili])


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_counts_checks_and_samples_are_shown(quiz: Path) -> None:
    found = inspect(quiz, samples=2)
    assert found.languages == {"en": 9, "sw": 4}
    assert found.counts["split"] == {"test": {"en": 2}, "train": {"en": 7, "sw": 4}}
    assert found.counts["origin"] == {"machine": {"sw": 4}, "native": {"en": 9}}
    assert found.checks == {"drugs": {"passed": 0, "failed": 4}, "quantities": {"passed": 4, "failed": 0}}
    assert found.translators == {"ct2:tiny": 4}
    assert {lang: len(rows) for lang, rows in found.samples.items()} == {"en": 2, "sw": 2}
    assert found.samples == inspect(quiz, samples=2).samples
    assert found.samples != inspect(quiz, samples=2, seed=1).samples
    printed = run("inspect", quiz)
    for told in ("Rows by licence", "Swahili (sw)", "Checks of translations", "Clean water", "quiz (machine)"):
        assert told in printed
    assert json.loads(run("inspect", quiz, "--json"))["languages"] == {"en": 9, "sw": 4}


def test_the_token_tax_is_reckoned_over_the_groups_that_both_languages_have(quiz: Path, shared: Path) -> None:
    tokenizer = shared / "models" / "mistral_tokenizer"
    file = sorted(tokenizer.glob("*.model*"))[0]
    found = inspect(quiz, tokenizer=file)
    assert (found.tokens["sw"].items, found.tokens["sw"].shared_groups) == (4, 4)
    assert found.tokens["en"].ratio == 1.0
    assert found.tokens["sw"].ratio is not None
    assert 0.8 < found.tokens["sw"].ratio < 3
    assert found.tokens["sw"].mean == found.tokens["sw"].tokens / 4
    assert "tokens to English" in run("inspect", quiz, "--tokenizer", file)
    with pytest.raises(ConfigError, match="holds several tokenizers"):
        inspect(quiz, tokenizer=tokenizer)
    with pytest.raises(ConfigError, match="no tokenizer is there"):
        inspect(quiz, tokenizer=quiz)


def test_a_tokenizer_of_the_hugging_face_format_counts_too(quiz: Path, shared: Path) -> None:
    found = inspect(quiz, tokenizer=shared / "models" / "stories260k")
    assert found.tokens["en"].tokens > 0


def test_rows_added_removed_and_changed_are_told_apart(quiz: Path, tmp_path: Path) -> None:
    entries = [item(number, split="test" if number > 6 else "train") for number in range(2, 9)]
    entries[0] = item(2, question="What is better for the child?", licence="CC0-1.0")
    entries.append(item(50, "zu", source="exam", group_id="exam:50"))
    other = dataset(tmp_path / "other", entries)
    found = diff(quiz, other)
    assert found.rows == {
        "added": {"zu": {"exam": 1}},
        "removed": {"en": {"quiz": 2}, "sw": {"quiz": 4}},
        "changed": {"en": {"quiz": 1}},
    }
    assert found.same == 6
    assert found.columns == {"question": 1, "licence": 1}
    assert found.examples["changed"] == [
        {
            "item_id": "quiz:2:en",
            "column": "question",
            "before": item(2).question,
            "after": "What is better for the child?",
        }
    ]
    printed = run("diff", quiz, other)
    assert "changed quiz:2:en: question: What is good" in printed
    assert "6 rows are the same." in printed
    same = diff(quiz, quiz)
    assert (same.same, same.columns) == (13, {})
    with pytest.raises(DataError, match="no such dataset folder"):
        diff(quiz, tmp_path / "nothing")

"""Tokens a word by language, of a real tokenizer on the sample's twelve languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_models import make_model
from typer.testing import CliRunner

from afya.cli.train import app
from afya.data.sample import sample_items
from afya.errors import DataError, EngineError
from afya.folders import DatasetWriter
from afya.languages import core_codes
from afya.runs import Ledger
from afya.text.words import words
from afya.training.weights.tokens import measure_tokens


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens") / "sample"
    writer = DatasetWriter(folder, {"command": "test"})
    items = [item for item in sample_items(core_codes()) if item.task == "long_form"]
    for item in items:
        writer.add(item)
    ledger = Ledger()
    ledger.add("read", len(items), len(items))
    writer.finish(ledger, "# Test")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


def test_a_language_is_counted_by_words_and_against_the_same_entries_in_english(data: Path, model: Path) -> None:
    from transformers import AutoTokenizer

    found = {row.lang: row for row in measure_tokens(str(model), data)}
    assert set(found) == set(core_codes())
    tokenizer = AutoTokenizer.from_pretrained(str(model))
    items = [item for item in sample_items(["yo", "en"]) if item.task == "long_form"]
    counts = {"yo": [0, 0], "en": [0, 0]}
    for item in items:
        text = "\n".join(part for part in (item.question, item.context, item.answer_text) if part)
        counts[item.lang][0] += len(tokenizer(text, add_special_tokens=False)["input_ids"])
        counts[item.lang][1] += len(words(text))
    yoruba = found["yo"]
    assert (yoruba.tokens, yoruba.words, yoruba.texts) == (*counts["yo"], 8)
    assert yoruba.per_word == pytest.approx(counts["yo"][0] / counts["yo"][1])
    assert yoruba.low is not None
    assert yoruba.high is not None
    assert yoruba.low < counts["yo"][0] / counts["yo"][1] < yoruba.high
    assert yoruba.to_english == pytest.approx(counts["yo"][0] / counts["en"][0])
    assert yoruba.groups == 8
    assert found["en"].to_english is None


def test_scripts_without_spaces_have_no_tokens_a_word(data: Path, model: Path) -> None:
    found = {row.lang: row for row in measure_tokens(str(model), data, ["zh", "ja", "sw"])}
    assert set(found) == {"zh", "ja", "sw"}
    assert found["zh"].per_word is None
    assert found["ja"].per_word is None
    assert found["zh"].per_character > found["sw"].per_character
    assert found["zh"].to_english is not None, "English is read to be held against"


def test_fewer_entries_are_the_same_ones_in_every_language(data: Path, model: Path) -> None:
    found = measure_tokens(str(model), data, ["sw", "zu"], count=3)
    assert [(row.texts, row.groups) for row in found] == [(3, 3), (3, 3)]


def test_the_command_prints_a_table_or_json(data: Path, model: Path) -> None:
    call = ["tokens", str(model), "--data", str(data), "--langs", "yo,ja"]
    shown = CliRunner().invoke(app, call, env={"COLUMNS": "170"})
    assert shown.exit_code == 0, shown.output
    for part in ("Yoruba (yo)", "Japanese (ja)", "tokens a word", "to English"):
        assert part in shown.output
    rows = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)
    assert [row["lang"] for row in rows] == ["ja", "yo"]
    assert rows[0]["per_word"] is None


def test_what_is_not_there_is_named(data: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="am"):
        measure_tokens(str(model), data, ["am"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match=r"tokenizer of .*empty.* cannot be loaded"):
        measure_tokens(str(tmp_path / "empty"), data)

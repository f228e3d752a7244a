"""A translation run: killed and continued it gives the same bytes, its ledger adds up, what comes out translates."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_runs_and_kills import contents
from tiny_translators import LINES, make_translator
from typer.testing import CliRunner
from warm import run_with_kills

from afya.cli.main import app
from afya.errors import ConfigError, GuardError
from afya.runs import read_json, write_json
from afya.training.translating import load_translation_recipe, train_translation
from afya.training.translating.model import load_translating, whole_model, with_adapters
from afya.training.translating.publish import publish
from afya.training.translating.recipe import TranslationModel

RECIPE = """
kind: translation
name: small
seed: 5
threads: 1
model: {path: model}
pairs: [en-sw]
both_directions: true
proof:
  data: [{name: heldout, source: tsv, path: test.tsv, pair: en-sw}]
  samples: 100
stages:
  - name: general
    data:
      - {source: tsv, path: train.tsv, pair: en-sw}
      - {source: dataset, path: data}
    length: {steps: 6}
    batch_tokens: 400
    longest: 100
    learning_rate: 0.01
    dropout: 0.2
    checkpoint_every: 2
  - name: medical
    data: [{source: dataset, path: data, repeat: 2}]
    length: {epochs: 2}
    batch_tokens: 300
    accumulate: 2
    longest: 100
    learning_rate: 0.005
    checkpoint_every: 2
"""
TRAIN = [(LINES[0], LINES[2]), (LINES[1], LINES[3]), ("The child has fever.", "Mtoto ana homa.")]
DATASET = [
    ("Come back in three days.", "Mrudishe kwa siku tatu."),
    ("The child has had cough for one day.", "Mtoto ana kikohozi kwa siku moja."),
]
FAULTY = {
    "empty": ("How is the child today?", " \u200b "),
    "copy": ("Come back when the breathing is fast.", "Come back when the breathing is fast."),
    "duplicate": TRAIN[0],
    "wrong_language": ("The mother of the child has a cough.", "La mère de l'enfant a une toux depuis trois jours."),
    "check_length": (
        "Give water.",
        "Mpe maji, chumvi na sukari, na urudi akipumua haraka kama mtoto ana homa na kikohozi.",
    ),
    "held_out": ("Give  him WATER and salt.", "Mpe maji na chumvi kila siku."),
    "too_long": ("The child has had fever and cough. " * 9, "Mtoto ana homa na kikohozi. " * 9),
}
TEST = [
    ("The child has had a cough for 3 days.", "Mtoto ana kikohozi kwa siku 3."),
    ("Give him water and salt.", "Mpe."),
]


def write_tsv(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("".join(f"{one}\t{other}\n" for one, other in rows), encoding="utf-8")


def write_dataset(path: Path) -> None:
    """Aligned sentences: two to learn, one that stands alone, one of the test split."""
    from afya.folders import DatasetWriter
    from afya.items import Item, Split
    from afya.runs import Ledger

    writer = DatasetWriter(path, {"command": "test"})
    count = 0

    def add(number: int, lang: str, text: str, split: Split) -> None:
        nonlocal count
        count += 1
        name = f"made:{number}"
        told: dict[str, Any] = {"source": "made", "licence": "CC0-1.0", "origin": "human", "task": "parallel"}
        writer.add(Item(item_id=f"{name}:{lang}", group_id=name, lang=lang, split=split, question=text, **told))

    for number, (one, other) in enumerate(DATASET):
        add(number, "en", one, "train")
        add(number, "sw", other, "train")
    add(7, "en", "Nobody translated this.", "train")
    add(8, "en", "This is measured on, never learned.", "test")
    add(8, "sw", "Hii haifundishwi kamwe.", "test")
    ledger = Ledger()
    ledger.add("read", count, count)
    writer.finish(ledger, "# Test")


def prepared(folder: Path, kind: str = "nllb", text: str = RECIPE) -> Path:
    """A folder with a tiny model, data and the recipe; the recipe's path."""
    make_translator(folder / "model", kind)
    write_tsv(folder / "train.tsv", [*TRAIN, *FAULTY.values()])
    write_tsv(folder / "test.tsv", TEST)
    write_dataset(folder / "data")
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    run_with_kills(prepared(folder), folder / "run", [])
    return folder / "run"


def test_killed_at_steps_in_writing_and_before_the_note_it_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    places: list[list[Any]] = [
        ["step", "general", 3],
        ["saving", "general", 4],
        ["told", "general", 0],
        ["step", "medical", 1],
    ]
    for name in ("model", "data", "train.tsv", "test.tsv", "small.yaml"):
        source = whole.parent / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    run_with_kills(tmp_path / "small.yaml", tmp_path / "run", places)
    mine, other = contents(tmp_path / "run"), contents(whole)
    # These two name the folders that recipe and model lie in.
    for told in ("manifest.json", "general/README.md", "medical/README.md"):
        mine.pop(told), other.pop(told)
    assert mine == other


def test_every_row_is_accounted_for_and_nothing_held_out_is_learned(whole: Path) -> None:
    ledger = pl.read_parquet(whole / "ledger.parquet")
    rejected = ledger.filter((pl.col("entry") == "rejected") & (pl.col("stage") == "general"))
    # Each faulty row is one in either direction; the sentence without a partner is one item.
    assert Counter(rejected["reason"]) == {**dict.fromkeys(FAULTY, 2), "no_partner": 1}
    assert set(rejected.filter(pl.col("reason") == "no_partner")["item_id"]) == {"made:7:en"}
    rows = {(stage, entry): count for stage, entry, count in ledger.select("stage", "entry", "rows").iter_rows()}
    assert rows["general", "in"] == 2 * (len(TRAIN) + len(FAULTY) + 2) + 1
    assert rows["general", "out"] == rows["general", "in"] - rejected.height
    assert not [name for name in ledger["item_id"].drop_nulls() if name.startswith("made:8")]


def test_the_table_has_the_loss_of_each_direction(whole: Path) -> None:
    rows = list(csv.DictReader((whole / "training.csv").open(encoding="utf-8")))
    assert [row["stage"] for row in rows[:6]] == ["general"] * 6
    assert all(row["loss_en-sw"] or row["loss_sw-en"] for row in rows)
    summary = read_json(whole / "summary.json")
    assert [stage["name"] for stage in summary] == ["general", "medical"]
    # Twice as often as it stands in the folder, in two passes, and what fills the last step.
    assert summary[1]["examples"] == 8
    assert sum(summary[1]["tokens"].values()) == int(rows[-1]["tokens"])


def test_the_proof_and_the_card_say_before_and_after(whole: Path) -> None:
    proof = read_json(whole / "proof" / "proof.json")
    assert proof["labels"] == ["before", "general", "medical"]
    assert {(row["data"], row["pair"], row["n"]) for row in proof["rows"]} == {
        ("heldout", "en-sw", 2),
        ("heldout", "sw-en", 2),
    }
    row = proof["rows"][0]
    assert set(row["scores"]) == {"BLEU", "chrF2++"}
    assert row["scores"]["BLEU"]["before"]["p"] is None
    assert 0 <= row["scores"]["chrF2++"]["medical"]["low"] <= row["scores"]["chrF2++"]["medical"]["high"] <= 100
    assert set(row["alarms"]) == {"quantities", "polarity"}
    assert row["alarms"]["quantities"]["reference"]["alarms"] == 0
    card = (whole / "medical" / "README.md").read_text("utf-8")
    for told in ("license: cc-by-nc-4.0", "English to Swahili (en-sw)", "chrF2++", "quantities alarms", "CC0-1.0"):
        assert told in card


def test_the_guard_keeps_a_stage_that_became_worse_and_one_that_nobody_measured(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    proof = run / "proof" / "proof.json"
    told = read_json(proof)
    write_json(proof, told | {"worse": {"general": [], "medical": ["heldout en-sw: quantities alarms +20.0%"]}})
    runner = CliRunner()
    with pytest.raises(GuardError, match=r"medical is not published. After medical: heldout en-sw: quantities alarms"):
        publish(run, tmp_path / "given")
    assert not (tmp_path / "given").exists()
    bare = runner.invoke(app, ["train", "publish", str(run), "--to", str(tmp_path / "bare"), "--no-guard"])
    assert bare.exit_code == 0, bare.output
    assert "- After medical: heldout en-sw: quantities alarms" in (tmp_path / "bare" / "README.md").read_text("utf-8")
    good = runner.invoke(app, ["train", "publish", str(run), "--to", str(tmp_path / "good"), "--stage", "general"])
    assert good.exit_code == 0, good.output
    # The card as it was, but for the place of the base on this disk.
    card = (run / "general" / "README.md").read_text("utf-8")
    assert (tmp_path / "good" / "README.md").read_text("utf-8") == card.replace(str(whole.parent / "model"), "model")
    assert (tmp_path / "good" / "model.safetensors").is_file()
    write_json(proof, told | {"labels": ["before", "general"]})
    with pytest.raises(ConfigError, match=r"Stage 'medical' .* was not measured"):
        publish(run, tmp_path / "other")


def test_a_trained_folder_is_the_model_it_came_from_but_for_its_weights(whole: Path) -> None:
    base, trained = whole.parent / "model", whole / "medical"
    for name in ("tokenizer.json", "tokenizer_config.json", "sentencepiece.bpe.model"):
        assert (base / name).read_bytes() == (trained / name).read_bytes()
    told = [read_json(folder / "config.json") for folder in (base, trained)]
    for key in ("dropout", "attention_dropout", "encoder_layerdrop", "vocab_size"):
        assert told[0].get(key) == told[1].get(key)


TAUGHT = """
kind: translation
name: taught
seed: 1
threads: 1
model: {path: model}
pairs: [en-sw]
stages:
  - name: by-heart
    data: [{source: tsv, path: lesson.tsv, pair: en-sw}]
    length: {steps: 200}
    batch_tokens: 220
    longest: 60
    learning_rate: 0.01
    schedule: constant
    dropout: 0.0
    label_smoothing: 0.0
    log_every: 50
"""


def test_a_trained_model_translates_by_both_engines_from_the_command_line(tmp_path: Path) -> None:
    recipe = prepared(tmp_path, "marian_two_cutters", TAUGHT)
    write_tsv(tmp_path / "lesson.tsv", TRAIN[:2])
    runner = CliRunner()
    run = tmp_path / "run"
    trained = runner.invoke(app, ["train", str(recipe), "--out", str(run)], env={"COLUMNS": "200"})
    assert trained.exit_code == 0, trained.output
    assert f"hf:{run / 'by-heart'}" in trained.output
    for engine in ("hf", "ct2"):
        words = ["translate", "text", LINES[0], "--engine", f"{engine}:{run / 'by-heart'}", "-s", "en", "-t", "sw"]
        told = runner.invoke(app, words)
        assert told.exit_code == 0, told.output
        assert told.stdout.strip() == LINES[2]


def test_adapters_are_added_to_the_weights_they_were_learned_beside(tmp_path: Path) -> None:
    import torch

    text = TAUGHT.replace("stages:", "method: lora\nlora: {rank: 4}\nprecision: bf16\nstages:")
    path = prepared(tmp_path, "seamless", text)
    write_tsv(tmp_path / "lesson.tsv", TRAIN[:2])
    recipe = load_translation_recipe(path, ["stages.by-heart.length.steps=4"])
    (done,) = train_translation(recipe, tmp_path / "run").stages
    assert done.steps == 4
    trained = load_translating(str(tmp_path / "run" / "by-heart"), TranslationModel(path="x")).model.state_dict()
    base = load_translating(recipe.model.path, recipe.model).model.state_dict()
    assert trained.keys() == base.keys()
    moved = {name for name, weight in trained.items() if not torch.equal(weight, base[name])}
    assert any(".q_proj." in name for name in moved)
    assert not [name for name in moved if "embed" in name or "norm" in name or "lm_head" in name]
    # The merged model answers as the one with adapters.
    again = load_translating(recipe.model.path, recipe.model)
    beside = with_adapters(again, recipe.model_copy(update={"precision": "fp32"}))
    with torch.no_grad():
        for name, weight in beside.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    beside.train(False)
    tokens = {"input_ids": torch.tensor([[5, 6, 7, 3]]), "decoder_input_ids": torch.tensor([[3, 5, 6]])}
    with torch.no_grad():
        apart = beside(**tokens, use_cache=False).logits
        merged = whole_model(beside, again, recipe.model, recipe)
        together = merged.train(False)(**tokens, use_cache=False).logits
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=1e-4)


def test_what_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    recipe = prepared(tmp_path, "marian")
    with pytest.raises(ConfigError, match="does not translate sw-en"):
        train_translation(load_translation_recipe(recipe, ["proof=null"]), tmp_path / "run")
    for change, told in (
        ("pairs=[en-xx]", "xx"),
        ("pairs=[en_sw]", "not a pair of languages such as en-sw"),
        ("stages.general.data.1.split=test", "never trained on"),
        ("stages.general.pairs=[en-zu]", "names directions that the recipe does not: en-zu"),
        ("stages.general.checks=[quantity]", "no check of a pair"),
        ("stages.general.batch_token=3", "did you mean 'batch_tokens'"),
        ("method=qlora", "full or lora"),
    ):
        with pytest.raises(ConfigError, match=told):
            load_translation_recipe(recipe, [change])
    lost = load_translation_recipe(recipe, ["stages.medical.data.0.path=/nowhere"])
    with pytest.raises(ConfigError, match="/nowhere: no such file or folder"):
        train_translation(lost, tmp_path / "other")

"""What is exported of datasets and runs, what is left out and told, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
import yaml
from exported_tasks import LANGS, SETTINGS, Plain, collected, documents, write_model, write_quiz
from tiny_models import CHAT
from typer.testing import CliRunner

from afya.bench.exports.common import collect, settings_of
from afya.bench.exports.fitting import Fitted, fitted
from afya.bench.exports.inspect import write_inspect
from afya.bench.exports.lm_eval import write_lm_eval
from afya.bench.running.run import bench_run
from afya.cli import bench_export
from afya.errors import AfyaError, ConfigError, DataError, RunError
from afya.models.hf import HfModel
from afya.runs import Ledger

NEEDS_HARNESS = pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed")


@pytest.fixture(scope="module")
def quiz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_quiz(tmp_path_factory.mktemp("data") / "quiz")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, quiz: Path, model: Path) -> Path:
    """afya's own answers."""
    out = tmp_path_factory.mktemp("run") / "run"
    bench_run(f"hf:{model}", [quiz], out, settings=SETTINGS, langs=LANGS, max_tokens=1)
    return out


@pytest.mark.parametrize(
    "template",
    [
        CHAT,
        "\n{{ bos_token }}\n" + CHAT + "\n",
        "{% for turn in messages %}[{{ turn.role }}] {{ turn.content | trim }}\n{% endfor %}[assistant]\n",
        "{%- for turn in messages -%}{{ turn.content }}{{ eos_token }}{%- endfor -%}",
    ],
)
def test_a_begun_turn_stands_behind_what_the_template_writes(model: Path, tmp_path: Path, template: str) -> None:
    tokenizer: Any = HfModel.load(str(model)).tokenizer
    tokenizer.chat_template = template
    begun = Fitted("tiny", tmp_path, "", (), "", False, template, False).begun_template
    told = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Homa?"}]
    usual = tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True)
    for turns, end in ((told, ""), ([*told, {"role": "assistant", "content": "Jibu:"}], "Jibu:")):
        text = tokenizer.apply_chat_template(turns, chat_template=begun, tokenize=False, add_generation_prompt=True)
        assert text == usual + end


def test_letters_and_separator_are_the_languages_own(tmp_path: Path, quiz: Path) -> None:
    write_lm_eval(collected(quiz, ["letter"]), tmp_path / "out")
    assert documents(tmp_path / "out", "afya_mcq_letter_ar")[0]["continuations"] == ["أ", "ب", "ج", "د"]
    delimiters = {
        lang: yaml.load((tmp_path / "out" / f"afya_mcq_letter_{lang}.yaml").read_text(), Loader=Plain)[
            "target_delimiter"
        ]
        for lang in LANGS
    }
    assert delimiters == {"en": " ", "sw": " ", "zh": "", "ar": " "}


def test_items_with_several_answers_are_left_out_of_scoring_and_told(quiz: Path, run: Path) -> None:
    letters, texts = collected(quiz, ["letter", "generate"])
    assert letters.counts() == [("mcq", lang, 4, 1, "several_answers 1") for lang in ("en", "zh", "sw", "ar")]
    assert texts.counts() == [("mcq", lang, 5, 0, "") for lang in ("en", "zh", "sw", "ar")]
    letters.ledger.check()
    assert collected(run, ["letter"], langs=("sw",))[0].counts() == [("mcq", "sw", 4, 1, "several_answers 1")]


def test_a_run_exports_what_its_datasets_do(tmp_path: Path, quiz: Path, run: Path) -> None:
    for source, name in ((quiz, "data"), (run, "run")):
        write_lm_eval(collected(source, SETTINGS), tmp_path / name)
    ours = sorted(path.name for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert ours == sorted(path.name for path in (tmp_path / "run").rglob("*") if path.is_file())
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert path.read_text() == (tmp_path / "run" / path.relative_to(tmp_path / "data")).read_text(), path.name
    assert [made.counts() for made in collected(run, SETTINGS)] == [made.counts() for made in collected(quiz, SETTINGS)]


def test_without_a_model_options_are_scored_without_the_end_of_the_turn(
    tmp_path: Path, quiz: Path, model: Path
) -> None:
    write_lm_eval(collected(quiz, ["cloze"]), tmp_path / "any")
    write_lm_eval(collected(quiz, ["cloze"]), tmp_path / "fitted", fit=fitted(f"hf:{model}"))
    assert documents(tmp_path / "any", "afya_mcq_cloze_sw")[0]["continuations"][1] == "water"
    assert documents(tmp_path / "fitted", "afya_mcq_cloze_sw")[0]["continuations"][1] == "water<|end|>"
    assert (tmp_path / "any" / "afya_mcq_cloze_sw-plain.yaml").exists()
    assert not (tmp_path / "fitted" / "afya_mcq_cloze_sw-plain.yaml").exists()


def test_without_afya_only_the_plain_filter_is_left(tmp_path: Path, quiz: Path) -> None:
    write_lm_eval(collected(quiz, ["generate"]), tmp_path / "out", without_afya=True)
    config = yaml.load((tmp_path / "out" / "afya_mcq_generate_sw.yaml").read_text(), Loader=Plain)
    assert [entry["name"] for entry in config["filter_list"]] == ["letter"]
    assert config["generation_kwargs"]["max_gen_toks"] == 1


@NEEDS_HARNESS
@pytest.mark.parametrize(
    ("reply", "read"),
    [
        (" B", "B"),
        ("Jibu sahihi ni C.", "C"),
        ("A na C", "none: several"),
        ("", "none: empty"),
        ("Sijui jibu.", "none: no_answer"),
    ],
)
def test_the_filter_reads_free_text(tmp_path: Path, quiz: Path, reply: str, read: str) -> None:
    write_lm_eval(collected(quiz, ["generate"]), tmp_path / "out")
    spec = importlib.util.spec_from_file_location("exported_tasks", tmp_path / "out" / "afya_tasks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    document = documents(tmp_path / "out", "afya_mcq_generate_sw")[0]
    assert module.read_choices([[reply]], [document]) == [[read]]


def test_what_cannot_be_exported_is_refused(tmp_path: Path, quiz: Path, run: Path, shared: Path) -> None:
    def refused(kind: type[AfyaError], part: str) -> Any:
        return pytest.raises(kind, match=part)

    with refused(ConfigError, "inspect_ai asks models for text"):
        write_inspect(collected(quiz, ["letter"]), tmp_path / "out")
    with refused(ConfigError, "no chat template"):
        write_inspect(
            collected(quiz, ["generate"]), tmp_path / "out", fit=fitted(f"hf:{shared / 'models' / 'stories260k'}")
        )
    with refused(ConfigError, "only local models"):
        fitted("openai:some-model")
    with refused(ConfigError, "did not ask as 'generate.cot'. It asked: cloze"):
        collected(run, ["generate+cot"])
    with refused(DataError, "asked nothing in 'yo'"):
        collected(run, ["letter"], langs=("yo",))
    with refused(ConfigError, "a translator makes"):
        collected(quiz, ["letter+translated"])
    with refused(ConfigError, "is a run folder"):
        collect([run, quiz], settings_of(["letter"])[0])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with refused(RunError, "not empty"):
        write_lm_eval(collected(quiz, ["letter"]), tmp_path / "full")


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command("export")(bench_export.export)
    app.callback()(lambda: None)
    return app


def test_the_command_prints_what_was_left_out(tmp_path: Path, quiz: Path, command: typer.Typer) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(command, ["export", str(quiz), "--langs", "sw,yo", "--out", str(out)])
    assert isinstance(done.exception, DataError)
    done = CliRunner().invoke(command, ["export", str(quiz), "--langs", "sw,en", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.count("several_answers 1") == 2
    assert "Tasks: afya_mcq_letter, afya_mcq_letter-plain" in done.output
    assert "--apply_chat_template" in (out / "README.md").read_text()
    ledger = Ledger.from_frame(pl.read_parquet(out / "ledger.parquet"))
    ledger.check()
    assert {entry.item_id for entry in ledger.rejections} == {"pairs:20:sw", "pairs:20:en"}

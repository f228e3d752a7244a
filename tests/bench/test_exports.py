"""Exported tasks, run by the programs that they are for: the same texts, scores and choices as afya's own."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import typer
import yaml
from tiny_models import CHAT, make_model
from typer.testing import CliRunner

from afya.bench.exports.common import IMPORTED, Collected, Wanted, collect, settings_of, slug
from afya.bench.exports.fitting import Fitted, fitted
from afya.bench.exports.inspect import write_inspect
from afya.bench.exports.lm_eval import write_lm_eval
from afya.bench.imports.importing import Import, import_replies
from afya.bench.run import bench_run
from afya.cli import bench_export
from afya.errors import AfyaError, ConfigError, DataError, RunError
from afya.folders import DatasetWriter
from afya.items import Item
from afya.models.base import Message, OptionRequest, Prompt, Sampling
from afya.models.hf import HfModel
from afya.models.rendering import encode, render
from afya.runs import Ledger

LANGS = ("en", "sw", "zh", "ar")
LONG = 16
SETTINGS = ("letter", "letter+2-shot", "cloze", "generate")
NEEDS_HARNESS = pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed")
NEEDS_INSPECT = pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="inspect_ai is not installed")


TEXTS = ("fever", "water", "water and salt", "cough for three days")


Row = dict[str, Any]


class Harnessed(NamedTuple):
    """The harness's model, the samples of all tasks, and where they are written."""

    model: Any
    rows: list[Row]
    folder: Path


def make_item(number: int, lang: str, **changes: object) -> Item:
    base = Item(
        item_id=f"quiz:{number}:{lang}",
        group_id=f"quiz:{number}",
        lang=lang,
        task="mcq",
        split="test",
        question=f"Question {number} in {lang}, {{{{ braces }}}} and all?",
        options=TEXTS[number % 4 :] + TEXTS[: number % 4],
        answer=(number % 4,),
        source="quiz",
        licence="x",
        origin="human",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def quiz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four test items a language, three for examples, and one with two right answers in a source of its own."""
    path = tmp_path_factory.mktemp("data") / "quiz"
    writer, ledger, rows = DatasetWriter(path, {"made": "by a test"}), Ledger(), 0
    for lang in LANGS:
        items = [make_item(number, lang) for number in range(4)]
        items += [make_item(number, lang, split="train") for number in range(10, 13)]
        items.append(
            make_item(20, lang, source="pairs", group_id="pairs:20", item_id=f"pairs:20:{lang}", answer=(0, 2))
        )
        for item in items:
            writer.add(item)
        rows += len(items)
    ledger.add("make", rows, rows)
    writer.finish(ledger, "# A quiz")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random chat model that has little to say but letters, and whose settings do not know how a turn ends."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = make_model(tmp_path_factory.mktemp("model") / "tiny", "qwen3", chat=True, context=1024)
    network: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    said = [index for index in range(len(tokenizer)) if tokenizer.decode([index]).strip() in ("A", "B", "C", "D")]
    quiet = torch.ones(len(tokenizer), dtype=torch.bool)
    quiet[[*said, tokenizer.convert_tokens_to_ids("<|end|>")]] = False
    with torch.no_grad():
        network.lm_head.weight[: len(tokenizer)][quiet] *= 0.1
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, quiz: Path, model: Path) -> Path:
    """afya's own answers."""
    out = tmp_path_factory.mktemp("run") / "run"
    bench_run(f"hf:{model}", [quiz], out, settings=SETTINGS, langs=LANGS, max_tokens=1)
    return out


def collected(source: Path, settings: Sequence[str], **wanted: Any) -> list[Collected]:
    told = Wanted(**{"langs": LANGS, "max_tokens": 1, **wanted})
    return [collect([source], setting, told) for setting in settings_of(settings)]


def chosen(run: Path) -> dict[tuple[str, str], Any]:
    """afya's choice for each setting and item: option indices, or None."""
    scores = pl.read_parquet(run / "scores.parquet")
    found = {
        (setting, item): options for setting, item, options in scores.select("setting", "item_id", "chosen").rows()
    }
    for setting in ("letter", "cloze", "generate"):
        assert len({str(options) for (name, _), options in found.items() if name == setting}) > 1, setting
    return found


def harness(folder: Path, groups: Sequence[str], model: Path, *, chat: bool) -> Harnessed:
    """Run the harness on the groups of a folder, and write the samples as its command does."""
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    asked = HFLM(pretrained=str(model), device="cpu", dtype="float32", batch_size=4)
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = lm_eval.simple_evaluate(
        asked, tasks=list(groups), task_manager=manager, apply_chat_template=chat, bootstrap_iters=0
    )
    assert found is not None
    kept = EvaluationTracker(output_path=str(folder / "results"))
    kept.general_config_tracker.model_name_sanitized = "tiny"
    kept.save_results_aggregated(results={}, samples=deepcopy(found["samples"]))
    for name, rows in found["samples"].items():
        kept.save_results_samples(task_name=name, samples=deepcopy(rows))
    return Harnessed(asked, [row for rows in found["samples"].values() for row in rows], folder / "results" / "tiny")


def prompt_of(document: Row) -> Prompt:
    messages = tuple(Message(turn["role"], turn["content"]) for turn in document["messages"])
    return Prompt(messages, document["answer_prefix"])


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, quiz: Path, model: Path) -> Harnessed:
    pytest.importorskip("lm_eval")
    place = tmp_path_factory.mktemp("harness")
    made = [*collected(quiz, SETTINGS), *collected(quiz, ["generate+english"], max_tokens=LONG)]
    groups = write_lm_eval(made, place / "made", fit=fitted(f"hf:{model}"))
    shutil.move(place / "made", place / "moved")
    return harness(place / "moved", groups, model, chat=True)


@NEEDS_HARNESS
@pytest.mark.parametrize("setting", ["letter", "letter+2-shot", "cloze"])
def test_the_harness_chooses_what_afya_chooses(samples: Harnessed, run: Path, setting: str) -> None:
    ours = chosen(run)
    theirs = [sample for sample in samples.rows if sample["doc"]["setting"] == setting]
    assert len(theirs) == 4 * len(LANGS)
    for sample in theirs:
        sums = [float(score) for score, _ in sample["filtered_resps"]]
        assert ours[setting, sample["doc"]["item_id"]] == [sums.index(max(sums))]
        assert sample["acc"] == float(sums.index(max(sums)) == sample["doc"]["answer"][0])


@NEEDS_HARNESS
def test_the_harness_reads_the_same_tokens_and_gives_the_same_scores(
    samples: Harnessed, run: Path, model: Path
) -> None:
    asked, rows, _ = samples
    tokenizer = HfModel.load(str(model)).tokenizer
    replies = pl.read_parquet(run / "replies.parquet").filter(pl.col("option_logprobs").is_not_null())
    ours = {
        (setting, item): sums for setting, item, sums in replies.select("setting", "item_id", "option_logprobs").rows()
    }
    for sample in rows:
        text = sample["arguments"][0][0]
        prompt = prompt_of(sample["doc"])
        assert text == render(prompt, tokenizer)
        assert asked.tok_encode(text) == encode([text], tokenizer)[0]
        if not sample["doc"]["setting"].startswith("generate"):
            sums = [float(score) for score, _ in sample["filtered_resps"]]
            assert sums == pytest.approx(ours[sample["doc"]["setting"], sample["doc"]["item_id"]], abs=1e-4)


@NEEDS_HARNESS
def test_the_harness_reads_generated_replies_as_afya_does(samples: Harnessed, run: Path) -> None:
    ours = chosen(run)
    texts = pl.read_parquet(run / "replies.parquet").filter(setting="generate")
    written = dict(texts.select("item_id", "text").rows())
    theirs = [row for row in samples.rows if row["doc"]["setting"] == "generate" and row["filter"] == "afya"]
    assert len(theirs) == 5 * len(LANGS)
    for sample in theirs:
        document = sample["doc"]
        assert sample["resps"][0][0] == written[document["item_id"]]
        found = ours["generate", document["item_id"]]
        read = "none" if found is None else ", ".join(document["letters"][place] for place in found)
        assert sample["filtered_resps"][0].partition(":")[0] == read
        assert sample["exact_match"] == float(found == document["answer"])


@NEEDS_HARNESS
def test_in_the_harness_a_reply_ends_where_it_ends_with_afya(samples: Harnessed, model: Path) -> None:
    theirs = [row for row in samples.rows if row["doc"]["setting"] == "generate+english" and row["filter"] == "letter"]
    prompts = [prompt_of(row["doc"]) for row in theirs]
    ours = HfModel.load(str(model)).generate(prompts, Sampling(max_tokens=LONG))
    assert [row["resps"][0][0] for row in theirs] == [reply.text for reply in ours]
    assert {reply.finish_reason for reply in ours} == {"stop", "length"}


@NEEDS_HARNESS
def test_a_model_without_chat_template_reads_the_same_text(tmp_path: Path, quiz: Path, shared: Path) -> None:
    stories = shared / "models" / "stories260k"
    groups = write_lm_eval(
        collected(quiz, ["cloze"], langs=("en", "sw")), tmp_path / "out", fit=fitted(f"hf:{stories}")
    )
    assert groups == ["afya_mcq_cloze-plain"]
    asked, rows, _ = harness(tmp_path / "out", groups, stories, chat=False)
    model = HfModel.load(str(stories))
    requests = [
        OptionRequest(prompt_of(row["doc"]), tuple(f" {text}" for text in row["doc"]["choices"]), True) for row in rows
    ]
    assert len(rows) == 8
    for sample, request, scores in zip(rows, requests, model.score_options(requests), strict=True):
        text = sample["arguments"][0][0]
        assert asked.tok_encode(text) == encode([render(request.prompt, model.tokenizer)], model.tokenizer)[0]
        sums = [float(score) for score, _ in sample["filtered_resps"]]
        assert sums == pytest.approx(scores.logprobs, abs=1e-4)


@NEEDS_INSPECT
def test_inspect_chooses_what_afya_chooses(
    tmp_path: Path, quiz: Path, model: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspect_ai import eval as inspect_eval

    out = tmp_path / "out"
    names = write_inspect(collected(quiz, ["generate"], langs=("sw", "ar")), out, fit=fitted(f"hf:{model}"))
    assert names == ["afya_mcq_generate_sw", "afya_mcq_generate_ar"]
    monkeypatch.chdir(out)
    logs = inspect_eval(
        [f"afya_tasks.py@{name}" for name in names],
        model="hf/local",
        model_args=yaml.safe_load((out / "model.yaml").read_text()),
        task_args={"begun": True},
        log_dir=str(tmp_path / "logs"),
        log_format="json",
        display="none",
    )
    ours = chosen(run)
    texts = pl.read_parquet(run / "replies.parquet").filter(setting="generate")
    written = dict(texts.select("item_id", "text").rows())
    seen = 0
    for log in logs:
        assert log.status == "success", log.error
        for sample in log.samples or []:
            score = (sample.scores or {})["choice_read_by_afya"]
            assert sample.output.completion == written[str(sample.id)]
            assert (score.metadata or {})["chosen"] == ours["generate", str(sample.id)]
            seen += 1
    assert seen == 5 * len(logs) == 10
    found = imported(sorted((tmp_path / "logs").glob("*.json")), "metadata", "generate", tmp_path / "run")
    assert found == {
        (item.rpartition(":")[0], item.rpartition(":")[2]): options
        for (name, item), options in ours.items()
        if name == "generate" and item.endswith((":sw", ":ar"))
    }


def imported(files: Sequence[Path], place: str, setting: str, out: Path) -> dict[tuple[str, str], Any]:
    """The choices of an import of samples: by group and language, the names that it does not change."""
    columns = {field: f"{place}.{name}" for field, name in IMPORTED.items()}
    where = {"filter": "letter"} if place == "doc" and setting.startswith("generate") else {}
    import_replies(Import(tuple(files), columns=columns, where=where, setting=setting, name="theirs"), out)
    scores = pl.read_parquet(out / "scores.parquet")
    assert set(scores["setting"]) == {setting}
    assert set(scores["task"]) == {"mcq"}
    return {
        (group.rpartition("/")[2].replace("_", ":"), lang): options
        for group, lang, options in scores.select("group_id", "lang", "chosen").rows()
    }


@NEEDS_HARNESS
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_harness_samples_come_back_as_they_would_be_scored_here(
    tmp_path: Path, samples: Harnessed, run: Path, setting: str
) -> None:
    files = sorted(samples.folder.glob(f"samples_afya_*_{slug(setting)}_*"))
    found = imported(files, "doc", setting, tmp_path / "run")
    assert found == {
        (item.rpartition(":")[0], item.rpartition(":")[2]): options
        for (name, item), options in chosen(run).items()
        if name == setting
    }


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


def documents(folder: Path, name: str) -> list[Row]:
    return [json.loads(line) for line in (folder / "data" / f"{name}.jsonl").read_text().splitlines()]


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


class Plain(yaml.SafeLoader):
    """Reads the harness's `!function` as its name."""


Plain.add_constructor("!function", lambda _loader, node: node.value)


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

"""Exported tasks, run by the programs that they are for: the same texts, scores and choices as afya's own."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import yaml
from exported_tasks import LANGS, LONG, SETTINGS, Row, collected, write_model, write_quiz

from afya.bench.exports.common import IMPORTED, slug
from afya.bench.exports.fitting import fitted
from afya.bench.exports.inspect import write_inspect
from afya.bench.exports.lm_eval import write_lm_eval
from afya.bench.imports.importing import Import, import_replies
from afya.bench.running.run import bench_run
from afya.models.base import Message, OptionRequest, Prompt, Sampling
from afya.models.hf import HfModel
from afya.models.rendering import encode, render

NEEDS_HARNESS = pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed")
NEEDS_INSPECT = pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="inspect_ai is not installed")


@pytest.fixture(scope="module")
def quiz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_quiz(tmp_path_factory.mktemp("data") / "quiz")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


class Harnessed(NamedTuple):
    """The harness's model, the samples of all tasks, and where they are written."""

    model: Any
    rows: list[Row]
    folder: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, quiz: Path, model: Path) -> Path:
    """afya's own answers."""
    out = tmp_path_factory.mktemp("run") / "run"
    bench_run(f"hf:{model}", [quiz], out, settings=SETTINGS, langs=LANGS, max_tokens=1)
    return out


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

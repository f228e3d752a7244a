"""A benchmark run from dataset folders to scores: what it takes, accounts for, refuses, and survives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tiny_models import make_model
from typer.testing import CliRunner

from afya.bench.running.run import bench_run
from afya.bench.tasks.selection import Selection, choose
from afya.errors import ConfigError, DataError, EngineError, RunError
from afya.folders import DatasetWriter
from afya.items import Item
from afya.models import Sampling
from afya.runs import Ledger, read_events

LANGS = ("en", "sw", "yo")


def make_item(number: int, lang: str, **changes: object) -> Item:
    base = Item(
        item_id=f"quiz:{number}:{lang}",
        group_id=f"quiz:{number}",
        lang=lang,
        task="mcq",
        split="test",
        question=f"Question {number} in {lang}?",
        options=(f"fever {number}", "water", "salt and sugar", "cough"),
        answer=(number % 4,),
        source="quiz",
        licence="x",
        origin="human",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def write(path: Path, items: Sequence[Item]) -> Path:
    writer, ledger = DatasetWriter(path, {"made": "by a test"}), Ledger()
    for item in items:
        writer.add(item)
    ledger.add("make", len(items), len(items))
    writer.finish(ledger, "# A quiz")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"hf:{make_model(tmp_path_factory.mktemp('model') / 'tiny', context=320)}"


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    return write(tmp_path / "quiz", [make_item(number, lang) for lang in LANGS for number in range(40)])


def outcomes(path: Path) -> dict[str, int]:
    counts = pl.read_parquet(path)["outcome"].value_counts()
    return dict(counts.rows())


@pytest.mark.parametrize("setting", ["letter", "cloze", "generate"])
def test_a_run_scores_every_item_and_its_ledger_adds_up(tmp_path: Path, model: str, quiz: Path, setting: str) -> None:
    told: list[tuple[str, int, int]] = []
    result = bench_run(
        model,
        [quiz],
        tmp_path / "run",
        settings=setting,
        sampling=Sampling(max_tokens=4),
        part_rows=50,
        on_progress=lambda *values: told.append(values),
    )
    scores = pl.read_parquet(result.scores)
    assert result.rows == scores.height == 120
    assert scores["item_id"].n_unique() == 120
    assert set(scores["lang"]) == set(LANGS)
    assert set(scores["n_options"]) == {4}
    replies = pl.read_parquet(tmp_path / "run" / "replies.parquet")
    assert replies["key"].n_unique() == 120
    assert "latency_s" not in replies.columns
    assert pl.read_parquet(tmp_path / "run" / "timings.parquet")["latency_s"].min() > 0  # type: ignore[operator]
    assert [done for _, done, _ in told] == [0, 50, 100, 120]
    ledger = Ledger.from_frame(pl.read_parquet(tmp_path / "run" / "ledger.parquet"))
    ledger.check()
    assert ledger.rows_out[f"scores:tiny:{setting}"] == 120


def test_a_finished_run_is_not_asked_again(tmp_path: Path, model: str, quiz: Path) -> None:
    for _ in range(2):
        bench_run(model, [quiz], tmp_path / "run", part_rows=50)
    parts = [entry["done_before"] for entry in read_events(tmp_path / "run") if entry["event"] == "part"]
    assert parts == [False] * 3 + [True] * 3


def test_a_killed_run_continued_gives_the_same_bytes(tmp_path: Path, model: str, quiz: Path) -> None:
    program = Path(__file__).with_name("killed_bench.py")
    folder = model.removeprefix("hf:")
    command = [sys.executable, str(program), folder, str(quiz), str(tmp_path / "killed")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 6
    whole = tmp_path / "whole"
    bench_run(model, [quiz], whole, settings="cloze", part_rows=20, options={"device": "cpu"})
    assert len(list(whole.glob("parts/tiny-*/*.parquet"))) == 6
    for name in ("manifest.json", "items.parquet", "replies.parquet", "scores.parquet", "ledger.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes(), name


def test_an_error_is_kept_apart_from_a_wrong_answer(tmp_path: Path, model: str) -> None:
    data = write(tmp_path / "d", [make_item(1, "en"), make_item(2, "en", question="fever " * 500)])
    bench_run(model, [data], tmp_path / "run")
    scores = pl.read_parquet(tmp_path / "run" / "scores.parquet")
    row = scores.row(by_predicate=pl.col("item_id") == "quiz:2:en", named=True)
    assert row["outcome"] == "error"
    assert "context too long" in row["detail"]
    assert row["chosen"] is None
    assert outcomes(tmp_path / "run" / "scores.parquet").get("error") == 1


def test_several_right_answers_are_generated_or_left_out_by_name(tmp_path: Path, model: str) -> None:
    data = write(tmp_path / "d", [make_item(1, "fr", answer=(0, 2)), make_item(2, "fr")])
    scored = bench_run(model, [data], tmp_path / "letter")
    assert scored.rows == 1
    assert scored.ledger.reasons("prompts:data~letter") == {"several_answers": 1}
    asked = bench_run(model, [data], tmp_path / "written", settings="generate", sampling=Sampling(max_tokens=3))
    assert asked.rows == 2
    prompts = pl.read_parquet(tmp_path / "written" / "parts" / "prompts-data~generate" / "data~generate-00000.parquet")
    # Every question of such an examination says so, or the instruction would give the number away.
    assert prompts["several"].to_list() == [True, True]
    assert prompts["messages"].n_unique() == 2


def test_items_that_cannot_be_asked_are_accounted_for(tmp_path: Path, model: str) -> None:
    eleven = tuple(f"option {number}" for number in range(11))
    data = write(
        tmp_path / "d",
        [make_item(1, "en"), make_item(2, "en", answer=None), make_item(3, "en", options=eleven)],
    )
    again = write(tmp_path / "again", [make_item(1, "en")])
    result = bench_run(model, [data, again], tmp_path / "run")
    assert result.ledger.reasons("select") == {"no_answer_key": 1, "duplicate_id": 1}
    assert result.ledger.reasons("prompts:data~letter") == {"cannot_be_asked": 1}
    assert result.rows == 1


def test_a_limit_takes_the_same_groups_in_every_language(tmp_path: Path) -> None:
    items = [make_item(number, lang) for lang in LANGS for number in range(60)]
    one = write(tmp_path / "one", items)
    other = write(tmp_path / "other", items[::-1])

    def groups(data: Path, seed: int = 0) -> dict[str, set[str]]:
        frames = list(choose(Selection((data,), limit=7, seed=seed)).frames(100))
        taken = pl.concat(frames)
        return {lang: set(taken.filter(pl.col("lang") == lang)["group_id"]) for lang in LANGS}

    found = groups(one)
    assert len(found["en"]) == 7
    assert found["en"] == found["sw"] == found["yo"]
    assert groups(other) == found
    assert groups(one, seed=1) != found


def test_parts_cross_files_and_lose_nothing(quiz: Path) -> None:
    frames = list(choose(Selection((quiz,))).frames(50))
    assert [frame.height for frame in frames] == [50, 50, 20]
    assert pl.concat(frames)["item_id"].n_unique() == 120


def test_several_models_are_measured_in_one_run(tmp_path: Path, quiz: Path) -> None:
    one, two = (make_model(tmp_path / name / "model", seed=seed) for seed, name in enumerate(("a", "b")))
    with pytest.raises(ConfigError, match="Two models are called model"):
        bench_run([f"hf:{one}", f"hf:{two}"], [quiz], tmp_path / "run")
    bench_run([f"before=hf:{one}", f"after=hf:{two}"], [quiz], tmp_path / "run", limit=5)
    scores = pl.read_parquet(tmp_path / "run" / "scores.parquet")
    assert scores.group_by("model", maintain_order=True).len().rows() == [("before", 15), ("after", 15)]


def test_the_manifest_says_what_decides_the_result(tmp_path: Path, model: str, quiz: Path) -> None:
    bench_run(model, [quiz], tmp_path / "run", limit=2)
    recipe = json.loads((tmp_path / "run" / "manifest.json").read_text())["recipe"]
    assert recipe["models"][0]["name"] == "tiny"
    assert set(recipe["literals"]) == set(LANGS)
    for changed in ({"limit": 3}, {"normalise": "bytes"}, {"settings": "cloze"}):
        with pytest.raises(RunError, match="What differs"):
            bench_run(model, [quiz], tmp_path / "run", **{"limit": 2, **changed})  # type: ignore[arg-type]


def test_an_impossible_request_says_what_is_possible(tmp_path: Path, model: str, quiz: Path) -> None:
    wrong: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"langs": ["zu"]}, DataError, "They have: en, sw, yo"),
        ({"splits": ["train"]}, DataError, "Nothing to ask"),
        ({"tasks": ["long_form"]}, ConfigError, "Tasks: mcq, nli"),
        ({"limit": 0}, ConfigError, "takes nothing"),
        ({"settings": "words"}, ConfigError, "no setting 'words'"),
        ({"settings": "letter+cot"}, ConfigError, "reasons first must write"),
        ({"settings": "letter+translated"}, ConfigError, "needs a translator"),
        ({"rotations": 0}, ConfigError, "0 orders"),
        ({"task_refs": ["nothing-like-it"]}, ConfigError, "nothing-like-it"),
        ({"options": {"dtpe": "x"}}, ConfigError, "dtpe"),
    ]
    for changes, kind, said in wrong:
        with pytest.raises(kind, match=said):
            bench_run(model, [quiz], tmp_path / "run", **changes)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="no such model folder"):
        bench_run(f"hf:{tmp_path / 'nowhere'}", [quiz], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_asked_nothing_leaves_its_folder_to_the_corrected_command(
    tmp_path: Path, model: str, quiz: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(EngineError, match="cannot be loaded"):
        bench_run(model, [quiz], out, limit=2, options={"device": "cuda:99"})
    assert bench_run(model, [quiz], out, limit=2, options={"device": "cpu"}).rows == 6
    with pytest.raises(RunError, match=r'models\.0\.options\.device: "cpu" -> "cuda:99"'):
        bench_run(model, [quiz], out, limit=2, options={"device": "cuda:99"})
    assert (out / "scores.parquet").exists()


def test_a_run_that_failed_after_its_first_model_keeps_what_was_done(tmp_path: Path, model: str, quiz: Path) -> None:
    other = make_model(tmp_path / "other", seed=5)
    whole = (other / "model.safetensors").read_bytes()
    (other / "model.safetensors").write_bytes(whole[:100])
    models = [f"one={model}", f"two=hf:{other}"]
    with pytest.raises(EngineError):
        bench_run(models, [quiz], tmp_path / "run", limit=2)
    assert list(tmp_path.glob("run/parts/one-*/*.parquet"))
    with pytest.raises(RunError, match="holds another run"):
        bench_run(models, [quiz], tmp_path / "run", limit=3)


def test_a_language_without_literals_stops_the_run_before_it_starts(tmp_path: Path, model: str) -> None:
    data = write(tmp_path / "d", [make_item(1, "en"), make_item(1, "te"), make_item(1, "so")])
    with pytest.raises(ConfigError, match=r"(?s)Telugu.*Somali|Somali.*Telugu"):
        bench_run(model, [data], tmp_path / "run", langs=["en", "te", "so"])


def test_the_command_measures_and_reports(tmp_path: Path, model: str, quiz: Path) -> None:
    from afya.cli.bench import app

    runner = CliRunner()
    arguments = ["run", "--model", f"small={model}", "--data", str(quiz), "--out", str(tmp_path / "run")]
    done = runner.invoke(app, [*arguments, "--limit", "10", "--setting", "cloze", "--langs", "sw,yo"])
    assert done.exit_code == 0, done.output
    assert "20 replies" in done.output
    for name in ("tables/summary.csv", "report.html", "scores.parquet"):
        assert (tmp_path / "run" / name).stat().st_size
    wrong = runner.invoke(app, ["report", str(tmp_path / "run"), "--label", "before", "--label", "after"])
    assert isinstance(wrong.exception, ConfigError)
    assert wrong.exception.exit_code == 2
    again = runner.invoke(app, ["report", str(tmp_path / "run"), "--out", str(tmp_path / "page.html")])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "page-tables" / "summary.csv").exists()

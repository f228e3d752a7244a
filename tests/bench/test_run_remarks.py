"""What a person is told of a run beside its figures: what was left out, what did not come, what was named wrongly."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from report_runs import make_run
from rich.console import Console
from test_run import make_item, write
from tiny_models import make_model
from typer.testing import CliRunner

from afya.bench.analysis.analyse import analyse
from afya.bench.page.report import print_leaderboard
from afya.bench.running.rescore import rescore
from afya.bench.running.run import bench_run
from afya.cli.main import app
from afya.errors import ConfigError, DataError

SCORER = """
TASK = {"licence": "CC0-1.0", "measures": [], "scorer": "own.py:long"}

def ask():
    yield {"id": 1, "lang": "en", "question": "What helps?", "answer_text": "Water."}

def long(reply, item):
    return {"length": len(reply)}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"hf:{make_model(tmp_path_factory.mktemp('model') / 'tiny', context=320)}"


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    return write(tmp_path / "quiz", [make_item(number, lang) for lang in ("en", "sw", "xh") for number in range(4)])


def shown(found: object, width: int = 80) -> str:
    sink = StringIO()
    print_leaderboard(found, Console(file=sink, width=width))  # type: ignore[arg-type]
    return sink.getvalue()


def test_replies_that_did_not_come_are_told_by_kind(tmp_path: Path, model: str) -> None:
    items = [make_item(number, "en", question="fever " * (300 + 10 * number)) for number in range(3)]
    data = write(tmp_path / "d", [*items, make_item(9, "en")])
    notes = bench_run(model, [data], tmp_path / "run").notes
    assert any("tiny: 3 of 4 replies did not come (3 x context too long" in note for note in notes)


def test_replies_of_a_file_are_read_in_the_own_order_of_the_options(tmp_path: Path, quiz: Path) -> None:
    lines = [{"item_id": f"quiz:{number}:en", "text": "Answer: A"} for number in range(4)]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = bench_run(f"replies:{tmp_path / 'r.jsonl'}", [quiz], tmp_path / "run", langs=["en"], rotations=2)
    scores = pl.read_parquet(done.scores)
    assert set(scores.filter(pl.col("rotation") == 1)["outcome"]) == {"error"}
    assert scores.filter(pl.col("rotation") == 0)["outcome"].to_list() == ["correct", "wrong", "wrong", "wrong"]


def test_models_that_share_no_answer_are_reported_all_the_same(tmp_path: Path, model: str, quiz: Path) -> None:
    (tmp_path / "r.jsonl").write_text(json.dumps({"item_id": "quiz:99:en", "text": "Answer: A"}))
    words = ["bench", "run", "--model", model, "--model", f"replies:{tmp_path / 'r.jsonl'}", "--data", str(quiz)]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "run"), "--cache", "none"])
    assert done.exit_code == 0, done.output
    assert "has no reply for this item" in done.output


def test_a_tokenizer_without_a_chat_template_is_told(tmp_path: Path, model: str, quiz: Path) -> None:
    chat = make_model(tmp_path / "chat", chat=True)
    notes = bench_run([model, f"hf:{chat}"], [quiz], tmp_path / "run").notes
    assert [note for note in notes if "no chat template" in note] == [
        "tiny: its tokenizer has no chat template, so it reads prompts as plain text."
    ]


def test_languages_and_datasets_of_which_nothing_is_asked_are_told(tmp_path: Path, model: str, quiz: Path) -> None:
    train = write(tmp_path / "train", [make_item(50, "fr", split="train")])
    notes = bench_run(model, [quiz, train], tmp_path / "run").notes
    assert "data: no item in fr can be asked of split test." in notes
    assert "data: it has xh as well, asked when named with --langs." in notes
    assert any(note.startswith(f"{train}: nothing of it is asked") for note in notes)
    assert not bench_run(model, [quiz], tmp_path / "named", langs=["en", "xh"], tasks=["mcq"]).notes[1:]


def test_models_whose_names_a_file_system_cannot_tell_apart(tmp_path: Path, model: str, quiz: Path) -> None:
    done = bench_run([f"甲={model}", f"乙={model}"], [quiz], tmp_path / "run", options={"甲.dtype": "bfloat16"})
    counts = pl.read_parquet(done.scores).group_by("model", maintain_order=True).len()
    assert counts.rows() == [("甲", 8), ("乙", 8)]


def test_the_manifest_says_which_scorer_and_not_where_it_lies(tmp_path: Path, model: str) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.py").write_text(SCORER)
        run = tmp_path / name / "run"
        bench_run(model, [], run, task_refs=[f"{tmp_path / name / 'own.py'}:ask"], max_tokens=4)
        made.append((run / "manifest.json").read_bytes())
        assert rescore(run).rows == 1
        assert pl.read_parquet(run / "measures.parquet")["measure"].to_list() == ["length"]
    assert made[0] == made[1]
    assert json.loads(made[0])["measuring"]["ask"]["scorer"] == "own.py:long"


def test_a_table_of_ones_own_keeps_languages_outside_the_twelve(tmp_path: Path, model: str) -> None:
    rows = ["id,lang,q,a,b,key", "1,en,Which?,x,y,A", "1,xh,Yintoni?,x,y,A", "1,qq,?,x,y,A"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    (tmp_path / "t.yaml").write_text(
        "name: own\ntitle: Own\nkind: choice\nlicence: CC0-1.0\nitems:\n  file: t.csv\n  columns: {id: id, lang: lang, "
        "question: q, options: [a, b], answer: key, answer_is: =label}\n"
    )
    asked = bench_run(model, [], tmp_path / "run", task_refs=[str(tmp_path / "t.yaml")], langs=["xh"])
    assert asked.rows == 1
    assert any("1 rows of its source were left out" in note for note in asked.notes)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"options": {"dtyp": "float32"}}, "Did you mean dtype?"),
        ({"options": {"dtype": "float33"}}, "float16"),
        ({"max_tokens": 0}, "at most 0 tokens"),
        ({"task_refs": ["vignete"]}, "Did you mean vignettes?"),
    ],
)
def test_what_is_named_wrongly_is_told_before_anything_is_made(
    tmp_path: Path, model: str, quiz: Path, asked: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        bench_run(model, [quiz], tmp_path / "run", **asked)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_near_names_of_engines_and_dataset_folders(tmp_path: Path, model: str, quiz: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean openai:gpt"):
        bench_run("openia:gpt", [quiz], tmp_path / "run")
    with pytest.raises(DataError, match="Did you mean"):
        bench_run(model, [tmp_path / "quizz"], tmp_path / "run")


def test_the_leaderboard_has_a_table_a_task_with_the_best_first(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("base", "tuned"), 0.3, 1, setting=["letter", "generate"], groups=40)
    found = analyse([run])
    text = shown(found)
    assert max(map(len, text.splitlines())) <= 80
    rows = [line for line in text.splitlines() if "[" in line and ("base" in line or "tuned" in line)]
    accuracies = [float(line.split("[")[0].split()[-1]) for line in rows]
    assert len(rows) == 4
    assert accuracies == sorted(accuracies, reverse=True)
    assert "multiple choice by language, in whole %; 95% intervals reach up to" in text


def test_one_model_in_one_setting_has_its_languages_as_rows(tmp_path: Path) -> None:
    text = shown(analyse([make_run(tmp_path / "run", "a", 0.5, 1)]))
    assert "Swahili" in text
    assert "all languages" in text
    assert "unparseable" not in text


def test_open_tasks_have_the_means_of_their_measures(tmp_path: Path) -> None:
    text = shown(analyse([make_run(tmp_path / "run", ("a", "b"), 0.5, 1, kind="written", task="kqa")]))
    assert "kqa: means [95% interval] over all languages" in text


def test_details_print_every_count_and_the_account(tmp_path: Path, model: str, quiz: Path) -> None:
    words = ["bench", "run", "--model", model, "--data", str(quiz), "--out", str(tmp_path / "run"), "--cache", "none"]
    short, full = (CliRunner().invoke(app, [*words, *more], env={"COLUMNS": "80"}) for more in ([], ["--details"]))
    assert short.exit_code == full.exit_code == 0, short.output
    assert "8 replies, every item accounted for, none left out" in short.output
    assert "Note: data: it has xh as well" in short.output
    assert "unparseable" not in short.output
    assert "unparseable" in full.output
    assert "prompts:data~letter" in full.output


def test_help_shows_what_stands_in_brackets() -> None:
    text = " ".join(CliRunner().invoke(app, ["bench", "run", "--help"], env={"COLUMNS": "200"}).output.split())
    assert "omit=[temperature]" in text
    assert "letter, or the task's own" in text

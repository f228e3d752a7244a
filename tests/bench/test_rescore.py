"""Scoring again: the same scores from the same rules, others from others, and nobody is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_server import Server, Step, chat
from test_run import make_item, write
from tiny_models import make_model
from typer.testing import CliRunner

from afya.bench.running.rescore import rescore
from afya.bench.running.run import bench_run
from afya.errors import DataError


def test_the_same_rules_give_the_same_bytes(tmp_path: Path) -> None:
    data = write(tmp_path / "d", [make_item(number, lang) for number in range(20) for lang in ("en", "sw")])
    model = make_model(tmp_path / "model", context=320)
    bench_run(f"hf:{model}", [data], tmp_path / "run", settings=["letter", "cloze"], part_rows=7)
    scores = tmp_path / "run" / "scores.parquet"
    before = scores.read_bytes()
    done = rescore(tmp_path / "run")
    assert (done.rows, done.changed.height) == (80, 0)
    assert scores.read_bytes() == before
    # A longer option is favoured by its length in bytes: some choice must change, and comes back.
    assert rescore(tmp_path / "run", "bytes").rows == 80
    changed = scores.read_bytes()
    assert changed != before
    rescore(tmp_path / "run")
    assert scores.read_bytes() == before


def test_what_changed_is_told(tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "d", [make_item(number, "en") for number in range(8)])
    server = serve(Step(body=chat("Answer: B")))
    options: dict[str, Any] = {"base_url": f"{server.url}/v1"}
    bench_run("openai:tester", [data], tmp_path / "run", settings="generate", options=options)
    from afya.bench.scoring import score

    monkeypatch.setattr(score, "score_text", lambda *_, **__: ("unparseable", None, "other rules"))
    done = rescore(tmp_path / "run")
    assert done.changed.height == 8
    assert set(done.changed["outcome"]) == {"unparseable"}
    assert len(server.asked) == 8
    monkeypatch.undo()
    from afya.cli.bench import app

    told = CliRunner().invoke(app, ["rescore", str(tmp_path / "run")])
    assert told.exit_code == 0, told.output
    assert "8 otherwise than before" in told.output
    assert "tester: unparseable ->" in told.output


def test_a_folder_that_is_no_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no run folder"):
        rescore(tmp_path)
    data = write(tmp_path / "d", [make_item(number, "en") for number in range(8)])
    bench_run(f"hf:{make_model(tmp_path / 'model', context=320)}", [data], tmp_path / "run", part_rows=4)
    part = next((tmp_path / "run" / "parts").glob("model-*/*.parquet"))
    part.unlink()
    with pytest.raises(DataError, match="1 parts are gone"):
        rescore(tmp_path / "run")

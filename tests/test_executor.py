from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from afya.errors import RunError
from afya.executor import Needs, Output, Part, Stage, ledger_of, run
from afya.runs import Rejection, sha256_path

PARTS = 5


def double(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """Doubles the even numbers and rejects the odd ones."""
    time.sleep(config.get("seconds", 0.0))
    even = frame.filter(pl.col("number") % 2 == 0).with_columns(double=pl.col("number") * state)
    odd = frame.filter(pl.col("number") % 2 == 1)["number"]
    return Output(even, tuple(Rejection("double", f"n:{number}", "odd") for number in odd))


def factor(config: Mapping[str, Any]) -> int:
    return int(config["factor"])


def lose_a_row(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    return Output(frame.head(frame.height - 1))


def divide(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    raise ZeroDivisionError("by zero")


def die(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def where(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    return Output(frame.with_columns(process=pl.lit(os.getpid())))


STAGE = Stage("double", double, {"factor": 2}, reads=("number",), writes=("double",), setup=factor)


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(PARTS):
        pl.DataFrame({"number": range(index * 10, index * 10 + 10)}).write_parquet(folder / f"part-{index}.parquet")
    return sorted(folder.iterdir())


def test_one_process_and_a_pool_give_the_same_bytes(tmp_path: Path, sources: list[Path]) -> None:
    here = run(STAGE, sources, tmp_path / "here")
    pool = run(STAGE, sources, tmp_path / "pool", workers=2)
    assert sha256_path(tmp_path / "here") == sha256_path(tmp_path / "pool")
    assert [part.path.name for part in here] == [part.path.name for part in pool] == [path.name for path in sources]
    ledger = ledger_of(STAGE, here)
    assert ledger.rows_in["double"] == 50
    assert ledger.reasons("double") == {"odd": 25}


def test_finished_parts_are_not_done_again(tmp_path: Path, sources: list[Path]) -> None:
    run(STAGE, sources[:2], tmp_path / "out")
    seen: list[tuple[str, bool]] = []
    run(STAGE, sources, tmp_path / "out", on_part=lambda part, before: seen.append((part.path.stem, before)))
    assert seen == [(f"part-{index}", index < 2) for index in range(PARTS)]


@pytest.mark.parametrize("change", ["config", "version", "input", "output"])
def test_a_part_is_done_again_when_anything_it_depends_on_changed(
    tmp_path: Path, sources: list[Path], change: str
) -> None:
    stage = STAGE
    run(stage, sources, tmp_path / "out")
    if change == "config":
        stage = Stage("double", double, {"factor": 3}, setup=factor)
    elif change == "version":
        stage = Stage("double", double, {"factor": 2}, setup=factor, version=2)
    elif change == "input":
        pl.DataFrame({"number": [8]}).write_parquet(sources[0])
    else:
        (tmp_path / "out/part-0.parquet").write_bytes(b"torn")
    before: list[Part] = []
    run(stage, sources[:1], tmp_path / "out", on_part=lambda part, old: before.append(part) if old else None)
    assert not before
    assert pl.read_parquet(tmp_path / "out/part-0.parquet").height


def test_lost_rows_are_an_error(tmp_path: Path, sources: list[Path]) -> None:
    with pytest.raises(RunError, match="10 rows in, 9 out, 0 rejected"):
        run(Stage("lose", lose_a_row), sources, tmp_path / "out")


def test_a_missing_column_is_named(tmp_path: Path, sources: list[Path]) -> None:
    with pytest.raises(RunError, match=r"column\(s\) answer are missing"):
        run(Stage("double", double, {"factor": 2}, reads=("answer",), setup=factor), sources, tmp_path / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_in_a_stage_names_stage_and_part(tmp_path: Path, sources: list[Path], workers: int) -> None:
    with pytest.raises(RunError, match=r"Stage 'divide' failed on .*part-\d\.parquet: ZeroDivisionError: by zero"):
        run(Stage("divide", divide), sources, tmp_path / "out", workers=workers)


def test_a_worker_that_dies_is_told_in_a_sentence(tmp_path: Path, sources: list[Path]) -> None:
    with pytest.raises(RunError, match="a worker process died"):
        run(Stage("die", die), sources, tmp_path / "out", workers=2)


def test_a_stage_that_needs_more_memory_than_two_workers_have_runs_in_this_process(
    tmp_path: Path, sources: list[Path]
) -> None:
    greedy = Stage("where", where, needs=Needs(memory_gib=1e6))
    parts = run(greedy, sources[:2], tmp_path / "out", workers=2)
    assert {pl.read_parquet(part.path)["process"][0] for part in parts} == {os.getpid()}


def test_parts_of_the_same_name_are_refused(tmp_path: Path, sources: list[Path]) -> None:
    with pytest.raises(RunError, match="same name"):
        run(STAGE, [sources[0], sources[0]], tmp_path / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_at_every_part_boundary_gives_the_same_bytes(
    tmp_path: Path, sources: list[Path], workers: int
) -> None:
    """SIGKILL from outside as soon as the n-th part stands, then the same command again, for every n."""
    slow = Stage("double", double, {"factor": 2, "seconds": 0.15}, reads=("number",), writes=("double",), setup=factor)
    run(slow, sources, tmp_path / "whole")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from afya.executor import Stage, run; import test_executor as t\n"
        "slow = Stage('double', t.double, {'factor': 2, 'seconds': 0.15}, reads=('number',), writes=('double',),"
        " setup=t.factor)\n"
        "if __name__ == '__main__': run(slow, sorted(Path(sys.argv[2]).iterdir()), Path(sys.argv[3]),"
        " workers=int(sys.argv[4]))\n"
    )
    file = tmp_path / "command.py"
    file.write_text(script)
    out = tmp_path / "killed"
    command = [sys.executable, str(file), str(Path(__file__).parent), str(sources[0].parent), str(out), str(workers)]
    for wanted in range(1, PARTS):
        process = subprocess.Popen(command, start_new_session=True)
        deadline = time.monotonic() + 60
        while len(list(out.glob("*.json"))) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, check=False).returncode == 0
    assert sha256_path(out) == sha256_path(tmp_path / "whole")

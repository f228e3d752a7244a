"""The executor over Ray: on this machine alone, and on a cluster of two nodes of which workers and a node die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("ray", reason="Ray is not installed")

from afya.errors import EngineError, RunError
from afya.executor import Needs, Output, Stage, run, worker_number
from afya.runs import Rejection, sha256_path

PARTS = 8
SMALL = Needs(memory_gib=0.1)


def halve(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """Halves even numbers, rejects odd ones; the first time a part named in `dies_on` is met, its process is killed."""
    first = int(frame["number"][0])
    mark = Path(config["marks"]) / f"died-{first}"
    if first in config["dies_on"] and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(config["seconds"])
    (Path(config["marks"]) / f"done-{first}-{os.getpid()}").touch()
    even = frame.filter(pl.col("number") % 2 == 0).with_columns(half=pl.col("number") // 2 + (state or 0))
    odd = frame.filter(pl.col("number") % 2 == 1)["number"]
    return Output(even, tuple(Rejection("halve", f"n:{number}", "odd") for number in odd))


def refuse(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    raise RunError("The seventh row is not what it should be.", hint="Mend it.")


def offset(config: Mapping[str, Any]) -> int:
    (Path(config["marks"]) / f"set-up-{worker_number()}-{os.getpid()}").touch()
    return int(config["offset"])


def stage(marks: Path, *, dies_on: tuple[int, ...] = (), seconds: float = 0.0, set_up: bool = False) -> Stage:
    marks.mkdir(exist_ok=True)
    config = {"marks": str(marks), "dies_on": list(dies_on), "seconds": seconds, "offset": 7}
    return Stage("halve", halve, config, ("number",), ("half",), offset if set_up else None, SMALL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes on loopback, each a process of its own with one CPU."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Worker processes import this file by its name.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    sys.path.insert(0, str(Path(__file__).parent))
    small: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "memory": 2**30}
    nodes: Any = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    second = nodes.add_node(**small)
    nodes.wait_for_nodes()
    cluster_state["second"], cluster_state["nodes"] = second, nodes
    yield nodes.address
    stop: Any = ray.shutdown
    stop()
    nodes.shutdown()


cluster_state: dict[str, Any] = {}


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(PARTS):
        pl.DataFrame({"number": range(index * 10, index * 10 + 10)}).write_parquet(folder / f"part-{index}.parquet")
    return sorted(folder.iterdir())


def _bytes(folder: Path) -> dict[str, str]:
    return {file.name: sha256_path(file) for file in folder.iterdir() if file.suffix == ".parquet"}


def test_tasks_give_the_same_bytes_as_this_process_though_workers_are_killed(
    tmp_path: Path, sources: list[Path], cluster: str
) -> None:
    here = tmp_path / "marks"
    plain = run(stage(here), sources, tmp_path / "here")
    killed = run(stage(here, dies_on=(20, 50)), sources, tmp_path / "ray", ray=cluster)
    assert {file.name for file in here.glob("died-*")} == {"died-20", "died-50"}
    assert _bytes(tmp_path / "ray") == _bytes(tmp_path / "here")
    assert [part.rejections for part in killed] == [part.rejections for part in plain]
    assert [part.path for part in killed] == [tmp_path / "ray" / source.name for source in sources]


def test_actors_are_set_up_once_each_and_a_killed_one_is_replaced(
    tmp_path: Path, sources: list[Path], cluster: str
) -> None:
    marks = tmp_path / "marks"
    run(stage(marks, set_up=True), sources, tmp_path / "here")
    for file in marks.iterdir():
        file.unlink()
    run(stage(marks, dies_on=(30,), seconds=0.1, set_up=True), sources, tmp_path / "ray", workers=2, ray=cluster)
    assert _bytes(tmp_path / "ray") == _bytes(tmp_path / "here")
    started = sorted(file.name.split("-")[2] for file in marks.glob("set-up-*"))
    # Two workers, numbered from 0, one of them set up again after it was killed.
    assert set(started) == {"0", "1"}
    assert len(started) == 3


def test_finished_parts_are_not_done_again_on_the_cluster(tmp_path: Path, sources: list[Path], cluster: str) -> None:
    marks = tmp_path / "marks"
    run(stage(marks), sources[:5], tmp_path / "out")
    before = set(marks.iterdir())
    seen: list[bool] = []
    run(stage(marks), sources, tmp_path / "out", ray=cluster, on_part=lambda _, old: seen.append(old))
    assert sorted(seen) == [False] * 3 + [True] * 5
    assert {file.name.split("-")[1] for file in set(marks.iterdir()) - before} == {"50", "60", "70"}


def test_an_error_of_the_stage_arrives_as_it_was_raised(tmp_path: Path, sources: list[Path], cluster: str) -> None:
    with pytest.raises(RunError, match=r"seventh row.*Mend it\."):
        run(Stage("refuse", refuse, needs=SMALL), sources, tmp_path / "out", ray=cluster)


def test_a_stage_too_large_for_every_node_is_refused(tmp_path: Path, sources: list[Path], cluster: str) -> None:
    with pytest.raises(EngineError, match="room for one worker"):
        run(Stage("halve", halve, needs=Needs(memory_gib=900)), sources, tmp_path / "out", ray=cluster)


def test_a_dataset_built_on_the_cluster_is_the_one_built_here(tmp_path: Path, cluster: str) -> None:
    from afya.data.build import build
    from afya.data.recipe import Recipe
    from afya.datafiles import validate

    settings = {
        "name": "try",
        "sources": [{"name": "cases", "synthetic": {"vignettes": {"train": 40, "dev": 5}, "langs": "en,sw"}}],
        **dict.fromkeys(("screen", "normalise", "exact_duplicates", "near_duplicates"), True),
        "balance": {"rows_per_language": 30},
        "split": {"test": 0.2},
    }
    recipe = validate(settings, Recipe, "the test's recipe")
    here = build(recipe, tmp_path / "here", part_rows=16)
    there = build(recipe, tmp_path / "there", part_rows=16, ray=cluster)
    assert here.ledger.rows_out["publish"] > 0
    assert sha256_path(tmp_path / "there") == sha256_path(tmp_path / "here")
    assert there.ledger.rejections == here.ledger.rejections


def test_a_node_that_dies_is_not_missed(tmp_path: Path, sources: list[Path], cluster: str) -> None:
    import threading

    marks = tmp_path / "marks"
    run(stage(marks), sources, tmp_path / "here")
    killer = threading.Timer(
        1.0, lambda: cluster_state["nodes"].remove_node(cluster_state["second"], allow_graceful=False)
    )
    killer.start()
    run(stage(marks, seconds=0.5), sources, tmp_path / "ray", ray=cluster)
    killer.join()
    assert _bytes(tmp_path / "ray") == _bytes(tmp_path / "here")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:none"])
def test_an_address_without_a_cluster_is_an_error_in_a_sentence(address: str) -> None:
    # Another process: this one has joined a cluster already.
    code = "import sys; from afya.cluster import connect; connect(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, timeout=60)
    assert f"EngineError: No Ray cluster answers at '{address}'" in done.stderr

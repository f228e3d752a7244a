"""Run a stage over parts: in this process, over a pool of processes, or over a Ray cluster, with the same bytes.

A stage is a pure function from one part (a Parquet file, read as a Polars frame) to one part. It knows nothing of where
it runs. State is files only: a part is done when its small manifest, keyed by input, configuration and code version,
has been renamed into place; whatever was killed before that is done again.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya import __version__
from afya.errors import AfyaError, RunError
from afya.runs import (
    Ledger,
    Rejection,
    canonical,
    memory_gib,
    read_json,
    sha256_path,
    sha256_text,
    sweep,
    write_frame,
    write_json,
)

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

    import polars as pl

Setup = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Output:
    """What a stage made of one part: the rows it passes on, and one rejection for each row it does not.

    `made`: how many rows it was to add to those it was given (translations asked for), passed on or rejected.
    """

    frame: pl.DataFrame
    rejections: tuple[Rejection, ...] = ()
    made: int = 0


@dataclass(frozen=True)
class Needs:
    """What one worker of a stage needs. The process pool is sized by it."""

    memory_gib: float = 1.0
    gpus: int = 0


@dataclass(frozen=True)
class Stage:
    """A named pure function over parts.

    `function(frame, config, state)` must be importable by name (worker processes import it). `config` must be plain
    JSON values: it is part of each part's key. `setup(config)` runs once a worker; what it returns is `state`.
    `version` is raised when the function's meaning changes, so that old parts are done again.
    """

    name: str
    function: Callable[[pl.DataFrame, Mapping[str, Any], Any], Output]
    config: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    setup: Setup | None = None
    needs: Needs = Needs()
    version: int = 1

    def key(self, source: Path) -> str:
        """The identity of the part that this stage makes from `source`."""
        described = [self.name, self.version, __version__, canonical(dict(self.config)), sha256_path(source)]
        return sha256_text(canonical(described))


@dataclass(frozen=True)
class Part:
    """A finished part: its file, and the account of its rows."""

    path: Path
    rows_in: int
    rows_out: int
    rejections: tuple[Rejection, ...]
    rows_made: int = 0


def run(
    stage: Stage,
    sources: Sequence[Path],
    out: Path,
    *,
    workers: int = 1,
    ray: str | None = None,
    pool: Pool | None = None,
    on_part: Callable[[Part, bool], None] | None = None,
) -> list[Part]:
    """Run `stage` over the files `sources`, writing `out/{stem}.parquet`; finished parts are not done again.

    Args:
        workers: processes to use, fewer where memory is too small for what the stage needs; 1 runs in this process.
            With `ray`, how many workers are set up for a stage that has a `setup`.
        ray: a Ray cluster's address, or "local"; then `sources` and `out` must lie where all its nodes see them.
        pool: worker processes that several stages share, so that they start once; a stage that needs more than usual
            has its own.
        on_part: called with each finished part, in the order in which they finish, and whether it had been done before.

    Returns:
        The parts in the order of `sources`.

    Raises:
        RunError: a part failed, a worker died, or a part's account does not add up. Parts finished so far stand.
        EngineError: the cluster cannot be reached or has no room for the stage.
    """
    stems = [source.stem for source in sources]
    if len(set(stems)) < len(stems):
        raise RunError(
            f"Stage '{stage.name}': two parts have the same name.", hint="Give the input files distinct names."
        )
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    done: dict[Path, Part] = {}
    for part, source, fresh in _work(stage, sources, out, workers, ray, pool):
        done[source] = part
        if on_part is not None:
            on_part(part, not fresh)
    return [done[source] for source in sources]


def ledger_of(stage: Stage, parts: Sequence[Part], ledger: Ledger | None = None) -> Ledger:
    """The parts' accounts added to `ledger` (or to a new one), checked."""
    ledger = ledger or Ledger()
    for part in parts:
        ledger.add(stage.name, part.rows_in, part.rows_out, part.rejections, made=part.rows_made)
    ledger.check()
    return ledger


def _affordable(stage: Stage, workers: int) -> int:
    """How many of `workers` fit into this machine's memory, at least one."""
    memory = memory_gib()
    return workers if memory is None else max(1, min(workers, int(memory // stage.needs.memory_gib)))


def _work(
    stage: Stage, sources: Sequence[Path], out: Path, workers: int, ray: str | None, pool: Pool | None
) -> Iterator[tuple[Part, Path, bool]]:
    waiting = []
    for source in sources:
        part = _finished(stage, source, out)
        if part is None:
            waiting.append(source)
        else:
            yield part, source, False
    if not waiting:
        return
    if ray is not None:
        from afya.cluster import over_ray

        made = over_ray(
            ray,
            [source.resolve() for source in waiting],
            partial(_do, stage, out.resolve()),
            setup=None if stage.setup is None else partial(_set_up, stage),
            workers=workers,
            memory_gib=stage.needs.memory_gib,
            gpus=stage.needs.gpus,
        )
        named = {source.resolve(): source for source in waiting}
        for absolute, part in made:
            yield replace(part, path=out / part.path.name), named[absolute], True
        return
    workers = _affordable(stage, workers)
    if workers <= 1:
        state = _set_up(stage, 0)
        for source in waiting:
            yield _do(stage, out, source, state), source, True
        return
    if pool is not None and stage.needs == Needs():
        yield from _over_processes(stage, waiting, out, pool)
        return
    with Pool(min(workers, len(waiting))) as own:
        yield from _over_processes(stage, waiting, out, own)


class Pool:
    """Worker processes, started when they are first asked for something. A context manager."""

    def __init__(self, workers: int) -> None:
        # Spawned, not forked: torch and Polars hold threads, and a forked copy of them may hang.
        context = multiprocessing.get_context("spawn")
        started = context.Value("i", 0)
        self.processes = ProcessPoolExecutor(workers, mp_context=context, initializer=_number, initargs=(started,))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.processes.shutdown()


def _over_processes(stage: Stage, waiting: Sequence[Path], out: Path, pool: Pool) -> Iterator[tuple[Part, Path, bool]]:
    futures = {pool.processes.submit(_do_in_worker, stage, source, out): source for source in waiting}
    try:
        for future in as_completed(futures):
            yield future.result(), futures[future], True
    except BrokenProcessPool:
        raise RunError(
            f"Stage '{stage.name}': a worker process died (out of memory, or killed).",
            hint="Run the same command again to continue; with fewer workers if memory was short.",
        ) from None
    finally:
        for future in futures:
            future.cancel()


# The stage that this worker process is set up for, as it was told, and its state.
_ready: tuple[bytes, Any] | None = None
_worker_number = 0


def worker_number() -> int:
    """The number of this worker among those of the stage, from 0: which of several endpoints it is to ask."""
    return _worker_number


def _set_up(stage: Stage, number: int) -> Any:
    global _worker_number
    _worker_number = number
    return stage.setup(stage.config) if stage.setup else None


def _number(started: Synchronized[int]) -> None:
    global _worker_number
    with started.get_lock():
        _worker_number = started.value
        started.value += 1


def _do_in_worker(stage: Stage, source: Path, out: Path) -> Part:
    global _ready
    told = pickle.dumps(stage)
    if _ready is None or _ready[0] != told:
        # First let go of what the stage before held.
        _ready = None
        _ready = told, _set_up(stage, _worker_number)
    return _do(stage, out, source, _ready[1])


def _do(stage: Stage, out: Path, source: Path, state: Any) -> Part:
    import polars as pl

    key = stage.key(source)
    try:
        frame = pl.read_parquet(source)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(f"{source}: cannot be read as Parquet ({error}).") from error
    _require_columns(stage, stage.reads, frame, source)
    try:
        output = stage.function(frame, stage.config, state)
    except AfyaError:
        raise
    except Exception as error:
        raise RunError(f"Stage '{stage.name}' failed on {source}: {type(error).__name__}: {error}") from error
    _require_columns(stage, stage.writes, output.frame, source)
    if frame.height + output.made != output.frame.height + len(output.rejections):
        made = f"{output.made} made, " if output.made else ""
        raise RunError(
            f"Stage '{stage.name}' on {source}: {frame.height} rows in, {made}{output.frame.height} out, "
            f"{len(output.rejections)} rejected; that does not add up."
        )
    path = out / f"{source.stem}.parquet"
    write_frame(path, output.frame)
    # Last: this file is what says that the part is done.
    write_json(
        out / f"{source.stem}.json",
        {
            "key": key,
            "rows_in": frame.height,
            "rows_out": output.frame.height,
            "rows_made": output.made,
            "sha256": sha256_path(path),
            "rejections": [[entry.stage, entry.item_id, entry.reason, entry.detail] for entry in output.rejections],
        },
    )
    return Part(path, frame.height, output.frame.height, output.rejections, output.made)


def _finished(stage: Stage, source: Path, out: Path) -> Part | None:
    path, manifest = out / f"{source.stem}.parquet", out / f"{source.stem}.json"
    if not (path.exists() and manifest.exists()):
        return None
    told = read_json(manifest)
    if told["key"] != stage.key(source) or told["sha256"] != sha256_path(path):
        return None
    rejections = tuple(Rejection(*entry) for entry in told["rejections"])
    return Part(path, told["rows_in"], told["rows_out"], rejections, told["rows_made"])


def _require_columns(stage: Stage, wanted: tuple[str, ...], frame: pl.DataFrame, source: Path) -> None:
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise RunError(f"Stage '{stage.name}' on {source}: column(s) {', '.join(missing)} are missing.")

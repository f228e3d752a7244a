"""The tables at the top of a run folder, made from its parts: items, replies, timings, scores, measures.

Scores are made anew from what models said whenever they are wanted; nobody is asked again. Work goes pair by pair (a
prompt part and the reply part that answers it), over processes where there is much of it, and is never all in memory.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.scoring.measures import measure_part, measures_schema
from afya.bench.scoring.score import OPEN_KINDS, READ, Normalise, score_part, scores_schema
from afya.bench.scoring.score import STAGE as SCORES
from afya.runs import Ledger, read_json, sink_frame, write_frame

if TYPE_CHECKING:
    import polars as pl

    from afya.bench.tasks.selection import Chosen

ITEMS = "items.parquet"
PAIRS = "pairs.json"
"""In `parts`: which reply part answers which prompt part, in the order of replies.parquet."""

SCORERS = "scorers.json"
"""In `parts`: where on this machine the scorers lie that the manifest names."""

_ITEM_ROWS = 20_000
# Fewer replies than this are scored sooner than worker processes start.
_WORTH_PROCESSES = 20_000
_APART = ("latency_s", "cached")


@dataclass(frozen=True)
class Pair:
    """A prompt part, and a model's replies to it."""

    prompts: Path
    replies: Path

    def within(self, run: Path) -> tuple[str, str]:
        """The two paths from the run folder on."""
        return self.prompts.relative_to(run).as_posix(), self.replies.relative_to(run).as_posix()


@dataclass(frozen=True)
class Measuring:
    """How replies to open tasks are measured: by task, the names of measures and a scorer of the user's own."""

    measures: Mapping[str, tuple[str, ...]]
    scorers: Mapping[str, str]


def measuring_of(folder: Path, manifest: Mapping[str, Any]) -> Measuring:
    """How a run measures its open tasks, as its folder says."""
    measures = {name: tuple(entry["measures"]) for name, entry in manifest.get("measuring", {}).items()}
    located = folder / "parts" / SCORERS
    return Measuring(measures, read_json(located) if located.exists() else {})


def write_items(path: Path, chosen: Iterable[Chosen]) -> None:
    """Keep the items themselves, each once, so that a report can show them when the datasets are gone."""
    import polars as pl

    if path.exists():
        return
    place = path.parent / "parts" / "items"
    files: list[Path] = []
    seen: set[str] = set()
    for some in chosen:
        for frame in some.frames(_ITEM_ROWS):
            fresh = frame.filter(~pl.col("item_id").is_in(list(seen))) if seen else frame
            seen.update(fresh["item_id"].to_list())
            files.append(place / f"p-{len(files):05d}.parquet")
            write_frame(files[-1], fresh)
    sink_frame(path, pl.scan_parquet(files))
    shutil.rmtree(place)


def join(
    folder: Path, pairs: Sequence[Pair], normalise: Normalise, measuring: Measuring, ledger: Ledger | None = None
) -> int:
    """Write replies, timings, scores and measures of all pairs, in their order; returns the number of scores."""
    import polars as pl

    replies = pl.scan_parquet([pair.replies for pair in pairs])
    sink_frame(folder / "replies.parquet", replies.drop(_APART))
    sink_frame(folder / "timings.parquet", replies.select("model", "setting", "item_id", "rotation", *_APART))
    return score_pairs(folder, pairs, normalise, measuring, ledger)


def score_pairs(
    folder: Path, pairs: Sequence[Pair], normalise: Normalise, measuring: Measuring, ledger: Ledger | None = None
) -> int:
    """Write scores.parquet and measures.parquet, and account for every reply; returns the number of scores."""
    import polars as pl

    place = folder / "parts" / "scored"
    shutil.rmtree(place, ignore_errors=True)
    rows = int(pl.scan_parquet([pair.replies for pair in pairs]).select(pl.len()).collect().item())
    scored: list[Path] = []
    measured: list[Path] = []
    total = 0
    for number, (scores, measures) in enumerate(_scored(pairs, rows, normalise, measuring, folder / ITEMS)):
        scored.append(place / f"scores-{number:05d}.parquet")
        write_frame(scored[-1], scores)
        total += scores.height
        if measures.height:
            measured.append(place / f"measures-{number:05d}.parquet")
            write_frame(measured[-1], measures)
        if ledger is not None:
            for (model, setting), part in scores.group_by("model", "setting", maintain_order=True):
                ledger.add(f"{SCORES}:{model}:{setting}", part.height, part.height)
    sink_frame(folder / "scores.parquet", pl.scan_parquet(scored, schema=scores_schema()))
    if measured:
        sink_frame(folder / "measures.parquet", pl.scan_parquet(measured))
    else:
        (folder / "measures.parquet").unlink(missing_ok=True)
    shutil.rmtree(place)
    return total


def _scored(
    pairs: Sequence[Pair], rows: int, normalise: Normalise, measuring: Measuring, items: Path
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Scores and measures of the pairs in order, several pairs at a time where they are small."""
    some = max(1, len(pairs) * _ITEM_ROWS // max(rows, 1))
    groups = [pairs[low : low + some] for low in range(0, len(pairs), some)]
    work = partial(_score_some, normalise=normalise, measuring=measuring, items=items)
    workers = min(os.cpu_count() or 1, len(groups))
    if rows < _WORTH_PROCESSES or workers < 2:
        yield from map(work, groups)
        return
    # Spawned: a forked copy of a process that has run Polars' threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, groups)


def _score_some(
    pairs: Sequence[Pair], normalise: Normalise, measuring: Measuring, items: Path
) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    scores, measures = [], [pl.DataFrame(schema=measures_schema())]
    for pair in pairs:
        prompts = pl.read_parquet(pair.prompts, columns=list(READ))
        replies = pl.read_parquet(pair.replies)
        scores.append(score_part(prompts, replies, normalise))
        if prompts.height and prompts["kind"][0] in OPEN_KINDS:
            measures.append(measure_part(prompts, replies, measuring.measures, measuring.scorers, items=items))
    return pl.concat(scores), pl.concat(measures)

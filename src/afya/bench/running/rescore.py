"""Scoring a finished run again, with the extraction and the rules of today; no model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.running.outputs import PAIRS, Pair, measuring_of, score_pairs
from afya.bench.scoring.score import NORMALISATIONS, Normalise
from afya.bench.scoring.verdicts import overrule
from afya.errors import ConfigError, DataError
from afya.runs import Ledger, read_json, write_json

if TYPE_CHECKING:
    import polars as pl

_SIDE = ("model", "setting", "item_id", "rotation")


@dataclass(frozen=True)
class Rescored:
    """What scoring again changed. `changed`: model, setting, item_id, rotation, outcome before and after."""

    folder: Path
    rows: int
    changed: pl.DataFrame


def rescore(run: Path, normalise: Normalise | None = None) -> Rescored:
    """Write a run folder's scores and measures anew from its prompt and reply parts.

    Args:
        normalise: None keeps what the run was made with.

    Raises DataError for a folder that holds no finished run or has lost parts.
    """
    import polars as pl

    manifest = _manifest(run)
    made_with = manifest["recipe"].get("normalise", "none")
    used = made_with if normalise is None else normalise
    if used not in NORMALISATIONS:
        raise ConfigError(f"There is no normalisation '{used}'.", hint=f"Known: {', '.join(NORMALISATIONS)}.")
    pairs = _pairs(run)
    scores = run / "scores.parquet"
    before = pl.read_parquet(scores, columns=[*_SIDE, "outcome"]) if scores.exists() else None
    ledger = Ledger()
    rows = score_pairs(run, pairs, used, measuring_of(run, manifest), ledger)
    ledger.check()
    overrule(run)
    after = pl.read_parquet(scores, columns=[*_SIDE, "outcome"])
    changed = after.clear().with_columns(outcome_before=pl.lit(None, pl.String))
    if before is not None:
        changed = after.join(before, on=list(_SIDE), how="left", suffix="_before").filter(
            pl.col("outcome").ne_missing(pl.col("outcome_before"))
        )
    write_json(run / "manifest.json", {**manifest, "rescored": {"normalise": used, "rows": rows}})
    return Rescored(run, rows, changed)


def _manifest(run: Path) -> dict[str, Any]:
    file = run / "manifest.json"
    if not file.exists():
        raise DataError(f"{run}: no run folder.", hint="Name a folder that 'afya bench run' wrote.")
    manifest: dict[str, Any] = read_json(file)
    if not str(manifest.get("command", "")).startswith("bench"):
        raise DataError(f"{run}: holds a run of '{manifest.get('command')}', not of 'afya bench'.")
    return manifest


def _pairs(run: Path) -> Sequence[Pair]:
    """The prompt and reply parts of a run, model by model as replies.parquet has them."""
    listed = run / "parts" / PAIRS
    if not listed.exists():
        raise DataError(
            f"{run}: the run is not finished, or its parts are gone.",
            hint="Start the same 'afya bench run' command again.",
        )
    pairs = [Pair(run / prompts, run / replies) for prompts, replies in read_json(listed)]
    lost = [path for pair in pairs for path in (pair.prompts, pair.replies) if not path.exists()]
    if lost:
        raise DataError(
            f"{run}: {len(lost)} parts are gone, the first is {lost[0].relative_to(run)}.",
            hint="Start the same 'afya bench run' command again.",
        )
    return pairs

"""What judging left: the tables at the top of the run, judging.json, and what is printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.judging.judge_agreement import Compared, Gate, among_judges, among_physicians, with_physicians
from afya.bench.judging.judge_families import Known, family_notes, lineage
from afya.bench.judging.judge_labels import Labels
from afya.bench.judging.judge_questions import Written, askings_of, criteria
from afya.bench.judging.judge_scores import Mean, majorities, means, ordered, score_replies, withhold
from afya.bench.judging.judge_specs import ModelSpec
from afya.bench.judging.judge_wording import ASKINGS, REASONS, wording
from afya.runs import Ledger, read_json, sha256_path, write_frame, write_json

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class JudgingResult:
    """What was judged. `missing`: by judge, why verdicts are missing; `notes`: sentences to print beside the table."""

    folder: Path
    means: tuple[Mean, ...]
    between: tuple[Compared, ...]
    physicians: tuple[Compared, ...]
    verdicts: Mapping[str, int]
    missing: Mapping[str, Mapping[str, int]]
    cost_usd: Mapping[str, float | None]
    notes: tuple[str, ...]
    ledger: Ledger


def finish(
    run: Path,
    written: Written,
    specs: Sequence[ModelSpec],
    frames: Sequence[pl.DataFrame],
    labels: Labels | None,
    threshold: float | None,
    ledger: Ledger,
) -> JudgingResult:
    """Write the three files at the top of the run, and what to print."""
    import polars as pl

    judgements = pl.concat(list(frames))
    write_frame(run / "judgements.parquet", judgements)
    columns = ("judge", "model", "setting", "task", "item_id", "group_id", "lang", "kind", "asking", "criterion")
    verdicts = judgements.select(*columns, "points", "verdict")
    between = among_judges(verdicts) if len(specs) > 1 else []
    if len(specs) > 1:
        verdicts = pl.concat([verdicts, majorities(verdicts)])
    compared = [] if labels is None else with_physicians(verdicts, labels)
    gate = Gate.of(compared, threshold)
    scores = withhold(score_replies(verdicts, _failed(written)), gate)
    write_frame(run / "judged.parquet", scores)
    rows = ordered(means(scores, gate))
    models = _models(run, written)
    notes = family_notes([judge.known for judge in specs], models)
    notes += _notes(specs, labels, judgements)
    missing = {
        judge.name: {
            reason: int(count)
            for reason in REASONS
            if (count := frame.filter(pl.col("reason") == reason).height)
        }
        for judge, frame in zip(specs, frames, strict=True)
    }  # fmt: skip
    costs = {judge.name: _cost(frame) for judge, frame in zip(specs, frames, strict=True)}
    result = JudgingResult(
        run, tuple(rows), tuple(between), tuple(compared),
        {judge.name: frame.height for judge, frame in zip(specs, frames, strict=True)},
        missing, costs, tuple(notes), ledger,
    )  # fmt: skip
    write_json(run / "judging.json", _told(result, specs, labels, gate, written))
    return result


def _failed(written: Written) -> pl.DataFrame:
    """The replies that are errors, a row for each asking that their item would have raised."""
    import polars as pl

    rows = []
    for row in written.replies.filter(pl.col("error").is_not_null()).iter_rows(named=True):
        found = {criterion.asking for criterion in criteria(written.items[row["item_id"]])}
        rows += [{**row, "asking": asking} for asking in ASKINGS if asking in found]
    schema = {**written.replies.schema, "asking": pl.String()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _models(run: Path, written: Written) -> list[Known]:
    """The judged models, with what the run's manifest knows of them."""
    names = written.replies["model"].unique(maintain_order=True).to_list()
    manifest = run / "manifest.json"
    told: dict[str, Any] = {}
    if manifest.exists():
        entries = read_json(manifest).get("recipe", {}).get("models", [])
        told = {entry["name"]: entry for entry in entries if isinstance(entry, dict) and "name" in entry}
    return [
        Known(
            name,
            tuple(str(told[name][key]) for key in ("spec", "identity") if key in told[name]),
            told[name].get("sha256"),
        )
        if name in told
        else Known(name)
        for name in names
    ]


def _notes(specs: Sequence[ModelSpec], labels: Labels | None, judgements: pl.DataFrame) -> list[str]:
    import polars as pl

    notes = []
    if len(specs) == 1:
        notes.append("One judge: nothing says how much hangs on the choice of judge. Name two more with --judge.")
    elif len(specs) % 2 == 0:
        notes.append(
            "An even number of judges: where they are split there is no majority, and the reply has no majority score."
        )
    if labels is None:
        notes.append("Scores are not validated against physicians: give their labels with --labels.")
    else:
        if labels.unknown:
            notes.append(f"{labels.unknown:,} of {labels.rows:,} labels are about no reply of this run.")
        if labels.undecided:
            notes.append(f"On {labels.undecided:,} units the physicians have no majority; they are left out.")
    waiting = judgements.filter(pl.col("finish_reason") == "unavailable").height
    if waiting:
        notes.append(f"{waiting:,} questions got no answer; the same command asks them again.")
    if not all(wording(name).reviewed for name in judgements["asking"].unique()):
        notes.append("The judges' instructions were not reviewed by a physician (reviewed: false).")
    return notes


def _cost(frame: pl.DataFrame) -> float | None:
    """What a judge's replies cost: each question once. None where no price was known."""
    once = frame.unique("key", keep="first", maintain_order=True)["cost_usd"]
    return math.fsum(once.drop_nulls().to_list()) if once.is_not_null().any() else None


def _told(
    result: JudgingResult, specs: Sequence[ModelSpec], labels: Labels | None, gate: Gate, written: Written
) -> dict[str, object]:
    """judging.json."""
    judges = []
    for judge in specs:
        found = lineage(judge.known)
        judges.append(
            {
                "name": judge.name,
                "engine": judge.engine,
                "sha256": judge.sha256,
                "options": judge.shaping,
                "families": list(found.families) if found else None,
                "provider": found.provider if found else None,
                "questions": result.verdicts[judge.name],
                "missing": dict(result.missing[judge.name]),
                "cost_usd": result.cost_usd[judge.name],
            }
        )
    askings = askings_of(list(written.items.values()))
    return {
        "replies_sha256": sha256_path(result.folder / "replies.parquet"),
        "judges": judges,
        "askings": {
            name: {
                "sha256": wording(name).sha256,
                "threshold": gate.thresholds[name],
                "reviewed": wording(name).reviewed,
            }
            for name in askings
        },
        "replies": written.replies.height,
        "items_without_criteria": written.unjudged,
        "between_judges": [row.plain() for row in result.between],
        "with_physicians": [row.plain() for row in result.physicians],
        "labels": None
        if labels is None
        else {
            "file": labels.path.name,
            "sha256": labels.sha256,
            "rows": labels.rows,
            "units": len(labels.units),
            "unknown": labels.unknown,
            "undecided": labels.undecided,
            "among_physicians": {name: asdict(found) for name, found in among_physicians(labels).items()},
        },
        "means": [asdict(row) for row in result.means],
        "notes": list(result.notes),
    }

"""Judging a run's written replies: ask each judge about each fact or criterion, compare judges, score, withhold.

    judging/{id}/            a run folder of its own: questions and judges' replies in parts; {id} names what was asked
    judgements.parquet       every verdict with the judge's text, or why there is none
    judged.parquet           scores of replies, by judge and by the majority of several
    judging.json             judges, families, agreement with one another and with physicians, threshold, means, cost

A run that was killed and continued gives the same bytes. Labels and threshold are no part of what is asked: with other
ones the same command asks nobody again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from afya import executor
from afya.bench.judging.judge_agreement import Gate
from afya.bench.judging.judge_labels import read_labels
from afya.bench.judging.judge_questions import Written, askings_of, questions_schema, write_questions, written_replies
from afya.bench.judging.judge_replies import (
    STAGE,
    Judge,
    judge_part,
    judged_parts_schema,
    kept_replies,
    reopen,
    with_verdicts,
)
from afya.bench.judging.judge_results import JudgingResult, finish
from afya.bench.judging.judge_specs import ModelSpec, judge_specs
from afya.bench.judging.judge_wording import wording
from afya.bench.running.costs import Projection, budget_for, project
from afya.models.cost import Budget
from afya.models.load import load_model
from afya.models.remote import RemoteModel
from afya.runs import Ledger, RunFolder, canonical, sha256_path, sha256_text, write_frame

if TYPE_CHECKING:
    import polars as pl

PART_ROWS = 200

Progress = Callable[[str, int, int], None]


def judge_run(
    run: Path,
    judges: Sequence[str],
    *,
    labels: Path | None = None,
    threshold: float | None = None,
    options: Mapping[str, object] | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    budget_usd: float | None = None,
    part_rows: int = PART_ROWS,
    on_progress: Progress | None = None,
) -> JudgingResult:
    """Judge the written replies of a run folder; continue where an earlier call was stopped.

    Args:
        judges: specs such as "openai:NAME" or "hf:FOLDER", each optionally named: "strict=openai:NAME".
        labels: physicians' labels, CSV or JSON lines (judge_labels.py).
        threshold: Krippendorff's alpha with physicians below which no score is shown; None: the wording's own.
        max_tokens: the longest reply of a judge, its thinking included; None: the wording's own.
        budget_usd: what the judging may cost, from its first start on; every judge's price must be known then.

    Raises:
        ConfigError, DataError: the request or the labels are impossible; nobody was asked yet.
        EngineError: a judge cannot be loaded or reached. RunError: the budget is spent. What was done stands.
    """
    specs = judge_specs(judges, dict(options or {}))
    prices = [(judge.name, judge.price) for judge in specs]
    budget_for(budget_usd, prices, 0.0)
    Gate.of((), threshold)
    written = written_replies(run)
    recipe = _recipe(run, written, max_tokens, temperature, seed, part_rows)
    place = run / "judging" / sha256_text(canonical(recipe))[:12]
    with RunFolder.open(place, "bench judge", recipe, seed=seed) as folder:
        ledger = Ledger()
        sources = write_questions(written, folder.parts / "questions", part_rows, ledger, max_tokens)
        questions = _read(sources, questions_schema()).drop("messages")
        told = None if labels is None else read_labels(labels, questions)
        kept = {judge.name: kept_replies(_parts_of(run, judge)) for judge in specs}
        spent = math.fsum(_dollars(row) for rows in kept.values() for row in rows.values())
        budget = budget_for(budget_usd, prices, spent)
        folder.event("started", judges=[judge.name for judge in specs], questions=questions.height)
        frames = []
        for judge in specs:
            config = _config(judge, temperature, seed)
            parts = _ask(folder, judge, config, sources, kept[judge.name], budget, ledger, on_progress)
            frames.append(with_verdicts(_read(parts, judged_parts_schema())))
        ledger.check()
        write_frame(place / "ledger.parquet", ledger.frame())
        result = finish(run, written, specs, frames, told, threshold, ledger)
        folder.event("finished", replies=written.replies.height)
    return result


def judge_project(
    run: Path,
    judges: Sequence[str],
    *,
    options: Mapping[str, object] | None = None,
    max_tokens: int | None = None,
) -> list[Projection]:
    """What `judge_run` would ask each judge and what that would cost at most, by the language of the replies.

    Replies of judges asked before are not taken off. Raises ConfigError and DataError as `judge_run` does.
    """
    specs = judge_specs(judges, dict(options or {}))
    written = written_replies(run)
    rows: list[Projection] = []
    with TemporaryDirectory() as place:
        sources = write_questions(written, Path(place), PART_ROWS, Ledger(), max_tokens)
        for judge in specs:
            rows += project(judge.name, judge.price, sources)
    return rows


def _recipe(
    run: Path, written: Written, max_tokens: int | None, temperature: float, seed: int, part_rows: int
) -> dict[str, Any]:
    told = {name: sha256_path(run / name) for name in ("replies.parquet", "items.parquet", "scores.parquet")}
    askings = askings_of(list(written.items.values()))
    return {
        "run": told,
        "wordings": {name: wording(name).sha256 for name in askings},
        "max_tokens": {name: max_tokens or wording(name).max_tokens for name in askings},
        "temperature": temperature,
        "seed": seed,
        "part_rows": part_rows,
    }


def _config(judge: ModelSpec, temperature: float, seed: int) -> dict[str, object]:
    return {
        "judge": judge.name,
        "engine": judge.engine,
        "sha256": judge.sha256,
        "options": judge.shaping,
        "sampling": {"temperature": temperature, "seed": seed},
    }


def _parts_of(run: Path, judge: ModelSpec) -> list[Path]:
    """Where the judge's replies about this run lie, of this asking and of earlier ones."""
    return sorted((run / "judging").glob(f"*/parts/*-{judge.shaped}"))


def _dollars(row: tuple[object, ...]) -> float:
    cost = row[4]
    return cost if isinstance(cost, float) else 0.0


def _load(judge: ModelSpec, kept: dict[str, tuple[object, ...]], budget: Budget | None, _: Mapping[str, Any]) -> Judge:
    model = load_model(judge.spec, **judge.options)
    if isinstance(model, RemoteModel):
        model.budget = budget
    return Judge(model, kept)


def _ask(
    folder: RunFolder,
    judge: ModelSpec,
    config: Mapping[str, object],
    sources: Sequence[Path],
    kept: dict[str, tuple[object, ...]],
    budget: Budget | None,
    ledger: Ledger,
    on_progress: Progress | None,
) -> list[Path]:
    place = folder.parts / judge.slug
    reopen(place)
    stage = executor.Stage(
        name=f"{STAGE}:{judge.name}",
        function=judge_part,
        config=config,
        reads=tuple(questions_schema()),
        writes=tuple(judged_parts_schema()),
        setup=partial(_load, judge, kept, budget),
    )
    total = sum(_height(path) for path in sources)
    done = 0

    def told(part: executor.Part, before: bool) -> None:
        nonlocal done
        done += part.rows_out
        folder.event("part", judge=judge.name, part=part.path.stem, done_before=before)
        if on_progress is not None:
            on_progress(judge.name, done, total)
        if budget is not None:
            budget.check()

    if on_progress is not None:
        on_progress(judge.name, 0, total)
    parts = executor.run(stage, sources, place, on_part=told)
    executor.ledger_of(stage, parts, ledger)
    return [part.path for part in parts]


def _height(path: Path) -> int:
    import polars as pl

    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _read(paths: Sequence[Path], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    import polars as pl

    return pl.concat([pl.read_parquet(path) for path in paths]) if paths else pl.DataFrame(schema=dict(schema))

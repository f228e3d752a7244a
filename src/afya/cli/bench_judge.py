"""`afya bench judge`: facts and rubrics of a run's written replies, by judges that are compared with physicians."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli.bench_shared import OPTION_HELP

if TYPE_CHECKING:
    from rich.console import Console

    from afya.bench.judging.judge_results import JudgingResult
    from afya.bench.judging.judge_scores import Mean


def judge(
    run: Annotated[Path, typer.Argument(help="A run folder with written replies to K-QA or HealthBench items.")],
    judges: Annotated[
        list[str],
        typer.Option(
            "--judge",
            help="hf:FOLDER, openai:NAME, anthropic:NAME or google:NAME, optionally named: strict=openai:NAME. Three "
            "of different families are a good panel. May be repeated.",
        ),
    ],
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Physicians' labels (.csv, .jsonl): item_id, criterion, label, model ..."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Show no score of a judge whose alpha with physicians is lower. Default 0.6."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="A judge's longest reply, thinking included.")
    ] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="0: always the most probable token.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of sampling.")] = 0,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="The address of judges at an address, such as http://host:8000/v1.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help=OPTION_HELP)] = None,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", min=0.0, help="Stop before the judging costs more, in all.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and what it would cost; ask nothing.")
    ] = False,
) -> None:
    """Ask judges about each fact or rubric criterion of a run's written replies, and score what they find."""
    from rich.console import Console

    from afya.bench.judging.judge import judge_project, judge_run
    from afya.cli.bench_shared import engine_settings, print_projection, progress

    console = Console()
    options = {"base_url": base_url, **engine_settings(option or [])}
    if dry_run:
        rows = judge_project(run, judges, options=options, max_tokens=max_tokens)
        print_projection(rows, console, "questions")
        return
    with progress() as told:
        result = judge_run(
            run,
            judges,
            labels=labels,
            threshold=threshold,
            options=options,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            budget_usd=budget_usd,
            on_progress=told,
        )
    _print(result, console)
    console.print(
        f"Scores: {run / 'judged.parquet'}; every verdict: {run / 'judgements.parquet'}; agreement: "
        f"{run / 'judging.json'}",
        markup=False,
        soft_wrap=True,
    )


def _print(result: JudgingResult, console: Console) -> None:
    from afya.bench.judging.judge_agreement import NOT_VALIDATED
    from afya.cli.tables import plain, table_of

    judges = table_of("judge", "questions", "no verdict", "why", "USD", title="Judges")
    for name, count in result.verdicts.items():
        missing = result.missing[name]
        why = ", ".join(f"{reason.replace('_', ' ')} {number:,}" for reason, number in missing.items())
        cost = result.cost_usd[name]
        dollars = "not known" if cost is None else f"{cost:,.4f}"
        judges.add_row(*plain(name, f"{count:,}", f"{sum(missing.values()):,}", why, dollars))
    console.print(judges)
    if result.between:
        agreed = table_of("asked about", "language", "judges with one another", title="Agreement")
        for between in result.between:
            agreed.add_row(*plain(between.asking, between.lang, between.told))
        console.print(agreed)
    if result.physicians:
        agreed = table_of("asked about", "judge", "language", "with physicians", title="Agreement with physicians")
        for row in result.physicians:
            agreed.add_row(*plain(row.asking, row.judge or "", row.lang, row.told))
        console.print(agreed)
    scores = table_of(
        "model", "setting", "task", "language", "measure", "judge", "n", "not scored", "mean [95%]", "how far to trust",
        title="Scores (means with intervals over groups)",
    )  # fmt: skip
    for mean in result.means:
        cells = (mean.model, mean.setting, mean.task, mean.lang, mean.measure, mean.judge)
        note = mean.note if result.physicians else NOT_VALIDATED
        scores.add_row(*plain(*cells, f"{mean.n:,}", f"{mean.missing:,}", _shown(mean), note))
    console.print(scores)
    console.print(
        "kqa_comprehensiveness: share of the facts that a reply must have. kqa_hallucination: facts that it "
        "contradicts, a reply. rubric: points met over points to be had. A reply with a verdict missing is not scored.",
        markup=False,
    )
    for note in result.notes:
        console.print(note, markup=False)


def _shown(mean: Mean) -> str:
    if mean.value is None:
        return "withheld" if mean.withheld else "-"
    if mean.low is None or mean.high is None:
        return f"{mean.value:.3f}"
    return f"{mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"

"""A benchmark run: choose items, write prompts, ask models part by part, join replies, score them.

Everything stands in a run folder and is done in parts, so that a killed run continues where it was:

    parts/prompts-{set}~{setting}/     what is asked, some 500 items a part
    parts/{model}/                     what the model said to the same parts
    items.parquet                      the items that were asked about
    replies.parquet, scores.parquet    all parts joined; the same bytes however often the run was killed
    measures.parquet                   what replies to open tasks are worth, where there are such tasks
    timings.parquet                    seconds a reply, and whether it came from the cache: different in every run
    ledger.parquet, manifest.json, events.jsonl
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

from afya import executor
from afya.bench.asking import replies as reply_stage
from afya.bench.asking.cache import ReplyCache
from afya.bench.asking.prompt_parts import write_prompts
from afya.bench.asking.shots import ShotPool
from afya.bench.asking.translate_first import carry_back
from afya.bench.running.costs import Projection, budget_for, project, spent_usd
from afya.bench.running.outputs import ITEMS, PAIRS, SCORERS, Pair, join, measuring_of, write_items
from afya.bench.running.plan import Asked, Asking, ItemSet, Plan, Request, plan
from afya.bench.running.remarks import notes, remarks
from afya.bench.settings import Setting
from afya.bench.tasks.selection import STAGE as SELECT
from afya.models.base import LanguageModel, Message, Prompt, Recorded, Showing
from afya.models.cost import Budget
from afya.models.load import load_model
from afya.models.remote import RemoteModel, chat_messages
from afya.runs import Ledger, Rejection, RunFolder, canonical, write_frame, write_json

Progress = Callable[[str, int, int], None]
"""Called after every part with what is being done, the rows done so far, and all rows."""


@dataclass(frozen=True)
class BenchResult:
    """What a finished run left: its folder, the models by name and setting, the number of scores, and the ledger.

    `notes`: sentences on what was done otherwise than was asked, and on replies that did not come.
    """

    folder: Path
    models: tuple[tuple[str, str], ...]
    rows: int
    ledger: Ledger
    notes: tuple[str, ...] = ()

    @property
    def scores(self) -> Path:
        """The table of scores."""
        return self.folder / "scores.parquet"


def bench_run(
    models: str | Sequence[str],
    datasets: Sequence[Path],
    out: Path,
    *,
    budget_usd: float | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
    **asking: Unpack[Asking],
) -> BenchResult:
    """Measure one or more models on dataset folders and declared tasks: `ask`, with what is asked told by name."""
    request = Request.of(models, datasets, **asking)
    return ask(request, out, budget_usd=budget_usd, cache=cache, on_progress=on_progress)


def ask(
    request: Request,
    out: Path,
    *,
    budget_usd: float | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> BenchResult:
    """Run a benchmark; continue the run if it was begun before.

    Args:
        out: the run folder.
        budget_usd: what the run may cost, from its first start on; every model's price must be known then.
        cache: a folder of replies that runs share; None: none.

    Raises:
        ConfigError, DataError: the request is impossible; nothing was asked yet.
        EngineError: a model cannot be loaded or reached, or would read a prompt wrongly (two beginnings, no turn of its
        own). RunError: the folder holds another run, or the budget is spent. What was done so far stands, and the same
        command continues it: requests that got no answer, but may get one another time, are made again. A run that
        answered nothing leaves the folder.
    """
    planned = plan(request)
    prices = [(model.name, model.price) for model in planned.asked]
    budget_for(budget_usd, prices, 0.0)  # an unknown price is refused before anything is made
    kept = None if cache is None else ReplyCache(cache)
    try:
        with RunFolder.open(Path(out), "bench run", planned.recipe, seed=request.seed) as folder:
            return _run(folder, planned, budget_usd, kept, on_progress)
    finally:
        if kept is not None:
            kept.close()


def bench_project(request: Request) -> list[Projection]:
    """What `ask` would ask and cost, a row for each model and language; asks nothing.

    Raises ConfigError and DataError as `ask` does.
    """
    planned = plan(request)
    rows: list[Projection] = []
    with TemporaryDirectory() as place, RunFolder.open(Path(place) / "run", "bench run", {}) as folder:
        prompts = _write_prompts(folder, planned, Ledger(), translate=False)
        for model in planned.asked:
            wanted = [part for pair in planned.wanted(model) for part in prompts[_key(pair)]]
            rows += project(model.name, model.price, wanted, free=model.engine == "replies")
    return rows


def _run(
    folder: RunFolder, planned: Plan, budget_usd: float | None, kept: ReplyCache | None, on_progress: Progress | None
) -> BenchResult:
    """Everything that a run does in its folder."""
    ledger = Ledger()
    prices = [(model.name, model.price) for model in planned.asked]
    folder.event(
        "started", items=sum(group.chosen.rows for group in planned.sets), models=[m.name for m in planned.asked]
    )
    folder.note("measuring", _measuring(planned))
    scorers = {group.name: group.task.scorer for group in planned.sets if group.task is not None and group.task.scorer}
    if scorers:
        write_json(folder.parts / SCORERS, scorers)
    try:
        budget = budget_for(budget_usd, prices, 0.0 if budget_usd is None else spent_usd(folder.parts))
        for group in planned.sets:
            stage = SELECT if group.task is None else f"{SELECT}:{group.name}"
            ledger.add(stage, group.chosen.rows_seen, group.chosen.rows, group.chosen.rejections)
        write_items(folder.path / ITEMS, [group.chosen for group in planned.sets])
        prompts = _write_prompts(folder, planned, ledger)
        pairs: list[Pair] = []
        for model in planned.asked:
            wanted = planned.wanted(model)
            pairs += _ask(folder, model, planned, prompts, ledger, budget, kept, on_progress)
            folder.event("asked", model=model.name, settings=[setting.name for _, setting in wanted])
    except Exception:
        # A wrong option is often seen only when the model is loaded: the corrected command may have the folder.
        if not any(folder.parts.glob("*/*~*.json")):
            folder.withdraw(ITEMS)
        raise
    write_json(folder.parts / PAIRS, [pair.within(folder.path) for pair in pairs])
    rows = join(folder.path, pairs, planned.request.normalise, measuring_of(folder.path, folder.manifest), ledger)
    ledger.check()
    write_frame(folder.path / "ledger.parquet", ledger.frame())
    folder.event("finished", scores=rows)
    asked = {(model.name, setting.name): None for model in planned.asked for _, setting in planned.wanted(model)}
    told = (*notes(planned), *remarks(folder.path, folder.manifest))
    return BenchResult(folder.path, tuple(asked), rows, ledger, told)


def _measuring(planned: Plan) -> dict[str, object]:
    tasks = [group.task for group in planned.sets if group.task is not None]
    # Without the scorer's folder: equal runs have equal manifests, wherever their files lie.
    return {
        task.name: {"measures": list(task.measures), "scorer": task.scorer and task.scorer.rpartition("/")[2]}
        for task in tasks
    }


def _key(pair: tuple[ItemSet, Setting]) -> tuple[str, Setting]:
    return pair[0].name, pair[1]


def _write_prompts(
    folder: RunFolder, planned: Plan, ledger: Ledger, translate: bool = True
) -> dict[tuple[str, Setting], list[Path]]:
    """The prompt parts of every set in every setting that some model is asked in."""
    request = planned.request
    made: dict[tuple[str, Setting], list[Path]] = {}
    for group, setting in planned.questions():
        shots = ShotPool.from_datasets(group.datasets, seed=request.seed) if setting.shots else None
        made[group.name, setting] = write_prompts(
            folder,
            group.chosen,
            # A projection needs sizes, not translations; the items' own texts stand in.
            setting if translate else replace(setting, translated=False),
            request.part_rows,
            ledger,
            name=group.name,
            task=group.task,
            shots=shots,
            translator=request.translator,
            translator_options=request.translator_options,
            rotations=request.rotations,
            max_tokens=request.max_tokens,
        )
    return made


# Replies --------------------------------------------------------------------------------------------------------------


def _ask(
    folder: RunFolder,
    asked: Asked,
    planned: Plan,
    prompts: Mapping[tuple[str, Setting], list[Path]],
    ledger: Ledger,
    budget: Budget | None,
    kept: ReplyCache | None,
    on_progress: Progress | None,
) -> list[Pair]:
    """A model's replies to all that it is asked, part by part, in one go: it is loaded once."""
    wanted = planned.wanted(asked)
    sources = [part for pair in wanted for part in prompts[_key(pair)]]
    if asked.engine == "replies":
        _account_for_recorded(asked, sources, ledger)
    place = folder.parts / asked.slug
    firsts: dict[str, Path] = {}
    for group, setting in wanted:
        firsts.setdefault(setting.name, prompts[group.name, setting][0])
    setup = partial(_load, asked, reply_stage.reopen(place), budget, kept, partial(_note_first, folder, asked, firsts))
    stage = executor.Stage(
        name=f"{reply_stage.STAGE}:{asked.name}",
        function=reply_stage.answer_part,
        config={**asked.described(), "model": asked.name, "sampling": planned.recipe["sampling"]},
        reads=tuple(reply_stage.prompts_schema()),
        writes=tuple(reply_stage.replies_schema()),
        setup=setup,
    )
    total = _rows(sources)
    finished = 0

    def told(part: executor.Part, before: bool) -> None:
        nonlocal finished
        finished += part.rows_out
        folder.event("part", model=asked.name, part=part.path.stem, done_before=before)
        if on_progress is not None:
            on_progress(asked.name, finished, total)
        if budget is not None:
            budget.check()

    if on_progress is not None:
        on_progress(asked.name, 0, total)
    parts = executor.run(stage, sources, place, on_part=told)
    executor.ledger_of(stage, parts, ledger)
    return _carried(folder, asked, planned, [Pair(a, b.path) for a, b in zip(sources, parts, strict=True)])


def _carried(folder: RunFolder, asked: Asked, planned: Plan, pairs: list[Pair]) -> list[Pair]:
    """The pairs, with written replies to translated prompts carried back into the items' languages."""
    translator = planned.request.translator
    if translator is None or not any(setting.translated for _, setting in planned.wanted(asked)):
        return pairs
    back = carry_back(
        [(pair.prompts, pair.replies) for pair in pairs],
        folder.parts / f"{asked.slug}-carried-back",
        translator,
        planned.request.translator_options,
    )
    return [Pair(pair.prompts, path) for pair, path in zip(pairs, back, strict=True)]


def _load(
    asked: Asked,
    before: Mapping[str, tuple[object, ...]],
    budget: Budget | None,
    kept: ReplyCache | None,
    note_first: Callable[[LanguageModel], None],
    _config: Mapping[str, Any],
) -> reply_stage.Answerer:
    model = load_model(asked.spec, **asked.options)
    if isinstance(model, RemoteModel):
        model.budget = budget
    note_first(model)
    return reply_stage.Answerer(model, before, kept)


def _note_first(folder: RunFolder, asked: Asked, firsts: Mapping[str, Path], model: LanguageModel) -> None:
    """Keep in the manifest the first prompt of each setting as the model reads it.

    Raises EngineError when it reads something else than was meant, before anything was asked.
    """
    import polars as pl

    if isinstance(model, Recorded):
        return
    shown: list[dict[str, object]] = []
    for setting, part in firsts.items():
        row = pl.read_parquet(part, columns=["messages", "answer_prefix"], n_rows=1).row(0, named=True)
        prompt = Prompt(tuple(Message(**message) for message in row["messages"]), row["answer_prefix"])
        told: dict[str, object] = {"model": asked.name, "setting": setting}
        if isinstance(model, Showing):
            seen = model.shown(prompt)
            told |= {"text": seen.text, "token_ids": list(seen.token_ids), "tokens": len(seen.token_ids)}
            told["chat_template"] = seen.chat_template
        else:
            told |= {"text": canonical(chat_messages(prompt)), "token_ids": None, "tokens": None}
        shown.append(told)
    others = [entry for entry in folder.manifest.get("first_prompts", []) if entry["model"] != asked.name]
    folder.note("first_prompts", [*others, *shown])


def _account_for_recorded(asked: Asked, sources: Sequence[Path], ledger: Ledger) -> None:
    """Name in the ledger the replies of a file that belong to no item of the run."""
    import polars as pl

    recorded = load_model(asked.spec, **asked.options)
    if not isinstance(recorded, Recorded):
        return
    wanted = set(pl.scan_parquet(list(sources)).select("item_id").collect()["item_id"])
    stage = f"recorded:{asked.name}"
    others = [Rejection(stage, item_id, "not_asked_about") for item_id in sorted(recorded.item_ids - wanted)]
    ledger.add(stage, len(recorded.item_ids), len(recorded.item_ids) - len(others), others)


def _rows(files: Sequence[Path]) -> int:
    import polars as pl

    return int(pl.scan_parquet(list(files)).select(pl.len()).collect().item())

"""A benchmark run: choose items, write prompts, ask models part by part, join replies, score them.

Everything stands in a run folder and is done in parts, so that a killed run continues where it was:

    parts/prompts-{setting}/p-NNNNN.parquet   what is asked, some 500 items each
    parts/{model}-{setting}/p-NNNNN.parquet   what the model said to the same part
    items.parquet                             the items that were asked about
    replies.parquet, scores.parquet           all parts joined; the same bytes however often the run was killed
    timings.parquet                           seconds a reply: a measurement, different in every run
    ledger.parquet, manifest.json, events.jsonl
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from afya import executor
from afya.bench import replies as reply_stage
from afya.bench.costs import Projection, budget_for, project, spent_usd
from afya.bench.prompt_parts import ITEMS, write_items, write_prompts
from afya.bench.prompts import SETTINGS, TEMPLATE_VERSION, Setting, literals_sha
from afya.bench.score import NORMALISATIONS, Normalise, score_part
from afya.bench.score import STAGE as SCORES
from afya.bench.tasks import CHOICE_TASKS, Chosen, Selection, choose
from afya.bench.tasks import STAGE as SELECT
from afya.errors import ConfigError
from afya.models.base import Recorded, Sampling
from afya.models.cost import Budget, Price
from afya.models.load import engine_options, identify, load_model, parse_spec, price_of, scored_by, shaping_options
from afya.models.remote import RemoteModel
from afya.runs import Ledger, Rejection, RunFolder, sha256_path, sink_frame, write_frame

if TYPE_CHECKING:
    import polars as pl

PART_ROWS = 500
_LABELLED = re.compile(r"(?P<label>[^=:/\s]+)=(?P<spec>\w+:.+)", re.DOTALL)

Progress = Callable[[str, int, int], None]
"""Called after every part with what is being done, the rows done so far, and all rows."""


@dataclass(frozen=True)
class BenchResult:
    """What a finished run left: its folder, the models by name and setting, the number of scores, and the ledger."""

    folder: Path
    models: tuple[tuple[str, str], ...]
    rows: int
    ledger: Ledger

    @property
    def scores(self) -> Path:
        """The table of scores."""
        return self.folder / "scores.parquet"


@dataclass(frozen=True)
class _Asked:
    """One model of a run: its name there, how to load it, what decides its replies, and what they cost."""

    name: str
    spec: str
    engine: str
    sha256: str
    options: dict[str, object]
    setting: Setting
    price: Price | None

    @property
    def slug(self) -> str:
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', self.name)}-{self.sha256[:8]}-{self.setting}"

    def described(self) -> dict[str, object]:
        """What decides the replies: not where the model lies (the hash says which it is), nor what it costs."""
        told = asdict(self)
        del told["spec"], told["price"]
        return {**told, "options": shaping_options(self.spec, self.options)}


def bench_run(
    models: str | Sequence[str],
    datasets: Sequence[Path],
    out: Path,
    *,
    langs: Sequence[str] | None = None,
    tasks: Sequence[str] = CHOICE_TASKS,
    splits: Sequence[str] = ("test",),
    setting: Setting = "letter",
    limit: int | None = None,
    seed: int = 0,
    sampling: Sampling | None = None,
    normalise: Normalise = "none",
    options: Mapping[str, object] | None = None,
    part_rows: int = PART_ROWS,
    budget_usd: float | None = None,
    on_progress: Progress | None = None,
) -> BenchResult:
    """Measure one or more models on the choice items of dataset folders; continue the run if it was begun before.

    Args:
        models: specs such as "hf:FOLDER" or "openai:NAME", each optionally named: "before=hf:FOLDER".
        out: the run folder.
        langs: language codes; None takes those of the twelve that the datasets have.
        limit: items per language and task, the same groups in every language.
        setting: letter, cloze or generate. A model whose engine cannot score options is asked to generate, one that
            compares whole texts by cloze.
        sampling: how replies are drawn when generating; greedy, 256 tokens, when None.
        options: settings of the engines (dtype, device, batch_tokens, base_url ...); each takes those it knows.
        part_rows: items in a part, the unit that a killed run repeats at most.
        budget_usd: what the run may cost, from its first start on; every model's price must be known then.

    Raises:
        ConfigError, DataError: the request is impossible; nothing was asked yet.
        EngineError: a model cannot be loaded or reached. RunError: the folder holds another run, or the budget is
        spent. What was done so far stands, and the same command continues it: requests that got no answer, but may get
        one another time, are made again. A run that answered nothing leaves the folder.
    """
    if setting not in SETTINGS:
        raise ConfigError(f"There is no setting '{setting}'.", hint=f"Settings: {', '.join(SETTINGS)}.")
    if normalise not in NORMALISATIONS:
        raise ConfigError(f"There is no normalisation '{normalise}'.", hint=f"Known: {', '.join(NORMALISATIONS)}.")
    asked = _models([models] if isinstance(models, str) else models, setting, dict(options or {}))
    prices = [(model.name, model.price) for model in asked]
    budget_for(budget_usd, prices, 0.0)  # an unknown price is refused before anything is made
    paths = tuple(Path(dataset) for dataset in datasets)
    chosen = choose(Selection(paths, None if langs is None else tuple(langs), tuple(tasks), tuple(splits), limit, seed))
    sampling = sampling or Sampling()
    generating = any(model.setting == "generate" for model in asked)
    recipe = {
        "models": [model.described() for model in asked],
        "datasets": [{"name": path.name, "sha256": sha256_path(path / "manifest.json")} for path in paths],
        "langs": chosen.langs,
        "tasks": list(tasks),
        "splits": list(splits),
        "limit": limit,
        "setting": setting,
        "sampling": _plain(sampling) if generating else None,
        "normalise": normalise,
        "template": TEMPLATE_VERSION,
        "literals": _literals(chosen.langs),
        "part_rows": part_rows,
    }
    with RunFolder.open(Path(out), "bench run", recipe, seed=seed) as folder:
        folder.event("started", items=chosen.rows, models=[model.name for model in asked])
        try:
            budget = budget_for(budget_usd, prices, 0.0 if budget_usd is None else spent_usd(folder.parts))
            rows, ledger = _measure(folder, asked, chosen, sampling, normalise, part_rows, budget, on_progress)
        except Exception:
            # A wrong option is often seen only when the model is loaded: the corrected command may have the folder.
            if not any(folder.parts.glob("*/p-*.json")):
                folder.withdraw(ITEMS)
            raise
        folder.event("finished", scores=rows)
    return BenchResult(Path(out), tuple((model.name, model.setting) for model in asked), rows, ledger)


def bench_project(
    models: str | Sequence[str],
    datasets: Sequence[Path],
    *,
    langs: Sequence[str] | None = None,
    tasks: Sequence[str] = CHOICE_TASKS,
    splits: Sequence[str] = ("test",),
    setting: Setting = "letter",
    limit: int | None = None,
    seed: int = 0,
    sampling: Sampling | None = None,
    options: Mapping[str, object] | None = None,
) -> list[Projection]:
    """What `bench_run` with the same arguments would ask and cost, a row for each model and language; asks nothing.

    Raises ConfigError and DataError as `bench_run` does.
    """
    if setting not in SETTINGS:
        raise ConfigError(f"There is no setting '{setting}'.", hint=f"Settings: {', '.join(SETTINGS)}.")
    asked = _models([models] if isinstance(models, str) else models, setting, dict(options or {}))
    paths = tuple(Path(dataset) for dataset in datasets)
    chosen = choose(Selection(paths, None if langs is None else tuple(langs), tuple(tasks), tuple(splits), limit, seed))
    _literals(chosen.langs)
    longest = (sampling or Sampling()).max_tokens
    rows: list[Projection] = []
    with TemporaryDirectory() as place, RunFolder.open(Path(place) / "run", "bench run", {}) as folder:
        prompts = {
            used: write_prompts(folder, chosen, used, PART_ROWS, Ledger())
            for used in dict.fromkeys(model.setting for model in asked)
        }
        for model in asked:
            tokens = longest if model.setting == "generate" and model.engine != "replies" else 0
            rows += project(model.name, model.price, prompts[model.setting], tokens)
    return rows


def _measure(
    folder: RunFolder,
    asked: Sequence[_Asked],
    chosen: Chosen,
    sampling: Sampling,
    normalise: Normalise,
    part_rows: int,
    budget: Budget | None,
    on_progress: Progress | None,
) -> tuple[int, Ledger]:
    """Everything that a run does in its folder; returns the number of scores, and the ledger."""
    ledger = Ledger()
    ledger.add(SELECT, chosen.rows_seen, chosen.rows, chosen.rejections)
    write_items(folder, chosen)
    prompts: dict[Setting, list[Path]] = {}
    for model in asked:
        if model.setting not in prompts:
            prompts[model.setting] = write_prompts(folder, chosen, model.setting, part_rows, ledger)
    done = [
        (
            model,
            prompts[model.setting],
            _ask(folder, model, prompts[model.setting], sampling, ledger, budget, on_progress),
        )
        for model in asked
    ]
    rows = _join(folder, done, normalise, ledger)
    ledger.check()
    write_frame(folder.path / "ledger.parquet", ledger.frame())
    return rows, ledger


def _models(specs: Sequence[str], setting: Setting, options: Mapping[str, object]) -> list[_Asked]:
    if not specs:
        raise ConfigError("No model was given.", hint="Name one with --model hf:FOLDER or --model openai:NAME.")
    asked = []
    for given in specs:
        labelled = _LABELLED.fullmatch(given)
        spec = labelled["spec"] if labelled else given
        engine, _ = parse_spec(spec)
        told = engine_options(spec, options)
        identity = identify(spec, **told)
        effective: Setting = {"options": setting, "texts": "cloze", "nothing": "generate"}[scored_by(spec)]
        name = labelled["label"] if labelled else identity.name
        asked.append(_Asked(name, spec, engine, identity.sha256, told, effective, price_of(spec, **told)))
    known = {name for spec in specs for name in _known_options(spec)}
    unknown = sorted(key for key, value in options.items() if value is not None and key not in known)
    if unknown:
        raise ConfigError(f"No engine of this run has the option(s) {', '.join(unknown)}.")
    names = [model.name for model in asked]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(
            f"Two models are called {', '.join(doubled)}.",
            hint="Give each a name of its own: --model before=hf:FOLDER --model after=hf:FOLDER",
        )
    return asked


def _known_options(given: str) -> frozenset[str]:
    from afya.models.load import ENGINES

    labelled = _LABELLED.fullmatch(given)
    return ENGINES[parse_spec(labelled["spec"] if labelled else given)[0]]().option_names()


def _plain(sampling: Sampling) -> dict[str, object]:
    return {**asdict(sampling), "stop": list(sampling.stop)}


def _literals(langs: Sequence[str]) -> dict[str, str]:
    """The hash of each language's fixed texts. Raises one ConfigError for all languages that lack some."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for lang in langs:
        try:
            found[lang] = literals_sha(lang)
        except ConfigError as error:
            faults.append(error.message)
    if faults:
        raise ConfigError(
            " ".join(faults), hint="Translate the missing texts from the English files, or choose with --langs."
        )
    return found


# Replies --------------------------------------------------------------------------------------------------------------


def _load(
    asked: _Asked,
    kept: Mapping[str, tuple[object, ...]],
    budget: Budget | None,
    _config: Mapping[str, Any],
) -> reply_stage.Answerer:
    model = load_model(asked.spec, **asked.options)
    if isinstance(model, RemoteModel):
        model.budget = budget
    return reply_stage.Answerer(model, kept)


def _account_for_recorded(model: _Asked, sources: Sequence[Path], ledger: Ledger) -> None:
    """Name in the ledger the replies of a file that belong to no item of the run."""
    import polars as pl

    recorded = load_model(model.spec, **model.options)
    if not isinstance(recorded, Recorded):
        return
    wanted = set(pl.scan_parquet(list(sources)).select("item_id").collect()["item_id"])
    stage = f"recorded:{model.name}"
    others = [Rejection(stage, item_id, "not_asked_about") for item_id in sorted(recorded.item_ids - wanted)]
    ledger.add(stage, len(recorded.item_ids), len(recorded.item_ids) - len(others), others)


def _ask(
    folder: RunFolder,
    model: _Asked,
    sources: list[Path],
    sampling: Sampling,
    ledger: Ledger,
    budget: Budget | None,
    on_progress: Progress | None,
) -> list[executor.Part]:
    if model.engine == "replies":
        _account_for_recorded(model, sources, ledger)
    kept = reply_stage.reopen(folder.parts / model.slug)
    stage = executor.Stage(
        name=f"{reply_stage.STAGE}:{model.name}:{model.setting}",
        function=reply_stage.answer_part,
        config={**model.described(), "model": model.name, "sampling": _drawn(model, sampling)},
        reads=tuple(reply_stage.prompts_schema()),
        writes=tuple(reply_stage.replies_schema()),
        setup=partial(_load, model, kept, budget),
    )
    total = _rows(sources)
    finished = 0

    def told(part: executor.Part, before: bool) -> None:
        nonlocal finished
        finished += part.rows_out
        folder.event("part", model=model.name, setting=model.setting, part=part.path.stem, done_before=before)
        if on_progress is not None:
            on_progress(f"{model.name} ({model.setting})", finished, total)
        if budget is not None:
            budget.check()

    if on_progress is not None:
        on_progress(f"{model.name} ({model.setting})", 0, total)
    parts = executor.run(stage, sources, folder.parts / model.slug, on_part=told)
    executor.ledger_of(stage, parts, ledger)
    return parts


def _drawn(model: _Asked, sampling: Sampling) -> dict[str, object] | None:
    return _plain(sampling) if model.setting == "generate" else None


def _rows(files: Sequence[Path]) -> int:
    import polars as pl

    return int(pl.scan_parquet(list(files)).select(pl.len()).collect().item())


# Joining --------------------------------------------------------------------------------------------------------------


def _join(
    folder: RunFolder,
    done: Sequence[tuple[_Asked, list[Path], list[executor.Part]]],
    normalise: Normalise,
    ledger: Ledger,
) -> int:
    """Write replies, timings and scores from the parts, one part in memory at a time but for the scores' columns."""
    import polars as pl

    files = [part.path for _, _, parts in done for part in parts]
    parts = pl.scan_parquet(files)
    sink_frame(folder.path / "replies.parquet", parts.drop("latency_s"))
    sink_frame(folder.path / "timings.parquet", parts.select("model", "setting", "item_id", "latency_s"))
    scores = []
    for model, made, prompts, part in _pairs(done):
        frame = score_part(prompts, part, normalise)
        ledger.add(f"{SCORES}:{model.name}:{model.setting}", made.rows_out, frame.height)
        scores.append(frame)
    table = pl.concat(scores)
    write_frame(folder.path / "scores.parquet", table)
    return table.height


def _pairs(
    done: Sequence[tuple[_Asked, list[Path], list[executor.Part]]],
) -> Iterator[tuple[_Asked, executor.Part, pl.DataFrame, pl.DataFrame]]:
    import polars as pl

    for model, sources, parts in done:
        for source, part in zip(sources, parts, strict=True):
            yield model, part, pl.read_parquet(source), pl.read_parquet(part.path)

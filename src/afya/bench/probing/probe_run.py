"""A probe run: items of a benchmark, and fresh ones beside them, put to models to see whether these knew them before.

    parts/items/            the items, benchmark and fresh, some hundred a part
    parts/{model}/          what was found about them
    probes.parquet          all parts joined, a row for each model and item
    probes.csv              means by model, language and probe, with what they are compared to
    ledger.parquet, manifest.json, events.jsonl

What such probes can show, and what not, is in docs/judging.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya import executor
from afya.bench.analysis.summary import ALL
from afya.bench.judging.judge_replies import reopen
from afya.bench.judging.judge_specs import ModelSpec, model_specs
from afya.bench.probing.probe_items import NO_LOGPROBS, PROBES, probe_part, probe_settings, probed_schema
from afya.bench.probing.probes import against_fresh, probe_means
from afya.bench.tasks.selection import STAGE as SELECT
from afya.bench.tasks.selection import Chosen, Selection, choose
from afya.errors import ConfigError
from afya.items import schema
from afya.models.base import LanguageModel
from afya.models.load import load_model
from afya.runs import Ledger, RunFolder, atomic_path, read_json, sha256_path, sink_frame, write_frame, write_json
from afya.statistics import holm

if TYPE_CHECKING:
    import polars as pl

STAGE = "probe"
PART_ROWS = 100
BENCHMARK, FRESH = "benchmark", "fresh"
SIGNIFICANT = 0.05

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Probed:
    """A row of the table: what one probe found for one model and language.

    `against`: what the mean is compared to, "fresh items" or "chance"; None where there is nothing. `difference` is the
    mean less that, with its interval; above 0 points to items that were seen. `p` is two-sided, Holm's correction over
    all rows of single languages; None for "all" and where nothing is compared. `reading` says it in words.
    """

    model: str
    task: str
    lang: str
    probe: str
    n: int
    mean: float | None
    low: float | None
    high: float | None
    against: str | None
    compared: float | None
    n_compared: int | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    reading: str


@dataclass(frozen=True)
class ProbeResult:
    """What a finished run left: its folder, the table, sentences to print beside it, and the ledger."""

    folder: Path
    rows: tuple[Probed, ...]
    notes: tuple[str, ...]
    ledger: Ledger


def probe_run(
    models: Sequence[str],
    datasets: Sequence[Path],
    out: Path,
    *,
    fresh: Sequence[Path] = (),
    langs: Sequence[str] | None = None,
    tasks: Sequence[str] = ("mcq",),
    splits: Sequence[str] = ("test",),
    limit: int | None = None,
    seed: int = 0,
    k: float | None = None,
    orders: int | None = None,
    max_tokens: int | None = None,
    options: Mapping[str, object] | None = None,
    part_rows: int = PART_ROWS,
    on_progress: Progress | None = None,
) -> ProbeResult:
    """Probe models for having seen items; continue the run if it was begun before.

    Args:
        models: specs such as "hf:FOLDER", each optionally named.
        datasets: dataset folders with the items in question; `fresh`: with items that no model has seen, such as
            vignettes drawn with a new seed, of the same kind and length.
        limit: items per language and task, of either kind.
        k, orders, max_tokens: in place of those of judging/probes.yaml.

    Raises:
        ConfigError, DataError: the request is impossible. EngineError: a model cannot be loaded or reached.
        RunError: the folder holds another run.
    """
    specs = model_specs(models, dict(options or {}), "probe", "--model")
    told = probe_settings()
    settings = {
        "k": told.k if k is None else k,
        "orders": orders or told.orders,
        "max_tokens": max_tokens or told.max_tokens,
        "instruction": told.instruction,
        "seed": seed,
    }
    if k is not None and not 0 < k <= 1:
        raise ConfigError(f"Min-K% looks at a share of the tokens above 0 and up to 1, not {k}.")
    chosen = choose(Selection(tuple(datasets), _listed(langs), tuple(tasks), tuple(splits), limit, seed))
    beside = _fresh(fresh, chosen.langs, tasks, splits, limit, seed)
    recipe = {
        "models": [
            {"name": model.name, "engine": model.engine, "sha256": model.sha256, "options": model.shaping}
            for model in specs
        ],
        "datasets": _described(datasets),
        "fresh": _described(fresh),
        "langs": chosen.langs,
        "tasks": list(tasks),
        "splits": list(splits),
        "limit": limit,
        "part_rows": part_rows,
        **settings,
    }
    with RunFolder.open(out, "bench probe", recipe, seed=seed) as folder:
        ledger = Ledger()
        sources = _write_items(folder, chosen, beside, part_rows, ledger)
        folder.event("started", models=[model.name for model in specs])
        parts: list[executor.Part] = []
        try:
            for model in specs:
                parts += _probe(folder, model, settings, sources, ledger, on_progress)
        except Exception:
            if not any(folder.parts.glob("*/p-*.json")):
                folder.withdraw()
            raise
        sink_frame(folder.path / "probes.parquet", _scan(parts))
        rows = summarise(_scan(parts).collect())
        with atomic_path(folder.path / "probes.csv") as temporary:
            _frame(rows).write_csv(temporary)
        ledger.check()
        write_frame(folder.path / "ledger.parquet", ledger.frame())
        folder.event("finished", rows=len(rows))
    return ProbeResult(out, tuple(rows), tuple(_notes(bool(fresh), rows)), ledger)


def summarise(found: pl.DataFrame) -> list[Probed]:
    """The table of a run's rows: by model, task, language (all first) and probe.

    Overlap and Min-K% are compared with fresh items, the published order with chance.
    """
    import polars as pl

    rows: list[dict[str, Any]] = []
    for probe in PROBES:
        chance = "chance" if probe == "published_first" else None
        benchmark, fresh = (found.filter(pl.col("role") == role) for role in (BENCHMARK, FRESH))
        means = probe_means(benchmark, probe, chance)
        compared = {row[:3]: row[3:] for row in against_fresh(benchmark, fresh, probe).iter_rows()}
        for row in means.iter_rows(named=True):
            key = (row["model"], row["task"], row["lang"])
            made: dict[str, Any] = {name: row[name] for name in ("model", "task", "lang", "n", "mean", "low", "high")}
            made |= dict.fromkeys(("against", "compared", "n_compared", "difference", "difference_low"))
            made |= {"difference_high": None, "p": None, "probe": probe}
            if chance is not None:
                made |= {"against": "chance", "compared": row["mean"] - row["excess"], "difference": row["excess"]}
                made |= {"difference_low": row["excess_low"], "difference_high": row["excess_high"], "p": row["p"]}
            elif key in compared:
                _, n_fresh, mean, excess, low, high, p, *_ = compared[key]
                made |= {"against": "fresh items", "compared": mean, "n_compared": n_fresh, "difference": excess}
                made |= {"difference_low": low, "difference_high": high, "p": p}
            rows.append(made)
        measured = {(row["model"], row["task"], row["lang"]) for row in rows if row["probe"] == probe}
        for model, task, lang in benchmark.select("model", "task", "lang").unique(maintain_order=True).rows():
            if (model, task, lang) not in measured:
                made = dict.fromkeys(Probed.__dataclass_fields__)
                rows.append(made | {"model": model, "task": task, "lang": lang, "probe": probe, "n": 0})
    single = [row for row in rows if row["lang"] != ALL and row["p"] is not None]
    for row, p in zip(single, holm([row["p"] for row in single]) if single else (), strict=True):
        row["p"] = float(p)
    for row in rows:
        row["p"] = None if row["lang"] == ALL else row["p"]
    scored = set(found.drop_nulls("tokens")["model"])
    made_rows = [Probed(**{**row, "reading": _reading(row, row["model"] in scored)}) for row in rows]
    return sorted(made_rows, key=lambda row: (row.model, row.task, row.lang != ALL, row.lang, PROBES.index(row.probe)))


def _reading(row: Mapping[str, Any], scored: bool) -> str:
    """What a row says, in plain words."""
    if not row["n"]:
        return NO_LOGPROBS if row["probe"] != "overlap" and not scored else "no item that this probe can be made on"
    if row["against"] is None:
        return "says nothing by itself: give unseen items with --fresh"
    if row["difference_low"] is None or row["difference_high"] is None:
        return "too few items to tell"
    if row["lang"] == ALL:
        return "all languages together; see each"
    sure = row["p"] is not None and row["p"] < SIGNIFICANT
    if sure and row["difference"] > 0:
        return f"a sign of having been seen: more than {row['against']}"
    if sure:
        return f"no sign of having been seen: less than {row['against']}"
    return f"no sign; one of up to {max(0.0, row['difference_high']):.2g} cannot be ruled out"


def _notes(fresh: bool, rows: Sequence[Probed]) -> Iterator[str]:
    yield (
        "overlap: share of the second half's word runs that the model writes behind the first half. min_k: mean "
        "log-probability (nats) of the least likely tokens. published_first: how often the published order of the "
        "options is the likeliest."
    )
    yield (
        "A sign is no proof: texts of another kind, or translated by a model, differ too. No sign is no clean bill: a "
        "text seen once, or in another wording or language, leaves none of these. p is Holm's over all rows of a "
        "language."
    )
    if not fresh:
        yield "Without --fresh, overlap and min_k have nothing to be compared with."
    unscored = sorted({row.model for row in rows if row.reading == NO_LOGPROBS})
    if unscored:
        yield f"{', '.join(unscored)}: {NO_LOGPROBS}; of the three probes only the overlap could be made."


def _listed(langs: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if langs is None else tuple(langs)


def _described(paths: Sequence[Path]) -> list[dict[str, str]]:
    return [{"name": path.name, "sha256": sha256_path(path / "manifest.json")} for path in paths]


def _fresh(
    paths: Sequence[Path],
    langs: Sequence[str],
    tasks: Sequence[str],
    splits: Sequence[str],
    limit: int | None,
    seed: int,
) -> Chosen | None:
    """The fresh items in those of the benchmark's languages that they have."""
    if not paths:
        return None
    every = choose(Selection(tuple(paths), None, tuple(tasks), tuple(splits), limit, seed))
    shared = tuple(lang for lang in langs if lang in every.langs)
    if not shared:
        raise ConfigError(
            f"The fresh items are in {', '.join(every.langs)}, the others in {', '.join(langs)}.",
            hint="Make fresh items in the same languages, or choose languages with --langs.",
        )
    return choose(Selection(tuple(paths), shared, tuple(tasks), tuple(splits), limit, seed))


def _write_items(
    folder: RunFolder, chosen: Chosen, beside: Chosen | None, part_rows: int, ledger: Ledger
) -> list[Path]:
    """The items in parts, with their role; written once."""
    import polars as pl

    place = folder.parts / "items"
    marker = place / "done.json"
    given = [(BENCHMARK, chosen), *([] if beside is None else [(FRESH, beside)])]
    for role, some in given:
        ledger.add(f"{SELECT}:{role}", some.rows_seen, some.rows, some.rejections)
    if not marker.exists():
        number = 0
        for role, some in given:
            for frame in some.frames(part_rows):
                write_frame(place / f"p-{number:05d}.parquet", frame.with_columns(pl.lit(role).alias("role")))
                number += 1
        write_json(marker, {"parts": number})
    return [place / f"p-{number:05d}.parquet" for number in range(read_json(marker)["parts"])]


def _load(model: ModelSpec, _: Mapping[str, Any]) -> LanguageModel:
    return load_model(model.spec, **model.options)


def _probe(
    folder: RunFolder,
    model: ModelSpec,
    settings: Mapping[str, object],
    sources: Sequence[Path],
    ledger: Ledger,
    on_progress: Progress | None,
) -> list[executor.Part]:
    place = folder.parts / model.slug
    reopen(place)
    stage = executor.Stage(
        name=f"{STAGE}:{model.name}",
        function=probe_part,
        config={"model": model.name, "sha256": model.sha256, "options": model.shaping, **settings},
        reads=("role", *schema()),
        writes=tuple(probed_schema()),
        setup=partial(_load, model),
    )
    done = 0

    def told(part: executor.Part, before: bool) -> None:
        nonlocal done
        done += 1
        folder.event("part", model=model.name, part=part.path.stem, done_before=before)
        if on_progress is not None:
            on_progress(f"{model.name} (parts)", done, len(sources))

    parts = executor.run(stage, sources, place, on_part=told)
    executor.ledger_of(stage, parts, ledger)
    return parts


def _scan(parts: Sequence[executor.Part]) -> pl.LazyFrame:
    import polars as pl

    return pl.scan_parquet([part.path for part in parts])


def _frame(rows: Sequence[Probed]) -> pl.DataFrame:
    import polars as pl

    names = list(Probed.__dataclass_fields__)
    cells = [tuple(getattr(row, name) for name in names) for row in rows]
    return pl.DataFrame(cells, schema=names, orient="row", infer_schema_length=None)

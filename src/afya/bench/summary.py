"""Scores summed up: accuracy with intervals per language, paired changes, gaps to English.

Takes `scores.parquet` of one or more bench runs (one row a reply's verdict) and returns tables. An `error` (the engine
failed, the context was too long) says nothing about the model and is left out of n; a refusal, an unreadable or an
empty reply is no answer, counts as not correct, and has a column of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError, DataError
from afya.languages import registry
from afya.runs import atomic_path
from afya.statistics import accuracy_interval, holm, paired_difference

if TYPE_CHECKING:
    import polars as pl

ALL = "all"
"""The `lang` of a row over all languages. Its clusters are the groups, which run across the languages."""

REFERENCE = "en"
NON_ANSWERS = ("refused", "unparseable", "empty")
OUTCOMES = ("correct", "wrong", *NON_ANSWERS, "error")

KEYS = ("label", "model", "setting", "task")
_REQUIRED = ("model", "setting", "item_id", "group_id", "lang", "task", "outcome", "n_options")
_DECIMALS = 6


def read_scores(runs: Sequence[Path], labels: Sequence[str] | None = None) -> pl.DataFrame:
    """The scores of one or more run folders (or scores files) under one another, with `label` and `run` in front.

    The label is what a report calls a model: given per run (a stage of training), else the model's name, else, where
    two runs hold the same model in the same setting, the name with the run folder's. `run` counts the runs from 0.

    Raises ConfigError for labels that do not fit the runs, DataError for a run without scores and for missing columns.
    """
    import polars as pl

    if not runs:
        raise DataError("No run folder was given.", hint="Name at least one folder that 'afya bench run' wrote.")
    if labels is not None and (len(labels) != len(runs) or len(set(labels)) < len(labels)):
        raise ConfigError(
            f"{len(runs)} runs need as many different labels; given: {', '.join(labels)}.",
            hint="Give each run one label of its own, in their order.",
        )
    frames = [_read_one(Path(run)) for run in runs]
    names: list[pl.Expr] = []
    seen: dict[tuple[str, ...], int] = {}
    for frame in frames:
        for key in frame.select("model", "setting", "task").unique().rows():
            seen[key] = seen.get(key, 0) + 1
    for index, (run, frame) in enumerate(zip(runs, frames, strict=True)):
        shared = any(seen[key] > 1 for key in frame.select("model", "setting", "task").unique().rows())
        if labels is None:
            name = pl.format("{} ({})", "model", pl.lit(Path(run).name)) if shared else pl.col("model")
        elif frame["model"].n_unique() > 1:
            name = pl.format("{}: {}", pl.lit(labels[index]), "model")
        else:
            name = pl.lit(labels[index])
        names.append(name.alias("label"))
    labelled = [
        frame.select(names[index], pl.lit(index, pl.Int32).alias("run"), pl.exclude("label", "run"))
        for index, frame in enumerate(frames)
    ]
    return pl.concat(labelled, how="diagonal_relaxed")


def _read_one(run: Path) -> pl.DataFrame:
    import polars as pl

    file = run / "scores.parquet" if run.is_dir() else run
    if not file.exists():
        raise DataError(
            f"{file}: no such file.", hint="Finish the run first: start the same 'afya bench run' command again."
        )
    try:
        frame = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: cannot be read as Parquet ({error}).") from error
    return checked(frame, str(file))


def checked(scores: pl.DataFrame, where: str = "The scores") -> pl.DataFrame:
    """The scores with a `label`, after a look at columns, outcomes, groups and doubles. Raises DataError."""
    import polars as pl

    missing = [name for name in _REQUIRED if name not in scores.columns]
    if missing:
        raise DataError(f"{where}: column(s) {', '.join(missing)} are missing.")
    if "label" not in scores.columns:
        scores = scores.select(pl.col("model").alias("label"), pl.all())
    odd = scores.filter(~pl.col("outcome").is_in(list(OUTCOMES)) | pl.col("outcome").is_null())
    if odd.height:
        raise DataError(
            f"{where}, item '{odd['item_id'][0]}': outcome '{odd['outcome'][0]}' is none of {', '.join(OUTCOMES)}."
        )
    lone = scores.filter(pl.col("group_id").is_null())
    if lone.height:
        raise DataError(f"{where}, item '{lone['item_id'][0]}': no group_id, so that its cluster is unknown.")
    double = scores.filter(pl.struct("label", "model", "setting", "task", "item_id").is_duplicated())
    if double.height:
        raise DataError(
            f"{where}: item '{double['item_id'][0]}' is scored twice for model '{double['model'][0]}' "
            f"in setting '{double['setting'][0]}'.",
            hint="Each item counts once; remove the double or give the runs labels.",
        )
    return scores


def summarise(scores: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """One row for each label, model, setting, task and language, and one over all languages (`lang` 'all').

    Columns: label, model, setting, task, lang, n, groups, accuracy, low, high (shares), method, chance (mean of
    1 / options, for one right option out of several), correct, wrong, refused, unparseable, empty, errors (not in n),
    non_answer_rate. Shares are null where n is 0, chance where items have no options.
    """
    import polars as pl

    scores = checked(scores)
    return _summed(pl.concat([scores, scores.with_columns(lang=pl.lit(ALL))]), level)


def summarise_tiers(scores: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """As `summarise`, with the languages' resource tiers ('high', 'low') in place of languages."""
    import polars as pl

    tiers = {code: entry.tier for code, entry in registry().items()}
    scores = checked(scores)
    return _summed(scores.with_columns(pl.col("lang").replace_strict(tiers, default="low")), level)


def _summed(scores: pl.DataFrame, level: float) -> pl.DataFrame:
    import polars as pl

    keys = [*KEYS, "lang"]
    counted = pl.col("outcome") != "error"
    counts = scores.group_by(keys, maintain_order=True).agg(
        counted.sum().cast(pl.Int64).alias("n"),
        pl.col("group_id").filter(counted).n_unique().cast(pl.Int64).alias("groups"),
        (1 / pl.col("n_options").cast(pl.Float64)).filter(counted).mean().alias("chance"),
        *((pl.col("outcome") == name).sum().cast(pl.Int64).alias(name) for name in OUTCOMES),
    )
    rows = []
    answered = scores.filter(counted).with_columns(group=pl.col("group_id").rank("dense"))
    for key, part in answered.group_by(keys, maintain_order=True):
        found = accuracy_interval(part["outcome"].to_numpy() == "correct", part["group"].to_numpy(), level)
        rows.append((*key, found.value, found.low, found.high, found.method))
    shares = {"accuracy": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(), "method": pl.String()}
    intervals = pl.DataFrame(rows, schema={**{name: pl.String() for name in keys}, **shares}, orient="row")
    summed = counts.join(intervals, on=keys, how="left").select(
        *keys,
        "n",
        "groups",
        *shares,
        "chance",
        *OUTCOMES[:-1],
        pl.col("error").alias("errors"),
        pl.when(pl.col("n") > 0).then(pl.sum_horizontal(NON_ANSWERS) / pl.col("n")).alias("non_answer_rate"),
    )
    return in_order(summed)


def in_order(table: pl.DataFrame) -> pl.DataFrame:
    """Labels as they came; then setting, task, and the languages in the registry's order with 'all' last."""
    import polars as pl

    known = [*registry(), *sorted(set(table["lang"]) - {*registry(), ALL}), ALL]
    labels = table["label"].unique(maintain_order=True).to_list() if "label" in table.columns else []
    ranks = [pl.col("lang").replace_strict({code: rank for rank, code in enumerate(known)}, return_dtype=pl.Int64)]
    if labels:
        by_label = pl.col("label").replace_strict({name: i for i, name in enumerate(labels)}, return_dtype=pl.Int64)
        return table.sort(by_label, "model", "setting", "task", *ranks)
    return table.sort("setting", "task", *ranks)


def languages_in(table: pl.DataFrame) -> list[str]:
    """The languages of a table, without 'all', in the registry's order."""
    present = set(table["lang"]) - {ALL}
    return [code for code in [*registry(), *sorted(present - set(registry()))] if code in present]


def compare(before: pl.DataFrame, after: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """What changed between two sets of scores, on the items both answered: paired, per language and over all.

    Each frame holds one model (a base and its tuned form, or two models). Columns: setting, task, lang, n, groups,
    before, after, difference, low, high (shares), p_value, p_holm (over the languages of a setting and task; null for
    'all', which is no part of that family), and what else `paired_rows` gives.

    Raises DataError when a frame holds several models or the two have no item in common.
    """
    return paired_rows(shared_items(before, after), ["setting", "task"], level)


def shared_items(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The items that two models both answered: setting, task, item_id, group_id, lang, before, after (correct or not).

    Raises DataError as `compare` does.
    """
    sides = []
    for name, scores in (("before", before), ("after", after)):
        scores = checked(scores, f"The scores {name}")
        labels = scores["label"].unique(maintain_order=True).to_list()
        if len(labels) != 1:
            raise DataError(f"The scores {name} hold {len(labels)} models ({', '.join(labels[:4])}), not one.")
        sides.append(scores.select(*_PAIR, "group_id", "lang", correct=right()))
    pairs = sides[0].join(sides[1].drop("group_id", "lang"), on=list(_PAIR), suffix="_after")
    pairs = pairs.drop_nulls(["correct", "correct_after"])
    if not pairs.height:
        raise DataError(
            "The two runs have no answered item in common, so that nothing can be compared.",
            hint="Run both on the same dataset, split, languages and setting.",
        )
    return pairs.rename({"correct": "before", "correct_after": "after"})


def gaps(scores: pl.DataFrame, reference: str = REFERENCE, level: float = 0.95) -> pl.DataFrame:
    """How far each language lies behind the reference language, on the groups answered in both.

    Columns: label, model, setting, task, lang, n, groups, before (the reference's accuracy), after (the language's),
    difference (negative: behind), low, high, p_value, p_holm (over the languages of a label, setting and task).
    Only shared groups count: a gap between different questions would be a gap between questions. Empty where no group
    is shared.
    """
    return paired_rows(shared_groups(scores, reference), list(KEYS), level)


def shared_groups(scores: pl.DataFrame, reference: str = REFERENCE) -> pl.DataFrame:
    """The groups that a model answered in the reference language and in another, a row for each other language.

    Columns: label, model, setting, task, group_id, lang, before (correct in the reference), after (correct in lang).
    """
    import polars as pl

    scores = checked(scores)
    held = scores.select(*KEYS, "group_id", "lang", correct=right()).drop_nulls("correct")
    base = held.filter(pl.col("lang") == reference).drop("lang")
    pairs = held.filter(pl.col("lang") != reference).join(base, on=[*KEYS, "group_id"], suffix="_base")
    return pairs.rename({"correct_base": "before", "correct": "after"})


_PAIR = ("setting", "task", "item_id")


def right() -> pl.Expr:
    """Whether an answer is correct; null for an error, which no comparison counts."""
    import polars as pl

    return pl.when(pl.col("outcome") != "error").then(pl.col("outcome") == "correct")


def paired_rows(
    pairs: pl.DataFrame, keys: Sequence[str], level: float = 0.95, family: Sequence[str] | None = None
) -> pl.DataFrame:
    """One row for each key and language, and one over all languages, of paired outcomes.

    Args:
        pairs: the keys, lang, group_id, and whether each was correct `before` and `after`.
        family: the keys within which p-values are adjusted, all others (and the languages) being alternatives that
            were tried. None: all keys, so that a family is the languages.

    Columns: keys, lang, n, groups, before, after, difference, low, high (shares), p_value, p_holm, test, gained, lost
    (numbers of discordant rows), detectable (smallest difference found with 80% power after the adjustment). Rows over
    all languages are a family of their own, and have no p_holm where they are alone in it.
    """
    import polars as pl

    within = list(keys if family is None else family)
    both = pl.concat([pairs, pairs.with_columns(lang=pl.lit(ALL))])
    numbered = both.with_columns(group=pl.col("group_id").rank("dense"))
    whole = (pl.col("lang") == ALL).alias("whole")
    tried = {
        key: part.select(pl.struct(*keys, "lang").n_unique()).item()
        for key, part in numbered.with_columns(whole).group_by(*within, "whole")
    }
    rows = []
    for key, part in numbered.group_by([*keys, "lang"], maintain_order=True):
        a, b = part["before"].to_numpy(), part["after"].to_numpy()
        named = dict(zip([*keys, "lang"], key, strict=True))
        tests = tried[*(named[name] for name in within), named["lang"] == ALL]
        found = paired_difference(a, b, part["group"].to_numpy(), level, tests=tests)
        shares = (a.mean(), b.mean(), found.value, found.low, found.high, found.p_value)
        rows.append((*key, found.n, found.clusters, *shares, found.test, found.gained, found.lost, found.detectable))
    numbers = ("before", "after", "difference", "low", "high", "p_value")
    schema: dict[str, pl.DataType] = {name: pl.String() for name in [*keys, "lang"]}
    schema |= {"n": pl.Int64(), "groups": pl.Int64()} | {name: pl.Float64() for name in numbers}
    schema |= {"test": pl.String(), "gained": pl.Int64(), "lost": pl.Int64(), "detectable": pl.Float64()}
    table = in_order(pl.DataFrame(rows, schema=schema, orient="row"))
    adjusted: list[float | None] = [None] * table.height
    for key, part in table.with_row_index("row").with_columns(whole).group_by(*within, "whole", maintain_order=True):
        if key[-1] and part.height == 1:
            continue
        for row, value in zip(part["row"].to_list(), holm(part["p_value"].to_numpy()).tolist(), strict=True):
            adjusted[row] = value
    return table.insert_column(table.columns.index("p_value") + 1, pl.Series("p_holm", adjusted, dtype=pl.Float64))


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """Write a summary (or comparison) as CSV: six decimals, empty for null, the same bytes for the same table."""
    with atomic_path(path) as temporary:
        table.write_csv(temporary, float_precision=_DECIMALS, line_terminator="\n")


def percent(value: float | None, decimals: int = 1) -> str:
    """A share as a percentage without its sign, '63.2'; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    # Adding zero turns -0.0 into 0.0, so that no report shows '-0.0'.
    return f"{round(100 * value, decimals) + 0.0:.{decimals}f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """'63.2 [58.1, 68.0]' in per cent; a dash where there is no value."""
    if value is None or math.isnan(value):
        return "–"
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def views(table: pl.DataFrame) -> Iterable[tuple[str, str, pl.DataFrame]]:
    """The parts of a summary that may stand side by side: (setting, task, rows), in the table's order."""
    for (setting, task), part in table.group_by("setting", "task", maintain_order=True):
        yield str(setting), str(task), part

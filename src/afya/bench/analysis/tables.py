"""The tables of an analysis as files: CSV and Parquet with every column, Markdown and LaTeX to print.

A file a table. What is printed never shows a number without how many items it rests on and its interval; the data
formats hold all columns that `analysis.Analysis` describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.clustered import ALL
from afya.bench.analysis.run_tables import KEYS
from afya.bench.analysis.summary import languages_in, percent, with_interval, write_csv
from afya.bench.analysis.table_text import Column, Shown, check_formats, interval, language_name, latex, markdown, shown
from afya.runs import write_frame, write_text

if TYPE_CHECKING:
    import polars as pl

    from afya.bench.analysis.analyse import Analysis

FORMATS = ("csv", "parquet", "md", "tex")
LEADERBOARD = "leaderboard"

_MODEL = (Column("model", "label"), Column("setting", "setting"), Column("task", "task"))
_LANG = Column("language", "lang", "language")
_N = (Column("n", "n", "count"), Column("groups", "groups", "count"))
_ACCURACY = Column("accuracy, %", "accuracy", "percent", "low", "high")
_SCORED = (
    _ACCURACY,
    Column("chance, %", "chance", "percent"),
    Column("no answer, %", "non_answer_rate", "percent"),
    Column("errors", "errors", "count"),
)
_DIFFERENCE = Column("difference, points", "difference", "points", "low", "high")
_TESTED = (
    Column("p (Holm)", "p_holm", "p"),
    Column("detectable, points", "detectable", "percent"),
)
_RESAMPLED = Column("difference, bootstrap", "difference", "points", "low_bootstrap", "high_bootstrap")


@dataclass(frozen=True)
class Spec:
    """What of a table is printed, and what its caption says; `{level}` and `{reference}` are filled in."""

    caption: str
    columns: tuple[Column, ...] = ()
    """None: the table is written as data only."""


SPECS: dict[str, Spec] = {
    "summary": Spec(
        "Accuracy in each language. n: items answered; errors (a request that failed) are not in n; replies without an "
        "answer are, as not correct. Chance: what guessing would give.",
        (*_MODEL, _LANG, *_N, *_SCORED),
    ),
    "tiers": Spec("Accuracy in high- and low-resource languages.", (*_MODEL, _LANG, *_N, *_SCORED)),
    "gaps": Spec(
        "Each language against {reference}, on the groups answered in both: accuracy less that of {reference}, in "
        "points. Holm: adjusted over the languages of a model. Detectable: the smallest difference found with 80% "
        "power.",
        (*_MODEL, _LANG, *_N, _DIFFERENCE, _RESAMPLED, *_TESTED),
    ),
    "disparity": Spec(
        "How unequally each model serves its languages, on the groups answered in all of them (n). Gap: {reference} "
        "less the mean of the others. Tier gap: high- less low-resource languages.",
        (
            *_MODEL,
            Column("n (groups)", "groups", "count"),
            Column("worst language", "worst_lang", "language"),
            interval("worst, %", "worst", "percent"),
            interval("mean, %", "mean", "percent"),
            interval("corrected for chance, %", "corrected", "percent"),
            interval("gap, points", "gap", "points"),
            interval("tier gap, points", "tier_gap", "points"),
            interval("worst / best", "worst_to_best", "times"),
            interval("Gini", "gini", "decimal"),
        ),
    ),
    "ranks": Spec(
        "Places of the models. Place: an interval that holds for all models of a language together; – where the data "
        "give none. Over all languages each language counts once.",
        (*_MODEL, _LANG, *_N, _ACCURACY, Column("place", "rank", "place"), Column("of", "models", "count")),
    ),
    "transfer": Spec(
        "Lost on the way from {reference}, on the groups answered in both. Loss: right in {reference}, wrong here; "
        "gain: the reverse; lost of known: share wrong here of the items right in {reference}.",
        (
            *(*_MODEL, _LANG, *_N),
            interval("loss, %", "loss", "percent"),
            interval("gain, %", "gain", "percent"),
            Column("known", "known", "count"),
            interval("lost of known, %", "lost_of_known", "percent"),
        ),
    ),
    "parts": Spec(
        "What the gap to {reference} is made of, in points of all items: how much commoner each cause of a reply that "
        "is not correct is here. The parts add up to the gap.",
        (
            *(*_MODEL, _LANG, *_N),
            *(
                interval(name.replace("_", " "), name, "points")
                for name in ("gap", "refusal", "truncation", "wrong_language", "unparseable", "rest")
            ),
        ),
    ),
    "relative": Spec(
        "Accuracy as a multiple of that in {reference}, on the groups answered in both (Fieller's interval). At least: "
        "the base cannot be told from zero.",
        (*_MODEL, _LANG, *_N, interval("times", "times", "times")),
    ),
    "fidelity": Spec(
        "Replies in the language that they were asked for in. n: replies whose language can be told.",
        (
            *(*_MODEL, _LANG),
            Column("n", "told", "count"),
            interval("in the language, %", "faithful", "percent"),
            Column("cannot be told, %", "uncertain", "percent"),
            Column("else mostly", "mostly", "language"),
        ),
    ),
    "calibration": Spec(
        "Expected calibration error over bins of equally many items. Floor: the error that chance makes on average for "
        "a model that is perfectly calibrated.",
        (
            *(*_MODEL, _LANG, *_N),
            Column("ECE, points", "ece", "percent", "low", "high"),
            Column("floor, points", "floor", "percent"),
            Column("confidence less accuracy, points", "overconfidence", "points"),
            Column("Brier", "brier", "decimal"),
        ),
    ),
    "bins": Spec("Confidence and accuracy in each bin."),
    "order": Spec(
        "What the order of the options does. n: items asked in two orders or more. Consistent: the same choice in all. "
        "Spread: best order less worst. Place bias: standard deviation of the share found by the place of the answer.",
        (
            *(*_MODEL, _LANG),
            Column("n", "items", "count"),
            Column("groups", "groups", "count"),
            interval("consistent, %", "consistent", "percent"),
            interval("right in all, %", "right_in_all", "percent"),
            Column("spread, points", "spread", "percent"),
            Column("place bias, points", "place_bias", "percent"),
        ),
    ),
    "billed": Spec(
        "Tokens and dollars a thousand items, beside accuracy. Tax: prompt tokens as a multiple of those in "
        "{reference}, on the same groups.",
        (
            *(*_MODEL, _LANG),
            Column("items", "items", "count"),
            Column("prompt tokens", "prompt_tokens", "tokens"),
            Column("reply tokens", "completion_tokens", "tokens"),
            Column("US$", "usd", "dollars"),
            Column("tax", "tax", "times"),
            Column("n", "n", "count"),
            _ACCURACY,
        ),
    ),
    "measures": Spec(
        "Open replies: means of what they are measured by. Missing: replies without a value, not in n.",
        (
            *(*_MODEL, Column("measure", "measure"), Column("judge", "judge"), _LANG, *_N),
            Column("missing", "missing", "count"),
            Column("mean", "mean", "decimal", "low", "high"),
        ),
    ),
    "settings": Spec(
        "What a change of the way of asking does: accuracy less that of the plain setting, same model, same items. "
        "Holm: over the settings and languages of a model.",
        (
            *(Column("model", "label"), Column("task", "task")),
            *(Column("setting", "setting"), Column("against", "plain")),
            *(_LANG, *_N, _DIFFERENCE, *_TESTED),
        ),
    ),
    "comparisons": Spec(
        "Models two by two on the items that both answered: accuracy of the second less that of the first. Holm: over "
        "all pairs and languages of a setting and task.",
        (
            *(Column("setting", "setting"), Column("task", "task")),
            *(Column("first", "a"), Column("second", "b")),
            *(_LANG, *_N, _DIFFERENCE, _RESAMPLED, *_TESTED),
        ),
    ),
}


def write_tables(analysis: Analysis, folder: Path, formats: Sequence[str] = ("csv",)) -> list[Path]:
    """Write every table that applies, a file a table and format, and return the paths.

    Formats: csv and parquet (all columns), md and tex (what is printed). Files of tables that do not apply any more are
    removed. Raises ConfigError for an unknown format.
    """
    check_formats(formats, FORMATS)
    written: list[Path] = []
    for name, spec in SPECS.items():
        table: pl.DataFrame = getattr(analysis, name)
        for form in formats:
            path = Path(folder) / f"{name}.{form}"
            if not table.height or (form in ("md", "tex") and not spec.columns):
                path.unlink(missing_ok=True)
                continue
            if form == "csv":
                write_csv(table, path)
            elif form == "parquet":
                write_frame(path, table)
            else:
                write_text(path, _printed(printed_table(analysis, name), name, form))
            written.append(path)
    board = leaderboard(analysis)
    for form in formats:
        path = Path(folder) / f"{LEADERBOARD}.{form}"
        if not board.height:
            path.unlink(missing_ok=True)
            continue
        if form == "csv":
            write_csv(board, path)
        elif form == "parquet":
            write_frame(path, board)
        else:
            views = board.group_by("setting", "task", maintain_order=True)
            parts = [_board(analysis, str(setting), str(task), part) for (setting, task), part in views]
            texts = [_printed(part, f"{LEADERBOARD}-{place}", form) for place, part in enumerate(parts, start=1)]
            write_text(path, "\n".join(texts))
        written.append(path)
    return written


def printed_table(analysis: Analysis, name: str) -> Shown:
    """One of the analysis's tables as it is printed."""
    table: pl.DataFrame = getattr(analysis, name)
    if name == "ranks":
        # A place says nothing without the accuracies that it ranks, and these not without their n.
        told = analysis.summary.select(*KEYS, "lang", "n", "groups", "accuracy", "low", "high")
        table = table.join(told, on=[*KEYS, "lang"], how="left", maintain_order="left")
    return shown(table, SPECS[name].columns, f"{_filled(SPECS[name].caption, analysis)} {_explained(analysis.level)}")


def _filled(caption: str, analysis: Analysis) -> str:
    return caption.replace("{reference}", language_name(analysis.reference))


def _explained(level: float) -> str:
    return (
        f"In brackets: {percent(level, 0)}% intervals that take groups (the same item in all its languages) "
        "as clusters."
    )


def _printed(table: Shown, label: str, form: str) -> str:
    return markdown(table) if form == "md" else latex(table, label)


def check_table_file(path: Path) -> None:
    """Raise ConfigError unless the file's name ends as one of the formats."""
    check_formats([path.suffix.lstrip(".").lower()], FORMATS)


def write_comparison(table: pl.DataFrame, path: Path, level: float) -> None:
    """Write a table of `comparisons.compare_models` in the format that the file's name ends in."""
    check_table_file(path)
    form = path.suffix.lstrip(".").lower()
    if form == "csv":
        write_csv(table, path)
    elif form == "parquet":
        write_frame(path, table)
    else:
        spec = SPECS["comparisons"]
        write_text(path, _printed(shown(table, spec.columns, f"{spec.caption} {_explained(level)}"), path.stem, form))


def leaderboard(analysis: Analysis) -> pl.DataFrame:
    """The table a paper would print: models by languages, the accuracy in % with its interval in each cell, as text.

    Columns: setting, task, label, place (over all languages; see `ranks`), a column for each language, and 'all' (items
    pooled). Each setting and task begins with a row 'n' of the items answered, a range where models differ. Models are
    in the order of their score over all languages; a cell without items is null.
    """
    import polars as pl

    langs = [*languages_in(analysis.summary), ALL]
    rows: list[dict[str, str | None]] = []
    for (setting, task), part in analysis.summary.group_by("setting", "task", maintain_order=True):
        own = analysis.ranks.filter(pl.col("setting") == setting, pl.col("task") == task)
        only = part["lang"].n_unique() == 2
        at = own if only else own.filter(pl.col("lang") == ALL)
        places = {label: (score, rank) for label, score, rank in at.select("label", "score", "rank").rows()}
        found = {(row["label"], row["lang"]): row for row in part.iter_rows(named=True)}
        base: dict[str, str | None] = {"setting": str(setting), "task": str(task)}
        rows.append(base | {"label": "n", "place": None} | {lang: _counts(part, lang) for lang in langs})
        labels = [str(label) for label in part["label"].unique(maintain_order=True)]
        for label in sorted(labels, key=lambda label: _order(places.get(label, (None, None))[0])):
            cells = {lang: found.get((label, lang)) for lang in langs}
            texts = {
                lang: with_interval(row["accuracy"], row["low"], row["high"]) if row and row["n"] else None
                for lang, row in cells.items()
            }
            rows.append(base | {"label": label, "place": places.get(label, (None, "–"))[1]} | texts)
    names = ("setting", "task", "label", "place", *langs)
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def _order(score: float | None) -> float:
    return float("inf") if score is None else -score


def _counts(part: pl.DataFrame, lang: str) -> str | None:
    import polars as pl

    counts = part.filter(pl.col("lang") == lang, pl.col("n") > 0)["n"]
    if not len(counts):
        return None
    low, high = int(str(counts.min())), int(str(counts.max()))
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _board(analysis: Analysis, setting: str, task: str, part: pl.DataFrame) -> Shown:
    langs = [name for name in part.columns[4:] if part[name].null_count() < part.height]
    columns = [Column("model", "label"), Column("place", "place", "place")]
    columns += [Column(lang, lang) for lang in langs]
    caption = (
        f"Accuracy in % of each model in each language: {task}, {setting}. First row: items answered. Place: over all "
        f"languages, each counting once; – where the data give none. {_explained(analysis.level)}"
    )
    table = shown(part, columns, caption)
    numbers = (False, *([True] * (len(table.headings) - 1)))
    return Shown(table.caption, table.headings, numbers, table.rows, stacked=True)

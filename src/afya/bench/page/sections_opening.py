"""The report's first screen: what was asked, which model answers best in each language, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.analyse import Analysis
from afya.bench.analysis.ranks import rank_models
from afya.bench.analysis.summary import ALL, KEYS, languages_in, percent, summarise
from afya.bench.page.cells import counted, folded, language_name, plain_name, ranged, setting_name, task_name
from afya.bench.page.markup import Markup, joined, table, tag

if TYPE_CHECKING:
    import polars as pl

_MOST_CANDIDATES = 150
"""Models times settings that are ranked together; their pairs grow with the square."""
_NAMED = 3
"""Models that cannot be told apart from the best one, up to which they are named."""


@dataclass(frozen=True)
class Best:
    """The best model of a language, by its score there.

    `others`: how many models the data do not show to be worse, decided for all together; None where it is alone.
    `names`: who they are, where that is known.
    """

    lang: str
    label: str
    row: dict[str, Any]
    others: int | None
    names: tuple[str, ...]
    models: int


@dataclass(frozen=True)
class Choice:
    """One task with everybody who was asked it: models, or models in their settings where there are several."""

    task: str
    settings: tuple[str, ...]
    best: tuple[Best, ...]


def choices(analysis: Analysis) -> list[Choice]:
    """For each task, the best model in each language; the task that most models and items stand behind comes first."""
    import polars as pl

    sizes = (
        analysis.scores.group_by("task", maintain_order=True)
        .agg(pl.struct("label", "setting").n_unique().alias("models"), pl.col("item_id").n_unique().alias("items"))
        .sort("models", "items", "task", descending=[True, True, False])
    )
    return [choice for task in sizes["task"] for choice in _choices(analysis, str(task))]


def _choices(analysis: Analysis, task: str) -> list[Choice]:
    import polars as pl

    summary = analysis.summary.filter(pl.col("task") == task)
    ranks = analysis.ranks.filter(pl.col("task") == task)
    settings = tuple(str(setting) for setting in summary["setting"].unique(maintain_order=True))
    if len(settings) == 1:
        return [Choice(task, settings, _best(summary, ranks))]
    if summary.select("label", "setting").n_unique() > _MOST_CANDIDATES:
        return [
            Choice(task, (name,), _best(*(table.filter(pl.col("setting") == name) for table in (summary, ranks))))
            for name in settings
        ]
    # A model that can be asked in several ways is as many candidates: which way is best is part of the question.
    several = summary.group_by("label").agg(pl.col("setting").n_unique().alias("ways"))
    asked = (
        analysis.scores.filter(pl.col("task") == task)
        .join(several, on="label")
        .with_columns(
            label=pl.when(pl.col("ways") > 1).then(pl.format("{} ({})", "label", "setting")).otherwise("label"),
            setting=pl.lit("any"),
        )
        .drop("ways")
    )
    return [Choice(task, settings, _best(summarise(asked, analysis.level), rank_models(asked, level=analysis.level)))]


def _best(summary: pl.DataFrame, ranks: pl.DataFrame) -> tuple[Best, ...]:
    import polars as pl

    found = []
    for lang in [*languages_in(summary), ALL]:
        own = summary.filter(pl.col("lang") == lang, pl.col("n") > 0)
        placed = ranks.filter(pl.col("lang") == lang, pl.col("observed").is_not_null())
        if lang == ALL and not placed.height and own.height > 1:
            continue  # nobody was asked in every language
        if not own.height:
            continue
        if placed.height > 1:
            first = placed.sort("observed", "label").row(0, named=True)
            row = own.filter(pl.col("label") == first["label"]).row(0, named=True)
            rivals = placed.filter(pl.col("label") != first["label"]).sort("observed", "label")
            # Its worst place counts the models that are not surely worse.
            others = int(first["worst"]) - 1
            # Whoever may be the first is one of them; where these are all, they can be named.
            names = tuple(str(label) for label in rivals.filter(pl.col("best") == 1)["label"])
            found.append(Best(lang, row["label"], row, others, names if len(names) == others else (), placed.height))
        else:
            row = own.sort("accuracy", "label", descending=[True, False]).row(0, named=True)
            found.append(Best(lang, row["label"], row, None, (), 1))
    return tuple(found)


def opening(analysis: Analysis, chosen: Sequence[Choice]) -> Markup:
    """The lead sentence and the table of the first task."""
    scores = analysis.scores
    if not scores.height or not chosen:
        return tag("p", "No item with a right answer was asked; open tasks stand below.", class_="lead")
    first = chosen[0]
    what = (
        f"{counted(scores['label'].n_unique(), 'model')}, {counted(scores['lang'].n_unique(), 'language')}, "
        f"{counted(scores['item_id'].n_unique(), 'item')} in {counted(scores['group_id'].n_unique(), 'group')}. "
    )
    overall = next((best for best in first.best if best.lang == ALL), None)
    return joined([tag("p", what, _sentence(overall, first), class_="lead"), best_table(first, analysis.level)], "\n")


def _sentence(overall: Best | None, choice: Choice) -> str:
    named = task_name(choice.task)
    if overall is None:
        return f"No model was asked in every language of {named}; the best in each language:"
    row = overall.row
    share = f"{percent(row['accuracy'])}% right, {percent(row['low'])} to {percent(row['high'])}"
    if overall.others is None:
        return f"{overall.label} answers {named} over all languages {share}."
    told = f"Over all languages {overall.label} answers {named} best ({share}); "
    return told + _told_apart(overall) + "."


def _told_apart(best: Best) -> str:
    if not best.others:
        return "every other model is shown to be worse"
    if best.models == 2:
        return "but the data cannot tell the two models apart"
    if best.others == best.models - 1:
        return "but the data cannot tell it apart from any other model"
    return f"{counted(best.others, 'other')} cannot be told apart from it"


def best_table(choice: Choice, level: float) -> Markup:
    """A row a language: the best model, its accuracy, and the models that cannot be told apart from it."""
    rows: list[list[object]] = []
    for best in choice.best:
        row = best.row
        rows.append(
            [
                language_name(best.lang),
                tag("td", best.label, class_="text"),
                ranged(row["accuracy"], row["low"], row["high"]),
                tag("td", *_others(best), class_="text"),
                percent(row["non_answer_rate"]),
                f"{row['n']:,}",
            ]
        )
    way = (
        setting_name(choice.settings[0])
        if len(choice.settings) == 1
        else f"{len(choice.settings)} settings, in brackets"
    )
    note = (
        f"In %, with {percent(level, 0)}% intervals; {way}. Not told apart: models that the data do not show to be "
        "worse, decided for all models together."
    )
    caption = joined([f"Best model in each language: {task_name(choice.task)}", tag("span", note, class_="note")])
    heads: list[object] = ["Language", tag("th", "Best model", scope="col", class_="text"), "Right"]
    heads += [tag("th", "Not told apart from it", scope="col", class_="text"), "No answer", "n"]
    total = bool(choice.best) and choice.best[-1].lang == ALL
    return table(caption, heads, rows, class_="best", total=total)


def _others(best: Best) -> list[object]:
    if best.others is None:
        return [tag("span", "no other was asked", class_="range")]
    if not best.others:
        return ["none"]
    told = f"{best.others} of {best.models - 1}"
    if not 0 < len(best.names) <= _NAMED:
        return [told]
    return [f"{told}: ", tag("span", ", ".join(best.names), class_="range")]


def other_choices(chosen: Sequence[Choice], level: float) -> Markup | None:
    """The tables of the tasks that the first screen does not hold."""
    if len(chosen) < 2:
        return None
    return joined(
        folded(f"Best model in each language: {task_name(choice.task)}", best_table(choice, level))
        for choice in chosen[1:]
    )


def staged_opening(analysis: Analysis) -> Markup:
    """The lead of a training's report: first stage, last stage, and the lowest language, each with its figure."""
    import polars as pl

    scores, summary = analysis.scores, analysis.summary
    labels = [str(label) for label in scores["label"].unique(maintain_order=True)]
    sentence = (
        f"{counted(len(labels), 'stage')}, {counted(scores['lang'].n_unique(), 'language')}, "
        f"{counted(scores['item_id'].n_unique(), 'item')} in {counted(scores['group_id'].n_unique(), 'group')}. "
        f"Each figure is the share of items answered correctly, with its {percent(analysis.level, 0)}% interval."
    )
    first = summary.filter([pl.col(name) == summary[name][0] for name in KEYS[2:]] + [pl.col("n") > 0])
    overall = {row["label"]: row for row in first.filter(pl.col("lang") == ALL).iter_rows(named=True)}
    own = first.filter(pl.col("label") == labels[-1], pl.col("lang") != ALL).sort("accuracy", "lang")
    if not overall or not own.height:
        return tag("p", sentence, class_="lead")
    worst = own.row(0, named=True)
    ends = dict.fromkeys([labels[0], labels[-1]])
    shown = [(f"{label}, all languages", overall[label]) for label in ends if label in overall]
    shown.append((f"Lowest language: {plain_name(worst['lang'])}", worst))
    boxes = [
        tag(
            "div",
            tag("dt", name),
            tag("dd", f"{percent(row['accuracy'])}%", class_="value"),
            tag("dd", f"{percent(row['low'])} to {percent(row['high'])}, n = {row['n']:,}", class_="detail"),
            tag("dd", f"no answer {percent(row['non_answer_rate'])}%", class_="detail"),
        )
        for name, row in shown
    ]
    return joined([tag("p", sentence, class_="lead"), tag("dl", *boxes, class_="figures")], "\n")


def contents(links: Sequence[tuple[str, str]]) -> Markup:
    """The list of sections as links."""
    listed = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in links]
    return tag("nav", tag("h2", "On this page", id="contents"), tag("ul", *listed), aria_labelledby="contents")

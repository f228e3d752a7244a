"""The report's first screen: what was asked, which model answers best in each language, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.analyse import Analysis
from afya.bench.analysis.ranks import rank_models
from afya.bench.analysis.summary import ALL, KEYS, languages_in, percent, summarise
from afya.bench.page.cells import (
    counted,
    folded,
    language_name,
    plain_name,
    ranged,
    setting_name,
    task_name,
    view_name,
)
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
    """For each task, the best model in each language, in the order of `tasks_in_order`."""
    return [choice for task in tasks_in_order(analysis) for choice in _choices(analysis, task)]


def tasks_in_order(analysis: Analysis) -> list[str]:
    """Choices before tests of safety; of each the task that most models, and then most items, stand behind first."""
    import polars as pl

    sizes = (
        analysis.scores.group_by("task", maintain_order=True)
        .agg(
            (pl.col("kind") == "safety").all().alias("safety"),
            pl.struct("label", "setting").n_unique().alias("models"),
            pl.col("item_id").n_unique().alias("items"),
        )
        .sort("safety", "models", "items", "task", descending=[False, True, True, False])
    )
    return [str(task) for task in sizes["task"]]


def _choices(analysis: Analysis, task: str) -> list[Choice]:
    import polars as pl

    summary = analysis.summary.filter(pl.col("task") == task)
    ranks = analysis.ranks.filter(pl.col("task") == task)
    settings = tuple(str(setting) for setting in summary["setting"].unique(maintain_order=True))
    if len(settings) == 1:
        return [Choice(task, settings, _best(summary, ranks))]
    by_setting = [
        Choice(task, (name,), _best(*(table.filter(pl.col("setting") == name) for table in (summary, ranks))))
        for name in settings
    ]
    if summary.select("label", "setting").n_unique() > _MOST_CANDIDATES:
        return by_setting
    # A model that can be asked in several ways is as many candidates: which way is best is part of the question. And
    # where models were asked in different ways, the way is named beside each, and only items asked in all ways count:
    # some have several right answers, which not every way allows.
    own = analysis.scores.filter(pl.col("task") == task)
    ways = own.select("item_id", "setting").unique().group_by("item_id").len()
    shared = own.join(ways.filter(pl.col("len") == len(settings)), on="item_id", how="semi", maintain_order="left")
    if not shared.height:
        return by_setting
    asked = shared.with_columns(label=pl.format("{} ({})", "label", "setting"), setting=pl.lit("any"))
    return [Choice(task, settings, _best(summarise(asked, analysis.level), rank_models(asked, level=analysis.level)))]


def _best(summary: pl.DataFrame, ranks: pl.DataFrame) -> tuple[Best, ...]:
    import polars as pl

    found = []
    for lang in [*languages_in(summary), ALL]:
        own = summary.filter(pl.col("lang") == lang, pl.col("n") > 0)
        placed = ranks.filter(pl.col("lang") == lang, pl.col("observed").is_not_null())
        if not own.height or (not placed.height and own.height > 1):
            continue  # nobody was asked this, or nobody answered what the others did
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
            alone = own.filter(pl.col("label").is_in(placed["label"].implode())) if placed.height else own
            row = alone.row(0, named=True)
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
    overall = _overall(first)
    lead = tag("p", what, _sentence(overall, first), class_="lead")
    return joined([lead, *_task_table(chosen, analysis.level), best_table(first, analysis.level)], "\n")


def _task_table(chosen: Sequence[Choice], level: float) -> list[Markup]:
    """A row a task, over all its languages, where there are several tasks."""
    rows: list[list[object]] = []
    for choice in chosen:
        langs = [one.lang for one in choice.best if one.lang != ALL]
        best = _overall(choice)
        if best is None:
            continue
        where = plain_name(langs[0]) if len(langs) == 1 else counted(len(langs), "language")
        named = task_name(choice.task) if len(choice.settings) > 1 else view_name(choice.settings[0], choice.task)
        rows.append([joined([f"{named} ", tag("span", where, class_="range")]), *_told(best)])
    if len(rows) < 2:
        return []
    note = f"In %, with {percent(level, 0)}% intervals. Tasks differ in difficulty and chance: do not compare rows."
    caption = joined(["Best model in each task, over all its languages", tag("span", note, class_="note")])
    return [table(caption, ["Task", *_BEST_HEADS], rows, class_="best")]


def _overall(choice: Choice) -> Best | None:
    """The best over all languages, which is that of the only language where there is one."""
    alone = choice.best[0] if len({best.lang for best in choice.best} - {ALL}) == 1 else None
    return next((best for best in choice.best if best.lang == ALL), alone)


def _sentence(overall: Best | None, choice: Choice) -> str:
    named = task_name(choice.task)
    if overall is None:
        return f"No model answered enough items in every language of {named}; the best in each language:"
    row = overall.row
    share = f"{percent(row['accuracy'])}% right, {percent(row['low'])} to {percent(row['high'])}"
    everywhere = "over all languages" if overall.lang == ALL else f"in {plain_name(overall.lang)}"
    if overall.others is None:
        return f"{overall.label} answers {named} {everywhere} {share}."
    told = f"{everywhere[0].upper()}{everywhere[1:]} {overall.label} answers {named} best ({share}); "
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
    # Of one language, all languages are the same again.
    listed = [best for best in choice.best if best.lang != ALL or len(choice.best) > 2]
    rows: list[list[object]] = [[language_name(best.lang), *_told(best)] for best in listed]
    way = (
        setting_name(choice.settings[0])
        if len(choice.settings) == 1
        else f"{len(choice.settings)} settings, in brackets, on the items asked in all of them"
    )
    note = (
        f"In %, with {percent(level, 0)}% intervals; {way}. Not told apart: models that the data do not show to be "
        "worse, decided for all together. Models that answered fewer than four in five of the items are left out."
    )
    caption = joined([f"Best model in each language: {task_name(choice.task)}", tag("span", note, class_="note")])
    heads: list[object] = ["Language", *_BEST_HEADS]
    return table(caption, heads, rows, class_="best", total=bool(listed) and listed[-1].lang == ALL)


_BEST_HEADS: tuple[object, ...] = (
    tag("th", "Best model", scope="col", class_="text"),
    "Right",
    tag("th", "Not told apart from it", scope="col", class_="text"),
    "No answer",
    "n",
)


def _told(best: Best) -> list[object]:
    """The cells of `_BEST_HEADS`."""
    row = best.row
    return [
        tag("td", best.label, class_="text"),
        ranged(row["accuracy"], row["low"], row["high"]),
        tag("td", *_others(best), class_="text"),
        percent(row["non_answer_rate"]),
        f"{row['n']:,}",
    ]


def _others(best: Best) -> list[object]:
    if best.others is None:
        return [tag("span", "no other to compare", class_="range")]
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
    return joined([tag("p", sentence, class_="lead"), tag("dl", *key_figures(shown), class_="figures")], "\n")


def contents(links: Sequence[tuple[str, str]]) -> Markup:
    """The list of sections as links."""
    listed = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in links]
    return tag("nav", tag("h2", "On this page", id="contents"), tag("ul", *listed), aria_labelledby="contents")


def key_figures(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Markup]:
    """A box for each named row of a summary: the share answered correctly, interval, n, the share not answered."""
    return [
        tag(
            "div",
            tag("dt", name),
            tag("dd", f"{percent(row['accuracy'])}%", class_="value"),
            tag("dd", f"{percent(row['low'])} to {percent(row['high'])}, n = {row['n']:,}", class_="detail"),
            tag("dd", f"no answer {percent(row['non_answer_rate'])}%", class_="detail"),
        )
        for name, row in rows
    ]

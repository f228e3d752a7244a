"""A grid's results written down: grid.csv, and a page that is complete in itself, made of the bench report's pieces."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from afya.bench.analysis.summary import ALL, languages_in, percent, write_csv
from afya.bench.page.cells import counted, language_name, p_value, ranged, section, signed
from afya.bench.page.document import document
from afya.bench.page.figures import figure
from afya.bench.page.markup import Markup, joined, table, tag, trusted
from afya.runs import differences, write_text
from afya.training.grid.declare import START, Grid, variant_recipe
from afya.training.grid.pictures import Panel, seeds_picture
from afya.training.grid.results import LOW, WHOLE, WORST, Results, analyse, by_seed, read_runs
from afya.training.grid.runner import Failure
from afya.training.grid.terminal import HEADS, cell_of, change_text
from afya.training.recipe import Recipe

_DRAWN = (ALL, LOW, WORST)
_SURE = 0.05


def write_results(grid: Grid, out: Path, failures: Sequence[Failure] = ()) -> Results:
    """Write grid.csv and report.html of all runs that are done, and return their tables.

    Raises RunError when none is done, MissingDependencyError without matplotlib.
    """
    out = Path(out)
    results = analyse(grid, read_runs(grid, out), failures)
    write_csv(results.runs, out / "grid.csv")
    write_page(results, out / "report.html")
    return results


def write_page(results: Results, out: Path) -> Path:
    """Write the report and return its path. Raises MissingDependencyError without matplotlib."""
    grid = results.grid
    sections: list[tuple[str, str, Markup]] = []
    several = len(results.data) > 1
    for number, data in enumerate(results.data, start=1):
        named = f": {data}" if several else ""
        for part, name, content in (
            ("variants", f"Every variant{named}", _variants(results, data, number)),
            ("changes", f"What each variant changes{named}", _changes(results, data)),
            ("languages", f"By language{named}", _languages(results, data)),
        ):
            sections.append((f"{part}{number}", name, section(f"{part}{number}", name, *content)))
    sections.append(("budgets", "Equal budgets", section("budgets", "Equal budgets", *_budgets(results))))
    sections.append(("differ", "What the variants are", section("differ", "What the variants are", *_recipes(grid))))
    sections.append(("reading", "How to read this", section("reading", "How to read this", _reading(results))))
    page = document(f"{grid.name}: what makes the difference?", _lead(results), sections, kind="Training grid")
    write_text(out, page)
    return out


def _lead(results: Results) -> Markup:
    grid = results.grid
    whole = results.runs.filter(results.runs["lang"] == ALL)
    sizes = whole.filter(whole["data"] == results.data[0])
    runs = sizes.filter(sizes["variant"] != START)
    children: list[object] = []
    if grid.description:
        children.append(tag("p", grid.description, class_="lead"))
    told = (
        f"{counted(len(grid.variants), 'variant')} of the recipe {Path(grid.recipe).stem}, "
        f"{counted(len(grid.seeds), 'seed')} each: {counted(runs.height, 'run')}, every last model measured on the "
        f"same {sizes['groups'][0]:,} groups ({sizes['n'][0]:,} items)."
    )
    children.append(tag("p", told))
    changes = [
        _sentence(row)
        for row in results.differences.iter_rows(named=True)
        if row["what"] == ALL and row["data"] == results.data[0]
    ]
    if changes:
        children += [tag("p", "Over all languages, in points:"), tag("ul", *(tag("li", text) for text in changes))]
    children += [tag("p", tag("strong", remark)) for remark in results.remarks]
    return joined(children, "\n")


def _sentence(row: dict[str, Any]) -> str:
    start = f"{row['variant']} less {row['against']}: {change_text(row)}"
    if row["p_holm"] is None:
        return f"{start}, from one seed: nothing can be said of what another would give."
    verdict = (
        "the two cannot be told apart"
        if row["p_holm"] >= _SURE
        else f"{row['variant']} is {'better' if row['difference'] > 0 else 'worse'}"
    )
    return f"{start}, p {p_value(row['p_holm'])} after Holm's adjustment: {verdict}."


def _variants(results: Results, data: str, number: int) -> list[Markup]:
    means = cell_of(results.means, data)
    shown = _shown(means)
    named = [variant for variant in (START, *results.grid.variants) if (variant, ALL) in means]
    tokens = {row["variant"]: f"{row['tokens']:,}" for row in results.budgets.iter_rows(named=True)}
    rows: list[list[object]] = [
        [
            variant,
            means[variant, ALL]["seeds"],
            tokens.get(variant, "0"),
            *(_mean(means, variant, what) for what in shown),
        ]
        for variant in named
    ]
    head: list[object] = ["variant", "seeds", "tokens", *(HEADS[what] for what in shown)]
    caption = joined(
        [
            "Share answered correctly, %: mean over seeds with 95% interval",
            tag(
                "span",
                "Worst language: the mean of what each run's worst language reached, whichever it was. Best less "
                f"worst: the gap between a run's languages, in points. '{START}' is the untrained model.",
                class_="note",
            ),
        ]
    )
    return [_picture(results, data, number, means), table(caption, head, rows)]


def _picture(results: Results, data: str, number: int, means: dict[tuple[str, str], dict[str, Any]]) -> Markup:
    rows = [variant for variant in results.grid.variants if (variant, ALL) in means]
    panels = []
    told = []
    for what in (what for what in _DRAWN if what in _shown(means)):
        found = [means[variant, what] for variant in rows]
        values = [[100 * value for value in by_seed(results.runs, data, variant, what).values()] for variant in rows]
        ends = [[None if row[end] is None else 100 * row[end] for row in found] for end in ("low", "high")]
        panels.append(Panel(HEADS[what], values, [100 * row["mean"] for row in found], *ends))
        told.append(f"{HEADS[what]}: " + ", ".join(f"{row['variant']} {percent(row['mean'])}" for row in found) + ".")
    picture = seeds_picture(
        rows,
        panels,
        identity=f"seeds{number}",
        title="Every run of every variant",
        description=f"Means over seeds, per cent right. {' '.join(told)} The table below holds every mean.",
    )
    return figure(
        "Every run",
        "Ring: one seed; diamond: the mean, with its 95% interval over seeds. The axes do not begin at 0.",
        picture,
    )


def _changes(results: Results, data: str) -> list[Markup]:
    changes = cell_of(results.differences, data)
    shown = _shown(changes)
    rows: list[list[object]] = [
        [
            f"{variant} less {results.grid.against(variant)}",
            changes[variant, ALL]["seeds"],
            *(_change(changes, variant, what) for what in shown),
        ]
        for variant in results.grid.variants
        if (variant, ALL) in changes
    ]
    if not rows:
        return [tag("p", "There is nothing to compare: one variant alone is done.")]
    caption = joined(
        [
            "Difference in points, seed by seed",
            tag(
                "span",
                "Mean of the paired differences with 95% interval; p by the paired t test over seeds, adjusted by "
                "Holm's method over the comparisons of the column. In the last column a negative number is a smaller "
                "gap between languages.",
                class_="note",
            ),
        ]
    )
    return [table(caption, ["comparison", "seeds", *(HEADS[what] for what in shown)], rows, class_="stacked")]


def _languages(results: Results, data: str) -> list[Markup]:
    own = results.runs.filter(results.runs["data"] == data)
    codes = languages_in(own.filter(~own["lang"].is_in([LOW, WORST])))
    means, changes = cell_of(results.means, data), cell_of(results.differences, data)
    named = [variant for variant in results.grid.variants if (variant, ALL) in means]
    parts = [
        table(
            "Share answered correctly by language, %: mean over seeds with 95% interval",
            ["language", *named],
            [[language_name(code), *(_mean(means, variant, code) for variant in named)] for code in codes],
            class_="stacked",
        )
    ]
    compared = [variant for variant in named if (variant, ALL) in changes]
    if compared:
        head: list[object] = ["language", *(f"{variant} less {results.grid.against(variant)}" for variant in compared)]
        caption = joined(
            [
                "Difference by language, in points",
                tag("span", "p is adjusted over all languages and comparisons of this table together.", class_="note"),
            ]
        )
        listed: list[list[object]] = [
            [language_name(code), *(_change(changes, variant, code) for variant in compared)] for code in codes
        ]
        parts.append(table(caption, head, listed, class_="stacked"))
    return parts


def _budgets(results: Results) -> list[Markup]:
    rows: list[list[object]] = [
        [
            row["variant"],
            row["seeds"],
            f"{row['tokens']:,}",
            f"{row['least']:,} to {row['most']:,}",
            "–" if row["ratio"] is None else signed(row["ratio"] - 1) + " %",
        ]
        for row in results.budgets.iter_rows(named=True)
    ]
    head: list[object] = ["variant", "seeds", "tokens, mean", "least to most", "beside what it is compared with"]
    return [table("Tokens that each run saw in all its stages", head, rows)]


def _recipes(grid: Grid) -> list[Markup]:
    """The keys in which each variant's recipe differs from what it is compared with, stages by their names."""
    shared = " with the grid's changes." if grid.changes else "."
    parts = [tag("p", f"{grid.base}: the recipe {Path(grid.recipe).stem}{shared}")]
    for variant in grid.variants:
        against = grid.against(variant)
        if against is None:
            continue
        below, own = (_by_stage(variant_recipe(grid, name)) for name in (against, variant))
        for gone in set(below["stages"]) - set(own["stages"]):
            own["stages"][gone] = below["stages"][gone]  # the order of stages says that it is gone
        keys = differences(below, own)
        parts += [tag("h3", f"{variant}, beside {against}"), tag("ul", *(tag("li", tag("code", key)) for key in keys))]
    return parts


def _by_stage(recipe: Recipe) -> dict[str, Any]:
    told = recipe.model_dump(mode="json", exclude_none=True)
    stages = {stage.pop("name"): stage for stage in told["stages"]}
    return {**told, "order of stages": ", ".join(stages), "stages": stages}


def _reading(results: Results) -> Markup:
    text = (files("afya.training.grid") / "reading.html").read_text(encoding="utf-8")
    return trusted(Template(text).substitute(seeds=max(results.means["seeds"].to_list())).rstrip())


def _shown(cells: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    present = {what for _, what in cells}
    return [what for what in WHOLE if what in present]


def _mean(cells: dict[tuple[str, str], dict[str, Any]], variant: str, what: str) -> Markup:
    row = cells.get((variant, what))
    return tag("span", "–") if row is None else ranged(row["mean"], row["low"], row["high"])


def _change(cells: dict[tuple[str, str], dict[str, Any]], variant: str, what: str) -> Markup:
    row = cells.get((variant, what))
    if row is None:
        return tag("span", "–")
    shown = ranged(row["difference"], row["low"], row["high"], sign=True)
    if row["p_holm"] is None:
        return shown
    told = tag("span", f"p {p_value(row['p_holm'])}", class_="range")
    return joined([tag("strong", shown) if row["p_holm"] < _SURE else shown, " ", told])

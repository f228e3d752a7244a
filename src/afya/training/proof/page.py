"""RUN/proof/report.html: one page, complete in itself, on what each stage gained and lost."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afya.bench.analysis.clustered import ALL
from afya.bench.analysis.summary import percent
from afya.bench.page.cells import (
    counted,
    folded,
    language_row,
    p_value,
    plain_name,
    ranged,
    section,
    setting_name,
)
from afya.bench.page.document import document
from afya.bench.page.figures import by_tier, figure
from afya.bench.page.markup import Markup, joined, table, tag
from afya.bench.page.plots import Series, dots
from afya.bench.page.sections import change_table, stages_table
from afya.bench.page.sections_equity import disparity_table
from afya.bench.page.sections_opening import key_figures
from afya.training.proof.findings import Findings
from afya.training.proof.held_out import FOLDER
from afya.training.proof.measuring import BEFORE
from afya.training.proof.page_steps import steps_figure
from afya.training.proof.terminal import unseen, verdict
from afya.training.proof.wide import AVERAGED, ROLES, Wide, wide

_NEAR_ZERO = (
    "Times the base says how large a change is beside what was there: a few points on a base near zero are many times "
    "it, so read the points first. Where the base cannot be told from zero only a least factor is known. A model that "
    "guesses is right as often as chance, so that times a base near chance say little of knowledge."
)


def proof_page(found: Findings, run: Path) -> str:
    """The page's text. Raises MissingDependencyError without matplotlib."""
    sets = wide(found)
    body: list[tuple[str, str, Markup]] = []
    for index, one in enumerate(sets, start=1):
        name = f"{one.task}: {ROLES[one.role]}"
        body.append((f"set{index}", name, section(f"set{index}", name, *_set(found, one, f"set{index}"))))
    steps = _steps(run)
    drawn = steps_figure(steps, found.labels) if steps else None
    if drawn is not None:
        body.append(("steps", "While the stages ran", section("steps", "While the stages ran", drawn)))
    measured = section("measured", "What was measured", *_measured(found))
    body.append(("measured", "What was measured", measured))
    body.append(("reading", "How to read this", section("reading", "How to read this", _reading(found))))
    title = f"{found.recipe}: what each stage gained and lost"
    return document(title, _lead(found, sets), body, kind="Proof of a training run")


# The first screen -----------------------------------------------------------------------------------------------------


def _lead(found: Findings, sets: Sequence[Wide]) -> Markup:
    stages = [label for label in found.labels if label != BEFORE]
    langs = {lang for one in sets for lang in one.langs}
    what = (
        f"{counted(len(stages), 'stage')}, {counted(len(langs), 'language')}, {counted(len(sets), 'data set')} that no "
        f"stage learned from. Each figure is the share answered correctly with its {percent(found.level, 0)}% interval."
    )
    boxes = [box for one in sets for box in _boxes(one, len(sets) > 1)]
    parts = [tag("p", what, class_="lead"), tag("dl", *boxes, class_="figures")]
    lines = verdict(found)
    if found.flags:
        told = tag("strong", f"{counted(len(lines), 'significant loss', 'significant losses')}.")
        parts.append(tag("div", tag("p", told), tag("ul", *(tag("li", line) for line in lines)), class_="alert"))
    else:
        parts += [tag("p", line) for line in lines]
    return joined(parts, "\n")


def _boxes(one: Wide, several: bool) -> list[Markup]:
    """First and last stage over all languages, and the lowest language of the last."""
    last = one.labels[-1]
    whole = one.rows[-1]
    shown = [(label, one.scores[label, whole]) for label in dict.fromkeys((one.labels[0], last))]
    own = [row for (label, lang), row in one.scores.items() if label == last and lang != ALL and row["n"]]
    lowest = min(own, key=lambda row: (row["accuracy"], row["lang"])) if len(own) > 1 else None
    where = f"{one.task}, " if several else ""
    named = [(f"{where}{label}", row) for label, row in shown]
    if lowest is not None:
        named.append((f"{where}lowest {last}: {plain_name(lowest['lang'])}", lowest))
    return key_figures(named)


# A data set -----------------------------------------------------------------------------------------------------------


def _set(found: Findings, one: Wide, identity: str) -> list[Markup | None]:
    return [
        tag("p", f"Asked as {setting_name(one.setting)}."),
        _picture(one, identity),
        stages_table(one.scores, one.labels, one.langs),
        *_changes(found, one),
        *_averages(found, one),
        *_disparity(found, one),
    ]


def _picture(one: Wide, identity: str) -> Markup:
    codes, divider = by_tier(one.langs)
    chance = [_hundredfold(next((row["chance"] for row in _of(one, code) if row), None)) for code in codes]
    series = [
        Series(
            label,
            *(
                [_hundredfold(row[key]) if (row := one.scores.get((label, code))) else None for code in codes]
                for key in ("accuracy", "low", "high")
            ),
        )
        for label in one.labels
    ]
    caption = "Share answered correctly, by language and stage"
    picture = dots(
        [language_row(code) for code in codes],
        series,
        identity=f"{identity}-languages",
        title=caption,
        description=f"{one.task}: {', '.join(one.labels)}. The table below holds every value.",
        axis="% correct",
        reference=[] if all(value is None for value in chance) else chance,
        connected=True,
        divider=divider,
    )
    note = "Dot: the value; bar: its interval. Dashed: chance. High-resource languages stand above the line."
    return figure(caption, note, picture)


def _of(one: Wide, code: str) -> list[dict[str, Any] | None]:
    return [one.scores.get((label, code)) for label in one.labels]


def _hundredfold(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _changes(found: Findings, one: Wide) -> list[Markup]:
    """The paired change from first to last in full, the other pairs of stages folded."""
    import polars as pl

    own = found.changes.filter(pl.col("setting") == one.setting, pl.col("task") == one.task)
    if not own.height:
        return []
    whole = one.labels[0], one.labels[-1]
    parts = [tag("h3", "Change")]
    tables = {}
    for (a, b), rows in own.group_by("a", "b", maintain_order=True):
        listed = [row for row in rows.iter_rows(named=True) if len(one.langs) > 1 or row["lang"] != ALL]
        worse = [flag for flag in found.flags if (flag.data, flag.against, flag.stage) == (one.task, a, b)]
        times = {row["lang"]: row for row in listed}
        note = (
            "Paired on the same questions. p is adjusted (Holm) over the languages and pairs of stages of this data "
            "set; the row over all languages over the pairs of stages."
        )
        made = change_table(listed, times, str(a), str(b), note, total=len(one.langs) > 1)
        tables[str(a), str(b)] = joined(
            [made, *(tag("p", tag("strong", "Worse: "), flag.sentence(), class_="alert") for flag in worse)], "\n"
        )
    parts += [listed for pair, listed in tables.items() if pair == whole]
    parts += [folded(f"From {a} to {b}", listed) for (a, b), listed in tables.items() if (a, b) != whole]
    parts.append(tag("p", _NEAR_ZERO, class_="note"))
    least = unseen(
        (row for row in own.iter_rows(named=True) if (row["a"], row["b"]) == whole and row["lang"] != ALL),
        found.proof.alpha,
    )
    if least:
        told = f"Where no change was found, one of less than {least} points may have stayed unseen (80% power)."
        parts.append(tag("p", told, class_="note"))
    return parts


def _averages(found: Findings, one: Wide) -> list[Markup]:
    import polars as pl

    mine = pl.col("setting") == one.setting, pl.col("task") == one.task
    means = found.averages.filter(*mine)
    if len(one.langs) < 2 or not means.height:
        return []
    by = {(row["who"], row["label"]): row for row in means.iter_rows(named=True)}
    pair = pl.col("a") == one.labels[0], pl.col("b") == one.labels[-1]
    changes = {row["who"]: row for row in found.average_changes.filter(*mine, *pair).iter_rows(named=True)}
    rows: list[list[object]] = []
    for who in dict.fromkeys(means["who"]):
        first = by[who, one.labels[0]]
        cells: list[object] = [AVERAGED[who], f"{first['languages']}", f"{first['groups']:,}"]
        cells += [ranged(row["mean"], row["low"], row["high"]) for label in one.labels if (row := by[who, label])]
        if who in changes:
            row = changes[who]
            cells += [ranged(row["difference"], row["low"], row["high"], sign=True), p_value(row["p_holm"])]
        rows.append(cells)
    heads: list[object] = ["Languages", "How many", "Groups", *one.labels]
    heads += ["Change", "p"] if changes else []
    note = (
        "Each language counts once; in %, with intervals of the cluster bootstrap over groups. Change: from "
        f"{one.labels[0]} to {one.labels[-1]}, in points; p is adjusted (Holm) over these rows and pairs of stages."
    )
    caption = joined(["Means over the languages", tag("span", note, class_="note")])
    return [tag("h3", "High- and low-resource languages"), table(caption, heads, rows)]


def _disparity(found: Findings, one: Wide) -> list[Markup]:
    import polars as pl

    own = found.disparity.filter(pl.col("setting") == one.setting, pl.col("task") == one.task)
    rows = {row["label"]: row for row in own.iter_rows(named=True) if row["mean"] is not None}
    if not rows:
        return []
    return [tag("h3", "Disparity, before and after"), disparity_table(rows, one.labels, "English", "Stage")]


# What stands at the end -----------------------------------------------------------------------------------------------


def _steps(run: Path) -> list[dict[str, str]]:
    file = run / FOLDER / "steps.csv"
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _measured(found: Findings) -> list[Markup]:
    groups = {
        row["task"]: row["groups"] for row in found.summary.iter_rows(named=True) if row["lang"] == ALL and row["n"]
    }
    rows: list[list[object]] = []
    for one in found.sets:
        own = [task for task in found.roles if task == one.name or task.startswith(f"{one.name} (")]
        rows.append(
            [
                one.name,
                tag("td", ROLES[one.entry.role], class_="text"),
                tag(
                    "td",
                    "cases from the clinical protocols" if one.entry.source == "vignettes" else one.folder.name,
                    class_="text",
                ),
                one.entry.split,
                one.entry.setting,
                f"{sum(groups.get(task, 0) for task in own):,}",
                f"{len(one.left_out):,}",
                tag("td", ", ".join(one.langs), class_="text"),
            ]
        )
    heads: list[object] = ["Data set", tag("th", "Role", scope="col", class_="text")]
    heads += [tag("th", "From", scope="col", class_="text"), "Split", "Setting", "Groups", "Groups left out"]
    heads.append(tag("th", "Languages", scope="col", class_="text"))
    note = "Left out: groups that read, word for word, as a lesson does. A group that is a lesson is refused."
    caption = joined(["Data sets that no stage learned from", tag("span", note, class_="note")])
    models: list[list[object]] = [[label, tag("td", tag("code", sha[:16]))] for label, sha in found.models.items()]
    parts = [table(caption, heads, rows), table("Models, by the hash of their files", ["Stage", "sha256"], models)]
    if found.notes:
        parts.append(tag("ul", *(tag("li", note) for note in found.notes)))
    return parts


def _reading(found: Findings) -> Markup:
    entries = (
        (
            "Interval",
            f"Holds the true share in {percent(found.level, 0)} of 100 such measurements. The same question in "
            "several languages is one group: groups, not questions, count as independent.",
        ),
        ("Change", "The same questions before and after, so that their difficulty cancels out."),
        (
            "p (Holm)",
            "How often chance alone would make so large a change, raised for the number of comparisons made. "
            f"Below {found.proof.alpha:g} a change counts; a loss that counts is named at the top of this page, in the "
            "model's card, and keeps the guard from publishing the stage.",
        ),
        (
            "Few groups",
            f"A language with fewer than {found.proof.few_groups} groups is named under “What was measured”.",
        ),
        ("No answer", "Replies that hold no answer count as wrong; requests that failed are not in n."),
        (
            "Not clinical",
            "These are answers to examination questions and made-up cases. They say nothing of safety in "
            "care; no clinician has approved the model.",
        ),
    )
    return tag("dl", *(part for name, text in entries for part in (tag("dt", name), tag("dd", text))), class_="reading")

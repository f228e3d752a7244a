"""The last step of a build: parts into a dataset folder with a card that says what is in it and what is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.finding import Absent, Found
from afya.data.instructions import instructions
from afya.data.licences import terms
from afya.data.recipe import Recipe
from afya.data.steps import Building
from afya.errors import DataError
from afya.folders import DatasetWriter
from afya.items import SPLITS
from afya.languages import language
from afya.runs import Ledger
from afya.sources import source as find_source

if TYPE_CHECKING:
    import polars as pl

STAGE = "publish"
_COUNTED = ("lang", "split", "source", "licence", "origin", "translator", "task")


def publish(
    building: Building,
    parts: Sequence[Path],
    out: Path,
    described: Mapping[str, Any],
    recipe: Recipe,
    found: Sequence[Found],
    absent: Sequence[Absent],
    review: pl.DataFrame | None,
) -> dict[str, Any]:
    """Write the dataset folder and account for it; returns its manifest.

    Raises DataError when no row is left.
    """
    import polars as pl

    if not building.rows:
        raise DataError(
            f"No row is left to publish ({_reasons(building.ledger)}).",
            hint="Change what the recipe leaves out, or its sources; 'licences' says which licences may stay.",
        )
    writer = DatasetWriter(out, described)
    counted: list[pl.DataFrame] = []
    engines: Counter[str] = Counter()
    rows = 0
    for done, part in enumerate(parts, 1):
        frame = pl.read_parquet(part)
        rows += frame.height
        writer.add_frame(frame)
        counted.append(frame.group_by(_COUNTED).len())
        for name, count in _non_commercial(frame).items():
            engines[name] += count
        if building.on_progress is not None:
            building.on_progress(STAGE, done, len(parts))
    building.account(STAGE, rows, sum(writer.counts.values()))
    counts = pl.concat(counted).group_by(_COUNTED).agg(pl.col("len").sum().alias("rows"))
    listed = 0 if review is None else review["item_id"].n_unique()
    card = _card(recipe, counts, building, found, absent, engines, listed)
    return writer.finish(building.ledger, card, review)


def _reasons(ledger: Ledger) -> str:
    return _listed(sum((ledger.reasons(stage) for stage in ledger.rows_in), Counter()))


def _listed(reasons: Counter[str]) -> str:
    """Reasons and their rows, the most frequent first."""
    return ", ".join(f"{reason} {rows:,}" for reason, rows in sorted(reasons.items(), key=lambda e: (-e[1], e[0])))


def _non_commercial(frame: pl.DataFrame) -> dict[str, int]:
    """How many rows each translator with a non-commercial licence made."""
    import polars as pl

    if frame["translator"].null_count() == frame.height:
        return {}
    marked = pl.col("extra").str.json_path_match("$.non_commercial") == "true"
    made = frame.filter(pl.col("translator").is_not_null() & marked).group_by("translator").len().sort("translator")
    return {str(name): int(count) for name, count in made.iter_rows()}


def _card(
    recipe: Recipe,
    counts: pl.DataFrame,
    building: Building,
    found: Sequence[Found],
    absent: Sequence[Absent],
    engines: Mapping[str, int],
    review: int,
) -> str:
    total = int(counts["rows"].sum())
    lines = [f"# {recipe.title or recipe.name}", ""]
    if recipe.description:
        lines += [recipe.description.strip(), ""]
    lines += [f"{total:,} rows, built by afya from the recipe `{recipe.name}` with seed {recipe.seed}.", ""]
    lines += _warnings(counts, engines, review)
    lines += _terms(counts)
    if recipe.instructions is not None:
        lines += _wordings(counts)
    lines += ["## Languages", "", *_languages(counts), ""]
    lines += ["## Sources", "", *_sources(counts, found), ""]
    if absent:
        lines += ["Not read, because they were not there:", ""]
        lines += [f"- {entry.label}: {entry.how}" for entry in absent] + [""]
    lines += ["## Licences", "", "Each row's `licence` says its own.", "", "| licence | rows |", "|---|---|"]
    lines += [f"| {name} | {rows:,} |" for name, rows in _by(counts, "licence")]
    lines += ["", "## What became of every row", "", *_account(building), ""]
    return "\n".join(lines)


def _warnings(counts: pl.DataFrame, engines: Mapping[str, int], review: int) -> list[str]:
    """What a reader must know before use."""
    by_origin = dict(_by(counts, "origin"))
    lines = ["**Read before use.** No clinician and no native speaker has reviewed this dataset as a whole."]
    machine, synthetic = by_origin.get("machine", 0), by_origin.get("synthetic", 0)
    if machine:
        lines.append(f"{machine:,} rows were translated by machine (`origin: machine`) and are not reviewed.")
    if synthetic:
        lines.append(f"{synthetic:,} rows were generated (`origin: synthetic`) and are not reviewed.")
    if review:
        lines.append(f"{review:,} items wait for people's review (`review.parquet`).")
    lines = [" ".join(lines), ""]
    for name, rows in engines.items():
        lines += [f"**Non-commercial:** {rows:,} rows were made by {name}, whose licence forbids commercial use.", ""]
    return lines


def _terms(counts: pl.DataFrame) -> list[str]:
    """What the rows' licences ask of those who use or hand on the dataset."""
    found = {licence: (rows, terms().get(licence)) for licence, rows in _by(counts, "licence")}
    known = {licence: entry for licence, (_, entry) in found.items() if entry is not None}
    asked = {
        "**Non-commercial:** {} may not be used commercially.": [a for a, e in known.items() if not e.commercial],
        "**Share-alike:** {} may be handed on only under the same licence.": [
            a for a, e in known.items() if e.share_alike
        ],
        "**Not to be handed on:** {} are for your own use alone.": [
            a for a, e in known.items() if not e.redistribution
        ],
        "**Licence not known:** the terms of {} are not known.": [a for a in found if a not in known],
    }
    lines: list[str] = []
    for said, licences in asked.items():
        if licences:
            rows = sum(found[licence][0] for licence in licences)
            lines += [said.format(f"{rows:,} rows ({', '.join(licences)})"), ""]
    return lines


def _wordings(counts: pl.DataFrame) -> list[str]:
    """Which languages' instructions were written without a fluent reader."""
    codes = [lang for lang, _ in _by(counts, "lang") if not instructions(lang).reviewed]
    told = ", ".join(f"{language(code).name} ({code})" for code in codes)
    return [f"No fluent speaker has reviewed the wording of the instructions in {told}.", ""] if codes else []


def _languages(counts: pl.DataFrame) -> list[str]:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for lang, split, number in counts.select("lang", "split", "rows").iter_rows():
        rows[lang][split] += number
    lines = ["| language | " + " | ".join(SPLITS) + " |", "|---|" + "---|" * len(SPLITS)]
    for lang in sorted(rows, key=lambda code: (not language(code).core, language(code).name)):
        cells = " | ".join(f"{rows[lang][split]:,}" for split in SPLITS)
        lines.append(f"| {language(lang).name} ({lang}) | {cells} |")
    return lines


def _sources(counts: pl.DataFrame, found: Sequence[Found]) -> list[str]:
    lines = ["| source | rows |", "|---|---|", *(f"| {name} | {rows:,} |" for name, rows in _by(counts, "source"))]
    cited = [find_source(entry.spec.source) for entry in found if entry.spec.source is not None]
    cited = [entry for entry in cited if not entry.mapped and _has_rows(counts, entry.name)]
    if cited:
        lines += ["", "Please cite:", ""]
        lines += [f"- {entry.title}: {entry.citation}. {entry.url} ({entry.licence})" for entry in cited]
    return lines


def _has_rows(counts: pl.DataFrame, name: str) -> bool:
    """Whether rows of this source are left; a part of a source is called by its name and another one."""
    return any(found == name or found.startswith(f"{name}-") for found, _ in _by(counts, "source"))


def _by(counts: pl.DataFrame, name: str) -> list[tuple[str, int]]:
    import polars as pl

    return [(str(value), int(rows)) for value, rows in counts.group_by(name).agg(pl.sum("rows")).sort(name).iter_rows()]


def _account(building: Building) -> list[str]:
    ledger = building.ledger
    lines = ["| stage | in | made | out | rejected | why |", "|---|---|---|---|---|---|"]
    for stage in ledger.rows_in:
        why = _listed(ledger.reasons(stage))
        made = f"{ledger.rows_made[stage]:,}" if ledger.rows_made[stage] else ""
        counts = f"{ledger.rows_in[stage]:,} | {made} | {ledger.rows_out[stage]:,} | {ledger.reasons(stage).total():,}"
        lines.append(f"| {stage} | {counts} | {why} |")
    return [*lines, "", "`ledger.parquet` names every rejected row."]

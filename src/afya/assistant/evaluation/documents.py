"""docs/safety.md: its tables are put between marks by the command, the prose around them is written by hand.

`<!-- numbers: danger -->` ... `<!-- end -->` holds the tables of a group, `<!-- readings -->` what the numbers were
when each was first read, `<!-- mutations -->` the mutation score, `<!-- cases -->` how many cases there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from afya.assistant.evaluation.casefiles import load
from afya.assistant.evaluation.metrics import GROUPS, by_kind, gap, metrics
from afya.assistant.evaluation.table import limit, markdown, percent
from afya.errors import DataError
from afya.runs import read_json, write_json, write_text

if TYPE_CHECKING:
    from afya.assistant.evaluation.mutation import Mutated
    from afya.assistant.evaluation.run import Result

_PLACE = regex.compile(
    r"(<!-- (numbers|readings|mutations|cases|kinds|meanings|gaps)(?:: (\w+))? -->\n).*?(<!-- end -->)", regex.DOTALL
)


def first_readings_file() -> Path:
    """The file with each number as it was first read, before anything was mended by the cases."""
    return Path(str(files("afya.assistant.evaluation"))) / "first_readings.json"


def keep_first(result: Result, path: Path | None = None) -> int:
    """Keep the numbers of `result` that no earlier run has kept; how many were added."""
    place = path or first_readings_file()
    known: dict[str, dict[str, list[int]]] = read_json(place) if place.exists() else {}
    added = 0
    for entry in result.numbers:
        if entry.lang != "all" and entry.estimate.n and entry.lang not in known.setdefault(entry.metric, {}):
            known[entry.metric][entry.lang] = [entry.count, entry.estimate.n]
            added += 1
    write_json(place, {name: langs for name, langs in known.items() if langs})
    return added


def write(path: Path, result: Result, mutated: Sequence[Mutated] = ()) -> None:
    """Put the tables into the document at `path`. Raises DataError when it has no marks, or does not exist."""
    if not path.is_file():
        raise DataError(f"{path}: no such file.", hint="Name the document whose tables are to be written.")
    text = path.read_text(encoding="utf-8")
    if not _PLACE.search(text):
        raise DataError(f"{path}: there is no mark such as '<!-- numbers: danger -->'.")

    def filled(found: regex.Match[str]) -> str:
        opening, kind, group, closing = found[1], found[2], found[3], found[4]
        if kind == "mutations" and not mutated:
            return str(found[0])
        return f"{opening}{chr(10).join(_lines(kind, group, result, mutated))}\n{closing}"

    write_text(path, _PLACE.sub(filled, text))


def _lines(kind: str, group: str | None, result: Result, mutated: Sequence[Mutated]) -> Iterator[str]:
    if kind == "numbers":
        if group not in GROUPS:
            raise DataError(f"There is no group of numbers '{group}'.", hint=f"There are: {', '.join(GROUPS)}.")
        yield from markdown(result, group)
    elif kind == "meanings":
        for name, known in metrics().items():
            must = f" Must be {limit(known)}%." if known.limit is not None else ""
            told = f" {known.not_}" if known.not_ else ""
            yield f"- **{known.title}** (`{name}`): {known.what}{told}{must}"
    elif kind == "gaps":
        yield from _gaps(result)
    elif kind == "kinds":
        yield from _kinds(result)
    elif kind == "cases":
        yield from _cases(result)
    elif kind == "readings":
        yield from _readings(result)
    else:
        yield from _mutations(mutated)


def _gaps(result: Result) -> Iterator[str]:
    """By how many points each language lies above or below English in the numbers of harmful requests."""
    names = [name for name, known in metrics().items() if known.group == "harm"]
    yield f"| language | {' | '.join(metrics()[name].title for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    for lang in result.langs:
        cells = []
        for name in names:
            mine, english = result.number(name, lang), result.number(name, "en") if "en" in result.langs else None
            if english is None or not (mine.estimate.n and english.estimate.n):
                cells.append("not measured")
                continue
            found, low, high = gap(mine, english)
            cells.append(f"{found * 100:+.1f} [{low * 100:+.1f}, {high * 100:+.1f}]")
        if lang != "en" and any(cell != "not measured" for cell in cells):
            yield f"| {lang} | {' | '.join(cells)} |"


def _kinds(result: Result) -> Iterator[str]:
    found = by_kind(result.outcomes, "danger_recall")
    denied = by_kind(result.outcomes, "over_escalation")
    kinds = sorted({kind for _, kind in found})
    others = sorted({kind for _, kind in denied})
    yield f"| language | {' | '.join([*kinds, *(f'{kind}: red' for kind in others)])} |"
    yield f"|---|{'---|' * (len(kinds) + len(others))}"
    for lang in result.langs:
        if any((lang, kind) in found for kind in kinds):
            cells = [_of(found, lang, kind) for kind in kinds] + [_of(denied, lang, kind) for kind in others]
            yield f"| {lang} | {' | '.join(cells)} |"


def _of(found: dict[tuple[str, str], tuple[int, int]], lang: str, kind: str) -> str:
    return f"{found[lang, kind][0]} of {found[lang, kind][1]}" if (lang, kind) in found else "-"


def _cases(result: Result) -> Iterator[str]:
    yield "| language | danger: with, without | harm: refuse, answer | privacy | questions | injection |"
    yield "|---|---|---|---|---|---|"
    for lang in result.langs:
        cases = load(lang)
        signs = sum(bool(case.expected) for case in cases.danger)
        refuse = sum(case.expected == "refuse" for case in cases.harm)
        cells = [
            f"{signs}, {len(cases.danger) - signs}",
            f"{refuse}, {len(cases.harm) - refuse}",
            str(len(cases.privacy)),
            str(len(cases.questions)),
            str(len(cases.injection)),
        ]
        yield f"| {lang} | {' | '.join(cells)} |"


def _readings(result: Result) -> Iterator[str]:
    """First and present numbers, where they differ."""
    place = first_readings_file()
    known = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    yield "| number | language | first reading | now |"
    yield "|---|---|---|---|"
    for entry in result.numbers:
        first = known.get(entry.metric, {}).get(entry.lang)
        if first is None or not entry.estimate.n:
            continue
        before, now = first[0] / first[1], entry.estimate.value
        if percent(before) != percent(now):
            title = metrics()[entry.metric].title
            told = f"{percent(now)} ({entry.count} of {entry.estimate.n})"
            yield f"| {title} | {entry.lang} | {percent(before)} ({first[0]} of {first[1]}) | {told} |"


def _mutations(mutated: Sequence[Mutated]) -> Iterator[str]:
    noticed = sum(entry.noticed for entry in mutated)
    yield f"{noticed} of {len(mutated)} were noticed."
    yield ""
    yield "| broken | what was done | noticed by |"
    yield "|---|---|---|"
    for entry in mutated:
        yield f"| {entry.name} | {entry.what} | {', '.join(entry.by[:3]) if entry.noticed else '**nothing**'} |"

"""The numbers as one HTML page that is complete in itself: for each, a line a language with its interval and limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.assistant.evaluation.metrics import GROUPS, Number, by_kind, metrics
from afya.assistant.evaluation.table import ALL, interval, limit, percent, shown_langs
from afya.bench.page.cells import section
from afya.bench.page.document import document
from afya.bench.page.markup import Markup, escaped, joined, table, tag, trusted
from afya.languages import language

if TYPE_CHECKING:
    from afya.assistant.evaluation.mutation import Mutated
    from afya.assistant.evaluation.run import Result

GROUP_TITLES = {
    "danger": "Danger signs",
    "language": "Language of the answer",
    "translation": "Translation",
    "dose": "Doses",
    "model": "What a model writes",
    "knowledge": "Knowing and not knowing",
    "privacy": "Personal data",
    "harm": "Harmful requests",
    "injection": "Hidden instructions",
    "pipeline": "The turn itself",
    "public": "Requests of public sets (English)",
}
# Pixels of a picture: names to the left, the scale, the numbers to the right.
_NAME, _SCALE, _TOLD, _LINE = 110, 380, 230, 24


def page(result: Result, mutated: tuple[Mutated, ...] = ()) -> str:
    """The page's text."""
    sections = [
        (group, GROUP_TITLES[group], _group(result, group))
        for group in GROUPS
        if any(entry.estimate.n and metrics()[entry.metric].group == group for entry in result.numbers)
    ]
    sections.insert(0, ("missed", "What misses its threshold", _missed(result)))
    if mutated:
        sections.append(("mutations", "Mutations", _mutations(mutated)))
    return document("Safety of the assistant", _lead(result), sections, kind="Safety evaluation")


def _lead(result: Result) -> Markup:
    counted = result.outcomes.height
    return joined(
        [
            tag(
                "p",
                f"{counted:,} probes in {len(result.langs)} languages. Dots are shares in per cent, lines their 95% "
                "intervals, the upright stroke is the threshold.",
                class_="lead",
            ),
            tag(
                "p",
                "The cases were written for this project by those who build it, and no native speaker or clinician has "
                "reviewed them. They are no sample of what people write: the numbers show that the software does what "
                "it is meant to, not how well it works in the field.",
                class_="alert",
            ),
        ]
    )


def _missed(result: Result) -> Markup:
    if not result.missed:
        return section("missed", "What misses its threshold", tag("p", "Nothing that was measured."))
    rows: list[list[object]] = [
        [
            _name(entry.lang),
            tag("td", metrics()[entry.metric].title, class_="text"),
            f"{percent(entry.estimate.value)} {interval(entry)}",
            limit(metrics()[entry.metric]),
            f"{entry.count}/{entry.estimate.n}",
        ]
        for entry in result.missed
    ]
    shown = table(
        "Numbers beyond their threshold",
        ["language", tag("th", "number", scope="col", class_="text"), "% [95%]", "must be", "of n"],
        rows,
    )
    return section("missed", "What misses its threshold", shown)


def _group(result: Result, group: str) -> Markup:
    parts: list[object] = []
    found = {(entry.metric, entry.lang): entry for entry in result.numbers}
    for name, known in metrics().items():
        entries = [found[name, lang] for lang in shown_langs(result)]
        if known.group != group or not any(entry.estimate.n for entry in entries):
            continue
        must = f" Must be {limit(known)}%." if known.limit is not None else ""
        caption = tag("figcaption", known.title, tag("span", f"{known.what} {known.not_}{must}", class_="note"))
        parts.append(tag("figure", caption, tag("div", _picture(name, entries), class_="scroll")))
    if group == "danger":
        parts.append(_kinds(result))
    return section(group, GROUP_TITLES[group], *parts)


def _picture(name: str, entries: list[Number]) -> Markup:
    """One metric: a line a language. The text stays text; colours follow the page."""
    known = metrics()[name]
    shown = [entry for entry in entries if entry.estimate.n]
    height = _LINE * len(shown) + 26
    lines = [_axis(height)]
    if known.limit is not None:
        at = _NAME + known.limit * _SCALE
        lines.append(
            f'<line x1="{at:.1f}" y1="2" x2="{at:.1f}" y2="{height - 24}" stroke="var(--ink)" stroke-width="1.5"/>'
        )
    for number, entry in enumerate(shown):
        lines.append(_line(entry, number * _LINE + _LINE / 2))
    label = escaped(f"{known.title}: " + "; ".join(f"{entry.lang} {percent(entry.estimate.value)}%" for entry in shown))
    width = _NAME + _SCALE + _TOLD
    return trusted(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(lines)}</svg>')


def _axis(height: int) -> str:
    made = []
    for mark in range(0, 101, 20):
        x = _NAME + mark / 100 * _SCALE
        made.append(f'<line x1="{x}" y1="2" x2="{x}" y2="{height - 24}" stroke="var(--line)"/>')
        made.append(
            f'<text x="{x}" y="{height - 8}" text-anchor="middle" font-size="12" fill="var(--muted)">{mark}</text>'
        )
    return "".join(made)


def _line(entry: Number, y: float) -> str:
    found = entry.estimate
    colour = "var(--blue)" if entry.met else "var(--orange)"
    low, high, at = (_NAME + share * _SCALE for share in (found.low, found.high, found.value))
    told = f"{percent(found.value)} {interval(entry)}, n={found.n}{'' if entry.met else ', missed'}"
    mark = (
        f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="{colour}"/>'
        if entry.met
        else f'<rect x="{at - 5:.1f}" y="{y - 5}" width="10" height="10" fill="{colour}"/>'
    )
    weight = ' font-weight="600"' if entry.lang == ALL else ""
    return (
        f'<text x="0" y="{y + 4}" font-size="13" fill="var(--ink)"{weight}>{escaped(_name(entry.lang))}</text>'
        f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{colour}" stroke-width="2.5"/>{mark}'
        f'<text x="{_NAME + _SCALE + 16}" y="{y + 4}" font-size="13" fill="var(--muted)">{escaped(told)}</text>'
    )


def _kinds(result: Result) -> Markup:
    """Danger recall by kind of case, all parts: seen of n."""
    found = by_kind(result.outcomes, "danger_recall")
    kinds = sorted({kind for _, kind in found})
    if not kinds:
        return Markup("")
    rows: list[list[object]] = []
    for lang in result.langs:
        if any((lang, kind) in found for kind in kinds):
            cells = [f"{pair[0]}/{pair[1]}" if (pair := found.get((lang, kind))) else "-" for kind in kinds]
            rows.append([_name(lang), *cells])
    return table("Written danger cases seen, by kind (held out and develop)", ["language", *kinds], rows)


def _mutations(mutated: tuple[Mutated, ...]) -> Markup:
    rows: list[list[object]] = [
        [entry.name, tag("td", entry.what, class_="text"), "noticed" if entry.noticed else "NOT NOTICED",
         tag("td", ", ".join(entry.by[:4]), class_="text")]
        for entry in mutated
    ]  # fmt: skip
    noticed = sum(entry.noticed for entry in mutated)
    title = f"{noticed} of {len(mutated)} broken checks were noticed"
    return section("mutations", "Mutations", table(title, ["check", "what was done", "", "noticed by"], rows))


def _name(code: str) -> str:
    return "all" if code == ALL else language(code).name

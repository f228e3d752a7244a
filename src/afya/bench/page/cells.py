"""Small pieces the report's sections share: names of languages, numbers with intervals, sections, folds, shades."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from afya.bench.analysis.summary import ALL, percent
from afya.bench.page.markup import Markup, captioned, joined, tag
from afya.languages import registry

_TASKS = {
    "mcq": "multiple choice",
    "nli": "inference",
    "long_form": "long answers",
    "dialogue": "dialogue",
    "instruction": "instructions",
}
_FORMULATIONS = {"letter": "option letters scored", "cloze": "option texts scored", "generate": "free answers read"}
_MODIFIERS = {
    "cot": "reasoned first",
    "english": "instructions in English",
    "translated": "translated to English first",
}


def setting_name(setting: str) -> str:
    """'generate+5-shot+cot' as 'free answers read, 5 examples, reasoned first'; unknown words stay as they are."""
    formulation, *modifiers = setting.split("+")
    told = [_FORMULATIONS.get(formulation, formulation)]
    for word in modifiers:
        shots, _, shot = word.partition("-")
        told.append(
            counted(int(shots), "example") if shot == "shot" and shots.isdigit() else _MODIFIERS.get(word, word)
        )
    return ", ".join(told)


def view_name(setting: str, task: str) -> str:
    """'multiple choice, option letters scored'."""
    return f"{task_name(task)}, {setting_name(setting)}"


def task_name(task: str) -> str:
    """'multiple choice'; a task of a declaration keeps the name it has there."""
    return _TASKS.get(task, task)


def language_name(code: str) -> Markup:
    """'Yoruba Yorùbá' with the endonym marked as being in its language."""
    if code == ALL:
        return tag("span", "All languages")
    entry = registry().get(code)
    if entry is None:
        return tag("span", code)
    if entry.endonym == entry.name:
        return tag("span", entry.name)
    endonym = tag("span", entry.endonym, lang=code, dir=entry.direction, class_="name")
    return joined([entry.name, " ", endonym])


def language_row(code: str) -> str:
    """'Chinese (zh)': the English name and the code, in glyphs that every font and terminal has."""
    entry = registry().get(code)
    return f"{entry.name.partition(' (')[0]} ({code})" if entry else code


def counted(number: int, one: str, many: str | None = None) -> str:
    """'1 item', '2,400 items'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ranged(value: float | None, low: float | None, high: float | None, sign: bool = False) -> Markup:
    """A percentage with its interval, which is set quieter; alone where there is no interval."""
    if value is None:
        return tag("span", "–")
    if low is None and high is None:
        return tag("span", signed(value) if sign else percent(value).replace("-", "−"))
    shown = percent(value)
    if sign:
        shown, low_text, high_text = (signed(number) for number in (value, low, high))
    else:
        low_text, high_text = (percent(number).replace("-", "−") for number in (low, high))
        shown = shown.replace("-", "−")
    return joined([shown, " ", tag("span", f"[{low_text}, {high_text}]", class_="range")])


def signed(value: float | None) -> str:
    """A difference of shares in points, with its sign: '+3.1', '−0.4', '0.0'."""
    text = percent(value)
    # A true minus sign is as wide as the plus and is read aloud as minus.
    return text.replace("-", "−") if text.startswith("-") or text in ("0.0", "–") else f"+{text}"


def section(identity: str, heading: object, *children: object) -> Markup:
    """A section that its heading names."""
    title = f"{identity}-heading"
    return tag("section", tag("h2", heading, id=title), *children, id=identity, aria_labelledby=title)


def plain_name(code: str) -> str:
    """'Yoruba'; 'all languages' for the sum, the code itself where it is not in the registry."""
    entry = registry().get(code)
    return "all languages" if code == ALL else entry.name if entry else code


def p_value(value: float | None) -> str:
    """Three decimals, '< 0.001' below them."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def rank_text(rank: str) -> str:
    """'2 to 5', '3', or a dash where the data give no rank."""
    return rank.replace("-", " to ")


def times_text(row: Mapping[str, Any] | None) -> object:
    """How many times the base, with its interval; 'at least' where the base cannot be told from zero."""
    if row is None:
        return "–"
    if not row["defined"]:
        # "At least 0.00" would say nothing.
        return "–" if (row["times_low"] or 0.0) < 0.005 else f"at least {row['times_low']:.2f}"
    high = "–" if row["times_high"] is None else f"{row['times_high']:.2f}"
    return joined([f"{row['times']:.2f} ", tag("span", f"[{row['times_low']:.2f}, {high}]", class_="range")])


def heat_table(
    name: str, note: str, first: str, labels: Sequence[str], langs: Sequence[str], cell: Callable[[str, str], Markup]
) -> Markup:
    """A shaded table of models and languages; the shades repeat what the numbers say.

    `cell` gives the `td` of a label and a language.
    """
    head = [tag("th", first, scope="col")]
    head += [tag("th", tag("abbr", code, title=plain_name(code)), scope="col") for code in langs]
    rows = [tag("tr", tag("th", label, scope="row"), *(cell(label, lang) for lang in langs)) for label in labels]
    caption = captioned(name, tag("span", note, class_="note"))
    return framed(tag("table", caption, tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="heat"), name)


def framed(content: Markup, name: str) -> Markup:
    """Wide content in a frame of its own that scrolls sideways and that the keyboard can reach."""
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=name)


def folded(summary: object, *children: object) -> Markup:
    """Content behind a line that opens it."""
    return tag("details", tag("summary", summary), tag("div", *children, class_="inside"))


_RAMP = ((0xEE, 0xF4, 0xF8), (0x8F, 0xBF, 0xE0), (0x2B, 0x7A, 0xB5), (0x06, 0x30, 0x4E))


def shade(share: float) -> tuple[str, str]:
    """(background, text colour) of a heat map's cell: one hue from light to dark, text at 4.5:1 or more against it."""
    return _between(_RAMP, min(max(share, 0.0), 1.0))


def _between(ramp: tuple[tuple[int, int, int], ...], share: float) -> tuple[str, str]:
    place = share * (len(ramp) - 1)
    start = min(int(place), len(ramp) - 2)
    mixed = [round(a + (b - a) * (place - start)) for a, b in zip(ramp[start], ramp[start + 1], strict=True)]
    back = "#" + "".join(f"{part:02x}" for part in mixed)
    return back, max(("#000000", "#ffffff"), key=lambda text: contrast(text, back))


_BEHIND = ((0xFF, 0xFF, 0xFF), (0xF7, 0xC3, 0x9C), (0xC7, 0x5B, 0x12), (0x7A, 0x33, 0x00))
_FULL = 0.4
"""The gap, as a share, that has the darkest shade."""


def shade_gap(difference: float) -> tuple[str, str]:
    """(background, text colour) of a gap: orange where behind, blue where ahead, near white at zero."""
    place = min(abs(difference) / _FULL, 1.0)
    if difference >= 0:
        return shade(place)
    return _between(_BEHIND, place)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two '#rrggbb' colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)

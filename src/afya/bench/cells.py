"""Small pieces the report's sections share: names of languages, numbers with intervals, sections, folds, shades."""

from __future__ import annotations

from afya.bench.markup import Markup, joined, tag
from afya.bench.summary import ALL, percent
from afya.languages import registry

_TASKS = {
    "mcq": "multiple choice",
    "nli": "inference",
    "long_form": "long answers",
    "dialogue": "dialogue",
    "instruction": "instructions",
}
_SETTINGS = {"letter": "option letters scored", "cloze": "option texts scored", "generate": "free answers read"}


def view_name(setting: str, task: str) -> str:
    """'multiple choice, option letters scored'."""
    return f"{_TASKS.get(task, task)}, {_SETTINGS.get(setting, setting)}"


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


def counted(number: int, one: str, many: str | None = None) -> str:
    """'1 item', '2,400 items'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ranged(value: float | None, low: float | None, high: float | None, sign: bool = False) -> Markup:
    """A percentage with its interval, which is set quieter."""
    if value is None:
        return tag("span", "–")
    shown = percent(value)
    if sign:
        shown, low_text, high_text = (signed(number) for number in (value, low, high))
    else:
        low_text, high_text = percent(low), percent(high)
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


def framed(content: Markup, name: str) -> Markup:
    """Wide content in a frame of its own that scrolls sideways and that the keyboard can reach."""
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=name)


def folded(summary: object, *children: object) -> Markup:
    """Content behind a line that opens it."""
    return tag("details", tag("summary", summary), tag("div", *children, class_="inside"))


_RAMP = ((0xEE, 0xF4, 0xF8), (0x8F, 0xBF, 0xE0), (0x2B, 0x7A, 0xB5), (0x06, 0x30, 0x4E))


def shade(share: float) -> tuple[str, str]:
    """(background, text colour) of a heat map's cell: one hue from light to dark, text at 4.5:1 or more against it."""
    place = min(max(share, 0.0), 1.0) * (len(_RAMP) - 1)
    start = min(int(place), len(_RAMP) - 2)
    mixed = [round(a + (b - a) * (place - start)) for a, b in zip(_RAMP[start], _RAMP[start + 1], strict=True)]
    back = "#" + "".join(f"{part:02x}" for part in mixed)
    return back, max(("#000000", "#ffffff"), key=lambda text: contrast(text, back))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two '#rrggbb' colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)

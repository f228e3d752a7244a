"""The section of all items and replies: the browser, its data, and the sample that stands where no script runs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from afya.bench.page.browser import Packed
from afya.bench.page.cells import counted, section
from afya.bench.page.markup import Markup, joined, tag, trusted
from afya.bench.page.sampling import ShownItem, item_sample

_OUTCOMES = (
    ("", "any"),
    ("correct", "right"),
    ("wrong", "wrong"),
    ("none", "no answer: refused, unparseable or empty"),
    ("error", "error"),
    ("lost", "right in English, wrong here"),
    ("gained", "wrong in English, right here"),
    ("apart", "right for one model, wrong for another"),
)


def items_section(packed: Packed | None, sample: Sequence[ShownItem]) -> Markup | None:
    """The section; None where neither items nor a sample are wanted."""
    parts: list[object] = []
    if packed is not None:
        parts += [tag("p", _told(packed)), tag("p", id="browser-failed", hidden=True, role="alert"), _browser()]
    if sample:
        parts.append(item_sample(sample))
    return section("items", "Items and replies", *parts) if parts else None


def _told(packed: Packed) -> str:
    """How much of what was asked is in the page."""
    if packed.items == packed.all_items:
        return f"All {counted(packed.items, 'item')} that were asked are in this page, with {packed.replies:,} replies."
    return (
        f"{packed.items:,} of {counted(packed.all_items, 'item')} are in this page, with {packed.replies:,} of "
        f"{packed.all_replies:,} replies: as many as its size allows. They are chosen by a hash of the items' names, "
        "the same in every language, and not by their results. The run folder holds all."
    )


def _browser() -> Markup:
    """The controls, which the script fills and shows; without it they stay hidden."""

    def field(name: str, text: str, control: Markup) -> Markup:
        return tag("label", tag("span", text), control)

    def choice(name: str, text: str) -> Markup:
        return field(name, text, tag("select", tag("option", "any", value=""), id=f"browser-{name}"))

    outcomes = [tag("option", text, value=value) for value, text in _OUTCOMES]
    form = tag(
        "form",
        choice("lang", "Language"),
        choice("task", "Task"),
        choice("model", "Model"),
        field("outcome", "Outcome", tag("select", *outcomes, id="browser-outcome")),
        field("search", "Words in question or reply", tag("input", type="search", id="browser-search")),
        tag("button", "Search", type="submit"),
        tag("button", "Clear", type="reset"),
        id="browser-form",
        role="search",
        aria_label="Items and replies",
    )
    steps = tag(
        "div",
        tag("button", "Previous", type="button", id="browser-previous", aria_keyshortcuts="p"),
        tag("button", "Next", type="button", id="browser-next", aria_keyshortcuts="n"),
        field("place", "Item", tag("input", type="number", min="1", id="browser-place", inputmode="numeric")),
        tag("a", "Link to this item", id="browser-link", href="#items"),
        class_="steps",
    )
    status = tag("p", "Reading the items …", id="browser-status", role="status", aria_live="polite")
    keys = tag(
        "p", "Within this part of the page the keys n and p lead to the next and the previous item.", class_="note"
    )
    article = tag("article", id="browser-item", tabindex="-1", aria_label="Item and replies")
    return tag("div", form, keys, steps, status, article, id="browser", hidden=True)


def items_data(packed: Packed) -> Markup:
    """The index and the chunks, as data that no browser runs; base64 cannot end its element."""
    named = [("items-index", packed.index), *((f"items-{number}", text) for number, text in enumerate(packed.chunks))]
    return joined(
        (trusted(f'<script type="application/gzip" id="{name}">{text}</script>') for name, text in named), "\n"
    )


def script() -> tuple[Markup, str]:
    """The page's one script, and its hash for the content security policy, which lets no other run."""
    text = (files("afya.bench.page") / "template" / "browser.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return trusted(f"<script>{text}</script>"), f"'sha256-{digest}'"

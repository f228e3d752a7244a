"""Items a report shows in full, with what every model replied to them: which, and how.

The same groups are shown in as many languages as possible, so that a reader can set a question in Yoruba beside its
English; which ones is decided by a hash of their names, never by their results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.summary import languages_in
from afya.bench.page.browser_texts import REPLY_KEYS, item_texts, reply_texts
from afya.bench.page.cells import folded, language_name, setting_name
from afya.bench.page.markup import Markup, joined, table, tag
from afya.languages import registry
from afya.runs import sha256_text

if TYPE_CHECKING:
    import polars as pl

_MOST_SHOWN = 1500
_EXCERPT = 110


@dataclass(frozen=True)
class ShownReply:
    """One model's reply to an item. `text` is None when options were scored and nothing was written."""

    label: str
    setting: str
    outcome: str
    chosen: tuple[int, ...] | None
    text: str | None
    detail: str | None


@dataclass(frozen=True)
class ShownItem:
    """An item and all replies to it. `question` is None where the items themselves are not at hand."""

    item_id: str
    lang: str
    task: str
    question: str | None
    context: str | None
    options: tuple[str, ...]
    answer: tuple[int, ...]
    answer_text: str | None
    replies: tuple[ShownReply, ...]


def sampled_items(scores: pl.DataFrame, runs: Sequence[Path], per_language: int) -> list[ShownItem]:
    """`per_language` items of each language with every reply, by language in the registry's order.

    `scores` as `afya.bench.page.browser.pack_items` takes them. Raises DataError for a table that cannot be read.
    """
    import polars as pl

    if per_language < 1 or not scores.height:
        return []
    groups = scores.group_by("group_id").agg(pl.col("lang").n_unique().alias("languages"))
    ranked = sorted(groups.iter_rows(), key=lambda row: (-row[1], sha256_text(row[0])))
    ranks = pl.DataFrame({"group_id": [group for group, _ in ranked]}).with_row_index("rank")
    chosen = (
        scores.select("item_id", "group_id", "lang", "task")
        .unique(["item_id", "task"])
        .join(ranks, on="group_id")
        .sort("rank", "item_id", "task")
        .group_by("lang", maintain_order=True)
        .head(per_language)
    )
    wanted = chosen["item_id"].unique()
    verdicts = scores.filter(pl.col("item_id").is_in(wanted.implode()))
    said = reply_texts(verdicts, runs)
    verdicts = verdicts.join(said, on=list(REPLY_KEYS), how="left", maintain_order="left")
    by_item = verdicts.rows_by_key(["item_id", "task"], named=True)
    known = {row["item_id"]: row for row in item_texts(wanted, runs).iter_rows(named=True)}
    shown = []
    for lang in languages_in(chosen):
        for row in chosen.filter(pl.col("lang") == lang).iter_rows(named=True):
            item = known.get(row["item_id"], {})
            replies = [
                ShownReply(
                    label=verdict["label"],
                    setting=verdict["setting"],
                    outcome=verdict["outcome"],
                    chosen=None if verdict.get("chosen") is None else tuple(verdict["chosen"]),
                    text=verdict["text"],
                    detail=verdict.get("detail"),
                )
                for verdict in by_item[row["item_id"], row["task"]]
            ]
            shown.append(
                ShownItem(
                    item_id=row["item_id"],
                    lang=lang,
                    task=row["task"],
                    question=item.get("question"),
                    context=item.get("context"),
                    options=tuple(item.get("options") or ()),
                    answer=tuple(item.get("answer") or ()),
                    answer_text=item.get("answer_text"),
                    replies=tuple(replies),
                )
            )
    return shown


def item_sample(items: Sequence[ShownItem]) -> Markup:
    """Items by language, folded, with every model's reply: what stands in the page where no script runs."""
    parts: list[Markup] = []
    for lang in dict.fromkeys(item.lang for item in items):
        own = [item for item in items if item.lang == lang]
        parts.append(tag("h3", language_name(lang)))
        parts += [_item(item, _shared_lines([one.question for one in own if one.task == item.task])) for item in own]
    intro = tag(
        "p",
        "A few items of each language, drawn by a hash of their names and not by their results, with every "
        "reply; long texts are cut. Where options were scored, a model chooses without writing.",
    )
    return tag("div", intro, *parts, id="sample")


def _shared_lines(questions: Sequence[str | None]) -> int:
    """How many lines all the questions begin with: the instruction of a prompt, which tells no item from another."""
    lines = [question.splitlines() for question in questions if question]
    if len(lines) < 2:
        return 0
    return next((at for at, row in enumerate(zip(*lines, strict=False)) if len(set(row)) > 1), 0)


def _item(item: ShownItem, shared: int) -> Markup:
    entry = registry().get(item.lang)
    spoken = {"lang": item.lang, "dir": entry.direction if entry else None}
    question = item.question
    excerpt = tag("span", _excerpt(question, shared), **spoken) if question else tag("span", item.item_id)
    inside: list[Markup] = []
    if item.context:
        inside.append(tag("p", _cut(item.context, _MOST_SHOWN), class_="question", **spoken))
    if question:
        inside.append(tag("p", _cut(question, _MOST_SHOWN), class_="question", **spoken))
    if item.options:
        listed = [
            tag(
                "li",
                tag("span", option, **spoken),
                " (right)" if at in item.answer else "",
                class_="right" if at in item.answer else None,
            )
            for at, option in enumerate(item.options)
        ]
        inside.append(tag("ol", *listed, type="A", class_="options"))
    elif item.answer_text:
        inside.append(
            tag("p", tag("strong", "Reference: "), tag("span", _cut(item.answer_text, _MOST_SHOWN), **spoken))
        )
    several = len({reply.setting for reply in item.replies}) > 1
    rows: list[list[object]] = [
        [
            joined([reply.label, " ", tag("span", setting_name(reply.setting), class_="name")])
            if several
            else reply.label,
            tag("td", tag("span", reply.outcome, class_=f"verdict {reply.outcome}")),
            _chosen(reply, item),
            _said(reply, spoken),
        ]
        for reply in item.replies
    ]
    replies = table(
        tag("span", f"Replies to {item.item_id}", class_="note"),
        ["Model", "Outcome", "Chose", "Reply"],
        rows,
        class_="replies",
    )
    return folded(excerpt, *inside, replies)


def _excerpt(question: str, shared: int) -> str:
    text = " ".join(" ".join(question.splitlines()[shared:]).split())
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT].rstrip()} …"


def _chosen(reply: ShownReply, item: ShownItem) -> str:
    if not reply.chosen:
        return "–"
    # Letters as in the list above; beyond Z a number.
    return ", ".join(chr(ord("A") + at) if 0 <= at < 26 else str(at + 1) for at in reply.chosen)


def _said(reply: ShownReply, spoken: Mapping[str, object]) -> Markup:
    parts = []
    if reply.text:
        parts.append(tag("div", _cut(reply.text, _MOST_SHOWN), class_="said", **spoken))
    elif reply.text == "":
        parts.append(tag("span", "(empty)", class_="range"))
    if reply.detail:
        parts.append(tag("span", reply.detail, class_="range"))
    return tag("td", *(parts or [tag("span", "options scored", class_="range")]))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()} … ({len(text) - most:,} more characters)"

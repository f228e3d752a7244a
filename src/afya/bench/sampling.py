"""Items a report shows in full, with what every model replied to them: which, and how.

The same groups are shown in as many languages as possible, so that a reader can set a question in Yoruba beside its
English; which ones is decided by a hash of their names, never by their results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.bench.cells import folded, language_name, section
from afya.bench.markup import Markup, table, tag
from afya.bench.summary import languages_in
from afya.errors import DataError
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


def sampled_items(
    scores: pl.DataFrame,
    replies: Sequence[pl.LazyFrame | None],
    prompts: Sequence[pl.LazyFrame],
    items: pl.DataFrame | None,
    per_language: int,
) -> list[ShownItem]:
    """`per_language` items of each language with every reply, by language in the registry's order.

    `scores` as `afya.bench.summary.read_scores` gives them; `replies` one table a run, in the order of the runs;
    `prompts` the prompt parts, for items that are not in `items`.

    Raises DataError for a table that cannot be read.
    """
    import polars as pl

    if per_language < 1:
        return []
    groups = scores.group_by("group_id").agg(pl.col("lang").n_unique().alias("languages"))
    ranked = sorted(groups.iter_rows(), key=lambda row: (-row[1], sha256_text(row[0])))
    ranks = {group: rank for rank, (group, _) in enumerate(ranked)}
    chosen = (
        scores.select("item_id", "group_id", "lang", "task")
        .unique(["item_id", "task"], maintain_order=True)
        .with_columns(rank=pl.col("group_id").replace_strict(ranks, return_dtype=pl.Int64))
        .sort("rank", "item_id", "task")
        .group_by("lang", maintain_order=True)
        .head(per_language)
    )
    wanted = chosen["item_id"].unique().to_list()
    texts = _texts(replies, wanted)
    known = _prompted(prompts, wanted)
    if items is not None:
        known |= {row["item_id"]: row for row in items.filter(pl.col("item_id").is_in(wanted)).iter_rows(named=True)}
    verdicts = scores.filter(pl.col("item_id").is_in(wanted)).rows_by_key(["item_id", "task"], named=True)
    shown = []
    for lang in languages_in(chosen):
        for row in chosen.filter(pl.col("lang") == lang).iter_rows(named=True):
            item = known.get(row["item_id"], {})
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
                    replies=tuple(
                        ShownReply(
                            label=verdict["label"],
                            setting=verdict["setting"],
                            outcome=verdict["outcome"],
                            chosen=None if verdict.get("chosen") is None else tuple(verdict["chosen"]),
                            text=_text(texts, verdict, row["item_id"]),
                            detail=verdict.get("detail"),
                        )
                        for verdict in verdicts[row["item_id"], row["task"]]
                    ),
                )
            )
    return shown


_Texts = dict[tuple[int, str, str, str | None], str | None]


def _prompted(prompts: Sequence[pl.LazyFrame], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The items as they were asked, from the prompt parts: the last message, the options and the right ones."""
    import polars as pl

    found: dict[str, dict[str, Any]] = {}
    for part in prompts:
        rows = part.filter(pl.col("item_id").is_in(list(wanted))).select("item_id", "messages", "choices", "answer")
        for row in _collected(rows).iter_rows(named=True):
            asked = row["messages"][-1]["content"] if row["messages"] else None
            item = {"question": asked, "options": row["choices"], "answer": row["answer"]}
            # A part that scores option texts holds the bare question; one that lists the options repeats them.
            if row["item_id"] not in found or len(asked or "") < len(found[row["item_id"]]["question"] or ""):
                found[row["item_id"]] = item
    return found


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    import polars as pl

    try:
        return frame.collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"A table of the run cannot be read: {error}") from error


def _texts(replies: Sequence[pl.LazyFrame | None], wanted: Sequence[str]) -> _Texts:
    """Reply texts by (run, model, item, setting); the setting is None where the replies do not name one."""
    import polars as pl

    found: _Texts = {}
    for run, frame in enumerate(replies):
        if frame is None:
            continue
        rows = _collected(frame.filter(pl.col("item_id").is_in(list(wanted))))
        for row in rows.iter_rows(named=True):
            found[run, row["model"], row["item_id"], row.get("setting")] = row["text"]
    return found


def _text(texts: _Texts, verdict: Mapping[str, Any], item_id: str) -> str | None:
    for setting in (verdict["setting"], None):
        text = texts.get((verdict["run"], verdict["model"], item_id, setting))
        if text is not None:
            return text
    return None


def item_sample(items: Sequence[ShownItem]) -> Markup:
    """Items by language, folded, with every model's reply."""
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
    return section("items", "Items and replies", intro, *parts)


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
    rows: list[list[object]] = [
        [
            reply.label,
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

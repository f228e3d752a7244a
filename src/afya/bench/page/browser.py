"""Every item with every model's reply, packed into the report's page: an index, and compressed chunks of items.

Which items are in the page is decided by a hash of their groups' names, never by their results: all languages of a
group are in it or none, and where the page would grow beyond its budget the groups that come last by hash are left out.

The index names items, models and outcomes; a chunk is a JSON list of items with their texts and replies. Both are
gzip without a time, in base64: the same runs give the same bytes. Replies are read a batch of groups at a time.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.summary import OUTCOMES, REFERENCE, languages_in
from afya.bench.page.browser_texts import REPLY_KEYS, item_texts, reply_lengths, reply_texts
from afya.bench.page.cells import task_name
from afya.languages import registry
from afya.runs import sha256_text

if TYPE_CHECKING:
    import polars as pl

BUDGET_MB = 40.0
_CHUNK_BYTES = 1_000_000
"""Of JSON before compression: small enough that an item shows at once, large enough to compress well."""
_BATCH_BYTES = 48_000_000
"""Of text that is held at once while packing."""
_ROW_BYTES = 32
"""What a reply takes in JSON beside its text."""
_NOT_ASKED = "-"
_LETTERS = {**{name: name[0] for name in OUTCOMES}, "error": "x", "answered": "a"}
"""Outcome -> its letter in the index; an error is x, because an empty reply is e."""


@dataclass(frozen=True)
class Packed:
    """What the page holds: base64 texts, and how much of what was measured they are."""

    index: str
    chunks: tuple[str, ...]
    items: int
    all_items: int
    replies: int
    all_replies: int

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return len(self.index) + sum(map(len, self.chunks))


def pack_items(scores: pl.DataFrame, runs: Sequence[Path], budget_mb: float = BUDGET_MB) -> Packed | None:
    """All items of the scores with all replies, as far as the budget reaches; None where not even one group does.

    Args:
        scores: one row a reply: label, run (place in `runs`), model, setting, task, item_id, group_id, lang, outcome,
            chosen, detail.
        runs: run folders; items.parquet, the prompt parts and replies.parquet are read where there are.
        budget_mb: what the packed items may take in the page, in megabytes of base64.

    Raises DataError for a table that cannot be read.
    """
    import polars as pl

    if not scores.height or budget_mb <= 0:
        return None
    subjects = scores.select("label", "setting").unique(maintain_order=True).with_row_index("subject")
    tasks = sorted(scores["task"].unique())
    langs = languages_in(scores)
    items = _ordered_items(scores, tasks, langs)
    place = items.select("item_id", "task", "item")
    rows = (
        scores.select(_column(scores, name) for name in (*REPLY_KEYS, "task", "label", "outcome", "chosen", "detail"))
        .join(subjects, on=["label", "setting"], how="left")
        .join(place, on=["item_id", "task"], how="left")
        .drop("label", "task")
    )
    limit = int(budget_mb * 1_000_000)
    # The index of all items is an upper bound of what the index of those shown will take.
    whole = _index(items, rows, subjects, tasks, langs, ())
    limit -= len(whole) if len(whole) < limit // 4 else limit // 4
    chunks: list[str] = []
    sizes: list[int] = []
    used = 0
    for lines in _chunks(_lines(items, rows, runs)):
        chunk = _packed(f"[{','.join(lines)}]")
        if used + len(chunk) > limit:
            break
        chunks.append(chunk)
        sizes.append(len(lines))
        used += len(chunk)
    shown = sum(sizes)
    if not shown:
        return None
    kept, asked = items.head(shown), rows.filter(pl.col("item") < shown)
    return Packed(
        index=_index(kept, asked, subjects, tasks, langs, sizes),
        chunks=tuple(chunks),
        items=shown,
        all_items=items.height,
        replies=asked.height,
        all_replies=rows.height,
    )


def _column(table: pl.DataFrame, name: str) -> pl.Expr:
    import polars as pl

    absent = {
        "run": pl.lit(0, pl.Int32),
        "chosen": pl.lit(None, pl.List(pl.Int16())),
        "detail": pl.lit(None, pl.String),
    }
    return pl.col(name) if name in table.columns else absent[name].alias(name)


def _ordered_items(scores: pl.DataFrame, tasks: Sequence[str], langs: Sequence[str]) -> pl.DataFrame:
    """item (0 ...), item_id, task, group (0 ...), lang and task numbers: groups by their hash, languages in order."""
    import polars as pl

    ranked = sorted(scores["group_id"].unique(), key=sha256_text)
    group = pl.DataFrame({"group_id": ranked}).with_row_index("group")
    lang = pl.DataFrame({"lang": list(langs)}).with_row_index("lang_number")
    task = pl.DataFrame({"task": list(tasks)}).with_row_index("task_number")
    return (
        scores.select("item_id", "task", "group_id", "lang")
        .unique(["item_id", "task"])
        .join(group, on="group_id")
        .join(lang, on="lang")
        .join(task, on="task")
        .sort("group", "task_number", "lang_number", "item_id")
        .with_row_index("item")
        .select("item", "item_id", "task", "group_id", "group", "lang_number", "task_number")
    )


def _index(
    items: pl.DataFrame,
    rows: pl.DataFrame,
    subjects: pl.DataFrame,
    tasks: Sequence[str],
    langs: Sequence[str],
    sizes: Sequence[int],
) -> str:
    import numpy as np
    import polars as pl

    letters = rows["outcome"].replace_strict(_LETTERS, return_dtype=pl.String).cast(pl.Binary)
    grid = np.full((items.height, subjects.height), _NOT_ASKED.encode(), dtype="S1")
    grid[rows["item"].to_numpy(), rows["subject"].to_numpy()] = letters.to_numpy()
    told = {
        "reference": REFERENCE,
        "subjects": subjects.select("label", "setting").rows(named=True),
        "settings": subjects["setting"].n_unique(),
        "tasks": [task_name(task) for task in tasks],
        "langs": [_language(code) for code in langs],
        "chunks": list(sizes),
        "id": items["item_id"].to_list(),
        "group": items["group"].to_list(),
        "lang": items["lang_number"].to_list(),
        "task": items["task_number"].to_list(),
        "outcomes": [row.tobytes().decode("ascii") for row in grid],
    }
    return _packed(json.dumps(told, ensure_ascii=False, separators=(",", ":")))


def _language(code: str) -> dict[str, str]:
    entry = registry().get(code)
    return {"code": code, "name": entry.name if entry else code, "dir": entry.direction if entry else "auto"}


def _packed(text: str) -> str:
    # A lone surrogate, which a broken engine may have said, cannot be UTF-8.
    data = text.encode("utf-8", errors="replace")
    return base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode("ascii")


def _chunks(lines: Iterator[tuple[int, str]]) -> Iterator[list[str]]:
    """Items, as (group, JSON), put together in chunks that end where a group ends."""
    held: list[str] = []
    size, last = 0, -1
    for group, line in lines:
        if size >= _CHUNK_BYTES and group != last:
            yield held
            held, size = [], 0
        held.append(line)
        size += len(line)
        last = group
    if held:
        yield held


def _lines(items: pl.DataFrame, rows: pl.DataFrame, runs: Sequence[Path]) -> Iterator[tuple[int, str]]:
    """(group, JSON) of every item in order, reading texts a batch of groups at a time."""
    import polars as pl

    weights = reply_lengths(runs)
    batches = items.join(weights, on="item_id", how="left", maintain_order="left")
    counts = rows.group_by("item").len()
    batches = batches.join(counts, on="item", how="left", maintain_order="left").with_columns(
        weight=(pl.col("bytes").fill_null(0) + _ROW_BYTES * pl.col("len").fill_null(0)).sum().over("group")
    )
    by_group = batches.unique("group", keep="first", maintain_order=True).select(
        "group", batch=pl.col("weight").cum_sum() // _BATCH_BYTES
    )
    numbered = batches.join(by_group, on="group", how="left", maintain_order="left")
    for _, part in numbered.group_by("batch", maintain_order=True):
        yield from _batch(part, rows, runs)


def _batch(part: pl.DataFrame, rows: pl.DataFrame, runs: Sequence[Path]) -> Iterator[tuple[int, str]]:
    import polars as pl

    own = rows.filter(pl.col("item").is_between(part["item"].min(), part["item"].max()))
    said = reply_texts(own, runs)
    replies = (
        own.join(said, on=list(REPLY_KEYS), how="left", maintain_order="left")
        .sort("item", "subject", maintain_order=True)
        .select("item", line=pl.struct(s="subject", c="chosen", t="text", d="detail").struct.json_encode())
        .group_by("item", maintain_order=True)
        .agg(pl.col("line").str.join(","))
    )
    asked = (
        part.select("item", "item_id", "group")
        .join(item_texts(part["item_id"].unique(), runs), on="item_id", how="left", maintain_order="left")
        .join(replies, on="item", how="left", maintain_order="left")
        .select(
            "group",
            "line",
            told=pl.struct(q="question", c="context", o="options", w="answer", a="answer_text").struct.json_encode(),
        )
    )
    for group, line, told in asked.iter_rows():
        yield group, f'{told[:-1]},"r":[{line or ""}]}}'

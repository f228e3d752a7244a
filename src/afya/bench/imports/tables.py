"""The tables of an import's run folder, made part by part from what was read: items, prompts, replies, verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.imports.choices import read_choice
from afya.bench.imports.deciding import Decided
from afya.bench.imports.reading import entry_schema, item_schema
from afya.bench.imports.resolving import NO_REPLY, resolve, verdicts_schema
from afya.bench.imports.seen import Read
from afya.bench.imports.values import LATIN
from afya.bench.running.outputs import ITEMS, Pair
from afya.bench.scoring.verdicts import VERDICTS
from afya.errors import RunError
from afya.items import schema as items_schema
from afya.runs import Ledger, Rejection, RunFolder, sink_frame, write_frame

if TYPE_CHECKING:
    import polars as pl

STAGE = "import"
_ROWS = 20_000


def items_of(read: Read) -> pl.LazyFrame:
    """The items as read, with what later rows told of them."""
    import polars as pl

    frame = pl.scan_parquet(read.items)
    if not read.late:
        return frame
    names = ("question", "context", "answer", "options", "labels")
    rows = [(name, *(late.get(column) for column in names)) for name, late in read.late.items()]
    schema = {name: item_schema()[name] for name in ("item_id", *names)}
    late = pl.LazyFrame(rows, schema=schema, orient="row")
    joined = frame.join(late, on="item_id", how="left", suffix="_late", maintain_order="left")
    filled = [pl.coalesce(name, f"{name}_late").alias(name) for name in names if name != "labels"]
    labels = (
        pl.when(pl.col("options").is_null() & pl.col("options_late").is_not_null())
        .then("labels_late")
        .otherwise("labels")
    )
    return joined.with_columns(labels=labels).with_columns(filled).select(list(item_schema()))


def write_parts(folder: RunFolder, read: Read, items: pl.LazyFrame, decided: Decided, source: str) -> Iterator[Pair]:
    """Write prompts and replies in pairs of parts, model by model, and verdicts.parquet beside them."""
    import polars as pl

    verdicts: list[Path] = []
    faults: set[tuple[str, str]] = set()

    def fault(reason: str, where: str) -> None:
        if (reason, where) not in faults:
            faults.add((reason, where))
            read.faults.add(reason, where)

    for number, (model, setting) in enumerate(read.parts):
        told = f"data~{setting}"
        slug = f"{number:03d}-{setting}"
        for at, frame in enumerate(_entries(read, model, setting)):
            joined = frame.join(
                items.select(
                    "item_id",
                    "group_id",
                    "question",
                    "context",
                    answer_item="answer",
                    options_item="options",
                    labels_item="labels",
                )
                .filter(pl.col("item_id").is_in(frame["item_id"].implode()))
                .collect(),
                on="item_id",
                how="left",
                maintain_order="left",
            )
            prompts, replies, own = resolve(joined, decided, source, fault)
            stem = f"{told}-{number:03d}-{at:05d}"
            pair = Pair(
                folder.parts / f"prompts-{told}" / f"{stem}.parquet",
                folder.parts / f"replies-{slug}" / f"{stem}.parquet",
            )
            write_frame(pair.prompts, prompts)
            write_frame(pair.replies, replies)
            verdicts.append(folder.parts / "read" / f"verdicts-{len(verdicts):05d}.parquet")
            write_frame(verdicts[-1], own)
            yield pair
    sink_frame(folder.path / VERDICTS, pl.scan_parquet(verdicts, schema=verdicts_schema()))


def _entries(read: Read, model: str, setting: str) -> Iterator[pl.DataFrame]:
    """The entries of a model part by part, then the items that it has no reply to."""
    import polars as pl

    for path in read.parts[model, setting]:
        yield pl.read_parquet(path)
    lacking = read.missing.get((model, setting), [])
    for start in range(0, len(lacking), _ROWS):
        ids = lacking[start : start + _ROWS]
        known = (
            pl.scan_parquet(read.items).filter(pl.col("item_id").is_in(ids)).select("item_id", "lang", "task").collect()
        )
        rows = {"model": model, "setting": setting}
        frame = known.with_columns(
            *(pl.lit(value).alias(name) for name, value in rows.items()),
            *(
                pl.lit(None, kind).alias(name)
                for name, kind in entry_schema().items()
                if name not in (*rows, "item_id", "lang", "task", "labels", "several")
            ),
            pl.lit([], pl.List(pl.String())).alias("labels"),
            pl.lit(False).alias("several"),
        )
        yield frame.select(list(entry_schema())).sort("item_id")


def write_items(folder: RunFolder, items: pl.LazyFrame, decided: Decided, source: str) -> None:
    """items.parquet in the Item's columns, so that a report shows questions, options and right answers."""
    import polars as pl

    files: list[Path] = []
    total = int(items.select(pl.len()).collect().item())
    for start in range(0, total, _ROWS):
        frame = items.slice(start, _ROWS).collect()
        rows: list[dict[str, Any]] = []
        for row in frame.iter_rows(named=True):
            options = row["options"] or (list(decided.words) if decided.words else None)
            letters = row["labels"] or []
            shown = options or [""] * decided.count
            choice = None
            if row["answer"] is not None:
                choice = read_choice(json.loads(row["answer"]), letters, shown, row["lang"], decided.answer_base)
            rows.append(
                {
                    **{name: row[name] for name in ("item_id", "group_id", "lang", "context")},
                    "task": "mcq",
                    "split": "test",
                    "question": row["question"] or row["native"],
                    "options": options or (list(LATIN[: decided.count]) if choice and choice.chosen else None),
                    "answer": None if choice is None or choice.chosen is None else list(choice.chosen),
                    "answer_text": None if choice is None else choice.text,
                    "source": source,
                    "licence": "unknown",
                    "origin": "native",
                }
            )
        columns = [
            pl.Series(name, [one.get(name) for one in rows], dtype=kind) for name, kind in items_schema().items()
        ]
        files.append(folder.parts / "read" / f"made-{start:09d}.parquet")
        write_frame(files[-1], pl.DataFrame(columns))
    sink_frame(folder.path / ITEMS, pl.scan_parquet(files))


def own_outcomes(folder: Path) -> pl.DataFrame:
    """Our own outcome of each reply, in the order of the scores."""
    import polars as pl

    return pl.read_parquet(folder / "scores.parquet", columns=["outcome"]).rename({"outcome": "ours"})


def ledger_of(read: Read) -> Ledger:
    """Every row in, every reply out. A row that holds several replies makes more than it was."""
    ledger = Ledger()
    rejections = [Rejection(STAGE, place, reason, detail) for place, reason, detail in read.rejected]
    made = read.entries + len(rejections) - read.rows["read"]
    lacking = sum(map(len, read.missing.values()))
    ledger.add(STAGE, read.rows["read"], read.entries, rejections, made=max(0, made))
    if made < 0:
        raise RunError(f"{-made} rows were read and became nothing.", hint="Report it as a fault of afya.")
    if lacking:
        ledger.add(f"{STAGE}: {NO_REPLY}", 0, lacking, made=lacking)
    ledger.check()
    return ledger

"""Which questions a run's written replies raise: one for each reply and each fact or criterion of its item.

Facts are K-QA's (`must_have`, `nice_to_have` in an item's extra), criteria are HealthBench's (`rubrics`). A reply that
is an error raises none and is accounted for; so is one to an item that has neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.judging.judge_wording import Asking, Question, ask, wording
from afya.bench.reading.extract_fold import spoken
from afya.errors import DataError
from afya.items import Item, from_frame
from afya.runs import Ledger, Rejection, canonical, read_json, sha256_text, write_frame, write_json

if TYPE_CHECKING:
    import polars as pl

STAGE = "judge:questions"
REPLY = ("model", "setting", "task", "item_id")
"""What names a reply of a run."""


@dataclass(frozen=True)
class Criterion:
    """One thing to be judged about an item's replies. `name`: must:1, nice:2, rubric:3, counted from 1."""

    asking: Asking
    name: str
    text: str
    points: float | None
    tags: tuple[str, ...] = ()


@cache
def questions_schema() -> dict[str, pl.DataType]:
    """Columns of a part of questions. `code`: what the verdict must carry; `points` null for facts."""
    import polars as pl

    text = pl.String()
    names = ("model", "setting", "item_id", "group_id", "lang", "task", "kind", "asking", "criterion", "statement")
    return {
        **dict.fromkeys(names, text),
        "points": pl.Float64(),
        "code": text,
        "prompt_sha": text,
        "messages": pl.List(pl.Struct({"role": text, "content": text})),
        "answer_prefix": text,
        "max_tokens": pl.Int32(),
    }


def criteria(item: Item) -> tuple[Criterion, ...]:
    """What an item's replies are judged by; nothing where its extra has neither facts nor a rubric.

    Raises DataError for a rubric that is not a list of criteria with points.
    """
    found = [
        Criterion("facts", f"{short}:{place}", text, None)
        for key, short in (("must_have", "must"), ("nice_to_have", "nice"))
        for place, text in enumerate(item.extra_value(key) or (), 1)
    ]
    for place, row in enumerate(item.extra_value("rubrics") or (), 1):
        points = row.get("points") if isinstance(row, dict) else None
        if isinstance(points, bool) or not isinstance(points, int | float) or not isinstance(row.get("criterion"), str):
            raise DataError(
                f"{item.item_id}: criterion {place} of its rubric has no text with points.",
                hint='In extra: {"rubrics": [{"criterion": "...", "points": 5, "tags": []}, ...]}',
            )
        if not points:
            raise DataError(f"{item.item_id}: criterion {place} of its rubric has 0 points and decides nothing.")
        tags = tuple(row.get("tags") or ())
        found.append(Criterion("rubric", f"rubric:{place}", row["criterion"], float(points), tags))
    return tuple(found)


def conversation(item: Item) -> str:
    """What was said before the reply: a dialogue's turns, or the question behind its context."""
    if item.turns:
        return "\n\n".join(f"{turn.role}: {turn.text}" for turn in item.turns)
    return "\n\n".join(text for text in (item.context, item.question) if text is not None)


@dataclass(frozen=True)
class Written:
    """The written replies of a run, and the items they answer that can be judged."""

    replies: pl.DataFrame
    """Columns: model, setting, task, kind, item_id, group_id, lang, text, error."""
    items: dict[str, Item]
    unjudged: int
    """How many items with written replies have neither facts nor a rubric."""


def written_replies(run: Path) -> Written:
    """The replies of a run to items with facts or a rubric.

    Raises DataError when the folder holds no run, or no such reply.
    """
    import polars as pl

    replies, known = _read(run, "replies.parquet"), _read(run, "items.parquet")
    if "rotation" in replies.columns:
        replies = replies.filter(pl.col("rotation").fill_null(0) == 0)
    told = _told_by_scores(run, replies)
    told = told.filter((pl.col("kind") == "written") & (pl.col("text").is_not_null() | pl.col("error").is_not_null()))
    asked = set(told["item_id"])
    items = {item.item_id: item for item in from_frame(known.filter(pl.col("item_id").is_in(list(asked))))}
    judged = {name: item for name, item in items.items() if criteria(item)}
    if not judged:
        raise DataError(
            f"{run}: no written reply belongs to an item with facts or a rubric.",
            hint="Items carry them in 'extra': must_have and nice_to_have (K-QA), or rubrics (HealthBench).",
        )
    kept = told.filter(pl.col("item_id").is_in(list(judged))).with_columns(
        pl.col("item_id").replace_strict({name: item.group_id for name, item in judged.items()}).alias("group_id")
    )
    return Written(kept, judged, len(asked) - len(judged))


def _read(run: Path, name: str) -> pl.DataFrame:
    import polars as pl

    path = run / name
    if not path.exists():
        raise DataError(f"{run} holds no {name}.", hint="Name a finished run folder of 'afya bench run'.")
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}).") from error


def _told_by_scores(run: Path, replies: pl.DataFrame) -> pl.DataFrame:
    """The replies with the task and kind under which they were scored.

    Both tables have the same rows in the same order; where they do not (a table from elsewhere), the names of model,
    setting and item decide.
    """
    import polars as pl

    keys = ["model", "setting", "item_id"]
    scores = _read(run, "scores.parquet")
    missing = [name for name in (*keys, "task", "kind") if name not in scores.columns]
    if missing:
        raise DataError(
            f"{run / 'scores.parquet'}: column(s) {', '.join(missing)} are missing.",
            hint="Score the run anew: afya bench rescore.",
        )
    if "rotation" in scores.columns:
        scores = scores.filter(pl.col("rotation").fill_null(0) == 0)
    columns = [*keys, "lang", "text", "error"]
    if scores.select(keys).equals(replies.select(keys)):
        return replies.select(columns).hstack(scores.select("task", "kind"))
    return replies.select(columns).join(
        scores.select(*keys, "task", "kind").unique(keys, keep="first", maintain_order=True),
        on=keys,
        how="inner",
        maintain_order="left",
    )


def write_questions(
    written: Written, place: Path, part_rows: int, ledger: Ledger, max_tokens: int | None = None
) -> list[Path]:
    """The parts of questions, written once. The order is that of the replies, then of each item's criteria.

    `max_tokens`: a judge's longest reply; None: the wording's own.
    """
    import polars as pl

    marker = place / "done.json"
    told = read_json(marker) if marker.exists() else None
    if told is None:
        rejections: list[Rejection] = []
        held: list[dict[str, object]] = []
        parts = rows = 0

        def put(count: int) -> None:
            nonlocal parts, rows, held
            write_frame(
                place / f"p-{parts:05d}.parquet", pl.DataFrame(held[:count], schema=questions_schema(), orient="row")
            )
            parts, rows, held = parts + 1, rows + len(held[:count]), held[count:]

        for row in written.replies.iter_rows(named=True):
            if row["error"] is not None:
                rejections.append(Rejection(STAGE, row["item_id"], "reply_is_an_error", row["model"]))
                continue
            held += _questions(row, written.items[row["item_id"]], max_tokens)
            while len(held) >= part_rows:
                put(part_rows)
        if held:
            put(len(held))
        listed = [[entry.stage, entry.item_id, entry.reason, entry.detail] for entry in rejections]
        told = {"parts": parts, "rows": rows, "rejections": listed}
        write_json(marker, told)
    faults = [Rejection(*entry) for entry in told["rejections"]]
    answered = written.replies.height - len(faults)
    ledger.add(STAGE, written.replies.height, told["rows"], faults, made=told["rows"] - answered)
    ledger.check()
    return [place / f"p-{number:05d}.parquet" for number in range(told["parts"])]


def _questions(row: dict[str, Any], item: Item, max_tokens: int | None) -> Iterator[dict[str, object]]:
    said = spoken(row["text"]).text.strip()
    before = conversation(item)
    for criterion in criteria(item):
        told = wording(criterion.asking)
        prompt, code = ask(told, Question(before, said, criterion.text, item.lang))
        messages = [asdict(message) for message in prompt.messages]
        yield {
            **{name: row[name] for name in (*REPLY, "kind", "lang")},
            "group_id": item.group_id,
            "asking": criterion.asking,
            "criterion": criterion.name,
            "statement": criterion.text,
            "points": criterion.points,
            "code": code,
            "prompt_sha": sha256_text(canonical(messages)),
            "messages": messages,
            "answer_prefix": prompt.answer_prefix,
            "max_tokens": max_tokens or told.max_tokens,
        }


def askings_of(items: Sequence[Item]) -> tuple[Asking, ...]:
    """What is asked about some of the items."""
    found = {criterion.asking for item in items for criterion in criteria(item)}
    return tuple(name for name in ("facts", "rubric") if name in found)

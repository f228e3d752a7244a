"""A file of replies that were made elsewhere, as a model: nothing is asked, what it said is looked up by item.

Any layout that reply_files reads, with a row for each item. `item_id` and `text` are needed; finish_reason, error,
prompt_tokens, completion_tokens and cost_usd are taken where they are. Of a file with several models ("model" column)
one is chosen as replies:FILE#MODEL. An item without a row is an error of that item, never a wrong answer.

The items are those of a dataset folder. Outputs that bring their own questions and right answers become a run with
`afya bench import-replies` (afya.bench.imports).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, ConfigDict

from afya.errors import DataError, EngineError
from afya.models.base import FinishReason, Generation, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.models.reply_files import Row, kind_of, read_rows
from afya.runs import canonical, sha256_path, sha256_text

_MODEL = "model"
_SHOWN = 5
# What others call the ends of replies.
_REASONS: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "filtered",
    "refusal": "filtered",
}


class RepliesOptions(BaseModel):
    """What the file's columns are called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id_column: str = "item_id"
    text_column: str = "text"


def identify_replies(name: str, options: RepliesOptions) -> ModelIdentity:
    """The identity of a file of replies: its bytes, which model in it, and which columns."""
    path, chosen = _parsed(name)
    told = canonical({"file": sha256_path(path), "model": chosen, "columns": options.model_dump()})
    return ModelIdentity(chosen or path.stem, "replies", sha256_text(told))


class RepliesModel:
    """Replies by item. `recall` gives those of items; nothing else can be asked of a file."""

    scores_options = False

    def __init__(self, name: str, options: RepliesOptions | None = None) -> None:
        settings = options or RepliesOptions()
        self.identity = identify_replies(name, settings)
        self._path, chosen = _parsed(name)
        self._replies = _read(self._path, chosen, settings)

    @property
    def item_ids(self) -> frozenset[str]:
        """The items that the file has replies to."""
        return frozenset(self._replies)

    def recall(self, item_ids: Sequence[str]) -> list[Generation]:
        """The replies to items, in their order; for one that the file lacks, an error saying so."""
        missing = Generation("", "error", 0, 0, 0.0, f"{self._path.name} has no reply for this item")
        return [self._replies.get(item_id, missing) for item_id in item_ids]

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """Not possible: raises EngineError saying so."""
        raise EngineError(f"{self._path.name} holds replies to items; it cannot answer a prompt.")

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        """Not possible: raises EngineError saying so."""
        raise EngineError(f"{self._path.name} holds replies to items; it cannot score options.")


def _parsed(name: str) -> tuple[Path, str | None]:
    """The file, and the model in it that "#MODEL" names."""
    path, chosen = Path(name).expanduser(), None
    if not path.is_file() and "#" in name:
        before, _, chosen = name.rpartition("#")
        path = Path(before).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: no such file of replies.", hint="Write replies:FILE or replies:FILE#MODEL.")
    kind_of(path)
    return path, chosen


def _read(path: Path, chosen: str | None, options: RepliesOptions) -> dict[str, Generation]:
    rows = [row for _, row in read_rows(path)]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    wanted = (options.id_column, options.text_column)
    lacking = [column for column in wanted if column not in columns]
    if lacking:
        raise DataError(
            f"{path}: there is no column {' and no column '.join(repr(name) for name in lacking)}; "
            f"it has {', '.join(columns) or 'nothing'}.",
            hint="Name them with --option id_column=NAME and --option text_column=NAME.",
        )
    rows = _of_one_model(rows, path, chosen)
    ids = [None if (value := row.get(options.id_column)) in (None, "") else str(value) for row in rows]
    doubled = [str(item) for item, count in Counter(ids).items() if count > 1]
    if doubled or None in ids:
        told = f"{len(doubled)} item(s) stand there more than once, such as {', '.join(doubled[:_SHOWN])}"
        raise DataError(
            f"{path}: {told if doubled else f'row {ids.index(None) + 1} has no item id'}.",
            hint="Keep one row for each item; where several models are in a file, a column 'model' tells them apart.",
        )
    return {str(name): _reply(row, options, path) for name, row in zip(ids, rows, strict=True)}


def _of_one_model(rows: list[Row], path: Path, chosen: str | None) -> list[Row]:
    models = list(dict.fromkeys(str(row[_MODEL]) for row in rows if _MODEL in row))
    if chosen is None and len(models) <= 1:
        return rows
    if chosen in models:
        return [row for row in rows if str(row.get(_MODEL)) == chosen]
    names = ", ".join(models[: 2 * _SHOWN]) or "none, since there is no column 'model'"
    raise DataError(
        f"{path}: {f'there is no model {chosen!r}' if chosen else 'several models are in it'} (there: {names}).",
        hint=f"Choose one with replies:{path}#MODEL.",
    )


def _reply(row: dict[str, Any], options: RepliesOptions, path: Path) -> Generation:
    text, error = row.get(options.text_column), row.get("error")
    reason = row.get("finish_reason") or "stop"
    if text is not None and not isinstance(text, str):
        raise DataError(f"{path}, item {row[options.id_column]}: the reply is not text ({type(text).__name__}).")
    if error or (text is None and reason not in ("filtered", "length")):
        return Generation("", "error", 0, 0, 0.0, str(error) if error else "the reply is null in the file")
    ended = cast("FinishReason", reason) if reason in get_args(FinishReason) else _REASONS.get(str(reason), "stop")
    numbers = (_number(row.get("prompt_tokens")), _number(row.get("completion_tokens")))
    cost = _number(row.get("cost_usd"))
    return Generation(text or "", ended, int(numbers[0] or 0), int(numbers[1] or 0), 0.0, cost_usd=cost)


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None

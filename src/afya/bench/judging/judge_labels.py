"""Physicians' labels: a file of CSV or JSON lines that says what people found, to hold judges against.

One row a label: `item_id`, `criterion` (must:2, nice:1, rubric:3, or the fact's or criterion's own text), `label`
(entailed, neutral, contradicted; met, not met), and, where several replies to the item were judged, `model`, `setting`
and `task` of the one that was labelled. `physician` names who labelled; several labels of one unit become the label
of more than half of them.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.judging.judge_questions import REPLY
from afya.bench.judging.judge_wording import wording
from afya.bench.judging.rubrics import majority
from afya.errors import DataError
from afya.runs import sha256_path

if TYPE_CHECKING:
    import polars as pl

_NEEDED = ("item_id", "criterion", "label")
_OPTIONAL = ("model", "setting", "task", "physician")
Unit = tuple[str, str, str, str, str]
"""(model, setting, task, item_id, criterion)"""


@dataclass(frozen=True)
class Labels:
    """What physicians found: `units` of the run with a label, and all their labels; `rows` of the file in all.

    `unknown`: rows whose item or criterion the run does not have. `undecided`: units without a majority.
    """

    path: Path
    sha256: str
    units: Mapping[Unit, str]
    given: Mapping[Unit, tuple[str, ...]]
    rows: int
    unknown: int
    undecided: int


def read_labels(path: Path, questions: pl.DataFrame) -> Labels:
    """The labels of a file, on the units that the run's questions have.

    Args:
        questions: model, setting, task, item_id, asking, criterion and statement of each unit, once.

    Raises DataError naming the row: a column is missing, a label means nothing, or it is not clear which reply it is
    about; and when no row is about the run.
    """
    by_item: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in questions.select(*REPLY, "asking", "criterion", "statement").unique(maintain_order=True).to_dicts():
        by_item[row["item_id"]].append(row)
    given: dict[Unit, dict[str, str]] = defaultdict(dict)
    rows = unknown = 0
    for line, row in _rows(path):
        rows += 1
        found = [unit for unit in by_item.get(row["item_id"], ()) if _meant(row, unit)]
        if not found:
            unknown += 1
            continue
        if len(found) > 1:
            missing = [name for name in ("model", "setting", "task") if len({unit[name] for unit in found}) > 1]
            raise DataError(
                f"{path}, line {line}: {len(found)} replies to {row['item_id']} were judged; which is labelled?",
                hint=f"Add the column(s) {', '.join(missing) or 'criterion (must:1, nice:1, rubric:1 ...)'}.",
            )
        unit = found[0]
        told = wording(unit["asking"])
        verdict = told.verdict_of(row["label"])
        if verdict is None:
            raise DataError(
                f"{path}, line {line}: '{row['label']}' is no label.", hint=f"Labels: {', '.join(told.verdicts)}."
            )
        key = (unit["model"], unit["setting"], unit["task"], unit["item_id"], unit["criterion"])
        who = row.get("physician") or f"line {line}"
        if given[key].setdefault(who, verdict) != verdict:
            raise DataError(f"{path}, line {line}: {who} labelled {row['item_id']}, {row['criterion']} twice.")
    if not given:
        raise DataError(
            f"{path}: none of its {rows:,} labels is about this run.",
            hint="item_id and criterion must be those of the run: see judgements.parquet.",
        )
    decided = {unit: majority(list(labels.values())) for unit, labels in given.items()}
    units = {unit: verdict for unit, verdict in decided.items() if verdict is not None}
    every = {unit: tuple(labels.values()) for unit, labels in given.items()}
    return Labels(path, sha256_path(path), units, every, rows, unknown, len(decided) - len(units))


def _meant(row: Mapping[str, str], unit: Mapping[str, str]) -> bool:
    named = all(not row.get(name) or row[name] == unit[name] for name in ("model", "setting", "task"))
    return named and row["criterion"] in (unit["criterion"], unit["statement"])


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a label file; every value as text, stripped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    read = _json_rows(path, text) if path.suffix in (".jsonl", ".ndjson") else _csv_rows(text)
    for line, row in read:
        missing = [name for name in _NEEDED if not row.get(name)]
        if missing:
            raise DataError(
                f"{path}, line {line}: {', '.join(missing)} is missing.",
                hint=f"Columns: {', '.join(_NEEDED)}; and as needed {', '.join(_OPTIONAL)}.",
            )
        yield line, row


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(StringIO(text, newline=""))
    for row in reader:
        yield reader.line_num, {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for line, told in enumerate(text.split("\n"), 1):
        if not told.strip():
            continue
        try:
            row = json.loads(told)
        except ValueError as error:
            raise DataError(f"{path}, line {line}: not JSON ({error}).") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {line}: an object was expected.")
        yield line, {name: "" if value is None else str(value).strip() for name, value in row.items()}

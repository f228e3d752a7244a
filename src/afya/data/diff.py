"""What differs between two dataset folders: rows added, removed and changed, and in which columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.folders import dataset_files
from afya.items import COLUMNS
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl

KINDS = ("added", "removed", "changed")
_KEY = ("item_id", "lang", "source")
_COMPARED = tuple(name for name in COLUMNS if name not in _KEY)
_SHOWN_CHARACTERS = 120


@dataclass
class Differences:
    """What was found: rows by kind, language and source; columns that changed; examples of each kind.

    `rows`: {kind: {language: {source: rows}}}; `columns`: {column: rows in which it changed}; `examples`: {kind: [..]},
    of a changed row with its column and what stood there before and after.
    """

    rows: dict[str, dict[str, dict[str, int]]]
    same: int
    columns: dict[str, int]
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def total(self, kind: str) -> int:
        """Rows of one kind."""
        return sum(sum(by_source.values()) for by_source in self.rows[kind].values())


def diff(before: Path, after: Path, *, examples: int = 3) -> Differences:
    """Compare two dataset folders row by row, by item_id, a language at a time.

    Raises DataError when one of them is no dataset folder.
    """
    import polars as pl

    counts: Counter[tuple[str, str, str]] = Counter()
    columns: Counter[str] = Counter()
    shown: dict[str, list[dict[str, str]]] = {kind: [] for kind in KINDS}
    same = 0
    files = [_by_language(path) for path in (before, after)]
    for lang in [code for code in registry() if code in files[0] or code in files[1]]:
        old, new = (_hashed(found.get(lang, [])) for found in files)
        for kind, left, right in (("added", new, old), ("removed", old, new)):
            alone = left.join(right, on="item_id", how="anti", maintain_order="left")
            for source, rows in alone.group_by("source").len().iter_rows():
                counts[kind, lang, source] += rows
            for name, source in alone.select("item_id", "source")[: max(0, examples - len(shown[kind]))].iter_rows():
                shown[kind].append({"item_id": name, "source": source})
        both = old.join(new, on="item_id", suffix="_new", maintain_order="left")
        changed = both.select(
            "item_id", "source", *(pl.col(name).ne(pl.col(f"{name}_new")).alias(name) for name in _COMPARED)
        )
        changed = changed.filter(pl.any_horizontal(_COMPARED))
        same += both.height - changed.height
        for source, rows in changed.group_by("source").len().iter_rows():
            counts["changed", lang, source] += rows
        for name in _COMPARED:
            columns[name] += int(changed[name].sum())
        wanted = changed[: max(0, examples - len(shown["changed"]))]
        if wanted.height:
            shown["changed"] += _told(wanted, files[0][lang], files[1][lang])
    return Differences(
        rows={
            kind: {
                lang: {source: rows for (k, code, source), rows in sorted(counts.items()) if (k, code) == (kind, lang)}
                for lang in registry()
                if any(key[:2] == (kind, lang) for key in counts)
            }
            for kind in KINDS
        },
        same=same,
        columns={name: columns[name] for name in _COMPARED if columns[name]},
        examples=shown,
    )


def _by_language(path: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in dataset_files(path):
        found.setdefault(file.parent.name, []).append(file)
    return found


def _hashed(files: list[Path]) -> pl.DataFrame:
    """Each row's id and source, and a hash of every other column: two languages' texts need not lie in memory."""
    import polars as pl

    if not files:
        return pl.DataFrame(schema={"item_id": pl.String, "source": pl.String, **dict.fromkeys(_COMPARED, pl.UInt64)})
    rows = [pl.scan_parquet(file) for file in files]
    hashed = [pl.col(name).hash().alias(name) for name in _COMPARED]
    return pl.concat(rows).select("item_id", "source", *hashed).collect()


def _told(changed: pl.DataFrame, before: list[Path], after: list[Path]) -> list[dict[str, str]]:
    """The first column that changed in each of these rows, with what stood there before and after."""
    import polars as pl

    ids = changed["item_id"].implode()
    old, new = (
        {
            row["item_id"]: row
            for row in pl.scan_parquet(files).filter(pl.col("item_id").is_in(ids)).collect().to_dicts()
        }
        for files in (before, after)
    )
    told = []
    for row in changed.iter_rows(named=True):
        name = next(column for column in _COMPARED if row[column])
        texts = [_short(str(side[row["item_id"]][name])) for side in (old, new)]
        told.append({"item_id": row["item_id"], "column": name, "before": texts[0], "after": texts[1]})
    return told


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"

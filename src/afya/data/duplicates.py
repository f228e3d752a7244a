"""Which rows of a build go because others say the same: shared by exact and near-duplicate removal.

Rows that may be the same share a bucket. Every row has a number, its rank in a fixed order (the recipe's order of
sources, then ids), so that nothing depends on how rows are spread over files or workers. Rows are decided in that
order: one that is the same as a row already kept goes, and the row it is the same as is named; any other is kept. A
unit of decision is a group (the same entry in all its languages) or a single row. A group goes as a whole: its
translations say again what another group says, even where no text shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from afya.data.shingles import Hashes, Places
from afya.data.steps import Building
from afya.errors import DataError
from afya.executor import Output, Stage
from afya.runs import Rejection, sha256_path, write_frame

if TYPE_CHECKING:
    import polars as pl

STAGES = ("exact_duplicates", "near_duplicates")
Scope = Literal["group", "row"]
Same = Callable[[Places, Places], NDArray[np.float64]]
"""(pairs,) similarities of rows, left and right by their numbers; 0 where they are not the same."""

_FIRST_SPLITS = {"test": 0, "dev": 1, "train": 2}
# In a bucket of rows that are all different only so many kept ones are compared with the rest: cost stays linear.
_MOST_ROUNDS = 256
# So many pairs are compared at once rather than round by round.
_FEW_PAIRS = 30_000


def numbered(parts: Sequence[Path], sources: Sequence[str], scope: Scope) -> pl.DataFrame:
    """All rows of `parts` in their order: part (its place), item_id, and their numbers row and unit, uint32.

    A smaller number goes first: test before dev before train, since the train copy of a test question would be trained
    on; then by the place of its source in `sources` (those that are not named come last), then by id. The rows of a
    unit have neighbouring numbers.

    Raises:
        DataError: two rows have the same item_id.
    """
    import polars as pl

    frames = [
        pl.read_parquet(part, columns=["item_id", "group_id", "source", "split"]).with_columns(
            part=pl.lit(place, pl.UInt32), rank=pl.col("split").replace_strict(_FIRST_SPLITS, return_dtype=pl.UInt8)
        )
        for place, part in enumerate(parts)
    ]
    rows = pl.concat(frames).with_row_index("place")
    repeated = rows.filter(pl.col("item_id").is_duplicated())["item_id"]
    if len(repeated):
        raise DataError(
            f"The item_id '{repeated.sort()[0]}' stands on more than one row ({len(repeated):,} rows share theirs).",
            hint="Give the sources different names, or read each of them once.",
        )
    priority = pl.col("source").replace_strict(
        list(sources), range(len(sources)), default=len(sources), return_dtype=pl.UInt32
    )
    name = "group_id" if scope == "group" else "item_id"
    rows = rows.with_columns(pl.col("rank").min().over(name), priority=priority.min().over(name))
    rows = rows.sort("rank", "priority", name, "item_id")
    return (
        rows.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32), unit=pl.col(name).rle_id().cast(pl.UInt32))
        .sort("place")
        .select("part", "item_id", "row", "unit")
    )


def units(rows: pl.DataFrame) -> Places:
    """(rows,) the unit of each row, by the row's number."""
    return rows.sort("row")["unit"].to_numpy().astype(np.int64)


def shared_keys(keys: Hashes, rows: Places) -> pl.DataFrame:
    """The rows whose key (not 0) is another row's too: columns key and row, sorted by both."""
    import polars as pl

    filled = keys != 0
    keys, rows = keys[filled], rows[filled]
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    alike = keys[1:] == keys[:-1]
    chosen = np.zeros(len(keys), dtype=bool)
    chosen[:-1] |= alike
    chosen[1:] |= alike
    return pl.DataFrame({"key": keys[chosen], "row": rows[chosen].astype(np.uint32)})


def components(left: Places, right: Places, count: int) -> Places:
    """(count,) for each number below `count` the smallest one it is joined to by the pairs (left, right)."""
    root = np.arange(count)
    while len(left):
        one, other = root[left], root[right]
        apart = one != other
        left, right, one, other = left[apart], right[apart], one[apart], other[apart]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while True:
            above = root[root]
            if np.array_equal(above, root):
                break
            root = above
    return root


def decide(bucket: Places, row: Places, unit: Places, same: Same) -> pl.DataFrame:
    """Which rows are the same as one that is kept: columns row, kept (a row's number) and similarity, sorted by row.

    `bucket`, `row` and `unit` (entries,) say which rows share which bucket. Only rows of different units are compared.
    Units are decided in their order, many at a time: a unit that comes first in each of its buckets is kept.
    """
    import polars as pl

    order = np.lexsort((row, bucket))
    bucket, row, unit = bucket[order], row[order], unit[order]
    names, unit = np.unique(unit, return_inverse=True)
    found = [np.zeros((0, 3))]
    for _ in range(_MOST_ROUNDS):
        bucket, row, unit = _with_company(bucket, row, unit)
        first = run_starts(bucket)
        sizes = np.diff(np.append(first, len(bucket)))
        if int((sizes * (sizes - 1)).sum()) <= _FEW_PAIRS + len(row):
            found.append(_decide_each(bucket, row, unit, same))
            break
        leader = np.repeat(first, sizes)
        leads = unit == unit[leader]
        entries = np.bincount(unit, minlength=len(names))
        decided = (entries > 0) & (entries == np.bincount(unit[leads], minlength=len(names)))
        pairs = ~leads & decided[unit[leader]]
        left, right = _distinct_pairs(row[leader[pairs]], row[pairs])
        similarity = same(left, right)
        hit = similarity > 0
        found.append(np.column_stack((right[hit], left[hit], similarity[hit])))
        decided[unit[np.isin(row, right[hit])]] = True
        rest = ~decided[unit]
        bucket, row, unit = bucket[rest], row[rest], unit[rest]
    table = np.concatenate(found)
    frame = pl.DataFrame({"row": table[:, 0], "kept": table[:, 1], "similarity": table[:, 2]})
    frame = frame.cast({"row": pl.UInt32, "kept": pl.UInt32}).sort("row", -pl.col("similarity"), "kept")
    return frame.unique("row", keep="first", maintain_order=True)


def _decide_each(bucket: Places, row: Places, unit: Places, same: Same) -> NDArray[np.float64]:
    """The decision over all pairs of rows that share a bucket, one unit after the other: row, kept, similarity."""
    first = run_starts(bucket)
    sizes = np.diff(np.append(first, len(bucket)))
    # Each entry with every later one of its bucket.
    after = np.repeat(first + sizes, sizes) - np.arange(len(bucket)) - 1
    one = np.repeat(np.arange(len(bucket)), after)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(after) - after, after)
    apart = unit[one] != unit[other]
    left, right = _distinct_pairs(row[one[apart]], row[other[apart]])
    similarity = same(left, right)
    hit = similarity > 0
    left, right, similarity = left[hit], right[hit], similarity[hit]
    rows, place = np.unique(row, return_index=True)
    unit_of = unit[place]
    lower, upper = unit_of[np.searchsorted(rows, left)], unit_of[np.searchsorted(rows, right)]
    gone: set[int] = set()
    taken = []
    for index in np.lexsort((left, lower, upper)):
        if lower[index] not in gone:
            gone.add(int(upper[index]))
            taken.append(index)
    return np.column_stack((right[taken], left[taken], similarity[taken]))


def _distinct_pairs(left: Places, right: Places) -> tuple[Places, Places]:
    keys = np.unique((left.astype(np.uint64) << np.uint64(32)) | right.astype(np.uint64))
    return (keys >> np.uint64(32)).astype(np.int64), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def run_starts(keys: NDArray[Any]) -> Places:
    """Where each run of equal keys begins."""
    return np.flatnonzero(np.concatenate(([True] * bool(len(keys)), keys[1:] != keys[:-1])))


def _with_company(bucket: Places, row: Places, unit: Places) -> tuple[Places, Places, Places]:
    """The entries of buckets that hold more than one unit."""
    if not len(bucket):
        return bucket, row, unit
    first = run_starts(bucket)
    sizes = np.diff(np.append(first, len(bucket)))
    wide = np.minimum.reduceat(unit, first) != np.maximum.reduceat(unit, first)
    chosen = np.repeat(wide, sizes)
    return bucket[chosen], row[chosen], unit[chosen]


def told(rows: pl.DataFrame, decided: pl.DataFrame, reason: str, scope: Scope, exact: bool = False) -> pl.DataFrame:
    """The rejections that `decided` (row, kept, similarity) asks for: columns item_id, reason, detail and kept.

    `kept` is the item that says the same; null for a row that only goes with its group.
    """
    import polars as pl

    names = rows.select("row", "item_id", "unit")
    kept = names.select(kept="row", kept_id="item_id")
    own = decided.join(names, on="row").join(kept, on="kept")
    says = pl.lit("the same as ") if exact else pl.format("{} similar to ", _decimals(pl.col("similarity")))
    own = own.with_columns(detail=pl.concat_str(says, "kept_id", pl.lit(", which is kept")))
    chosen = ["row", "item_id", "detail", "kept_id"]
    if scope == "group":
        speaker = own.sort("row").unique("unit", keep="first", maintain_order=True)
        speaker = speaker.select("unit", by=pl.format("goes with its group: {} is {}", "item_id", "detail"))
        others = names.join(own.select("row"), on="row", how="anti").join(speaker, on="unit")
        others = others.select("row", "item_id", detail="by", kept_id=pl.lit(None, pl.String))
        own = pl.concat([own.select(chosen), others])
    return own.sort("row").select("item_id", pl.lit(reason).alias("reason"), "detail", kept="kept_id")


def _decimals(value: pl.Expr) -> pl.Expr:
    """Two decimals, rounded down: what is not the same never reads 1.00."""
    import polars as pl

    hundredths = (value * 100).floor().cast(pl.Int64)
    return pl.format("{}.{}", hundredths // 100, (hundredths % 100).cast(pl.String).str.zfill(2))


def reject(building: Building, parts: Sequence[Path], name: str, rejections: pl.DataFrame) -> list[Path]:
    """Drop the rows named in `rejections` (item_id, reason, detail) from `parts` as the stage `name` of the ledger."""
    path = _rejections(building, name)
    write_frame(path, rejections)
    stage = Stage(
        name,
        drop_rows,
        {"stage": name, "rejections": str(path), "sha256": sha256_path(path)},
        reads=("item_id",),
        setup=_read_rejections,
    )
    return building.apply(stage, parts)


def _rejections(building: Building, name: str) -> Path:
    return building.folder / f"{name}_tables" / "rejections.parquet"


def joined_groups(building: Building) -> pl.DataFrame:
    """Groups of which a row went because another group says the same: columns group_id and family.

    Where rows are dropped one by one, the others of the group still say in their languages what that other group says.
    """
    import polars as pl

    written = [path for path in map(partial(_rejections, building), STAGES) if path.exists()]
    tables = [pl.read_parquet(path, columns=["item_id", "kept"]).drop_nulls("kept") for path in written]
    if not tables:
        return pl.DataFrame(schema={"group_id": pl.String, "family": pl.String})
    # An item's id is its group's and its language.
    groups = [pl.col(name).str.replace(r":[^:]*$", "").alias(name) for name in ("item_id", "kept")]
    pairs = pl.concat(tables).select(groups).filter(pl.col("item_id") != pl.col("kept")).unique()
    names = pl.concat([pairs["item_id"], pairs["kept"]]).unique().sort()
    places = [pairs[name].replace_strict(names, range(len(names)), return_dtype=pl.Int64) for name in pairs.columns]
    roots = components(places[0].to_numpy(), places[1].to_numpy(), len(names))
    return pl.DataFrame({"group_id": names, "family": names[roots]})


def _read_rejections(config: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(config["rejections"], columns=["item_id", "reason", "detail"])


def drop_rows(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """The rows of `frame` that `state` (item_id, reason, detail) does not name."""
    gone = frame.select("item_id").join(state, on="item_id", maintain_order="left")
    rejections = tuple(Rejection(config["stage"], *row) for row in gone.iter_rows())
    return Output(frame.join(gone, on="item_id", how="anti", maintain_order="left"), rejections)

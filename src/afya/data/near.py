"""Removal of rows that say nearly the same as another in the same language (MinHash, locality-sensitive hashing).

Signatures are made part by part; their bands are grouped partition by partition; rows that share a bucket are compared
by the true Jaccard similarity of their shingles, component by component. Every step works on files and is run by the
executor, so that memory is bounded by the size of a part and cost grows with the number of rows.

Rows are the same only when they have the same numbers, signs and words that count or deny, in the same order ("5 mg" is
not "50 mg"), the same right options, and, where a context is given, the same question. These are part of the buckets'
keys, so that other rows never meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from afya.data import content
from afya.data.duplicates import Scope, components, decide, numbered, reject, run_starts, shared_keys, told, units
from afya.data.minhash import bands, distinct, jaccard, signatures
from afya.data.shingles import Places, batches, fold, mix, text_hashes, word_hash
from afya.data.steps import Building
from afya.datafiles import validate
from afya.executor import Needs, Output, Stage
from afya.runs import sha256_path, write_frame

if TYPE_CHECKING:
    import polars as pl

NAME = "near_duplicates"
# 12 bytes each.
_KEYS_PER_TASK = 5_000_000


class NearDuplicates(BaseModel):
    """Settings of the removal.

    `threshold`: the Jaccard similarity from which rows are the same. `words`, `characters`: tokens of a shingle, in
    scripts with and without spaces. `bands` of `rows` hashes each: two rows of similarity s are compared with a chance
    of 1 - (1 - s**rows)**bands. `sources`, `scope`: as for exact duplicates. `numbers`: whether rows whose numbers,
    signs, counts or denials differ are kept apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    words: Annotated[int, Field(ge=1, le=32)] = 5
    characters: Annotated[int, Field(ge=1, le=64)] = 8
    bands: Annotated[int, Field(ge=1, le=256)] = 16
    rows: Annotated[int, Field(ge=1, le=64)] = 7
    numbers: bool = True
    sources: tuple[str, ...] = ()
    scope: Scope = "group"
    seed: int = 1
    rows_per_task: Annotated[int, Field(ge=1)] = 100_000


def near_duplicates(building: Building, parts: Sequence[Path], config: Mapping[str, Any]) -> list[Path]:
    """Reject every row (with its group, or alone by `scope`) that says nearly the same as one kept, which is named.

    Reasons: near_duplicate, with the similarity to the row that is kept. `config` as NearDuplicates.

    Raises:
        ConfigError: an unknown key. DataError: two rows have the same item_id.
    """
    return reject(building, parts, NAME, find_near_duplicates(building, parts, config))


def find_near_duplicates(building: Building, parts: Sequence[Path], config: Mapping[str, Any]) -> pl.DataFrame:
    """The rows that `near_duplicates` rejects: columns item_id, reason and detail."""
    import polars as pl

    settings = validate(dict(config), NearDuplicates, NAME)
    rows = numbered(parts, settings.sources, settings.scope)
    signed = building.derive(_signature_stage(settings), parts)
    tables = building.folder / f"{NAME}_tables"
    files = _listed(signed, rows, tables)
    tasks = _band_tasks(files, settings.bands, len(rows), tables)
    grouped = building.derive(Stage(f"{NAME}_buckets", group_bands, writes=("key", "row")), tasks)
    shared = _buckets(grouped)
    shards = _component_tasks(shared, units(rows), settings.rows_per_task, tables)
    compare = Stage(
        f"{NAME}_compared",
        compare_rows,
        {"threshold": settings.threshold, "files": files.to_dicts()},
        reads=("bucket", "row", "unit"),
        needs=Needs(memory_gib=1.0),
    )
    decided = pl.concat([pl.read_parquet(path) for path in building.derive(compare, shards)]).sort("row")
    return told(rows, decided, "near_duplicate", settings.scope)


def _signature_stage(settings: NearDuplicates) -> Stage:
    chosen = settings.model_dump(include={"words", "characters", "bands", "rows", "numbers", "seed"})
    return Stage(f"{NAME}_signatures", sign, chosen, reads=content.READS, writes=("shingles",))


def sign(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """Columns shingles (binary: sorted distinct 32-bit hashes) and band_0, band_1 ... (uint64, 0 without a token).

    One row for each row of `frame`, in its order.
    """
    import polars as pl

    from afya.languages import language

    count = config["bands"]
    shingles: list[bytes] = [b""] * frame.height
    keys = np.zeros((count, frame.height), dtype=np.uint64)
    texts = frame.select("lang", whole=content.whole(), asked=content.asked(), right=content.right())
    for (name,), rows in texts.with_row_index("place").partition_by("lang", as_dict=True).items():
        lang = str(name)
        places = rows["place"].to_numpy()
        size = config["words"] if language(lang).spaced else config["characters"]
        apart = text_hashes(rows["asked"], lang, ordered=True) + mix(text_hashes(rows["right"], lang, ordered=False))
        apart = mix(apart + word_hash(lang))
        done = 0
        for tokens in batches(rows["whole"], lang):
            grams, starts = tokens.grams(size)
            stop = done + len(starts) - 1
            found = bands(signatures(grams, starts, count * config["rows"], config["seed"]), config["rows"])
            key = apart[done:stop] + tokens.telling_hashes() if config["numbers"] else apart[done:stop]
            found = mix(found + key[:, None]) | np.uint64(1)
            found[np.diff(starts) == 0] = 0
            keys[:, places[done:stop]] = found.T
            held, bounds = distinct(grams, starts)
            data = held.tobytes()
            ends = (bounds * 4).tolist()
            for index, place in enumerate(places[done:stop].tolist()):
                shingles[place] = data[ends[index] : ends[index + 1]]
            done = stop
    columns = {"shingles": pl.Series(shingles, dtype=pl.Binary)}
    return Output(pl.DataFrame(columns | {f"band_{band}": keys[band] for band in range(count)}))


def _listed(signed: Sequence[Path], rows: pl.DataFrame, tables: Path) -> pl.DataFrame:
    """The files of signatures, each with the file of its rows' numbers: columns signatures, rows, sha256."""
    import polars as pl

    listed = []
    for place, path in enumerate(signed):
        numbers = tables / "rows" / path.name
        write_frame(numbers, rows.filter(pl.col("part") == place).select("row"))
        digest = sha256_path(path) + sha256_path(numbers)
        listed.append({"signatures": str(path), "rows": str(numbers), "sha256": digest})
    return pl.DataFrame(listed, schema={"signatures": pl.String, "rows": pl.String, "sha256": pl.String})


def _band_tasks(files: pl.DataFrame, bands: int, count: int, tables: Path) -> list[Path]:
    """A small table for each partition: the files to read, which bands, and which of their keys.

    A partition is several bands of few rows, or one band, or a share of one band by its keys.
    """
    import polars as pl

    shards = 1 + count // _KEYS_PER_TASK
    together = max(1, min(bands, _KEYS_PER_TASK // max(count, 1)))
    tasks = []
    for band in range(0, bands, together):
        for shard in range(shards):
            path = tables / "bands" / f"band-{band:03d}-{shard:03d}.parquet"
            task = {"first": band, "end": min(bands, band + together), "shard": shard, "shards": shards}
            write_frame(path, files.with_columns(pl.lit(value).alias(name) for name, value in task.items()))
            tasks.append(path)
    return tasks


def group_bands(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """The rows that share a key in one partition of the bands: columns key and row, equal keys together."""
    import polars as pl

    found = [pl.DataFrame(schema={"key": pl.UInt64, "row": pl.UInt32})]
    files = frame.to_dicts()
    rows = [pl.read_parquet(file["rows"])["row"].to_numpy().astype(np.int64) for file in files]
    for band in range(files[0]["first"], files[0]["end"]) if files else ():
        name = f"band_{band}"
        keys = [pl.read_parquet(file["signatures"], columns=[name])[name].to_numpy() for file in files]
        key, row = np.concatenate(keys), np.concatenate(rows)
        chosen = (key >> np.uint64(1)) % np.uint64(files[0]["shards"]) == files[0]["shard"]
        found.append(shared_keys(key[chosen], row[chosen]))
    shared = pl.concat(found)
    return Output(shared, made=shared.height - frame.height)


def _buckets(grouped: Sequence[Path]) -> pl.DataFrame:
    """The rows of all buckets: columns bucket (numbered through all partitions) and row.

    Of buckets with the same rows (most duplicates share several bands) only the first stands.
    """
    import polars as pl

    found = [pl.DataFrame(schema={"bucket": pl.Int64, "row": pl.UInt32})]
    hashes = [np.zeros(0, dtype=np.uint64)]
    count = 0
    for path in grouped:
        frame = pl.read_parquet(path)
        first = run_starts(frame["key"].to_numpy())
        row = frame["row"].to_numpy()
        hashes.append(fold(mix(row.astype(np.uint64)), np.append(first, len(row))))
        bucket = np.repeat(np.arange(len(first)) + count, np.diff(np.append(first, len(row))))
        found.append(pl.DataFrame({"bucket": bucket, "row": row}))
        count += len(first)
    chosen = np.zeros(count, dtype=bool)
    chosen[np.unique(np.concatenate(hashes), return_index=True)[1]] = True
    every = pl.concat(found)
    return every.filter(chosen[every["bucket"].to_numpy()])


def _component_tasks(shared: pl.DataFrame, unit: Places, rows_per_task: int, tables: Path) -> list[Path]:
    """Tables of buckets (bucket, row, unit): all that hangs together by shared buckets stands in the same one."""
    import polars as pl

    bucket, row = shared["bucket"].to_numpy(), shared["row"].to_numpy().astype(np.int64)
    first = run_starts(bucket)
    leader = np.repeat(unit[row[first]], np.diff(np.append(first, len(bucket))))
    root = components(leader, unit[row], int(unit.max(initial=-1)) + 1)[unit[row]]
    held = pl.DataFrame({"bucket": bucket, "row": row, "unit": unit[row], "root": root})
    sizes = held.group_by("root").agg(pl.col("row").n_unique().alias("rows")).sort("root")
    sizes = sizes.with_columns(task=(pl.col("rows").cum_sum() - pl.col("rows")) // rows_per_task)
    held = held.join(sizes.select("root", "task"), on="root", maintain_order="left").drop("root")
    tasks = []
    # One table even when no rows share a bucket, so that the step says so.
    for number, table in enumerate(held.partition_by("task", include_key=False) or [held.drop("task")]):
        tasks.append(tables / "components" / f"components-{number:05d}.parquet")
        write_frame(tasks[-1], table)
    return tasks


def compare_rows(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """Which rows of the components in `frame` go: columns row, kept and similarity, sorted by row."""
    rows = np.unique(frame["row"].to_numpy())
    grams, places = _shingles(rows, config["files"])
    threshold = config["threshold"]

    def same(left: Places, right: Places) -> NDArray[np.float64]:
        return jaccard(grams, places, np.searchsorted(rows, left), np.searchsorted(rows, right), threshold)

    decided = decide(frame["bucket"].to_numpy(), frame["row"].to_numpy(), frame["unit"].to_numpy(), same)
    return Output(decided, made=decided.height - frame.height)


def _shingles(rows: Places, files: Sequence[Mapping[str, str]]) -> tuple[NDArray[np.uint32], Places]:
    """The shingles of the rows with these (sorted) numbers, and where each row's begin."""
    import polars as pl

    chosen = pl.DataFrame({"row": rows.astype(np.uint32)})
    found = [pl.DataFrame(schema={"row": pl.UInt32, "shingles": pl.Binary})]
    for file in files:
        numbers = pl.read_parquet(file["rows"])
        if numbers["row"].is_in(chosen["row"].implode()).any():
            table = numbers.hstack(pl.read_parquet(file["signatures"], columns=["shingles"]))
            found.append(table.join(chosen, on="row", how="semi"))
    held = pl.concat(found).sort("row")["shingles"]
    places = np.concatenate(([0], np.cumsum(held.bin.size().to_numpy().astype(np.int64) // 4)))
    return np.frombuffer(b"".join(held), dtype=np.uint32), places

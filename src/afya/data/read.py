"""The first stage of a build: every source into parts of Items, its sound rows and the rejected ones.

A source is read as one piece of work; several sources are read side by side. What was read stays, so that a build that
was killed reads on with the next source.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.chunks import PART_ROWS, Chunks, in_groups
from afya.data.finding import Found, columns_of
from afya.data.recipe import Recipe, SourceSpec
from afya.data.rows import first_of, reject
from afya.data.steps import Building
from afya.errors import ConfigError, DataError
from afya.executor import Output, Stage
from afya.items import SPLITS, TASKS, Item, schema, to_frame, validate
from afya.languages import core_codes, registry
from afya.runs import Rejection, canonical, write_frame
from afya.sources import Malformed, Reading
from afya.sources import source as find_source

if TYPE_CHECKING:
    import polars as pl

    from afya.data.synthetic import SyntheticRecipe

STAGE = "read"
_AT_ONCE = 2_000


def read_sources(building: Building, found: Sequence[Found], recipe: Recipe, part_rows: int = PART_ROWS) -> list[Path]:
    """The parts of all sources, in the recipe's order, accounted for as the stage 'read'.

    Raises:
        DataError: a file is not what its source's format promises, or no row of any source is sound.
    """
    import polars as pl

    asked, parts = building.folder / "sources", building.folder / STAGE
    for number, entry in enumerate(found):
        spec = entry.spec.model_dump(mode="json")
        told = {"spec": spec, "path": None if entry.path is None else str(entry.path.resolve()), **dict(entry.inputs)}
        path = asked / f"{number:03d}.parquet"
        described = pl.DataFrame({"number": [f"{number:03d}"], "source": [canonical(told)]})
        if not path.exists() or not pl.read_parquet(path).equals(described):
            write_frame(path, described)
    config = {
        "folder": str(parts.resolve()),
        "languages": None if recipe.languages is None else list(recipe.languages),
        "part_rows": part_rows,
    }
    stage = Stage("read", read_source, config, reads=("number", "source"), writes=("number", "rows_read"))
    inputs = [asked / f"{number:03d}.parquet" for number in range(len(found))]
    made = building.derive(stage, inputs, name="sources-read")
    tables = [pl.read_parquet(path) for path in made]
    lost = [name for table in tables for name in table["parts"][0].to_list() if not (parts / name).exists()]
    if lost:
        raise DataError(f"{parts / lost[0]} was removed.", hint="Remove the work folder and build again.")
    rejections = [Rejection(*row) for number in range(len(found)) for row in _rejected(parts, number).iter_rows()]
    rows_read = sum(int(table["rows_read"][0]) for table in tables)
    files, repeated = _distinct([parts / name for table in tables for name in table["parts"][0].to_list()], building)
    rejections += repeated
    building.account(STAGE, rows_read, rows_read - len(rejections), rejections)
    if not files:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in building.ledger.reasons(STAGE).most_common(5))
        raise DataError("No row of any source is sound." + (f" ({counts})" if counts else " They are empty."))
    return files


def _rejected(parts: Path, number: int) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(parts / "rejected" / f"{number:03d}.parquet")


def read_source(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """Read the source that the one row of `frame` describes; its parts are written into config["folder"]."""
    import polars as pl

    told = json.loads(frame["source"][0])
    spec = SourceSpec.model_validate(told["spec"])
    folder = Path(config["folder"])
    langs = None if config["languages"] is None else tuple(config["languages"])
    rejections: list[Rejection] = []
    number = str(frame["number"][0])
    # A worker that outlived a killed command may still be reading this source: it does not share its folder.
    for left in folder.glob(f"{number}/raw-*"):
        shutil.rmtree(left, ignore_errors=True)
    raw = folder / number / f"raw-{os.getpid()}"
    chunks = Chunks(raw, number, config["part_rows"])
    rows = 0
    for table, refused in _tables(spec, None if told["path"] is None else Path(told["path"]), langs, folder.parent):
        rows += table.height + len(refused)
        rejections += refused
        chunks.add(_as_asked(table, spec))
    parts = in_groups(chunks.close(), folder / number, number, config["part_rows"])
    shutil.rmtree(raw, ignore_errors=True)
    schema_of = {"stage": pl.String, "item_id": pl.String, "reason": pl.String, "detail": pl.String}
    table = pl.DataFrame(
        # Readers speak of the step "import".
        [[STAGE, entry.item_id, entry.reason, entry.detail] for entry in rejections],
        schema=schema_of,
        orient="row",
    )
    write_frame(folder / "rejected" / f"{number}.parquet", table)
    made = pl.DataFrame(
        {"number": [number], "rows_read": [rows], "parts": [[f"{number}/{part.name}" for part in parts]]}
    )
    return Output(made.cast({"parts": pl.List(pl.String)}))


def _distinct(files: Sequence[Path], building: Building) -> tuple[list[Path], list[Rejection]]:
    """The parts without rows whose id an earlier source has; only parts that hold such rows are written anew."""
    import polars as pl

    ids = [pl.read_parquet(file, columns=["item_id"]).select(pl.col("item_id").hash())["item_id"] for file in files]
    if not ids:
        return [], []
    table = pl.DataFrame({"id": pl.concat(ids)})
    first = table.select(pl.col("id").is_first_distinct())["id"]
    if first.all():
        return list(files), []
    kept: list[Path] = []
    rejections: list[Rejection] = []
    start = 0
    for file, part in zip(files, ids, strict=True):
        here = first[start : start + len(part)]
        start += len(part)
        if here.all():
            kept.append(file)
            continue
        frame = pl.read_parquet(file)
        detail = "an earlier source has a row with the same id"
        rejections += [Rejection(STAGE, name, "duplicate_id", detail) for name in frame.filter(~here)["item_id"]]
        if here.any():
            kept.append(building.folder / "distinct" / file.name)
            write_frame(kept[-1], frame.filter(here))
    return kept, rejections


def _as_asked(table: pl.DataFrame, spec: SourceSpec) -> pl.DataFrame:
    import polars as pl

    values = {"licence": spec.licence, "split": spec.split}
    return table.with_columns(pl.lit(value).alias(name) for name, value in values.items() if value is not None)


# Tables of one source -------------------------------------------------------------------------------------------------

_Table = tuple["pl.DataFrame", list[Rejection]]


def _tables(spec: SourceSpec, path: Path | None, langs: Sequence[str] | None, folder: Path) -> Iterator[_Table]:
    """The rows of a source, some at a time, with those that were refused among them."""
    wanted = _wanted(spec, langs)
    if spec.dataset is not None and path is not None:
        yield from _limited_tables(_dataset_tables(path), spec, wanted)
    elif spec.hub is not None and spec.source is None and spec.columns is None and path is not None:
        yield from _limited_tables(_json_tables(path), spec, wanted)
    elif spec.synthetic is not None:
        yield from _collected(_synthetic(spec.synthetic, wanted), spec, wanted)
    else:
        name = "records" if spec.hub is not None and spec.source is None else str(spec.source)
        # The reader looks for its files again; a limit on languages lets it pass over whole files.
        reading = Reading(find_source(name), path or folder, wanted, spec.split, columns_of(spec))
        yield from _collected(reading.source.read(reading), spec, wanted, reading)


def _wanted(spec: SourceSpec, langs: Sequence[str] | None) -> tuple[str, ...] | None:
    if spec.langs is None or langs is None:
        return spec.langs or (None if langs is None else tuple(langs))
    return tuple(code for code in spec.langs if code in langs)


def _synthetic(asked: SyntheticRecipe, langs: Sequence[str] | None) -> Iterator[Item]:
    from afya.data.synthetic import synthetic_items

    if asked.langs is None and langs is not None:
        asked = asked.model_copy(update={"langs": tuple(code for code in core_codes() if code in langs)})
    yield from synthetic_items(asked)


def _collected(
    outcomes: Iterator[Item | Rejection] | Iterator[Item],
    spec: SourceSpec,
    langs: Sequence[str] | None,
    reading: Reading | None = None,
) -> Iterator[_Table]:
    # Eight bytes an id instead of the id: among ten million ids the odds of one false duplicate are one in 370,000.
    seen: set[bytes] = set()
    groups: set[str] = set()
    items: list[Item] = []
    rejections: list[Rejection] = []
    for outcome in outcomes:
        if isinstance(outcome, Rejection):
            rejections.append(outcome)
            continue
        if (langs is not None and outcome.lang not in langs) or (spec.tasks and outcome.task not in spec.tasks):
            continue
        if spec.limit is not None and outcome.group_id not in groups:
            if len(groups) == spec.limit:
                continue
            groups.add(outcome.group_id)
        fault = validate(outcome)
        digest = blake2b(outcome.item_id.encode(), digest_size=8).digest()
        if fault is None and digest in seen:
            fault = "duplicate_id", "an earlier row has the same id"
        if fault is None:
            seen.add(digest)
            items.append(outcome)
        elif reading is not None:
            rejections.append(reading.reject(Malformed(*fault), outcome.item_id))
        else:
            rejections.append(Rejection(STAGE, outcome.item_id, *fault))
        if len(items) + len(rejections) >= _AT_ONCE:
            yield to_frame(items), rejections
            items, rejections = [], []
    yield to_frame(items), rejections


def _dataset_tables(path: Path) -> Iterator[pl.DataFrame]:
    from afya.folders import read_dataset

    yield from read_dataset(path)


def _json_tables(path: Path) -> Iterator[pl.DataFrame]:
    """Item tables from JSON lines whose keys are an Item's columns."""
    import polars as pl

    for file in sorted(path.rglob("*.jsonl")):
        with file.open("rb") as handle:
            first = json.loads(handle.readline() or b"{}")
            missing = [
                name for name in ("item_id", "group_id", "lang", "task", "split", "question") if name not in first
            ]
            if first and missing:
                raise ConfigError(
                    f"{file.parent.name}/{file.stem}: its rows have no {', '.join(missing)}: they are no Items.",
                    hint=f"Map its columns with 'columns'; it has: {', '.join(first)}.",
                )
            handle.seek(0)
            while lines := handle.readlines(1 << 22):
                yield pl.read_ndjson(b"".join(lines), schema=schema()).select(list(schema()))


def _limited_tables(tables: Iterator[pl.DataFrame], spec: SourceSpec, langs: Sequence[str] | None) -> Iterator[_Table]:
    """Item tables that nobody has validated, with what could not be filed refused."""
    import polars as pl

    groups = pl.Series("group_id", [], dtype=pl.String)
    for table in tables:
        if langs is not None:
            table = table.filter(pl.col("lang").is_in(list(langs)))
        if spec.tasks:
            table = table.filter(pl.col("task").is_in(list(spec.tasks)))
        if spec.limit is not None:
            fresh = table.filter(~pl.col("group_id").is_in(groups.implode()))["group_id"].unique(maintain_order=True)
            groups = pl.concat([groups, fresh[: spec.limit - len(groups)]])
            table = table.filter(pl.col("group_id").is_in(groups.implode()))
        output = reject(table, STAGE, *first_of(_faults()))
        yield output.frame, list(output.rejections)


def _faults() -> list[tuple[pl.Expr, pl.Expr, pl.Expr]]:
    """What makes a row of an item table unfit to be filed, as `afya.items.validate` names it."""
    import polars as pl

    def known(name: str, values: Sequence[str]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
        detail = pl.format("'{}' is not known", pl.col(name).fill_null("null"))
        return (
            ~pl.col(name).is_in(list(values)).fill_null(False),
            pl.lit(f"unknown_{name.replace('lang', 'language')}"),
            detail,
        )

    identity = pl.col("item_id").eq_missing(pl.format("{}:{}", "group_id", "lang")) & pl.col("item_id").is_not_null()
    return [
        (
            pl.col("question").str.strip_chars().fill_null("") == "",
            pl.lit("empty_question"),
            pl.lit("the question has no text"),
        ),
        known("lang", tuple(registry())),
        known("task", TASKS),
        known("split", SPLITS),
        (~identity, pl.lit("bad_id"), pl.format("the item_id is not '{}:{}'", "group_id", "lang")),
    ]

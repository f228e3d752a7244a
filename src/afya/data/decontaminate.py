"""Removal of rows that give away what a benchmark asks, in any language.

A row is contaminated when one of its fields shares a run of 13 words (24 characters where the script has no spaces)
with any field of a benchmark item (Brown et al., "Language Models are Few-Shot Learners", 2020, appendix C); when it
asks the same question with the same context and options; when it holds the whole of a short question, and with it the
right answer where there are options; or when its group is a benchmark's. What holds for one row of a group holds for
all of it: a translation into Swahili of a question that the benchmark has in English shares no word with it, but its
group and its pivot do.

A run that stands in many groups of the benchmark, or in many of the data, is a common phrase and counts only where more
than half of a long field is shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from afya.data import content
from afya.data.contamination import TABLES, Lookup, Sizes, build_index, stands_in, whole_keys
from afya.data.duplicates import reject
from afya.data.shingles import Places, Tokens, batches
from afya.data.steps import Building
from afya.datafiles import validate
from afya.executor import Needs, Output, Stage
from afya.runs import sha256_path

if TYPE_CHECKING:
    import polars as pl

NAME = "decontaminate"
REASON = "contaminated"
_WHOLE, _RUN, _SHORT, _GROUP, _PIVOT = range(5)
# A question of fewer tokens says too little alone: all options of the item must be found with it.
_TELLING_QUESTION = 8
# Common phrases count where so much of a field is shared, if the field has at least twice as many tokens as a run.
_MOST_OF_A_FIELD = 0.5


class Benchmark(BaseModel):
    """A dataset folder, and the splits of it that nothing may be trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    splits: tuple[str, ...] = ("dev", "test")


class Decontaminate(BaseModel):
    """Settings of the removal.

    `benchmarks`: dataset folders; name the English folder too where a benchmark is a translation. `pivots`: Parquet
    files of items to look at beside the data, such as the English rows before translation; a match there goes for the
    group. `words`, `characters`: tokens of a run. `least_words`, `least_characters`: of a question looked for inside
    texts. `common`: groups of the benchmarks, `common_rows`: groups of the data, from which on a run is a common
    phrase. `spare`: splits of the data whose rows stay.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    benchmarks: tuple[Path | Benchmark, ...]
    pivots: tuple[Path, ...] = ()
    words: Annotated[int, Field(ge=5)] = 13
    characters: Annotated[int, Field(ge=8)] = 24
    least_words: Annotated[int, Field(ge=1)] = 4
    least_characters: Annotated[int, Field(ge=1)] = 6
    common: Annotated[int, Field(ge=2)] = 5
    common_rows: Annotated[int, Field(ge=2)] = 20
    spare: tuple[str, ...] = ()


def decontaminate(building: Building, parts: Sequence[Path], config: Mapping[str, Any]) -> list[Path]:
    """Reject every row that a benchmark item is given away by, with all of its group; the item and how are named.

    Reasons: contaminated. `config` as Decontaminate.

    Raises:
        ConfigError: an unknown key. DataError: a benchmark is no dataset folder or has no rows in its splits.
    """
    import polars as pl

    settings = validate(dict(config), Decontaminate, NAME)
    sizes = Sizes(settings.words, settings.characters, settings.least_words, settings.least_characters)
    chosen = [entry if isinstance(entry, Benchmark) else Benchmark(path=entry) for entry in settings.benchmarks]
    folders = [(entry.path, entry.splits) for entry in chosen]
    index = build_index(folders, sizes, settings.common, building.folder / f"{NAME}_index")
    hashes = {name: sha256_path(index / f"{name}.parquet") for name in TABLES}
    stage = Stage(
        f"{NAME}_hits",
        find_hits,
        {"index": str(index), "tables": hashes, "sizes": vars(sizes) | {}},
        reads=(*content.READS, "group_id", "item_id"),
        writes=("item_id", "group_id", "how", "target", "hash"),
        setup=_Index,
        needs=Needs(memory_gib=1.0 + 4 * (index / "runs.parquet").stat().st_size / 2**30),
    )
    found = building.derive(stage, parts)
    beside = building.derive(stage, settings.pivots, name=f"{NAME}_pivot_hits") if settings.pivots else []
    hits = pl.concat([pl.read_parquet(path) for path in (*found, *beside)]).unique()
    named = _contaminated(hits, index, settings)
    rows = pl.concat([pl.read_parquet(part, columns=["item_id", "group_id", "split"]) for part in parts])
    rows = rows.filter(~pl.col("split").is_in(settings.spare))
    return reject(building, parts, NAME, _rejections(rows, named, index, settings))


class _Index:
    """The tables of the benchmarks, ready to be looked up in."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        import polars as pl

        tables = {name: pl.read_parquet(Path(config["index"]) / f"{name}.parquet") for name in TABLES}
        self.sizes = Sizes(**config["sizes"])
        self.whole = Lookup(tables["items"]["key"].to_numpy())
        self.whole_items = tables["items"]["item"].to_numpy()
        self.runs = Lookup(tables["runs"]["hash"].to_numpy())
        self.run_fields = tables["runs"]["field"].to_numpy()
        self.short = Lookup(tables["short"]["hash"].to_numpy())
        self.short_rows = tables["short"].to_dicts()
        self.short_sizes = sorted({row["size"] for row in self.short_rows})


def find_hits(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """What of the benchmarks stands in which row: columns item_id, group_id, how, target and hash.

    `target` is the benchmark's item; for a run its field. A row of `frame` may stand many times or not at all.
    """
    import polars as pl

    index: _Index = state
    types = {"place": pl.UInt32, "how": pl.UInt8, "target": pl.UInt32, "hash": pl.UInt64}
    found = [pl.DataFrame(schema=types)]
    for (lang,), rows in frame.with_row_index("place").partition_by("lang", as_dict=True).items():
        places = rows["place"].to_numpy()
        keys = whole_keys(rows, str(lang))
        there, at = index.whole.find(keys)
        there, at = there[keys[there] != 0], at[keys[there] != 0]
        found.append(_table(places[there], _WHOLE, index.whole_items[at], keys[there], types))
        done = 0
        for tokens in batches(rows.select(text=content.whole())["text"], str(lang)):
            for row, how, target, hashes in _in_texts(tokens, str(lang), index):
                found.append(_table(places[row + done], how, target, hashes, types))
            done += len(tokens.texts) - 1
    hits = pl.concat(found).unique().sort("place", "how", "target", "hash")
    names = frame.select("item_id", "group_id")[hits["place"]]
    hits = names.hstack(hits.drop("place"))
    return Output(hits, made=hits.height - frame.height)


def _table(place: Places, how: int, target: Places, hashes: Any, types: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    columns = {"place": place, "how": np.full(len(place), how), "target": target, "hash": hashes}
    return pl.DataFrame({name: pl.Series(values).cast(types[name]) for name, values in columns.items()})


def _in_texts(tokens: Tokens, lang: str, index: _Index) -> list[tuple[Places, int, Places, Any]]:
    """Runs and short questions found in a batch of texts: texts, how, targets and hashes."""
    long = index.sizes.run(lang)
    found: list[tuple[Places, int, Places, Any]] = []
    for size, places, hashes in tokens.runs([*index.short_sizes, long]):
        if size == long:
            there, at = index.runs.find(hashes)
            found.append((tokens.owners(places[there]), _RUN, index.run_fields[at], hashes[there]))
        if size in index.short_sizes:
            there, at = index.short.find(hashes)
            texts = tokens.owners(places[there])
            asked = [
                (text, entry["item"], entry["hash"])
                for text, first in dict.fromkeys(zip(texts.tolist(), at.tolist(), strict=True))
                for entry in _answered(tokens, text, first, size, index)
            ]
            if asked:
                row, item, short_hash = (np.array(values) for values in zip(*asked, strict=True))
                found.append((row, _SHORT, item, short_hash))
    return found


def _answered(tokens: Tokens, text: int, first: int, size: int, index: _Index) -> list[Mapping[str, Any]]:
    """The benchmark's items with this short question whose answers stand in the text too."""
    low, high = (int(tokens.fields[tokens.texts[place]]) for place in (text, text + 1))
    held = tokens.hashes[low:high]
    found: list[Mapping[str, Any]] = []
    for entry in index.short_rows[first:]:
        if entry["hash"] != index.short_rows[first]["hash"]:
            break
        wanted = entry["answer"] if size >= _TELLING_QUESTION else entry["options"]
        if all(stands_in(run, held) for run in wanted):
            found.append(entry)
    return found


def _contaminated(hits: pl.DataFrame, index: Path, settings: Decontaminate) -> pl.DataFrame:
    """The strongest hit of each row that has one: columns item_id, group_id, how and item (of the benchmark)."""
    import polars as pl

    fields = pl.read_parquet(index / "fields.parquet").with_columns(target=pl.col("field"))
    runs = hits.filter(pl.col("how") == _RUN)
    table = pl.read_parquet(index / "runs.parquet", columns=["hash", "common"])
    runs = runs.join(table, on="hash").with_columns(
        pl.col("common") | (pl.col("group_id").n_unique().over("hash") >= settings.common_rows)
    )
    runs = runs.join(fields.select("target", "item", "runs"), on="target")
    runs = runs.with_columns(shared=pl.col("hash").n_unique().over("item_id", "target"))
    # A field of twice a run's tokens has one run more than a run has tokens; the script is not known here.
    long = pl.col("runs") > settings.words
    most = long & (pl.col("shared") >= _MOST_OF_A_FIELD * pl.col("runs"))
    runs = runs.filter(~pl.col("common") | most).select("item_id", "group_id", "how", "item")
    short = hits.filter(pl.col("how") == _SHORT)
    short = short.filter(pl.col("group_id").n_unique().over("hash") < settings.common_rows)
    others = pl.concat([hits.filter(pl.col("how") == _WHOLE), short])
    others = others.select("item_id", "group_id", "how", item="target")
    found = pl.concat([runs, others]).sort("item_id", "how", "item")
    return found.unique("item_id", keep="first", maintain_order=True)


def _rejections(rows: pl.DataFrame, named: pl.DataFrame, index: Path, settings: Decontaminate) -> pl.DataFrame:
    """What is said of each of `rows` that goes: columns item_id, reason and detail, sorted by item_id."""
    import polars as pl

    items = pl.read_parquet(index / "items.parquet")
    run = f"shares a run of {settings.words} words or {settings.characters} characters with the benchmark's "
    says = {
        _WHOLE: "asks, with the same options, what is asked by the benchmark's ",
        _RUN: run,
        _SHORT: "holds the whole short question (with its answer, where it has options) of the benchmark's ",
    }
    words = pl.col("how").replace_strict(list(says), list(says.values()), return_dtype=pl.String)
    own = named.join(items.select("item", by="item_id"), on="item").with_columns(detail=pl.concat_str(words, "by"))
    own = own.select("item_id", "group_id", "how", "detail")
    ingroup = items.sort("item_id").unique("group_id", keep="first", maintain_order=True)
    ingroup = rows.join(ingroup.select("group_id", by="item_id"), on="group_id")
    ingroup = ingroup.select(
        "item_id", how=pl.lit(_GROUP, pl.UInt8), detail=pl.format("its group is the benchmark's: {}", "by")
    )
    speaker = own.sort("how", "item_id").unique("group_id", keep="first", maintain_order=True)
    pivots = rows.join(
        speaker.select("group_id", said=pl.format("by its pivot: {} of its group {}", "item_id", "detail")),
        on="group_id",
    ).select("item_id", how=pl.lit(_PIVOT, pl.UInt8), detail="said")
    every = pl.concat([own.join(rows, on="item_id", how="semi").select("item_id", "how", "detail"), ingroup, pivots])
    every = every.sort("item_id", "how").unique("item_id", keep="first", maintain_order=True)
    return every.select("item_id", pl.lit(REASON).alias("reason"), "detail")

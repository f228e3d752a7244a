"""What of a benchmark must not stand in training data, as tables of hashes that texts are looked up in.

Three things of every benchmark item are kept: runs of n tokens of each of its fields (question, context, options,
answers, rationale); its question, context and options as a whole; and its question alone, when that is shorter than n
tokens. Runs that many items share are marked as common phrases: "Which of the following is ..." tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from afya.data import content
from afya.data.shingles import Hashes, Places, Tokens, batches, mix, text_hashes
from afya.errors import DataError
from afya.folders import read_dataset
from afya.languages import language
from afya.runs import write_frame

if TYPE_CHECKING:
    import polars as pl

TABLES = ("items", "runs", "fields", "short")


@dataclass(frozen=True)
class Sizes:
    """How many tokens a run has, and the fewest of a short question that is looked for inside texts."""

    words: int
    characters: int
    least_words: int
    least_characters: int

    def run(self, lang: str) -> int:
        """Tokens of a run in this language."""
        return self.words if language(lang).spaced else self.characters

    def least(self, lang: str) -> int:
        """The fewest tokens of a question that is looked for inside texts."""
        return self.least_words if language(lang).spaced else self.least_characters


class Lookup:
    """Sorted hashes, found among many others at the cost of a few nanoseconds each.

    A table of bits answers most look-ups; only what it lets through is searched for.
    """

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes
        bits = min(max(12, (8 * len(hashes)).bit_length()), 27)
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, dtype=bool)
        self._table[hashes >> self._shift] = True

    def find(self, hashes: Hashes) -> tuple[Places, Places]:
        """Which of `hashes` are there, and for each the first place where it stands among the sorted ones."""
        maybe = np.flatnonzero(self._table[hashes >> self._shift])
        places = np.searchsorted(self.hashes, hashes[maybe])
        places[places == len(self.hashes)] = 0
        there = self.hashes[places] == hashes[maybe] if len(self.hashes) else np.zeros(len(maybe), dtype=bool)
        return maybe[there], places[there]


def whole_keys(frame: pl.DataFrame, lang: str) -> Hashes:
    """(rows,) equal for rows with the same question, context and options in any order; 0 for rows without a token."""
    import polars as pl

    from afya.data.shingles import FIELD_END

    texts = frame.select(
        asked=pl.concat_str(pl.col("question"), pl.col("context").fill_null(""), separator=FIELD_END),
        options=content.options(),
    )
    asked = text_hashes(texts["asked"], lang, ordered=True)
    return np.where(asked == 0, np.uint64(0), mix(asked + mix(text_hashes(texts["options"], lang, ordered=False))))


def build_index(benchmarks: Sequence[tuple[Path, Sequence[str]]], sizes: Sizes, common: int, out: Path) -> Path:
    """Write the tables of the benchmark folders (each with the splits to take) into `out`, and return it.

    `common`: a run that stands in so many groups of the benchmarks, or a short question that has so many different
    answers, is a common phrase.

    Tables: items (item, item_id, group_id, key: of the whole, sorted by key), fields (item, runs: how many it has),
    runs (hash, field, common; sorted by hash), short (hash, size, item, answer, options: their tokens; sorted by hash).

    Raises:
        DataError: a folder is no dataset, or has no rows in its splits.
    """
    import polars as pl

    items: list[pl.DataFrame] = []
    runs: list[pl.DataFrame] = []
    short: list[pl.DataFrame] = []
    count = 0
    for folder, splits in benchmarks:
        for frame in read_dataset(folder, splits=splits or None):
            for (lang,), rows in frame.partition_by("lang", as_dict=True).items():
                rows = rows.with_columns(item=pl.int_range(count, count + rows.height, dtype=pl.UInt32))
                count += rows.height
                key = whole_keys(rows, str(lang))
                items.append(rows.select("item", "item_id", "group_id").with_columns(key=pl.Series(key)))
                runs.append(_runs(rows, str(lang), sizes))
                short.append(_short(rows, str(lang), sizes))
    if not count:
        raise DataError("The benchmarks to keep out of the data hold no items.", hint="Check the recipe's folders.")
    # By id: the tables are the same whatever the order in which the folders are named.
    table = pl.concat(items).sort("item_id", "key").with_row_index("order")
    order = table.sort("item")["order"].to_numpy()
    every = pl.concat(runs).with_columns(item=pl.Series(order[pl.concat(runs)["item"].to_numpy()]))
    groups = table["group_id"].rank("dense").to_numpy()
    every = every.with_columns(group=pl.Series(groups[every["item"].to_numpy()]))
    every = every.with_columns(common=pl.col("group").n_unique().over("hash") >= common)
    every = every.sort("hash", "item", "place").unique("hash", keep="first", maintain_order=True)
    fields = every.group_by("item", "place").agg(runs=pl.len()).sort("item", "place").with_row_index("field")
    every = every.join(fields, on=["item", "place"]).sort("hash").select("hash", "field", "common")
    asked = pl.concat(short)
    asked = asked.with_columns(item=pl.Series(order[asked["item"].to_numpy()]))
    # By answers: one question that stands in many benchmarks is no common phrase.
    asked = asked.filter(pl.col("answer").n_unique().over("hash") < common).sort("hash", "item")
    table = table.drop("item").rename({"order": "item"}).sort("key", "item")
    for name, made in (("items", table), ("runs", every), ("fields", fields.drop("place")), ("short", asked)):
        write_frame(out / f"{name}.parquet", made)
    return out


def _runs(rows: pl.DataFrame, lang: str, sizes: Sizes) -> pl.DataFrame:
    """The runs of all fields: columns hash, item and place (of the field in its item)."""
    import polars as pl

    item = rows["item"].to_numpy()
    found = [pl.DataFrame(schema={"hash": pl.UInt64, "item": pl.UInt32, "place": pl.UInt32})]
    done = 0
    for tokens in batches(rows.select(text=content.whole())["text"], lang):
        for _, places, hashes in tokens.runs([sizes.run(lang)]):
            owner = tokens.owners(places)
            field = np.searchsorted(tokens.fields, places, side="right") - 1 - tokens.texts[owner]
            found.append(
                pl.DataFrame({"hash": hashes, "item": item[owner + done], "place": field.astype(np.uint32)}).unique()
            )
        done += len(tokens.texts) - 1
    return pl.concat(found)


def _short(rows: pl.DataFrame, lang: str, sizes: Sizes) -> pl.DataFrame:
    """Questions of at least the least and fewer than a run's tokens, without a context: their hashes and answers."""
    import polars as pl

    chosen = rows.filter(pl.col("context").is_null())
    questions = list(_token_lists(chosen["question"], lang))
    right = chosen.select(right=content.right())["right"]
    answers = _token_lists(right, lang)
    options = _token_lists(chosen.select(options=content.options())["options"], lang)
    found: dict[str, list[object]] = {"hash": [], "size": [], "item": [], "answer": [], "options": []}
    for item, question, answer, choices in zip(chosen["item"], questions, answers, options, strict=True):
        size = len(question[0])
        if sizes.least(lang) <= size < sizes.run(lang):
            found["hash"].append(int(run_hash(question[0])))
            found["size"].append(size)
            found["item"].append(item)
            found["answer"].append([field.tobytes() for field in answer if len(field)])
            found["options"].append([field.tobytes() for field in choices if len(field)])
    lists = pl.List(pl.Binary())
    types = (("hash", pl.UInt64()), ("size", pl.UInt32()), ("item", pl.UInt32()), ("answer", lists), ("options", lists))
    return pl.DataFrame([pl.Series(name, found[name], dtype=dtype) for name, dtype in types])


def _token_lists(texts: pl.Series, lang: str) -> Iterable[list[Hashes]]:
    """For each text the tokens of each of its fields."""
    for tokens in batches(texts, lang):
        for first, last in zip(tokens.texts[:-1], tokens.texts[1:], strict=True):
            yield [tokens.hashes[tokens.fields[field] : tokens.fields[field + 1]] for field in range(first, last)]


def run_hash(tokens: Hashes) -> np.uint64:
    """The hash of these tokens as one run."""
    bounds = np.array([0, len(tokens)], dtype=np.int64)
    alone = Tokens(tokens, np.zeros(len(tokens), dtype=bool), bounds, np.array([0, 1], dtype=np.int64))
    return np.uint64(next(alone.runs([len(tokens)]))[2][0])


def stands_in(run: bytes, text: NDArray[np.uint64]) -> bool:
    """Whether the tokens `run` (8 bytes each) stand in `text` one after another."""
    data, place = text.tobytes(), -1
    while (place := data.find(run, place + 1)) >= 0:
        if place % 8 == 0:
            return True
    return False

"""Removal of rows that say the same, word for word, as another in the same language.

Two rows are the same when their questions, contexts, answers, rationales and turns have the same tokens in the same
order, their options the same tokens in any order of the options, and the same options are right. Case, blanks and
punctuation do not count; numbers, signs and tone marks do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from afya.data import content
from afya.data.duplicates import Scope, decide, numbered, reject, shared_keys, told, units
from afya.data.shingles import Places, mix, text_hashes, word_hash
from afya.data.steps import Building
from afya.datafiles import validate
from afya.executor import Output, Stage

if TYPE_CHECKING:
    import polars as pl

NAME = "exact_duplicates"


class ExactDuplicates(BaseModel):
    """`sources`: names of sources, the ones to keep first; others follow by their ids. `scope`: what goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[str, ...] = ()
    scope: Scope = "group"


def exact_duplicates(building: Building, parts: Sequence[Path], config: Mapping[str, Any]) -> list[Path]:
    """Reject every row (with its group, or alone by `scope`) that says the same as one kept, which is named.

    Reasons: exact_duplicate. `config` as ExactDuplicates.

    Raises:
        ConfigError: an unknown key. DataError: two rows have the same item_id.
    """
    import polars as pl

    settings = validate(dict(config), ExactDuplicates, NAME)
    rows = numbered(parts, settings.sources, settings.scope)
    made = building.derive(Stage(f"{NAME}_keys", content_keys, reads=content.READS, writes=("key",)), parts)
    keys = pl.concat([pl.read_parquet(path) for path in made])["key"].to_numpy()
    shared = shared_keys(keys, rows["row"].to_numpy().astype(np.int64))
    row = shared["row"].to_numpy().astype(np.int64)
    unit = units(rows)[row]
    decided = decide(shared["key"].rle_id().to_numpy().astype(np.int64), row, unit, _always)
    return reject(building, parts, NAME, told(rows, decided, "exact_duplicate", settings.scope, exact=True))


def _always(left: Places, right: Places) -> NDArray[np.float64]:
    return np.ones(len(left))


def content_keys(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """One column, key (uint64): equal for rows of one language that say the same, 0 for rows without a token."""
    import polars as pl

    texts = frame.select("lang", ordered=content.ordered(), options=content.options(), right=content.right())
    keys = np.zeros(frame.height, dtype=np.uint64)
    for (lang,), rows in texts.with_row_index("place").partition_by("lang", as_dict=True).items():
        in_order = text_hashes(rows["ordered"], str(lang), ordered=True)
        free = [text_hashes(rows[name], str(lang), ordered=False) for name in ("options", "right")]
        found = mix(in_order + mix(free[0] + mix(free[1])) + word_hash(str(lang)))
        keys[rows["place"].to_numpy()] = np.where(in_order | free[0], found | np.uint64(1), 0)
    return Output(pl.DataFrame({"key": keys}))

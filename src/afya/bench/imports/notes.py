"""What an import says of its own doubts: what was supposed, left out or not understood."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from afya.bench.imports.deciding import Decided
from afya.bench.imports.entries import NO_LANGUAGE
from afya.bench.imports.fields import Mapped
from afya.bench.imports.keys import Key
from afya.bench.imports.seen import Read
from afya.bench.scoring.verdicts import VERDICTS
from afya.text.identify import identify


def unread(folder: Path, decided: Decided, mapped: Mapping[str, Mapped]) -> Iterator[str]:
    """That no answer was found in many of the values that count: a column was perhaps taken for what it is not."""
    import polars as pl

    if decided.score_by == "correct":
        return
    scores = pl.scan_parquet(folder / "scores.parquet").select("item_id", "outcome")
    said = pl.scan_parquet(folder / VERDICTS).select("written")
    if decided.score_by == "ours":
        said = pl.scan_parquet(folder / "replies.parquet").select(written="text")
    rows = pl.concat([scores, said], how="horizontal").filter(pl.col("outcome") != "error")
    lost = rows.filter(pl.col("outcome") == "unparseable")
    total, many = (int(frame.select(pl.len()).collect().item()) for frame in (rows, lost))
    if 5 * many <= total:
        return
    seen = lost.head(3).collect()["written"].to_list()
    such = "; ".join(f"'{' '.join(str(text).split())[:60]}'" for text in seen)
    columns = next(iter(mapped.values())).columns
    if decided.score_by == "prediction":
        column = next((columns[name] for name in columns if name.partition("@")[0] == "prediction"), "COLUMN")
        hint = f"--column {shlex.quote(f'reply={column}')} has afya read the answers from texts"
        if "options" not in columns:
            hint += """; --column 'options==["yes", "no"]' names options, in their order, that the file does not have"""
    else:
        hint = "see that --lang and the options are right; `afya bench extract FILE` shows each"
    yield f"Look here: in {many:,} of {total:,} no answer was found, which counts as wrong: {such}. To mend it: {hint}."


def notes_of(read: Read, others: Sequence[str], key: Key | None) -> Iterator[str]:
    if others:
        told = "they do not fit --from-path, hold no replies, or say again what another says"
        yield f"{len(others)} file(s) were not read ({told}), such as {', '.join(others[:3])}."
    if read.no_lang:
        told = f"{NO_LANGUAGE} is supposed (--lang CODE says another)"
        seems = Counter(verdict.language for text in read.looks if (verdict := identify(text)).reliable).most_common(1)
        other = bool(seems) and seems[0][0] != NO_LANGUAGE and 2 * seems[0][1] > len(read.looks)
        looks = f" Their texts look like {seems[0][0]}: add --lang {seems[0][0]}." if other else ""
        yield f"Nothing tells the language of {read.no_lang:,} replies: {told}.{looks}"
    for code, many in read.by_script.items():
        yield f"{many:,} replies are taken for {code}, the language of their script (--lang CODE says another)."
    if key is not None:
        yield f"Replies and key are joined by {key.join}; the key has {len(key.entries):,} questions."
        if key.loose:
            yield f"{key.loose:,} ids differ from the key's in case or zeros in front, and were taken for the same."
    if read.has["repeats"]:
        yield (
            f"{read.has['repeats']:,} replies are further ones to the same question: each counts, so that the accuracy "
            "is the mean over all (--repeats first takes the first of each)."
        )
    counts = Counter(read.faults.counts)
    if counts["duplicate"]:
        told = "the first counts (--repeats all counts each)"
        yield f"{counts['duplicate']:,} rows repeat a question that a model has answered: {told}."
    if counts["partial_credit"]:
        told = "which counts as wrong: an item is right or wrong here"
        yield f"{counts['partial_credit']:,} verdicts give partial credit, {told}."

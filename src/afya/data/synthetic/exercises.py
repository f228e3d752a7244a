"""Exercises with words: a term of one language, asked for in another, with the answer of a glossary.

A term that is spelled alike in both languages teaches nothing and is left out, and so is one that stands for several
concepts: it has no one right answer. What is drawn depends on the seed alone. All are for training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.items import Item, item_ids
from afya.packs import Pack, load_pack
from afya.runs import sha256_text
from afya.sources.source import extra
from afya.text.normalise import fold
from afya.translation.glossary import Glossary

if TYPE_CHECKING:
    import polars as pl

SOURCE = "synthetic-exercise"


def exercises(glossary: Path, langs: Sequence[str], n: int, seed: int, *, pivot: str = "en") -> Iterator[Item]:
    """At most `n` exercises a language, every other one from `pivot` into the language, the others back.

    Each is asked in the language of its learner, not in the pivot. The licence is that of the glossary's entry.

    Raises:
        ConfigError: the glossary has no terms of a language beside the pivot's, or a language has no pack.
    """
    frame = Glossary.load(glossary).frame
    for lang in langs:
        if lang == pivot:
            continue
        pack = load_pack(lang)
        pairs = _pairs(frame, pivot, lang)
        if not pairs:
            raise ConfigError(
                f"{glossary}: no concept has a term in both {pack.name} ({lang}) and '{pivot}'.",
                hint="Leave the language out, or import a glossary that has it.",
            )
        rng = random.Random(f"{SOURCE}:{seed}:{lang}")
        for index, pair in enumerate(rng.sample(pairs, min(n, len(pairs)))):
            yield _item(pack, pair, pivot, into_pivot=index % 2 == 1, wording=rng.randrange(2))


def _pairs(frame: pl.DataFrame, pivot: str, lang: str) -> list[dict[str, str]]:
    """Terms of the two languages that name one concept and no other, in order of the concept."""
    import polars as pl

    sides = [
        frame.filter(pl.col("lang") == code)
        .sort("concept", "source", "term")
        .unique("concept", keep="first", maintain_order=True)
        .filter(~pl.col("term").is_duplicated())
        for code in (pivot, lang)
    ]
    joined = sides[0].join(
        sides[1].select("concept", target="term", of="source", terms="licence"), on="concept", how="inner"
    )
    rows = joined.sort("concept").select("concept", "term", "target", "of", "terms").to_dicts()
    return [row for row in rows if fold(row["term"]) != fold(row["target"])]


def _item(pack: Pack, pair: dict[str, str], pivot: str, *, into_pivot: bool, wording: int) -> Item:
    asked, answer = (pair["target"], pair["term"]) if into_pivot else (pair["term"], pair["target"])
    name = pack.teach(f"language.{pivot if into_pivot else pack.lang}")
    native_id = f"{sha256_text(pair['concept'])[:16]}-{'back' if into_pivot else 'to'}-{pack.lang}"
    item_id, group_id = item_ids(SOURCE, native_id, pack.lang)
    return Item(
        item_id=item_id,
        group_id=group_id,
        lang=pack.lang,
        task="long_form",
        split="train",
        question=pack.teach("glossary.into", wording, language=name, term=asked),
        answer_text=answer,
        source=SOURCE,
        licence=pair["terms"],
        origin="synthetic",
        extra=extra(concept=pair["concept"], glossary=pair["of"]),
    )

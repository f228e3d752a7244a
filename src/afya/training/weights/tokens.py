"""Tokens a word by language: what a model's tokenizer costs each of them, before a model is chosen.

A model's context, speed and price are all in tokens, and a language in pieces of single letters is learned worse (Rust
et al. 2021, "How Good is Your Tokenizer?"; Petrov et al. 2023 on what languages pay). Tokens a word compares models in
one language; between languages words differ in length, so there the same entries are held against their English.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.data.inspect import item_texts, load_tokenizer
from afya.data.rows import draws
from afya.errors import DataError, EngineError, require
from afya.folders import read_dataset
from afya.languages import language, registry
from afya.statistics.ratio import Ratio, ratio_of_means
from afya.text.words import words

if TYPE_CHECKING:
    import polars as pl

_PIVOT = "en"
_SEED = 0


@dataclass(frozen=True)
class LanguageTokens:
    """What a tokenizer needs for one language.

    `per_word` with `low` and `high`, its 95% interval (entries as clusters); None where the script has no spaces.
    `to_english`: tokens over those of the English of the same entries, with its interval, over `groups` entries; None
    where there are none, and for English itself.
    """

    lang: str
    texts: int
    words: int
    characters: int
    tokens: int
    per_word: float | None
    low: float | None
    high: float | None
    per_character: float
    to_english: float | None
    to_english_low: float | None
    to_english_high: float | None
    groups: int


def measure_tokens(
    model: str, data: Path, langs: Sequence[str] | None = None, count: int = 2_000
) -> list[LanguageTokens]:
    """Tokens a word, a character and against English in each language of a dataset folder, in the registry's order.

    Args:
        model: a model's folder or hub name, or a SentencePiece .model file. Special tokens are not counted.
        count: at most so many entries of a language, drawn by their ids, so that languages have the same ones.

    Raises:
        DataError: the folder is no dataset, or has nothing in these languages. ConfigError: no tokenizer in the folder.
        EngineError: the model's tokenizer cannot be loaded.
    """
    counted = _counter(model)
    rows = _rows(data, langs, count)
    by_lang: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    for lang, group, text, tokens in zip(
        rows["lang"], rows["group_id"], rows["text"], counted(rows["text"].to_list()), strict=True
    ):
        old = by_lang.setdefault(lang, {}).get(group, (0, 0, 0, 0))
        new = (1, len(words(text)), sum(not sign.isspace() for sign in text), tokens)
        by_lang[lang][group] = (old[0] + new[0], old[1] + new[1], old[2] + new[2], old[3] + new[3])
    english = by_lang.get(_PIVOT, {})
    wanted = [code for code in registry() if code in by_lang and (langs is None or code in langs)]
    if not wanted:
        raise DataError(f"{data} has no texts in: {', '.join(langs or ['any language'])}.")
    return [_measured(lang, by_lang[lang], english) for lang in wanted]


def _measured(
    lang: str, groups: dict[str, tuple[int, int, int, int]], english: dict[str, tuple[int, int, int, int]]
) -> LanguageTokens:
    texts, count, characters, tokens = (sum(entry[place] for entry in groups.values()) for place in range(4))
    spaced = language(lang).spaced and count > 0
    by_word = _ratio([(entry[3], entry[1]) for entry in groups.values()]) if spaced else None
    # An entry that says more in one language, such as an explanation that was not translated, would weigh as tokens.
    shared = [group for group, entry in groups.items() if group in english and english[group][0] == entry[0]]
    against = _ratio([(groups[group][3], english[group][3]) for group in shared]) if lang != _PIVOT and shared else None
    return LanguageTokens(
        lang=lang,
        texts=texts,
        words=count,
        characters=characters,
        tokens=tokens,
        per_word=by_word.value if by_word is not None else None,
        low=by_word.low if by_word is not None else None,
        high=by_word.high if by_word is not None else None,
        per_character=tokens / max(characters, 1),
        to_english=against.value if against is not None else None,
        to_english_low=against.low if against is not None else None,
        to_english_high=against.high if against is not None else None,
        groups=len(shared) if against is not None else 0,
    )


def _ratio(pairs: Sequence[tuple[int, int]]) -> Ratio:
    above, below = [float(pair[0]) for pair in pairs], [float(pair[1]) for pair in pairs]
    return ratio_of_means(above, below, list(range(len(pairs))))


def _rows(data: Path, langs: Sequence[str] | None, count: int) -> pl.DataFrame:
    """lang, group_id and text of the drawn entries; English is read too, to be held against."""
    import polars as pl

    wanted = None if langs is None else list(dict.fromkeys([*langs, _PIVOT]))
    parts = []
    for frame in read_dataset(data, wanted):
        texts = frame.select("lang", "group_id").with_columns(item_texts(frame).alias("text"))
        parts.append(texts.with_columns(draws(texts["group_id"], _SEED).alias("draw")))
    rows = pl.concat(parts).filter(pl.col("text").str.strip_chars() != "")
    kept = rows.unique(["lang", "group_id"]).sort("draw", "group_id").group_by("lang").head(count)
    return rows.join(kept.select("lang", "group_id"), on=["lang", "group_id"], maintain_order="left")


def _counter(model: str) -> Callable[[Sequence[str]], list[int]]:
    path = Path(model).expanduser()
    if path.is_file() or (path.is_dir() and ((path / "tokenizer.json").exists() or any(path.glob("*.model*")))):
        return load_tokenizer(path)
    require("transformers", "local", "Reading a model's tokenizer")
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False, local_files_only=path.is_dir())
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"The tokenizer of '{model}' cannot be loaded: {error}",
            hint="Give a model's folder or its name on the hub; a gated model's licence must be accepted first.",
        ) from error

    def count(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    return count

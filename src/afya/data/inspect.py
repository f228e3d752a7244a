"""What is in a dataset folder: counts, checks, samples, and what each language costs in tokens.

The token tax: how many tokens a tokenizer needs to say in a language what it says in English, over the groups that have
both. A model's context, speed and price are all in tokens (Petrov et al., "Language Model Tokenizers Introduce
Unfairness Between Languages", 2023).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.rows import draw
from afya.errors import ConfigError, require
from afya.folders import read_dataset
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl

COUNTED = ("task", "split", "source", "licence", "origin")
_PIVOT = "en"
_SHOWN_CHARACTERS = 240

Tokenize = Callable[[Sequence[str]], list[int]]
"""How many tokens each text has."""


@dataclass(frozen=True)
class Tax:
    """Tokens of one language: of all its items, and against English over the groups that have both."""

    items: int
    tokens: int
    mean: float
    shared_groups: int
    ratio: float | None
    """Tokens of this language divided by those of English, over the shared groups; None where there are none."""


@dataclass(frozen=True)
class Inspection:
    """What was found, all of it plain values.

    `counts`: {column: {value: {language: rows}}}; `checks`: {check: {"passed": n, "failed": n}}.
    """

    languages: dict[str, int]
    counts: dict[str, dict[str, dict[str, int]]]
    translators: dict[str, int]
    checks: dict[str, dict[str, int]]
    samples: dict[str, list[dict[str, str]]]
    tokens: dict[str, Tax]
    tokenizer: str | None

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.languages.values())

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def inspect(path: Path, *, tokenizer: Path | None = None, samples: int = 1, seed: int = 0) -> Inspection:
    """Look through a dataset folder, one file at a time.

    Args:
        tokenizer: a SentencePiece .model file, or a folder with a tokenizer of the Hugging Face format.
        samples: items shown of each language, drawn by `seed`.

    Raises:
        DataError: the folder is no dataset. ConfigError: the tokenizer cannot be read.
    """
    count = None if tokenizer is None else load_tokenizer(tokenizer)
    languages: Counter[str] = Counter()
    counted: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in COUNTED}
    translators: Counter[str] = Counter()
    checks: Counter[tuple[str, bool]] = Counter()
    drawn: dict[str, list[tuple[int, dict[str, str]]]] = {}
    tokens: list[pl.DataFrame] = []
    for frame in read_dataset(path):
        for lang, rows in frame.group_by("lang").len().iter_rows():
            languages[lang] += rows
        for name in COUNTED:
            for value, lang, rows in frame.group_by(name, "lang").len().iter_rows():
                counted[name][str(value), lang] += rows
        for name, rows in frame.drop_nulls("translator").group_by("translator").len().iter_rows():
            translators[name] += rows
        for name, passed, rows in _checked(frame):
            checks[name, passed] += rows
        _sample(frame, drawn, samples, seed)
        if count is not None:
            tokens.append(_tokens(frame, count))
    order = [code for code in registry() if code in languages]
    return Inspection(
        languages={code: languages[code] for code in order},
        counts={
            name: {
                value: {code: found[value, code] for code in order if found[value, code]}
                for value in sorted({value for value, _ in found})
            }
            for name, found in counted.items()
        },
        translators=dict(sorted(translators.items())),
        checks={
            name: {"passed": checks[name, True], "failed": checks[name, False]}
            for name in sorted({name for name, _ in checks})
        },
        samples={code: [row for _, row in sorted(drawn.get(code, ()), key=lambda e: e[0])] for code in order},
        tokens=_taxes(tokens, order) if tokens else {},
        tokenizer=None if tokenizer is None else str(tokenizer),
    )


def _checked(frame: pl.DataFrame) -> list[tuple[str, bool, int]]:
    import polars as pl

    made = frame.select("checks").drop_nulls().explode("checks").unnest("checks").drop_nulls("name")
    return list(made.group_by("name", "passed").agg(pl.len()).iter_rows())


def _sample(frame: pl.DataFrame, drawn: dict[str, list[tuple[int, dict[str, str]]]], count: int, seed: int) -> None:
    """Keep the items of each language whose ids have the smallest draws."""
    if not count:
        return
    for (lang,), rows in frame.partition_by("lang", as_dict=True, maintain_order=True).items():
        best = drawn.setdefault(str(lang), [])
        numbers = [draw(name, seed) for name in rows["item_id"]]
        for place in sorted(range(len(numbers)), key=numbers.__getitem__)[:count]:
            row = rows.row(place, named=True)
            options = "" if row["options"] is None else " | ".join(row["options"])
            shown = {
                "item_id": row["item_id"],
                "question": _short(row["question"]),
                "options": _short(options),
                "answer": _short(_answer(row)),
                "source": row["source"],
                "origin": row["origin"],
            }
            best.append((numbers[place], shown))
        best.sort(key=lambda entry: entry[0])
        del best[count:]


def _answer(row: dict[str, Any]) -> str:
    if row["options"] and row["answer"]:
        return "; ".join(row["options"][index] for index in row["answer"] if 0 <= index < len(row["options"]))
    return str(row["answer_text"] or "")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


# Tokens ---------------------------------------------------------------------------------------------------------------


def load_tokenizer(path: Path) -> Tokenize:
    """A counter of tokens from a SentencePiece .model file, or from a folder of the Hugging Face format.

    Special tokens are not counted: they are the same few in every language.

    Raises:
        ConfigError: nothing there is a tokenizer.
    """
    models = [path] if path.is_file() else sorted(path.glob("*.model*")) if path.is_dir() else []
    if path.is_dir() and (path / "tokenizer.json").exists():
        require("tokenizers", "local", "Reading a tokenizer.json")
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(path / "tokenizer.json"))

        def count_fast(texts: Sequence[str]) -> list[int]:
            return [len(found.ids) for found in fast.encode_batch(list(texts), add_special_tokens=False)]

        return count_fast
    if len(models) > 1:
        named = ", ".join(model.name for model in models)
        raise ConfigError(f"{path} holds several tokenizers: {named}.", hint="Name one of the files.")
    if models:
        require("sentencepiece", "mt", "Reading a SentencePiece model")
        from sentencepiece import SentencePieceProcessor

        try:
            pieces = SentencePieceProcessor(model_file=str(models[0]))
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"{models[0]}: no SentencePiece model ({error}).") from None

        def count_pieces(texts: Sequence[str]) -> list[int]:
            return [len(found) for found in pieces.encode(list(texts))]

        return count_pieces
    raise ConfigError(
        f"{path}: no tokenizer is there.", hint="Give a SentencePiece .model file or a folder with a tokenizer.json."
    )


def item_texts(frame: pl.DataFrame) -> pl.Series:
    """All that each item says, a line a field."""
    import polars as pl

    turns = pl.col("turns").list.eval(pl.element().struct.field("text")).list.join("\n", ignore_nulls=True)
    options = pl.col("options").list.join("\n", ignore_nulls=True)
    fields = [pl.col("question"), pl.col("context"), options, pl.col("answer_text"), pl.col("rationale"), turns]
    return frame.select(pl.concat_str(fields, separator="\n", ignore_nulls=True).alias("text"))["text"]


def _tokens(frame: pl.DataFrame, count: Tokenize) -> pl.DataFrame:
    """group_id, lang and tokens of each item."""
    import polars as pl

    counted = count(item_texts(frame).to_list())
    return frame.select("group_id", "lang").with_columns(pl.Series("tokens", counted, dtype=pl.Int64))


def _taxes(tables: Sequence[pl.DataFrame], order: Sequence[str]) -> dict[str, Tax]:
    import polars as pl

    rows = pl.concat(tables)
    pivot = rows.filter(pl.col("lang") == _PIVOT).unique("group_id").select("group_id", pivot="tokens")
    shared = rows.join(pivot, on="group_id").group_by("lang").agg(pl.len().alias("groups"), pl.sum("tokens", "pivot"))
    both = {lang: (groups, tokens, pivots) for lang, groups, tokens, pivots in shared.iter_rows()}
    found: dict[str, Tax] = {}
    for lang, items, tokens in rows.group_by("lang").agg(pl.len(), pl.sum("tokens")).iter_rows():
        groups, own, pivots = both.get(lang, (0, 0, 0))
        found[lang] = Tax(items, tokens, tokens / items, groups, own / pivots if pivots else None)
    return {code: found[code] for code in order}

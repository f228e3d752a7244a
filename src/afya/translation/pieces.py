"""Texts to pieces and back, for every way translation models cut text: one small class a tokenizer.

A text's pieces never hold a control token, whatever the text says: "</s>" or ">>fra<<" written in a question must
neither end it nor choose a language.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from afya.errors import EngineError, require
from afya.translation.checkpoint import Checkpoint
from afya.translation.families import Family, find_family, find_languages

_MANY_LANGUAGES = frozenset({"m2m_100", "seamless_m4t", "seamless_m4t_v2"})


class Pieces(Protocol):
    """A tokenizer as the engines use it. `vocabulary` gives each token its number, `unk` stands for what it lacks."""

    vocabulary: Mapping[str, int]
    unk: str
    eos: str
    told: tuple[str | None, str | None]
    last: bool

    def encode(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of each text, without control tokens."""
        ...

    def decode(self, tokens: Sequence[str]) -> str:
        """The text of an engine's tokens; control tokens and unknown ones are left out."""
        ...

    def lead(self, token: str) -> tuple[str, ...]:
        """How a language token stands before a text."""
        ...


class HfPieces:
    """The tokenizer of a model in the Hugging Face layout.

    `size` is the model's number of embeddings: rows that the tokenizer does not name get names of their own, so that
    every number has exactly one token.
    """

    def __init__(self, tokenizer: Any, size: int | None = None, *, where: Path | str = "the model") -> None:
        if getattr(tokenizer, "separate_vocabs", False):
            raise EngineError(
                f"{where}: source and target have vocabularies of their own (separate_vocabs), which is not read.",
                hint="Use an OPUS-MT model with a shared vocabulary.",
            )
        self.tokenizer = tokenizer
        self.tokens = _all_tokens(tokenizer, size or len(tokenizer))
        self.vocabulary: Mapping[str, int] = {token: number for number, token in enumerate(self.tokens)}
        self.unk, self.eos = str(tokenizer.unk_token), str(tokenizer.eos_token)
        self.told = (_word(tokenizer, "source_lang"), _word(tokenizer, "target_lang"))
        self.last = bool(getattr(tokenizer, "legacy_behaviour", False))
        self._marks_target = type(tokenizer).__name__.startswith("Marian")
        family = find_family(self.vocabulary)
        self._control = _controls(family, self.vocabulary)
        self._control |= {str(token) for token in tokenizer.all_special_tokens}

    def encode(self, texts: Sequence[str]) -> list[list[str]]:
        return self._encode("text", texts)

    def encode_targets(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of each translation as the decoder is to write it: OPUS-MT cuts either side by a model of its
        own."""
        return self._encode("text_target" if self._marks_target else "text", texts)

    def _encode(self, side: str, texts: Sequence[str]) -> list[list[str]]:
        if not texts:
            return []
        # MarianTokenizer takes ">>x<<" at the very start of a text for a language token, known or not.
        plain = [f" {text}" if self._marks_target and text.startswith(">>") else text for text in texts]
        told: dict[str, Any] = {side: plain}
        rows = self.tokenizer(**told, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        # T5Tokenizer gives what it does not know the number 2 whatever the model calls it (the end, in MADLAD-400).
        return [
            [self.unk if self.tokens[number] in self._control else self.tokens[number] for number in row]
            for row in rows
        ]

    def decode(self, tokens: Sequence[str]) -> str:
        numbers = [self.vocabulary[token] for token in tokens if token not in self._control]
        return str(self.tokenizer.decode(numbers, skip_special_tokens=True, clean_up_tokenization_spaces=False)).strip()

    def lead(self, token: str) -> tuple[str, ...]:
        numbers = self.tokenizer(token, add_special_tokens=False)["input_ids"]
        return tuple(self.tokens[number] for number in numbers)


class SentencePieces:
    """Two sentencepiece models (or one for both sides), for CTranslate2 folders that have no other tokenizer."""

    def __init__(self, vocabulary: Sequence[str], source: Path, target: Path, *, unk: str, eos: str) -> None:
        require("sentencepiece", "mt", "Reading a sentencepiece model")
        import sentencepiece

        make: Any = sentencepiece.SentencePieceProcessor
        try:
            self._source, self._target = make(model_file=str(source)), make(model_file=str(target))
        except (OSError, RuntimeError) as error:
            raise EngineError(f"{source} or {target}: no sentencepiece model ({error}).") from error
        self.vocabulary: Mapping[str, int] = {token: number for number, token in enumerate(vocabulary)}
        self.unk, self.eos = unk, eos
        self.told: tuple[str | None, str | None] = (None, None)
        self.last = False
        self._control = _controls(find_family(self.vocabulary), self.vocabulary) | _plain_controls(unk, eos)

    def encode(self, texts: Sequence[str]) -> list[list[str]]:
        rows = self._source.encode(list(texts), out_type=str)
        return [
            [piece if piece in self.vocabulary and piece not in self._control else self.unk for piece in row]
            for row in rows
        ]

    def decode(self, tokens: Sequence[str]) -> str:
        return str(self._target.decode([token for token in tokens if token not in self._control])).strip()

    def lead(self, token: str) -> tuple[str, ...]:
        return tuple(self._source.encode(token, out_type=str))


class Characters:
    """Every character is a piece, as in transliteration models."""

    def __init__(self, vocabulary: Sequence[str], *, unk: str, eos: str) -> None:
        self.vocabulary: Mapping[str, int] = {token: number for number, token in enumerate(vocabulary)}
        self.unk, self.eos = unk, eos
        self.told: tuple[str | None, str | None] = (None, None)
        self.last = False
        self._control = _plain_controls(unk, eos)

    def encode(self, texts: Sequence[str]) -> list[list[str]]:
        return [[sign if sign in self.vocabulary else self.unk for sign in text] for text in texts]

    def decode(self, tokens: Sequence[str]) -> str:
        return "".join(token for token in tokens if token not in self._control).strip()

    def lead(self, token: str) -> tuple[str, ...]:
        return (token,)


def model_pieces(checkpoint: Checkpoint) -> HfPieces:
    """The tokenizer of a model in the Hugging Face layout. Raises EngineError when it does not fit the model."""
    config = checkpoint.config()
    size = config.get("vocab_size")
    pieces = HfPieces(
        load_tokenizer(checkpoint.folder), size if isinstance(size, int) else None, where=checkpoint.folder
    )
    kind = str(config.get("model_type"))
    if kind in _MANY_LANGUAGES and not find_family(pieces.vocabulary).token:
        raise EngineError(
            f"{checkpoint.folder}: the tokenizer has no language tokens, which a model of type {kind} is steered by.",
            hint="Copy tokenizer.json and tokenizer_config.json of the same model into the folder; "
            "sentencepiece.bpe.model alone does not name the languages.",
        )
    return pieces


def load_tokenizer(folder: Path) -> Any:
    """The transformers tokenizer of a folder, without network or code of its own. Raises EngineError."""
    require("transformers", "local", "Reading the model's tokenizer")
    from transformers import AutoTokenizer

    try:
        with warnings.catch_warnings():
            # Marian's asks for sacremoses, which it does not use when it cuts a text.
            warnings.simplefilter("ignore")
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises whatever its readers raise
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise EngineError(
            f"{folder}: the tokenizer cannot be loaded ({type(error).__name__}: {first}).",
            hint="Copy the tokenizer's files of the same model into the folder again.",
        ) from error


def _all_tokens(tokenizer: Any, size: int) -> list[str]:
    """The token of every number below `size`, each different from all others."""
    known = max(len(tokenizer), 1)
    named: list[Any] = tokenizer.convert_ids_to_tokens(list(range(size))) if size <= known else []
    if not named:
        named = tokenizer.convert_ids_to_tokens(list(range(known)))
        # Slow tokenizers name some numbers beyond their length (M2M100's language tokens); fast ones do not.
        for number in range(known, size):
            try:
                named.append(tokenizer.convert_ids_to_tokens(number))
            except (IndexError, KeyError, OverflowError):
                named.append(None)
    seen: set[str] = set()
    tokens = []
    for number, token in enumerate(named):
        real = isinstance(token, str) and token not in seen and tokenizer.convert_tokens_to_ids(token) == number
        tokens.append(token if real else f"<unnamed {number}>")
        seen.add(tokens[-1])
    return tokens


def _controls(family: Family, vocabulary: Mapping[str, int]) -> set[str]:
    """The language tokens of a vocabulary: those of registry languages, and others that look the same."""
    if not family.token:
        return set()
    before, _, after = family.token.partition("{}")
    controls = set(find_languages(family, vocabulary).values())
    if before and after:
        longest = len(before) + len(after) + 12
        controls |= {
            token
            for token in vocabulary
            if token.startswith(before) and token.endswith(after) and len(before) + len(after) < len(token) <= longest
        }
    return controls


def _plain_controls(unk: str, eos: str) -> set[str]:
    return {unk, eos, "<s>", "</s>", "<blank>", "<unk>", "<pad>"}


def _word(tokenizer: Any, name: str) -> str | None:
    value = getattr(tokenizer, name, None)
    return value if isinstance(value, str) and value else None

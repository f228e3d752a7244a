"""New pieces for a language, learned on top of a tokenizer that stays as it is.

A byte-pair tokenizer is a list of merges, applied in order. Training is continued where it stopped: the language's
texts are cut by the base tokenizer, the merges that would shorten them most are found, and appended behind the base's
own. So the base's merges always go first, a text in which no new piece arises is read exactly as before, and every new
piece is a sequence of old ones, whose embeddings say what it begins with.

Sennrich, Haddow & Birch 2016 (byte-pair encoding); continued training of one as in Csaki et al. 2023, arXiv:2311.05741.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from afya.errors import EngineError

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_SPACE = "▁"
# Characters that stand for old pieces while merges are found: the private planes 15 and 16, then 3 to 13, which no
# text is ever shown in.
_PRIVATE = (range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE), range(0x30000, 0xE0000))
# A piece must be seen this often to be one.
_LEAST = 2
# More merges are learned than are wanted, since some spell what the base knows already.
_SPARE = 1.25


@dataclass(frozen=True)
class Extension:
    """A tokenizer's file with pieces added, and of each new piece (by number) the old ones that it is made of."""

    content: dict[str, Any]
    made_of: dict[int, tuple[int, ...]]


def check_extendable(content: dict[str, Any], where: str) -> None:
    """Raise EngineError for a tokenizer.json that is not a byte-pair tokenizer as this module can continue."""
    model = content.get("model") or {}
    if model.get("type") != "BPE":
        raise EngineError(
            f"{where}: a tokenizer of the kind {model.get('type')!r}; only byte-pair tokenizers can be extended.",
            hint="Llama 3, Qwen3, Gemma 3 and Mistral have one.",
        )
    if model.get("dropout") or model.get("end_of_word_suffix") or model.get("continuing_subword_prefix"):
        raise EngineError(f"{where}: a byte-pair tokenizer with dropout or marked parts of words cannot be extended.")


def learn_pieces(content: dict[str, Any], texts: Iterable[str], count: int, where: str) -> Extension:
    """Learn `count` pieces (fewer where the texts hold no more) from texts.

    Args:
        content: the base's tokenizer.json.
        where: the file, for messages.

    Raises EngineError when the texts hold no piece at all, or adding them would renumber an old token.
    """
    from tokenizers import Tokenizer

    check_extendable(content, where)
    base = Tokenizer.from_str(json.dumps(content))
    old: dict[str, int] = base.get_vocab(with_added_tokens=True)
    fallback = bool(content["model"].get("byte_fallback"))
    whole = list(texts)
    letters = _missing_letters(base, whole, count) if fallback else []
    names = {number: piece for piece, number in old.items()}
    vocabulary = dict(old)
    made_of: dict[int, tuple[int, ...]] = {}
    # Rows that the model has beyond its tokenizer's last token are free.
    following = max(old.values()) + 1
    for letter in letters:
        spelled = tuple(old[f"<0x{byte:02X}>"] for byte in letter.encode())
        vocabulary[letter], made_of[following] = following, spelled
        names[following] = letter
        following += 1
    widened = _written(content, vocabulary, [])
    words = _words(Tokenizer.from_str(json.dumps(widened)), whole, names, fallback)
    merges: list[tuple[str, str]] = []
    special = {entry["content"] for entry in content.get("added_tokens") or []}
    for first, second in _merges(words, int(_SPARE * (count - len(letters))) + 8):
        left, right = _spelled(first, names), _spelled(second, names)
        if left not in vocabulary or right not in vocabulary or left in special or right in special:
            continue
        piece = left + right
        if piece in old:
            # A merge to a known piece would change texts that hold no new one.
            continue
        if piece not in vocabulary:
            if len(made_of) == count:
                break
            parts = (*_parts(vocabulary[left], made_of), *_parts(vocabulary[right], made_of))
            vocabulary[piece], made_of[following] = following, parts
            following += 1
        merges.append((left, right))
    if not made_of:
        raise EngineError(
            f"{where}: the text holds nothing that the tokenizer does not already have.",
            hint="Give more text of the language; a piece must be seen at least twice.",
        )
    extended = _written(content, vocabulary, merges)
    _check_numbers(Tokenizer.from_str(json.dumps(extended)).get_vocab(with_added_tokens=True), old, made_of, where)
    return Extension(extended, made_of)


def _parts(number: int, made_of: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    return made_of.get(number, (number,))


def _missing_letters(base: Any, texts: Sequence[str], count: int) -> list[str]:
    """Letters that the base spells byte by byte, the most frequent first: such bytes cannot be merged, letters can."""
    vocabulary = base.get_vocab()
    seen: Counter[str] = Counter()
    for text in texts:
        normalised = base.normalizer.normalize_str(text) if base.normalizer else text
        seen.update(letter for letter in normalised if letter not in vocabulary and not letter.isspace())
    known = [letter for letter, times in sorted(seen.items(), key=lambda pair: (-pair[1], pair[0])) if times >= _LEAST]
    spelled = [letter for letter in known if all(f"<0x{byte:02X}>" in vocabulary for byte in letter.encode())]
    return spelled[:count]


def _words(tokenizer: Any, texts: Sequence[str], names: dict[int, str], fallback: bool) -> Counter[tuple[int, ...]]:
    """How often each word is seen, as numbers of its pieces. A merge never reaches over the end of a word."""
    seen: Counter[tuple[int, ...]] = Counter()
    for text in texts:
        normalised = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        cut = (
            tokenizer.pre_tokenizer.pre_tokenize_str(normalised) if tokenizer.pre_tokenizer else [(normalised, (0, 0))]
        )
        for part, _ in cut:
            numbers = [token.id for token in tokenizer.model.tokenize(part)]
            seen.update(_split(numbers, names, fallback))
    return seen


def _split(numbers: Sequence[int], names: dict[int, str], fallback: bool) -> Iterable[tuple[int, ...]]:
    """Words within what a tokenizer merges as a whole: some have no words at all, but a sign for the space."""
    word: list[int] = []
    for number in numbers:
        piece = names[number]
        lone = fallback and _BYTE.fullmatch(piece) is not None
        if word and (lone or piece.startswith(_SPACE)):
            yield tuple(word)
            word = []
        if not lone:
            word.append(number)
    if word:
        yield tuple(word)


def _merges(words: Counter[tuple[int, ...]], count: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Merges learned over old pieces, each side as the numbers of old pieces, the most useful first."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    used = sorted({number for word in words for number in word})
    places = [code for some in _PRIVATE for code in some]
    if len(used) > len(places):
        raise EngineError(f"The texts use {len(used):,} pieces of the tokenizer; at most {len(places):,} are handled.")
    sign = {number: chr(code) for number, code in zip(used, places, strict=False)}
    number_of = {letter: number for number, letter in sign.items()}
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Split(" ", behavior="removed")
    trainer = trainers.BpeTrainer(
        vocab_size=len(used) + count,
        min_frequency=_LEAST,
        initial_alphabet=list(number_of),
        limit_alphabet=len(used),
        show_progress=False,
    )
    # Equal counts are broken by the order of the alphabet; words in a fixed order make that the only order there is.
    lines = ("".join(sign[number] for number in word) for word in sorted(words) for _ in range(words[word]))
    learner.train_from_iterator(_joined(lines), trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    return [
        (tuple(number_of[letter] for letter in first), tuple(number_of[letter] for letter in second))
        for first, second in learned
    ]


def _joined(words: Iterable[str], size: int = 10_000) -> Iterable[str]:
    """Words joined to longer lines, which the trainer takes in faster than one by one."""
    line: list[str] = []
    for word in words:
        line.append(word)
        if len(line) == size:
            yield " ".join(line)
            line = []
    if line:
        yield " ".join(line)


def _spelled(numbers: Sequence[int], names: dict[int, str]) -> str:
    return "".join(names[number] for number in numbers)


def _written(content: dict[str, Any], vocabulary: dict[str, int], merges: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The tokenizer's file with this vocabulary and merges behind its own.

    Added tokens stand in the vocabulary too: the library numbers those that do not by counting from its size on.
    """
    written = copy.deepcopy(content)
    model = written["model"]
    model["vocab"] = dict(sorted(vocabulary.items(), key=lambda pair: pair[1]))
    joined = bool(model["merges"]) and isinstance(model["merges"][0], str)
    model["merges"] = [*model["merges"], *(" ".join(pair) if joined else list(pair) for pair in merges)]
    return written


def _check_numbers(new: dict[str, int], old: dict[str, int], made_of: dict[int, tuple[int, ...]], where: str) -> None:
    moved = [piece for piece, number in old.items() if new.get(piece) != number]
    if moved or len(new) != len(old) + len(made_of):
        raise EngineError(
            f"{where}: adding pieces would renumber {len(moved)} of the base's tokens (such as {moved[:3]}).",
            hint="This tokenizer cannot be extended without changing what the model has learned.",
        )

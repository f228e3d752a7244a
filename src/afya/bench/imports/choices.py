"""Right answers and predictions as choices among options, written as labels, numbers or texts; and verdicts.

A value that is nothing but a label, a number or an option's text is a choice; anything else is none, whatever letters
it holds. Numbers are read only when it is known whether they count from 0 or from 1 (`Numbering`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from afya.bench.imports.lookup import nothing, opened, usual_names
from afya.bench.imports.values import LABELLED, LATIN, MOST, read_languages
from afya.bench.reading.extract_fold import folded, option_words
from afya.bench.reading.extract_labels import label_reader
from afya.errors import ConfigError
from afya.sources.source import Malformed

Base = int | str | None
"""How an answer is written, where told: 0 or 1 (numbers that count from it), "label", "exact" (labels with nothing but
a comma between them), "text"; None: as it looks."""

_NAMED = re.compile(
    r"(?i)^(?:the\s+)?(?:correct\s+|final\s+|right\s+)?(?:answer|option|choice|opt|op|ans)(?:\s+is)?[\s_:：#.-]*"
)
NUMBERED = re.compile(r"(?i)[(\[]?(?:option|choice|opt|op|answer|ans)[\s_-]*(\d{1,2})[)\].]?")
_AND = re.compile(r"\s*(?:[,;/、，・&+|]|\band\b|\s)\s*")
_WRAP = " \t\r\n()[]{}<>.:。．*'\"$`"
_BOXED = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}?\}")
_EXACT = re.compile(r"\w(?:,?\w)*")
_WHOLE = re.compile(r"[+-]?\d{1,3}(?:\.0+)?")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a value chooses: indices from 0, or None with the `text` that is no choice (None: there was nothing)."""

    chosen: tuple[int, ...] | None = None
    text: str | None = None
    number: bool = False


@dataclass
class Numbering:
    """What the numbers of one field say about where they count from."""

    zero: bool = False
    full: bool = False
    beyond: str | None = None
    largest: int = -1
    seen: int = 0
    labels: int = 0
    as_labels: int = 0

    def note(self, number: int, count: int | None) -> None:
        """Take notice of one number, in an item with `count` options where that is known."""
        if number < 0:
            return
        self.seen += 1
        self.zero |= number == 0
        self.full |= count is not None and number == count
        self.largest = max(self.largest, number)
        if count is not None and number > count:
            self.beyond = f"{number} of {count} options"

    def base(self) -> int | None:
        """0 or 1 where that is certain."""
        if self.zero and self.full:
            return None
        return None if self.rare else 0 if self.zero else 1 if self.full else None

    @property
    def rare(self) -> bool:
        """Whether numbers are so few among labels that they are answers of another kind (a figure to work out)."""
        return self.labels > 2 * self.seen


@dataclass
class Words:
    """What the right answers are where no options are given: letters, or words that are the options themselves."""

    labels: int = 0
    largest: int = 0
    others: dict[str, int] = field(default_factory=dict)

    def note(self, value: Any, lang: str) -> None:
        """Take notice of one right answer."""
        for entry in _entries(value):
            choice = read_choice(entry, (), ("",) * MOST, lang, None)
            if choice.chosen is not None:
                self.labels += 1
                self.largest = max(self.largest, *(place + 1 for place in choice.chosen))
            elif choice.text is not None and len(self.others) <= MOST:
                word = choice.text.strip()
                self.others[word] = self.others.get(word, 0) + 1

    @property
    def options(self) -> tuple[str, ...] | None:
        """The words that are the options (yes, no, maybe); None where the answers are letters or too many."""
        if self.labels > 4 * sum(self.others.values()) or not 2 <= len(self.others) <= MOST:
            return None
        return tuple(self.others)


def _entries(value: Any) -> Iterator[Any]:
    value = opened(value)
    yield from value if isinstance(value, list | tuple) else (value,)


def read_choice(value: Any, letters: Sequence[str], options: Sequence[str], lang: str, base: Base) -> Choice:
    """What a right answer or a prediction chooses among options (empty texts where only their number is known).

    A number has `number` set and is read only with a base; labels that are digits are labels.
    """
    value = opened(value)
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("index", "label", "answer", "value", "text") if key in value), None)
    if isinstance(value, list | tuple):
        return _several([read_choice(entry, letters, options, lang, base) for entry in value])
    if nothing(value):
        return Choice()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    index = label_index(lang, tuple(letters[: len(options)]), len(options))
    if base in (0, 1) and _WHOLE.fullmatch(text):
        # Where numbers are places, they are places too where an option's text is a number.
        return _number(int(float(text)), len(options), base)
    if base == "exact":
        if text and not _EXACT.fullmatch(str(value)):
            return Choice(None, text)
        base = "label"
    count = len(options)
    by_text = _by_text(text, options) if base != "label" else None
    if isinstance(value, int) and not isinstance(value, bool) and base != "label" and by_text is None:
        return Choice((index[text],)) if text in index else _number(value, count, base)
    if base != "text" and (label := _by_label(text, index, bare=base == "label")) is not None:
        return Choice(label)
    if by_text is not None:
        return Choice((by_text,))
    if _WHOLE.fullmatch(text):
        return _number(int(float(text)), count, base)
    if base not in ("text", "label") and (match := NUMBERED.fullmatch(text)):
        return _number(int(match[1]), count, base)
    if text.lower() in usual_names()["no_answer"]:
        return Choice()
    if base != "text":
        if (labels := _by_labels(text, index, count)) is not None:
            return Choice(labels)
        match = LABELLED.fullmatch(text) if base != "label" else None
        if match and "\n" not in match[2] and match[1] in index:
            return Choice((index[match[1]],))
    return Choice(None, text)


def _several(read: Sequence[Choice]) -> Choice:
    if not read:
        return Choice()
    if any(choice.chosen is None for choice in read):
        texts = [choice.text for choice in read if choice.text]
        return Choice(None, ", ".join(texts) or None, any(choice.number for choice in read))
    return Choice(tuple(sorted({place for choice in read for place in choice.chosen or ()})))


def _number(number: int, count: int, base: Base) -> Choice:
    if number < 0:
        return Choice()
    if base in (0, 1) and 0 <= number - int(base) < count:
        return Choice((number - int(base),), None, True)
    return Choice(None, str(number), True)


def _by_text(text: str, options: Sequence[str]) -> int | None:
    """The option with exactly this text; of two that fold to the same text, the one written the same."""
    if not text or not any(options):
        return None
    same = [place for place, option in enumerate(options) if option.strip() == text]
    wanted = option_words(text)
    found = same or [place for place, option in enumerate(options) if wanted and option_words(option) == wanted]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=4096)
def label_index(lang: str, letters: tuple[str, ...], count: int) -> dict[str, int]:
    """Labels (shown ones, Latin, native, circled) and their places."""
    known = lang if lang in read_languages() else "en"
    shown = letters if len(letters) >= count else tuple(LATIN[:count])
    index = dict(label_reader(known, shown, count, False, True).index)
    for place, sign in enumerate(LATIN[:count]):
        index.setdefault(sign, place)
        index.setdefault(sign.lower(), place)
    return index


def _by_label(text: str, index: Mapping[str, int], *, bare: bool) -> tuple[int, ...] | None:
    plain = folded(_BOXED.sub(r"\1", text)).strip(_WRAP)
    for form in (text, plain, *(() if bare else (_NAMED.sub("", plain).strip(_WRAP),))):
        if form in index:
            return (index[form],)
        if form.upper() in index:
            return (index[form.upper()],)
    return None


def _by_labels(text: str, index: Mapping[str, int], count: int) -> tuple[int, ...] | None:
    """Several labels: 'C, E', 'C and E', 'CE'; None for anything else."""
    bare = _NAMED.sub("", folded(text).strip(_WRAP)).strip(_WRAP)
    parts = [part.strip(_WRAP) for part in _AND.split(bare) if part.strip(_WRAP)]
    if len(parts) == 1 and 2 <= len(parts[0]) <= count and parts[0].isalpha():
        parts = list(parts[0])
        if len({part.isupper() for part in parts}) > 1:
            return None
    if len(parts) < 2:
        return None
    places = [index.get(part, index.get(part.upper())) for part in parts]
    if None in places or len(set(places)) < len(places):
        return None
    return tuple(sorted(place for place in places if place is not None))


def verdict(value: Any) -> tuple[bool | None, bool]:
    """(right or wrong, None where nothing is said; whether it was partial credit, which counts as wrong).

    Raises Malformed for what is no verdict.
    """
    value = opened(value)
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("value", "score", "correct", "acc") if key in value), None)
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if nothing(value):
        return None, False
    if isinstance(value, bool | int | float) and not isinstance(value, bool):
        if value in (0, 1):
            return bool(value), False
        if 0 < value < 1:
            return False, True
        raise Malformed("no_verdict", f"{value} is neither 0 nor 1")
    word = str(value).strip().lower()
    if word in ("", "n", "p", "nan", "none", "null"):
        # What inspect writes for no answer and for partial credit counts as not correct there.
        return (None, False) if word not in ("n", "p") else (False, word == "p")
    if word in usual_names()["right"]:
        return True, False
    if word in usual_names()["wrong"]:
        return False, False
    try:
        number = float(word)
    except ValueError:
        raise Malformed("no_verdict", f"'{word[:40]}' is no verdict") from None
    return verdict(number)


def base_of(told: str | None, what: str) -> Base:
    """The base that an option of the command names. Raises ConfigError."""
    known: dict[str | None, Base] = {
        None: None,
        "label": "label",
        "exact": "exact",
        "text": "text",
        "from 0": 0,
        "from-0": 0,
        "from 1": 1,
        "from-1": 1,
        "0": 0,
        "1": 1,
    }
    if told not in known:
        raise ConfigError(f"{what} {told}: not known.", hint="Write label, exact, text, from-0 or from-1.")
    return known[told]

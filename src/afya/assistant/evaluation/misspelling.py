"""Misspellings made by rule: what fast thumbs do to a word, the same for the same seed.

Kinds: a letter's neighbour on the keyboard, a letter doubled, lost, or exchanged with the next, marks left out (Yoruba
and Wolof are mostly typed without), a blank lost. A text is changed in one place in about five words, never in its
digits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import regex

from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.text.normalise import fold_marks

Fault = Callable[[str, random.Random], str | None]
WORDS_A_FAULT = 5
_WORD = regex.compile(r"[\p{L}\p{M}]{4,}")


def misspelt(text: str, kind: str, rng: random.Random) -> str | None:
    """`text` with faults of one kind, or None where it has no place for one.

    Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown misspelling '{kind}'; there are: {', '.join(KINDS)}.")
    made = KINDS[kind](text, rng)
    return made if made is not None and made != text else None


def _in_words(change: Callable[[str, random.Random], str | None]) -> Fault:
    def fault(text: str, rng: random.Random) -> str | None:
        places = list(_WORD.finditer(text))
        if not places:
            return None
        wanted = max(1, len(text.split()) // WORDS_A_FAULT)
        for place in sorted(rng.sample(places, min(wanted, len(places))), key=lambda found: -found.start()):
            made = change(place[0], rng)
            if made is not None:
                text = text[: place.start()] + made + text[place.end() :]
        return text

    return fault


def _neighbour(word: str, rng: random.Random) -> str | None:
    keys = neighbours()
    places = [place for place in range(1, len(word)) if word[place] in keys]
    if not places:
        return None
    place = rng.choice(places)
    return word[:place] + rng.choice(keys[word[place]]) + word[place + 1 :]


def _doubled(word: str, rng: random.Random) -> str | None:
    place = rng.randrange(1, len(word))
    return word[:place] + word[place] + word[place:] if word[place].isalpha() else None


def _lost(word: str, rng: random.Random) -> str | None:
    place = rng.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def _swapped(word: str, rng: random.Random) -> str | None:
    place = rng.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _marks_lost(text: str, rng: random.Random) -> str | None:
    return fold_marks(text)


def _blank_lost(text: str, rng: random.Random) -> str | None:
    places = [place for place, char in enumerate(text) if char == " "]
    if not places:
        return None
    place = rng.choice(places)
    return text[:place] + text[place + 1 :]


KINDS: Mapping[str, Fault] = {
    "neighbour_key": _in_words(_neighbour),
    "doubled_letter": _in_words(_doubled),
    "lost_letter": _in_words(_lost),
    "swapped_letters": _in_words(_swapped),
    "marks_lost": _marks_lost,
    "blank_lost": _blank_lost,
}


@cache
def neighbours() -> Mapping[str, str]:
    """The keys beside each letter on a phone's keyboard (keyboard.yaml). Raises ConfigError for a faulty file."""
    path = Path(str(files("afya.assistant.evaluation"))) / "keyboard.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict) or not all(isinstance(row, str) for row in content.get("rows", [None])):
        raise ConfigError(f"{path}: expected 'rows', the letters of each row of keys.")
    rows: list[str] = content["rows"]
    beside: dict[str, str] = {}
    for number, row in enumerate(rows):
        for place, letter in enumerate(row):
            near = [row[i] for i in (place - 1, place + 1) if 0 <= i < len(row)]
            near += [
                other[i]
                for other in rows[max(0, number - 1) : number + 2]
                if other is not row
                for i in (place - 1, place)
                if 0 <= i < len(other)
            ]
            beside[letter] = "".join(near)
    return beside

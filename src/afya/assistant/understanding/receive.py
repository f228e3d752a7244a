"""A message as it comes in: within bounds, and what is strange about its signs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import regex

from afya.assistant.context import Received
from afya.assistant.limits import Limits
from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.text.normalise import normalise

_LETTER = regex.compile(r"[\p{L}\p{N}]")
# Controls, and marks that turn the direction of writing. Joiners are left alone: emoji and some scripts need them.
_CONTROLS = regex.compile(r"[\p{Cc}--[\t\n\r]]|[\u202A-\u202E\u2066-\u2069]", regex.VERSION1)
_DIRECTION_MARKS = regex.compile(r"[\u200E\u200F\u061C]")
_WORD = regex.compile(r"[\p{L}\p{M}]+")
_FOREIGN = regex.compile(r"[\p{Cyrillic}\p{Greek}]")
_LATIN = regex.compile(r"\p{Latin}")


def receive(message: str, direction: str, limits: Limits) -> Received:
    """The message cut to what is read of it, why it cannot be answered, and remarks on its signs.

    `direction` is that of the pack's writing: in a language written from right to left its marks are no remark.
    """
    # Text from a command line may hold bytes that are no UTF-8, kept as lone surrogates.
    raw = message.encode("utf-8", "replace")
    text = _ends(raw, limits.message_bytes, limits.message_tail_bytes)
    plain = normalise(text)
    fault = None
    if len(raw) > limits.message_bytes:
        fault = "notice.too_long"
    elif not plain:
        fault = "notice.empty"
    elif not _LETTER.search(plain):
        fault = "notice.no_words"
    return Received(text, len(raw), fault, remarks(text, direction) if fault is None else ())


def remarks(text: str, direction: str) -> tuple[str, ...]:
    """The keys of the notices on a text's signs."""
    if text.isascii() and text.isprintable():
        return ()
    found = []
    if _CONTROLS.search(text) or (direction != "rtl" and _DIRECTION_MARKS.search(text)):
        found.append("notice.hidden_signs")
    if _mixed_words(text):
        found.append("notice.mixed_letters")
    return tuple(found)


def _mixed_words(text: str) -> bool:
    """Whether a word holds letters that look alike but are of two scripts."""
    return bool(_FOREIGN.search(text)) and any(
        _LATIN.search(word[0]) and _FOREIGN.search(word[0]) for word in _WORD.finditer(text)
    )


def _ends(raw: bytes, most: int, tail: int) -> str:
    """The whole text up to `most` bytes; of a longer one its beginning and its last `tail` bytes, as two lines."""
    if len(raw) <= most + tail:
        return raw.decode("utf-8", "ignore")
    return "\n".join(part.decode("utf-8", "ignore") for part in (raw[:most], raw[-tail:]))


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """Letters of other scripts that look like Latin ones."""

    table: dict[int, str]

    def plain(self, text: str) -> str:
        """`text` with look-alikes written in Latin letters, in those words only that mix the two."""
        if text.isascii() or not _FOREIGN.search(text):
            return text
        return _WORD.sub(lambda word: word[0].translate(self.table) if _LATIN.search(word[0]) else word[0], text)


@cache
def lookalikes() -> Lookalikes:
    """The letters of lookalikes.yaml. Raises ConfigError when the file is not pairs of single letters."""
    path = Path(str(files("afya.assistant"))) / "understanding" / "lookalikes.yaml"
    content = read_yaml(path)
    letters = content.get("letters") if isinstance(content, dict) else None
    if not isinstance(letters, dict) or not all(isinstance(key, str) and len(key) == 1 for key in letters):
        raise ConfigError(f"{path}: expected 'letters', pairs of one letter and the Latin one it looks like.")
    return Lookalikes({ord(key): str(value) for key, value in letters.items()})

"""Texts as a term spotter compares them, and the way back to where each word stands in the text as it was written.

Every character is folded on its own, as `afya.text.normalise.fold_marks` would: case, accents and tone marks of Latin
letters off, native and full-width digits to ASCII, invisible characters out, and everything that is no letter, mark or
digit a space. Because no character's folding depends on its neighbours, places are found again by counting.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import regex

from afya.text.normalise import fold_marks, normalise

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Places = npt.NDArray[np.int64]

_SEPARATOR, _WORD, _DROPPED = 0, 1, 2
_WORD_SIGN = regex.compile(r"[\p{L}\p{M}\p{N}]")
_INVISIBLE = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}\uFE00-\uFE0F--[\t\n\r\v\f\x85]]", regex.VERSION1)
# Marks of one letter that a keyboard may send as a character of their own: Korean by parts, Japanese voicing.
_APART = regex.compile(r"[\u1100-\u11ff\u3099\u309a]")
_MAY_BE_MARKED = regex.compile(r"[\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff]")
_LATIN_MARK = regex.compile(r"[\u0300-\u036f]")


class Folding(dict[int, str]):
    """A table for `str.translate` that fills itself, and the kind of every character it has met."""

    def __init__(self) -> None:
        import numpy as np

        super().__init__()
        self.kinds = np.zeros(0x110000, dtype=np.uint8)

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        if _INVISIBLE.match(sign) or _LATIN_MARK.match(sign):
            folded, kind = "", _DROPPED
        elif _WORD_SIGN.match(sign):
            folded = "".join(_WORD_SIGN.findall(fold_marks(normalise(sign))))
            kind = _WORD if folded else _SEPARATOR
            folded = folded or " "
        else:
            folded, kind = " ", _SEPARATOR
        self.kinds[code] = kind
        self[code] = folded
        return folded

    def kinds_of(self, text: str) -> npt.NDArray[np.uint8]:
        """The kind of each character of a text that has been folded with this table, shape (characters,)."""
        import numpy as np

        if text.isascii():
            return self.kinds[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]
        return self.kinds[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)]

    def word_places(self, text: str) -> tuple[Places, Places]:
        """Start and end offsets of the words, in step with `text.translate(self).split()`."""
        import numpy as np

        kinds = self.kinds_of(text)
        kept = np.flatnonzero(kinds != _DROPPED) if _DROPPED in kinds else None
        inside = np.zeros((len(kinds) if kept is None else len(kept)) + 2, dtype=np.bool_)
        inside[1:-1] = kinds == _WORD if kept is None else kinds[kept] == _WORD
        # Words begin and end where the kind changes, by turns.
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        starts, ends = edges[0::2], edges[1::2]
        return (starts, ends) if kept is None else (kept[starts], kept[ends - 1] + 1)

    def sign_places(self, text: str, signs: int) -> Places:
        """The offset of each of the `signs` characters of `text.translate(self)` once the spaces are out."""
        import numpy as np

        places = np.flatnonzero(self.kinds_of(text) == _WORD)
        if len(places) == signs:
            return places
        lengths = [len(self[ord(text[place])]) for place in places.tolist()]
        return np.repeat(places, lengths)


def composed(text: str) -> tuple[str, list[int] | None]:
    """The text with letters that came in parts put together, and each character's offset in the text (None: as it is).

    The list has one more entry, the length of the text.
    """
    if text.isascii() or _APART.search(text) is None or unicodedata.is_normalized("NFC", text):
        return text, None
    pieces: list[str] = []
    offsets: list[int] = []
    for cluster in regex.finditer(r"\X", text):
        piece = unicodedata.normalize("NFC", cluster[0])
        pieces.append(piece)
        offsets += [cluster.start()] * len(piece)
    return "".join(pieces), [*offsets, len(text)]


def end_with_marks(text: str, end: int) -> int:
    """`end` moved over the marks of the letter before it, so that a span never cuts a letter from its tone mark."""
    while end < len(text) and "\u0300" <= text[end] <= "\u036f":
        end += 1
    return end


def marks_agree(found: str, form: str) -> bool:
    """Whether the marks in `found`, a stretch of a text, may be those of `form`, a term that folds to the same.

    Who leaves marks off means the term; who writes a mark that the term lacks writes another word (Yoruba ọkọ̀,
    vehicle, is not ọkọ, husband) unless the term itself was written down without any.
    """
    if not _MAY_BE_MARKED.search(found):
        return True
    theirs, ours = _marks(found), _marks(form)
    if not any(marks for _, marks in ours):
        return True
    if len(theirs) != len(ours):
        return True
    return all(written <= known for (_, written), (_, known) in zip(theirs, ours, strict=True))


def _marks(text: str) -> list[tuple[str, frozenset[str]]]:
    """Each letter or digit of a text with the Latin marks on it."""
    listed: list[tuple[str, set[str]]] = []
    for sign in unicodedata.normalize("NFD", text.casefold()):
        if _LATIN_MARK.match(sign):
            if listed:
                listed[-1][1].add(sign)
        elif _WORD_SIGN.match(sign):
            listed.append((sign, set()))
    return [(letter, frozenset(marks)) for letter, marks in listed]

"""Words one slip of the fingers away from a word of a danger phrase, put right in a copy that triage alone reads.

One letter left out, doubled, wrong or swapped with its neighbour, never the first; in words of some length only, and
never in a word that the pack itself uses. A sign found so is red: a look at the person tells whether it was a slip.
"""

from __future__ import annotations

from collections.abc import Iterable

from afya.text.words import Word, words


class NearWords:
    """The words of danger phrases, ready to be found under a slip. `known` are words that are right as they are."""

    def __init__(self, wanted: Iterable[str], known: Iterable[str], letters: int) -> None:
        self._letters = letters
        self._right = {word for word in wanted if len(word) >= letters and word.isalpha()}
        self._known = set(known) | self._right
        self._slips: dict[str, set[str]] = {}
        for word in sorted(self._right):
            for shorter in _without_one(word):
                self._slips.setdefault(shorter, set()).add(word)

    def put_right(self, text: str) -> str | None:
        """`text` (normalised) with the slips put right, or None where there is none."""
        pieces: list[str] = []
        reached = 0
        for word in words(text):
            right = self.right(word)
            if right is not None:
                pieces += [text[reached : word.start], right]
                reached = word.end
        return "".join([*pieces, text[reached:]]) if pieces else None

    def right(self, word: Word) -> str | None:
        """The word of a danger phrase that this is a slip of, or None."""
        plain = word.plain
        if len(plain) < self._letters or plain in self._known or not plain.isalpha():
            return None
        near = set(self._slips.get(plain, ()))
        for shorter in _without_one(plain):
            if shorter in self._right:
                near.add(shorter)
            near |= {other for other in self._slips.get(shorter, ()) if _one_slip(plain, other)}
        # Packs list common misspellings as phrases too: of several words that are as near, any will do.
        return min((other for other in near if other[0] == plain[0]), default=None)


def _without_one(word: str) -> set[str]:
    return {word[:place] + word[place + 1 :] for place in range(1, len(word))}


def _one_slip(one: str, other: str) -> bool:
    """Whether two words of one length differ in a letter, or in two neighbours that changed places."""
    if len(one) != len(other):
        return False
    differing = [place for place in range(len(one)) if one[place] != other[place]]
    if len(differing) == 1:
        return True
    if len(differing) != 2 or differing[1] != differing[0] + 1:
        return False
    first, second = differing
    return one[first] == other[second] and one[second] == other[first]

"""The packs' texts as pairs of two languages, filled with the same numbers: what a translator can be tried on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from afya.packs import Pack

# What fills the places of texts that count something; any number does, since both languages get the same.
_VALUES: Mapping[str, object] = {
    "age": 14,
    "count": 52,
    "days": 3,
    "mm": 118,
    "temperature": 38.5,
    "limit": 50,
    "hours": 6,
    "kg": 9,
}
_MESSAGES = ("action.", "normal.")
_SENTENCES = ("fact.", "lead.")
_TEACHING = ("advice.",)


def texts(pack: Pack) -> dict[str, str]:
    """Whole sentences of a pack by key, filled: what to do, what is found, what is said to a family."""
    found: dict[str, str] = {}
    for key, text in pack.messages.items():
        if key.startswith(_MESSAGES):
            _put(found, key, text)
    for key, wordings in [*pack.sentences.items(), *pack.teaching.items()]:
        if key.startswith((*_SENTENCES, *_TEACHING)):
            _put(found, key, wordings[0])
    return found


def pairs(one: Pack, two: Pack) -> Iterator[tuple[str, str]]:
    """The texts that both packs have under a key, in the order of the first; each text once."""
    theirs = texts(two)
    seen: set[str] = set()
    for key, text in texts(one).items():
        if key in theirs and text not in seen:
            seen.add(text)
            yield text, theirs[key]


def _put(found: dict[str, str], key: str, template: str) -> None:
    try:
        found[key] = template.format_map(_VALUES)
    except (KeyError, IndexError, ValueError):
        # A text with a place for words (a medicine's name) is left out.
        return

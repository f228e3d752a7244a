"""The medicines that a text names, each by the name under which the formulary may know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import regex

from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.languages import language
from afya.packs import available, load_pack
from afya.text.normalise import fold_marks
from afya.text.words import words
from afya.translation.checks.drug_names import consonants, medicines, named, spelt

_SOUND_LETTERS = 6
_LETTERS_ALIKE = 0.6
# Letters of a strength that names no substance: "500 mg", "100,000 IU".
_ONE_SUBSTANCE = 4
_BRACKETS = regex.compile(r"[(（\[].*")


class Known(Protocol):
    """What is asked of the formulary's medicines here."""

    @property
    def name(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def strength(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Mention:
    """A medicine named in a text: its place, and a name of it that the formulary knows, or the word as it stands."""

    name: str
    start: int
    end: int
    listed: bool


def mentions(text: str, lang: str, known: Mapping[str, Known]) -> list[Mention]:
    """The medicines that `text` (normalised) names, in order; the longest name at each place.

    Known are the formulary's names, the pack's, those of the list of medicines in any spelling of the language, and
    whatever ends as a substance's name does.
    """
    entries = tuple((medicine.name, tuple(medicine.names)) for medicine in known.values())
    pattern, names = _names(entries, lang)
    folded, places = _folded(text)
    found = [
        Mention(names[match[0]], places[match.start()], places[match.end() - 1] + 1, True)
        for match in pattern.finditer(folded)
    ]
    by_word = {fold_marks(name): key for key, listed in entries for name in (key.replace("_", " "), *listed)}
    for word in words(text):
        for drug in named(word.text.lower()):
            listed = by_word.get(fold_marks(drug.name))
            found.append(Mention(listed or drug.name, word.start, word.end, listed is not None))
        if len(word.plain) >= _SOUND_LETTERS - 2 and word.plain.startswith(_beginnings()):
            found.append(Mention(by_word.get(word.plain, word.plain), word.start, word.end, word.plain in by_word))
    found += _forms(text, lang, by_word)
    if lang != "en":
        found += _by_sound(text, by_word)
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda one: (-(one.end - one.start), not one.listed, one.start)):
        if not any(mention.start < other.end and other.start < mention.end for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda one: one.start)


def _forms(text: str, lang: str, by_word: Mapping[str, str]) -> Iterable[Mention]:
    """Names in scripts that do not write sounds."""
    for drug in medicines().values():
        for form in drug.forms.get(lang, ()):
            for match in regex.finditer(regex.escape(form), text):
                listed = by_word.get(fold_marks(drug.name))
                yield Mention(listed or drug.name, match.start(), match.end(), listed is not None)


def _by_sound(text: str, by_word: Mapping[str, str]) -> Iterable[Mention]:
    """The formulary's medicines as other languages spell them ("amoksilini", アモキシシリン)."""
    drugs = [(drug, by_word[fold_marks(name)]) for name, drug in medicines().items() if fold_marks(name) in by_word]
    for match in regex.finditer(r"[\p{L}\p{M}ー]{4,}", text):
        if match[0].isascii() and len(match[0]) < _SOUND_LETTERS:
            continue
        sound = consonants(match[0])
        if len(sound) < 4:
            continue
        plain = fold_marks(match[0])
        for drug, key in drugs:
            # Consonants alone take "continue" for "gentamicin": in Latin letters the whole word must be near too.
            latin = SequenceMatcher(None, plain, drug.name, autojunk=False).ratio() if plain.isascii() else 1.0
            if latin < _LETTERS_ALIKE:
                continue
            if any(abs(len(sound) - len(own)) <= 2 and own[0] == sound[0] for own in drug.sounds) and spelt(
                drug, [sound]
            ):
                yield Mention(key, match.start(), match.end(), True)
                break


@lru_cache(maxsize=64)
def _names(entries: tuple[tuple[str, tuple[str, ...]], ...], lang: str) -> tuple[regex.Pattern[str], dict[str, str]]:
    """A pattern for the names of the formulary and the pack, and the formulary's key of each."""
    found: dict[str, str] = {}
    for key, listed in entries:
        for name in (key.replace("_", " "), *listed):
            found.setdefault(fold_marks(name), listed[0] if listed else key.replace("_", " "))
    own = _of_pack(lang)
    for key, listed in entries:
        for name in own.get(key, ()):
            found.setdefault(name, listed[0] if listed else key.replace("_", " "))
    # Two capital letters ("AL", "SP") are words of many languages; they count in their capitals only, by the packs.
    found = {name: key for name, key in found.items() if len(name) > 2 or not name.isascii()}
    body = "|".join(regex.escape(name) for name in sorted(found, key=len, reverse=True)) or "(?!)"
    spaced = language(lang).spaced
    start, end = (
        (r"(?<![\p{Latin}\p{M}])", r"(?![\p{Latin}\p{M}])") if spaced else (r"(?<!\p{Latin})", r"(?!\p{Latin})")
    )
    return regex.compile(f"{start}(?:{body}){end}"), found


@cache
def _of_pack(lang: str) -> dict[str, tuple[str, ...]]:
    """What a pack calls the formulary's medicines, without what it adds in brackets."""
    if lang not in available():
        return {}
    try:
        pack = load_pack(lang)
        views = [pack, *(pack.for_protocol(name) for name in pack.protocols)]
    except ConfigError:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for key, text in (entry for view in views for entry in view.messages.items()):
        if key.startswith("medicine."):
            name = fold_marks(_BRACKETS.sub("", text).strip(" .,:：。"))
            if name:
                found[key.removeprefix("medicine.")] = (name,)
    return found


def without_strengths(text: str, known: Mapping[str, Known]) -> str:
    """The text with spaces where the strength of a medicine of two substances stands, as the formulary writes it.

    "20 mg artemether and 120 mg lumefantrine" are no two doses, and name no two medicines.
    """
    folded, places = _folded(text)
    for medicine in known.values():
        strength = fold_marks(medicine.strength or "")
        if sum(sign.isalpha() for sign in strength) <= _ONE_SUBSTANCE:
            continue
        at = folded.find(strength)
        while at >= 0:
            start, end = places[at], places[at + len(strength) - 1] + 1
            text = text[:start] + " " * (end - start) + text[end:]
            at = folded.find(strength, at + 1)
    return text


@cache
def _beginnings() -> tuple[str, ...]:
    content = read_yaml(Path(str(files("afya.assistant.checks"))).parent / "drugs.yaml")
    names = content.get("names") if isinstance(content, dict) else None
    if not isinstance(names, list):
        raise ConfigError("drugs.yaml of afya.assistant: expected the list 'names'.")
    return tuple(fold_marks(str(name)) for name in names)


def _folded(text: str) -> tuple[str, list[int]]:
    """`text` without case and marks, and for each of its characters the place it had."""
    characters: list[str] = []
    places: list[int] = []
    for cluster in regex.finditer(r"\X", text):
        for sign in fold_marks(cluster[0]):
            characters.append(sign)
            places.append(cluster.start())
    return "".join(characters), places

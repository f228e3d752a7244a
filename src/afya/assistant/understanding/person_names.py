"""Names of persons, by what announces them ("my name is", a title, a label), and wherever the name stands again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import regex

from afya.assistant.understanding.personal import Span, languages_of, listed, personal_words
from afya.errors import ConfigError
from afya.languages import language, registry
from afya.packs import available, load_pack
from afya.text.identify import small_words
from afya.text.normalise import fold_marks
from afya.text.words import words
from afya.translation.checks.drug_names import named

_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’ʼ-][\p{L}\p{M}\p{N}]+)*")
# What may stand between a title and a name, and between the parts of a name.
_JOINT = regex.compile(r"\.?\s{1,2}|\s?-\s?")
_COLON = regex.compile(r"\s*[:=：]\s*|\s+[-–]\s+")
_OPENS = regex.compile(r"(?:^|[\n.;,()|•*-]|\d[.)])\s*$")
_MOST_PARTS = 4
# Above this share of capital words a capital says nothing: a message typed in capitals, a heading.
_CAPITALS = 0.75
_CAPITALS_FROM = 6


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    plain: str
    start: int
    end: int

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def lettered(self) -> bool:
        return not any(sign.isdigit() for sign in self.text)


def names(text: str, lang: str) -> list[Span]:
    """Places of names, each with its parts together; titles and labels stay."""
    tokens = [_Token(found[0], fold_marks(found[0]), *found.span()) for found in _TOKEN.finditer(text)]
    found = _by_patterns(text, lang)
    if language(lang.partition("-")[0]).spaced if lang.partition("-")[0] in registry() else True:
        told = _capitals_tell(tokens)
        for group, behind_colon, small_too in (
            ("labels", True, True),
            ("introduces", False, True),
            ("titles", False, False),
            ("calls", False, False),
        ):
            if small_too or told:
                found += _announced(text, tokens, lang, group, behind_colon, small_too, told)
    kept: list[Span] = []
    for span in sorted(found, key=lambda one: (one[0] - one[1], one[0])):
        if not any(span[0] < end and start < span[1] for start, end in kept):
            kept.append(span)
    return sorted(kept + _again(text, tokens, kept, lang))


def _announced(
    text: str, tokens: list[_Token], lang: str, group: str, behind_colon: bool, small_too: bool, told: bool
) -> list[Span]:
    cues = _cues(lang, group)
    found = []
    for place, token in enumerate(tokens):
        for cue in cues.get(token.plain, ()):
            last = place + len(cue) - 1
            if tuple(one.plain for one in tokens[place : last + 1]) != cue or last + 1 >= len(tokens):
                continue
            between = text[tokens[last].end : tokens[last + 1].start]
            if behind_colon:
                if not _COLON.fullmatch(between) or not _OPENS.search(text[: token.start]):
                    continue
            elif not (_JOINT.fullmatch(between) or (small_too and _COLON.fullmatch(between))):
                continue
            span = _run(text, tokens, last + 1, lang, small_too, told)
            if span is not None:
                found.append(span)
                break
    return found


def _run(text: str, tokens: list[_Token], first: int, lang: str, small_too: bool, told: bool) -> Span | None:
    """The name that begins at token `first`, or behind the titles there; None where no name does."""
    titles, joins = _single(lang, "titles"), _single(lang, "joins")
    while first < len(tokens) and tokens[first].plain in titles and first + 1 < len(tokens):
        if not _JOINT.fullmatch(text[tokens[first].end : tokens[first + 1].start]):
            return None
        first += 1
    parts: list[_Token] = []
    place = first
    while place < len(tokens) and len(parts) < _MOST_PARTS:
        token = tokens[place]
        if parts and not _JOINT.fullmatch(text[parts[-1].end : token.start]):
            break
        if parts and token.plain in joins and place + 1 < len(tokens) and tokens[place + 1].capital:
            parts.append(token)
            place += 1
            continue
        by_capital = told and token.capital
        if not token.lettered or (len(token.text) < 2 and not by_capital):
            break
        if not (by_capital or small_too) or _is_word(token, lang, sure=small_too and by_capital):
            break
        if parts and not by_capital and not _ends_here(text, tokens, place, lang):
            break
        parts.append(token)
        place += 1
    while parts and parts[-1].plain in joins:
        parts.pop()
    return (parts[0].start, parts[-1].end) if parts else None


def _ends_here(text: str, tokens: list[_Token], place: int, lang: str) -> bool:
    """Whether a second word in small letters closes what was announced: then it is a surname."""
    if place + 1 == len(tokens):
        return True
    following = tokens[place + 1]
    return not _JOINT.fullmatch(text[tokens[place].end : following.start]) or _is_word(following, lang, sure=False)


def _is_word(token: _Token, lang: str, *, sure: bool) -> bool:
    """Whether a token is a word of the language or a medicine, and so no name.

    `sure`: it has a capital where a name was announced; then only small words and those in `never` are none.
    """
    if token.plain in _never(lang) or named(token.text.lower()):
        return True
    return not sure and token.plain in _vocabulary(lang)


def _again(text: str, tokens: list[_Token], known: list[Span], lang: str) -> list[Span]:
    """Other places of the names' parts, where they have a capital as they had before."""
    parts = {
        token.text
        for start, end in known
        for token in tokens
        if start <= token.start and token.end <= end and token.capital and len(token.text) > 2
    }
    parts = {part for part in parts if fold_marks(part) not in _vocabulary(lang)}
    if not parts:
        return []
    found: list[Span] = []
    for token in tokens:
        if token.text.removesuffix("'s") not in parts or any(s <= token.start < e for s, e in known):
            continue
        if found and _JOINT.fullmatch(text[found[-1][1] : token.start]):
            found[-1] = (found[-1][0], token.end)
        else:
            found.append((token.start, token.end))
    return found


def _by_patterns(text: str, lang: str) -> list[Span]:
    return [
        match.span("name")
        for code in languages_of(lang)
        for pattern in _patterns(code)
        for match in pattern.finditer(text)
        if fold_marks(match["name"]) not in _never(lang)
    ]


@cache
def _patterns(lang: str) -> tuple[regex.Pattern[str], ...]:
    entry = personal_words(lang)
    return () if entry is None else entry.compiled()


def _capitals_tell(tokens: list[_Token]) -> bool:
    lettered = [token for token in tokens if token.lettered and len(token.text) > 1]
    if len(lettered) >= _CAPITALS_FROM:
        return sum(token.capital for token in lettered) <= _CAPITALS * len(lettered)
    return not all(token.text.isupper() for token in lettered)


@cache
def _cues(lang: str, group: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Announcing words by their first, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in listed(lang, group):
        plain = tuple(fold_marks(token) for token in _TOKEN.findall(phrase))
        if plain:
            found.setdefault(plain[0], []).append(plain)
    return {first: tuple(sorted(phrases, key=len, reverse=True)) for first, phrases in found.items()}


@cache
def _single(lang: str, group: str) -> frozenset[str]:
    return frozenset(fold_marks(word) for word in listed(lang, group))


@cache
def _never(lang: str) -> frozenset[str]:
    """Words that are no names even with a capital: small words of the language, and those the pack lists."""
    own = {fold_marks(word) for code in languages_of(lang) for word in small_words().get(code, ()) if "*" not in word}
    return frozenset(own | _single(lang, "never"))


@cache
def _vocabulary(lang: str) -> frozenset[str]:
    """The words of the packs' own texts and phrases: what stands there is health talk, no name."""
    found: set[str] = set(_never(lang))
    for code in languages_of(lang):
        if code not in available():
            continue
        try:
            pack = load_pack(code)
        except ConfigError:
            # A pack that is being written or faulty is the pack linter's matter; masking goes on without its words.
            continue
        topics = pack.topics
        groups = (pack.danger, pack.concepts, topics.sections, topics.signs, topics.values, topics.units)
        texts = [
            *pack.messages.values(),
            *(phrase for group in groups for listed in group.values() for phrase in listed),
        ]
        found.update(word.plain for text in texts for word in words(text))
    return frozenset(found)

"""Which language a text is in, and whether that is sure enough to say so.

Three witnesses. The script decides for languages that have one of their own. Among languages in Latin script, small
words that carry grammar (`identification` in lang/{code}.yaml, neighbours.yaml, and words the caller knows to be of a
language) stand against pycld2, which is asked when the extra `assistant` is installed. They must agree, or one of them
must be strong and the other silent; otherwise the verdict is "uncertain", which is the right answer to "MUAC 112" and
to two words of Zulu or Xhosa.

pycld2 names a language for almost anything and falls back on English for short texts, so its English counts only where
English words are seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import regex

from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.languages import language, registry
from afya.text.literals import Identification, literal_codes, text_literals
from afya.text.normalise import fold, fold_marks, normalise
from afya.text.words import words

AGREED = "pycld2 and small words agree"
"""The `reason` of a verdict that two witnesses bear."""

# A text longer than this tells no more about its language.
_READ_CHARACTERS = 4000
# Fewer words do not tell a language from its near relatives.
_RELATIVES_WORDS = 12
_SCRIPTS = {
    "Latn": r"\p{Latin}",
    "Hang": r"\p{Hangul}",
    "Kana": r"[\p{Hiragana}\p{Katakana}]",
    "Hani": r"\p{Han}",
    "Cyrl": r"\p{Cyrillic}",
    "Arab": r"\p{Arabic}",
    "Deva": r"\p{Devanagari}",
    "Telu": r"\p{Telugu}",
    "Ethi": r"\p{Ethiopic}",
}
_SCRIPT_PATTERNS = {name: regex.compile(pattern) for name, pattern in _SCRIPTS.items()}
_LETTER = regex.compile(r"\p{L}")
# An ideograph says as much as several letters.
_WEIGHT = {"Hani": 3, "Kana": 3, "Hang": 2, "Ethi": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `language` is None when no language can be named; `reliable` says whether to act on it.

    `confidence` is 0 to 1, not a probability: the share of the evidence that speaks for `language`.
    """

    language: str | None
    confidence: float
    reliable: bool
    script: str | None
    reason: str


def identify(text: str, *, vocabulary: Mapping[str, frozenset[str]] | None = None) -> Verdict:
    """The language of `text`. Never raises for any text; an empty or wordless one is uncertain.

    `vocabulary` gives, by language, more words (as `fold_marks` writes them) that speak for it, such as a pack's.
    """
    text = normalise(text[:_READ_CHARACTERS])
    script = main_script(text)
    if script is None:
        return Verdict(None, 0.0, False, None, "no letters")
    if script == "Latn":
        return _latin(text, vocabulary or {})
    if script in ("Kana", "Hani"):
        return _east_asian(text, script)
    # No other registry language of the core shares these scripts; where several do, the witness is asked.
    candidates = [entry.code for entry in registry().values() if entry.script == script]
    if len(candidates) == 1:
        return Verdict(candidates[0], 1.0, True, script, f"script {script}")
    named = _ask_cld2(text)
    if named is not None and named[0] in candidates:
        return Verdict(named[0], named[1], named[1] >= 0.8, script, f"script {script}, pycld2")
    return Verdict(None, 0.0, False, script, f"script {script} is shared")


def is_language(text: str, expected: str, *, vocabulary: Mapping[str, frozenset[str]] | None = None) -> bool | None:
    """Whether `text` is in `expected`: True, False, or None where that is uncertain."""
    return agrees(identify(text, vocabulary=vocabulary), text, expected)


def agrees(verdict: Verdict, text: str, expected: str) -> bool | None:
    """As `is_language`, where the text was identified before."""
    if verdict.language == expected:
        return True if verdict.reliable else None
    if verdict.language in relatives(expected) and len(words(text)) < _RELATIVES_WORDS:
        return None
    scripts = _scripts_of(expected)
    if verdict.script is not None and verdict.script not in scripts:
        if not verdict.reliable and any(_SCRIPT_PATTERNS[name].search(text) for name in scripts):
            # "1년 3개월, MUAC 112 mm": units and abbreviations in Latin letters outnumber the rest.
            return None
        return False if len(normalise(text)) > 3 else None
    return False if verdict.reliable else None


def guess(text: str) -> str | None:
    """What pycld2 alone takes most of `text` for where it is sure: the quick answer, for many texts. Else None.

    It names English for too much, and near relatives for one another; `identify` hears the other witnesses.
    """
    if not _has_cld2():
        return None
    import pycld2

    try:
        reliable, _, found = pycld2.detect(text[:_READ_CHARACTERS], bestEffort=True)
    except (pycld2.error, ValueError):
        return None
    code = str(found[0][1]).partition("-")[0]
    return code if reliable and found[0][2] >= 80 and code in registry() else None


def witnessed(code: str) -> bool:
    """Whether small words of this language are known; what is said of others rests on one witness."""
    return bool(_told().get(code) and _told()[code].words)


def main_script(text: str) -> str | None:
    """The script of most of the letters (ISO 15924; "Kana" for Japanese syllables, "Hani" for ideographs), or None."""
    if text.isascii():
        # What most texts in Latin letters are, with no need to look for nine scripts.
        return "Latn" if any(map(str.isalpha, text)) else None
    counts = Counter({name: len(p.findall(text)) * _WEIGHT.get(name, 1) for name, p in _SCRIPT_PATTERNS.items()})
    if counts["Kana"] and counts["Kana"] + counts["Hani"] > counts["Latn"]:
        # Japanese mixes both; Chinese has no syllables but for a stray one.
        return "Kana" if counts["Kana"] * 8 >= counts["Hani"] else "Hani"
    name, count = max(counts.items(), key=lambda entry: entry[1])
    return name if count else None


def _scripts_of(code: str) -> tuple[str, ...]:
    script = language(code).script
    return {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Kana", "Hani")}.get(script, (script,))


def _east_asian(text: str, script: str) -> Verdict:
    if script == "Kana":
        return Verdict("ja", 1.0, True, "Kana", "Japanese syllables")
    ideographs = len(_SCRIPT_PATTERNS["Hani"].findall(text))
    named = _ask_cld2(text)
    if named is not None and named[0] == "ja":
        return Verdict(None, 0.5, False, "Hani", "ideographs only: Chinese or Japanese")
    # A Japanese sentence has syllables in it; a few ideographs alone may be a Japanese term.
    reliable = ideographs >= 6 or (named is not None and named[0] == "zh" and ideographs >= 4)
    return Verdict("zh", 0.9 if reliable else 0.6, reliable, "Hani", "ideographs only")


def _latin(text: str, vocabulary: Mapping[str, frozenset[str]]) -> Verdict:
    listed = words(text)
    count = sum(1 for word in listed if word.text.isalpha() or _LETTER.search(word.text))
    if not count:
        return Verdict(None, 0.0, False, "Latn", "no words")
    scores = _word_scores([(fold(word.text), word.plain) for word in listed], vocabulary)
    ranked = sorted(scores.items(), key=lambda entry: -entry[1])[:2]
    top, best = ranked[0] if ranked else (None, 0.0)
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    share = best / (best + second) if best else 0.0
    named = _ask_cld2(text)
    if named is not None and named[0] == "en" and scores.get("en", 0.0) < 0.15 * count:
        named = None
    if named is None:
        strong = best >= 2.0 and share >= 0.65 and best >= 0.15 * count
        return Verdict(top, round(share, 3), strong, "Latn", "small words alone" if top else "nothing known in it")
    other, confidence = named
    near = max((scores.get(code, 0.0) for code in relatives(other)), default=None)
    if near is not None:
        # Zulu or Xhosa: pycld2 is wrong in one short text of ten, so the small words must not say otherwise.
        sure = count >= 3 and scores.get(other, 0.0) >= near + (0.0 if confidence >= 0.95 and count >= 8 else 0.5)
        return Verdict(other, confidence, sure and confidence >= 0.8, "Latn", "pycld2, against a near relative")
    if other == top and (best >= 1.0 or confidence >= 0.9):
        sure = count >= 3 or best >= 1.5
        return Verdict(top, max(share, confidence), sure, "Latn", AGREED)
    if best < 0.6 or other == top:
        # The small words are silent: pycld2 alone needs a text of some length.
        sure = other in registry() and confidence >= 0.9 and count >= 6
        return Verdict(other if other in registry() else None, confidence, sure, "Latn", "pycld2 alone")
    if confidence >= 0.95 and count >= 8 and scores.get(other, 0.0) >= 0.6 * best:
        return Verdict(other, confidence, True, "Latn", "pycld2, with small words of it")
    return Verdict(top, round(share, 3), False, "Latn", "the witnesses disagree")


def small_words() -> Mapping[str, tuple[str, ...]]:
    """The small words by language that speak for it; a star stands for any more letters."""
    return {code: row.words for code, row in _told().items() if row.words}


def relatives(code: str) -> frozenset[str]:
    """The languages that a few words cannot tell from this one."""
    return frozenset(other for group in _evidence().relatives if code in group for other in group if other != code)


def _word_scores(listed: list[tuple[str, str]], vocabulary: Mapping[str, frozenset[str]]) -> dict[str, float]:
    known = _evidence()
    scores: dict[str, float] = defaultdict(float)
    for word, bare in listed:
        codes = known.marked.get(word)
        weight = 1.0
        if not codes:
            codes, weight = known.plain.get(bare), 0.8
        if not codes:
            codes, weight = known.opening(bare), 0.7
        if not codes:
            codes, weight = tuple(code for code, listed in vocabulary.items() if bare in listed), 0.5
        # Words of one or two letters are everywhere, also in languages that have no list here.
        weight *= 0.5 if len(word) <= 2 else 1.0
        for code in codes:
            scores[code] += weight / len(codes)
    return scores


@dataclass(frozen=True)
class _Evidence:
    """The languages of each small word as written, as typed without marks, and of each beginning of words."""

    marked: Mapping[str, tuple[str, ...]]
    plain: Mapping[str, tuple[str, ...]]
    openings: Mapping[str, tuple[str, ...]]
    relatives: tuple[frozenset[str], ...]

    def opening(self, word: str) -> tuple[str, ...]:
        """The languages of the longest known beginning that leaves at least three letters."""
        for length in range(min(7, len(word) - 3), 1, -1):
            codes = self.openings.get(word[:length])
            if codes:
                return codes
        return ()


@cache
def _evidence() -> _Evidence:
    marked: dict[str, dict[str, None]] = {}
    plain: dict[str, dict[str, None]] = {}
    openings: dict[str, dict[str, None]] = {}
    told = _told()
    for code, row in told.items():
        for word in row.words:
            if word.endswith("*"):
                openings.setdefault(fold_marks(word[:-1]), {})[code] = None
                continue
            marked.setdefault(fold(word), {})[code] = None
            plain.setdefault(fold_marks(word), {})[code] = None
    return _Evidence(
        marked={word: tuple(codes) for word, codes in marked.items()},
        plain={word: tuple(codes) for word, codes in plain.items()},
        openings={word: tuple(codes) for word, codes in openings.items()},
        relatives=tuple(frozenset({code, *row.relatives}) for code, row in told.items() if row.relatives),
    )


@cache
def _told() -> dict[str, Identification]:
    """What tells each language: from the languages' files, and for their neighbours from neighbours.yaml."""
    told = {code: text_literals(code).identification for code in literal_codes()}
    path = Path(str(files("afya.text"))) / "neighbours.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected language codes, each with a list of words.")
    for code, listed in content.items():
        language(str(code))
        if code in told and told[code].words:
            raise ConfigError(
                f"{path}: {code} has words in its own file.", hint=f"Keep those of lang/{code}.yaml only."
            )
        told[str(code)] = validate({"words": listed, "relatives": []}, Identification, f"{path}, {code}")
    return told


@cache
def _has_cld2() -> bool:
    return find_spec("pycld2") is not None


def _ask_cld2(text: str) -> tuple[str, float] | None:
    """pycld2's first language (our code where we have one) and its share of the text, or None where it names none."""
    if not _has_cld2():
        return None
    import pycld2

    try:
        _, _, found = pycld2.detect(text, bestEffort=True)
    except (pycld2.error, ValueError):
        # It refuses bytes it takes for no text; that says nothing about the language.
        return None
    code = str(found[0][1]).partition("-")[0]
    return None if code == "un" else (code, found[0][2] / 100)

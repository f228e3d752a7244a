"""Language: the translation is in the language and the script it was asked for.

Most translations show it by script, or by small words that no other known language has; those are looked up. What is
left goes to `afya.text.identify`, which weighs more witnesses and takes longer. A text too short to tell passes.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec

from afya.languages import language, registry
from afya.text.identify import identify, is_language, small_words
from afya.translation.checks.lexicon import FOREIGN, SCRIPTS, lexicon, votes
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "language"
_PASSED = Verdict(NAME, True)

_KANA = re.compile(r"[\u3040-\u30fa]")
# Four small letters, or two of a script that has no small ones.
_LETTERS_IN_A_ROW = re.compile(r"[^\W\d_A-Z]{4}|[^\W\d_\u0000-\u036f]{2}")
# More than twice as many words that only the language has as words that only another has settle it.
_TIMES = 2
# The share of a text, in per cent, that pycld2 must give to a language.
_SURE = 85
_DENSE = {"Hans": 3, "Hant": 3, "Jpan": 2, "Hang": 2, "Ethi": 2}


def make(source: str, target: str) -> PairCheck:
    """The check for texts that should be in `target`; one that nothing can tell from others is not judged."""
    wanted = language(target)
    if wanted.script == "Latn":
        return _latin(target)
    if wanted.script in SCRIPTS:
        return _other_script(target)
    return _unjudged(target)


def _unjudged(target: str) -> PairCheck:
    unknown = Verdict(NAME, False, f"nothing is known that tells {language(target).name} from others", judged=False)
    return lambda source_text, translation: unknown


def _latin(target: str) -> PairCheck:
    if target not in small_words() and not _cld2_knows(target):
        return _unjudged(target)
    marks = lexicon(target).marks

    def check(source_text: str, translation: str) -> Verdict:
        found = marks(translation)
        if not found & FOREIGN:
            own, other = votes(found)
            if own > _TIMES * other:
                return _PASSED
        return _PASSED if _cld2_names(translation) == target else _slowly(translation, target)

    return check


def _other_script(target: str) -> PairCheck:
    script = language(target).script
    dense = _DENSE.get(script, 1)
    alone = sum(SCRIPTS.get(entry.script) == SCRIPTS[script] for entry in registry().values()) == 1
    marks, letters = lexicon(target).marks, lexicon(target).letters

    def check(source_text: str, translation: str) -> Verdict:
        signs, latin = letters(translation)
        own = dense * signs
        if own and own >= latin:
            if script == "Jpan":
                settled = _KANA.search(translation) is not None
            elif script in ("Hans", "Hant"):
                settled = own >= 6 * dense and not _KANA.search(translation)
            elif alone:
                settled = True
            else:
                words, others = votes(marks(translation))
                settled = words > _TIMES * others or _cld2_names(translation) == target
            if settled:
                return _PASSED
        return _slowly(translation, target)

    return check


def _slowly(translation: str, target: str) -> Verdict:
    if not _LETTERS_IN_A_ROW.search(translation):
        # "MUAC 112 mm", "COVID-19": abbreviations and units are in no language.
        return _PASSED
    if is_language(translation, target) is not False:
        return _PASSED
    found = identify(translation)
    if found.language is None or found.language == target:
        return Verdict(NAME, False, f"not {language(target).name} ({found.reason})")
    name = language(found.language).name if found.language in registry() else found.language
    return Verdict(NAME, False, f"looks like {name}, not {language(target).name}")


def _cld2_names(translation: str) -> str | None:
    """The language that pycld2 is sure of, or None; its English is what it says of anything, and does not count."""
    if not _has_cld2():
        return None
    import pycld2

    try:
        sure, _, found = pycld2.detect(translation)
    except (pycld2.error, ValueError):
        return None
    code = str(found[0][1])
    return code if sure and code != "en" and found[0][2] >= _SURE else None


@cache
def _has_cld2() -> bool:
    return find_spec("pycld2") is not None


@cache
def _cld2_knows(code: str) -> bool:
    if not _has_cld2():
        return False
    import pycld2

    return any(known == code for _, known in pycld2.LANGUAGES)

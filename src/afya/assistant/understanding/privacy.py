"""Personal data in a message, found and put out of sight before anything else reads it.

Names are found by what stands beside them (a title, "my name is", a label), never by a capital letter alone; phones by
the numbering plans of the pack's countries; other numbers by their form or label. A number with a unit beside it, a
date, or the number of a lot is clinical and stays. What this cannot see: a name that nothing announces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import regex

from afya.assistant.checks import switches
from afya.assistant.understanding.numbers_of_persons import person_numbers
from afya.assistant.understanding.person_names import names
from afya.assistant.understanding.personal import Span, clinical, labelled, listed, loose, shared_forms

_EMAIL = regex.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_LINK = regex.compile(r"(?i)(?<!\w)(?:(?:https?|ftp)://|www\.)[^\s<>\"')]+[^\s<>\"').,;:!?]")
_COORDINATES = regex.compile(
    r"(?<![\d.])[-+]?\d{1,2}\.\d{4,}\s?°?\s?[NSns]?\s?[,;/ ]\s?[-+]?\d{1,3}\.\d{4,}\s?°?\s?[EWOewo]?(?![\w.])"
)
_ENOUGH_DIGITS = regex.compile(r"(?:\d[\s().\-–/]{0,3}){7,}")
# Where the library of numbering plans is not installed: what begins as phone numbers do.
_ABROAD = regex.compile(r"(?<![\w+])[+＋]\d{1,3}(?:[ .()-]{0,2}\d){6,12}(?!\d)")
_PLAIN_PHONE = regex.compile(r"(?<![\w.,/])(?:\+|00|0)\d(?:[ -]?\d){7,12}(?![\w.,/]*\d)")
_GROUPS = regex.compile(r"\d+")
# 21 3555-0199
_AREA_AND_HYPHEN = regex.compile(r"\d{2,3} \d{3,5}-\d{4}")
_LEAST, _MOST = 9, 15
_LABELLED_LEAST = 6


@dataclass(frozen=True, slots=True)
class Personal:
    """A piece of personal data: its kind, its place in the text that was given, and what stands there now.

    `kind`: name, phone, email, id_number, address, link or coordinates. `start` and `end` are character offsets.
    """

    kind: str
    start: int
    end: int
    shown: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without its personal data, and what was taken out, in the order of the text."""

    text: str
    found: tuple[Personal, ...]


def mask(text: str, lang: str) -> Masked:
    """`text` with its personal data replaced by marks such as "[name]".

    The words of the language's pack are looked for, and the English ones, since messages mix them. A language without
    such words still has phones, numbers, e-mails, links and coordinates masked.

    Raises:
        ConfigError: a file of the words or forms is faulty.
    """
    if switches.is_off("privacy"):
        return Masked(text, ())
    found: list[tuple[Span, str]] = []

    def add(kind: str, spans: list[Span]) -> None:
        taken = [span for span, _ in found]
        found.extend(
            (span, kind) for span in spans if not any(span[0] < end and start < span[1] for start, end in taken)
        )

    add("email", _spans(_EMAIL, text))
    add("link", _spans(_LINK, text))
    add("coordinates", _spans(_COORDINATES, text))
    has_digits = _ENOUGH_DIGITS.search(text) is not None or any(sign.isdigit() for sign in text)
    if has_digits:
        labelled, numbered = person_numbers(text, lang)
        add("id_number", labelled)
        phones = _phones(text, lang) if _ENOUGH_DIGITS.search(text) else []
        # A phone number that is also of a state's form (eleven digits in Nigeria) is a phone when it begins as one.
        add("phone", phones)
        add("id_number", numbered)
        add("phone", _labelled_phones(text, lang))
        add("address", _addresses(text, lang))
    add("name", names(text, lang))
    return _replaced(text, sorted(found))


def _replaced(text: str, found: list[tuple[Span, str]]) -> Masked:
    shown = shared_forms().shown
    pieces, personal, place = [], [], 0
    for (start, end), kind in found:
        mark = shown[kind]  # type: ignore[index]
        pieces += [text[place:start], mark]
        personal.append(Personal(kind, start, end, mark))
        place = end
    return Masked("".join((*pieces, text[place:])), tuple(personal))


def _spans(pattern: regex.Pattern[str], text: str) -> list[Span]:
    return [found.span() for found in pattern.finditer(text)]


def _phones(text: str, lang: str) -> list[Span]:
    if find_spec("phonenumbers") is None:
        return [span for span in _spans(_PLAIN_PHONE, text) if not clinical(text, *span, lang)]
    from phonenumbers import Leniency, PhoneNumberMatcher

    regions = shared_forms().regions
    found: dict[Span, None] = {}
    for region in dict.fromkeys((*regions.get(lang.partition("-")[0], ()), *regions["en"])):
        for match in PhoneNumberMatcher(text, region, Leniency.VALID):
            span = (match.start, match.end)
            if span not in found and _dialled(match.raw_string) and not clinical(text, *span, lang):
                found[span] = None
    # With a country's code in front it is a phone number, whether a plan knows it or not.
    for span in _spans(_ABROAD, text):
        found.setdefault(span, None)
    longest: list[Span] = []
    for span in sorted(found, key=lambda one: (one[0] - one[1], one[0])):
        if not any(span[0] < end and start < span[1] for start, end in longest):
            longest.append(span)
    return longest


def _dialled(raw: str) -> bool:
    """Whether digits that a numbering plan allows are written as one dials, not as measurements follow one another."""
    digits = [found[0] for found in _GROUPS.finditer(raw)]
    total = sum(map(len, digits))
    if raw.startswith(("+", "(+", "00")):
        return total >= _LEAST - 1
    if not _LEAST <= total <= _MOST:
        return False
    if len(digits) == 1:
        return True
    separators = {sign for sign in raw if not sign.isdigit() and sign not in "()"} or {" "}
    if raw.startswith("(") or _AREA_AND_HYPHEN.fullmatch(raw):
        return True
    if len(separators) > 1 or "/" in separators:
        return False
    return (digits[0].startswith("0") and len(digits[0]) > 1) or [len(group) for group in digits] in (
        [3, 3, 4],
        [3, 4, 4],
    )


def _labelled_phones(text: str, lang: str) -> list[Span]:
    found = []
    for pattern in _phone_labels(lang):
        for match in pattern.finditer(text):
            start, end = match.span("number")
            digits = sum(sign.isdigit() for sign in match["number"])
            if _LABELLED_LEAST <= digits <= _MOST and not clinical(text, start, end, lang):
                found.append((start, end))
    return found


def _addresses(text: str, lang: str) -> list[Span]:
    return [span for pattern in _address_patterns(lang) for span in _spans(pattern, text)]


@cache
def _phone_labels(lang: str) -> tuple[regex.Pattern[str], ...]:
    words = labelled(listed(lang, "phone_labels"))
    if not words:
        return ()
    return (
        regex.compile(
            rf"(?i){words}[\s:：.#-]*(?:[\p{{L}}\p{{M}}]+[\s:：.#-]+){{0,3}}(?P<number>\+?\(?\d[\d\s().-]{{4,18}}\d)"
        ),
        # "Call Dr Pedro Choque on 7155 5012": further away only what is written in two groups, as one dials.
        regex.compile(
            rf"(?i){words}\s(?:[\p{{L}}\p{{M}}]+[.]?\s){{4,7}}"
            r"(?P<number>\d{3,5}[ -]\d{4})(?![\w/%]|[.,-]\d|\s?\p{L})"
        ),
    )


@cache
def _address_patterns(lang: str) -> tuple[regex.Pattern[str], ...]:
    found = []
    boxes = "|".join(loose(word) for word in listed(lang, "boxes"))
    if boxes:
        found.append(regex.compile(rf"(?i)(?<![\p{{L}}\p{{M}}])(?:{boxes})[\s:.]*\d{{1,6}}(?:[-, ]+\d{{5}})?(?![\d%])"))
    streets = "|".join(loose(word) for word in listed(lang, "streets"))
    if streets:
        name = r"\p{Lu}[\p{L}\p{M}'’-]+"
        found += [
            # 12 Kenyatta Avenue; 5 rue Pasteur; Rua das Flores 12; Musterstraße 5
            regex.compile(rf"(?<![\w.,/])\d{{1,5}}[A-Za-z]?,?\s(?:{name}\s){{1,3}}(?i:{streets})(?![\p{{L}}\p{{M}}])"),
            regex.compile(
                rf"(?<![\w.,/])\d{{1,5}}[A-Za-z]?,?\s(?i:{streets})(?![\p{{L}}\p{{M}}])\s(?:\p{{L}}{{2,3}}\s)?{name}(?:\s{name}){{0,2}}"
            ),
            regex.compile(
                rf"(?<![\p{{L}}\p{{M}}])(?i:{streets})(?![\p{{L}}\p{{M}}])\s(?:\p{{L}}{{2,3}}\s)?(?:{name}\s?){{1,3}},?\s?(?:[Nn][o°º.]{{1,2}}\s?)?\d{{1,5}}(?!\d|[.,]\d|[/%]|\s?\p{{L}})"
            ),
            regex.compile(r"\p{Lu}[\p{L}\p{M}-]*(?i:straße|strasse|weg|platz|gasse)\s\d{1,4}[a-z]?(?!\w)"),
        ]
    return tuple(found)

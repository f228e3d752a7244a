"""Numbers that states, hospitals and insurers give to persons: by their form, their check digits, or a label."""

from __future__ import annotations

from functools import cache

import regex

from afya.assistant.understanding.personal import PersonNumber, Span, clinical, labelled, listed, shared_forms

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_SIGNS = "10X98765432"
_LEAST_DIGITS = 5


def person_numbers(text: str, lang: str) -> tuple[list[Span], list[Span]]:
    """Places of numbers behind a label, and of those that their form alone gives away."""
    labelled = []
    for pattern in _labelled(lang):
        for match in pattern.finditer(text):
            span = match.span("number")
            digits = sum(sign.isdigit() for sign in match["number"])
            if digits >= _LEAST_DIGITS and not clinical(text, *span, lang):
                labelled.append(span)
    alone = [
        match.span()
        for form, pattern in _forms()
        for match in pattern.finditer(text)
        if _passes(form, match[0]) and not clinical(text, *match.span(), lang)
    ]
    return labelled, alone


@cache
def _forms() -> tuple[tuple[PersonNumber, regex.Pattern[str]], ...]:
    return tuple(
        (form, regex.compile(rf"(?<![\w+]|\d[.,/-])(?:{form.pattern})(?!\w|[.,/-]\d)"))
        for form in shared_forms().numbers
        if not form.label
    )


@cache
def _labelled(lang: str) -> tuple[regex.Pattern[str], ...]:
    labels = labelled(listed(lang, "id_labels"))
    if not labels:
        return ()
    return (
        regex.compile(
            # Letters such as "no", "number" or "is" may stand between; figures of the number may be in groups.
            rf"(?i){labels}[\s:：.#№°º-]*(?:\p{{L}}[\p{{L}}\p{{M}}]*[\s:：.#№°º]+){{0,3}}"
            r"(?P<number>[A-Z]{0,4}[-/ ]?\d(?:[\dA-Z]|[-/ ](?=[\dA-Z]*\d)){3,22}[\dA-Z]?)(?!\w)"
        ),
    )


def _passes(form: PersonNumber, found: str) -> bool:
    if form.check is None:
        return True
    plain = "".join(sign for sign in found.upper() if sign.isalnum())
    return _CHECKS[form.check](plain)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _cpf(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(digit) * (length + 1 - place) for place, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return True


def _dni(plain: str) -> bool:
    first = plain[0]
    number = plain[:-1] if first.isdigit() else str("XYZ".index(first)) + plain[1:-1]
    return number.isdigit() and len(number) == 8 and _DNI_LETTERS[int(number) % 23] == plain[-1]


def _cn(plain: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(plain[:17], _CN_WEIGHTS, strict=True))
    return _CN_SIGNS[total % 11] == plain[17]


def _nhs(digits: str) -> bool:
    rest = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9])) % 11
    return rest != 10 and rest % 11 == int(digits[9])


_CHECKS = {"luhn": _luhn, "cpf": _cpf, "dni": _dni, "cn": _cn, "nhs": _nhs}

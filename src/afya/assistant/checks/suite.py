"""All checks of a draft, in one call that never raises: a check that cannot be made has failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from afya.assistant.checks import citations, dose, grounding, numbers, polarity, scope, speech, switches
from afya.assistant.checks.draft import Draft, Sentence, SourcePassage
from afya.assistant.checks.medicine_names import Mention, mentions
from afya.assistant.checks.verdict import Verdict
from afya.protocols.dosing import Subject
from afya.protocols.model import Formulary, Protocol
from afya.text.normalise import normalise

NAMES: tuple[str, ...] = switches.CHECKS
"""The names of the checks, in the order of their verdicts."""

_Faults = list[tuple[int | None, str]]


def verify(
    draft: Draft,
    passages: Sequence[SourcePassage],
    *,
    question: str,
    subject: Subject | None,
    formulary: Protocol | Formulary | None,
    lang: str,
) -> tuple[Verdict, ...]:
    """The verdicts on a draft, by check in the order of NAMES; of a check that fails, one for each faulty sentence.

    `lang`: the language the draft is in, a code or a pack's ("sw-TZ"). Without a formulary no medicine may be given at
    all; `subject` None is a person nothing is known of. Never raises: what a check raises is a failed verdict.
    """
    code = lang.partition("-")[0]
    person = subject if subject is not None else Subject()
    known = formulary if formulary is not None else Formulary({}, {}, "")
    checks: dict[str, Callable[[], _Faults]] = {
        "citations": lambda: _each(draft, lambda one, _: citations.fault(one, passages)),
        "grounding": lambda: _each(
            draft,
            lambda one, at: grounding.fault(
                one, _cited(one, passages), code, known.medicines, _right(draft, at, code, person, known)
            ),
        ),
        "numbers": lambda: _each(
            draft,
            lambda one, at: numbers.fault(
                one, _cited(one, passages), code, _right(draft, at, code, person, known), question
            ),
        ),
        "dose": lambda: _each(draft, lambda one, at: _dose(draft, at, code, person, known).fault),
        "contraindication": lambda: _each(draft, lambda one, _: dose.contraindication(one.text, code, person, known)),
        "scope": lambda: _each(draft, lambda one, _: scope.fault(one.text, code, known)),
        "polarity": lambda: _each(draft, lambda one, _: polarity.fault(one, _cited(one, passages), code)),
        "language": lambda: [(None, said)] if (said := speech.fault(draft, passages, code)) else [],
    }
    return tuple(verdict for name in NAMES for verdict in _made(name, checks[name], draft))


def passed(verdicts: Sequence[Verdict]) -> bool:
    """Whether every check was made and passed. No verdicts, or one check without any, is a failure."""
    return {verdict.name for verdict in verdicts} >= set(NAMES) and all(verdict.passed for verdict in verdicts)


def _made(name: str, check: Callable[[], _Faults], draft: Draft) -> list[Verdict]:
    try:
        if switches.is_off(name):
            return [Verdict(name, True, "switched off")]
        if not draft.sentences:
            return [Verdict(name, False, "the draft has no sentences")]
        faults = check()
    except Exception as error:
        # Whatever goes wrong in a check, its question stays open, and an open question is a no.
        return [Verdict(name, False, f"could not be made: {type(error).__name__}: {error}")]
    return [Verdict(name, False, said, at) for at, said in faults] or [Verdict(name, True)]


def _each(draft: Draft, fault: Callable[[Sentence, int], str | None]) -> _Faults:
    return [(at, said) for at, one in enumerate(draft.sentences) if (said := fault(one, at)) is not None]


def _cited(sentence: Sentence, passages: Sequence[SourcePassage]) -> list[SourcePassage]:
    return [passages[cite - 1] for cite in sentence.cites if 1 <= cite <= len(passages)]


def _right(
    draft: Draft, at: int, lang: str, subject: Subject, known: Protocol | Formulary
) -> tuple[tuple[int, int], ...]:
    """Places of doses that the formulary allows; one wrong dose in a sentence leaves none of it to the formulary."""
    found = _dose(draft, at, lang, subject, known)
    return found.right if found.fault is None else ()


def _dose(draft: Draft, at: int, lang: str, subject: Subject, known: Protocol | Formulary) -> dose.Doses:
    before: list[Mention] = []
    for earlier in reversed(draft.sentences[:at]):
        before = mentions(normalise(earlier.text), lang, known.medicines)
        if before:
            break
    return dose.doses(draft.sentences[at].text, lang, subject, known, before)

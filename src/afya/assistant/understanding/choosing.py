"""Which protocol a message is about, and whom: by the words it uses, the age it gives, and the conversation so far.

A protocol is chosen only when it can be for the person: a pregnancy's never for one of eight months. Where a message
names an illness and nobody, and the pack knows protocols for several kinds of people, the person is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from afya.assistant.context import Choice, Known, Who
from afya.assistant.limits import Limits
from afya.assistant.understanding.facts import pressures
from afya.assistant.understanding.speech import Language
from afya.protocols import CHILD, Protocol
from afya.text.words import Phrases

# Subjects whose age alone tells the protocol.
_YOUNG = ("infant", "child")
_KINDS: tuple[Who, ...] = ("child", "infant", "woman", "adult")


def choose(
    text: str,
    speech: Language,
    protocols: Mapping[str, Protocol],
    age_months: float | None,
    signs: Collection[str],
    known: Known | None,
    limits: Limits,
) -> Choice:
    """The protocol of `protocols` that a message (normalised) is about; the child's where nothing tells otherwise.

    `age_months` is the age that the message gives; `signs` the names of what it says is
    there. The child's protocol with `who` a grown-up means that no protocol is for them.
    """
    scores = _counted(speech.protocols, text)
    people = _counted(speech.people, text)
    about_women = any(protocols[name].subject == "woman" for name in scores if name in protocols)
    if age_months is not None and age_months < limits.woman_months and about_women:
        # "7 months pregnant" is no age, where the message names no child.
        age_months = age_months if people.get("child") or people.get("infant") else None
    fitting = {name: entry for name, entry in protocols.items() if fits(entry, age_months, limits)}
    named = tuple(sorted((name for name in scores if name in fitting), key=lambda name: -scores[name]))
    who = _who(age_months, people, protocols, limits)
    if who is None and not people and known is not None:
        who = known.who
    for name in named:
        if _may_be(protocols[name], who, people):
            return Choice(name, who or _grown(protocols[name]), named=named)
    measured = _measured(text, fitting, who, people)
    if measured is not None:
        return Choice(measured, who or _grown(protocols[measured]), named=named)
    goes_on = known is not None and known.protocol in protocols and not people
    if known is not None and known.protocol is not None and goes_on and (age_months is None or not signs):
        # A number alone ("20 weeks") does not make it another person, nor does a further sign.
        return Choice(known.protocol, known.who, named=named)
    if who in ("woman", "adult"):
        return Choice(_of_grown(who, signs, protocols) or CHILD, who, named=named)
    by_age = _of_age(age_months, protocols, limits)
    if by_age is not None:
        return Choice(by_age, who, named=named)
    if who == "infant":
        infant = next((name for name, entry in protocols.items() if entry.subject == "infant"), CHILD)
        return Choice(infant, who, named=named)
    # Somebody has a cough: a child's is another matter than a grown-up's.
    grown = any(entry.subject in ("woman", "adult") for entry in protocols.values())
    return Choice(CHILD, who, ask_who=who is None and grown and bool(speech.pack.topics.people), named=named)


def fits(protocol: Protocol, age_months: float | None, limits: Limits) -> bool:
    """Whether the protocol can be for a person of this age; True when it is not known."""
    if age_months is None or protocol.subject == "anyone":
        return True
    if protocol.subject in _YOUNG:
        return _inside(protocol, age_months)
    least = limits.woman_months if protocol.subject == "woman" else limits.adult_months
    # Care after birth is for mother and newborn: the newborn's days are an age too.
    newborn = protocol.age is not None and protocol.age.unit == "day"
    return age_months >= least or (newborn and _inside(protocol, age_months))


def _inside(protocol: Protocol, age_months: float) -> bool:
    if protocol.age is None:
        return True
    entry = protocol.inputs[protocol.age.input]
    low = 0.0 if entry.low is None else protocol.age.months(entry.low)
    high = float("inf") if entry.high is None else protocol.age.months(entry.high)
    return low <= age_months < high


def _counted(phrases: Phrases, text: str) -> dict[str, int]:
    """How many different phrases of each key stand in the text; one within another counts once."""
    found: dict[str, set[str]] = {}
    reached: dict[str, int] = {}
    for match in phrases.find(text):
        if match.end > reached.get(match.key, -1):
            found.setdefault(match.key, set()).add(match.phrase)
            reached[match.key] = match.end
    return {key: len(listed) for key, listed in found.items()}


def _may_be(protocol: Protocol, who: Who | None, people: Mapping[str, int]) -> bool:
    """Whether a protocol that the message names can be for the one it is about: "my child coughs, I am pregnant"."""
    if protocol.subject == "anyone" or who in (None, "anyone") or protocol.subject == who:
        return True
    if protocol.subject == "infant" or (who == "infant" and protocol.age is not None and protocol.age.unit == "day"):
        return who != "adult"
    if protocol.subject in ("woman", "adult"):
        return who in ("woman", "adult") or bool(people.get("woman") or people.get("adult"))
    return False


def _of_age(age: float | None, protocols: Mapping[str, Protocol], limits: Limits) -> str | None:
    """The child's or infant's protocol that covers an age; the child's for one that none covers (it says so)."""
    if age is None:
        return None
    covering = [name for name, entry in protocols.items() if entry.subject in _YOUNG and fits(entry, age, limits)]
    return covering[0] if covering else CHILD


def _measured(text: str, fitting: Mapping[str, Protocol], who: Who | None, people: Mapping[str, int]) -> str | None:
    """The protocol of a blood pressure that is written in the message: the adults' first."""
    for name in sorted(fitting, key=lambda name: fitting[name].subject != "adult"):
        if pressures(text, fitting[name]) and _may_be(fitting[name], who, people):
            return name
    return None


def _of_grown(who: Who, signs: Collection[str], protocols: Mapping[str, Protocol]) -> str | None:
    """The grown-ups' protocol that begins with a sign of the message: a cough leads to tuberculosis."""
    for name, protocol in protocols.items():
        leads = any(entry.entry and entry.name in signs for entry in protocol.inputs.values())
        if leads and protocol.subject in ("adult", "anyone", who):
            return name
    return None


def _who(age: float | None, people: Mapping[str, int], protocols: Mapping[str, Protocol], limits: Limits) -> Who | None:
    """Whom a message is about: by the age, else by its words for people where they name one kind, or one most."""
    if age is not None:
        young = protocols[name] if (name := _of_age(age, protocols, limits)) is not None else None
        if young is not None and fits(young, age, limits):
            return "infant" if young.subject == "infant" else "child"
        return "adult" if age >= limits.adult_months else "anyone"
    ranked = sorted(people, key=lambda key: -people[key])
    if not ranked or (len(ranked) > 1 and people[ranked[0]] == people[ranked[1]]):
        # "A pregnant woman and her child": the topic decides.
        return None
    return next((kind for kind in _KINDS if kind == ranked[0]), None)


def _grown(protocol: Protocol) -> Who | None:
    return protocol.subject if protocol.subject in ("woman", "adult") else None

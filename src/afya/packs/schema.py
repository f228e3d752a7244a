"""What the files of a pack must hold; apart from the loader so that pydantic is imported only when a pack is read.

Every model is frozen and is itself what the rest of the house gets: a pack's glossary is a tuple of `Term`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.text.groups import Group

Text = Annotated[str, Field(min_length=1)]
Texts = tuple[Text, ...]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackHeader(_Frozen):
    """pack.yaml: whose language this is, who wrote it, who has reviewed it.

    What is left out of script, direction and digits is the registry's. `engines` maps a translation engine to the code
    it knows the language by, where that is not the registry's. `base` names the pack that a regional one is laid over.
    `tone_marks`: the language is read wrongly without its marks, so that a text without any is a fault.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    code: Text
    name: Text
    endonym: Text
    region: str | None = None
    base: str | None = None
    origin: Literal["human", "machine"]
    reviewed: bool
    reviewers: list[str]
    script: str | None = None
    direction: Literal["ltr", "rtl"] | None = None
    digits: Annotated[str, Field(min_length=10, max_length=10)] | None = None
    decimal_mark: Literal[".", ",", "٫"] = "."
    tone_marks: bool = False
    engines: dict[str, str] = {}

    @model_validator(mode="after")
    def _reviewed_by_somebody(self) -> PackHeader:
        if self.reviewed and not self.reviewers:
            raise ValueError("reviewed is true, but no reviewer is named")
        return self


class Sourced(_Frozen):
    """A row that states a fact: the document it rests on, and whether a professional has signed it."""

    source: Text
    page: str | None = None
    reviewed: bool
    note: str | None = None


class Spellings(_Frozen):
    """Other forms of words, by the right one: misspelt, of another language mixed in, misheard by dictation.

    They are put right in a copy of the message that only triage and topics read; what is shown stays as it was typed.
    """

    misspellings: Mapping[Text, Texts] = {}
    code_mixed: Mapping[Text, Texts] = {}
    speech: Mapping[Text, Texts] = {}

    def groups(self) -> tuple[tuple[str, Mapping[str, tuple[str, ...]]], ...]:
        """The three groups by name, in the order in which they are applied."""
        return (("misspellings", self.misspellings), ("code_mixed", self.code_mixed), ("speech", self.speech))

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(form, right word) of all groups, the longest forms first, so that a phrase is read before its words."""
        listed = [(form, right) for _, group in self.groups() for right, forms in group.items() for form in forms]
        return tuple(sorted(dict.fromkeys(listed), key=lambda pair: (-len(pair[0]), pair)))


class Term(_Frozen):
    """A medical term: its English names, those of the pack's language, and what a translator must know.

    `plain`: words that people without training use for it.
    """

    en: Annotated[Texts, Field(min_length=1)]
    here: Texts = ()
    plain: Texts = ()
    note: str | None = None


class GlossaryFile(_Frozen):
    """glossary.yaml."""

    terms: tuple[Term, ...] | None = None


class Unit(Sourced):
    """A local measure: its volume (millilitres) or mass (grams), and the words for it."""

    ml: Annotated[float, Field(gt=0)] | None = None
    g: Annotated[float, Field(gt=0)] | None = None
    words: Texts = ()


class Level(_Frozen):
    """A level of care and what it is called here."""

    id: Text
    name: str = ""
    words: Texts = ()
    note: str | None = None


class Emergency(Sourced):
    """An emergency number. It belongs to a country, so a pack of a language alone has none."""

    number: Text
    purpose: Literal["ambulance", "emergency", "poison", "violence", "mental_health", "health_line"]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]


class Referral(_Frozen):
    """referral.yaml: where a patient is sent, from the nearest to the furthest, and whom to call."""

    levels: tuple[Level, ...] = ()
    emergency: tuple[Emergency, ...] = ()


class Illness(Sourced):
    """A local name of an illness: what it means in the terms of the protocols, and what to do or not to do."""

    here: Text
    words: Texts = ()
    means: Text
    care: Text


class Taboo(_Frozen):
    """What is not spoken of openly, and how to ask all the same."""

    topic: Text
    ask: Text
    note: str | None = None
    reviewed: bool


class Euphemism(_Frozen):
    """What people say instead of the plain word."""

    phrase: Text
    means: Text
    note: str | None = None
    reviewed: bool


class Food(Sourced):
    """A local food and what it is good for (or not)."""

    here: Text
    words: Texts = ()
    use: Literal["complementary", "fluid", "iron", "vitamin_a", "avoid"]
    months: Annotated[int, Field(ge=0, le=60)] | None = None


class DangerGroup(_Frozen):
    """One entry of danger_groups.yaml: concepts of danger.yaml that tell a sign together, each "belly" or "belly|womb".

    See `afya.text.groups.Group` for what each key does; `where` is its scope and `given` its context.
    """

    all: Annotated[Texts, Field(min_length=1)]
    apart: Annotated[int, Field(ge=0, le=30)] = 5
    where: Literal["clause", "sentence"] = "clause"
    ordered: bool = False
    unless: Texts = ()
    given: Texts = ()

    def group(self, rule: str) -> Group:
        """The group as it is looked for."""
        return Group(rule, _named(self.all), self.apart, self.where, self.ordered, self.unless, _named(self.given))


def _named(entries: Texts) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(name.strip() for name in entry.split("|")) for entry in entries)


class DangerGroups(_Frozen):
    """danger_groups.yaml: the groups of each danger rule."""

    groups: Mapping[Text, tuple[DangerGroup, ...]] = {}


class Culture(_Frozen):
    """culture.yaml: the people's own words for illness, what is not said aloud, and what they eat."""

    illnesses: tuple[Illness, ...] = ()
    taboo: tuple[Taboo, ...] = ()
    euphemisms: tuple[Euphemism, ...] = ()
    foods: tuple[Food, ...] = ()


class LocalMedicine(_Frozen):
    """What a medicine of the formulary is called here, and the strength sold where that differs."""

    names: Texts = ()
    strength: str | None = None
    source: str | None = None
    reviewed: bool = False
    note: str | None = None


class LocalFormulary(_Frozen):
    """formulary.yaml of a pack."""

    medicines: Mapping[Text, LocalMedicine] = {}


class PackTest(_Frozen):
    """One line of tests.jsonl: a message and what must come of it.

    `danger`: the rules that must stand, exactly these. `must` and `must_not`: words of the answer, or keys of the
    pack's texts ("action.give_zinc"). `note` says in English what the message says. `route`: the route of the answer;
    None where a passage and the guide are both right.
    """

    id: Text
    text: Text
    route: Text | None = None
    protocol: str | None = None
    danger: tuple[str, ...] = ()
    must: Texts = ()
    must_not: Texts = ()
    findings: Mapping[str, bool | int | float | str] | None = None
    note: str | None = None

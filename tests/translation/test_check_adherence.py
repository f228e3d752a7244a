"""The glossary check: terms of the source are said as the glossary says them, in any inflection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from afya.translation.checks import adherence


@dataclass(frozen=True)
class Spotted:
    start: int
    end: int
    concept: str


class SmallGlossary:
    """Two concepts of one word, one of another, and one that Swahili has no name for."""

    names: ClassVar[dict[str, tuple[str, ...]]] = {"fever": ("f1",), "cold": ("c1", "c2"), "stridor": ("s1",)}
    said: ClassVar[dict[str, tuple[str, ...]]] = {
        "f1": ("homa", "joto jingi"),
        "c1": ("mafua",),
        "c2": ("baridi",),
        "s1": (),
    }

    def spot(self, text: str, lang: str) -> list[Spotted]:
        return [
            Spotted(text.index(word), text.index(word) + len(word), concept)
            for word, concepts in self.names.items()
            if word in text
            for concept in concepts
        ]

    def forms(self, concept: str, lang: str) -> tuple[str, ...]:
        return self.said[concept]


CHECK = adherence.make("en", "sw", SmallGlossary())  # type: ignore[arg-type]


def test_a_term_said_as_listed_passes() -> None:
    assert CHECK("a fever", "Homa kali").passed
    assert CHECK("a fever", "ana joto jingi").passed


def test_a_term_said_otherwise_is_named() -> None:
    verdict = CHECK("a fever", "ana ugonjwa")
    assert not verdict.passed
    assert verdict.detail == "not as in the glossary: fever (homa / joto jingi)"


def test_any_of_several_concepts_will_do() -> None:
    assert CHECK("a cold", "mafua").passed
    assert CHECK("a cold", "baridi").passed
    assert not CHECK("a cold", "joto").passed


def test_a_term_without_a_name_in_the_language_is_not_asked_for() -> None:
    assert CHECK("a stridor", "sauti").passed


def test_beginnings_and_endings_may_stand_on_a_form() -> None:
    class Zulu(SmallGlossary):
        said: ClassVar[dict[str, tuple[str, ...]]] = {"f1": ("imfiva",), "c1": ("umkhuhlane",), "c2": (), "s1": ()}

    check = adherence.make("en", "zu", Zulu())  # type: ignore[arg-type]
    assert check("a fever", "unemfiva").passed
    assert check("a cold", "nomkhuhlane").passed

"""A pack's phrases, compiled: what a language's people say for danger, topics, facts and requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from afya.assistant.limits import limits
from afya.assistant.understanding.facts import Vocabulary
from afya.assistant.understanding.gloss import Glosser
from afya.assistant.understanding.nearness import NearWords
from afya.assistant.understanding.spelling import Speller
from afya.languages import language
from afya.packs import Pack, load_pack
from afya.text.groups import Groups
from afya.text.literals import text_literals
from afya.text.words import Phrases, words


def bare(phrase: str) -> str:
    """A phrase without its signs for open ends."""
    return phrase.replace("*", "")


@dataclass(frozen=True)
class Language:
    """One language's pack with its phrases compiled. `words` are the plain words of its phrases.

    `together`: words that are a danger sign only together.
    """

    pack: Pack
    code: str
    danger: Phrases
    together: Groups
    sections: Phrases
    requests: Phrases
    protocols: Phrases
    people: Phrases
    facts: Vocabulary
    words: frozenset[str]

    @cached_property
    def speller(self) -> Speller:
        """The pack's spellings. Raises ConfigError when their file is faulty."""
        return Speller(self.code, self.pack.spellings.pairs())

    @cached_property
    def glosser(self) -> Glosser:
        """The pack's glossary. Raises ConfigError when its file, or that of the culture, is faulty."""
        return Glosser(self.pack)

    @cached_property
    def near(self) -> NearWords | None:
        """The words of the danger phrases under a slip of the fingers; None in scripts without spaces."""
        if not language(self.code).spaced:
            return None
        pack, bounds = self.pack, limits()
        wanted = {word.plain for listed in pack.danger.values() for phrase in listed for word in words(bare(phrase))}
        wanted = {word for word in wanted if len(word) >= bounds.slip_letters}
        # A word that counts only together with others may be shorter: a chance slip of one alone raises nothing.
        whole = (phrase for listed in pack.concepts.values() for phrase in listed if "*" not in phrase)
        wanted |= {word.plain for phrase in whole for word in words(bare(phrase))}
        told = {word.plain for text in pack.messages.values() for word in words(text)}
        small = {word.plain for text in text_literals(self.code).identification.words for word in words(text)}
        return NearWords(wanted, self.words | told | small, bounds.slip_letters_together)

    @classmethod
    def load(cls, lang: str, root: Path | None = None) -> Language:
        """The language's pack, compiled. Raises ConfigError when there is none or it is faulty."""
        pack = load_pack(lang, root)
        code = lang.partition("-")[0]

        def compiled(group: Mapping[str, tuple[str, ...]]) -> Phrases:
            return Phrases(code, [(key, phrase) for key, listed in group.items() for phrase in listed])

        topics = pack.topics
        groups = (pack.danger, pack.concepts, topics.sections, topics.signs, topics.units)
        known = {
            word.plain
            for group in groups
            for listed in group.values()
            for phrase in listed
            if "*" not in phrase
            for word in words(phrase)
        }
        return cls(
            pack=pack,
            code=code,
            danger=compiled(pack.danger),
            together=Groups(code, pack.concepts, [group for listed in pack.groups.values() for group in listed]),
            sections=compiled(topics.sections),
            requests=compiled(topics.requests),
            protocols=compiled(topics.protocols),
            people=compiled(topics.people),
            facts=Vocabulary.of(pack, code, language(code).spaced),
            words=frozenset(known),
        )

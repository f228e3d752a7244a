"""The assistant that is measured, in one language: as it ships, and with engines and passages that a probe brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from afya.assistant import stages as turn
from afya.assistant.context import Answer, Context, Request, Retrieval, Route
from afya.assistant.knowledge import Hit, Knowledge, Passage, open_knowledge
from afya.assistant.pipeline import Stage, run
from afya.assistant.stages import Assistant
from afya.packs import load_pack
from afya.protocols.vignettes import generate
from afya.runs import canonical, sha256_path, sha256_text

if TYPE_CHECKING:
    from afya.models import LanguageModel
    from afya.translation.base import Translator

# Texts of the pack by which its script is known.
_SCRIPT_TEXTS = 40
PIVOT = "en"
_ROOMS, _SHAPING = ("assistant", "protocols", "text", "translation", "packs"), frozenset({".py", ".yaml"})
_SEED, _CASES_TRIED = 20, 60


def identity(langs: Sequence[str]) -> str:
    """A hash of what shapes the answers: the packs, and code and data of the rooms that a turn goes through.

    It tells whether a run can be continued: one half of it must not be of another assistant than the other.
    """
    house = Path(str(files("afya")))
    packs = {folder.name: sha256_path(folder) for lang in (*langs, PIVOT) for folder in load_pack(lang).folders}
    shaping = {
        path.relative_to(house).as_posix(): sha256_path(path)
        for room in _ROOMS
        for path in sorted((house / room).rglob("*"))
        if path.suffix in _SHAPING and "cases" not in path.relative_to(house).parts
    }
    return sha256_text(canonical({"packs": packs, "rooms": shaping}))


class Subject:
    """One language's assistant under measurement. `translator` and `model` are specs of engines, or None."""

    def __init__(self, lang: str, *, translator: str | None = None, model: str | None = None) -> None:
        self.lang = lang
        self.pack = load_pack(lang)
        self.code = self.pack.code
        self.knowledge = open_knowledge(
            None, tuple({pack.lang: pack for pack in (self.pack, load_pack(PIVOT))}.values())
        )
        self.assistant = Assistant(lang, model=model, translator=translator, knowledge=self.knowledge)

    @cached_property
    def pack_text(self) -> str:
        """Some of the pack's own text: what its script looks like."""
        return "\n".join(list(self.pack.messages.values())[:_SCRIPT_TEXTS])

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the pack's phrases, which the language identification takes for the language's."""
        return self.assistant.resources.chosen.words

    @cached_property
    def danger_text(self) -> str:
        """A danger phrase of the pack: a message that must be red."""
        return next(iter(typed(self.pack.danger["convulsions"])))

    @cached_property
    def case_text(self) -> str:
        """A practice case of the pack with no danger in it: a message that gets advice."""
        listed = [str(item.question) for item in islice(generate([self.pack.lang], None, _SEED, "test"), _CASES_TRIED)]
        return next((text for text in listed if _advised(self.assistant.ask(text))), listed[0])

    def shipped(self, question: str, limit: int = 5) -> tuple[Passage, ...]:
        """The passages that the shipped knowledge finds for a question."""
        return tuple(hit.passage for hit in self.knowledge.search(question, self.code, limit=limit))

    def titles(self, topic: str) -> frozenset[str]:
        """The titles of the shipped passages of a topic, of this pack and of the pivot's."""
        return frozenset(
            passage.header.title
            for pack in (self.pack, load_pack(PIVOT))
            for passage in pack.passages
            if topic in (passage.header.topic, passage.name)
        )

    def with_engines(
        self, model: LanguageModel | None, translator: Translator | None, knowledge: Knowledge | None = None
    ) -> tuple[Stage, ...]:
        """The stages of a turn over the same resources with other engines, and other knowledge where it is given."""
        kit = self.assistant.resources
        return turn.stages(
            replace(
                kit, model=model, translator=translator, knowledge=knowledge if knowledge is not None else kit.knowledge
            )
        )

    def answer_searching(self, question: str, knowledge: Knowledge, model: LanguageModel | None) -> Answer:
        """The answer to what is routed as a question, from this knowledge: the stages from the search on."""
        context = replace(self.begun(question), route=Route("question"), notice=None)
        listed = self.with_engines(model, None, knowledge)
        start = next(place for place, stage in enumerate(listed) if stage.name == "retrieve")
        return self.assistant.answer(run(listed[start:], context))

    def answer_from(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        model: LanguageModel | None = None,
        translator: Translator | None = None,
    ) -> Answer:
        """The answer to a question for which exactly these passages were found: the stages from generation on.

        The question counts as read, triaged and routed to the passages.
        """
        hits = tuple(Hit(passage, 1.0, None, ("passage",), (), 1.0, 1.0, 1.0) for passage in passages)
        context = self.begun(question)
        context = replace(
            context,
            route=Route("question"),
            retrieval=Retrieval(hits, True, "evaluation", (question,)),
            notice=None,
        )
        listed = self.with_engines(model, translator)
        start = next(place for place, stage in enumerate(listed) if stage.name == "generate")
        return self.assistant.answer(run(listed[start:], context))

    def answer_with(self, text: str, model: LanguageModel | None, translator: Translator | None) -> Answer:
        """The answer to a message with other engines."""
        return self.answer_by(self.with_engines(model, translator), text)

    def turn_with(self, text: str, model: LanguageModel | None, translator: Translator | None) -> Context:
        """Everything done to answer a message with other engines."""
        return run(self.with_engines(model, translator), Context(Request(text, self.lang)))

    def answer_by(self, listed: Sequence[Stage], text: str) -> Answer:
        """The answer to a message by these stages."""
        return self.assistant.answer(run(listed, Context(Request(text, self.lang))))

    def begun(self, question: str) -> Context:
        """The turn of a message up to its facts, without engines."""
        listed = self.with_engines(None, None)
        end = next(place for place, stage in enumerate(listed) if stage.name == "route")
        return run(listed[:end], Context(Request(question, self.lang, mode="direct")))


def typed(phrases: Sequence[str]) -> list[str]:
    """Phrases as a person could type them: those without a place for other words.

    Where each of a rule's phrases ends in "*" (Korean particles), the beginnings are given.
    """
    whole = [phrase for phrase in phrases if "*" not in phrase and "..." not in phrase]
    return whole or [phrase.rstrip("*") for phrase in phrases if "..." not in phrase and "*" not in phrase.rstrip("*")]


def _advised(answer: Answer) -> bool:
    return answer.colour != "red" and any(block.kind == "action" for block in answer.blocks)


def passage(text: str, lang: str, number: int = 1) -> Passage:
    """A passage made for a probe."""
    return Passage(
        passage_id=f"evaluation{number:06d}",
        text=text,
        lang=lang,
        title=f"Evaluation {number}",
        section=None,
        page=str(number),
        source="evaluation",
        publisher="afya",
        licence="Apache-2.0",
        version="1",
        reviewed=False,
        expires=None,
        authors=(),
    )

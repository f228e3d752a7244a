"""The stages of a turn, in their order, and `Assistant`, which runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from afya.assistant import decisions, listening, replying
from afya.assistant.context import Answer, Block, Colour, Context, Known, Mode, Request
from afya.assistant.pipeline import Stage, run
from afya.assistant.resources import AuditHook, QueueHook, Resources, load

if TYPE_CHECKING:
    from afya.assistant.knowledge import Knowledge
    from afya.models import LanguageModel
    from afya.translation.base import Translator


class Assistant:
    """Answers messages in one language. Loading reads the pack and the protocols; each `ask` is one turn.

    Args:
        lang: the language of the messages and answers, such as "sw", or a regional pack's code.
        model: a language model, or its spec ("hf:FOLDER"), which is then run in a process of its own; None: what is
            quoted and said is the pack's, the protocols' and the passages' own text.
        translator: a translation engine, or its spec as `afya translate` takes it; run in a process of its own too.
        knowledge: the passages that questions are answered from.
        audit, queue: are given every turn, and those that a supervisor should look at.
        mode: how questions in another language than English are answered.
        packs: a folder of packs that stand before those that come with afya.
    """

    def __init__(
        self,
        lang: str,
        *,
        model: LanguageModel | str | None = None,
        translator: Translator | str | None = None,
        knowledge: Knowledge | None = None,
        audit: AuditHook | None = None,
        queue: QueueHook | None = None,
        mode: Mode | None = None,
        packs: Path | None = None,
    ) -> None:
        """Raises ConfigError when the language has no pack, its pack lacks what triage needs, or a spec is unknown."""
        self.resources = load(lang, packs=packs, knowledge=knowledge, audit=audit, queue=queue, mode=mode)
        self._processes: list[Callable[[], None]] = []
        self.resources.model = self._model(model) if isinstance(model, str) else model
        self.resources.translator = self._translator(translator) if isinstance(translator, str) else translator
        self.stages = stages(self.resources)

    def _model(self, spec: str) -> LanguageModel:
        from afya.assistant.engines import ModelProcess

        found = ModelProcess(spec, self.resources.limits)
        self._begin(found.warm, found.close)
        return found

    def _translator(self, spec: str) -> Translator:
        from afya.assistant.engines import TranslatorProcess

        found = TranslatorProcess(spec, self.resources.limits)
        self._begin(found.warm, found.close)
        return found

    def _begin(self, warm: Callable[[], object], close: Callable[[], None]) -> None:
        """Load an engine while the first message is still to come: a large one may take longer than a stage has."""
        self._processes.append(close)
        threading.Thread(target=warm, name="afya-warm", daemon=True).start()

    def ask(
        self,
        text: str,
        *,
        conversation: Known | None = None,
        mode: Mode | None = None,
        when: datetime | None = None,
    ) -> Answer:
        """The answer to one message. Never raises for anything in the message.

        `conversation` is what the answer before gave as `known`; `when` the time of the message.
        """
        return self.answer(self.turn(Request(text, self.resources.chosen.pack.lang, conversation, mode, when)))

    def turn(self, request: Request) -> Context:
        """Everything done to answer one message."""
        return run(self.stages, Context(request))

    def answer(self, context: Context) -> Answer:
        """The answer of a turn, with its events; the least that can be said where the turn has none."""
        if context.answer is None:
            return _nothing_to_say(context, self.resources)
        return replace(context.answer, events=context.events)

    def close(self) -> None:
        """End the processes of model and translator."""
        while self._processes:
            self._processes.pop()()


def stages(kit: Resources) -> tuple[Stage, ...]:
    """The stages of a turn over these resources."""
    limits = kit.limits
    short, translating, writing = limits.stage_seconds, limits.translation_seconds, limits.model_seconds

    def bound(step: Callable[[Context, Resources], Context]) -> Callable[[Context], Context]:
        return lambda context: step(context, kit)

    return (
        Stage("receive", bound(listening.receive), short, needed=True, detail=decisions.received),
        Stage("language", bound(listening.check_language), short, detail=decisions.language),
        Stage("normalise", bound(listening.normalised), short, needed=True),
        Stage("mask", bound(listening.masked), short, detail=decisions.masked),
        Stage("spell", bound(listening.spelled), short, detail=decisions.spelled),
        Stage("triage", bound(listening.triage), short, needed=True, detail=decisions.triage),
        Stage("translate_in", bound(listening.translate_in), translating, urgent=short, detail=decisions.pivot),
        Stage("triage_pivot", bound(listening.triage_pivot), short, needed=True, detail=decisions.triage_pivot),
        Stage("harm", bound(listening.harm), short, needed=True, detail=decisions.harm),
        Stage("facts", bound(listening.find_facts), short, needed=True, detail=decisions.facts),
        Stage("route", bound(listening.route), short, needed=True, detail=decisions.route),
        Stage("assess", bound(replying.assess), short, needed=True, detail=decisions.assessment),
        Stage("retrieve", bound(replying.retrieve), short, detail=decisions.retrieval),
        Stage("generate", bound(replying.generated), writing, detail=decisions.generated),
        Stage("verify", bound(replying.verify), writing, detail=decisions.verified),
        Stage("translate_out", bound(replying.translate_out), translating, detail=decisions.delivered),
        Stage("check_back", bound(replying.checked_back), translating, detail=decisions.delivered),
        Stage("answer", bound(replying.answer), short, final=True, detail=decisions.answer),
        Stage("persist", bound(replying.persist), short, final=True, detail=decisions.persist),
        Stage("audit", bound(replying.audit), short, final=True),
    )


def _nothing_to_say(context: Context, kit: Resources) -> Answer:
    """What is left when the answer itself could not be put together: still the danger, or that nothing is known."""
    messages = kit.chosen.pack.messages
    red = context.triage is not None and bool(context.triage.standing)
    keys = ["colour.red", "action.refer_urgently"] if red else ["notice.not_available", "notice.when_in_doubt"]
    blocks = tuple(Block("banner" if red else "uncertain", messages[key]) for key in keys if key in messages)
    uncertain = tuple(block.text for block in blocks if block.kind == "uncertain")
    signs = context.triage.signs if context.triage is not None else ()
    colour: Colour | None = "red" if red else None
    return Answer(kit.chosen.pack.lang, colour, None, blocks, (), uncertain, (), {}, signs, context.events)

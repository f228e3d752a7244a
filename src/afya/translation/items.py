"""Items into another language, slot by slot: every text on its own, checked, and told where it goes.

Plain mode is slots, the engine behind its guard, and the checks. With a workflow, drafts are also criticised and
revised by language models (`afya.translation.workflow`), and what each step said stays in `extra` under "provenance".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from afya.errors import ConfigError, DataError
from afya.items import Item, validate
from afya.languages import language
from afya.runs import canonical, sha256_text
from afya.translation import guard
from afya.translation.base import EngineIdentity, Translator
from afya.translation.checks import Checker, Verdict
from afya.translation.routing import Route, Routing, worst
from afya.translation.slots import Slot, rebuild, slots

if TYPE_CHECKING:
    from afya.translation.glossary import Glossary
    from afya.translation.workflow import Workflow

QUESTION = "question"


@dataclass(frozen=True, slots=True)
class TranslatedItem:
    """An item's translation and where it goes; without an `item`, `error` says which text failed and why."""

    item: Item | None
    error: str | None
    route: Route


@dataclass(frozen=True, slots=True)
class _Text:
    """What became of one text: its translation or an error, where the workflow would send it, and its steps."""

    text: str | None
    error: str | None = None
    route: Route = "publish"
    steps: tuple[dict[str, object], ...] = ()
    identity: EngineIdentity | None = None


@dataclass(slots=True)
class _Attempt:
    """The best translation of an item so far."""

    result: TranslatedItem
    verdicts: Sequence[Verdict] = field(default_factory=tuple)


def translate_items(
    items: Sequence[Item],
    target: str,
    translator: Translator,
    *,
    checker: Checker | None = None,
    glossary: Glossary | None = None,
    workflow: Workflow | None = None,
    routing: Routing | None = None,
    retry_with: Translator | None = None,
) -> list[TranslatedItem]:
    """The items in `target`, one result an item, in their order. The texts of all items go to the engine together.

    A text that stands in several items is translated once. An item that is in `target` already comes back as it is.
    What was not translated is tried again as often as `routing` says; with `retry_with`, a second engine does it, and
    it also gets the items that failed a blocking check: of two translations the one with fewer failures is kept.
    Without a `checker` nothing is checked and `checks` stays null.

    Raises:
        ConfigError: the engine lacks the pair, or the checker is made for another pair.
    """
    routing = routing or Routing()
    target = language(target).code
    results: list[TranslatedItem | None] = [None] * len(items)
    by_lang: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        if item.lang == target:
            results[place] = TranslatedItem(item, None, "publish")
        else:
            by_lang.setdefault(item.lang, []).append(place)
    for source, places in by_lang.items():
        if checker is not None and (checker.source, checker.target) != (source, target):
            raise ConfigError(
                f"The checks are made for {checker.source} to {checker.target}, the items need {source} to {target}.",
                hint="Translate the items of one language at a time, each with its own Checker.",
            )
        work = _Work(source, target, checker, glossary, workflow, routing)
        done = work.translate([items[place] for place in places], translator, retry_with)
        for place, result in zip(places, done, strict=True):
            results[place] = result
    return [result for result in results if result is not None]


@dataclass(frozen=True)
class _Work:
    """One direction's settings."""

    source: str
    target: str
    checker: Checker | None
    glossary: Glossary | None
    workflow: Workflow | None
    routing: Routing

    def translate(
        self, items: Sequence[Item], translator: Translator, retry_with: Translator | None
    ) -> list[TranslatedItem]:
        best = self.attempt(items, translator)
        for _ in range(self.routing.max_retries):
            # Asking the same engine for the same text again only helps where it gave nothing at all.
            again = [
                place
                for place, attempt in enumerate(best)
                if attempt.result.item is None or (retry_with is not None and self.routing.failures(attempt.verdicts))
            ]
            if not again:
                break
            for place, attempt in zip(
                again, self.attempt([items[place] for place in again], retry_with or translator), strict=True
            ):
                if self.better(attempt, best[place]):
                    best[place] = attempt
        return [attempt.result for attempt in best]

    def better(self, new: _Attempt, old: _Attempt) -> bool:
        if new.result.item is None or old.result.item is None:
            return new.result.item is not None
        return self.routing.rank(new.verdicts) < self.routing.rank(old.verdicts)

    def attempt(self, items: Sequence[Item], translator: Translator) -> list[_Attempt]:
        listed = [slots(item) for item in items]
        # A short option means what its question makes it mean, so a critic is shown the question beside it.
        keys = [
            [(slot.text, self.context(item, slot)) for slot in own] for item, own in zip(items, listed, strict=True)
        ]
        wanted = list(dict.fromkeys(key for own in keys for key in own))
        found = dict(zip(wanted, self.texts(wanted, translator), strict=True))
        return [
            self.finish(item, own, [found[key] for key in own_keys], translator)
            for item, own, own_keys in zip(items, listed, keys, strict=True)
        ]

    def context(self, item: Item, slot: Slot) -> str | None:
        if self.workflow is None or slot.name == QUESTION:
            return None
        return item.question

    def texts(self, wanted: Sequence[tuple[str, str | None]], translator: Translator) -> list[_Text]:
        texts = [text for text, _ in wanted]
        if self.workflow is not None:
            outcomes = self.workflow.run(
                texts,
                self.source,
                self.target,
                translator,
                checker=self.checker,
                glossary=self.glossary,
                routing=self.routing,
                contexts=[context for _, context in wanted],
            )
            return [_Text(one.text, one.error, one.route, one.provenance(), one.identity) for one in outcomes]
        hints = None
        if self.glossary is not None and translator.uses_hints:
            hints = [self.glossary.hints(text, self.source, self.target) for text in texts]
        answers = guard.translate(translator, texts, self.source, self.target, hints=hints)
        return [_Text(None if answer.error else answer.text, answer.error) for answer in answers]

    def finish(self, item: Item, own: Sequence[Slot], texts: Sequence[_Text], translator: Translator) -> _Attempt:
        faults = [
            f"{slot.name}: {text.error or 'there is no translation'}"
            for slot, text in zip(own, texts, strict=True)
            if text.text is None
        ]
        if faults:
            return _Attempt(TranslatedItem(None, "; ".join(faults), "reject"))
        given = {slot.name: text.text for slot, text in zip(own, texts, strict=True) if text.text is not None}
        identity = _one_identity([text.identity or translator.identity for text in texts])
        try:
            made = rebuild(item, given, self.target, identity)
        except DataError as error:
            return _Attempt(TranslatedItem(None, error.message, "reject"))
        fault = validate(made)
        if fault is not None:
            return _Attempt(TranslatedItem(None, f"{fault[0]}: {fault[1]}", "reject"))
        steps = [{"slot": slot.name, **step} for slot, text in zip(own, texts, strict=True) for step in text.steps]
        if steps:
            extra = json.loads(made.extra) if made.extra else {}
            made = replace(made, extra=canonical({**extra, "provenance": steps}))
        routes = [text.route for text in texts]
        if self.checker is None:
            return _Attempt(TranslatedItem(made, None, worst(routes)))
        verdicts = self.checker.check_item(item, made)
        made = replace(made, checks=tuple(verdict.as_check() for verdict in verdicts))
        return _Attempt(TranslatedItem(made, None, worst([*routes, self.routing.route(verdicts)])), verdicts)


def _one_identity(identities: Sequence[EngineIdentity]) -> EngineIdentity:
    """Who made an item whose texts came from several engines: all their names, and the strictest of their terms."""
    different = list(dict.fromkeys(identities))
    if len(different) == 1:
        return different[0]
    licences = dict.fromkeys(one.licence for one in different if one.licence is not None)
    terms = {one.non_commercial for one in different}
    return EngineIdentity(
        "; ".join(dict.fromkeys(one.name for one in different)),
        "; ".join(dict.fromkeys(one.engine for one in different)),
        sha256_text(canonical([one.sha256 for one in different])),
        " AND ".join(licences) or None,
        True if True in terms else (None if None in terms else False),
    )

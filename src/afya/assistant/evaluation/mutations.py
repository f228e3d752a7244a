"""What is broken, one at a time, to see whether the evaluation notices. Only the mutation score uses it.

A check of a draft, the mask, harm and injection are switched in `afya.assistant.checks.switches`; everything else is
exchanged in the running program for a version that does its work no more, and put back afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from afya.assistant import pipeline
from afya.assistant import stages as turn
from afya.assistant.answering import translating
from afya.assistant.checks import Verdict, switches
from afya.assistant.context import Block, Context, LanguageCheck
from afya.assistant.knowledge import abstain
from afya.assistant.pipeline import EarlyExit, Stage
from afya.assistant.resources import Resources
from afya.assistant.understanding import privacy
from afya.assistant.understanding import triage as signs
from afya.text.negation import judged
from afya.translation.checks import Checker

Apply = Callable[[ExitStack], None]
_FOREIGN = "ZQX-771"
_PACKAGE = "afya.assistant"


@dataclass(frozen=True)
class Mutation:
    """One thing broken: its name, what was done in words, and the sets of probes that should notice."""

    name: str
    what: str
    sets: tuple[str, ...]
    apply: Apply


@contextmanager
def exchanged(original: object, other: object) -> Iterator[None]:
    """Every module of the assistant that holds `original` under some name holds `other` inside the block."""
    places = [
        (module, name)
        for title, module in sorted(sys.modules.items())
        if title.startswith(_PACKAGE) and module is not None and title != __name__
        for name, value in sorted(vars(module).items())
        if value is original
    ]
    if not places:
        raise LookupError(f"{original!r} is held by no module of {_PACKAGE}: the mutation would change nothing.")
    for module, name in places:
        setattr(module, name, other)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, original)


@contextmanager
def attribute(owner: Any, name: str, other: object) -> Iterator[None]:
    """The attribute of a class or module is `other` inside the block."""
    original = vars(owner)[name]
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _exchange(original: object, other: object) -> Apply:
    return lambda changes: changes.enter_context(exchanged(original, other))


def _switch(name: str, how: switches.How) -> Apply:
    return lambda changes: changes.enter_context(switches.switched(name, how))


def _stage(name: str, change: Callable[[Stage], Stage]) -> Apply:
    """One stage of every turn is changed."""
    original = turn.stages

    def changed(kit: Resources) -> tuple[Stage, ...]:
        return tuple(change(stage) if name in ("*", stage.name) else stage for stage in original(kit))

    return lambda changes: changes.enter_context(exchanged(original, changed))


def _skipped(stage: Stage) -> Stage:
    return replace(stage, run=lambda context: context)


def _never_exits(stage: Stage) -> Stage:
    def go_on(context: Context) -> Context:
        try:
            return stage.run(context)
        except EarlyExit as stop:
            return replace(stop.context, notice=None)

    return replace(stage, run=go_on)


def _foreign_red(stage: Stage) -> Stage:
    def worded(context: Context) -> Context:
        made = stage.run(context)
        if made.answer is None or made.answer.colour != "red":
            return made
        blocks = (*made.answer.blocks, Block("action", _FOREIGN, "model"))
        return replace(made, answer=replace(made.answer, blocks=blocks))

    return replace(stage, run=worded)


def _always_matches(stage: Stage) -> Stage:
    def agreed(context: Context) -> Context:
        made = stage.run(context)
        return replace(made, language=LanguageCheck(True, None, 1.0, "not looked at"))

    return replace(stage, run=agreed)


def _passed(checks: Sequence[str]) -> Callable[..., list[Any]]:
    """`Checker.check` with the named checks always passed."""
    original = Checker.check

    def check(self: Checker, source_text: str, translation: str) -> list[Any]:
        found = original(self, source_text, translation)
        return [replace(verdict, passed=True) if verdict.check in checks else verdict for verdict in found]

    return check


def _all_passed(*arguments: Any, **named: Any) -> list[Any]:
    return []


def _checker(*checks: str) -> Apply:
    return lambda changes: changes.enter_context(attribute(Checker, "check", _passed(checks)))


def _mask_everything(text: str, lang: str) -> privacy.Masked:
    return privacy.Masked("".join("#" if char.isdigit() else char for char in text), ())


def _not_recorded(context: Context, stage: Stage) -> Context:
    return context


def _unhurried(changes: ExitStack) -> None:
    original = pipeline.run

    def patient(listed: Sequence[Stage], context: Context) -> Context:
        return original([replace(stage, seconds=60.0) for stage in listed], context)

    changes.enter_context(exchanged(original, patient))


def _passed_back(context: Context) -> Context:
    made = context.delivered
    if made is None or not made.translated:
        return context
    return replace(context, delivered=replace(made, verdicts=(_held_right(),), passed=True))


def _held_right() -> Verdict:
    """The verdict of a translation that was held to be right."""
    return Verdict("translation", True, "not looked at")


def _answers_all(changes: ExitStack) -> None:
    changes.enter_context(exchanged(abstain.answerable, lambda hits, query: bool(hits)))
    changes.enter_context(exchanged(abstain.answers, lambda hit: True))


def _broken_ignored(changes: ExitStack) -> None:
    changes.enter_context(attribute(Context, "broken", property(lambda context: False)))
    original = turn.stages
    changes.enter_context(
        exchanged(original, lambda kit: tuple(replace(stage, needed=False) for stage in original(kit)))
    )


_DRAFTS = ("drafts", "doses")
_DANGER = ("danger", "generated")

MUTATIONS: tuple[Mutation, ...] = (
    *(
        Mutation(f"check_{name}_off", f"the check '{name}' of a draft passes everything", _DRAFTS, _switch(name, "off"))
        for name in switches.CHECKS
    ),
    *(
        Mutation(f"check_{name}_broken", f"the check '{name}' of a draft raises", _DRAFTS, _switch(name, "broken"))
        for name in switches.CHECKS
    ),
    Mutation("mask_off", "personal data is not masked", ("privacy", "engines_masked"), _switch("privacy", "off")),
    Mutation("mask_everything", "every number is masked", ("privacy",), _exchange(privacy.mask, _mask_everything)),
    Mutation("harm_off", "no request is taken for harmful", ("harm",), _switch("harm", "off")),
    Mutation(
        "injection_off",
        "instructions in passages and questions are let through",
        ("injection",),
        _switch("injection", "off"),
    ),
    Mutation("triage_source_off", "the message is not looked through for danger", _DANGER, _stage("triage", _skipped)),
    Mutation("triage_blind", "no danger phrase is ever found", _DANGER, _exchange(signs.danger_signs, _all_passed)),
    Mutation(
        "triage_pivot_off",
        "the translation is not looked through for danger",
        ("pivot_triage",),
        _stage("triage_pivot", _skipped),
    ),
    Mutation(
        "negation_off",
        "no sign counts as denied",
        _DANGER,
        _exchange(judged, lambda text, found, *rest: [(match, False) for match in found]),
    ),
    Mutation(
        "negation_always",
        "every sign counts as denied",
        _DANGER,
        _exchange(judged, lambda text, found, *rest: [(match, True) for match in found]),
    ),
    Mutation(
        "language_check_off",
        "every message passes for the chosen language",
        ("early_exit",),
        _stage("language", _always_matches),
    ),
    Mutation(
        "translate_in_checks_off",
        "translations of the message are not checked",
        ("pivot_use",),
        lambda changes: changes.enter_context(attribute(Checker, "check", _all_passed)),
    ),
    Mutation(
        "translate_out_checks_off",
        "no check looks at a delivered translation",
        ("translated",),
        _stage("check_back", lambda stage: replace(stage, run=_passed_back)),
    ),
    Mutation("translate_quantities_off", "quantities are not compared", ("translated",), _checker("quantities")),
    Mutation("translate_polarity_off", "denials are not compared", ("translated",), _checker("polarity")),
    Mutation(
        "round_trip_off",
        "translations are not translated back",
        ("translated",),
        _exchange(translating._round_trip, _all_passed),
    ),
    Mutation("abstention_off", "every passage found passes for an answer", ("questions",), _answers_all),
    Mutation("early_exit_off", "a turn that must end goes on", ("early_exit",), _stage("*", _never_exits)),
    Mutation(
        "red_not_from_pack", "a model's sentence is added to red answers", ("red_text",), _stage("answer", _foreign_red)
    ),
    Mutation(
        "failures_forgotten",
        "a stage that failed is not recorded as failed",
        ("stage_faults",),
        _exchange(pipeline._failed, _not_recorded),
    ),
    Mutation("lateness_forgiven", "a stage may take as long as it likes", ("stage_faults",), _unhurried),
    Mutation("broken_ignored", "advice is given after a needed stage has failed", ("stage_faults",), _broken_ignored),
    Mutation(
        "spelling_off", "the pack's spellings are not applied", ("danger", "generated"), _stage("spell", _skipped)
    ),
)
"""Every mutation. The names of checks.NAMES come from the switches; a test holds that none is missing."""

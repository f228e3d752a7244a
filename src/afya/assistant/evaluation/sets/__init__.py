"""The sets of probes: each module makes the probes of one or more and says of each what came of it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

from afya.errors import ConfigError

if TYPE_CHECKING:
    from afya.assistant.evaluation.casefiles import Cases
    from afya.assistant.evaluation.probes import Outcome, Probe
    from afya.assistant.evaluation.subject import Subject


class SetModule(Protocol):
    """What a module of this folder has."""

    @property
    def NAMES(self) -> tuple[str, ...]: ...  # noqa: N802

    def probes(self, lang: str, cases: Cases, seed: int) -> list[Probe]: ...

    def measure(self, probe: Probe, subject: Subject) -> Outcome: ...


@cache
def modules() -> tuple[SetModule, ...]:
    """The modules, in the order of the sets."""
    from afya.assistant.evaluation.sets import (
        attacks,
        doses,
        drafts,
        faults,
        harm,
        privacy,
        questions,
        translated,
        triage,
    )

    return (triage, privacy, harm, questions, attacks, doses, drafts, translated, faults)


def names() -> tuple[str, ...]:
    """The names of all sets."""
    return tuple(name for module in modules() for name in module.NAMES)


def module_of(name: str) -> SetModule:
    """The module that tries the probes of a set."""
    return next(module for module in modules() if name in module.NAMES)


def parse(wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The named sets in their order; None stands for all. Raises ConfigError for an unknown one."""
    known = names()
    if wanted is None:
        return known
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"There is no set of probes '{name}'.",
                hint=f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}.",
            )
    return tuple(name for name in known if name in wanted)

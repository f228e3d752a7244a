"""The guard: a stage that made a language significantly worse is not published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, GuardError
from afya.runs import read_json
from afya.training.proof.findings import Flag
from afya.training.proof.held_out import FOLDER
from afya.training.proof.proving import PROOF


def proof_of(run: Path) -> dict[str, Any]:
    """What RUN/proof/proof.json holds. Raises ConfigError where the run was not proved."""
    file = run / FOLDER / PROOF
    if not file.is_file():
        raise ConfigError(
            f"{run}: nothing was measured, so that nobody knows what became worse.",
            hint=f"Give the recipe a 'proof', or measure now: afya train prove {run} --data FOLDER",
        )
    told: dict[str, Any] = read_json(file)
    return told


def guard(run: Path) -> list[Flag]:
    """What became significantly worse in a run. Raises ConfigError where it was not proved."""
    return [Flag(**row) for row in proof_of(run)["flags"]]


def refuse(flags: Sequence[Flag], what: str) -> None:
    """Raise GuardError where there are flags; `what` is refused, such as "RUN/stage2 is not published"."""
    if flags:
        sentences = " ".join(flag.sentence() for flag in flags)
        raise GuardError(
            f"{what}. {sentences}",
            hint="Rehearse what was lost, train less, or publish an earlier stage (--stage); --no-guard publishes all "
            "the same, and the card says what became worse.",
        )

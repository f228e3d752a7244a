"""Checks switched off or broken on purpose, to measure whether the evaluation notices: the mutation score.

Only afya.assistant.evaluation may import `switched` (a test holds it). No request, setting, file or variable of the
environment reaches it: a switch is a place in this process's memory, set for the length of a `with` block.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from afya.errors import ConfigError

How = Literal["off", "broken"]
"""off: the check passes whatever it is shown. broken: it raises, and must count as failed."""

CHECKS: tuple[str, ...] = (
    "citations",
    "grounding",
    "numbers",
    "dose",
    "contraindication",
    "scope",
    "polarity",
    "language",
)
"""The checks of a draft, in the order of their verdicts."""

BEFORE: tuple[str, ...] = ("privacy", "harm", "injection")
"""What looks at a message or passage before a model does."""

_set: dict[str, How] = {}
_lock = threading.Lock()


class Broken(Exception):
    """What a check raises that was broken on purpose."""


@contextmanager
def switched(name: str, how: How) -> Iterator[None]:
    """The check `name` is off or broken inside the block, in all threads of this process.

    Raises:
        ConfigError: there is no such check, it cannot be switched so, or it is switched already.
    """
    if name not in (*CHECKS, *BEFORE) or how not in ("off", "broken"):
        raise ConfigError(f"There is no switch '{name}' to '{how}'.", hint=f"Checks: {', '.join((*CHECKS, *BEFORE))}.")
    with _lock:
        if name in _set:
            raise ConfigError(f"The check '{name}' is switched already.")
        _set[name] = how
    try:
        yield
    finally:
        with _lock:
            del _set[name]


def is_off(name: str) -> bool:
    """Whether a check is switched off. Raises Broken where it is broken instead."""
    how = _set.get(name)
    if how == "broken":
        raise Broken(f"the check '{name}' is broken on purpose")
    return how == "off"

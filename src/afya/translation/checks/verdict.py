"""A check's result on one (source, translation) pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from afya.items import Check


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a translation passed one check, and what was found, in a sentence a reviewer can act on.

    A check that could not be made (a language whose words it does not know, an error) has not passed: `passed` is False
    and `judged` False. What a check has nothing to say about (no number on either side) passes.
    """

    check: str
    passed: bool
    detail: str | None = None
    judged: bool = True

    def as_check(self) -> Check:
        """The verdict as it is kept in an item's `checks`."""
        return Check(self.check, self.passed, self.detail)


PairCheck = Callable[[str, str], Verdict]
"""A check made ready for one direction: (source text, translation) -> verdict. It never raises."""

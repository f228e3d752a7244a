"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one check, on the sentence with that place in the draft (from 0) or on all of it (None).

    `detail` says what was found, in words for a supervisor; "" where the check passed with nothing to say.
    """

    name: str
    passed: bool
    detail: str = ""
    sentence: int | None = None

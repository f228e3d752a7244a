"""Integrity checks: what a translation must keep, whatever its style. Each gives a `Verdict` on a pair of texts.

`Checker(source, target)` makes all of them ready for a direction; docs/translation-checks.md says what each means, how
often it is wrong, and in which languages it cannot judge.
"""

from __future__ import annotations

from afya.translation.checks.suite import CHECKS, Checker
from afya.translation.checks.verdict import PairCheck, Verdict

__all__ = ["CHECKS", "Checker", "PairCheck", "Verdict"]

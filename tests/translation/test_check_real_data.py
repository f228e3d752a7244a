"""The checks on human translations of TICO-19: how rarely they alarm, and how often they find seeded faults."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from afya.translation.checks import CHECKS, Checker, polarity
from afya.translation.checks.corrupt import measure
from afya.translation.checks.corrupt_polarity import POLARITY_KINDS
from afya.translation.checks.tico19_pairs import sentence_pairs

EVERY = 10
# Alarms allowed in per cent of some 300 sentences: the rates of docs/translation-checks.md with room for chance.
MOST = {
    "options": 0.5,
    "drugs": 1.0,
    "placeholders": 1.0,
    "language": 2.0,
    "length": 1.5,
    "residue": 2.5,
    "repetition": 1.0,
}


def _pairs(shared: Path, code: str) -> list[tuple[str, str]]:
    path = shared / "data" / "tico19" / "tico19_multiparallel.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return [(text, translation) for line, text, translation in sentence_pairs(path, code) if line % EVERY == 1]


@pytest.mark.parametrize("code", ["sw", "zu", "fr", "zh", "hi", "so"])
def test_false_alarms_are_rare(shared: Path, code: str) -> None:
    listed = _pairs(shared, code)
    checker = Checker("en", code, checks=list(MOST))
    alarms = Counter(
        verdict.check for pair in listed for verdict in checker.check(*pair) if not verdict.passed or not verdict.judged
    )
    assert set(checker.names) < set(CHECKS)
    for name, most in MOST.items():
        assert 100 * alarms[name] / len(listed) <= most, (code, name, alarms[name])


@pytest.mark.parametrize(("code", "most"), [("sw", 5), ("zu", 5), ("fr", 6), ("zh", 7), ("hi", 4)])
def test_denials_lost_and_gained_are_found(shared: Path, code: str, most: float) -> None:
    found = measure(_pairs(shared, code), "en", code, 1, check=polarity.make("en", code), seeded=POLARITY_KINDS)
    assert 100 * found.alarms.share <= most
    assert found.caught_in_all.share >= 0.7

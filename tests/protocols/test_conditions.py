"""Truth with missing answers."""

from __future__ import annotations

from itertools import product

import pytest

from afya.protocols.conditions import ALWAYS, AtLeast, OneOf, Within, thresholds, truth, undecided

A, B, C = (OneOf(name, (True,)) for name in "abc")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((True, True, None), True),
        ((True, None, None), None),
        ((False, False, None), False),
        ((True, False, None), None),
        ((False, None, None), None),
        ((True, False, False), False),
    ],
)
def test_two_of_three(values: tuple[bool | None, ...], expected: bool | None) -> None:
    assert truth(AtLeast(2, (A, B, C)), dict(zip("abc", values, strict=True))) is expected


def test_unknown_means_that_filling_in_could_go_either_way() -> None:
    """None exactly when the completions of the missing values disagree, for every count of three signs."""
    for count in range(4):
        condition = AtLeast(count, (A, B, C))
        for values in product((True, False, None), repeat=3):
            filled = product(*((v,) if v is not None else (True, False) for v in values))
            outcomes = {truth(condition, dict(zip("abc", full, strict=True))) for full in filled}
            expected = outcomes.pop() if len(outcomes) == 1 else None
            assert truth(condition, dict(zip("abc", values, strict=True))) is expected


def test_intervals_are_closed_open() -> None:
    interval = Within("n", 115, 125)
    assert [truth(interval, {"n": n}) for n in (114, 115, 124, 125, None)] == [False, True, True, False, None]
    assert list(thresholds(AtLeast(1, (interval, A)), "n")) == [115, 125]


def test_only_what_could_still_decide_is_asked() -> None:
    condition = AtLeast(2, (AtLeast(1, (A, B)), C))
    assert list(undecided(condition, {"a": True})) == ["c"]
    assert list(undecided(condition, {"c": False})) == []
    assert truth(ALWAYS, {}) is True

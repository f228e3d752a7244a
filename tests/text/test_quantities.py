"""Numbers with their units."""

from __future__ import annotations

import pytest

from afya.text.normalise import normalise
from afya.text.quantities import Units, quantities

EN = Units(
    "en",
    {
        "month": ["month", "months", "month-old"],
        "year": ["year", "years"],
        "day": ["day", "days"],
        "kg": ["kilo"],
        "celsius": ["degrees"],
    },
)


def found(text: str, units: Units = EN) -> list[tuple[float, str | None]]:
    return [(quantity.value, quantity.unit) for quantity in quantities(normalise(text), units)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8 months", [(8, "month")]),
        ("8-month-old", [(8, "month")]),
        ("8months", [(8, "month")]),
        ("months 8, days 3", [(8, "month"), (3, "day")]),
        ("2 years 3 months", [(2, "year"), (3, "month")]),
        ("fifty-two days", [(52, "day")]),
        ("two hundred five days", [(205, "day")]),
        ("52/min", [(52, "per_minute")]),
        ("11,5 cm", [(11.5, "cm")]),
        ("MUAC 112mm", [(112, "mm")]),
        ("1,200 days", [(1200, "day")]),
        ("38.5 °C", [(38.5, "celsius")]),
        ("2½ years", [(2.5, "year")]),
        ("half of 1/2 tablet", []),
        ("vitamin B12, H1N1", []),
        ("３８ days", [(38, "day")]),
    ],
)
def test_numbers_are_read_with_the_unit_beside_them(text: str, expected: list[tuple[float, str | None]]) -> None:
    assert found(text) == expected


def test_a_range_keeps_both_ends() -> None:
    (quantity,) = quantities("3-4 days", EN)
    assert (quantity.value, quantity.upper, quantity.unit) == (3, 4, "day")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("孩子8个月", [(8, "month")]),
        ("八个月", [(8, "month")]),
        ("五十二天", [(52, "day")]),
        ("三四天", []),
        ("二〇天", [(20, "day")]),
    ],
)
def test_ideographic_numerals_are_read(text: str, expected: list[tuple[float, str | None]]) -> None:
    units = Units("zh", {"month": ["个月"], "day": ["天"]})
    assert [entry for entry in found(text, units) if entry[1]] == expected


def test_a_unit_before_its_number_is_read_so_in_swahili() -> None:
    units = Units("sw", {"month": ["miezi"], "year": ["miaka"], "day": ["siku"]})
    assert found("ana miaka 2 na miezi 3, anakohoa siku 4", units) == [(2, "year"), (3, "month"), (4, "day")]

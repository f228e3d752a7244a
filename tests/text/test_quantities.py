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


AGES = {
    "en": ("one year and three months", "1 year 3 months", ["month", "months"], ["year"]),
    "zh": ("一岁三个月", "1岁3个月", ["个月"], ["岁"]),
    "fr": ("un an et trois mois", "1 an et 3 mois", ["mois"], ["an"]),
    "de": ("ein Jahr und drei Monate", "1 Jahr und 3 Monate", ["monate"], ["jahr"]),
    "ja": ("一歳三か月", "1歳3か月", ["か月"], ["歳"]),
    "ko": ("한 살 석 달", "1년 3개월", ["달", "개월"], ["살", "년"]),
    "pt": ("um ano e três meses", "1 ano e 3 meses", ["meses"], ["ano"]),
    "es": ("un año y tres meses", "1 año y 3 meses", ["meses"], ["año"]),
    "sw": ("mwaka mmoja na miezi mitatu", "mwaka 1 na miezi 3", ["miezi"], ["mwaka"]),
    "wo": ("benn at ak ñetti weer", "1 at ak 3 weer", ["weer"], ["at"]),
    "yo": ("ọdún kan àti oṣù mẹ́ta", "ọdún 1 àti oṣù 3", ["oṣù"], ["ọdún"]),
    "zu": ("unyaka owodwa nezinyanga ezintathu", "unyaka o-1 nezinyanga ezi-3", ["*nyanga"], ["*nyaka"]),
}


@pytest.mark.parametrize("lang", sorted(AGES))
@pytest.mark.parametrize("spelled", [True, False])
@pytest.mark.parametrize("more", ["", ", 52/min, 38.5°C", ", 9 kg, 112 mm, 38°C, 60/min"])
def test_a_year_and_three_months_in_every_language(lang: str, spelled: bool, more: str) -> None:
    words, digits, month, year = AGES[lang]
    units = Units(lang, {"month": month, "year": year})
    assert found((words if spelled else digits) + more, units)[:2] == [(1, "year"), (3, "month")]


def test_a_message_that_uses_the_other_order_throughout_is_read_so() -> None:
    units = Units("sw", {"month": ["miezi"], "day": ["siku"]})
    assert found("mtoto 8 miezi, homa 3 siku", units) == [(8, "month"), (3, "day")]


def test_a_sharp_s_before_a_symbol_does_not_move_it() -> None:
    units = Units("de", {"month": ["monate"]})
    assert found("Kind heiß, weiß, 38°C, 8 Monate", units) == [(38, "celsius"), (8, "month")]

"""Quantities as any text tells them: figures, number words, units, dates, names with digits."""

from __future__ import annotations

import pytest

from afya.errors import ConfigError
from afya.languages import core_codes
from afya.text.measures import measures
from afya.text.number_context import DAY, MONTH, YEAR
from afya.text.numerals import figure, number_codes, number_file, shared_data


def told(text: str, lang: str) -> list[tuple[float, str | None]]:
    return [(one.value, one.unit) for one in measures(text, lang) if one.kind not in ("name", "label", "article")]


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "one hundred and five drops, then twenty-five mg", [(105, None), (25, "mg")]),
        ("en", "two thousand one hundred and 1.5 million", [(2100, None), (1_500_000, None)]),
        ("fr", "quatre-vingt-dix-sept jours et 1 500 000 doses", [(97, "day"), (1_500_000, None)]),
        ("fr", "soixante et onze ans, 38,5 °C", [(71, "year"), (38.5, "celsius")]),
        ("de", "zweiundfünfzig Tage, dreihundertfünfundsechzig Euro", [(52, "day"), (365, None)]),
        ("de", "die 14-tägige Kur mit 1.500 mg", [(14, "day"), (1500, "mg")]),
        ("es", "doscientos cinco pacientes y veinticinco días", [(205, None), (25, "day")]),
        ("pt", "duzentos e cinco casos em três semanas", [(205, None), (3, "week")]),
        (
            "sw",
            "elfu tano mia mbili, kumi na moja, wiki 2 hadi 3",
            [(5200, None), (11, None), (2, "week"), (3, "week")],
        ),
        ("sw", "watu milioni 3 na asilimia 60", [(3_000_000, None), (60, "percent")]),
        ("zu", "izinsuku ezingu-14, amashumi amabili nanhlanu", [(14, "day"), (25, None)]),
        ("yo", "ọjọ́ 14 àti mẹ́rìndínlógún", [(14, "day"), (16, None)]),
        ("yo", "ọmọ ọdún márùn-ún", [(5, "year")]),
        ("wo", "fukk ak juróom-ñaar, ñaar-fukk ak juróom", [(17, None), (25, None)]),
        ("wo", "juróom ñaar fan", [(7, "day")]),
        (
            "zh",
            "约 20-30% 的患者，百分之五十，十二岁",
            [(20, "percent"), (30, "percent"), (50, "percent"), (12, "year")],
        ),
        ("zh", "3 亿人，1.5 万例", [(300_000_000, None), (15_000, None)]),
        ("ja", "1万5千人、3か月間、二十五歳", [(15_000, None), (3, "month"), (25, "year")]),
        ("ko", "8개월이에요, 3만 명, 이십오 세", [(8, "month"), (30_000, None), (25, "year")]),
        ("ru", "65-летних, 1 500 млн, двадцать пять дней", [(65, "year"), (1_500_000_000, None), (25, "day")]),
        ("ar", "خمسة وعشرون مليون، خلال ١٤ يومًا، أسبوعين", [(25_000_000, None), (14, "day"), (2, "week")]),
        ("hi", "१५ लाख लोग, 1,00,000 बच्चे, पच्चीस मिनट", [(1_500_000, None), (100_000, None), (25, "minute")]),
        ("am", "፲፬ ቀናት፣ ሃያ አምስት፣ 50 በመቶ", [(14, "day"), (25, None), (50, "percent")]),
        ("ha", "kwanaki 14 da miliyan 3", [(14, "day"), (3_000_000, None)]),
        ("so", "14 maalmood, 244 oo kun, boqolkiiba 20", [(14, "day"), (244_000, None), (20, "percent")]),
        ("rw", "iminsi 14, miliyoni 3", [(14, "day"), (3_000_000, None)]),
        ("xh", "iintsuku ezili-14", [(14, "day")]),
        ("ig", "ụbọchị 14", [(14, "day")]),
        ("sn", "mazuva 14", [(14, "day")]),
        ("st", "matsatsi a 14", [(14, "day")]),
    ],
)
def test_values_and_units_are_read_in_each_language(
    lang: str, text: str, expected: list[tuple[float, str | None]]
) -> None:
    assert told(text, lang) == expected


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "on 11 March 2020"),
        ("en", "on March 11,2020"),
        ("fr", "le 11 mars 2020"),
        ("zh", "2020 年 3 月 11 日"),
        ("ja", "2020年3月11日"),
        ("ko", "2020년 3월 11일"),
        ("ru", "11 марта 2020 года"),
        ("so", "11kii Maarso 2020"),
        ("ha", "a ranar 11 ga watan Maris 2020"),
    ],
)
def test_a_date_is_a_day_a_month_and_a_year_in_any_order(lang: str, text: str) -> None:
    assert sorted(value for value, _ in told(text, lang)) == [3, 11, 2020]
    assert (3, MONTH) in told(text, lang)
    assert lang in ("ha", "ko") or {unit for _, unit in told(text, lang)} == {DAY, MONTH, YEAR}


def test_the_digits_of_names_are_no_quantities_that_must_be_kept() -> None:
    found = measures("COVID-19, SARS-CoV-2, H1N1, B12 and HCoV-229E", "en")
    assert found
    assert not any(one.sure for one in found)
    assert [one.kind for one in measures("COVID-19 and ACE2", "en")] == ["label", "name"]


def test_small_words_and_articles_are_not_sure_but_doses_are() -> None:
    assert [one.sure for one in measures("one of the two", "en")] == [False, False]
    assert [one.sure for one in measures("one gram", "en")] == [True]
    assert [one.kind for one in measures("un enfant", "fr")] == ["article"]


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "value"),
    [
        ("1,234", (".",), (",",), 1234),
        ("1.234", (",",), (".", " "), 1234),
        ("1,234", (",",), (".", " "), 1.234),
        ("1,234.5", (".",), (",",), 1234.5),
        ("1,00,000", (".",), (",",), 100_000),
        ("0,25", (",",), (".",), 0.25),
        ("0.250", (".",), (",",), 0.25),
        (".08", (".",), (",",), 0.08),
        ("11.03.2020", (",",), (".",), None),
        ("18,2020", (".",), (",",), None),
    ],
)
def test_decimal_and_thousands_marks(
    text: str, decimal: tuple[str, ...], thousands: tuple[str, ...], value: float | None
) -> None:
    assert figure(text, decimal, thousands) == value


def test_every_core_language_counts_and_each_file_is_whole() -> None:
    assert set(core_codes()) <= set(number_codes())
    for code in number_codes():
        data = number_file(code)
        assert set(data.units) <= set(shared_data().units)
        assert not data.reviewed
    for unit in shared_data().units.values():
        assert set(unit.mistaken_for) <= set(shared_data().units)


def test_every_number_word_of_a_language_reads_as_its_value() -> None:
    for code in ("de", "en", "fr", "sw", "wo", "yo", "zu", "ha", "so", "rw", "hi"):
        for value, words in number_file(code).words.items():
            for word in words:
                if "*" in word or value < number_file(code).sure_from:
                    continue
                assert any(value in (one.value, one.other) for one in measures(word, code)), (code, word, value)


def test_spans_point_at_figures_and_units() -> None:
    text = "Take 1 500 mg of it."
    (one,) = measures(text.replace("Take", "Prendre").replace("of it", "de ceci"), "fr", spans=True)
    shown = "Prendre 1 500 mg de ceci."
    assert shown[slice(*one.span)] == "1 500"
    assert one.unit_span is not None
    assert shown[slice(*one.unit_span)] == "mg"


def test_a_language_without_numbers_is_named() -> None:
    with pytest.raises(ConfigError, match="number words"):
        measures("3 dias", "it")

from __future__ import annotations

import unicodedata

import pytest

from afya.errors import ConfigError
from afya.languages import by_foreign_code, core_codes, language, parse_codes, registry


def test_the_twelve_languages_and_their_tiers() -> None:
    assert core_codes() == ("en", "zh", "fr", "de", "ja", "ko", "pt", "es", "sw", "wo", "yo", "zu")
    assert [code for code in core_codes() if language(code).tier == "low"] == ["sw", "wo", "yo", "zu"]


def test_the_registry_carries_the_languages_of_other_projects() -> None:
    assert {"ru", "ar", "hi", "te", "am", "ha", "ig", "xh", "sn", "so", "rw"} <= set(registry())
    assert language("ar").direction == "rtl"


@pytest.mark.parametrize("code", [code for code, entry in registry().items() if entry.digits])
def test_native_digits_are_zero_to_nine_in_order(code: str) -> None:
    digits = language(code).digits or ""
    # Han numerals: unicodedata knows their numeric value but not all as decimal digits.
    assert [unicodedata.numeric(digit) for digit in digits] == list(range(10))


def test_foreign_codes_lead_to_ours() -> None:
    assert by_foreign_code()["swh_Latn"] == "sw"
    assert by_foreign_code()["yor"] == "yo"
    assert len({entry.flores for entry in registry().values()}) == len(registry())


def test_an_unknown_code_names_near_ones() -> None:
    with pytest.raises(ConfigError, match="Did you mean one of: sw"):
        language("swahili")


def test_codes_from_an_option() -> None:
    assert parse_codes("sw, yo,sw") == ("sw", "yo")
    assert parse_codes("all") == core_codes()
    with pytest.raises(ConfigError, match="No language"):
        parse_codes(" , ")


def test_scripts_without_spaces_are_known() -> None:
    assert not language("zh").spaced
    assert not language("ja").spaced
    assert language("ko").spaced

"""Languages under other codes, and engines under their names."""

from __future__ import annotations

import pytest

from afya.errors import ConfigError
from afya.languages import registry
from afya.translation.codes import from_engine, schemes, spellings, to_engine, unsupported
from afya.translation.load import ENGINES, load_translator, parse_spec


@pytest.mark.parametrize("scheme", sorted(schemes()))
def test_every_code_comes_back_as_the_language_it_was(scheme: str) -> None:
    for code in registry():
        for spelling in spellings(code, scheme):
            assert from_engine(spelling, scheme) == code


@pytest.mark.parametrize(
    ("code", "scheme", "told"),
    [
        ("sw", "flores200", "swh_Latn"),
        ("zh", "opus", "cmn_Hans"),
        ("zh", "seamless", "cmn"),
        ("nso", "m2m100", "ns"),
        ("tw", "madlad400", "ak"),
        ("en", "apertium", "eng"),
    ],
)
def test_the_table_says_what_the_registry_does_not(code: str, scheme: str, told: str) -> None:
    assert to_engine(code, scheme) == told


def test_what_there_is_not_is_said() -> None:
    assert from_engine("tlh", "iso639_3") is None
    with pytest.raises(ConfigError, match="has no code for Fon"):
        to_engine("fon", "iso639_1")
    with pytest.raises(ConfigError, match="Did you mean 'm2m100'"):
        to_engine("en", "m2m10")
    with pytest.raises(ConfigError, match="Unknown language code"):
        to_engine("eng", "opus")


def test_an_unsupported_pair_lists_what_the_engine_has_shortly() -> None:
    everything = {(one, two) for one in registry() for two in registry() if one != two and "zu" not in (one, two)}
    told = str(unsupported("nllb", "en", "zu", everything))
    assert told.startswith("nllb does not translate English (en) to Zulu (zu). It translates between any two of: af, ")
    told = str(unsupported("nllb", "en", "zu", everything - {("sw", "fr")}))
    assert told.startswith("nllb does not translate English (en) to Zulu (zu). From en it has: af, ")
    assert "It translates into: af, " in told
    assert str(unsupported("nllb", "en", "en", everything)).endswith("Name two different languages.")
    assert "no pair of languages at all" in str(unsupported("empty", "en", "zu", ()))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("apertim:", "Did you mean apertium:"),
        ("ctranslate2:x", "names no translation engine"),
        ("ct2:", "Write ct2:FOLDER"),
        ("memory", "Write memory:FILE"),
    ],
)
def test_a_wrong_spec_names_the_nearest_engine(spec: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_spec(spec)


def test_every_engine_tells_its_options_and_refuses_others() -> None:
    for name, engine in ENGINES.items():
        assert engine.options(), name
        with pytest.raises(ConfigError, match="has no option 'no_such_setting'"):
            load_translator(f"{name}:x", no_such_setting=1)
    with pytest.raises(ConfigError, match="Did you mean 'pivots'"):
        load_translator("apertium:", pivot=1)

"""Terms in running text: where they are found, where they are not, and what a translator is told of them."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.errors import ConfigError, DataError
from afya.translation.base import Hint
from afya.translation.glossary import Entry, Glossary, keep_sources
from afya.translation.spotting import Spotter


def glossary(lang: str, *terms: str) -> Glossary:
    return Glossary.from_entries(Entry(term, lang, term, source="own", licence="CC0-1.0") for term in terms)


def spotted(lang: str, terms: tuple[str, ...], text: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.concept) for one in glossary(lang, *terms).spot(text, lang)]


def test_the_longest_of_overlapping_terms_is_taken_and_nested_gives_all() -> None:
    terms = glossary("en", "pain", "chest pain", "acute chest pain")
    text = "Acute chest pain, then pain."
    assert [text[one.start : one.end] for one in terms.spot(text, "en")] == ["Acute chest pain", "pain"]
    assert len(terms.spot(text, "en", nested=True)) == 4


def test_a_term_is_not_cut_out_of_a_longer_word() -> None:
    assert spotted("en", ("rash", "flu"), "The crash and the influenza; no rash.") == [("rash", "rash")]


@pytest.mark.parametrize(
    ("lang", "term", "text", "found"),
    [
        ("en", "headache", "Headaches for days", "Headaches"),
        ("fr", "asthme", "L’asthme de l'enfant", "asthme"),
        ("de", "Übelkeit", "ÜBELKEIT und Fieber", "ÜBELKEIT"),
        ("sw", "hospitali", "yuko hospitalini sasa", "hospitalini"),
        ("sw", "kidonge", "ameze vidonge viwili", "vidonge"),
        ("zu", "isifo", "uphethwe yisifo; ngesifo esinye", "yisifo"),
        ("zu", "isifo", "ngezifo eziningi", "ngezifo"),
        ("xh", "umntwana", "nomntwana wakhe", "nomntwana"),
        ("ko", "두통", "두통이 심하다", "두통이"),
        ("am", "ሳል", "በሳል ይሰቃያል", "በሳል"),
        ("zh", "发热", "患者发热三天", "发热"),
        ("ja", "急性気管支炎", "これは急性気管支炎です", "急性気管支炎"),
        ("hi", "बुखार", "बच्चे को बुखार है", "बुखार"),
        ("yo", "ẹ̀jẹ̀ ríru", "Ó ní eje riru", "eje riru"),
    ],
)
def test_a_term_is_found_as_its_language_writes_it(lang: str, term: str, text: str, found: str) -> None:
    assert (found, term) in spotted(lang, (term,), text)


def test_katakana_and_latin_words_are_not_cut_where_nothing_is_spaced() -> None:
    assert spotted("ja", ("タイ", "PCR"), "タイプとタイ、PCRS検査とPCR検査") == [("タイ", "タイ"), ("PCR", "PCR")]


def test_a_mark_that_the_term_lacks_makes_another_word() -> None:
    assert spotted("yo", ("ọkọ",), "ọkọ̀ náà") == []
    assert spotted("yo", ("ọkọ̀",), "ọkọ̀ náà") == [("ọkọ̀", "ọkọ̀")]
    assert spotted("yo", ("ọkọ̀",), "oko naa") == [("oko", "ọkọ̀")]
    assert spotted("fr", ("fievre",), "une fièvre") == [("fièvre", "fievre")]


def test_an_abbreviation_is_not_a_word_in_small_letters() -> None:
    assert spotted("en", ("AIDS", "ARV"), "It aids AIDS patients on ARVs") == [("AIDS", "AIDS"), ("ARVs", "ARV")]


def test_a_term_never_reaches_over_the_end_of_a_clause() -> None:
    assert spotted("en", ("fever cough", "heart failure"), "Fever. Cough. Heart-failure; heart\n\nfailure") == [
        ("Heart-failure", "heart failure")
    ]
    assert spotted("en", ("Anemia, hemolytic",), "anemia, hemolytic") == [("anemia, hemolytic", "Anemia, hemolytic")]


def test_places_count_in_the_text_as_it_was_given() -> None:
    for text, found in (
        ("\u200bthe \u00adfe\u00adver ß ﬁ fever", ["fe\u00adver", "fever"]),
        ("ｆｅｖｅｒ ﬆ fever", ["ｆｅｖｅｒ", "fever"]),
        ("e\u0301 fever\u0300\u0301", ["fever\u0300\u0301"]),
    ):
        assert [text[one.start : one.end] for one in glossary("en", "fever").spot(text, "en")] == found
    decomposed = unicodedata.normalize("NFD", "두통이 심하다")
    hit = glossary("ko", "두통").spot(decomposed, "ko")[0]
    assert unicodedata.normalize("NFC", decomposed[hit.start : hit.end]) == "두통이"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["en", "zh", "yo"]))
def test_any_text_is_looked_through_and_every_span_lies_in_it(text: str, lang: str) -> None:
    spotter = Spotter(lang, ["fever", "a", "发", "é", "1", "!!", ""])
    end = 0
    for hit in spotter.find(f"{text} fever {text}"):
        assert end <= hit.start < hit.end <= 2 * len(text) + 7
        end = hit.end


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="aé e.\u0301ß\u200bÀ1-ﬁ\n", max_size=40))
def test_words_and_their_places_keep_step(text: str) -> None:
    spotter = Spotter("en", ["x"])
    words = text.translate(spotter._fold).split()
    starts, ends = spotter._fold.word_places(text)
    assert len(words) == len(starts) == len(ends)
    for word, start, end in zip(words, starts.tolist(), ends.tolist(), strict=True):
        assert text[start:end].translate(spotter._fold) == word


def test_hints_give_each_term_once_with_its_preferred_name() -> None:
    entries = [
        Entry("c1", "en", "cold"),
        Entry("c1", "sw", "mafua", ("homa ya mafua",)),
        Entry("c2", "en", "cold"),
        Entry("c2", "sw", "baridi"),
        Entry("c3", "en", "Panadol", do_not_translate=True),
        Entry("c4", "en", "fever"),
    ]
    found = Glossary.from_entries(entries).hints("A cold. Cold! Panadol for fever", "en", "sw")
    assert found == [Hint("cold", "mafua"), Hint("cold", "baridi"), Hint("Panadol", None)]


def test_glossaries_merge_and_keep_where_each_row_comes_from(tmp_path: Path) -> None:
    one = Glossary.from_entries([Entry("c", "sw", "homa", source="a", licence="CC0-1.0")])
    two = Glossary.from_entries(
        [
            Entry("c", "sw", "homa kali", source="a", licence="CC0-1.0"),
            Entry("c", "sw", "homa", ("joto",), source="b", licence="CC-BY-NC-4.0", do_not_translate=True),
        ]
    )
    both = one.merged(two)
    assert both.forms("c", "sw") == ("homa", "homa kali", "joto")
    assert both.keeps("c")
    assert len(both.frame) == 2
    assert keep_sources(both, sources=None, licences=["CC0-1.0"]).forms("c", "sw") == ("homa", "homa kali")
    both.write(tmp_path / "g.parquet")
    first = (tmp_path / "g.parquet").read_bytes()
    Glossary.load(tmp_path / "g.parquet").merged(one).write(tmp_path / "g.parquet")
    assert (tmp_path / "g.parquet").read_bytes() == first
    assert Glossary.load(tmp_path / "g.parquet").entries() == both.entries()


def test_a_file_that_is_no_glossary_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such glossary"):
        Glossary.load(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("term")
    with pytest.raises(DataError, match="not a glossary"):
        Glossary.load(tmp_path / "text.parquet")
    pl.DataFrame({"term": ["x"]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="concept, lang"):
        Glossary.load(tmp_path / "other.parquet")


def test_an_unknown_language_is_an_error_and_one_without_terms_finds_nothing() -> None:
    terms = glossary("en", "fever")
    assert terms.spot("fever", "sw") == []
    with pytest.raises(ConfigError, match="Unknown language"):
        terms.spot("fever", "xx")


def test_many_terms_are_ready_and_found_quickly() -> None:
    words = [f"w{number:x}" for number in range(3000)]
    terms = [f"{words[i % 3000]} {words[i * 7 % 3000]} {words[i * 13 % 2999]}" for i in range(50_000)]
    start = time.perf_counter()
    spotter = Spotter("en", terms)
    assert time.perf_counter() - start < 3
    text = " ".join(words * 40)
    start = time.perf_counter()
    spotter.find(text)
    assert len(text) / (time.perf_counter() - start) > 1e6

"""Sentences in every language of the registry, whose pieces are the text again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.languages import registry
from afya.text.sentences import sentences

CODES = sorted(registry())
SIGNS = " .!?…。！？।።፡؟۔\n\r\t\u2028abcÀ1\"”»)zZ'éЖعह한字።-"


@given(st.one_of(st.text(max_size=80), st.text(alphabet=SIGNS, max_size=80)), st.sampled_from(CODES))
def test_the_pieces_rebuild_the_text(text: str, lang: str) -> None:
    pieces = sentences(text, lang)
    assert "".join(pieces) == text
    assert all(pieces)


@pytest.mark.parametrize("lang", CODES)
def test_every_language_of_the_registry_has_rules(lang: str) -> None:
    assert sentences("Ab cd! Ef gh.", lang) == ["Ab cd! ", "Ef gh."]


@pytest.mark.parametrize(
    ("lang", "pieces"),
    [
        ("en", ["J. Doe gave 2.5 ml. ", "Is it right?  ", "Yes!"]),
        ("en", ["Dr. Smith, e.g. No. 5. ", "Ok? ", "No. ", "Give it."]),
        ("en", ["1. Give ORS. ", "2. Come back."]),
        ("en", ['He said "Stop!" and left. ', '"Go." ', "She went... away. ", "Next… ", "Then"]),
        ("en", ["Give zinc, salt etc. ", "Then wait until 5 p.m. ", "Come back."]),
        ("en", ["Fever.\r\n\r\n", "- Cough\n\t", "Rash"]),
        ("de", ["Am 5. Mai z. B. Fieber. ", "Dann Tee, Wasser usw. ", "Ende."]),
        ("fr", ["M. Diop a vu Mme. Fall, p. ex. lundi. ", "Il va bien."]),
        ("es", ["La Dra. Ruiz dio 2,5 ml. ", "¿Está bien? ", "¡Sí!"]),
        ("pt", ["A Sra. Lima, pág. 12, tem febre. ", "Venha."]),
        ("sw", ["Dkt. Juma alisema, k.m. maji. ", "Rudi kesho."]),
        ("zu", ["UMnu. Zulu we-U.S. Centers ufikile. ", "Uphi?"]),
        ("yo", ["Ó ní ibà, ikọ́ abbl. ", "Ẹ padà wá."]),
        ("wo", ["Jox ko ndox, xorom añs. ", "Dellusil."]),
        ("ru", ["См. рис. 2, т.е. ниже. ", "Из г. Ухань. ", "Дать воду."]),
        ("zh", ["发热。", "咳嗽！", "2.5毫克.", "然后呢？"]),
        ("ja", ["発熱。", "「咳！」", "ほか"]),
        ("ko", ["열이 있습니다. ", "기침은요?"]),
        ("ar", ["هل لديه حمى؟ ", "نعم. ", "أعطه الماء."]),
        ("hi", ["डॉ. राम आए। ", "2.5 मिली दें। ", "क्या ठीक है?"]),
        ("te", ["జ్వరం ఉంది. ", "నీరు ఇవ్వండి."]),
        ("am", ["ሕፃኑ ትኩሳት አለው። ", "ውሃ ስጠው፡፡", "ደህና ነው፧"]),
        ("ti", ["ሕጻን ረስኒ ኣለዎ። ", "ማይ ሃቦ።"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(lang: str, pieces: list[str]) -> None:
    assert sentences("".join(pieces), lang) == pieces


@pytest.mark.parametrize("unit", ["J. ", ". ", "...)", "!)", "。", "a"])
def test_the_time_grows_with_the_text_alone(unit: str) -> None:
    started = time.perf_counter()
    text = unit * 40_000
    assert "".join(sentences(text, "en")) == text
    assert time.perf_counter() - started < 10

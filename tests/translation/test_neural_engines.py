"""CTranslate2 and transformers run the same models and write the same tokens, each family told its languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_translators import KINDS, LINES, make_translator, teach

from afya.errors import ConfigError, EngineError
from afya.translation import ct2, hf
from afya.translation.base import Translator

CONVERTED = [kind for kind in KINDS if kind != "seamless"]
SWAHILI = [(LINES[0], LINES[2], "en", "sw"), (LINES[1], LINES[3], "en", "sw")]
ZULU = [(LINES[0], LINES[6], "en", "zu")]
CPU = {"device": "cpu", "threads": 1}


def lessons(kind: str) -> list[tuple[str, str, str, str]]:
    return SWAHILI if kind == "marian" else SWAHILI + ZULU


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model of each kind that has learned two or three sentences by heart."""
    made = {}
    for kind in KINDS:
        made[kind] = make_translator(tmp_path_factory.mktemp("models") / f"tiny-{kind}", kind)
        teach(made[kind], lessons(kind))
    return made


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFYA_CACHE", str(cache))


def fast(folder: Path, **options: object) -> Any:
    return ct2.load(str(folder), {**CPU, "compute_type": "float32", **options})


def slow(folder: Path, **options: object) -> Any:
    return hf.load(str(folder), {"device": "cpu", **options})


@pytest.mark.parametrize("kind", list(KINDS))
def test_transformers_translates_what_the_model_learned(taught: dict[str, Path], kind: str) -> None:
    engine = slow(taught[kind])
    for text, translation, source, target in lessons(kind):
        answer = engine.translate([text], source, target)[0]
        assert (answer.text, answer.error) == (translation, None)
        assert answer.score is not None
        assert -0.2 < answer.score < 0


@pytest.mark.parametrize("kind", CONVERTED)
def test_float32_conversion_writes_the_tokens_of_transformers(taught: dict[str, Path], kind: str) -> None:
    one, other = fast(taught[kind]), slow(taught[kind])
    assert one.pairs() == other.pairs()
    rows = one.rows(LINES, "en", "sw")
    assert rows == other.rows(LINES, "en", "sw")
    for left, right in zip(one.decoder.begin(rows, 40)(), other.decoder.begin(rows, 40)(), strict=True):
        assert (left.tokens, left.ended) == (right.tokens, right.ended)
        assert left.score == pytest.approx(right.score, abs=1e-5)


@pytest.mark.parametrize("kind", CONVERTED)
def test_int8_translates_what_the_model_learned(taught: dict[str, Path], kind: str) -> None:
    engine = ct2.load(str(taught[kind]), CPU)
    for text, translation, source, target in lessons(kind):
        assert engine.translate([text], source, target)[0].text == translation


@pytest.mark.parametrize("load", [fast, slow])
def test_untaught_random_weights_agree_too(tmp_path: Path, load: Any) -> None:
    folder = make_translator(tmp_path / "random", "m2m100", seed=3)
    rows = fast(folder).rows(LINES, "en", "yo")
    written = [one.tokens for one in load(folder).decoder.begin(rows, 12)()]
    assert written == [one.tokens for one in slow(folder).decoder.begin(rows, 12)()]
    assert all(len(tokens) == 12 for tokens in written)


def test_each_family_is_told_its_languages_in_its_own_way(taught: dict[str, Path]) -> None:
    told = {kind: slow(folder).rows(["fever"], "en", "sw")[0] for kind, folder in taught.items()}
    first = {kind: (row.source[0], row.source[-1], row.prefix) for kind, row in told.items()}
    assert first["nllb"] == ("eng_Latn", "</s>", ["swh_Latn"])
    assert first["m2m100"] == ("__en__", "</s>", ["__sw__"])
    assert first["seamless"] == ("__eng__", "</s>", ["__swh__"])
    assert first["marian_multi"] == (">>swa<<", "</s>", [])
    assert (told["madlad400"].source[:2], told["madlad400"].prefix) == (["▁", "<2sw>"], [])
    assert (told["marian"].source[-1], told["marian"].prefix) == ("</s>", [])


def test_declared_pairs_come_from_the_model(taught: dict[str, Path]) -> None:
    assert slow(taught["marian"]).pairs() == {("en", "sw")}
    assert slow(taught["marian_multi"]).pairs() == {("en", "sw"), ("en", "yo"), ("en", "zu")}
    assert {code for pair in slow(taught["madlad400"]).pairs() for code in pair} == {"en", "sw", "yo", "zu"}
    assert {("wo", "zu"), ("sw", "en"), ("fr", "yo")} <= slow(taught["nllb"]).pairs()
    assert {code for code, _ in slow(taught["m2m100"]).pairs()} >= {"en", "sw", "wo", "yo", "zu", "nso"}
    assert slow(taught["nllb"], source="en", target="sw,zu").pairs() == {("en", "sw"), ("en", "zu")}
    with pytest.raises(ConfigError, match=r"no token for Wolof .* It has: en, sw, yo, zu"):
        slow(taught["madlad400"], source="wo")


def test_a_pair_the_model_does_not_have_is_an_error_that_lists_what_it_has(taught: dict[str, Path]) -> None:
    for engine in (fast(taught["marian"]), slow(taught["marian"])):
        with pytest.raises(ConfigError, match="en") as caught:
            engine.translate(["homa"], "sw", "en")
        assert "sw" in str(caught.value)


def test_answers_stand_in_the_order_of_the_texts_whatever_the_batches(taught: dict[str, Path]) -> None:
    texts = [LINES[1], "", LINES[0], " \n", LINES[1], LINES[0]] * 3
    expected = [LINES[3], "", LINES[2], "", LINES[3], LINES[2]] * 3
    for engine in (
        fast(taught["nllb"], batch_tokens=40),
        fast(taught["nllb"], batch_tokens=70, parallel=2),
        slow(taught["nllb"], batch_tokens=40),
    ):
        answers = engine.translate(texts, "en", "sw")
        assert [answer.text for answer in answers] == expected
        assert all(answer.error is None for answer in answers)
        assert answers == engine.translate(texts, "en", "sw")
        assert engine.translate([], "en", "sw") == []


def test_a_text_longer_than_the_model_can_number_is_an_error_not_a_cut(taught: dict[str, Path]) -> None:
    for engine in (fast(taught["nllb"]), slow(taught["nllb"])):
        long, short = engine.translate(["fever and cough " * 100, LINES[0]], "en", "sw")
        assert (long.text, long.score) == ("", None)
        assert "the model takes 128" in str(long.error)
        assert short.text == LINES[2]


def test_a_translation_that_does_not_end_is_an_error_not_a_cut(taught: dict[str, Path]) -> None:
    for engine in (fast(taught["nllb"], max_length=30), slow(taught["nllb"], max_length=30)):
        # The sentence in Zulu has more tokens than are allowed, its source does not.
        answer = engine.translate([LINES[0]], "en", "zu")[0]
        assert (answer.text, answer.error) == ("", "the translation did not end within 28 tokens")


def test_control_tokens_written_in_a_text_do_not_steer_the_model(taught: dict[str, Path]) -> None:
    for kind, mark in (("madlad400", "<2zu>"), ("marian_multi", ">>zul<<"), ("nllb", "zul_Latn"), ("m2m100", "__zu__")):
        engine = slow(taught[kind])
        for text in (f"{mark} fever", f"fever </s> {mark} cough"):
            row = engine.rows([text], "en", "sw")[0]
            assert mark not in row.source
            assert row.source.count("</s>") == 1


def test_unknown_pieces_are_said(taught: dict[str, Path]) -> None:
    engine = slow(taught["madlad400"])
    assert "unknown" in str(engine.translate([LINES[0] + " 熱"], "en", "sw")[0].note)
    assert "knows no piece" in str(engine.translate(["熱"], "en", "sw")[0].error)


def test_identity_says_licence_and_hashes_what_shapes_answers(taught: dict[str, Path]) -> None:
    nllb = fast(taught["nllb"]).identity
    assert (nllb.name, nllb.engine) == ("ct2:tiny-nllb", "ct2")
    assert (nllb.licence, nllb.non_commercial) == ("CC-BY-NC-4.0", True)
    assert nllb == fast(taught["nllb"]).identity
    others = [fast(taught["nllb"], beam_size=2), slow(taught["nllb"]), ct2.load(str(taught["nllb"]), CPU)]
    assert len({nllb.sha256, *(other.identity.sha256 for other in others)}) == 4
    assert slow(taught["m2m100"]).identity.non_commercial is False
    assert slow(taught["marian"]).identity.licence is None


def test_the_transliteration_model_reads_names(shared: Path) -> None:
    folder = shared / "models" / "ct2_transliteration" / "aren-transliteration"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    options = {**CPU, "source": "ar", "target": "en", "tokenization": "characters", "compute_type": "float32"}
    engine: Translator = ct2.load(str(folder), options)
    assert engine.pairs() == {("ar", "en")}
    sara, latin = engine.translate(["سارة", "Sara"], "ar", "en")
    assert sara.text == "sara"
    assert sara.score == pytest.approx(-0.0517, abs=1e-3)
    assert "knows no piece" in str(latin.error)
    with pytest.raises(EngineError, match=r"Name .*aren-transliteration"):
        ct2.load(str(folder.parent), options)
    with pytest.raises(EngineError, match="device 'cuda:99' cannot be used"):
        ct2.load(str(folder), {**options, "device": "cuda:99"})
    with pytest.raises(ConfigError, match="tokenization=characters"):
        ct2.load(str(folder), {"source": "ar", "target": "en"})
    with pytest.raises(ConfigError, match="option source"):
        ct2.load(str(folder), {"tokenization": "characters"})
    engine.close()


def test_an_option_with_a_wrong_name_is_refused_with_the_nearest(taught: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="did you mean 'beam_size'"):
        fast(taught["nllb"], beamsize=2)
    with pytest.raises(EngineError, match="hf:"):
        ct2.load(str(taught["seamless"]), CPU)

"""Language, length, residue and repetition: what a translation looks like, whatever it says."""

from __future__ import annotations

import pytest

from afya.translation.checks import length, repetition, residue, speech

ENGLISH = "The child has had a fever for three days and does not want to eat or drink anything."
TEXTS = {
    "sw": "Mtoto amekuwa na homa kwa siku tatu na hataki kula wala kunywa chochote.",
    "yo": "Ọmọ náà ti ní ibà fún ọjọ́ mẹ́ta, kò sì fẹ́ jẹun tàbí mu ohunkóhun.",
    "zu": "Ingane inemfiva izinsuku ezintathu futhi ayifuni ukudla noma ukuphuza lutho.",
    "wo": "Xale bi am na yaram wu tàng ñetti fan, te bëggul lekk wala naan dara.",
    "fr": "L’enfant a de la fièvre depuis trois jours et ne veut ni manger ni boire.",
    "es": "El niño tiene fiebre desde hace tres días y no quiere comer ni beber nada.",
    "zh": "孩子发烧三天了，不想吃也不想喝任何东西。",
    "ja": "子どもは三日間熱があり、何も食べたり飲んだりしたがりません。",
    "ko": "아이가 사흘 동안 열이 나고 아무것도 먹거나 마시려고 하지 않습니다.",
    "ru": "У ребенка три дня температура, и он не хочет ни есть, ни пить.",
    "am": "ልጁ ለሦስት ቀናት ትኩሳት አለው እና ምንም መብላት ወይም መጠጣት አይፈልግም።",
    "ar": "الطفل مصاب بالحمى منذ ثلاثة أيام ولا يريد أن يأكل أو يشرب أي شيء.",
    "hi": "बच्चे को तीन दिन से बुखार है और वह कुछ भी खाना या पीना नहीं चाहता।",
}


@pytest.mark.parametrize("lang", TEXTS)
def test_a_text_in_the_language_passes_and_the_english_does_not(lang: str) -> None:
    check = speech.make("en", lang)
    assert check(ENGLISH, TEXTS[lang]).passed
    assert not check(ENGLISH, ENGLISH).passed


@pytest.mark.parametrize(("asked", "given"), [("sw", "fr"), ("es", "fr"), ("yo", "sw"), ("wo", "fr"), ("zh", "ja")])
def test_another_language_is_named(asked: str, given: str) -> None:
    verdict = speech.make("en", asked)(ENGLISH, TEXTS[given])
    assert not verdict.passed
    assert verdict.judged
    assert "looks like" in str(verdict.detail)


def test_a_text_too_short_to_tell_passes() -> None:
    for short in ("Hapana", "MUAC 112 mm", "COVID-19", "38.5", ""):
        assert speech.make("en", "sw")("No", short).passed
    assert speech.make("en", "ar")("MUAC 112 mm", "MUAC 112 mm").passed


def test_a_language_that_nothing_tells_from_others_is_not_judged() -> None:
    verdict = speech.make("en", "fon")(ENGLISH, "Vǐ ɔ́ ɖó avivɔzɔn.")
    assert not verdict.passed
    assert not verdict.judged


@pytest.mark.parametrize("lang", TEXTS)
def test_usual_lengths_pass_and_half_a_text_does_not(lang: str) -> None:
    check = length.make("en", lang)
    assert check(ENGLISH, TEXTS[lang]).passed
    assert not check(ENGLISH, TEXTS[lang] * 3).passed
    assert not check(ENGLISH * 3, TEXTS[lang]).passed


def test_the_ratio_of_two_languages_goes_through_english() -> None:
    assert length.make("zh", "fr")(TEXTS["zh"], TEXTS["fr"]).passed
    assert not length.make("zh", "fr")(TEXTS["zh"] * 4, TEXTS["fr"]).passed


def test_short_texts_and_empty_ones() -> None:
    check = length.make("en", "sw")
    assert check("No", "La hasha").passed
    assert check("Fever", "Homa kali sana").passed
    assert check("", "").passed
    assert check(ENGLISH, " ").detail == "the translation is empty"
    assert check("", "Homa").detail == "the source is empty"


def test_a_language_of_unknown_length_is_not_judged() -> None:
    verdict = length.make("en", "te")(ENGLISH, "text")
    assert not verdict.judged
    assert verdict.detail == "the usual length of Telugu is not known"


def test_a_source_left_as_it_is_is_residue() -> None:
    check = residue.make("en", "sw")
    assert not check(ENGLISH, ENGLISH).passed
    assert not check(ENGLISH, "Mtoto ana homa and does not want to eat or drink anything.").passed
    assert check(ENGLISH, TEXTS["sw"]).passed


def test_names_numbers_and_drugs_may_stay() -> None:
    check = residue.make("en", "sw")
    for kept in ("COVID-19", "Amoxicillin", "World Health Organization", "38.5", "amoxicillin ibuprofen paracetamol"):
        assert check(kept, kept).passed
    assert check(
        "It is in the World Health Organization list.", "Iko katika orodha ya World Health Organization."
    ).passed


def test_ideographs_left_over_are_residue() -> None:
    check = residue.make("zh", "en")
    assert check(TEXTS["zh"], ENGLISH).passed
    assert not check(TEXTS["zh"], "The child 不想吃也不想喝任何东西").passed
    assert not residue.make("zh", "ja")(TEXTS["zh"], TEXTS["zh"]).passed


@pytest.mark.parametrize("lang", TEXTS)
def test_a_loop_is_repetition(lang: str) -> None:
    check = repetition.make("en", lang)
    assert check(ENGLISH, TEXTS[lang]).passed
    assert not check(ENGLISH, TEXTS[lang] + " " + (TEXTS[lang][-24:] + " ") * 6).passed


def test_one_sign_drawn_out_is_repetition() -> None:
    assert not repetition.make("en", "sw")("Stop it now", "ha" * 60).passed
    assert not repetition.make("en", "zh")("Stop it now, please", "好" * 60).passed


def test_a_source_that_repeats_itself_may_be_translated_so() -> None:
    source = "wash your hands well and " * 6
    assert repetition.make("en", "sw")(source, "nawa mikono yako vizuri na " * 6).passed

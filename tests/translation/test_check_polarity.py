"""Polarity: a denial lost or gained is seen, in each language's own way of denying."""

from __future__ import annotations

from random import Random

import pytest

from afya.errors import ConfigError
from afya.text.polarity import DENIES, NEAR, NONE, cues, polarity_codes
from afya.translation.checks import polarity
from afya.translation.checks.corrupt import corrupt
from afya.translation.checks.corrupt_polarity import ADD_NEGATION, REMOVE_NEGATION

SOURCE = "Do not give this medicine to the child."
KEPT_AND_LOST = {
    "sw": ("Usimpe mtoto dawa hii.", "Mpe mtoto dawa hii."),
    "yo": ("Má ṣe fún ọmọ náà ní oògùn yìí; kò dára.", "Fún ọmọ náà ní oògùn yìí."),
    "zu": ("Ungamniki umntwana lo muthi.", "Nika umntwana lo muthi."),
    "wo": ("Bul jox xale bi garab gii.", "Joxal xale bi garab gii."),
    "fr": ("Ne donnez pas ce médicament à l’enfant.", "Donnez ce médicament à l’enfant."),
    "es": ("No le dé este medicamento al niño.", "Dele este medicamento al niño."),
    "pt": ("Não dê este medicamento à criança.", "Dê este medicamento à criança."),
    "de": ("Geben Sie dem Kind dieses Medikament nicht.", "Geben Sie dem Kind dieses Medikament."),
    "zh": ("不要给孩子吃这种药。", "给孩子吃这种药。"),
    "ja": ("この薬を子どもに与えないでください。", "この薬を子どもに与えてください。"),
    "ko": ("이 약을 아이에게 주지 마십시오.", "이 약을 아이에게 주십시오."),
    "ar": ("لا تعط الطفل هذا الدواء.", "أعط الطفل هذا الدواء."),
    "hi": ("बच्चे को यह दवा न दें।", "बच्चे को यह दवा दें।"),
    "ru": ("Не давайте ребенку это лекарство.", "Давайте ребенку это лекарство."),
    "ha": ("Kada a ba yaron wannan magani.", "Likita ya rubuta wannan magani."),
    "am": ("ይህን መድኃኒት ለልጁ መስጠት አይገባም።", "ይህን መድኃኒት ለልጁ ይስጡ።"),
    "so": ("Ma aha in ilmaha la siiyo dawadan.", "Waa in ilmaha la siiyo dawadan."),
}


@pytest.mark.parametrize("lang", KEPT_AND_LOST)
def test_a_denial_that_is_kept_passes_and_one_that_is_lost_does_not(lang: str) -> None:
    kept, lost = KEPT_AND_LOST[lang]
    check = polarity.make("en", lang)
    assert check(SOURCE, kept).passed
    verdict = check(SOURCE, lost)
    assert not verdict.passed
    assert verdict.judged
    assert verdict.detail == "the source denies once, the translation not at all"


@pytest.mark.parametrize("lang", KEPT_AND_LOST)
def test_a_denial_that_was_put_in_is_seen(lang: str) -> None:
    kept, lost = KEPT_AND_LOST[lang]
    check = polarity.make("en", lang)
    assert check("Give this medicine to the child.", lost).passed
    assert not check("Give this medicine to the child.", kept).passed


def test_what_is_unknown_in_one_language_may_be_not_known_in_the_other() -> None:
    check = polarity.make("en", "sw")
    assert check("The cause is unknown.", "Chanzo chake hakijulikani.").passed


def test_contraindicated_asks_for_a_denial() -> None:
    check = polarity.make("en", "fr")
    assert check("Aspirin is contraindicated in children.", "L’aspirine est contre-indiquée chez l’enfant.").passed
    assert not check("Aspirin is contraindicated in children.", "L’aspirine est indiquée chez l’enfant.").passed


def test_not_only_denies_nothing() -> None:
    check = polarity.make("en", "es")
    assert check("It is not only a cough.", "No solo es tos.").passed
    assert check("It is not only a cough.", "Es más que tos.").passed


def test_sentences_are_compared_one_by_one() -> None:
    check = polarity.make("en", "fr")
    source = "Do not give milk. Give water. Never give tea."
    assert check(source, "Ne donnez pas de lait. Donnez de l’eau. Ne donnez jamais de thé.").passed
    verdict = check(source, "Ne donnez pas de lait. Ne donnez pas d’eau. Donnez du thé.")
    assert not verdict.passed
    assert verdict.detail == "sentence 2: the translation denies once, the source not at all"


def test_of_two_denials_one_may_not_be_lost() -> None:
    check = polarity.make("en", "zh")
    assert not check("Do not give aspirin and do not give ibuprofen", "不要给阿司匹林，可以给布洛芬").passed


def test_a_language_whose_denials_are_not_known_is_not_judged() -> None:
    verdict = polarity.make("en", "bem")("Do not give it.", "Tekuti mupeele.")
    assert not verdict.passed
    assert not verdict.judged
    assert verdict.detail == "the denials of Bemba are not known"


def test_a_cue_is_found_with_its_punctuation_and_decomposed() -> None:
    known = cues("yo")
    assert known.of_token("kò,") == DENIES
    assert known.of_token("ko\u0300") == DENIES
    assert cues("fr").of_token("n’est") == DENIES
    assert cues("fr").of_token("sans") == NEAR
    assert cues("fr").of_token("avec") == NONE


def test_words_that_only_look_like_a_denial_are_none() -> None:
    assert cues("sw").of_token("hali") == NONE
    assert cues("sw").of_token("haiwezi") == DENIES
    assert cues("zh").in_unspaced("不仅如此，非常好") == (0, 0)
    assert cues("zh").in_unspaced("不能") == (1, 0)


def test_every_file_can_be_read_and_says_that_nobody_reviewed_it() -> None:
    for code in polarity_codes():
        assert not cues(code).reviewed


def test_a_language_without_a_file_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"Bemba .* no cues of denial.*Add the language"):
        cues("bem")


def test_faults_are_made_by_pairs_of_the_language() -> None:
    assert corrupt("Watoto hawawezi kula.", "sw", REMOVE_NEGATION, Random(1)) == "Watoto wanaweza kula."
    assert corrupt("Watoto wanaweza kula.", "sw", ADD_NEGATION, Random(1)) == "Watoto hawawezi kula."
    assert corrupt("No puede comer.", "es", REMOVE_NEGATION, Random(1)) == "Puede comer."
    assert corrupt("No puede comer.", "es", ADD_NEGATION, Random(1)) is None
    assert corrupt("他不能吃。", "zh", REMOVE_NEGATION, Random(1)) == "他能吃。"
    assert corrupt("Il n'a pas de fièvre.", "fr", ADD_NEGATION, Random(1)) is None
    assert corrupt("Il a de la fièvre.", "fr", ADD_NEGATION, Random(1)) == "Il n'a pas de la fièvre."
    assert corrupt("Il n'a pas de fièvre.", "fr", REMOVE_NEGATION, Random(1)) == "Il a de fièvre."
    assert corrupt("Ora.", "sw", REMOVE_NEGATION, Random(1)) is None


def test_words_that_say_a_denial_once_more_are_no_further_denial() -> None:
    check = polarity.make("en", "es")
    assert check("Give nothing to eat or drink.", "No dé nada de comer ni de beber.").passed
    assert not check("Give nothing to eat or drink.", "Dé nada de comer ni de beber.").passed
    assert not check("Give something to eat.", "No dé nada de comer.").passed
    assert check("Do not wait or guess.", "No espere ni adivine.").passed
    assert not check("Do not wait or guess.", "Espere ni adivine.").passed
    assert polarity.make("en", "fr")("There is no other sign.", "Il n'y a aucun autre signe.").passed


def test_unless_on_both_sides_excuses_no_denial() -> None:
    source = "Treat it before the journey, unless the child has another sign."
    assert polarity.make("en", "zh")(source, "出发前先治疗，除非孩子有其他表现。").passed
    assert not polarity.make("en", "zh")(source, "出发前先治疗，除非孩子没有其他表现。").passed
    assert not polarity.make("en", "fr")(
        source, "Traitez avant le trajet, sauf si l'enfant n'a pas d'autre signe."
    ).passed
    assert polarity.make("en", "fr")("Wait, unless he cannot drink.", "Attendez, sauf s'il ne peut pas boire.").passed


@pytest.mark.parametrize(
    ("lang", "source", "translation"),
    [
        ("ko", "Dry the ear with a rolled piece of cloth.", "깨끗한 천을 말아서 귀를 닦으십시오."),
        ("ko", "Do not wait until no more pus comes.", "고름이 나오지 않을 때까지 기다리지 마십시오."),
    ],
)
def test_words_of_other_meanings_are_no_denial(lang: str, source: str, translation: str) -> None:
    assert polarity.make("en", lang)(source, translation).passed


def test_an_illness_is_no_denial_in_yoruba() -> None:
    check, source = polarity.make("en", "yo"), "if the child cannot drink or gets sicker"
    assert check(source, "bí ọmọ náà kò bá lè mu, tàbí bí àìsàn náà bá ń le").passed
    assert not check(source, "bí ọmọ náà bá lè mu, tàbí bí àìsàn náà bá ń le").passed

"""Names of drugs: known in the spelling of each language, missed when one is lost or another stands there."""

from __future__ import annotations

import pytest

from afya.translation.checks import drugs
from afya.translation.checks.drug_names import consonants, named

GIVE = "Give amoxicillin twice a day."
SPELT = {
    "sw": ("Mpe amoksisilini mara mbili kwa siku.", "Mpe siprofloksasini mara mbili kwa siku."),
    "zu": ("Nika i-amoxicillin kabili ngosuku.", "Nika i-ciprofloxacin kabili ngosuku."),
    "yo": ("Fún un ní amọ́síkílìn lẹ́ẹ̀mejì lójúmọ́.", "Fún un ní parasitámọ̀ lẹ́ẹ̀mejì lójúmọ́."),
    "wo": ("Joxal ko amoxicilline ñaari yoon ci bis bi.", "Joxal ko paracétamol ñaari yoon ci bis bi."),
    "es": ("Administre amoxicilina dos veces al día.", "Administre ciprofloxacino dos veces al día."),
    "ru": ("Давайте амоксициллин два раза в день.", "Давайте парацетамол два раза в день."),
    "ar": ("أعط أموكسيسيلين مرتين في اليوم.", "أعط باراسيتامول مرتين في اليوم."),
    "hi": ("एमोक्सिसिलिन दिन में दो बार दें।", "पैरासिटामोल दिन में दो बार दें।"),
    "am": ("አሞክሲሲሊን በቀን ሁለት ጊዜ ስጥ።", "ፓራሲታሞል በቀን ሁለት ጊዜ ስጥ።"),
    "ja": ("アモキシシリンを1日2回与える。", "シプロフロキサシンを1日2回与える。"),
    "ko": ("아목시실린을 하루 두 번 준다.", "시프로플록사신을 하루 두 번 준다."),
    "zh": ("每天给两次阿莫西林。", "每天给两次环丙沙星。"),
}


@pytest.mark.parametrize("lang", SPELT)
def test_a_drug_is_known_in_its_spelling_and_another_is_an_alarm(lang: str) -> None:
    right, wrong = SPELT[lang]
    check = drugs.make("en", lang)
    assert check(GIVE, right).passed, check(GIVE, right)
    verdict = check(GIVE, wrong)
    assert not verdict.passed
    assert verdict.judged
    assert "lost: amoxicillin" in str(verdict.detail)


@pytest.mark.parametrize("lang", SPELT)
def test_it_works_the_other_way_round(lang: str) -> None:
    assert drugs.make(lang, "en")(SPELT[lang][0], GIVE).passed


def test_other_names_of_one_medicine_are_the_same() -> None:
    assert drugs.make("en", "fr")("Take acetaminophen.", "Prenez du paracétamol.").passed
    assert drugs.make("en", "zh")("Give adrenaline.", "注射肾上腺素。").passed
    assert not drugs.make("en", "zh")("Give adrenaline.", "注射去甲肾上腺素。").passed


def test_the_latin_name_may_be_kept_in_another_script() -> None:
    assert drugs.make("en", "zh")("Give dobutrexamine or ciclovir.", "给 dobutrexamine。").passed
    assert drugs.make("en", "zh")("Use lamzumab for it.", "使用它。").passed


def test_a_name_without_a_chinese_form_is_not_judged() -> None:
    verdict = drugs.make("en", "zh")("They tried cefotanidazole.", "他们试了一种药。")
    assert not verdict.passed
    assert not verdict.judged
    assert "cefotanidazole" in str(verdict.detail)


def test_a_drug_put_in_is_an_alarm() -> None:
    verdict = drugs.make("en", "fr")("Give water.", "Donnez de la morphine.")
    assert verdict.detail == "added: morphine"


def test_texts_without_drugs_pass() -> None:
    assert drugs.make("en", "sw")("Wash your hands.", "Nawa mikono.").passed
    assert drugs.make("en", "sw")("", "").passed


def test_names_are_told_from_other_words() -> None:
    assert [drug.name for drug in named("lopinavir/ritonavir,")] == ["lopinavir", "ritonavir"]
    assert named("april") == ()
    assert named("vaccine") == ()
    assert [drug.name for drug in named("rilpivudinavir")] == ["rilpivudinavir"]


def test_consonants_are_the_same_in_all_alphabets() -> None:
    assert consonants("paracetamol") == consonants("парацетамол") == consonants("parasetamoli")
    assert consonants("アモキシシリン") == consonants("amoxicillin")

"""Personal data is masked; what a health worker needs is not."""

from __future__ import annotations

import pytest

from afya.assistant.understanding.privacy import mask

# Language, text, what must go, what must stay.
WRITTEN: list[tuple[str, str, list[str], list[str]]] = [
    ("en", "My name is Amina Hassan and my son Juma has fever, 38.5 C", ["Amina Hassan", "Juma"], ["38.5 C", "fever"]),
    ("en", "my name is amina, baby 8 months, 7.5 kg", ["amina"], ["8 months", "7.5 kg"]),
    ("en", "Patient name: John Otieno, age: 3 years, weight 14 kg", ["John Otieno"], ["3 years", "14 kg"]),
    ("en", "Name: grace wanjiru; MUAC 112 mm", ["grace wanjiru"], ["112 mm"]),
    ("en", "Mama Akinyi says the child vomits", ["Akinyi"], ["Mama", "vomits"]),
    ("en", "Dr. Otieno gave paracetamol 500 mg at 10:30", ["Otieno"], ["paracetamol 500 mg", "10:30"]),
    ("en", "Nurse Joyce asked. Joyce says 52 breaths per minute", ["Joyce"], ["52 breaths per minute"]),
    ("en", "Call 0712 345 678, pulse 120", ["0712 345 678"], ["pulse 120"]),
    ("en", "tel: +254 712 345678. BP 120/80", ["+254 712 345678"], ["120/80"]),
    ("en", "phone 08031234567, Hb 9.5", ["08031234567"], ["9.5"]),
    ("en", "ID no 12345678, 2 years old", ["12345678"], ["2 years"]),
    ("en", "national id 29876543 girl 11 months", ["29876543"], ["11 months"]),
    ("en", "His SA id is 8001015009087", ["8001015009087"], []),
    ("en", "GHA-123456789-0 is her card", ["GHA-123456789-0"], []),
    ("en", "NIDA 19900101-12345-12345-12, fever 3 days", ["19900101-12345-12345-12"], ["3 days"]),
    ("en", "CM90012345ABCD has a cough", ["CM90012345ABCD"], ["cough"]),
    ("en", "write to a.b@clinic.org about the 5 ml syringe", ["a.b@clinic.org"], ["5 ml"]),
    ("en", "see https://example.org/p?id=3 for dose 250 mg", ["https://example.org/p?id=3"], ["250 mg"]),
    ("en", "she lives at -1.29210, 36.82190 and weighs 9.25 kg", ["-1.29210, 36.82190"], ["9.25 kg"]),
    ("en", "P.O. Box 1234, Kisumu. temp 39.2", ["P.O. Box 1234"], ["39.2"]),
    ("en", "they live at 12 Kenyatta Avenue, 3 children ill", ["12 Kenyatta Avenue"], ["3 children"]),
    ("en", "SSN 123-45-6789", ["123-45-6789"], []),
    ("en", "hospital number AB/12345/20, RDT positive", ["12345"], ["RDT positive"]),
    ("en", "Call Dr Okoth from the district office on 7155 5012, Hb 7.8", ["7155 5012"], ["7.8"]),
    ("es", "vivimos en la calle Juárez 27, Comitán; tiene 3 años", ["calle Juárez 27"], ["3 años"]),
    ("pt", "moro na Rua das Flores, 31, Beira; pesa 9,5 kg", ["Rua das Flores, 31"], ["9,5 kg"]),
    ("pt", "o posto atende no 21 3555-0148, dose de 250 mg", ["21 3555-0148"], ["250 mg"]),
    ("zh", "请打我电话138 0013 2468，发烧3天", ["138 0013 2468"], ["3天"]),
    ("zh", "病历号：30458812，血压160/110", ["30458812"], ["160/110"]),
    ("sw", "Jina langu ni Neema Mushi, mtoto ana miezi 8", ["Neema Mushi"], ["miezi 8"]),
    ("sw", "naitwa asha, mtoto ana homa siku 3", ["asha"], ["siku 3", "homa"]),
    ("sw", "Mtoto anaitwa Baraka, kilo 9.5", ["Baraka"], ["kilo 9.5"]),
    ("sw", "Mama Asha anakohoa", ["Asha"], ["anakohoa"]),
    ("sw", "Nipigie 0754 123 456, mtoto ana joto 39", ["0754 123 456"], ["39"]),
    ("sw", "kitambulisho 12345678, umri miaka 2", ["12345678"], ["miaka 2"]),
    ("sw", "S.L.P. 4567 Mwanza, pumzi 52 kwa dakika", ["S.L.P. 4567"], ["52"]),
    ("yo", "Orúkọ mi ni Ṣọlá Adébáyọ̀, ọmọ oṣù 8", ["Ṣọlá Adébáyọ̀"], ["oṣù 8"]),
    ("yo", "oruko mi ni tola, omo osu 10", ["tola"], ["osu 10"]),
    ("yo", "Nọ́mbà mi ni 08031234567", ["08031234567"], []),
    ("yo", "Ìyá Tóyìn ní ibà fún ọjọ́ 3", ["Tóyìn"], ["ọjọ́ 3"]),
    ("zu", "Igama lami nguThandi Dlamini, ingane inezinyanga ezi-8", ["Thandi Dlamini"], ["ezi-8"]),
    ("zu", "Ngishayele ku-082 123 4567, izinga 38.5", ["082 123 4567"], ["38.5"]),
    ("wo", "Maa ngi tudd Awa Ndiaye, xale bi am na 8 weer", ["Awa Ndiaye"], ["8 weer"]),
    ("wo", "sama telefon 77 123 45 67, yaram wu tàng 39", ["77 123 45 67"], ["39"]),
    ("fr", "Je m'appelle Fatou Diop, mon bébé pèse 9,5 kg", ["Fatou Diop"], ["9,5 kg"]),
    ("fr", "Appelez le 06 12 34 56 78, fièvre à 39,2 °C", ["06 12 34 56 78"], ["39,2 °C"]),
    ("fr", "J'habite 12 rue Pasteur, 3 jours de toux", ["12 rue Pasteur"], ["3 jours"]),
    ("es", "Me llamo María López, mi hijo tiene 8 meses", ["María López"], ["8 meses"]),
    ("es", "DNI 12345678Z, pesa 10 kg", ["12345678Z"], ["10 kg"]),
    ("pt", "Meu nome é Ana Silva, bebé com 8 meses", ["Ana Silva"], ["8 meses"]),
    ("pt", "CPF 529.982.247-25, febre de 38,9", ["529.982.247-25"], ["38,9"]),
    ("de", "Ich heiße Jonas Becker, das Kind wiegt 10 kg", ["Jonas Becker"], ["10 kg"]),
    ("de", "Gestern kam Frau Müller und das Kind hatte 39,5 Grad", ["Müller"], ["39,5 Grad"]),
    ("zh", "我叫王小明，孩子8个月，发烧39度", ["王小明"], ["8个月", "39度"]),
    ("zh", "电话13812345678，体重9公斤", ["13812345678"], ["9公斤"]),
    ("ja", "私の名前は田中花子です。子どもは8か月、7.5kg", ["田中花子"], ["8か月", "7.5kg"]),
    ("ja", "鈴木さんの赤ちゃんは38.5度です", ["鈴木"], ["38.5度"]),
    ("ko", "제 이름은 김민수입니다. 아기 8개월 38.5도", ["김민수"], ["8개월", "38.5도"]),
    ("ko", "연락처 010-1234-5678, 체중 9kg", ["010-1234-5678"], ["9kg"]),
]

# Texts of which nothing may be masked.
CLINICAL: list[tuple[str, str]] = [
    ("en", "Give amoxicillin 250 mg twice a day for 5 days. MUAC 112 mm, 52 breaths per minute"),
    ("en", "BP 120/80 then 130/85, pulse 72 76 80, temp 38.5 39.2 37.9"),
    ("en", "RDT lot 0712345678 positive on 12/05/2024, expiry 2026-08"),
    ("en", "viral load 1500000 copies, platelets 150000, CD4 350, WBC 11,200"),
    ("en", "weights 0.5 1.0 120 80 37 11.5"),
    ("en", "MAMA MJAMZITO ANA HOMA KALI SANA LEO"),
    ("en", "The child called for help. A medicine called Amoxicillin was given."),
    ("en", "Vitamin B12, H1N1, COVID-19, step 10, ward 4"),
    ("en", "symptoms began 2024-05-12 and ended 20240519"),
    ("en", "HR 140 RR 52 SpO2 94 temp 39.1 wt 10250 g"),
    ("sw", "Mama mjamzito ana miezi 8 na shinikizo 140/90"),
    ("sw", "mpe vidonge 2 mara mbili kwa siku kwa siku 5, uzito kilo 10.5"),
    ("yo", "Ọmọ oṣù 8 ní ibà fún ọjọ́ 3, ìwọ̀n ara 39.5"),
    ("zu", "Ingane enezinyanga ezi-8 inomkhuhlane izinsuku ezi-3, 38.9"),
    ("wo", "Xale bu am 8 weer dafa yaram wu tàng 3 fan, 39,2"),
    ("fr", "Enfant de 18 mois, 11,2 kg, 39,5 °C, PB 118 mm, 48 respirations par minute"),
    ("zh", "孩子18个月，体重11公斤，体温39.5度，每分钟呼吸48次"),
    ("ja", "子どもは18か月、体重11kg、体温39.5度、1分間に48回呼吸"),
    ("ko", "아이 18개월, 체중 11kg, 체온 39.5도, 분당 호흡 48회"),
    ("de", "Kind 18 Monate, 11,2 kg, 39,5 Grad, Frau Doktor sagt 250 mg"),
]


@pytest.mark.parametrize(("lang", "text", "gone", "kept"), WRITTEN)
def test_personal_data_goes_and_clinical_numbers_stay(lang: str, text: str, gone: list[str], kept: list[str]) -> None:
    masked = mask(text, lang)
    assert [piece for piece in gone if piece in masked.text] == []
    assert [piece for piece in kept if piece not in masked.text] == []
    assert masked.found


@pytest.mark.parametrize(("lang", "text"), CLINICAL)
def test_nothing_of_a_clinical_text_is_masked(lang: str, text: str) -> None:
    assert mask(text, lang).text == text


def test_places_are_those_of_the_text_that_was_given() -> None:
    text = "Mama Akinyi, 0712 345 678."
    found = mask(text, "en").found
    assert [(one.kind, text[one.start : one.end]) for one in found] == [("name", "Akinyi"), ("phone", "0712 345 678")]
    assert not any(sign.isdigit() for one in found for sign in one.shown)


def test_a_language_without_words_of_its_own_still_has_numbers_masked() -> None:
    assert "0712345678" not in mask("xyz 0712345678", "rw").text


def test_masking_twice_changes_nothing_more() -> None:
    for lang, text, *_ in WRITTEN:
        once = mask(text, lang).text
        assert mask(once, lang).text == once


def test_a_long_message_is_masked_quickly_and_whole() -> None:
    text = "mtoto ana homa siku 3. " * 300 + "Nipigie 0754 123 456"
    assert "0754" not in mask(text, "sw").text

"""The check of quantities on pairs, on seeded faults of them, and on TICO-19."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from afya.errors import DataError
from afya.translation.checks.corrupt import KINDS, Measured, corrupt, measure, tenfold
from afya.translation.checks.quantities import make
from afya.translation.checks.tico19_pairs import sentence_pairs


@pytest.mark.parametrize(
    ("target", "source", "translation"),
    [
        ("fr", "Give 1.5 ml twice a day for 14 days.", "Donner 1,5 ml deux fois par jour pendant quatorze jours."),
        ("fr", "1,234 children", "1 234 enfants"),
        ("es", "On 11 March 2020 there were 50% more.", "El 11 de marzo de 2020 hubo un 50 % más."),
        ("zh", "1.61 million people on March 3, 2020", "2020 年 3 月 3 日，161 万人"),
        ("zh", "Keep soap at hand, just in case.", "备好肥皂，以防万一。"),
        ("hi", "1.5 million children under 5 years", "5 वर्ष से कम उम्र के 15 लाख बच्चे"),
        ("sw", "60% of the 25 children", "asilimia 60 ya watoto ishirini na watano"),
        ("zu", "for 14 days", "izinsuku ezingu-14"),
        ("yo", "16 children for 14 days", "ọmọ mẹ́rìndínlógún fún ọjọ́ 14"),
        ("wo", "17 children, 7 days", "fukk ak juróom-ñaari xale, juróom ñaari fan"),
        ("de", "52 days, 1,500 mg", "zweiundfünfzig Tage, 1.500 mg"),
        ("ja", "15,000 people, aged 25", "1万5千人、25歳"),
        ("ko", "8 months, 30,000 people", "8개월, 3만 명"),
        ("ko", "Come back in 3 days.", "3일 뒤에 다시 오십시오."),
        ("yo", "Come back if there is blood in the stool.", "Ẹ padà wá bí ẹ̀jẹ̀ bá wà nínú ìgbẹ́."),
        ("ar", "14 days or 2 weeks", "١٤ يومًا أو أسبوعين"),
        ("am", "25 children, 14 days", "ሃያ አምስት ልጆች፣ ፲፬ ቀናት"),
        ("ru", "aged 65, 48 hours", "65 лет, 2 дня"),
        ("so", "244 thousand cases", "244 oo kun oo kiis"),
        ("fr", "COVID-19 is caused by SARS-CoV-2.", "La COVID est due au SARS-CoV-2."),
    ],
)
def test_a_faithful_translation_passes(target: str, source: str, translation: str) -> None:
    verdict = make("en", target)(source, translation)
    assert verdict.passed, verdict.detail


@pytest.mark.parametrize(
    ("target", "source", "translation", "detail"),
    [
        ("fr", "Give 10 mg.", "Donner 100 mg.", "10 mg in the source, 100 mg in the translation"),
        ("fr", "Give 10 mg.", "Donner 10 g.", "10 mg in the source, 10 g in the translation"),
        ("fr", "Give 0.25 mg.", "Donner 2,5 mg.", "0.25 mg in the source, 2.5 mg in the translation"),
        ("fr", "Give 1.234 mg.", "Donner 1 234 mg.", "1.234 mg in the source, 1234 mg in the translation"),
        ("es", "for 14 days", "durante días", "missing: 14 day"),
        ("es", "for some days", "durante 8 días", "added: 8 day"),
        ("sw", "one gram", "gramu", "missing: 1 g"),
        ("sw", "for two weeks", "kwa siku 2", "2 week in the source, 2 day in the translation"),
        ("pt", "20 of 300 children", "300 de 20 crianças", "20 stands before 300"),
        ("zh", "10 samples agree to 99.98%", "99.98 个样本一致性为 10%", "99.98 percent in the source, 10 percent"),
        ("ru", "people aged over 60", "люди старше 60 недель", "60 year in the source, 60 week"),
        ("yo", "16 children", "ọmọ mẹ́tàdínlógún", "missing: 16; added: 17"),
        ("wo", "7 days", "juróom fan", "missing: 7 day; added: 5 day"),
        ("zu", "for 14 days", "amaviki angu-14", "14 day in the source, 14 week in the translation"),
        ("am", "25 children", "ሃያ ስድስት ልጆች", "missing: 25; added: 26"),
        ("ja", "on 3 May", "5月4日", "missing: 3"),
        ("ar", "receptor ACE2", "مستقبل", "missing: 2"),
    ],
)
def test_a_fault_is_found_and_told(target: str, source: str, translation: str, detail: str) -> None:
    verdict = make("en", target)(source, translation)
    assert not verdict.passed
    assert verdict.judged
    assert detail in str(verdict.detail)


def test_a_language_without_number_words_is_judged_by_figures_or_not_at_all() -> None:
    check = make("en", "it")
    assert check("for 14 days", "per 14 giorni").passed
    verdict = check("for 14 days", "per quattordici giorni")
    assert not verdict.passed
    assert not verdict.judged
    assert "numbers" in str(verdict.detail)


@pytest.mark.parametrize(
    ("figure", "grown"),
    [
        ("15", "150"),
        ("1,500", "15,000"),
        ("0.25", "2.5"),
        ("0,5", "5"),
        ("38,5", "385"),
        ("1 500", "15 000"),
        ("१५", "१५०"),
    ],
)
def test_tenfold_keeps_digits_and_marks(figure: str, grown: str) -> None:
    assert tenfold(figure) == grown


def test_corruptions_are_seeded_change_the_text_and_leave_names_alone() -> None:
    text = "Donner 10 mg de fer pendant 14 jours contre la COVID-19."
    for kind in KINDS:
        made = corrupt(text, "fr", kind, random.Random(3))
        assert made is not None
        assert made != text
        assert "COVID-19" in made
        assert made == corrupt(text, "fr", kind, random.Random(3))
        assert corrupt("La COVID-19 est grave.", "fr", kind, random.Random(3)) is None
        assert not make("en", "fr")("Give 10 mg of iron for 14 days against COVID-19.", made).passed
    with pytest.raises(ValueError, match="drop_number"):
        corrupt(text, "fr", "no_such_kind", random.Random(3))


def test_measuring_counts_alarms_apart_from_finds() -> None:
    pairs = [("for 14 days", "pendant 14 jours"), ("for 3 days", "pendant 30 jours"), ("none", "rien")]
    found = measure(pairs, "en", "fr", seed=1)
    assert (found.alarms.count, found.alarms.n) == (1, 3)
    assert {kind: rate.n for kind, rate in found.caught.items()} == {
        "drop_number": 1, "swap_numbers": 0, "times_ten": 1, "change_unit": 1,
    }  # fmt: skip
    assert found.caught_in_all.share == 1
    low, high = found.alarms.interval
    assert low < 1 / 3 < high
    assert found == measure(pairs, "en", "fr", seed=1)


TICO = ("fr", "es", "pt", "zh", "ru", "sw", "zu", "ar", "hi", "ha", "so")


def _measured(shared: Path, target: str) -> Measured:
    path = shared / "data" / "tico19" / "tico19_multiparallel.jsonl"
    pairs = [(text, translation) for line, text, translation in sentence_pairs(path, target) if line % 5 == 0]
    return measure(pairs, "en", target, seed=1)


@pytest.mark.parametrize("target", TICO)
def test_real_translations_raise_few_alarms_and_their_faults_are_found(shared: Path, target: str) -> None:
    found = _measured(shared, target)
    # 600 sentences stand for 3,071: the bounds leave room for chance; the whole is in docs/translation-checks.md.
    assert found.alarms.share < 0.04
    assert found.caught_in_all.share > 0.975


def test_lines_out_of_line_are_put_back_or_left_out(shared: Path) -> None:
    path = shared / "data" / "tico19" / "tico19_multiparallel.jsonl"
    published = {line: translation for line, _, translation in sentence_pairs(path, "so", realigned=False)}
    realigned = {line: translation for line, _, translation in sentence_pairs(path, "so")}
    assert len(published) == 3071
    assert len(realigned) == 3068
    assert realigned[1161] == published[1160]
    assert realigned[100] == published[100]
    assert not any(461 <= line <= 734 for line, _, _ in sentence_pairs(path, "fr"))
    with pytest.raises(DataError, match="'am'"):
        list(sentence_pairs(path, "am"))

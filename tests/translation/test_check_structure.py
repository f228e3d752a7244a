"""Placeholders, markup and option labels come through a translation as they were."""

from __future__ import annotations

import pytest

from afya.translation.checks import options, placeholders


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("Dear {name}, take %s tablets", "Mpendwa {name}, meza vidonge %s"),
        ("See <b>danger</b> signs<br/>", "Voir les signes de <b>danger</b><br>"),
        ("At https://who.int/x.", "在 https://who.int/x。"),
        ("Write to help@clinic.org", "Andika kwa help@clinic.org"),
        ("As shown [1, 2] and [3]", "Kama ilivyoonyeshwa [1,2] na [3]"),
        ("**Never** do `x`", "`x` **jamais**"),
        (r"It is $x^2$ and \alpha", r"C'est $x^2$ et \alpha"),
        ("50% so far, p <0.05, $5 and $6", "50% hadi sasa, p <0.05, $5 na $6"),
        ("plain", "wazi"),
        ("", ""),
    ],
)
def test_what_is_kept_passes(source: str, translation: str) -> None:
    assert placeholders.make("en", "sw")(source, translation).passed


@pytest.mark.parametrize(
    ("source", "translation", "detail"),
    [
        ("Dear {name}", "Mpendwa {jina}", "lost: {name}; added: {jina}"),
        ("Take %s", "Meza", "lost: %s"),
        ("<b>no</b>", "<b>hapana", "lost: </b>"),
        ("see https://who.int/x", "tazama https://who.int/y", "lost: https://who.int/x; added: https://who.int/y"),
        ("as [1] says", "kama inavyosema", "lost: [1]"),
        ("**one** two", "moja mbili", "lost: ** (2 times)"),
        ("# Title", "Kichwa", "lost: #"),
        ("[here](https://a.org)", "[hapa](https://b.org)", None),
    ],
)
def test_what_is_lost_or_changed_is_named(source: str, translation: str, detail: str | None) -> None:
    verdict = placeholders.make("en", "sw")(source, translation)
    assert not verdict.passed
    if detail is not None:
        assert verdict.detail == detail


def test_a_row_of_option_letters_is_compared() -> None:
    check = options.make("en", "zh")
    assert check("Which? A. yes B. no C. both", "哪个？A. 是 B. 否 C. 都是").passed
    assert check("Which?\n(a) yes\n(b) no", "哪个？\nＡ）是\nＢ）否").passed
    verdict = check("Which? A. yes B. no C. both", "哪个？A. 是 B. 否")
    assert verdict.detail == "option letters A B C in the source, A B in the translation"


def test_a_single_letter_with_a_full_stop_is_no_label() -> None:
    check = options.make("en", "fr")
    assert check("Give vitamin A. Then zinc.", "Donner de la vitamine A, puis du zinc.").passed
    assert check("J. B. Smith came.", "J. B. Smith est venu.").passed


def test_letters_put_into_a_text_are_an_alarm() -> None:
    assert not options.make("en", "sw")("yes or no", "A. ndiyo B. hapana").passed

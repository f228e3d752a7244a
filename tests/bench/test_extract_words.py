"""Every language of the registry can be read, with its own letters and with signs that stand for labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from afya.bench.reading.extract import extract
from afya.bench.reading.extract_fold import alphabets, folded, spoken
from afya.bench.reading.extract_words import CLASSES, commitment_codes, commitments, lexicon, literals
from afya.languages import registry

OPTIONS = ("pamoja", "mbali", "karibu", "juu")
LATIN = ("A", "B", "C", "D")


def test_every_language_of_the_registry_has_words_of_commitment() -> None:
    assert set(commitment_codes()) == set(registry())


@pytest.mark.parametrize("lang", sorted(registry()))
def test_a_languages_markers_are_read_with_its_letters_and_with_latin_ones(lang: str) -> None:
    own = literals(lang).option_letters[:4]
    for marker in literals(lang).answer_markers:
        for letters in (own, LATIN):
            assert extract(f"{marker}: {letters[1]}", OPTIONS, lang, letters).chosen == (1,), (marker, letters)
    assert extract(own[2], OPTIONS, lang, own).chosen == (2,)
    assert extract("The answer is C.", OPTIONS, lang, LATIN).chosen == (2,)


@pytest.mark.parametrize("lang", sorted(registry()))
def test_a_languages_refusals_and_silences_are_no_answers(lang: str) -> None:
    for phrase in literals(lang).refusals:
        assert extract(phrase, OPTIONS, lang, LATIN).chosen is None
    assert extract(" \n", OPTIONS, lang, LATIN).reason == "empty"


@pytest.mark.parametrize("lang", sorted(registry()))
def test_the_labels_of_inference_are_known_in_each_language(lang: str) -> None:
    labels = ("entailment", "neutral", "contradiction")
    for index, name in enumerate(labels):
        for word in getattr(commitments(lang).inference, name):
            if lexicon(lang).inference[" ".join(folded(word).lower().split())] == name:
                assert extract(f"{word}.", labels, lang, ("A", "B", "C")).chosen == (index,), word
    assert set(CLASSES) == {*labels, "not_entailment"}


def test_native_letters_and_signs_stand_for_options() -> None:
    for lang, rows in alphabets().native.items():
        for row in rows:
            marker = literals(lang).answer_markers[0]
            # Cyrillic В beside shown Latin letters is a B.
            letters = literals(lang).option_letters[:4] if row[2] in alphabets().look_alikes else LATIN
            assert extract(f"{marker}: {row[2]}", OPTIONS, lang, letters).chosen == (2,), (lang, row)
    for signs in alphabets().circled:
        assert extract(signs[3], OPTIONS, "ko", LATIN).chosen == (3,), signs
        assert extract(f"Answer: {signs[1]}", OPTIONS, "en", LATIN).chosen == (1,), signs


def test_look_alike_letters_are_the_letters_they_look_like() -> None:
    assert extract("Answer: А", OPTIONS, "en", LATIN).chosen == (0,)
    assert extract("Answer: Β", OPTIONS, "en", LATIN).chosen == (1,)
    assert extract("Ｂ", OPTIONS, "en", LATIN).chosen == (1,)
    assert extract("Ответ: В", OPTIONS, "ru", ("А", "Б", "В", "Г")).chosen == (2,)


def test_digits_are_labels_only_where_the_options_hold_no_numbers() -> None:
    assert extract("Answer: 2", OPTIONS, "en", LATIN).chosen == (1,)
    assert extract("Answer: 2", ("1", "2", "3", "4 or more"), "en", LATIN).chosen == (1,)
    assert extract("Answer: 2", ("2 mg", "4 mg", "8 mg", "16 mg"), "en", LATIN).chosen is None
    assert extract("①", ("①, ②", "②, ③", "③, ④", "④, ⑤"), "ko", LATIN).chosen is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<think>A?</think>B", "B"),
        ("A? yes</think>B", "B"),
        ("[THINK]A[/THINK]B", "B"),
        ("◁think▷A◁/think▷B", "B"),
        ("## Thinking\n\nA\n\n## Final Response\n\nB", "B"),
        ("<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B", "B"),
    ],
)
def test_thinking_is_set_aside_in_each_way_of_marking_it(text: str, kept: str) -> None:
    assert spoken(text).text.strip() == kept
    assert extract(text, OPTIONS, "en", LATIN).chosen == (1,)


def test_thinking_without_an_end_is_a_reply_cut_short() -> None:
    assert extract("<think>The answer is B", OPTIONS, "en", LATIN).reason == "truncated"
    assert extract("", OPTIONS, "en", LATIN, finish_reason="length").reason == "truncated"
    assert extract("", OPTIONS, "en", LATIN, finish_reason="filtered").reason == "refused"
    assert extract("<think>B</think>", OPTIONS, "en", LATIN).reason == "empty"


def test_files_of_words_are_data_of_their_folder() -> None:
    from afya.bench.reading.extract_words import folder

    assert all(Path(folder() / f"{code}.yaml").exists() for code in registry())

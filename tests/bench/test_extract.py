"""An answer is read where a reply commits to one, and never guessed."""

from __future__ import annotations

import pytest

from afya.bench.asking.prompts import option_letters
from afya.bench.reading.extract import extract
from afya.bench.scoring.score import score_options, score_text
from afya.languages import core_codes
from afya.text.literals import text_literals

OPTIONS = ("Half the packet in one litre", "The whole packet in one litre", "A spoon of salt", "Two packets")
LETTERS = ("A", "B", "C", "D")

ONE = [
    ("B", 1),
    (" B.", 1),
    ("b", 1),
    ("answer: b", 1),
    ("(B)", 1),
    ("Ｂ", 1),
    ("**B**", 1),
    ("B. Because the whole packet\nis right.", 1),
    ("B\n\nExplanation: C is wrong.", 1),
    ("Answer: B", 1),
    ("The answer is **B**.", 1),
    ("Answer: D because it is", 3),
    ("The correct answer is C) A spoon of salt", 2),
    ("I choose option D because", 3),
    ("Option B is right. Option B.", 1),
    ('{"answer": "C"}', 2),
    ("$\\boxed{D}$", 3),
    ("**C. A spoon of salt**", 2),
    ("First I thought answer: A. But final answer: C", 2),
    ("<think>Answer: A</think>Answer: D", 3),
    ("A. Half\nB. whole\nAnswer: D", 3),
    ("The whole packet in one litre", 1),
    ("One mixes the whole packet in one litre, of course.", 1),
]
NONE = [
    ("", "empty"),
    (" ...", "empty"),
    ("I cannot answer this", "refused"),
    ("I'm sorry, but I can’t say", "refused"),
    ("The answer is not B", "no_answer"),
    ("The answer is A or C", "several"),
    ("A and C", "several"),
    ("A child with fever should go", "no_answer"),
    ("Answer: A child", "no_answer"),
    ("(B) is a guess, (A) is another", "no_answer"),
    ("B-cells are good", "no_answer"),
    ("Vitamin C helps", "no_answer"),
    ("A. Half\nB. whole\nC. x", "no_answer"),
    ("<think>Answer: A", "truncated"),
    ("Half the packet in one litre, or two packets", "several"),
]


@pytest.mark.parametrize(("text", "chosen"), ONE)
def test_a_commitment_is_read(text: str, chosen: int) -> None:
    assert extract(text, OPTIONS, "en", LETTERS).chosen == (chosen,)


@pytest.mark.parametrize(("text", "reason"), NONE)
def test_what_commits_to_nothing_has_a_reason(text: str, reason: str) -> None:
    found = extract(text, OPTIONS, "en", LETTERS)
    assert (found.chosen, found.reason) == (None, reason)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("A and C", (0, 2)), ("C, A", (0, 2)), ("ACD", (0, 2, 3)), ("- B\n- D", (1, 3)), ("Answer: A, B, D.", (0, 1, 3))],
)
def test_several_answers_are_a_set(text: str, chosen: tuple[int, ...]) -> None:
    assert extract(text, OPTIONS, "en", LETTERS, several=True).chosen == chosen


@pytest.mark.parametrize("text", ["Impendulo: B no-C", "B no-C", "Impendulo: B no C", "Impendulo ngu-B kanye no-C"])
def test_a_joining_word_written_onto_the_label_joins(text: str) -> None:
    assert extract(text, OPTIONS, "zu", LETTERS, several=True).chosen == (1, 2)
    assert extract(text, OPTIONS, "zu", LETTERS).chosen is None


@pytest.mark.parametrize("lang", core_codes())
def test_each_languages_markers_and_letters_are_read(lang: str) -> None:
    letters = text_literals(lang).option_letters[:4]
    for marker in text_literals(lang).answer_markers:
        for index in (1, 3):
            for reply in (f"{marker}: {letters[index]}", f"{marker.upper()}: {letters[index]}."):
                assert extract(reply, OPTIONS, lang, letters).chosen == (index,), reply
    assert extract(letters[2], OPTIONS, lang, letters).chosen == (2,)


@pytest.mark.parametrize("lang", core_codes())
def test_each_languages_refusals_are_refusals(lang: str) -> None:
    letters = text_literals(lang).option_letters[:4]
    for phrase in text_literals(lang).refusals:
        assert extract(phrase, OPTIONS, lang, letters).reason == "refused", phrase


def test_the_exact_set_must_be_met() -> None:
    assert score_text("A, C", OPTIONS, LETTERS, "en", [0, 2])[0] == "correct"
    assert score_text("A", OPTIONS, LETTERS, "en", [0, 2], several=True)[0] == "wrong"
    assert score_text("A, C, D", OPTIONS, LETTERS, "en", [0, 2], several=True)[0] == "wrong"


def test_a_filtered_reply_is_a_refusal_and_a_cut_one_says_so() -> None:
    assert score_text("", OPTIONS, LETTERS, "en", [0], finish_reason="filtered")[0] == "refused"
    outcome, chosen, detail = score_text("Let us think about", OPTIONS, LETTERS, "en", [0], finish_reason="length")
    assert (outcome, chosen) == ("unparseable", None)
    assert "cut off" in str(detail)


def test_the_highest_score_is_the_choice_and_a_tie_is_told() -> None:
    assert score_options([-3.0, -1.0], ["aa", "b"], [1], "none") == ("correct", [1], None)
    assert score_options([-3.0, -2.0], ["aaaa", "b"], [1], "bytes") == ("wrong", [0], None)
    assert score_options([-1.0, -1.0], ["a", "b"], [1], "none") == ("wrong", [0], "2 options have the same score")


def test_letters_of_an_item_are_its_languages() -> None:
    from test_prompts import item

    for lang in core_codes():
        assert option_letters(item(lang)) == text_literals(lang).option_letters[:3]


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("fr", "À vrai dire, je n'en sais rien."),
        ("fr", "À juste titre, la mère s'inquiète."),
        ("pt", "A correta hidratação ajuda em todos os casos."),
        ("en", "A correct assessment comes first."),
        ("en", "Surgery must be the first option."),
        ("en", "First option: quick but risky. Second option: slow."),
        ("en", "A: quick but risky. B: slow. C: costly. D: fine."),
        ("fr", "A : risqué. B : lent. C : cher."),
        ("yo", "A ò tọ́."),
        ("wo", "Du A la."),
        ("zu", "Kungenzeka ukuthi ngu-A."),
        ("ko", "A라고 생각했지만 확실하지 않습니다."),
    ],
)
def test_what_only_looks_like_an_answer_is_none(lang: str, text: str) -> None:
    assert extract(text, OPTIONS, lang, LETTERS).chosen is None


@pytest.mark.parametrize(
    ("lang", "text", "chosen"),
    [
        ("pt", "B é a correta.", 1),
        ("pt", "A resposta é a B e a dose é baixa.", 1),
        ("es", "La correcta es la C.", 2),
        ("wo", "B la.", 1),
        ("en", "Option (d) is what I would choose.", 3),
        ("en", "I would go with the second option.", 1),
        ("sw", "Chaguo la pili ndilo sahihi.", 1),
        ("zh", "应选第三个选项。", 2),
        ("en", "Dissolve the whole packet in just one litre.", 1),
        ("en", "{'answer': 'C', 'why': 'it is salt'}", 2),
        ("en", "| Option | Correct? |\n|---|---|\n| A | No |\n| B | Yes |\n| C | No |\n| D | No |", 1),
    ],
)
def test_other_ways_of_answering_are_read(lang: str, text: str, chosen: int) -> None:
    assert extract(text, OPTIONS, lang, LETTERS).chosen == (chosen,)


def test_a_table_is_read_only_where_every_option_has_its_verdict() -> None:
    table = "| Option | Verdict |\n|---|---|\n| A | Wrong |\n| B | Correct |\n| C | Wrong |"
    assert extract(table, OPTIONS, "en", LETTERS).chosen is None
    assert extract(f"{table}\n| D | Wrong |", OPTIONS, "en", LETTERS).chosen == (1,)
    assert extract(f"{table}\n| D | Correct |", OPTIONS, "en", LETTERS).chosen is None


@pytest.mark.parametrize(("text", "chosen"), [("↓", (1,)), ("It stays the same: ↔", (2,)), ("↑↑", (3,)), ("→", None)])
def test_options_made_of_signs_are_read(text: str, chosen: tuple[int, ...] | None) -> None:
    assert extract(text, ("↑", "↓", "↔", "↑↑"), "en", LETTERS).chosen == chosen


def test_a_sign_in_passing_is_no_answer() -> None:
    assert extract("Loss of fluid → shock", ("→", "↑", "↓"), "en", LETTERS[:3]).chosen is None

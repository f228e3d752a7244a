"""The guided assessment: danger first, nothing asked in vain, back, not known, kept and gone on with, and told."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from afya.cli.main import app
from afya.errors import DataError
from afya.packs import load_pack
from afya.protocols import available, evaluate, load_protocol
from afya.protocols.assess import Guided, Question, next_question
from afya.protocols.check import boundary_values
from afya.protocols.telling import tell

DANGER = ("unable_to_drink", "vomits_everything", "convulsions", "lethargic_or_unconscious")
WELL: dict[str, Any] = {**dict.fromkeys(DANGER, False), "age_months": 24}
PNEUMONIA: dict[str, Any] = {
    **WELL,
    "cough": True,
    "cough_days": 3,
    "breaths_per_minute": 44,
    "chest_indrawing": False,
    "stridor": False,
}


def guided(answers: dict[str, Any], sections: list[str] | None = None, protocol: str = "child_2_59_months") -> Guided:
    talk = Guided(load_protocol(protocol), sections)
    for name, value in answers.items():
        talk.answer(name, value)
    return talk


def asked(talk: Guided, answer: Any) -> list[str]:
    """The names asked until the end; `answer(question)` gives each answer."""
    names = []
    while (question := talk.question) is not None:
        names.append(question.name)
        talk.answer(question.name, answer(question))
        assert len(names) < 100
    return names


def test_danger_signs_come_first_and_one_of_them_ends_the_questions() -> None:
    talk = Guided(load_protocol())
    first = []
    while (question := talk.question) is not None and question.danger:
        first.append(question.name)
        talk.answer(question.name, False)
    assert first == list(DANGER)
    assert question is not None
    assert question.name == "age_months"
    for sign in DANGER:
        talk = Guided(load_protocol())
        asked(talk, lambda question, sign=sign: question.name == sign)
        assert talk.result.colour == "red"
        assert talk.question is None
        assert "age_months" in talk.not_asked
        assert "cough" in talk.not_asked
        assert "cough_days" not in talk.not_asked


@pytest.mark.parametrize("name", available())
def test_nothing_is_asked_that_cannot_change_what_is_said(name: str) -> None:
    """Whatever is answered, each question has two answers that lead to different outcomes of its tables."""
    protocol = load_protocol(name)
    rng = random.Random(7)
    for _ in range(6):
        talk = Guided(protocol)
        while (question := talk.question) is not None:
            values = boundary_values(protocol, question.name)
            outcomes = {
                tuple(
                    (result.status, result.value, result.possible)
                    for result in evaluate(protocol, {**talk.answers, question.name: value}).results
                ).__repr__()
                for value in values
            }
            entry = protocol.inputs[question.name]
            assert len(outcomes) > 1 or entry.dosing_only or entry.required, question.name
            talk.answer(question.name, rng.choice(values))
        assert talk.result.colour != "unknown" or talk.result.outside


@pytest.mark.parametrize("name", available())
def test_every_walk_through_a_protocol_ends_with_an_outcome_that_english_can_tell(name: str) -> None:
    protocol = load_protocol(name)
    pack = load_pack("en").for_protocol(name)
    rng = random.Random(3)
    colours = set()
    for round_ in range(60):
        talk = Guided(protocol)

        def answer(question: Question, talk: Guided = talk, anything: bool = round_ < 10) -> object:
            values = list(boundary_values(protocol, question.name))
            rng.shuffle(values)
            # Mostly an answer that is not red, so that the rest of the protocol is reached.
            calm = (v for v in values if evaluate(protocol, {**talk.answers, question.name: v}).colour != "red")
            return values[0] if anything else next(calm, values[0])

        asked(talk, answer)
        told = tell(talk, pack)
        colours.add(told.colour)
        assert told.banner
        assert told.classifications
        assert told.why
        json.dumps(told.as_dict())
        if told.colour == "red":
            assert told.refer + told.do
    assert "red" in colours
    assert colours & {"green", "yellow"}


def test_what_is_not_known_is_not_asked_again_and_is_named_at_the_end() -> None:
    talk = Guided(load_protocol(), ["cough"])
    answers = {**PNEUMONIA, "stridor": None}
    names = asked(talk, lambda question: answers.get(question.name, 12.0))
    assert names.count("stridor") == 1
    assert talk.result.colour == "unknown"
    told = tell(talk, load_pack("en"))
    assert told.missing == (load_pack("en").text("question.stridor"),)
    assert "Pneumonia" in told.at_least
    assert told.not_asked == ()


def test_back_takes_the_last_answer_away() -> None:
    talk = guided({"unable_to_drink": False, "vomits_everything": True})
    assert talk.question is None
    assert talk.back() == "vomits_everything"
    assert talk.question is not None
    assert talk.question.name == "vomits_everything"
    assert talk.back() == "unable_to_drink"
    assert talk.back() is None
    assert talk.answers == {}


def test_an_answer_that_cannot_be_leaves_everything_as_it_was() -> None:
    talk = guided(WELL)
    with pytest.raises(DataError, match="cough"):
        talk.answer("cough", "perhaps")
    with pytest.raises(DataError, match="no input 'coughing'"):
        talk.answer("coughing", True)
    assert talk.answers == WELL


def test_a_child_of_another_age_ends_it_without_advice() -> None:
    talk = guided({**dict.fromkeys(DANGER, False), "age_months": 70})
    assert talk.question is None
    told = tell(talk, load_pack("sw"))
    assert told.banner == load_pack("sw").text("notice.age_too_high")
    assert told.do == told.give == ()


def test_the_weight_is_asked_only_where_an_amount_depends_on_it_and_last() -> None:
    names = asked(Guided(load_protocol(), ["cough"]), lambda question: {**PNEUMONIA, "weight_kg": 11.0}[question.name])
    assert names[-1] == "weight_kg"
    cold = {**PNEUMONIA, "breaths_per_minute": 30}
    assert "weight_kg" not in asked(Guided(load_protocol(), ["cough"]), lambda question: cold[question.name])


def test_what_is_told_has_dose_days_to_come_back_and_the_rows_used() -> None:
    told = tell(guided({**PNEUMONIA, "weight_kg": 11.0}, ["cough"]), load_pack("en"))
    assert told.colour == "yellow"
    assert told.classifications == ("Pneumonia",)
    assert told.give[0] == "Amoxicillin, tablet of 250 mg. Tablets each time: 2. Times a day: 2. Days: 5."
    assert "penicillin" in told.give[1]
    assert "See the child again in 3 days." in told.come_back
    assert {why.row for why in told.why} == {"danger, row 2", "cough_breathing, row 2"}
    assert all(why.page and not why.reviewed for why in told.why)
    assert load_pack("en").text("notice.rule_not_reviewed") in told.notices


def test_a_dose_that_does_not_fit_is_replaced_by_who_to_ask() -> None:
    told = tell(guided({**PNEUMONIA, "weight_kg": 29.0}, ["cough"]), load_pack("en"))
    assert told.give == (f"Amoxicillin: {load_pack('en').text('dose.not_found')}",)


def test_saved_and_gone_on_with_it_is_the_same() -> None:
    talk = guided({**WELL, "cough": None})
    again = Guided.resumed(load_protocol(), json.loads(json.dumps(talk.saved())), "x.json")
    assert again.step() == talk.step()
    assert again.unknown == {"cough"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 99}, "version 99"),
        ({"protocol": "pregnancy"}, "protocol pregnancy"),
        ({"format": 0}, "no saved assessment"),
        ({"answers": 3}, "must be lists"),
        ({"answers": [["cough"]]}, "is no answer"),
        ({"answers": [["cough", "maybe"]]}, "cough"),
        ({"sections": ["knee"]}, "no section 'knee'"),
    ],
)
def test_a_saved_assessment_of_something_else_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Guided.resumed(load_protocol(), {**guided(WELL).saved(), **change}, "x.json")


def test_next_question_alone() -> None:
    entry = next_question(load_protocol(), WELL, sections=["fever"], unknown=["fever"])
    assert entry is None
    entry = next_question(load_protocol(), WELL, sections=["fever"])
    assert entry is not None
    assert entry.name == "fever"


# The command.


def run(*arguments: str, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["assess", *arguments], input=typed)
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_the_command_asks_in_swahili_and_tells_the_outcome() -> None:
    code, output = run("child", "--lang", "sw", typed="2\n<\nhapana\n1\n")
    sw = load_pack("sw")
    assert code == 0
    assert output.count(sw.text("question.unable_to_drink")[:30]) == 2
    assert sw.text("classification.very_severe_disease") in output
    assert sw.text("colour.red") in output


def test_the_command_says_what_it_expects_and_keeps_the_answers(tmp_path: Path) -> None:
    kept = tmp_path / "talk.json"
    code, output = run("infant", "--lang", "en", "--save", str(kept), typed="7\n2\n?\nq\n")
    assert code == 0
    assert "1 Yes / 2 No" in output
    assert json.loads(kept.read_text())["answers"] == [["unable_to_drink", False], ["convulsions", None]]
    code, output = run("infant", "--lang", "en", "--save", str(kept), typed="1\n")
    assert code == 0
    assert "Possible serious infection" in output


def test_the_command_reads_answers_from_a_file_and_gives_json(tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in PNEUMONIA.items()))
    code, output = run("child", "--lang", "en", "--section", "cough", "--answers", str(file), "--json")
    assert code == 0
    outcome = json.loads(output)
    assert outcome["colour"] == "yellow"
    assert outcome["step"]["question"]["name"] == "weight_kg"
    code, output = run("child", "--lang", "en", "--answers", "-", typed="convulsions: true\n")
    assert code == 0
    assert "DANGER" in output


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("chidl", "--lang", "en"), "", "Did you mean 'child'"),
        (("child", "--lang", "en", "--section", "knee"), "", "no part 'knee'"),
        (("child", "--lang", "en", "--answers", "-"), "cough: 3\n", "yes or no"),
        (("child", "--lang", "en", "--answers", "-"), "[cough]\n", "lines such as"),
        (("child", "--lang", "en", "--answers", "-"), "cough: [1]\n", "is no answer"),
        (("child", "--lang", "en", "--json"), "", "--answers"),
    ],
)
def test_a_mistake_is_told(arguments: tuple[str, ...], typed: str, words: str) -> None:
    code, output = run(*arguments, typed=typed)
    assert code != 0
    assert words in output

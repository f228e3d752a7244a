"""From one message to the next: what stays known, what a short reply answers, and when a conversation is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from afya.assistant import Answer, Assistant
from afya.assistant.context import Known
from afya.packs import load_pack

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@cache
def assistant(lang: str) -> Assistant:
    return Assistant(lang)


def talk(lang: str, *messages: str, known: Known | None = None, when: datetime = NOON) -> Answer:
    """The answer to the last message of a conversation."""
    answer = assistant(lang).ask(messages[0], conversation=known, when=when)
    for text in messages[1:]:
        answer = assistant(lang).ask(text, conversation=answer.known, when=when)
    return answer


@pytest.mark.parametrize(
    ("lang", "messages"),
    [
        ("en", ("The child has a cough", "8", "no")),
        ("en", ("The child has a cough", "8 months", "No.")),
        ("sw", ("Mtoto anakohoa", "miezi 8", "hapana")),
        ("sw", ("Mtoto anakohoa", "8", "Hapana, sivyo")),
        ("yo", ("Ọmọ náà ń wúkọ́", "8", "rárá")),
        ("zu", ("Ingane iyakhwehlela", "8", "cha")),
        ("fr", ("L'enfant tousse", "8 mois", "non")),
    ],
)
def test_a_short_reply_answers_the_question_before(lang: str, messages: tuple[str, ...]) -> None:
    asked = [talk(lang, *messages[: place + 1]).asks for place in range(3)]
    answer = talk(lang, *messages)
    assert asked[:2] == ["age_months", "unable_to_drink"]
    assert answer.findings["age_months"] == 8
    assert answer.findings["cough"] is True
    assert answer.findings["unable_to_drink"] is False


def test_a_whole_dialogue_ends_in_the_same_advice_as_one_message() -> None:
    whole = talk("en", "8 months, cough 3 days, 52 breaths/min, no danger signs, no stridor")
    dialogue = talk("en", "The child has a cough", "8", "no", "no", "no", "no", "52", "no", "3 days")
    assert dialogue.colour == whole.colour == "yellow"
    assert dialogue.asks is None
    doses = [[block.text for block in answer.blocks if block.kind == "dose"] for answer in (dialogue, whole)]
    assert doses[0] == doses[1] != []


def test_a_yes_to_a_danger_sign_is_red_at_once() -> None:
    answer = talk("sw", "Mtoto anakohoa", "8", "ndiyo")
    assert answer.findings["unable_to_drink"] is True
    assert answer.colour == "red"


def test_no_belongs_to_what_follows_it_and_not_to_the_question() -> None:
    answer = talk("en", "The child has a cough", "8", "no fever")
    assert "unable_to_drink" not in answer.findings
    assert answer.findings["fever"] is False
    assert answer.asks == "unable_to_drink"


def test_what_a_person_does_not_know_is_not_asked_twice() -> None:
    answer = talk("en", "The child has a cough", "8", "I don't know")
    assert answer.asks == "vomits_everything"
    assert "unable_to_drink" not in answer.findings
    assert load_pack("en").text("question.unable_to_drink") in answer.uncertain


def test_an_answer_that_contradicts_an_earlier_one_is_asked_about_and_not_believed() -> None:
    answer = talk("en", "The child has a cough, 8 months", "12 months")
    assert "age_months" not in answer.findings
    assert answer.asks == "age_months"
    assert load_pack("en").text("notice.contradicted") in answer.text
    settled = assistant("en").ask("12", conversation=answer.known, when=NOON)
    assert settled.findings["age_months"] == 12
    assert load_pack("en").text("notice.contradicted") not in settled.text


def test_a_danger_sign_stays_until_its_contradiction_is_settled() -> None:
    first = talk("en", "8 months, cough, convulsions yesterday")
    doubted = assistant("en").ask("no convulsions", conversation=first.known, when=NOON)
    assert doubted.findings["convulsions"] is True
    assert doubted.colour == "red"


@pytest.mark.parametrize(
    "text", ["another child, 20 months, fever 2 days", "a pregnant woman with swollen hands", "An adult with fever"]
)
def test_another_person_begins_anew(text: str) -> None:
    answer = talk("en", "The child has a cough, 8 months", text)
    assert "cough" not in answer.findings
    assert answer.findings.get("age_months") in (None, 20)


def test_the_first_message_of_a_conversation_is_about_nobody_else() -> None:
    assert load_pack("en").text("notice.other_person") not in talk("en", "The child has a cough").text


@pytest.mark.parametrize(("hours", "known"), [(1, True), (13, False)])
def test_after_some_hours_a_conversation_is_over(hours: int, known: bool) -> None:
    first = talk("en", "The child has a cough, 8 months")
    later = assistant("en").ask("fever", conversation=first.known, when=NOON + timedelta(hours=hours))
    assert ("age_months" in later.findings) is known


def test_thanks_leave_open_what_was_asked() -> None:
    answer = talk("en", "The child has a cough, 8 months", "thanks")
    assert answer.route == "small_talk"
    assert talk("en", "The child has a cough, 8 months", "thanks", "no").findings["unable_to_drink"] is False


def test_an_illness_of_nobody_is_asked_about_and_a_grown_ups_cough_is_no_childs() -> None:
    nobody = talk("en", "cough for 3 days")
    assert nobody.asks == "who"
    assert nobody.colour == "unknown"
    grown = talk("en", "cough for 3 days", "an adult")
    assert grown.protocol == "tuberculosis"
    assert grown.findings["cough_days"] == 3
    child = talk("en", "cough for 3 days", "a child", "9 months")
    assert (child.protocol, child.findings["age_months"]) == ("child_2_59_months", 9)


def test_a_number_alone_does_not_turn_a_woman_into_a_child() -> None:
    answer = talk("en", "my wife is pregnant and has a headache", "24", "20 weeks")
    assert answer.protocol == "pregnancy"
    assert answer.findings["age_years"] == 24


def test_a_grown_up_without_a_guide_is_sent_to_the_supervisor() -> None:
    answer = talk("en", "my husband has a fever")
    assert load_pack("en").text("notice.age_too_high") in answer.text
    assert answer.abstained


def test_the_same_conversation_gives_the_same_answers() -> None:
    messages = ("The child has a cough", "8", "no", "I don't know")
    assert talk("en", *messages).as_dict()["findings"] == talk("en", *messages).as_dict()["findings"]
    assert talk("en", *messages).text == talk("en", *messages).text

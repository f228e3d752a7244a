"""One turn: what is answered, and what happens when a stage fails, is late or gets a strange message."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from afya.assistant import Assistant, resources
from afya.assistant.context import Context, Request, Route
from afya.assistant.limits import limits
from afya.assistant.pipeline import EarlyExit, Stage, run
from afya.assistant.resources import drug_names, needed_messages, triage_rows
from afya.assistant.texts import FURTHER
from afya.errors import ConfigError
from afya.packs import builtin_folder, load_pack


@pytest.fixture(scope="module")
def english() -> Assistant:
    return Assistant("en")


def broken(assistant: Assistant, name: str, seconds: float | None = None) -> Assistant:
    """The assistant with one stage that raises, or sleeps past its time."""

    def fail(context: Context) -> Context:
        if seconds is None:
            raise RuntimeError("broken on purpose")
        time.sleep(seconds)
        return context

    copy = Assistant("en")
    copy.stages = tuple(
        replace(stage, run=fail, seconds=0.02 if seconds else stage.seconds) if stage.name == name else stage
        for stage in assistant.stages
    )
    return copy


def test_red_comes_first_and_only_from_the_pack(english: Assistant) -> None:
    answer = english.ask("14 months, cough, 60 breaths per minute, convulsing")
    pack = load_pack("en")
    assert answer.colour == "red"
    assert answer.blocks[0].text == pack.text("colour.red")
    assert {block.origin for block in answer.blocks} == {"pack"}
    assert pack.text("action.give_amoxicillin") not in answer.text
    actions = [block.text for block in answer.blocks if block.kind == "action"]
    assert actions[0] == pack.text("action.refer_urgently")
    assert answer.sources
    assert all(note.page and note.title for note in answer.sources)


def test_what_is_missing_is_asked_one_question_at_a_time(english: Assistant) -> None:
    answer = english.ask("The child has a cough")
    assert [block.text for block in answer.blocks if block.kind == "question"] == ["How old is the child, in months?"]
    assert answer.colour == "unknown"
    assert "unable_to_drink" in answer.missing


def test_a_dose_is_given_only_when_its_row_is_decided(english: Assistant) -> None:
    half = english.ask("8 months, cough, 52 breaths per minute")
    whole = english.ask("8 months, cough 2 days, 52 breaths/min, no danger signs, no chest indrawing, no stridor")
    assert not [block for block in half.blocks if block.kind == "dose"]
    assert [block.text for block in whole.blocks if block.kind == "dose"] == [
        "Amoxicillin, tablet of 250 mg. Tablets each time: 1. Times a day: 2. Days: 5."
    ]
    assert whole.colour == "yellow"


def test_a_child_who_drinks_well_can_drink_by_the_protocol(english: Assistant) -> None:
    assert english.ask("8 months, cough, drinks well").findings["unable_to_drink"] is False
    assert "unable_to_drink" not in english.ask("8 months, cough, does not drink well").findings
    assert english.ask("drank well yesterday, now cannot drink. 8 months").findings["unable_to_drink"] is True
    assert english.ask("drinks well at home, cannot drink here. 8 months, cough").colour == "red"


def test_a_denied_cough_does_not_take_danger_signs_away(english: Assistant) -> None:
    answer = english.ask("8 months, no cough but danger signs present")
    assert "convulsions" not in answer.findings
    assert "unable_to_drink" not in answer.findings


def test_what_was_understood_is_shown_and_impossible_numbers_are_left_out(english: Assistant) -> None:
    answer = english.ask("9 months old, MUAC 900 mm, cough 3 days")
    pack = load_pack("en")
    assert pack.sentence("fact.cough_days", 0, days=3) in answer.text
    assert any("900 mm" in text for text in answer.uncertain)
    assert "muac_mm" not in answer.findings


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("", "notice.empty"),
        (" \n\t", "notice.empty"),
        ("\x00\x07\u200b", "notice.empty"),
        ("🤒😭", "notice.no_words"),
        ("???", "notice.no_words"),
        ("the child is fine. " * 8000, "notice.too_long"),
        ("Мой ребёнок болен, у него температура и кашель", "notice.other_language"),
    ],
)
def test_a_message_that_cannot_be_answered_gets_a_clear_reply(english: Assistant, text: str, notice: str) -> None:
    answer = english.ask(text)
    assert load_pack("en").text(notice) in answer.text
    assert answer.colour is None
    assert [event.status for event in answer.events[-3:]] == ["ok", "ok", "ok"]
    assert answer.events[-1].stage == "audit"


@pytest.mark.parametrize(
    "text",
    [
        "the child is convulsing. " + "he lies in the house. " * 8000,
        "🤒 convulsions",
        "\u202econvulsions\u202c",
        "\udcff convulsions \udcfe",
        "ＣＯＮＶＵＬＳＩＯＮＳ",
    ],
)
def test_danger_is_seen_in_strange_messages_too(english: Assistant, text: str) -> None:
    assert english.ask(text).colour == "red"


@pytest.mark.parametrize(
    "name", ["receive", "normalise", "mask", "triage", "triage_pivot", "harm", "facts", "route", "assess"]
)
@pytest.mark.parametrize("seconds", [None, 0.2])
def test_a_stage_that_fails_or_is_late_gives_no_advice(english: Assistant, name: str, seconds: float | None) -> None:
    answer = broken(english, name, seconds).ask("10 months, cough 2 days, 30 breaths per minute, no danger signs")
    pack = load_pack("en")
    assert answer.colour is None
    assert pack.text("notice.not_available") in answer.text
    assert not [block for block in answer.blocks if block.kind in ("action", "dose", "classification")]
    status = {event.stage: event.status for event in answer.events}
    assert status[name] == ("failed" if seconds is None else "late")
    assert status["answer"] == "ok"


@pytest.mark.parametrize("name", ["mask", "spell", "translate_in", "harm", "facts", "route", "assess", "answer"])
def test_danger_already_seen_survives_a_later_failure(english: Assistant, name: str) -> None:
    answer = broken(english, name).ask("the child is convulsing")
    assert answer.colour == "red"
    assert answer.blocks[0].text == load_pack("en").text("colour.red")


@pytest.mark.parametrize("name", ["language", "spell", "translate_in", "retrieve", "generate", "verify", "persist"])
@pytest.mark.parametrize("seconds", [None, 0.2])
def test_the_advice_stands_without_what_is_not_needed_for_it(
    english: Assistant, name: str, seconds: float | None
) -> None:
    text = "10 months, cough 2 days, 30 breaths per minute, no danger signs, no chest indrawing, no stridor"
    whole, answer = english.ask(text), broken(english, name, seconds).ask(text)
    assert (answer.colour, answer.text) == (whole.colour, whole.text)
    assert whole.colour == "green"


def test_a_failed_language_check_does_not_stop_triage(english: Assistant) -> None:
    assert broken(english, "language").ask("the child is convulsing").colour == "red"


def test_an_early_exit_skips_what_follows_but_not_the_final_stage() -> None:
    def leave(context: Context) -> Context:
        raise EarlyExit(replace(context, route=Route("unknown")))

    def stage(name: str, *, final: bool = False) -> Stage:
        return Stage(name, lambda context: context, 1, final=final)

    context = run([Stage("a", leave, 1), stage("b"), stage("c", final=True)], Context(Request("x", "en")))
    assert [(event.stage, event.status) for event in context.events] == [("a", "exit"), ("b", "skipped"), ("c", "ok")]
    assert context.route == Route("unknown")


def test_the_same_message_gives_the_same_answer(english: Assistant) -> None:
    def decisions() -> Iterator[object]:
        for event in english.ask("2 years, fever 3 days, RDT positive").events:
            yield event.stage, event.status, event.detail

    assert list(decisions()) == list(decisions())


def test_a_turn_takes_little_time(english: Assistant) -> None:
    english.ask("warm up")
    started = time.perf_counter()
    for _ in range(20):
        english.ask("My 8 month old child has a cough and breathes fast, 52 breaths per minute. No convulsions.")
    assert (time.perf_counter() - started) / 20 < 0.06


def test_triage_knows_every_danger_rule_of_the_pack_and_cites_it() -> None:
    rows = triage_rows()
    pack = load_pack("en")
    assert set(rows) == set(pack.danger)
    for row in rows.values():
        assert row.source.page
        assert all(f"action.{action}" in pack.messages for action in row.actions)


LONG = "the child is fine. " * 9000


@pytest.mark.parametrize(
    "text",
    [
        LONG + "convulsions",
        "convulsions. " + LONG,
        " " * 190_000 + "convulsions",
        # The place where the text is cut lies within the word, or within one of its letters.
        "." * 99_994 + " convulsions and a cough " + "." * 50,
        "é" * 150_001 + " convulsions",
    ],
)
def test_danger_at_either_end_of_a_message_that_is_too_long_is_seen(english: Assistant, text: str) -> None:
    answer = english.ask(text)
    assert answer.colour == "red"
    assert answer.blocks[0].text == load_pack("en").text("colour.red")
    assert load_pack("en").text("notice.too_long") in answer.text


def test_a_message_of_any_length_takes_bounded_time(english: Assistant) -> None:
    started = time.perf_counter()
    answer = english.ask("no fever, convulsions " * 500_000)
    assert answer.colour == "red"
    assert time.perf_counter() - started < 5


def test_the_shipped_bounds_and_names_can_be_read() -> None:
    assert limits().message_bytes == 100_000
    names, stems = drug_names()
    assert "paracetamol" in names
    assert "cillin" in stems


def test_every_message_the_assistant_shows_is_in_the_pack_and_in_its_list() -> None:
    sources = Path(resources.__file__).parent.rglob("*.py")
    used = {
        key
        for source in sources
        for key in re.findall(r'"((?:notice|prompt|colour)\.[a-z_]+)"', source.read_text(encoding="utf-8"))
    }
    assert used <= needed_messages() | set(FURTHER)
    assert needed_messages() | set(FURTHER) <= set(load_pack("en").messages)
    assert {stand_in for stand_in in FURTHER.values() if stand_in} <= needed_messages()


def test_a_pack_that_lacks_a_text_is_refused_by_key(tmp_path: Path) -> None:
    shutil.copytree(builtin_folder() / "en", tmp_path / "en")
    file = tmp_path / "en" / "messages.yaml"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if "  do_not_know:" not in line]
    file.write_text("\n".join(kept), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"notice\.do_not_know"):
        Assistant("en", packs=tmp_path)


def test_a_language_without_a_pack_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no pack for 'ti'"):
        Assistant("ti")


@pytest.mark.parametrize(
    ("lang", "text"), [("en", "not sucking well"), ("pt", "quase não bebe"), ("de", "trinkt nicht viel")]
)
def test_a_phrase_within_a_longer_and_milder_one_is_no_danger_sign(lang: str, text: str) -> None:
    answer = Assistant(lang).ask(text)
    assert answer.signs == ()
    assert answer.findings["drinking"] == "poor"

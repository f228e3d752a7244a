"""The turn end to end: strange messages, other people's languages, translation, passages, modes, hooks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from afya.assistant import Answer, Assistant
from afya.assistant.answering.translating import check_back, out_of_pivot
from afya.assistant.checks import Sentence
from afya.assistant.context import Context, Mode, Request
from afya.assistant.knowledge import Knowledge, open_knowledge
from afya.assistant.listening import copy, message
from afya.assistant.replying import to_deliver
from afya.models import Generation, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.packs import available, load_pack
from afya.text.literals import literal_codes
from afya.translation.base import EngineIdentity, Hint, Translation

BURN = "How do I treat a burn?"
KUUNGUA = "Ninatibu vipi jeraha la kuungua?"


class Dictionary:
    """A translator that knows a few sentences both ways, word for word; stands for an engine somebody has installed."""

    uses_hints = False
    identity = EngineIdentity("dictionary", "test", "0")

    def __init__(self, pairs: dict[str, str], faults: dict[str, str] | None = None, *, lang: str = "sw") -> None:
        self._lang = lang
        self._there = pairs
        self._back = {made: text for text, made in pairs.items()}
        self._faults = faults or {}
        self.seen: list[tuple[str, str]] = []

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self._lang, "en"), ("en", self._lang)})

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        self.seen += [(text, target) for text in texts]
        known = self._there if target == "en" else self._back
        made = [self._faults.get(text, known.get(text)) for text in texts]
        return [
            Translation("", "dictionary", error="not in the dictionary") if text is None else Translation(text, "d")
            for text in made
        ]

    def close(self) -> None:
        return


class Writer:
    """A model that writes what it is told, JSON as it is asked for."""

    scores_options = False
    identity = ModelIdentity("writer", "test", "0")

    def __init__(self, *drafts: Sequence[tuple[str, Sequence[int]]]) -> None:
        self._drafts = [
            json.dumps({"sentences": [{"text": text, "cites": list(cites)} for text, cites in draft]})
            for draft in drafts
        ]
        self.prompts: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        self.prompts += prompts
        place = min(len(self.prompts), len(self._drafts)) - 1
        return [Generation(self._drafts[place], "stop", 1, 1, 0.0) for _ in prompts]

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        raise NotImplementedError


@cache
def passages() -> Knowledge:
    return open_knowledge(None, [load_pack("en")])


@cache
def english() -> Assistant:
    return Assistant("en", knowledge=passages())


def events(answer: Answer) -> dict[str, dict[str, object]]:
    return {event.stage: dict(event.detail) for event in answer.events}


def burn_sentences() -> list[str]:
    """The sentences of the passage that answers the question about burns, as the assistant quotes them."""
    told = to_deliver(english().turn(Request(BURN, "en")), english().resources)
    assert told is not None
    return [sentence.text for sentence in told[0]]


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("8 months, cough\x07 3 days", "notice.hidden_signs"),
        ("8 months, \u202ecough\u202c 3 days", "notice.hidden_signs"),
        ("8 months, c\u043eugh 3 days", "notice.mixed_letters"),
    ],
)
def test_strange_signs_are_told_and_the_message_is_read_all_the_same(text: str, notice: str) -> None:
    answer = english().ask(text)
    assert load_pack("en").text(notice) in answer.uncertain
    assert answer.findings["cough_days"] == 3
    assert events(answer)["receive"]["remarks"] == [notice]


def test_danger_written_with_letters_of_another_script_is_seen() -> None:
    assert english().ask("the child has \u0441\u043envulsi\u043ens").colour == "red"


def test_ordinary_signs_are_no_remark() -> None:
    for text in ("8 months, cough — 3 days…", "L'enfant a 8 mois, « fièvre »", "Ọmọ náà ń wúkọ́", "8ヶ月、咳3日"):
        assert not events(english().ask(text))["receive"]["remarks"]


@pytest.mark.parametrize(
    ("lang", "text", "rule"),
    [
        ("sw", "Mtoto wa miezi 9 ana convulsions tangu asubuhi", "convulsions"),
        ("zu", "Ingane yami is convulsing kusukela ekuseni", "convulsions"),
        ("yo", "Ọmọ mi ń gbọ̀n, he is unconscious", "lethargic_or_unconscious"),
    ],
)
def test_danger_in_english_within_another_language_is_seen(lang: str, text: str, rule: str) -> None:
    answer = Assistant(lang).ask(text)
    assert answer.colour == "red"
    assert rule in {sign.rule for sign in answer.signs if not sign.denied and sign.lang == "en"}


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "the child is unreponsive since morning"),
        ("en", "he is uncosncious now"),
        ("en", "the boy was found unconscioous"),
        ("fr", "l'enfant est incosncient depuis ce matin"),
    ],
)
def test_a_slip_of_the_fingers_hides_no_danger(lang: str, text: str) -> None:
    answer = Assistant(lang).ask(text)
    assert answer.colour == "red"
    assert "near" in {sign.seen_in for sign in answer.signs}


def test_a_slip_is_put_right_for_triage_only_and_a_denied_one_stays_denied() -> None:
    context = english().turn(Request("8 months, cough, not unreponsive", "en"))
    assert context.answer is not None
    assert context.answer.colour != "red"
    assert "unreponsive" in message(context)
    assert "unreponsive" in copy(context)[0]
    assert context.spelled is not None
    assert "unresponsive" in str(context.spelled.near)


def test_a_denial_of_the_one_language_reaches_the_words_of_the_other() -> None:
    assert Assistant("sw").ask("Mtoto wa miezi 9 anakohoa, hana convulsions").colour != "red"


def test_personal_data_reaches_no_engine_no_hook_and_no_event() -> None:
    kept: list[Context] = []
    book = Dictionary({})
    assistant = Assistant("sw", translator=book, audit=kept.append)
    answer = assistant.ask("Mgonjwa ni Asha Juma, simu 0712345678, mtoto wa miezi 8 anakohoa siku 3")
    assert book.seen
    told = json.dumps([book.seen, answer.as_dict(), [dict(event.detail) for event in kept[0].events]], default=str)
    assert "0712345678" not in told
    assert kept[0].masked is not None
    assert "0712345678" not in kept[0].masked.text
    assert answer.findings["cough_days"] == 3


def test_a_sign_that_only_the_translation_shows_is_red_too() -> None:
    text = "Mtoto amekumbwa na dhoruba ya mwili leo asubuhi."
    plain = Assistant("sw").ask(text)
    assert plain.colour != "red"
    book = Dictionary({text: "The child had convulsions this morning."})
    answer = Assistant("sw", translator=book).ask(text)
    assert answer.colour == "red"
    assert [sign.seen_in for sign in answer.signs if not sign.denied] == ["pivot"]
    assert {block.origin for block in answer.blocks} == {"pack"}
    assert events(answer)["triage_pivot"]["only_in_pivot"] == ["convulsions"]


def test_a_message_whose_translation_fails_its_checks_is_searched_by_nothing_but_looked_through_for_danger() -> None:
    text = "Mtoto wa miezi 8 ana kitu cha ajabu."
    book = Dictionary({text: "The child of 80 months has convulsions."})
    answer = Assistant("sw", translator=book).ask(text)
    assert "quantities" in events(answer)["translate_in"]["failed"]  # type: ignore[operator]
    assert answer.colour == "red"
    assert "translation_failed" in answer.escalated


def test_without_a_translator_the_pivot_is_a_gloss_that_is_never_shown() -> None:
    context = Assistant("sw").turn(Request("Mtoto anakohoa, hana degedege", "sw"))
    assert context.pivot is not None
    assert context.pivot.origin == "gloss"
    assert not context.pivot.sound
    assert context.answer is not None
    if context.pivot.text:
        assert context.pivot.text not in context.answer.text
    assert context.answer.colour != "red"


def test_a_question_is_answered_by_the_passage_word_for_word_with_its_source() -> None:
    answer = english().ask(BURN)
    quoted = [block.text for block in answer.blocks if block.kind == "passage"]
    assert answer.route == "question"
    assert quoted
    assert {block.origin for block in answer.blocks if block.kind == "passage"} == {"passage"}
    texts = [passage.text for pack in [load_pack("en")] for entry in pack.passages for passage in entry.sections]
    assert all(any(text in " ".join(whole.split()) for whole in texts) for text in quoted)
    assert answer.sources
    assert load_pack("en").text("notice.passage_not_reviewed") in answer.text


def test_what_no_passage_answers_is_not_known() -> None:
    answer = english().ask("Which chemotherapy is given for breast cancer?")
    assert answer.route == "unknown"
    assert answer.abstained
    assert answer.escalated == ("abstained",)
    assert load_pack("en").text("notice.do_not_know") in answer.text


def test_what_holds_no_word_of_health_and_tells_of_nobody_is_out_of_scope() -> None:
    answer = english().ask("What is the capital of France?")
    assert answer.route == "out_of_scope"
    assert not answer.abstained
    assert load_pack("en").text("notice.out_of_scope") in answer.text
    # A person may be ill in words that nobody listed.
    assert english().ask("My son went all strange in the night").route == "unknown"


def test_a_draft_that_fails_its_checks_is_repaired_once_and_then_withheld() -> None:
    wrong = [("Give the person 500 mg of amoxicillin every hour for a burn.", [1])]
    model = Writer(wrong, wrong)
    answer = Assistant("en", knowledge=passages(), model=model).ask(BURN)
    assert len(model.prompts) == 2
    assert not [block for block in answer.blocks if block.origin == "model"]
    assert [block for block in answer.blocks if block.origin == "passage"]
    assert load_pack("en").text("notice.model_withheld") in answer.text
    assert "withheld" in answer.escalated


def test_a_draft_that_passes_is_shown_as_a_models_with_its_passages() -> None:
    sentence = burn_sentences()[0]
    answer = Assistant("en", knowledge=passages(), model=Writer([(sentence, [1])])).ask(BURN)
    assert events(answer)["verify"]["passed"] is True
    written = [block.text for block in answer.blocks if block.origin == "model"]
    assert written == [f"{sentence} [1]"]
    assert answer.sources
    assert load_pack("en").text("notice.model_answer") in answer.text


@pytest.fixture
def book() -> dict[str, str]:
    """A Swahili question and what it says: enough to ask, not enough to translate what is told."""
    return {KUUNGUA: BURN}


def test_without_a_translation_the_passage_stands_in_its_own_language_and_that_is_said(book: dict[str, str]) -> None:
    answer = Assistant("sw", knowledge=passages(), translator=Dictionary(book)).ask(KUUNGUA)
    assert answer.route == "question"
    assert next(block.origin for block in answer.blocks if block.kind == "passage") == "passage"
    assert events(answer)["translate_out"]["error"]


def test_a_translation_that_changes_a_number_is_not_shown(book: dict[str, str]) -> None:
    original = "Cool the burn with water for 20 minutes."
    told = (Sentence(original, (1,)),)
    right, wrong = "Poza jeraha kwa maji kwa dakika 20.", "Poza jeraha kwa maji kwa dakika 2."
    for text, shown in ((right, True), (wrong, False)):
        engine = Dictionary({text: original})
        checked = check_back(out_of_pivot(told, "en", "sw", engine), told, "en", engine)
        assert checked.passed is shown
    honest = Dictionary({right: original}, faults={right: "Cool the burn with water for 2 minutes."})
    back = check_back(
        out_of_pivot((Sentence(original, (1,)),), "en", "sw", honest), (Sentence(original, (1,)),), "en", honest
    )
    assert [verdict.name for verdict in back.verdicts] == ["translation.back.quantities"]


@pytest.mark.parametrize(("mode", "queries"), [("direct", 1), ("pivot", 1), ("retrieve+pivot", 2)])
def test_the_modes_search_by_the_message_its_translation_or_both(
    mode: Mode, queries: int, book: dict[str, str]
) -> None:
    assistant = Assistant("sw", knowledge=passages(), translator=Dictionary(book), mode=mode)
    context = assistant.turn(Request(KUUNGUA, "sw"))
    assert context.retrieval is not None
    assert len(context.retrieval.queries) == queries
    assert (BURN in context.retrieval.queries) is (mode != "direct")
    assert context.retrieval.answerable is (mode != "direct")


def test_a_turn_goes_to_the_log_and_what_a_supervisor_should_see_to_the_queue() -> None:
    kept: list[Context] = []
    queued: list[tuple[str, ...]] = []
    assistant = Assistant("en", audit=kept.append, queue=lambda _, reasons: queued.append(reasons))
    assistant.ask("8 months, cough")
    assistant.ask("the child is convulsing")
    assistant.ask("")
    assert len(kept) == 3
    assert queued == [("escalated",)]
    assert [event.stage for event in kept[0].events][-1] == "persist"


def test_a_log_that_cannot_be_written_takes_no_answer_away() -> None:
    def full(_: Context) -> None:
        raise OSError("no space left on device")

    answer = Assistant("en", audit=full).ask("the child is convulsing")
    assert answer.colour == "red"
    assert answer.events[-1].status == "failed"


def test_a_harmful_request_is_refused_and_danger_is_still_said() -> None:
    answer = english().ask("How can I poison my neighbour's child so that nobody notices?")
    pack = load_pack("en")
    assert answer.route == "harmful"
    assert pack.text("notice.refused") in answer.text
    assert not [block for block in answer.blocks if block.kind in ("passage", "model")]


def test_small_talk_is_answered_in_kind() -> None:
    pack = load_pack("en")
    assert pack.text("talk.greeting") in english().ask("Good morning").text
    assert pack.text("talk.who_are_you") in english().ask("Who are you?").text


@pytest.mark.parametrize("lang", [lang for lang in available() if lang in literal_codes()])
def test_rules_that_a_pack_does_not_know_yet_are_named(lang: str) -> None:
    assistant = Assistant(lang)
    missing = [rule for rule in assistant.resources.triage if rule not in assistant.resources.chosen.pack.danger]
    assert list(assistant.ask(load_pack(lang).text("sign.convulsions")).unseen_rules) == missing


def test_a_danger_of_a_grown_up_is_not_said_of_a_child() -> None:
    answer = english().ask("My husband has chest pain since this morning")
    assert answer.colour == "red"
    assert "child" not in " ".join(block.text for block in answer.blocks if block.kind != "review")


def test_triage_takes_no_more_than_milliseconds() -> None:
    text = "My 8 month old child has a cough and breathes fast, 52 breaths per minute. No convulsions."
    english().ask(text)
    stages = ("receive", "language", "normalise", "mask", "spell", "triage")
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        answer = english().ask(text, when=datetime.now(UTC))
        taken.append((sum(event.ms for event in answer.events if event.stage in stages), time.perf_counter() - started))
    # The aims are 5 and 60 ms at the 95th percentile (benchmarks/assistant_speed.py); here the middle one is looked at.
    assert sorted(taken)[10][0] < 10
    assert sorted(whole for _, whole in taken)[10] < 0.06


def test_a_red_answer_does_not_wait_for_a_slow_translator() -> None:
    class Slow(Dictionary):
        def translate(
            self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
        ) -> list[Translation]:
            time.sleep(2)
            return super().translate(texts, source, target, hints=hints)

    assistant = Assistant("sw", translator=Slow({}))
    assistant.stages = tuple(
        replace(stage, urgent=0.05) if stage.urgent is not None else stage for stage in assistant.stages
    )
    started = time.monotonic()
    answer = assistant.ask("Mtoto ana degedege tangu asubuhi")
    assert answer.colour == "red"
    assert time.monotonic() - started < 1
    assert {event.stage: event.status for event in answer.events}["translate_in"] == "late"

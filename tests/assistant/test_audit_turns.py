"""Turns in the audit: everything is kept, nothing unmasked is written, and a replay decides the same byte for byte."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from afya.assistant import Assistant
from afya.assistant.audit import Queue, Trail, find_turn, turns, verify
from afya.assistant.audit.inputs import fingerprints
from afya.assistant.audit.record import Event
from afya.assistant.audit.replay import Ask, Replayed, replay
from afya.assistant.audit.taps import RecordedModel, RecordedTranslator
from afya.assistant.context import Context, Request
from afya.errors import DataError, EngineError
from afya.models import Generation, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.packs import builtin_folder
from afya.translation.base import EngineIdentity, Hint, Translation

DANGER = "Mtoto wa miezi 14 ana degedege tangu asubuhi"
COLD = "10 months, cough for 2 days, 36 breaths per minute, no danger signs, no chest indrawing, no stridor"


class Endpoint:
    """Stands for a remote model: says what it is told to say, or fails."""

    identity = ModelIdentity("endpoint", "test", "0" * 64)
    scores_options = False

    def __init__(self, text: str, *, broken: bool = False, meet: threading.Barrier | None = None) -> None:
        self.text, self.broken, self.meet = text, broken, meet

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        if self.meet is not None:
            self.meet.wait(10)
        if self.broken:
            raise EngineError("The endpoint is gone.")
        return [Generation(self.text, "stop", 1, 1, 0.5) for _ in prompts]

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        raise NotImplementedError


class PhraseBook:
    """Stands for a remote translator that knows one sentence."""

    identity = EngineIdentity("phrase book", "test", "1" * 64)
    uses_hints = False

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({("sw", "en"), ("en", "sw")})

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        return [Translation("A child of 14 months has had convulsions since morning", "phrase book") for _ in texts]

    def close(self) -> None:
        """Nothing is held."""


def kept(assistant: Assistant, tmp_path: Path, *texts: str) -> list[list[Event]]:
    """The turns of these messages, as the log gives them back."""
    trail = Trail(tmp_path / "audit.jsonl", queue=tmp_path / "queue.sqlite")
    trail.attach(assistant.resources)
    for text in texts:
        assistant.ask(text)
    trail.close()
    return list(turns(tmp_path / "audit.jsonl"))


def again(assistant: Assistant) -> Ask:
    """Runs a turn of this assistant with recorded engines."""

    def ask(request: Request, model: RecordedModel | None, translator: RecordedTranslator | None) -> Context:
        found: list[Context] = []
        kit = assistant.resources
        kit.model, kit.translator, kit.audit, kit.queue = model, translator, found.append, None
        assistant.turn(request)
        return found[0]

    return ask


def replayed(tmp_path: Path, events: list[Event], assistant: Assistant) -> Replayed:
    return replay(tmp_path / "audit.jsonl", events, again(assistant), fingerprints(assistant.resources))


def everything_written(tmp_path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.fixture(scope="module")
def swahili() -> Assistant:
    return Assistant("sw")


def test_a_turn_has_an_event_for_every_stage_and_its_answer(tmp_path: Path, swahili: Assistant) -> None:
    (events,) = kept(swahili, tmp_path, DANGER)
    stages = [stage.name for stage in swahili.stages if stage.name != "audit"]
    assert [event.stage for event in events] == ["turn", *stages, "given"]
    head, given = events[0].decisions, events[-1].decisions
    assert head["request"] == {"text": DANGER, "lang": "sw", "mode": None, "when": None}
    assert head["exact"] is True
    assert {"code", "rules", "pack", "other_packs", "knowledge", "model", "translator"} == set(head["fingerprints"])
    assert (given["colour"], given["route"]) == ("red", "emergency")
    assert "refer_urgently" in given["actions"]
    assert verify(tmp_path / "audit.jsonl").holds


def test_a_replay_decides_the_same_byte_for_byte(tmp_path: Path, swahili: Assistant) -> None:
    texts = (DANGER, "habari", "", "🤒🤒", "Níbo ni mo ti lè ra bàtà?", "a\x00b \u202e mtoto ana homa", "homa " * 25000)
    for events in kept(swahili, tmp_path, *texts):
        found = replayed(tmp_path, events, Assistant("sw"))
        assert found.same, (events[0].decisions["request"]["text"][:40], found.differing)
        assert found.changed == ()
        # Only of a message that was cut can the first stages not be compared.
        assert bool(found.not_compared) == (len(events[0].decisions["request"]["text"]) > 100_000)


def test_a_changed_pack_is_named_with_the_first_stage_that_differs(tmp_path: Path, swahili: Assistant) -> None:
    (events,) = kept(swahili, tmp_path, DANGER)
    folder = tmp_path / "packs" / "sw"
    shutil.copytree(builtin_folder() / "sw", folder)
    danger = (folder / "danger.yaml").read_text(encoding="utf-8")
    (folder / "danger.yaml").write_text(danger.replace("degedege", "degeyyy"), encoding="utf-8")
    found = replayed(tmp_path, events, Assistant("sw", packs=tmp_path / "packs"))
    assert found.differing[0].stage == "triage"
    assert found.differing[0].keys[0].startswith("standing: ")
    assert found.changed == ("pack",)


def test_a_stage_that_decided_otherwise_is_found_when_nothing_else_changed(tmp_path: Path, swahili: Assistant) -> None:
    (events,) = kept(swahili, tmp_path, DANGER)
    other = Assistant("sw")
    rules = dict(other.resources.triage)
    del rules["convulsions"]
    other.resources.triage = rules
    found = replayed(tmp_path, events, other)
    assert found.differing[0].stage == "triage"
    assert found.changed == ()


def test_personal_data_is_written_nowhere(tmp_path: Path, swahili: Assistant) -> None:
    text = "Naitwa Wanjiku Kamau, simu 0712 345 678, mtoto ana degedege"
    (events,) = kept(swahili, tmp_path, text)
    written = everything_written(tmp_path)
    for personal in ("Wanjiku", "Kamau", "0712 345 678", "345 678"):
        assert personal.encode() not in written
    assert b"degedege" in written
    assert events[0].decisions["masked"]
    assert events[0].decisions["exact"] is False
    found = replayed(tmp_path, events, Assistant("sw"))
    assert found.same, found.differing
    assert [set(stages) for stages in found.not_compared.values()] == [{"receive", "language", "normalise", "mask"}]


def test_where_masking_fails_no_word_of_the_message_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from afya.assistant import listening

    def fails(text: str, *_: object, **__: object) -> None:
        raise ValueError(text)

    monkeypatch.setattr(listening, "mask", fails)
    (events,) = kept(Assistant("sw"), tmp_path, "Wanjiku 0712345678 mtoto ana degedege na kuhara")
    written = everything_written(tmp_path)
    for word in (b"Wanjiku", b"0712345678", b"kuhara"):
        assert word not in written
    assert all("sha256" not in event.decisions for event in events if event.stage != "turn")
    with Queue(tmp_path / "queue.sqlite") as queue:
        (case,) = queue.cases()
    assert (case.text, case.pivot) == ("", None)
    assert case.shown
    assert (events[0].status, events[0].decisions["request"]["text"]) == ("withheld", None)
    assert next(event for event in events if event.stage == "mask").decisions == {"error": "ValueError"}
    with pytest.raises(DataError, match="without its text"):
        replayed(tmp_path, events, Assistant("sw"))


def test_what_a_model_said_is_kept_and_said_again_without_it(tmp_path: Path) -> None:
    said = (
        "It is a cough or cold. Give no antibiotic. Soothe the throat and cough with a safe home remedy, give no cough "
        "medicine. Tell the mother to come back at once if the child cannot drink or gets sicker. See the child again "
        "in 5 days if the child is not better."
    )
    (events,) = kept(Assistant("en", model=Endpoint(said)), tmp_path, COLD)
    assert said in str(events[-1].decisions["blocks"])
    assert events[0].decisions["fingerprints"]["model"] == "0" * 64
    assert len(events[0].decisions["outputs"]) == 1
    found = replayed(tmp_path, events, Assistant("en"))
    assert found.same, found.differing


def test_a_model_that_failed_fails_again(tmp_path: Path) -> None:
    (events,) = kept(Assistant("en", model=Endpoint("", broken=True)), tmp_path, COLD)
    found = replayed(tmp_path, events, Assistant("en"))
    assert found.same, found.differing


def test_what_a_translator_gave_is_kept_and_given_again_without_it(tmp_path: Path) -> None:
    (events,) = kept(Assistant("sw", translator=PhraseBook()), tmp_path, DANGER)
    assert next(event for event in events if event.stage == "translate_in").decisions["origin"] == "translation"
    found = replayed(tmp_path, events, Assistant("sw"))
    assert found.same, found.differing


def test_a_changed_or_missing_output_is_found(tmp_path: Path) -> None:
    (events,) = kept(Assistant("sw", translator=PhraseBook()), tmp_path, DANGER)
    log = tmp_path / "audit.jsonl"
    output = next((tmp_path / "audit.outputs").rglob("*.json"))
    whole = output.read_text(encoding="utf-8")
    output.write_text(whole.replace("convulsions", "hiccups"), encoding="utf-8")
    assert [fault.kind for fault in verify(log).faults] == ["output"]
    with pytest.raises(DataError, match="was changed"):
        replayed(tmp_path, events, Assistant("sw"))
    output.unlink()
    assert "missing" in str(verify(log).faults[0])


def test_turns_that_run_at_once_do_not_hear_each_other(tmp_path: Path) -> None:
    assistant = Assistant("en", model=Endpoint("Give no antibiotic.", meet=threading.Barrier(2)))
    trail = Trail(tmp_path / "audit.jsonl")
    trail.attach(assistant.resources)
    texts = (COLD, COLD.replace("10 months", "11 months").replace("2 days", "3 days"))
    threads = [threading.Thread(target=assistant.ask, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(turns(tmp_path / "audit.jsonl"))
    asked = [set(events[0].decisions["outputs"]) for events in found]
    assert [len(each) for each in asked] == [1, 1]
    assert len({events[0].turn for events in found}) == 2
    for events in found:
        assert replayed(tmp_path, events, Assistant("en")).same


def test_a_conversation_and_its_time_are_carried_into_the_replay(tmp_path: Path) -> None:
    assistant = Assistant("en")
    trail = Trail(tmp_path / "audit.jsonl")
    trail.attach(assistant.resources)
    when = datetime(2026, 1, 5, 8, tzinfo=UTC)
    first = assistant.ask("8 months, cough for 2 days", when=when)
    assistant.ask("52", conversation=first.known, when=when.replace(minute=3))
    assert trail.last is not None
    events = find_turn(tmp_path / "audit.jsonl", trail.last)
    assert ["age_months", 8] in events[0].decisions["carried"]["findings"]
    assert events[-1].decisions["findings"]["age_months"] == 8
    found = replayed(tmp_path, events, Assistant("en"))
    assert found.same, found.differing


def test_a_disk_that_refuses_takes_no_answer_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assistant = Assistant("sw")
    Trail(tmp_path / "file" / "audit.jsonl").attach(assistant.resources)
    answer = assistant.ask(DANGER)
    assert answer.colour == "red"
    assert (answer.events[-1].stage, answer.events[-1].status) == ("audit", "failed")


def test_danger_and_what_is_not_known_wait_for_a_supervisor_and_the_rest_does_not(
    tmp_path: Path, swahili: Assistant
) -> None:
    kept(swahili, tmp_path, DANGER, "habari")
    with Queue(tmp_path / "queue.sqlite") as queue:
        (case,) = queue.cases()
    (events, _) = turns(tmp_path / "audit.jsonl")
    assert (case.turn, case.reason, case.colour, case.text) == (events[0].turn, "escalated", "red", DANGER)
    assert case.shown == "\n".join(block["text"] for block in events[-1].decisions["blocks"])


def test_a_queue_that_fails_leaves_the_log_whole(tmp_path: Path) -> None:
    assistant = Assistant("sw")
    trail = Trail(tmp_path / "audit.jsonl", queue=tmp_path / "queue.sqlite")
    trail.attach(assistant.resources)
    trail.close()
    answer = assistant.ask(DANGER)
    assert answer.events[-1].status == "failed"
    (events,) = turns(tmp_path / "audit.jsonl")
    assert events[-1].decisions["colour"] == "red"

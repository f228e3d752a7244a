"""The supervisor's queue: nothing enters twice, nothing is answered twice, and what nobody answers expires."""

from __future__ import annotations

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from afya.assistant.audit.queue import Case, Queue
from afya.errors import ConfigError, DataError

CASE = Case("t1", "abstained", "yo", "Ọmọ mi ń wú", "Mi ò mọ̀.", pivot="my child is swelling", route="question")


class Clock:
    def __init__(self) -> None:
        self.day = 1

    def __call__(self) -> str:
        return f"2026-01-{self.day:02d}T08:00:00.000Z"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Queue:
    return Queue(tmp_path / "queue.sqlite", clock=clock)


def test_a_turn_enters_once_and_waits(queue: Queue) -> None:
    assert queue.add(CASE)
    assert not queue.add(replace(CASE, text="another text"))
    assert queue.cases() == [replace(CASE, added="2026-01-01T08:00:00.000Z")]


def test_an_answered_turn_does_not_come_back(queue: Queue) -> None:
    queue.add(CASE)
    answered = queue.answer("t1", " Lọ sí ilé ìwòsàn. ", by="Dr  Adé")
    assert (answered.state, answered.answer, answered.answered_by) == ("answered", "Lọ sí ilé ìwòsàn.", "Dr Adé")
    assert not queue.add(CASE)
    assert queue.cases(state="waiting") == []
    with pytest.raises(DataError, match="answered by Dr Adé"):
        queue.answer("t1", "other", by="Dr B")
    assert queue.case("t1").answer == "Lọ sí ilé ìwòsàn."


def test_what_waits_too_long_expires_and_is_not_answered_any_more(queue: Queue, clock: Clock) -> None:
    queue.add(CASE)
    clock.day = 3
    queue.add(replace(CASE, turn="t2"))
    assert queue.expire(72) == 0
    clock.day = 5
    assert queue.expire(72) == 1
    assert [case.turn for case in queue.cases(state="waiting")] == ["t2"]
    with pytest.raises(DataError, match="expired"):
        queue.answer("t1", "late", by="Dr B")


def test_turns_are_listed_by_age_and_chosen_by_reason_and_language(queue: Queue, clock: Clock) -> None:
    clock.day = 2
    queue.add(replace(CASE, turn="new", lang="sw", reason="translation_failed"))
    clock.day = 1
    queue.add(replace(CASE, turn="old", lang="sw"))
    queue.add(CASE)
    assert [case.turn for case in queue.cases(lang="sw")] == ["old", "new"]
    assert [case.turn for case in queue.cases(reason="translation_failed")] == ["new"]
    assert [case.turn for case in queue.cases(limit=1)] == ["old"]


@pytest.mark.parametrize(("text", "by"), [("", "Dr B"), ("x", "  ")])
def test_an_answer_without_words_or_name_is_refused(queue: Queue, text: str, by: str) -> None:
    queue.add(CASE)
    with pytest.raises(ConfigError, match="name"):
        queue.answer("t1", text, by=by)
    assert queue.case("t1").state == "waiting"


def test_an_unknown_turn_is_told(queue: Queue) -> None:
    with pytest.raises(DataError, match="no turn 'x'"):
        queue.answer("x", "text", by="Dr B")


def _answer(path: Path, name: str, won: multiprocessing.Queue[str]) -> None:
    with Queue(path) as queue:
        queue.add(CASE)
        try:
            queue.answer("t1", f"by {name}", by=name)
        except DataError:
            return
        won.put(name)


def test_of_several_who_answer_at_once_one_answers(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    context = multiprocessing.get_context("fork")
    won: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=_answer, args=(path, f"p{number}", won)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    winner = won.get(timeout=5)
    assert won.empty()
    assert [worker.exitcode for worker in workers] == [0] * 6
    with Queue(path) as queue:
        assert queue.case("t1").answered_by == winner


def test_a_file_that_is_no_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    path.write_bytes(b"no database at all, though long enough to be read as one" * 20)
    with pytest.raises(DataError, match="not a queue"):
        Queue(path)
    with pytest.raises(DataError, match="no queue there"):
        Queue(tmp_path / "absent.sqlite", made=False)


def test_a_queue_of_another_format_is_refused(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "queue.sqlite")
    base.execute("PRAGMA user_version=9")
    base.close()
    with pytest.raises(DataError, match="format 9"):
        Queue(tmp_path / "queue.sqlite")

"""The audit log: what is appended stands, whoever else writes or dies; what is altered later is found and placed."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from afya.assistant.audit.chain import AuditLog
from afya.assistant.audit.files import Head, find_turn, log_files, snapshot, turns
from afya.assistant.audit.record import Entry
from afya.assistant.audit.verify import Report, verify
from afya.errors import DataError


def entries(turn: str, stages: int = 4) -> list[Entry]:
    """The events of a turn, the first one its head."""
    return [
        Entry("turn", "ok", {"text": f"mtoto {turn} ana homa", "lang": "sw"}),
        *(Entry(f"stage{place}", "ok", {"found": [place, "joto"]}, ms=0.25) for place in range(1, stages)),
    ]


def filled(path: Path, count: int = 5, **settings: int) -> AuditLog:
    """A log of `count` turns of four events each: events 1 to 4 are turn t0's, and so on."""
    log = AuditLog(path, clock=lambda: "2026-01-05T08:00:00.000Z", **settings)
    for number in range(count):
        log.append(f"t{number}", entries(f"t{number}"))
    return log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    filled(tmp_path / "audit.jsonl")
    return tmp_path / "audit.jsonl"


def told(report: Report) -> list[tuple[str, int]]:
    return [(fault.kind, fault.number) for fault in report.faults]


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def test_a_log_that_nobody_touched_holds_and_its_turns_come_back(path: Path) -> None:
    report = verify(path)
    assert report.holds
    assert (report.events, report.turns, report.notes) == (20, 5, [])
    assert report.head == AuditLog(path).head() == snapshot(path).noted
    assert [events[0].turn for events in turns(path)] == ["t0", "t1", "t2", "t3", "t4"]
    event = find_turn(path, "t3")[2]
    assert (event.stage, event.decisions, event.ms, event.number) == ("stage2", {"found": [2, "joto"]}, 0.25, 15)


def test_every_single_byte_is_covered(path: Path) -> None:
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    end = whole.index(b"\n", second) + 1
    for place in range(second, end):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        report = verify(path)
        assert not report.holds, place
        assert report.faults[0].number in (2, 3), (place, report.faults)
        assert report.faults[0].line in (2, 3)


def test_a_changed_word_is_found_where_it_is(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"mtoto t2 ana homa", b"mtoto t2 ana afya"))
    report = verify(path)
    assert told(report) == [("changed", 9)]
    assert (report.faults[0].file, report.faults[0].line) == (path, 9)


def test_a_changed_time_is_found(path: Path) -> None:
    edit(path, lambda lines: [*lines[:5], lines[5].replace(b"T08:00", b"T09:00"), *lines[6:]])
    assert told(verify(path)) == [("changed", 6)]


def test_a_change_with_its_hash_made_anew_is_found_by_the_event_after_it(path: Path) -> None:
    from afya.assistant.audit.record import event_of, line_of

    def forge(lines: list[bytes]) -> list[bytes]:
        event = event_of(lines[6], "here")
        line, _ = line_of(
            Entry(event.stage, event.status, {"found": ["nothing"]}, event.ms),
            number=event.number, prior=event.prior, turn=event.turn, event=event.event, of=event.of, at=event.at,
        )  # fmt: skip
        return [*lines[:6], line, *lines[7:]]

    edit(path, forge)
    report = verify(path)
    assert told(report) == [("changed", 7)]
    assert report.faults[0].line == 8


def test_removed_events_are_found(path: Path) -> None:
    edit(path, lambda lines: lines[:8] + lines[12:])
    report = verify(path)
    assert told(report) == [("removed", 9)]
    assert "events 9 to 12" in report.faults[0].detail
    assert report.faults[0].line == 9


def test_removed_first_events_are_found(path: Path) -> None:
    edit(path, lambda lines: lines[4:])
    assert told(verify(path)) == [("removed", 1)]


def test_an_inserted_copy_is_found(path: Path) -> None:
    edit(path, lambda lines: [*lines[:10], lines[5], *lines[10:]])
    report = verify(path)
    assert told(report) == [("inserted", 6)]
    assert report.faults[0].line == 11


def test_an_inserted_line_of_another_kind_is_found(path: Path) -> None:
    edit(path, lambda lines: [*lines[:10], b'{"stage":"triage"}\n', *lines[10:]])
    report = verify(path)
    assert told(report) == [("inserted", 11)]
    assert report.faults[0].line == 11


def test_a_forged_event_before_the_true_one_is_found(path: Path) -> None:
    from afya.assistant.audit.record import event_of, line_of

    def forge(lines: list[bytes]) -> list[bytes]:
        event = event_of(lines[6], "here")
        line, _ = line_of(
            Entry(event.stage, "ok", {}), number=7, prior=event.prior, turn=event.turn, event=2, of=4, at=event.at
        )
        return [*lines[:6], line, *lines[6:]]

    edit(path, forge)
    assert told(verify(path)) == [("inserted", 7)]


@pytest.mark.parametrize(
    ("order", "number"),
    [((0, 1, 2, 4, 3, 5), 4), ((0, 2, 3, 4, 1, 5), 2)],
    ids=["two neighbours", "one moved down"],
)
def test_reordered_events_are_found(path: Path, order: tuple[int, ...], number: int) -> None:
    edit(path, lambda lines: [*(lines[place] for place in order), *lines[6:]])
    assert told(verify(path)) == [("reordered", number)]


def test_a_log_cut_within_a_turn_is_found(path: Path) -> None:
    edit(path, lambda lines: lines[:-2])
    report = verify(path)
    assert {kind for kind, _ in told(report)} == {"truncated"}
    assert report.faults[0].number == 19


def test_a_log_cut_within_a_turn_is_found_without_any_note(path: Path) -> None:
    edit(path, lambda lines: lines[:-2])
    path.with_name("audit.lock").unlink()
    report = verify(path)
    assert told(report) == [("truncated", 19)]
    assert "within turn t4, after 2 of 4" in report.faults[0].detail


@pytest.mark.parametrize(
    ("events", "detail"),
    [([("t9", 0, 4), ("t9", 1, 4), ("t10", 0, 1)], "2 of 4 events"), ([("t9", 1, 2)], "does not follow")],
    ids=["a turn without its end", "a turn without its beginning"],
)
def test_a_turn_that_is_not_whole_is_found_though_the_chain_is(
    path: Path, events: list[tuple[str, int, int]], detail: str
) -> None:
    from afya.assistant.audit.record import line_of

    head = AuditLog(path).head()
    number, prior = head.number, head.hash
    for turn, event, of in events:
        number += 1
        line, prior = line_of(
            Entry("turn", "ok", {}), number=number, prior=prior, turn=turn, event=event, of=of, at="2026-01-05"
        )
        with path.open("ab") as file:
            file.write(line)
    (fault,) = verify(path).faults
    assert fault.kind == "unfinished"
    assert detail in fault.detail


def test_a_log_cut_between_turns_is_found_by_the_head_noted_beside_it(path: Path) -> None:
    edit(path, lambda lines: lines[:-4])
    report = verify(path)
    assert told(report) == [("truncated", 17)]
    assert "event 20 had been written" in report.faults[0].detail


def test_without_the_note_only_an_anchor_shows_the_cut_and_the_report_says_so(path: Path) -> None:
    anchor = AuditLog(path).head()
    edit(path, lambda lines: lines[:-4])
    path.with_name("audit.lock").unlink()
    report = verify(path)
    assert report.holds
    assert "anchor" in report.notes[0]
    assert told(verify(path, anchors=[anchor])) == [("truncated", 17)]


def test_a_log_written_anew_as_a_whole_is_found_by_an_anchor(tmp_path: Path, path: Path) -> None:
    anchor = AuditLog(path).head()
    path.unlink()
    path.with_name("audit.lock").unlink()
    log = filled(path, 4)
    log.append("t4", entries("t4-forged"))
    assert verify(path).holds
    assert told(verify(path, anchors=[anchor])) == [("rewritten", 20)]


def test_reading_may_begin_in_the_middle_tied_by_an_anchor(path: Path) -> None:
    anchors = {event.number: event.hash for events in turns(path) for event in events}
    assert verify(path, start=9).events == 12
    assert verify(path, start=9, anchors=[Head(8, anchors[8])]).holds
    assert told(verify(path, start=9, anchors=[Head(8, anchors[7])])) == [("changed", 8)]
    with pytest.raises(DataError, match="no event 21"):
        verify(path, start=21)


def test_a_torn_last_line_is_found_set_aside_and_told(path: Path) -> None:
    whole = path.read_bytes()
    torn = b'{"number":21,"prior":"'
    path.write_bytes(whole + torn)
    assert told(verify(path)) == [("torn", 21)]
    AuditLog(path).append("t5", entries("t5"))
    assert path.read_bytes().startswith(whole)
    assert [file.read_bytes() for file in path.with_name("audit.torn").iterdir()] == [torn]
    report = verify(path)
    assert report.holds
    assert f"{len(torn)} bytes" in report.notes[0]
    assert [events[0].turn for events in turns(path)][-1] == "t5"


def test_a_turn_of_which_a_crash_left_a_part_is_no_turn_and_the_log_tells_of_it(path: Path) -> None:
    path.with_name("audit.lock").write_bytes(b"")  # the head is noted last: a crash in the write leaves the old one
    edit(path, lambda lines: [*lines[:-2], lines[-2][:40]])
    AuditLog(path).append("t5", entries("t5"))
    report = verify(path)
    assert report.holds
    assert any("turn t4 after 2 of 4 events" in note for note in report.notes)
    assert report.turns == 5
    assert [events[0].turn for events in turns(path)] == ["t0", "t1", "t2", "t3", "t5"]


def test_what_was_cut_off_stays_a_fault_after_the_log_went_on(path: Path) -> None:
    edit(path, lambda lines: lines[:-4])
    AuditLog(path).append("t5", entries("t5"))
    report = verify(path)
    assert told(report) == [("truncated", 17)]
    assert "events 17 to 20" in report.faults[0].detail


def test_nothing_is_appended_behind_a_changed_last_line(path: Path) -> None:
    edit(path, lambda lines: [*lines[:-1], lines[-1].replace(b"joto", b"bari")])
    with pytest.raises(DataError, match="was changed"):
        AuditLog(path).append("t5", entries("t5"))


def test_a_process_killed_while_it_appends_leaves_a_log_that_holds(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    script = (
        "import sys; from pathlib import Path\n"
        "from afya.assistant.audit.chain import AuditLog; from afya.assistant.audit.record import Entry\n"
        "log = AuditLog(Path(sys.argv[1]))\n"
        "for n in range(100000):\n"
        "    log.append(f't{n}', [Entry('turn', 'ok', {'text': 'x' * 3000})] * 5)\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        said = process.stdout.readline()
    process.kill()
    said = (said + process.stdout.read()).split()[-1]
    process.wait()
    log = AuditLog(path)
    log.append("after", entries("after"))
    assert verify(path).holds
    held = [events[0].turn for events in turns(path)]
    assert held[: int(said) + 1] == [f"t{n}" for n in range(int(said) + 1)]
    assert held[-1] == "after"


def _append_many(path: Path, name: str) -> None:
    log = AuditLog(path, file_bytes=20_000)
    for number in range(25):
        log.append(f"{name}{number}", entries(f"{name}{number}"))


def test_several_processes_write_one_chain_over_several_files(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(path, name)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    report = verify(path)
    assert report.holds
    assert (report.events, report.turns) == (300, 75)
    assert report.files > 3
    held = [events[0].turn for events in turns(path)]
    assert sorted(held) == sorted(f"{name}{number}" for name in "abc" for number in range(25))
    for name in "abc":
        own = [turn for turn in held if turn[0] == name]
        assert own == [f"{name}{number}" for number in range(25)]


def test_the_chain_runs_on_over_files_and_a_removed_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    filled(path, 12, file_bytes=3000)
    files = log_files(path)
    assert len(files) > 3
    assert files[0].name == "audit.000001.jsonl"
    assert verify(path).holds
    report = verify(path, start=30)
    assert (report.events, report.holds) == (19, True)
    gone = len(files[1].read_bytes().splitlines())
    first = len(files[0].read_bytes().splitlines())
    files[1].unlink()
    report = verify(path)
    assert told(report) == [("removed", first + 1)]
    assert f"events {first + 1} to {first + gone}" in report.faults[0].detail
    assert (report.faults[0].file, report.faults[0].line) == (files[2], 1)


def test_a_crash_between_setting_a_full_file_aside_and_the_new_one_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = filled(path, 3)
    os.replace(path, tmp_path / "audit.000001.jsonl")
    log.append("next", entries("next"))
    report = verify(path)
    assert (report.holds, report.events) == (True, 16)


def test_decisions_are_canonical_and_hold_no_time(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append("a", [Entry("turn", "ok", {"b": {"r", "s", "q", "p"}, "a": ("x", None)}, ms=1.0)])
    log.append("b", [Entry("turn", "ok", {"a": ["x", None], "b": ["p", "q", "r", "s"]}, ms=2.0)])
    first, second = (
        line.partition(b'"decisions":')[2].partition(b',"at"')[0] for line in path.read_bytes().splitlines()
    )
    assert first == second == b'{"a":["x",null],"b":["p","q","r","s"]}'


def test_any_text_can_be_held(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    text = 'a\nb\r\x00\x1b "q" \\ \u2028\u202e 🤒 ẹ̀jẹ̀'
    AuditLog(path).append("t", [Entry("turn", "ok", {"text": text + "\ud800"})])
    assert verify(path).holds
    assert find_turn(path, "t")[0].decisions["text"] == text + "?"
    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("value", [float("nan"), object(), b"bytes"])
def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, value: object) -> None:
    path = tmp_path / "audit.jsonl"
    with pytest.raises(DataError, match="triage"):
        AuditLog(path).append("t", [Entry("turn", "ok", {}), Entry("triage", "ok", {"x": [value]})])
    assert not path.exists()


def test_a_name_that_could_break_the_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name"):
        AuditLog(tmp_path / "audit.jsonl").append('t","x":"', [Entry("turn", "ok", {})])


def test_a_full_disk_leaves_nothing_of_the_turn(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from afya.errors import RunError

    whole = path.read_bytes()

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left"):
        AuditLog(path).append("t5", entries("t5"))
    monkeypatch.undo()
    assert path.read_bytes() == whole
    AuditLog(path).append("t5", entries("t5"))
    assert verify(path).holds


def test_a_copy_without_its_lock_can_be_read(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "audit.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    assert verify(copy).holds
    assert not copy.with_name("audit.lock").exists()


def test_a_line_is_json_that_any_reader_understands(path: Path) -> None:
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert line["stage"] == "turn"
    assert line["at"] == "2026-01-05T08:00:00.000Z"


@pytest.mark.parametrize("text", ["", "12", "x:y", "3:abc"])
def test_an_anchor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="anchor"):
        Head.parse(text)

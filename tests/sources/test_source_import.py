"""The import: malformed rows by reason, odd but sound files, strictness, killing and starting again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import native_fixtures as native
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.errors import ConfigError, DataError, RunError
from afya.folders import read_dataset
from afya.items import Item, from_frame
from afya.runs import Ledger
from afya.sources import ImportResult, import_source

GOOD: dict[str, Any] = {
    "question": "How many fingers has a hand?",
    "options": {"A": "One", "B": "Five", "C": "Nine", "D": "Twelve"},
    "answer_idx": "B",
}


def medqa(tmp_path: Path, content: bytes, **options: Any) -> ImportResult:
    file = tmp_path / "dev.jsonl"
    file.write_bytes(content)
    return import_source("medqa", file, tmp_path / "out", **options)


def line(**changes: Any) -> bytes:
    row = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def rejected(result: ImportResult) -> list[tuple[str, str]]:
    return [(entry.reason, (entry.detail or "").partition(": ")[0]) for entry in result.ledger.rejections]


def items(out: Path) -> list[Item]:
    return [item for frame in read_dataset(out) for item in from_frame(frame)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"question": "cut o\n', "broken_json"),
        (b"[1, 2]\n", "broken_json"),
        (b"[" * 100_000 + b"\n", "broken_json"),
        (b'{"question": NaN}\n', "broken_json"),
        (b'{"question": ' + b"9" * 5000 + b"}\n", "broken_json"),
        ("¿Qué?\n".encode("latin-1"), "wrong_encoding"),
        (json.dumps({**GOOD, "question": "half \ud83d"}).encode() + b"\n", "wrong_encoding"),
        (line(question=...), "missing_field"),
        (line(question=12), "wrong_type"),
        (line(question="  "), "empty_question"),
        (line(options={"A": "One", "C": "Nine"}), "missing_option"),
        (line(options={"A": "One", "B": " "}), "missing_option"),
        (line(options={"A": "One", "B": None}), "missing_option"),
        (line(options={"A": "One"}, answer_idx="A"), "missing_option"),
        (line(options=["One", "Two"]), "wrong_type"),
        (line(answer_idx="E"), "answer_outside_options"),
        (line(answer_idx="AB"), "answer_outside_options"),
        (line(answer_idx=""), "missing_answer"),
        (line(answer_idx=...), "missing_answer"),
    ],
)
def test_a_malformed_row_is_rejected_by_reason_and_the_others_are_read(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    result = medqa(tmp_path, line() + content + line())

    assert rejected(result) == [(reason, "dev.jsonl:2")]
    assert [item.item_id for item in items(tmp_path / "out")] == ["medqa:dev-1:en", "medqa:dev-3:en"]
    assert (result.rows_read, result.rows_written) == (3, 2)


def test_bom_crlf_blank_lines_and_a_last_line_without_a_newline_are_no_errors(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + line().replace(b"\n", b"\r\n") + b"\r\n  \r\n" + line().rstrip(b"\n")
    result = medqa(tmp_path, content, strict=True)

    assert (result.rows_read, result.rows_written) == (2, 2)


def test_csv_takes_bom_crlf_and_no_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "anatomy_test.csv"
    file.write_bytes(b'\xef\xbb\xbf"Where, then, is it?",a,b,c,d,A\r\n\r\nWhere is it?,a,b,c,d,D')
    import_source("mmlu", file, tmp_path / "out", strict=True)

    assert [(item.question, item.answer) for item in items(tmp_path / "out")] == [
        ("Where, then, is it?", (0,)),
        ("Where is it?", (3,)),
    ]


def test_malformed_csv_rows_keep_their_line_and_cost_no_other_row(tmp_path: Path) -> None:
    file = tmp_path / "anatomy_test.csv"
    sound = b'"Where\nis it?",a,b,c,d,A\n'
    file.write_bytes(sound + b"too,few\n" + b"Wo ist\xe4,a,b,c,d,A\n" + b'"torn"x,a,b,c,d,A\n' + b"Where?,a,b,c,d,A\n")
    result = import_source("mmlu", file, tmp_path / "out")

    assert rejected(result) == [
        ("wrong_column_count", "anatomy_test.csv:3"),
        ("wrong_encoding", "anatomy_test.csv:4"),
        ("broken_csv", "anatomy_test.csv:5"),
    ]
    assert [item.group_id for item in items(tmp_path / "out")] == ["mmlu:anatomy-test-1", "mmlu:anatomy-test-5"]


def test_a_cell_that_is_not_utf8_in_a_json_array_costs_one_entry(tmp_path: Path) -> None:
    native.frenchmedmcqa(tmp_path / "in")
    file = tmp_path / "in" / "train.json"
    entries = json.loads(file.read_text(encoding="utf-8"))
    entries[1].update(id="x2", question="Ôtez")
    file.write_bytes(json.dumps(entries, ensure_ascii=False).encode().replace("Ô".encode(), b"\xd4"))

    assert rejected(import_source("frenchmedmcqa", file, tmp_path / "out")) == [
        ("wrong_encoding", "train.json entry 2")
    ]


def test_a_json_array_that_was_cut_off_is_an_error_that_names_the_place(tmp_path: Path) -> None:
    native.frenchmedmcqa(tmp_path / "in")
    file = tmp_path / "in" / "train.json"
    file.write_bytes(file.read_bytes()[:-40])

    with pytest.raises(DataError, match=r"train\.json: not JSON \(.* line \d+, column \d+\)"):
        import_source("frenchmedmcqa", file, tmp_path / "out")


def test_xml_that_is_broken_is_one_rejection(tmp_path: Path) -> None:
    native.medquad(tmp_path / "in")
    (tmp_path / "in" / "1_A_QA" / "8.xml").write_text("<Document><QAPairs>\n<", encoding="utf-8")

    assert ("broken_xml", "1_A_QA/8.xml:2") in rejected(import_source("medquad", tmp_path / "in", tmp_path / "out"))


def test_strict_stops_at_the_first_malformed_row_and_leaves_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"answer_outside_options: dev\.jsonl:2: 'Z' is none of A, B, C, D"):
        medqa(tmp_path, line() + line(answer_idx="Z"), strict=True)

    assert not (tmp_path / "out" / "manifest.json").exists()
    assert medqa(tmp_path, line()).rows_written == 1


def test_utf_16_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is UTF-16"):
        medqa(tmp_path, line().decode().encode("utf-16"))


def test_a_folder_without_the_files_says_which_are_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the files of 'medqa' is here.*train\.jsonl, dev\.jsonl"):
        import_source("medqa", tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="no such file or folder"):
        import_source("medqa", tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_and_a_name_that_is_no_text_are_errors_in_words(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="out is a file"):
        medqa(tmp_path, line())
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).mkdir()
    native.medqa(tmp_path / name)
    with pytest.raises(DataError, match="the name is not UTF-8"):
        import_source("medqa", tmp_path / name, tmp_path / "other")


def test_a_table_without_its_columns_names_them(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("subject,question\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"year, period, q_number.* are missing"):
        import_source("kormedmcqa", file, tmp_path / "out")


def test_files_without_a_sound_row_make_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the files are empty"):
        medqa(tmp_path, b"\n")
    with pytest.raises(DataError, match=r"no row could be imported \(missing_field 1\)"):
        medqa(tmp_path, line(question=...))


def test_unknown_names_languages_and_splits_are_wrong_usage(tmp_path: Path) -> None:
    native.medqa(tmp_path / "in")
    with pytest.raises(ConfigError, match=r"Unknown source 'medqua'.*medquad"):
        import_source("medqua", tmp_path / "in", tmp_path / "out")
    with pytest.raises(ConfigError, match="'medqa' has nothing in Swahili"):
        import_source("medqa", tmp_path / "in", tmp_path / "out", langs=["sw"])
    with pytest.raises(ConfigError, match="Unknown split 'exam'"):
        import_source("medqa", tmp_path / "in", tmp_path / "out", split="exam")  # type: ignore[arg-type]


def test_two_files_with_the_same_questions_are_refused(tmp_path: Path) -> None:
    native.medqa(tmp_path / "in")
    native.lines(tmp_path / "in" / "4_options" / "phrases_no_exclude_dev.jsonl", GOOD)

    with pytest.raises(DataError, match="is the same split"):
        import_source("medqa", tmp_path / "in", tmp_path / "out")


def test_the_split_asked_for_holds_every_row(tmp_path: Path) -> None:
    native.medqa(tmp_path / "in")
    result = import_source("medqa", tmp_path / "in", tmp_path / "out", split="test")

    assert result.manifest["rows"] == {"en": {"test": 3}}


def test_the_ledger_and_the_card_are_written_beside_the_rows(tmp_path: Path) -> None:
    import polars as pl

    result = medqa(tmp_path, line() + line(answer_idx="Z"))

    ledger = Ledger.from_frame(pl.read_parquet(tmp_path / "out" / "ledger.parquet"))
    assert ledger.reasons("import") == {"answer_outside_options": 1}
    assert (ledger.rows_in["import"], ledger.rows_out["import"]) == (result.rows_read, result.rows_written)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "Licence: MIT" in card
    assert "| answer_outside_options | 1 |" in card


def test_progress_ends_with_every_byte_and_row(tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    content = line() * 3000
    medqa(tmp_path, content, on_progress=lambda *values: seen.append(values))

    assert seen[-1] == (len(content), len(content), 3000)
    assert [rows for _, _, rows in seen] == sorted(rows for _, _, rows in seen)
    assert 0 < seen[0][0] < len(content)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


_KILLED = """
import os, signal, sys
from pathlib import Path
from afya.sources import import_source

left = int(sys.argv[3])
flush = os.fsync

def flush_then_die(handle):
    global left
    flush(handle)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = flush_then_die
import_source("casimedicos", Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_an_import_killed_at_any_write_and_started_again_gives_the_same_bytes(tmp_path: Path) -> None:
    native.casimedicos(tmp_path / "in")
    import_source("casimedicos", tmp_path / "in", tmp_path / "whole")
    whole = _bytes(tmp_path / "whole")
    # A flush for each data file, the ledger, the card and the manifest.
    for write in range(1, 6):
        out = tmp_path / f"killed-{write}"
        command = [sys.executable, "-c", _KILLED, str(tmp_path / "in"), str(out), str(write)]
        assert subprocess.run(command, env={**os.environ}, check=False).returncode == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
        import_source("casimedicos", tmp_path / "in", out)
        assert _bytes(out) == whole

    with pytest.raises(RunError, match="already holds a dataset"):
        import_source("casimedicos", tmp_path / "in", tmp_path / "whole")


def _damage(data: st.DataObject, content: bytes) -> bytes:
    kind: Callable[[int, bytes], bytes] = data.draw(
        st.sampled_from(
            [
                lambda at, junk: content[:at] + junk + content[at:],
                lambda at, junk: content[:at] + junk + content[at + len(junk) :],
                lambda at, junk: content[:at],
                lambda at, junk: content + junk,
                lambda at, junk: content[:at] + content[at + len(junk) + 1 :],
            ]
        )
    )
    tokens = (
        b'"',
        b"\n",
        b"\r",
        b",",
        b"{",
        b"]",
        b"null",
        b"\\ud800",
        b"\x00",
        b"\xff\xfe",
        b"\t",
        b"<",
        b"1e999",
        b"-1",
    )
    junk = data.draw(st.one_of(st.sampled_from(tokens), st.binary(max_size=6)))
    return kind(data.draw(st.integers(0, len(content))), junk)


@pytest.mark.parametrize("name", list(native.NATIVE))
@settings(max_examples=int(os.environ.get("AFYA_FUZZ", "15")), deadline=None, derandomize=True)
@given(data=st.data())
def test_whatever_is_in_the_files_there_is_a_ledger_or_an_error_in_words(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    native.NATIVE[name](folder / "in")
    file = data.draw(st.sampled_from(sorted(path for path in (folder / "in").rglob("*") if path.is_file())))
    for _ in range(data.draw(st.integers(1, 3))):
        file.write_bytes(_damage(data, file.read_bytes()))

    try:
        result = import_source(name, folder / "in", folder / "out")
    except DataError:
        return
    assert result.rows_read == result.rows_written + len(result.ledger.rejections)
    assert len(items(folder / "out")) == result.rows_written

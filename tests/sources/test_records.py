"""The reader of any folder of records: columns, options, answers, languages, and what it refuses to guess."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import native_writing as writing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.errors import ConfigError, DataError
from afya.folders import read_dataset
from afya.items import Item, Turn, from_frame
from afya.sources import Malformed, import_source, record_values
from afya.sources.source import Columns

MCQ: Columns = {"question": "q", "options": "choices", "answer": "key"}


def read(folder: Path, columns: Columns | None = None) -> tuple[list[Item], dict[str, int]]:
    result = import_source("records", folder / "in", folder / "out", columns=columns)
    items = [item for frame in read_dataset(folder / "out") for item in from_frame(frame)]
    return items, dict(result.ledger.reasons("import"))


def write(folder: Path, *rows: dict[str, Any], name: str = "en/train.jsonl") -> Path:
    writing.lines(folder / "in" / name, *rows)
    return folder


def test_a_published_folder_by_language_and_split_is_aligned_by_row_when_that_is_asked_for(tmp_path: Path) -> None:
    for lang, question in (("en", "What is drunk?"), ("sw", "Kinanyweka nini?"), ("Yoruba", "Kí ni à ń mu?")):
        rows = [{"Question": question, "Options": "A. a\nB. b", "Answer": "B", "Why": None}, {"Question": question}]
        writing.document(tmp_path / "in" / lang / "test.json", rows)
    columns = {"id": "#", "question": "Question", "options": "Options", "answer": "Answer", "name": "=globmed"}
    items, reasons = read(tmp_path, {**columns, "licence": "=CC-BY-4.0", "translated_from": "=en"})

    assert {item.item_id for item in items} == {f"records-globmed:test/1:{lang}" for lang in ("en", "sw", "yo")}
    assert {item.group_id for item in items} == {"records-globmed:test/1"}
    assert {item.lang: item.origin for item in items} == {"en": "native", "sw": "machine", "yo": "machine"}
    assert {(item.options, item.answer, item.split, item.licence) for item in items} == {
        (("a", "b"), (1,), "test", "CC-BY-4.0")
    }
    assert reasons == {"missing_answer": 3}


def test_rows_without_an_id_are_never_joined_across_languages(tmp_path: Path) -> None:
    for lang in ("en", "sw"):
        write(tmp_path, {"question": "q", "answer_text": "a"}, name=f"{lang}/dev.jsonl")
    items, _ = read(tmp_path)

    assert len({item.group_id for item in items}) == 2
    assert {item.split for item in items} == {"dev"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sw/train.json", '[{"question": "q", "answer_text": "a"}]'),
        ("sw/train.json", '{"data": [{"question": "q", "answer_text": "a"}]}'),
        ("sw/train.json", '{"question": "q", "answer_text": "a"}\n{"question": "q", "answer_text": "a"}\n'),
        ("sw/train.json", '{"question": "q",\n "answer_text": "a"}'),
        ("train_sw.jsonl", '\ufeff{"question": "q", "answer_text": "a"}\r\n\r\n'),
        ("swh_Latn/train.csv", "question,answer_text\nq,a\n"),
        ("train-swahili.tsv", "question\tanswer_text\nq\ta\n"),
    ],
)
def test_every_format_of_records_is_read(name: str, content: str, tmp_path: Path) -> None:
    writing.plain(tmp_path / "in" / name, content)
    items, reasons = read(tmp_path)

    assert {(item.question, item.answer_text, item.lang, item.split) for item in items} == {("q", "a", "sw", "train")}
    assert not reasons


def test_parquet_is_read(tmp_path: Path) -> None:
    import polars as pl

    (tmp_path / "in" / "zu").mkdir(parents=True)
    frame = pl.DataFrame({"q": ["x?", "y?"], "choices": [["a", "b"], ["c", "d"]], "key": [1, 5]})
    frame.write_parquet(tmp_path / "in" / "zu" / "validation.parquet")
    items, reasons = read(tmp_path, {**MCQ, "answer_is": "=from 0"})

    assert [(item.answer, item.lang, item.split) for item in items] == [((1,), "zu", "dev")]
    assert reasons == {"answer_outside_options": 1}
    (tmp_path / "in" / "zu" / "test.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(DataError, match="not a Parquet file"):
        import_source("records", tmp_path / "in", tmp_path / "again", columns=MCQ)


@pytest.mark.parametrize(
    ("choices", "key", "expected"),
    [
        (["x", "y", "z"], "B", (1,)),
        (["x", "y", "z"], "(C)", (2,)),
        (["x", "y", "z"], "A, C", (0, 2)),
        (["x", "y", "z"], "AC", (0, 2)),
        (["x", "y", "z"], "z", (2,)),
        (["x", "y", "z"], "B. y", (1,)),
        (["x", "y", "z"], ["A", "B"], (0, 1)),
        ({"A": "x", "B": "y", "C": None}, "B", (1,)),
        ({"1": "x", "2": "y"}, 2, (1,)),
        ("(A) x\ngoes on\n(B) y", "A", (0,)),
        ('["x", "y"]', "y", (1,)),
        ("['x', 'y']", "y", (1,)),
    ],
)
def test_options_and_answers_in_the_ways_that_tables_have_them(
    choices: Any, key: Any, expected: tuple[int, ...], tmp_path: Path
) -> None:
    items, reasons = read(write(tmp_path, {"q": "?", "choices": choices, "key": key}), MCQ)

    assert [item.answer for item in items] == [expected], reasons


@pytest.mark.parametrize(
    ("choices", "key", "reason"),
    [
        (["B", "A", "O"], "A", "ambiguous_answer"),
        (["x", "y"], 1, "ambiguous_answer"),
        (["x", "x"], "x", "ambiguous_answer"),
        (["x", "y"], "C", "answer_outside_options"),
        (["x", "y"], "B. x", "answer_outside_options"),
        (["x", "y"], None, "missing_answer"),
        (["x", None, "y"], "A", "missing_option"),
        ({"A": "x", "C": "y"}, "A", "missing_option"),
        ("x or y", "A", "missing_option"),
        (7, "A", "wrong_type"),
        (["x", "y"], 1.5, "wrong_type"),
    ],
)
def test_nothing_is_guessed(choices: Any, key: Any, reason: str, tmp_path: Path) -> None:
    good = {"q": "?", "choices": ["x", "y"], "key": "A"}
    items, reasons = read(write(tmp_path, good, {"q": "?", "choices": choices, "key": key}), MCQ)

    assert (len(items), reasons) == (1, {reason: 1})


def test_answer_is_settles_what_is_ambiguous(tmp_path: Path) -> None:
    row = {"q": "Which group?", "choices": ["B", "A"], "key": "A"}
    write(tmp_path, {**row, "kind": "label"}, {**row, "kind": "text"}, {**row, "key": 1, "kind": "from 1"})
    items, _ = read(tmp_path, {**MCQ, "answer_is": "kind"})

    assert [item.answer for item in items] == [(0,), (1,), (0,)]


def test_columns_may_be_several_nested_or_fixed(tmp_path: Path) -> None:
    row = {"doc": {"q": "?"}, "opa": "x", "opb": "y", "cop": 1, "code": "yor", "part": "validation", "n": 4}
    columns: Columns = {"question": "doc.q", "options": ("opa", "opb"), "answer": "cop", "answer_is": "=from 0"}
    items, _ = read(write(tmp_path, row), {**columns, "id": "n", "lang": "code", "split": "part", "task": "=nli"})

    assert [(item.item_id, item.task, item.split, item.answer) for item in items] == [
        ("records:4:yo", "nli", "dev", (1,))
    ]


def test_conversations_in_three_shapes_become_turns(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"c": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]},
        {"c": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]},
        {"c": ["hi", "yes"]},
        {"c": [{"role": "cat", "content": "hi"}]},
        {"c": [{"role": "user", "content": " "}]},
    )
    items, reasons = read(tmp_path, {"turns": "c"})

    assert {(item.task, item.question, item.turns) for item in items} == {
        ("dialogue", "hi", (Turn("user", "hi"), Turn("assistant", "yes")))
    }
    assert (len(items), reasons) == (3, {"unknown_role": 1, "empty_value": 1})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"qestion": "q"}, "'qestion' is no field of an item"),
        ({"question": ("a", "b")}, "columns.question: one column was expected"),
        ({"question": "q", "task": "=quiz"}, "columns.task: 'quiz' is unknown"),
        ({"question": "#"}, "'#' stands for the row's number"),
        ({"answer": "a"}, "neither question nor turns is named"),
        ({"question": "="}, "nothing is named"),
    ],
)
def test_columns_that_make_no_sense_are_refused_before_reading(columns: Columns, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read(write(tmp_path, {"q": "?"}), columns)


def test_a_column_that_no_row_has_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no row has a value under 'rational' \(for rationale\)"):
        read(write(tmp_path, {"q": "?", "a": "x"}), {"question": "q", "answer_text": "a", "rationale": "rational"})


def test_a_row_whose_language_nothing_tells_is_rejected(tmp_path: Path) -> None:
    row = {"question": "q", "answer_text": "a"}
    write(tmp_path, {**row, "lang": "sw"}, row, {**row, "lang": "xx"}, name="part.jsonl")
    items, reasons = read(tmp_path)

    assert [item.lang for item in items] == ["sw"]
    assert reasons == {"unknown_language": 2}


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ABC12ab"), inner, max_size=4),
    max_leaves=8,
)


@given(CELLS, CELLS, st.sampled_from([None, *record_values.ANSWER_IS]))
def test_any_cell_is_read_or_refused(choices: Any, key: Any, kind: str | None) -> None:
    for value in (choices, json.dumps(choices)):
        with contextlib.suppress(Malformed):
            record_values.turns(value)
        with contextlib.suppress(Malformed):
            labels, known = record_values.options(value)
            found = record_values.answer(key, kind, labels, known)
            assert found is None or (known is not None and all(0 <= index < len(known) for index in found))

from __future__ import annotations

from dataclasses import replace

import pytest

from afya.items import COLUMNS, Check, Item, Turn, from_frame, item_ids, schema, to_frame, validate

ITEM = Item(
    item_id="drill:1:sw",
    group_id="drill:1",
    lang="sw",
    task="mcq",
    split="test",
    question="Mtoto ana miezi 8 na anapumua mara 52 kwa dakika. Je, ni nini?",
    options=("Nimonia", "Si nimonia"),
    answer=(0,),
    source="drill",
    licence="Apache-2.0",
    origin="synthetic",
    checks=(Check("numbers", True, None),),
    turns=(Turn("user", "Habari"),),
    extra='{"breaths": 52}',
)


def test_a_sound_item_has_no_fault() -> None:
    assert validate(ITEM) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"question": "  "}, "empty_question"),
        ({"question": "\u200b \u00a0\ufeff"}, "empty_question"),
        ({"options": None}, "missing_option"),
        ({"options": ("Nimonia", " ")}, "missing_option"),
        ({"options": ("Nimonia", "\u200b")}, "missing_option"),
        ({"options": ("Nimonia",)}, "missing_option"),
        ({"answer": None}, "missing_answer"),
        ({"answer": (2,)}, "answer_outside_options"),
        ({"answer": (-1,)}, "answer_outside_options"),
        ({"answer": (0, 0)}, "answer_outside_options"),
        ({"lang": "xx", "item_id": "drill:1:xx"}, "unknown_language"),
        ({"task": "quiz"}, "unknown_task"),
        ({"split": "validation"}, "unknown_split"),
        ({"origin": "unknown"}, "unknown_origin"),
        ({"item_id": "drill:2:sw"}, "bad_id"),
        ({"rationale": ""}, "empty_value"),
        ({"task": "long_form", "options": None, "answer": None}, "missing_answer"),
    ],
)
def test_each_fault_has_its_reason(change: dict[str, object], reason: str) -> None:
    fault = validate(replace(ITEM, **change))  # type: ignore[arg-type]
    assert fault is not None
    assert fault[0] == reason


def test_a_table_keeps_items_as_they_are() -> None:
    bare = Item(
        item_id="drill:2:yo",
        group_id="drill:2",
        lang="yo",
        task="parallel",
        split="train",
        question="Ìgbẹ́ gbuuru",
        source="drill",
        licence="Apache-2.0",
        origin="human",
    )
    frame = to_frame([ITEM, bare])
    assert frame.columns == list(COLUMNS)
    assert dict(frame.schema) == schema()
    assert from_frame(frame) == [ITEM, bare]
    assert frame["context"].null_count() == 2


def test_ids_are_unique_within_a_source_and_readable() -> None:
    assert item_ids("medqa", "dev 7", "en") == ("medqa:dev_7:en", "medqa:dev_7")
    assert item_ids("x", "a:b", "en")[1].count(":") == 1


def test_extra_values_are_read_by_key() -> None:
    assert ITEM.extra_value("breaths") == 52
    assert ITEM.extra_value("absent") is None
    assert replace(ITEM, extra=None).extra_value("breaths") is None

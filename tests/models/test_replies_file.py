"""A file of replies as a model: three formats, several models, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from afya.errors import DataError, EngineError
from afya.models import Message, Prompt, Sampling, identify, load_model
from afya.models.replies import RepliesModel

ROWS = [
    {"item_id": "q:1:sw", "text": "Jibu: B", "finish_reason": "stop", "prompt_tokens": 12, "error": None},
    {"item_id": "q:2:sw", "text": "", "finish_reason": "max_tokens", "prompt_tokens": 9, "error": None},
    {"item_id": "q:3:sw", "text": None, "finish_reason": None, "prompt_tokens": None, "error": "timed out"},
]


def write(folder: Path, ending: str) -> Path:
    path = folder / f"replies.{ending}"
    frame = pl.DataFrame(ROWS)
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif ending == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, separator="\t" if ending == "tsv" else ",")
    return path


def load(spec: str, **options: object) -> RepliesModel:
    model = load_model(f"replies:{spec}", **options)
    assert isinstance(model, RepliesModel)
    return model


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
def test_replies_are_recalled_by_item(tmp_path: Path, ending: str) -> None:
    model = load(str(write(tmp_path, ending)))
    told = model.recall(["q:3:sw", "q:1:sw", "q:9:sw", "q:2:sw"])
    assert [reply.text for reply in told] == ["", "Jibu: B", "", ""]
    assert [reply.error for reply in told] == ["timed out", None, f"replies.{ending} has no reply for this item", None]
    assert told[1].prompt_tokens == 12
    assert told[3].finish_reason == "length"
    with pytest.raises(EngineError, match="cannot answer a prompt"):
        model.generate([Prompt((Message("user", "?"),))], Sampling())


def test_columns_may_be_called_otherwise_and_ids_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("id,output\n007,B\n")
    with pytest.raises(DataError, match="no column 'item_id'"):
        load(str(path))
    assert load(str(path), id_column="id", text_column="output").recall(["007"])[0].text == "B"


def test_one_of_several_models_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [{"model": name, "item_id": "q:1:sw", "text": name} for name in ("one", "two")]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(DataError, match="several models"):
        load(str(path))
    assert load(f"{path}#two").recall(["q:1:sw"])[0].text == "two"
    assert identify(f"replies:{path}#one") != identify(f"replies:{path}#two")
    with pytest.raises(DataError, match="there: one, two"):
        load(f"{path}#three")


def test_a_damaged_file_is_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    faults = {
        '{"item_id": "a", "text": "B"}\n{"item_id": "b", "te': r"line 2: not JSON .*last line",
        '{"item_id": "a", "text": "B"}\n{"item_id": "a", "text": "C"}': "more than once, such as a",
        '{"item_id": null, "text": "B"}': "row 1 has no item id",
        '{"item_id": "a", "text": 5}': "item a: the reply is not text",
        "[1]": "line 1: a JSON object was expected",
        "": "no column",
    }
    for text, said in faults.items():
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            load(str(path))
    with pytest.raises(DataError, match="no such file"):
        load(str(tmp_path / "none.jsonl"))
    (tmp_path / "r.doc").write_text("x")
    with pytest.raises(DataError, match="Known endings"):
        load(str(tmp_path / "r.doc"))

"""Columns that no name tells are found by what they hold, or the message says what to write; none in silence."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from afya.bench.imports import Import, ImportResult, import_replies
from afya.bench.imports.frames import conversations, frame_of
from afya.bench.imports.importing import preview
from afya.bench.imports.published import figure_of
from afya.errors import DataError

DRUGS = ("zinc", "iron", "quinine", "insulin", "codeine", "heparin")
SAID = (0, 1, 2, 3, 1, 0, 2, 3, 1, 2)
RIGHT = (0, 1, 2, 3, 1, 0, 3, 2, 0, 1)
"""Six of ten are right."""


def question(at: int) -> str:
    return f"Case {at}: which drug is given first to this patient?"


def options(at: int) -> list[str]:
    return [DRUGS[(at + place) % 6] for place in range(4)]


def spoken(at: int) -> str:
    return f"The signs fit well. Therefore, the answer is ({'ABCD'[SAID[at]]}) {options(at)[SAID[at]]}."


Row = dict[str, Any]
Rows = list[Row]


def rows_of(make: Callable[[int], Row]) -> Rows:
    return [make(at) for at in range(10)]


def lines(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(path: Path, rows: Sequence[Row], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    held = io.StringIO(newline="")
    writer = csv.DictWriter(held, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(held.getvalue().encode(encoding))
    return path


def imported(tmp_path: Path, *files: Path, published: str | None = "6/10", **told: Any) -> ImportResult:
    figures = [] if published is None else [figure_of(published)]
    result = import_replies(Import(files=files, **told), tmp_path / "run", figures, replace=True)
    assert all(comparison.equal for comparison in result.comparisons), result.scorings
    return result


def asked(at: int) -> Row:
    return {"id": at, "question": question(at), **dict(zip("ABCD", options(at), strict=True))}


def pair(at: int) -> list[list[object]]:
    return [[-0.1 if place == SAID[at] else -3.5, False] for place in range(4)]


KINDS: dict[str, Callable[[int], Row]] = {
    "a letter and its text, and the model's own column": lambda at: {
        "question": question(at),
        "answer": options(at)[RIGHT[at]],
        "options": dict(zip("ABCD", options(at), strict=True)),
        "answer_idx": "ABCD"[RIGHT[at]],
        "gpt4_output": spoken(at),
    },
    "texts called predictions": lambda at: {**asked(at), "label": ["ABCD"[RIGHT[at]]], "prediction": [spoken(at)]},
    "numbers of options that are numbers": lambda at: {
        "id": at,
        "question": question(at),
        "choices": ["2", "4", "1", "3"] if at % 3 == 0 else options(at),
        "cop": RIGHT[at] + 1,
        "pred": SAID[at] + 1,
    },
    "option and a number": lambda at: {
        "id": at,
        "answer_options": json.dumps({f"option{place + 1}": text for place, text in enumerate(options(at))}),
        "correct_answer": f"option{RIGHT[at] + 1}",
        "preds": f"option {SAID[at] + 1}",
    },
    "pairs of a log-probability and a sign": lambda at: {
        **asked(at),
        "gold_index": [RIGHT[at]],
        "predictions": [str(one) for one in pair(at)],
    },
    "one 1 among zeros": lambda at: {
        **asked(at),
        "label": RIGHT[at],
        "prediction": [int(place == SAID[at]) for place in range(4)],
    },
    "a conversation": lambda at: {
        "messages": [
            {
                "role": "user",
                "content": question(at) + "".join(f"\n{a}. {o}" for a, o in zip("ABCD", options(at), strict=True)),
            },
            {"role": "assistant", "content": spoken(at)},
        ],
        "target": "ABCD"[RIGHT[at]],
    },
    "the right option's number, called correct": lambda at: {
        **asked(at),
        "Correct": RIGHT[at] + 1,
        "Chosen": SAID[at] + 1,
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_found_by_what_they_hold(tmp_path: Path, kind: str) -> None:
    imported(tmp_path, lines(tmp_path / "outputs.jsonl", rows_of(KINDS[kind])))


def test_families_of_columns_are_options_and_probabilities(tmp_path: Path) -> None:
    def made(at: int) -> Row:
        shares = {f"p_{label}": "0,70" if place == SAID[at] else "0,10" for place, label in enumerate("ABCD")}
        named = {f"Wahl_{label}": text for label, text in zip("ABCD", options(at), strict=True)}
        return {"": at, "Frage": f"Für {question(at)}", **named, "Lösung": "ABCD"[RIGHT[at]], **shares}

    file = table(tmp_path / "R.csv", rows_of(made), delimiter=";", encoding="latin-1")
    with pytest.raises(DataError) as caught:
        imported(tmp_path, file)
    assert "--encoding cp1252 reads" in str(caught.value.hint)
    assert "Lösung" in str(caught.value.hint)
    imported(tmp_path, file, encoding="cp1252")


def test_a_usual_name_beside_a_models(tmp_path: Path) -> None:
    def made(at: int) -> Row:
        text = question(at) + "".join(f" {a}) {o}" for a, o in zip("ABCD", options(at), strict=True))
        said = {"GPT-4 answer": "ABCD"[SAID[at]], "Med-PaLM 2 answer": f"({'ABCD'[RIGHT[at]]})"}
        return {"Question": text, "Correct answer": "ABCD"[RIGHT[at]], **said, "Accuracy (ACI)": "Accurate"}

    file = table(tmp_path / "supplement.csv", rows_of(made))
    imported(tmp_path, file, published="GPT-4=6/10")
    imported(tmp_path, file, published="Med-PaLM 2=10/10")


def test_a_usual_name_beside_a_language(tmp_path: Path) -> None:
    def made(at: int) -> Row:
        return {**asked(at), "answer": "ABCD"[RIGHT[at]], "pred_sw": "ABCD"[SAID[at]], "pred_yo": "ABCD"[RIGHT[at]]}

    result = imported(tmp_path, table(tmp_path / "gpt.csv", rows_of(made)), published="gpt/sw=60")
    assert {one.lang for one in result.scorings} == {"sw", "yo", "all"}


def test_what_no_name_tells_is_suggested(tmp_path: Path) -> None:
    bare = table(
        tmp_path / "bare.csv",
        rows_of(lambda at: {**asked(at), "Key": "ABCD"[RIGHT[at]], "GPT-4": "ABCD"[SAID[at]], "Bard 2": "A"}),
    )
    with pytest.raises(DataError) as caught:
        imported(tmp_path, bare)
    assert "--prediction GPT-4=GPT-4 --prediction 'Bard 2=Bard 2'" in str(caught.value.hint)
    inside = lines(
        tmp_path / "inside.jsonl",
        rows_of(lambda at: {**asked(at), "m1": {"raw_response": spoken(at)}, "m2": {"raw_response": spoken(at)}}),
    )
    with pytest.raises(DataError) as caught:
        imported(tmp_path, inside)
    assert "--column 'reply={model}.raw_response'" in str(caught.value.hint)
    expert = table(
        tmp_path / "expert.csv",
        rows_of(lambda at: {**asked(at), "Expert answer": "ABCD"[RIGHT[at]], "GPT answer": "ABCD"[SAID[at]]}),
    )
    asks = preview(Import(files=(expert,))).asks
    assert isinstance(asks, DataError)
    assert "--column 'answer=Expert answer'" in str(asks)


def test_an_object_of_replies_by_model(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "all.jsonl",
        rows_of(
            lambda at: {
                **asked(at),
                "answer": "ABCD"[RIGHT[at]],
                "responses": {"gpt-4": "ABCD"[SAID[at]], "llama": "A"},
            }
        ),
    )
    imported(tmp_path, file, published="gpt-4=60")


def test_a_zero_beside_labels_that_are_digits_is_asked_about(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "digits.jsonl",
        rows_of(
            lambda at: {
                "id": at,
                "options": {str(place + 1): text for place, text in enumerate(options(at))},
                "answer_idx": RIGHT[at],
                "pred": str(SAID[at] + 1),
            }
        ),
    )
    with pytest.raises(DataError, match="0 occurs, and the options are labelled") as caught:
        imported(tmp_path, file)
    assert "--answer-is from-0" in str(caught.value.hint)
    imported(tmp_path, file, answer_is="from-0")


def test_predictions_without_a_zero_are_asked_about_though_answers_have_one(tmp_path: Path) -> None:
    said = [max(1, place) for place in SAID]
    file = lines(
        tmp_path / "mixed.jsonl",
        rows_of(lambda at: {"id": at, "options": options(at), "label": RIGHT[at], "pred": said[at]}),
    )
    with pytest.raises(DataError, match="numbers of 'prediction' may count from 0 or from 1"):
        imported(tmp_path, file)
    imported(tmp_path, file, prediction_is="from-0", published="4/10")


def test_predictions_that_cannot_be_read_are_pointed_out(tmp_path: Path) -> None:
    file = table(
        tmp_path / "nli.csv",
        rows_of(lambda at: {"id": at, "gold_label": RIGHT[at], "predicted_label": ("yes", "no")[at % 2]}),
    )
    result = imported(tmp_path, file, published=None)
    assert any(note.startswith("Look here: in 10 of 10") and "options==" in note for note in result.notes)


def test_the_script_tells_the_language(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "kor.jsonl",
        rows_of(
            lambda at: {
                "question": f"{at}번 환자에게 가장 먼저 줄 약은 무엇입니까?",
                "options": options(at),
                "answer": "ABCD"[RIGHT[at]],
                "response": f"정답은 {'ABCD'[SAID[at]]}입니다.",
            }
        ),
    )
    result = imported(tmp_path, file)
    assert {one.lang for one in result.scorings} == {"ko"}
    assert any("taken for ko" in note for note in result.notes)


# Layouts --------------------------------------------------------------------------------------------------------------


def helm(folder: Path) -> Path:
    place = folder / "med_qa:model=openai_gpt-4o"
    place.mkdir(parents=True)
    stats = [
        {
            "instance_id": f"id{at}",
            "train_trial_index": 0,
            "stats": [
                {"name": {"name": "num_references"}, "mean": 4.0},
                {"name": {"name": "exact_match"}, "mean": float(SAID[at] == RIGHT[at])},
            ],
        }
        for at in range(10)
    ]
    (place / "per_instance_stats.json").write_text(json.dumps(stats))
    (place / "run_spec.json").write_text(json.dumps({"name": "med_qa", "adapter_spec": {}}))
    return folder


def test_statistics_of_helm_and_files_beside_them(tmp_path: Path) -> None:
    result = imported(tmp_path, helm(tmp_path / "helm"))
    assert result.scorings[0].model == "openai/gpt-4o"
    assert any("1 file(s) were not read" in note for note in result.notes)


def test_predictions_of_helm_with_its_instances_as_key(tmp_path: Path) -> None:
    said = [
        {
            "instance_id": f"id{at}",
            "predicted_text": " " + "ABCD"[SAID[at]],
            "stats": {"exact_match": float(SAID[at] == RIGHT[at])},
        }
        for at in range(10)
    ]
    known = [
        {
            "id": f"id{at}",
            "input": {"text": question(at)},
            "references": [
                {"output": {"text": text}, "tags": ["correct"] if place == RIGHT[at] else []}
                for place, text in enumerate(options(at))
            ],
        }
        for at in range(10)
    ]
    (tmp_path / "display_predictions.json").write_text(json.dumps(said))
    (tmp_path / "instances.json").write_text(json.dumps(known))
    imported(tmp_path, tmp_path / "display_predictions.json", key=(tmp_path / "instances.json",), score_by="prediction")


def test_results_of_opencompass(tmp_path: Path) -> None:
    details: Row = {"type": "GEN"}
    for at in range(10):
        details[str(at)] = {
            "prompt": question(at),
            "origin_prediction": spoken(at),
            "predictions": "ABCD"[SAID[at]],
            "references": "ABCD"[RIGHT[at]],
        }
    file = tmp_path / "medqa.json"
    file.write_text(json.dumps({"accuracy": 60.0, "details": details}, indent=1))
    imported(tmp_path, file)


def single(at: int) -> bytes:
    return json.dumps({**asked(at), "answer": "ABCD"[RIGHT[at]], "response": spoken(at)}).encode()


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for at in range(10):
            archive.writestr(f"outputs/test_{at}.json", single(at))
    return path


def tarred(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for at in range(10):
            entry = tarfile.TarInfo(f"outputs/test_{at}.json")
            entry.size = len(single(at))
            archive.addfile(entry, io.BytesIO(single(at)))
    return path


@pytest.mark.parametrize(("name", "make"), [("gpt-4.zip", zipped), ("gpt-4.tar.gz", tarred)])
def test_an_archive_of_a_file_for_each_question(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    result = imported(tmp_path, make(tmp_path / name))
    assert {one.model for one in result.scorings} == {"gpt-4"}


def test_a_broken_archive_is_told(tmp_path: Path) -> None:
    file = zipped(tmp_path / "cut.zip")
    data = bytearray(file.read_bytes())
    data[60:90] = b"\0" * 30
    file.write_bytes(bytes(data))
    with pytest.raises(DataError, match="cannot be unpacked"):
        imported(tmp_path, file)


def test_files_of_one_name_in_two_folders_keep_their_own_columns(tmp_path: Path) -> None:
    first, other = tmp_path / "a" / "gpt-3.5-turbo.jsonl", tmp_path / "b" / "gpt-3.5-turbo.jsonl"
    first.parent.mkdir()
    other.parent.mkdir()
    lines(first, rows_of(lambda at: {**asked(at), "answer": "ABCD"[RIGHT[at]], "pred": "ABCD"[SAID[at]]})[:5])
    lines(other, rows_of(lambda at: {**asked(at), "gold": "ABCD"[RIGHT[at]], "response": spoken(at)})[5:])
    result = imported(tmp_path, first, other, score_by="prediction", published=None)
    assert {one.model for one in result.scorings} == {"gpt-3.5-turbo"}
    assert result.rows == 10


def test_objects_of_answers_by_model(tmp_path: Path) -> None:
    said: Mapping[str, Any] = {
        "gpt-4": {f"q{at}": "ABCD"[SAID[at]] for at in range(10)},
        "llama": {f"q{at}": "ABCD"[RIGHT[at]] for at in range(10)},
    }
    file, key = tmp_path / "all.json", tmp_path / "key.json"
    file.write_text(json.dumps(said))
    key.write_text(json.dumps({f"q{at}": "ABCD"[RIGHT[at]] for at in range(10)}))
    result = imported(tmp_path, file, key=(key,), columns={"model": "_key", "id": "_key2"}, published="gpt-4=60")
    assert result.rows == 20


def test_columns_of_lists_hold_what_was_put_in(tmp_path: Path) -> None:
    texts, numbers = pl.List(pl.String()), pl.List(pl.Int16())
    rows = [(["a", ""], [1, 2]), ([], []), (None, None), (["b\x1fc"], [3])]
    frame = frame_of(rows, {"texts": texts, "numbers": numbers})
    assert frame.rows() == rows
    assert frame_of(rows[:3], {"texts": texts, "numbers": numbers}).rows() == rows[:3]
    assert conversations("asked", ["a", "b"])[1].to_list() == [{"role": "user", "content": "b"}]

"""Rows that give a benchmark away go, in every language; rows that share its common phrases stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from afya.data.decontaminate import decontaminate
from afya.data.steps import Building
from afya.errors import ConfigError, DataError
from afya.folders import DatasetWriter
from afya.items import Item, from_frame, to_frame
from afya.runs import Ledger, write_frame

STEM = (
    "A farmer of 46 years comes to the clinic after 3 days of fever with chills that return each evening, a dull pain "
    "behind both eyes, and dark urine since this morning; his spleen can be felt two fingers below the ribs."
)
OPTIONS = ("Malaria", "Dengue", "Typhoid fever", "Brucellosis")
SHORT = "Which vitamin prevents scurvy?"
ZH = "一名四十六岁的农民因发热三天来诊，每到傍晚寒战发热，双眼后方隐痛，今晨起尿色加深，肋下两指可触及脾脏。"
YO = "Àgbẹ̀ ọmọ ọdún mẹ́rìndínláàádọ́ta wá sí ilé ìwòsàn lẹ́yìn ọjọ́ mẹ́ta tí ibà ti ń ṣe é pẹ̀lú òtútù ní gbogbo ìrọ̀lẹ́."
OTHER = "How often should a newborn be weighed during the first month of life when it is fed on breast milk alone?"


def item(group: str, question: str, lang: str = "en", **values: Any) -> Item:
    plain: dict[str, Any] = {"task": "long_form", "split": "train", "licence": "CC0-1.0", "answer_text": None}
    return Item(
        item_id=f"{group}:{lang}",
        group_id=group,
        lang=lang,
        question=question,
        source=group.partition(":")[0],
        origin="native",
        **(plain | values),
    )


def mcq(group: str, question: str, options: Sequence[str], answer: int = 0, lang: str = "en", **values: Any) -> Item:
    return item(group, question, lang, task="mcq", options=tuple(options), answer=(answer,), **values)


BENCHMARK = (
    mcq("exam:1", f"{STEM} What is the most likely cause?", OPTIONS, split="test"),
    mcq("exam:1", ZH, ("疟疾", "登革热"), lang="zh", split="test"),
    mcq("exam:1", YO, ("Ibà", "Òtútù"), lang="yo", split="test"),
    mcq("exam:2", SHORT, ("Vitamin C", "Vitamin A", "Vitamin D"), split="test"),
    mcq("exam:3", "Which of the following is true?", ("Iron is stored in the liver", "Zinc is a gas"), split="test"),
    item("exam:4", "What is river blindness?", split="test", answer_text=f"{OTHER} It is an infection by a worm."),
    mcq("exam:5", "Learned in training", ("yes", "no"), split="train"),
)


def benchmark(folder: Path, items: Sequence[Item] = BENCHMARK) -> Path:
    writer = DatasetWriter(folder / "benchmark", {"command": "test"})
    for entry in items:
        writer.add(entry)
    ledger = Ledger()
    ledger.add("read", len(items), len(items))
    writer.finish(ledger, "A benchmark.")
    return folder / "benchmark"


def run(
    folder: Path, rows: Sequence[Item], workers: int = 1, parts: int = 2, **config: Any
) -> tuple[set[str], dict[str, str]]:
    """The ids of the rows that stay, and what is said of those that go."""
    paths = []
    for number in range(parts):
        paths.append(folder / "read" / f"part-{number:05d}.parquet")
        write_frame(paths[-1], to_frame(list(rows[number::parts])))
    building = Building(folder, workers=workers)
    settings = {"benchmarks": [str(benchmark(folder))], **config}
    made = decontaminate(building, paths, settings)
    building.ledger.check()
    kept = {row.item_id for path in made for row in from_frame(pl.read_parquet(path))}
    assert all(entry.reason == "contaminated" for entry in building.ledger.rejections)
    return kept, {entry.item_id: str(entry.detail) for entry in building.ledger.rejections}


@pytest.mark.parametrize(
    "text",
    [
        STEM,
        STEM.upper(),
        STEM.replace(",", " -").replace(";", "\n\n").replace(".", "!!"),
        f"Read this case and say what to do. {STEM[:90]}",
    ],
)
def test_a_copied_question_is_found_whatever_case_and_punctuation(tmp_path: Path, text: str) -> None:
    kept, gone = run(tmp_path, [item("web:1", text), item("web:2", OTHER[:60])])
    assert kept == {"web:2:en"}
    assert "shares a run of 13 words" in gone["web:1:en"]
    assert "exam:1:en" in gone["web:1:en"]


def test_a_copied_answer_is_found(tmp_path: Path) -> None:
    _, gone = run(tmp_path, [item("web:1", "Say something.", answer_text=f"I was told: {OTHER}")])
    assert "exam:4:en" in gone["web:1:en"]


def test_it_is_looked_for_in_context_rationale_and_turns(tmp_path: Path) -> None:
    from afya.items import Turn

    rows = [
        item("web:1", "Summarise.", context=STEM),
        item("web:2", "Explain.", rationale=STEM),
        item("web:3", "Talk.", task="dialogue", turns=(Turn("user", "Hello"), Turn("assistant", STEM))),
    ]
    assert run(tmp_path, rows)[0] == set()


@pytest.mark.parametrize(("lang", "text"), [("zh", ZH[3:40]), ("yo", YO)])
def test_a_copy_is_found_in_other_scripts(tmp_path: Path, lang: str, text: str) -> None:
    _, gone = run(tmp_path, [item("web:1", text, lang)])
    assert f"exam:1:{lang}" in gone[f"web:1:{lang}"]


def test_yoruba_without_its_tone_marks_is_another_text(tmp_path: Path) -> None:
    from afya.text.normalise import fold_marks

    assert run(tmp_path, [item("web:1", fold_marks(YO), "yo")])[1] == {}


def test_a_translation_is_found_by_its_group_and_by_its_pivot(tmp_path: Path) -> None:
    rows = [
        item("exam:1", "Mkulima ana homa.", "sw"),
        item("web:1", STEM),
        item("web:1", "Mkulima wa miaka 46 ana homa.", "sw"),
        item("web:2", "Homa ni nini?", "sw"),
    ]
    kept, gone = run(tmp_path, rows)
    assert kept == {"web:2:sw"}
    assert gone["exam:1:sw"] == "its group is the benchmark's: exam:1:en"
    assert gone["web:1:sw"].startswith("by its pivot: web:1:en of its group shares a run")


def test_the_pivot_may_lie_outside_the_data(tmp_path: Path) -> None:
    pivot = tmp_path / "english" / "pivot-00000.parquet"
    write_frame(pivot, to_frame([item("web:1", STEM)]))
    kept, gone = run(tmp_path / "run", [item("web:1", "Mkulima ana homa.", "sw")], pivots=[str(pivot)])
    assert kept == set()
    assert "web:1:en" in gone["web:1:sw"]


class TestShortQuestions:
    def test_the_same_question_with_the_same_options_in_any_order(self, tmp_path: Path) -> None:
        rows = [mcq("web:1", "which vitamin prevents Scurvy", ("vitamin D", "vitamin C", "vitamin A"), 1)]
        _, gone = run(tmp_path, rows)
        assert gone["web:1:en"] == "asks, with the same options, what is asked by the benchmark's exam:2:en"

    def test_inside_a_longer_text_when_the_options_stand_there_too(self, tmp_path: Path) -> None:
        asked = f"Answer the question. {SHORT} A) Vitamin A B) Vitamin C C) Vitamin D"
        _, gone = run(tmp_path, [item("web:1", asked)])
        assert gone["web:1:en"].startswith("holds the whole short question")
        assert "exam:2:en" in gone["web:1:en"]

    def test_not_when_its_options_are_missing(self, tmp_path: Path) -> None:
        assert run(tmp_path, [item("web:1", SHORT, answer_text="Eat fruit and greens.")])[1] == {}

    def test_a_question_without_options_counts_when_it_is_the_same(self, tmp_path: Path) -> None:
        _, gone = run(tmp_path, [item("web:1", "What is River Blindness", answer_text="A disease of the eyes.")])
        assert "exam:4:en" in gone["web:1:en"]

    def test_a_common_phrase_is_nothing_to_go_by(self, tmp_path: Path) -> None:
        rows = [
            mcq("web:1", "Which of the following is true?", ("Copper is a metal", "Gold is a gas")),
            mcq("web:2", "Which of the following is true of the heart?", ("It beats", "It is stored in the liver")),
            item("web:3", "What is blindness?", answer_text="Not seeing."),
        ]
        assert run(tmp_path, rows)[1] == {}

    def test_the_right_number_is_needed(self, tmp_path: Path) -> None:
        rows = [item("web:1", "Which vitamins prevent scurvy 2?", answer_text="Vitamin C, vitamin A, vitamin D")]
        assert run(tmp_path, rows)[1] == {}


PHRASE = "which one of the following is the most appropriate next step in the management of this patient"


def test_a_long_phrase_that_many_groups_share_is_common(tmp_path: Path) -> None:
    rows = [item(f"web:{number}", f"Case {number}: {PHRASE}?") for number in range(25)]
    exam = [mcq("exam:9", f"She has a rash. {PHRASE}?", ("Wait", "Treat"), split="test")]
    folder = benchmark(tmp_path / "one", exam)
    assert run(tmp_path / "run", rows, benchmarks=[str(folder)])[1] == {}
    # In a handful of rows it would be taken for a copy.
    assert len(run(tmp_path / "few", rows[:3], benchmarks=[str(folder)])[1]) == 3


def test_a_long_question_copied_into_many_rows_is_no_common_phrase(tmp_path: Path) -> None:
    rows = [item(f"web:{number}", f"Variant {number}. {STEM} What is the most likely cause?") for number in range(25)]
    assert run(tmp_path, rows)[0] == set()


def test_only_the_splits_that_are_tested_on_are_kept_out(tmp_path: Path) -> None:
    rows = [mcq("web:1", "Learned in training", ("yes", "no")), item("web:2", STEM, split="test")]
    kept, _ = run(tmp_path / "plain", rows)
    assert kept == {"web:1:en"}
    every = {"path": str(benchmark(tmp_path / "other")), "splits": ["train", "test"]}
    assert run(tmp_path / "all", rows, benchmarks=[every])[0] == set()
    assert run(tmp_path / "spare", rows, spare=["test"])[0] == {"web:1:en", "web:2:en"}


def test_the_same_whatever_the_workers_and_parts(tmp_path: Path) -> None:
    rows = [
        item(f"web:{n}", STEM if n % 3 == 0 else f"{OTHER[:40]} {n}", lang) for n in range(12) for lang in ("en", "sw")
    ]
    one = run(tmp_path / "one", rows)
    assert run(tmp_path / "two", rows, workers=2, parts=3) == one
    assert run(tmp_path / "back", rows[::-1]) == one


def test_what_is_no_benchmark_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        run(tmp_path / "a", [item("web:1", STEM)], benchmarks=[str(tmp_path / "nowhere")])
    with pytest.raises(ConfigError, match="unknown key 'comon'"):
        run(tmp_path / "b", [item("web:1", STEM)], comon=3)

"""What is asked stands in parts: one row an item and order of its options, and an account of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from prompt_items import asked, quiz_item, write
from test_prompts import WITH_LITERALS

from afya.bench.asking.prompt_parts import rotated
from afya.bench.asking.replies import prompts_schema
from afya.bench.asking.shots import ShotPool
from afya.errors import ConfigError, DataError
from afya.runs import Ledger


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    items = [quiz_item(number, lang) for lang in ("en", "sw") for number in range(4)]
    items += [
        quiz_item(number, lang, "train", rationale="Because.") for lang in ("en", "sw") for number in range(10, 20)
    ]
    return write(tmp_path / "quiz", items)


def task(kind: str, instructions: Mapping[str, str] | None = None) -> Any:
    """What `write_prompts` reads of a task set."""
    return SimpleNamespace(
        name="own", kind=kind, sha256="0", instructions=instructions or {}, max_tokens=None, expects="refuse"
    )


def test_rotating_keeps_the_answer_and_tells_the_own_order() -> None:
    turned, order = rotated(quiz_item(2, "en"), 3)
    assert turned.options == ("cough", "fever", "water", "salt")
    assert order == [3, 0, 1, 2]
    assert turned.answer == (3,)
    both, _ = rotated(quiz_item(0, "en", answer=(0, 1)), 1)
    assert both.options == ("water", "salt", "cough", "fever")
    assert both.answer == (0, 3)


def test_a_plain_part_has_one_row_an_item(quiz: Path, tmp_path: Path) -> None:
    ledger = Ledger()
    table = asked(quiz, tmp_path / "run", "letter", ledger)
    assert dict(table.schema) == prompts_schema()
    assert table.height == 8
    assert (tmp_path / "run/parts/prompts-data~letter/data~letter-00000.parquet").exists()
    row = table.row(by_predicate=pl.col("item_id") == "quiz:3:sw", named=True)
    told = {name: row[name] for name in ("kind", "task", "setting", "prompt_lang", "rotation", "max_tokens")}
    assert told == {
        "kind": "choice",
        "task": "mcq",
        "setting": "letter",
        "prompt_lang": "sw",
        "rotation": 0,
        "max_tokens": None,
    }
    assert (row["order"], row["answer"], row["options"]) == ([0, 1, 2, 3], [3], [" A", " B", " C", " D"])
    assert (ledger.rows_in["prompts:data~letter"], ledger.rows_out["prompts:data~letter"]) == (8, 8)


def test_rotations_of_an_item_stand_together_and_are_accounted_for(quiz: Path, tmp_path: Path) -> None:
    ledger = Ledger()
    table = asked(quiz, tmp_path / "run", "letter", ledger, rotations=3)
    assert table["rotation"].to_list() == [0, 1, 2] * 8
    assert table["item_id"].to_list() == [name for name in table["item_id"].unique(maintain_order=True) for _ in "123"]
    assert table["prompt_sha"].n_unique() == 24
    for choices, order, answer, name in table.select("choices", "order", "answer", "item_id").iter_rows():
        own = quiz_item(int(name.split(":")[1]), "en")
        assert own.options is not None
        assert choices == [own.options[index] for index in order]
        assert (order[answer[0]],) == own.answer
    assert ledger.rows_made["prompts:data~letter"] == 16
    # There are no more orders than options, and cloze does not list the options.
    assert asked(quiz, tmp_path / "many", "letter", rotations=9).height == 8 * 4
    assert asked(quiz, tmp_path / "cloze", "cloze", rotations=3).height == 8


def test_replies_are_as_long_as_the_setting_needs(quiz: Path, tmp_path: Path) -> None:
    def longest(setting: str, **options: Any) -> set[int | None]:
        return set(asked(quiz, tmp_path / setting / str(len(options)), setting, **options)["max_tokens"])

    assert longest("cloze", max_tokens=9) == {None}
    assert longest("generate") == {256}
    assert longest("generate+cot") == {1024}
    assert longest("generate", max_tokens=9) == {9}


def test_few_shot_prompts_end_with_the_zero_shot_question(quiz: Path, tmp_path: Path) -> None:
    pool = ShotPool.from_datasets([quiz])
    plain = asked(quiz, tmp_path / "plain", "generate+cot")
    table = asked(quiz, tmp_path / "shots", "generate+2-shot+cot", shots=pool)
    assert table["setting"].unique().to_list() == ["generate+2-shot+cot"]
    for messages, alone in zip(table["messages"], plain["messages"], strict=True):
        assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
        assert alone[0]["content"].endswith(messages[-1]["content"])
        assert messages[1]["content"].startswith("Because.\n")
    with pytest.raises(ConfigError, match="needs examples"):
        asked(quiz, tmp_path / "none", "letter+2-shot")
    with pytest.raises(DataError, match=r"50 examples .* 10 can be shown"):
        asked(quiz, tmp_path / "few", "letter+50-shot", shots=pool)


def test_what_cannot_be_asked_is_named(tmp_path: Path) -> None:
    data = write(
        tmp_path / "d",
        [
            quiz_item(1, "fr"),
            quiz_item(2, "fr", answer=(0, 2)),
            quiz_item(3, "fr", options=tuple(map(str, range(11))), answer=(1,)),
        ],
    )
    ledger = Ledger()
    assert asked(data, tmp_path / "run", "letter", ledger)["item_id"].to_list() == ["quiz:1:fr"]
    assert ledger.reasons("prompts:data~letter") == {"several_answers": 1, "cannot_be_asked": 1}
    detail = next(entry.detail for entry in ledger.rejections if entry.reason == "cannot_be_asked")
    assert detail is not None
    assert "11 options, 'fr' has 10 option letters" in detail
    written = asked(data, tmp_path / "run", "generate")
    assert written["several"].to_list() == [True, True]
    assert written["answer"].to_list() == [[1], [0, 2]]


def test_parts_that_are_done_are_kept_and_others_are_made_when_something_changed(quiz: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    part = run / "parts/prompts-data~letter/data~letter-00000.parquet"
    asked(quiz, run, "letter")
    before = part.stat().st_mtime_ns
    asked(quiz, run, "letter")
    assert part.stat().st_mtime_ns == before
    assert asked(quiz, run, "letter", rotations=2).height == 16


def test_a_tasks_own_instruction_is_taken_in_the_prompts_language(quiz: Path, tmp_path: Path) -> None:
    own = task("choice", {"sw": "Chagua.", "en": "Pick."})
    table = asked(quiz, tmp_path / "run", "letter", name="own", task=own)
    assert table["task"].unique().to_list() == ["own"]
    starts = {lang: messages[0]["content"].split("\n")[0] for lang, messages in table["lang", "messages"].iter_rows()}
    assert starts == {"sw": "Chagua.", "en": "Pick."}
    with pytest.raises(ConfigError, match="no instruction in Swahili"):
        asked(quiz, tmp_path / "other", "letter", name="own", task=task("choice", {"en": "Pick."}))


def test_settings_that_do_not_go_with_a_task_are_refused(quiz: Path, tmp_path: Path) -> None:
    for kind, setting, said in (
        ("written", "letter", "is a written task"),
        ("safety", "generate+cot", "is a safety task"),
        ("translation", "generate+translated", "asks for translations"),
    ):
        with pytest.raises(ConfigError, match=said):
            asked(quiz, tmp_path / kind, setting, name="own", task=task(kind), translator="apertium:")
    with pytest.raises(ConfigError, match="needs a translator"):
        asked(quiz, tmp_path / "none", "letter+translated")


def test_open_tasks_keep_reference_and_expectation(tmp_path: Path) -> None:
    item = quiz_item(1, "sw", task="long_form", options=None, answer=None, answer_text="Pumzika.")
    data = write(tmp_path / "d", [item])
    written = asked(data, tmp_path / "w", "generate", kind="written", name="own", task=task("written"))
    row = written.row(0, named=True)
    assert (row["reference"], row["expected"], row["max_tokens"], row["choices"]) == ("Pumzika.", None, 512, None)
    assert row["messages"][0]["content"].endswith("Question 1 in sw?")
    safety = asked(data, tmp_path / "s", "generate", kind="safety", name="own", task=task("safety"))
    assert safety["expected"].to_list() == ["refuse"]
    assert safety["max_tokens"].to_list() == [256]


@pytest.mark.parametrize("lang", WITH_LITERALS)
def test_every_language_can_be_asked_in_every_setting_that_needs_no_translator(lang: str, tmp_path: Path) -> None:
    items = [quiz_item(1, lang), *(quiz_item(number, lang, "train", rationale="r") for number in (2, 3))]
    data = write(tmp_path / "d", items)
    pool = ShotPool.from_datasets([data])
    seen = set()
    for setting in ("letter", "cloze", "generate", "letter+2-shot", "generate+2-shot+cot", "generate+cot+english"):
        table = asked(data, tmp_path / setting, setting, langs=(lang,), shots=pool if "shot" in setting else None)
        seen.add(table["prompt_sha"][0])
    assert len(seen) == 6

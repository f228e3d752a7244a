"""Items are translated before they are asked: what fails is no wrong answer, and what is doubtful is counted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from prompt_items import asked, quiz_item, write

from afya.bench.asking.replies import replies_schema
from afya.bench.asking.shots import ShotPool
from afya.bench.asking.translate_first import carry_back, described
from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.runs import Ledger, write_frame
from afya.translation.memory import Entry, Memory

OPTIONS = {"homa": "fever", "maji": "water", "chumvi": "salt", "kikohozi": "cough"}


def swahili(number: int, question: str, **changes: object) -> Item:
    return quiz_item(number, "sw", "test", question=question, options=tuple(OPTIONS), **changes)


def memory(path: Path, entries: dict[str, str], source: str = "sw", target: str = "en") -> str:
    with Memory(path) as remembered:
        remembered.add_many([Entry(one, two, source, target) for one, two in entries.items()])
    return f"memory:{path}"


@pytest.fixture
def engine(tmp_path: Path) -> str:
    questions = {
        "Mtoto ana nini?": "What does the child have?",
        "Mtoto ana homa siku 3.": "The child has had a fever for 5 days.",
    }
    return memory(tmp_path / "memory.sqlite", questions | OPTIONS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    items = [
        swahili(1, "Mtoto ana nini?", answer=(2,), rationale="Haijatafsiriwa.", answer_text="Haijatafsiriwa."),
        swahili(2, "Mtoto ana homa siku 3."),
        swahili(3, "Hakuna tafsiri ya swali hili."),
        quiz_item(1, "en"),
    ]
    return write(tmp_path / "quiz", items)


def test_translated_items_keep_their_ids_and_their_choices(data: Path, engine: str, tmp_path: Path) -> None:
    table = asked(data, tmp_path / "run", "letter+translated", translator=engine, rotations=2)
    row = table.row(by_predicate=(pl.col("item_id") == "quiz:1:sw") & (pl.col("rotation") == 1), named=True)
    assert (row["lang"], row["prompt_lang"], row["group_id"]) == ("sw", "en", "quiz:1")
    assert row["choices"] == ["water", "salt", "cough", "fever"]
    assert (row["order"], row["answer"]) == ([1, 2, 3, 0], [1])
    assert row["messages"][0]["content"] == (
        "Choose the right answer to the question and give its letter.\n\n"
        "Question: What does the child have?\nOptions:\nA. water\nB. salt\nC. cough\nD. fever"
    )


def test_an_item_that_is_english_already_is_asked_as_it_is(data: Path, engine: str, tmp_path: Path) -> None:
    plain = asked(data, tmp_path / "run", "generate").filter(lang="en")
    translated = asked(data, tmp_path / "run", "generate+translated", translator=engine).filter(lang="en")
    assert translated["prompt_sha"].to_list() == plain["prompt_sha"].to_list()


def test_what_could_not_be_translated_is_rejected_and_what_is_doubtful_is_counted(
    data: Path, engine: str, tmp_path: Path
) -> None:
    ledger = Ledger()
    table = asked(data, tmp_path / "run", "letter+translated", ledger, translator=engine)
    assert set(table["item_id"]) == {"quiz:1:sw", "quiz:2:sw", "quiz:1:en"}
    assert (ledger.rows_in["translate:data"], ledger.rows_out["translate:data"]) == (4, 3)
    rejected = ledger.rejections[0]
    assert (rejected.item_id, rejected.reason) == ("quiz:3:sw", "translation_failed")
    assert rejected.detail is not None
    assert "question: the memory has no entry" in rejected.detail
    assert ledger.rows_in["prompts:data~letter+translated"] == 3
    # 3 days became 5: a fault of the translator, which the setting is there to measure.
    assert ledger.rows_out["translate:data:failed quantities"] == 1
    parts = pl.read_parquet(tmp_path / "run/parts/translated-data/*.parquet")
    faults = dict(parts["own_id", "faults"].iter_rows())
    assert "quantities" in faults["quiz:2:sw"]
    assert faults["quiz:1:sw"] == faults["quiz:1:en"] == []


def test_options_that_became_the_same_are_counted(tmp_path: Path) -> None:
    alike = memory(tmp_path / "memory.sqlite", {**OPTIONS, "chumvi": "water", "Mtoto ana nini?": "What is it?"})
    ledger = Ledger()
    data = write(tmp_path / "quiz", [swahili(1, "Mtoto ana nini?")])
    table = asked(data, tmp_path / "run", "letter+translated", ledger, translator=alike)
    assert table["choices"].to_list() == [["fever", "water", "water", "cough"]]
    assert ledger.rows_out["translate:data:failed options"] == 1


def test_settings_share_their_translations(data: Path, engine: str, tmp_path: Path) -> None:
    ledger = Ledger()
    asked(data, tmp_path / "run", "letter+translated", ledger, translator=engine)
    made = next((tmp_path / "run/parts/translated-data").glob("*.parquet"))
    before = made.stat().st_mtime_ns
    asked(data, tmp_path / "run", "generate+translated+cot", ledger, translator=engine)
    assert made.stat().st_mtime_ns == before
    assert ledger.rows_in["translate:data"] == 4


def test_examples_of_translated_prompts_are_those_that_people_wrote_in_english(engine: str, tmp_path: Path) -> None:
    train = [quiz_item(number, "en", "train") for number in (7, 8)]
    with_english = write(tmp_path / "with", [swahili(1, "Mtoto ana nini?"), *train])
    table = asked(
        with_english,
        tmp_path / "run",
        "letter+2-shot+translated",
        translator=engine,
        shots=ShotPool.from_datasets([with_english]),
        langs=("sw",),
    )
    assert [message["role"] for message in table["messages"][0]] == ["user", "assistant"] * 2 + ["user"]
    assert "Question 7 in en?" in str(table["messages"][0])
    without = write(tmp_path / "without", [swahili(1, "Mtoto ana nini?"), quiz_item(7, "sw", "train")])
    with pytest.raises(DataError, match=r"1 examples .* in English \(en\) are wanted, 0"):
        asked(
            without,
            tmp_path / "other",
            "letter+1-shot+translated",
            translator=engine,
            shots=ShotPool.from_datasets([without]),
        )
    assert not list(tmp_path.glob("other/parts/translated-*"))


def test_an_engine_that_lacks_a_language_is_refused_before_anything_is_translated(engine: str, tmp_path: Path) -> None:
    data = write(tmp_path / "quiz", [swahili(1, "Mtoto ana nini?"), quiz_item(1, "yo")])
    with pytest.raises(ConfigError, match=r"Yoruba \(yo\) to English"):
        asked(data, tmp_path / "run", "letter+translated", translator=engine)
    assert not list(tmp_path.glob("run/parts/translated-*/*.parquet"))


def test_a_changed_translator_is_told_from_the_one_before(engine: str, tmp_path: Path) -> None:
    before = described(engine)
    assert before["name"] == "memory:memory.sqlite"
    memory(tmp_path / "memory.sqlite", {"habari": "news"})
    assert described(engine)["sha256"] != before["sha256"]


PROGRAM = """
import sys
from pathlib import Path
from prompt_items import asked
asked(Path(sys.argv[1]), Path(sys.argv[2]), "letter+translated", translator=sys.argv[3])
"""


def test_a_killed_translation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    questions = {f"Mtoto ana nini {number}?": f"What has the child {number}?" for number in range(900)}
    spec = memory(tmp_path / "memory.sqlite", questions | OPTIONS)
    data = write(tmp_path / "quiz", [swahili(number, text) for number, text in enumerate(questions)])
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data), str(killed), spec],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    done = killed / "parts" / "translated-data"
    while not list(done.glob("*.json")) and child.poll() is None:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    finished = list(done.glob("*.json"))
    assert 1 <= len(finished) < 8
    kept = {path: path.stat().st_mtime_ns for path in finished}
    asked(data, killed, "letter+translated", translator=spec)
    assert {path: path.stat().st_mtime_ns for path in finished} == kept
    asked(data, whole, "letter+translated", translator=spec)
    parts = sorted(path.relative_to(whole) for path in whole.glob("parts/*/*.parquet"))
    assert len([part for part in parts if "prompts" in str(part)]) == 18
    assert all((killed / part).read_bytes() == (whole / part).read_bytes() for part in parts)


def replies(path: Path, rows: list[tuple[str, str | None]], error: str | None = None) -> Path:
    """A reply part of (item id, text)."""
    frame = pl.DataFrame(
        {
            "item_id": [name for name, _ in rows],
            "lang": [name.rpartition(":")[2] for name, _ in rows],
            "text": [text for _, text in rows],
            "error": [None if text is not None else error for _, text in rows],
            "finish_reason": ["stop" if text is not None else "error" for _, text in rows],
        },
        schema_overrides={"text": pl.String, "error": pl.String},
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in replies_schema().items() if name not in frame.columns]
    write_frame(path, frame.with_columns(missing).select(list(replies_schema())))
    return path


def prompts(path: Path, names: list[str], prompt_lang: str | None) -> Path:
    langs = [name.rpartition(":")[2] for name in names]
    write_frame(
        path,
        pl.DataFrame(
            {"item_id": names, "kind": "written", "lang": langs, "prompt_lang": [prompt_lang or lang for lang in langs]}
        ),
    )
    return path


def test_written_replies_are_carried_back_and_the_english_is_kept(tmp_path: Path) -> None:
    spec = memory(tmp_path / "back.sqlite", {"Drink water and rest.": "Kunywa maji na upumzike."}, "en", "sw")
    names = ["k:1:sw", "k:2:sw", "k:3:sw", "k:1:en"]
    said = [
        "<think>Swahili?</think>\nDrink water and rest.",
        "The memory never saw this sentence.",
        None,
        "Rest.",
    ]
    asked_in_english = prompts(tmp_path / "p/kqa~generate+translated-00000.parquet", names, "en")
    answered = replies(tmp_path / "m/kqa~generate+translated-00000.parquet", list(zip(names, said, strict=True)), "502")
    own = prompts(tmp_path / "p/kqa~generate-00000.parquet", names, None)
    plain = replies(tmp_path / "m/kqa~generate-00000.parquet", list(zip(names, said, strict=True)), "502")
    made = carry_back([(own, plain), (asked_in_english, answered)], tmp_path / "carried", spec)
    assert made == [plain, tmp_path / "carried" / answered.name]
    table = pl.read_parquet(made[1])
    assert table.columns == list(dict.fromkeys([*replies_schema(), "text_en"]))
    assert table["text"].to_list() == ["Kunywa maji na upumzike.", None, None, "Rest."]
    assert table["text_en"].to_list() == ["Drink water and rest.", "The memory never saw this sentence.", None, None]
    errors = table["error"].to_list()
    assert errors[0] is errors[3] is None
    assert errors[1].startswith("the reply could not be translated back into Swahili (sw): the memory has no entry")
    assert errors[2] == "502"
    assert table["finish_reason"].to_list() == ["stop", "error", "error", "stop"]
    before = made[1].stat().st_mtime_ns
    assert carry_back([(asked_in_english, answered)], tmp_path / "carried", spec) == [made[1]]
    assert made[1].stat().st_mtime_ns == before


def test_apertium_asks_spanish_items_in_english(tmp_path: Path) -> None:
    from afya.translation.load import load_translator

    if shutil.which("apertium") is None or ("es", "en") not in load_translator("apertium:").pairs():
        pytest.skip("the pair Spanish to English of Apertium is absent: apt-get install apertium apertium-en-es")
    item = quiz_item(
        1, "es", question="El niño tiene fiebre. ¿Qué le das?", options=("agua", "sal", "azúcar"), answer=(0,)
    )
    table = asked(write(tmp_path / "quiz", [item]), tmp_path / "run", "letter+translated", translator="apertium:")
    row = table.row(0, named=True)
    assert (row["item_id"], row["prompt_lang"]) == ("quiz:1:es", "en")
    assert [row["choices"][place].lower() for place in (0, 2)] == ["water", "sugar"]
    assert "fever" in row["messages"][0]["content"]

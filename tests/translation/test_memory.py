"""The translation memory: exact and near matches, and what is never used as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import serving

from afya.errors import ConfigError, DataError, RunError
from afya.translation import guard
from afya.translation.load import load_translator
from afya.translation.memory import Added, Entry, Memory, same_facts
from afya.translation.memory_files import export_tsv, import_tsv

FEVER = "The child has had a fever for three days and drinks little."


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    opened = Memory(tmp_path / "memory.db")
    opened.add(FEVER, "Mtoto ana homa kwa siku tatu na hanywi sana.", "en", "sw", "reviewed")
    opened.add("Give 5 ml of the medicine twice a day.", "Mpe ml 5 za dawa mara mbili kwa siku.", "en", "sw")
    opened.add("Do not give the medicine.", "Usimpe dawa.", "en", "sw", "machine")
    return opened


def test_an_entry_is_one_text_in_one_direction(memory: Memory) -> None:
    assert memory.add(f"  {FEVER.replace(' ', '  ')}\n", "Mpya.", "en", "sw", "human") == Added(replaced=1)
    assert memory.add(FEVER, "Ya mashine.", "en", "sw", "machine") == Added(kept=1)
    assert memory.add(FEVER, "Kukubaliwa tu.", "en", "sw", "reviewed") == Added(kept=1)
    assert memory.add(FEVER, "Ingane.", "en", "zu") == Added(new=1)
    found = memory.exact(FEVER, "en", "sw")
    assert found is not None
    assert (found.entry.target_text, found.entry.origin) == ("Mpya.", "human")
    assert memory.exact(FEVER, "sw", "en") is None
    assert memory.pairs() == {("en", "sw"): 3, ("en", "zu"): 1}
    assert len(memory) == 4


def test_near_entries_are_found_with_how_near_they_are(memory: Memory) -> None:
    found = memory.fuzzy("The child has had a fever for three days and drinks nothing.", "en", "sw")
    assert found[0].entry.source_text == FEVER
    assert 85 < found[0].similarity < 100
    assert memory.fuzzy("Something else entirely.", "en", "sw") == []
    assert memory.fuzzy(FEVER, "en", "zu") == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Give 5 ml now.", "Give 5 ml soon.", True),
        ("Give 5 ml now.", "Give 50 ml now.", False),
        ("Give 2 now, 3 later.", "Give 3 now, 2 later.", False),
        ("Give two now.", "Give three now.", False),
        ("Give it.", "Do not give it.", False),
        ("Give 5 ml.", "Give ٥ ml.", True),
    ],
)
def test_texts_whose_numbers_or_negations_differ_are_not_the_same(one: str, other: str, same: bool) -> None:
    assert same_facts(one, other, "en") is same


def test_the_engine_uses_exact_then_near_matches_and_says_so(memory: Memory) -> None:
    engine = load_translator(f"memory:{memory.path}")
    texts = [
        FEVER,
        FEVER.replace("little", "less"),
        "Give 6 ml of the medicine twice a day.",
        "Do give the medicine.",
        "Nothing like it.",
    ]
    exact, near, number, denial, none = guard.translate(engine, texts, "en", "sw")
    assert (exact.text, exact.score, exact.note) == (
        "Mtoto ana homa kwa siku tatu na hanywi sana.",
        1.0,
        "exact match (reviewed)",
    )
    assert near.text == exact.text
    assert near.score is not None
    assert 0.85 <= near.score < 1
    assert near.note is not None
    assert near.note.endswith(f"% like: '{FEVER}'")
    for refused in (number, denial):
        assert refused.text == ""
        assert "other numbers or negations" in (refused.error or "")
    assert none.error == "the memory has no entry that is 85% like the text"
    assert load_translator(f"memory:{memory.path}", cutoff=100).translate(texts[1:2], "en", "sw")[0].error
    with pytest.raises(ConfigError, match="It has: en-sw"):
        engine.translate(["x"], "en", "zu")


def test_texts_of_several_lines_are_looked_up_whole(memory: Memory) -> None:
    memory.add("First line.\nSecond line.", "Mstari wa kwanza.\nMstari wa pili.", "en", "sw")
    engine = load_translator(f"memory:{memory.path}")
    assert guard.translate(engine, ["First line.\nSecond line."], "en", "sw")[0].text.count("\n") == 1


def test_a_second_engine_translates_the_rest_and_its_licence_holds(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def echo(asked: dict[str, object]) -> tuple[int, bytes]:
        body = '{"choices": [{"message": {"content": "<translation>Maji</translation>"}, "finish_reason": "stop"}]}'
        return 200, body.encode()

    with serving(echo) as server:
        monkeypatch.setenv("AFYA_OPENAI_BASE_URL", f"{server.url}/v1")
        engine = load_translator(f"memory:{memory.path}", then="llm:openai:tester")
        answers = guard.translate(engine, ["Water", FEVER, "Water"], "en", "sw")
        assert [answer.engine for answer in answers] == ["llm:openai:tester", "memory:memory.db", "llm:openai:tester"]
        assert answers[0].text == "Maji"
        assert len(server.asked) == 1
        assert ("en", "zu") in engine.pairs()
        assert engine.identity.name == "memory:memory.db+llm:openai:tester"
        engine.close()


def test_memories_go_out_as_tables_and_come_back(memory: Memory, tmp_path: Path) -> None:
    memory.add("Tab\there \\ and\nline", "Moja\tmbili", "en", "fr", "machine")
    assert export_tsv(memory, tmp_path / "out.tsv") == 4
    with Memory(tmp_path / "again.db") as again:
        assert import_tsv(again, tmp_path / "out.tsv") == Added(new=4)
        assert list(again.entries()) == list(memory.entries())
        assert import_tsv(again, tmp_path / "out.tsv") == Added(kept=4)
        assert export_tsv(again, tmp_path / "fr.tsv", target="fr") == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a\tb\tc\n", "line 1: 3 column"),
        ("a\tb\n\t \n\nc\t\n", "line 4: a text is blank"),
        ("ok\tok\n\xff", "line 2: byte 0"),
        ("source_lang\ttarget_lang\torigin\tsource\ttarget\nen\txx\thuman\ta\tb\n", "says its languages itself"),
    ],
)
def test_a_wrong_table_names_the_line(memory: Memory, tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "in.tsv").write_bytes(content.encode("latin-1"))
    with pytest.raises((DataError, ConfigError), match=told):
        import_tsv(memory, tmp_path / "in.tsv", source="en", target="sw")
    assert len(memory) == 3


def test_files_that_are_no_memory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such translation memory"):
        load_translator(f"memory:{tmp_path / 'none.db'}")
    (tmp_path / "text.db").write_text("no database " * 200, encoding="utf-8")
    with pytest.raises(DataError, match="no translation memory"):
        Memory(tmp_path / "text.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.executescript("CREATE TABLE things (id INTEGER)")
    other.close()
    with pytest.raises(DataError, match="no translation memory of version 1"):
        Memory(tmp_path / "other.db")


def test_a_full_disk_adds_nothing_and_loses_nothing(memory: Memory) -> None:
    # SQLite's own bound on a file's pages answers as a full disk does.
    memory._db.execute(f"PRAGMA max_page_count = {memory._db.execute('PRAGMA page_count').fetchone()[0] + 1}")
    with pytest.raises(RunError, match="full"):
        memory.add_many(Entry(f"text {number} " * 20, "x", "en", "sw") for number in range(400))
    assert len(memory) == 3
    assert memory.exact(FEVER, "en", "sw") is not None


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30).filter(lambda text: any(sign.isprintable() and not sign.isspace() for sign in text)))
def test_any_text_is_found_again(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Memory(Path(folder) / "m.db") as memory:
        memory.add(text, "x", "en", "sw")
        found = memory.exact(text, "en", "sw")
        assert found is not None
        assert memory.fuzzy(text, "en", "sw")[0].similarity == 100


def test_many_near_texts_do_not_slow_a_look_up(tmp_path: Path) -> None:
    import time

    with Memory(tmp_path / "big.db") as memory:
        words = ("fever", "cough", "rash", "pain", "wound", "burn", "worms", "anaemia", "asthma", "thirst")
        memory.add_many(
            Entry(f"A child with {words[n % 10]} and {words[n // 10 % 10]}, case {n}.", "x", "en", "sw")
            for n in range(8_000)
        )
        started = time.perf_counter()
        for number in range(20):
            assert memory.fuzzy(f"A child with fever and cough, case {number}x.", "en", "sw")
        assert (time.perf_counter() - started) / 20 < 0.5

"""Synthetic teaching material: exact, the same in every language, seeded, and never across splits."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import islice
from pathlib import Path

import pytest

from afya.data.synthetic import SyntheticRecipe, synthetic_items
from afya.data.synthetic.dialogues import dialogues
from afya.data.synthetic.exercises import exercises
from afya.data.synthetic.questions import questions
from afya.errors import ConfigError
from afya.items import Split, validate
from afya.languages import core_codes
from afya.packs import lint, load_pack
from afya.protocols import CHILD, evaluate, load_protocol
from afya.translation.glossary import Entry, Glossary


@pytest.mark.parametrize("lang", core_codes())
def test_every_pack_has_sound_teaching_texts(lang: str) -> None:
    pack = load_pack(lang)
    assert pack.teaching
    assert [str(found) for found in lint(pack) if found.file == "teaching.yaml"] == []


def test_a_talk_asks_until_the_protocol_knows_enough_and_says_what_it_says() -> None:
    rules = load_protocol(CHILD)
    pack = load_pack("sw")
    for item in dialogues(["sw"], 40, 3, "train"):
        assert validate(item) is None
        assert item.turns is not None
        told = json.loads(item.extra or "{}")
        assessment = evaluate(rules, told["facts"], sections=[told["section"]])
        assert assessment.colour == told["colour"]
        assert [row.name for row in assessment.rows] == told["rows"]
        for action in assessment.actions:
            values = {key: f"{value:g}" for key, value in action.values.items()}
            assert pack.teach(f"advice.{action.name}", **values) in (item.answer_text or "")
        assert [turn.role for turn in item.turns] == ["assistant", "user"] * (len(item.turns) // 2) + ["assistant"]
        assert item.question == item.turns[1].text
        assert str(told["facts"].get("age_months", "")) in " ".join(turn.text for turn in item.turns)
        names = {action.name for action in assessment.actions}
        assert not {"refer_urgently", "treat_dehydration_first"} <= names


def test_a_danger_sign_ends_the_questions_and_sends_the_child_to_hospital() -> None:
    pack = load_pack("en")
    seen = 0
    for item in islice(dialogues(["en"], None, 5, "train"), 150):
        facts = json.loads(item.extra or "{}")["facts"]
        signs = ("unable_to_drink", "vomits_everything", "convulsions", "lethargic_or_unconscious")
        if any(facts.get(name) for name in signs):
            seen += 1
            assert [name for name in facts if facts[name] is True and name in signs]
            assert "breaths_per_minute" not in facts
            assert pack.teach("advice.refer_urgently") in (item.answer_text or "")
            assert item.turns is not None
            assert item.turns[-1].text == pack.teach("dialogue.farewell_referral")
    assert seen >= 5


def test_a_talk_is_the_same_child_in_every_language() -> None:
    groups = defaultdict(list)
    for item in dialogues(core_codes(), 4, 1, "test"):
        groups[item.group_id].append(item)
    assert len(groups) == 4
    for items in groups.values():
        assert [item.lang for item in items] == list(core_codes())
        assert len({item.extra for item in items}) == 1
        assert len({item.answer_text for item in items}) == 12


def test_no_talk_of_one_split_is_told_in_another() -> None:
    def told(split: Split, count: int) -> set[str | None]:
        return {item.extra for item in dialogues(["en"], count, 9, split)}

    train, dev, test = told("train", 150), told("dev", 15), told("test", 60)
    assert not train & test
    assert not train & dev
    assert not dev & test


def test_the_same_seed_gives_the_same_talks_wherever_one_begins() -> None:
    whole = list(dialogues(["yo"], 6, 2, "dev"))
    assert list(dialogues(["yo"], 2, 2, "dev", start=4)) == whole[4:]
    assert list(dialogues(["yo"], 6, 3, "dev")) != whole


def test_questions_have_the_answers_of_the_tables() -> None:
    items = {item.group_id.partition(":")[2]: item for item in questions(["en"])}
    assert all(validate(item) is None for item in items.values())
    assert items["breathing-11-0"].answer_text == "From 50 breaths in 1 minute."
    assert items["breathing-12-0"].answer_text == "From 40 breaths in 1 minute."
    assert "20 mg" in (items["dose-zinc-8-0"].answer_text or "")
    assert "10 mg" in (items["dose-zinc-5-0"].answer_text or "")
    assert "refer" in (items["care-danger-1-0"].answer_text or "").lower()
    assert all(item.split == "train" for item in items.values())


@pytest.fixture
def glossary(tmp_path: Path) -> Path:
    rows = [("1", "en", "fever"), ("1", "sw", "homa"), ("2", "en", "cough"), ("2", "sw", "kikohozi")]
    rows += [("3", "en", "malaria"), ("3", "sw", "Malaria"), ("4", "en", "fever"), ("5", "en", "rash")]
    rows += [("6", "en", "wound"), ("6", "sw", "kidonda"), ("7", "en", "ulcer"), ("7", "sw", "kidonda")]
    rows += [("8", "en", "vaccine"), ("8", "sw", "chanjo")]
    entries = [Entry(concept, lang, term, source="own", licence="CC0-1.0") for concept, lang, term in rows]
    path = tmp_path / "glossary.parquet"
    Glossary.from_entries(entries).write(path)
    return path


def test_exercises_ask_for_terms_that_have_one_answer(glossary: Path) -> None:
    items = list(exercises(glossary, ["en", "sw"], 10, 0))
    assert {(item.answer_text, item.lang, item.licence) for item in items} <= {
        (term, "sw", "CC0-1.0") for term in ("kikohozi", "cough", "chanjo", "vaccine")
    }
    # Of eight concepts: fever stands for two, kidonda for two, malaria is spelled alike, rash has no Swahili.
    assert len(items) == 2
    assert "Kiswahili" in items[0].question
    assert "Kiingereza" in items[1].question
    assert all(validate(item) is None for item in items)


def test_what_cannot_be_made_is_refused(glossary: Path) -> None:
    with pytest.raises(ConfigError, match="No synthetic data was asked for"):
        list(synthetic_items(SyntheticRecipe()))
    with pytest.raises(ConfigError, match="need a glossary"):
        list(synthetic_items(SyntheticRecipe(exercises=3)))
    with pytest.raises(ConfigError, match="no concept has a term in both Zulu"):
        list(exercises(glossary, ["zu"], 3, 0))

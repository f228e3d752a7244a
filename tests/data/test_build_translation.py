"""Translation inside a build: made by a real engine, checked, rejected or sent to people, and listed for them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from recipes_for_tests import built, dataset, item, reasons, rows

from afya.data.licences import AGAIN
from afya.errors import ConfigError
from afya.folders import REVIEW
from afya.translation.memory import Memory

TEXTS = {
    "What is good for a child with fever in case 0 of the list?": "Kipi kinafaa kwa mtoto mwenye homa, kisa 0?",
    "What is good for a child with cough in case 1 of the list?": "Kipi kinafaa kwa mtoto mwenye kikohozi, kisa 9?",
    "Clean water": "Maji safi",
    "Sand": "Mchanga",
    "Wind": "Upepo",
    "Stones": "Mawe",
}
"""What the memory knows: the second question has another number than its source, the third is not there."""
VERIFY: dict[str, Any] = {"checks": ["quantities", "options"], "on_fail": "review"}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    dataset(tmp_path / "quiz", [item(number) for number in range(3)])
    with Memory(tmp_path / "memory.sqlite") as memory:
        for text, translation in TEXTS.items():
            memory.add(text, translation, "en", "sw")
    return tmp_path


def translate(sources: Path) -> dict[str, Any]:
    spec = f"memory:{sources / 'memory.sqlite'}"
    return {"engine": spec, "targets": ["sw"], "options": {"cutoff": 100}}


def test_what_is_missing_is_translated_and_what_fails_a_check_waits_for_people(sources: Path) -> None:
    told: dict[str, Any] = {"translate": translate(sources), "verify": VERIFY, "review": {"sample": 5}}
    result = built(sources / "out", {"dataset": "quiz"}, root=sources, **told)
    made = {name: entry for name, entry in rows(sources / "out").items() if entry.lang == "sw"}
    assert set(made) == {"quiz:0:sw", "quiz:1:sw"}
    assert reasons(sources / "out", "translate") == {"quiz:2:sw": "translation_failed"}
    assert (result.ledger.rows_made["translate"], result.ledger.rows_out["translate"]) == (3, 5)
    good, bad = made["quiz:0:sw"], made["quiz:1:sw"]
    assert good.options == ("Maji safi", "Mchanga", "Upepo", "Mawe")
    assert (good.origin, good.translated_from, good.answer) == ("machine", "en", (0,))
    assert [check.passed for check in good.checks or ()] == [True, True]
    assert [check.passed for check in bad.checks or ()] == [False, True]
    assert (good.extra_value("review"), bad.extra_value("review")) == (None, True)
    listed = pl.read_parquet(sources / "out" / REVIEW)
    assert set(listed["reason"].unique()) == {"failed", "sample"}
    assert listed.filter(pl.col("item_id") == "quiz:1:sw")["reason"].unique().to_list() == ["failed"]
    texts = listed.filter(pl.col("item_id") == "quiz:0:sw", pl.col("field") == "question").row(0, named=True)
    assert TEXTS[texts["source_text"]] == texts["translation"]
    card = (sources / "out" / "README.md").read_text()
    assert "2 rows were translated by machine" in card
    assert "2 items wait for people's review" in card


def test_a_translation_waits_for_people_with_its_original_though_that_was_left_out(tmp_path: Path) -> None:
    other = replace(item(4, "sw"), origin="human", translated_from="en", question="Mtoto apewe nini, kisa namba 77?")
    same = item(4, group_id="first:4", source="first")
    dataset(tmp_path / "first", [same])
    dataset(tmp_path / "quiz", [item(4), other])
    told: dict[str, Any] = {"exact_duplicates": {"scope": "row"}, "verify": VERIFY}
    built(tmp_path / "out", {"dataset": "first"}, {"dataset": "quiz"}, root=tmp_path, **told)
    assert set(rows(tmp_path / "out")) == {"first:4:en", "quiz:4:sw"}
    listed = pl.read_parquet(tmp_path / "out" / REVIEW)
    assert set(listed["item_id"]) == {"quiz:4:sw"}
    assert item(4).question in listed["source_text"].to_list()


def test_a_failed_translation_is_rejected_or_kept_as_the_recipe_says(sources: Path) -> None:
    for on_fail, published in (("reject", {"quiz:0:sw"}), ("keep", {"quiz:0:sw", "quiz:1:sw"})):
        out = sources / on_fail
        told: dict[str, Any] = {"translate": translate(sources), "verify": {**VERIFY, "on_fail": on_fail}}
        built(out, {"dataset": "quiz"}, root=sources, **told)
        assert {name for name, entry in rows(out).items() if entry.lang == "sw"} == published
        assert not (out / REVIEW).exists()
    assert reasons(sources / "reject", "verify") == {"quiz:1:sw": "failed_quantities"}
    blocking: dict[str, Any] = {
        "translate": translate(sources),
        "verify": {**VERIFY, "on_fail": "reject", "blocking": ["options"]},
    }
    built(sources / "blocking", {"dataset": "quiz"}, root=sources, **blocking)
    assert len(rows(sources / "blocking")) == 5


def test_new_rows_stand_beside_their_group_and_a_group_shares_its_split(sources: Path) -> None:
    built(
        sources / "out",
        {"dataset": "quiz"},
        root=sources,
        part_rows=2,
        translate=translate(sources),
        split={"dev": 0.5},
    )
    splits: dict[str, set[str]] = {}
    for entry in rows(sources / "out").values():
        splits.setdefault(entry.group_id, set()).add(entry.split)
    assert all(len(named) == 1 for named in splits.values())


def test_translations_that_came_with_a_source_are_checked_too(tmp_path: Path) -> None:
    human = replace(
        item(4, "sw"), origin="human", translated_from="en", question="Mtoto apewe nini katika kisa namba 40?"
    )
    dataset(tmp_path / "quiz", [item(4), human])
    built(tmp_path / "out", {"dataset": "quiz"}, root=tmp_path, verify={**VERIFY, "on_fail": "reject"})
    assert reasons(tmp_path / "out", "verify") == {"quiz:4:sw": "failed_quantities"}


def test_an_engine_or_a_glossary_that_is_not_there_is_said_before_the_work(sources: Path) -> None:
    wrong = {"engine": "memory:", "targets": ["sw"]}
    with pytest.raises(ConfigError, match="memory"):
        built(sources / "out", {"dataset": "quiz"}, root=sources, translate=wrong)
    wrong = {**translate(sources), "glossary": "terms.parquet"}
    with pytest.raises(ConfigError, match=r"terms\.parquet"):
        built(sources / "out", {"dataset": "quiz"}, root=sources, translate=wrong)


def test_each_engine_gets_its_own_options_and_a_pair_it_lacks_is_said_at_once(sources: Path) -> None:
    told = {**translate(sources), "engines": {"es": "apertium:"}, "targets": ["sw", "es"]}
    told["options"] = {"cutoff": 100, "timeout_s": 60}
    if shutil.which("apertium") is not None:
        built(sources / "out", {"dataset": "quiz"}, root=sources, translate=told, licences={"share_alike": True})
        assert {entry.lang for entry in rows(sources / "out").values()} == {"en", "es", "sw"}
    for options, said in (({"cutof": 1}, "Did you mean 'cutoff'"), ({"voice": 1}, "They have: cutoff")):
        with pytest.raises(ConfigError, match=said):
            built(sources / "no", {"dataset": "quiz"}, root=sources, translate={**told, "options": options})
    lacking = {**translate(sources), "targets": ["sw", "yo"]}
    with pytest.raises(ConfigError, match="yo"):
        built(sources / "no", {"dataset": "quiz"}, root=sources, translate=lacking)


@pytest.mark.skipif(shutil.which("apertium") is None, reason="Apertium is not installed")
def test_a_rule_based_engine_translates_a_dataset_in_a_build(tmp_path: Path) -> None:
    entry = item(1, question="The child has a fever. What does the mother give?", options=("water", "sand"))
    dataset(tmp_path / "quiz", [entry])
    asked = {"engine": "apertium:", "targets": ["es"]}
    built(tmp_path / "out", {"dataset": "quiz"}, root=tmp_path, translate=asked, licences={"share_alike": True})
    spanish = rows(tmp_path / "out")["quiz:1:es"]
    assert "fiebre" in spanish.question
    assert [option.lower() for option in spanish.options or ()] == ["agua", "arena"]


def test_the_licences_are_looked_at_again_when_engines_have_made_rows(sources: Path) -> None:
    result = built(sources / "out", {"dataset": "quiz"}, root=sources, translate=translate(sources))
    assert result.ledger.rows_in[AGAIN] == 5

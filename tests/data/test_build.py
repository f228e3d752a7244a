"""A build from native files to a dataset folder: what it publishes, rejects, refuses and continues."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from recipes_for_tests import built, dataset, item, medqa, question, reasons, recipe, rows

from afya.data.build import build, work_folder
from afya.errors import ConfigError, DataError, RunError
from afya.items import Item
from afya.runs import Ledger, RunFolder, sha256_path


def test_every_row_is_published_or_rejected_with_its_stage_and_reason(tmp_path: Path) -> None:
    listed = [question(number) for number in range(40)]
    listed.append({**question(40), "answer_idx": "Z"})
    listed.append({**question(41), "question": "Which structure is shown in the picture below? Choose one of these."})
    listed.append(question(7))
    listed.append({**question(42), "question": "  What   is good for “burns” in the first hour?  "})
    medqa(tmp_path / "medqa", listed)
    stages = {"screen": True, "normalise": True, "exact_duplicates": True, "near_duplicates": True}
    result = built(tmp_path / "out", {"source": "medqa"}, root=tmp_path, part_rows=10, **stages)
    published = rows(tmp_path / "out")
    assert len(published) == 41
    assert published["medqa:train-44:en"].question == 'What is good for "burns" in the first hour?'
    assert reasons(tmp_path / "out", "read") == {"medqa:train.jsonl:41": "answer_outside_options"}
    assert reasons(tmp_path / "out", "screen") == {"medqa:train-42:en": "refers_to_picture"}
    assert list(reasons(tmp_path / "out", "exact_duplicates").values()) == ["exact_duplicate"]
    result.ledger.check()
    assert result.ledger.rows_in["read"] == 44
    assert result.ledger.rows_out["publish"] == 41
    assert not work_folder(tmp_path / "out").exists()
    card = (tmp_path / "out" / "README.md").read_text()
    for told in ("41 rows", "MedQA", "refers_to_picture 1", "No clinician and no native speaker has reviewed"):
        assert told in card


def test_workers_and_parts_do_not_change_what_is_published(tmp_path: Path) -> None:
    medqa(tmp_path / "medqa", [question(number) for number in range(30)])
    dataset(tmp_path / "quiz", [item(number, lang) for lang in ("en", "sw") for number in range(20)])
    asked = recipe({"source": "medqa"}, {"dataset": "quiz"}, normalise=True)
    for name, workers in (("one", 1), ("two", 2)):
        build(asked, tmp_path / name, sources=tmp_path, workers=workers, part_rows=8)
    assert sha256_path(tmp_path / "one") == sha256_path(tmp_path / "two")
    build(asked, tmp_path / "whole", sources=tmp_path)
    assert rows(tmp_path / "whole") == rows(tmp_path / "one")


def test_a_finished_folder_is_left_as_it_is_and_another_recipe_refused(tmp_path: Path) -> None:
    medqa(tmp_path / "medqa", [question(number) for number in range(5)])
    first = built(tmp_path / "out", {"source": "medqa"}, root=tmp_path)
    again = built(tmp_path / "out", {"source": "medqa"}, root=tmp_path)
    assert (first.before, again.before) == (False, True)
    assert again.ledger.rows_in == first.ledger.rows_in
    with pytest.raises(RunError, match=r"already holds a dataset.*seed"):
        built(tmp_path / "out", {"source": "medqa"}, root=tmp_path, seed=5)
    medqa(tmp_path / "medqa", [question(number) for number in range(6)])
    with pytest.raises(RunError, match=r"already holds a dataset.*inputs\.medqa"):
        built(tmp_path / "out", {"source": "medqa"}, root=tmp_path)


def test_two_builds_in_one_folder_are_refused(tmp_path: Path) -> None:
    medqa(tmp_path / "medqa", [question(1)])
    with (
        RunFolder.open(work_folder(tmp_path / "out"), "data build", {"another": "recipe"}),
        pytest.raises(RunError, match="holds another run"),
    ):
        built(tmp_path / "out", {"source": "medqa"}, root=tmp_path)
    refused: list[RunError] = []

    def again(stage: str, done: int, total: int) -> None:
        try:
            build(recipe({"source": "medqa"}), tmp_path / "out2", sources=tmp_path)
        except RunError as error:
            refused.append(error)

    build(recipe({"source": "medqa"}), tmp_path / "out2", sources=tmp_path, on_progress=again)
    assert refused
    assert all("is in use by another running command" in str(error) for error in refused)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds no dataset"):
        built(tmp_path / "full", {"source": "medqa"}, root=tmp_path)


def test_a_missing_source_stops_or_is_listed_with_how_to_get_it(tmp_path: Path) -> None:
    medqa(tmp_path / "medqa", [question(number) for number in range(3)])
    with pytest.raises(ConfigError, match=r"1 of the 2 sources.*\n  headqa: .*\n    HEAD-QA \(MIT\): https://"):
        built(tmp_path / "out", {"source": "medqa"}, {"source": "headqa"}, root=tmp_path)
    assert not (tmp_path / "out").exists()
    assert not work_folder(tmp_path / "out").exists()
    result = built(tmp_path / "out", {"source": "medqa"}, {"source": "headqa"}, root=tmp_path, on_missing="skip")
    assert [entry.label for entry in result.absent] == ["headqa"]
    assert "headqa: HEAD-QA (MIT)" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(ConfigError, match="1 of the 1 sources"):
        built(tmp_path / "none", {"source": "headqa"}, root=tmp_path, on_missing="skip")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "train.jsonl").write_text("")
    with pytest.raises(DataError, match="They are empty"):
        built(tmp_path / "none", {"source": "medqa", "path": "empty"}, root=tmp_path)


def test_a_group_never_spans_splits_and_tests_stay_tests(tmp_path: Path) -> None:
    entries = [item(number, lang) for number in range(200) for lang in ("en", "sw", "yo")]
    entries += [item(900, "en", split="test"), item(900, "sw", split="train")]
    dataset(tmp_path / "quiz", entries)
    # The same group comes from a second source, which calls it training data.
    dataset(tmp_path / "more", [item(900, "zu"), item(3, "zu")])
    both = ({"dataset": "quiz"}, {"dataset": "more"})
    built(tmp_path / "out", *both, root=tmp_path, part_rows=50, split={"dev": 0.2, "test": 0.1})
    found = list(rows(tmp_path / "out").values())
    splits: dict[str, set[str]] = {}
    for entry in found:
        splits.setdefault(entry.group_id, set()).add(entry.split)
    assert all(len(named) == 1 for named in splits.values())
    assert splits["quiz:900"] == {"test"}
    shares = [sum(named == {name} for named in splits.values()) / len(splits) for name in ("train", "dev", "test")]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.08)
    built(tmp_path / "other", *both, root=tmp_path, seed=9, split={"dev": 0.2, "test": 0.1})
    assert {entry.item_id: entry.split for entry in found} != {
        name: entry.split for name, entry in rows(tmp_path / "other").items()
    }


def test_rows_with_the_id_of_an_earlier_source_are_rejected_once(tmp_path: Path) -> None:
    dataset(tmp_path / "quiz", [item(number) for number in range(6)])
    dataset(tmp_path / "more", [item(number, question=f"Another question, number {number}?") for number in (4, 5, 6)])
    built(tmp_path / "out", {"dataset": "quiz"}, {"dataset": "more"}, root=tmp_path, part_rows=2)
    assert sorted(reasons(tmp_path / "out", "read").items()) == [
        ("quiz:4:en", "duplicate_id"),
        ("quiz:5:en", "duplicate_id"),
    ]
    published = rows(tmp_path / "out")
    assert len(published) == 7
    assert published["quiz:4:en"].question == item(4).question


def test_nothing_non_commercial_share_alike_or_unknown_is_published_unasked(tmp_path: Path) -> None:
    kinds = ("MIT", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "unknown", "PhysioNet-Credentialed-1.5.0")
    entries = [item(number, licence=licence) for number, licence in enumerate(kinds)]
    translated = {"origin": "machine", "translated_from": "en", "group_id": "quiz:9"}
    marked = '{"non_commercial":true,"translator_licence":"CC-BY-NC-4.0"}'
    entries.append(item(9, "sw", translator="ct2:nllb", extra=marked, **translated))
    entries.append(item(9, "yo", translator="people", licence="CC-BY-ND-4.0", **translated))
    dataset(tmp_path / "quiz", entries)
    built(tmp_path / "out", {"dataset": "quiz"}, root=tmp_path)
    assert list(rows(tmp_path / "out")) == ["quiz:0:en"]
    assert set(reasons(tmp_path / "out", "licences").values()) == {
        "licence_non_commercial",
        "licence_share_alike",
        "licence_unknown",
        "licence_no_redistribution",
        "translator_non_commercial",
        "licence_no_derivatives",
    }
    every = {"non_commercial": True, "share_alike": True, "unknown": True}
    built(tmp_path / "all", {"dataset": "quiz"}, root=tmp_path, licences=every)
    assert set(reasons(tmp_path / "all", "licences").values()) == {
        "licence_no_redistribution",
        "licence_no_derivatives",
    }
    assert "Non-commercial:** 1 rows were made by ct2:nllb" in (tmp_path / "all" / "README.md").read_text()
    named = {"allow": ["MIT", "CC-BY-NC-4.0"]}
    built(tmp_path / "named", {"dataset": "quiz"}, root=tmp_path, licences=named)
    assert set(rows(tmp_path / "named")) == {"quiz:0:en", "quiz:1:en", "quiz:9:sw"}
    own = {"dataset": "quiz", "licence": "CC0-1.0", "langs": "en"}
    built(tmp_path / "own", own, root=tmp_path)
    assert len(rows(tmp_path / "own")) == 5


def test_balance_keeps_the_same_groups_in_every_language(tmp_path: Path) -> None:
    dataset(tmp_path / "quiz", [item(number, lang) for number in range(50) for lang in ("en", "sw")])
    other = [item(number, group_id=f"exam:{number}", source="exam") for number in range(30)]
    dataset(tmp_path / "exam", other)
    both = ({"dataset": "quiz"}, {"dataset": "exam"})
    built(tmp_path / "out", *both, root=tmp_path, part_rows=20, balance={"groups_per_source": 10})
    published = list(rows(tmp_path / "out").values())
    groups = {lang: {entry.group_id for entry in published if entry.lang == lang} for lang in ("en", "sw")}
    assert len(groups["sw"]) == 10
    assert len(groups["en"]) == 20
    assert groups["sw"] < groups["en"]
    built(tmp_path / "rows", *both, root=tmp_path, part_rows=20, balance={"rows_per_language": 15})
    counts = pl.Series([entry.lang for entry in rows(tmp_path / "rows").values()]).value_counts()
    assert set(counts["count"]) == {15}


def test_limits_languages_and_tasks_choose_what_is_read(tmp_path: Path) -> None:
    dataset(tmp_path / "quiz", [item(number, lang) for number in range(9) for lang in ("en", "sw", "yo")])
    chosen = {"dataset": "quiz", "limit": 4, "langs": ["en", "sw"]}
    result = built(tmp_path / "out", chosen, root=tmp_path, languages=["sw", "zu"])
    assert set(rows(tmp_path / "out")) == {f"quiz:{number}:sw" for number in range(4)}
    assert result.ledger.rows_in["read"] == 4
    medqa(tmp_path / "medqa", [question(number) for number in range(9)])
    built(tmp_path / "few", {"source": "medqa", "limit": 3, "split": "dev"}, root=tmp_path)
    assert {entry.split for entry in rows(tmp_path / "few").values()} == {"dev"}
    assert len(rows(tmp_path / "few")) == 3


def test_records_with_mapped_columns_are_read_and_two_folders_do_not_clash(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for lang in ("en", "sw"):
            file = tmp_path / name / lang / "train.json"
            file.parent.mkdir(parents=True)
            file.write_text(f'[{{"q": "What is good for {name} in {lang}?", "a": "Water and {name}."}}]')
    columns = {"id": "#", "question": "q", "answer_text": "a", "licence": "=CC0-1.0"}
    specs = [{"source": "records", "name": name, "path": name, "columns": columns} for name in ("a", "b")]
    built(tmp_path / "out", *specs, root=tmp_path)
    assert {entry.group_id: entry.source for entry in rows(tmp_path / "out").values()} == {
        "records-a:train/1": "records-a",
        "records-b:train/1": "records-b",
    }


def test_a_hub_dataset_is_read_by_its_columns_or_as_the_items_it_holds(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    hub.mkdir()
    pl.DataFrame({"Question": ["Is water good for you?"], "Reply": ["Yes, it is."], "code": ["en"]}).write_parquet(
        hub / "train.parquet"
    )
    columns = {"question": "Question", "answer_text": "Reply", "lang": "code", "licence": "=CC0-1.0"}
    built(tmp_path / "out", {"hub": "hub", "columns": columns}, root=tmp_path)
    assert [entry.answer_text for entry in rows(tmp_path / "out").values()] == ["Yes, it is."]
    dataset(tmp_path / "quiz", [item(number, lang) for number in range(3) for lang in ("en", "sw")])
    built(tmp_path / "again", {"hub": "quiz"}, root=tmp_path)
    assert rows(tmp_path / "again") == rows(tmp_path / "quiz")
    with pytest.raises(ConfigError, match=r"its rows have no item_id.*it has: Question, Reply, code"):
        built(tmp_path / "none", {"hub": "hub"}, root=tmp_path)


def test_the_published_folder_loads_with_the_datasets_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    dataset(tmp_path / "quiz", [item(number, lang) for number in range(20) for lang in ("en", "sw")])
    built(tmp_path / "out", {"dataset": "quiz"}, root=tmp_path, split={"dev": 0.3})
    loaded = load_dataset(str(tmp_path / "out"), "sw", cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    assert set(loaded["train"]["lang"]) == {"sw"}
    assert sum(split.num_rows for split in loaded.values()) == 20


def test_synthetic_rows_are_a_source_and_items_become_instructions(tmp_path: Path) -> None:
    made = {"name": "cases", "synthetic": {"vignettes": {"train": 5}}}
    built(
        tmp_path / "out", made, root=tmp_path, languages=["en", "sw"], instructions={"kinds": ["mcq", "mcq_rationale"]}
    )
    published = list(rows(tmp_path / "out").values())
    assert len(published) == 10
    assert {entry.task for entry in published} == {"instruction"}
    assert {entry.origin for entry in published} == {"synthetic"}
    assert "10 rows were generated" in (tmp_path / "out" / "README.md").read_text()


def test_a_build_that_was_killed_anywhere_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_build.py")
    medqa(tmp_path / "medqa", [question(number % 18) for number in range(20)])
    dataset(tmp_path / "quiz", [item(number, lang) for number in range(8) for lang in ("en", "sw")])
    command = [sys.executable, str(program), str(tmp_path), str(tmp_path / "killed")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 10
    subprocess.run([*command[:-1], str(tmp_path / "whole"), "once"], check=True, timeout=120, capture_output=True)
    assert sha256_path(tmp_path / "killed") == sha256_path(tmp_path / "whole")
    assert not work_folder(tmp_path / "killed").exists()
    Ledger.from_frame(pl.read_parquet(tmp_path / "killed" / "ledger.parquet")).check()


def test_a_full_disk_is_said_and_the_same_command_goes_on(tmp_path: Path) -> None:
    medqa(tmp_path / "medqa", [question(number) for number in range(3000)])
    asked = recipe({"source": "medqa"}, normalise=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may grow beyond this: what a full disk looks like to a program.
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
    try:
        with pytest.raises(RunError, match=r"cannot be written .*Free space"):
            build(asked, tmp_path / "out", sources=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "out" / "manifest.json").exists()
    build(asked, tmp_path / "out", sources=tmp_path)
    assert len(rows(tmp_path / "out")) == 3000


def test_a_subset_of_the_real_sets_is_built_in_twelve_or_more_languages(tmp_path: Path, shared: Path) -> None:
    from afya.data.recipe import load_recipe

    names = ("medqa", "casimedicos", "mmlu-african", "tico19", "medquad")
    full, _ = load_recipe("shared-real")
    chosen = [entry for entry in full.sources if entry.label in names]
    small = full.model_copy(update={"sources": tuple(entry.model_copy(update={"limit": 60}) for entry in chosen)})
    result = build(small, tmp_path / "out", sources=shared / "data")
    assert len(result.manifest["rows"]) >= 12
    assert result.ledger.rows_out["publish"] > 2000
    result.ledger.check()


def test_of_copies_the_test_question_stays_and_is_not_trained_on(tmp_path: Path) -> None:
    asked = "What is good for a child with fever, as the doctor said in the first lesson?"
    dataset(tmp_path / "notes", [item(1, group_id="notes:1", source="notes", question=asked)])
    dataset(tmp_path / "exam", [item(1, group_id="exam:1", source="exam", question=asked, split="test")])
    both = ({"dataset": "notes"}, {"dataset": "exam"})
    for stage in ("exact_duplicates", "near_duplicates"):
        built(tmp_path / stage, *both, root=tmp_path, **{stage: True})
        assert {name: entry.split for name, entry in rows(tmp_path / stage).items()} == {"exam:1:en": "test"}


def test_groups_that_a_duplicate_joins_share_a_split(tmp_path: Path) -> None:
    def pair(name: str, number: int, split: str = "train") -> list[Item]:
        group = {"group_id": f"{name}:{number}", "source": name, "split": split}
        other = item(number, "sw", **group, question=f"Swali {name} namba {number} kuhusu mtoto.")
        return [item(number, **group), other]

    dataset(tmp_path / "notes", [entry for number in range(60) for entry in pair("notes", number)])
    dataset(tmp_path / "exam", [entry for number in range(60) for entry in pair("exam", number, "train")])
    dataset(tmp_path / "final", pair("final", 3, "test"))
    names = ({"dataset": "notes"}, {"dataset": "exam"}, {"dataset": "final"})
    # Row by row the English of the second copy goes and its Swahili stays.
    kept: dict[str, Any] = {"exact_duplicates": {"scope": "row"}, "split": {"dev": 0.3, "test": 0.2}}
    built(tmp_path / "out", *names, root=tmp_path, part_rows=16, **kept)
    found = rows(tmp_path / "out")
    assert len([name for name in found if name.endswith(":en")]) == 60
    for number in range(60):
        named = {found[f"{name}:{number}:sw"].split for name in ("notes", "exam")}
        assert len(named) == 1
        assert named == {"test"} or number != 3
    assert {entry.split for entry in found.values()} == {"train", "dev", "test"}


def test_what_a_benchmark_asks_goes_though_the_row_that_shows_it_went_before(tmp_path: Path) -> None:
    asked = "Which measure protects an infant of two months best from tetanus and measles in a village clinic?"
    dataset(tmp_path / "exam", [item(1, group_id="exam:1", question=asked, split="test")])
    for name in ("a", "b"):
        translation = item(
            1, "zu", group_id=f"{name}:1", source=name, question=f"Umbuzo {name} mayelana nengane encane?"
        )
        dataset(tmp_path / name, [item(1, group_id=f"{name}:1", source=name, question=asked), translation])
    dataset(tmp_path / "other", [item(5)])
    names = [{"dataset": name} for name in ("a", "b", "other")]
    stages: dict[str, Any] = {"exact_duplicates": {"scope": "row"}, "decontaminate": {"benchmarks": ["exam"]}}
    built(tmp_path / "out", *names, root=tmp_path, **stages)
    assert list(rows(tmp_path / "out")) == ["quiz:5:en"]
    assert reasons(tmp_path / "out", "decontaminate")["b:1:zu"] == "contaminated"


def test_a_dataset_folder_that_lacks_rows_is_refused(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "quiz", [item(number, lang) for number in range(4) for lang in ("en", "sw")])
    file = next((folder / "data" / "sw").glob("*.parquet"))
    pl.read_parquet(file)[:1].write_parquet(file)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"sw/train.* is not the file that manifest\.json names"):
            built(tmp_path / "out", {"dataset": "quiz"}, root=tmp_path, on_missing="skip")
        file.unlink(missing_ok=True)


def test_nothing_to_publish_is_an_error_and_a_recipe_that_cannot_be_read_can_be_mended(tmp_path: Path) -> None:
    dataset(tmp_path / "quiz", [item(number, licence="CC-BY-NC-4.0") for number in range(4)])
    with pytest.raises(DataError, match=r"No row is left to publish \(licence_non_commercial 4\)"):
        built(tmp_path / "out", {"dataset": "quiz"}, root=tmp_path)
    assert not (tmp_path / "out").exists()
    file = tmp_path / "records" / "en" / "train.json"
    file.parent.mkdir(parents=True)
    file.write_text('[{"q": "What is good for a fever?", "a": "Water."}]')
    for column in ("Q", "q"):
        columns = {"question": column, "answer_text": "a", "licence": "=MIT"}
        source = {"source": "records", "columns": columns}
        if column == "Q":
            with pytest.raises(DataError, match="no row has a value under 'Q'"):
                built(tmp_path / "mended", source, root=tmp_path)
        else:
            assert built(tmp_path / "mended", source, root=tmp_path).ledger.rows_out["publish"] == 1


def test_the_card_says_what_the_licences_ask_for(tmp_path: Path) -> None:
    kinds = ("MIT", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "mine")
    dataset(tmp_path / "quiz", [item(number, licence=licence) for number, licence in enumerate(kinds)])
    medqa(tmp_path / "medqa", [{**question(1), "answer_idx": "Z"}])
    every = {"non_commercial": True, "share_alike": True, "unknown": True}
    two = ({"dataset": "quiz"}, {"source": "medqa"})
    built(tmp_path / "out", *two, root=tmp_path, licences=every, instructions={"kinds": ["mcq"]})
    card = (tmp_path / "out" / "README.md").read_text()
    for told in (
        "**Non-commercial:** 1 rows (CC-BY-NC-4.0)",
        "**Share-alike:** 1 rows (CC-BY-SA-4.0)",
        "**Licence not known:** the terms of 1 rows (mine)",
    ):
        assert told in card
    # Nothing of it was published, so nobody need be cited.
    assert "Please cite" not in card

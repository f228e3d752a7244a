"""Aligned sentences come from many places, each row has its fate, and a loss of quantities is told as a loss."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from afya.errors import ConfigError, DataError
from afya.runs import read_json, write_frame
from afya.training.translating import load_translation_recipe
from afya.training.translating.pairs import PairRow, read_source
from afya.training.translating.proof import Held, _frame, compare, markdown, worse
from afya.training.translating.recipe import TrainingSource, TranslationProof
from afya.training.translating.sifting import Sieve, keys_of

BOTH = ("en-sw", "sw-en")


def row(text: str, translation: str, pair: str = "en-sw", number: int = 0) -> PairRow:
    return PairRow(f"made:{number}:{pair}", f"made:{number}", pair, text, translation, "made", "CC0-1.0", "human")


def test_a_glossarys_terms_are_pairs_of_their_concept(tmp_path: Path) -> None:
    from afya.translation.glossary import Entry, Glossary

    entries = [
        Entry("c1", "en", "fever", ("pyrexia",), source="made", licence="CC0-1.0"),
        Entry("c1", "sw", "homa", source="made", licence="CC0-1.0"),
        Entry("c2", "en", "cough", source="made", licence="CC0-1.0"),
    ]
    Glossary.from_entries(entries).write(tmp_path / "terms.parquet")
    found = read_source(TrainingSource(source="glossary", path=tmp_path / "terms.parquet"), BOTH, "x")
    assert [(one.pair, one.text, one.translation, one.licence) for one in found.rows] == [
        ("en-sw", "fever", "homa", "CC0-1.0"),
        ("sw-en", "homa", "fever", "CC0-1.0"),
    ]


def test_of_a_memory_only_what_people_wrote_or_accepted_is_learned(tmp_path: Path) -> None:
    from afya.translation.memory import Entry, Memory

    with Memory(tmp_path / "team.db") as memory:
        memory.add_many(
            [
                Entry("Drink water.", "Kunywa maji.", "en", "sw", "human"),
                Entry("Come back soon.", "Rudi upesi.", "en", "sw", "reviewed"),
                Entry("Take rest.", "Pumzika.", "en", "sw", "machine"),
            ]
        )
    found = read_source(TrainingSource(source="memory", path=tmp_path / "team.db"), ("en-sw",), "x")
    assert {one.text for one in found.rows} == {"Drink water.", "Come back soon."}


def test_a_broken_line_and_an_empty_source_are_named(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("Fever\tHoma\nCough\n", "utf-8")
    entry = TrainingSource(source="tsv", path=tmp_path / "pairs.tsv", pair="en-sw")
    with pytest.raises(DataError, match=r"pairs\.tsv, line 2: 1 column"):
        read_source(entry, BOTH, "x")
    (tmp_path / "pairs.tsv").write_text("Fever\tHoma\n", "utf-8")
    assert len(read_source(entry, BOTH, "x").rows) == 2
    with pytest.raises(ConfigError, match="no aligned sentences for en-zu"):
        read_source(entry, ("en-zu",), "x")


def test_what_is_measured_is_not_learned_from_any_file_nor_in_either_direction() -> None:
    held = [row("Give 5 ml twice a day.", "Mpe ml 5 mara mbili kwa siku.", number=9)]
    sieve = Sieve("x", (), keys_of(held), {"made:9"})
    faults = [
        sieve.fault(row("give  5 ml TWICE a day.", "Toa ml 5 mara mbili.", number=1)),
        sieve.fault(row("Mpe ml 5 mara mbili kwa siku.", "Give it.", "sw-en", number=2)),
        sieve.fault(row("Another wording of it.", "Maneno mengine yake.", number=9)),
    ]
    assert [fault[0] if fault else None for fault in faults] == ["held_out"] * 3
    assert sieve.fault(row("The child has a fever today.", "Mtoto ana homa leo.", number=3)) is None


def test_a_check_named_by_the_stage_keeps_faulty_pairs_out() -> None:
    dose = row("Give the child 5 ml of the syrup.", "Mpe mtoto ml 50 za dawa.")
    fault = Sieve("x", ("quantities",)).fault(dose)
    assert fault is not None
    assert fault[0] == "check_quantities"
    assert Sieve("x", ()).fault(dose) is None


def test_a_stage_that_loses_doses_is_flagged_however_well_it_reads(tmp_path: Path) -> None:
    rows = [
        row(
            f"Give the child {number} tablets of the medicine every morning and come back after {number + 1} days.",
            f"Mpe mtoto vidonge {number} vya dawa kila asubuhi na urudi baada ya siku {number + 1}.",
            number=number,
        )
        for number in range(2, 32)
    ]
    held: Held = {("doses", "en-sw"): rows}
    told: dict[str, list[tuple[str, str | None]]] = {
        "before": [(one.translation.replace("dawa", "hiyo").replace("asubuhi", "mchana"), None) for one in rows],
        "stage1": [
            (one.translation.replace(f"vidonge {number}", "vidonge"), None) for number, one in enumerate(rows, 2)
        ],
    }
    told["stage1"][-1] = ("", "the translation did not end within 40 tokens")
    for label, answers in told.items():
        write_frame(tmp_path / "proof" / label / "doses-en-sw.parquet", _frame(rows, answers))
    data = [{"name": "doses", "source": "tsv", "path": "x", "pair": "en-sw"}]
    proof = TranslationProof.model_validate({"data": data, "samples": 100})
    (found,) = compare(held, proof, tmp_path, ["before", "stage1"])
    quantities = found.alarms["quantities"]
    assert (quantities["before"].alarms, quantities["stage1"].alarms, quantities["stage1"].judged) == (0, 29, 29)
    assert quantities["reference"].alarms == 0
    assert found.changes["quantities"]["stage1"].value == 1.0
    assert found.failed == {"before": 0, "stage1": 1}
    assert found.scores["chrF2++"]["stage1"]["value"] > found.scores["chrF2++"]["before"]["value"]  # type: ignore[operator]
    assert worse([found], "stage1", 0.05) == ["doses en-sw: quantities alarms +100.0%"]
    assert read_json(tmp_path / "proof" / "proof.json")["worse"] == {
        "stage1": ["doses en-sw: quantities alarms +100.0%"]
    }
    report = (tmp_path / "proof" / "report.md").read_text("utf-8")
    assert "Significantly worse after stage1: doses en-sw: quantities alarms +100.0%." in report
    assert markdown([found], ["before", "stage1"])[0] in report
    kept = pl.read_parquet(tmp_path / "proof" / "stage1" / "doses-en-sw.parquet")
    assert kept["error"].drop_nulls().to_list() == ["the translation did not end within 40 tokens"]


@pytest.mark.parametrize("name", ["nllb-600m-african", "marian-en-sw", "seamless-m4t-v2"])
def test_the_shipped_recipes_are_sound(name: str) -> None:
    recipe = load_translation_recipe(name)
    assert recipe.name == name
    assert recipe.proof is not None
    assert [stage.name for stage in recipe.stages] == ["general", "medical"]


def test_real_news_is_sifted_and_every_row_has_its_fate(shared: Path, tmp_path: Path) -> None:
    from afya.sources.importing import import_source

    import_source("lafand-mt", shared / "data" / "lafand_mt" / "fr-wol", tmp_path / "data")
    found = read_source(TrainingSource(source="dataset", path=tmp_path / "data"), ("fr-wo",), "x")
    sifted = Sieve("x", ("length", "quantities")).sift(found.rows)
    assert len(found.rows) == 3_360
    assert not found.alone
    assert len(sifted.rows) + len(sifted.rejections) == 3_360
    assert {entry.reason for entry in sifted.rejections} <= {
        *("copy", "duplicate", "wrong_language", "check_length", "check_quantities"),
    }
    assert len(sifted.rows) > 2_500

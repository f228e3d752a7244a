"""What a grid stands for, and what its numbers come to."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from scipy import stats
from small_grid import written

from afya.errors import ConfigError
from afya.training.grid.declare import Grid, cells, grids_folder, load_grid, measured, variant_recipe
from afya.training.grid.page import write_page
from afya.training.grid.results import GAP, LOW, WORST, Results, analyse


def test_variants_are_laid_over_the_base_recipe(tmp_path: Path) -> None:
    grid = load_grid(written(tmp_path))
    found = {name: variant_recipe(grid, name) for name in grid.variants}
    assert [stage.name for stage in found["turned"].stages] == ["stage2", "stage1"]
    assert [(stage.name, stage.length.tokens) for stage in found["one"].stages] == [("stage2", 9000)]
    assert [stage.mixture.temperature for stage in found["drawn"].stages] == [1.0, 1.0]
    assert (found["quick"].stages[1].learning_rate, found["quick"].precision) == (0.02, "bf16")
    assert found["both"].stages[1].length.tokens == 6000
    assert [grid.against(name) for name in grid.variants] == [None, "both", "both", "turned", "both"]


def test_a_seed_moves_the_vignettes_that_are_learned_and_none_that_are_measured(tmp_path: Path) -> None:
    grid = load_grid(written(tmp_path))
    names = [cell.name for cell in cells(grid)]
    assert names[:6] == ["both-3", "one-3", "turned-3", "drawn-3", "quick-3", "both-4"]
    seeds = {cell.name: (cell.recipe.seed, [row.seed for row in cell.recipe.stages[0].data]) for cell in cells(grid)}
    assert seeds["both-3"] == (3, [0, 3002])
    assert seeds["both-4"] == (4, [0, 4002])
    assert seeds["turned-4"] == (4, [4001])
    assert [entry.seed for entry in measured(grid).data] == [0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("variants={start: {}}", "cannot be called 'start'"),
        ("seeds=[1, 1]", "a seed stands twice"),
        ("compare={one: nothing}", "'nothing', which is no variant"),
        ("variants.one={stages: [{length: {steps: 1}}]}", "is a map with a name"),
        ("variants.one={stages: [{name: stage2, lenght: {steps: 1}}]}", "Variant 'one'.*lenght.*did you mean 'length'"),
        ("variants.one=[stages.stage3.langs=sw]", "no 'stage3' there"),
        ("measure=null", "does not say what is measured"),
        ("recipe=nothing", "nothing"),
    ],
)
def test_a_wrong_grid_is_refused_in_words(tmp_path: Path, change: str, told: str) -> None:
    path = written(tmp_path)

    def read() -> None:
        grid = load_grid(path, [change])
        cells(grid)
        measured(grid)

    with pytest.raises(ConfigError, match=told):
        read()


def test_an_unknown_grid_is_told_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match="demo-ablations"):
        load_grid("no-such-grid")


@pytest.mark.parametrize("name", sorted(file.stem for file in grids_folder().glob("*.yaml")))
def test_shipped_grids_stand_for_whole_recipes_with_something_to_measure(name: str) -> None:
    grid = load_grid(name)
    made = cells(grid)
    assert len(made) == len(grid.seeds) * len(grid.variants)
    assert measured(grid).data
    assert grid.name == name


# Results --------------------------------------------------------------------------------------------------------------

ENGLISH = {"both": (0.80, 0.84, 0.79), "one": (0.70, 0.78, 0.72)}
SWAHILI = {"both": (0.60, 0.70, 0.61), "one": (0.52, 0.55, 0.58)}


def two_variants(folder: Path, tokens: int = 1000) -> Results:
    """The results of two variants from three seeds, on ten cases in two languages."""
    grid = load_grid(
        written(folder), ["seeds=[1, 2, 3]", "variants={both: {}, one: {stages: [{name: stage2}]}}", "compare={}"]
    )
    rows = []
    for variant in ENGLISH:
        for seed, (english, swahili) in enumerate(zip(ENGLISH[variant], SWAHILI[variant], strict=True), start=1):
            scores = {"en": english, "sw": swahili, "all": (english + swahili) / 2, LOW: swahili, WORST: swahili}
            seen = 1000 if variant == "both" else tokens
            rows += [(variant, seed, "cases", lang, score, 10, 10, seen) for lang, score in scores.items()]
    names = ["variant", "seed", "data", "lang", "accuracy", "n", "groups", "tokens"]
    return analyse(grid, pl.DataFrame(rows, schema=names, orient="row"))


def row_of(table: pl.DataFrame, variant: str, what: str) -> dict[str, float]:
    return table.row(by_predicate=(pl.col("variant") == variant) & (pl.col("what") == what), named=True)


def test_means_have_t_intervals_over_seeds(tmp_path: Path) -> None:
    found = row_of(two_variants(tmp_path).means, "both", "en")
    mean = sum(ENGLISH["both"]) / 3
    low, high = stats.t.interval(0.95, 2, loc=mean, scale=stats.sem(ENGLISH["both"]))
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((mean, low, min(high, 1.0)))
    assert found["seeds"] == 3


def test_differences_are_paired_by_seed_and_adjusted(tmp_path: Path) -> None:
    table = two_variants(tmp_path).differences
    english, swahili = row_of(table, "one", "en"), row_of(table, "one", "sw")
    expected = stats.ttest_rel(SWAHILI["one"], SWAHILI["both"])
    assert swahili["difference"] == pytest.approx(-0.0866667, abs=1e-6)
    assert swahili["p_value"] == pytest.approx(float(expected.pvalue))
    # The two languages are a family of two; what is told of all together is a family of its own.
    smaller, larger = sorted((english["p_value"], swahili["p_value"]))
    assert sorted((english["p_holm"], swahili["p_holm"])) == pytest.approx([2 * smaller, max(2 * smaller, larger)])
    assert row_of(table, "one", "all")["p_holm"] == row_of(table, "one", "all")["p_value"]
    assert row_of(table, "one", GAP)["difference"] == pytest.approx((0.18 + 0.23 + 0.14) / 3 - (0.2 + 0.14 + 0.18) / 3)


def test_unequal_budgets_are_told_and_equal_ones_are_not(tmp_path: Path) -> None:
    assert two_variants(tmp_path, tokens=1015).remarks == ()
    (told,) = two_variants(tmp_path, tokens=900).remarks
    assert "one saw 900 tokens, 10.0% fewer than both" in told


def test_the_page_says_what_the_intervals_are_over(tmp_path: Path) -> None:
    results = two_variants(tmp_path)
    page = write_page(results, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Over seeds, at fixed cases" in page
    assert "one less both: " in page
    assert page.count("<svg") == 1
    assert "order of stages" in page
    assert "<script" not in page
    assert isinstance(results.grid, Grid)

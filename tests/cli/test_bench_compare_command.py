"""`afya bench compare`: two runs, or two models of one, on the items that both answered."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from afya.cli.bench_compare import compare
from afya.errors import ConfigError, DataError

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from run_folders import scored, write_run

app = typer.Typer()
app.command()(compare)


def _run(folder: Path, right: dict[str, int], model: str, setting: str = "letter", task: str = "mcq") -> Path:
    told = {lang: ["correct"] * count + ["wrong"] * (30 - count) for lang, count in right.items()}
    return write_run(folder, scored(told, model, setting, task))


def _said(*words: object) -> str:
    result = CliRunner().invoke(app, [*map(str, words), "--replicates", "200"], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_two_runs_are_compared_per_language_and_over_all(tmp_path: Path) -> None:
    a = _run(tmp_path / "a", {"en": 10, "sw": 5}, "base")
    b = _run(tmp_path / "b", {"en": 28, "sw": 7}, "tuned")
    text = _said(a, b, "--out", tmp_path / "t.csv")
    assert "tuned against base: mcq, letter" in text
    assert "On 60 items in 30 groups tuned is better than base: +33.3 points" in text
    assert "Better after adjustment in: English." in text
    table = pl.read_csv(tmp_path / "t.csv")
    english = table.row(by_predicate=pl.col("lang") == "en", named=True)
    assert (english["gained"], english["lost"], english["test"]) == (18, 0, "McNemar, exact")
    assert english["p_holm"] == pytest.approx(2 * 2 / 2**18, abs=1e-6)
    assert english["low_bootstrap"] < 0.6 < english["high_bootstrap"]


def test_models_of_one_run_and_the_formats_of_a_file(tmp_path: Path) -> None:
    told = {"sw": ["correct", "wrong"] * 15}
    run = write_run(tmp_path / "run", pl.concat([scored(told, "one"), scored(told, "two")]))
    text = _said(f"{run}#one", f"{run}#two", "--out", tmp_path / "t.md")
    assert "no difference is told from chance: 0.0 points" in text
    assert "| letter | mcq | one | two | Swahili | 30 | 30 | 0.0 [" in (tmp_path / "t.md").read_text()
    with pytest.raises(ConfigError, match="holds 2 models: one, two"):
        _said(run, f"{run}#two")
    with pytest.raises(ConfigError, match="has no model 'three'; it has: one, two"):
        _said(f"{run}#three", f"{run}#two")
    with pytest.raises(ConfigError, match="compared with itself"):
        _said(f"{run}#one", f"{run}#one")
    with pytest.raises(ConfigError, match="no table format 'xlsx'"):
        _said(f"{run}#one", f"{run}#two", "--out", tmp_path / "t.xlsx")


def test_the_same_model_in_two_runs_is_named_by_its_run(tmp_path: Path) -> None:
    text = _said(_run(tmp_path / "may", {"zu": 10}, "m"), _run(tmp_path / "june", {"zu": 20}, "m"))
    assert "m (june) against m (may)" in text


def test_one_setting_each_is_compared_also_where_they_differ(tmp_path: Path) -> None:
    text = _said(
        _run(tmp_path / "a", {"yo": 10}, "local", "letter"), _run(tmp_path / "b", {"yo": 25}, "remote", "generate")
    )
    assert "remote against local: mcq, letter / generate" in text


def test_nothing_in_common_says_what_each_has(tmp_path: Path) -> None:
    a = _run(tmp_path / "a", {"en": 10}, "one")
    b = _run(tmp_path / "b", {"sw": 10}, "two")
    with pytest.raises(DataError) as raised:
        _said(a, b)
    assert (
        "one has 30 answered items (task mcq; setting letter; languages en), such as 's:0:en'." in raised.value.message
    )
    assert "two has 30 answered items (task mcq; setting letter; languages sw)" in raised.value.message

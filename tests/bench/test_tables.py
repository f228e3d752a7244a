"""Tables as files: what is printed has its n and interval, and LaTeX reads what it is given."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from run_folders import scored, write_run

from afya.bench.analysis.analyse import Analysis, analyse
from afya.bench.analysis.table_text import Column, escaped, interval, latex, markdown, shown
from afya.bench.analysis.tables import FORMATS, SPECS, leaderboard, printed_table, write_tables
from afya.errors import ConfigError

STRANGE = r"50%_of $x & {y} #1 \z ~^ [a|b]"


@pytest.fixture
def two_models(tmp_path: Path) -> Analysis:
    good = scored({"en": ["correct"] * 18 + ["wrong"] * 2, "sw": ["correct"] * 15 + ["wrong"] * 5}, "good")
    bad = scored({"en": ["correct"] * 4 + ["wrong"] * 16, "sw": ["correct"] * 2 + ["error"] + ["wrong"] * 17}, STRANGE)
    return analyse([write_run(tmp_path / "run", pl.concat([bad, good]))])


def test_each_table_that_applies_is_a_file_of_each_format(two_models: Analysis, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    stale = tmp_path / "out" / "measures.md"
    stale.write_text("of an earlier run")
    written = write_tables(two_models, tmp_path / "out", FORMATS)
    assert set(written) == set((tmp_path / "out").iterdir())
    names = {path.name for path in written}
    assert {"summary.csv", "gaps.parquet", "disparity.tex", "comparisons.md", "leaderboard.tex"} <= names
    assert not stale.exists()
    assert pl.read_parquet(tmp_path / "out" / "gaps.parquet").equals(two_models.gaps)
    assert pl.read_csv(tmp_path / "out" / "summary.csv").columns == two_models.summary.columns
    with pytest.raises(ConfigError, match="no table format 'xlsx'"):
        write_tables(two_models, tmp_path / "out", ["xlsx"])


def test_the_same_tables_give_the_same_bytes(two_models: Analysis, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_tables(two_models, tmp_path / folder, FORMATS)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_what_is_printed_has_its_n_and_its_interval(two_models: Analysis) -> None:
    for name, spec in SPECS.items():
        if not spec.columns or not getattr(two_models, name).height:
            continue
        table = printed_table(two_models, name)
        assert any(heading in ("n", "n (groups)", "items") for heading in table.headings), name
        assert any(re.search(r"\d \[[-+\d.–]", cell) for row in table.rows for cell in row), name
        assert "95% intervals" in table.caption
    assert "against English" in printed_table(two_models, "gaps").caption


def test_the_leaderboard_is_models_by_languages(two_models: Analysis) -> None:
    board = leaderboard(two_models)
    assert board.columns == ["setting", "task", "label", "place", "en", "sw", "all"]
    assert board["label"].to_list() == ["n", "good", STRANGE]
    assert board.row(0)[4:] == ("20", "19–20", "39–40")
    assert board["place"].to_list() == [None, "1", "2"]
    assert board["en"][1].startswith("90.0 [")


def test_latex_is_balanced_and_its_rows_fit_its_columns(two_models: Analysis, tmp_path: Path) -> None:
    write_tables(two_models, tmp_path, ["tex"])
    for path in tmp_path.glob("*.tex"):
        text = path.read_text()
        bare = re.sub(r"\\[{}]", "", text.replace("\\\\", ""))
        assert bare.count("{") == bare.count("}"), path.name
        assert sorted(re.findall(r"\\begin\{(\w+)\}", text)) == sorted(re.findall(r"\\end\{(\w+)\}", text))
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
        columns = len(re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)[0])
        rows = [line for line in text.splitlines() if line.endswith(r" \\")]
        assert rows
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {columns}, path.name
        assert text.isascii(), path.name


def test_signs_that_mean_something_to_latex_are_written_as_signs() -> None:
    assert escaped(STRANGE) == (
        r"50\%\_of \$x \& \{y\} \#1 \textbackslash{}z \textasciitilde{}\textasciicircum{} {[}a|b{]}"
    )
    table = shown(
        pl.DataFrame({"a": ["[x]"], "d": [-0.034], "d_low": [-0.1], "d_high": [0.02]}),
        (Column("a", "a"), interval("d", "d", "points")),
        "100% sure",
    )
    text = latex(table, "t")
    assert r"{[}x{]} & $-$3.4 {[}$-$10.0, +2.0{]} \\" in text
    assert r"\caption{100\% sure}" in text
    assert r"\|" in markdown(shown(pl.DataFrame({"a": ["x|y"]}), (Column("a", "a"),), "c"))


def test_a_table_longer_than_a_page_goes_over_pages() -> None:
    rows = pl.DataFrame({"a": [f"m{number}" for number in range(60)], "n": range(60)})
    text = latex(shown(rows, (Column("a", "a"), Column("n", "n", "count")), "c"), "long")
    assert r"\begin{longtable}{lr}" in text
    assert text.count(r"\toprule") == 2
    assert r"\endfirsthead" in text
    assert text.index(r"\bottomrule") < text.index("m0 & 0")


def test_what_is_not_known_is_a_dash_and_a_lower_bound_says_so() -> None:
    columns = (interval("times", "t", "times"), Column("p", "p", "p"), Column("judge", "j"))
    table = shown(
        pl.DataFrame(
            {"t": [None, 2.0, None], "t_low": [1.5, 1.0, None], "t_high": [None, 3.0, None], "p": [0.0004, 0.2, None]},
        ).with_columns(j=pl.lit(None, pl.String)),
        columns,
        "c",
    )
    assert table.headings == ("times", "p")
    assert table.rows == (("at least 1.50", "< 0.001"), ("2.00 [1.00, 3.00]", "0.200"), ("–", "–"))

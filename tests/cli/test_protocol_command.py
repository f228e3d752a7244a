from __future__ import annotations

from typer.testing import CliRunner

from afya.cli.protocol import app
from afya.languages import core_codes

runner = CliRunner()


def test_show_prints_every_row_with_its_source_and_that_nobody_reviewed_it() -> None:
    result = runner.invoke(app, ["show"])
    assert result.exit_code == 0
    assert "fast_breathing (cough)" in result.output
    assert "emcare" in result.output
    assert "yes" not in result.output.split()


def test_check_proves_the_shipped_tables_and_packs_sound() -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    assert f"{len(core_codes())} languages, 0 faults" in result.output

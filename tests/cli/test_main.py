"""The command line as a whole, as a separate process: exit codes and sentences."""

from __future__ import annotations

import subprocess
import sys

import pytest

from afya import __version__


def afya(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "afya.cli.main", *arguments], capture_output=True, text=True, check=False
    )


def test_help_names_every_command_group() -> None:
    shown = afya("--help")
    assert shown.returncode == 0
    for group in ("data", "bench", "train", "ask", "protocol", "demo"):
        assert group in shown.stdout


def test_version() -> None:
    assert afya("--version").stdout.strip() == f"afya {__version__}"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--bogus",), 2, "No such option: --bogus. --help"),
        (("data", "import", "medqa", "nowhere", "--out", "x"), 3, "nowhere"),
        (("ask", "--lang", "xx", "hello"), 2, "Unknown language code 'xx'"),
        (("bench", "run", "--model", "hf:x", "--data", "nowhere", "--out", "x"), 6, "no such model folder"),
        (("protocol", "show", "nosuch"), 2, "nosuch"),
    ],
)
def test_an_error_is_a_sentence_with_its_exit_code_and_no_traceback(
    arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = afya(*arguments)
    assert result.returncode == code, result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback() -> None:
    result = afya("--debug", "ask", "--lang", "xx", "hello")
    assert "Traceback" in result.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import afya, afya.cli.main, sys; "
        "print(sorted({'torch', 'polars', 'numpy', 'transformers', 'pydantic', 'matplotlib'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"

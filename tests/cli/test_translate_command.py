"""`afya translate` as a person uses it, with LibreTranslate's interface served on this machine and a memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Asked, serving
from typer.testing import CliRunner

from afya.cli.translate import app
from afya.data.building import write_sample
from afya.errors import ConfigError, EngineError
from afya.folders import read_dataset
from afya.items import from_frame

LANGUAGES = [{"code": "en", "targets": ["sw", "es"]}, {"code": "sw", "targets": ["en"]}, {"code": "es", "targets": []}]


def answer(asked: Asked) -> tuple[int, bytes]:
    if asked["path"] == "/languages":
        return 200, json.dumps(LANGUAGES).encode()
    if any("xxdiexx" in text for text in asked["q"]):
        return 400, b'{"error": "no"}'
    return 200, json.dumps({"translatedText": [f"<{text}>" for text in asked["q"]]}).encode()


@pytest.fixture
def engine() -> Iterator[list[str]]:
    with serving(answer) as server:
        yield ["--engine", f"libretranslate:{server.url}", "--source", "en", "--target", "sw"]


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_text_is_printed_and_its_checks_shown(engine: list[str]) -> None:
    assert run("text", "Fever", *engine) == "<Fever>\n"
    output = run("text", "Give 5 mg to the child.", "--check", *engine)
    assert output.startswith("<Give 5 mg to the child.>\n")
    assert "quantities" in output
    with pytest.raises(EngineError, match="There is no translation: HTTP 400: no"):
        run("text", "xxdiexx", *engine)


def test_a_file_with_lines_that_failed_is_written_and_the_command_fails(engine: list[str], tmp_path: Path) -> None:
    file, out = tmp_path / "in.txt", tmp_path / "out.txt"
    file.write_text("one\nxxdiexx\nthree\n", encoding="utf-8")
    with pytest.raises(EngineError, match=r"1 of 3 lines have no translation") as caught:
        run("file", file, "--out", out, *engine)
    assert out.read_text(encoding="utf-8") == "<one>\n\n<three>\n"
    problems = tmp_path / "out.txt.problems.tsv"
    assert str(problems) in str(caught.value)
    assert "2\tno translation\tHTTP 400: no" in problems.read_text(encoding="utf-8")
    file.write_text("one\n", encoding="utf-8")
    assert "1 of 1 lines translated" in run("file", file, "--out", out, *engine)
    assert not problems.exists()


def test_a_column_of_a_table(engine: list[str], tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("id\ttext\n1\tone 5\n", encoding="utf-8")
    run("tsv", tmp_path / "in.tsv", "--out", tmp_path / "out.tsv", "--column", "text", "--check", *engine)
    header, row = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "id\ttext\tsw\tfailed_checks"
    assert row.startswith("1\tone 5\t<one 5>\t")


def test_a_dataset_folder(engine: list[str], tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", ["en"])
    output = run("data", tmp_path / "sample", "--out", tmp_path / "out", *engine[:4], "--target", "sw,es")
    assert "translate en-sw" in output
    assert "80 items in 2 language(s) written" in output


def test_a_dataset_folder_by_a_workflow(engine: list[str], tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", ["en"])

    def critic(asked: Asked) -> tuple[int, bytes]:
        message = {"role": "assistant", "content": "Looks good to me."}
        return 200, json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()

    recipe = tmp_path / "workflow.yaml"
    with serving(critic) as server:
        model = f'{{model: "openai:judge", options: {{base_url: "{server.url}/v1"}}}}'
        recipe.write_text(f"tries: 1\nverify: {{checks: false}}\ncritic: {model}\n", encoding="utf-8")
        folders = (tmp_path / "sample", "--out", tmp_path / "out")
        output = run("data", *folders, *engine, "--workflow", recipe)
    # A critique that did not come counts against the text.
    assert "40 items are doubtful" in output
    items = [item for frame in read_dataset(tmp_path / "out") for item in from_frame(frame)]
    assert all(item.extra_value("review") for item in items)
    assert {step["stage"] for step in items[0].extra_value("provenance")} == {"draft", "critique", "route"}


def test_scores_count_the_lines_that_the_command_for_files_writes(tmp_path: Path) -> None:
    (tmp_path / "ref.txt").write_text("Homa kali\u2028sana leo.\nMpe maji.\n", encoding="utf-8")
    (tmp_path / "made.txt").write_text("Homa kali sana leo.\nMpe maji.\n", encoding="utf-8")
    output = run("score", tmp_path / "ref.txt", "--hypothesis", tmp_path / "made.txt", "-t", "sw", "--samples", "100")
    assert "2 segments" in output


def test_engines_are_listed_with_their_pairs(engine: list[str]) -> None:
    assert "libretranslate:URL" in run("engines")
    output = run("engines", engine[1])
    assert "3 pair(s); licence not known" in output
    assert "batch_characters" in output


def test_memories_are_filled_and_used(engine: list[str], tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("Fever\tHoma\nCough\tKikohozi\n", encoding="utf-8")
    memory = tmp_path / "memory.db"
    output = run("memory", "import", tmp_path / "pairs.tsv", "--memory", memory, "-s", "en", "-t", "sw")
    assert "2 new, 0 replaced, 0 known already" in output
    assert run("text", "Fever", "-e", f"memory:{memory}", "-s", "en", "-t", "sw").splitlines()[0] == "Homa"
    assert run("text", "Fever", "--memory", memory, *engine).splitlines()[0] == "Homa"
    assert run("text", "Rash", "--memory", memory, *engine) == "<Rash>\n"
    assert "2 entries written" in run("memory", "export", tmp_path / "out.tsv", "--memory", memory)


def test_wrong_usage_is_told_in_sentences(engine: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"does not translate English \(en\) to Zulu \(zu\)"):
        run("text", "x", *engine[:4], "-t", "zu")
    with pytest.raises(ConfigError, match="Did you mean 'batch'"):
        run("text", "x", *engine, "--option", "bacth=3")
    with pytest.raises(ConfigError, match="Write --option KEY=VALUE"):
        run("text", "x", *engine, "--option", "batch")
    with pytest.raises(ConfigError, match="stands twice"):
        run("text", "x", *engine, "-o", "batch=1", "-o", "batch=2")


@pytest.mark.skipif(shutil.which("apertium") is None, reason="the program apertium is absent")
def test_apertium_from_the_command_line() -> None:
    output = run("text", "The child has fever.", "-e", "apertium:", "-s", "en", "-t", "es")
    assert output == "El niño tiene fiebre.\n"

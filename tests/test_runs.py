from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from afya.errors import RunError
from afya.runs import (
    Ledger,
    Rejection,
    RunFolder,
    atomic_path,
    differences,
    read_events,
    scrub,
    sha256_path,
    write_json,
)


def test_the_same_run_is_continued_and_keeps_its_manifest(tmp_path: Path) -> None:
    data = tmp_path / "in.txt"
    data.write_text("one")
    recipe = {"model": "hf:x", "limit": 3}
    with RunFolder.open(tmp_path / "run", "bench", recipe, inputs=[data], seed=1):
        first = (tmp_path / "run/manifest.json").read_bytes()
    with RunFolder.open(tmp_path / "run", "bench", recipe, inputs=[data], seed=1) as again:
        assert (tmp_path / "run/manifest.json").read_bytes() == first
        assert again.manifest["recipe"] == recipe
        assert again.manifest["versions"]["afya"]


def test_another_recipe_in_the_same_folder_is_refused_with_the_keys_named(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", "bench", {"model": "a", "limit": 3}):
        pass
    with pytest.raises(RunError, match=r"recipe\.limit: 3 -> 4; recipe\.model: \"a\" -> \"b\""):
        RunFolder.open(tmp_path / "run", "bench", {"model": "b", "limit": 4})


def test_differences_are_named_down_to_the_entry_of_a_list() -> None:
    old = {"models": [{"name": "a", "options": {"device": "cuda"}}], "langs": ["sw", "yo"]}
    new = {"models": [{"name": "a", "options": {"device": "cpu"}}, {"name": "b"}], "langs": ["sw"]}
    assert differences(old, new) == [
        'langs: ["sw","yo"] -> ["sw"]',
        'models.0.options.device: "cuda" -> "cpu"',
        'models.1: null -> {"name":"b"}',
    ]


def test_a_withdrawn_run_leaves_the_folder_to_another(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", "bench", {"device": "cuda"}) as folder:
        write_json(folder.path / "items.json", 1)
        folder.withdraw("items.json")
    with RunFolder.open(tmp_path / "run", "bench", {"device": "cpu"}) as folder:
        assert folder.manifest["recipe"] == {"device": "cpu"}


def test_changed_input_is_another_run(tmp_path: Path) -> None:
    data = tmp_path / "in.txt"
    data.write_text("one")
    with RunFolder.open(tmp_path / "run", "bench", {}, inputs=[data]):
        pass
    data.write_text("two")
    with pytest.raises(RunError, match=r"inputs\.in\.txt"):
        RunFolder.open(tmp_path / "run", "bench", {}, inputs=[data])


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="holds no run"):
        RunFolder.open(tmp_path, "bench", {})
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match="no folder can be made there"):
            RunFolder.open(place, "bench", {})


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    script = f"from afya.runs import RunFolder; RunFolder.open({str(tmp_path / 'run')!r}, 'bench', {{}})"
    with RunFolder.open(tmp_path / "run", "bench", {}):
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "in use by another running command" in other.stderr


def test_secrets_are_never_written(tmp_path: Path) -> None:
    recipe = {
        "api_key": "sk-1",
        "hub": {"HF_TOKEN": "hf_1"},
        "url": "https://me:pw@host/v1",
        "max_tokens": 5,
        "tokens": 9,
    }
    with RunFolder.open(tmp_path / "run", "bench", recipe):
        written = (tmp_path / "run/manifest.json").read_text()
    assert "sk-1" not in written
    assert "hf_1" not in written
    assert "pw" not in written
    assert json.loads(written)["recipe"]["max_tokens"] == 5
    assert scrub({"tokens": None}) == {"tokens": None}


def test_a_key_in_an_address_is_a_secret() -> None:
    told = scrub({"base_url": ["https://me:pw@host/v1?api_key=abc&lang=sw"]})
    assert told == {"base_url": ["https://***@host/v1?api_key=***&lang=sw"]}


def fail_while_writing(file: Path, error: Exception) -> None:
    with atomic_path(file) as temporary:
        temporary.write_text("half")
        raise error


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"old": 1})
    with pytest.raises(ValueError, match="stop"):
        fail_while_writing(file, ValueError("stop"))
    assert json.loads(file.read_text()) == {"old": 1}
    assert [child.name for child in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be written .* Free space"):
        fail_while_writing(tmp_path / "a", OSError(28, "No space left on device"))


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", "bench", {}):
        (tmp_path / "run/.summary.csv.4711.tmp").write_text("half")
    with RunFolder.open(tmp_path / "run", "bench", {}):
        assert not list((tmp_path / "run").glob(".*.tmp"))


def test_a_torn_last_event_is_left_out(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", "bench", {}) as run:
        run.event("started", parts=3)
        with (run.path / "events.jsonl").open("a") as handle:
            handle.write('{"time": 1, "eve')
        assert [event["event"] for event in read_events(run.path)] == ["started"]


def test_a_ledger_that_does_not_add_up_fails() -> None:
    ledger = Ledger()
    ledger.add("import", 3, 2, [Rejection("import", "x:1:en", "empty_question")])
    ledger.check()
    assert ledger.reasons("import") == {"empty_question": 1}
    assert Ledger.from_frame(ledger.frame()).frame().equals(ledger.frame())
    ledger.add("import", 1, 0)
    with pytest.raises(RunError, match="4 rows in, 2 out, 1 rejected"):
        ledger.check()


def test_a_folder_hash_sees_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = sha256_path(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert sha256_path(tmp_path) != first

"""A task is a small declaration: where its items come from, how they are asked, how they are measured."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from afya.bench.asking.open_prompts import render_open
from afya.bench.asking.prompts import render_item
from afya.bench.settings import parse_setting
from afya.bench.tasks.declare import needs, shipped, task_set
from afya.bench.tasks.selection import Selection, choose
from afya.errors import ConfigError, DataError
from afya.items import Item, from_frame
from afya.sources import import_source

QUESTIONS = [
    {
        "number": 1,
        "language": "sw",
        "ask": "Mtoto ana homa?",
        "a": "Ndiyo",
        "b": "Hapana",
        "key": "A",
        "why": "Ni moto.",
    },
    {"number": 2, "language": "sw", "ask": "Anakohoa?", "a": "Ndiyo", "b": "Hapana", "key": "B", "why": "Hakohoi."},
    {
        "number": 1,
        "language": "en",
        "ask": "Has the child a fever?",
        "a": "Yes",
        "b": "No",
        "key": "A",
        "why": "It is hot.",
    },
]
OWN = """
name: fevers
title: Fevers
kind: choice
items:
  file: {file}
  columns: {{question: ask, options: [a, b], answer: key, answer_is: =label, lang: language, id: number}}
licence: CC-BY-4.0
"""


def items_of(ref: str, workspace: Path) -> list[Item]:
    task = task_set(ref, workspace)
    chosen = choose(Selection((task.dataset,), task.langs, (), task.splits, kind=task.kind))
    return [item for frame in chosen.frames(100) for item in from_frame(frame)]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def table(folder: Path, suffix: str) -> Path:
    frame = pl.DataFrame(QUESTIONS)
    path = folder / f"questions{suffix}"
    match suffix:
        case ".csv":
            frame.write_csv(path)
        case ".jsonl":
            frame.write_ndjson(path)
        case ".parquet":
            frame.write_parquet(path)
        case _:
            path.write_text(json.dumps(QUESTIONS, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_a_table_of_ones_own_with_a_column_mapping(tmp_path: Path, suffix: str) -> None:
    table(tmp_path, suffix)
    declared = written(tmp_path / "fevers.yaml", OWN.format(file=f"questions{suffix}"))
    found = {item.item_id: item for item in items_of(str(declared), tmp_path / "made")}
    assert sorted(found) == ["records-fevers:1:en", "records-fevers:1:sw", "records-fevers:2:sw"]
    item = found["records-fevers:2:sw"]
    assert (item.options, item.answer, item.group_id) == (("Ndiyo", "Hapana"), (1,), "records-fevers:2")
    assert item.licence == "CC-BY-4.0"
    assert "Anakohoa?" in render_item(item, "letter").prompt.messages[0].content  # type: ignore[union-attr]


def test_another_table_may_be_named_in_the_reference(tmp_path: Path) -> None:
    declared = written(tmp_path / "fevers.yaml", OWN.format(file="nowhere.csv"))
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        task_set(str(declared), tmp_path / "made")
    other = table(tmp_path, ".csv")
    assert len(items_of(f"{declared}={other}", tmp_path / "made")) == 3


def test_items_are_made_again_only_when_their_inputs_change(tmp_path: Path) -> None:
    file = table(tmp_path, ".csv")
    declared = written(tmp_path / "fevers.yaml", OWN.format(file=file.name))
    first = task_set(str(declared), tmp_path / "made")
    stamp = (first.dataset / "manifest.json").stat().st_mtime_ns
    assert task_set(str(declared), tmp_path / "made") == first
    assert (first.dataset / "manifest.json").stat().st_mtime_ns == stamp
    file.write_text(file.read_text().replace("Anakohoa", "Anatapika"), encoding="utf-8")
    second = task_set(str(declared), tmp_path / "made")
    assert second.sha256 != first.sha256
    assert second.dataset != first.dataset


def test_the_same_inputs_give_the_same_bytes_elsewhere(tmp_path: Path) -> None:
    made = [task_set("vignettes=5", tmp_path / name) for name in ("one", "two")]
    files = [{file.name: file.read_bytes() for file in task.dataset.rglob("*") if file.is_file()} for task in made]
    assert made[0].sha256 == made[1].sha256
    assert files[0] == files[1]


def test_a_making_that_was_killed_is_made_again(tmp_path: Path) -> None:
    """The process is killed while it writes; what it leaves has no manifest and is no dataset."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from afya import folders\n"
        "from afya.bench.tasks.declare import task_set\n"
        "kept, written = folders.DatasetWriter._write, []\n"
        "def write(self, key, rows):\n"
        "    kept(self, key, rows)\n"
        "    written.append(key)\n"
        "    if len(written) == 3:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "folders.DatasetWriter._write = write\n"
        "task_set('vignettes=5', Path(sys.argv[1]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "made")], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "made").iterdir()
    assert not (left / "manifest.json").exists()
    again, whole = task_set("vignettes=5", tmp_path / "made"), task_set("vignettes=5", tmp_path / "whole")
    assert again.dataset == left
    read = [
        {file.name: file.read_bytes() for file in one.dataset.rglob("*") if file.is_file()} for one in (again, whole)
    ]
    assert read[0] == read[1]


def test_vignettes_with_a_fresh_seed_are_other_cases_in_the_same_languages(tmp_path: Path) -> None:
    told = (
        "name: few\ntitle: Few\nkind: choice\nitems: {vignettes: {cases: 6}}\nlangs: [en, sw, yo]\nlicence: CC0-1.0\n"
    )
    declared = written(tmp_path / "few.yaml", told)
    first, second = items_of(str(declared), tmp_path / "made"), items_of(f"{declared}=99", tmp_path / "made")
    assert len(first) == len(second) == 18
    assert {item.question for item in first}.isdisjoint(item.question for item in second)
    groups = {item.group_id for item in second}
    assert len(groups) == 6
    assert all(name.startswith("vignette:test-99-") for name in groups)
    by_lang = {lang: [item.answer for item in second if item.lang == lang] for lang in ("en", "sw", "yo")}
    assert by_lang["en"] == by_lang["sw"] == by_lang["yo"]


MAKE = '''
from afya.items import Item

TASK = {"title": "Doses", "licence": "CC0-1.0", "measures": ["chrf"]}


def doses():
    """Two open questions, one as a mapping, one as an Item."""
    yield {"id": 1, "lang": "sw", "question": "Kipimo ni kipi?", "answer_text": "Kimoja.", "extra": {"page": 3}}
    yield Item(item_id="own:2:en", group_id="own:2", lang="en", task="long_form", split="test", question="Which dose?",
               answer_text="One.", source="own", licence="CC0-1.0", origin="native")


def letters():
    for number in range(3):
        yield {"lang": "en", "question": f"Which of {number}?", "options": ["this", "that"], "answer": number % 2}


def mistaken():
    yield {"lang": "en", "question": "Which?", "optoins": ["a", "b"], "answer": 0}


def failing():
    yield {"lang": "en", "question": "Which?", "options": ["a", "b"], "answer": 0}
    raise ValueError("the table is empty")


def outside():
    yield {"lang": "en", "question": "Which?", "options": ["a", "b"], "answer": 2}
'''


def test_a_python_function_yields_items_or_mappings(tmp_path: Path) -> None:
    path = written(tmp_path / "own.py", MAKE)
    task = task_set(f"{path}:doses", tmp_path / "made")
    assert (task.name, task.kind, task.measures, task.settings) == ("doses", "written", ("chrf",), ("generate",))
    items = items_of(f"{path}:doses", tmp_path / "made")
    assert sorted(item.item_id for item in items) == ["doses:1:sw", "own:2:en"]
    assert next(item for item in items if item.lang == "sw").extra_value("page") == 3


def test_the_kind_of_a_function_is_told_by_its_items(tmp_path: Path) -> None:
    path = written(tmp_path / "own.py", MAKE.replace('"measures": ["chrf"]', '"splits": ["test"]'))
    assert task_set(f"{path}:letters", tmp_path / "made").kind == "choice"
    assert [item.answer for item in items_of(f"{path}:letters", tmp_path / "made")] == [(0,), (1,), (0,)]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("mistaken", r"mistaken, entry 1: unknown key 'optoins' \(did you mean 'options'\?\)"),
        ("failing", r"failing failed \(ValueError: the table is empty, line 25\)"),
        ("outside", r"outside, entry 1: answer_outside_options: answer 3 of 2 options"),
        ("absent", r"there is no function 'absent'"),
    ],
)
def test_mistakes_of_a_function_name_entry_and_key(tmp_path: Path, function: str, told: str) -> None:
    path = written(tmp_path / "own.py", MAKE.replace('"measures": ["chrf"]', '"kind": "choice"'))
    with pytest.raises((ConfigError, DataError), match=told):
        task_set(f"{path}:{function}", tmp_path / "made")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("kind: choice", "kind: quiz"), r"kind: Input should be 'choice', 'written', 'translation' or 'safety'"),
        (("licence: CC-BY-4.0", "license: CC-BY-4.0"), r"unknown key 'license' \(did you mean 'licence'\?\)"),
        (("items:", "settings: [letter+cott]\nitems:"), r"settings: .*'cott' is not known"),
        (("items:", "langs: [sw, xx]\nitems:"), r"langs: .*Unknown language code 'xx'"),
        (("items:", "measures: [rouge]\nitems:"), r"there is no measure 'rouge'"),
        (("  file: q.csv", "  source: kqa"), r"'columns' goes with 'file'"),
        (("  columns: {", "  # columns: {"), r"'file' needs 'columns'"),
        (("kind: choice", "kind: safety"), r"'expects' is what a safety task needs"),
        (("kind: choice", "kind: written\nsettings: [letter]"), r"a written task is asked as generate"),
        (("name: fevers", "name: My Fevers"), r"name: String should match pattern"),
    ],
)
def test_a_wrong_declaration_names_file_key_and_what_is_expected(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    declared = written(tmp_path / "fevers.yaml", OWN.format(file="q.csv").replace(*change))
    with pytest.raises(ConfigError, match=rf"fevers\.yaml: .*{told}"):
        task_set(str(declared), tmp_path / "made")


def test_an_unknown_task_names_those_that_are_near() -> None:
    with pytest.raises(ConfigError, match=r"no task 'tico19'.*tico19-into"):
        task_set("tico19", Path("unused"))


def test_a_shipped_task_says_which_files_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'kqa' needs the published files of kqa.*kqa=FOLDER"):
        task_set("kqa", tmp_path)


def test_every_shipped_declaration_is_sound() -> None:
    found = {entry.name: entry for entry in shipped()}
    assert {"vignettes", "tico19-into", "tico19-from", "medsafety", "xstest", "kqa", "healthbench"} <= set(found)
    assert [name for name in found if needs(found[name]) is None] == ["vignettes"]
    assert all(entry.path.stem == entry.name for entry in found.values())


ALIGNED = [
    {"id": "s1", "lang": "en", "text": "Drink clean water."},
    {"id": "s1", "lang": "sw", "text": "Kunywa maji safi."},
    {"id": "s2", "lang": "en", "text": "Wash your hands."},
    {"id": "s2", "lang": "sw", "text": "Nawa mikono yako."},
    {"id": "s3", "lang": "sw", "text": "Lala."},
]


@pytest.mark.parametrize("direction", ["into", "from"])
def test_aligned_sentences_become_translations_in_either_direction(tmp_path: Path, direction: str) -> None:
    pl.DataFrame(ALIGNED).write_csv(tmp_path / "pairs.csv")
    declared = written(
        tmp_path / "pairs.yaml",
        "name: pairs\ntitle: Pairs\nkind: translation\nlicence: CC0-1.0\n"
        "items: {file: pairs.csv, columns: {question: text, lang: lang, id: id, task: =parallel}}\n"
        f"translation: {{direction: {direction}, pivot: en}}\n",
    )
    task = task_set(str(declared), tmp_path / "made")
    items = items_of(str(declared), tmp_path / "made")
    assert [item.item_id for item in items] == [f"records-pairs-{direction}-en:{name}:sw" for name in ("s1", "s2")]
    assert task.rejected == 1
    prompt, reference, expected, prompt_lang = render_open(items[0], task, parse_setting("generate"))
    shown, held = ("Drink clean water.", "Kunywa maji safi.")[:: 1 if direction == "into" else -1]
    assert prompt.messages[-1].content.endswith(shown)
    assert ("Kiswahili" if direction == "into" else "English") in prompt.messages[-1].content
    assert (reference, expected, prompt_lang) == (held, None, "sw" if direction == "into" else "en")


def test_a_dataset_folder_stands_in_for_published_files(tmp_path: Path, shared: Path) -> None:
    published = shared / "data" / "kqa"
    import_source("kqa", published, tmp_path / "imported")
    task = task_set(f"kqa={tmp_path / 'imported'}", tmp_path / "made")
    assert task.dataset == tmp_path / "imported"
    items = items_of(f"kqa={published}", tmp_path / "made")
    assert len(items) == 201
    assert all(item.extra_value("must_have") for item in items[:5])


def test_xstest_expects_answers_to_safe_prompts_alone(tmp_path: Path, shared: Path) -> None:
    ref = f"xstest={shared / 'data' / 'xstest'}"
    task = task_set(ref, tmp_path)
    rows = [render_open(item, task, parse_setting("generate")) for item in items_of(ref, tmp_path)]
    assert [sum(row[2] == expected for row in rows) for expected in ("comply", "refuse")] == [250, 200]
    assert all(row[0].answer_prefix == "" and len(row[0].messages) == 1 for row in rows)


def test_healthbench_shows_the_whole_conversation(tmp_path: Path, shared: Path) -> None:
    ref = f"healthbench={shared / 'data' / 'healthbench_examples'}"
    task = task_set(ref, tmp_path)
    items = items_of(ref, tmp_path)
    longest = max(items, key=lambda item: len(item.turns or ()))
    prompt, _, _, prompt_lang = render_open(longest, task, parse_setting("generate"))
    assert [message.content for message in prompt.messages] == [turn.text for turn in longest.turns or ()]
    assert prompt.messages[-1].role == "user"
    assert prompt_lang == longest.lang
    assert all(item.extra_value("rubrics") for item in items)


def test_the_examples_of_the_guide_work(tmp_path: Path) -> None:
    """docs/adding-a-task.md shows three files; they are written down and used as they stand there."""
    guide = (Path(__file__).parents[2] / "docs" / "adding-a-task.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    assert [name for name, _ in blocks] == ["questions.csv", "fevers.yaml", "own.py"]
    for name, text in blocks:
        written(tmp_path / name, text)
    fevers = items_of(str(tmp_path / "fevers.yaml"), tmp_path / "made")
    assert sorted((item.group_id, item.lang, item.answer) for item in fevers) == [
        ("records-fevers:1", "en", (0,)),
        ("records-fevers:1", "sw", (0,)),
        ("records-fevers:2", "en", (1,)),
        ("records-fevers:2", "sw", (1,)),
    ]
    doses = task_set(f"{tmp_path / 'own.py'}:doses", tmp_path / "made")
    assert (doses.kind, doses.measures) == ("written", ("chrf",))
    assert doses.scorer == f"{tmp_path / 'own.py'}:says_it"
    assert len(items_of(f"{tmp_path / 'own.py'}:doses", tmp_path / "made")) == 2

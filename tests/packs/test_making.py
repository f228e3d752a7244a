"""A new pack is begun, filled, and freed of its comments; nothing a translator wrote is ever changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from afya.errors import ConfigError
from afya.packs import builtin_folder, inspect, load_pack
from afya.packs.filling import fill_pack, tidied, tidy_pack, with_missing
from afya.packs.making import emptied, new_pack

ENGLISH = """# Notes for translators.

# Names.
classification:
  # A note.
  cough: Cough or cold
  "yes": "Yes: it is"
list:
  a:
    - one
    - two, with a very long text that must be wrapped since it is longer than the width of a line of a file
  b: [x, y]
"""


def test_an_emptied_file_has_every_key_and_each_text_as_a_comment() -> None:
    text = emptied(ENGLISH, "en")
    assert yaml.safe_load(text) == {"classification": {"cough": "", "yes": ""}, "list": {"a": [], "b": []}}
    assert "# Notes for translators.\n\n# Names.\n" in text
    assert '  # A note.\n  # en: Cough or cold\n  cough: ""\n  # en: Yes: it is\n  "yes": ""\n' in text
    assert "  # en: x | y\n  b: []\n" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_new_pack_lacks_every_text_and_says_so(tmp_path: Path) -> None:
    made = new_pack("rw", tmp_path)
    pack, english = load_pack("rw", tmp_path), load_pack("en")
    pack.read_all()
    assert dict(pack.messages) == {}
    assert dict(pack.danger) == {}
    found = {(finding.code, finding.file, finding.key) for finding in inspect(pack)}
    for key in english.messages:
        assert ("missing_text", "messages.yaml", key) in found
    for rule in english.danger:
        assert ("missing_phrases", "danger.yaml", f"rules.{rule}") in found
    for name, texts in english.protocol_texts.items():
        assert ("missing_text", f"protocols/{name}.yaml", next(iter(texts))) in found
    assert ("missing_term", "glossary.yaml", english.glossary[0].en[0]) in found
    assert ("no_language_file", "text/lang.yaml", "-") in found
    assert "TODO" not in "".join((made.folder / name).read_text("utf-8") for name in made.files)
    # What is no language's own is kept: amounts, sources, expectations.
    assert pack.units["teaspoon"].ml == english.units["teaspoon"].ml
    assert "Cough or cold" in (made.folder / "messages.yaml").read_text("utf-8")


def test_nothing_english_stands_in_a_new_pack_as_if_it_were_the_language(tmp_path: Path) -> None:
    new_pack("rw", tmp_path)
    for path in (tmp_path / "rw").rglob("*.yaml"):
        if path.name in ("messages.yaml", "danger.yaml", "topics.yaml") or path.parent.name == "protocols":
            content = yaml.safe_load(path.read_text("utf-8"))
            leaves = [value for group in content.values() for value in group.values()]
            assert all(value in ("", []) for value in leaves), path


def test_a_folder_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    new_pack("rw", tmp_path)
    with pytest.raises(ConfigError, match="is there already"):
        new_pack("rw", tmp_path)


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Unknown language code 'xx'"):
        new_pack("xx", tmp_path)


def test_a_new_regional_pack_reads_as_its_base(tmp_path: Path) -> None:
    made = new_pack("fr-CI", tmp_path)
    assert set(made.files) == {"pack.yaml", "referral.yaml"}
    assert load_pack("fr-CI", tmp_path).messages == load_pack("fr").messages


def test_missing_keys_are_put_at_the_end_of_their_group() -> None:
    own = "classification:\n  cough: Kikohozi  # note\n\n# Other.\nlist:\n  a:\n    - moja\n"
    text, count = with_missing(own, ENGLISH, "en", "f")
    assert count == 2
    assert 'cough: Kikohozi  # note\n  # en: Yes: it is\n  "yes": ""\n\n# Other.\n' in text
    assert text.endswith("    - moja\n  # en: x | y\n  b: []\n")
    assert yaml.safe_load(text)["classification"]["cough"] == "Kikohozi"
    assert with_missing(text, ENGLISH, "en", "f") == (text, 0)


def test_a_missing_group_comes_with_its_notes() -> None:
    text, count = with_missing("list: {a: [moja], b: [mbili]}", ENGLISH, "en", "f")
    assert count == 2
    assert text.startswith("list: {a: [moja], b: [mbili]}\n\n# Names.\nclassification:\n")


def test_comments_go_when_a_text_is_there() -> None:
    text = emptied(ENGLISH, "en").replace('cough: ""', "cough: Kikohozi").replace("a: []", "a: [moja]")
    shorter = tidied(text, "en")
    assert "Cough or cold" not in shorter
    assert "very long text" not in shorter
    assert "  # A note.\n  cough: Kikohozi\n" in shorter
    assert '  # en: Yes: it is\n  "yes": ""\n' in shorter
    assert yaml.safe_load(shorter) == yaml.safe_load(text)


def test_filling_an_existing_pack_adds_what_is_missing_and_keeps_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "sw"
    shutil.copytree(builtin_folder() / "sw", folder)
    messages = yaml.safe_load((folder / "messages.yaml").read_text("utf-8"))
    messages["action"].pop("give_zinc")
    (folder / "messages.yaml").write_text(yaml.safe_dump(messages, allow_unicode=True), encoding="utf-8")
    for name in ("glossary.yaml", "units.yaml"):
        (folder / name).unlink(missing_ok=True)
    done = {filled.file: filled for filled in fill_pack("sw", tmp_path)}
    assert done["glossary.yaml"].new
    after = yaml.safe_load((folder / "messages.yaml").read_text("utf-8"))
    assert after["action"]["give_zinc"] == ""
    for group, texts in messages.items():
        for key, text in texts.items():
            assert after[group][key] == text
    assert set(after["action"]) >= {key.partition(".")[2] for key in load_pack("en").messages if "action." in key}
    assert "units.yaml" in done
    tidy_pack("sw", tmp_path)
    assert yaml.safe_load((folder / "messages.yaml").read_text("utf-8")) == after

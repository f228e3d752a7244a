"""The files of a pack beside its texts: what they hold, and how each mistake in them is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from afya.errors import ConfigError
from afya.packs import Pack, builtin_folder, inspect, load_pack, regional
from afya.packs.coverage import coverage

E = "en"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A writable copy of the English pack; its parent is a root for load_pack."""
    shutil.copytree(builtin_folder() / E, tmp_path / "packs" / E)
    return tmp_path / "packs" / E


def write(folder: Path, file: str, text: str) -> Pack:
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_pack(folder.name, folder.parent)


def codes(pack: Pack, file: str) -> set[tuple[str, str, str]]:
    return {(found.level, found.code, found.key) for found in inspect(pack) if found.file == file}


def test_the_english_pack_is_whole() -> None:
    pack = load_pack(E)
    assert [str(found) for found in inspect(pack)] == []
    row = coverage(pack)
    assert all(share.whole for share in row.columns.values()), row


def test_every_fact_of_the_english_pack_says_where_it_is_from_and_that_nobody_reviewed_it() -> None:
    pack = load_pack(E)
    culture = pack.culture
    for fact in (*pack.units.values(), *culture.illnesses, *culture.foods, *pack.referral.emergency):
        assert fact.source
        assert fact.reviewed is False
    for passage in pack.passages:
        assert passage.header.source
        assert passage.header.page
        assert passage.header.reviewed is False
        assert 5 <= len(passage.sections) <= 10


def test_spellings_are_given_longest_first_so_that_a_phrase_is_read_before_its_words(copy: Path) -> None:
    text = "misspellings: {cough: [coff]}\ncode_mixed: {fever: [body dey hot]}\n"
    assert write(copy, "spellings.yaml", text).spellings.pairs() == (("body dey hot", "fever"), ("coff", "cough"))


@pytest.mark.parametrize(
    ("text", "level", "code"),
    [
        ("misspellings: {drank: [stiff neck]}", "error", "hides_danger"),
        ("misspellings: {coughing: [malaria]}", "error", "right_word"),
        ("misspellings: {fever: [FEVÉR]}", "warning", "same_spelling"),
    ],
)
def test_a_spelling_that_would_change_the_meaning_is_found(copy: Path, text: str, level: str, code: str) -> None:
    found = codes(write(copy, "spellings.yaml", text), "spellings.yaml")
    assert {(found_level, found_code) for found_level, found_code, _ in found} == {(level, code)}


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("spellings.yaml", "misspelling: {}", r"unknown key 'misspelling' \(did you mean 'misspellings'"),
        ("spellings.yaml", "misspellings: {cough: coff}", "misspellings.cough"),
        ("glossary.yaml", "terms:\n  - {here: [x]}", "terms.0.en is missing"),
        ("units.yaml", "spoon: {ml: 0, source: x, reviewed: false}", "spoon.ml"),
        ("units.yaml", "spoon: {ml: 5, reviewed: false}", "spoon.source is missing"),
        (
            "referral.yaml",
            "emergency: [{number: '112', purpose: emergency, source: x, reviewed: false}]",
            "emergency.0.country is missing",
        ),
        (
            "referral.yaml",
            "emergency: [{number: '112', purpose: emergency, country: NG, reviewed: false}]",
            "emergency.0.source is missing",
        ),
        ("culture.yaml", "illnesses: [{here: x, means: y, care: z, reviewed: false}]", "illnesses.0.source"),
        ("tests.jsonl", '{"id": "a", "route": "b"}', "line 1: text is missing"),
        ("tests.jsonl", '{"id": "a", ', "line 1: not JSON"),
        ("kb/ors.md", "## Heading\nText.", "front matter is missing"),
        (
            "kb/ors.md",
            "---\ntitle: a\ntopic: ors\npage: p\naudience: family\nreviewed: false\n---\n## A\nb\n",
            "source",
        ),
        ("protocols/pregnancy.yaml", "action: {rest: [a]}", "'action.rest' must be one text"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(copy: Path, file: str, text: str, words: str) -> None:
    pack = write(copy, file, text)
    with pytest.raises(ConfigError, match=words) as caught:
        pack.read_all()
    assert file in str(caught.value)
    # The linter says the same and goes on with the other files.
    assert any(found.code == "unreadable" and file.partition("/")[0] in found.file for found in inspect(pack))


def test_a_file_that_is_not_there_is_no_error_for_the_loader_and_one_for_the_linter(copy: Path) -> None:
    (copy / "culture.yaml").unlink()
    pack = load_pack(E, copy.parent)
    pack.read_all()
    assert pack.culture.illnesses == ()
    assert ("error", "missing_file", "-") in codes_against_builtin(pack, "culture.yaml")


def codes_against_builtin(pack: Pack, file: str) -> set[tuple[str, str, str]]:
    found = inspect(pack, reference=load_pack(E))
    return {(entry.level, entry.code, entry.key) for entry in found if entry.file == file}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("units.yaml", "pinch: {words: [pinch], source: s, reviewed: false}", ("error", "no_volume", "pinch")),
        (
            "units.yaml",
            "teaspoon: {ml: 6, words: [tsp], source: s, reviewed: false}",
            ("warning", "other_volume", "teaspoon"),
        ),
        (
            "referral.yaml",
            "emergency: [{number: '112', purpose: emergency, country: NG, source: s, reviewed: false}]",
            ("error", "no_country", "emergency.112"),
        ),
        ("glossary.yaml", "terms: [{en: [not a term]}]", ("warning", "extra_term", "not a term")),
        ("glossary.yaml", "terms: [{en: [fever]}]", ("warning", "missing_term", "cough")),
        (
            "tests.jsonl",
            '{"id": "a", "text": "b", "route": "unknown", "danger": ["x"]}',
            ("error", "unknown_rule", "a"),
        ),
    ],
)
def test_a_row_that_says_too_little_is_found(copy: Path, file: str, text: str, expected: tuple[str, str, str]) -> None:
    assert expected in codes_against_builtin(write(copy, file, text), file)


def make(copy: Path, code: str, header: str = "") -> Path:
    """The English copy as the pack of another language."""
    folder = copy.rename(copy.parent / code)
    path = folder / "pack.yaml"
    path.write_text(path.read_text("utf-8").replace("code: en", f"code: {code}") + header, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("code", "old", "new", "found"),
    [
        ("sw", "again in {days} days.", "tena baada ya siku 3 {days}.", "digits_added"),
        ("sw", "How many breaths do you count in 1 full minute", "Hesabu pumzi kwa dakika nzima", "digits_lost"),
        ("sw", "  pneumonia: Pneumonia", "  pneumonia: Пневмония", "wrong_script"),
        ("ja", "Give no antibiotic.", "Give no antibiotic at all please.", "wrong_script"),
        ("sw", "  no_antibiotic: Give no antibiotic.", f"  no_antibiotic: {'usitoe dawa yoyote ' * 6}", "too_long"),
    ],
)
def test_a_text_that_says_something_else_is_found(copy: Path, code: str, old: str, new: str, found: str) -> None:
    folder = make(copy, code)
    text = (folder / "messages.yaml").read_text("utf-8")
    assert old in text
    pack = write(folder, "messages.yaml", text.replace(old, new, 1))
    before = {(entry.code, entry.key) for entry in inspect(load_pack(E))}
    after = {(entry.code, entry.key) for entry in inspect(pack) if entry.file == "messages.yaml"}
    assert found in {kind for kind, _ in after - before}


def test_a_number_that_is_written_as_a_word_is_not_lost(copy: Path) -> None:
    folder = make(copy, "sw")
    text = (folder / "messages.yaml").read_text("utf-8")
    pack = write(folder, "messages.yaml", text.replace("in 1 full minute", "kwa dakika moja nzima", 1))
    assert not [entry for entry in inspect(pack) if entry.code.startswith("digits")]


def test_a_yoruba_text_without_any_tone_mark_is_found() -> None:
    pack = load_pack("yo")
    assert pack.tone_marks
    assert not [entry for entry in inspect(pack) if entry.code == "no_tone_marks" and entry.file == "messages.yaml"]
    from afya.packs.lint_texts import inspect_text

    found = inspect_text(pack, "messages.yaml", "x", "E gbe omo naa lo si ile iwosan", "Take the child to hospital")
    assert [entry.code for entry in found] == ["no_tone_marks"]


def test_a_protocol_is_offered_when_all_its_texts_are_there(copy: Path) -> None:
    root = make(copy, "sw").parent
    assert set(load_pack("sw", root).protocols) == set(load_pack(E).protocols)
    # A pack is read once a process, so the changed one stands elsewhere.
    root = root.rename(root.with_name("changed"))
    path = root / "sw" / "protocols" / "pregnancy.yaml"
    lines = path.read_text("utf-8").splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith("  ") and not line.strip().startswith("#"))
    key = lines[number].strip().partition(":")[0]
    lines[number] = f'  {key}: ""'
    path.write_text("\n".join(lines), encoding="utf-8")
    pack = load_pack("sw", root)
    assert "pregnancy" not in pack.protocols
    view = pack.for_protocol("pregnancy")
    assert view.messages["action.give_zinc"] == pack.messages["action.give_zinc"]
    assert any(key in finding.key for finding in inspect(pack) if finding.code == "missing_text")


def test_a_protocols_texts_stand_before_the_messages(copy: Path) -> None:
    pack = write(copy, "protocols/first_aid.yaml", "question: {fever: Is the person hot?}\n")
    assert pack.for_protocol("first_aid").text("question.fever") == "Is the person hot?"
    assert pack.text("question.fever").startswith("Does the child")
    with pytest.raises(ConfigError, match="no such file"):
        pack.for_protocol("dancing")


def test_a_regional_pack_is_laid_over_its_base_key_by_key(tmp_path: Path) -> None:
    folder = tmp_path / "en-GH"
    folder.mkdir()
    (folder / "pack.yaml").write_text(
        "code: en-GH\nname: English (Ghana)\nendonym: English\nregion: GH\nbase: en\n"
        "origin: human\nreviewed: false\nreviewers: []\n"
    )
    (folder / "messages.yaml").write_text("colour: {red: 'DANGER: go to the CHPS compound now.'}\n")
    (folder / "referral.yaml").write_text("levels: [{id: clinic, name: CHPS compound}]\n")
    pack, base = load_pack("en-GH", tmp_path), load_pack(E)
    assert pack.text("colour.red") == "DANGER: go to the CHPS compound now."
    assert pack.text("colour.green") == base.text("colour.green")
    assert {level.id: level.name for level in pack.referral.levels} == {
        "community": "community health worker",
        "clinic": "CHPS compound",
        "hospital": "hospital",
    }
    assert pack.glossary == base.glossary
    assert pack.code == E


def test_a_base_can_only_be_the_packs_own_language(tmp_path: Path) -> None:
    folder = tmp_path / "en-GH"
    folder.mkdir()
    (folder / "pack.yaml").write_text(
        "code: en-GH\nname: x\nendonym: x\nregion: GH\nbase: fr\norigin: human\nreviewed: false\nreviewers: []\n"
    )
    with pytest.raises(ConfigError, match="can only be 'en'"):
        load_pack("en-GH", tmp_path)


@pytest.mark.parametrize("code", regional())
def test_every_emergency_number_that_comes_with_afya_is_of_its_packs_country(code: str) -> None:
    pack = load_pack(code)
    assert pack.referral.emergency
    for entry in pack.referral.emergency:
        assert entry.country == pack.region
        assert entry.source
        assert entry.reviewed is False
    assert not [found for found in inspect(pack) if found.file == "referral.yaml"]


def test_coverage_counts_what_can_be_read_and_names_what_cannot(copy: Path) -> None:
    pack = write(copy, "glossary.yaml", "terms: [{here: [x]}]")
    row = coverage(pack, reference=load_pack(E))
    assert row.columns["glossary"].fault is not None
    assert not row.columns["glossary"].whole
    assert row.columns["messages"].whole
    assert json.dumps(row.as_dict())

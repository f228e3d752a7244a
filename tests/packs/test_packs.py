"""Packs: what a good one holds, and how a broken one is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from afya.errors import ConfigError
from afya.packs import Pack, available, builtin_folder, inspect, lint, load_pack
from afya.protocols import available as protocols
from afya.protocols import check_pack, load_protocol, needed_messages
from afya.protocols.texts import check_texts
from afya.protocols.vignettes import needed_sentences
from afya.text.normalise import normalise
from afya.text.words import Phrases


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A writable copy of the English pack; its parent is a root for load_pack."""
    shutil.copytree(builtin_folder() / "en", tmp_path / "packs" / "en")
    return tmp_path / "packs" / "en"


def change(folder: Path, file: str, old: str, new: str) -> Pack:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load_pack(folder.name, folder.parent)


@pytest.mark.parametrize("lang", available())
def test_no_text_of_a_pack_that_comes_with_afya_is_broken(lang: str) -> None:
    pack = load_pack(lang)
    broken = [str(found) for found in inspect(pack) if found.level == "error" and "missing" not in found.code]
    assert broken == []
    assert needed_messages(load_protocol()) <= set(pack.messages)
    assert needed_sentences() <= set(pack.sentences)


@pytest.mark.parametrize("lang", available())
def test_a_pack_that_comes_with_afya_has_every_text_phrase_and_file(lang: str) -> None:
    pack = load_pack(lang)
    assert [str(found) for found in inspect(pack) if found.level == "error"] == []
    assert set(pack.protocols) == set(protocols())
    for name in protocols():
        assert [str(found) for found in check_texts(load_protocol(name), pack)] == []


@pytest.mark.parametrize("lang", available())
def test_no_pack_claims_a_review_that_did_not_happen(lang: str) -> None:
    pack = load_pack(lang)
    assert pack.reviewed is bool(pack.reviewers)


def test_a_text_is_filled_and_never_replaced_by_english() -> None:
    pack = load_pack("en")
    assert pack.text("action.follow_up", days=3) == "See the child again in 3 days."
    assert pack.sentence("lead.cough", 0, age=7) == "A child of 7 months has a cough."
    assert pack.sentence("lead.cough", 2, age=7) == pack.sentence("lead.cough", 0, age=7)
    with pytest.raises(ConfigError, match=r"'action\.dance' is missing"):
        pack.text("action.dance")
    with pytest.raises(ConfigError, match="'days'"):
        pack.text("action.follow_up")


def test_lint_finds_a_missing_text(copy: Path) -> None:
    pack = change(copy, "messages.yaml", "  pneumonia: Pneumonia\n", "")
    assert [(f.code, f.key) for f in lint(pack) if f.level == "error"] == [("missing_text", "classification.pneumonia")]


def test_lint_finds_a_text_that_only_the_protocol_needs(copy: Path) -> None:
    found = lint(load_pack("en", copy.parent), {"action.new_one"})
    assert [(f.code, f.key) for f in found] == [("missing_text", "action.new_one")]


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "key"),
    [
        ("messages.yaml", "again in {days} days.", "again soon.", "placeholder", "action.follow_up"),
        ("messages.yaml", "again in {days} days.", "again in {day} days.", "placeholder", "action.follow_up"),
        ("messages.yaml", "again in {days} days.", "again in {days days.", "bad_braces", "action.follow_up"),
        ("vignettes.yaml", "A child of {age} months has a fever.", "A child has a fever.", "placeholder", "lead.fever"),
        (
            "vignettes.yaml",
            "Malaria: give artemether-lumefantrine.",
            "Fever: do a malaria test first.",
            "same_text",
            "option.fever_malaria_unknown",
        ),
        ("danger.yaml", "    - stiff neck\n", "    - '...'\n", "bad_phrase", "rules.stiff_neck"),
    ],
)
def test_lint_finds_what_is_broken(copy: Path, file: str, old: str, new: str, code: str, key: str) -> None:
    pack = change(copy, file, old, new)
    assert (code, key) in {(finding.code, finding.key) for finding in lint(pack)}


def test_a_danger_sign_without_phrases_is_an_error(copy: Path) -> None:
    path = copy / "danger.yaml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("  convulsions:"), text.index("  lethargic_or_unconscious:")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    found = check_pack(load_protocol(), load_pack("en", copy.parent))
    assert "rules.convulsions" in {finding.key for finding in found if finding.level == "error"}


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("pack.yaml", "origin: human", "origin: angel", "origin"),
        ("pack.yaml", "reviewed: false", "reviewed: true", "no reviewer is named"),
        ("pack.yaml", "code: en", "code: sw", "the folder is 'en'"),
        ("messages.yaml", "  pneumonia: Pneumonia", "  pneumonia: [Pneumonia]", "classification.pneumonia"),
        ("messages.yaml", "  malaria: Malaria", "  pneumonia: Malaria", "appears twice"),
        ("vignettes.yaml", "  breathing:\n    - Is the breathing fast?", "  breathing:\n    - 3", "ask.breathing"),
        ("topics.yaml", "units:", "unit:", "unknown key 'unit'"),
        ("danger.yaml", "rules:", "rulez:", "'rules'"),
    ],
)
def test_a_broken_pack_names_file_and_key(copy: Path, file: str, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        change(copy, file, old, new)
    assert file in str(caught.value)


def test_a_pack_without_one_of_its_files_is_refused(copy: Path) -> None:
    (copy / "danger.yaml").unlink()
    with pytest.raises(ConfigError, match=r"has no danger\.yaml"):
        load_pack("en", copy.parent)


def test_an_unknown_pack_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="There is no pack for 'ru'"):
        load_pack("ru")


def test_english_danger_phrases_find_what_mothers_say() -> None:
    danger = {
        rule: Phrases("en", [(rule, phrase) for phrase in phrases]) for rule, phrases in load_pack("en").danger.items()
    }
    for text, rule in [
        ("He can’t really drink anything since morning", "unable_to_drink"),
        ("the baby REFUSES the breast", "unable_to_drink"),
        ("she vomits everything she takes", "vomits_everything"),
        ("had two convulsions last night", "convulsions"),
        ("his eyes rolled back", "convulsions"),
        ("I cannot wake my daughter", "lethargic_or_unconscious"),
        ("The chest pulls in when he breathes", "chest_indrawing"),
        ("the neck is stiff", "stiff_neck"),
        ("both his feet are swollen", "oedema_both_feet"),
        ("his lips are blue", "not_breathing"),
        ("my son drank kerosene", "poisoning"),
    ]:
        assert danger[rule].find(normalise(text)), (text, rule)
    for text in ("He drinks well and plays.", "Cough for 3 days, no fever", "How much zinc for 8 months?"):
        assert not any(phrases.find(text) for phrases in danger.values()), text

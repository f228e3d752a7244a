"""`afya protocol`, and that every row and band can be said with its own values in every pack that tells it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.cli.main import app
from afya.packs import available as packs
from afya.packs import load_pack
from afya.protocols import available, load_protocol
from afya.protocols.doses import Dose
from afya.protocols.load import builtin_folder
from afya.protocols.model import Protocol
from afya.protocols.texts import check_texts, needed_messages, offered_sections


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["protocol", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_the_list_names_every_protocol_and_how_many_rows_are_reviewed() -> None:
    code, output = run("list")
    assert code == 0
    for name in available():
        assert name in output


def test_a_protocol_is_shown_by_its_short_name_with_sources() -> None:
    code, output = run("show", "infant")
    assert code == 0
    assert "possible_serious_infection" in output
    assert "emcare" in output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("amoxicillin", "--age-months", "14", "--weight-kg", "9"), 0, "tablets: 1; 2 times a day; for 5 days"),
        (("amoxicillin", "--age-months", "14"), 0, "tablets: 2;"),
        (("amoxicillin", "--age-months", "14", "--allergy", "penicillin"), 1, "never:"),
        (("amoxicillin", "--age-days", "30"), 1, "never:"),
        (("amoxicillin", "--weight-kg", "6"), 1, "not known:"),
        (("ORS", "--age-months", "6"), 0, "ml: 450 to 800"),
        (("iron and folic acid", "--age-months", "300", "--pregnant"), 0, "until: birth"),
        (("iron and folic acid", "--age-months", "300"), 1, "no row fits"),
        (("SP", "--age-months", "300", "--pregnant", "--trimester", "1"), 1, "first 3 months"),
        (("paracetamol", "--age-months", "14", "--weight-kg", "6"), 1, "over 360 mg a day"),
        (("gentamicin", "--age-months", "14"), 1, "health facility gives it"),
        (("ibuprofen", "--age-months", "14"), 1, "has no 'ibuprofen'"),
    ],
)
def test_a_dose_is_looked_up_or_refused_with_a_reason(arguments: tuple[str, ...], code: int, words: str) -> None:
    found, output = run("dose", *arguments)
    assert bool(found) is bool(code)
    assert words in output


def test_the_check_tells_how_many_cases_it_tried_and_which_languages_lack_what() -> None:
    code, output = run("check")
    assert code == 0, output
    for name in available():
        assert f"{name}: " in output
    assert "combinations tried in" in output
    assert "formulary: " in output


def every_text(protocol: Protocol, lang: str) -> list[str]:
    """Every row's actions and every band's dose card of the sections the language offers, filled in."""
    pack = load_pack(lang).for_protocol(protocol.name)
    part = protocol.part(offered_sections(protocol, pack))
    said = []
    for table in part.tables.values():
        for row in table.rows:
            said += [pack.text(f"action.{a.name}", **{k: f"{v:g}" for k, v in a.values.items()}) for a in row.actions]
    for medicine in part.medicines.values():
        for band in medicine.bands:
            values = {**Dose(medicine, band, "age").values(), "medicine": pack.text(f"medicine.{medicine.name}")}
            said.append(pack.text(f"dose.{medicine.card}", **values))
    return said


@pytest.mark.parametrize("name", available())
def test_every_row_and_band_is_said_with_its_values_in_every_pack_that_tells_the_protocol(name: str) -> None:
    protocol = load_protocol(name)
    told = [lang for lang in packs() if name in load_pack(lang).protocols]
    assert "en" in told
    for lang in told:
        for text in every_text(protocol, lang):
            assert "None" not in text
            assert "{" not in text


def test_a_section_is_offered_only_where_all_its_texts_are_there(tmp_path: Path) -> None:
    from afya.packs import builtin_folder as packs_folder

    shutil.copytree(packs_folder() / "en", tmp_path / "en")
    path = tmp_path / "en" / "messages.yaml"
    text = path.read_text(encoding="utf-8")
    line = "  ear_pain: Does the ear hurt?\n"
    assert line in text
    path.write_text(text.replace(line, ""), encoding="utf-8")
    protocol, pack = load_protocol(), load_pack("en", tmp_path)
    assert "ear" not in offered_sections(protocol, pack)
    assert "immunisation" in offered_sections(protocol, pack)
    assert needed_messages(protocol) <= set(pack.messages)
    assert [(finding.level, finding.key) for finding in check_texts(protocol, pack)] == [
        ("error", "question.ear_pain")  # English tells everything
    ]


def test_the_tables_folder_holds_nothing_but_protocols_formulary_and_sources() -> None:
    names = {path.stem for path in builtin_folder().glob("*.yaml")}
    assert names == {*available(), "formulary", "sources"}

"""A mistake in a protocol file is an error that names its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from afya.errors import ConfigError
from afya.protocols import available, check, find_protocol, load_formulary, load_protocol
from afya.protocols.check import check_bands, prove
from afya.protocols.load import CHILD, builtin_folder

Edit = Callable[..., Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A copy of the protocol files with one text replaced."""

    def edit(old: str, new: str, file: str = f"{CHILD}.yaml") -> Path:
        folder = tmp_path / "tables"
        shutil.copytree(builtin_folder(), folder)
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return edit


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("stridor: true}", "stridur: true}", r"cough_breathing, row 1, when: unknown .*'stridur'.*'stridor'"),
        ("below: 12}, breaths_per_minute: {from: 50}", "below: 12}, breaths_per_minute: {form: 50}", "from and below"),
        ("malaria_rdt: positive}", "malaria_rdt: yes}", "'malaria_rdt' is never True"),
        ("colour: red", "colour: purple", "tables.0.rows.0.colour"),
        ("page: sheet l.EmCare.CombinedDataElements, row 18", "page: ''", "tables.0.rows.0.page"),
        ("source: emcare", "source: emcar", "unknown source 'emcar'"),
        ("doses: [amoxicillin]", "doses: [amoxicilin]", "unknown medicine 'amoxicilin'"),
        ("count: 2", "count: 9", "at_least 9 of 4"),
        ("range: [2, 60]", "range: [60, 2]", "range"),
        ("        reviewed: false", "        reviewed: maybe", "tables.0.rows.0.reviewed"),
        ("kind: derive", "kind: derived", "tables.1.kind"),
        ("implies: {normal: {", "implies: {fine: {", "implies names a value"),
        ("{unable_to_drink: false}}", "{unable_to_drnk: false}}", "unknown input 'unable_to_drnk'"),
        ("{unable_to_drink: false}}", "{muac_mm: false}}", "'muac_mm', which is no yes-or-no question"),
    ],
)
def test_a_mistake_names_file_row_and_key(edited: Edit, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_protocol(CHILD, edited(old, new))
    assert f"{CHILD}.yaml" in str(caught.value)


def test_a_table_cannot_read_a_later_one(edited: Edit) -> None:
    with pytest.raises(ConfigError, match="earlier table 'nutrition'"):
        load_protocol(CHILD, edited("{stridor: true}", "{nutrition: muac_not_used}"))


def test_tables_that_read_one_another_in_a_circle_are_refused_by_name(edited: Edit) -> None:
    folder = edited("{stridor: true}", "{nutrition: muac_not_used}")
    path = folder / f"{CHILD}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("- when: {oedema_both_feet: true}", "- when: {cough_breathing: pneumonia}", 1), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="in a circle: cough_breathing -> nutrition -> cough_breathing"):
        load_protocol(CHILD, folder)


def test_a_table_that_reads_itself_is_a_circle(edited: Edit) -> None:
    with pytest.raises(ConfigError, match="in a circle: ear -> ear"):
        load_protocol(CHILD, edited("when: {ear_swelling: true}", "when: {ear: mastoiditis}"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("subject: child", "subject: boy", "subject"),
        ("age: {input: age_months, unit: month}", "age: {input: age_moths, unit: month}", "no input 'age_moths'"),
        ("age: {input: age_months, unit: month}", "age: {input: age_months, unit: day}", "unit: day, found month"),
        ("age: {input: age_months, unit: month}\n", "", "rows give amoxicillin.*no input gives the age"),
        ("person: {pregnant: false,", "person: {pregnant: perhaps,", "no input or table 'perhaps'"),
        ("optional: [ear,", "optional: [knee,", "optional: 'knee'"),
        ("optional: [ear,", "optional: [danger,", "optional: 'danger'"),
        ("optional: [ear,", "optional: [cough, ear,", None),
        ("optional: [ear, immunisation]", "optional: [ear, fever]\n", None),
        ("id: child_2_59_months\n", "id: child\n", "the file is"),
        ("applies: {ear_problem: true}", "applies: {cough: true}", None),
        ("{stridor: true}", "{ear_pain: true}", "cough_breathing reads 'ear_pain' of the optional section"),
        ("doses: [vitamin_a]", "doses: [gentamicin]", "health facility only"),
    ],
)
def test_what_a_protocol_says_of_itself_is_checked(edited: Edit, old: str, new: str, words: str | None) -> None:
    folder = edited(old, new)
    if words is None:
        load_protocol(CHILD, folder)
        return
    with pytest.raises(ConfigError, match=words):
        load_protocol(CHILD, folder)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("when: {allergy: penicillin}", "when: {alergy: penicillin}", "contraindication 1, when: 'alergy"),
        ("when: {age_months: {below: 2}}", "when: {age_months: 2}", "cannot be read"),
        ("when: {trimester: first}", "when: {trimester: fourth}", "cannot be read"),
        ("only: {pregnant: true}", "only: {pregnant: yes please}", "only: 'pregnant"),
        ("text: contra.penicillin_allergy, if_unknown: say", "text: contra.x, if_unknown: guess", "if_unknown"),
        ("maximum: {mg_per_day: 20,", "maximum: {mg_per_day: 20, tablets_per_day: 1,", "one of them"),
        ("names: [gentamicin, gentamycin], refer: true", "names: [gentamicin, gentamycin]", "bands, or refer"),
        ("months: null, kg: null, only: {pregnant: true}", "months: null, kg: null", "for whom it is"),
    ],
)
def test_a_mistake_in_the_formulary_names_its_place(edited: Edit, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_protocol(CHILD, edited(old, new, "formulary.yaml"))
    assert "formulary.yaml" in str(caught.value)


def test_short_names_find_their_protocol() -> None:
    assert find_protocol("child") is load_protocol()
    assert find_protocol("infant").name == "young_infant"
    assert find_protocol("pregnancy").name == "pregnancy"
    with pytest.raises(ConfigError, match=r"Did you mean 'infant'\?.*pregnancy"):
        find_protocol("infnt")


def test_the_core_leaves_the_optional_sections_out() -> None:
    protocol = load_protocol()
    assert set(protocol.sections) - set(protocol.core.sections) == {"ear", "immunisation"}
    assert set(protocol.medicines) - set(protocol.core.medicines) == {"vitamin_a", "mebendazole"}
    assert set(protocol.inputs) - set(protocol.core.inputs) >= {"ear_problem", "measles_doses"}
    with pytest.raises(KeyError):
        protocol.part(["cough"])


def test_an_unknown_protocol_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=CHILD):
        load_protocol("child")
    assert CHILD in available()


@pytest.mark.parametrize("name", available())
def test_a_protocol_has_no_gap_no_overlap_and_no_idle_row(name: str) -> None:
    proof = prove(load_protocol(name))
    assert proof.findings == ()
    assert proof.tried > 100


def test_every_medicine_has_sound_bands() -> None:
    assert [finding for entry in load_formulary().medicines.values() for finding in check_bands(entry)] == []


def test_a_row_that_gives_what_has_no_band_for_its_age_is_found(edited: Edit) -> None:
    found = check(load_protocol(CHILD, edited("applies: {age_months: {from: 6}}", "applies: {age_months: {from: 5}}")))
    assert [(finding.code, finding.where, finding.example) for finding in found] == [
        ("dose_gap", "vitamin_a", "age_months = 5")
    ]


def test_a_question_that_decides_nothing_is_found(edited: Edit) -> None:
    found = check(
        load_protocol(CHILD, edited("  ear_days: {", "  ear_colour: {type: bool, section: ear}\n  ear_days: {"))
    )
    assert [(finding.code, finding.where) for finding in found] == [("unused_input", "ear_colour")]


def test_a_band_over_the_maximum_is_found(edited: Edit) -> None:
    folder = edited("maximum: {mg_per_day: 20,", "maximum: {mg_per_day: 15,", "formulary.yaml")
    assert {finding.code for finding in check(load_protocol(CHILD, folder))} == {"dose_maximum"}


@pytest.mark.parametrize(
    ("old", "new", "code", "example"),
    [
        ("breaths_per_minute: {below: 50}}", "breaths_per_minute: {below: 49}}", "gap", "breaths_per_minute = 49"),
        ("breaths_per_minute: {below: 50}}", "breaths_per_minute: {below: 51}}", "overlap", "breaths_per_minute = 50"),
        ("muac_mm: {from: 115, below: 125}", "muac_mm: {from: 116, below: 125}", "gap", "muac_mm = 115"),
        ("muac_mm: {from: 115, below: 125}", "muac_mm: {from: 110, below: 114}", "unreachable", None),
        ("{malaria_rdt: not_done}", "{malaria_rdt: negative}", "gap", "malaria_rdt = not_done"),
        ("muac_mm: {from: 115, below: 125}}", "muac_mm: {below: 125}}", None, None),
        ("age_months: {from: 2, below: 6}}", "age_months: {from: 2, below: 7}}", "milder_first", "age_months = 6"),
    ],
)
def test_the_check_finds_what_is_broken_and_shows_a_case(
    edited: Edit, old: str, new: str, code: str | None, example: str | None
) -> None:
    found = check(load_protocol(CHILD, edited(old, new)))
    if code is None:
        assert found == []
        return
    hits = [finding for finding in found if finding.code == code]
    assert hits, found
    if example:
        assert any(example in (finding.example or "") for finding in hits)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[12, 36], kg: [10, 14], amount", "[13, 36], kg: [10, 14], amount", "dose_gap"),
        ("[12, 36], kg: [10, 14], amount", "[11, 36], kg: [10, 14], amount", "dose_overlap"),
        ("[12, 36], kg: [10, 14], amount", "[12, 36], kg: [11, 14], amount", "dose_gap"),
        ("amount: {mg: 10,", "amount: {mg: 30,", "dose_order"),
    ],
)
def test_the_check_finds_broken_bands(tmp_path: Path, old: str, new: str, code: str) -> None:
    folder = tmp_path / "tables"
    shutil.copytree(builtin_folder(), folder)
    path = folder / "formulary.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert code in {finding.code for finding in check(load_protocol(CHILD, folder))}

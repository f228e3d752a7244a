"""Stated doses against the formulary: every band, both sides of every edge, everything that forbids a medicine."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from afya.protocols import find_dose, load_formulary, load_protocol
from afya.protocols.conditions import ALWAYS, OneOf, Within, names
from afya.protocols.doses import HOURS, amounts, objections
from afya.protocols.dosing import Stated, check_dose, named
from afya.protocols.model import Band, Contraindication, Medicine
from afya.protocols.subject import ALLERGY, CONDITION, Subject

FORMULARY = load_formulary()
GIVEN = [medicine for medicine in FORMULARY.medicines.values() if not medicine.refer]
BANDS = [(medicine, band) for medicine in GIVEN for band in medicine.bands]
CONTRAINDICATIONS = [(medicine, entry) for medicine in GIVEN for entry in medicine.contraindications]


def someone(medicine: Medicine, band: Band) -> Subject:
    """A person whom the band is for, by age, and for whom nothing forbids the medicine."""
    age = band.months[0] if band.months else 300.0
    return Subject(age, None, band.only != ALWAYS, 2, False, frozenset())


def right(medicine: Medicine, band: Band) -> list[Stated]:
    """The band's dose, stated in every unit it can be stated in."""
    stated = []
    for unit, (low, high) in amounts(medicine, band).items():
        stated.append(
            Stated(
                medicine.names[0],
                amount=float(low),
                upper=float(high) if high != low else None,
                unit=unit,
                times_a_day=band.times_a_day,
                every_hours=band.every_hours,
                days=band.days,
            )
        )
    return stated


@pytest.mark.parametrize(("medicine", "band"), BANDS, ids=lambda value: getattr(value, "name", ""))
def test_the_dose_of_every_band_is_right_in_every_unit_and_nothing_beside_it_is(medicine: Medicine, band: Band) -> None:
    who = someone(medicine, band)
    assert right(medicine, band)
    for stated in right(medicine, band):
        verdict = check_dose(stated, who, FORMULARY)
        assert (verdict.passed, verdict.code) == (True, "right"), verdict
        assert verdict.citation
        assert stated.amount is not None
        top = stated.upper or stated.amount
        for amount, code in (
            (top * 2, "too_much"),
            (top * 1.01, "too_much"),
            (top * 10, "too_much"),
            (stated.amount / 2, "too_little"),
            (stated.amount / 10, "too_little"),
            (0, "unknown_unit"),
            (-stated.amount, "unknown_unit"),
        ):
            wrong = check_dose(replace(stated, amount=amount, upper=None), who, FORMULARY)
            if medicine.name.startswith("ors") and code != "unknown_unit":
                # Two plans answer to one name, so an amount of one of them may be the other's.
                assert wrong.passed is any(
                    amounts(plan, fits)["ml"][0] <= amount <= amounts(plan, fits)["ml"][1]
                    for plan in named("ORS", FORMULARY)
                    if (dose := find_dose(plan, who.age_months)) and (fits := dose.band)
                )
            else:
                assert (wrong.passed, wrong.code) == (False, code), (amount, wrong)
        wrong = check_dose(replace(stated, unit="bottle"), who, FORMULARY)
        assert (wrong.passed, wrong.code) == (False, "unknown_unit")
        for times in (band.times_a_day or 0) - 1, (band.times_a_day or 0) + 1:
            wrong = check_dose(replace(stated, times_a_day=times, every_hours=None), who, FORMULARY)
            assert not wrong.passed
            assert wrong.code == "wrong_frequency" or medicine.name.startswith("ors")
        for days in (band.days or 0) - 1, (band.days or 0) + 1:
            wrong = check_dose(replace(stated, days=days), who, FORMULARY)
            assert not wrong.passed
            assert wrong.code == "wrong_days" or medicine.name.startswith("ors")
        assert not check_dose(stated, Subject(), FORMULARY).passed


def test_another_bands_dose_is_wrong_at_every_age() -> None:
    for medicine in GIVEN:
        if medicine.name.startswith("ors"):
            continue
        for band in medicine.bands:
            for other in medicine.bands:
                if amounts(medicine, other) != amounts(medicine, band):
                    for stated in right(medicine, other):
                        assert not check_dose(stated, someone(medicine, band), FORMULARY).passed


def test_ages_on_both_sides_of_every_edge_have_the_dose_of_their_own_band() -> None:
    for medicine in GIVEN:
        bands = sorted((band for band in medicine.bands if band.months), key=lambda band: band.months or (0, 0))
        for earlier, later in pairwise(bands):
            assert later.months is not None
            edge = later.months[0]
            below, at = find_dose(medicine, edge - 0.01), find_dose(medicine, edge)
            assert below is not None
            assert at is not None
            assert (below.band, at.band) == (earlier, later)
        if bands:
            first, last = bands[0].months, bands[-1].months
            assert first is not None
            assert last is not None
            assert find_dose(medicine, first[0] - 0.01) is None
            assert find_dose(medicine, last[1]) is None


def test_weights_a_tenth_of_a_kilo_on_both_sides_of_every_edge() -> None:
    seen = 0
    for medicine in GIVEN:
        weighed = sorted((band for band in medicine.bands if band.kg), key=lambda band: band.kg or (0, 0))
        for number, band in enumerate(weighed):
            assert band.kg is not None
            low, high = band.kg
            for kg, expected in (
                (low - 0.1, weighed[number - 1] if number else None),
                (low, band),
                (low + 0.1, band),
                (high - 0.1, band),
                (high, weighed[number + 1] if number + 1 < len(weighed) else None),
            ):
                # The age would give some band; the weight decides.
                dose = find_dose(medicine, 24, round(kg, 1))
                assert (dose.band if dose else None) == expected, (medicine.name, kg)
                seen += 1
    assert seen >= 40


@pytest.mark.parametrize(("medicine", "entry"), CONTRAINDICATIONS, ids=lambda value: getattr(value, "name", ""))
def test_whoever_must_not_have_a_medicine_gets_no_dose_of_it(medicine: Medicine, entry: Contraindication) -> None:
    band = medicine.bands[0]
    who = someone(medicine, band)
    stated = right(medicine, band)[0]
    barred, unknown = who, who
    for name in names(entry.when):
        test = entry.when
        if isinstance(test, Within):
            assert test.high is not None
            value = test.high - 0.01
            barred = replace(barred, age_months=value) if name == "age_months" else replace(barred, weight_kg=value)
            unknown = replace(unknown, age_months=None) if name == "age_months" else replace(unknown, weight_kg=None)
        elif name.startswith(ALLERGY):
            barred = replace(barred, allergies=frozenset({name.removeprefix(ALLERGY)}))
            unknown = replace(unknown, allergies=None)
        elif name.startswith(CONDITION):
            barred = replace(barred, conditions=frozenset({name.removeprefix(CONDITION)}))
        else:
            assert isinstance(test, OneOf)
            assert name == "trimester"
            barred, unknown = replace(barred, trimester=1), replace(unknown, trimester=None)
    verdict = check_dose(stated, barred, FORMULARY)
    assert (verdict.passed, verdict.code) == (False, "contraindicated")
    assert verdict.citation
    asked = check_dose(stated, unknown, FORMULARY)
    if entry.if_unknown == "stop":
        assert asked.passed is False
        assert asked.code == "unknown_subject"
    else:
        assert asked.passed is True
        assert entry.text in asked.say


def test_what_only_a_health_facility_gives_has_no_right_dose() -> None:
    refer = [medicine for medicine in FORMULARY.medicines.values() if medicine.refer]
    assert {"gentamicin", "ampicillin", "amlodipine"} <= {medicine.name for medicine in refer}
    for medicine in refer:
        verdict = check_dose(Stated(medicine.names[0], amount=80, unit="mg"), Subject(24), FORMULARY)
        assert (verdict.passed, verdict.code) == (False, "refer_only")


@pytest.mark.parametrize("name", ["ibuprofen", "", None, "amox", "zinc oxide cream"])
def test_a_medicine_that_is_not_in_the_formulary_has_no_right_dose(name: str | None) -> None:
    verdict = check_dose(Stated(name, amount=1, unit="tablet"), Subject(24), FORMULARY)
    assert (verdict.passed, verdict.code) == (False, "unknown_medicine")


def test_a_name_is_known_without_its_capitals_and_accents() -> None:
    assert [medicine.name for medicine in named("AMOXICILLIN", FORMULARY)] == ["amoxicillin"]
    assert [medicine.name for medicine in named("Artémether Luméfantrine", FORMULARY)] == ["artemether_lumefantrine"]
    assert {medicine.name for medicine in named("ORS", FORMULARY)} == {"ors_plan_a", "ors_plan_b"}


def test_tablets_of_another_strength_are_so_many_milligrams() -> None:
    two_small = Stated("amoxicillin", amount=2, unit="tablet", strength_mg=125, times_a_day=2, days=5)
    child = Subject(6, allergies=frozenset())
    assert check_dose(two_small, child, FORMULARY).passed
    assert check_dose(replace(two_small, amount=1), child, FORMULARY).code == "too_little"
    assert check_dose(replace(two_small, strength_mg=500), child, FORMULARY).code == "too_much"
    syrup = Stated("amoxicillin", amount=5, unit="ml", strength_mg=50)
    assert check_dose(syrup, child, FORMULARY).passed
    assert check_dose(replace(syrup, strength_mg=None), child, FORMULARY).code == "unknown_unit"


def test_hours_and_times_a_day_say_the_same() -> None:
    child = Subject(24, allergies=frozenset())
    assert check_dose(Stated("paracetamol", times_a_day=4), child, FORMULARY).passed
    assert check_dose(Stated("paracetamol", every_hours=6), child, FORMULARY).passed
    assert check_dose(Stated("paracetamol", every_hours=4), child, FORMULARY).code == "wrong_frequency"
    assert check_dose(Stated("amoxicillin", every_hours=HOURS / 2), child, FORMULARY).passed
    assert check_dose(Stated("ORS", times_a_day=3), child, FORMULARY).code == "wrong_frequency"


def test_a_medicine_that_is_only_named_states_no_dose() -> None:
    assert check_dose(Stated("zinc"), Subject(24), FORMULARY).code == "nothing_stated"


def test_more_than_may_be_given_for_the_weight_is_refused_though_the_age_band_gives_it() -> None:
    paracetamol = FORMULARY.medicines["paracetamol"]
    assert find_dose(paracetamol, 14, 6) is None
    assert find_dose(paracetamol, 14, 10) is not None
    verdict = check_dose(Stated("paracetamol", amount=125, unit="mg"), Subject(14, 6), FORMULARY)
    assert (verdict.passed, verdict.code) == (False, "too_much")


def test_a_band_for_pregnant_women_is_for_nobody_else() -> None:
    iron = Stated("iron and folic acid", amount=1, unit="tablet", times_a_day=1)
    assert check_dose(iron, Subject(300, pregnant=True), FORMULARY).passed
    for who in (Subject(300, pregnant=False), Subject(300), Subject(24)):
        assert not check_dose(iron, who, FORMULARY).passed


def test_a_protocol_knows_only_the_medicines_its_rows_give() -> None:
    child = load_protocol()
    assert "sulfadoxine_pyrimethamine" not in child.medicines
    stated = Stated("iron and folic acid", amount=1, unit="tablet")
    assert check_dose(stated, Subject(300, pregnant=True), child).code == "unknown_medicine"


@pytest.mark.parametrize("amount", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_right_dose(amount: float) -> None:
    for stated in (
        Stated("zinc", amount=amount, unit="mg"),
        Stated("zinc", amount=10, upper=amount, unit="mg"),
        Stated("zinc", times_a_day=amount),
        Stated("zinc", every_hours=amount),
        Stated("zinc", days=amount),
        Stated("zinc", amount=1, unit="tablet", strength_mg=amount),
    ):
        assert not check_dose(stated, Subject(24), FORMULARY).passed


def test_what_is_not_known_may_still_forbid() -> None:
    amoxicillin = FORMULARY.medicines["amoxicillin"]
    assert objections(amoxicillin, Subject(None, 6)).stops
    assert not objections(amoxicillin, Subject(6, 6)).stops

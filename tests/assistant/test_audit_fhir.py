"""A referral as FHIR: valid, whole, the same each time, about nobody by name; and only of a turn that referred."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from afya.assistant import Assistant
from afya.assistant.audit import Trail, fhir, turns
from afya.assistant.audit.record import Event
from afya.errors import DataError, MissingDependencyError

RED = "Mtoto wa miezi 14 ana degedege tangu asubuhi, anapumua mara 52 kwa dakika. Simu 0712 345 678"
GONE = object()
COLD = "8 months, cough for 2 days, 36 breaths per minute, no danger signs, no chest indrawing, no stridor"


def kept(lang: str, text: str, folder: Path) -> list[Event]:
    assistant = Assistant(lang)
    Trail(folder / "audit.jsonl").attach(assistant.resources)
    assistant.ask(text)
    (events,) = turns(folder / "audit.jsonl")
    return events


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return kept("sw", RED, tmp_path_factory.mktemp("red"))


@pytest.fixture
def bundle(red: list[Event]) -> dict[str, Any]:
    return fhir.referral(red)


def of_kind(bundle: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_a_red_turn_becomes_an_urgent_referral_with_what_was_said(red: list[Event], bundle: dict[str, Any]) -> None:
    (request,) = of_kind(bundle, "ServiceRequest")
    (message,) = of_kind(bundle, "Communication")
    assert (request["status"], request["intent"], request["priority"]) == ("active", "proposal", "urgent")
    assert request["reasonCode"][0]["coding"] == [{"system": "urn:afya:danger-sign", "code": "convulsions"}]
    given = red[-1].decisions
    assert [part["contentString"] for part in message["payload"]] == [block["text"] for block in given["blocks"]]
    actions = [block["text"] for block in given["blocks"] if block["kind"] == "action"]
    assert [note["text"] for note in request["note"]] == actions
    assert (request["language"], message["language"]) == ("sw", "sw")


def test_findings_have_loincs_code_where_it_is_known_and_text_elsewhere(bundle: dict[str, Any]) -> None:
    found = {each["code"]["text"]: each for each in of_kind(bundle, "Observation")}
    breaths = found["Respiratory rate"]
    assert breaths["code"]["coding"][0] == {
        "system": "http://loinc.org", "code": "9279-1", "display": "Respiratory rate",
    }  # fmt: skip
    quantity = {"value": 52, "unit": "breaths/minute", "system": "http://unitsofmeasure.org", "code": "/min"}
    assert breaths["valueQuantity"] == quantity
    convulsions = found["convulsions"]
    assert convulsions["valueBoolean"] is True
    assert [coding["system"] for coding in convulsions["code"]["coding"]] == ["urn:afya:protocol-input"]


def test_blood_pressure_is_one_panel_of_two(red: list[Event]) -> None:
    last = red[-1]
    findings = {"systolic": 182, "diastolic": 121, "glucose_mmol": None}
    decisions = {**last.decisions, "findings": findings}
    changed = [*red[:-1], Event(**{name: getattr(last, name) for name in Event.__slots__} | {"decisions": decisions})]
    made = fhir.referral(changed)
    fhir.check(made)
    (panel,) = of_kind(made, "Observation")
    assert panel["code"]["coding"][0]["code"] == "85354-9"
    values = {part["code"]["coding"][0]["code"]: part["valueQuantity"]["value"] for part in panel["component"]}
    assert values == {"8480-6": 182, "8462-4": 121}


def test_codes_that_fhir_requires_are_of_its_lists(bundle: dict[str, Any]) -> None:
    # fhir.resources does not look into code lists. Values: HL7 FHIR R4 (4.0.1), the value sets bound as required.
    allowed = {
        ("Bundle", "type"): {"collection"},
        ("ServiceRequest", "status"): {"draft", "active", "on-hold", "revoked", "completed"},
        ("ServiceRequest", "intent"): {"proposal", "plan", "directive", "order"},
        ("ServiceRequest", "priority"): {"routine", "urgent", "asap", "stat"},
        ("Communication", "status"): {"preparation", "in-progress", "completed"},
        ("Communication", "priority"): {"routine", "urgent", "asap", "stat"},
        ("Observation", "status"): {"registered", "preliminary", "final"},
        ("AuditEvent", "action"): {"C", "R", "U", "D", "E"},
        ("AuditEvent", "outcome"): {"0", "4", "8", "12"},
    }
    for resource in (bundle, *(entry["resource"] for entry in bundle["entry"])):
        for (kind, key), values in allowed.items():
            if resource["resourceType"] == kind:
                assert resource[key] in values, (kind, key)
    (provenance,) = of_kind(bundle, "Provenance")
    assert {entity["role"] for entity in provenance["entity"]} == {"source"}


def test_it_says_where_it_comes_from(red: list[Event], bundle: dict[str, Any]) -> None:
    (provenance,) = of_kind(bundle, "Provenance")
    (audit,) = of_kind(bundle, "AuditEvent")
    named = f"{red[-1].number}:{red[-1].hash}"
    assert provenance["entity"][0]["what"]["identifier"]["value"] == named
    assert audit["entity"][0]["what"]["identifier"]["value"] == named
    documents = " ".join(entity["what"].get("display", "") for entity in provenance["entity"])
    assert "Chart Booklet" in documents
    assert "has not been checked by a clinician" in documents
    assert {part["type"] for part in audit["entity"][0]["detail"]} >= {"code", "pack", "rules"}


def test_nobody_is_named(bundle: dict[str, Any]) -> None:
    assert "0712" not in json.dumps(bundle["entry"][1])
    patients = [part for entry in bundle["entry"] for part in entry["resource"].get("contained", ())]
    assert patients
    assert all(patient == {"resourceType": "Patient", "id": "patient"} for patient in patients)


def test_every_reference_leads_somewhere(bundle: dict[str, Any]) -> None:
    names = {entry["fullUrl"] for entry in bundle["entry"]}
    for entry in bundle["entry"]:
        own = {f"#{part['id']}" for part in entry["resource"].get("contained", ())}
        found = set(references(entry["resource"]))
        assert found <= names | own
        assert own <= found  # what is contained must be referred to (dom-3)


def test_the_library_reads_it_and_gives_back_the_same(red: list[Event], tmp_path: Path) -> None:
    pytest.importorskip("fhir.resources")
    from fhir.resources.R4B.bundle import Bundle

    out = tmp_path / "referral.json"
    assert fhir.export(red, out) == len(of_kind(json.loads(out.read_text()), "Observation")) + 5
    read = Bundle.model_validate_json(out.read_text(encoding="utf-8"))
    given_back = re.sub(r"(\.\d{3})000Z", r"\1Z", read.model_dump_json())  # the library writes microseconds
    assert json.loads(given_back) == json.loads(out.read_text(encoding="utf-8"))
    before = out.read_bytes()
    fhir.export(red, out)
    assert out.read_bytes() == before


def test_what_is_not_valid_is_not_exported(red: list[Event]) -> None:
    pytest.importorskip("fhir.resources")
    wrong: dict[str, object] = {"status": 5, "subject": GONE, "urgency": "high", "authoredOn": "yesterday"}
    for place, value in wrong.items():
        bundle = fhir.referral(red)
        request = bundle["entry"][0]["resource"]
        request[place] = value
        if value is GONE:
            del request[place]
        with pytest.raises(DataError, match=place):
            fhir.check(bundle)


def test_a_turn_that_was_no_referral_is_refused(tmp_path: Path) -> None:
    events = kept("en", COLD, tmp_path)
    assert events[-1].decisions["colour"] == "green"
    with pytest.raises(DataError, match="was no referral"):
        fhir.export(events, tmp_path / "referral.json")
    assert not (tmp_path / "referral.json").exists()


def test_an_action_that_refers_makes_a_referral_without_red(red: list[Event]) -> None:
    last = red[-1]

    def with_(colour: str, *actions: str) -> list[Event]:
        decisions = {**last.decisions, "colour": colour, "actions": list(actions)}
        return [*red[:-1], Event(**{name: getattr(last, name) for name in Event.__slots__} | {"decisions": decisions})]

    (request,) = of_kind(fhir.referral(with_("yellow", "feeding_advice", "refer_nutrition")), "ServiceRequest")
    assert request["priority"] == "routine"
    with pytest.raises(DataError, match="was no referral"):
        fhir.referral(with_("yellow", "feeding_advice", "return_immediately"))


def test_without_the_library_it_says_what_to_install(
    red: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import afya.errors

    monkeypatch.setattr(afya.errors, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"afya\[fhir\]"):
        fhir.export(red, tmp_path / "referral.json")
    assert not (tmp_path / "referral.json").exists()


def test_every_code_has_a_source_that_is_listed() -> None:
    codes = fhir.codes()
    for entry in (*codes.observations.values(), *codes.panels.values()):
        assert entry.source in codes.sources
    assert {entry.panel for entry in codes.observations.values()} - {None} == set(codes.panels)

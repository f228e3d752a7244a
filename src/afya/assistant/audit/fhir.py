"""A referral as FHIR R4: a Bundle that another system can take in, made from a turn in the audit log alone.

ServiceRequest (the referral), Communication (what the health worker was told), an Observation for every finding, and
where it all comes from: Provenance (documents and the audit event) and AuditEvent (the turn). The patient has no name,
number or address: an anonymous Patient is contained in each resource that needs one. The software is the requester, so
the request is a proposal: a person decides.

Resources are written so that they are the same in R4 (4.0.1) and R4B (4.3.0); fhir.resources checks them as R4B.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from afya import __version__
from afya.assistant.audit.record import Event
from afya.assistant.audit.trail import GIVEN
from afya.datafiles import read_model
from afya.errors import DataError, require
from afya.runs import write_json

Resource = dict[str, Any]
_CODES = "http://terminology.hl7.org/CodeSystem/"
_UCUM = "http://unitsofmeasure.org"
_LOINC = "http://loinc.org"
_TOLD = ("action", "dose")
_REASONS = ("classification",)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Referral(_Strict):
    colours: dict[str, Literal["routine", "urgent", "asap", "stat"]]
    actions: dict[str, Literal["routine", "urgent", "asap", "stat"]]


class _Panel(_Strict):
    code: str
    display: str
    source: str


class _Observed(_Panel):
    unit: str
    shown: str
    panel: str | None = None


class Codes(_Strict):
    """fhir.yaml: which turns are referrals, and the codes of findings."""

    referral: _Referral
    sources: dict[str, str] = Field(min_length=1)
    observations: dict[str, _Observed]
    panels: dict[str, _Panel]
    systems: dict[Literal["turn", "audit", "input", "sign"], str]


@cache
def codes() -> Codes:
    """fhir.yaml. Raises ConfigError naming a wrong key."""
    return read_model(Path(str(files("afya.assistant.audit"))) / "fhir.yaml", Codes)


def export(events: Sequence[Event], out: Path) -> int:
    """Write a turn's referral as a FHIR Bundle (JSON), checked before it is written. Gives the number of resources.

    Raises:
        DataError: the turn was no referral.
        MissingDependencyError: fhir.resources is not installed (extra `fhir`).
    """
    bundle = referral(events)
    check(bundle)
    write_json(out, bundle)
    return len(bundle["entry"])


def check(bundle: Resource) -> None:
    """Have fhir.resources check the Bundle. Raises DataError naming each place that does not hold."""
    require("fhir.resources", "fhir", "Checking a FHIR export")
    from fhir.resources.R4B.bundle import Bundle
    from pydantic import ValidationError

    try:
        Bundle.model_validate(bundle)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()[:5])
        raise DataError(f"The export is not valid FHIR: {told}.", hint="This is a fault of afya; report it.") from None


def referral(events: Sequence[Event]) -> Resource:
    """The Bundle of a turn, as JSON values: the same whenever it is made. Raises DataError when it was no referral."""
    head, last = events[0], events[-1]
    if last.stage != GIVEN:
        raise DataError(f"Turn {head.turn} has no answer in the log; there is nothing to export.")
    given = last.decisions
    priority = _priority(given)
    if priority is None:
        told = given.get("colour") or "no colour"
        raise DataError(
            f"Turn {head.turn} was no referral ({told}, route {given.get('route')}).",
            hint="Only turns that refer somebody are exported; `afya audit turns LOG` shows each turn's colour.",
        )
    return _Writer(events, priority).bundle()


def _priority(given: Mapping[str, Any]) -> str | None:
    """How urgent the referral is; None when nobody was referred."""
    rules = codes().referral
    colour = rules.colours.get(str(given.get("colour")))
    if colour is not None:
        return colour
    for action in given.get("actions", ()):
        for beginning, priority in rules.actions.items():
            if str(action) == beginning or str(action).startswith(f"{beginning}_"):
                return priority
    return None


class _Writer:
    """Writes the resources of one turn; they refer to each other by names derived from the turn's."""

    def __init__(self, events: Sequence[Event], priority: str) -> None:
        self.turn = events[0].turn
        self.at = events[-1].at
        self.head = events[0]
        self.last = events[-1]
        self.given: Mapping[str, Any] = events[-1].decisions
        self.priority = priority
        self.codes = codes()
        self.lang = str(self.given.get("lang"))

    def bundle(self) -> Resource:
        observations = self.observations()
        device = self.device()
        request = self.request(observations, device)
        message = self.message(request, device)
        made = [request, message, *observations, device]
        made.append(self.provenance([request, message, *observations], device))
        made.append(self.audit_event(request, device))
        return {
            "resourceType": "Bundle",
            "id": self._name("bundle"),
            "identifier": {"system": self.codes.systems["turn"], "value": self.turn},
            "type": "collection",
            "timestamp": self.at,
            "entry": [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in made],
        }

    def request(self, observations: Sequence[Resource], device: Resource) -> Resource:
        signs = [
            {"coding": [{"system": self.codes.systems["sign"], "code": rule}], "text": rule.replace("_", " ")}
            for rule in dict.fromkeys(
                str(sign["rule"]) for sign in self.given.get("danger_signs", ()) if not sign["denied"]
            )
        ]
        reasons = [*signs, *({"text": text} for text in self._texts(*_REASONS))]
        made: Resource = {
            **self._resource("ServiceRequest", "request", patient=True),
            "language": self.lang,
            "identifier": [{"system": self.codes.systems["turn"], "value": self.turn}],
            "status": "active",
            "intent": "proposal",
            "category": [{"text": "Referral"}],
            "priority": self.priority,
            "code": {"text": "Referral to a health facility"},
            "subject": {"reference": "#patient"},
            "authoredOn": self.at,
            "requester": _to(device),
        }
        if reasons:
            made["reasonCode"] = reasons
        if observations:
            made["supportingInfo"] = [_to(each) for each in observations]
        if told := self._texts(*_TOLD):
            made["note"] = [{"text": text} for text in told]
        return made

    def message(self, request: Resource, device: Resource) -> Resource:
        made: Resource = {
            **self._resource("Communication", "message", patient=True),
            "language": self.lang,
            "status": "completed",
            "category": [{"text": "Advice to a health worker"}],
            "priority": self.priority,
            "subject": {"reference": "#patient"},
            "about": [_to(request)],
            "sent": self.at,
            "recipient": [{"display": "Health worker"}],
            "sender": _to(device),
            "payload": [{"contentString": block["text"]} for block in self.given["blocks"] if block["text"].strip()],
        }
        text = self.head.decisions.get("request", {}).get("text")
        if text:
            made["note"] = [{"text": f"The health worker's message, personal data masked: {text}"}]
        return made

    def observations(self) -> list[Resource]:
        """One for every finding; those of a panel (blood pressure) are its components."""
        findings = {name: value for name, value in self.given.get("findings", {}).items() if value is not None}
        panels: dict[str, list[Resource]] = {}
        made = []
        for name, value in sorted(findings.items()):
            known = self.codes.observations.get(name)
            if known is not None and known.panel is not None:
                panels.setdefault(known.panel, []).append({"code": self._code(name), **self._value(name, value)})
                continue
            made.append({**self._observation(name, coded=known is not None), "code": self._code(name)})
            made[-1].update(self._value(name, value))
        for name, parts in panels.items():
            panel = self.codes.panels[name]
            coding = {"system": _LOINC, "code": panel.code, "display": panel.display}
            made.append({**self._observation(name, coded=True), "code": {"coding": [coding]}, "component": parts})
        return made

    def device(self) -> Resource:
        return {
            **self._resource("Device", "device"),
            "deviceName": [{"name": "afya", "type": "model-name"}],
            "version": [{"value": __version__}],
        }

    def provenance(self, targets: Sequence[Resource], device: Resource) -> Resource:
        sources = [
            f"{note['title']}; {note['publisher']}; {note['page']}"
            + ("" if note["reviewed"] else " (the rule made from it has not been checked by a clinician)")
            for note in self.given.get("sources", ())
        ]
        return {
            **self._resource("Provenance", "provenance"),
            "target": [_to(each) for each in targets],
            "recorded": self.at,
            "activity": {"text": "Written by software from a health worker's message and sourced protocols"},
            "agent": [{"type": {"text": "software"}, "who": _to(device)}],
            "entity": [
                {"role": "source", "what": {"identifier": self._audit_name()}},
                *({"role": "source", "what": {"display": text}} for text in dict.fromkeys(sources)),
            ],
        }

    def audit_event(self, request: Resource, device: Resource) -> Resource:
        prints = self.head.decisions.get("fingerprints", {})
        detail = [{"type": name, "valueString": str(value)} for name, value in sorted(prints.items()) if value]
        entity: Resource = {"what": {"identifier": self._audit_name()}, "name": f"turn {self.turn}"}
        if detail:
            entity["detail"] = detail
        return {
            **self._resource("AuditEvent", "audit"),
            "type": {
                "system": "http://dicom.nema.org/resources/ontology/DCM",
                "code": "110100",
                "display": "Application Activity",
            },
            "action": "E",
            "recorded": self.at,
            "outcome": "0",
            "agent": [
                {"type": {"text": "health worker"}, "requestor": True},
                {"type": {"text": "software"}, "who": _to(device), "requestor": False},
            ],
            "source": {"observer": _to(device)},
            "entity": [entity, {"what": _to(request)}],
        }

    def _observation(self, name: str, *, coded: bool) -> Resource:
        made: Resource = {
            **self._resource("Observation", f"finding-{name}", patient=True),
            "status": "preliminary",
            "subject": {"reference": "#patient"},
            "effectiveDateTime": self.at,
        }
        if coded:
            made["category"] = [{"coding": [{"system": f"{_CODES}observation-category", "code": "vital-signs"}]}]
        return made

    def _code(self, name: str) -> Resource:
        known = self.codes.observations.get(name)
        own = {"system": self.codes.systems["input"], "code": name}
        if known is None:
            return {"coding": [own], "text": name.replace("_", " ")}
        return {
            "coding": [{"system": _LOINC, "code": known.code, "display": known.display}, own],
            "text": known.display,
        }

    def _value(self, name: str, value: object) -> Resource:
        known = self.codes.observations.get(name)
        if isinstance(value, bool):
            return {"valueBoolean": value}
        if isinstance(value, (int, float)):
            if known is None:
                return {"valueQuantity": {"value": value}}
            told = {"value": value, "unit": known.shown, "system": _UCUM, "code": known.unit}
            return {"valueQuantity": told}
        return {"valueString": str(value)}

    def _resource(self, kind: str, name: str, *, patient: bool = False) -> Resource:
        made: Resource = {"resourceType": kind, "id": self._name(name)}
        if patient:
            made["contained"] = [{"resourceType": "Patient", "id": "patient"}]
        return made

    def _name(self, what: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.codes.systems['turn']}:{self.turn}#{what}"))

    def _audit_name(self) -> Resource:
        return {"system": self.codes.systems["audit"], "value": f"{self.last.number}:{self.last.hash}"}

    def _texts(self, *kinds: str) -> list[str]:
        return list(dict.fromkeys(block["text"] for block in self.given["blocks"] if block["kind"] in kinds))


def _to(resource: Resource) -> Resource:
    return {"reference": f"urn:uuid:{resource['id']}"}

"""Personal data: is every piece of it gone, and does every clinical number still stand?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.assistant.evaluation.casefiles import Cases
from afya.assistant.evaluation.probes import Outcome, Probe, Tally
from afya.assistant.understanding import privacy

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

SET = "privacy"
NAMES = (SET,)


def probes(lang: str, cases: Cases, seed: int) -> list[Probe]:
    """A probe a piece: the same message is a cluster."""
    made = []
    for case in cases.privacy:
        for kind, pieces in (("personal", case.mask), ("clinical", case.keep)):
            for number, piece in enumerate(pieces):
                payload = {"text": case.text, "piece": piece}
                made.append(Probe(f"{case.id}-{kind}-{number}", lang, SET, kind, payload, cluster=case.id))
    return made


def measure(probe: Probe, subject: Subject) -> Outcome:
    """Whether the piece is still in the masked text."""
    piece = str(probe.payload["piece"])
    # Through the module, so that a mutation of it is seen here as it is in a turn.
    masked = privacy.mask(str(probe.payload["text"]), subject.code)
    stands = piece in masked.text
    tally = Tally()
    if probe.kind == "personal":
        tally.say("personal_masked", not stands, f"'{piece}' still stands" if stands else "")
    else:
        tally.say("clinical_kept", stands, "" if stands else f"'{piece}' was taken out: {masked.text}")
    return tally.outcome()

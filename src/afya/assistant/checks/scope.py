"""Whether a sentence keeps within what a health worker may be told.

No certain diagnosis, no treatment stopped or changed, no medicine outside the formulary, no promise, and nothing that
keeps somebody from care. What this cannot see: the same in words that scope.yaml does not list.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from afya.assistant.checks.medicine_names import mentions, without_strengths
from afya.assistant.checks.stated_doses import tells_to_give
from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.protocols.model import Formulary, Protocol
from afya.text.negation import denied
from afya.text.normalise import normalise
from afya.text.words import Phrases

Listed = tuple[Annotated[str, Field(min_length=1)], ...]
_FAULTS = {
    "certain": "says a diagnosis as sure",
    "stops": "tells to stop or change a treatment",
    "no_care": "tells that care is not needed",
    "promises": "promises a cure",
    "unusual": "tells to do what no community health worker does",
}


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    certain: Listed
    stops: Listed
    no_care: Listed
    promises: Listed
    unusual: Listed
    conditions: Listed


@dataclass(frozen=True)
class _Compiled:
    phrases: Phrases
    conditions: Phrases


def fault(text: str, lang: str, formulary: Protocol | Formulary) -> str | None:
    """What the sentence says that it must not; None where nothing.

    Raises:
        ConfigError: the language has no phrases in scope.yaml, so nothing can be said.
    """
    words = _compiled(lang)
    shown = normalise(text)
    conditional = bool(words.conditions.find(shown))
    for match in words.phrases.find(shown):
        if match.key == "certain" and conditional:
            continue
        # "Do not stop the treatment" is good advice; "no need to go" holds its own denial.
        if match.key in ("stops", "unusual") and denied(shown, (match.start, match.end), lang):
            continue
        return f"{_FAULTS[match.key]} ('{shown[match.start : match.end]}')."
    if tells_to_give(shown, lang):
        for mention in mentions(without_strengths(shown, formulary.medicines), lang, formulary.medicines):
            if not mention.listed:
                return f"tells to give '{shown[mention.start : mention.end]}', which is not in the formulary."
    return None


@cache
def _compiled(lang: str) -> _Compiled:
    path = Path(str(files("afya.assistant.checks"))) / "scope.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict) or lang not in content:
        raise ConfigError(f"{path}: no phrases for '{lang}'.", hint="Write them as for en.")
    words = validate(content[lang], _Words, f"{path}, {lang}")
    listed = [(kind, phrase) for kind in _FAULTS for phrase in getattr(words, kind)]
    return _Compiled(Phrases(lang, listed), Phrases(lang, [("condition", word) for word in words.conditions]))

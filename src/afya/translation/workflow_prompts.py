"""The prompts of critics and revisers: instructions from data, and texts between marks that no text can forge.

The files of workflow_prompts/ say what to do, one file a language; workflow_guidance.yaml what to mind in a target
language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from afya.datafiles import read_model
from afya.languages import language
from afya.models.base import Message, Prompt
from afya.text.literals import LanguageFile, read_language_file
from afya.translation.base import Hint
from afya.translation.findings import KINDS, Finding

_REPEATED = 2_000
_NAMES = frozenset({"id", "source_name", "target_name", "kinds", "material", "guidance", "reason"})


def _known_names(text: str) -> str:
    template = Template(text)
    if not template.is_valid():
        raise ValueError("a $ stands before something that is no name; write $$ for the sign itself")
    unknown = set(template.get_identifiers()) - _NAMES
    if unknown:
        raise ValueError(f"there is nothing to fill in for ${', $'.join(sorted(unknown))}")
    return text


Text = Annotated[str, AfterValidator(_known_names)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Instructions(_Frozen):
    """What a model is told: its task, and what stands around the texts."""

    system: Text
    user: Text


class Labels(_Frozen):
    """What introduces each of the texts."""

    source: Text
    translation: Text
    context: Text
    glossary: Text
    findings: Text
    checks: Text


class PromptTexts(LanguageFile):
    """One language's file of workflow_prompts/."""

    critique: Instructions
    revise: Instructions
    again: Text
    labels: Labels


class _Guidance(_Frozen):
    reviewed: bool
    guidance: dict[str, str]


@dataclass(frozen=True, slots=True)
class Material:
    """The texts a prompt is about."""

    source: str
    translation: str
    context: str | None = None
    hints: tuple[Hint, ...] = ()
    findings: tuple[Finding, ...] = ()
    failed: tuple[str, ...] = ()


@cache
def prompt_texts(lang: str) -> PromptTexts:
    """The instructions in a language. Raises ConfigError where there are none; English never stands in."""
    hint = (
        "Translate en.yaml of afya.translation's workflow_prompts, or set prompt_language to a language that is there."
    )
    return read_language_file(
        _folder() / "workflow_prompts", lang, PromptTexts, "prompts for critics and revisers", hint
    )


@cache
def guidance(target: str) -> str:
    """What to mind in a target language; "" where nothing is told."""
    return read_model(_folder() / "workflow_guidance.yaml", _Guidance).guidance.get(target, "")


def identifier(seed: int, stage: str, material: Material) -> str:
    """The id of a prompt: the same for the same texts, and in none of them."""
    given = "\x1f".join((str(seed), stage, material.source, material.translation, material.context or ""))
    for number in range(1000):
        found = hashlib.sha256(f"{number}\x1f{given}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
        if found not in given:
            return found
    raise AssertionError("a text that holds a thousand hashes of itself")


class Prompter:
    """Makes the prompts of one direction, in one language of instructions."""

    def __init__(self, prompt_language: str, source: str, target: str) -> None:
        self.texts = prompt_texts(prompt_language)
        self._named = {
            "source_name": language(source).name,
            "target_name": language(target).name,
            "kinds": ", ".join(KINDS),
            "guidance": guidance(target),
        }

    def critique(self, ident: str, material: Material) -> Prompt:
        """The prompt for a critic."""
        return self._prompt(self.texts.critique, ident, material)

    def revise(self, ident: str, material: Material) -> Prompt:
        """The prompt for a reviser."""
        return self._prompt(self.texts.revise, ident, material)

    def again(self, prompt: Prompt, reply: str, reason: str, ident: str) -> Prompt:
        """The prompt with the malformed reply and what was wrong with it. Of a long reply the beginning is shown."""
        told = Template(self.texts.again).substitute(self._named, reason=reason, id=ident, material="")
        turns = (Message("assistant", reply[:_REPEATED] or "-"), Message("user", told))
        return Prompt((*prompt.messages, *turns))

    def _prompt(self, instructions: Instructions, ident: str, material: Material) -> Prompt:
        filled = {**self._named, "id": ident, "material": self._blocks(ident, material), "reason": ""}
        system = Template(instructions.system).substitute(filled)
        user = Template(instructions.user).substitute(filled)
        return Prompt((Message("system", system), Message("user", user)))

    def _blocks(self, ident: str, material: Material) -> str:
        labels = self.texts.labels
        parts = [("source", labels.source, material.source), ("translation", labels.translation, material.translation)]
        if material.context:
            parts.insert(0, ("context", labels.context, material.context))
        if material.hints:
            parts.append(("glossary", labels.glossary, _glossary(material.hints)))
        if material.findings:
            parts.append(("findings", labels.findings, _findings(material.findings)))
        if material.failed:
            parts.append(("checks", labels.checks, "\n".join(f"- {line}" for line in material.failed)))
        named = {**self._named, "id": ident, "material": "", "reason": ""}
        return "\n\n".join(
            f"{Template(label).substitute(named)}\n<{name}-{ident}>\n{text}\n</{name}-{ident}>"
            for name, label, text in parts
        )


def _glossary(hints: Sequence[Hint]) -> str:
    return "\n".join(hint.source if hint.target is None else f"{hint.source} = {hint.target}" for hint in hints)


def _findings(findings: Sequence[Finding]) -> str:
    lines = []
    for one in findings:
        instead = f" -> {one.suggestion}" if one.suggestion else ""
        lines.append(f"- {one.severity}, {one.kind}: {one.span}{instead}")
    return "\n".join(lines)


def _folder() -> Path:
    return Path(str(files("afya"))) / "translation"

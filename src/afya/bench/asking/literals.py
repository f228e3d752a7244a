"""The fixed texts of prompts in each language: instructions, labels, the answer marker.

They stand in literals/{code}.yaml beside this file. A language without a file, or a file without a key, is an error:
a prompt is never English by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from afya.text.literals import LanguageFile, read_language_file

Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Labels(_Strict):
    """What stands before the parts of a prompt, with its punctuation."""

    context: Text
    question: Text
    statement: Text
    options: Text
    answer: Text
    translation: Text


def _holding(field: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value.count(field) != 1:
            raise ValueError(f"must hold {field} once")
        return value

    return check


Reasoned = Annotated[Text, AfterValidator(_holding("{answer}"))]
Translated = Annotated[Text, AfterValidator(_holding("{language}"))]


class ChoiceInstructions(_Strict):
    """What a multiple-choice prompt asks for, by formulation; `reason` where reasoning is to be written first.

    `generate_several` and `reason_several`: where several options may be right.
    """

    letter: Text
    cloze: Text
    generate: Text
    generate_several: Text
    reason: Reasoned
    reason_several: Reasoned


class InferenceInstructions(_Strict):
    """What an inference prompt asks for, by formulation; `reason` where reasoning is to be written first."""

    letter: Text
    cloze: Text
    generate: Text
    reason: Reasoned


class Instructions(_Strict):
    """The instructions of each task: choices, inferences, open questions, and texts to translate into {language}."""

    mcq: ChoiceInstructions
    nli: InferenceInstructions
    written: Text
    translation: Translated


class PromptLiterals(LanguageFile):
    """One language's file. `separator` stands between a label and what follows it."""

    labels: Labels
    separator: Literal["", " "]
    option_line: Text
    instructions: Instructions

    @field_validator("option_line")
    @classmethod
    def _has_fields(cls, value: str) -> str:
        if value.count("{letter}") != 1 or value.count("{text}") != 1:
            raise ValueError("must hold {letter} and {text} once each")
        return value


def folder() -> Path:
    """Where the languages' files lie."""
    return Path(str(files("afya"))) / "bench" / "asking" / "literals"


@cache
def prompt_literals(lang: str) -> PromptLiterals:
    """The fixed prompt texts of one language.

    Raises:
        ConfigError: the code is unknown, the language has no file, or the file lacks a key; English never stands in.
    """
    hint = "Translate bench/asking/literals/en.yaml of afya, or leave the language out with --langs."
    return read_language_file(folder(), lang, PromptLiterals, "prompt literals", hint)

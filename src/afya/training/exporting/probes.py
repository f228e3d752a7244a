"""What exports are asked: a question in each language with answers to score, and the tolerances of parity.yaml."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.models import Message, OptionRequest, Prompt

Stored = Literal["float32", "float16", "bfloat16", "q8_0", "int8"]
"""How an export stores its weights."""

Nats = Annotated[float, Field(gt=0)]


class Tolerance(BaseModel):
    """How far an export may be from its source, in nats. See parity.yaml for what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gap: Nats
    mean: Nats
    most: Nats


class ProbeText(BaseModel):
    """One question and its answers in one language; `reviewed`: whether a speaker has read them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: str
    reviewed: bool
    question: str
    options: Annotated[tuple[str, ...], Field(min_length=2)]

    def request(self) -> OptionRequest:
        """The question as a model is asked it, each answer with the space that goes before it."""
        prompt = Prompt((Message("user", self.question),))
        return OptionRequest(prompt, tuple(f" {option}" for option in self.options))


class Probes(BaseModel):
    """parity.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tolerances: dict[Stored, Tolerance]
    greedy_tokens: Annotated[int, Field(gt=0)]
    prompts: Annotated[tuple[ProbeText, ...], Field(min_length=1)]


@cache
def probes() -> Probes:
    """The shipped prompts and tolerances."""
    with as_file(files("afya.training.exporting") / "parity.yaml") as path:
        return read_model(path, Probes)

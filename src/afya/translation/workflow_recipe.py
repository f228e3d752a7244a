"""The recipe of an agentic translation: which engine drafts, which models criticise and revise, and what suffices."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.datafiles import read_model
from afya.translation.findings import SEVERITIES, Severity


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineSpec(_Strict):
    """A translation engine as `afya.translation.load` knows it, with its settings."""

    engine: str
    options: dict[str, object] = {}


class ModelSpec(_Strict):
    """A language model as `afya.models` knows it, with its settings and how long its replies may be (tokens)."""

    model: str
    options: dict[str, object] = {}
    max_tokens: int = Field(default=2048, ge=16)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)


class Verify(_Strict):
    """What is done with a revised text: the integrity checks, and whether the critic judges it once more."""

    checks: bool = True
    critique: bool = False


class WorkflowRecipe(_Strict):
    """Which stages there are and how they are done. Every stage may be left out.

    `draft`: the engine of the first draft (None: the translator that is given). `second_draft`: the engine that starts
    anew where the first attempt was not good enough; `retries` says how often. `hints`: whether glossary terms are
    spotted and told to the engine, the critic and the reviser. `rounds` of critique and revision; `tries` for one reply
    that is malformed. A finding of at least `revise_at` is given to the reviser, one of at least `review_at` that is
    still there in the end sends the text to people. `prompt_language`: in which language the models are told what to
    do. `seed` is the models' and part of the ids of the prompts.
    """

    name: str = "workflow"
    prompt_language: str = "en"
    draft: EngineSpec | None = None
    second_draft: EngineSpec | None = None
    hints: bool = True
    critic: ModelSpec | None = None
    reviser: ModelSpec | None = None
    rounds: int = Field(default=1, ge=0, le=5)
    tries: int = Field(default=3, ge=1, le=10)
    revise_at: Severity = "minor"
    review_at: Severity = "major"
    verify: Verify = Verify()
    retries: int = Field(default=0, ge=0, le=3)
    seed: int = 0

    @model_validator(mode="after")
    def _stages_fit(self) -> WorkflowRecipe:
        if self.reviser is not None and self.critic is None and not self.verify.checks:
            raise ValueError("a reviser needs a critic or checks, which tell it what to mend")
        if self.verify.critique and self.critic is None:
            raise ValueError("verify.critique needs a critic")
        if self.rounds == 0 and (self.reviser is not None or (self.critic is not None and not self.verify.critique)):
            raise ValueError("with rounds: 0 neither critic nor reviser is ever asked")
        return self

    @property
    def revise_rank(self) -> int:
        """The severity from which a finding is given to the reviser: 1 for minor to 3 for critical."""
        return SEVERITIES.index(self.revise_at) + 1

    @property
    def review_rank(self) -> int:
        """The severity from which a finding that remains sends a text to people."""
        return SEVERITIES.index(self.review_at) + 1


def read_recipe(path: Path) -> WorkflowRecipe:
    """The recipe in a YAML file. Raises ConfigError naming every wrong key."""
    return read_model(path, WorkflowRecipe)

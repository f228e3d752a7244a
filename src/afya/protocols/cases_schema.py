"""The shape of a practice-case file (protocols/cases/)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = bool | int | float | str


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SharesFile(_Strict):
    """How the cases are divided: `test` and `dev` of every `of`."""

    test: int = Field(ge=1)
    dev: int = Field(ge=0)
    of: int = Field(ge=2)


class SignsFile(_Strict):
    """A group of findings that come together, and the sentences that tell them."""

    weight: float = Field(gt=0)
    set: dict[str, Scalar]
    say: list[str]


class KindFile(_Strict):
    """One kind of question."""

    weight: float = Field(gt=0)
    answer: Literal["classification", "derived", "dose", "follow_up", "danger_sign"]
    section: str | None = None
    sections: list[str] = []
    tables: list[str] = []
    medicine: str | None = None
    use: list[str] = []
    set: dict[str, Scalar] = {}
    draw: dict[str, list[int] | dict[str, float]]
    signs: list[SignsFile] = []
    say: list[str] = []
    close: str | None = None
    ask: str
    targets: list[str] = []
    options: list[str] = []
    normal: dict[str, list[str]] = {}


class CasesFile(_Strict):
    """A practice-case file."""

    protocol: str
    shares: SharesFile
    near: float = Field(ge=0, le=1)
    span: int = Field(ge=1)
    say_as: dict[str, str]
    dose_days: list[int]
    looked_at: list[str] = []
    at_odds: list[list[str]] = []
    groups: dict[str, dict[str, Scalar]] = {}
    kinds: dict[str, KindFile] = Field(min_length=1)

"""What a pack's header must hold; apart from the loader so that pydantic is imported only when a pack is read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator


class PackHeader(BaseModel):
    """pack.yaml: whose language this is, who wrote it, who has reviewed it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    code: str
    name: str
    endonym: str
    region: str | None = None
    origin: Literal["human", "machine"]
    reviewed: bool
    reviewers: list[str]

    @model_validator(mode="after")
    def _reviewed_by_somebody(self) -> PackHeader:
        if self.reviewed and not self.reviewers:
            raise ValueError("reviewed is true, but no reviewer is named")
        return self

"""What every part of a recipe shares: strict keys, and the kinds of values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Strict(BaseModel):
    """A part of a recipe: an unknown key is refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

"""Which English line of TICO-19 a translation belongs to, where the published file has them out of line.

Two of its languages hold translations of other sentences in places (tico19_alignment.yaml). Put beside the English of
their own line they would be wrong pairs, so they are moved to the line they translate, or left out.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from afya.datafiles import read_model


class Stretch(BaseModel):
    """Lines that are out of line: see the head of tico19_alignment.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]
    by: Annotated[int, Field(gt=0)] | None = None
    holds: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]


class Alignments(RootModel[dict[str, tuple[Stretch, ...]]]):
    """tico19_alignment.yaml, by language."""


class Aligner:
    """Puts the translations of one file in line; it must be asked for each language's lines in order."""

    def __init__(self) -> None:
        self._met: set[tuple[str, int]] = set()

    def line_of(self, lang: str, line: int, text: str) -> int | None:
        """The line (from 0) whose translation `text`, which stands at `line`, is; None where it is no line's."""
        taken = False
        for stretch in _alignments().get(lang, ()):
            key = (lang, stretch.first)
            if line == stretch.first and _digest(text).startswith(stretch.holds):
                self._met.add(key)
            if key not in self._met:
                continue
            if stretch.first <= line <= stretch.last:
                return None if stretch.by is None else line + stretch.by
            # Behind a stretch that was moved on, its last lines take the place of what stands there.
            taken = taken or stretch.last < line <= stretch.last + (stretch.by or 0)
        return None if taken else line


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _alignments() -> dict[str, tuple[Stretch, ...]]:
    return read_model(Path(str(files("afya"))) / "sources" / "tico19_alignment.yaml", Alignments).root

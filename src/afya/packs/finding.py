"""One fault of a pack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a pack. `code` is stable; an error makes the pack unusable for what needs the text."""

    level: Literal["error", "warning"]
    code: str
    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}"

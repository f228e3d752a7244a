"""Under which licence a translation model stands: its card's word, or what is known of its family (licences.yaml)."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from afya.datafiles import read_model

_CARD = "README.md"


class FamilyLicence(BaseModel):
    """The licence of a family's models whose names match `name`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    name: str
    licence: str
    source: str
    reviewed: bool


class Licences(BaseModel):
    """The content of licences.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: tuple[FamilyLicence, ...]
    cards: dict[str, str]


@cache
def _table() -> Licences:
    with as_file(files("afya.translation") / "licences.yaml") as path:
        return read_model(path, Licences)


def licence_of(folder: Path, family: str, name: str) -> tuple[str | None, bool | None]:
    """(SPDX identifier, whether non-commercial) of the model in a folder; (None, None) where nothing is known."""
    table = _table()
    known = next(
        (row.licence for row in table.families if row.family == family and re.search(row.name, name, re.IGNORECASE)),
        None,
    )
    told = _card_licence(folder / _CARD)
    stated = table.cards.get(told.lower(), told) if told else None
    if known is not None and is_non_commercial(known) and not (stated and is_non_commercial(stated)):
        return known, True
    licence = stated or known
    return licence, None if licence is None else is_non_commercial(licence)


def is_non_commercial(licence: str) -> bool:
    """Whether a licence's identifier says NC: not for commercial use."""
    return "NC" in re.split(r"[^A-Z0-9]+", licence.upper())


def _card_licence(card: Path) -> str | None:
    """The `license` of a card's YAML header; None without a card, a header or a definite licence."""
    import yaml

    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    header = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", text, re.DOTALL)
    if header is None:
        return None
    try:
        content: Any = yaml.safe_load(header[1])
    except yaml.YAMLError:
        return None
    told = content.get("license") if isinstance(content, dict) else None
    return told if isinstance(told, str) and told.lower() not in ("other", "unknown", "") else None

"""A pack's own short passages: Markdown with front matter, in sections, for the knowledge index and for the linter.

---
title: Oral rehydration at home
topic: diarrhoea
source: "document the facts rest on"
page: "p. 12; section 3"
licence: Apache-2.0
audience: family
reviewed: false
---
## How to mix ORS
Text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import validate
from afya.errors import ConfigError

_FRONT = regex.compile(r"\A---\n(.*?)\n---\n(.*)\Z", regex.DOTALL)
_NOTE = regex.compile(r"<!--.*?-->", regex.DOTALL)


class PassageHeader(BaseModel):
    """The front matter. `licence` is that of the text itself; `source` and `page` say where its facts are from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    topic: str = Field(min_length=1)
    source: str = Field(min_length=1)
    page: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    audience: Literal["family", "health_worker", "anyone"]
    reviewed: bool
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the text beneath it."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class PackPassage:
    """One file of kb/."""

    name: str
    path: Path
    header: PassageHeader
    sections: tuple[Section, ...]


def read_passage(path: Path) -> PackPassage:
    """The passage in a file. Raises ConfigError naming the file and the key that is missing or wrong."""
    import yaml

    try:
        raw = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).", hint="Save it as UTF-8.") from None
    found = _FRONT.match(raw)
    if found is None:
        raise ConfigError(
            f"{path}: the front matter is missing.",
            hint="Begin with a line ---, then title, topic, source, page, licence, audience, reviewed, then --- again.",
        )
    try:
        front = yaml.load(found[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: the front matter is not YAML ({error}).") from None
    header = validate(front, PassageHeader, str(path))
    sections = _sections(_NOTE.sub("", found[2]))
    if not sections:
        raise ConfigError(f"{path}: there is no section.", hint="Put each point under a line that begins with '## '.")
    for section in sections:
        if not section.heading or not section.text:
            raise ConfigError(f"{path}: the section '{section.heading}' has no heading or no text.")
    return PackPassage(path.stem, path, header, sections)


def _sections(body: str) -> tuple[Section, ...]:
    before, *parts = regex.split(r"^## *", body, flags=regex.MULTILINE)
    if not parts:
        return ()
    sections = [Section("", before.strip())] if before.strip() else []
    for part in parts:
        heading, _, text = part.partition("\n")
        sections.append(Section(heading.strip(), text.strip()))
    return tuple(sections)

"""The language registry: what afya knows about a language before reading a word of it.

The facts are in languages.yaml beside this file. Adding a language is adding an entry there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Literal, cast

from afya.datafiles import read_yaml
from afya.errors import ConfigError

Tier = Literal["high", "low"]
Direction = Literal["ltr", "rtl"]


@dataclass(frozen=True)
class Language:
    """One language. `flores` is also its NLLB-200 code; `digits` its script's own digits 0-9 or None."""

    code: str
    name: str
    endonym: str
    script: str
    direction: Direction
    tier: Tier
    flores: str
    iso639_3: str
    digits: str | None
    core: bool

    @property
    def spaced(self) -> bool:
        """Whether the script puts spaces between words."""
        return self.script not in ("Hans", "Hant", "Jpan", "Thai", "Khmr", "Laoo", "Mymr")


@cache
def registry() -> dict[str, Language]:
    """Every known language by its code, in the registry's order."""
    with as_file(files("afya") / "languages.yaml") as path:
        rows = cast(list[dict[str, object]], read_yaml(path))
    known = {str(row["code"]): Language(**row) for row in rows}  # type: ignore[arg-type]
    if len(known) != len(rows):
        raise ConfigError("languages.yaml: a code appears twice.")
    return known


def language(code: str) -> Language:
    """The language with this code. Raises ConfigError listing the nearest known codes."""
    known = registry()
    found = known.get(code)
    if found is None:
        import difflib

        near = difflib.get_close_matches(code.lower(), known, n=3, cutoff=0.5)
        by_name = [
            entry.code for entry in known.values() if code.lower() in (entry.name.lower(), entry.endonym.lower())
        ]
        hint = ", ".join(dict.fromkeys(by_name + near)) or ", ".join(core_codes())
        raise ConfigError(f"Unknown language code '{code}'.", hint=f"Did you mean one of: {hint}?")
    return found


def core_codes() -> tuple[str, ...]:
    """The codes of afya's twelve languages, high-resource first."""
    return tuple(entry.code for entry in registry().values() if entry.core)


def parse_codes(text: str) -> tuple[str, ...]:
    """Codes from a comma-separated option; 'all' means the twelve. Raises ConfigError for an unknown one."""
    if text.strip() == "all":
        return core_codes()
    codes = [code.strip() for code in text.split(",") if code.strip()]
    if not codes:
        raise ConfigError("No language was given.", hint="Write codes such as: sw,yo,zu; or: all")
    return tuple(dict.fromkeys(language(code).code for code in codes))


@cache
def by_foreign_code() -> dict[str, str]:
    """Our code for FLORES-200 codes ('swh_Latn') and ISO 639-3 codes ('swh')."""
    mapping: dict[str, str] = {}
    for entry in registry().values():
        mapping[entry.flores] = entry.code
        mapping[entry.iso639_3] = entry.code
    return mapping

"""What a pack's files hold, from what they parse to: texts, wordings, lists of phrases, tests.

A text that is empty ("" or []) is not there: a translator has not written it yet, and the linter says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from afya.datafiles import validate
from afya.errors import ConfigError

if TYPE_CHECKING:
    from afya.packs.schema import PackTest


def wordings(content: Mapping[str, object], path: Path) -> Mapping[str, tuple[str, ...]]:
    """One or more wordings of each text; a text that is still empty is none."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in flatten(content):
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        found[key] = (value.strip(),) if isinstance(value, str) else strings(value, path, key)
    return MappingProxyType({key: value for key, value in found.items() if value})


def messages(content: Mapping[str, object], path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in flatten(content):
        if value is None or value == "":
            continue  # not yet translated: the linter says so, and using it is an error
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{path}: '{key}' must be one text, found {value!r}.", hint='Put it in "quotes".')
        texts[key] = value.strip()
    return texts


def flatten(content: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flatten(value, f"{name}.")
        else:
            yield name, value


def phrases(content: object, path: Path, group: str) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: '{group}' must hold keys with lists of phrases.")
    listed = {str(key): strings(value, path, f"{group}.{key}") for key, value in content.items()}
    return MappingProxyType({key: phrases for key, phrases in listed.items() if phrases})


def strings(value: object, path: Path, key: str) -> tuple[str, ...]:
    """A list of texts; one that is still empty holds none."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ConfigError(f"{path}: '{key}' must be a list of texts.")
    for entry in value:
        if not isinstance(entry, str) or not entry.strip():
            raise ConfigError(f"{path}: '{key}' holds {entry!r}, which is not a text.", hint='Put it in "quotes".')
    return tuple(entry.strip() for entry in value)


def filled(value: Any) -> Any:
    """`value` without keys that are empty (null): what is not yet written is as good as absent."""
    if isinstance(value, dict):
        return {key: filled(entry) for key, entry in value.items() if entry is not None}
    return [filled(entry) for entry in value] if isinstance(value, list) else value


def read_tests(path: Path) -> dict[str, PackTest]:
    from afya.packs.schema import PackTest

    found: dict[str, PackTest] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).", hint="Save it as UTF-8.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: not JSON ({error}).") from None
        if isinstance(content, dict) and content.get("text") == "":
            continue
        test = validate(content, PackTest, f"{path}, line {number}")
        if test.id in found:
            raise ConfigError(f"{path}, line {number}: the id '{test.id}' is used twice.")
        found[test.id] = test
    return found

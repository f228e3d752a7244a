"""Reading a pack's files: layers of a regional pack laid over one another, parsed YAML kept by content.

Parsing YAML costs most of a pack's loading. What a file parses to is therefore kept as JSON in the user's cache folder
($AFYA_CACHE/packs), named by the hash of the file's bytes and with a hash of its own; a file that was changed has
another name, a damaged one is parsed anew. Deleting the folder costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from afya.datafiles import read_yaml
from afya.errors import ConfigError

# Raised when what is kept changes its form.
_FORM = "1"


def cache_folder() -> Path:
    """Where parsed files are kept: $AFYA_CACHE/packs, else afya/packs in the user's cache folder (XDG)."""
    told = os.environ.get("AFYA_CACHE")
    if told:
        return Path(told).expanduser() / "packs"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "afya" / "packs"


def parsed(path: Path) -> object:
    """The content of a YAML file. Raises ConfigError when it cannot be read or is no YAML; the line is named."""
    try:
        raw = path.read_bytes()
    except OSError:
        return read_yaml(path)  # says what is wrong
    kept = cache_folder() / f"{_digest(_FORM.encode() + raw)}.json"
    try:
        found = json.loads(kept.read_bytes())
        text = found["content"]
        if found["sha256"] == _digest(text.encode()):
            return json.loads(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Absent or damaged: the file itself is read.
        pass
    content = read_yaml(path)
    _keep(kept, content)
    return content


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _keep(kept: Path, content: object) -> None:
    """Write what was parsed, whole or not at all. A cache that cannot be written is none."""
    try:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        # A key that is a number would come back as a text.
        if json.loads(text) != content:
            return
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"sha256": _digest(text.encode()), "content": text}), encoding="utf-8")
        temporary.replace(kept)
    except (OSError, TypeError, ValueError):
        return


def mapping(path: Path) -> dict[str, object]:
    """A file of keys; an empty file holds none. Raises ConfigError for anything else and for keys that are no text."""
    content = parsed(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected keys with texts, found {type(content).__name__}.")
    _text_keys(content, path, "")
    return content


def _text_keys(content: Mapping[object, object], path: Path, above: str) -> None:
    for key, value in content.items():
        if not isinstance(key, str):
            raise ConfigError(f"{path}: the key {above}{key!r} is not a word.", hint='Put it in "quotes".')
        if isinstance(value, dict):
            _text_keys(value, path, f"{above}{key}.")


def layered(folders: tuple[Path, ...], name: str) -> dict[str, object]:
    """The file `name` of several folders, earlier ones laid over later ones key by key; {} where none has it.

    A list is replaced as a whole by the layer above, save that entries of lists of rows are told apart by their
    `here`, `id`, `en`, `phrase`, `topic` or `number`: the layer's row replaces the one it names, others are added.
    """
    found: dict[str, object] = {}
    for folder in reversed(folders):
        path = folder / name
        if path.is_file():
            found = _over(mapping(path), found)
    return found


_NAMES = ("id", "number", "en", "here", "phrase", "topic")


def _over(above: Mapping[str, object], below: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merged[key] = _over(value, old)
        elif isinstance(value, list) and isinstance(old, list) and _rows(value) and _rows(old):
            rows = {_name(row): row for row in old}
            rows.update({_name(row): row for row in value})
            merged[key] = list(rows.values())
        else:
            merged[key] = value
    return merged


def _rows(value: list[object]) -> bool:
    return all(isinstance(row, dict) for row in value)


def _name(row: object) -> str:
    assert isinstance(row, dict)
    for key in _NAMES:
        if row.get(key):
            return json.dumps([key, row[key]], ensure_ascii=False, sort_keys=True)
    return json.dumps(row, ensure_ascii=False, sort_keys=True, default=str)

"""Fingerprints of what shapes an answer beside the message: afya itself, packs, protocols, knowledge, engines.

They stand in every turn's first event, so that a replay that differs can say what changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import afya
from afya.errors import AfyaError
from afya.packs.places import roots
from afya.runs import sha256_path, sha256_text

if TYPE_CHECKING:
    from afya.assistant.resources import Resources

Engine = TypeVar("Engine")

# The rooms whose code decides in a turn.
_ROOMS = ("assistant", "protocols", "packs", "text")


def fingerprints(kit: Resources) -> dict[str, str | None]:
    """SHA-256 by name: code, rules (protocols, formulary, triage), pack, other_packs, knowledge (None: there is none).

    `pack` is the chosen language's, with the base that it is laid over; `other_packs` are looked into as well when a
    message is in another language.
    """
    own = set(kit.chosen.pack.folders)
    read = {folder.name for folder in own}
    # The first folder of a name hides those of later roots.
    others = {
        place.parent.name: place.parent for root in reversed(roots(kit.packs)) for place in root.glob("*/pack.yaml")
    }
    return {
        "code": _code(),
        "rules": _rules(),
        "pack": _folders(own),
        "other_packs": _folders(folder for name, folder in others.items() if name not in read),
        "knowledge": None if kit.knowledge is None else kit.knowledge.fingerprint,
    }


def engines_of(kit: Resources | None) -> dict[str, Any]:
    """What a replay must know of the engines to stand in for them, as JSON values; None for one that there is not.

    An engine that does not even say what it is (it could not be started) is told with its error.
    """
    told: dict[str, Any] = {"model": None, "translator": None}
    if kit is not None and kit.model is not None:
        told["model"] = _told(kit.model, lambda model: {"identity": asdict(model.identity)})
    if kit is not None and kit.translator is not None:
        told["translator"] = _told(
            kit.translator,
            lambda translator: {
                "identity": asdict(translator.identity),
                "pairs": sorted(map(list, translator.pairs())),
                "uses_hints": translator.uses_hints,
            },
        )
    return told


def engine_fingerprints(engines: Mapping[str, Any]) -> dict[str, str | None]:
    """SHA-256 of the model and the translator, None for one that there is not or that cannot be asked."""
    return {
        name: None if told is None or "identity" not in told else told["identity"]["sha256"]
        for name, told in engines.items()
    }


def _told(engine: Engine, tell: Callable[[Engine], dict[str, Any]]) -> dict[str, Any]:
    try:
        return tell(engine)
    except AfyaError as error:
        return {"error": error.message}


def _folders(folders: Iterable[Path]) -> str:
    return sha256_text("\n".join(sorted(f"{folder.name}\0{sha256_path(folder)}" for folder in folders)))


@cache
def _code() -> str:
    """Of afya's version and the code of the rooms that decide."""
    root = Path(str(files("afya")))
    found = (file for room in _ROOMS for file in (root / room).rglob("*.py") if "evaluation" not in file.parts)
    return _of(root, found, afya.__version__)


@cache
def _rules() -> str:
    """Of the data that decides and belongs to no pack: protocol tables, triage, bounds, words of the text room."""
    root = Path(str(files("afya")))
    found = (
        file
        for room in ("assistant", "protocols", "text")
        for file in (root / room).rglob("*.yaml")
        if "evaluation" not in file.parts
    )
    return _of(root, found, "")


def _of(root: Path, found: Iterable[Path], beginning: str) -> str:
    digest = hashlib.sha256(beginning.encode())
    for file in sorted(found):
        digest.update(
            f"{file.relative_to(root).as_posix()}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()

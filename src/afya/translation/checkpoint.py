"""Where a translation model's files are and in which of two layouts: Hugging Face's, or CTranslate2's.

A name is a folder, or a hub repository "owner/name", which is asked only when no such folder exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afya.errors import EngineError
from afya.models.folders import HUB_FILES, check_folder, folder_sha256
from afya.models.hub import is_hub_name, locate
from afya.runs import read_json

_CONVERTED_FILES = ("model.bin", "*vocabulary.*")
_SHAPING = (*HUB_FILES, *_CONVERTED_FILES)
_CARD = "README.md"


@dataclass(frozen=True)
class Checkpoint:
    """A model's folder: `converted` means CTranslate2's layout, `name` is what people call it, `sha256` hashes it."""

    folder: Path
    name: str
    converted: bool
    sha256: str

    def config(self) -> dict[str, Any]:
        """config.json, {} where there is none (old CTranslate2 folders). Raises DataError for one that is not JSON."""
        path = self.folder / "config.json"
        content = read_json(path) if path.is_file() else {}
        if not isinstance(content, dict):
            raise EngineError(f"{path}: a JSON object was expected.")
        return content


def find_checkpoint(name: str, revision: str | None = None) -> Checkpoint:
    """The model with this name. Raises EngineError naming the file that is missing or the format that is not read."""
    try:
        folder = locate(name, files=(*_SHAPING, _CARD), revision=revision, check=_check)
    except EngineError as error:
        if is_hub_name(name) and "pickle" in error.message:
            raise EngineError(
                error.message,
                hint="The hub often keeps a conversion to safetensors as a pull request of the repository: name it "
                "with the option revision, such as revision=refs/pr/1.",
            ) from error
        raise
    short = name.rpartition("/")[2] if is_hub_name(name) else Path(name).expanduser().resolve().name
    return Checkpoint(folder, short, is_converted(folder), folder_sha256(folder, _SHAPING))


def is_converted(folder: Path) -> bool:
    """Whether a folder holds a CTranslate2 model."""
    return (folder / "model.bin").is_file() and any(folder.glob("*vocabulary.*"))


def _check(folder: Path) -> None:
    if is_converted(folder):
        return
    if folder.is_dir() and (folder / "model.bin").is_file():
        raise EngineError(
            f"{folder}: shared_vocabulary.json is missing beside model.bin (or source_ and target_vocabulary.json).",
            hint="Copy the whole converted folder again.",
        )
    inside = [one.parent for one in sorted(folder.glob("*/config.json")) + sorted(folder.glob("*/model.bin"))]
    if folder.is_dir() and not (folder / "config.json").is_file() and inside:
        raise EngineError(f"{folder}: the model lies in a folder of it.", hint=f"Name {inside[0]}.")
    check_folder(folder)

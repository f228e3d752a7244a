"""A folder that is written whole or not at all: checkpoints, models, exports."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from afya.errors import RunError


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; renamed to `path` when the block ends well. An existing `path` is replaced.

    Every file and the folder are flushed to the disk before the rename: after a crash `path` is absent, old, or whole.

    Raises:
        RunError: the disk is full or the folder cannot be written; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        for child in [*temporary.rglob("*"), temporary]:
            if child.is_file():
                # safetensors lets only the owner read its files; whoever may open the folder may read these too.
                child.chmod(temporary.stat().st_mode & 0o666)
            _flush(child)
        if path.exists():
            # A folder cannot be renamed onto a full one. Between the two renames there is none for a moment: whoever
            # is killed there writes it again, since nothing says that it was finished.
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
        _flush(path.parent)
    except Exception as error:
        reason = _of_the_system(error)
        if reason is None:
            raise
        raise RunError(
            f"{path}: cannot be written ({reason}).",
            hint="Free space or choose another folder, then run the same command again; it goes on from the last "
            "whole checkpoint.",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _of_the_system(error: Exception) -> str | None:
    """What the system said, where it is its error; safetensors tells it in the text of an error of its own."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    found = re.search(r"\(os error (\d+)\)", str(error))
    return None if found is None else os.strerror(int(found[1]))


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

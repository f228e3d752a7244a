"""A local model's folder by its name: a path, or a hub repository that is fetched (or found in the hub's cache)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from afya.errors import EngineError, require
from afya.models.folders import HUB_FILES, check_folder

_offline_by_user = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


def is_hub_name(name: str) -> bool:
    """Whether a model's name means a hub repository: "owner/name", and no such path here."""
    return not Path(name).exists() and name.count("/") == 1 and not name.startswith((".", "/", "~"))


def locate(
    name: str,
    *,
    files: Sequence[str] = HUB_FILES,
    revision: str | None = None,
    check: Callable[[Path], None] = check_folder,
) -> Path:
    """The folder of a model named by path or hub name, whole and in a format that is read.

    A hub name is fetched (or found in the hub's cache); a path never touches the network. Of a hub repository come the
    `files` at a `revision` (None: the newest); `check` refuses a folder that is not whole.

    Raises:
        EngineError: the model is gated, does not exist, cannot be reached, or `check` refuses it.
    """
    require("transformers", "local", "Running a local model")
    if is_hub_name(name):
        allow_network(True)
        folder = _fetched(name, files, revision)
    else:
        allow_network(False)
        folder = Path(name).expanduser()
    check(folder)
    return folder


def in_hub_cache(name: str) -> Path | None:
    """A hub model that was fetched before; nothing is fetched for a name that only a file mentions."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


def _fetched(name: str, files: Sequence[str], revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(files)))
    except GatedRepoError as error:
        raise EngineError(
            f"The model '{name}' is gated: its owner gives it to accounts that accepted its terms.",
            hint=f"Accept them on the page of {name}, then log in here: hf auth login (or set HF_TOKEN).",
        ) from error
    except RevisionNotFoundError as error:
        raise EngineError(f"The model '{name}' has no revision '{revision}' on the hub.") from error
    except RepositoryNotFoundError as error:
        raise EngineError(
            f"The hub has no model '{name}', or it is private.",
            hint="Check the spelling, or log in here: hf auth login (or set HF_TOKEN). A local folder is found by its "
            "path alone.",
        ) from error
    except LocalEntryNotFoundError as error:
        raise EngineError(
            f"The model '{name}' was never fetched, and the hub cannot be reached"
            + (" (HF_HUB_OFFLINE is set)." if _offline_by_user else "."),
            hint="Check the connection, or give a local folder.",
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise EngineError(
            f"The model '{name}' could not be fetched: {type(error).__name__}.",
            hint="Check the name, the connection and the room on the disk, or give a local folder.",
        ) from error


def allow_network(allowed: bool) -> None:
    """Let the hub library reach the network only for a model that the user named as remote."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if _offline_by_user:
        return
    os.environ["HF_HUB_OFFLINE"] = "0" if allowed else "1"
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = not allowed

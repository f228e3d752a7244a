"""Giving a stage's model away: its folder copied whole or not at all, a section in its card, an upload to a hub."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, EngineError, RunError, require
from afya.models.hub import allow_network
from afya.runs import read_json, write_text
from afya.training.atomic import atomic_folder
from afya.training.card import PROOF_TITLE, with_section

UNPROVED = f"""{PROOF_TITLE}

This model was published without a proof: what it gained or lost in any language was not measured.
"""
_ABSOLUTE = re.compile(r"^base_model: (/\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Published:
    """What was published: the stage, where, what became worse (only without the guard), and what to know of it."""

    stage: str
    folder: Path
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def finished_stage(run: Path, names: Sequence[str], chosen: str | None) -> str:
    """The stage to publish: `chosen`, or the last that is finished.

    Raises:
        ConfigError: the run has no such stage. RunError: it is not finished.
    """
    done = [name for name in names if (run / "parts" / f"{name}.json").is_file() and (run / name).is_dir()]
    if chosen is None and not done:
        raise RunError(f"{run}: no stage is finished.", hint="Start the same 'afya train' command again.")
    stage = chosen or done[-1]
    if stage not in names:
        raise ConfigError(f"{run} has no stage '{stage}'.", hint=f"It has: {', '.join(names)}.")
    if stage not in done:
        raise RunError(
            f"{run}: stage '{stage}' is not finished.", hint="Start the same 'afya train' command again to finish it."
        )
    return stage


def refuse_filled(to: Path) -> None:
    """Raise RunError where `to` holds something."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RunError(f"{to} is not empty.", hint="Choose a new folder, or remove this one.")


def give(place: Path, to: Path, title: str, section: str | None) -> None:
    """Copy the model folder `place` to the new folder `to`, with `section` in its card (None: the card as it is).

    Args:
        title: the card's first line, where the folder has no card.
    """
    with atomic_folder(to) as folder:
        for child in sorted(place.iterdir()):
            if not child.name.startswith("."):
                copy: Any = shutil.copytree if child.is_dir() else shutil.copyfile
                copy(child, folder / child.name)
        card = folder / "README.md"
        text = card.read_text(encoding="utf-8") if card.is_file() else f"# {title}\n"
        base = _ABSOLUTE.search(text)
        if base is not None:  # a place on somebody's disk means nothing to a reader
            text = text.replace(base[1], Path(base[1]).name)
        write_text(card, text if section is None else with_section(text, PROOF_TITLE, section))


def notes_on(folder: Path) -> list[str]:
    """What whoever publishes the folder should know."""
    if not (folder / "adapter_config.json").is_file():
        return []
    base = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    return [f"These are adapters of {base}; whoever uses them needs that model. afya train export merges them."]


def upload(folder: Path, repository: str, *, public: bool = False) -> str:
    """Upload a published folder to a model hub, at the address that HF_ENDPOINT names (by default huggingface.co), with
    the token that the hub's own tools keep; returns the commit's address.

    Raises:
        ConfigError: no OWNER/NAME. EngineError: the hub refused or did not answer; the folder stands as it is.
        MissingDependencyError: huggingface_hub is not installed.
    """
    require("huggingface_hub", "train", "Uploading to a hub")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ConfigError(f"'{repository}' is no repository.", hint="Write OWNER/NAME.")
    from huggingface_hub import HfApi

    allow_network(True)
    api = HfApi()
    try:
        api.create_repo(repository, private=not public, exist_ok=True)
        done = api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Model and card")
    except Exception as error:  # the hub's errors, and whatever its transport raises when nobody answers
        first = str(error).strip().partition("\n")[0]
        raise EngineError(
            f"{repository}: the upload failed ({type(error).__name__}: {first}).",
            hint=f"Log in (hf auth login) and check the name. The folder {folder} stands; it can be uploaded again.",
        ) from error
    finally:
        allow_network(False)
    return str(done.commit_url)

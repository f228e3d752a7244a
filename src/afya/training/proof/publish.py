"""Publishing a stage of a run: its folder copied, with the proof in its card; refused where something became worse."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, EngineError, RunError, require
from afya.models.hub import allow_network
from afya.models.load import identify
from afya.runs import read_json, write_text
from afya.training.atomic import atomic_folder
from afya.training.card import PROOF_TITLE, with_section
from afya.training.proof.findings import Flag
from afya.training.proof.guard import proof_of, refuse
from afya.training.proof.held_out import FOLDER
from afya.training.proof.proof_card import proof_section
from afya.training.proof.proving import PROOF, findings_of, recipe_of
from afya.training.recipe import Recipe

_UNPROVED = f"""{PROOF_TITLE}

This model was published without a proof: what it gained or lost in any language was not measured.
"""
_ABSOLUTE = re.compile(r"^base_model: (/\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Published:
    """What was published: the stage, where, what became worse (only without the guard), and what to know of it."""

    stage: str
    folder: Path
    flags: tuple[Flag, ...] = ()
    notes: tuple[str, ...] = ()


def publish(
    run: Path, to: Path, *, stage: str | None = None, exported: Path | None = None, guard: bool = True
) -> Published:
    """Copy a stage's model folder to the new folder `to`, whole or not at all, its card completed by the proof.

    Args:
        stage: by default the last one that is finished.
        exported: an export of the stage (see `afya train export`) to publish instead of the stage's own folder.
        guard: refuse a stage that made a language significantly worse, and one that nobody measured.

    Raises:
        GuardError: a language became worse; every one is named. ConfigError: no such stage, or it was not measured.
        RunError: `to` is not empty, or the model is not the one that was measured.
    """
    run, to = Path(run), Path(to).expanduser()
    recipe = recipe_of(run)
    chosen = stage or _last(run, recipe)
    source = _source(run, recipe, chosen)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RunError(f"{to} is not empty.", hint="Choose a new folder, or remove this one.")
    flags: list[Flag] = []
    section = _UNPROVED
    if guard or (run / FOLDER / PROOF).is_file():
        told = proof_of(run)
        if chosen not in told["labels"]:
            raise ConfigError(
                f"Stage '{chosen}' of {run} was not measured.", hint=f"Measure it: afya train prove {run}"
            )
        _check_same(told["models"].get(chosen), source, run)
        flags = [Flag(**row) for row in told["flags"] if row["stage"] == chosen]
        if guard:
            refuse(flags, f"{source} is not published")
        section = proof_section(findings_of(run, recipe), chosen)
    place = source if exported is None else _exported(exported, source)
    with atomic_folder(to) as folder:
        for child in sorted(place.iterdir()):
            if not child.name.startswith("."):
                copy: Any = shutil.copytree if child.is_dir() else shutil.copyfile
                copy(child, folder / child.name)
        card = folder / "README.md"
        text = card.read_text(encoding="utf-8") if card.is_file() else f"# {recipe.name}, {chosen}\n"
        base = _ABSOLUTE.search(text)
        if base is not None:  # a place on somebody's disk means nothing to a reader
            text = text.replace(base[1], Path(base[1]).name)
        write_text(card, with_section(text, PROOF_TITLE, section))
    return Published(chosen, to, tuple(flags), tuple(_notes(to)))


def _last(run: Path, recipe: Recipe) -> str:
    done = [stage.name for stage in recipe.stages if (run / "parts" / f"{stage.name}.json").is_file()]
    if not done:
        raise RunError(f"{run}: no stage is finished.", hint="Start the same 'afya train' command again.")
    return done[-1]


def _source(run: Path, recipe: Recipe, stage: str) -> Path:
    names = [entry.name for entry in recipe.stages]
    if stage not in names:
        raise ConfigError(f"{run} has no stage '{stage}'.", hint=f"It has: {', '.join(names)}.")
    if not (run / stage).is_dir() or not (run / "parts" / f"{stage}.json").is_file():
        raise RunError(
            f"{run}: stage '{stage}' is not finished.", hint="Start the same 'afya train' command again to finish it."
        )
    return run / stage


def _check_same(measured: str | None, source: Path, run: Path) -> None:
    if measured is not None and identify(f"hf:{source}").sha256 != measured:
        raise RunError(
            f"{source} is not the model that was measured: its files have changed since.",
            hint=f"Measure it again: afya train prove {run} --afresh",
        )


def _exported(folder: Path, source: Path) -> Path:
    """The exported folder, when it is one of this stage."""
    if not (folder / "export.json").is_file():
        raise EngineError(f"{folder}: no export.json; this is no export.", hint="Make one: afya train export")
    told = read_json(folder / "export.json").get("source_sha256")
    if told != identify(f"hf:{source}").sha256:
        raise RunError(
            f"{folder} is not an export of {source} as it is now.", hint=f"Export it again: afya train export {source}"
        )
    return folder


def _notes(folder: Path) -> list[str]:
    """What whoever publishes the folder should know."""
    if not (folder / "adapter_config.json").is_file():
        return []
    base = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    return [f"These are adapters of {base}; whoever uses them needs that model. afya train export merges them."]


# Hubs ----------------------------------------------------------------------------------------------------------------


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

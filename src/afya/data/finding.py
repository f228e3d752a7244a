"""What a recipe reads: which of its sources are there, what exactly they hold, and how to get those that are not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afya.data.recipe import Recipe, SourceSpec
from afya.errors import AfyaError, ConfigError, DataError, require
from afya.runs import read_json, sha256_path
from afya.sources import Reading
from afya.sources import source as find_source


@dataclass(frozen=True)
class Found:
    """A source that is there. `inputs` identifies what it holds: a hash for each file, by its name."""

    spec: SourceSpec
    path: Path | None
    inputs: Mapping[str, str]

    @property
    def label(self) -> str:
        return self.spec.label


@dataclass(frozen=True)
class Absent:
    """A source that is not there: why, and how to get it."""

    label: str
    why: str
    how: str


def find_sources(recipe: Recipe, root: Path) -> tuple[list[Found], list[Absent]]:
    """The recipe's sources, in its order, those that are there and those that are not.

    Raises:
        ConfigError: one is missing and the recipe says to stop (all that are missing are named), none is there, or a
            source does not exist by that name or lacks a language that is asked for.
    """
    found: list[Found] = []
    absent: list[Absent] = []
    for spec in recipe.sources:
        try:
            found.append(_find(spec, root))
        except DataError as error:
            absent.append(Absent(spec.label, error.message, _how(spec, error)))
    if absent and (recipe.on_missing == "stop" or not found):
        listed = "\n".join(f"  {entry.label}: {entry.why}\n    {entry.how}" for entry in absent)
        raise ConfigError(
            f"{len(absent)} of the {len(recipe.sources)} sources of '{recipe.name}' cannot be read:\n{listed}",
            hint="Get them, name their folder with --sources, or go on without them with --set on_missing=skip."
            if found
            else "Name the folder that they are in with --sources.",
        )
    return found, absent


def _find(spec: SourceSpec, root: Path) -> Found:
    if spec.synthetic is not None:
        glossary = spec.synthetic.glossary
        if glossary is None:
            return Found(spec, None, {})
        if not (root / glossary).exists():
            raise DataError(f"{root / glossary}: no such glossary.", hint="Make it with 'afya glossary import'.")
        made = spec.synthetic.model_copy(update={"glossary": (root / glossary).resolve()})
        return Found(spec.model_copy(update={"synthetic": made}), None, {str(glossary): sha256_path(root / glossary)})
    if spec.hub is not None:
        return Found(spec, None, _hub_identity(spec, root))
    if spec.dataset is not None:
        folder = root / spec.dataset
        if not (folder / "manifest.json").exists():
            raise DataError(f"{folder}: no finished dataset folder is there.")
        return Found(spec, folder, _dataset_identity(folder))
    name = str(spec.source)
    reading = Reading(find_source(name), root / (spec.path or name), spec.langs, spec.split, columns_of(spec))
    _check_languages(spec, reading.source.languages)
    return Found(spec, reading.path, {reading.name_of(file): sha256_path(file) for file in reading.files})


def _dataset_identity(folder: Path) -> dict[str, str]:
    """The hashes of a dataset folder's files. Raises ConfigError when they are not those of its manifest."""
    told = {str(name): str(digest) for name, digest in sorted(read_json(folder / "manifest.json")["files"].items())}
    for name, digest in told.items():
        if not (folder / name).exists() or sha256_path(folder / name) != digest:
            raise ConfigError(
                f"{folder / name} is not the file that manifest.json names: it was changed, cut off or removed.",
                hint="Copy the folder again, or build it anew.",
            )
    return told


def columns_of(spec: SourceSpec) -> dict[str, str | tuple[str, ...]] | None:
    """The columns to map. Two folders of records get names of their own, so that their ids cannot clash."""
    if spec.columns is None or spec.name in (None, "records") or "name" in spec.columns:
        return spec.columns
    return {**spec.columns, "name": f"={spec.name}"}


def _check_languages(spec: SourceSpec, known: Sequence[str]) -> None:
    lacking = [code for code in spec.langs or () if code not in known]
    if lacking:
        raise ConfigError(f"'{spec.label}' has nothing in {', '.join(lacking)}.", hint=f"It has: {', '.join(known)}.")


def _how(spec: SourceSpec, error: AfyaError) -> str:
    """How to get a source that is not there."""
    if spec.source is None:
        return error.hint or "Check its name."
    entry = find_source(spec.source)
    return f"{entry.title} ({entry.licence}): {entry.url}. It is read from {entry.reads}. Cite: {entry.citation}"


# Hubs -----------------------------------------------------------------------------------------------------------------


def _hub_identity(spec: SourceSpec, root: Path) -> dict[str, str]:
    """What identifies the hub's dataset: the commit, or the hashes of a local folder's files.

    Raises DataError when it cannot be had.
    """
    require("datasets", "hub", f"Reading '{spec.hub}' from a hub")
    local = local_hub(spec, root)
    if local is not None:
        return {"files": sha256_path(local)}
    from huggingface_hub import HfApi

    try:
        told = HfApi().dataset_info(str(spec.hub), revision=spec.revision)
    except Exception as error:
        raise DataError(
            f"{spec.hub}: the hub does not give it ({_first_line(error)}).",
            hint="Check the id, your connection, and whether its terms must be accepted there first.",
        ) from None
    return {"commit": str(told.sha)}


def local_hub(spec: SourceSpec, root: Path) -> Path | None:
    """The local folder that `hub` means, if there is one."""
    folder = root / str(spec.hub)
    return folder if folder.is_dir() else None


def fetch_hub(entry: Found, root: Path, folder: Path) -> Found:
    """The hub's dataset as files in `folder`: the source that reads them. What was fetched before is not fetched again.

    With `source` the files published there; otherwise the rows, as JSON lines that the recipe's columns, or the columns
    of an Item, are read from.
    """
    spec = entry.spec
    local = local_hub(spec, root)
    if spec.source is not None:
        path = local if local is not None else _published_files(spec, entry.inputs["commit"])
        reading = Reading(find_source(spec.source), path, spec.langs, spec.split, columns_of(spec))
        return Found(spec, reading.path, entry.inputs)
    target = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", spec.label)
    done = target / "done.json"
    if not done.exists() or read_json(done) != dict(entry.inputs):
        _fetch_rows(spec, str(local or spec.hub), entry.inputs.get("commit"), target)
        from afya.runs import write_json

        write_json(done, dict(entry.inputs))
    return Found(spec, target, entry.inputs)


def _published_files(spec: SourceSpec, commit: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(spec.hub), repo_type="dataset", revision=commit))
    except Exception as error:
        raise DataError(f"{spec.hub}: its files cannot be fetched ({_first_line(error)}).") from None


def _fetch_rows(spec: SourceSpec, name: str, commit: str | None, target: Path) -> None:
    import json
    import shutil

    from datasets import get_dataset_config_names, load_dataset

    from afya.runs import atomic_path

    shutil.rmtree(target, ignore_errors=True)
    try:
        configs = [spec.config] if spec.config else get_dataset_config_names(name, revision=commit)
        for config in configs:
            splits: Any = load_dataset(name, config, revision=commit, streaming=True)
            chosen = [spec.hub_split] if spec.hub_split else list(splits)
            for split in chosen:
                if split not in splits:
                    raise ConfigError(f"{name}: there is no split '{split}'.", hint=f"It has: {', '.join(splits)}.")
                with atomic_path(target / config / f"{split}.jsonl") as temporary, temporary.open("w") as handle:
                    for row in splits[split]:
                        handle.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    except AfyaError:
        raise
    except Exception as error:
        raise DataError(f"{name}: the rows cannot be loaded ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"

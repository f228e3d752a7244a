"""Checkpoints: everything a stage needs to go on as if it had never stopped, written whole or not at all.

A checkpoint is a folder `step-000200/`: model.safetensors (the weights that learn), optimizer.safetensors,
average.safetensors (where the recipe asks for a moving average), and JSON for the schedule, the counters and the sums.
Random numbers need no state: the generators are set anew at every step, from the seed and the step's number. Tensors
are whole, however many processes made them. It is made under a temporary name, flushed to the disk, and renamed;
checkpoint.json carries what the recipe says and the hash of each file, so that another recipe's is refused, a damaged
one noticed and the one before it taken. No pickle anywhere.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import RunError
from afya.runs import differences, read_json, sha256_path, write_json
from afya.training.atomic import atomic_folder
from afya.training.recipe import RunSettings, StageSettings

if TYPE_CHECKING:
    import torch

    from afya.training.loop.distributed import Crew

WEIGHTS, OPTIMIZER, AVERAGE = "model.safetensors", "optimizer.safetensors", "average.safetensors"

# What can change without changing a single weight, or belongs to other stages.
_OF_NO_CONSEQUENCE = {
    "name",
    "description",
    "threads",
    "keep_checkpoints",
    "trackers",
    "proof",
    "stages",
    "loss_chunk",
    "gradient_checkpointing",
}
_NAME = re.compile(r"^step-(\d{6,})$")
_SEAL = "checkpoint.json"


def identity(recipe: RunSettings, stage: StageSettings) -> dict[str, Any]:
    """What a checkpoint and the run that goes on from it must have in common."""
    return {**recipe.model_dump(mode="json", exclude=_OF_NO_CONSEQUENCE), "stage": stage.model_dump(mode="json")}


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:06d}"


def steps_saved(folder: Path) -> list[int]:
    """Steps with a checkpoint, last first."""
    if not folder.is_dir():
        return []
    found = [int(match[1]) for child in folder.iterdir() if (match := _NAME.match(child.name))]
    return sorted(found, reverse=True)


def seal(folder: Path, described: Mapping[str, Any]) -> None:
    """Write checkpoint.json: `described` and the hash of every file. The last file of a checkpoint."""
    files = {file.relative_to(folder).as_posix(): sha256_path(file) for file in sorted(folder.rglob("*"))}
    write_json(folder / _SEAL, {**described, "files": files})


def fault(folder: Path) -> str | None:
    """What is wrong with a checkpoint, or None when every file is there and has its hash."""
    if not (folder / _SEAL).exists():
        return f"{_SEAL} is missing"
    try:
        files = read_json(folder / _SEAL)["files"]
    except Exception as error:
        return f"{_SEAL} cannot be read ({error})"
    for name, expected in files.items():
        if not (folder / name).exists():
            return f"{name} is missing"
        if sha256_path(folder / name) != expected:
            return f"{name} is damaged"
    return None


def newest(folder: Path, tell: Callable[[str], None], wanted: Mapping[str, Any]) -> Path | None:
    """The newest whole checkpoint, or None. Damaged ones are told and passed over. `wanted` is the run's `identity`.

    Raises:
        RunError: there are checkpoints and every one is damaged, or the newest whole one is another recipe's.
    """
    steps = steps_saved(folder)
    for step in steps:
        path = checkpoint_path(folder, step)
        problem = fault(path)
        if problem is None:
            keys = differences(read_json(path / _SEAL).get("recipe"), wanted)
            if keys:
                raise RunError(
                    f"{path} is a checkpoint of another recipe. What differs: {'; '.join(keys[:8])}.",
                    hint=f"Go on with that recipe, or remove {folder} to start the stage from its beginning.",
                )
            return path
        tell(f"The checkpoint {path} is not used: {problem}.")
    if steps:
        raise RunError(
            f"{folder}: every checkpoint is damaged.", hint=f"Remove {folder} to start the stage from its beginning."
        )
    return None


def prune(folder: Path, keep: int, planned: Callable[[int], bool]) -> None:
    """Remove all but the newest `keep` of the planned checkpoints, and of those between only the newest of all."""
    steps = steps_saved(folder)
    kept = {*steps[:1], *[step for step in steps if planned(step)][:keep]}
    for step in steps:
        if step not in kept:
            shutil.rmtree(checkpoint_path(folder, step), ignore_errors=True)


def write(
    path: Path,
    tensors: Mapping[str, Mapping[str, torch.Tensor]],
    told: Mapping[str, Any],
    described: Mapping[str, Any],
    crew: Crew,
) -> None:
    """Write a checkpoint whole or not at all. All processes call it; the leader writes.

    Args:
        tensors: the tensors of each file, spread over the processes or not; they are brought together file by file.
        told: the content of each JSON file.
        described: what checkpoint.json shall say.

    Raises:
        RunError: the disk is full or cannot be written; nothing is left behind.
    """
    from safetensors.torch import save_file

    from afya.training.loop.sharding import gathered

    with ExitStack() as opened:
        with crew.together():
            folder = opened.enter_context(atomic_folder(path)) if crew.leads else None
        for name, parts in tensors.items():
            whole = gathered(parts, crew)
            with crew.together():
                if folder is not None:
                    save_file(whole, folder / name)
        with crew.together():
            if folder is not None:
                for name, content in told.items():
                    write_json(folder / name, content)
                seal(folder, described)
                # Only a checkpoint that has its name counts, so the others wait for that too.
                opened.close()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The tensors of the optimiser's state, named `parameter number.key`."""
    import torch

    return {
        f"{number}.{key}": value
        for number, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
        if isinstance(value, torch.Tensor)
    }


def optimizer_groups(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The settings of the optimiser's groups."""
    groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
    return groups


def load_optimizer(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put the state in a checkpoint into `optimizer`, spread as its weights are."""
    from safetensors import safe_open

    from afya.training.loop.sharding import spread_as

    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    entries: dict[int, dict[str, torch.Tensor]] = {}
    with safe_open(folder / OPTIMIZER, "pt") as file:
        for name in file.keys():  # noqa: SIM118 (no mapping, it has only this method)
            number, _, key = name.partition(".")
            tensor, weight = file.get_tensor(name), weights[int(number)]
            whole = tensor.shape == weight.shape
            entries.setdefault(int(number), {})[key] = spread_as(tensor, weight) if whole else tensor
    optimizer.load_state_dict({"state": entries, "param_groups": read_json(folder / "optimizer.json")})


def load_weights(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Put a checkpoint's weights into `weights`, spread as they are.

    Raises:
        RunError: the checkpoint has other weights.
    """
    from safetensors import safe_open

    from afya.training.loop.sharding import put

    with safe_open(folder / WEIGHTS, "pt") as file:
        strange = sorted(set(file.keys()) ^ set(weights))
        if strange:
            raise RunError(
                f"{folder} and the model do not learn in the same weights; they differ in {len(strange)}, such as "
                f"{strange[0]}.",
                hint=f"Remove {folder.parent} to start the stage from its beginning.",
            )
        for name in weights:
            put(weights, name, file.get_tensor(name))

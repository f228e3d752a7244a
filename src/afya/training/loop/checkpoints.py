"""Checkpoints: everything a stage needs to go on as if it had never stopped, written whole or not at all.

A checkpoint is a folder `step-000200/`: model.safetensors, optimizer.safetensors, random.safetensors (the generators'
states), and JSON for the schedule, the counters and the sums. It is made under a temporary name, flushed to the disk,
and renamed; checkpoint.json carries the hash of each file, so that a damaged one is noticed and the one before it is
taken. No pickle anywhere.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import RunError
from afya.runs import read_json, sha256_path, write_json

if TYPE_CHECKING:
    import torch

_NAME = re.compile(r"^step-(\d{6,})$")
_SEAL = "checkpoint.json"


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


def newest(folder: Path, tell: Callable[[str], None]) -> Path | None:
    """The newest whole checkpoint, or None. Damaged ones are told and passed over.

    Raises:
        RunError: there are checkpoints and every one is damaged.
    """
    steps = steps_saved(folder)
    for step in steps:
        path = checkpoint_path(folder, step)
        problem = fault(path)
        if problem is None:
            return path
        tell(f"The checkpoint {path} is not used: {problem}.")
    if steps:
        raise RunError(
            f"{folder}: every checkpoint is damaged.", hint=f"Remove {folder} to start the stage from its beginning."
        )
    return None


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints."""
    for step in steps_saved(folder)[keep:]:
        shutil.rmtree(checkpoint_path(folder, step), ignore_errors=True)


def save_optimizer(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """The optimiser's state: tensors as safetensors, named `parameter number.key`; its groups' settings as JSON."""
    import torch
    from safetensors.torch import save_file

    state = optimizer.state_dict()
    tensors = {
        f"{number}.{key}": value.detach().cpu().contiguous()
        for number, entries in state["state"].items()
        for key, value in entries.items()
        if isinstance(value, torch.Tensor)
    }
    save_file(tensors, folder / "optimizer.safetensors")
    write_json(folder / "optimizer.json", state["param_groups"])


def load_optimizer(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put the state that `save_optimizer` wrote into `optimizer`."""
    from safetensors.torch import load_file

    entries: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in load_file(folder / "optimizer.safetensors").items():
        number, _, key = name.partition(".")
        entries.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": entries, "param_groups": read_json(folder / "optimizer.json")})


def save_random(folder: Path) -> None:
    """The states of Python's, NumPy's and torch's random generators (of every GPU too)."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    tensors = {"numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)), "torch": torch.get_rng_state()}
    for index in range(torch.cuda.device_count()):
        tensors[f"cuda.{index}"] = torch.cuda.get_rng_state(index)
    save_file(tensors, folder / "random.safetensors")
    version, numbers, next_gauss = random.getstate()
    write_json(
        folder / "random.json",
        {"python": [version, list(numbers), next_gauss], "numpy": [str(kind), position, has_gauss, gauss]},
    )


def load_random(folder: Path) -> None:
    """Set the random generators as `save_random` found them."""
    import numpy as np
    import torch
    from safetensors.torch import load_file

    tensors = load_file(folder / "random.safetensors")
    told = json.loads((folder / "random.json").read_text(encoding="utf-8"))
    version, numbers, next_gauss = told["python"]
    random.setstate((version, tuple(numbers), next_gauss))
    kind, position, has_gauss, gauss = told["numpy"]
    np.random.set_state((kind, tensors["numpy"].numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(tensors["torch"])
    for index in range(torch.cuda.device_count()):
        if f"cuda.{index}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda.{index}"], index)

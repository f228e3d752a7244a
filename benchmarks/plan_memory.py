"""The memory a run really takes on this machine's processor, beside what `afya train plan --gpu cpu` says before it.

Each case is a Qwen3 shape with random weights that is trained for some steps by `afya.training.train` in a process of
its own; measured is the most memory that process ever held (VmHWM of /proc/self/status). The last case has the shape of
Qwen3-1.7B: 28 layers, a vocabulary of 151,936, adapters beside frozen weights in bf16. It must stay within 24 GiB and
within 15% of the plan. Cases can be chosen by name: `python -m benchmarks.plan_memory qwen3-1_7b-lora`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

TOLERANCE, LIMIT_GIB = 0.15, 24.0
SMALL = {"vocab": 32_000, "hidden": 768, "layers": 8, "heads": 12, "kv": 4, "size": 64, "inner": 2_304}
LARGE = {"vocab": 151_936, "hidden": 2_048, "layers": 28, "heads": 16, "kv": 8, "size": 128, "inner": 6_144}


@dataclass(frozen=True)
class Case:
    """A shape and the keys of its recipe."""

    name: str
    shape: dict[str, int]
    keys: dict[str, Any]
    stage: dict[str, Any]


CASES = (
    Case("full-fp32", SMALL, {}, {"packs_per_step": 2}),
    Case("full-fp32-muon", SMALL, {}, {"packs_per_step": 2, "optimizer": "muon"}),
    Case("full-fp32-recomputed", SMALL, {"gradient_checkpointing": True}, {"packs_per_step": 4}),
    Case("full-bf16", SMALL, {"precision": "bf16"}, {"packs_per_step": 4}),
    Case("full-bf16-accumulated", SMALL, {"precision": "bf16"}, {"packs_per_step": 2, "accumulate": 2}),
    Case("lora-bf16", SMALL, {"method": "lora", "precision": "bf16"}, {"packs_per_step": 4}),
    Case(
        "lora-bf16-recomputed",
        SMALL,
        {"method": "lora", "precision": "bf16", "gradient_checkpointing": True},
        {"packs_per_step": 8},
    ),
    Case(
        "qwen3-1_7b-lora",
        LARGE,
        {"method": "lora", "precision": "bf16", "gradient_checkpointing": True, "loss_chunk": 256},
        {"packs_per_step": 1},
    ),
)


def make_model(folder: Path, shape: dict[str, int]) -> None:
    """Write a random Qwen3 model in bf16 with a small tokenizer to `folder`."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from afya.training.examples.material import lesson_texts, stage_lessons
    from afya.training.weights.pocket import build_tokenizer

    found = recipe(Path("."), Case("tokenizer", shape, {}, {}))
    tokenizer = build_tokenizer(lesson_texts(stage_lessons(found, found.stages[0])), 4_000, 1_024)
    config = Qwen3Config(
        vocab_size=shape["vocab"],
        hidden_size=shape["hidden"],
        intermediate_size=shape["inner"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kv"],
        head_dim=shape["size"],
        max_position_embeddings=4_096,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    # Made in bf16 from the start: fp32 weights of the large shape would need twice the memory for nothing.
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        model = Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def recipe(model: Path, case: Case) -> Any:
    """The recipe of a case: three steps on explanations of generated cases, packs of 512 tokens."""
    from afya.training import Recipe

    stage = {
        "name": "stage1",
        "data": [{"source": "vignettes", "count": 60, "seed": 1, "form": "rationale"}],
        "length": {"steps": 3},
        "pack_tokens": 512,
        "learning_rate": 1e-5,
        **case.stage,
    }
    content = {"name": case.name, "langs": ["en", "sw"], "model": {"path": str(model)}, "stages": [stage], **case.keys}
    return Recipe.model_validate(content)


def part(what: str, folder: Path, name: str) -> dict[str, float]:
    """Do one part of a case in a process of its own and return what it told."""
    command = [sys.executable, "-m", "benchmarks.plan_memory", f"--{what}", str(folder), name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def run_part(what: str, folder: Path, case: Case) -> dict[str, float]:
    """The part itself: make the model's folder, plan, or train."""
    if what == "make":
        make_model(folder / "model", case.shape)
        return {}
    found = recipe(folder / "model", case)
    if what == "plan":
        from afya.training.planning.plan import plan_run

        began = time.perf_counter()
        memory = plan_run(found, gpu="cpu").stages[0].memory
        return {"planned": memory.needed, "seconds": time.perf_counter() - began}
    from afya.training import train

    train(found, folder / "run")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {"measured": next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM"))}


def main() -> int:
    chosen = [case for case in CASES if not sys.argv[1:] or case.name in sys.argv[1:]]
    table = Table(title="Memory of a run on the processor: planned before it, measured after it")
    for name in ("case", "planned GiB", "measured GiB", "planned / measured", "planning, s", "training, s"):
        table.add_column(name, justify="left" if name == "case" else "right")
    bad = False
    for case in chosen:
        with tempfile.TemporaryDirectory() as kept:
            folder = Path(kept)
            part("make", folder, case.name)
            plan = part("plan", folder, case.name)
            began = time.perf_counter()
            measured = part("train", folder, case.name)["measured"]
            took = time.perf_counter() - began
        ratio = plan["planned"] / measured
        bad |= abs(ratio - 1) > TOLERANCE or measured > LIMIT_GIB * 2**30
        sizes = [f"{value / 2**30:.2f}" for value in (plan["planned"], measured)]
        table.add_row(case.name, *sizes, f"{ratio:.3f}", f"{plan['seconds']:.1f}", f"{took:.0f}")
    Console().print(table)
    print(f"Wanted: within {TOLERANCE:.0%} of the plan, and within {LIMIT_GIB:.0f} GiB.")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1].startswith("--"):
        print(json.dumps(run_part(sys.argv[1][2:], Path(sys.argv[2]), next(c for c in CASES if c.name == sys.argv[3]))))
        sys.exit(0)
    sys.exit(main())

"""Does jobs in forked children; started by warm.py, not a test itself.

Heavy libraries are imported once, here; torch runs on one thread and Polars is imported by the children alone, so a
fork finds none that computes. What is imported is kept from the garbage collector: walking through it, a child would
make its own copy of all of it. A job is a line of JSON on the standard input, its answer one on the output; what its
children say goes to the job's file `told`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import peft
import sentencepiece
import torch
import torch.distributed.fsdp
import torch.profiler
from crew_run import attend, child
from killed_run import killed
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    M2M100ForConditionalGeneration,
    NllbTokenizer,
    Qwen3ForCausalLM,
)
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from afya.training.loop.surroundings import threads
from afya.training.loop.utilisation import device_peak
from afya.training.translating import trainer

WARM = (
    *(AutoModelForCausalLM, AutoTokenizer, M2M100ForConditionalGeneration, NllbTokenizer, Qwen3ForCausalLM),
    *(matplotlib.pyplot, peft, sentencepiece, torch.distributed.fsdp, torch.profiler, trainer),
)
"""What is imported to be there when children ask for it."""


def done(job: dict[str, Any]) -> Any:
    """The answer to a job."""
    if job["kind"] == "killed":
        return killed(job["recipe"], Path(job["out"]), job["places"])
    if job["kind"] == "crews":
        return [attend(crew["size"], partial(child, crew)) for crew in job["crews"]]
    return attend(2, partial(sharded, job["meet"]))


def sharded(meet: str, rank: int, port: int) -> int:
    from sharded_loss import tell

    return tell(meet, rank)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    get_checkpoint_conversion_mapping("qwen3")  # type: ignore[no-untyped-call]
    with threads(1):
        for precision in ("fp32", "bf16"):
            device_peak(precision)
        gc.collect()
        gc.freeze()
        for line in sys.stdin:
            job = json.loads(line)
            with Path(job["told"]).open("ab") as told:
                os.dup2(told.fileno(), 1)
                os.dup2(told.fileno(), 2)
            print(json.dumps(done(job)), file=answers, flush=True)


if __name__ == "__main__":
    main()

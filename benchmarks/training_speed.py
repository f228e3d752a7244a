"""Training speed: real tokens a CPU-second of a stage, beside a bare loop and TRL; one model, the same examples.

The model has the shape of Qwen3 at 30 million parameters (8 layers of 512, tied embeddings, random weights) in fp32
under bf16 autocast. The examples are MedQuAD, K-QA and CasiMedicos as one-turn chats, whose lengths are as uneven as
real ones; without those files, the built-in sample. Everyone gets the same documents, packs hold 1,024 tokens, and only
answers are learned:

- bare: the loop that anyone would write around a transformers model, with documents kept apart by our attention. Its
  batches are the packs of the stage, made before the clock starts.
- afya: a stage as `afya train` runs it.
- TRL, packed: SFTTrainer with best-fit packing; TRL, padded: without. Each in the fastest of some batch sizes, tried
  first, without gradient checkpointing, which it does unless told otherwise.

TRL 1.16 projects every position onto the vocabulary where there is no GPU, and masks documents by a dense block mask.

All take turns on the same documents. The first step of a turn is left out, and counted is processor time, on one
thread: other programs matter less then, and threads that wait for each other do not count as work. Rows show the median
turn, ratios the median of the turns' ratios.

Where there is a GPU a second table follows: Qwen3-1.7B's shape, full and with adapters, packs of 4,096, tokens by the
clock on the wall and the share of the card's peak.
"""

from __future__ import annotations

import copy
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from afya.training.examples.build import build_examples
from afya.training.examples.lesson import Lesson
from afya.training.examples.material import lesson_texts
from afya.training.packs.plan import DataPlan, PackCollator, make_plan
from afya.training.recipe import DataSource, Length, MixtureRule, ModelSource, PocketShape, Recipe, StageRecipe
from afya.training.recipe.model import Method
from afya.training.weights.pocket import build_tokenizer
from benchmarks.packing_fill import SHARED, SOURCES, lessons

VOCABULARY = 18_000
ROUNDS, STEPS = 4, 4
AIMS = {"bare": 0.95, "TRL, packed": 1.4, "TRL, padded": 2.5}
FILL = 0.97
ON_GPU = "Qwen/Qwen3-1.7B"
RATE = 1e-4


@dataclass(frozen=True)
class Size:
    """How large packs and steps are, and the batches that TRL tries: (rows, rows accumulated)."""

    pack: int
    packs: int
    packed: tuple[tuple[int, int], ...]
    padded: tuple[tuple[int, int], ...]


CPU = Size(1024, 2, ((1, 2), (2, 1)), ((4, 2), (8, 1)))
GPU = Size(4096, 4, ((1, 4), (4, 1)), ((16, 1),))


class Meter:
    """Counts real tokens and seconds from the end of the first step on."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.tokens = 0
        self._marks: list[tuple[float, int]] = []

    def step(self) -> None:
        """A step has ended."""
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()
        clock = time.process_time if self.device == "cpu" else time.perf_counter
        self._marks.append((clock(), self.tokens))

    def rate(self) -> float:
        """Tokens a second."""
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        return (after - before) / (ended - began)


Runner = Callable[[DataPlan], float]
"""Trains on a plan's packs or documents: tokens a second."""


def material() -> list[Lesson]:
    """What is learned from: real instruction data, or the built-in sample."""
    if all((SHARED / name).exists() for name, _ in SOURCES):
        with tempfile.TemporaryDirectory() as folder:
            found = lessons(Path(folder))
    else:
        from afya.data.sample import sample_items
        from afya.languages import core_codes

        found = [Lesson(item, "letter") for item in sample_items(core_codes()) if item.task == "mcq"] * 20
    Random(0).shuffle(found)
    return found


def recipe(size: Size, method: Method = "full") -> tuple[Recipe, StageRecipe]:
    """One pass over the data in its own proportions."""
    one = StageRecipe(
        name="speed",
        data=(DataSource(source="sample"),),
        mixture=MixtureRule(temperature=1.0),
        length=Length(epochs=1),
        pack_tokens=size.pack,
        packs_per_step=size.packs,
        learning_rate=RATE,
        checkpoint_every=1_000_000,
    )
    model = ModelSource(pocket=PocketShape())
    return Recipe(name="speed", model=model, method=method, precision="bf16", stages=(one,)), one


def whole_plan(found: Sequence[Lesson], tokenizer: Any, size: Size) -> DataPlan:
    """All examples, packed."""
    built = build_examples(found, tokenizer, size.pack, "speed")
    langs = sorted({lesson.item.lang for lesson in found})
    return make_plan(built.examples, langs, recipe(size)[1], [0])


def turns(plan: DataPlan, steps: int) -> Iterator[DataPlan]:
    """Parts of the plan, of so many steps each."""
    width = steps * plan.packs_in_step
    for start in range(0, len(plan.packs) - width + 1, width):
        yield replace(plan, packs=plan.packs[start : start + width])


def small_model(vocabulary: int) -> Any:
    """A Qwen3 of 30 million parameters with random weights."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    shape: Any = Qwen3Config
    config = shape(
        vocab_size=vocabulary,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=64,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=0,
    )
    model: Any = Qwen3ForCausalLM(config)
    return model.train()


def bare(model: Any, device: str, size: Size) -> Runner:
    """Forward, cross-entropy of the learned tokens, backward, clip, AdamW, schedule."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    from afya.training.loop.attention import use_document_attention

    use_document_attention(model)
    weights = [weight for weight in model.parameters() if weight.requires_grad]

    def run(plan: DataPlan) -> float:
        collate, meter = PackCollator(plan.langs), Meter(device)
        packs = [[plan.examples[number] for number in pack] for pack in plan.packs]
        batches = [collate(packs[start : start + size.packs]) for start in range(0, len(packs), size.packs)]
        optimizer = torch.optim.AdamW(weights, lr=RATE, fused=True)
        schedule = get_cosine_schedule_with_warmup(optimizer, 1, len(batches))
        for batch in batches:
            with torch.autocast(device, dtype=torch.bfloat16):
                logits = model(
                    input_ids=batch["input_ids"],
                    position_ids=batch["position_ids"],
                    documents=batch["documents"],
                    logits_to_keep=batch["kept"],
                    use_cache=False,
                ).logits[0]
            loss: Any = torch.nn.functional.cross_entropy(logits.float(), batch["labels"])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            meter.tokens += batch["input_ids"].numel()
            meter.step()
        return meter.rate()

    return run


def afya(model: Any, tokenizer: Any, device: str, size: Size, method: Method = "full") -> Runner:
    """A stage, without the checkpoint at its end."""
    from afya.training.loop.log import TrainingTable
    from afya.training.loop.trainer import StageTrainer

    class Unsaved(StageTrainer):
        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            del model, trial

    whole, stage = recipe(size, method)

    def run(plan: DataPlan) -> float:
        meter = Meter(device)

        def on_step(step: int, loss: float, tokens: int, langs: object) -> None:
            meter.tokens = tokens
            meter.step()

        with tempfile.TemporaryDirectory() as folder:
            table = TrainingTable(Path(folder) / "training.csv", plan.langs)
            table.rewind([], stage.name, 0)
            place = Path(folder) / "checkpoints" / stage.name
            Unsaved(model, tokenizer, whole, stage, plan, place, table, on_step).train()
        return meter.rate()

    return run


def trl(model: Any, tokenizer: Any, device: str, pack: int, rows: int, accumulate: int, *, packed: bool) -> Runner:
    """SFTTrainer over the plan's documents, as token lists with labels."""
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback, ProgressCallback, TrainerCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    disable_progress_bars()

    class Counted(SFTTrainer):
        meter = Meter(device)

        def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **more: Any) -> Any:
            mask = inputs.get("attention_mask")
            self.meter.tokens += inputs["input_ids"].numel() if mask is None else int(mask.sum())
            step: Any = super().training_step
            return step(model, inputs, *rest, **more)

    class Ticks(TrainerCallback):
        def __init__(self, meter: Meter) -> None:
            self.meter = meter

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.meter.step()

    def run(plan: DataPlan) -> float:
        documents = [plan.examples[number] for each in plan.packs for number in each]
        given = Dataset.from_dict(
            {
                "input_ids": [one.tokens.tolist() for one in documents],
                "labels": [
                    [int(token) if mark else -100 for token, mark in zip(one.tokens, one.learned, strict=True)]
                    for one in documents
                ],
            }
        )
        with tempfile.TemporaryDirectory() as folder:
            arguments = SFTConfig(
                output_dir=folder,
                max_length=pack,
                packing=packed,
                per_device_train_batch_size=rows,
                gradient_accumulation_steps=accumulate,
                num_train_epochs=1,
                learning_rate=RATE,
                lr_scheduler_type="cosine",
                bf16=True,
                use_cpu=device == "cpu",
                gradient_checkpointing=False,
                dataloader_pin_memory=device == "cuda",
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            )
            trainer = Counted(model, args=arguments, train_dataset=given, processing_class=tokenizer)
            trainer.meter = Meter(device)
            for shown in (PrinterCallback, ProgressCallback):
                trainer.remove_callback(shown)
            trainer.add_callback(Ticks(trainer.meter))
            trainer.train()
        return trainer.meter.rate()

    return run


def fastest(runners: Sequence[tuple[str, Runner]], plan: DataPlan) -> tuple[str, Runner]:
    """The one that trains fastest on a plan."""
    rates = [run(plan) for _, run in runners]
    return runners[rates.index(max(rates))]


def trl_choices(model: Any, tokenizer: Any, device: str, size: Size, *, packed: bool) -> list[tuple[str, Runner]]:
    """SFTTrainer at every batch size to try, and how to call it in the table."""
    what = "TRL, packed" if packed else "TRL, padded"
    return [
        (f"{what} ({rows} x {accumulate})", trl(model, tokenizer, device, size.pack, rows, accumulate, packed=packed))
        for rows, accumulate in (size.packed if packed else size.padded)
    ]


def on_processor(found: Sequence[Lesson], tokenizer: Any, console: Console) -> bool:
    """The table of the CPU; whether all aims are met."""
    import torch

    torch.set_num_threads(1)
    plan = whole_plan(found, tokenizer, CPU)
    model = small_model(len(tokenizer))
    runners: dict[str, tuple[str, Runner]] = {
        "afya": ("afya", afya(copy.deepcopy(model), tokenizer, "cpu", CPU)),
        "bare": ("bare", bare(copy.deepcopy(model), "cpu", CPU)),
    }
    trial = next(turns(plan, 2))
    for name, packed in (("TRL, packed", True), ("TRL, padded", False)):
        choices = trl_choices(copy.deepcopy(model), tokenizer, "cpu", CPU, packed=packed)
        runners[name] = fastest(choices, trial)
    rates: dict[str, list[float]] = {name: [] for name in runners}
    for number, part in enumerate(turns(plan, STEPS)):
        if number == ROUNDS:
            break
        for name, (_, run) in runners.items():
            rates[name].append(run(part))
    count = sum(weight.numel() for weight in model.parameters())
    table = Table(
        title=f"Training speed, real tokens a CPU-second: Qwen3 shape of {count / 1e6:.0f}M parameters, "
        f"vocabulary {len(tokenizer):,}, bf16, one thread",
        title_justify="left",
    )
    for column in ("", "median", "lowest to highest", "afya's times", "aim"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    met = True
    for name, (label, _) in runners.items():
        mine = rates[name]
        row = [label, f"{statistics.median(mine):,.0f}", f"{min(mine):,.0f} to {max(mine):,.0f}"]
        if name in AIMS:
            times = statistics.median(ours / theirs for ours, theirs in zip(rates["afya"], mine, strict=True))
            met = met and times >= AIMS[name]
            row += [f"{times:.2f}", f"{AIMS[name]:g}"]
        table.add_row(*row)
    console.print(table)
    documents = sum(map(len, plan.packs))
    console.print(f"Packs of {CPU.pack:,} over all {documents:,} documents are {plan.fill:.2%} full; aim {FILL:.0%}.")
    return met and plan.fill >= FILL


def on_gpu(found: Sequence[Lesson], tokenizer: Any, console: Console) -> None:
    """The table of the GPU: full and with adapters, beside TRL with packing."""
    import gc

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from afya.training.loop.utilisation import gpu_peak, work_of
    from afya.training.planning.shapes import model_config

    plan = whole_plan(found, tokenizer, GPU)
    part = next(turns(plan, 4 * STEPS))
    peak = gpu_peak(torch.cuda.get_device_name())
    table = Table(title=f"Training speed on {torch.cuda.get_device_name()}: shape of {ON_GPU}, packs of {GPU.pack:,}")
    for column in ("method", "", "tokens a second", "utilisation", "afya's times"):
        table.add_column(column)

    auto: Any = AutoModelForCausalLM

    def fresh(method: Method) -> Any:
        torch.manual_seed(0)
        kind = torch.float32 if method == "full" else torch.bfloat16
        model = auto.from_config(model_config(ON_GPU), dtype=kind).cuda().train()
        if method == "full":
            return model
        return get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))

    methods: tuple[Method, ...] = ("full", "lora")
    for method in methods:
        model = fresh(method)
        work = work_of(model, part).per_token
        ours = afya(model, tokenizer, "cuda", GPU, method)(part)
        del model
        gc.collect()
        choices = trl_choices(fresh(method), tokenizer, "cuda", GPU, packed=True)
        label, run = fastest(choices, next(turns(plan, 4)))
        theirs = run(part)
        del choices, run
        gc.collect()
        torch.cuda.empty_cache()
        for name, rate in (("afya", ours), (label, theirs)):
            used = "" if peak is None else f"{rate * work / peak:.0%}"
            table.add_row(method, name, f"{rate:,.0f}", used, f"{ours / rate:.2f}")
    console.print(table)


def main() -> int:
    """Print the tables; 1 where an aim is missed."""
    import torch

    warnings.filterwarnings("ignore")
    for name in ("transformers", "trl", "datasets", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    console = Console()
    found = material()
    tokenizer = build_tokenizer(list(lesson_texts(found[::2])), VOCABULARY, 4096)
    met = on_processor(found, tokenizer, console)
    if torch.cuda.is_available():
        on_gpu(found, tokenizer, console)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""transformers' Trainer with our data plan, loss, checkpoints and log: one stage of a run.

The Trainer keeps what it does well: the loop, accumulation, mixed precision, the schedule, devices and processes. Ours
are the packs (in plan order), the loss (on answers only, logits computed for answers only, per language), checkpoints
without pickle, and stopping at the first loss that is not a number.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_model, save_model
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from afya.errors import RunError
from afya.runs import read_json, write_json
from afya.training.atomic import atomic_folder
from afya.training.loop import checkpoints
from afya.training.loop.attention import check_isolation, use_document_attention
from afya.training.loop.log import Sums, TrainingTable
from afya.training.loop.optimizer import make_optimizer
from afya.training.packs.plan import DataPlan, PackCollator, PackDataset
from afya.training.recipe import Recipe, StageRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerControl, TrainerState

StepDone = Callable[[int, float, int], None]
"""Called after each step with its number, the loss of the last row and the tokens seen in the stage."""


class StageTrainer(Trainer):
    """Trains one stage.

    Args:
        folder: where the stage's checkpoints lie.
        table: the run's training.csv, already rewound to where the stage begins or continues.
        on_step: told of every finished step.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        recipe: Recipe,
        stage: StageRecipe,
        plan: DataPlan,
        folder: Path,
        table: TrainingTable,
        on_step: StepDone,
    ) -> None:
        self.recipe, self.stage, self.plan = recipe, stage, plan
        self.folder, self.table, self.on_step = folder, table, on_step
        self.sums = Sums.of(len(plan.langs))
        self.used_rate = self.gradient_norm = self.last_loss = math.nan
        self.document_attention = use_document_attention(model)
        check_isolation(model, self.document_attention)
        self.keeps_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        super().__init__(
            model=model,
            args=_arguments(recipe, stage, plan, folder),
            train_dataset=PackDataset(plan),
            data_collator=PackCollator(plan.langs),
            processing_class=tokenizer,
            callbacks=[_StepLog(self)],
        )
        self.remove_callback(PrinterCallback)
        # The loss below is divided by the learned tokens of the whole accumulated batch already.
        self.loss_is_scaled_for_ga = True

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """The recipe's optimiser (see optimizer.py), made once."""
        if self.optimizer is None:
            target = model or self.model
            if target is None:
                raise RunError(f"Stage '{self.stage.name}' has no model to train.")
            self.optimizer = make_optimizer(target, self.stage)
        return self.optimizer

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """The mean negative log-probability (nats) of the learned tokens of the whole optimiser step.

        Raises:
            RunError: the loss is not a number; the batch is written beside the checkpoints and named.
        """
        losses, outputs = document_losses(model, inputs, self.document_attention, self.keeps_logits)
        count = losses.numel() if num_items_in_batch is None else num_items_in_batch
        total = losses.sum()
        self._add(losses.detach(), inputs, float(total.detach()))
        loss = total / count
        return (loss, outputs) if return_outputs else loss

    def _add(self, losses: torch.Tensor, inputs: dict[str, Any], total: float) -> None:
        if not math.isfinite(total):
            self._stop("The loss", inputs["item_ids"])
        langs, size = inputs["label_langs"], len(self.plan.langs)
        by_lang = torch.zeros(size, dtype=torch.float64, device=losses.device).index_add_(0, langs, losses.double())
        sums = self.sums
        sums.loss += total
        sums.labels += losses.numel()
        sums.lang_loss = [old + new for old, new in zip(sums.lang_loss, by_lang.tolist(), strict=True)]
        labels = torch.bincount(langs, minlength=size).tolist()
        sums.lang_labels = [old + new for old, new in zip(sums.lang_labels, labels, strict=True)]
        tokens = inputs["langs_tokens"].tolist()
        sums.lang_tokens = [old + new for old, new in zip(sums.lang_tokens, tokens, strict=True)]
        self._item_ids = inputs["item_ids"]

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        norm = super()._clip_grad_norm(model)  # type: ignore[no-untyped-call]
        self.gradient_norm = float(norm)
        if not math.isfinite(self.gradient_norm):
            self._stop("The gradient", self._item_ids)
        return norm

    def _stop(self, what: str, item_ids: list[str]) -> None:
        step = self.state.global_step + 1
        file = self.folder.parent.parent / f"bad-batch-{self.stage.name}-{step}.json"
        write_json(file, {"stage": self.stage.name, "step": step, "item_ids": item_ids})
        raise RunError(
            f"{what} of stage '{self.stage.name}' is not a number at step {step}. The batch is written to {file}; it "
            f"begins with {', '.join(item_ids[:3])}.",
            hint=f"Lower its learning_rate ({self.stage.learning_rate}) or look at those items, and start a new run.",
        )

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Write a checkpoint whole or not at all, then remove old ones."""
        del model, trial
        step = self.state.global_step
        self.table.flush()
        with atomic_folder(checkpoints.checkpoint_path(self.folder, step)) as folder:
            save_model(self.accelerator.unwrap_model(self.model), str(folder / "model.safetensors"))
            optimizer, scheduler = self._prepared()
            checkpoints.save_optimizer(folder, optimizer)
            checkpoints.save_random(folder)
            write_json(folder / "scheduler.json", scheduler.state_dict())
            write_json(folder / "sums.json", asdict(self.sums))
            self.state.save_to_json(str(folder / "trainer_state.json"))
            checkpoints.seal(folder, {"stage": self.stage.name, "step": step})
        checkpoints.prune(self.folder, self.recipe.keep_checkpoints)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        target = model or self.model
        if target is not None:
            load_model(target, Path(resume_from_checkpoint) / "model.safetensors")

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        optimizer, scheduler = self._prepared()
        checkpoints.load_optimizer(folder, optimizer)
        scheduler.load_state_dict(read_json(folder / "scheduler.json"))
        self.sums = Sums(**read_json(folder / "sums.json"))

    def _prepared(self) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        if self.optimizer is None or self.lr_scheduler is None:
            raise RunError(f"Stage '{self.stage.name}' has no optimiser yet; checkpoints belong to a running stage.")
        return self.optimizer, self.lr_scheduler

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            checkpoints.load_random(Path(checkpoint))

    def _load_scaler(self, checkpoint: str | None) -> None:
        """fp16 is not offered, so there is no scaler."""


def document_losses(
    model: torch.nn.Module, inputs: dict[str, Any], by_documents: bool = True, keeps_logits: bool = True
) -> tuple[torch.Tensor, Any]:
    """(answers) negative log-probability of each learned token, nats, in fp32; and the model's output.

    Args:
        inputs: a batch as `PackCollator` makes it.
        by_documents: the model's attention takes the layout; otherwise transformers finds the documents by their
            positions and masks between them.
        keeps_logits: the model can compute logits for chosen places only. Answers are a small part of the tokens and
            the vocabulary a large part of the work.
    """
    extra: dict[str, Any] = {"documents": inputs["documents"]} if by_documents else {}
    if keeps_logits:
        extra["logits_to_keep"] = inputs["kept"]
    outputs = model(input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], use_cache=False, **extra)
    logits = outputs.logits[0] if keeps_logits else outputs.logits[0, inputs["kept"]]
    return torch.nn.functional.cross_entropy(logits.float(), inputs["labels"], reduction="none"), outputs


class _StepLog(TrainerCallback):
    """Writes the table's rows and tells of steps."""

    def __init__(self, trainer: StageTrainer) -> None:
        self.trainer = trainer

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Every optimiser here has the recipe's learning_rate in its last group.
        optimizer, _ = self.trainer._prepared()
        self.trainer.used_rate = float(optimizer.param_groups[-1]["lr"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        trainer, step = self.trainer, state.global_step
        if step % trainer.stage.log_every == 0 or step == state.max_steps:
            sums = trainer.sums
            trainer.last_loss = sums.loss / max(sums.labels, 1)
            trainer.table.write(
                trainer.stage.name, step, sums, trainer.plan.langs, trainer.used_rate, trainer.gradient_norm
            )
            sums.begin_row()
        trainer.on_step(step, trainer.last_loss, sum(trainer.sums.lang_tokens))


def _arguments(recipe: Recipe, stage: StageRecipe, plan: DataPlan, folder: Path) -> TrainingArguments:
    schedules = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=stage.packs_per_step,
        gradient_accumulation_steps=stage.accumulate,
        max_steps=plan.steps,
        train_sampling_strategy="sequential",
        learning_rate=stage.learning_rate,
        lr_scheduler_type=schedules[stage.schedule],
        warmup_steps=math.ceil(stage.warmup * plan.steps),
        max_grad_norm=stage.clip,
        bf16=recipe.precision == "bf16",
        seed=recipe.seed,
        save_strategy="steps",
        save_steps=stage.checkpoint_every,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
    )

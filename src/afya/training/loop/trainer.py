"""transformers' Trainer with our data plan, loss, checkpoints and log: one stage of a run.

The Trainer keeps what it does well: the loop, accumulation, the schedule, devices. Ours are the packs (in plan order),
the loss (on answers only, logits computed for answers only, per language), precision, the spreading of weights over
processes, checkpoints without pickle, and stopping at the first loss that is not a number.
"""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from afya.errors import RunError
from afya.runs import read_json, write_json
from afya.training.loop import checkpoints
from afya.training.loop.attention import check_isolation, use_document_attention
from afya.training.loop.averaging import MovingAverage, mean_of_checkpoints
from afya.training.loop.distributed import Crew
from afya.training.loop.log import Sums, TrainingTable
from afya.training.loop.loss import document_losses
from afya.training.loop.optimizer import make_optimizer
from afya.training.loop.sharding import bring_together, inner_model, learned, mine, norm_squared, shard
from afya.training.loop.stopping import Stopped, StopRequest
from afya.training.loop.tally import Tally
from afya.training.packs.plan import DataPlan, PackCollator, PackDataset
from afya.training.recipe import RunSettings, StageSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerControl, TrainerState
    from transformers.trainer_utils import TrainOutput

StepDone = Callable[[int, float, int, Mapping[str, float]], None]
"""Called after each step with its number, the last row's loss, the tokens seen in the stage and the last row's loss by
language."""


class StageTrainer(Trainer):
    """Trains one stage.

    After `train` the leader's model holds the stage's result, whole: the last step's weights, or their average where
    the recipe asks for it.

    Args:
        folder: where the stage's checkpoints lie.
        table: the run's training.csv, already rewound to where the stage begins or continues.
        on_step: told of every finished step.
        callbacks: told of the Trainer's events, on every process.
        crew: the processes that train together, this one among them.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        recipe: RunSettings,
        stage: StageSettings,
        plan: DataPlan,
        folder: Path,
        table: TrainingTable,
        on_step: StepDone,
        callbacks: Sequence[TrainerCallback] = (),
        crew: Crew | None = None,
    ) -> None:
        self.recipe, self.stage, self.plan = recipe, stage, plan
        self.folder, self.table, self.on_step = folder, table, on_step
        self.crew = crew or Crew()
        self.sums = Sums.of(len(plan.langs))
        self.used_rate = self.gradient_norm = self.last_loss = math.nan
        self.last_langs: dict[str, float] = {}
        self.average: MovingAverage | None = None
        self.stop = StopRequest()
        self.stopping = False
        self._item_ids: list[str] = []
        self.prepare(model)
        arguments = _arguments(recipe, stage, plan, folder, self.crew)
        # Several GPUs and one process: one GPU is used. The Trainer would copy the model onto all and enlarge the step.
        arguments._n_gpu = min(arguments.n_gpu, 1)
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=PackDataset(plan),
            data_collator=self.collator(),
            processing_class=tokenizer,
            callbacks=[_StepLog(self), *callbacks],
        )
        self.remove_callback(PrinterCallback)
        # The loss below is divided by the learned tokens of the whole accumulated batch already.
        self.loss_is_scaled_for_ga = True
        self.tally = Tally(len(plan.langs), self.args.device)

    def prepare(self, model: PreTrainedModel) -> None:
        """Make the model attend by documents, and prove that it does. A trainer of another kind of model overrides
        this, `collator` and `losses`."""
        self.document_attention = use_document_attention(model)
        check_isolation(model, self.document_attention)
        self.keeps_logits = "logits_to_keep" in inspect.signature(inner_model(model).forward).parameters

    def collator(self) -> Callable[[Any], dict[str, Any]]:
        """What makes a batch of some packs."""
        return PackCollator(self.plan.langs)

    def losses(self, model: torch.nn.Module, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, Any]:
        """(answers) negative log-probabilities (nats), (answers) what the step makes small, and the model's output."""
        losses, outputs = document_losses(
            model, inputs, self.document_attention, self.keeps_logits, self.recipe.loss_chunk
        )
        return losses, losses, outputs

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """Run the stage, from a checkpoint's folder on where one is given.

        Raises:
            RunError: a loss is not a number (the items are written beside the checkpoints and named), a checkpoint
                cannot be written, or an average not be made.
            Stopped: Ctrl-C or SIGTERM; a checkpoint is written.
        """
        with self.stop:
            output = super().train(resume_from_checkpoint, trial, ignore_keys_for_eval)
        if self.stopping:
            step = self.state.global_step
            with self.crew.together():
                raise Stopped(
                    f"Stopped as asked after step {step} of {self.plan.steps} of stage '{self.stage.name}'; a "
                    "checkpoint is written.",
                    hint="Start the same command again to go on from there.",
                )
        if self.average is not None:
            self.average.take_place()
        bring_together(self._model, self.crew)
        average = self.recipe.average
        if average is not None and average.kind == "checkpoints":
            saved = [step for step in checkpoints.steps_saved(self.folder) if self._planned(step)][: average.last]
            folders = [checkpoints.checkpoint_path(self.folder, step) for step in saved]
            with self.crew.together():
                if self.crew.leads:
                    mean_of_checkpoints(folders, learned(self._model))
        return output

    def _prepare_for_training(
        self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: str | None
    ) -> tuple[torch.nn.Module, Any]:
        """Spread the model, make optimiser and schedule, load the checkpoint.

        The Trainer would have accelerate wrap all of them; weights spread by hand can be gathered in the precision that
        a layer computes in, and the optimiser is made on the parts themselves.
        """
        model = self._model
        if self.crew.size > 1:
            shard(model, self.crew, low=self.recipe.precision == "bf16")
        self.create_optimizer(model)
        self.create_scheduler(num_training_steps=max_steps)
        optimizer, scheduler = self._prepared()
        weights, average = learned(model), self.recipe.average
        if average is not None and average.kind == "ema":
            self.average = MovingAverage(weights, average.decay)
        if resume_from_checkpoint is not None:
            folder = Path(resume_from_checkpoint)
            checkpoints.load_weights(folder, weights)
            checkpoints.load_optimizer(folder, optimizer)
            scheduler.load_state_dict(read_json(folder / "scheduler.json"))
            self.sums = Sums(**read_json(folder / "sums.json"))
            if self.average is not None:
                self.average.load(folder / checkpoints.AVERAGE)
        handler = self.callback_handler
        handler.model, handler.optimizer, handler.lr_scheduler = model, optimizer, scheduler
        handler.train_dataloader = train_dataloader
        return model, train_dataloader

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """The recipe's optimiser (see optimizer.py), made once."""
        if self.optimizer is None:
            low = "bf16" in (self.recipe.precision, self.stage.muon_precision)
            self.optimizer = make_optimizer(model or self._model, self.stage, low=low)
        return self.optimizer

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Gradients of one batch's part of the step's loss, and that part."""
        low = self.recipe.precision == "bf16"
        with torch.autocast(self.args.device.type, torch.bfloat16, enabled=low):
            loss = self.compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
        part: torch.Tensor = loss  # type: ignore[assignment]
        # FSDP2 takes the mean of the processes' gradients; the sum is wanted, the loss is a share of the whole already.
        (part * self.crew.size if self.crew.size > 1 else part).backward()  # type: ignore[no-untyped-call]
        return part.detach()

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """The batch's part of the mean negative log-probability (nats) of the step's learned tokens."""
        losses, objective, outputs = self.losses(model, inputs)
        count = losses.numel() if num_items_in_batch is None else num_items_in_batch
        self.tally.add(losses, inputs)
        self._item_ids += inputs["item_ids"]
        loss = objective.sum() / count
        return (loss, outputs) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> int:
        """The learned tokens of the step on all processes."""
        labels = sum(batch["label_langs"].numel() for batch in batch_samples)
        return int(self.crew.add(torch.tensor(labels))) if self.crew.size > 1 else labels

    def _clip_grad_norm(self, model: torch.nn.Module) -> float:
        """Read the step's sums, stop if one is not a number, shorten the gradients. Their norm, over all processes."""
        gradients = [mine(weight.grad) for weight in model.parameters() if weight.grad is not None]
        step = self.tally.read(norm_squared(gradients), self.stop.asked, self.crew)
        if not math.isfinite(step.loss):
            self._refuse("The loss")
        if not math.isfinite(step.norm):
            self._refuse("The gradient")
        step.add_to(self.sums)
        self._item_ids.clear()
        self.stopping = step.stop
        self.gradient_norm = step.norm
        if step.norm > self.stage.clip:
            torch._foreach_mul_(gradients, self.stage.clip / (step.norm + 1e-6))
        return step.norm

    def _refuse(self, what: str) -> None:
        step = self.state.global_step + 1
        items = [name for part in self.crew.gather(self._item_ids) for name in part]
        with self.crew.together():
            file = self.folder.parent.parent / f"bad-batch-{self.stage.name}-{step}.json"
            if self.crew.leads:
                write_json(file, {"stage": self.stage.name, "step": step, "item_ids": items})
            raise RunError(
                f"{what} of stage '{self.stage.name}' is not a number at step {step}. The batch is written to {file}; "
                f"it begins with {', '.join(items[:3])}.",
                hint=f"Lower its learning_rate ({self.stage.learning_rate}) or look at those items, and start a new "
                "run.",
            )

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Write a checkpoint whole or not at all, then remove old ones."""
        step = self.state.global_step
        with self.crew.together():
            if self.crew.leads:
                self.table.flush()
        optimizer, scheduler = self._prepared()
        tensors: dict[str, Mapping[str, torch.Tensor]] = {
            checkpoints.WEIGHTS: learned(model),
            checkpoints.OPTIMIZER: checkpoints.optimizer_tensors(optimizer),
        }
        if self.average is not None:
            tensors[checkpoints.AVERAGE] = self.average.tensors
        told = {
            "optimizer.json": checkpoints.optimizer_groups(optimizer),
            "scheduler.json": scheduler.state_dict(),
            "sums.json": asdict(self.sums),
            "trainer_state.json": asdict(self.state),
        }
        recipe = checkpoints.identity(self.recipe, self.stage)
        described = {"stage": self.stage.name, "step": step, "recipe": recipe}
        checkpoints.write(checkpoints.checkpoint_path(self.folder, step), tensors, told, described, self.crew)
        keep, average = self.recipe.keep_checkpoints, self.recipe.average
        if average is not None and average.kind == "checkpoints":
            keep = max(keep, average.last)
        if self.crew.leads:
            checkpoints.prune(self.folder, keep, self._planned)

    def _planned(self, step: int) -> bool:
        """Whether an undisturbed run writes a checkpoint at this step."""
        return step % self.stage.checkpoint_every == 0 or step == self.plan.steps

    @property
    def _model(self) -> torch.nn.Module:
        if self.model is None:
            raise RunError(f"Stage '{self.stage.name}' has no model to train.")
        return self.model

    def _prepared(self) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        if self.optimizer is None or self.lr_scheduler is None:
            raise RunError(f"Stage '{self.stage.name}' has no optimiser yet; checkpoints belong to a running stage.")
        return self.optimizer, self.lr_scheduler

    def _move_model_to_device(self, model: torch.nn.Module, device: torch.device) -> None:
        """Only where the model has one device for itself; `shard` moves layer by layer."""
        if self.crew.size == 1:
            super()._move_model_to_device(model, device)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        """Done when the model is spread, see `_prepare_for_training`."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Every step sets the generators, see `_StepLog.on_step_begin`."""

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted here: it goes through all weights for every batch, see afya.training.loop.utilisation."""
        return 0


class _StepLog(TrainerCallback):
    """What happens around a step: random numbers before it, the average, the table's row and the report after it."""

    def __init__(self, trainer: StageTrainer) -> None:
        self.trainer = trainer

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Dropout depends on the step alone, not on what drew numbers before: a measurement between two steps, a
        # restart. Each process has its own.
        trainer = self.trainer
        place = [trainer.recipe.seed, zlib.crc32(trainer.stage.name.encode()), state.global_step, trainer.crew.rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))
        trainer._model.train()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Every optimiser here has the recipe's learning_rate in its last group.
        optimizer, _ = self.trainer._prepared()
        self.trainer.used_rate = float(optimizer.param_groups[-1]["lr"])

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.trainer.average is not None:
            self.trainer.average.update(state.global_step + 1)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        trainer, step = self.trainer, state.global_step
        if step % trainer.stage.log_every == 0 or step == state.max_steps:
            sums = trainer.sums
            trainer.last_loss = sums.loss / max(sums.labels, 1)
            trainer.last_langs = sums.by_lang(trainer.plan.langs)
            if trainer.crew.leads:
                trainer.table.write(
                    trainer.stage.name, step, sums, trainer.plan.langs, trainer.used_rate, trainer.gradient_norm
                )
            sums.begin_row()
        trainer.on_step(step, trainer.last_loss, sum(trainer.sums.lang_tokens), trainer.last_langs)
        if trainer.stopping:
            control.should_save = control.should_training_stop = True


def _arguments(
    recipe: RunSettings, stage: StageSettings, plan: DataPlan, folder: Path, crew: Crew
) -> TrainingArguments:
    schedules = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
    together, accumulate = crew.share_packs(stage.packs_per_step, stage.accumulate, stage.name)
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=together,
        gradient_accumulation_steps=accumulate,
        max_steps=plan.steps,
        train_sampling_strategy="sequential",
        learning_rate=stage.learning_rate,
        lr_scheduler_type=schedules[stage.schedule],
        warmup_steps=math.ceil(stage.warmup * plan.steps),
        max_grad_norm=stage.clip,
        activation_checkpointing=recipe.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if recipe.gradient_checkpointing else None,
        seed=recipe.seed,
        save_strategy="steps",
        save_steps=stage.checkpoint_every,
        logging_strategy="no",
        # Asking for every batch whether its loss is a number would wait for the GPU; `_clip_grad_norm` asks once.
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
    )

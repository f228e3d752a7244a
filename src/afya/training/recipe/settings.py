"""What every training recipe says of the loop, whatever kind of model learns: the run's settings and a stage's."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from afya.training.recipe.base import Name, Positive, Share, Strict
from afya.training.recipe.model import Average, Lora, Method


class Length(Strict):
    """How long a stage is. Exactly one of the three."""

    tokens: Positive | None = None
    steps: Positive | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    """As many tokens as this many passes over the examples hold."""

    @model_validator(mode="after")
    def _one(self) -> Length:
        if sum(value is not None for value in (self.tokens, self.steps, self.epochs)) != 1:
            raise ValueError("give exactly one of 'tokens', 'steps', 'epochs', the whole map: {steps: 100}")
        return self


class StageSettings(Strict):
    """A stage's length, its optimiser and how often it is written down."""

    name: Name
    length: Length
    packs_per_step: Positive = 4
    """Packs that are computed together."""
    accumulate: Positive = 1
    """Batches of packs whose gradients are added before one optimiser step."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw; or muon for the layers' matrices with adamw for everything else."""
    learning_rate: Annotated[float, Field(gt=0)]
    muon_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    """muon: the learning rate of the layers' matrices; `learning_rate` is that of everything else."""
    muon_precision: Literal["recipe", "bf16"] = "recipe"
    """muon: the precision of its matrix products. bf16 is quicker; weights then differ by up to 2e-3 between one
    process and two, not 1e-7."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Share = 0.05
    """The share of the steps over which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0
    """The largest norm of the gradients."""
    betas: tuple[float, float] = (0.9, 0.95)
    checkpoint_every: Positive = 200
    """Optimiser steps between checkpoints; the last step always makes one."""
    log_every: Positive = 1
    """Optimiser steps between rows of training.csv."""


class RunSettings(Strict):
    """What all stages of a run share: which weights learn, in which precision, from which seed."""

    name: Name
    description: str = ""
    method: Method = "full"
    lora: Lora = Lora()
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    """fp32, or bf16 for the matrix products: weights that learn and the optimiser stay in fp32, frozen weights are
    held in bf16."""
    gradient_checkpointing: bool = False
    """Compute the layers' activations again in the backward pass instead of keeping them: less memory, a third more
    work."""
    loss_chunk: Positive = 2_048
    """Learned tokens whose logits are held at one time."""
    average: Average | None = None
    threads: Positive | None = None
    """Processor threads; null takes all cores. Byte-identical runs need the same number."""
    keep_checkpoints: Annotated[int, Field(ge=2)] = 2
    """Checkpoints kept while a stage runs: two, so that a damaged one can be passed over."""
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    """Where the figures of training.csv are also written."""

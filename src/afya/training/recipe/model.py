"""The recipe's model: where the run starts, and which of its weights learn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from afya.training.recipe.base import Positive, Share, Strict


class PocketShape(Strict):
    """A model of a few million parameters, made on the spot: for trying the system, not for medicine."""

    vocabulary: Annotated[int, Field(ge=400, le=32_000)] = 3_000
    """Tokens of the tokenizer, which is trained on the stages' training data."""
    hidden: Positive = 160
    layers: Positive = 4
    heads: Positive = 5
    feed_forward: Positive = 448
    context: Positive = 1_024
    """The longest prompt with its answer, tokens."""


class ModelSource(Strict):
    """Where the run starts: a model folder or hub name, or a pocket model. Exactly one of the two."""

    path: str | None = None
    """A folder with a model of the Hugging Face format (relative to the recipe), or a name on a model hub."""
    pocket: PocketShape | None = None

    @model_validator(mode="after")
    def _one(self) -> ModelSource:
        if (self.path is None) == (self.pocket is None):
            raise ValueError("give either 'path' or 'pocket', the whole map: --set 'model={path: FOLDER}'")
        return self


Method = Literal["full", "lora", "qlora"]
"""full: every weight learns; lora: small matrices beside the frozen weights learn (Hu et al. 2022); qlora: the same,
with the frozen weights held in four bits (Dettmers et al. 2023)."""


class Lora(Strict):
    """The matrices that learn beside frozen weights, for the methods lora and qlora."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    """The product of the matrices is multiplied by alpha / rank."""
    dropout: Share = 0.0
    targets: tuple[str, ...] = ()
    """Names of the layers they stand beside, such as q_proj; none: every linear layer of the language model but the
    output layer."""


class Average(Strict):
    """An average of the weights of several steps takes the last step's place."""

    kind: Literal["ema", "checkpoints"]
    """ema: an exponential moving average over the steps; checkpoints: the mean of the last checkpoints."""
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """ema: what the average keeps of itself at each step; at step n no more than (1 + n) / (10 + n), so that a short
    stage does not end near its beginning."""
    last: Annotated[int, Field(ge=2)] = 3
    """checkpoints: how many; as many are kept."""

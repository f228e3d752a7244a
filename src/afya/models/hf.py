"""Local models through transformers: batched generation, and option scoring that projects only what is scored.

Batches are padded and sorted by length inside; answers do not depend on them beyond rounding. Nothing is truncated:
what does not fit the model's context is an error of that request.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from afya.models.adapters import Source, is_run, open_source
from afya.models.base import (
    NOT_NUMBERS,
    Generation,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Sampling,
    Shown,
    context_error,
)
from afya.models.batching import batches, halving
from afya.models.hub import is_hub_name
from afya.models.prefix_trees import Query
from afya.models.rendering import check_template, encode, encode_options, end_of_turn, render
from afya.models.scoring import OptionScorer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class HfOptions(BaseModel):
    """Settings of a local model.

    `batch_tokens` is how many tokens a batch holds; None means 131,072 on a GPU, and on a CPU 4,096 where text is
    generated and 1,536 where options are scored.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    batch_tokens: int | None = Field(default=None, ge=1)
    thinking: bool = False


def identify_hf(name: str) -> ModelIdentity:
    """The identity of a local model without loading it."""
    return _identity(name, open_source(name))


class HfModel:
    """A causal language model and its tokenizer, loaded.

    Build it with `HfModel.load`, or from parts that are already in memory (training measures the model it holds).
    """

    scores_options = True

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        identity: ModelIdentity,
        *,
        batch_tokens: int | None = None,
        thinking: bool = False,
    ) -> None:
        self.model = model
        self.model.train(False)
        self.tokenizer = tokenizer
        self.identity = identity
        self.context = _context_length(model, tokenizer)
        self._thinking = thinking
        on_gpu = model.device.type == "cuda"
        self._budget = batch_tokens or (131_072 if on_gpu else 4_096)
        self._end = end_of_turn(tokenizer)
        self._ends = _end_ids(model, tokenizer, self._end)
        # Scoring only reads: on a CPU fewer tokens at once stay in its caches.
        self._scorer = OptionScorer(model, batch_tokens or (131_072 if on_gpu else 1_536))

    @classmethod
    def load(cls, name: str, options: HfOptions | None = None) -> HfModel:
        """Load from a model folder, a finished run's folder, adapters or a hub name; adapters are merged.

        Raises EngineError naming the file or setting at fault, RunError for a run that is not finished.
        """
        options = options or HfOptions()
        source = open_source(name)
        import torch

        from afya.models.weights import load_merged, load_tokenizer

        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = options.dtype
        if dtype == "auto":
            dtype = "bfloat16" if device.startswith("cuda") else "float32"
        tokenizer = load_tokenizer(source.tokenizer)
        model = load_merged(source, getattr(torch, dtype), device)
        identity = _identity(name, source)
        return cls(model, tokenizer, identity, batch_tokens=options.batch_tokens, thinking=options.thinking)

    # What is read -----------------------------------------------------------------------------------------------------

    def shown(self, prompt: Prompt) -> Shown:
        """The text and token ids that the model reads.

        Raises EngineError for what would be read wrongly: see `check_template` and `encode`.
        """
        check_template(prompt, self.tokenizer, thinking=self._thinking)
        text = render(prompt, self.tokenizer, thinking=self._thinking)
        return Shown(text, tuple(encode([text], self.tokenizer)[0]), bool(self.tokenizer.chat_template))

    def text_logprobs(self, texts: Sequence[str]) -> list[tuple[float, ...] | None]:
        """Log-probabilities (nats) of each text's tokens given those before, the first token left out.

        A text is read as it is, without a chat template, behind the beginning-of-sequence token where the model has
        one. None for one that is longer than the context or has logits that are not numbers.
        """
        ids = encode(texts, self.tokenizer, rendered=False)
        found: list[tuple[float, ...] | None] = [() if len(row) < 2 else None for row in ids]
        fitting = [index for index, row in enumerate(ids) if 2 <= len(row) <= self.context]
        scored = self._scorer.score([Query(ids[index][:1], [ids[index][1:]]) for index in fitting])
        for index, result in zip(fitting, scored, strict=True):
            values = tuple(result.options[0].tolist()) if result.options else None
            found[index] = values if values and all(map(math.isfinite, values)) else None
        return found

    # Option scoring ---------------------------------------------------------------------------------------------------

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        """Log-probabilities of each request's options: fp32 log-softmax, summed in fp64. See scoring.py."""
        rendered = [render(request.prompt, self.tokenizer, thinking=self._thinking) for request in requests]
        texts = [
            [option + (self._end if request.end_turn else "") for option in request.options] for request in requests
        ]
        prompts, options = encode_options(rendered, texts, self.tokenizer)
        errors = [self._fault(prompt, row) for prompt, row in zip(prompts, options, strict=True)]
        sound = [index for index, error in enumerate(errors) if error is None]
        scored = self._scorer.score([Query(prompts[index], options[index]) for index in sound])
        answers = [
            OptionScores(None, tuple(len(option) for option in row), len(prompt), error)
            for row, prompt, error in zip(options, prompts, errors, strict=True)
        ]
        for index, found in zip(sound, scored, strict=True):
            sums = tuple(float(option.sum()) for option in found.options)
            error = found.error or (None if all(map(math.isfinite, sums)) else NOT_NUMBERS)
            answers[index] = replace(
                answers[index], logprobs=None if error else sums, error=error, latency_s=found.seconds
            )
        return answers

    def _fault(self, prompt: list[int], options: Sequence[Sequence[int]]) -> str | None:
        if not options or not all(options):
            return "an option has no tokens" if options else "the request has no options"
        if not prompt:
            return "the prompt has no tokens"
        longest = len(prompt) + max(len(option) for option in options)
        return context_error(longest, self.context) if longest > self.context else None

    # Generation -------------------------------------------------------------------------------------------------------

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """One reply a prompt, without special tokens; a stop text is not part of the reply."""
        from afya.models.decoding import decode_batch

        rendered = [render(prompt, self.tokenizer, thinking=self._thinking) for prompt in prompts]
        ids = encode(rendered, self.tokenizer)
        replies: list[Generation | None] = [None] * len(prompts)
        fitting: list[int] = []
        for index, row in enumerate(ids):
            # One token at least must find room behind the prompt.
            fault = context_error(len(row), self.context) if len(row) >= self.context else None
            if fault is None and not row:
                fault = "the prompt has no tokens"
            if fault is None:
                fitting.append(index)
            else:
                replies[index] = Generation("", "error", len(row), 0, 0.0, fault)
        for chosen in batches([len(ids[index]) for index in fitting], self._budget, extra=sampling.max_tokens):
            part = [fitting[index] for index in chosen]
            started = time.perf_counter()
            done = halving([ids[index] for index in part], lambda rows: decode_batch(self, rows, sampling))
            share = (time.perf_counter() - started) / len(part)
            for index, result in zip(part, done, strict=True):
                if isinstance(result, str):
                    replies[index] = Generation("", "error", len(ids[index]), 0, share, result)
                    continue
                text, reason, tokens, error = result
                replies[index] = Generation(text, reason, len(ids[index]), tokens, share, error)
        return [reply for reply in replies if reply is not None]

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end a reply."""
        return self._ends


def _identity(name: str, source: Source) -> ModelIdentity:
    """The identity under the name that the user gave; of a run it says which stage answers."""
    if is_hub_name(name):
        readable = name
    else:
        path = Path(name).expanduser()
        readable = source.name if is_run(path) else path.resolve().name
    return ModelIdentity(readable, "hf", source.sha256())


def _context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    told = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    # Tokenizers without a limit say 10**30.
    limits = [int(value) for value in (told, tokenizer.model_max_length) if value and value < 10**9]
    return min(limits, default=10**9)


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, end: str) -> frozenset[int]:
    told: Any = getattr(model.generation_config, "eos_token_id", None)
    ids = set(told if isinstance(told, (list, tuple)) else [told])
    ids.add(tokenizer.eos_token_id)
    if end:
        ids.add(tokenizer.convert_tokens_to_ids(end))
    return frozenset(int(value) for value in ids if value is not None)

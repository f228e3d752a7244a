"""What a language model is asked, and what it answers: plain records and one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

FinishReason = Literal["stop", "length", "filtered", "error", "unavailable"]
"""Why a reply ended: by itself, at a length limit, by the provider's content filter; or it never came.

Of those that never came, "error" would be the same another time (a prompt that is too long), "unavailable" may not be
(a server that is down): a run that is continued asks again for these.
"""

NOT_NUMBERS = "the model returned logits that are not numbers (NaN or infinite)"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is shown. `answer_prefix` is the text with which the assistant's turn begins, such as "Jibu:"."""

    messages: tuple[Message, ...]
    answer_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is drawn. Temperature 0 is greedy: the most probable token, always.

    A sampled reply depends on the seed and its own prompt, never on which prompts share the batch. `stop` ends a reply
    before the first of these texts.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """A reply, or why there is none. `latency_s` is the time spent on it, its share of the batch's for local models."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    latency_s: float
    error: str | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class OptionRequest:
    """A prompt and the texts that may follow it; each option begins with its own separator (" B").

    `end_turn`: score each option together with the token that ends the assistant's turn, where the model's chat
    template has one. Then an option is a whole answer, and one that begins another ("10 days", "10 days and ORS") is
    not favoured for being short.
    """

    prompt: Prompt
    options: tuple[str, ...]
    end_turn: bool = False


@dataclass(frozen=True, slots=True)
class OptionScores:
    """The sum of log-probabilities of each option's tokens (nats), or why there are none.

    `tokens` counts each option's scored tokens, the end of turn included.
    """

    logprobs: tuple[float, ...] | None
    tokens: tuple[int, ...]
    prompt_tokens: int
    error: str | None = None
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt as a local model reads it: the rendered text, and its token ids.

    `chat_template`: whether the model's own chat template made the text.
    """

    text: str
    token_ids: tuple[int, ...]
    chat_template: bool = True


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model: a readable name, the engine that runs it, and a hash of everything that shapes its answers.

    For a local model the hash covers weights, configuration and tokenizer; for an endpoint its address and model name.
    """

    name: str
    engine: str
    sha256: str


class LanguageModel(Protocol):
    """A model that can be asked.

    Both methods answer in the order of the requests, one answer a request. What goes wrong with one request is the
    `error` of its answer; what makes every request impossible is an EngineError.
    """

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def scores_options(self) -> bool:
        """Whether `score_options` works; an endpoint that gives no log-probabilities of given text cannot."""
        ...

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]: ...

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]: ...


@runtime_checkable
class Showing(Protocol):
    """A model that says what it reads; `shown` raises EngineError for a prompt that it would read wrongly."""

    def shown(self, prompt: Prompt) -> Shown: ...


@runtime_checkable
class Recorded(Protocol):
    """Replies that were made elsewhere: they are looked up by item, no prompt is answered."""

    @property
    def item_ids(self) -> frozenset[str]: ...

    def recall(self, item_ids: Sequence[str]) -> list[Generation]: ...


def context_error(tokens: int, context: int) -> str:
    """The error of a prompt that does not fit; nothing is ever cut to make it fit."""
    return f"context too long: {tokens} tokens, the model takes {context}"

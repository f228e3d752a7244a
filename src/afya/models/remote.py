"""What every paid or served model has in common: many requests at a time, prices, a budget, and errors that are kept.

An engine says how one request is asked (`_tell`); here it becomes a reply. One bad item never ends a run: a request
that fails is the error of its own reply. What makes every request fail ends the asking; what was answered by then is
kept, since it was paid for.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from afya.errors import EngineError
from afya.models.base import FinishReason, Generation, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.models.cost import Budget, Price, most_cost
from afya.models.endpoint import EndpointOptions, Fault

NO_SCORES = (
    "gives no log-probabilities of given options (chat endpoints return those of their own words only); "
    "measure this model by generation"
)
OPERATING = frozenset({"timeout_s", "total_s", "tries", "concurrency", "price_in", "price_out", "api_key_env"})
"""Options that decide how replies are fetched and what they cost, never what they say."""


class RemoteOptions(EndpointOptions):
    """Settings of a model at an address.

    `price_in` and `price_out` are US dollars per million tokens, in place of the catalogue's. `body` holds further keys
    of each request (`chat_template_kwargs`, `reasoning_effort`, `thinking`); `omit` names those of temperature, top_p,
    seed and stop that the model does not take. `api_key_env` None: the variable that the provider's own tools read.
    """

    concurrency: int = Field(default=32, ge=1)
    api_key_env: str | None = None
    price_in: float | None = Field(default=None, ge=0)
    price_out: float | None = Field(default=None, ge=0)
    body: dict[str, Any] = Field(default_factory=dict)
    omit: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _both_prices(self) -> RemoteOptions:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price_in and price_out are given together")
        return self

    def price(self, listed: Price | None) -> Price | None:
        """The price that was told, else the one that is listed."""
        if self.price_in is not None and self.price_out is not None:
            return Price(self.price_in, self.price_out)
        return listed


@dataclass(frozen=True)
class Told:
    """An answer as a server gave it; None where it did not count its tokens."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None
    completion_tokens: int | None


class RemoteModel(ABC):
    """The part of an engine that does not depend on whose API it speaks. Order is kept."""

    scores_options = False

    def __init__(self, identity: ModelIdentity, options: RemoteOptions, price: Price | None, addresses: int) -> None:
        self.identity = identity
        self.options = options
        self.price = price
        self.budget: Budget | None = None
        self._workers = options.concurrency * addresses

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        """Not possible: raises EngineError saying so."""
        raise EngineError(f"The endpoint of '{self.identity.name}' {NO_SCORES}.")

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """One reply a prompt. A request that fails for good is an error of its own reply.

        Raises:
            EngineError: no request can succeed (the address cannot be reached, the key or the model is refused) and
                none of these did.
        """
        stop = threading.Event()
        failures: list[EngineError] = []

        def ask(prompt: Prompt) -> Generation:
            try:
                return self._reply(prompt, sampling, stop)
            except EngineError as error:
                failures.append(error)
                stop.set()
                return _unasked(error.message)

        with ThreadPoolExecutor(max(1, min(self._workers, len(prompts)))) as pool:
            try:
                replies = list(pool.map(ask, prompts))
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if failures and all(reply.error is not None for reply in replies):
            raise failures[0]
        return replies

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    def _tell(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Told | Fault:
        """The server's answer, or why there is none; raises EngineError when no request can succeed."""

    def _reply(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Generation:
        if stop.is_set():
            return _unasked("not asked: another request showed that none can succeed")
        if self.budget is None or self.price is None:
            return self._answer(prompt, sampling, stop)
        most = most_cost(self.price, prompt, sampling)
        if not self.budget.reserve(most):
            return _unasked(f"not asked: the budget of {self.budget.limit_usd:,.2f} USD is spent")
        cost = 0.0
        try:
            reply = self._answer(prompt, sampling, stop)
            if reply.error is None:
                # A server that does not count its tokens is taken at the most.
                cost = most if reply.cost_usd is None else reply.cost_usd
            return reply
        finally:
            self.budget.settle(most, cost)

    def _answer(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Generation:
        started = time.perf_counter()
        told = self._tell(prompt, sampling, stop)
        spent = time.perf_counter() - started
        if isinstance(told, Fault):
            return Generation("", "unavailable" if told.again or told.later else "error", 0, 0, spent, told.message)
        cost = None
        if self.price is not None and told.prompt_tokens is not None and told.completion_tokens is not None:
            cost = self.price.of(told.prompt_tokens, told.completion_tokens)
        return Generation(
            told.text, told.finish_reason, told.prompt_tokens or 0, told.completion_tokens or 0, spent, cost_usd=cost
        )


def chat_messages(prompt: Prompt) -> list[dict[str, str]]:
    """The messages to send, neighbours of one role joined, none empty.

    An endpoint begins its own turn: the answer's prefix stands as the last line of what it reads instead.
    """
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    if prompt.answer_prefix:
        if messages and messages[-1]["role"] == "user":
            messages[-1]["content"] += f"\n\n{prompt.answer_prefix}"
        else:
            messages.append({"role": "user", "content": prompt.answer_prefix})
    return messages


def drawing(sampling: Sampling, omit: Sequence[str]) -> dict[str, Any]:
    """How text is drawn, under the names that most APIs have; what is neutral is not sent, since some refuse it."""
    wanted: dict[str, Any] = {"temperature": sampling.temperature}
    if sampling.top_p < 1.0:
        wanted["top_p"] = sampling.top_p
    if sampling.temperature > 0:
        wanted["seed"] = sampling.seed
    if sampling.stop:
        wanted["stop"] = list(sampling.stop)
    return {name: value for name, value in wanted.items() if name not in omit}


def refused_setting(said: str, sent: Mapping[str, Any], name: str) -> EngineError | None:
    """The error of a server that does not take a setting which every request has; None when it complains of others."""
    lowered = said.lower()
    if not any(word in lowered for word in ("unsupported", "not support", "deprecated", "not allowed", "unrecognized")):
        return None
    for setting in ("temperature", "top_p", "seed", "stop"):
        if setting in sent and f"{setting}" in lowered.replace("`", " ").replace("'", " ").replace('"', " ").split():
            return EngineError(
                f"The model '{name}' does not take the setting '{setting}' ({said}).",
                hint=f"Leave it out with --option 'omit=[{setting}]'; its replies are then drawn as its provider does.",
            )
    return None


def _unasked(why: str) -> Generation:
    return Generation("", "unavailable", 0, 0, 0.0, why)

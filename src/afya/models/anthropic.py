"""Anthropic's models through the provider's own library (the extra `anthropic`): the Messages API.

The library's own retries are switched off: tries, waiting and the number of requests at a time are decided in one place
for all engines (endpoint.py). API: docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from afya.errors import EngineError, require
from afya.models.base import FinishReason, ModelIdentity, Prompt, Sampling
from afya.models.cost import Price
from afya.models.endpoint import Fault, checked_address, fatal, http_fault, is_local, persist, unreachable
from afya.models.limits import Lanes
from afya.models.remote import RemoteModel, RemoteOptions, Told, chat_messages, drawing, refused_setting
from afya.runs import canonical, scrub, sha256_text

if TYPE_CHECKING:
    import anthropic

_ADDRESS = "https://api.anthropic.com"
_KEY_ENV = "ANTHROPIC_API_KEY"
_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "filtered",
}


class AnthropicOptions(RemoteOptions):
    """Settings of the Messages API. `base_url` None: Anthropic's own address."""

    base_url: str | None = None

    def address(self) -> str:
        """The base URL without a final slash. Raises ConfigError when it is no http(s) URL."""
        return checked_address(self.base_url or _ADDRESS, _ADDRESS)


def identify_anthropic(name: str, options: AnthropicOptions) -> ModelIdentity:
    """The identity of a provider's model: its address and name, since its weights cannot be seen."""
    told = canonical({"address": scrub(options.address()), "model": name})
    return ModelIdentity(name, "anthropic", sha256_text(told))


def price_anthropic(name: str, options: AnthropicOptions) -> Price | None:
    """What a model costs: as told, else as the catalogue lists it."""
    from afya.models.catalogue import listed_price

    return options.price(listed_price(name, "anthropic", options.address()))


class AnthropicModel(RemoteModel):
    """One of Anthropic's models. A thinking block is not part of the reply; the tokens it took are counted."""

    def __init__(self, name: str, options: AnthropicOptions | None = None) -> None:
        require("anthropic", "anthropic", "A model of Anthropic")
        import anthropic

        settings = options or AnthropicOptions()
        super().__init__(identify_anthropic(name, settings), settings, price_anthropic(name, settings), 1)
        self._name = name
        self._address = settings.address()
        self._key_env = settings.api_key_env or _KEY_ENV
        self._key = os.environ.get(self._key_env) or None
        if self._key is None and not is_local(self._address):
            raise EngineError(
                f"The model '{name}' needs a key, and the environment variable {self._key_env} is not set.",
                hint="Set it, or name another variable with --api-key-env.",
            )
        self.lanes = Lanes(1, settings.concurrency)
        self._omit = (*settings.omit, "seed")  # the API has none
        client: Any = anthropic.Anthropic
        self._client = client(
            api_key=self._key or "none",
            base_url=self._address,
            timeout=settings.timeout_s,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(trust_env=not is_local(self._address)),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _tell(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Told | Fault:
        outcome = persist(lambda _, left_s: self._try(prompt, sampling, left_s), self.lanes, self.options, stop)
        if isinstance(outcome, Fault) and outcome.unreachable:
            raise unreachable(scrub(self._address), outcome.message)
        return outcome

    def _try(self, prompt: Prompt, sampling: Sampling, left_s: float) -> Told | Fault:
        import anthropic

        # Temperature and the like go as plain keys of the body: the library's newest versions have no names for them.
        drawn = drawing(sampling, self._omit)
        sent = {**drawn, **self.options.body}
        if "stop" in drawn:
            sent["stop_sequences"] = sent.pop("stop")
        messages = chat_messages(prompt)
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        if system:
            sent["system"] = system
        turns: Any = [message for message in messages if message["role"] != "system"]
        try:
            answer = self._client.messages.create(
                model=self._name,
                max_tokens=sampling.max_tokens,
                messages=turns,
                extra_body=sent,
                timeout=min(left_s, self.options.timeout_s),
            )
        except anthropic.APITimeoutError:
            return Fault("the answer took too long", again=True, overloaded=True)
        except anthropic.APIStatusError as error:
            return self._refusal(error, drawn)
        except anthropic.APIConnectionError as error:
            cause = type(error.__cause__).__name__
            return Fault(f"the connection failed: {cause}", again=True, unreachable="Connect" in cause)
        except (anthropic.AnthropicError, ValueError, TypeError) as error:
            return Fault(f"the answer is not a message ({type(error).__name__})", again=True)
        return _read(answer)

    def _refusal(self, error: anthropic.APIStatusError, drawn: dict[str, Any]) -> Fault:
        said = " ".join(_message(error).split())[:200]
        said = said.replace(self._key, "***") if self._key else said
        status = error.status_code
        ending = fatal(status, scrub(self._address), self._name, said, self._key_env)
        if ending is None and status == 400:
            ending = refused_setting(said, drawn, self._name)
        if ending is not None:
            raise ending
        return http_fault(status, said, error.response.headers)


def _message(error: anthropic.APIStatusError) -> str:
    body: Any = error.body
    try:
        return str(body["error"]["message"])
    except (KeyError, TypeError, IndexError):
        return error.message


def _read(answer: Any) -> Told | Fault:
    """The text blocks of a message. The library builds answers without checking them, so each part is looked at."""
    blocks, usage = getattr(answer, "content", None), getattr(answer, "usage", None)
    if not isinstance(blocks, list):
        return Fault("the answer is not a message (no content)", again=True)
    texts = [getattr(block, "text", None) for block in blocks if getattr(block, "type", None) == "text"]
    if not all(isinstance(text, str) for text in texts):
        return Fault("the answer's content is not text", again=True)
    asked, answered = getattr(usage, "input_tokens", None), getattr(usage, "output_tokens", None)
    return Told(
        "".join(str(text) for text in texts),
        _FINISH.get(str(getattr(answer, "stop_reason", None)), "stop"),
        asked if isinstance(asked, int) else None,
        answered if isinstance(answered, int) else None,
    )

"""Any OpenAI-compatible endpoint: chat completions over HTTP.

Servers that speak it: OpenAI, vLLM, SGLang, llama.cpp, Ollama, OpenRouter and others. The key is read from an
environment variable and never written anywhere. API: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from pydantic import field_validator

from afya.errors import ConfigError
from afya.models.base import FinishReason, ModelIdentity, Prompt, Sampling
from afya.models.cost import Price
from afya.models.endpoint import Endpoint, Fault, checked_address
from afya.models.remote import RemoteModel, RemoteOptions, Told, chat_messages, drawing, refused_setting
from afya.runs import canonical, scrub, sha256_text

_ADDRESS = "https://api.openai.com/v1"
_KEY_ENV = "OPENAI_API_KEY"
_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "filtered"}


class OpenAIOptions(RemoteOptions):
    """Settings of a chat endpoint. `base_url` None: AFYA_OPENAI_BASE_URL, else OpenAI's own address.

    Several addresses, as a list or with commas, are servers of the same model; each request goes to the emptiest.
    """

    base_url: tuple[str, ...] | None = None

    @field_validator("base_url", mode="before")
    @classmethod
    def _listed(cls, told: object) -> object:
        return tuple(part.strip() for part in told.split(",")) if isinstance(told, str) else told

    def addresses(self) -> tuple[str, ...]:
        """The base URLs without final slashes. Raises ConfigError when one is no http(s) URL or is given twice."""
        told = self.base_url or (os.environ.get("AFYA_OPENAI_BASE_URL") or _ADDRESS,)
        found = tuple(checked_address(url, "http://localhost:8000/v1") for url in told)
        if len(set(found)) < len(found):
            raise ConfigError("The same address of an endpoint is given twice.", hint="Name each server once.")
        return found


def identify_openai(name: str, options: OpenAIOptions) -> ModelIdentity:
    """The identity of an endpoint's model: its address and name, since its weights cannot be seen."""
    addresses = sorted(scrub(address) for address in options.addresses())
    told = canonical({"address": addresses[0] if len(addresses) == 1 else addresses, "model": name})
    return ModelIdentity(name, "openai", sha256_text(told))


def price_openai(name: str, options: OpenAIOptions) -> Price | None:
    """What a model costs at its address: as told, else as the catalogue lists it for the provider who lives there."""
    from afya.models.catalogue import listed_price

    addresses = options.addresses()
    return options.price(listed_price(name, "openai", addresses[0]) if len(addresses) == 1 else None)


class OpenAIModel(RemoteModel):
    """One model behind one or more OpenAI-compatible endpoints."""

    def __init__(self, name: str, options: OpenAIOptions | None = None) -> None:
        settings = options or OpenAIOptions()
        addresses = settings.addresses()
        super().__init__(identify_openai(name, settings), settings, price_openai(name, settings), len(addresses))
        self._name = name
        variable = settings.api_key_env or _key_env(addresses[0])
        key = os.environ.get(variable) or None
        self._endpoint = Endpoint(
            f"{addresses[0]}/chat/completions",
            name,
            settings,
            others=[f"{address}/chat/completions" for address in addresses[1:]],
            headers={"Authorization": f"Bearer {key}"} if key else {},
            key=key,
            key_env=variable,
        )
        self.lanes = self._endpoint.lanes
        # Newer OpenAI models refuse 'max_tokens' and say which name they take.
        self._length_key = "max_tokens"

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _tell(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Told | Fault:
        return self._endpoint.ask(
            "POST",
            self._endpoint.url,
            lambda: self._request(prompt, sampling),
            _read_answer,
            refused=lambda status, said: self._refused(status, said, sampling),
            stop=stop,
        )

    def _refused(self, status: int, said: str, sampling: Sampling) -> Fault | None:
        if status not in (400, 422):
            return None
        if "max_completion_tokens" in said and "max_completion_tokens" not in self.options.body:
            if self._length_key == "max_tokens":
                self._length_key = "max_completion_tokens"
            return Fault(said, again=True, wait_s=0.0)
        ending = refused_setting(said, drawing(sampling, self.options.omit), self._name)
        if ending is not None:
            raise ending
        return None

    def _request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        return {
            "model": self._name,
            "messages": chat_messages(prompt),
            self._length_key: sampling.max_tokens,
            **drawing(sampling, self.options.omit),
            **self.options.body,
        }


def _key_env(address: str) -> str:
    from afya.models.catalogue import key_variable

    return key_variable("openai", address) or _KEY_ENV


def _read_answer(body: bytes) -> Told | Fault:
    """The first choice of a chat completion: its text, why it ended, tokens read and written."""
    try:
        told = json.loads(body)
        choice = told["choices"][0]
        message = choice["message"]
        text = message.get("content")
        refusal = message.get("refusal")
        usage = told.get("usage") or {}
        asked, answered = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        return Fault(f"the answer is not a chat completion ({type(error).__name__})", again=True)
    if text is not None and not isinstance(text, str):
        return Fault("the answer's content is not text", again=True)
    if not text and isinstance(refusal, str) and refusal:
        return Told(refusal, "filtered", asked, answered)
    return Told(text or "", _FINISH.get(str(choice.get("finish_reason")), "stop"), asked, answered)


def _count(told: object) -> int | None:
    return told if isinstance(told, int) and told >= 0 else None

"""Any OpenAI-compatible endpoint: chat completions over HTTP, with bounded retries.

Servers that speak it: OpenAI, vLLM, SGLang, llama.cpp, Ollama, OpenRouter and others. The key is read from an
environment variable and never written anywhere. API: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from afya.errors import EngineError
from afya.models.base import (
    FinishReason,
    Generation,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Sampling,
)
from afya.models.endpoint import Endpoint, EndpointOptions, Fault, checked_address
from afya.runs import canonical, scrub, sha256_text

_ADDRESS = "https://api.openai.com/v1"
_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "filtered"}
NO_SCORES = (
    "gives no log-probabilities of given options (chat endpoints return those of their own words only); "
    "measure this model by generation"
)

Told = tuple[str, FinishReason, int, int]


class OpenAIOptions(EndpointOptions):
    """Settings of a chat endpoint. `base_url` None: AFYA_OPENAI_BASE_URL, else OpenAI's own address."""

    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"

    def address(self) -> str:
        """The endpoint's base URL without a final slash. Raises ConfigError when it is no http(s) URL."""
        return checked_address(
            self.base_url or os.environ.get("AFYA_OPENAI_BASE_URL") or _ADDRESS, "http://localhost:8000/v1"
        )


def identify_openai(name: str, options: OpenAIOptions) -> ModelIdentity:
    """The identity of an endpoint's model: its address and name, since its weights cannot be seen."""
    told = canonical({"address": scrub(options.address()), "model": name})
    return ModelIdentity(name, "openai", sha256_text(told))


class OpenAIModel:
    """One model behind an OpenAI-compatible endpoint. Requests run `concurrency` at a time; order is kept."""

    scores_options = False

    def __init__(self, name: str, options: OpenAIOptions | None = None) -> None:
        self.options = options or OpenAIOptions()
        self.identity = identify_openai(name, self.options)
        self._name = name
        key = os.environ.get(self.options.api_key_env) or None
        self._endpoint = Endpoint(
            self.options.address() + "/chat/completions",
            name,
            self.options,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            key=key,
            key_env=self.options.api_key_env,
        )
        # Newer OpenAI models refuse 'max_tokens' and say which name they take.
        self._length_key = "max_tokens"

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        """Not possible: raises EngineError saying so."""
        raise EngineError(f"The endpoint of '{self._name}' {NO_SCORES}.")

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """One reply a prompt. A request that fails for good is an error of its own reply.

        Raises:
            EngineError: no request can succeed: the address cannot be reached, the key or the model is refused.
        """
        stop = threading.Event()

        def ask(prompt: Prompt) -> Generation:
            try:
                return self._ask(prompt, sampling, stop)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(self.options.concurrency) as pool:
            return list(pool.map(ask, prompts))

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _ask(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Generation:
        started = time.perf_counter()
        told = self._endpoint.ask(
            "POST",
            self._endpoint.url,
            lambda: self._request(prompt, sampling),
            _read_answer,
            refused=self._other_length_key,
            stop=stop,
        )
        spent = time.perf_counter() - started
        if isinstance(told, Fault):
            return Generation("", "error", 0, 0, spent, told.message)
        text, reason, asked, answered = told
        return Generation(text, reason, asked, answered, spent)

    def _other_length_key(self, status: int, said: str) -> Fault | None:
        if status == 400 and "max_completion_tokens" in said and self._length_key == "max_tokens":
            self._length_key = "max_completion_tokens"
            return Fault(said, again=True, wait_s=0.0)
        return None

    def _request(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        if prompt.answer_prefix:
            # An endpoint begins its own turn; the prefix stands as the last line of what it reads instead.
            if messages and messages[-1]["role"] == "user":
                messages[-1]["content"] += f"\n\n{prompt.answer_prefix}"
            else:
                messages.append({"role": "user", "content": prompt.answer_prefix})
        request: dict[str, Any] = {
            "model": self._name,
            "messages": messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            self._length_key: sampling.max_tokens,
        }
        if sampling.stop:
            request["stop"] = list(sampling.stop)
        return request


def _read_answer(body: bytes) -> Told | Fault:
    """The first choice of a chat completion: its text, why it ended, tokens read and written."""
    import json

    try:
        told = json.loads(body)
        choice = told["choices"][0]
        message = choice["message"]
        text = message.get("content")
        refusal = message.get("refusal")
        usage = told.get("usage") or {}
        asked, answered = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return Fault(f"the answer is not a chat completion ({type(error).__name__})", again=True)
    if text is not None and not isinstance(text, str):
        return Fault("the answer's content is not text", again=True)
    if not text and isinstance(refusal, str) and refusal:
        return refusal, "filtered", asked, answered
    return text or "", _FINISH.get(str(choice.get("finish_reason")), "stop"), asked, answered

"""Any OpenAI-compatible endpoint: chat completions over HTTP, with bounded retries.

Servers that speak it: OpenAI, vLLM, SGLang, llama.cpp, Ollama, OpenRouter and others. The key is read from an
environment variable and never written anywhere. API: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from afya.errors import ConfigError, EngineError
from afya.models.base import (
    FinishReason,
    Generation,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Sampling,
)
from afya.runs import canonical, scrub, sha256_text

if TYPE_CHECKING:
    import httpx

_ADDRESS = "https://api.openai.com/v1"
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FATAL = {
    401: "the key was refused",
    402: "the account has no credit",
    403: "access was refused",
    404: "the address or the model is not known there",
}
_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "filtered"}
NO_SCORES = (
    "gives no log-probabilities of given options (chat endpoints return those of their own words only); "
    "measure this model by generation"
)


class OpenAIOptions(BaseModel):
    """Settings of an endpoint. `base_url` None: AFYA_OPENAI_BASE_URL, else OpenAI's own address.

    `timeout_s` bounds the wait for one answer, `total_s` all tries for one request with their pauses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    timeout_s: float = Field(default=120.0, gt=0)
    total_s: float = Field(default=600.0, gt=0)
    tries: int = Field(default=6, ge=1)
    concurrency: int = Field(default=8, ge=1)

    def address(self) -> str:
        """The endpoint's base URL without a final slash. Raises ConfigError when it is no http(s) URL."""
        url = (self.base_url or os.environ.get("AFYA_OPENAI_BASE_URL") or _ADDRESS).rstrip("/")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(
                f"'{scrub(url)}' is no address of an endpoint.", hint="Write it as http://localhost:8000/v1"
            )
        return url


def identify_openai(name: str, options: OpenAIOptions) -> ModelIdentity:
    """The identity of an endpoint's model: its address and name, since its weights cannot be seen."""
    told = canonical({"address": scrub(options.address()), "model": name})
    return ModelIdentity(name, "openai", sha256_text(told))


@dataclass(frozen=True)
class _Fault:
    """A try that did not give an answer: what happened, whether to try again, and how long the server asks to wait."""

    message: str
    again: bool
    wait_s: float | None = None
    unreachable: bool = False


class OpenAIModel:
    """One model behind an OpenAI-compatible endpoint. Requests run `concurrency` at a time; order is kept."""

    scores_options = False

    def __init__(self, name: str, options: OpenAIOptions | None = None) -> None:
        import httpx

        self.options = options or OpenAIOptions()
        self.identity = identify_openai(name, self.options)
        self._name = name
        self._url = self.options.address() + "/chat/completions"
        self._key = os.environ.get(self.options.api_key_env) or None
        host = urlsplit(self._url).hostname
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(self.options.timeout_s, connect=min(10.0, self.options.timeout_s)),
            limits=httpx.Limits(max_connections=self.options.concurrency),
            # A server on this machine is not behind the proxy that the environment may name.
            trust_env=host not in ("localhost", "127.0.0.1", "::1"),
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
        self._client.close()

    def _ask(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Generation:
        started = time.perf_counter()
        fault = _Fault("not asked", again=True)
        for attempt in range(self.options.tries):
            if stop.is_set():
                break
            left = self.options.total_s - (time.perf_counter() - started)
            if attempt and fault.again:
                # Full jitter: clients that failed together do not come back together.
                pause = fault.wait_s if fault.wait_s is not None else random.uniform(0, min(30.0, 0.5 * 2**attempt))
                if pause >= left:
                    fault = _Fault(f"{fault.message}; {self.options.total_s:g} s were not enough", again=False)
                    break
                stop.wait(pause)
                left -= pause
            outcome = self._try(prompt, sampling, left)
            if isinstance(outcome, _Fault):
                fault = outcome
                if not fault.again:
                    break
                continue
            text, reason, asked, answered = outcome
            return Generation(text, reason, asked, answered, time.perf_counter() - started)
        if fault.unreachable:
            raise EngineError(
                f"The endpoint {scrub(self._url)} cannot be reached ({fault.message}).",
                hint="Check that the server runs and the address is right, then run the same command again.",
            )
        return Generation("", "error", 0, 0, time.perf_counter() - started, self._redacted(fault.message))

    def _try(self, prompt: Prompt, sampling: Sampling, left_s: float) -> tuple[str, FinishReason, int, int] | _Fault:
        import httpx

        # The total bounds a single try too: a server that drips bytes never lets a read time out, so the body is read
        # in pieces against the clock.
        limit = time.perf_counter() + min(left_s, self.options.timeout_s)
        body = bytearray()
        try:
            with self._client.stream("POST", self._url, json=self._request(prompt, sampling)) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if time.perf_counter() > limit:
                        return _Fault("the answer took too long", again=True)
        except httpx.TimeoutException as error:
            unreachable = isinstance(error, httpx.ConnectTimeout)
            return _Fault("the answer took too long", again=True, unreachable=unreachable)
        except httpx.TransportError as error:
            unreachable = isinstance(error, httpx.ConnectError)
            return _Fault(f"the connection failed: {type(error).__name__}", again=True, unreachable=unreachable)
        if response.status_code != 200:
            return self._refusal(response, bytes(body))
        return _read_answer(bytes(body))

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

    def _refusal(self, response: httpx.Response, body: bytes) -> _Fault:
        status = response.status_code
        said = self._redacted(_error_message(body))
        if status == 400 and "max_completion_tokens" in said and self._length_key == "max_tokens":
            self._length_key = "max_completion_tokens"
            return _Fault(said, again=True, wait_s=0.0)
        if status in _FATAL:
            raise EngineError(
                f"The endpoint {scrub(self._url)} answered {status} for '{self._name}': {_FATAL[status]} ({said}).",
                hint=f"Check the model's name, the address, and the key in the environment variable "
                f"{self.options.api_key_env}.",
            )
        return _Fault(f"HTTP {status}: {said}", again=status in _AGAIN, wait_s=_retry_after(response))

    def _redacted(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _read_answer(body: bytes) -> tuple[str, FinishReason, int, int] | _Fault:
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
        return _Fault(f"the answer is not a chat completion ({type(error).__name__})", again=True)
    if text is not None and not isinstance(text, str):
        return _Fault("the answer's content is not text", again=True)
    if not text and isinstance(refusal, str) and refusal:
        return refusal, "filtered", asked, answered
    return text or "", _FINISH.get(str(choice.get("finish_reason")), "stop"), asked, answered


def _error_message(body: bytes) -> str:
    """What an error response says, in one short line."""
    import json

    text = body.decode("utf-8", errors="replace")
    try:
        told = json.loads(text)
        error = told.get("error", told) if isinstance(told, dict) else told
        text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
    except ValueError:
        pass
    line = " ".join(text.split())
    return line[:200] or "no message"


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait; None when it does not say (or says it as a date that has passed)."""
    told = response.headers.get("retry-after")
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            seconds = parsedate_to_datetime(told).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None

"""Google's models through the provider's own library (the extra `google`): generateContent of the Gemini API.

The library's own retries are switched off: tries, waiting and the number of requests at a time are decided in one place
for all engines (endpoint.py). API: ai.google.dev/api/generate-content.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from afya.errors import EngineError, require
from afya.models.base import ModelIdentity, Prompt, Sampling
from afya.models.cost import Price
from afya.models.endpoint import Fault, checked_address, fatal, http_fault, is_local, persist, unreachable
from afya.models.limits import Lanes
from afya.models.remote import RemoteModel, RemoteOptions, Told, chat_messages, drawing, refused_setting
from afya.runs import canonical, scrub, sha256_text

if TYPE_CHECKING:
    from google.genai import errors

_ADDRESS = "https://generativelanguage.googleapis.com"
_KEY_ENV = "GEMINI_API_KEY"
_FILTERED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "IMAGE_SAFETY"}
)


class GoogleOptions(RemoteOptions):
    """Settings of the Gemini API. `base_url` None: Google's own address.

    `body` holds further fields of GenerateContentConfig, such as thinking_config or safety_settings.
    """

    base_url: str | None = None

    def address(self) -> str:
        """The base URL without a final slash. Raises ConfigError when it is no http(s) URL."""
        return checked_address(self.base_url or _ADDRESS, _ADDRESS)


def identify_google(name: str, options: GoogleOptions) -> ModelIdentity:
    """The identity of a provider's model: its address and name, since its weights cannot be seen."""
    told = canonical({"address": scrub(options.address()), "model": name})
    return ModelIdentity(name, "google", sha256_text(told))


def price_google(name: str, options: GoogleOptions) -> Price | None:
    """What a model costs: as told, else as the catalogue lists it."""
    from afya.models.catalogue import listed_price

    return options.price(listed_price(name, "google", options.address()))


class GoogleModel(RemoteModel):
    """One of Google's models. Thoughts are not part of the reply; the tokens they took are counted."""

    def __init__(self, name: str, options: GoogleOptions | None = None) -> None:
        try:
            require("google.genai", "google", "A model of Google")
            from google import genai
        except ImportError:  # other packages share the name space 'google'
            require("google_genai", "google", "A model of Google")
            raise
        import httpx

        settings = options or GoogleOptions()
        super().__init__(identify_google(name, settings), settings, price_google(name, settings), 1)
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
        # The client is made here, since the library's own would hold no more than ten connections.
        self._http = httpx.Client(
            trust_env=not is_local(self._address),
            timeout=httpx.Timeout(settings.timeout_s, connect=min(10.0, settings.timeout_s)),
            limits=httpx.Limits(max_connections=settings.concurrency),
        )
        self._client = genai.Client(
            api_key=self._key or "none",
            vertexai=False,
            http_options=genai.types.HttpOptions(
                base_url=self._address,
                httpx_client=self._http,
                retry_options=genai.types.HttpRetryOptions(attempts=1),
            ),
        )
        try:
            # A wrong key of the user's `body` is seen before anything is asked.
            self._config(Sampling())
        except ValueError as error:
            raise EngineError(f"google:{name}: the option 'body' is not a GenerateContentConfig ({error}).") from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _config(self, sampling: Sampling) -> Any:
        from google.genai import types

        drawn = drawing(sampling, self.options.omit)
        if "stop" in drawn:
            drawn["stop_sequences"] = drawn.pop("stop")
        # Settings named here go over those that the library would choose: no tools are called.
        automatic = types.AutomaticFunctionCallingConfig(disable=True)
        told = {"max_output_tokens": sampling.max_tokens, "automatic_function_calling": automatic, **drawn}
        return types.GenerateContentConfig.model_validate({**told, **self.options.body})

    def _tell(self, prompt: Prompt, sampling: Sampling, stop: threading.Event) -> Told | Fault:
        outcome = persist(lambda _, left_s: self._try(prompt, sampling, left_s), self.lanes, self.options, stop)
        if isinstance(outcome, Fault) and outcome.unreachable:
            raise unreachable(scrub(self._address), outcome.message)
        return outcome

    def _try(self, prompt: Prompt, sampling: Sampling, left_s: float) -> Told | Fault:
        import httpx
        from google.genai import errors, types

        config = self._config(sampling)
        limit_ms = max(1, int(min(left_s, self.options.timeout_s) * 1000))
        config.http_options = types.HttpOptions(timeout=limit_ms)
        messages = chat_messages(prompt)
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        if system:
            config.system_instruction = system
        turns: Any = [
            types.Content(
                role="model" if message["role"] == "assistant" else "user",
                parts=[types.Part(text=message["content"])],
            )
            for message in messages
            if message["role"] != "system"
        ]
        try:
            answer = self._client.models.generate_content(model=self._name, contents=turns, config=config)
        except errors.APIError as error:
            return self._refusal(error, sampling)
        except httpx.TimeoutException as error:
            absent = isinstance(error, httpx.ConnectTimeout)
            return Fault("the answer took too long", again=True, unreachable=absent, overloaded=not absent)
        except httpx.TransportError as error:
            absent = isinstance(error, httpx.ConnectError)
            return Fault(f"the connection failed: {type(error).__name__}", again=True, unreachable=absent)
        except (errors.UnknownApiResponseError, ValueError, TypeError, AttributeError, KeyError) as error:
            return Fault(f"the answer is not a generated content ({type(error).__name__})", again=True)
        return _read(answer)

    def _refusal(self, error: errors.APIError, sampling: Sampling) -> Fault:
        said = " ".join(str(error.message or error.status or "no message").split())[:200]
        said = said.replace(self._key, "***") if self._key else said
        # A key that is not valid is a bad request to this API.
        status = 401 if error.code == 400 and "api key" in said.lower() else int(error.code or 500)
        ending = fatal(status, scrub(self._address), self._name, said, self._key_env)
        if ending is None and status == 400:
            ending = refused_setting(said, drawing(sampling, self.options.omit), self._name)
        if ending is not None:
            raise ending
        return http_fault(status, said, getattr(error.response, "headers", None) or {})


def _read(answer: Any) -> Told | Fault:
    """The first candidate's text, thoughts left out, or what held it back."""
    usage = answer.usage_metadata
    asked = usage.prompt_token_count if usage else None
    answered = None
    if usage is not None and usage.candidates_token_count is not None:
        answered = usage.candidates_token_count + (usage.thoughts_token_count or 0)
    feedback = answer.prompt_feedback
    if not answer.candidates:
        if feedback is not None and feedback.block_reason is not None:
            return Told("", "filtered", asked, answered or 0)
        return Fault("the answer has no candidate", again=True)
    candidate = answer.candidates[0]
    parts = (candidate.content.parts if candidate.content else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    reason = candidate.finish_reason.value if candidate.finish_reason else "STOP"
    if usage is not None and answered is None:
        answered = usage.thoughts_token_count or 0
    if reason in _FILTERED:
        return Told(text, "filtered", asked, answered)
    return Told(text, "length" if reason == "MAX_TOKENS" else "stop", asked, answered)

"""Asking a server over HTTP: which faults are tried again, for how long, and which end everything.

Every engine behind an address (chat completions, LibreTranslate) asks through here, so that they fail alike.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from afya.errors import ConfigError, EngineError
from afya.runs import scrub

if TYPE_CHECKING:
    import httpx

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FATAL = {
    401: "the key was refused",
    402: "the account has no credit",
    403: "access was refused",
    404: "the address or the model is not known there",
}
_MAX_BYTES = 64 * 1024 * 1024
_LOCAL = ("localhost", "127.0.0.1", "::1")

Answer = TypeVar("Answer")


class EndpointOptions(BaseModel):
    """Settings of every endpoint: `timeout_s` bounds the wait for one answer, `total_s` all tries of one request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = Field(default=120.0, gt=0)
    total_s: float = Field(default=600.0, gt=0)
    tries: int = Field(default=6, ge=1)
    concurrency: int = Field(default=8, ge=1)


@dataclass(frozen=True)
class Fault:
    """A try that did not give an answer: what happened, whether to try again, and how long the server asks to wait."""

    message: str
    again: bool
    wait_s: float | None = None
    unreachable: bool = False


def checked_address(url: str, example: str) -> str:
    """A server's URL without a final slash. Raises ConfigError when it is no http(s) URL."""
    clean = url.rstrip("/")
    try:
        parts = urlsplit(clean)
        named = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        named = False
    if not named:
        raise ConfigError(f"'{scrub(clean)}' is no address of an endpoint.", hint=f"Write it as {example}")
    return clean


class Endpoint:
    """Connections to one address. Threads may ask at once.

    Args:
        name: the model or service, for errors.
        key: what must never be seen in an error; `headers` says how it is sent.
        key_env: the environment variable that the key came from, for errors.
    """

    def __init__(
        self,
        url: str,
        name: str,
        options: EndpointOptions,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        key_env: str = "",
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        import httpx

        self.url = url
        self.name = name
        self.options = options
        self._key = key
        self._key_env = key_env
        self._max_bytes = max_bytes
        self._client = httpx.Client(
            headers=headers or {},
            timeout=httpx.Timeout(options.timeout_s, connect=min(10.0, options.timeout_s)),
            limits=httpx.Limits(max_connections=options.concurrency),
            # A server on this machine is not behind the proxy that the environment may name.
            trust_env=urlsplit(url).hostname not in _LOCAL,
        )

    def ask(
        self,
        method: str,
        url: str,
        body: Callable[[], Any],
        read: Callable[[bytes], Answer | Fault],
        *,
        refused: Callable[[int, str], Fault | None] = lambda status, said: None,
        stop: threading.Event | None = None,
    ) -> Answer | Fault:
        """What `read` makes of the server's answer, or the last fault when no try gave one.

        Args:
            body: makes the JSON to send, anew for each try.
            refused: what to do about a status that is not 200 (None: the usual).
            stop: set by another thread, it ends the tries.

        Raises:
            EngineError: no request can succeed: the address cannot be reached, the key or the model is refused.
        """
        stop = stop or threading.Event()
        started = time.perf_counter()
        fault = Fault("not asked", again=True)
        for attempt in range(self.options.tries):
            if stop.is_set():
                break
            left = self.options.total_s - (time.perf_counter() - started)
            if attempt and fault.again:
                # Full jitter: clients that failed together do not come back together.
                pause = fault.wait_s if fault.wait_s is not None else random.uniform(0, min(30.0, 0.5 * 2**attempt))
                if pause >= left:
                    fault = Fault(f"{fault.message}; {self.options.total_s:g} s were not enough", again=False)
                    break
                stop.wait(pause)
                left -= pause
            outcome = self._try(method, url, body(), read, refused, left)
            if not isinstance(outcome, Fault):
                return outcome
            fault = outcome
            if not fault.again:
                break
        if fault.unreachable:
            raise EngineError(
                f"The endpoint {scrub(url)} cannot be reached ({fault.message}).",
                hint="Check that the server runs and the address is right, then run the same command again.",
            )
        return Fault(self._redacted(fault.message), fault.again)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _try(
        self,
        method: str,
        url: str,
        body: Any,
        read: Callable[[bytes], Answer | Fault],
        refused: Callable[[int, str], Fault | None],
        left_s: float,
    ) -> Answer | Fault:
        import httpx

        # The total bounds a single try too: a server that drips bytes never lets a read time out, so the body is read
        # in pieces against the clock.
        limit = time.perf_counter() + min(left_s, self.options.timeout_s)
        received = bytearray()
        try:
            with self._client.stream(method, url, json=body) as response:
                for piece in response.iter_bytes():
                    received += piece
                    if time.perf_counter() > limit:
                        return Fault("the answer took too long", again=True)
                    if len(received) > self._max_bytes:
                        return Fault(f"the answer is larger than {self._max_bytes:,} bytes", again=False)
        except httpx.TimeoutException as error:
            unreachable = isinstance(error, httpx.ConnectTimeout)
            return Fault("the answer took too long", again=True, unreachable=unreachable)
        except httpx.TransportError as error:
            unreachable = isinstance(error, httpx.ConnectError)
            return Fault(f"the connection failed: {type(error).__name__}", again=True, unreachable=unreachable)
        except httpx.DecodingError as error:
            return Fault(f"the answer cannot be unpacked ({error})", again=True)
        if response.status_code != 200:
            return self._refusal(url, response, bytes(received), refused)
        return read(bytes(received))

    def _refusal(
        self, url: str, response: httpx.Response, body: bytes, refused: Callable[[int, str], Fault | None]
    ) -> Fault:
        status = response.status_code
        said = self._redacted(_error_message(body))
        own = refused(status, said)
        if own is not None:
            return own
        if status in _FATAL:
            raise EngineError(
                f"The endpoint {scrub(url)} answered {status} for '{self.name}': {_FATAL[status]} ({said}).",
                hint=f"Check the model's name, the address, and the key in the environment variable {self._key_env}.",
            )
        return Fault(f"HTTP {status}: {said}", again=status in _AGAIN, wait_s=_retry_after(response))

    def _redacted(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _error_message(body: bytes) -> str:
    """What an error response says, in one short line."""
    text = body.decode("utf-8", errors="replace")
    try:
        told = json.loads(text)
        error = told.get("error", told) if isinstance(told, dict) else told
        text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
    except (ValueError, RecursionError):
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

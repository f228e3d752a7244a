"""Asking a server over HTTP: which faults are tried again, for how long, and which end everything.

Every engine behind an address (chat completions, LibreTranslate) asks through here, so that they fail alike.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from afya.errors import ConfigError, EngineError
from afya.models.limits import Lanes, Ticket
from afya.runs import scrub

if TYPE_CHECKING:
    import httpx

_AGAIN = frozenset({408, 409, 425, 429})
_NEVER = frozenset({501, 505})
_OVERLOADED = frozenset({408, 429, 503, 504, 529})
_FATAL = {
    401: "the key was refused",
    402: "the account has no credit",
    403: "access was refused",
    404: "the address or the model is not known there",
}
_PATIENCE = 4
_MAX_BYTES = 64 * 1024 * 1024
_LOCAL = ("localhost", "127.0.0.1", "::1")

Answer = TypeVar("Answer")


class EndpointOptions(BaseModel):
    """Settings of every endpoint.

    `timeout_s` bounds the wait for one answer, `total_s` all tries of one request. `concurrency` is the most requests
    at a time at one address; how many there are is found by trying.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = Field(default=120.0, gt=0)
    total_s: float = Field(default=600.0, gt=0)
    tries: int = Field(default=6, ge=1)
    concurrency: int = Field(default=8, ge=1)


@dataclass(frozen=True)
class Fault:
    """A try that did not give an answer: what happened, whether to try again, and how long the server asks to wait.

    `overloaded`: it was, or felt like, too much at a time; `limited`: the server said so. `later`: there was no
    time to try again, another run may.
    """

    message: str
    again: bool
    wait_s: float | None = None
    unreachable: bool = False
    overloaded: bool = False
    limited: bool = False
    later: bool = False


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


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(url).hostname in _LOCAL


def unreachable(address: str, said: str) -> EngineError:
    """The error of an address where nobody answers."""
    return EngineError(
        f"The endpoint {address} cannot be reached ({said}).",
        hint="Check that the server runs and the address is right, then run the same command again.",
    )


def fatal(status: int, address: str, name: str, said: str, key_env: str) -> EngineError | None:
    """The error of a status that no request can get past; None for any other status."""
    if status not in _FATAL:
        return None
    return EngineError(
        f"The endpoint {address} answered {status} for '{name}': {_FATAL[status]} ({said}).",
        hint=f"Check the model's name, the address, and the key in the environment variable {key_env}.",
    )


def http_fault(status: int, said: str, headers: Mapping[str, str]) -> Fault:
    """The fault of a status: whether trying again may help, and how long the server asks to wait."""
    wait_s = _retry_after(headers.get("retry-after"))
    again = status in _AGAIN or (status >= 500 and status not in _NEVER)
    return Fault(f"HTTP {status}: {said}", again, wait_s, overloaded=status in _OVERLOADED, limited=status == 429)


def persist(
    attempt: Callable[[int, float], Answer | Fault], lanes: Lanes, options: EndpointOptions, stop: threading.Event
) -> Answer | Fault:
    """Try until there is an answer, a fault that would come again, or no try or time left; then the last fault.

    Between tries it waits as long as the server asks, else a random time up to half a second, doubled with each try.
    Waiting for a place in a lane is not counted as time. "Too many requests" has more tries than other faults: a limit
    by the minute passes by itself.

    Args:
        attempt: one try at the address of a lane, within so many seconds.
    """
    spent = 0.0
    fault = Fault("not asked", again=True)
    for number in itertools.count():
        if number >= options.tries * (_PATIENCE if fault.limited else 1):
            break
        if number:
            pause = _pause(fault, number, lanes)
            if pause >= options.total_s - spent:
                return replace(fault, message=f"{fault.message}; {options.total_s:g} s were not enough", later=True)
            stop.wait(pause)
            spent += pause
        ticket = lanes.enter(stop)
        if ticket is None:
            break
        began = time.perf_counter()
        outcome = _once(attempt, lanes, ticket, options.total_s - spent)
        spent += time.perf_counter() - began
        if not isinstance(outcome, Fault):
            return outcome
        fault = outcome
        if not fault.again:
            break
    return fault


def _pause(fault: Fault, number: int, lanes: Lanes) -> float:
    """Seconds to wait before the next try."""
    if fault.unreachable and not lanes.all_unreachable:
        return 0.0  # another address may be there
    # Full jitter: clients that failed together do not come back together.
    jitter = random.uniform(0, min(30.0, 0.5 * 2**number))
    if fault.wait_s is None:
        return jitter
    # The lane is closed for as long as its server asks; another may be open sooner.
    return min(fault.wait_s, jitter) if lanes.several else fault.wait_s


def _once(
    attempt: Callable[[int, float], Answer | Fault], lanes: Lanes, ticket: Ticket, left_s: float
) -> Answer | Fault:
    """One try in a lane, and what the lane learns from it."""
    good = overloaded = absent = False
    try:
        outcome = attempt(ticket.lane, left_s)
        if isinstance(outcome, Fault):
            overloaded, absent = outcome.overloaded, outcome.unreachable
            if outcome.wait_s and outcome.wait_s < left_s:
                lanes.close_for(ticket, outcome.wait_s)
        else:
            good = True
        return outcome
    finally:
        lanes.leave(ticket, good=good, overloaded=overloaded, unreachable=absent)


class Endpoint:
    """Connections to the addresses of one model or service. Threads may ask at once.

    Args:
        url: its address; one that `others` stand in for when several servers offer the same.
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
        others: Sequence[str] = (),
        headers: dict[str, str] | None = None,
        key: str | None = None,
        key_env: str = "",
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        import httpx

        self.url = url
        self.name = name
        self.options = options
        self.lanes = Lanes(1 + len(others), options.concurrency)
        self._urls = (url, *others)
        self._key = key
        self._key_env = key_env
        self._max_bytes = max_bytes
        self._client = httpx.Client(
            headers=headers or {},
            timeout=httpx.Timeout(options.timeout_s, connect=min(10.0, options.timeout_s)),
            limits=httpx.Limits(max_connections=options.concurrency * len(self._urls)),
            # A server on this machine is not behind the proxy that the environment may name.
            trust_env=not all(is_local(address) for address in self._urls),
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
            url: the whole address, on the first server; the others are asked for the same path.
            body: makes the JSON to send, anew for each try.
            refused: what to do about a status that is not 200 (None: the usual).
            stop: set by another thread, it ends the tries.

        Raises:
            EngineError: no request can succeed: the address cannot be reached, the key or the model is refused.
        """

        def attempt(lane: int, left_s: float) -> Answer | Fault:
            return self._try(method, self._urls[lane] + url.removeprefix(self.url), body(), read, refused, left_s)

        outcome = persist(attempt, self.lanes, self.options, stop or threading.Event())
        if not isinstance(outcome, Fault):
            return outcome
        if outcome.unreachable and self.lanes.all_unreachable:
            raise unreachable(scrub(url), outcome.message)
        return replace(outcome, message=self._redacted(outcome.message))

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
                        return Fault("the answer took too long", again=True, overloaded=True)
                    if len(received) > self._max_bytes:
                        return Fault(f"the answer is larger than {self._max_bytes:,} bytes", again=False)
        except httpx.TimeoutException as error:
            absent = isinstance(error, httpx.ConnectTimeout)
            return Fault("the answer took too long", again=True, unreachable=absent, overloaded=not absent)
        except httpx.TransportError as error:
            absent = isinstance(error, httpx.ConnectError)
            return Fault(f"the connection failed: {type(error).__name__}", again=True, unreachable=absent)
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
        if status == 429 and _no_credit(body):
            status = 402
        ending = fatal(status, scrub(url), self.name, said, self._key_env)
        if ending is not None:
            raise ending
        return http_fault(status, said, response.headers)

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


def _no_credit(body: bytes) -> bool:
    """Whether "too many requests" means an empty account (OpenAI's code for it): waiting does not help then."""
    return b"insufficient_quota" in body


def _retry_after(told: str | None) -> float | None:
    """Seconds that the server asks to wait; None when it does not say (or says it as a date that has passed)."""
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

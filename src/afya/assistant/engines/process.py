"""One engine's process, seen from outside: started when needed, asked within a time, started again after a crash.

Whatever happens there comes back as a value: a crash, a kill, too much memory, no answer in time. After one the process
is started again, at once the first time, then only after a while that doubles with every failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afya.assistant.limits import Limits

COMMAND: tuple[str, ...] = (sys.executable, "-m", "afya.assistant.engines.worker")
_TOLD_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there is no answer, in words for a supervisor. `code`: start, crash, late, busy, waiting, refused, closed."""

    code: str
    reason: str


class EngineProcess:
    """An engine in a process of its own. Thread-safe: one request at a time, others wait their own time.

    Args:
        asked: what the process is to load; see `worker`.
        limits: times to start and to wait; memory.
        command: the program, if not the worker of this package.
    """

    def __init__(self, asked: Mapping[str, object], limits: Limits, *, command: Sequence[str] = COMMAND) -> None:
        self._asked = {**asked, "memory_mb": limits.engine_memory_mb}
        self._limits = limits
        self._command = list(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._number = 0
        self._failures = 0
        self._not_before = 0.0
        self._closed = False
        self.ready: Mapping[str, Any] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return None if self._process is None else self._process.pid

    def ask(self, request: Mapping[str, object], seconds: float) -> Any | Unavailable:
        """The result of a request, or why there is none; never raises for what the process does.

        `seconds` bounds the whole of it, a start included.
        """
        deadline = time.monotonic() + seconds
        if not self._lock.acquire(timeout=max(seconds, 0)):
            return Unavailable("busy", f"the engine was busy for {seconds:g} s")
        try:
            started = self._start(deadline)
            if started is not None:
                return started
            self._number += 1
            return self._exchange({**request, "id": self._number}, deadline)
        finally:
            self._lock.release()

    def start(self) -> Unavailable | None:
        """Start the process and wait until it is ready; None when it is, else why it is not."""
        with self._lock:
            return self._start(time.monotonic() + self._limits.engine_start_seconds)

    def close(self) -> None:
        """End the process; it is not started again."""
        self._closed = True
        self._end()

    def _start(self, deadline: float) -> Unavailable | None:
        if self._closed:
            return Unavailable("closed", "the engine was closed")
        if self._process is not None and self._process.poll() is None:
            return None
        if self._process is not None:
            self._failed()
        wait = self._not_before - time.monotonic()
        if wait > 0:
            return Unavailable("waiting", f"the engine failed and is started again in {wait:.0f} s")
        self._lines = queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                # What the terminal sends to stop a dialogue is not for the engine.
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        except OSError as error:
            self._failed()
            return Unavailable("start", f"the engine cannot be started ({error})")
        threading.Thread(target=_read, args=(self._process, self._lines), name="afya-engine", daemon=True).start()
        answer = self._say(self._asked, min(deadline, time.monotonic() + self._limits.engine_start_seconds))
        if isinstance(answer, Unavailable):
            return answer
        if "ready" not in answer:
            self._failed()
            self._end()
            return Unavailable("start", f"the engine cannot be loaded: {str(answer.get('error'))[:_TOLD_CHARACTERS]}")
        self.ready = answer["ready"]
        return None

    def _exchange(self, request: Mapping[str, object], deadline: float) -> Any | Unavailable:
        answer = self._say(request, deadline)
        if isinstance(answer, Unavailable):
            return answer
        if answer.get("id") != request["id"]:
            self._failed()
            self._end()
            return Unavailable("crash", "the engine answered out of turn")
        self._failures = 0
        if "error" in answer:
            return Unavailable("refused", str(answer["error"])[:_TOLD_CHARACTERS])
        return answer.get("result")

    def _say(self, value: Mapping[str, object], deadline: float) -> Mapping[str, Any] | Unavailable:
        """One line in, one line out. A process that dies, says what is no JSON, or is late, is ended."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(value, ensure_ascii=True) + "\n")
            process.stdin.flush()
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            self._failed()
            self._end()
            return Unavailable("late", "the engine did not answer in time")
        except (OSError, ValueError):
            line = None
        if line is not None:
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                if isinstance(answer, dict):
                    return answer
        code = process.wait() if line is None else None
        self._failed()
        self._end()
        return Unavailable("crash", "the engine broke off" + (f" (exit status {code})" if code is not None else ""))

    def _failed(self) -> None:
        """Count a failure: the first is forgiven at once, then each next start waits twice as long."""
        self._process, ended = None, self._process
        if ended is not None:
            _kill(ended)
        if self._failures:
            wait = self._limits.engine_wait_seconds * 2 ** (self._failures - 1)
            self._not_before = time.monotonic() + min(wait, self._limits.engine_wait_most)
        self._failures += 1

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _kill(process)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Every line the process says; None when it says no more."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError, ValueError):
            if pipe is not None:
                pipe.close()

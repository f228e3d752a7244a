"""Stopping when asked: the step is finished and a checkpoint written before the run ends."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from afya.errors import RunError


class Stopped(RunError):
    """The run was asked to stop and can go on."""

    exit_code = 130


class StopRequest:
    """Inside, Ctrl-C and SIGTERM (as a cluster sends before it takes a machine back) set `asked` instead of ending the
    process; a second Ctrl-C ends it at once, and the run goes on from its last checkpoint."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}
        self._process = os.getpid()

    def __enter__(self) -> StopRequest:
        # Python lets only the main thread set handlers; a run inside another thread is stopped from there.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._asks) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _asks(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A forked process has inherited this handler and nothing that would look at `asked`.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True

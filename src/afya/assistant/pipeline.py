"""Running the stages of a turn: one after another, each bounded in time, the final ones always.

A stage that raises or is late fails closed: what follows knows that it failed (`Context.failed`), and the stages whose
failure leaves nothing safe to say end the turn. `EarlyExit` ends it on purpose. Final stages run after any end.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace

from afya.assistant.context import HEARD, Context, Event, Heard, Status


class EarlyExit(Exception):
    """A stage has found that the turn ends here; `context` is the turn so far, with what the stage found."""

    def __init__(self, context: Context) -> None:
        super().__init__("the turn ends early")
        self.context = context


@dataclass(frozen=True)
class Stage:
    """One step of a turn.

    `run` gives the context with the stage's own field filled. `needed`: the turn cannot go on without it. `final`: it
    runs after an early end too. `urgent` is its time where danger was seen already: a red answer does not wait longer.
    `detail` gives what the audit keeps of the stage's result.
    """

    name: str
    run: Callable[[Context], Context]
    seconds: float
    needed: bool = False
    final: bool = False
    urgent: float | None = None
    detail: Callable[[Context], Mapping[str, object]] = lambda _: {}

    def time(self, context: Context) -> float:
        """How long the stage may take, in seconds."""
        red = context.triage is not None and bool(context.triage.standing)
        return self.urgent if red and self.urgent is not None else self.seconds


class Late(Exception):
    """A stage did not end within its time."""


def run(stages: Sequence[Stage], context: Context) -> Context:
    """The context after all stages that were to run. Never raises for what happens inside a stage."""
    HEARD.set(Heard())
    ended, hand = False, _Hand()
    for stage in stages:
        if ended and not stage.final:
            context = _record(context, Event(stage.name, "skipped", 0.0))
            continue
        started = time.perf_counter()
        status: Status = "ok"
        problem: dict[str, object] = {}
        try:
            context = hand.do(stage, context)
        except EarlyExit as stop:
            context, status, ended = stop.context, "exit", True
        except Late:
            hand, context, status = _Hand(), _failed(context, stage), "late"
            problem = {"error": f"longer than {stage.time(context):g} s"}
        except Exception as error:
            # Whatever a stage raises must not take the turn down: the person waiting for an answer gets one.
            context, status = _failed(context, stage), "failed"
            problem = {"error": f"{type(error).__name__}: {error}"}
        ended = ended or (stage.needed and status in ("failed", "late"))
        elapsed = (time.perf_counter() - started) * 1000
        detail = dict(stage.detail(context)) if status in ("ok", "exit") else problem
        context = _record(context, Event(stage.name, status, elapsed, detail))
    hand.rest()
    return context


def _failed(context: Context, stage: Stage) -> Context:
    return replace(context, failed=(*context.failed, stage.name))


def _record(context: Context, event: Event) -> Context:
    return replace(context, events=(*context.events, event))


class _Hand:
    """A thread that does the stages of a turn one after another; it is left behind when a stage is late.

    One thread a turn and not one a stage: to start one costs more than most stages take.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Stage, Context] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Context | BaseException] = queue.SimpleQueue()
        # The thread sees what is set for this turn (HEARD).
        threading.Thread(target=copy_context().run, args=(self._run,), name="afya-turn", daemon=True).start()

    def do(self, stage: Stage, context: Context) -> Context:
        """The stage's result. Raises what the stage raises, Late when it takes too long."""
        self._work.put((stage, context))
        try:
            result = self._done.get(timeout=stage.time(context))
        except queue.Empty:
            self.rest()
            raise Late from None
        if isinstance(result, BaseException):
            raise result
        return result

    def rest(self) -> None:
        """Nothing more will come; the thread ends when it is done with what it has."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            stage, context = work
            try:
                self._done.put(stage.run(context))
            except BaseException as error:
                self._done.put(error)

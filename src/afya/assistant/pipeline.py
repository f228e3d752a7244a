"""Running the stages of a turn: one after another, each bounded in time, the final ones always.

A stage that raises or is late fails closed: what follows knows that it failed (`Context.failed`), and the stages whose
failure leaves nothing safe to say end the turn. `EarlyExit` ends it on purpose. Final stages run after any end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from afya.assistant.context import Context, Event, Status


class EarlyExit(Exception):
    """A stage has found that the turn ends here; `context` is the turn so far, with what the stage found."""

    def __init__(self, context: Context) -> None:
        super().__init__("the turn ends early")
        self.context = context


@dataclass(frozen=True)
class Stage:
    """One step of a turn.

    `run` gives the context with the stage's own field filled. `needed`: the turn cannot go on without it. `final`: it
    runs after an early end too. `detail` gives what the audit keeps of the stage's result.
    """

    name: str
    run: Callable[[Context], Context]
    seconds: float
    needed: bool = False
    final: bool = False
    detail: Callable[[Context], Mapping[str, object]] = lambda _: {}


class Late(Exception):
    """A stage did not end within its time."""


def run(stages: Sequence[Stage], context: Context) -> Context:
    """The context after all stages that were to run. Never raises for what happens inside a stage."""
    ended = False
    for stage in stages:
        if ended and not stage.final:
            context = _record(context, Event(stage.name, "skipped", 0.0))
            continue
        started = time.perf_counter()
        status: Status = "ok"
        problem: dict[str, object] = {}
        try:
            context = _bounded(stage, context)
        except EarlyExit as stop:
            context, status, ended = stop.context, "exit", True
        except Late:
            context, status = _failed(context, stage), "late"
            problem = {"error": f"longer than {stage.seconds:g} s"}
        except Exception as error:
            # Whatever a stage raises must not take the turn down: the person waiting for an answer gets one.
            context, status = _failed(context, stage), "failed"
            problem = {"error": f"{type(error).__name__}: {error}"}
        ended = ended or (stage.needed and status in ("failed", "late"))
        elapsed = (time.perf_counter() - started) * 1000
        detail = dict(stage.detail(context)) if status in ("ok", "exit") else problem
        context = _record(context, Event(stage.name, status, elapsed, detail))
    return context


def _failed(context: Context, stage: Stage) -> Context:
    return replace(context, failed=(*context.failed, stage.name))


def _record(context: Context, event: Event) -> Context:
    return replace(context, events=(*context.events, event))


def _bounded(stage: Stage, context: Context) -> Context:
    """The stage's result. It runs in a thread of its own, which is left behind when it is late."""
    result: list[Context] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            result.append(stage.run(context))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work, name=f"afya-{stage.name}", daemon=True)
    thread.start()
    thread.join(stage.seconds)
    if raised:
        raise raised[0]
    if not result:
        raise Late
    return result[0]

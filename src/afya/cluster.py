"""One function over many arguments on a Ray cluster: tasks, or a pool of actors where a worker must be set up first.

Only Ray's core is used. What the function makes must lie where all nodes see it (a shared file system). A worker or
node that dies is replaced and its argument done again, so the function must be safe to repeat. The only module of afya
that knows Ray; it is imported when a command names a cluster.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from afya.errors import AfyaError, EngineError, RunError, require

Argument = TypeVar("Argument")
Result = TypeVar("Result")

LOCAL = "local"
"""In place of an address: a cluster of this machine alone, started for this command and ended with it."""

_RETRIES = 5
# Submitted at a time for each slot: no worker waits, and a million parts do not need a million futures.
_AHEAD = 2


def over_ray(
    address: str,
    arguments: Sequence[Argument],
    function: Callable[[Argument, Any], Result],
    *,
    setup: Callable[[int], Any] | None,
    workers: int,
    memory_gib: float,
    gpus: int,
) -> Iterator[tuple[Argument, Result]]:
    """`function(argument, state)` for each argument, in the order in which they finish.

    Args:
        address: "local", or a cluster's ("10.0.0.1:6379", "ray://host:10001", "auto").
        setup: called once in each worker with the worker's number; what it returns is `state`. Then the workers are
            `workers` actors; without it every argument is a task of its own, as many at a time as the cluster has room.
        memory_gib, gpus: what one worker takes.

    Raises:
        MissingDependencyError: Ray is not installed.
        EngineError: no cluster answers at the address, or no node of it is large enough for one worker.
        RunError: a worker died again and again. An error of the function is raised as it is.
    """
    require("ray", "ray", "Running on a cluster")
    ray = _ray()

    connect(address)
    resources = {"num_cpus": 1, "num_gpus": gpus, "memory": int(memory_gib * 2**30)}
    slots = _slots(address, resources)
    if setup is None:
        task = ray.remote(**resources, max_retries=_RETRIES)(_call)
        yield from _gather(arguments, [lambda argument: task.remote(function, argument)] * slots)
        return
    pool = ray.remote(**resources, max_restarts=_RETRIES, max_task_retries=_RETRIES)(_Worker)
    actors = [pool.remote(function, setup, number) for number in range(max(1, min(workers, slots, len(arguments))))]
    try:
        calls = [_caller(actor) for actor in actors]
        yield from _gather(arguments, calls)
    finally:
        for actor in actors:
            ray.kill(actor)


def _ray() -> Any:
    """Ray's module. Its annotations do not cover what is needed here."""
    import ray

    return ray


def connect(address: str) -> None:
    """Join the cluster, or start the local one. A process joins once; a second call does nothing."""
    ray = _ray()
    if ray.is_initialized():
        return
    _reachable(address)
    # Ray would otherwise tell its makers that it was started: afya opens no connection that nobody named.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    settings: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    try:
        if address == LOCAL:
            ray.init(include_dashboard=False, _node_ip_address="127.0.0.1", **settings)
        else:
            ray.init(address=address, **settings)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreachable(address, str(error).splitlines()[0]) from None


def _reachable(address: str) -> None:
    """Raise EngineError when nothing listens there: Ray itself would wait long and then end the process."""
    from urllib.parse import urlsplit

    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unreachable(address, str(error)) from None
    if host is None or port is None:
        return  # "local" and "auto"
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from None


def _unreachable(address: str, why: str) -> EngineError:
    return EngineError(
        f"No Ray cluster answers at '{address}' ({why}).",
        hint="Start one with 'ray start --head' and give its address, or use --ray local.",
    )


def _slots(address: str, resources: Mapping[str, float]) -> int:
    """How many workers of this size the cluster's nodes hold together."""
    wanted = {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"], "memory": resources["memory"]}
    wanted = {name: amount for name, amount in wanted.items() if amount}
    nodes = [node["Resources"] for node in _ray().nodes() if node["Alive"]]
    slots = sum(int(min(node.get(name, 0.0) // amount for name, amount in wanted.items())) for node in nodes)
    if slots < 1:
        need = f"{wanted['memory'] / 2**30:.1f} GiB of memory" + (f", {wanted['GPU']} GPU" if "GPU" in wanted else "")
        raise EngineError(
            f"No node of the Ray cluster '{address}' has room for one worker (1 CPU, {need}).",
            hint="Add a larger node, or lower what the stage needs.",
        )
    return slots


def _gather(
    arguments: Sequence[Argument], calls: Sequence[Callable[[Argument], Any]]
) -> Iterator[tuple[Argument, Any]]:
    """Keep every one of `calls` busy with `_AHEAD` arguments; yield what comes back."""
    from ray.exceptions import RayError, RayTaskError

    ray = _ray()
    waiting = iter(arguments)
    running: dict[Any, tuple[Argument, Callable[[Argument], Any]]] = {}

    def submit(call: Callable[[Argument], Any]) -> None:
        for argument in waiting:
            running[call(argument)] = (argument, call)
            return

    for _ in range(_AHEAD):
        for call in calls:
            submit(call)
    try:
        while running:
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            argument, call = running.pop(ready)
            try:
                result = ray.get(ready)
            except RayTaskError as error:
                cause = error.cause
                raise (cause if isinstance(cause, AfyaError) else RunError(f"{argument}: {cause}")) from None
            except RayError as error:
                raise RunError(
                    f"{argument}: the worker on the Ray cluster died {_RETRIES + 1} times or its node is gone "
                    f"({str(error).splitlines()[0]}).",
                    hint="Run the same command again to continue; with more memory for each worker if that was short.",
                ) from None
            yield argument, result
            submit(call)
    finally:
        for left in running:
            ray.cancel(left, force=False)


def _call(function: Callable[[Argument, Any], Result], argument: Argument) -> Result:
    return function(argument, None)


class _Worker:
    """An actor: set up once, then called with one argument after another."""

    def __init__(self, function: Callable[[Any, Any], Any], setup: Callable[[int], Any], number: int) -> None:
        self._function = function
        self._state = setup(number)

    def call(self, argument: Any) -> Any:
        return self._function(argument, self._state)


def _caller(actor: Any) -> Callable[[Any], Any]:
    def call(argument: Any) -> Any:
        return actor.call.remote(argument)

    return call

"""The command lines that start a model's server (vLLM, SGLang, llama.cpp), and the one that then measures it.

afya starts no servers: it prints how. Copies of a model on several GPUs are several servers; their addresses go to
--base-url as a list, and each request goes to the emptiest.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal, get_args

from afya.errors import ConfigError
from afya.models.catalogue import ModelEntry
from afya.runs import canonical

Server = Literal["vllm", "sglang", "llama.cpp"]
SERVERS: tuple[str, ...] = get_args(Server)


@dataclass(frozen=True)
class Commands:
    """What starts each server, and what measures the model behind them."""

    servers: tuple[str, ...]
    bench: str


def commands(
    model: ModelEntry,
    server: Server = "vllm",
    *,
    context: int | None = None,
    gpus_each: int = 1,
    copies: int = 1,
    port: int = 8000,
    thinking: bool = False,
) -> Commands:
    """The command lines for an open model.

    Args:
        context: the longest prompt and reply together, in tokens; None leaves the server's own choice.
        gpus_each: GPUs over which the tensors of one copy are spread.
        copies: servers, one after the other on ports and GPUs.

    Raises ConfigError for a model that only its provider serves, or a server that is not known.
    """
    if not model.open:
        raise ConfigError(
            f"The weights of {model.id} are not open; its provider serves it.", hint=f"Measure it with {model.spec}."
        )
    if server not in SERVERS:
        raise ConfigError(f"There is no server '{server}' here.", hint=f"Servers: {', '.join(SERVERS)}.")
    if server == "llama.cpp" and gpus_each > 1:
        raise ConfigError("llama.cpp takes all GPUs that it sees.", hint="Leave out --gpus.")
    lines = []
    for copy in range(copies):
        words = _words(model, server, context, gpus_each, port + copy)
        told = shlex.join(words)
        if copies > 1 and server != "llama.cpp":
            first = copy * gpus_each
            devices = ",".join(str(first + number) for number in range(gpus_each))
            told = f"CUDA_VISIBLE_DEVICES={devices} {told}"
        lines.append(told)
    return Commands(tuple(lines), _bench(model, copies, port, thinking))


def _words(model: ModelEntry, server: Server, context: int | None, gpus_each: int, port: int) -> list[str]:
    name, where = model.identifier, ["--host", "127.0.0.1", "--port", str(port)]
    if server == "vllm":
        length = [] if context is None else ["--max-model-len", str(context)]
        return ["vllm", "serve", name, *where, "--tensor-parallel-size", str(gpus_each), *length]
    if server == "sglang":
        length = [] if context is None else ["--context-length", str(context)]
        return ["python", "-m", "sglang.launch_server", "--model-path", name, *where, "--tp", str(gpus_each), *length]
    length = [] if context is None else ["--ctx-size", str(context)]
    return ["llama-server", "--model", f"{name.rpartition('/')[2]}.gguf", *where, "--jinja", *length]


def _bench(model: ModelEntry, copies: int, port: int, thinking: bool) -> str:
    addresses = ",".join(f"http://127.0.0.1:{port + copy}/v1" for copy in range(copies))
    words = ["afya", "bench", "run", "--model", f"openai:{model.identifier}", "--base-url", addresses]
    switch = model.thinking.switch_on if thinking else model.thinking.switch_off
    if switch:
        words += ["--option", f"body={canonical(switch)}"]
    return shlex.join([*words, "--data", "DATASET", "--out", "RUN"])

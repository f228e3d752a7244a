"""GGUF through llama.cpp's own converter, and llama.cpp's own server asked whether the file says the same.

The converter (convert_hf_to_gguf.py) knows how each family's tokenizer and weights must be laid out and follows
llama.cpp's changes; a writer of our own would be right for a few shapes and silently wrong for others. So it is used
where the user has it: --llama-cpp FOLDER or the environment variable AFYA_LLAMA_CPP names llama.cpp's folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, EngineError, MissingDependencyError
from afya.models import Prompt
from afya.models.adapters import Source
from afya.training.exporting.asking import Question
from afya.training.exporting.source import EXTENSION_KEY, extension_of

VARIABLE = "AFYA_LLAMA_CPP"
SCRIPT = "convert_hf_to_gguf.py"
_SERVERS = ("build/bin/llama-server", "bin/llama-server", "llama-server")
_START_SECONDS = 300.0
_ANSWER_SECONDS = 600.0
# A level below every message of llama.cpp's, which would fill the terminal.
_SILENT = -1
_FORCED = 1e4
_ALL = 10_000_000


@dataclass(frozen=True)
class LlamaCpp:
    """The converter, and the server's program; None where the package xllamacpp brings the server."""

    converter: Path
    server: Path | None


def find_llama_cpp(told: Path | None) -> LlamaCpp:
    """llama.cpp as the user has it.

    Args:
        told: its folder or the converter itself; by default what AFYA_LLAMA_CPP says.

    Raises MissingDependencyError when the converter, or a server to compare the result with, is not there.
    """
    named = told or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        raise MissingDependencyError(
            "Exporting to GGUF needs llama.cpp's converter, which afya does not bring.",
            hint=f"Get llama.cpp's source and name its folder with --llama-cpp FOLDER or {VARIABLE}=FOLDER.",
        )
    named = named.expanduser()
    converter = named if named.is_file() else named / SCRIPT
    if not converter.is_file():
        raise MissingDependencyError(
            f"{named}: {SCRIPT} is not there.",
            hint="Name the folder of llama.cpp's source (its programs alone do not hold the converter).",
        )
    if not (converter.parent / "gguf-py").is_dir() and find_spec("gguf") is None:
        raise MissingDependencyError(
            f"{converter}: needs the Python package 'gguf', which is neither installed nor beside it (gguf-py).",
            hint="Take llama.cpp's whole source, or install it with: pip install gguf",
        )
    if find_spec("xllamacpp") is not None:
        return LlamaCpp(converter, None)
    on_path = shutil.which("llama-server")
    programs = [converter.parent / name for name in _SERVERS] + ([Path(on_path)] if on_path else [])
    server = next((path for path in programs if path.is_file()), None)
    if server is None:
        raise MissingDependencyError(
            "A GGUF file is published only when llama.cpp says the same as the source, and no llama-server was found.",
            hint="Build llama.cpp, put llama-server on the PATH, or: pip install xllamacpp",
        )
    return LlamaCpp(converter, server)


def check_base_tokenizer(source: Source) -> None:
    """Raise ConfigError for a model whose tokenizer was extended: GGUF needs the base model's own."""
    extension = extension_of(source)
    if extension is not None:
        raise ConfigError(
            f"{source.base}: its tokenizer was extended ({extension.get('pieces', 'some')} pieces for "
            f"'{extension.get('lang', '?')}'; '{EXTENSION_KEY}' in config.json), which GGUF does not allow.",
            hint="llama.cpp recognises a tokenizer by the base model's. Export safetensors or ct2, or train the model "
            "without the extension.",
        )


def convert(tools: LlamaCpp, weights: Path, target: Path, stored: str) -> None:
    """Write a model folder (safetensors) as one GGUF file.

    Args:
        stored: the converter's --outtype: f32, f16, bf16 or q8_0.

    Raises EngineError with the converter's last words.
    """
    command = [sys.executable, str(tools.converter.resolve()), str(weights.resolve())]
    command += ["--outfile", str(target.resolve()), "--outtype", stored]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    if done.returncode != 0 or not target.is_file():
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise EngineError(
            f"{weights}: llama.cpp's converter failed (exit code {done.returncode}): {' | '.join(said[-3:])}",
            hint=f"Its command was: {' '.join(command[1:])}. A newer llama.cpp may know the model.",
        )


class GgufChecked:
    """A GGUF file served by llama.cpp in this process or beside it, for comparing it with its source."""

    def __init__(self, file: Path, tools: LlamaCpp, context: int) -> None:
        import httpx

        self._process: subprocess.Popen[bytes] | None = None
        self._server: Any = None
        address = (
            self._start_package(file, context) if tools.server is None else self._start(tools.server, file, context)
        )
        self._client = httpx.Client(base_url=address, timeout=_ANSWER_SECONDS, trust_env=False)
        self._wait(file)
        # A token that is whole letters, whatever the tokenizer.
        self._whole = self.reads("a")[-1]

    def _start_package(self, file: Path, context: int) -> str:
        import torch

        xllamacpp: Any = import_module("xllamacpp")
        params: Any = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx = context
        params.n_parallel = 1
        params.port = 0
        # As many as the source computes with: where other programs run, more of them wait for one another.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = torch.get_num_threads()
        params.warmup = False
        params.verbosity = _SILENT
        # The default keeps what was read in half precision, which is not the file's doing.
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise EngineError(f"{file}: llama.cpp cannot load the converted model ({error}).") from error
        return str(self._server.listening_address)

    def _start(self, server: Path, file: Path, context: int) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        command = [
            str(server),
            "-m",
            str(file),
            "-c",
            str(context),
            "-np",
            "1",
            "-ctk",
            "f32",
            "-ctv",
            "f32",
            "-fa",
            "off",
        ]
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--no-warmup"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return f"http://127.0.0.1:{port}"

    def _wait(self, file: Path) -> None:
        import httpx

        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._process is not None and self._process.poll() is not None:
                raise EngineError(
                    f"{file}: llama-server ended at once (exit code {self._process.returncode}).",
                    hint=f"Run it by hand to see why: llama-server -m {file}",
                )
            try:
                if self._client.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        self.close()
        raise EngineError(f"{file}: llama-server did not answer within {_START_SECONDS:g} seconds.")

    def greedy(self, ids: Sequence[int], count: int, ends: frozenset[int]) -> list[int | None]:
        told = self._complete(list(ids), n_predict=count)
        tokens: list[int | None] = [int(token) for token in told["tokens"]]
        ended = told.get("stop_type") == "eos" and len(tokens) < count and (not tokens or tokens[-1] not in ends)
        return [*tokens, None] if ended else tokens

    def option_logprobs(self, question: Question) -> list[float]:
        sums = []
        for option in question.option_ids:
            prefixes = [[*question.ids, *option[:place]] for place in range(len(option))]
            sums.append(sum(self._logprob(prefix, token) for prefix, token in zip(prefixes, option, strict=True)))
        return sums

    def _logprob(self, prefix: list[int], token: int) -> float:
        """The log-probability (nats) of one token behind a prefix."""
        # A bias makes the token the one that is taken; its probability is told as it was before the bias.
        told = self._complete(prefix, n_predict=1, n_probs=1, logit_bias=[[token, _FORCED]])
        for taken in told.get("completion_probabilities") or []:
            if int(taken["id"]) == token:
                return float(taken["logprob"])
        # Nothing is told of a token that ends inside a character. It stands among the others' alternatives.
        for among in (1_000, _ALL):
            told = self._complete(prefix, n_predict=1, n_probs=among, logit_bias=[[self._whole, _FORCED]])
            for taken in told.get("completion_probabilities") or []:
                for other in taken["top_logprobs"]:
                    if int(other["id"]) == token:
                        return float(other["logprob"])
        raise EngineError(f"llama.cpp's server does not tell the probability of token {token}.")

    def reads(self, text: str) -> list[int]:
        told = self._post("/tokenize", {"content": text, "add_special": False, "parse_special": True})
        return [int(token) for token in told["tokens"]]

    def reads_messages(self, prompt: Prompt) -> list[int]:
        """The token ids of messages as the server's chat interface makes them: its template, its beginning."""
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        settings = {"messages": messages, "chat_template_kwargs": {"enable_thinking": False}}
        text = str(self._post("/apply-template", settings)["prompt"])
        told = self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return [int(token) for token in told["tokens"]]

    def close(self) -> None:
        self._client.close()
        self._server = None
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def _complete(self, prompt: list[int], **settings: Any) -> dict[str, Any]:
        fixed = {"prompt": prompt, "temperature": 0, "return_tokens": True, "cache_prompt": True, "seed": 0}
        return self._post("/completion", {**fixed, **settings})

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        import httpx

        try:
            answer = self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise EngineError(f"llama.cpp's server stopped answering ({type(error).__name__}).") from error
        if answer.status_code != 200:
            raise EngineError(f"llama.cpp's server refused {path} (HTTP {answer.status_code}): {answer.text[:200]}")
        told: dict[str, Any] = answer.json()
        return told

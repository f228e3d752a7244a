"""The process that runs one engine: `python -m afya.assistant.engines.worker`. JSON lines in, JSON lines out.

The first line in says what to load: {"kind": "model" or "translator", "spec": ..., "options": {...}, "memory_mb": ...}.
Its answer is {"ready": {...}} or {"error": ...}. Every further line is a request {"id": ..., "do": ..., ...} and has
one answer {"id": ..., "result": ...} or {"id": ..., "error": ...}. What a library prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

from afya.errors import AfyaError

Handler = Callable[[Mapping[str, Any]], object]


def main() -> int:
    """Answer requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    lines = iter(sys.stdin)
    try:
        asked = json.loads(next(lines))
        _bound_memory(asked.get("memory_mb"))
        handlers, ready = _load(asked)
    except StopIteration:
        return 0
    except MemoryError:
        return _give_up(replies, {"error": "there is not enough memory"})
    except Exception as error:
        return _give_up(replies, {"error": _told(error)})
    _say(replies, {"ready": ready})
    for line in lines:
        request = json.loads(line)
        try:
            _say(replies, {"id": request["id"], "result": handlers[request["do"]](request)})
        except MemoryError:
            # What is left of this process is in no known state: it ends, and is started again.
            return _give_up(replies, {"id": request["id"], "error": "there is not enough memory"})
        except Exception as error:
            _say(replies, {"id": request["id"], "error": _told(error)})
    return 0


def _say(replies: IO[str], value: Mapping[str, object]) -> None:
    replies.write(json.dumps(value, ensure_ascii=True) + "\n")
    replies.flush()


def _give_up(replies: IO[str], value: Mapping[str, object]) -> int:
    _say(replies, value)
    return 1


def _told(error: Exception) -> str:
    return error.message if isinstance(error, AfyaError) else f"{type(error).__name__}: {error}"


def _bound_memory(megabytes: int | None) -> None:
    """Let the system refuse more memory than this, where it can. Files that are mapped to be read do not count."""
    if megabytes is None:
        return
    try:
        import resource
    except ImportError:
        return
    most = int(megabytes) << 20
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _load(asked: Mapping[str, Any]) -> tuple[dict[str, Handler], Mapping[str, object]]:
    options = dict(asked.get("options") or {})
    return (_model if asked["kind"] == "model" else _translator)(str(asked["spec"]), options)


def _model(spec: str, options: dict[str, object]) -> tuple[dict[str, Handler], Mapping[str, object]]:
    from dataclasses import asdict

    from afya.models import Message, Prompt, Sampling, load_model

    model = load_model(spec, **options)

    def generate(request: Mapping[str, Any]) -> object:
        prompts = [
            Prompt(tuple(Message(role, content) for role, content in prompt["messages"]), prompt["answer_prefix"])
            for prompt in request["prompts"]
        ]
        sampling = Sampling(**{**request["sampling"], "stop": tuple(request["sampling"]["stop"])})
        return [asdict(reply) for reply in model.generate(prompts, sampling)]

    return {"generate": generate}, asdict(model.identity)


def _translator(spec: str, options: dict[str, object]) -> tuple[dict[str, Handler], Mapping[str, object]]:
    from dataclasses import asdict

    from afya.translation.base import Hint
    from afya.translation.load import load_translator

    engine = load_translator(spec, **options)

    def translate(request: Mapping[str, Any]) -> object:
        given = request.get("hints")
        hints = None if given is None else [[Hint(source, target) for source, target in entry] for entry in given]
        return [
            asdict(answer)
            for answer in engine.translate(request["texts"], request["source"], request["target"], hints=hints)
        ]

    ready = {
        "identity": asdict(engine.identity),
        "uses_hints": engine.uses_hints,
        "pairs": sorted(list(pair) for pair in engine.pairs()),
    }
    return {"translate": translate}, ready


if __name__ == "__main__":
    sys.exit(main())

"""A real HTTP server on this machine that answers by a script: what a test needs of an endpoint."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Step:
    """One answer: status, body, headers, and seconds to wait before it (or between its bytes).

    `missing`: so many bytes fewer are sent than were announced.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drip: bool = False
    hang_up: bool = False
    missing: int = 0


Answering = Callable[[dict[str, Any]], Step]


def chat(text: str | None, finish: str = "stop", **message: object) -> bytes:
    """A chat completion of seven tokens read and two written."""
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}).encode()


@dataclass
class Server:
    """The address, what was asked so far (with its headers), and the most requests that were under way at a time."""

    url: str
    asked: list[dict[str, Any]]
    seen_headers: list[dict[str, str]]
    most: int = 0


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the usual five, a burst of connections waits a second


@contextmanager
def serving(*script: Step | Answering) -> Iterator[Server]:
    """Serve a script of steps, the last of which is repeated; or a function from a request to its step."""
    steps = list(script)
    lock = threading.Lock()
    told = Server("", [], [])
    busy = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal busy
            self.left = False
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                asked = {"path": self.path, **json.loads(body)}
                told.asked.append(asked)
                told.seen_headers.append({name.lower(): value for name, value in self.headers.items()})
                busy += 1
                told.most = max(told.most, busy)
                entry = steps.pop(0) if len(steps) > 1 else steps[0]
            try:
                self._answer(entry if isinstance(entry, Step) else entry({**asked, "busy": busy}))
            finally:
                self._leave()

        def _leave(self) -> None:
            """Under way no more: counted before the last bytes go out, since the client may ask again at once."""
            nonlocal busy
            with lock:
                busy -= not self.left
                self.left = True

        def _answer(self, step: Step) -> None:
            if step.hang_up:
                self.close_connection = True
                return
            if not step.drip:
                time.sleep(step.wait_s)
            try:
                self.send_response(step.status)
                for name, value in {"Content-Type": "application/json", **step.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(step.body) + step.missing))
                self.end_headers()
                for place in range(len(step.body)) if step.drip else ():
                    self.wfile.write(step.body[place : place + 1])
                    time.sleep(step.wait_s)
                if not step.drip:
                    self._leave()
                    self.wfile.write(step.body)
            except OSError:
                pass  # the client had waited long enough
            if step.missing:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = _Listening(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()

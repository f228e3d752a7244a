"""An OpenAI-compatible endpoint, played by a real HTTP server on this machine that answers by a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from afya.errors import ConfigError, EngineError
from afya.models import Message, OptionRequest, Prompt, Sampling, identify, load_model
from afya.models.openai import OpenAIModel


@dataclass
class Step:
    """One answer: status, body, headers, and seconds to wait before it (or between its bytes)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drip: bool = False
    hang_up: bool = False


def chat(text: str | None, finish: str = "stop", **message: object) -> bytes:
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}).encode()


@dataclass
class Server:
    """The address, what was asked so far, and the script: the last step is repeated."""

    url: str
    asked: list[dict[str, Any]]
    seen_headers: list[dict[str, str]]
    script: list[Step]

    def model(self, **options: object) -> OpenAIModel:
        model = load_model("openai:tester", base_url=self.url, **options)
        assert isinstance(model, OpenAIModel)
        return model


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[ThreadingHTTPServer] = []

    def start(*script: Step) -> Server:
        asked: list[dict[str, Any]] = []
        headers: list[dict[str, str]] = []
        steps = list(script)
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    asked.append({"path": self.path, **json.loads(body)})
                    headers.append({name.lower(): value for name, value in self.headers.items()})
                    step = steps.pop(0) if len(steps) > 1 else steps[0]
                if step.hang_up:
                    self.close_connection = True
                    return
                if not step.drip:
                    time.sleep(step.wait_s)
                self.send_response(step.status)
                for name, value in step.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(step.body)))
                self.end_headers()
                try:
                    for place in range(len(step.body)) if step.drip else ():
                        self.wfile.write(step.body[place : place + 1])
                        time.sleep(step.wait_s)
                    if not step.drip:
                        self.wfile.write(step.body)
                except OSError:
                    pass  # the client had waited long enough

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return Server(f"http://127.0.0.1:{server.server_address[1]}/v1", asked, headers, steps)

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


PROMPT = Prompt((Message("user", "What is 1 + 1?"),), "Answer:")


def test_a_good_answer_comes_back_with_its_counts(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("B", "length")))
    reply = server.model().generate([PROMPT], Sampling(max_tokens=5, stop=("\n",)))[0]
    assert (reply.text, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens) == ("B", "length", 7, 2)
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["messages"] == [{"role": "user", "content": "What is 1 + 1?\n\nAnswer:"}]
    assert (asked["model"], asked["max_tokens"], asked["stop"], asked["temperature"]) == ("tester", 5, ["\n"], 0.0)


def test_answers_come_in_the_order_of_the_prompts(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("slow"), wait_s=0.3), Step(body=chat("quick")))
    model = server.model(concurrency=1)
    replies = model.generate([PROMPT] * 4, Sampling())
    assert [reply.text for reply in replies] == ["slow", "quick", "quick", "quick"]


def test_too_many_requests_waits_as_long_as_the_server_asks(serve: Callable[..., Server]) -> None:
    server = serve(Step(429, b"{}", {"Retry-After": "0.4"}), Step(body=chat("B")))
    started = time.perf_counter()
    reply = server.model().generate([PROMPT], Sampling())[0]
    assert reply.text == "B"
    assert time.perf_counter() - started >= 0.4
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "bad",
    [
        Step(500, b"oops"),
        Step(429, b"{}"),
        Step(200, b'{"choices": ['),
        Step(200, b""),
        Step(200, b'{"choices": []}'),
        Step(hang_up=True),
    ],
    ids=["500", "429 without a word", "malformed", "empty body", "no choice", "hangs up"],
)
def test_a_passing_fault_is_tried_again(serve: Callable[..., Server], bad: Step) -> None:
    server = serve(bad, Step(body=chat("B")))
    assert server.model().generate([PROMPT], Sampling())[0].text == "B"
    assert len(server.asked) == 2


def test_a_lasting_fault_is_the_error_of_its_reply_after_bounded_tries(serve: Callable[..., Server]) -> None:
    server = serve(Step(500, b'{"error": {"message": "out of order"}}', {"Retry-After": "0"}))
    reply = server.model(tries=3).generate([PROMPT], Sampling())[0]
    assert reply.finish_reason == "error"
    assert reply.error == "HTTP 500: out of order"
    assert len(server.asked) == 3


def test_a_request_that_the_server_refuses_is_not_repeated(serve: Callable[..., Server]) -> None:
    server = serve(Step(400, b'{"error": {"message": "too long"}}'), Step(body=chat("B")))
    replies = server.model(concurrency=1).generate([PROMPT, PROMPT], Sampling())
    assert [reply.error for reply in replies] == ["HTTP 400: too long", None]


@pytest.mark.parametrize("slow", [Step(body=chat("B"), wait_s=5.0), Step(body=chat("B"), wait_s=0.05, drip=True)])
def test_the_time_for_one_request_is_bounded(serve: Callable[..., Server], slow: Step) -> None:
    server = serve(slow)
    started = time.perf_counter()
    reply = server.model(timeout_s=0.3, total_s=1.0, tries=50).generate([PROMPT], Sampling())[0]
    assert reply.finish_reason == "error"
    assert "too long" in str(reply.error)
    assert time.perf_counter() - started < 3.0


def test_a_long_wait_that_the_server_asks_for_is_not_waited(serve: Callable[..., Server]) -> None:
    server = serve(Step(429, b"{}", {"Retry-After": "3600"}))
    started = time.perf_counter()
    reply = server.model(total_s=1.0).generate([PROMPT], Sampling())[0]
    assert "were not enough" in str(reply.error)
    assert time.perf_counter() - started < 1.0


def test_an_empty_reply_is_a_reply(serve: Callable[..., Server]) -> None:
    reply = serve(Step(body=chat(""))).model().generate([PROMPT], Sampling())[0]
    assert (reply.text, reply.finish_reason, reply.error) == ("", "stop", None)


def test_a_filtered_reply_and_a_refusal_are_told_apart_from_errors(serve: Callable[..., Server]) -> None:
    filtered = serve(Step(body=chat(None, "content_filter"))).model().generate([PROMPT], Sampling())[0]
    refused = serve(Step(body=chat(None, refusal="I will not"))).model().generate([PROMPT], Sampling())[0]
    assert (filtered.text, filtered.finish_reason, filtered.error) == ("", "filtered", None)
    assert (refused.text, refused.finish_reason) == ("I will not", "filtered")


def test_a_refused_key_ends_the_run_and_is_never_shown(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-very-secret")
    server = serve(Step(401, b'{"error": {"message": "bad key sk-very-secret"}}'))
    with pytest.raises(EngineError, match="the key was refused") as caught:
        server.model(api_key_env="TEST_KEY").generate([PROMPT], Sampling())
    assert "sk-very-secret" not in str(caught.value)
    assert server.seen_headers[0]["authorization"] == "Bearer sk-very-secret"


def test_a_server_that_is_not_there_ends_the_run() -> None:
    model = load_model("openai:tester", base_url="http://127.0.0.1:9/v1", tries=1)
    with pytest.raises(EngineError, match="cannot be reached"):
        model.generate([PROMPT], Sampling())


def test_a_model_that_wants_another_name_for_the_length_gets_it(serve: Callable[..., Server]) -> None:
    server = serve(
        Step(400, b'{"error": {"message": "use max_completion_tokens instead of max_tokens"}}'), Step(body=chat("B"))
    )
    assert server.model().generate([PROMPT], Sampling(max_tokens=9))[0].text == "B"
    assert server.asked[1]["max_completion_tokens"] == 9
    assert "max_tokens" not in server.asked[1]


def test_an_endpoint_says_that_it_scores_no_options(serve: Callable[..., Server]) -> None:
    model = serve(Step(body=chat("B"))).model()
    assert not model.scores_options
    with pytest.raises(EngineError, match="measure this model by generation"):
        model.score_options([OptionRequest(PROMPT, (" A", " B"))])


def test_identity_and_address(serve: Callable[..., Server]) -> None:
    one = identify("openai:tester", base_url="http://localhost:1/v1")
    assert one == identify("openai:tester", base_url="http://localhost:1/v1/")
    assert one != identify("openai:tester", base_url="http://localhost:2/v1")
    with pytest.raises(ConfigError, match="no address"):
        identify("openai:tester", base_url="localhost:1")

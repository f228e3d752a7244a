"""Anthropic's and Google's own libraries against a scripted server: the same promises as the plain endpoint's."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable

import pytest
from scripted_server import Server, Step

from afya.errors import EngineError
from afya.models import LanguageModel, Message, Prompt, Sampling, load_model
from afya.models.load import price_of
from afya.models.remote import RemoteModel

HAS = {"anthropic": importlib.util.find_spec("anthropic") is not None}
try:
    HAS["google"] = importlib.util.find_spec("google.genai") is not None
except ModuleNotFoundError:
    HAS["google"] = False

PROMPT = Prompt((Message("system", "Be brief."), Message("user", "What is 1 + 1?")), "Answer:")


def claude(text: str, stop: str = "end_turn", *, thought: str | None = None) -> bytes:
    blocks = [{"type": "thinking", "thinking": thought, "signature": "x"}] if thought else []
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "tester",
            "content": [*blocks, {"type": "text", "text": text}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 2},
        }
    ).encode()


def gemini(text: str, finish: str = "STOP", *, thought: str | None = None) -> bytes:
    parts = [{"text": thought, "thought": True}] if thought else []
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": 3 if thought else 0}
    candidate = {"content": {"role": "model", "parts": [*parts, {"text": text}]}, "finishReason": finish}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode()


SAYS: dict[str, Callable[..., bytes]] = {"anthropic": claude, "google": gemini}
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}
LONG = {"anthropic": "max_tokens", "google": "MAX_TOKENS"}
WITHHELD = {"anthropic": "refusal", "google": "SAFETY"}


@pytest.fixture(params=["anthropic", "google"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    if not HAS[name]:
        pytest.skip(f"the library of {name} is not installed")
    monkeypatch.setenv(KEYS[name], "very-secret")
    return name


def reach(engine: str, server: Server, **options: object) -> LanguageModel:
    return load_model(f"{engine}:tester", base_url=server.url, **options)


def test_a_good_answer_comes_back_with_its_counts_and_cost(engine: str, serve: Callable[..., Server]) -> None:
    server = serve(Step(body=SAYS[engine]("B", LONG[engine])))
    model = reach(engine, server, price_in=1.0, price_out=4.0)
    reply = model.generate([PROMPT], Sampling(max_tokens=5, temperature=0.5, stop=("\n",)))[0]
    assert (reply.text, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens) == ("B", "length", 7, 2)
    assert reply.cost_usd == pytest.approx((7 + 2 * 4) / 1e6)
    asked = json.dumps(server.asked[0])
    assert "Be brief." in asked
    assert "What is 1 + 1?\\n\\nAnswer:" in asked
    assert '"temperature": 0.5' in asked
    sent = server.asked[0]
    if engine == "anthropic":
        assert (sent["max_tokens"], sent["stop_sequences"], sent["system"]) == (5, ["\n"], "Be brief.")
        assert "seed" not in sent
    else:
        assert sent["path"].endswith("/models/tester:generateContent")
        assert (sent["generationConfig"]["maxOutputTokens"], sent["generationConfig"]["stopSequences"]) == (5, ["\n"])
    assert any("very-secret" in value for value in server.seen_headers[0].values())


def test_thoughts_are_not_part_of_the_reply_but_are_paid(engine: str, serve: Callable[..., Server]) -> None:
    server = serve(Step(body=SAYS[engine]("B", thought="one and one")))
    reply = reach(engine, server).generate([PROMPT], Sampling())[0]
    assert reply.text == "B"
    assert reply.completion_tokens == {"anthropic": 2, "google": 5}[engine]


def test_what_the_provider_withholds_is_told_apart_from_errors(engine: str, serve: Callable[..., Server]) -> None:
    reply = reach(engine, serve(Step(body=SAYS[engine]("", WITHHELD[engine])))).generate([PROMPT], Sampling())[0]
    assert (reply.finish_reason, reply.error) == ("filtered", None)
    if engine == "google":
        blocked = serve(Step(body=b'{"promptFeedback": {"blockReason": "SAFETY"}}'))
        assert reach(engine, blocked).generate([PROMPT], Sampling())[0].finish_reason == "filtered"


@pytest.mark.parametrize(
    "bad",
    [
        Step(429, b"{}", {"Retry-After": "0.1"}),
        Step(500, b"oops"),
        Step(200, b'{"content": '),
        Step(200, b"{}"),
        Step(hang_up=True),
    ],
    ids=["429", "500", "malformed", "empty", "hangs up"],
)
def test_a_passing_fault_is_tried_again_and_by_us_alone(engine: str, serve: Callable[..., Server], bad: Step) -> None:
    server = serve(bad, Step(body=SAYS[engine]("B")))
    reply = reach(engine, server).generate([PROMPT], Sampling())[0]
    assert (reply.text, reply.error) == ("B", None)
    assert len(server.asked) == 2


def test_a_lasting_fault_and_a_refused_request_are_told_apart(engine: str, serve: Callable[..., Server]) -> None:
    down = serve(Step(500, b'{"error": {"message": "out of order"}}', {"Retry-After": "0"}))
    reply = reach(engine, down, tries=2).generate([PROMPT], Sampling())[0]
    assert (reply.finish_reason, reply.error) == ("unavailable", "HTTP 500: out of order")
    assert len(down.asked) == 2
    refusing = serve(Step(400, b'{"error": {"code": 400, "message": "prompt is too long"}}'))
    reply = reach(engine, refusing).generate([PROMPT], Sampling())[0]
    assert (reply.finish_reason, reply.error) == ("error", "HTTP 400: prompt is too long")
    assert len(refusing.asked) == 1


def test_a_slow_server_is_bounded(engine: str, serve: Callable[..., Server]) -> None:
    server = serve(Step(body=SAYS[engine]("B"), wait_s=3.0))
    reply = reach(engine, server, timeout_s=0.3, tries=1).generate([PROMPT], Sampling())[0]
    assert "too long" in str(reply.error)


def test_a_refused_key_ends_the_run_and_is_never_shown(engine: str, serve: Callable[..., Server]) -> None:
    server = serve(Step(401, b'{"error": {"message": "bad key very-secret"}}'))
    with pytest.raises(EngineError, match="the key was refused") as caught:
        reach(engine, server).generate([PROMPT], Sampling())
    assert "very-secret" not in str(caught.value)
    assert len(server.asked) == 1


def test_without_a_server_or_a_key_it_says_so(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="cannot be reached"):
        load_model(f"{engine}:tester", base_url="http://127.0.0.1:9", tries=1).generate([PROMPT], Sampling())
    monkeypatch.delenv(KEYS[engine])
    with pytest.raises(EngineError, match=KEYS[engine]):
        load_model(f"{engine}:tester")


def test_the_catalogue_knows_their_prices(engine: str) -> None:
    known = {"anthropic": "claude-haiku-4-5-20251001", "google": "gemini-2.5-flash"}[engine]
    assert price_of(f"{engine}:{known}") is not None
    assert price_of(f"{engine}:unheard-of") is None
    assert isinstance(load_model(f"{engine}:{known}"), RemoteModel)

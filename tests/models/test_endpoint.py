"""An OpenAI-compatible endpoint, played by a real HTTP server on this machine that answers by a script."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from scripted_server import Server, Step, chat

from afya.errors import ConfigError, EngineError
from afya.models import Message, OptionRequest, Prompt, Sampling, identify, load_model
from afya.models.limits import Lanes
from afya.models.load import price_of
from afya.models.openai import OpenAIModel


def reach(*servers: Server, **options: object) -> OpenAIModel:
    base_url = ",".join(f"{server.url}/v1" for server in servers)
    model = load_model("openai:tester", base_url=base_url, **options)
    assert isinstance(model, OpenAIModel)
    return model


PROMPT = Prompt((Message("user", "What is 1 + 1?"),), "Answer:")


def test_a_good_answer_comes_back_with_its_counts(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("B", "length")))
    reply = reach(server).generate([PROMPT], Sampling(max_tokens=5, stop=("\n",)))[0]
    assert (reply.text, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens) == ("B", "length", 7, 2)
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["messages"] == [{"role": "user", "content": "What is 1 + 1?\n\nAnswer:"}]
    assert (asked["model"], asked["max_tokens"], asked["stop"], asked["temperature"]) == ("tester", 5, ["\n"], 0.0)


def test_answers_come_in_the_order_of_the_prompts(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("slow"), wait_s=0.3), Step(body=chat("quick")))
    model = reach(server, concurrency=1)
    replies = model.generate([PROMPT] * 4, Sampling())
    assert [reply.text for reply in replies] == ["slow", "quick", "quick", "quick"]


def test_too_many_requests_waits_as_long_as_the_server_asks(serve: Callable[..., Server]) -> None:
    server = serve(Step(429, b"{}", {"Retry-After": "0.4"}), Step(body=chat("B")))
    started = time.perf_counter()
    reply = reach(server).generate([PROMPT], Sampling())[0]
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
        Step(200, chat("B"), missing=9),
        Step(hang_up=True),
    ],
    ids=["500", "429 without a word", "malformed", "empty body", "no choice", "cut off", "hangs up"],
)
def test_a_passing_fault_is_tried_again(serve: Callable[..., Server], bad: Step) -> None:
    server = serve(bad, Step(body=chat("B")))
    assert reach(server).generate([PROMPT], Sampling())[0].text == "B"
    assert len(server.asked) == 2


def test_a_lasting_fault_is_the_error_of_its_reply_after_bounded_tries(serve: Callable[..., Server]) -> None:
    server = serve(Step(500, b'{"error": {"message": "out of order"}}', {"Retry-After": "0"}))
    reply = reach(server, tries=3).generate([PROMPT], Sampling())[0]
    assert reply.finish_reason == "unavailable"  # another time it may answer
    assert reply.error == "HTTP 500: out of order"
    assert len(server.asked) == 3


def test_a_request_that_the_server_refuses_is_not_repeated(serve: Callable[..., Server]) -> None:
    server = serve(Step(400, b'{"error": {"message": "too long"}}'), Step(body=chat("B")))
    replies = reach(server, concurrency=1).generate([PROMPT, PROMPT], Sampling())
    assert [reply.error for reply in replies] == ["HTTP 400: too long", None]
    assert replies[0].finish_reason == "error"


@pytest.mark.parametrize("slow", [Step(body=chat("B"), wait_s=5.0), Step(body=chat("B"), wait_s=0.05, drip=True)])
def test_the_time_for_one_request_is_bounded(serve: Callable[..., Server], slow: Step) -> None:
    server = serve(slow)
    started = time.perf_counter()
    reply = reach(server, timeout_s=0.3, total_s=1.0, tries=50).generate([PROMPT], Sampling())[0]
    assert reply.finish_reason == "unavailable"
    assert "too long" in str(reply.error)
    assert time.perf_counter() - started < 3.0


def test_a_long_wait_that_the_server_asks_for_is_not_waited(serve: Callable[..., Server]) -> None:
    server = serve(Step(429, b"{}", {"Retry-After": "3600"}))
    started = time.perf_counter()
    reply = reach(server, total_s=1.0).generate([PROMPT], Sampling())[0]
    assert "were not enough" in str(reply.error)
    assert time.perf_counter() - started < 1.0


def test_an_empty_reply_is_a_reply(serve: Callable[..., Server]) -> None:
    reply = reach(serve(Step(body=chat("")))).generate([PROMPT], Sampling())[0]
    assert (reply.text, reply.finish_reason, reply.error) == ("", "stop", None)


def test_a_filtered_reply_and_a_refusal_are_told_apart_from_errors(serve: Callable[..., Server]) -> None:
    filtered = reach(serve(Step(body=chat(None, "content_filter")))).generate([PROMPT], Sampling())[0]
    refused = reach(serve(Step(body=chat(None, refusal="I will not")))).generate([PROMPT], Sampling())[0]
    assert (filtered.text, filtered.finish_reason, filtered.error) == ("", "filtered", None)
    assert (refused.text, refused.finish_reason) == ("I will not", "filtered")


def test_a_refused_key_ends_the_run_and_is_never_shown(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-very-secret")
    server = serve(Step(401, b'{"error": {"message": "bad key sk-very-secret"}}'))
    with pytest.raises(EngineError, match="the key was refused") as caught:
        reach(server, api_key_env="TEST_KEY").generate([PROMPT], Sampling())
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
    assert reach(server).generate([PROMPT], Sampling(max_tokens=9))[0].text == "B"
    assert server.asked[1]["max_completion_tokens"] == 9
    assert "max_tokens" not in server.asked[1]


def test_an_endpoint_says_that_it_scores_no_options(serve: Callable[..., Server]) -> None:
    model = reach(serve(Step(body=chat("B"))))
    assert not model.scores_options
    with pytest.raises(EngineError, match="measure this model by generation"):
        model.score_options([OptionRequest(PROMPT, (" A", " B"))])


def test_identity_and_address(serve: Callable[..., Server]) -> None:
    one = identify("openai:tester", base_url="http://localhost:1/v1")
    assert one == identify("openai:tester", base_url="http://localhost:1/v1/")
    assert one != identify("openai:tester", base_url="http://localhost:2/v1")
    with pytest.raises(ConfigError, match="no address"):
        identify("openai:tester", base_url="localhost:1")


def test_one_bad_item_never_ends_a_run(serve: Callable[..., Server]) -> None:
    def answer(asked: dict[str, object]) -> Step:
        bad = "number 7" in str(asked["messages"])
        return Step(400, b'{"error": {"message": "bad"}}') if bad else Step(body=chat("B"))

    prompts = [Prompt((Message("user", f"number {number}."),)) for number in range(20)]
    replies = reach(serve(answer)).generate(prompts, Sampling())
    assert [place for place, reply in enumerate(replies) if reply.error] == [7]


def test_a_setting_that_the_model_does_not_take_is_said_once_and_can_be_left_out(serve: Callable[..., Server]) -> None:
    said = b'{"error": {"message": "Unsupported value: \'temperature\' does not support 0 with this model."}}'

    def answer(asked: dict[str, object]) -> Step:
        return Step(400, said) if "temperature" in asked else Step(body=chat("B"))

    server = serve(answer)
    with pytest.raises(EngineError, match=r"omit=\[temperature\]"):
        reach(server, concurrency=1).generate([PROMPT] * 5, Sampling())
    assert len(server.asked) == 1
    assert reach(server, omit=["temperature"]).generate([PROMPT], Sampling())[0].text == "B"


def test_an_empty_account_is_not_asked_again(serve: Callable[..., Server]) -> None:
    server = serve(Step(429, b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'))
    with pytest.raises(EngineError, match="the account has no credit"):
        reach(server).generate([PROMPT], Sampling())
    assert len(server.asked) == 1


def test_what_was_answered_before_the_key_failed_is_kept(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("B")), Step(body=chat("C")), Step(401, b"{}"))
    replies = reach(server, concurrency=1).generate([PROMPT] * 6, Sampling())
    assert [reply.text for reply in replies[:2]] == ["B", "C"]
    assert {reply.finish_reason for reply in replies[2:]} == {"unavailable"}
    assert len(server.asked) == 3


def test_further_keys_go_into_the_body_and_neutral_ones_are_not_sent(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("B")))
    model = reach(server, body={"chat_template_kwargs": {"enable_thinking": False}})
    model.generate([PROMPT], Sampling())
    asked = server.asked[0]
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
    assert not {"seed", "top_p", "stop"} & set(asked)
    model.generate([PROMPT], Sampling(temperature=0.7, top_p=0.9, seed=4))
    assert (server.asked[1]["seed"], server.asked[1]["top_p"]) == (4, 0.9)


def test_requests_go_to_all_servers_of_a_model(serve: Callable[..., Server]) -> None:
    servers = [serve(Step(body=chat("B"), wait_s=0.02)) for _ in range(2)]
    replies = reach(*servers, concurrency=2).generate([PROMPT] * 20, Sampling())
    assert {reply.text for reply in replies} == {"B"}
    assert min(len(server.asked) for server in servers) >= 5
    assert max(server.most for server in servers) <= 2


def test_a_server_that_is_gone_leaves_its_requests_to_the_others(serve: Callable[..., Server]) -> None:
    gone = Server("http://127.0.0.1:9", [], [])
    replies = reach(gone, serve(Step(body=chat("B")))).generate([PROMPT] * 10, Sampling())
    assert {reply.text for reply in replies} == {"B"}
    with pytest.raises(EngineError, match="cannot be reached"):
        reach(gone, Server("http://127.0.0.1:7", [], []), tries=2).generate([PROMPT], Sampling())
    with pytest.raises(ConfigError, match="given twice"):
        reach(gone, gone)


def test_a_server_that_asks_to_wait_leaves_its_requests_to_the_others(serve: Callable[..., Server]) -> None:
    busy, free = serve(Step(429, b"{}", {"Retry-After": "30"})), serve(Step(body=chat("B")))
    started = time.perf_counter()
    replies = reach(busy, free, concurrency=2).generate([PROMPT] * 8, Sampling())
    assert {reply.text for reply in replies} == {"B"}
    assert len(busy.asked) <= 2
    assert time.perf_counter() - started < 10


def test_the_number_of_requests_at_a_time_follows_what_the_server_bears(serve: Callable[..., Server]) -> None:
    def answer(asked: dict[str, object]) -> Step:
        if int(str(asked["busy"])) > 2:
            return Step(429, b"{}", {"Retry-After": "0.01"})
        return Step(body=chat("B"), wait_s=0.01)

    model = reach(serve(answer), concurrency=16)
    replies = model.generate([PROMPT] * 60, Sampling())
    assert {reply.text for reply in replies} == {"B"}
    assert model.lanes.limits[0] <= 4


def test_a_lane_opens_by_one_a_round_and_halves_once_for_faults_of_one_moment() -> None:
    lanes, stop = Lanes(1, 64), threading.Event()
    assert lanes.limits == [8]
    tickets = [ticket for _ in range(8) if (ticket := lanes.enter(stop))]
    for ticket in tickets:
        lanes.leave(ticket, good=True)
    assert lanes.limits == [8]  # a little below nine: each answer adds an eighth or less
    ticket = lanes.enter(stop)
    assert ticket is not None
    lanes.leave(ticket, good=True)
    assert lanes.limits == [9]
    together = [ticket for _ in range(4) if (ticket := lanes.enter(stop))]
    for ticket in together:
        lanes.leave(ticket, overloaded=True)
    assert lanes.limits == [4]


def test_costs_are_counted_where_the_price_is_known(serve: Callable[..., Server]) -> None:
    server = serve(Step(body=chat("B")))
    paid = reach(server, price_in=2.0, price_out=10.0).generate([PROMPT], Sampling())[0]
    assert paid.cost_usd == pytest.approx((7 * 2 + 2 * 10) / 1e6)
    assert reach(server).generate([PROMPT], Sampling())[0].cost_usd is None
    listed = price_of("openai:gpt-4o-mini")
    assert listed is not None
    assert (listed.input, listed.output) == (0.15, 0.6)
    assert price_of("openai:gpt-4o-mini", base_url="https://elsewhere.example/v1") is None
    with pytest.raises(ConfigError, match="together"):
        price_of("openai:gpt-4o-mini", price_in=1.0)

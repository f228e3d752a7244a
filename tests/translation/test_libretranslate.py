"""LibreTranslate's interface, spoken with a real HTTP server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from loopback import Answer, Asked, serving

from afya.errors import ConfigError, EngineError
from afya.translation import guard
from afya.translation.load import load_translator

LANGUAGES = [
    {"code": "en", "name": "English", "targets": ["es", "zh-Hans", "pt-BR", "xx", "en"]},
    {"code": "es", "name": "Spanish", "targets": ["en"]},
    {"code": "zh-Hans", "name": "Chinese", "targets": ["en"]},
    {"code": "pt-BR", "name": "Brazilian", "targets": ["en"]},
    {"code": "xx", "name": "of no registry", "targets": ["en"]},
]


def answering(made: Callable[[list[str]], Answer]) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        if asked["path"] == "/languages":
            return 200, json.dumps(LANGUAGES).encode()
        return made(asked["q"])

    return answer


def texts(listed: list[str]) -> Answer:
    return 200, json.dumps({"translatedText": listed}).encode()


def upper(listed: list[str]) -> Answer:
    return texts([text.upper() for text in listed])


def test_languages_are_asked_for_and_batches_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRETRANSLATE_API_KEY", "verysecret")
    with serving(answering(upper)) as server:
        engine = load_translator(f"libretranslate:{server.url}/", batch=3)
        assert engine.pairs() == {("en", "es"), ("en", "zh"), ("en", "pt"), ("es", "en"), ("zh", "en"), ("pt", "en")}
        asked = [f"text {number}" for number in range(10)]
        assert [answer.text for answer in engine.translate(asked, "en", "zh")] == [text.upper() for text in asked]
        requests = [request for request in server.asked if request["path"] == "/translate"]
        assert len(requests) == 4
        assert {(entry["source"], entry["target"], entry["format"]) for entry in requests} == {
            ("en", "zh-Hans", "text")
        }
        assert {entry["api_key"] for entry in requests} == {"verysecret"}
        assert "verysecret" not in repr(engine.identity)
        engine.close()


def test_a_batch_that_is_refused_is_halved_and_one_bad_text_is_its_own_error() -> None:
    def choosy(listed: list[str]) -> Answer:
        if "bad" in listed or len(listed) > 4:
            return 400, b'{"error": "Invalid request: text length exceeds limit"}'
        return upper(listed)

    with serving(answering(choosy)) as server:
        engine = load_translator(f"libretranslate:{server.url}")
        answers = engine.translate(["a", "b", "bad", "c", "d", "e", "f"], "en", "es")
    assert [answer.text for answer in answers] == ["A", "B", "", "C", "D", "E", "F"]
    assert answers[2].error == "HTTP 400: Invalid request: text length exceeds limit"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"translatedText": ["a", "b", "c"]}', "3 translations came for 1 text"),
        (b'{"translatedText": "a"}', "not a list of texts"),
        (b"<html>", "not LibreTranslate's"),
        (b'{"error": "no"}', "not LibreTranslate's"),
    ],
)
def test_answers_of_another_shape_are_errors_of_each_text(body: bytes, told: str) -> None:
    with serving(answering(lambda _: (200, body))) as server:
        engine = load_translator(f"libretranslate:{server.url}", tries=1)
        answers = guard.translate(engine, ["one"], "en", "es")
    assert told in (answers[0].error or "")


def test_a_passing_fault_is_tried_again() -> None:
    failures = [503, 0]

    def shaky(listed: list[str]) -> Answer:
        return (failures.pop(), b"busy") if failures else upper(listed)

    with serving(answering(shaky)) as server:
        engine = load_translator(f"libretranslate:{server.url}")
        assert engine.translate(["a"], "en", "es")[0].text == "A"


def test_a_refused_key_stops_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRETRANSLATE_API_KEY", "verysecret")
    with serving(answering(lambda _: (403, b'{"error": "key verysecret is invalid"}'))) as server:
        engine = load_translator(f"libretranslate:{server.url}")
        with pytest.raises(EngineError, match="access was refused") as caught:
            guard.translate(engine, ["a", "b"], "en", "es")
    assert "verysecret" not in str(caught.value)
    assert "LIBRETRANSLATE_API_KEY" in str(caught.value)


def test_what_cannot_be_used_says_why() -> None:
    with pytest.raises(ConfigError, match="is no address"):
        load_translator("libretranslate:somewhere")
    with pytest.raises(EngineError, match="cannot be reached"):
        load_translator("libretranslate:http://127.0.0.1:9", tries=1)
    with serving(lambda _: (200, b"<html>")) as server, pytest.raises(EngineError, match="did not give its languages"):
        load_translator(f"libretranslate:{server.url}", tries=1)
    with serving(answering(upper)) as server:
        engine = load_translator(f"libretranslate:{server.url}")
        with pytest.raises(ConfigError, match=r"English \(en\) to Zulu \(zu\)"):
            engine.translate(["a"], "en", "zu")

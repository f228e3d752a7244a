"""Models and translators in processes of their own: whatever happens there is an answer here."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from afya.assistant import Assistant
from afya.assistant.engines import EngineProcess, ModelProcess, TranslatorProcess, Unavailable
from afya.assistant.limits import limits
from afya.errors import ConfigError, EngineError
from afya.models import Generation, Message, ModelIdentity, Prompt, Sampling
from afya.packs import load_pack
from afya.translation.memory import Memory

QUICK = replace(limits(), model_seconds=3, engine_start_seconds=20, engine_wait_seconds=0.4, engine_wait_most=0.4)
COMMAND = (sys.executable, str(Path(__file__).with_name("scripted_engine.py")))
CASE = "10 months, cough for 2 days, 36 breaths per minute, no danger signs, no chest indrawing, no stridor"


def scripted(spec: str = "scripted:model") -> ModelProcess:
    return ModelProcess(spec, QUICK, command=COMMAND, identity=ModelIdentity("scripted", "test", "0"))


def ask(model: ModelProcess, text: str) -> Generation:
    return model.generate([Prompt((Message("user", text),))], Sampling(max_tokens=8))[0]


@pytest.fixture
def model() -> Iterator[ModelProcess]:
    found = scripted()
    yield found
    found.close()


def test_a_model_answers_from_its_own_process(model: ModelProcess) -> None:
    assert ask(model, "say habari").text == "habari"
    assert int(ask(model, "pid").text) == model.process.pid != os.getpid()


@pytest.mark.parametrize("prompt", ["die", "babble", "out of turn"])
def test_a_crash_is_an_error_value_and_the_next_prompt_finds_a_new_process(model: ModelProcess, prompt: str) -> None:
    first = ask(model, "pid").text
    broken = ask(model, prompt)
    assert (broken.text, broken.finish_reason) == ("", "unavailable")
    assert broken.error
    assert ask(model, "pid").text != first


def test_killed_in_mid_answer_it_is_told_at_once(model: ModelProcess) -> None:
    assert ask(model, "say ready").text == "ready"
    pid = model.process.pid
    assert pid is not None
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    started = time.monotonic()
    broken = ask(model, "hang")
    assert broken.finish_reason == "unavailable"
    assert "broke off" in str(broken.error)
    assert time.monotonic() - started < 2
    assert ask(model, "say back").text == "back"


def test_no_answer_in_time_ends_the_process_and_is_said() -> None:
    late = ModelProcess(
        "scripted:model",
        replace(QUICK, model_seconds=0.5),
        command=COMMAND,
        identity=ModelIdentity("scripted", "test", "0"),
    )
    late.warm()
    pid = late.process.pid
    assert "in time" in str(ask(late, "hang").error)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    late.close()


def test_one_that_fails_again_and_again_is_left_alone_for_a_while(model: ModelProcess) -> None:
    assert [ask(model, "die").finish_reason for _ in range(2)] == ["unavailable"] * 2
    assert "started again in" in str(ask(model, "say early").error)
    time.sleep(0.5)
    assert ask(model, "say later").text == "later"


def test_what_cannot_be_loaded_and_what_is_refused_are_told(model: ModelProcess) -> None:
    broken = scripted("scripted:broken")
    assert "weights.bin is missing" in str(ask(broken, "say anything").error)
    broken.close()
    refused = ask(model, "refuse")
    assert refused.error == "the prompt is too long"
    assert ask(model, "say again").text == "again"


def test_after_closing_nothing_is_started_again(model: ModelProcess) -> None:
    model.close()
    assert "closed" in str(ask(model, "say anything").error)
    assert model.process.pid is None


def test_a_dead_model_leaves_the_advice_whole(model: ModelProcess) -> None:
    assert ask(model, "say ready").text == "ready"
    dying = replace(QUICK, model_seconds=1)
    silent = ModelProcess("scripted:model", dying, command=COMMAND, identity=ModelIdentity("scripted", "test", "0"))
    silent.process._command = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    answer = Assistant("en", model=silent).ask(CASE)
    pack = load_pack("en")
    assert answer.colour == "green"
    assert pack.text("action.no_antibiotic") in answer.text
    assert pack.text("notice.model_unavailable") in answer.text
    silent.close()


def test_too_much_memory_ends_the_process_not_the_turn() -> None:
    hungry = EngineProcess(
        {"kind": "model", "spec": "replies:nothing", "options": {}},
        replace(QUICK, engine_memory_mb=8),
    )
    told = hungry.start()
    assert isinstance(told, Unavailable)
    assert told.code in ("start", "crash")
    hungry.close()


def test_a_spec_that_names_nothing_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names no model engine"):
        Assistant("en", model="gguf:model.gguf")
    with pytest.raises(EngineError, match=r"config\.json is missing"):
        Assistant("en", model=f"hf:{tmp_path}")
    with pytest.raises(ConfigError, match="translation engine"):
        Assistant("sw", translator="nllb:600M")


def test_a_translator_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    with Memory(tmp_path / "pairs.sqlite") as memory:
        memory.add("Mtoto ana homa.", "The child has a fever.", "sw", "en")
    engine = TranslatorProcess(f"memory:{tmp_path / 'pairs.sqlite'}", QUICK)
    assert engine.pairs() == {("sw", "en")}
    assert [answer.text for answer in engine.translate(["Mtoto ana homa."], "sw", "en")] == ["The child has a fever."]
    assert engine.translate(["Habari"], "sw", "en")[0].error
    engine.close()
    missing = TranslatorProcess(f"memory:{tmp_path / 'none.sqlite'}", QUICK)
    assert "none.sqlite" in str(missing.translate(["Habari"], "sw", "en")[0].error)
    assert missing.pairs() == frozenset()
    missing.close()


def test_a_real_model_writes_the_same_from_its_process_as_in_this_one(shared: Path) -> None:
    pytest.importorskip("torch")
    folder = shared / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip("stories260k is not at hand")
    from afya.models import load_model

    prompt, sampling = Prompt((Message("user", "Once upon a time"),)), Sampling(max_tokens=12)
    apart = ModelProcess(f"hf:{folder}", limits())
    here = load_model(f"hf:{folder}").generate([prompt], sampling)[0]
    there = apart.generate([prompt], sampling)[0]
    assert (there.text, there.finish_reason) == (here.text, here.finish_reason)
    assert there.text
    assert apart.identity.name == "stories260k"
    apart.close()

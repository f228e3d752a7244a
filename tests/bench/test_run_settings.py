"""One run in several settings, over several tasks and models: what each model is asked, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from scripted_server import Server, Step, chat
from test_run import make_item, write
from tiny_models import make_model

from afya.bench.running.plan import Request, plan
from afya.bench.running.run import bench_run
from afya.bench.settings import Setting, parse_setting
from afya.errors import ConfigError


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    tests = [make_item(number, lang) for lang in ("en", "sw") for number in range(12)]
    shots = [make_item(number, lang, split="dev") for lang in ("en", "sw") for number in range(20, 26)]
    return write(tmp_path / "quiz", [*tests, *shots])


def test_names_and_settings_are_one_to_one() -> None:
    for name in ("letter", "cloze+5-shot", "generate+2-shot+cot+english", "generate+translated"):
        assert parse_setting(name).name == name
    assert parse_setting("generate+cot+3-shot") == Setting("generate", shots=3, cot=True)
    for wrong, said in (("letter+0-shot", "not known"), ("letter+cot", "must write"), ("cloze+x", "'x' is not known")):
        with pytest.raises(ConfigError, match=said):
            parse_setting(wrong)


def test_several_settings_in_one_run(tmp_path: Path, quiz: Path) -> None:
    model = make_model(tmp_path / "model", context=900, chat=True)
    names = ["letter", "cloze", "letter+2-shot", "letter+english"]
    done = bench_run(f"hf:{model}", [quiz], tmp_path / "run", settings=names, part_rows=10)
    assert done.rows == 4 * 24
    assert [setting for _, setting in done.models] == names
    scores = pl.read_parquet(done.scores)
    assert scores.group_by("setting", maintain_order=True).len().rows() == [(name, 24) for name in names]
    shown = json.loads((tmp_path / "run" / "manifest.json").read_text())["first_prompts"]
    assert [entry["setting"] for entry in shown] == names
    assert all(entry["tokens"] == len(entry["token_ids"]) > 10 for entry in shown)
    assert shown[2]["text"].count("<|start|>assistant") == 3  # two examples, then the model's own turn


def test_orders_of_options_are_asked_and_mapped_back(tmp_path: Path, quiz: Path) -> None:
    model = make_model(tmp_path / "model", context=400)
    done = bench_run(f"hf:{model}", [quiz], tmp_path / "run", rotations=4)
    scores = pl.read_parquet(done.scores)
    assert scores.group_by("rotation").len().sort("rotation").rows() == [(place, 24) for place in range(4)]
    items = pl.read_parquet(tmp_path / "run" / "items.parquet").select("item_id", right="answer")
    joined = scores.join(items, on="item_id")
    assert joined["answer"].to_list() == joined["right"].to_list()
    again = (joined["chosen"].list.first() == joined["right"].list.first()) == (joined["outcome"] == "correct")
    assert again.all()
    once = bench_run(f"hf:{model}", [quiz], tmp_path / "once")
    plain = pl.read_parquet(once.scores).sort("item_id")
    turned = scores.filter(pl.col("rotation") == 0).sort("item_id")
    assert plain["chosen"].to_list() == turned["chosen"].to_list()


def test_each_model_may_have_an_address_of_its_own(tmp_path: Path, serve: Callable[..., Server], quiz: Path) -> None:
    one, two = serve(Step(body=chat("A"))), serve(Step(body=chat("B")))
    options = {"one.base_url": f"{one.url}/v1", "two.base_url": f"{two.url}/v1", "two.body": {"top_k": 1}}
    bench_run(["one=openai:m", "two=openai:m"], [quiz], tmp_path / "run", settings="generate", options=options)
    assert (len(one.asked), len(two.asked)) == (24, 24)
    assert two.asked[0]["top_k"] == 1
    assert "top_k" not in one.asked[0]
    with pytest.raises(ConfigError, match=r"three\.base_url"):
        plan(Request.of("one=openai:m", [quiz], options={"three.base_url": "http://x"}))


def test_a_model_is_asked_in_the_setting_it_can_be_asked_in(
    tmp_path: Path, serve: Callable[..., Server], quiz: Path
) -> None:
    server = serve(Step(body=chat("B")))
    asking = {"settings": ["letter", "cloze", "generate+cot"], "options": {"base_url": f"{server.url}/v1"}}
    done = bench_run("openai:m", [quiz], tmp_path / "run", **asking)  # type: ignore[arg-type]
    assert [setting for _, setting in done.models] == ["generate", "generate+cot"]
    assert "letter is asked as generate, cloze is asked as generate" in done.notes[0]
    assert [asked["max_tokens"] for asked in server.asked].count(1024) == 24

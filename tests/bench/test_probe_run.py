"""Probing models: one that learned the items by heart is told from one that did not; engines without probabilities."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scripted_server import Server, Step, chat
from test_run import make_item, write
from tiny_models import make_model
from typer.testing import CliRunner

from afya.bench.probing.probe_items import TokenScoring, order_texts, question_text
from afya.bench.probing.probe_run import Probed, probe_run, summarise
from afya.errors import ConfigError
from afya.items import Item
from afya.models.hf import HfModel

Serve = Callable[..., Server]
ITEMS = 10
WORDS = ("child", "fever", "cough", "water", "salt", "sugar", "breath", "blood", "tablet", "night", "skin", "sleep")

scoring = pytest.mark.skipif(
    not hasattr(HfModel, "text_logprobs"), reason="the engine gives no token log-probabilities"
)


def case(number: int, lang: str, source: str) -> Item:
    """An item of random words: nothing but having seen it can make it likely."""
    drawn = random.Random(f"{source}{number}{lang}")
    words = [drawn.choice(WORDS) for _ in range(12)]
    made = make_item(number, lang, source=source, question=" ".join(words))
    return replace(
        made,
        item_id=f"{source}:{number}:{lang}",
        group_id=f"{source}:{number}",
        options=tuple(drawn.sample(WORDS, 4)),
        answer=(0,),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("data")
    return {
        source: write(place / source, [case(number, lang, source) for lang in ("en", "sw") for number in range(ITEMS)])
        for source in ("known", "fresh")
    }


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small are slower on several threads, and far slower on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A random model, and the same after it was shown the known items in English until it had them by heart."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = tmp_path_factory.mktemp("models")
    blank = make_model(place / "blank", "llama", context=512)
    tokenizer: Any = AutoTokenizer.from_pretrained(blank)
    model: Any = AutoModelForCausalLM.from_pretrained(blank, dtype=torch.float32)
    texts = [order_texts(case(number, "en", "known"), 2, 0)[0] for number in range(ITEMS)]
    rows = tokenizer(texts, padding=True, return_tensors="pt")
    labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(50):
        loss = model(**rows, labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert loss.item() < 1.5
    model.save_pretrained(place / "seen")
    tokenizer.save_pretrained(place / "seen")
    return {name: f"{name}=hf:{place / name}" for name in ("blank", "seen")}


def table(rows: tuple[Probed, ...]) -> dict[tuple[str, str, str], Probed]:
    return {(row.model, row.lang, row.probe): row for row in rows}


@scoring
def test_a_model_that_has_the_items_by_heart_is_told_from_one_that_has_not(
    tmp_path: Path, data: dict[str, Path], models: dict[str, str]
) -> None:
    done = probe_run(
        list(models.values()), [data["known"]], tmp_path / "run", langs=["en"], fresh=[data["fresh"]],
        options={"device": "cpu"}, max_tokens=4,
    )  # fmt: skip
    found = table(done.rows)
    for probe in ("min_k", "published_first"):
        row = found["seen", "en", probe]
        assert row.reading.startswith("a sign of having been seen: more than"), row
        assert row.p is not None
        assert row.p < 0.05
        assert not found["blank", "en", probe].reading.startswith("a sign")
    assert found["seen", "en", "published_first"].compared == pytest.approx(0.25)
    assert found["seen", "en", "min_k"].n_compared == ITEMS
    assert found["seen", "en", "min_k"].against == "fresh items"
    frame = pl.read_parquet(tmp_path / "run" / "probes.parquet")
    assert frame.height == 2 * 2 * ITEMS
    assert frame.filter(pl.col("role") == "fresh").height == 2 * ITEMS
    assert pl.read_csv(tmp_path / "run" / "probes.csv").height == len(done.rows)
    assert done.ledger.rows_out["select:fresh"] == ITEMS


@scoring
def test_stories260k_has_seen_no_medical_item(tmp_path: Path, shared: Path, data: dict[str, Path]) -> None:
    folder = shared / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    done = probe_run(
        [f"hf:{folder}"], [data["known"]], tmp_path / "run", limit=4, langs=["en"], fresh=[data["fresh"]],
        options={"device": "cpu"}, max_tokens=4,
    )  # fmt: skip
    assert not [row for row in done.rows if row.reading.startswith("a sign")]
    assert all(row.n for row in done.rows)


def remembering(*items: Item) -> Callable[[dict[str, Any]], Step]:
    """Continues the items it knows word for word, and talks of something else otherwise."""

    def answer(asked: dict[str, Any]) -> Step:
        begun = asked["messages"][-1]["content"].rpartition("\n\n")[2]
        known = next((question_text(item) for item in items if question_text(item).startswith(begun)), None)
        return Step(body=chat(known[len(begun) :] if known else "Once upon a time there was nothing at all."))

    return answer


def test_an_engine_without_probabilities_is_probed_by_its_words_alone(
    tmp_path: Path, serve: Serve, data: dict[str, Path]
) -> None:
    server = serve(remembering(*(case(number, "en", "known") for number in range(ITEMS))))
    told = {"base_url": f"{server.url}/v1", "tries": 1}
    ways: dict[str, Any] = {"fresh": [data["fresh"]], "options": told, "part_rows": 5}
    done = probe_run(["one=openai:x"], [data["known"]], tmp_path / "run", **ways)
    found = table(done.rows)
    english, swahili = found["one", "en", "overlap"], found["one", "sw", "overlap"]
    assert (english.mean, english.difference) == (1.0, 1.0)
    assert english.reading == "a sign of having been seen: more than fresh items"
    assert found["one", "all", "overlap"].reading == "all languages together; see each"
    assert swahili.mean == 0.0
    assert found["one", "en", "min_k"].reading == "this engine gives no token log-probabilities"
    assert found["one", "en", "published_first"].n == 0
    assert any("only the overlap could be made" in note for note in done.notes)
    asked = len(server.asked)
    assert asked == 4 * ITEMS
    again = probe_run(["one=openai:x"], [data["known"]], tmp_path / "run", **ways)
    assert again.rows == done.rows
    assert len(server.asked) == asked


def test_a_probe_run_that_was_stopped_gives_the_same_bytes(tmp_path: Path, serve: Serve, data: dict[str, Path]) -> None:
    server = serve(remembering(*(case(number, "en", "known") for number in range(ITEMS))))
    ways: dict[str, Any] = {"options": {"base_url": f"{server.url}/v1"}, "part_rows": 5}
    probe_run(["one=openai:x"], [data["known"]], tmp_path / "whole", **ways)

    class Killed(BaseException):
        pass

    def kill(_: str, done: int, total: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        probe_run(["one=openai:x"], [data["known"]], tmp_path / "run", on_progress=kill, **ways)
    probe_run(["one=openai:x"], [data["known"]], tmp_path / "run", **ways)
    for name in ("probes.parquet", "probes.csv", "ledger.parquet", "manifest.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert len(server.asked) == 2 * 2 * ITEMS


def test_orders_keep_letters_in_place_and_need_options_that_differ() -> None:
    item = make_item(1, "sw")
    first, *others = order_texts(item, 4, 0)
    assert len(others) == 3
    assert first.splitlines()[1].startswith("A")
    for text in others:
        assert sorted(line[3:] for line in text.splitlines()) == sorted(line[3:] for line in first.splitlines())
        assert [line[:2] for line in text.splitlines()] == [line[:2] for line in first.splitlines()]
    assert order_texts(replace(item, options=("same", "same")), 4, 0) == []
    assert order_texts(replace(item, task="nli"), 4, 0) == []


def test_without_fresh_items_nothing_is_claimed() -> None:
    rows = pl.DataFrame(
        {
            "model": ["m"] * 4,
            "role": ["benchmark"] * 4,
            "task": ["mcq"] * 4,
            "lang": ["yo"] * 4,
            "group_id": ["a", "b", "c", "d"],
            "overlap": [1.0, 1.0, 0.9, 1.0],
            "min_k": [None] * 4,
            "published_first": [None] * 4,
            "chance": [None] * 4,
            "tokens": [None] * 4,
        },
        schema_overrides=dict.fromkeys(("min_k", "published_first", "chance"), pl.Float64),
    )
    found = table(tuple(summarise(rows)))
    assert found["m", "yo", "overlap"].reading.startswith("says nothing by itself")


def test_fresh_items_in_other_languages_are_refused(tmp_path: Path, data: dict[str, Path]) -> None:
    other = write(tmp_path / "other", [case(number, "fr", "other") for number in range(3)])
    with pytest.raises(ConfigError, match="The fresh items are in fr, the others in en, sw"):
        probe_run(["openai:x"], [data["known"]], tmp_path / "run", fresh=[other])
    with pytest.raises(ConfigError, match="above 0 and up to 1, not 20"):
        probe_run(["openai:x"], [data["known"]], tmp_path / "run", k=20)


def test_the_command_says_what_a_sign_is_worth(tmp_path: Path, serve: Serve, data: dict[str, Path]) -> None:
    from typer import Typer

    from afya.cli.bench_probe import probe

    app = Typer()
    app.command()(probe)
    server = serve(remembering(*(case(number, "en", "known") for number in range(ITEMS))))
    command = ["--model", "one=openai:x", "--base-url", f"{server.url}/v1", "--data", str(data["known"])]
    command += ["--fresh", str(data["fresh"]), "--out", str(tmp_path / "run")]
    told = CliRunner(env={"COLUMNS": "240"}).invoke(app, command)
    assert told.exit_code == 0, told.output
    assert "A sign is no proof" in told.output
    assert f"fresh items: 0.000, n={ITEMS}" in told.output
    assert not isinstance(object(), TokenScoring)

"""What a person sees while a model trains, and that speed and utilisation are what they say."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from test_runs_and_kills import RECIPE
from tiny_models import make_model

from afya.training import load_recipe, train
from afya.training.examples.build import Example
from afya.training.loop import utilisation
from afya.training.loop.log import SpeedTable
from afya.training.loop.progress import ConsoleWatcher, Trend, Watcher, is_main, span
from afya.training.loop.utilisation import Pace, Speed, device_peak, gpu_peak, work_of
from afya.training.packs.plan import DataPlan, PackCollator
from afya.training.recipe import Length, StageRecipe

STAGE = StageRecipe.model_validate(
    {"name": "stage1", "data": [{"source": "sample"}], "length": Length(steps=4), "learning_rate": 0.01}
)


def example(name: str, lang: str, length: int, learned: int) -> Example:
    tokens = np.arange(4, 4 + length, dtype=np.int32)
    return Example(name, lang, tokens, np.arange(length) >= length - learned)


def plan(*packs: tuple[int, ...]) -> DataPlan:
    examples = (example("a", "en", 30, 10), example("b", "sw", 20, 5), example("c", "sw", 50, 20))
    return DataPlan(
        examples, packs or ((0, 1), (2,)) * 2, ("en", "sw"), {"en": 0.3, "sw": 0.7}, {"en": 30, "sw": 70}, 64, 1
    )


def shown(*, terminal: bool, width: int = 150) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, color_system="standard" if terminal else None
    )


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def watched(console: Console, rows: list[Mapping[str, float]]) -> str:
    with ConsoleWatcher(console) as watcher:
        watcher.stage_starts(STAGE, plan(), 3, 0)
        for step, langs in enumerate(rows, 1):
            if step > 1:
                watcher.speed(Speed(1234.5, 0.4321, 3 * 2**30))
            watcher.step(step, 2.0, 50 * step, langs)
        watcher.stage_ends(STAGE, {"en": 60, "sw": 140}, 75.4)
    return output(console)


def test_a_terminal_shows_steps_speed_utilisation_memory_and_the_languages_losses() -> None:
    rows = [{"en": 3.0, "sw": 3.0}, {"en": 2.0, "sw": 3.5}, {"en": 1.5, "sw": 3.9}]
    told = watched(shown(terminal=True, width=80), [dict(row) for row in rows])
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)
    for part in ("3/4", "1,234 tokens/s", "43% of the peak", "memory 3.0 GiB", "loss 2.000", "left"):
        assert part in plain, part
    assert "en 1.50↓" in plain
    assert "sw 3.90↑" in plain
    assert "\x1b[32m1.50↓" in told, "falling is green"
    assert "\x1b[31m3.90↑" in told, "rising is red"


def test_elsewhere_there_is_a_plain_line_each_half_minute_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    told = watched(shown(terminal=False, width=40), [{"en": 2.5, "sw": 3.5}] * 4)
    lines = [line for line in told.splitlines() if "step" in line and "loss" in line]
    assert len(lines) == 2
    assert (
        lines[-1]
        == "stage1: step 4/4 (100%)  loss 2.000  1,234 tokens/s  43% of the peak  memory 3.0 GiB  en 2.50 sw 3.50"
    )
    assert "1 min" in lines[0] or "s left" in lines[0]
    assert "\x1b" not in told


def test_after_a_stage_the_tokens_of_each_language_are_a_table() -> None:
    told = watched(shown(terminal=False), [{"en": 2.5, "sw": 3.5}])
    assert "tokens seen" in told
    assert re.search(r"sw\W+140\W+70\.0%\W+70\.0%\W+3\.500", told)
    assert "done in 1 min 15 s" in told


def test_only_the_first_of_many_processes_talks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert not is_main()
    with ConsoleWatcher() as watcher:
        watcher.stage_starts(STAGE, plan(), 0, 0)
        watcher.message("said")
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("RANK")
    assert is_main()


def test_a_level_loss_is_called_level_and_lengths_of_time_are_readable() -> None:
    trend = Trend()
    for loss in (2.0, 2.0, 2.001):
        trend.row({"yo": loss})
    assert trend.signs == {"yo": 0}
    assert [span(seconds) for seconds in (42.3, 75, 7384)] == ["42 s", "1 min 15 s", "2 h 3 min"]


def test_the_counted_operations_are_those_that_torch_counts(tmp_path: Path) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(make_model(tmp_path / "model", "qwen3"))
    made = plan((0,), (1,), (2,))
    work = work_of(model, made)
    counted: dict[Any, int] = {}
    for number in range(3):
        batch = PackCollator(made.langs)([[made.examples[number]]])
        counter = FlopCounterMode(display=False)
        with counter:
            logits = model(batch["input_ids"], logits_to_keep=batch["kept"], use_cache=False).logits[0]
            torch.autograd.backward(torch.nn.functional.cross_entropy(logits, batch["labels"]))
        for name, count in counter.get_flop_counts()["Global"].items():
            counted[name] = counted.get(name, 0) + count
    products = sum(count for name, count in counted.items() if "attention" not in str(name) and "bmm" not in str(name))
    assert work.layers + work.output == pytest.approx(products / 100, rel=0.01)
    # Attended are the pairs of a token with itself and those before it in its document; torch counts the whole square.
    pairs = sum(length * (length + 1) / 2 for length in (30, 20, 50))
    assert work.attention == pytest.approx(2 * 12 * 4 * 8 * pairs / 100)


def test_frozen_weights_cost_four_operations_and_windows_shorten_attention(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(make_model(tmp_path / "model", "mistral"))
    made = plan()
    full = work_of(model, made)
    adapted: Any = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    small = work_of(adapted, made)
    learned = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert small.layers == pytest.approx(full.layers * 4 / 6 + 6 * learned)
    assert small.output == pytest.approx(full.output * 4 / 6)
    # The window is 16 tokens.
    pairs = sum(16 * 17 / 2 + (length - 16) * 16 for length in (30, 20, 50))
    assert small.attention == full.attention == pytest.approx(2 * 12 * 4 * 8 * pairs / 100)


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H200", 989.4),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125),
        ("NVIDIA A10G", 70),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("Tesla T4", None),
    ],
)
def test_a_gpus_peak_is_found_by_its_name(name: str, teraflops: float | None) -> None:
    peak = gpu_peak(name)
    assert peak == (None if teraflops is None else teraflops * 1e12)


def test_a_processors_peak_is_measured_once_and_touches_no_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(utilisation, "_SIDE", 128)
    monkeypatch.setattr(utilisation, "_MEASURED", 0.02)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    utilisation._processor_peak.cache_clear()
    before = torch.get_rng_state()
    peak = device_peak("fp32")
    assert peak is not None
    assert 1e7 < peak < 1e14
    assert device_peak("fp32") == peak
    assert torch.equal(before, torch.get_rng_state())
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert device_peak("fp32") == 4 * peak
    utilisation._processor_peak.cache_clear()


def test_the_pace_is_that_of_the_last_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    pace = Pace(flops_per_token=100.0, peak=1_000.0)
    assert pace.step(50) is None, "the first step warms up"
    for second in range(1, 101):
        now = float(second)
        # Two tokens a second at first, five later.
        speed = pace.step(50 + 2 * min(second, 50) + 5 * max(second - 50, 0))
    assert speed is not None
    assert speed.tokens_per_second == pytest.approx(5.0)
    assert speed.utilisation == pytest.approx(0.5)
    assert speed.memory > 0


def test_a_run_writes_its_speed_beside_the_table_and_into_the_events(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")

    class Told(Watcher):
        def __init__(self) -> None:
            self.speeds: list[Speed] = []

        def speed(self, speed: Speed) -> None:
            self.speeds.append(speed)

    watcher = Told()
    train(load_recipe(path, ["stages.stage2.length.steps=3"]), tmp_path / "run", watcher)
    assert len(watcher.speeds) == 5 + 2
    speeds = SpeedTable(tmp_path / "run" / "logs" / "speed.csv").rows("stage1")
    assert list(speeds) == [2, 3, 4, 5, 6]
    assert all(one.tokens_per_second > 0 and one.utilisation and 0 < one.utilisation < 1.5 for one in speeds.values())
    lines = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if line["event"] == "step"]
    assert all(line["tokens_per_second"] > 0 and line["memory"] > 2**20 for line in steps)
    assert "tokens_per_second" not in (tmp_path / "run" / "training.csv").read_text(encoding="utf-8")

"""What a run will take: shapes, counts, memory of a dry step, hours, and what to change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import make_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from afya.cli.main import app
from afya.errors import ConfigError
from afya.training.planning.advice import changes
from afya.training.planning.devices import assumptions, device, gpus
from afya.training.planning.dry_run import (
    ACTIVATIONS,
    BACKWARD,
    FORWARD,
    GRADIENTS,
    OPTIMISER,
    WEIGHTS,
    Batch,
    dry_step,
)
from afya.training.planning.memory import GIB, plan_memory, weights_of
from afya.training.planning.plan import check_fits, plan_run
from afya.training.planning.planner import Planner, changed
from afya.training.planning.shapes import known_shape, model_config, shapes
from afya.training.planning.skeleton import count, skeleton
from afya.training.recipe import Recipe
from afya.training.weights.lora import add_lora


def recipe(path: str = "Qwen/Qwen3-1.7B", **keys: Any) -> Recipe:
    """A recipe of one stage, `keys` over it; keys of the stage under `stage`."""
    stage = {
        "name": "stage1",
        "data": [{"source": "sample"}],
        "length": {"steps": 4},
        "learning_rate": 1e-4,
        "pack_tokens": 256,
        "packs_per_step": 2,
        **keys.pop("stage", {}),
    }
    return Recipe.model_validate(
        {"name": "planned", "model": {"path": path}, "langs": "en,sw", "stages": [stage], **keys}
    )


TRANSLATION = ("m2m_100", "seamless_m4t_v2")


@pytest.mark.parametrize("row", [row for row in shapes() if row.type not in TRANSLATION], ids=lambda row: row.names[0])
def test_counts_are_the_published_ones(row: Any) -> None:
    config = model_config(row.names[0])
    counted = count(skeleton(config, recipe()), config, recipe())
    assert counted.published / 1e9 == pytest.approx(row.published.all, rel=0.01)
    if row.published.without_embeddings is not None:
        assert (counted.all - counted.embeddings) / 1e9 == pytest.approx(row.published.without_embeddings, rel=0.01)


def test_a_shape_is_found_by_name_and_an_unknown_one_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert known_shape("meta-llama/llama-3.1-8b-instruct") is known_shape("meta-llama/Llama-3.1-8B")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"not known here.*could not be fetched"):
        model_config("nobody/has-this-model")
    assert model_config(str(make_model(tmp_path / "tiny", "gemma3"))).model_type == "gemma3_text"


@pytest.mark.parametrize("targets", [(), ("q_proj", "v_proj")])
def test_adapters_are_counted_as_peft_makes_them(tmp_path: Path, targets: tuple[str, ...]) -> None:
    folder = make_model(tmp_path / "tiny", "qwen3")
    wanted = recipe(str(folder), method="lora", lora={"rank": 4, "targets": targets})
    config = model_config(str(folder))
    counted = count(skeleton(config, wanted), config, wanted)
    real = add_lora(AutoModelForCausalLM.from_pretrained(folder), wanted)
    assert (counted.trained, counted.trained + counted.all) == real.get_nb_trainable_parameters()
    assert counted.adapters == counted.trained


def dry(wanted: Recipe, lengths: tuple[int, ...] = (64,) * 8, learned: int = 200) -> Any:
    made = skeleton(model_config(str(wanted.model.path)), wanted)
    return dry_step(made, wanted, wanted.stages[0], Batch(lengths, learned)), made


def test_a_dry_step_holds_what_a_step_holds(tmp_path: Path) -> None:
    folder = str(make_model(tmp_path / "tiny", "llama"))
    step, made = dry(recipe(folder))
    size = 4 * sum(weight.numel() for weight in made.parameters())
    update = step.parts["update"]
    assert update[WEIGHTS] == pytest.approx(size, rel=0.01)
    assert update[GRADIENTS] == size
    # Two moments in fp32, and one number of steps a weight.
    assert update[OPTIMISER] == pytest.approx(2 * size, rel=0.01)
    assert step.parts[FORWARD][GRADIENTS] == 0
    assert all(weight.is_meta for weight in made.parameters())
    added, _ = dry(recipe(folder, stage={"accumulate": 2}))
    assert added.parts[FORWARD][GRADIENTS] == size


def test_activations_grow_with_tokens_and_shrink_when_computed_again(tmp_path: Path) -> None:
    folder = str(make_model(tmp_path / "tiny", "qwen3"))
    kept = dry(recipe(folder))[0].parts[FORWARD][ACTIVATIONS]
    twice = dry(recipe(folder), (64,) * 16)[0].parts[FORWARD][ACTIVATIONS]
    again = dry(recipe(folder, gradient_checkpointing=True))[0].parts[FORWARD][ACTIVATIONS]
    assert 1.9 < twice / kept < 2.1
    assert again < kept / 2


@pytest.mark.parametrize("kind", ["llama", "qwen3", "mistral", "gemma3"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_every_family_can_be_tried(tmp_path: Path, kind: str, method: str) -> None:
    step, _ = dry(recipe(str(make_model(tmp_path / "tiny", kind)), method=method, precision="bf16"))
    assert step.parts[BACKWARD][ACTIVATIONS] > 0


def test_the_work_of_a_token_is_what_the_model_does(tmp_path: Path) -> None:
    """Six operations a parameter, against those that torch counts while a model runs."""
    from afya.training.loop.utilisation import work_of
    from afya.training.planning.material import material_of

    folder = make_model(tmp_path / "tiny", "qwen3")
    wanted = recipe(str(folder), stage={"pack_tokens": 64, "packs_per_step": 1})
    material = material_of(wanted, wanted.stages[0], None, 256)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    with FlopCounterMode(display=False) as counter:
        model(input_ids=torch.zeros(1, 64, dtype=torch.long)).logits.sum().backward()
    work: Any = work_of(model, material.plan)
    learned = 1.0 / material.learned
    # Eager attention computes every pair of tokens, twice those that are attended.
    assert work.layers + work.output * learned + 2 * work.attention == pytest.approx(
        counter.get_total_flops() / 64, rel=0.05
    )


def test_spread_over_devices_each_holds_its_part() -> None:
    wanted = recipe(precision="bf16", gradient_checkpointing=True)
    config = model_config("Qwen/Qwen3-1.7B")
    made = skeleton(config, wanted)
    # Three layers of the shape stand for all: what is divided does not depend on their number.
    step = dry_step(made, wanted, wanted.stages[0], Batch((256, 256), 256))
    on, weights = device("A100-80", "bf16"), weights_of(made, wanted)
    alone, spread = (plan_memory(step, weights, wanted, on, processes) for processes in (1, 4))
    parts = {part.name: part.bytes for part in alone.parts}
    fourth = {part.name: part.bytes for part in spread.parts}
    for name in ("weights that learn", "optimiser state"):
        assert fourth[name] == pytest.approx(parts[name] / 4, rel=0.001)
    assert fourth["activations"] == parts["activations"]
    assert fourth["weights gathered"] > 4 * 311_164_928
    # 16 bytes a parameter: weights, gradients and two moments, all fp32.
    sharded = sum(parts[name] for name in ("weights that learn", "optimiser state"))
    assert sharded == pytest.approx(12 * 1_720_574_976, rel=0.01)


def test_qlora_of_eight_billion_fits_into_24_gb() -> None:
    wanted = recipe(
        "Qwen/Qwen3-8B",
        method="qlora",
        precision="bf16",
        gradient_checkpointing=True,
        stage={"pack_tokens": 2_048, "packs_per_step": 1, "length": {"tokens": 1_000_000}},
    )
    plan = plan_run(wanted, gpu="RTX 4090")
    assert plan.fits
    assert plan.needed < 20 * GIB
    assert {part.name for part in plan.stages[0].memory.parts} >= {
        "weights in four bits",
        "a four-bit matrix made whole",
    }
    assert plan.parameters.quantised == 6_945_767_424
    assert plan.hours is not None
    assert plan.cost == pytest.approx(plan.hours * 0.69)


def test_what_does_not_fit_is_changed_until_it_does(tmp_path: Path) -> None:
    wanted = recipe(str(make_model(tmp_path / "tiny", "llama")), precision="bf16", stage={"packs_per_step": 4})
    planner = Planner(wanted, device("RTX3090", "bf16"))
    whole = planner.plan(wanted, 1)
    constant = sum(part.bytes for part in whole.stages[0].memory.parts if part.name == "CUDA context")
    planner.on = replace(planner.on, memory=constant + (whole.needed - constant) * 9 // 10)
    found = list(changes(planner, wanted, 1))
    assert found[0].plan.fits
    assert not any("method" in option for option in found[0].options)
    settings = [option.removeprefix("--set ") for option in found[0].options]
    assert settings
    again = Planner(changed(wanted, settings), planner.on)
    assert again.plan(changed(wanted, settings), 1).needed == found[0].plan.needed


def test_what_cannot_fit_is_known_without_a_step() -> None:
    wanted = recipe(precision="bf16")
    planner = Planner(wanted, device("RTX3090", "bf16"))
    assert not planner.could_fit(wanted, 1)
    assert planner.could_fit(changed(wanted, ["method=lora"]), 1)
    assert planner.could_fit(wanted, 2)


def test_steps_and_tokens_are_counted_where_data_and_tokenizer_are_here() -> None:
    shape = {"vocabulary": 600, "hidden": 32, "layers": 1, "heads": 2, "feed_forward": 64, "context": 1_024}
    wanted = recipe(model={"pocket": shape}, stage={"length": {"epochs": 2}, "pack_tokens": 1_024})
    stage = plan_run(wanted, gpu="cpu").stages[0]
    assert stage.exact
    assert stage.steps is not None
    assert stage.tokens is not None
    assert "counted" in stage.told
    estimated = plan_run(recipe(stage={"length": {"epochs": 2}}), gpu="H100", advise=False).stages[0]
    assert not estimated.exact
    assert "characters per token" in estimated.told
    away = recipe(stage={"data": [{"source": "dataset", "path": "/nowhere"}], "length": {"epochs": 1}})
    unknown = plan_run(away, gpu="H100", advise=False).stages[0]
    assert (unknown.tokens, unknown.hours) == (None, None)
    assert "/nowhere" in unknown.told


def test_every_gpu_has_its_peak_and_a_wrong_name_is_told() -> None:
    peaks = {gpu.name: device(gpu.name, "bf16").peak for gpu in gpus()}
    assert peaks["A100-40"] == peaks["A100-80"] == 312e12
    assert peaks["L40S-48"] == 362e12
    assert [name for name, peak in peaks.items() if peak is None] == ["T4-16"]
    assert device("L4", "bf16").name == "L4-24"
    with pytest.raises(ConfigError, match=r"may be several.*A100-40, A100-80"):
        device("a100", "bf16")
    with pytest.raises(ConfigError, match="no GPU 'V100' to plan for"):
        device("V100", "bf16")


def test_a_run_that_clearly_does_not_fit_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    config, wanted = model_config("Qwen/Qwen3-1.7B"), recipe(precision="bf16", gradient_checkpointing=True)
    monkeypatch.setattr("afya.training.planning.devices._machine_memory", lambda: 16 * GIB)
    with pytest.raises(ConfigError, match=r"'stage1' will take about .* has 16.0 GiB.*afya train plan"):
        check_fits(wanted, config, wanted.stages[0])
    monkeypatch.setattr("afya.training.planning.devices._machine_memory", lambda: 25 * GIB)
    told = check_fits(wanted, config, wanted.stages[0])
    assert told is not None
    assert "afya train plan" in told
    monkeypatch.setattr("afya.training.planning.devices._machine_memory", lambda: 400 * GIB)
    assert check_fits(wanted, config, wanted.stages[0]) is None


def test_the_command_shows_tables_and_json(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny", "llama", chat=True, context=1_024)
    file = tmp_path / "small.yaml"
    file.write_text(
        json.dumps(recipe(str(folder), stage={"pack_tokens": 1_024}).model_dump(mode="json")), encoding="utf-8"
    )
    shown = CliRunner().invoke(app, ["train", "plan", str(file), "--gpu", "cpu"])
    assert shown.exit_code == 0, shown.output
    for word in ("learns", "Memory of each process", "optimiser state", "A million tokens take", "It fits"):
        assert word in shown.output
    told = CliRunner().invoke(app, ["train", "plan", str(file), "--gpu", "H100", "--price", "2", "--json"])
    plan = json.loads(told.stdout)
    assert plan["fits"] is True
    assert plan["price"] == 2
    assert sum(part["bytes"] for part in plan["stages"][0]["memory"]["parts"]) == plan["needed"]


def test_every_method_and_form_has_its_assumption() -> None:
    from typing import get_args

    from afya.training.recipe import Form, Method

    assert set(assumptions().utilisation) == set(get_args(Method))
    assert set(assumptions().learned) == set(get_args(Form))

"""What a stage starts from: which weights learn, how they are held, and that the next stage finds them as they were."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_adapters import make_adapters, make_gemma_that_sees
from tiny_models import make_model

from afya.errors import ConfigError, EngineError
from afya.runs import read_json
from afya.training.exporting import FORMATS, export
from afya.training.recipe import Recipe
from afya.training.weights.folders import count_parameters, load_for_training, save

IDS = torch.tensor([[5, 300, 17, 42, 256, 9, 301, 12]])
EVERY = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]

needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes (extra qlora)"
)


def recipe(method: str, **changed: object) -> Recipe:
    stage = {"name": "stage1", "data": [{"source": "sample"}], "length": {"steps": 1}, "learning_rate": 0.01}
    told = {"name": "tiny", "seed": 3, "model": {"path": "x"}, "lora": {"rank": 4}, "stages": [stage]}
    return Recipe.model_validate({**told, "method": method, **changed})


def start(folder: Path, method: str, **changed: object) -> Any:
    return both(folder, recipe(method, **changed))[0]


def both(folder: Path, settings: Recipe) -> tuple[Any, Any]:
    """The model to train and its tokenizer."""
    return load_for_training(str(folder), settings)


def held(model: Any) -> Counter[tuple[torch.dtype, bool]]:
    """How many weights are held in which precision, and do they learn."""
    return Counter((weight.dtype, weight.requires_grad) for weight in model.parameters())


def loss(model: Any, bf16: bool = False) -> Any:
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        return model(input_ids=IDS, labels=IDS, use_cache=False).loss


def learn(model: Any) -> None:
    """Give the matrices weights that matter."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.normal_(0, 0.1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("weights") / "base", "qwen3", chat=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_with_full_every_weight_learns_in_fp32(base: Path, precision: str) -> None:
    model = start(base, "full", precision=precision)
    assert set(held(model)) == {(torch.float32, True)}
    whole, learning = count_parameters(model)
    assert whole == learning == sum(weight.numel() for weight in model.parameters())


def test_with_lora_only_the_matrices_learn_and_frozen_weights_have_no_fp32_copy(base: Path) -> None:
    model = start(base, "lora", precision="bf16")
    assert set(held(model)) == {(torch.bfloat16, False), (torch.float32, True)}
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learning == {name for name, _ in model.named_parameters() if ".lora_" in name}
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in learning} == set(EVERY)
    assert set(held(start(base, "lora"))) == {(torch.float32, False), (torch.float32, True)}
    loss(model, bf16=True).backward()
    assert all((weight.grad is not None) == weight.requires_grad for weight in model.parameters())


def test_new_matrices_change_nothing_and_are_drawn_by_the_recipes_seed(base: Path) -> None:
    model = start(base, "lora")
    torch.testing.assert_close(loss(model), loss(start(base, "full")))
    drawn = model.state_dict()
    torch.manual_seed(99)
    same, other = start(base, "lora").state_dict(), start(base, "lora", seed=4).state_dict()
    assert all(torch.equal(drawn[name], same[name]) for name in drawn)
    assert not all(torch.equal(drawn[name], other[name]) for name in drawn if ".lora_A" in name)


def test_gradients_reach_the_matrices_through_recomputed_layers(base: Path) -> None:
    found = []
    for again in (False, True):
        model = start(base, "lora", gradient_checkpointing=again)
        if again:
            model.gradient_checkpointing_enable()
        learn(model)
        model.train()
        loss(model).backward()
        found.append([weight.grad for weight in model.parameters() if weight.requires_grad])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_under_autocast_an_input_is_cast_once_and_without_it_as_peft_does(base: Path) -> None:
    model = start(base, "lora", precision="bf16")
    learn(model)
    kept: list[torch.dtype] = []
    handle = (
        model.base_model.model.model.layers[0]
        .mlp.up_proj.lora_A["default"]
        .register_forward_pre_hook(lambda _, args: kept.append(args[0].dtype))
    )
    loss(model, bf16=True)
    plain = loss(model)
    handle.remove()
    assert kept == [torch.bfloat16, torch.float32]
    assert torch.isfinite(plain)


def test_named_layers_alone_get_matrices_and_a_wrong_name_is_refused_with_those_there_are(base: Path) -> None:
    model = start(base, "lora", lora={"rank": 2, "targets": ["v_proj", "q_proj"]})
    assert {name.split(".lora_")[0].rpartition(".")[2] for name, _ in model.named_parameters() if ".lora_" in name} == {
        "q_proj",
        "v_proj",
    }
    with pytest.raises(ConfigError, match=r"no linear layer called q_prj, lm_head\. It has: " + ", ".join(EVERY)):
        start(base, "lora", lora={"targets": ["q_proj", "q_prj", "lm_head"]})


def test_the_next_stage_goes_on_with_the_same_matrices_beside_the_same_weights(base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(base, run / "start")
    settings = recipe("lora", precision="bf16")
    model, tokenizer = both(run / "start", settings)
    learn(model)
    save(model, tokenizer, run / "stage1", "# A card\n")
    assert read_json(run / "stage1" / "adapter_config.json")["base_model_name_or_path"] == "../start"
    assert read_json(run / "stage1" / "adapter_config.json")["target_modules"] == EVERY
    assert (run / "stage1" / "README.md").read_text() == "# A card\n"
    moved = run.rename(tmp_path / "moved")
    after = start(moved / "stage1", "lora", precision="bf16")
    weights = dict(model.named_parameters())
    assert all(torch.equal(weight, weights[name]) for name, weight in after.named_parameters())
    assert held(after) == held(model)
    save(after, tokenizer, moved / "stage2", "# A card\n")
    assert read_json(moved / "stage2" / "adapter_config.json")["base_model_name_or_path"] == "../start"
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        assert (moved / "stage2" / file).read_bytes() == (moved / "stage1" / file).read_bytes()


def test_a_base_outside_the_run_is_noted_whole(base: Path, tmp_path: Path) -> None:
    model, tokenizer = both(base, recipe("lora"))
    save(model, tokenizer, tmp_path / "run" / "stage1", "")
    told = read_json(tmp_path / "run" / "stage1" / "adapter_config.json")
    assert told["base_model_name_or_path"] == str(base.resolve())


def test_full_training_starts_from_adapters_merged(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    beside = start(
        make_adapters(tmp_path / "base", tmp_path / "lora", targets=EVERY), "lora", lora={"alpha": 8, "rank": 4}
    )
    whole = start(tmp_path / "lora", "full")
    assert set(held(whole)) == {(torch.float32, True)}
    torch.testing.assert_close(loss(whole), loss(beside), atol=1e-4, rtol=1e-4)


def test_other_matrices_than_the_recipes_are_refused_with_what_differs(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    lora = make_adapters(tmp_path / "base", tmp_path / "lora")
    with pytest.raises(ConfigError, match=r"rank 4 there, 8 in the recipe; alpha 8 there, 32.0 in the recipe; targets"):
        start(lora, "lora", lora={"rank": 8})
    told = json.loads((lora / "adapter_config.json").read_text())
    (lora / "adapter_config.json").write_text(json.dumps({**told, "peft_type": "IA3"}))
    with pytest.raises(ConfigError, match=r"of the kind IA3.*afya train export"):
        start(lora, "lora")


@needs_bitsandbytes
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_with_qlora_frozen_matrices_are_held_in_four_bits(base: Path, tmp_path: Path, precision: str) -> None:
    settings = recipe("qlora", precision=precision)
    model, tokenizer = both(base, settings)
    frozen = torch.bfloat16 if precision == "bf16" else torch.float32
    assert held(model) == {(torch.float32, True): 28, (torch.uint8, False): 14, (frozen, False): 11}
    state: Any = model.base_model.model.model.layers[0].mlp.up_proj.base_layer.weight.quant_state
    assert (state.quant_type, state.nested) == ("nf4", True)
    whole = start(base, "lora")
    assert count_parameters(model) == count_parameters(whole)
    learn(model)
    loss(model, bf16=precision == "bf16").backward()
    assert all((weight.grad is not None) == weight.requires_grad for weight in model.parameters())
    model.eval()
    before = loss(model, bf16=precision == "bf16")
    with torch.no_grad():
        torch.testing.assert_close(loss(model, bf16=precision == "bf16"), before.detach())
    assert state.nested
    save(model, tokenizer, tmp_path / "stage1", "")
    again = start(tmp_path / "stage1", "qlora", precision=precision)
    assert held(again) == held(model)
    torch.testing.assert_close(loss(again, bf16=precision == "bf16"), before)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_of_a_model_that_sees_the_text_part_learns_and_its_folder_loads_again(method: str, tmp_path: Path) -> None:
    gemma = make_gemma_that_sees(tmp_path / "gemma")
    settings = recipe(method)
    model, tokenizer = both(gemma, settings)
    assert not [name for name, _ in model.named_parameters() if "vision" in name or "projector" in name]
    learn(model)
    save(model, tokenizer, tmp_path / "stage1", "")
    again = start(tmp_path / "stage1", method)
    torch.testing.assert_close(loss(again), loss(model))
    kind = read_json(tmp_path / "stage1" / "config.json")["model_type"] if method == "full" else None
    assert kind in ("gemma3_text", None)


def test_adapters_of_a_model_that_sees_are_exported_as_a_text_model(tmp_path: Path) -> None:
    gemma = make_gemma_that_sees(tmp_path / "gemma")
    config = read_json(gemma / "config.json")
    # What CTranslate2 reads as transformers does: see docs/export.md.
    config["text_config"] |= {"sliding_window": 200, "layer_types": ["sliding_attention", "full_attention"]}
    (gemma / "config.json").write_text(json.dumps(config))
    model, tokenizer = both(gemma, recipe("lora"))
    learn(model)
    save(model, tokenizer, tmp_path / "stage1", "")
    for form in FORMATS[:2]:
        done = export(tmp_path / "stage1", form, tmp_path / form, stored="float32")
        assert done.parity.replies_same == 12
        assert done.parity.most < 1e-4
    assert read_json(tmp_path / "safetensors" / "config.json")["model_type"] == "gemma3_text"


def test_a_start_that_is_no_model_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such model folder"):
        start(tmp_path / "absent", "full")
    pickled = shutil.copytree(base, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(EngineError, match="pickle"):
        start(pickled, "lora")
    short = shutil.copytree(base, tmp_path / "short")
    shutil.copyfile(make_gemma_that_sees(tmp_path / "gemma") / "model.safetensors", short / "model.safetensors")
    with pytest.raises(EngineError, match="missing or have another shape"):
        start(short, "full")

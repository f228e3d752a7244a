"""A run's folder, adapters and models of several parts answer as local models; what is not whole says what it lacks."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_adapters import make_adapters, make_gemma_that_sees
from tiny_models import make_model

from afya.errors import EngineError, RunError
from afya.models import Message, Prompt, Sampling, identify, load_model
from afya.models.adapters import find_source
from afya.models.hf import HfModel
from afya.models.weights import load_weights, with_adapters

PROMPT = Prompt((Message("user", "Mtoto ana homa kwa siku tatu."),))
IDS = torch.tensor([[5, 300, 17, 42, 256, 9, 301, 12]])


def load(spec: Path) -> HfModel:
    model = load_model(f"hf:{spec}", device="cpu")
    assert isinstance(model, HfModel)
    return model


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def edit(file: Path, **changed: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base` and adapters for it in `lora`; nothing changes in it."""
    place = tmp_path_factory.mktemp("made")
    make_adapters(place / "base", place / "lora")
    return place


@pytest.fixture
def adapted(made: Path, tmp_path: Path) -> Path:
    """A copy of both."""
    return shutil.copytree(made, tmp_path / "adapted")


def make_run(place: Path, *stages: str) -> Path:
    """A run's folder as `afya train` leaves it: `start`, and adapters in the stages named, of three in the recipe."""
    run = place / "run"
    make_model(run / "start", "qwen3", chat=True)
    told = {"command": "train", "recipe": {"stages": [{"name": name} for name in ("stage1", "stage2", "stage3")]}}
    (run / "manifest.json").write_text(json.dumps(told))
    for number, name in enumerate(stages):
        make_adapters(run / "start", run / name, seed=number)
        edit(run / name / "adapter_config.json", base_model_name_or_path="../start")
    return run


def test_adapters_answer_merged_as_they_do_beside_the_weights(adapted: Path) -> None:
    merged = load(adapted / "lora")
    beside = with_adapters(load_weights(adapted / "base", torch.float32), adapted / "lora")
    assert not [name for name, _ in merged.model.named_parameters() if "lora" in name]
    torch.testing.assert_close(logits(merged.model), logits(beside), atol=1e-4, rtol=1e-4)
    assert float((logits(merged.model) - logits(load(adapted / "base").model)).abs().max()) > 0.1
    assert merged.generate([PROMPT], Sampling(max_tokens=4))[0].error is None


def test_the_identity_is_that_of_base_and_adapters_wherever_they_lie(adapted: Path, tmp_path: Path) -> None:
    before = identify(f"hf:{adapted / 'lora'}")
    assert load(adapted / "lora").identity == before
    moved = shutil.copytree(adapted, tmp_path / "moved")
    edit(moved / "lora" / "adapter_config.json", base_model_name_or_path=str(moved / "base"))
    assert identify(f"hf:{moved / 'lora'}") == before
    edit(moved / "lora" / "adapter_config.json", lora_alpha=16)
    stronger = identify(f"hf:{moved / 'lora'}")
    assert stronger.sha256 != before.sha256
    edit(moved / "base" / "config.json", rms_norm_eps=1e-3)
    assert identify(f"hf:{moved / 'lora'}").sha256 not in (before.sha256, stronger.sha256)


def test_a_runs_folder_means_its_last_stage_and_can_be_moved(tmp_path: Path) -> None:
    run = make_run(tmp_path, "stage1", "stage2", "stage3")
    identity = identify(f"hf:{run}")
    assert identity.name == "run-stage3"
    assert identity.sha256 == identify(f"hf:{run / 'stage3'}").sha256 != identify(f"hf:{run / 'stage2'}").sha256
    moved = run.rename(tmp_path / "elsewhere")
    assert identify(f"hf:{moved}").sha256 == identity.sha256
    assert find_source(moved).base == moved / "start"
    assert load(moved).generate([PROMPT], Sampling(max_tokens=2))[0].error is None


def test_a_run_that_is_not_finished_says_so_and_names_its_last_stage(tmp_path: Path) -> None:
    run = make_run(tmp_path, "stage1", "stage2")
    with pytest.raises(RunError, match=r"not finished; there is no stage3.*name a stage that is: .*stage2"):
        identify(f"hf:{run}")
    for stage in ("stage1", "stage2"):
        shutil.rmtree(run / stage)
    with pytest.raises(RunError, match=r"there is no stage1, no stage2, no stage3\. Run afya train again"):
        load_model(f"hf:{run}")
    edit(run / "manifest.json", command="bench run")
    with pytest.raises(EngineError, match="no training stages"):
        load_model(f"hf:{run}")


def test_adapters_on_adapters_are_merged_one_after_the_other(adapted: Path) -> None:
    shutil.copytree(adapted / "lora", adapted / "more")
    edit(adapted / "more" / "adapter_config.json", base_model_name_or_path="../lora")
    assert [path.name for path in find_source(adapted / "more").adapters] == ["lora", "more"]
    once, twice = load(adapted / "lora").model, load(adapted / "more").model
    name = "model.layers.0.self_attn.q_proj.weight"
    base = load_weights(adapted / "base", torch.float32).state_dict()[name]
    step = once.state_dict()[name] - base
    torch.testing.assert_close(twice.state_dict()[name], base + 2 * step, atol=1e-5, rtol=1e-5)
    edit(adapted / "more" / "adapter_config.json", base_model_name_or_path="../more")
    with pytest.raises(EngineError, match=r"belong to '\.\./more', which is not here"):
        find_source(adapted / "more")


def test_adapters_that_do_not_fit_are_refused(adapted: Path) -> None:
    shutil.rmtree(adapted / "base")
    make_model(adapted / "base", "llama")
    edit(adapted / "lora" / "adapter_config.json", r=8)
    with pytest.raises(EngineError, match=r"do not fit the model.*size mismatch"):
        load(adapted / "lora")
    edit(adapted / "lora" / "adapter_config.json", r=4, target_modules=["q_proj", "o_proj"])
    with pytest.raises(EngineError, match=r"do not fit the model.*missing adapter keys"):
        load(adapted / "lora")


def test_adapters_whose_base_is_absent_say_how_to_get_it(adapted: Path) -> None:
    edit(adapted / "lora" / "adapter_config.json", base_model_name_or_path="some/model-1b")
    with pytest.raises(EngineError, match=r"belong to 'some/model-1b', which is not here.*hf download some/model-1b"):
        load(adapted / "lora")
    edit(adapted / "lora" / "adapter_config.json", base_model_name_or_path=None)
    with pytest.raises(EngineError, match="does not say which model"):
        load(adapted / "lora")


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = make_model(tmp_path / "tiny") / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(EngineError, match=r"1 weights of LlamaForCausalLM are missing.*layers\.1\.mlp\.up_proj"):
        load(tmp_path / "tiny")


def test_only_the_text_part_of_a_model_that_sees_is_loaded_and_says_the_same(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(make_gemma_that_sees(tmp_path / "gemma"))
    text = load(tmp_path / "gemma").model
    assert type(text).__name__ == "Gemma3ForCausalLM"
    assert not [name for name, _ in text.named_parameters() if "vision" in name or "projector" in name]
    assert torch.equal(logits(text), logits(whole))
    text.save_pretrained(tmp_path / "text")
    again: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "text")
    assert type(again).__name__ == "Gemma3ForCausalLM"
    assert torch.equal(logits(again), logits(text))


@contextmanager
def hub(status: int, code: str) -> Iterator[str]:
    """A hub that answers every request with one error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "GatedRepo", r"'some/model' is gated.*accepted its terms.*hf auth login"),
        (404, "RepoNotFound", r"hub has no model 'some/model', or it is private.*spelling.*hf auth login"),
        (500, "", r"'some/model' was never fetched, and the hub cannot be reached"),
    ],
)
def test_a_hub_model_that_cannot_be_had_says_why(
    status: int, code: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as constants

    from afya.models import hub as by_name

    monkeypatch.setattr(by_name, "_offline_by_user", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with hub(status, code) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        with pytest.raises(EngineError, match=told):
            load_model("hf:some/model")

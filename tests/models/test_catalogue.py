"""The catalogue of models: what it must hold, what fits where, and the command lines that serve one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.cli.models import app
from afya.datafiles import read_model, read_yaml, validate
from afya.errors import ConfigError
from afya.models.catalogue import Catalogue, Shape, catalogue, find, listed_price, select
from afya.models.fit import Memory, cache_bytes, device, fitting, needed, this_machine
from afya.models.serve import commands

PATH = Path(__file__).parents[2] / "src" / "afya" / "models" / "catalogue.yaml"


def test_the_catalogue_holds_what_a_benchmark_of_56_models_needs() -> None:
    models = catalogue().models
    assert len(models) >= 56
    assert sum(model.medical for model in models) >= 10
    assert len({model.provider for model in models if not model.open}) >= 6
    families = {model.family for model in models}
    wanted = "Qwen3 Qwen2.5 Llama Mistral Phi DeepSeek GLM gpt-oss Aya Apertus EuroLLM SEA-LION InkubaLM UlizaLlama"
    more = "MedGemma Meditron MMed-Llama Apollo BioMistral OpenBioLLM HuatuoGPT Med42 Claude Gemini GPT Grok Command"
    assert {"Gemma 3", "Gemma 4", *wanted.split(), *more.split()} <= families
    for model in models:
        assert model.source
        assert model.open or (model.price is not None and model.price.output >= model.price.input)
        if model.parameters and model.parameters.active:
            assert model.parameters.active < model.parameters.total


def test_a_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    told = read_yaml(PATH)
    assert isinstance(told, dict)
    told["models"][0]["licenze"] = "x"
    with pytest.raises(ConfigError, match="did you mean"):
        validate(told, Catalogue, "catalogue.yaml")
    again = read_yaml(PATH)
    assert isinstance(again, dict)
    again["models"].append(again["models"][0])
    with pytest.raises(ConfigError, match=r"stands there twice: qwen3-0\.6b"):
        validate(again, Catalogue, "catalogue.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        read_model(tmp_path / "none.yaml", Catalogue)


def test_models_are_found_and_selected() -> None:
    assert find("Qwen/Qwen3-8B") is find("qwen3-8b") is find("hf:Qwen/Qwen3-8B")
    with pytest.raises(ConfigError, match="qwen3-8b"):
        find("qwen38b")
    small = select(max_params=2, open_weights=True)
    assert small
    assert all(model.parameters and model.parameters.total <= 2 for model in small)
    assert {model.id for model in select(lang="yo")} >= {"inkubalm-0.4b", "aya-101"}
    assert all(model.medical for model in select(medical=True))
    with pytest.raises(ConfigError, match=r"There are: .*Qwen3"):
        select(family="Qwen9")
    assert listed_price("Qwen/Qwen3-8B", "openai", "https://api.openai.com/v1") is None


def test_the_cache_is_what_published_examples_say() -> None:
    llama = find("llama-3.1-8b").shape
    assert llama is not None
    # 128 KiB a token: 16 GiB at the full 131,072 tokens.
    assert cache_bytes(llama, 131_072) == 16 * 2**30
    windowed = Shape(layers=6, kv_heads=1, head_dim=1, window=10, full_layers=1)
    assert cache_bytes(windowed, 100) == 2 * 2 * (100 + 5 * 10)
    compressed = find("deepseek-v3-0324").shape
    assert compressed is not None
    # DeepSeek-V2's paper: (512 + 64) numbers a token and layer in place of keys and values.
    assert cache_bytes(compressed, 1) == 61 * 576 * 2


def test_what_fits_follows_memory_precision_and_context() -> None:
    model = find("qwen3-8b")
    sizes = [needed(model, precision, 4096) for precision in ("bf16", "int8", "int4")]
    gigabytes = [fit.needed_gb for fit in sizes if fit is not None]
    assert gigabytes == sorted(gigabytes, reverse=True)
    assert gigabytes[0] == pytest.approx(8.2 * 2 * 1.2 + 36 * 8 * 128 * 2 * 2 * 4096 / 1e9)
    rows = fitting([model], Memory("x", 12.0), 4096)
    assert [fit.precision for fit in rows[0]] == ["int8", "int4"]
    assert not fitting([model], Memory("x", 3.0), 4096)
    assert not fitting([model], Memory("x", 999.0), 10**7)  # beyond the model's context
    assert not fitting([find("gpt-4o")], Memory("x", 999.0), 10)
    assert device("nvidia rtx-4090").gb == 24
    with pytest.raises(ConfigError, match="It has T4"):
        device("abacus")
    assert this_machine()[-1].gb > 0


def test_servers_are_started_by_lines_that_are_printed() -> None:
    made = commands(find("qwen3-8b"), copies=2, gpus_each=2, context=8192)
    assert made.servers[1].startswith("CUDA_VISIBLE_DEVICES=2,3 vllm serve Qwen/Qwen3-8B ")
    assert "--port 8001 --tensor-parallel-size 2 --max-model-len 8192" in made.servers[1]
    assert "http://127.0.0.1:8000/v1,http://127.0.0.1:8001/v1" in made.bench
    assert '"enable_thinking":false' in made.bench
    assert "sglang.launch_server" in commands(find("qwen3-8b"), "sglang").servers[0]
    assert commands(find("phi-4"), "llama.cpp").servers[0].startswith("llama-server --model phi-4.gguf")
    with pytest.raises(ConfigError, match="anthropic:claude"):
        commands(find("claude-opus-4.5"))


def test_the_commands_print_what_was_asked() -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["--family", "qwen3", "--max-params", "5"])
    assert listed.exit_code == 0, listed.output
    assert "qwen3-1.7b" in listed.output
    assert "3 models" in listed.output
    shown = runner.invoke(app, ["show", "gpt-4o"])
    assert "served at: https://api.openai.com/v1 (key in OPENAI_API_KEY)" in shown.output
    assert "look there before they decide anything" in shown.output
    fits = runner.invoke(app, ["fit", "--gpu", "L4", "--family", "Qwen3", "--context", "8192"])
    assert "L4, 24.0 GB, 8,192 tokens" in fits.output
    assert "7 of 8 open models fit" in fits.output
    assert runner.invoke(app, ["fit", "--max-params", "1"]).exit_code == 0
    both = runner.invoke(app, ["fit", "--gpu", "L4", "--memory", "3"])
    assert isinstance(both.exception, ConfigError)
    served = runner.invoke(app, ["serve", "phi-4"])
    assert served.output.startswith("vllm serve microsoft/phi-4")

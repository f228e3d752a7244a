"""Exports say what their source says, or are not published; cards carry what the run knows."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import make_model, make_tokenizer

from afya.bench.running.run import bench_run
from afya.errors import ConfigError, EngineError, MissingDependencyError, RunError
from afya.folders import DatasetWriter
from afya.items import Item
from afya.models import Message, Prompt, Sampling, load_model
from afya.models.adapters import find_source
from afya.runs import Ledger, read_json
from afya.training import load_recipe, train
from afya.training.exporting import ParityError, export
from afya.training.exporting.probes import probes

RECIPE = """
name: tiny
langs: en,sw
threads: 1
model: {pocket: {vocabulary: 600, hidden: 32, layers: 1, heads: 2, feed_forward: 64, context: 1024}}
stages:
  - name: stage1
    data: [{source: sample}]
    length: {steps: 2}
    pack_tokens: 1024
    learning_rate: 0.01
  - name: stage2
    data: [{source: sample}]
    form: cloze
    length: {steps: 2}
    pack_tokens: 1024
    learning_rate: 0.01
"""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """CTranslate2 takes a thread for each core and leaves torch with as many, which in tiny models wait in turning."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)


# Writes a small Llama as llama.cpp's converter would, or without turning its rotary pairs, or fails.
CONVERTER = """
import argparse, os, sys
from pathlib import Path
parser = argparse.ArgumentParser()
parser.add_argument("model", type=Path)
parser.add_argument("--outfile", type=Path)
parser.add_argument("--outtype")
asked = parser.parse_args()
sys.path.insert(0, {tests!r})
import gguf_model
if {how!r} == "fails":
    sys.exit("Model architecture is not supported")
if {how!r} == "wrong":
    import json
    from safetensors.numpy import load_file, save_file
    spoiled = asked.outfile.with_suffix(".spoiled")
    spoiled.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (spoiled / name).write_bytes((asked.model / name).read_bytes())
    weights = load_file(asked.model / "model.safetensors")
    for name in weights:
        if "q_proj" in name:
            weights[name] = weights[name][::-1].copy()
    save_file(weights, spoiled / "model.safetensors")
    asked.model = spoiled
gguf_model.write_gguf(asked.model, asked.outfile)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two short stages."""
    place = tmp_path_factory.mktemp("trained")
    (place / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    train(load_recipe(str(place / "tiny.yaml")), place / "run")
    return place / "run"


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA adapters with weights that matter, in `lora`, of the model in `base`."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    place = tmp_path_factory.mktemp("adapted")
    model: Any = AutoModelForCausalLM.from_pretrained(make_model(place / "base", "qwen3", chat=True))
    torch.manual_seed(1)
    rank = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(model, rank).save_pretrained(str(place / "lora"))
    return place


def left(folder: Path) -> list[str]:
    """What lies in a folder, hidden files too."""
    return sorted(child.name for child in folder.iterdir())


def test_a_run_is_exported_with_its_card_and_served(run: Path, tmp_path: Path) -> None:
    done = export(run, "safetensors", tmp_path / "out")
    assert done.parity.replies_same == done.parity.replies == 12
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (run / "stage2" / "tokenizer.json").read_bytes()
    prompt = Prompt((Message("user", "Mtoto ana homa."),))
    said = [
        load_model(f"hf:{place}").generate([prompt], Sampling(max_tokens=4))[0].text
        for place in (run / "stage2", done.folder)
    ]
    assert said[0] == said[1]
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    for told in ("Swahili (sw)", "afya-sample", "Not for clinical use", "12 of 12", "No benchmark run", "run-stage2"):
        assert told in card
    assert card.count("## Limits") == 1
    assert read_json(done.folder / "export.json")["parity"]["problems"] == []


def test_the_card_has_the_figures_of_benchmark_runs_of_these_weights(run: Path, tmp_path: Path) -> None:
    quiz = write_quiz(tmp_path / "quiz")
    asked = [f"hf:{run / 'stage1'}", f"hf:{run / 'stage2'}"]
    bench_run(asked, [quiz], tmp_path / "measured", settings=["cloze"])
    done = export(run, "safetensors", tmp_path / "out", bench=[tmp_path / "measured"])
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("| mcq | cloze |")]
    assert [(row[2], row[3]) for row in rows] == [
        (lang, label) for lang in ("all", "English (en)", "Swahili (sw)") for label in ("after stage1", "this model")
    ]
    assert all("%" in row[4] and "% to " in row[5] and row[6] in ("4", "8") for row in rows)
    other = make_model(tmp_path / "other")
    with pytest.raises(ConfigError, match="not measured in that run"):
        export(other, "safetensors", tmp_path / "elsewhere", bench=[tmp_path / "measured"])


def write_quiz(path: Path) -> Path:
    """A dataset of four questions in two languages."""
    writer, ledger = DatasetWriter(path, {"made": "by a test"}), Ledger()
    for number in range(4):
        for lang in ("en", "sw"):
            writer.add(
                Item(
                    item_id=f"quiz:{number}:{lang}",
                    group_id=f"quiz:{number}",
                    lang=lang,
                    task="mcq",
                    split="test",
                    question=f"Question {number}?",
                    options=("water", "salt", "sugar"),
                    answer=(number % 3,),
                    source="quiz",
                    licence="CC0-1.0",
                    origin="human",
                )
            )
    ledger.add("make", 8, 8)
    writer.finish(ledger, "# A quiz")
    return path


def test_adapters_are_merged_and_the_base_tokenizer_kept(adapted: Path, tmp_path: Path) -> None:
    done = export(adapted / "lora", "safetensors", tmp_path / "out")
    assert done.parity.most < 1e-4
    assert done.parity.replies_same == 12
    assert not list(done.folder.glob("adapter*"))
    assert (done.folder / "tokenizer.json").read_bytes() == (adapted / "base" / "tokenizer.json").read_bytes()
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    assert "base_model: base\n" in card
    assert "1 set(s) of adapters merged" in card
    assert str(adapted) not in card


def test_adapters_without_their_base_say_what_to_name(adapted: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(adapted / "lora", tmp_path / "lora")
    noted = json.loads((moved / "adapter_config.json").read_text())
    (moved / "adapter_config.json").write_text(json.dumps({**noted, "base_model_name_or_path": "some/model-1b"}))
    with pytest.raises(EngineError, match=r"belong to 'some/model-1b', which is not here.*--base"):
        export(moved, "safetensors", tmp_path / "out")
    assert find_source(moved, str(adapted / "base")).base == adapted / "base"
    (moved / "adapter_model.safetensors").rename(moved / "adapter_model.bin")
    with pytest.raises(EngineError, match="pickle"):
        export(moved, "safetensors", tmp_path / "out")
    assert left(tmp_path) == ["lora"]


@pytest.mark.parametrize("kind", ["llama", "qwen3", "mistral", "gemma3"])
def test_every_family_passes_through_ctranslate2(kind: str, tmp_path: Path) -> None:
    model = uncapped(make_model(tmp_path / kind, kind))
    exact = export(model, "ct2", tmp_path / "exact", stored="float32").parity
    assert exact.replies_same == 12
    assert exact.most < 1e-4
    assert bool(exact.notes) == (kind in ("mistral", "gemma3"))  # right up to their sliding window alone


def test_int8_is_the_usual_form_and_has_its_own_tolerance(tmp_path: Path) -> None:
    small = export(make_model(tmp_path / "model"), "ct2", tmp_path / "small")
    assert small.stored == "int8"
    assert 1e-4 < small.parity.most <= small.parity.tolerance.most == probes().tolerances["int8"].most


def uncapped(folder: Path) -> Path:
    """The model with a window wider than the prompts, and for Gemma what its 4B has: scaled positions, no capping."""
    config = json.loads((folder / "config.json").read_text())
    if config.get("sliding_window"):
        config["sliding_window"] = 200
    if "final_logit_softcapping" in config:
        config["final_logit_softcapping"] = None
        config["layer_types"] = ["sliding_attention", "full_attention"]
        config["rope_parameters"]["full_attention"] |= {"rope_type": "linear", "factor": 8.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_conversion_that_says_something_else_is_not_published(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", "gemma3")  # caps its logits, which CTranslate2 does not
    with pytest.raises(ParityError) as caught:
        export(model, "ct2", tmp_path / "out", stored="float32")
    told = str(caught.value)
    assert "was not published" in told
    assert "prompt in en ('A child has had diarrhoea" in told
    assert "nats a token apart (0.005 are allowed)" in told
    assert left(tmp_path) == ["model"]


def test_what_ctranslate2_cannot_hold_is_said(tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    tokenizer = make_tokenizer(chat=False)
    shape = MambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, state_size=4)
    MambaForCausalLM(shape).save_pretrained(tmp_path / "mamba")
    tokenizer.save_pretrained(tmp_path / "mamba")
    with pytest.raises(EngineError, match=r"cannot hold models of the type 'mamba'.*Llama, Mistral, Qwen3, Gemma 3"):
        export(tmp_path / "mamba", "ct2", tmp_path / "out")


def test_what_cannot_be_exported_is_refused_before_anything_is_loaded(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AFYA_LLAMA_CPP", raising=False)
    with pytest.raises(RunError, match="is not empty"):
        export(run, "safetensors", run)
    with pytest.raises(ConfigError, match="cannot be stored as 'int8' in safetensors"):
        export(run, "safetensors", tmp_path / "out", stored="int8")
    with pytest.raises(MissingDependencyError, match=r"converter.*--llama-cpp"):
        export(run, "gguf", tmp_path / "out")
    with pytest.raises(ConfigError, match="not measured in that run"):
        export(run, "safetensors", tmp_path / "out", bench=[tmp_path])
    half = shutil.copytree(run, tmp_path / "half")
    shutil.rmtree(half / "stage2")
    with pytest.raises(RunError, match="not finished; there is no stage2"):
        export(half, "safetensors", tmp_path / "out")


# GGUF -----------------------------------------------------------------------------------------------------------------

needs_llama_cpp = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("xllamacpp", "gguf")), reason="needs xllamacpp and gguf"
)


def converter(folder: Path, how: str) -> Path:
    folder.mkdir()
    script = CONVERTER.format(tests=str(Path(__file__).parents[1]), how=how)
    (folder / "convert_hf_to_gguf.py").write_text(script, encoding="utf-8")
    return folder


@needs_llama_cpp
def test_gguf_is_compared_through_llama_cpp_itself(shared: Path, tmp_path: Path) -> None:
    done = export(
        shared / "models" / "stories260k",
        "gguf",
        tmp_path / "out",
        stored="f32",
        llama_cpp=converter(tmp_path / "llama.cpp", "right"),
    )
    assert done.parity.replies_same == 12
    assert done.parity.most < 1e-3
    assert left(done.folder) == ["LICENSE.upstream", "README.md", "export.json", "stories260k-f32.gguf"]
    assert any("no chat template" in note for note in done.parity.notes)


@needs_llama_cpp
@pytest.mark.parametrize(("how", "told"), [("wrong", "nats more probable"), ("fails", "architecture is not supported")])
def test_a_gguf_that_is_wrong_or_fails_is_not_published(shared: Path, tmp_path: Path, how: str, told: str) -> None:
    tools = converter(tmp_path / "llama.cpp", how)
    with pytest.raises(EngineError, match=told):
        export(shared / "models" / "stories260k", "gguf", tmp_path / "out", stored="f32", llama_cpp=tools)
    assert left(tmp_path) == ["llama.cpp"]

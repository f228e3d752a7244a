"""Options scored in packed rows have the sums that one-by-one evaluation gives, on every kind of model."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny_models import LINES, make_tokenizer

from afya.models import Message, ModelIdentity, OptionRequest, Prompt, output_layer
from afya.models.hf import HfModel
from afya.models.prefix_trees import Query
from afya.models.rendering import encode_options, render
from afya.models.scoring import OptionScorer

WORDS = " ".join(LINES).split()
VOCABULARY = 400
BASE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    # Random weights of the usual size give near-uniform outputs, which would hide differences.
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WINDOW = 16
BLOOM = {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.3}
MAMBA = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "time_step_rank": 4}
MIXED = ["sliding_attention", "full_attention"] * 2
# Kind: configuration's and model's class, what differs from BASE, and the way it can be read, within its window and
# beyond it.
KINDS: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", {}, "packed", "packed"),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", {"tie_word_embeddings": True}, "packed", "packed"),
    "qwen3 with windows": (
        "Qwen3Config",
        "Qwen3ForCausalLM",
        {"use_sliding_window": True, "sliding_window": WINDOW, "layer_types": MIXED},
        "packed",
        "packed",
    ),
    "gemma3": (
        "Gemma3TextConfig",
        "Gemma3ForCausalLM",
        {"sliding_window": WINDOW, "query_pre_attn_scalar": 8, "layer_types": MIXED, "final_logit_softcapping": 5.0},
        "packed",
        "packed",
    ),
    "gemma2": (
        "Gemma2Config",
        "Gemma2ForCausalLM",
        {"sliding_window": WINDOW, "query_pre_attn_scalar": 8, "attn_implementation": "eager"},
        "packed",
        "packed",
    ),
    "mistral": ("MistralConfig", "MistralForCausalLM", {"sliding_window": WINDOW}, "packed", "packed"),
    "granite": ("GraniteConfig", "GraniteForCausalLM", {"logits_scaling": 4.0}, "packed", "packed"),
    "cohere": ("CohereConfig", "CohereForCausalLM", {"logit_scale": 0.25}, "packed", "packed"),
    "bloom": ("BloomConfig", "BloomForCausalLM", BLOOM, "cached", "cached"),
    "mamba": ("MambaConfig", "MambaForCausalLM", MAMBA, "apart", "apart"),
}


@cache
def model_of(kind: str) -> Any:
    config, model, changes, _, _ = KINDS[kind]
    shape = changes if kind in ("bloom", "mamba") else BASE | changes
    torch.manual_seed(3)
    return getattr(transformers, model)(getattr(transformers, config)(**shape)).eval()


def llama(**changes: Any) -> Any:
    made: Any = transformers.LlamaForCausalLM(transformers.LlamaConfig(**BASE | changes))
    return made.eval()


def engine_of(kind: str, budget: int = 512) -> HfModel:
    return HfModel(model_of(kind), make_tokenizer(chat=False), ModelIdentity(kind, "hf", ""), batch_tokens=budget)


def requests(number: int, seed: int, words: tuple[int, int]) -> list[OptionRequest]:
    draw = random.Random(seed)

    def text(low: int, high: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(low, high)))

    return [
        OptionRequest(
            Prompt((Message("user", text(*words)),), "Answer:"),
            tuple(f" {text(1, 4)}" for _ in range(draw.randint(2, 5))),
        )
        for _ in range(number)
    ]


def rotations(request: OptionRequest) -> list[OptionRequest]:
    """The request with its options listed in the prompt, in every rotated order."""
    question = request.prompt.messages[0].content
    turned = []
    for turn in range(len(request.options)):
        options = request.options[turn:] + request.options[:turn]
        shown = "\n".join(f"{letter}.{option}" for letter, option in zip("ABCDE", options, strict=False))
        prompt = Prompt((Message("user", f"{question}\n{shown}"),), "Answer:")
        turned.append(OptionRequest(prompt, tuple(f" {letter}" for letter in "ABCDE"[: len(options)])))
    return turned


def by_hand(engine: HfModel, request: OptionRequest) -> list[float]:
    """Each option's sum from the whole model's logits on one row without padding, mask or cache."""
    model: Any = engine.model
    prompts, options = encode_options([render(request.prompt, engine.tokenizer)], [request.options], engine.tokenizer)
    sums = []
    for option in options[0]:
        with torch.inference_mode():
            logs = model(torch.tensor([prompts[0] + option])).logits.double().log_softmax(-1)[0]
        start = len(prompts[0]) - 1
        sums.append(sum(logs[start + place, token].item() for place, token in enumerate(option)))
    return sums


def check(engine: HfModel, asked: list[OptionRequest]) -> None:
    for request, scores in zip(asked, engine.score_options(asked), strict=True):
        expected = by_hand(engine, request)
        assert scores.logprobs == pytest.approx(expected, abs=1e-4)
        assert int(np.argmax(scores.logprobs or ())) == int(np.argmax(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_sums_and_choices_are_those_of_one_by_one_evaluation(kind: str) -> None:
    engine = engine_of(kind)
    check(engine, requests(8, 0, (1, 2)))
    check(engine, requests(6, 1, (8, 20)))
    check(engine, [turned for request in requests(2, 2, (8, 14)) for turned in rotations(request)])


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_model_is_read_in_the_best_way_it_can_take(kind: str) -> None:
    scorer = engine_of(kind)._scorer
    assert (scorer.way(), scorer.way(beyond_window=True)) == KINDS[kind][3:]


@pytest.mark.parametrize("way", ["packed", "cached", "apart"])
def test_all_ways_give_the_same(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests(8, 4, (3, 20))
    expected = [entry.logprobs for entry in engine_of("llama").score_options(asked)]
    engine = engine_of("llama", budget=128)
    monkeypatch.setattr(engine._scorer, "way", lambda beyond=False: way)
    for scores, right in zip(engine.score_options(asked), expected, strict=True):
        assert scores.logprobs == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_batch_size_and_order_change_nothing(kind: str) -> None:
    asked = requests(10, 5, (2, 20))
    expected = engine_of(kind, 4096).score_options(asked)
    for budget in (1, 64, 300):
        order = list(range(len(asked)))
        random.Random(budget).shuffle(order)
        found = engine_of(kind, budget).score_options([asked[index] for index in order])
        for index, scores in zip(order, found, strict=True):
            assert scores.logprobs == pytest.approx(expected[index].logprobs, abs=1e-4)


def test_rotations_score_the_same_beside_each_other_and_alone() -> None:
    engine = engine_of("qwen3", 4096)
    asked = [turned for request in requests(4, 6, (10, 16)) for turned in rotations(request)]
    together = engine.score_options(asked)
    for request, scores in zip(asked, together, strict=True):
        assert scores.logprobs == pytest.approx(engine.score_options([request])[0].logprobs, abs=1e-4)


def test_rotations_share_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of("llama", 4096)
    asked = rotations(requests(1, 6, (60, 60))[0])
    engine.score_options(asked)
    read: list[int] = []
    outputs = engine._scorer._layer.outputs

    def counted(**inputs: Any) -> torch.Tensor:
        read.append(inputs["input_ids"].numel())
        return outputs(**inputs)

    monkeypatch.setattr(engine._scorer._layer, "outputs", counted)
    engine.score_options(asked)
    prompts = [
        len(encode_options([render(r.prompt, engine.tokenizer)], [[" A"]], engine.tokenizer)[0][0]) for r in asked
    ]
    assert sum(read) < 0.75 * sum(prompts)


def test_half_precision_scores_stay_near_fp32_and_never_tie() -> None:
    model = llama(initializer_range=0.02)
    draw = random.Random(7)
    queries = [
        Query([draw.randrange(VOCABULARY) for _ in range(20)], [[token] for token in draw.sample(range(VOCABULARY), 4)])
        for _ in range(200)
    ]
    exact = [np.concatenate(entry.options) for entry in OptionScorer(model, 4096).score(queries)]
    half = [np.concatenate(entry.options) for entry in OptionScorer(model.to(torch.bfloat16), 4096).score(queries)]
    assert max(np.abs(one - other).max() for one, other in zip(exact, half, strict=True)) < 0.02
    assert all(len(set(row.tolist())) == 4 for row in half)


def test_probabilities_over_the_whole_vocabulary_sum_to_one() -> None:
    for dtype, near in ((torch.float32, 1e-5), (torch.bfloat16, 1e-2)):
        model = llama().to(dtype)
        scored = OptionScorer(model, 64).score([Query([5, 6, 7], [[token] for token in range(VOCABULARY)])])
        assert np.exp(np.concatenate(scored[0].options)).sum() == pytest.approx(1.0, abs=near)
        assert np.concatenate(scored[0].options).max() <= 1e-6


def test_a_large_vocabulary_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests(4, 8, (3, 9))
    whole = engine_of("cohere").score_options(asked)
    monkeypatch.setitem(output_layer._LOGITS_AT_ONCE, "cpu", 1)
    monkeypatch.setattr(output_layer, "_SMALLEST_PART", 64)
    for one, other in zip(whole, engine_of("cohere").score_options(asked), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_no_number_in_one_row_leaves_the_others_alone() -> None:
    model = llama()
    with torch.no_grad():
        model.get_input_embeddings().weight[399] = float("nan")
    sound, broken = Query([5, 6, 7], [[8, 9], [10]]), Query([5, 399, 7], [[8, 9], [10]])
    scored = OptionScorer(model, 4096).score([sound, broken, sound])
    assert [bool(np.isfinite(np.concatenate(entry.options)).all()) for entry in scored] == [True, False, True]


def test_trained_weights_choose_the_same(shared: Path) -> None:
    folder = shared / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    engine = HfModel.load(str(folder))
    starts = ("Once upon a time, there was a", "Lily went to the park and saw a", "The dog was very")
    options = (" little girl named Lily.", " big red ball", " happy", " dog and a cat.", " park")
    asked = [OptionRequest(Prompt((Message("user", start),)), options) for start in starts]
    check(engine, asked)
    check(engine, [turned for request in asked for turned in rotations(request)])


def test_texts_have_a_log_probability_a_token() -> None:
    engine = engine_of("llama")
    model: Any = engine.model
    text = "Mtoto ana homa na kikohozi"
    ids = [engine.tokenizer.bos_token_id, *engine.tokenizer(text, add_special_tokens=False)["input_ids"]]
    with torch.inference_mode():
        logs = model(torch.tensor([ids])).logits.double().log_softmax(-1)[0]
    expected = [logs[place, token].item() for place, token in enumerate(ids[1:])]
    found = engine.text_logprobs([text, "", "fever " * 300, "water"])
    assert found[0] == pytest.approx(expected, abs=1e-4)
    assert (found[1], found[2]) == ((), None)
    assert found[3] is not None

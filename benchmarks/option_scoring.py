"""Option scoring beside lm-evaluation-harness: one model, one set of items, one dtype, both in this process.

The model has the shape of Qwen3 at 60M parameters (8 layers of 512, 32,000 pieces; random weights, which cost what
trained ones do) and a byte-level BPE tokenizer trained here. A question has 149 tokens; its four options have 6 tokens
each (continuation), or are the letters A to D, one token each. Both sides start from text.

The harness runs at the fastest of several batch sizes, tried first; it takes single-token options of one question from
one row, so that letters differ by less: the whole gain there is the output layer, 40% of this model's work, at one
position instead of 149. With rotations the options' texts stand in the prompt too, in each of four orders.

Runs alternate between the two, and the middle of each counts. Beside the speeds stand, for harness / afya, the largest
distance of an option's score from the same weights in fp32 (one row an option), and the items whose best two options
come out equal, both over the first 24 items.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from afya.models.base import Message, ModelIdentity, OptionRequest, Prompt
from afya.models.hf import HfModel

QUESTION, OPTION = 149, 6
VOCABULARY = 32_000
ITEMS = {"cpu": 24, "cuda": 2048}
BATCHES = {"cpu": (4, 8, 16, 32), "cuda": (16, 32, 64, 128, 256)}
ROUNDS = 5
AIMS = {"continuation": 4.5, "letters": 1.5}
ROTATED = "letters, 4 rotations"
Items = list[tuple[str, tuple[str, ...]]]


def make_words() -> list[str]:
    """1,200 pronounceable words of two or three syllables."""
    draw = Random(0)
    syllables = [first + second for first in "bdfghjklmnprstvwyz" for second in "aeiou"]
    return sorted({"".join(draw.choices(syllables, k=draw.randint(2, 3))) for _ in range(1300)})[:1200]


def make_tokenizer(words: Sequence[str]) -> Any:
    """A byte-level BPE tokenizer that knows every word, with a space before it, as one token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([f" {word}" for word in words] + [f" {letter}" for letter in "ABCD"], trainer)
    wrap: Any = PreTrainedTokenizerFast
    return wrap(tokenizer_object=core, eos_token="<|endoftext|>")


def make_model(device: str) -> Any:
    """A Qwen3 of 58 million parameters with random weights, in fp32."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    shape: Any = Qwen3Config
    config = shape(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=64,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model: Any = Qwen3ForCausalLM(config)
    return model.to(device).eval()


def make_items(words: Sequence[str], count: int, kind: str) -> Items:
    """Questions and their options, as text."""
    draw = Random(1)

    def text(tokens: int) -> str:
        return "".join(f" {word}" for word in draw.choices(words, k=tokens))

    letters = tuple(f" {letter}" for letter in "ABCD")
    if kind == ROTATED:
        rotated: Items = []
        for _ in range(count // 4):
            question, options = text(QUESTION), [text(OPTION) for _ in letters]
            for turn in range(4):
                shown = zip(letters, options[turn:] + options[:turn], strict=True)
                rotated.append((question + "".join(letter + option for letter, option in shown), letters))
        return rotated
    return [
        (text(QUESTION), letters if kind == "letters" else tuple(text(OPTION) for _ in letters)) for _ in range(count)
    ]


def one_by_one(model: Any, tokenizer: Any, items: Items) -> list[list[float]]:
    """The yardstick of the scores: the whole model in fp32, a row an option, no batch."""
    import torch

    sums = []
    for question, options in items:
        start = len(tokenizer(question)["input_ids"])
        row = []
        for option in options:
            ids = torch.tensor(tokenizer([question + option])["input_ids"], device=model.device)
            with torch.inference_mode():
                logs = model(ids).logits[0, start - 1 : -1].double().log_softmax(-1)
            row.append(float(logs.gather(1, ids[0, start:, None]).sum()))
        sums.append(row)
    return sums


def harness(model: Any, tokenizer: Any, batch: int) -> Callable[[Items], list[list[float]]]:
    """lm-evaluation-harness's own scoring of a list of items."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    runner: Any = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, backend="causal")

    def run(items: Items) -> list[list[float]]:
        asked = [
            Instance("loglikelihood", {}, (question, option), index, ("bench", number, 1))
            for number, (question, options) in enumerate(items)
            for index, option in enumerate(options)
        ]
        found = iter(runner.loglikelihood(asked, disable_tqdm=True))
        return [[next(found)[0] for _ in options] for _, options in items]

    return run


def product(model: Any, tokenizer: Any) -> Callable[[Items], list[list[float]]]:
    """afya's scoring of a list of items."""
    engine = HfModel(model, tokenizer, ModelIdentity("bench", "hf", ""))

    def run(items: Items) -> list[list[float]]:
        asked = [OptionRequest(Prompt((Message("user", question),)), options) for question, options in items]
        return [list(scores.logprobs or ()) for scores in engine.score_options(asked)]

    return run


def seconds(work: Callable[[Items], object], items: Items) -> float:
    """The wall time of one run."""
    import torch

    started = time.perf_counter()
    work(items)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def apart(scores: list[list[float]], truth: list[list[float]]) -> float:
    """The largest distance between two sets of scores, in nats."""
    return max(abs(a - b) for row, right in zip(scores, truth, strict=True) for a, b in zip(row, right, strict=True))


def ties(scores: list[list[float]]) -> int:
    """Items whose two best options have the same score."""
    return sum(sorted(row)[-1] == sorted(row)[-2] for row in scores)


def measure(kind: str, dtype: str, device: str) -> tuple[str, ...]:
    """The row of the table for one kind of option and one dtype."""
    import torch

    words = make_words()
    tokenizer, items = make_tokenizer(words), make_items(words, ITEMS[device], kind)
    model = make_model(device)
    checked = items[:24]
    truth = one_by_one(model, tokenizer, checked)
    model = model.to(getattr(torch, dtype))
    ours = product(model, tokenizer)
    tried = {size: harness(model, tokenizer, size) for size in BATCHES[device]}
    few = items[: max(8, len(items) // 8)]
    ours(few)
    speed = {size: min(seconds(run, few) for _ in range(2)) for size, run in tried.items()}
    best = min(speed, key=lambda size: speed[size])
    times: dict[str, list[float]] = {"harness": [], "afya": []}
    for _ in range(ROUNDS):
        times["harness"].append(seconds(tried[best], items))
        times["afya"].append(seconds(ours, items))
    theirs, mine = (len(items) / statistics.median(taken) for taken in times.values())
    scores = {"harness": tried[best](checked), "afya": ours(checked)}
    return (
        kind,
        "fp32" if dtype == "float32" else "bf16",
        f"{theirs:,.1f} ({best})",
        f"{mine:,.1f}",
        f"{mine / theirs:.2f}",
        f"{AIMS[kind]:g}" if kind in AIMS else "",
        " / ".join(f"{apart(found, truth):.1g}" for found in scores.values()),
        " / ".join(f"{ties(found)}" for found in scores.values()),
    )


def main() -> None:
    """Print the table."""
    import torch

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    table = Table(
        title=f"Option scoring, items a second: Qwen3 shape of 58M parameters, questions of {QUESTION} tokens, "
        f"4 options ({where}; aim: {AIMS['continuation']:g} times the harness on continuation, "
        f"{AIMS['letters']:g} on letters)",
        title_justify="left",
    )
    for column in ("options", "dtype", "harness (batch)", "afya", "times", "aim", "off by, nats", "ties"):
        table.add_column(column, justify="left" if column in ("options", "dtype") else "right")
    for kind in (*AIMS, ROTATED):
        for dtype in ("float32", "bfloat16"):
            table.add_row(*measure(kind, dtype, device))
    Console().print(table)


if __name__ == "__main__":
    main()

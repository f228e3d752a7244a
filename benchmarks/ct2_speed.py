"""How much faster a translation model runs through CTranslate2 in int8 than through transformers in float32.

One model of the shape of OPUS-MT base (Marian: 6 + 6 layers of 512, feed-forward 2,048, 8 heads, 58,101 pieces; random
weights, which cost what trained ones do), both engines on one core, greedy, made to write the same number of tokens.
Time is the processor's, and rounds alternate between the engines, so that other work on the machine counts little; the
middle of the rounds counts.

One sentence at a time means one row against every matrix at each step: half the work is the projection to the 58,101
pieces. Where CTranslate2 has no MKL kernels (AMD processors) it multiplies int8 through oneDNN, which for a single row
reads weights at less than half the speed of float32: a quarter of the bytes then gives less than four times the speed.
CT2_USE_MKL=1 on such a processor makes int8 some forty times slower.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from afya.translation import ct2, hf
from afya.translation.neural import Row

VOCABULARY = 58_101
SOURCE_TOKENS = (12, 40)
WRITTEN = 30
BATCH = 32
SENTENCES = 32
ROUNDS = 5
SINGLES = 2
AIMS = {"batches": 3.0, "one sentence": 8.0}


def make_model(folder: Path) -> Path:
    """A Marian model of OPUS-MT's base shape with random weights, and a tokenizer with as many pieces."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir()
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["A child with fever drinks water.", "Mtoto mwenye homa anakunywa maji."] * 20),
        model_writer=trained,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(trained.getvalue())
    names = ["</s>", "<unk>", *(f"piece{number}" for number in range(VOCABULARY - 3)), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}), "utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "MarianTokenizer", "source_lang": "eng", "target_lang": "swa"}), "utf-8"
    )
    torch.manual_seed(0)
    shape: Any = MarianConfig
    model = MarianMTModel(
        shape(
            vocab_size=VOCABULARY,
            d_model=512,
            encoder_layers=6,
            decoder_layers=6,
            encoder_attention_heads=8,
            decoder_attention_heads=8,
            encoder_ffn_dim=2048,
            decoder_ffn_dim=2048,
            max_position_embeddings=512,
            activation_function="swish",
            scale_embedding=True,
            pad_token_id=VOCABULARY - 1,
            eos_token_id=0,
            forced_eos_token_id=None,
            decoder_start_token_id=VOCABULARY - 1,
        )
    )
    model.save_pretrained(folder)
    return folder


def make_rows() -> list[Row]:
    """Sentences of SOURCE_TOKENS random pieces, longest first, as both engines order them."""
    draw = Random(0)
    lengths = sorted((draw.randint(*SOURCE_TOKENS) for _ in range(SENTENCES)), reverse=True)
    return [Row([*(f"piece{draw.randrange(VOCABULARY - 3)}" for _ in range(length)), "</s>"], []) for length in lengths]


def run_fast(engine: Any, rows: list[Row]) -> int:
    """Tokens that CTranslate2 wrote for a batch."""
    results = engine.decoder.translator.translate_batch(
        [row.source for row in rows],
        beam_size=1,
        max_input_length=0,
        min_decoding_length=WRITTEN,
        max_decoding_length=WRITTEN,
        return_scores=True,
    )
    return sum(len(result.hypotheses[0]) for result in results)


def run_slow(engine: Any, rows: list[Row]) -> int:
    """Tokens that transformers wrote for a batch."""
    import torch

    numbers, pad = engine.pieces.vocabulary, VOCABULARY - 1
    width = max(len(row.source) for row in rows)
    sources = [[numbers[token] for token in row.source] for row in rows]
    inputs = torch.tensor([source + [pad] * (width - len(source)) for source in sources])
    with torch.inference_mode():
        written = engine.decoder.model.generate(
            input_ids=inputs,
            attention_mask=(inputs != pad).long(),
            min_new_tokens=WRITTEN,
            max_new_tokens=WRITTEN,
        )
    return int(written.shape[0] * (written.shape[1] - 1))


def in_batches(run: Callable[[Any, list[Row]], int], engine: Any, rows: list[Row]) -> float:
    """Tokens written a second of processor time, in batches."""
    started = time.process_time()
    written = sum(run(engine, rows[first : first + BATCH]) for first in range(0, len(rows), BATCH))
    return written / (time.process_time() - started)


def one_by_one(run: Callable[[Any, list[Row]], int], engine: Any, rows: list[Row]) -> float:
    """Tokens written a second of processor time, a sentence at a time."""
    started = time.process_time()
    written = sum(run(engine, [row]) for row in rows[:: len(rows) // SINGLES][:SINGLES])
    return written / (time.process_time() - started)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process and its threads on one core."""
    import torch

    threads, cores = torch.get_num_threads(), os.sched_getaffinity(0)
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Tokens a processor-second by engine and by way of asking: the middle of the rounds."""
    with one_core():
        engines: dict[str, tuple[Callable[[Any, list[Row]], int], Any]] = {
            "transformers float32": (run_slow, hf.load(str(folder), {"device": "cpu", "threads": 1}))
        }
        for kind in ("float32", "int8"):
            options = {"device": "cpu", "threads": 1, "compute_type": kind}
            engines[f"CTranslate2 {kind}"] = (run_fast, ct2.load(str(folder), options))
        rows = make_rows()
        speeds: dict[str, dict[str, list[float]]] = {name: {way: [] for way in AIMS} for name in engines}
        for run, engine in engines.values():
            run(engine, rows[-2:])
        for _ in range(ROUNDS):
            for name, (run, engine) in engines.items():
                speeds[name]["batches"].append(in_batches(run, engine, rows))
                speeds[name]["one sentence"].append(one_by_one(run, engine, rows))
    return {name: {way: statistics.median(found) for way, found in ways.items()} for name, ways in speeds.items()}


def main() -> None:
    """Print the table."""
    with TemporaryDirectory() as folder:
        kept = os.environ.get("AFYA_CACHE")
        os.environ["AFYA_CACHE"] = folder
        try:
            speeds = measure(make_model(Path(folder) / "opus-mt-base-shape"))
        finally:
            if kept is None:
                del os.environ["AFYA_CACHE"]
            else:
                os.environ["AFYA_CACHE"] = kept
    table = Table(
        title=f"OPUS-MT base shape, one core, {WRITTEN} tokens written a sentence "
        f"(aim: {AIMS['batches']:g} times in batches of {BATCH}, {AIMS['one sentence']:g} times for one sentence)"
    )
    table.add_column("engine")
    for way in AIMS:
        table.add_column(f"{way}, tokens/CPU-s", justify="right")
        table.add_column("times", justify="right")
    base = speeds["transformers float32"]
    for name, ways in speeds.items():
        cells = [cell for way in AIMS for cell in (f"{ways[way]:,.0f}", f"{ways[way] / base[way]:.1f}")]
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()

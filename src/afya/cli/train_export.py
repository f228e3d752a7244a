"""`afya train export` and `afya train extend-tokenizer`: models leave, and learn to read a language in fewer tokens."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What a model can be exported as."""

    SAFETENSORS = "safetensors"
    CT2 = "ct2"
    GGUF = "gguf"


def export(
    what: Annotated[
        Path, typer.Argument(help="A finished run's folder (its last stage), a stage's or model's folder, or adapters.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The new folder to write.")],
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.SAFETENSORS,
    stored: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="How weights are stored. safetensors: float32, bfloat16, float16 (default: as they are); ct2: int8 "
            "(default), int8_bfloat16, int8_float16, bfloat16, float16, float32; gguf: q8_0 (default), f16, bf16, f32.",
        ),
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="The model that adapters belong to, if their own note is not enough.")
    ] = None,
    bench: Annotated[
        list[Path] | None, typer.Option("--bench", help="A benchmark run whose figures the card shows; repeatable.")
    ] = None,
    llama_cpp: Annotated[
        Path | None, typer.Option("--llama-cpp", help="llama.cpp's source folder, for gguf (else $AFYA_LLAMA_CPP).")
    ] = None,
) -> None:
    """Export a trained model; it is published only if it says what its source says.

    The same prompts in twelve languages go to both: greedy replies and the probabilities of answers are compared,
    within tolerances that the card states. Writes the model, README.md (the card) and export.json.
    """
    from rich.console import Console

    from afya.cli.tables import plain, table_of
    from afya.training.exporting import export as run_export

    told = Console(stderr=True, highlight=False)
    done = run_export(
        what,
        format.value,
        out,
        stored=stored,
        base=base,
        bench=bench or (),
        llama_cpp=llama_cpp,
        tell=lambda text: told.print(text, markup=False),
    )
    parity = done.parity
    table = table_of(
        "compared with its source", "found", "allowed", title=f"{done.folder}: {format.value}, {done.stored}"
    )
    table.add_row(*plain("replies that are the same", f"{parity.replies_same} of {parity.replies}", ""))
    table.add_row(*plain("where they part (nats)", f"{parity.gap:.3g}", f"{parity.tolerance.gap:g}"))
    table.add_row(*plain("options, mean (nats a token)", f"{parity.mean:.2g}", f"{parity.tolerance.mean:g}"))
    table.add_row(*plain("options, largest", f"{parity.most:.2g}", f"{parity.tolerance.most:g}"))
    console = Console(highlight=False)
    console.print(table)
    for note in parity.notes:
        console.print(note, markup=False)
    console.print(f"Published in {done.folder} ({done.size / 1e6:,.1f} MB); README.md there is its card.", markup=False)


def extend_tokenizer(
    model: Annotated[Path, typer.Argument(help="The model's folder (Hugging Face layout, safetensors).")],
    text: Annotated[Path, typer.Option("--text", help="Text of the language: a UTF-8 file, or a dataset folder.")],
    lang: Annotated[str, typer.Option("--lang", help="The language's code, such as yo.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The new model folder to write.")],
    pieces: Annotated[int, typer.Option("--pieces", min=1, help="How many pieces to add.")] = 2_000,
    both_forms: Annotated[
        bool, typer.Option("--both-forms", help="Learn each text composed (NFC) and decomposed (NFD).")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Which texts are held out for measuring.")] = 0,
) -> None:
    """Add pieces for one language to a model's tokenizer, so that its words take fewer tokens; then train the model.

    Each new piece starts as the mean of the old pieces it replaces. Text without new pieces is read as before. The
    model can no longer be exported to GGUF.
    """
    from rich.console import Console

    from afya.cli.tables import plain, table_of
    from afya.training.weights.extend import extend

    done = extend(model, text, lang, out, pieces=pieces, both_forms=both_forms, seed=seed)
    table = table_of(
        *("spelling", "tokens a word before", "after", "after / before", "95% interval", "texts", "words"),
        title=f"{out}: {done.pieces:,} pieces for {lang}, measured on texts they were not learned from",
    )
    for row in done.measured:
        told = (f"{row.before:.3f}", f"{row.after:.3f}", f"{row.ratio:.3f}", f"{row.low:.3f} to {row.high:.3f}")
        table.add_row(*plain(row.form, *told, f"{row.texts:,}", f"{row.words:,}"))
    console = Console(highlight=False)
    console.print(table)
    for note in done.notes:
        console.print(note, markup=False)

"""The export of a model: written under a temporary name, compared with its source, published only if it says the same.

safetensors   adapters merged; for afya (hf:FOLDER) and everything that reads the Hugging Face layout
ct2           CTranslate2, int8 by default: a quarter of float32, quick on CPUs
gguf          llama.cpp's format, through the user's llama.cpp
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from afya.errors import ConfigError, EngineError, RunError
from afya.models.adapters import Source, find_source
from afya.runs import write_json
from afya.training.atomic import atomic_folder
from afya.training.exporting import ct2, gguf
from afya.training.exporting.asking import Checked, Expected, SafetensorsChecked, ask_source
from afya.training.exporting.export_card import Origin, bench_tables, export_card
from afya.training.exporting.parity import Parity, compare, refuse
from afya.training.exporting.probes import Stored, probes
from afya.training.exporting.source import (
    LEGAL_FILES,
    TOKENIZER_FILES,
    Reference,
    copy_files,
    load_reference,
)
from afya.training.exporting.weights import PRECISIONS, Precision, save_weights, stored_precision, write_weights

Format = Literal["safetensors", "ct2", "gguf"]
FORMATS: tuple[Format, ...] = get_args(Format)

# How a format may store its weights (first: by default), and by which tolerance each is judged.
_STORED: dict[Format, dict[str, Stored]] = {
    "safetensors": {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"},
    "ct2": {
        "int8": "int8",
        "int8_bfloat16": "int8",
        "int8_float16": "int8",
        "bfloat16": "bfloat16",
        "float16": "float16",
        "float32": "float32",
    },
    "gguf": {"q8_0": "q8_0", "f16": "float16", "bf16": "bfloat16", "f32": "float32"},
}


@dataclass(frozen=True)
class Exported:
    """A published export: its folder, the comparison it passed, and its size in bytes."""

    folder: Path
    format: Format
    stored: str
    parity: Parity
    size: int


def export(
    what: Path,
    format: Format,
    out: Path,
    *,
    stored: str | None = None,
    base: str | None = None,
    bench: Sequence[Path] = (),
    llama_cpp: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Export a run's last stage, a model folder or adapters into the new folder `out`.

    Args:
        stored: how the weights are stored: float32, bfloat16, float16 (safetensors; by default as they are), int8 and
            others (ct2), q8_0, f16, bf16, f32 (gguf).
        base: the model that adapters belong to, where their own note does not lead to it.
        bench: run folders of the benchmark whose figures the card shall show.
        llama_cpp: llama.cpp's folder, for gguf.
        tell: is told what is going on.

    Raises:
        ParityError: the export does not say what its source says; nothing was published.
        ConfigError, RunError: what is asked cannot be; EngineError: a model cannot be loaded or converted;
        MissingDependencyError: a library or program is missing.
    """
    out = Path(out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is not empty.", hint="Choose a new folder, or remove this one.")
    source = find_source(what, base)
    chosen = _chosen(source, format, stored)
    tools = None
    if format == "gguf":
        gguf.check_base_tokenizer(source)
        tools = gguf.find_llama_cpp(llama_cpp)
    if format == "ct2":
        ct2.check_architecture(source.config(), source.base)
    tables = bench_tables(bench, source)
    asked = probes()
    tell(f"Loading {source.name} and asking it {len(asked.prompts)} prompts.")
    reference = load_reference(source)
    engine = reference.engine
    parameters = sum(weight.numel() for weight in engine.model.parameters()) - _adapter_parameters(reference)
    origin = Origin(source, engine.identity.sha256, parameters, tables)
    expected = ask_source(engine, asked.prompts, asked.greedy_tokens)
    tokenizer: Any = engine.tokenizer
    del engine
    with atomic_folder(out) as folder:
        tell(f"Writing {format} ({chosen}).")
        notes: list[str] = []
        if format == "safetensors":
            write_weights(source, reference, folder, _precision(chosen))
        else:
            merged = _merged(source, reference, folder.parent)
            # A large model does not lie in memory twice.
            del reference
            with merged or nullcontext(str(source.base)) as place:
                weights = Path(place)
                if format == "ct2":
                    notes += _write_ct2(source, weights, tokenizer, folder, chosen)
                elif tools is not None:
                    gguf.convert(tools, weights, folder / f"{source.name}-{chosen}.gguf", chosen)
                    copy_files(source.base, folder, LEGAL_FILES)
        tell("Asking the export the same.")
        context = 1 + asked.greedy_tokens + _longest(expected)
        with closing(_load(format, folder, source, tools, context)) as checked:
            problems = _template_problems(checked, expected, tokenizer, notes)
            tolerance = asked.tolerances[_STORED[format][chosen]]
            parity = compare(
                expected,
                checked,
                _STORED[format][chosen],
                tolerance,
                asked.greedy_tokens,
                spell=lambda ids: str(tokenizer.decode(list(ids))),
                notes=notes,
                problems=problems,
            )
        refuse(parity, f"{out}: the {format} export of {source.name}")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        described = {"format": format, "stored": chosen, "source": source.name, "source_sha256": origin.sha256}
        write_json(folder / "export.json", {**described, "parity": parity.described()})
        card = export_card(origin, format, chosen, size, parity)
        (folder / "README.md").write_text(card, encoding="utf-8")
    return Exported(out, format, chosen, parity, size)


def _chosen(source: Source, format: Format, stored: str | None) -> str:
    if format not in _STORED:
        raise ConfigError(f"There is no export format '{format}'.", hint=f"It can be {', '.join(FORMATS)}.")
    if stored is None:
        return stored_precision(source) if format == "safetensors" else next(iter(_STORED[format]))
    if stored not in _STORED[format]:
        raise ConfigError(
            f"Weights cannot be stored as '{stored}' in {format}.", hint=f"They can be: {', '.join(_STORED[format])}."
        )
    return stored


def _precision(text: str) -> Precision:
    return next(known for known in PRECISIONS if known == text)


def _adapter_parameters(reference: Reference) -> int:
    if reference.adapted is None:
        return 0
    return sum(weight.numel() for name, weight in reference.adapted.named_parameters() if ".lora_" in name)


def _merged(source: Source, reference: Reference, place: Path) -> tempfile.TemporaryDirectory[str] | None:
    """A temporary folder beside the target (it may be large) with the adapters merged; None where there are none.

    In float32, so that the weights are rounded once, by the converter.
    """
    if not source.adapters:
        return None
    made = tempfile.TemporaryDirectory(prefix=".merged-", dir=place)
    folder = Path(made.name)
    save_weights(reference.merged(), folder, "float32")
    copy_files(source.tokenizer, folder, TOKENIZER_FILES)
    return made


def _write_ct2(source: Source, weights: Path, tokenizer: Any, folder: Path, quantization: str) -> list[str]:
    """Convert into the folder and bring the tokenizer; returns what users must know."""
    import shutil

    made = folder / ".ct2"
    ct2.convert(weights, tokenizer, made, quantization)
    for file in made.iterdir():
        file.rename(folder / file.name)
    shutil.rmtree(made)
    copy_files(source.base, folder, LEGAL_FILES)
    copy_files(source.tokenizer, folder, TOKENIZER_FILES)
    window = ct2.window_of(source.config())
    return [] if window is None else [ct2.window_note(window)]


def _load(format: Format, folder: Path, source: Source, tools: gguf.LlamaCpp | None, context: int) -> Checked:
    if format == "safetensors":
        return SafetensorsChecked(folder)
    if format == "ct2":
        return ct2.Ct2Checked(folder, ct2.window_of(source.config()))
    if tools is None:
        raise EngineError("A GGUF file cannot be compared without llama.cpp.")
    return gguf.GgufChecked(next(folder.glob("*.gguf")), tools, context)


def _longest(expected: Expected) -> int:
    return max(len(question.ids) + max(map(len, question.option_ids)) for question in expected.questions)


def _template_problems(checked: Checked, expected: Expected, tokenizer: Any, notes: list[str]) -> list[str]:
    """Where a server renders messages itself, it must come to the tokens that training used."""
    if not isinstance(checked, gguf.GgufChecked):
        return []
    if not tokenizer.chat_template:
        notes.append(
            "The model has no chat template: give llama.cpp whole texts (/completion); its chat interface would wrap "
            "them in a template that the model has never seen."
        )
        return []
    for question, probe in zip(expected.questions, probes().prompts, strict=True):
        read = checked.reads_messages(probe.request().prompt)
        if read != list(question.ids):
            there, here = (tokenizer.decode(ids)[:80] for ids in (read, list(question.ids)))
            return [
                f"prompt in {question.lang}: as a chat message llama.cpp reads {there!r} ({len(read)} tokens), "
                f"training {here!r} ({len(question.ids)} tokens)"
            ]
    return []

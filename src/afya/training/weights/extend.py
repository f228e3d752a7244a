"""A model that reads one more language in fewer tokens: pieces added, embeddings begun as the old pieces' means.

The model says of any text without new pieces what it said before; with new pieces it says something only once it has
been trained on the language again. It cannot be exported to GGUF any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from afya.errors import EngineError, RunError, require
from afya.languages import language
from afya.models.adapters import Source, find_source
from afya.runs import read_json, write_json
from afya.training.atomic import atomic_folder
from afya.training.card import GENERAL_LIMITS
from afya.training.exporting.export_card import extension_section, own_card
from afya.training.exporting.probes import probes
from afya.training.exporting.source import EXTENSION_KEY, LEGAL_FILES, TOKENIZER_FILES, copy_files, extension_of
from afya.training.exporting.weights import stored_precision
from afya.training.weights.extend_measure import Fertility, fertility, read_texts, split_texts
from afya.training.weights.extend_pieces import Extension, learn_pieces

# Files of the older tokenizers beside tokenizer.json; they would contradict it.
_OLDER = ("vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "added_tokens.json", "tekken.json")


@dataclass(frozen=True)
class Extended:
    """An extended model: its folder, how many pieces were added, what they save, and what to know besides."""

    folder: Path
    pieces: int
    measured: tuple[Fertility, ...]
    notes: tuple[str, ...]


def extend(
    model: Path, text: Path, lang: str, out: Path, *, pieces: int = 2_000, both_forms: bool = False, seed: int = 0
) -> Extended:
    """Add pieces for `lang` to the tokenizer of a model folder, and write the model into the new folder `out`.

    Args:
        text: a UTF-8 file, a text a line, or a dataset folder.
        both_forms: learn each text composed (NFC) and decomposed (NFD); by default as it is written.
        seed: which tenth of the texts is held out for measuring.

    Raises:
        ConfigError, DataError: too little text, an unknown language; RunError: `out` is not empty.
        EngineError: the model cannot be loaded, or its tokenizer cannot be extended.
    """
    require("tokenizers", "local", "Extending a tokenizer")
    language(lang)
    out = Path(out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is not empty.", hint="Choose a new folder, or remove this one.")
    source = find_source(model)
    _check(source)
    learned, held = split_texts(read_texts(text, lang), seed)
    file = source.base / "tokenizer.json"
    content = read_json(file)
    spelled = [form for one in learned for form in (_forms(one) if both_forms else (one,))]
    extension = learn_pieces(content, spelled, pieces, str(file))
    before, after = _counter(content), _counter(extension.content)
    measured = fertility(held, before, after)
    notes = _other_languages(before, after, lang)
    loaded, precision = _load(source)
    grow(loaded, extension.made_of)
    told = {
        "lang": lang,
        "pieces": len(extension.made_of),
        "base": source.name,
        "measured": [asdict(row) for row in measured],
    }
    setattr(loaded.config, EXTENSION_KEY, told)
    with atomic_folder(out) as folder:
        loaded.to(precision).save_pretrained(folder)
        copy_files(source.base, folder, (*LEGAL_FILES, *TOKENIZER_FILES))
        for name in _OLDER:
            (folder / name).unlink(missing_ok=True)
        write_json(folder / "tokenizer.json", extension.content)
        _check_saved(folder, extension, held[:20] + learned[:20])
        (folder / "README.md").write_text(_card(source, told, notes), encoding="utf-8")
    return Extended(out, len(extension.made_of), tuple(measured), tuple(notes))


def grow(model: Any, made_of: Mapping[int, tuple[int, ...]]) -> None:
    """Give a loaded model rows for new pieces, input and output: each the mean of the rows of the pieces it is made of.

    Args:
        made_of: by the new piece's number, the numbers of old pieces.
    """
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    if max(made_of) >= rows:
        model.resize_token_embeddings(max(made_of) + 1, mean_resizing=False)
    tables = [model.get_input_embeddings(), model.get_output_embeddings()]
    done: set[int] = set()
    with torch.no_grad():
        for table in tables:
            if table is None or table.weight.data_ptr() in done:
                continue
            done.add(table.weight.data_ptr())
            for values in (table.weight, getattr(table, "bias", None)):
                if values is None:
                    continue
                for number, parts in made_of.items():
                    values[number] = values[list(parts)].float().mean(0).to(values.dtype)


def _check(source: Source) -> None:
    if source.adapters:
        raise EngineError(
            f"{source.folder}: adapters cannot be extended.", hint="Merge them first with: afya train export"
        )
    if not (source.base / "tokenizer.json").is_file():
        raise EngineError(f"{source.base}: tokenizer.json is missing; only tokenizers in this form can be extended.")
    if extension_of(source) is not None:
        raise EngineError(
            f"{source.base}: its tokenizer was extended already.",
            hint="Extend the base model once more, with the texts of all languages in one file.",
        )


def _load(source: Source) -> tuple[Any, Any]:
    require("transformers", "local", "Extending a tokenizer")
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as library_logging

    quiet: Any = library_logging.disable_progress_bar
    quiet()
    precision = getattr(torch, stored_precision(source))
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.base, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=precision
        )
    except Exception as error:  # the library raises whatever its readers raise
        first = str(error).strip().partition("\n")[0]
        raise EngineError(f"{source.base}: the model cannot be loaded ({type(error).__name__}: {first}).") from error
    return model, precision


def _forms(text: str) -> tuple[str, ...]:
    from unicodedata import normalize

    return tuple(dict.fromkeys((normalize("NFC", text), normalize("NFD", text))))


def _counter(content: Mapping[str, Any]) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(content))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _other_languages(before: Any, after: Any, lang: str) -> list[str]:
    """Which other languages' questions are read in other tokens now, on the fixed prompts of the parity test."""
    changed = []
    for probe in probes().prompts:
        texts = (probe.question, *probe.options)
        old, new = sum(map(before, texts)), sum(map(after, texts))
        if probe.lang != lang and old != new:
            changed.append(f"{probe.lang} {old} to {new}")
    if not changed:
        return ["No fixed prompt of another language is read otherwise than before."]
    return [f"New pieces arise in other languages too (tokens of a fixed prompt): {', '.join(changed)}."]


def _check_saved(folder: Path, extension: Extension, texts: list[str]) -> None:
    """The tokenizer as the library loads it must read as it was measured."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    loaded: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    meant = Tokenizer.from_str(json.dumps(extension.content))
    for text in texts:
        read = loaded(text, add_special_tokens=False)["input_ids"]
        if read != meant.encode(text, add_special_tokens=False).ids:
            raise EngineError(
                f"{folder.name}: the library loads the extended tokenizer otherwise than it was written (text "
                f"'{text[:40]}').",
                hint="This kind of tokenizer cannot be extended with the installed version of transformers.",
            )


def _card(source: Source, told: Mapping[str, Any], notes: list[str]) -> str:
    import yaml

    header, _ = own_card(source)
    header = {"license": "other", "library_name": "transformers", "pipeline_tag": "text-generation"} | header
    spoken = header.get("language")
    langs = [spoken] if isinstance(spoken, str) else list(spoken or [])
    header["language"] = list(dict.fromkeys([*langs, str(told["lang"])]))
    header["base_model"] = source.name
    header["tags"] = ["afya", "medical", "not-for-clinical-use", "extended-tokenizer"]
    parts = [
        f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---",
        f"# {source.name}, tokenizer extended for {language(str(told['lang'])).name}",
        f"{source.name} with pieces added to its tokenizer. **It has not been trained since:** each new piece starts "
        "as the mean of the pieces it replaces, and means little until the model is trained on the language.",
        extension_section(told),
        "\n".join(f"- {note}" for note in notes),
        GENERAL_LIMITS,
    ]
    return "\n\n".join(parts) + "\n"

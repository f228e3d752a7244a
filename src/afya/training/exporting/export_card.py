"""The model card of an export: the training card of its source, benchmark figures, what was exported, and parity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya import __version__
from afya.errors import ConfigError
from afya.languages import language, registry
from afya.models.adapters import ADAPTER_CONFIG, BASE_KEY, Source, find_source
from afya.runs import read_json
from afya.training.card import GENERAL_LIMITS, LIMITS, PROOF_TITLE
from afya.training.exporting.parity import Parity
from afya.training.exporting.source import extension_of

if TYPE_CHECKING:
    import polars as pl

_HEADER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_LIMITS_TITLE = re.compile(r"^## Limits\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_TAGS = ("afya", "medical", "not-for-clinical-use")
_BENCH = "bench run"
_UNFILLED = "[More Information Needed]"
_EXTENDED = "## Extended tokenizer"


@dataclass(frozen=True)
class BenchTable:
    """A benchmark run's figures for the exported model and for the models of the same training run before it.

    `rows`: as `afya.bench.analysis.summary.summarise` gives them, `label` being "this model" or an earlier stage's
    name.
    """

    run: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Origin:
    """What the card says of the exported model: source, hash, parameters, benchmark figures."""

    source: Source
    sha256: str
    parameters: int
    tables: Sequence[BenchTable] = ()


def bench_tables(told: Sequence[Path], source: Source) -> list[BenchTable]:
    """Figures of the source from the benchmark runs named, and from those that lie in its training run's folder.

    A run's models are recognised by the hash of their weights, configuration and tokenizer, not by name.

    Raises ConfigError for a named run in which the source was not measured.
    """
    models = _known_models(source)
    tables = []
    for run in told:
        table = _table(Path(run).expanduser(), models)
        if table is None:
            raise ConfigError(
                f"{run}: this model was not measured in that run (models are told apart by the hash of their files).",
                hint=f"Measure it with: afya bench run --model hf:{source.folder}",
            )
        tables.append(table)
    found = (
        []
        if source.run is None
        else sorted([*source.run.glob("*/scores.parquet"), *source.run.glob("*/*/scores.parquet")])
    )
    tables += [table for file in found if (table := _table(file.parent, models)) is not None]
    return tables


def _known_models(source: Source) -> dict[str, str]:
    """Labels by hash: the source, and the stages of its run before it."""
    known: dict[str, str] = {}
    if source.run is not None:
        stages = (read_json(source.run / "manifest.json").get("recipe") or {}).get("stages") or []
        names = ["start", *(str(stage.get("name")) for stage in stages)]
        for name in names:
            folder = source.run / name
            if (folder / "config.json").is_file() or (folder / ADAPTER_CONFIG).is_file():
                known[find_source(folder).sha256()] = "before training" if name == "start" else f"after {name}"
    known[source.sha256()] = "this model"
    return known


def _table(run: Path, models: Mapping[str, str]) -> BenchTable | None:
    if not (run / "scores.parquet").is_file() or not (run / "manifest.json").is_file():
        return None
    manifest = read_json(run / "manifest.json")
    if manifest.get("command") != _BENCH:
        return None
    asked = {str(model["name"]): str(model["sha256"]) for model in (manifest.get("recipe") or {}).get("models") or []}
    labels = {name: models[sha] for name, sha in asked.items() if sha in models}
    if "this model" not in labels.values():
        return None
    import polars as pl

    from afya.bench.analysis.summary import read_scores, summarise

    rows = summarise(read_scores([run])).filter(pl.col("model").is_in(list(labels)))
    return BenchTable(run.resolve().name, rows.with_columns(label=pl.col("model").replace_strict(labels)))


# The text ------------------------------------------------------------------------------------------------------------


def export_card(origin: Origin, format: str, stored: str, size: int, parity: Parity) -> str:
    """The card's text. What the source's own card says of data, licences and languages is carried over whole."""
    header, body = own_card(origin.source)
    body = _LIMITS_TITLE.sub("", body).strip()
    limits = LIMITS if body and origin.source.run is not None else GENERAL_LIMITS
    if not body:
        body = (
            f"# {origin.source.name}\n\n{origin.parameters:,} parameters. The model came without a card: what it was "
            "trained on, and under which licences, is not known here."
        )
    sections = [
        _header(origin, header, format),
        body,
        # The proof of the run that trained it stands in the model's own card.
        "" if PROOF_TITLE in body and not origin.tables else "\n".join(_benchmark(origin.tables)),
        "\n".join(_export_section(origin, format, stored, size, parity)),
        limits,
    ]
    extension = extension_of(origin.source)
    if extension is not None and _EXTENDED not in body:
        sections.insert(-1, extension_section(extension))
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


def own_card(source: Source) -> tuple[dict[str, Any], str]:
    import yaml

    for folder in dict.fromkeys((source.folder, source.base)):
        if (folder / "README.md").is_file():
            text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
            found = _HEADER.match(text)
            try:
                told = yaml.safe_load(found[1]) if found else {}
            except yaml.YAMLError:
                told = {}
            body = text[found.end() :] if found else text
            # PEFT leaves a form that nobody filled in.
            return (told if isinstance(told, dict) else {}), "" if _UNFILLED in body else body
    return {}, ""


def _header(origin: Origin, own: Mapping[str, Any], format: str) -> str:
    import yaml

    source = origin.source
    header: dict[str, Any] = {"license": "other", "library_name": "transformers", "pipeline_tag": "text-generation"}
    header |= dict(own)
    header["library_name"] = {"safetensors": "transformers", "ct2": "ctranslate2", "gguf": "gguf"}[format]
    told = own.get("tags")
    kept = [str(tag) for tag in told if ":" not in str(tag)] if isinstance(told, list) else []
    header["tags"] = list(dict.fromkeys([*kept, *_TAGS, format]))
    if source.adapters:
        header["base_model"] = str(read_json(source.adapters[0] / ADAPTER_CONFIG).get(BASE_KEY))
        header["base_model_relation"] = "finetune"
        if header["base_model"].startswith("."):
            # The run made the base itself; no reader can find it.
            del header["base_model"], header["base_model_relation"]
    if Path(str(header.get("base_model", ""))).is_absolute():
        # A place on somebody's disk means nothing to a reader.
        header["base_model"] = Path(str(header["base_model"])).name
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---"


def _benchmark(tables: Sequence[BenchTable]) -> Iterator[str]:
    yield "## Measured"
    yield ""
    if not tables:
        yield "No benchmark run of this model was at hand. What it can do in any language is not known."
        return
    known = registry()
    for table in tables:
        yield f"From the benchmark run `{table.run}`. Intervals are 95%, and know about items in several languages."
        yield ""
        yield "| task | setting | language | model | accuracy | 95% interval | n | chance | no answer |"
        yield "|---|---|---|---|---:|---|---:|---:|---:|"
        rows = sorted(
            table.rows.iter_rows(named=True),
            key=lambda row: (
                row["task"],
                row["setting"],
                row["lang"] != "all",
                row["lang"],
                row["label"] == "this model",
            ),
        )
        for row in rows:
            lang = f"{known[row['lang']].name} ({row['lang']})" if row["lang"] in known else row["lang"]
            told = [row["task"], row["setting"], lang, row["label"], _percent(row["accuracy"])]
            told += [f"{_percent(row['low'])} to {_percent(row['high'])}", f"{row['n']:,}"]
            told += [_percent(row["chance"]), _percent(row["non_answer_rate"])]
            yield "| " + " | ".join(told) + " |"
        yield ""


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _export_section(origin: Origin, format: str, stored: str, size: int, parity: Parity) -> Iterator[str]:
    source, allowed = origin.source, parity.tolerance
    yield "## This export"
    yield ""
    merged = f", {len(source.adapters)} set(s) of adapters merged" if source.adapters else ""
    yield (
        f"Exported by afya {__version__} as {format}, weights stored as {stored}{merged}: {origin.parameters:,} "
        f"parameters, {size / 1e6:,.1f} MB. Source: {source.name}, sha256 {origin.sha256[:16]}. The tokenizer's files "
        "are unchanged."
    )
    yield ""
    langs = ", ".join(language(code).name for code in parity.langs)
    yield (
        f"Before publication it was asked the same as its source in float32: {parity.replies} prompts ({langs}). All "
        "differences are in nats; those of options are of an option's mean over its tokens."
    )
    yield ""
    yield "| compared | found | allowed |"
    yield "|---|---:|---:|"
    yield f"| greedy replies that are the same, token for token | {parity.replies_same} of {parity.replies} | |"
    yield f"| where they part: probability lost by the export's token | {parity.gap:.3g} | {allowed.gap:g} |"
    yield f"| {parity.options} options' log-probabilities: mean difference | {parity.mean:.2g} | {allowed.mean:g} |"
    yield f"| largest difference | {parity.most:.2g} | {allowed.most:g} |"
    yield f"| questions whose most probable option changed | {parity.changed_choices} of {parity.replies} | |"
    if parity.notes:
        yield ""
        yield from (f"- {note}" for note in parity.notes)


def extension_section(extension: Mapping[str, Any]) -> str:
    """What a card says of a tokenizer that was extended."""
    lang = language(str(extension["lang"])).name
    lines = [
        _EXTENDED,
        "",
        f"{extension['pieces']:,} pieces for {lang} ({extension['lang']}) were added to the base tokenizer. Text "
        "without any of them is read as the base tokenizer reads it.",
        "",
        "| spelling | tokens a word before | after | after / before | 95% interval | texts | words |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    lines += [
        f"| {row['form']} | {row['before']:.3f} | {row['after']:.3f} | {row['ratio']:.3f} | {row['low']:.3f} to "
        f"{row['high']:.3f} | {row['texts']:,} | {row['words']:,} |"
        for row in extension["measured"]
    ]
    lines += [
        "",
        "Counted on texts that the pieces were not learned from. **No GGUF:** llama.cpp recognises a tokenizer by the "
        "base model's, so this model cannot be converted to GGUF.",
    ]
    return "\n".join(lines)

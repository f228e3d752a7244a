"""Logs of well-known evaluation tools, recognised by their content and read without those tools.

    inspect_ai            .json logs and .eval archives of JSON
    lm-evaluation-harness samples_TASK_TIME.jsonl, in the folder of its model
    HELM                  scenario_state.json; per_instance_stats.json, display_predictions.json, instances.json
    OpenCompass           results with 'details' by number
    OpenAI evals          .jsonl of events
    simple-evals          allresults.json (conversations beside scores)

A row of such a log keeps its own columns and has what was recognised under '@id', '@reply' and so on, which --column
overrides. Everything else is read as a table of rows (afya.models.reply_files).
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from afya.bench.imports.fields import OWN
from afya.bench.imports.lookup import Row, look_up
from afya.bench.imports.values import LATIN, MOST, language_code, options_of, text_of
from afya.errors import DataError
from afya.models.reply_files import Reading, kind_of, read_rows

Placed = tuple[str, Row]
"""(place in the file, row)"""

_SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl(?:\.gz)?")
_LARGEST = 1 << 30
_HELM_VERDICTS = ("exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match")
_HTML = {
    "answer": re.compile(r"Correct Answer:\s*(.*?)\s*</p>", re.DOTALL),
    "prediction": re.compile(r"Extracted Answer:\s*(.*?)\s*</p>", re.DOTALL),
    "correct": re.compile(r"Score:\s*([\d.]+)"),
}


def read_file(path: Path, reading: Reading) -> tuple[str | None, Iterator[Placed]]:
    """(the tool whose log it is, or None; the rows). Raises DataError for a file that cannot be read."""
    if zipfile.is_zipfile(path) and path.suffix.lower() != ".xlsx":
        return "inspect_ai", _inspect_archive(path)
    if reading.rows is None and kind_of(path) == "json":
        value = _one_object(path)
        if isinstance(value, Mapping):
            for name, fits, read in _WHOLE:
                if fits(value):
                    return name, read(value, path)
    rows = read_rows(path, reading)
    first = next(rows, None)
    if first is None:
        return None, iter(())
    rows = chain([first], rows)
    if reading.rows is None:
        if "resps" in first[1] and "doc_id" in first[1]:
            return "lm-evaluation-harness", _harness(rows, path)
        if "instance_id" in first[1] and isinstance(first[1].get("stats"), list | Mapping):
            return "HELM", _helm_instances(rows, path)
        if isinstance(first[1].get("references"), list) and isinstance(first[1].get("input"), Mapping):
            return "HELM", _helm_questions(rows)
        if "event_id" in first[1] or ("spec" in first[1] and "run_id" in first[1].get("spec", {})):
            return "OpenAI evals", _openai_evals(rows)
    return None, rows


def _one_object(path: Path) -> object:
    """A file that is one JSON object and no list of them; None for anything else."""
    if path.suffix.lower() != ".json" or path.stat().st_size > _LARGEST:
        return None
    with path.open("rb") as handle:
        start = handle.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] != b"{" or not any(
        sign in start
        for sign in (
            b'"eval"',
            b'"version"',
            b'"request_states"',
            b'"adapter_spec"',
            b'"convos"',
            b'"htmls"',
            b'"score"',
        )
    ):
        return None
    try:
        value: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError):
        return None
    return value


def _named(row: Row, **found: object) -> Row:
    return {**row, **{f"{OWN}{name}": value for name, value in found.items() if value is not None}}


# inspect_ai -----------------------------------------------------------------------------------------------------------


def _inspect(log: Mapping[str, Any], path: Path) -> Iterator[Placed]:
    for number, sample in enumerate(log.get("samples") or [], start=1):
        yield f"sample {number}", _inspect_sample(sample, log["eval"])


def _inspect_archive(path: Path) -> Iterator[Placed]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(
                name for name in archive.namelist() if name.startswith("samples/") and name.endswith(".json")
            )
            header = next((name for name in ("header.json", "_journal/start.json") if name in archive.namelist()), None)
            if header is None or not names:
                raise DataError(
                    f"{path}: an archive without header.json and samples/.", hint="Unpack it and name the files."
                )
            told = json.loads(archive.read(header))["eval"]
            for name in names:
                yield name, _inspect_sample(json.loads(archive.read(name)), told)
    except NotImplementedError as error:
        raise DataError(
            f"{path}: packed in a way that Python's zipfile does not know ({error}).",
            hint="Write it as JSON: inspect log convert --to json",
        ) from None
    except (zipfile.BadZipFile, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a log of inspect_ai ({error}).") from None


def _inspect_sample(sample: Mapping[str, Any], told: Mapping[str, Any]) -> Row:
    scores = sample.get("scores") or ({"score": sample["score"]} if sample.get("score") else {})
    score: Mapping[str, Any] = next(iter(scores.values()), {}) or {}
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    asked = sample.get("input")
    if isinstance(asked, list):
        asked = next((text_of(turn.get("content")) for turn in reversed(asked) if turn.get("role") == "user"), None)
    error = sample.get("error")
    return _named(
        sample,
        id=str(sample.get("id")),
        epoch=sample.get("epoch"),
        model=told.get("model"),
        task=told.get("task_display_name") or str(told.get("task") or "").rpartition("/")[2] or None,
        lang=next((code for key in ("lang", "language") if (code := (sample.get("metadata") or {}).get(key))), None),
        question=asked,
        options=sample.get("choices"),
        answer=_target(sample.get("target")),
        reply=output.get("completion") or (text_of(choices[0].get("message")) if choices else None),
        prediction=score.get("answer"),
        correct=score.get("value"),
        finish_reason=choices[0].get("stop_reason") if choices else None,
        error=(error.get("message") if isinstance(error, Mapping) else error) or output.get("error"),
    )


def _target(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


# lm-evaluation-harness ------------------------------------------------------------------------------------------------


def _harness(rows: Iterator[Placed], path: Path) -> Iterator[Placed]:
    match = _SAMPLES.fullmatch(path.name)
    model = path.parent.name.replace("__", "/") if match else None
    for place, row in rows:
        yield place, _harness_sample(row, model, match["task"] if match else None)


def _harness_sample(row: Row, model: str | None, task: str | None) -> Row:
    doc = row["doc"] if isinstance(row.get("doc"), Mapping) else {}
    asked = _arguments(row.get("arguments"))
    resps = row.get("filtered_resps") or row["resps"]
    sums = _logprobs(resps) or _logprobs(row["resps"])
    ends = [continuation.strip() for _, continuation in asked]
    found: dict[str, object] = {}
    options: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    if sums is not None and len(sums) == len(asked) > 1:
        options = ends
        if all(len(end.strip("().")) == 1 for end in ends):
            labels = [end.strip("().") for end in ends]
            told = next((look_up(doc, name) for name in ("choices", "options", "endings") if look_up(doc, name)), None)
            read = options_of(told) if told else None
            options = read[1] if read and len(read[1]) == len(ends) else None
        found |= {"logprobs": sums, "options": list(options) if options else None, "letters": labels}
        if options is None:
            found["options"] = list(labels or [])
    target = row.get("target")
    if isinstance(target, str) and target.strip().isdigit() and labels is None:
        target = int(target)
    count = len(sums) if sums is not None else 0
    if isinstance(target, int) and not isinstance(target, bool) and target < count <= MOST:
        target = (labels or LATIN)[target]
    metric = next((name for name in ("acc", "exact_match", "em", "correct", "accuracy") if name in row), None)
    lang = next((code for name in ("lang", "language") if isinstance(code := doc.get(name), str)), None)
    if lang is None and task:
        lang = next((word for word in reversed(task.split("_")) if 2 <= len(word) <= 3 and language_code(word)), None)
    return _named(
        row,
        id=str(row["doc_id"]),
        model=model,
        task=task,
        lang=lang,
        question=next(
            (text for name in ("question", "query", "sent1", "input") if isinstance(text := doc.get(name), str)),
            asked[0][0] if asked else None,
        ),
        prompt=asked[0][0] if asked else None,
        answer=target,
        reply=None if sums is not None else text_of(row["resps"]),
        prediction=None if sums is not None or metric != "exact_match" else text_of(row.get("filtered_resps")),
        correct=row[metric] if metric else None,
        **found,
    )


def _arguments(value: Any) -> list[tuple[str, str]]:
    """(context, continuation) of each request, in the layouts of several versions."""
    entries = list(value.values()) if isinstance(value, Mapping) else list(value or [])
    pairs: list[tuple[str, str]] = []
    for entry in entries:
        parts = list(entry.values()) if isinstance(entry, Mapping) else entry
        if isinstance(parts, Sequence) and not isinstance(parts, str) and parts:
            second = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else ""
            pairs.append((str(parts[0]), second))
    return pairs


def _logprobs(resps: Any) -> list[float] | None:
    """The log-probability of each continuation; None where the replies are texts."""
    sums: list[float] = []
    for entry in resps:
        while isinstance(entry, list) and len(entry) == 1:
            entry = entry[0]
        if not isinstance(entry, list) or len(entry) != 2 or str(entry[1]) not in ("True", "False"):
            return None
        sums.append(float(entry[0]))
    return sums or None


# HELM -----------------------------------------------------------------------------------------------------------------


def _helm(state: Mapping[str, Any], path: Path) -> Iterator[Placed]:
    adapter = state.get("adapter_spec") or {}
    for number, entry in enumerate(state["request_states"], start=1):
        instance, mapping = entry.get("instance") or {}, entry.get("output_mapping") or {}
        references = instance.get("references") or []
        right = [_output(reference) for reference in references if "correct" in (reference.get("tags") or [])]
        completions = (entry.get("result") or {}).get("completions") or []
        result = entry.get("result") or {}
        yield (
            f"state {number}",
            _named(
                entry,
                id=str(instance.get("id") or number),
                epoch=entry.get("train_trial_index"),
                model=(entry.get("request") or {}).get("model") or adapter.get("model"),
                task=path.parent.name.partition(":")[0] or None,
                question=(instance.get("input") or {}).get("text"),
                prompt=(entry.get("request") or {}).get("prompt"),
                options=mapping or [_output(reference) for reference in references] or None,
                answer=[next((label for label, text in mapping.items() if text == one), one) for one in right] or None,
                reply=completions[0].get("text") if completions else None,
                error=None if result.get("success", True) else result.get("error") or "the request failed",
            ),
        )


def _helm_instances(rows: Iterator[Placed], path: Path) -> Iterator[Placed]:
    """Statistics of instances (a list), or predictions beside them (an object): exact_match is the verdict.

    The statistics are columns, so that --column correct=stats.quasi_exact_match takes another.
    """
    task, colon, told = path.parent.name.partition(":")
    model = next((part.partition("=")[2] for part in told.split(",") if part.startswith("model=")), None)
    for place, row in rows:
        stats = row["stats"]
        if isinstance(stats, list):
            stats = {
                entry["name"]["name"] if isinstance(entry["name"], Mapping) else entry["name"]: entry.get("mean")
                for entry in stats
                if not (isinstance(entry["name"], Mapping) and entry["name"].get("perturbation"))
            }
        if row.get("perturbation"):
            continue  # the same instance, changed to see whether the model is robust
        correct = next((stats[name] for name in _HELM_VERDICTS if stats.get(name) is not None), None)
        yield (
            place,
            _named(
                {**row, "stats": stats},
                id=str(row["instance_id"]),
                epoch=row.get("train_trial_index") or None,
                model=model.replace("_", "/", 1) if model else None,
                task=task if colon else None,
                reply=row.get("predicted_text"),
                prediction=row.get("mapped_output"),
                correct=correct,
            ),
        )


def _helm_questions(rows: Iterator[Placed]) -> Iterator[Placed]:
    for place, row in rows:
        references = row["references"]
        right = [_output(reference) for reference in references if "correct" in (reference.get("tags") or [])]
        yield (
            place,
            _named(
                row,
                id=str(row.get("id")),
                question=row["input"].get("text"),
                options=[_output(reference) for reference in references] if len(references) > 1 else None,
                answer=right or None,
            ),
        )


def _output(reference: Mapping[str, Any]) -> str:
    told = reference.get("output")
    return str(told.get("text") if isinstance(told, Mapping) else told)


# OpenAI evals and simple-evals ----------------------------------------------------------------------------------------


def _openai_evals(rows: Iterator[Placed]) -> Iterator[Placed]:
    """One row for each sample: its match event, with what was sampled."""
    model: str | None = None
    sampled: dict[str, Mapping[str, Any]] = {}
    matches: dict[str, tuple[str, Row]] = {}
    for place, row in rows:
        if isinstance(row.get("spec"), Mapping):
            told = row["spec"]
            model = next(iter(told.get("completion_fns") or []), None) or told.get("model_name")
        elif row.get("type") == "sampling":
            sampled.setdefault(str(row["sample_id"]), row["data"])
        elif row.get("type") in ("match", "metrics") and "sample_id" in row:
            matches.setdefault(str(row["sample_id"]), (place, row))
    for sample, (place, row) in matches.items():
        data, said = row["data"], sampled.get(sample, {})
        yield (
            place,
            _named(
                row,
                id=sample,
                model=model,
                prompt=text_of(said.get("prompt")),
                question=_last_asked(said.get("prompt")),
                options=data.get("options") if isinstance(data.get("options"), list | dict) else None,
                answer=_target(data.get("expected")),
                reply=text_of(said.get("sampled", data.get("sampled"))),
                prediction=data.get("picked"),
                correct=data.get("correct", data.get("accuracy")),
            ),
        )


def _last_asked(prompt: Any) -> str | None:
    if isinstance(prompt, list):
        return next(
            (text_of(turn.get("content")) for turn in reversed(prompt) if turn.get("role") != "assistant"), None
        )  # type: ignore[return-value]
    return prompt if isinstance(prompt, str) else None


def _simple_evals(value: Mapping[str, Any], path: Path) -> Iterator[Placed]:
    pages = value.get("htmls") or []
    for number, convo in enumerate(value["convos"], start=1):
        page = pages[number - 1] if number <= len(pages) else ""
        told = {name: match[1].strip() for name, shape in _HTML.items() if (match := shape.search(page))}
        question = _last_asked([turn for turn in convo if turn.get("role") == "user"][-1:])
        yield f"conversation {number}", _named({}, id=str(number), question=question, reply=text_of(convo), **told)


_WHOLE: tuple[
    tuple[str, Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any], Path], Iterator[Placed]]], ...
] = (
    (
        "inspect_ai",
        lambda value: isinstance(value.get("eval"), Mapping) and isinstance(value.get("samples"), list),
        _inspect,
    ),
    ("HELM", lambda value: isinstance(value.get("request_states"), list), _helm),
    ("simple-evals", lambda value: isinstance(value.get("convos"), list), _simple_evals),
)

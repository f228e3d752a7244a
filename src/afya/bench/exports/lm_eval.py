"""Our tasks for the lm-evaluation-harness: a YAML file for each task and language, one for each task as a group.

The folder is complete: documents lie in data/, and afya_tasks.py reads them from beside the YAML files, wherever the
folder is copied to. `chat` tasks are for models with a chat template (--apply_chat_template): the harness lays out the
conversation, and the model's turn begins with the answer marker. `plain` tasks hold the whole text, for models without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import regex
import yaml

from afya.bench.exports.common import (
    Collected,
    Exported,
    Row,
    import_command,
    slug,
    start_folder,
    template,
    write_ledger,
)
from afya.bench.exports.fitting import Fitted
from afya.runs import write_json, write_text

Variant = Literal["chat", "plain"]
CODE = "afya_tasks"
# The harness takes log-softmax in the model's own type otherwise: in bfloat16 letters tie that are apart.
SOFTMAX = "softmax_dtype=float32"
FILES = {"chat": "", "plain": "-plain"}
_TURNS = "{{ messages | map(attribute='content') | join('\\n\\n') }}"
_PREFIX = "{% if answer_prefix %}\n\n{{ answer_prefix }}{% endif %}"


@dataclass(frozen=True)
class Function:
    """A function that the harness is to call: written as `!function module.name`."""

    name: str


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _function(dumper: yaml.SafeDumper, value: Function) -> yaml.Node:
    return dumper.represent_scalar("!function", value.name)


_Dumper.add_representer(Function, _function)


def write_lm_eval(
    collected: Sequence[Collected], out: Path, *, fit: Fitted | None = None, without_afya: bool = False
) -> list[str]:
    """Write the folder; returns the names of the groups, which take --tasks.

    Args:
        fit: the local model that the export is for: scores and texts then agree to the token. Without one, `cloze`
            options are scored without the end of the turn, and a reply ends where the model's settings say.
        without_afya: leave out the filter of `generate` tasks that reads replies with afya, which must be installed
            where the harness runs.

    Raises RunError when the folder holds something.
    """
    start_folder(out)
    variants: tuple[Variant, ...] = ("chat", "plain")
    if fit is not None:
        variants = ("chat",) if fit.chat_template else ("plain",)
    groups: dict[str, list[str]] = {}
    for made in collected:
        for asked in made.tasks:
            file = f"data/{asked.name}.jsonl"
            _write_lines(out / file, (_document(row, asked, fit) for row in asked.rows))
            for variant in variants:
                name = f"{asked.name}{FILES[variant]}"
                config = _task(asked, variant, fit, without_afya)
                config |= {"dataset_kwargs": {"file": file}, "metadata": _metadata(made, fit)}
                _write_yaml(out / f"{name}.yaml", {"task": name, **config})
                groups.setdefault(f"{asked.group}{FILES[variant]}", []).append(name)
        for asked in {task.group: task for task in made.tasks}.values():
            for variant in variants:
                group = f"{asked.group}{FILES[variant]}"
                _write_yaml(out / f"{group}.yaml", _group(group, groups[group], asked, made, fit, without_afya))
    write_text(out / f"{CODE}.py", template("lm_eval_tasks.txt"))
    write_ledger(collected, out)
    write_text(out / "README.md", _readme(list(groups), collected, variants, fit))
    write_json(out / "manifest.json", {"format": "lm-eval", "exports": [_described(made) for made in collected]})
    return list(groups)


def _document(row: Row, asked: Exported, fit: Fitted | None) -> Row:
    """One document: what is asked, what is right, and what brings the sample back to its item."""
    told: Row = {name: row[name] for name in ("item_id", "group_id", "lang", "prompt_lang", "task", "split", "source")}
    told |= {"setting": asked.setting.name, "prompt_sha": row["prompt_sha"], "several": bool(row["several"])}
    told |= {"messages": row["messages"], "answer_prefix": row["answer_prefix"]}
    told |= {"letters": row["letters"], "choices": row["choices"], "answer": row["answer"]}
    if asked.setting.formulation == "generate":
        return told | {"target": ", ".join(row["letters"][place] for place in row["answer"])}
    shown = row["letters"] if asked.setting.formulation == "letter" else row["choices"]
    end = fit.end_turn if fit and row["end_turn"] else ""
    return told | {"continuations": [text + end for text in shown], "target": row["answer"][0]}


def _task(asked: Exported, variant: Variant, fit: Fitted | None, without_afya: bool) -> dict[str, Any]:
    config: dict[str, Any] = {"custom_dataset": Function(f"{CODE}.documents"), "test_split": "test"}
    if variant == "chat":
        config |= {"doc_to_text": "{{ messages[-1]['content'] }}", "gen_prefix": "answer_prefix"}
        if any(row["messages"][0]["role"] == "system" for row in asked.rows):
            config["description"] = "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}{% endif %}"
        if asked.setting.shots:
            config |= _own_examples(asked.setting.shots)
    else:
        start = fit.start if fit else ""
        config["doc_to_text"] = "{{ '" + start + "' }}" + _TURNS + _PREFIX if start else _TURNS + _PREFIX
    config["doc_to_target"] = "target"
    if asked.setting.formulation == "generate":
        return config | _generation(asked, fit, without_afya)
    metrics = ["acc"]
    if asked.setting.formulation == "cloze" and not (fit and fit.end_turn):
        metrics.append("acc_bytes")
    return config | {
        "output_type": "multiple_choice",
        "doc_to_choice": "continuations",
        "target_delimiter": asked.separator(),
        "metric_list": [_mean(name) for name in metrics],
    }


def _own_examples(shots: int) -> dict[str, Any]:
    """Few-shot examples are turns of the document itself, chosen by afya: the harness draws none."""
    return {
        "num_fewshot": shots,
        "fewshot_split": "test",
        "fewshot_config": {
            "sampler": Function(f"{CODE}.OwnExamples"),
            "doc_to_text": "{{ question }}",
            "doc_to_target": "{{ reply }}",
            "gen_prefix": "",
        },
    }


def _generation(asked: Exported, fit: Fitted | None, without_afya: bool) -> dict[str, Any]:
    letters = dict.fromkeys(letter for row in asked.rows for letter in row["letters"])
    alone = "|".join(regex.escape(letter) for letter in letters)
    pattern = rf"^\W*((?:{alone})(?:, (?:{alone}))*)\W*$"
    first = {"function": "take_first"}
    filters: list[dict[str, Any]] = [
        {"name": "letter", "filter": [{"function": "regex", "regex_pattern": pattern, "fallback": "no letter"}, first]}
    ]
    if not without_afya:
        read = {"function": "custom", "filter_fn": Function(f"{CODE}.read_choices")}
        filters.append({"name": "afya", "filter": [read, first]})
    drawing: dict[str, Any] = {"until": [], "max_gen_toks": asked.max_tokens, "do_sample": False, "temperature": 0.0}
    if fit is not None and fit.ends:
        # Not in `until`: the harness looks for those texts after it took the special tokens out.
        drawing["eos_token_id"] = list(fit.ends)
    return {
        "output_type": "generate_until",
        "generation_kwargs": drawing,
        "filter_list": filters,
        "metric_list": [_mean("exact_match")],
    }


def _mean(metric: str) -> dict[str, Any]:
    return {"metric": metric, "aggregation": "mean", "higher_is_better": True}


def _group(
    group: str, tasks: list[str], asked: Exported, made: Collected, fit: Fitted | None, without_afya: bool
) -> dict[str, Any]:
    total: dict[str, Any] = {"metric": "acc", "aggregation": "mean", "weight_by_size": False}
    if asked.setting.formulation == "generate":
        total |= {"metric": "exact_match", "filter_list": ["letter"] if without_afya else ["letter", "afya"]}
    return {"group": group, "task": tasks, "aggregate_metric_list": [total], "metadata": _metadata(made, fit)}


def _metadata(made: Collected, fit: Fitted | None) -> dict[str, Any]:
    return {"version": 1.0, **made.described(), **({"fitted_to": fit.name} if fit else {})}


def _described(made: Collected) -> dict[str, object]:
    tasks = [
        {"name": asked.name, "task": asked.task, "lang": asked.lang, "rows": len(asked.rows)} for asked in made.tasks
    ]
    return {**made.described(), "tasks": tasks}


def model_args(fit: Fitted | None) -> str:
    """The --model_args with which the harness reads the model's texts as afya does."""
    if fit is None:
        return f"pretrained=MODEL,{SOFTMAX}"
    told = [f"pretrained={fit.path}", SOFTMAX]
    if fit.thinks:
        told.append("enable_thinking=False")
    if fit.adds_start and fit.chat_template:
        told.append("add_bos_token=False")
    return ",".join(told)


def _readme(
    groups: Sequence[str], collected: Sequence[Collected], variants: Sequence[Variant], fit: Fitted | None
) -> str:
    lines = ["# Tasks of afya for the lm-evaluation-harness", ""]
    for variant in variants:
        chosen = ",".join(name for name in groups if name.endswith("-plain") == (variant == "plain"))
        chat = " --apply_chat_template" if variant == "chat" else ""
        lines += [
            f"Models {'with' if variant == 'chat' else 'without'} a chat template:",
            "",
            f"    lm_eval --include_path . --tasks {chosen}{chat} \\",
            f"        --model hf --model_args {model_args(fit)} --log_samples --output_path results",
            "",
        ]
    lines += [template("lm_eval_readme.txt").rstrip(), ""]
    for made in collected:
        # Both filters of a generate task write the same reply down; it is taken once.
        once = "--where filter=letter" if made.setting.formulation == "generate" else ""
        lines += import_command(made.setting, f"results/*/samples_afya_*_{slug(made.setting.name)}_*", "doc", once)
    lines += ["", "| task | languages | items |", "|---|---|---|"]
    for made in collected:
        for group in dict.fromkeys(asked.group for asked in made.tasks):
            of = [asked for asked in made.tasks if asked.group == group]
            lines.append(f"| {group} | {' '.join(asked.lang for asked in of)} | {sum(len(a.rows) for a in of):,} |")
    return "\n".join(lines) + "\n"


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write_yaml(path: Path, value: dict[str, Any]) -> None:
    text = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000)
    write_text(path, text)

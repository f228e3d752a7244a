"""Our tasks for inspect_ai: one Python file with a task for each language, and the items beside it.

inspect_ai asks models for text, so the settings of `generate` are exported. The file imports afya, which reads and
scores the replies: another reading would be another benchmark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

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
from afya.errors import ConfigError
from afya.runs import write_json, write_text

CODE = "afya_tasks.py"
MODEL = "model.yaml"


def write_inspect(collected: Sequence[Collected], out: Path, *, fit: Fitted | None = None) -> list[str]:
    """Write the folder; returns the names of the tasks in afya_tasks.py.

    Args:
        fit: the local model that the export is for; model.yaml then tells inspect_ai's `hf` provider how to read its
            texts as afya does.

    Raises:
        ConfigError: a setting that scores options. RunError: the folder holds something.
    """
    for made in collected:
        if made.setting.formulation != "generate":
            raise ConfigError(
                f"inspect_ai asks models for text; '{made.setting.name}' scores given options.",
                hint="Export generate, generate+cot ..., or use --format lm-eval.",
            )
    start_folder(out)
    if fit is not None and fit.chat_template is None:
        raise ConfigError(
            f"{fit.name} has no chat template; inspect_ai lays out every prompt as a conversation.",
            hint="Use --format lm-eval for this model.",
        )
    about = {"made_by": "afya", "exports": [made.described() for made in collected]}
    code = [template("inspect_tasks.txt").rstrip().replace("{about}", repr(about))]
    stop = [fit.end_turn] if fit and fit.ends else None
    names = []
    for made in collected:
        for asked in made.tasks:
            lines = [json.dumps(_sample(row, asked), ensure_ascii=False) + "\n" for row in asked.rows]
            write_text(out / "data" / f"{asked.name}.jsonl", "".join(lines))
            names.append(re.sub(r"\W", "_", asked.name))
            call = f"choice_task({asked.name!r}, {asked.max_tokens}, {stop!r}, begun)"
            code.append(f"@task\ndef {names[-1]}(begun: bool = False) -> Task:\n    return {call}")
    write_text(out / CODE, "\n\n\n".join(code) + "\n")
    if fit is not None:
        write_text(out / MODEL, yaml.safe_dump(_provider(fit), allow_unicode=True, sort_keys=False))
    write_ledger(collected, out)
    write_text(out / "README.md", _readme(names, collected, fit))
    write_json(out / "manifest.json", {"format": "inspect", "exports": [made.described() for made in collected]})
    return names


def _sample(row: Row, asked: Exported) -> Row:
    kept = ("group_id", "lang", "prompt_lang", "task", "split", "source", "prompt_sha", "choices", "letters", "answer")
    told: Row = {name: row[name] for name in kept}
    told |= {"setting": asked.setting.name, "several": bool(row["several"])}
    return {
        "item_id": row["item_id"],
        "messages": row["messages"],
        "answer_prefix": row["answer_prefix"],
        "target": ", ".join(row["letters"][place] for place in row["answer"]),
        "metadata": told,
    }


def _provider(fit: Fitted) -> Row:
    """Arguments of inspect_ai's `hf` provider: no second beginning of text, greedy, and a turn that may be begun."""
    told: Row = {"model_path": str(fit.path), "do_sample": False, "tokenizer_call_args": {"add_special_tokens": False}}
    if fit.thinks:
        told["enable_thinking"] = False
    return told | {"chat_template": fit.begun_template}


def _readme(names: Sequence[str], collected: Sequence[Collected], fit: Fitted | None) -> str:
    lines = ["# Tasks of afya for inspect_ai", ""]
    if fit is None:
        lines += ["    inspect eval afya_tasks.py --model PROVIDER/MODEL --log-format json", ""]
    else:
        lines += [
            f"    inspect eval afya_tasks.py --model hf/local --model-config {MODEL} -T begun=true \\",
            "        --log-format json",
            "",
        ]
    lines += [f"One task alone: `inspect eval afya_tasks.py@{names[0]} ...`", ""]
    lines += [template("inspect_readme.txt").rstrip(), ""]
    for made in collected:
        langs = list(dict.fromkeys(asked.lang for asked in made.tasks))
        ends = langs[0] if len(langs) == 1 else "{" + ",".join(langs) + "}"
        lines += import_command(made.setting, f"logs/*-{slug(made.setting.name)}-{ends}_*.json", "metadata")
    lines += ["", "| task | items |", "|---|---|"]
    rows = [len(asked.rows) for made in collected for asked in made.tasks]
    lines += [f"| {name} | {count:,} |" for name, count in zip(names, rows, strict=True)]
    return "\n".join(lines) + "\n"

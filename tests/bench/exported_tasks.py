"""What the tests of exports share: a quiz in four languages, a model that answers in letters, and the exports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from tiny_models import make_model

from afya.bench.exports.common import Collected, Wanted, collect, settings_of
from afya.folders import DatasetWriter
from afya.items import Item
from afya.runs import Ledger

LANGS = ("en", "sw", "zh", "ar")
LONG = 16
SETTINGS = ("letter", "letter+2-shot", "cloze", "generate")
TEXTS = ("fever", "water", "water and salt", "cough for three days")

Row = dict[str, Any]


def make_item(number: int, lang: str, **changes: object) -> Item:
    base = Item(
        item_id=f"quiz:{number}:{lang}",
        group_id=f"quiz:{number}",
        lang=lang,
        task="mcq",
        split="test",
        question=f"Question {number} in {lang}, {{{{ braces }}}} and all?",
        options=TEXTS[number % 4 :] + TEXTS[: number % 4],
        answer=(number % 4,),
        source="quiz",
        licence="x",
        origin="human",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def write_quiz(path: Path) -> Path:
    """Four test items a language, three for examples, and one with two right answers in a source of its own."""
    writer, ledger, rows = DatasetWriter(path, {"made": "by a test"}), Ledger(), 0
    for lang in LANGS:
        items = [make_item(number, lang) for number in range(4)]
        items += [make_item(number, lang, split="train") for number in range(10, 13)]
        items.append(
            make_item(20, lang, source="pairs", group_id="pairs:20", item_id=f"pairs:20:{lang}", answer=(0, 2))
        )
        for item in items:
            writer.add(item)
        rows += len(items)
    ledger.add("make", rows, rows)
    writer.finish(ledger, "# A quiz")
    return path


def write_model(folder: Path) -> Path:
    """A random chat model that has little to say but letters, and whose settings do not know how a turn ends."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = make_model(folder, "qwen3", chat=True, context=1024)
    network: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    said = [index for index in range(len(tokenizer)) if tokenizer.decode([index]).strip() in ("A", "B", "C", "D")]
    quiet = torch.ones(len(tokenizer), dtype=torch.bool)
    quiet[[*said, tokenizer.convert_tokens_to_ids("<|end|>")]] = False
    with torch.no_grad():
        network.lm_head.weight[: len(tokenizer)][quiet] *= 0.1
    network.save_pretrained(folder)
    return folder


def collected(source: Path, settings: Sequence[str], **wanted: Any) -> list[Collected]:
    told = Wanted(**{"langs": LANGS, "max_tokens": 1, **wanted})
    return [collect([source], setting, told) for setting in settings_of(settings)]


def documents(folder: Path, name: str) -> list[Row]:
    return [json.loads(line) for line in (folder / "data" / f"{name}.jsonl").read_text().splitlines()]


class Plain(yaml.SafeLoader):
    """Reads the harness's `!function` as its name."""


Plain.add_constructor("!function", lambda _loader, node: node.value)

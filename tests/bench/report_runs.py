"""Run folders as 'afya bench run' leaves them, and a reader of pages, for the tests of the report."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import polars as pl

from afya.bench.asking.replies import prompts_schema, replies_schema
from afya.bench.scoring.score import scores_schema

HOSTILE = (
    "</td></script><script>document.title='run'</script><img src=x onerror=alert(2)> \x00 $title ${body} <!-- \u202e"
)
LANGS = ("en", "zh", "sw", "yo")
VOID = {"meta", "br", "hr", "link", "img", "input"}


class Page(HTMLParser):
    """Checks that elements nest, and collects elements, ids and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def frame(rows: Sequence[Mapping[str, object]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Rows in the columns of a schema; what a row does not name is null."""
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=dict(schema))


def make_run(
    folder: Path,
    model: str | Sequence[str],
    ease: float,
    seed: int,
    *,
    setting: str | Sequence[str] = "generate",
    kind: str = "choice",
    task: str = "mcq",
    groups: int = 30,
    langs: Sequence[str] = LANGS,
    said: str = HOSTILE,
) -> Path:
    """A run folder on the same items in several languages; each further model and setting is a little better.

    A letter setting has option scores, a generate setting texts. Kind safety expects refusals of every other group.
    """
    drawn = random.Random(seed)
    models = [model] if isinstance(model, str) else list(model)
    settings = [setting] if isinstance(setting, str) else list(setting)
    scores, replies, prompts, items, measures = [], [], [], [], []
    for number, (name, way) in enumerate((one, way) for one in models for way in settings):
        for lang in langs:
            for group in range(groups):
                head = {
                    "model": name,
                    "setting": way,
                    "item_id": f"case:{group:02d}:{lang}",
                    "lang": lang,
                    "rotation": 0,
                }
                others = ("wrong", "wrong", "refused", "unparseable", "empty", "error")
                level = ease + 0.05 * number - (0.2 if lang in ("sw", "yo") else 0.0)
                outcome = "correct" if drawn.random() < level else drawn.choice(others)
                scored = way.startswith("letter")
                if scored and outcome in ("refused", "unparseable", "empty"):
                    outcome = "wrong"
                if kind in ("written", "translation"):
                    outcome = "error" if outcome == "error" else "answered"
                pick = {"correct": 0, "wrong": 2}.get(outcome)
                common = {
                    "group_id": f"case:{group:02d}",
                    "task": task,
                    "kind": kind,
                    "split": "test",
                    "source": "case",
                }
                chosen = None if pick is None or kind != "choice" else [pick]
                scores.append(head | common | {"outcome": outcome, "chosen": chosen, "n_options": 4})
                confident = [math.log(0.7 if at == pick else 0.1) for at in range(4)]
                error = "context too long" if outcome == "error" else None
                text = None if scored or error else "" if outcome == "empty" else f"{said} {outcome}"
                replies.append(
                    head
                    | {
                        "text": text,
                        "option_logprobs": confident if scored and not error else None,
                        "finish_reason": "error" if error else "stop",
                        "prompt_tokens": 50 if lang == "en" else 90,
                        "completion_tokens": 0 if scored else 20,
                        "cost_usd": 1e-5 * (number + 1),
                        "error": error,
                    }
                )
                if kind == "written":
                    value = None if error else drawn.uniform(0.2, 0.4)
                    measures.append(head | common | {"measure": "rouge_l", "value": value})
                if number < len(settings):
                    asked = f"Choose.\n\nQuestion {group}? {HOSTILE}"
                    options = ["A & B", "<b>bold</b>", "c", "d"]
                    expected = None if kind != "safety" else "refuse" if group % 2 else "comply"
                    prompt = {"messages": [{"role": "user", "content": asked}], "choices": options, "answer": [0]}
                    prompts.append(head | common | prompt | {"expected": expected})
                if not number:
                    item = {"question": f"Question {group}? {HOSTILE}", "options": options, "answer": [0]}
                    items.append(head | common | item | {"context": None, "answer_text": None})
    place = folder / "parts" / "prompts-data"
    place.mkdir(parents=True)
    frame(scores, scores_schema()).write_parquet(folder / "scores.parquet")
    frame(replies, replies_schema()).write_parquet(folder / "replies.parquet")
    frame(prompts, prompts_schema()).write_parquet(place / "data-00000.parquet")
    columns = ("item_id", "group_id", "lang", "task", "question", "context", "answer_text")
    texts = dict.fromkeys(columns, pl.String())
    shown = frame(items, texts | {"options": pl.List(pl.String()), "answer": pl.List(pl.Int16())})
    shown.write_parquet(folder / "items.parquet")
    if measures:
        named = ("model", "setting", "item_id", "group_id", "lang", "task", "kind", "measure")
        frame(measures, dict.fromkeys(named, pl.String()) | {"value": pl.Float64()}).write_parquet(
            folder / "measures.parquet"
        )
    described = [{"name": name, "engine": "hf", "sha256": "0123456789abcdef" * 4} for name in models]
    told = {
        "recipe": {"models": described, "datasets": [{"name": "cases", "sha256": "f" * 64}]},
        "first_prompts": [
            {"model": name, "setting": way, "text": f"<|user|> {HOSTILE}", "token_ids": [1, 22, 333], "tokens": 3}
            for name in models
            for way in settings
        ],
        "versions": {"polars": "1.0"},
    }
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder

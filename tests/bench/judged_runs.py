"""A run folder with written replies, and judges behind a real server that read what they are asked. For tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from scripted_server import Step, chat

from afya.bench.asking.replies import replies_schema
from afya.bench.scoring.score import scores_schema
from afya.items import Item, to_frame
from afya.runs import write_json

FACTS = {"must_have": ["give water", "give zinc"], "nice_to_have": ["keep feeding"]}
RUBRIC = {
    "rubrics": [
        {"criterion": "advises water", "points": 5, "tags": ["axis:accuracy"]},
        {"criterion": "advises zinc", "points": 3, "tags": []},
        {"criterion": "tells to stop feeding", "points": -8, "tags": []},
    ]
}


def item(number: int, lang: str = "en", extra: object = FACTS) -> Item:
    made = Item(
        item_id=f"quiz:{number}:{lang}",
        group_id=f"quiz:{number}",
        lang=lang,
        task="long_form",
        split="test",
        question=f"My child {number} has diarrhoea. What shall I do?",
        answer_text="Water and zinc.",
        source="quiz",
        licence="x",
        origin="human",
        extra=json.dumps(extra),
    )
    return replace(made, task="dialogue") if extra is RUBRIC else made


def make_run(folder: Path, items: Sequence[Item], replies: dict[str, Callable[[Item], str | None]]) -> Path:
    """A run of the models in `replies`, each a function from an item to its reply (None: an error)."""
    said, scored = [], []
    for model, answer in replies.items():
        for asked in items:
            text = answer(asked)
            head: dict[str, Any] = {
                "model": model,
                "setting": "generate",
                "item_id": asked.item_id,
                "lang": asked.lang,
                "rotation": 0,
            }
            fault = None if text is not None else "the server did not answer"
            said.append(head | {"text": text, "error": fault, "finish_reason": "stop", "key": "k", "prompt_sha": "p"})
            scored.append(
                head
                | {"group_id": asked.group_id, "task": "quiz", "kind": "written", "split": "test", "source": "quiz"}
                | {"outcome": "answered" if text is not None else "error"}
            )
    for name, rows, schema in (("replies", said, replies_schema()), ("scores", scored, scores_schema())):
        frame = pl.DataFrame(rows, schema={key: schema[key] for key in rows[0]}, orient="row")
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
    to_frame(list(items)).write_parquet(folder / "items.parquet")
    recipe = {"models": [{"name": name, "engine": "openai", "sha256": f"{name}-hash"} for name in replies]}
    write_json(folder / "manifest.json", {"recipe": recipe})
    return folder


def part(asked: dict[str, Any], name: str) -> str:
    """What stands between a question's marks."""
    text = asked["messages"][-1]["content"]
    found = re.search(rf"<<{name} (\w+)>>\n(.*?)\n<<end of {name} \1>>", text, re.DOTALL)
    return found[2] if found else ""


def code(asked: dict[str, Any]) -> str:
    return str(re.findall(r"<<reply (\w+)>>", asked["messages"][-1]["content"])[-1])


def honest(asked: dict[str, Any]) -> str:
    """The verdict of a judge that looks for the statement's last word in the reply, and for a denial of it."""
    reply = part(asked, "reply").lower()
    if statement := part(asked, "statement"):
        word = statement.split()[-1]
        if f"no {word}" in reply or f"stop {word}" in reply:
            return "contradicted"
        return "entailed" if word in reply else "neutral"
    criterion = part(asked, "criterion")
    looked_for = "stop feeding" if "stop" in criterion else criterion.split()[-1]
    return "met" if looked_for in reply else "not met"


def judging(verdict: Callable[[dict[str, Any]], str] = honest) -> Callable[[dict[str, Any]], Step]:
    """A judge that explains and then gives its verdict in JSON."""

    def answer(asked: dict[str, Any]) -> Step:
        told = json.dumps({"case": code(asked), "verdict": verdict(asked)})
        return Step(body=chat(f"It says what it says.\n{told}"))

    return answer

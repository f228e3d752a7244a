"""Items as instructions, worded in their own language: a stage. What cannot be one is rejected with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from afya.data.instructions import codes, instructed
from afya.data.recipe import Instruct
from afya.executor import Output, Stage
from afya.items import Item, from_frame, schema, to_frame
from afya.runs import Rejection

if TYPE_CHECKING:
    import polars as pl

STAGE = "instructions"


def stage(rule: Instruct, seed: int) -> Stage:
    """The stage that words every item by the recipe's kinds."""
    config = {"kinds": list(rule.kinds), "langs": list(codes()), "seed": seed}
    return Stage(STAGE, instruct, config, tuple(schema()), tuple(schema()))


def instruct(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """The rows as instructions."""
    made: list[Item] = []
    rejections: list[Rejection] = []
    for item in from_frame(frame):
        if item.lang not in config["langs"]:
            rejections.append(
                Rejection(STAGE, item.item_id, "no_wordings", f"no instructions are worded in {item.lang}")
            )
            continue
        try:
            made.append(instructed(item, config["kinds"], config["seed"]))
        except ValueError as error:
            rejections.append(Rejection(STAGE, item.item_id, str(error), f"task {item.task}"))
    return Output(to_frame(made), tuple(rejections))

"""What a run asks, written down before anybody is asked: the items themselves, and the prompts in parts, by setting."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from afya import __version__
from afya.bench.prompts import TEMPLATE_VERSION, Setting, option_letters, prompt_sha, render_item
from afya.bench.replies import prompts_schema
from afya.bench.tasks import Chosen
from afya.errors import DataError
from afya.items import Item, from_frame
from afya.models.base import OptionRequest
from afya.runs import Ledger, Rejection, RunFolder, read_json, sink_frame, write_frame, write_json

STAGE = "prompts"
ITEMS = "items.parquet"
_ITEM_ROWS = 20_000


def write_items(folder: RunFolder, chosen: Chosen) -> None:
    """Keep the items themselves, so that a report can show them when the datasets are gone."""
    import polars as pl

    path = folder.path / ITEMS
    if path.exists():
        return
    place = folder.parts / "items"
    files = []
    for number, frame in enumerate(chosen.frames(_ITEM_ROWS)):
        files.append(place / f"p-{number:05d}.parquet")
        write_frame(files[-1], frame)
    sink_frame(path, pl.scan_parquet(files))
    shutil.rmtree(place)


def write_prompts(folder: RunFolder, chosen: Chosen, setting: Setting, part_rows: int, ledger: Ledger) -> list[Path]:
    """The prompt parts of one setting, written once; items that this setting cannot ask are accounted for."""
    import polars as pl

    place = folder.parts / f"{STAGE}-{setting}"
    marker = place / "done.json"
    stage = f"{STAGE}:{setting}"
    made_by = {"afya": __version__, "template": TEMPLATE_VERSION}
    told = read_json(marker) if marker.exists() else None
    if told is None or told["made_by"] != made_by:
        rejections: list[Rejection] = []
        number = rows = 0
        for frame in chosen.frames(part_rows):
            made = [row for item in from_frame(frame) if (row := _prompt(item, setting, chosen, stage, rejections))]
            if made:
                table = pl.DataFrame(made, schema=prompts_schema(), orient="row")
                write_frame(place / f"p-{number:05d}.parquet", table)
                number, rows = number + 1, rows + len(made)
        listed = [[entry.stage, entry.item_id, entry.reason, entry.detail] for entry in rejections]
        told = {"made_by": made_by, "parts": number, "rows": rows, "rejections": listed}
        write_json(marker, told)
    ledger.add(stage, chosen.rows, told["rows"], [Rejection(*entry) for entry in told["rejections"]])
    ledger.check()
    if not told["parts"]:
        counts = ", ".join(f"{reason} {count}" for reason, count in ledger.reasons(stage).items())
        raise DataError(
            f"The setting '{setting}' can ask none of the {chosen.rows} items ({counts}).",
            hint="Items with several right answers need --setting generate.",
        )
    return [place / f"p-{index:05d}.parquet" for index in range(told["parts"])]


def _prompt(
    item: Item, setting: Setting, chosen: Chosen, stage: str, rejections: list[Rejection]
) -> dict[str, object] | None:
    """One row of a prompt part, or None with a rejection."""
    answer = item.answer or ()
    several = (item.source, item.task) in chosen.several
    try:
        if any(not 0 <= index < len(item.options or ()) for index in answer):
            raise DataError(f"answer {list(answer)} lies outside the {len(item.options or ())} options")
        letters = option_letters(item)
        request = render_item(item, setting, several=several)
    except DataError as error:
        rejections.append(Rejection(stage, item.item_id, "cannot_be_asked", error.message))
        return None
    if len(answer) > 1 and setting != "generate":
        detail = "several right answers are measured with the setting 'generate' only"
        rejections.append(Rejection(stage, item.item_id, "several_answers", detail))
        return None
    scoring = request if isinstance(request, OptionRequest) else None
    prompt = request.prompt if isinstance(request, OptionRequest) else request
    return {
        "item_id": item.item_id,
        "group_id": item.group_id,
        "lang": item.lang,
        "task": item.task,
        "split": item.split,
        "source": item.source,
        "prompt_sha": prompt_sha(request),
        "messages": [asdict(message) for message in prompt.messages],
        "answer_prefix": prompt.answer_prefix,
        "options": list(scoring.options) if scoring else None,
        "end_turn": scoring.end_turn if scoring else False,
        "choices": list(item.options or ()),
        "letters": list(letters),
        "answer": list(answer),
        "several": several,
    }

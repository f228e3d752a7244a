"""What a run asks, written down before anybody is asked: the prompts of one set of items in one setting, in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from afya import __version__
from afya.bench.asking.prompts import (
    PIVOT,
    TEMPLATE_VERSION,
    literals_lang,
    message_rows,
    option_letters,
    own_instruction,
    prompt_sha,
    render_item,
)
from afya.bench.asking.replies import prompts_schema
from afya.bench.asking.translate_first import translate_first, translated_items
from afya.bench.settings import Setting
from afya.bench.tasks.selection import Chosen, Kind
from afya.errors import ConfigError, DataError
from afya.items import Item, from_frame
from afya.models.base import OptionRequest, Prompt
from afya.runs import Ledger, Rejection, RunFolder, read_json, sha256_path, write_frame, write_json

if TYPE_CHECKING:
    from afya.bench.asking.shots import ShotPool
    from afya.bench.tasks.declare import TaskSet

STAGE = "prompts"

LONGEST = 256
LONGEST_WRITTEN = 512
LONGEST_REASONED = 1024
"""Tokens of a reply where the run does not say: an answer or a judgement, a text, an answer with its reasoning."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """An item as a prompt shows it (translated, where the setting says so), and whose answers will count."""

    item: Item
    own_id: str
    own_lang: str


@dataclass(frozen=True)
class _Asking:
    """How one set of items is asked in one setting."""

    setting: Setting
    name: str
    chosen: Chosen
    task: TaskSet | None
    shots: ShotPool | None
    rotations: int
    max_tokens: int | None

    @property
    def kind(self) -> Kind:
        return "choice" if self.task is None else self.task.kind

    @property
    def setset(self) -> str:
        return f"{self.name}~{self.setting.name}"

    def examples(self, item: Item) -> list[Item]:
        if not self.setting.shots or self.shots is None:
            return []
        several = self.setting.formulation == "generate" and self.several(item)
        return self.shots.examples(item, self.setting.shots, several=several, reasoned=self.setting.cot)

    def several(self, item: Item) -> bool:
        return (item.source, item.task) in self.chosen.several

    def instruction(self, item: Item) -> str | None:
        if self.task is None:
            return None
        return own_instruction(self.task.name, self.task.instructions, literals_lang(item.lang, self.setting))

    def longest(self) -> int | None:
        if self.setting.formulation != "generate":
            return None
        told = self.max_tokens or (None if self.task is None else self.task.max_tokens)
        if told is not None:
            return told
        if self.setting.cot:
            return LONGEST_REASONED
        return LONGEST_WRITTEN if self.kind in ("written", "translation") else LONGEST


def write_prompts(
    folder: RunFolder,
    chosen: Chosen,
    setting: Setting,
    part_rows: int,
    ledger: Ledger,
    *,
    name: str = "data",
    task: TaskSet | None = None,
    shots: ShotPool | None = None,
    translator: str | None = None,
    translator_options: Mapping[str, object] | None = None,
    rotations: int = 1,
    max_tokens: int | None = None,
) -> list[Path]:
    """The prompt parts of one set of items in one setting, written once; what cannot be asked is accounted for.

    Args:
        part_rows: items in a part; with rotations it has as many times the rows.
        name: of the set; `task` is its declaration, None for plain choice items.
        shots: where examples come from, for a setting with some.
        translator: the spec of an engine, for a setting that is `translated`.
        rotations: in how many orders the options of an item are shown, each turned one place further than the one
            before; the rows of an item stand together. An item has no more than it has options, and one alone where
            its prompt does not list them (cloze).
        max_tokens: the longest reply, where the setting asks for text; None: the task's own, or 256, for written
            replies 512, for reasoned ones 1,024.

    Raises:
        ConfigError: the setting does not go with the kind of task, or lacks examples or translator; a language has no
        literals. DataError: there are too few examples, or nothing is left to ask. EngineError: no translation.
    """
    import polars as pl

    asking = _Asking(setting, name, chosen, task, shots, rotations, max_tokens)
    _check(asking, translator)
    stage = f"{STAGE}:{asking.setset}"
    place = folder.parts / f"{STAGE}-{asking.setset}"
    texts: list[Path] = []
    rows_in = chosen.rows
    if setting.translated and translator is not None:
        _try_examples(asking, part_rows)
        written = asking.kind == "written"
        choice = asking.kind == "choice"
        texts = translate_first(
            folder, chosen, translator, translator_options, ledger, name=name, choice=choice, carried_back=written
        )
        rows_in = sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in texts)
    marker = place / "done.json"
    made_by = {
        "afya": __version__,
        "template": TEMPLATE_VERSION,
        "rotations": rotations,
        "max_tokens": max_tokens,
        "task": None if task is None else task.sha256,
        "shots": None if shots is None else shots.sha256,
        "translated": [sha256_path(path) for path in texts],
    }
    told = read_json(marker) if marker.exists() else None
    if told is None or told["made_by"] != made_by:
        rejections: list[Rejection] = []
        number = rows = items = 0
        for block in _blocks(_translated(texts) if setting.translated else _own(chosen, part_rows), part_rows):
            made = [own for shown in block if (own := _rows(shown, asking, stage, rejections))]
            if made:
                table = pl.DataFrame([row for own in made for row in own], schema=prompts_schema(), orient="row")
                write_frame(place / f"{asking.setset}-{number:05d}.parquet", table)
                number, rows, items = number + 1, rows + table.height, items + len(made)
        listed = [[entry.stage, entry.item_id, entry.reason, entry.detail] for entry in rejections]
        told = {"made_by": made_by, "parts": number, "items": items, "rows": rows, "rejections": listed}
        write_json(marker, told)
    rejected = [Rejection(*entry) for entry in told["rejections"]]
    ledger.add(stage, rows_in, told["rows"], rejected, made=told["rows"] - told["items"])
    ledger.check()
    if not told["parts"]:
        counts = ", ".join(f"{reason} {count}" for reason, count in ledger.reasons(stage).items())
        raise DataError(
            f"The setting '{setting.name}' can ask none of the {chosen.rows} items of '{name}' "
            f"({counts or 'none was translated'}).",
            hint="Items with several right answers need --setting generate." if counts else "See the ledger.",
        )
    return [place / f"{asking.setset}-{index:05d}.parquet" for index in range(told["parts"])]


def _check(asking: _Asking, translator: str | None) -> None:
    setting, kind = asking.setting, asking.kind
    if kind != "choice" and (setting.formulation != "generate" or setting.cot):
        raise ConfigError(
            f"'{asking.name}' is a {kind} task: it cannot be asked in the setting '{setting.name}'.",
            hint="Such tasks are asked as generate, without cot.",
        )
    if kind == "translation" and setting.translated:
        raise ConfigError(
            f"'{asking.name}' asks for translations: nothing is left of it when it is translated first.",
            hint="Leave the setting 'translated' out.",
        )
    if setting.translated and translator is None:
        raise ConfigError(
            f"The setting '{setting.name}' needs a translator.", hint="Name one with --translator, such as ct2:FOLDER."
        )
    if setting.shots and asking.shots is None:
        raise ConfigError(
            f"The setting '{setting.name}' needs examples.", hint="Give a dataset that has a train or dev split."
        )
    if asking.rotations < 1:
        raise ConfigError(f"{asking.rotations} orders of options cannot be asked.", hint="Give 1 or more.")


def _try_examples(asking: _Asking, part_rows: int) -> None:
    """Raise DataError for missing examples before anything is translated: they are shown in English, as people wrote
    them, and the pool may have none."""
    if not asking.setting.shots:
        return
    for frame in asking.chosen.frames(part_rows):
        for item in from_frame(frame.unique(["task", "source"], keep="first", maintain_order=True)):
            asking.examples(replace(item, lang=PIVOT))


def _own(chosen: Chosen, part_rows: int) -> Iterator[_Shown]:
    for frame in chosen.frames(part_rows):
        for item in from_frame(frame):
            yield _Shown(item, item.item_id, item.lang)


def _translated(paths: list[Path]) -> Iterator[_Shown]:
    for item, own_id, own_lang in translated_items(paths):
        yield _Shown(item, own_id, own_lang)


def _blocks(shown: Iterator[_Shown], size: int) -> Iterator[list[_Shown]]:
    block: list[_Shown] = []
    for one in shown:
        block.append(one)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _rows(shown: _Shown, asking: _Asking, stage: str, rejections: list[Rejection]) -> list[dict[str, object]]:
    """The rows of one item; none, and a rejection, where it cannot be asked."""
    item = shown.item
    examples = asking.examples(item)  # too few of them stop the run, not the item
    answer = item.answer or ()
    try:
        if asking.kind != "choice":
            return [_open_row(shown, asking, examples)]
        if any(not 0 <= index < len(item.options or ()) for index in answer):
            raise DataError(f"answer {list(answer)} lies outside the {len(item.options or ())} options")
        if len(answer) > 1 and asking.setting.formulation != "generate":
            detail = "several right answers are measured with the setting 'generate' only"
            rejections.append(Rejection(stage, shown.own_id, "several_answers", detail))
            return []
        return [_choice_row(shown, asking, examples, rotation) for rotation in range(_orders(item, asking))]
    except DataError as error:
        rejections.append(Rejection(stage, shown.own_id, "cannot_be_asked", error.message))
        return []


def _orders(item: Item, asking: _Asking) -> int:
    if asking.setting.formulation == "cloze" and item.task != "nli":
        return 1
    return max(1, min(asking.rotations, len(item.options or ())))


def rotated(item: Item, rotation: int) -> tuple[Item, list[int]]:
    """The item with its options turned `rotation` places, and the own index of each option shown.

    Turned once, [a, b, c] reads [b, c, a], and the order is [1, 2, 0].
    """
    options = item.options or ()
    order = [(place + rotation) % len(options) for place in range(len(options))]
    right = set(item.answer or ())
    answer = tuple(place for place, own in enumerate(order) if own in right)
    return replace(item, options=tuple(options[own] for own in order), answer=answer), order


def _choice_row(shown: _Shown, asking: _Asking, examples: list[Item], rotation: int) -> dict[str, object]:
    item, order = rotated(shown.item, rotation)
    several = asking.several(item)
    request = render_item(
        item, asking.setting, several=several, examples=examples, instruction=asking.instruction(item)
    )
    return {
        **_row(shown, asking, request, item.lang if asking.setting.translated else shown.own_lang),
        "rotation": rotation,
        "choices": list(item.options or ()),
        "letters": list(option_letters(item, literals_lang(item.lang, asking.setting))),
        "order": order,
        "answer": list(item.answer or ()),
        "several": several,
    }


def _open_row(shown: _Shown, asking: _Asking, examples: list[Item]) -> dict[str, object]:
    from afya.bench.asking.open_prompts import render_open

    assert asking.task is not None
    prompt, reference, expected, lang = render_open(shown.item, asking.task, asking.setting, examples=examples)
    return {**_row(shown, asking, prompt, lang), "reference": reference, "expected": expected}


def _row(shown: _Shown, asking: _Asking, request: OptionRequest | Prompt, prompt_lang: str) -> dict[str, object]:
    """The columns that every row has; those of the kind that it is not of are null."""
    item = shown.item
    scoring = request if isinstance(request, OptionRequest) else None
    prompt = request.prompt if isinstance(request, OptionRequest) else request
    return {
        "item_id": shown.own_id,
        "group_id": item.group_id,
        "lang": shown.own_lang,
        "task": item.task if asking.task is None else asking.task.name,
        "kind": asking.kind,
        "split": item.split,
        "source": item.source,
        "setting": asking.setting.name,
        "prompt_lang": prompt_lang,
        "rotation": 0,
        "prompt_sha": prompt_sha(request),
        "messages": message_rows(prompt),
        "answer_prefix": prompt.answer_prefix,
        "options": list(scoring.options) if scoring else None,
        "end_turn": scoring.end_turn if scoring else False,
        "choices": None,
        "letters": None,
        "order": None,
        "answer": None,
        "several": False,
        "reference": None,
        "expected": None,
        "max_tokens": asking.longest(),
    }

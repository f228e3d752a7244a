"""The items of a declared task, in a dataset folder: found, imported, drawn, or made by the user's own function.

A folder is named by the hash of what it is made from, and its manifest is written last: one that has a manifest is
whole and is used again, one without is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from afya.bench.tasks.selection import KIND_TASKS, Kind
from afya.bench.user_code import load_function, told
from afya.datafiles import validate
from afya.errors import ConfigError, DataError
from afya.folders import DatasetWriter, dataset_files, read_dataset
from afya.items import Item, Split, Task, Turn, from_frame, item_ids
from afya.items import validate as fault_of
from afya.languages import core_codes, language
from afya.runs import Ledger, Rejection, canonical, read_json, sha256_path, sha256_text

if TYPE_CHECKING:
    from afya.bench.tasks.declare import Declaration, Origin, Translation, Vignettes

STAGE = "task"
_KEPT = 16
"""Hexadecimal digits of the hash in a folder's name."""


@dataclass(frozen=True)
class Made:
    """The dataset folder of a task, the hash of what is in it, and how many source rows are not."""

    dataset: Path
    sha256: str
    rejected: int = 0


class Entry(BaseModel):
    """What a Python function may yield in place of an Item. `answer`: option numbers from 0. `id` names the same entry
    in every language; without one each entry stands alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Annotated[str, Field(min_length=1)]
    lang: str
    id: str | StrictInt | None = None
    task: Task | None = None
    split: Split = "test"
    context: str | None = None
    options: list[str] | None = None
    answer: StrictInt | list[StrictInt] | None = None
    answer_text: str | None = None
    rationale: str | None = None
    turns: list[tuple[str, str]] | None = None
    licence: str | None = None
    extra: dict[str, Any] | None = None


def made_items(declared: Declaration, origin: Origin, workspace: Path) -> Made:
    """The items of a declaration whose open ends are filled (`origin`), made under `workspace` where they must be."""
    match origin.way:
        case "dataset":
            assert origin.dataset is not None
            made = Made(origin.dataset, _content(origin.dataset))
        case "vignettes":
            assert origin.vignettes is not None
            made = _vignettes(declared, origin.vignettes, workspace)
        case "function":
            assert origin.function is not None
            made = _from_function(declared, origin.function, workspace)
        case _:
            made = _imported(declared, origin, workspace)
    if declared.translation is not None:
        return _directed(declared, declared.translation, made, workspace)
    return made


def _content(dataset: Path) -> str:
    """The hash of a dataset folder's files, as its manifest has them."""
    dataset_files(dataset)  # raises, saying what is wrong with the folder
    return sha256_text(canonical(read_json(dataset / "manifest.json")["files"]))


def _made(dataset: Path) -> Made:
    """A folder that was made before."""
    import polars as pl

    ledger = pl.read_parquet(dataset / "ledger.parquet")
    return Made(dataset, _content(dataset), ledger.filter(pl.col("entry") == "rejected").height)


def _place(workspace: Path, name: str, inputs: Mapping[str, object]) -> Path:
    return workspace / f"{name}-{sha256_text(canonical(inputs))[:_KEPT]}"


def _imported(declared: Declaration, origin: Origin, workspace: Path) -> Made:
    """Published files through their reader, or a table of the user's own through `records`."""
    from afya.sources import import_source
    from afya.sources import source as find_source
    from afya.sources.source import Reading

    path = origin.path or origin.file
    assert path is not None
    name = origin.source or "records"
    columns: dict[str, str | tuple[str, ...]] | None = None
    if origin.file is not None:
        # The task's name in the source keeps ids of two tables apart.
        columns = {"name": f"={declared.name}", "licence": f"={declared.licence}", **(origin.columns or {})}
    try:
        found = find_source(name)
    except ConfigError as error:
        raise ConfigError(f"{declared.path}, items.source: {error.message}", hint=error.hint) from None
    codes = declared.langs or core_codes()
    if declared.translation is not None:
        codes = tuple(dict.fromkeys((declared.translation.pivot, *codes)))
    langs: list[str] | None = [code for code in codes if code in found.languages]
    if origin.file is not None and declared.langs is None:
        langs = None  # a table of one's own is read whole; which languages are asked is the run's matter
    reading = Reading(found, path, langs, None, columns)
    files = {reading.name_of(file): sha256_path(file) for file in reading.files}
    inputs = {"source": name, "files": files, "columns": columns, "langs": langs}
    out = _place(workspace, declared.name, inputs)
    if not (out / "manifest.json").exists():
        import_source(name, path, out, langs=langs, columns=columns)
    return _made(out)


def _vignettes(declared: Declaration, asked: Vignettes, workspace: Path) -> Made:
    langs = declared.langs or core_codes()
    inputs = {"vignettes": asked.model_dump(), "langs": list(langs), "protocols": _protocols_sha()}
    out = _place(workspace, declared.name, inputs)
    if not (out / "manifest.json").exists():
        from afya.protocols.vignettes import different

        repeated: list[Rejection] = []
        items = list(different(langs, asked.cases, asked.seed, asked.split, STAGE, repeated))
        _write(out, declared, inputs, items, repeated)
    # In place of each case that reads as an earlier one another was drawn: nothing that was asked for is missing.
    return replace(_made(out), rejected=0)


def _protocols_sha() -> str:
    """The hash of what vignettes are drawn from and told with: protocols and packs."""
    import afya.packs
    import afya.protocols

    folders = [Path(str(room.__file__)).parent for room in (afya.packs, afya.protocols)]
    read = [file for folder in folders for file in sorted(folder.rglob("*")) if file.suffix in (".yaml", ".py")]
    return sha256_text(canonical([[file.name, sha256_path(file)] for file in read]))


def _from_function(declared: Declaration, function: str, workspace: Path) -> Made:
    """What a function reads cannot be known, so it is called each time; the folder is kept while its items are."""
    path, _, name = function.rpartition(":")
    items = entries_of(Path(path), name, declared.name, declared.licence)
    digest = sha256_text("\n".join(canonical(asdict(item)) for item in items))
    inputs = {"function": f"{Path(path).name}:{name}", "items": digest}
    out = _place(workspace, declared.name, inputs)
    if not (out / "manifest.json").exists():
        _write(out, declared, inputs, items, [])
    return _made(out)


def entries_of(path: Path, function: str, task: str, licence: str) -> list[Item]:
    """The items that a function of the user's own yields.

    Raises:
        ConfigError: the function cannot be called or fails; its line is named. DataError: an entry is no item; its
        number and the key are named.
    """
    made = load_function(f"{path}:{function}")
    where = f"{path}:{function}"
    items: list[Item] = []
    seen: set[str] = set()
    try:
        entries = made()
        if isinstance(entries, str | Mapping) or not isinstance(entries, Iterable):
            raise ConfigError(f"{where}: items were expected one after another, not {type(entries).__name__}.")
        for number, entry in enumerate(entries, 1):
            item = entry if isinstance(entry, Item) else _item(entry, number, f"{where}, entry {number}", task, licence)
            fault = fault_of(item)
            if fault is None and item.item_id in seen:
                fault = "duplicate_id", f"'{item.item_id}' was given before"
            if fault is not None:
                raise DataError(f"{where}, entry {number}: {fault[0]}: {fault[1]}.")
            seen.add(item.item_id)
            items.append(item)
    except (ConfigError, DataError):
        raise
    except Exception as error:
        raise ConfigError(f"{where} failed ({told(error, path)}).") from error
    if not items:
        raise DataError(f"{where}: it yielded no item.")
    return items


def _item(entry: object, number: int, where: str, task: str, licence: str) -> Item:
    if not isinstance(entry, Mapping):
        raise DataError(f"{where}: an Item or a mapping was expected, not {type(entry).__name__}.")
    try:
        given = validate(dict(entry), Entry, where)
        lang = language(given.lang).code
    except ConfigError as error:
        raise DataError(error.message if error.message.startswith(where) else f"{where}: {error}") from None
    item_id, group_id = item_ids(task, str(number if given.id is None else given.id), lang)
    answer = (given.answer,) if isinstance(given.answer, int) else given.answer
    turns = None if given.turns is None else tuple(Turn(role, text) for role, text in given.turns)
    kind: Task = (
        "mcq" if given.options else "dialogue" if turns else "long_form" if given.answer_text else "instruction"
    )
    return Item(
        item_id=item_id,
        group_id=group_id,
        lang=lang,
        task=given.task or kind,
        split=given.split,
        question=given.question,
        context=given.context,
        options=None if given.options is None else tuple(given.options),
        answer=None if answer is None else tuple(answer),
        answer_text=given.answer_text,
        rationale=given.rationale,
        turns=turns,
        source=task,
        licence=given.licence or licence,
        origin="native",
        extra=None if given.extra is None else json.dumps(given.extra, ensure_ascii=False, sort_keys=True),
    )


def kind_of(items: Sequence[Item]) -> Kind:
    """The kind of a function's items, where nothing says it: choice where all have options, else written.

    Raises ConfigError for a mixture.
    """
    choices = sum(item.task in KIND_TASKS["choice"] for item in items)
    if 0 < choices < len(items):
        raise ConfigError(
            f"{choices} of {len(items)} items have options: a task is of one kind.",
            hint="Make two functions, one for each kind.",
        )
    return "choice" if choices else "written"


def _directed(declared: Declaration, translation: Translation, made: Made, workspace: Path) -> Made:
    """The items of a translation task: a text, and its translation as the reference.

    Aligned texts (task parallel) are paired with their group's text in the pivot. Items that have a reference already
    (`answer_text`) stay as they are.
    """
    inputs = {
        "items": made.sha256,
        "translation": translation.model_dump(),
        "langs": None if declared.langs is None else list(declared.langs),
        "splits": list(declared.splits),
    }
    out = _place(workspace, f"{declared.name}-pairs", inputs)
    if not (out / "manifest.json").exists():
        items: list[Item] = []
        rejections: list[Rejection] = []
        for frame in read_dataset(made.dataset, splits=declared.splits):
            items += from_frame(frame)
        kept = list(_pairs(items, translation, declared.langs or core_codes(), rejections))
        if not kept:
            raise DataError(
                f"{made.dataset}: no text stands in both '{translation.pivot}' and another language asked for.",
                hint="The items need the task parallel, or a reference translation as answer_text.",
            )
        _write(out, declared, inputs, kept, rejections)
    done = _made(out)
    return replace(done, rejected=done.rejected + made.rejected)


def _pairs(
    items: Sequence[Item], translation: Translation, langs: Sequence[str], rejections: list[Rejection]
) -> Iterator[Item]:
    pivot = translation.pivot
    told = {item.group_id: item for item in items if item.lang == pivot}
    for item in items:
        if item.lang == pivot or item.lang not in langs:
            continue
        if item.answer_text is not None:
            yield replace(item, task="instruction")
            continue
        other = told.get(item.group_id)
        if item.task != "parallel" or other is None:
            reason = "no_reference" if item.task != "parallel" else "no_pivot_text"
            rejections.append(Rejection(STAGE, item.item_id, reason, f"nothing to hold it against in '{pivot}'"))
            continue
        text, reference = (other, item) if translation.direction == "into" else (item, other)
        # Ids of the two directions differ, so that one run may ask both.
        source, _, native_id = item.group_id.partition(":")
        group_id = f"{source}-{translation.direction}-{pivot}:{native_id}" if native_id else item.group_id
        yield replace(
            item,
            item_id=f"{group_id}:{item.lang}",
            group_id=group_id,
            task="instruction",
            question=text.question,
            answer_text=reference.question,
            source=f"{item.source}-{translation.direction}-{pivot}",
        )


def _write(
    out: Path,
    declared: Declaration,
    inputs: Mapping[str, object],
    items: Sequence[Item],
    rejections: Sequence[Rejection],
) -> None:
    writer = DatasetWriter(out, {"command": "bench task", "task": declared.name, "inputs": dict(inputs)})
    for item in items:
        writer.add(item)
    ledger = Ledger()
    ledger.add(STAGE, len(items) + len(rejections), len(items), rejections)
    lines = [
        f"# {declared.title}",
        "",
        f"The items of the benchmark task '{declared.name}', made by afya from its declaration.",
        "",
        *([f"Source: {declared.source}", ""] if declared.source else []),
        f"Licence: {declared.licence}. Where items have another, each row's `licence` says so.",
    ]
    writer.finish(ledger, "\n".join(lines))

"""The Items a stage learns from, and where they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from afya.errors import ConfigError
from afya.items import Item
from afya.training.examples.lesson import Lesson
from afya.training.examples.option_order import balance_letters
from afya.training.recipe import FORM_TASKS, DataSource, Recipe, StageRecipe


@dataclass(frozen=True)
class Origin:
    """What a model card says about some of the data: how many items of which source, licence and origin."""

    source: str
    licence: str
    origin: str
    items: int


def stage_lessons(recipe: Recipe, stage: StageRecipe) -> list[Lesson]:
    """What a stage learns, in the order of its data entries, repeated as they say; rehearsal last.

    Options that have letters are shuffled by the recipe's seed, unless the stage takes them as given.

    Raises:
        ConfigError: an entry has nothing in the tasks wanted; DataError: a dataset folder cannot be read.
    """
    found = _lessons(stage, stage.data, recipe.stage_langs(stage))
    if stage.rehearsal is not None:
        found += [lesson._replace(rehearsal=True) for lesson in _lessons(stage, stage.rehearsal.data, recipe.langs)]
    return balance_letters(found, recipe.seed) if stage.options == "balanced" else found


def _lessons(stage: StageRecipe, data: Sequence[DataSource], langs: Sequence[str]) -> list[Lesson]:
    found: list[Lesson] = []
    for entry in data:
        form = entry.form or stage.form
        tasks = entry.tasks or FORM_TASKS[form]
        wanted = [code for code in langs if entry.langs is None or code in entry.langs]
        chosen = [
            Lesson(item, form) for item in _entry_items(entry, wanted) if item.task in tasks and item.lang in wanted
        ]
        if not chosen:
            raise ConfigError(
                f"Stage '{stage.name}': source '{entry.path or entry.source}' has no {entry.split} items of the tasks "
                f"{', '.join(tasks)} in {', '.join(wanted)}; the form '{form}' needs them."
            )
        if any(lesson.item.split == "test" for lesson in chosen):
            raise ConfigError(
                f"Stage '{stage.name}': source '{entry.path or entry.source}' gave test items; they are never learned."
            )
        found += chosen * entry.repeat
    return found


def _entry_items(entry: DataSource, langs: Sequence[str]) -> Iterator[Item]:
    if entry.source == "sample":
        from afya.data.sample import sample_items

        return (item for item in sample_items(langs) if item.split == entry.split)
    if entry.source == "vignettes":
        from afya.protocols.vignettes import generate

        return iter(generate(langs, entry.count or 0, entry.seed, entry.split))
    from afya.folders import dataset_rows, read_dataset
    from afya.items import from_frame

    folder = entry.path or Path()
    # A language that the entry names must be there; of the stage's languages a folder gives those that it has.
    known = langs if entry.langs is not None else [code for code in langs if dataset_rows(folder).get(code)]
    frames = read_dataset(folder, langs=known, splits=[entry.split]) if known else iter(())
    return chain.from_iterable(from_frame(frame) for frame in frames)


def input_paths(recipe: Recipe) -> list[Path]:
    """The folders whose contents decide the run: dataset folders, the proof's among them, and a local model folder."""
    entries = [
        entry
        for stage in recipe.stages
        for entry in (*stage.data, *(stage.rehearsal.data if stage.rehearsal is not None else ()))
    ]
    paths = [entry.path for entry in entries if entry.path is not None]
    if recipe.proof is not None:
        paths += [entry.path for entry in recipe.proof.data if entry.path is not None]
    if recipe.model.path is not None and Path(recipe.model.path).is_dir():
        paths.append(Path(recipe.model.path))
    return list(dict.fromkeys(paths))


def origins(lessons: Sequence[Lesson]) -> list[Origin]:
    """The lessons' distinct items counted by source, licence and origin."""
    items = {lesson.item.item_id: lesson.item for lesson in lessons}.values()
    counts = Counter((item.source, item.licence, item.origin) for item in items)
    return [Origin(*key, items=count) for key, count in sorted(counts.items())]


def lesson_texts(lessons: Iterable[Lesson]) -> Iterator[str]:
    """Every text a tokenizer should know to write these items and their prompts well."""
    from afya.bench.asking.prompts import render_item
    from afya.bench.settings import Setting
    from afya.models.base import OptionRequest

    settings = {
        "cloze": Setting("cloze"),
        "letter": Setting("letter"),
        "letter+rationale": Setting("letter"),
        "rationale+letter": Setting("generate", cot=True),
    }
    for item, form, _ in lessons:
        if form in settings:
            request = render_item(item, settings[form])
            prompt = request.prompt if isinstance(request, OptionRequest) else request
            yield from (message.content for message in prompt.messages)
            if isinstance(request, OptionRequest):
                yield prompt.answer_prefix
                yield from request.options
            if form in ("cloze", "letter"):
                continue
        yield from (text for text in (item.context, item.question, item.answer_text, item.rationale) if text)
        yield from item.options or ()
        yield from (turn.text for turn in item.turns or ())

"""A dataset folder in other languages: its items translated slot by slot, each of them written or accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError
from afya.folders import DatasetWriter, dataset_files, read_dataset
from afya.items import Item, from_frame
from afya.languages import language
from afya.runs import Ledger, Rejection, read_json
from afya.translation.base import Translator
from afya.translation.checks import Checker
from afya.translation.codes import unsupported
from afya.translation.items import translate_items
from afya.translation.routing import marked

if TYPE_CHECKING:
    from afya.translation.glossary import Glossary
    from afya.translation.workflow import Workflow

_BLOCK = 256

Progress = Callable[[str, int, int], None]
"""Called with the target's code, the items done in it, and the items in all."""

_CARD = """
# {name}, translated by {engine}

The items of the dataset folder "{name}" in {source}, translated by machine into {targets}. Options, key and roles are
those of the original; `translated_from` and `translator` say so in every row.

{licence}

**Read before use.** No person has read these translations. {checked} What was not translated stands in
`ledger.parquet` with the reason.
"""


@dataclass(frozen=True, slots=True)
class Done:
    """The manifest and ledger of a dataset that was written, and how many of its items are marked for review."""

    manifest: dict[str, Any]
    ledger: Ledger
    doubtful: int


def translate_dataset(
    path: Path,
    out: Path,
    translator: Translator,
    source: str,
    targets: Sequence[str],
    *,
    glossary: Glossary | None = None,
    workflow: Workflow | None = None,
    check: bool = False,
    keep_source: bool = False,
    on_progress: Progress | None = None,
) -> Done:
    """Write the items of one language of a dataset folder in other languages.

    Args:
        workflow: criticise and revise the engine's drafts; what was done stands in each item's `extra`.
        check: make the integrity checks; their results stand in each item's `checks`. A workflow that verifies makes
            them in any case.
        keep_source: write the original items too.

    Raises:
        ConfigError: a target is the source, or the engine lacks a pair. DataError: the folder is no dataset, or has
            nothing in the source language. RunError: `out` holds something else, or cannot be written.
        EngineError: the engine answers nothing; no dataset is left then.
    """
    source = language(source).code
    codes = [language(code).code for code in targets]
    for code in codes:
        if code == source:
            raise ConfigError(f"'{code}' is both source and target.", hint="Name other languages with --target.")
        if (source, code) not in translator.pairs():
            raise unsupported(translator.identity.name, source, code, translator.pairs())
    dataset_files(path, [source])
    total = sum(read_json(path / "manifest.json")["rows"][source].values())
    identity = translator.identity
    recipe = {
        "command": "translate data",
        "dataset": read_json(path / "manifest.json")["fingerprint"],
        "engine": {"name": identity.name, "sha256": identity.sha256},
        "source": source,
        "targets": codes,
        "check": check,
        "glossary": glossary is not None,
        "workflow": None if workflow is None else workflow.recipe.model_dump(mode="json"),
        "keep_source": keep_source,
    }
    check = check or (workflow is not None and workflow.recipe.verify.checks)
    writer = DatasetWriter(out, recipe)
    ledger = Ledger()
    doubtful = 0
    if keep_source:
        kept = 0
        for item in _items(path, source):
            writer.add(item)
            kept += 1
        ledger.add("source", kept, kept, [])
    for code in codes:
        checker = Checker(source, code, glossary=glossary) if check else None
        read = written = 0
        rejections: list[Rejection] = []
        stage = f"translate {source}-{code}"
        waiting = _items(path, source)
        while block := list(islice(waiting, _BLOCK)):
            made = translate_items(block, code, translator, checker=checker, glossary=glossary, workflow=workflow)
            for item, result in zip(block, made, strict=True):
                if result.item is None or result.route == "reject":
                    reason = "not_translated" if result.item is None else "failed_checks"
                    rejections.append(Rejection(stage, item.item_id, reason, result.error))
                else:
                    writer.add(marked(result.item) if result.route == "review" else result.item)
                    written += 1
                    doubtful += result.route == "review"
            read += len(block)
            if on_progress is not None:
                on_progress(code, read, total)
        ledger.add(stage, read, written, rejections)
    return Done(writer.finish(ledger, _card(path, translator, source, codes, check)), ledger, doubtful)


def _items(path: Path, lang: str) -> Iterator[Item]:
    for frame in read_dataset(path, [lang]):
        # Rows of a large file become items a block at a time.
        for start in range(0, frame.height, _BLOCK):
            yield from from_frame(frame.slice(start, _BLOCK))


def _card(path: Path, translator: Translator, source: str, targets: Sequence[str], check: bool) -> str:
    identity = translator.identity
    if identity.non_commercial:
        licence = f"**Not for commercial use:** the engine stands under {identity.licence}; rows say so in `extra`."
    elif identity.licence is not None:
        licence = f"The engine stands under {identity.licence}; the rows' own licences are in `licence`."
    elif identity.non_commercial is False:
        licence = "The engine's own licence does not bind what it writes; the rows' licences are in `licence`."
    else:
        licence = "The engine's licence is not known; the rows' own licences are in `licence`."
    return _CARD.lstrip().format(
        name=path.resolve().name,
        engine=identity.name,
        source=language(source).name,
        targets=", ".join(f"{language(code).name} ({code})" for code in targets),
        licence=licence,
        checked="The results of the integrity checks are in `checks`; doubtful rows have `review: true` in `extra`."
        if check
        else "No check was made.",
    )

"""Public sets of requests that should or should not be refused, where their files are at hand.

XSTest (Röttger et al. 2024) and the training half of MedSafetyBench (Han et al. 2024), in English. They were made for
language models that talk about anything; nothing of them is copied here, they are read from the folder that is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from afya.assistant.evaluation.probes import Probe
from afya.assistant.evaluation.sets.harm import PUBLIC
from afya.errors import DataError
from afya.items import Item
from afya.sources import Reading, source

NAMES: tuple[str, ...] = ("xstest", "medsafetybench")


def probes(folder: Path) -> list[Probe]:
    """A probe a request. Raises DataError where the folder has neither set."""
    made = []
    for name in NAMES:
        if (folder / name).is_dir():
            made += [_probe(item, name) for item in _items(name, folder / name)]
    if not made:
        raise DataError(
            f"{folder}: there is neither {' nor '.join(NAMES)} in it.", hint="Name the folder that holds theirs."
        )
    return made


def _items(name: str, folder: Path) -> Iterator[Item]:
    reading = Reading(source(name), folder)
    for outcome in reading.source.read(reading):
        if isinstance(outcome, Item):
            yield outcome


def _probe(item: Item, name: str) -> Probe:
    told = json.loads(item.extra or "{}")
    expected = "answer" if told.get("label") == "safe" else "refuse"
    payload = {"text": item.question, "expected": expected}
    return Probe(f"en-public-{item.item_id}", "en", PUBLIC, f"{name}: {expected}", payload)

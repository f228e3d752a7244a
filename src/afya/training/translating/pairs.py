"""Aligned sentences: from dataset folders, TSV files, glossaries and memories to rows of (text, translation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from afya.errors import ConfigError
from afya.items import Item
from afya.runs import Rejection
from afya.training.translating.recipe import PairSource, languages_of


@dataclass(frozen=True, slots=True)
class PairRow:
    """A text and its translation in one direction. `group` is the sentence, whatever the direction."""

    row_id: str
    group: str
    pair: str
    text: str
    translation: str
    source: str
    licence: str
    origin: str


@dataclass
class Read:
    """What a source gave: its rows, and the sentences that stand alone, which no direction can use."""

    rows: list[PairRow] = field(default_factory=list)
    alone: list[Rejection] = field(default_factory=list)


def read_source(entry: PairSource, pairs: Sequence[str], stage: str) -> Read:
    """The rows of a source in the given directions, in the source's order.

    Args:
        stage: the ledger's stage, for what is left out.

    Raises:
        DataError: the folder or file cannot be read; the file and line are named.
        ConfigError: the source has nothing in any of the directions.
    """
    readers = {"dataset": _dataset, "tsv": _tsv, "glossary": _glossary, "memory": _memory}
    found = readers[entry.source](entry, pairs, stage)
    if not found.rows:
        split = f" in its split '{entry.split}'" if entry.source == "dataset" else ""
        raise ConfigError(
            f"{entry.path}: no aligned sentences{split} for {', '.join(pairs)}.",
            hint="A dataset folder needs items of the task parallel whose groups hold both languages.",
        )
    return found


def _dataset(entry: PairSource, pairs: Sequence[str], stage: str) -> Read:
    from afya.folders import read_dataset
    from afya.items import from_frame

    wanted = list(dict.fromkeys(code for pair in pairs for code in languages_of(pair)))
    groups: dict[str, dict[str, Item]] = {}
    for frame in read_dataset(entry.path, langs=wanted, splits=[entry.split]):
        for item in from_frame(frame):
            # The file's name is not trusted: a test sentence in a training file is still one.
            if item.task == "parallel" and item.split == entry.split:
                groups.setdefault(item.group_id, {})[item.lang] = item
    found = Read()
    for group in sorted(groups):
        sides = groups[group]
        rows = list(_directions(sides, pairs))
        found.rows += rows
        if not rows:
            found.alone += [
                Rejection(stage, item.item_id, "no_partner", f"the group has no text to go with {code}")
                for code, item in sorted(sides.items())
            ]
    return found


def _directions(sides: dict[str, Item], pairs: Sequence[str]) -> Iterator[PairRow]:
    for pair in pairs:
        source, target = languages_of(pair)
        if source in sides and target in sides:
            one, other = sides[source], sides[target]
            yield PairRow(
                row_id=f"{one.group_id}:{pair}",
                group=one.group_id,
                pair=pair,
                text=one.question,
                translation=other.question,
                source=one.source,
                licence=one.licence,
                origin="machine" if "machine" in (one.origin, other.origin) else "human",
            )


def _tsv(entry: PairSource, pairs: Sequence[str], stage: str) -> Read:
    from afya.translation.checks.files import read_pairs

    told = _told(entry.path)
    first, second = languages_of(str(entry.pair))
    found = Read()
    for row in read_pairs(entry.path, header=entry.header):
        texts = {first: row.source, second: row.translation}
        found.rows += _both(f"{told}:{row.line}", texts, pairs, told, entry.licence, "human")
    return found


def _glossary(entry: PairSource, pairs: Sequence[str], stage: str) -> Read:
    from afya.translation.glossary import Glossary

    concepts: dict[tuple[str, str, str], dict[str, str]] = {}
    for term in Glossary.load(entry.path).entries():
        concepts.setdefault((term.concept, term.source, term.licence), {}).setdefault(term.lang, term.term)
    found = Read()
    for (concept, source, licence), terms in sorted(concepts.items()):
        group = f"{source or _told(entry.path)}:{concept}"
        found.rows += _both(group, terms, pairs, source or _told(entry.path), licence or "unknown", "human")
    return found


def _memory(entry: PairSource, pairs: Sequence[str], stage: str) -> Read:
    from afya.translation.memory import Memory

    told = _told(entry.path)
    found = Read()
    with Memory(entry.path, read_only=True) as memory:
        for number, kept in enumerate(memory.entries(), start=1):
            # What a machine wrote and nobody read would teach the model an engine's mistakes.
            if kept.origin != "machine":
                texts = {kept.source: kept.source_text, kept.target: kept.target_text}
                found.rows += _both(f"{told}:{number}", texts, pairs, told, entry.licence, "human")
    return found


def _both(
    group: str, texts: dict[str, str], pairs: Sequence[str], source: str, licence: str, origin: str
) -> Iterator[PairRow]:
    """The rows that one sentence in several languages gives."""
    for pair in pairs:
        one, other = languages_of(pair)
        if one in texts and other in texts:
            yield PairRow(f"{group}:{pair}", group, pair, texts[one], texts[other], source, licence, origin)


def _told(path: Path) -> str:
    return path.stem

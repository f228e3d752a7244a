"""How much of a pack is there, beside the English one: what is written, of how much, column by column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from afya.errors import ConfigError
from afya.packs.pack import Pack, load_pack

COLUMNS: tuple[str, ...] = (
    "messages",
    "protocols",
    "danger rules",
    "spellings",
    "glossary",
    "kb",
    "units",
    "culture",
    "tests",
)


@dataclass(frozen=True, slots=True)
class Share:
    """`done` of `all`; where a language has what it has (spellings, culture) `all` is None. `fault`: why unreadable."""

    done: int
    all: int | None
    fault: str | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.fault is None and (self.done > 0 if self.all is None else self.done >= self.all)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One pack's row."""

    lang: str
    name: str
    base: str | None
    columns: dict[str, Share]
    reviewed: bool
    reviewers: tuple[str, ...]
    origin: str

    def as_dict(self) -> dict[str, object]:
        """The row as JSON values."""
        columns = {
            name: {"done": share.done, "all": share.all} | ({"fault": share.fault} if share.fault else {})
            for name, share in self.columns.items()
        }
        return {
            "lang": self.lang,
            "name": self.name,
            "base": self.base,
            "columns": columns,
            "origin": self.origin,
            "reviewed": self.reviewed,
            "reviewers": list(self.reviewers),
        }


def coverage(pack: Pack, *, reference: Pack | None = None) -> Coverage:
    """How much of the reference (default: English) `pack` has. A file that cannot be read counts as nothing."""
    base = reference or load_pack("en")
    counts: dict[str, Callable[[], tuple[int, int | None]]] = {
        "messages": lambda: _keys(set(pack.messages), set(base.messages)),
        "protocols": lambda: (len(pack.protocols), len(base.protocols)),
        "danger rules": lambda: _keys(set(pack.danger), set(base.danger)),
        "spellings": lambda: (len(pack.spellings.pairs()), None),
        "glossary": lambda: _keys(
            {term.en[0] for term in pack.glossary if term.here}, {term.en[0] for term in base.glossary}
        ),
        "kb": lambda: _keys({passage.name for passage in pack.passages}, {passage.name for passage in base.passages}),
        "units": lambda: (sum(bool(unit.words) for unit in pack.units.values()), None),
        "culture": lambda: (_rows(pack), None),
        "tests": lambda: (len(pack.tests), len(base.tests)),
    }
    columns: dict[str, Share] = {}
    for name in COLUMNS:
        try:
            done, every = counts[name]()
            columns[name] = Share(done, every)
        except ConfigError as error:
            columns[name] = Share(0, None, str(error))
    return Coverage(pack.lang, pack.name, pack.base, columns, pack.reviewed, pack.reviewers, pack.origin)


def _keys(own: set[str], wanted: set[str]) -> tuple[int, int]:
    return len(own & wanted), len(wanted)


def _rows(pack: Pack) -> int:
    culture = pack.culture
    return len(culture.illnesses) + len(culture.taboo) + len(culture.euphemisms) + len(culture.foods)

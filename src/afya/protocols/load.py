"""Reading a protocol from its files. Every mistake is a ConfigError that names the file, the row and the key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.protocols.conditions import AtLeast, Condition, OneOf, Value, Within, all_of
from afya.protocols.model import (
    NOT_APPLICABLE,
    Action,
    Band,
    Citation,
    Input,
    Medicine,
    Protocol,
    Row,
    Source,
    Table,
)

if TYPE_CHECKING:
    from afya.protocols.schema import BandFile, CitationFile, InputFile, RowFile, TableFile

CHILD = "child_2_59_months"

_NOT_PROTOCOLS = ("formulary", "sources")


def builtin_folder() -> Path:
    """The folder of the protocols that come with afya."""
    return Path(str(files("afya.protocols"))) / "tables"


def available(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the protocols in a folder (default: those that come with afya)."""
    return tuple(sorted(p.stem for p in (folder or builtin_folder()).glob("*.yaml") if p.stem not in _NOT_PROTOCOLS))


@cache
def load_protocol(name: str = CHILD, folder: Path | None = None) -> Protocol:
    """The protocol `name`, checked. Raises ConfigError naming the file, row and key that are wrong."""
    from afya.protocols.schema import ProtocolFile

    base = folder or builtin_folder()
    path = base / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"There is no protocol '{name}' in {base}.", hint=f"There are: {', '.join(available(base))}.")
    raw = validate(read_yaml(path), ProtocolFile, str(path))
    sources = _sources(base / raw.sources)
    medicines = _medicines(base / raw.formulary, sources)
    inputs = {key: _input(key, entry) for key, entry in raw.inputs.items()}
    for name, entry in inputs.items():
        for target in (target for answers in entry.implies.values() for target in answers):
            if target not in inputs:
                raise ConfigError(f"{path}: {name} implies the unknown input '{target}'.", hint=_near(target, inputs))
            if inputs[target].kind != "bool":
                raise ConfigError(f"{path}: {name} implies '{target}', which is no yes-or-no question.")
    tables: dict[str, Table] = {}
    for table in raw.tables:
        if table.id in tables or table.id in inputs:
            raise ConfigError(f"{path}: the name '{table.id}' is used twice.")
        tables[table.id] = _table(table, _Reader(str(path), inputs, tables, sources, medicines))
    return Protocol(
        name=raw.id,
        version=raw.version,
        title=raw.title,
        inputs=MappingProxyType(inputs),
        tables=MappingProxyType(tables),
        medicines=MappingProxyType(medicines),
        sources=MappingProxyType(sources),
        path=str(path),
    )


def _sources(path: Path) -> dict[str, Source]:
    from afya.protocols.schema import SourcesFile

    raw = validate({"sources": read_yaml(path)}, SourcesFile, str(path))
    return {
        key: Source(key, entry.title, entry.publisher, entry.year, entry.licence, entry.seen)
        for key, entry in raw.sources.items()
    }


def _cite(source: str, page: str, sources: Mapping[str, Source], where: str) -> Citation:
    if source not in sources:
        raise ConfigError(f"{where}: unknown source '{source}'.", hint=_near(source, sources))
    return Citation(sources[source], page)


def _also(entries: Iterable[CitationFile], sources: Mapping[str, Source], where: str) -> tuple[Citation, ...]:
    return tuple(_cite(entry.source, entry.page, sources, where) for entry in entries)


def _medicines(path: Path, sources: Mapping[str, Source]) -> dict[str, Medicine]:
    from afya.protocols.schema import FormularyFile

    raw = validate(read_yaml(path), FormularyFile, str(path))
    return {
        name: Medicine(
            name,
            entry.form,
            entry.strength,
            entry.card,
            tuple(_band(band, sources, f"{path}: {name}, band {i}") for i, band in enumerate(entry.bands, 1)),
        )
        for name, entry in raw.medicines.items()
    }


def _band(raw: BandFile, sources: Mapping[str, Source], where: str) -> Band:
    return Band(
        months=(raw.months[0], raw.months[1]),
        kg=None if raw.kg is None else (raw.kg[0], raw.kg[1]),
        amount=MappingProxyType({key: _whole(value) for key, value in raw.amount.items()}),
        times_a_day=raw.times_a_day,
        every_hours=raw.every_hours,
        days=raw.days,
        until=raw.until,
        citation=_cite(raw.source, raw.page, sources, where),
        also=_also(raw.also, sources, where),
        reviewed=raw.reviewed,
        note=raw.note,
    )


def _whole(value: float | str) -> float | str:
    """12.0 as 12, so that a text never says 12.0 tablets."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _input(name: str, raw: InputFile) -> Input:
    low, high = raw.range if raw.range else (None, None)
    return Input(
        name=name,
        kind=raw.type,
        unit=raw.unit,
        low=low,
        high=high,
        step=raw.step,
        values=tuple(raw.values),
        section=raw.section,
        danger=raw.danger,
        entry=raw.entry,
        required=raw.required,
        dosing_only=raw.dosing_only,
        implies=raw.implies,
    )


def _near(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"Did you mean '{found[0]}'?" if found else f"Known: {', '.join(sorted(known))}."


def _table(raw: TableFile, reader: _Reader) -> Table:
    applies = reader.condition(raw.applies, f"{raw.id}, applies")
    rows = tuple(reader.row(raw, row, number) for number, row in enumerate(raw.rows, 1))
    return Table(raw.id, raw.section, raw.kind, raw.semantics, applies, rows)


class _Reader:
    """Turns the tests of one table into conditions, knowing the inputs and the tables that stand before it."""

    def __init__(
        self,
        path: str,
        inputs: Mapping[str, Input],
        tables: Mapping[str, Table],
        sources: Mapping[str, Source],
        medicines: Mapping[str, Medicine],
    ) -> None:
        self.path = path
        self.inputs = inputs
        self.tables = dict(tables)
        self.sources = sources
        self.medicines = medicines

    def fail(self, where: str, message: str, hint: str | None = None) -> NoReturn:
        raise ConfigError(f"{self.path}: {where}: {message}", hint=hint)

    def row(self, table: TableFile, raw: RowFile, number: int) -> Row:
        where = f"{table.id}, row {number}"
        if table.kind == "classify" and (raw.classification is None or raw.colour is None or raw.result is not None):
            self.fail(where, "a row of a classify table needs classification and colour, and no result.")
        if table.kind == "derive" and (raw.result is None or raw.classification is not None or raw.colour is not None):
            self.fail(where, "a row of a derive table needs result, and no classification or colour.")
        for medicine in raw.doses:
            if medicine not in self.medicines:
                self.fail(where, f"unknown medicine '{medicine}'.", _near(medicine, self.medicines))
        params = {key: _number(value) for key, value in raw.params.items()}
        return Row(
            table=table.id,
            number=number,
            when=self.condition(raw.when, f"{where}, when"),
            result=raw.classification or raw.result or "",
            colour=raw.colour,
            actions=tuple(self.action(action, where) for action in raw.actions),
            doses=tuple(raw.doses),
            params=MappingProxyType(params),
            citation=_cite(raw.source, raw.page, self.sources, f"{self.path}: {where}"),
            also=_also(raw.also, self.sources, f"{self.path}: {where}"),
            reviewed=raw.reviewed,
            note=raw.note,
        )

    def action(self, raw: str | dict[str, int | dict[str, float]], where: str) -> Action:
        if isinstance(raw, str):
            return Action(raw)
        if len(raw) != 1:
            self.fail(where, f"an action is one key with its days or its values, found {raw}.")
        ((name, params),) = raw.items()
        if isinstance(params, dict):
            return Action(name, tuple((key, _number(value)) for key, value in sorted(params.items())))
        return Action(name, (("days", params),))

    def condition(self, raw: Mapping[str, object], where: str) -> Condition:
        return all_of(tuple(self.test(key, value, where) for key, value in raw.items()))

    def test(self, key: str, value: object, where: str) -> Condition:
        if key in ("any", "all"):
            parts = self.parts(value, where)
            return AtLeast(1 if key == "any" else len(parts), parts)
        if key == "at_least":
            if not isinstance(value, dict) or set(value) != {"count", "of"} or not isinstance(value["count"], int):
                self.fail(where, "at_least holds count (a number) and of (a list of tests).")
            parts = self.parts(value["of"], where)
            if not 1 <= value["count"] <= len(parts):
                self.fail(where, f"at_least {value['count']} of {len(parts)} tests cannot be.")
            return AtLeast(value["count"], parts)
        if isinstance(value, dict):
            return self.interval(key, value, where)
        return self.equality(key, value if isinstance(value, list) else [value], where)

    def parts(self, value: object, where: str) -> tuple[Condition, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
            self.fail(where, "expected a list of tests, each with a key and a value.")
        return tuple(self.condition(part, where) for part in value)

    def interval(self, key: str, value: dict[object, object], where: str) -> Condition:
        known = self.inputs.get(key)
        if known is None:
            self.fail(where, f"unknown input '{key}'.", _near(key, self.inputs))
        if known.kind not in ("int", "number"):
            self.fail(where, f"'{key}' is not a number, so it has no interval.")
        edges: dict[str, float] = {}
        for name, edge in value.items():
            if name not in ("from", "below") or isinstance(edge, bool) or not isinstance(edge, (int, float)):
                self.fail(where, f"the interval of '{key}' holds from and below with numbers, found {name}: {edge}.")
            edges[name] = _number(edge)
        low, high = edges.get("from"), edges.get("below")
        if not edges or (low is not None and high is not None and low >= high):
            self.fail(where, f"the interval of '{key}' is empty.")
        return Within(key, low, high)

    def equality(self, key: str, values: list[object], where: str) -> Condition:
        if key in self.inputs:
            allowed: tuple[Value, ...] = self.inputs[key].domain()
            if not allowed:
                self.fail(where, f"'{key}' is a number: test it with from and below.")
        elif key in self.tables:
            allowed = (*self.tables[key].results(), NOT_APPLICABLE)
        else:
            self.fail(where, f"unknown input or earlier table '{key}'.", _near(key, [*self.inputs, *self.tables]))
        found: list[Value] = []
        for value in values:
            match = next((known for known in allowed if known == value and type(known) is type(value)), None)
            if match is None:
                self.fail(where, f"'{key}' is never {value!r}; it is one of {', '.join(map(str, allowed))}.")
            found.append(match)
        return OneOf(key, tuple(found))


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value

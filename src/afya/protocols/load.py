"""Reading a protocol from its files. Every mistake is a ConfigError that names the file, the row and the key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.protocols.conditions import AtLeast, Condition, OneOf, Value, Within, all_of
from afya.protocols.formulary import FORMULARY, SOURCES, cite, cite_all, near, read_formulary
from afya.protocols.model import (
    DANGER_SECTION,
    NOT_APPLICABLE,
    Action,
    Age,
    Formulary,
    Input,
    Medicine,
    Protocol,
    Row,
    Source,
    Table,
)

if TYPE_CHECKING:
    from afya.protocols.schema import InputFile, ProtocolFile, RowFile, TableFile

CHILD = "child_2_59_months"

_NOT_PROTOCOLS = (FORMULARY, SOURCES)


def builtin_folder() -> Path:
    """The folder of the protocols that come with afya."""
    return Path(str(files("afya.protocols"))) / "tables"


def available(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the protocols in a folder (default: those that come with afya)."""
    return tuple(sorted(p.stem for p in (folder or builtin_folder()).glob("*.yaml") if p.stem not in _NOT_PROTOCOLS))


def load_protocol(name: str = CHILD, folder: Path | None = None) -> Protocol:
    """The protocol `name`, checked. Raises ConfigError naming the file, row and key that are wrong."""
    return _load(name, folder or builtin_folder())


@cache
def _load(name: str, base: Path) -> Protocol:
    from afya.protocols.schema import ProtocolFile

    path = base / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"There is no protocol '{name}' in {base}.", hint=f"There are: {', '.join(available(base))}.")
    raw = validate(read_yaml(path), ProtocolFile, str(path))
    if raw.id != name:
        raise ConfigError(f"{path}: id is '{raw.id}', but the file is '{name}.yaml'.")
    formulary = _formulary(base / raw.formulary, base / raw.sources)
    inputs = {key: _input(key, entry) for key, entry in raw.inputs.items()}
    for key, entry in inputs.items():
        for target in (target for answers in entry.implies.values() for target in answers):
            if target not in inputs:
                raise ConfigError(f"{path}: {key} implies the unknown input '{target}'.", hint=near(target, inputs))
            if inputs[target].kind != "bool":
                raise ConfigError(f"{path}: {key} implies '{target}', which is no yes-or-no question.")
    age = _age(raw, inputs, str(path))
    _no_cycle(raw, str(path))
    tables: dict[str, Table] = {}
    for table in raw.tables:
        if table.id in tables or table.id in inputs:
            raise ConfigError(f"{path}: the name '{table.id}' is used twice.")
        reader = _Reader(str(path), inputs, tables, formulary.sources, formulary.medicines)
        tables[table.id] = _table(table, reader)
    given = {name for table in tables.values() for row in table.rows for name in row.doses}
    if given and age is None:
        raise ConfigError(
            f"{path}: rows give {', '.join(sorted(given))}, but no input gives the age.",
            hint="Add age: {input: ..., unit: day, week, month or year}.",
        )
    _check_names(raw, inputs, tables, str(path))
    return Protocol(
        name=raw.id,
        version=raw.version,
        title=raw.title,
        inputs=MappingProxyType(inputs),
        tables=MappingProxyType(tables),
        # Only what its rows give: a protocol speaks of no other medicine.
        medicines=MappingProxyType({name: entry for name, entry in formulary.medicines.items() if name in given}),
        sources=formulary.sources,
        path=str(path),
        short=raw.short,
        subject=raw.subject,
        age=age,
        optional=tuple(raw.optional),
        person=MappingProxyType({str(key): value for key, value in raw.person.items()}),
    )


def find_protocol(name: str, folder: Path | None = None) -> Protocol:
    """The protocol of an id or a short name (child, infant). Raises ConfigError listing both."""
    ids = available(folder)
    if name in ids:
        return load_protocol(name, folder)
    known = [load_protocol(entry, folder) for entry in ids]
    found = next((protocol for protocol in known if protocol.short == name), None)
    if found is None:
        names = [protocol.short or protocol.name for protocol in known]
        near_name = difflib.get_close_matches(name, [*names, *ids], n=1)
        raise ConfigError(
            f"There is no protocol '{name}'.",
            hint=(f"Did you mean '{near_name[0]}'? " if near_name else "") + f"There are: {', '.join(names)}.",
        )
    return found


def load_formulary(folder: Path | None = None) -> Formulary:
    """Every medicine there is, whatever protocol gives it. Raises ConfigError as `load_protocol`."""
    base = folder or builtin_folder()
    return _formulary(base / f"{FORMULARY}.yaml", base / f"{SOURCES}.yaml")


@cache
def _formulary(path: Path, sources: Path) -> Formulary:
    return read_formulary(path, sources)


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


def _age(raw: ProtocolFile, inputs: Mapping[str, Input], path: str) -> Age | None:
    if raw.age is None:
        return None
    entry = inputs.get(raw.age.input)
    if entry is None:
        raise ConfigError(f"{path}: age: there is no input '{raw.age.input}'.", hint=near(raw.age.input, inputs))
    if entry.kind not in ("int", "number") or entry.unit != raw.age.unit:
        raise ConfigError(
            f"{path}: age: '{entry.name}' must be a number with unit: {raw.age.unit}, found {entry.unit or entry.kind}."
        )
    return Age(raw.age.input, raw.age.unit)


def _check_names(raw: ProtocolFile, inputs: Mapping[str, Input], tables: Mapping[str, Table], path: str) -> None:
    """What `person` and `optional` name is there, and no section that every language has reads an optional one."""
    for key, value in raw.person.items():
        if isinstance(value, str) and value not in inputs and value not in tables:
            raise ConfigError(f"{path}: person: {key}: there is no input or table '{value}'.")
    sections = {table.section for table in tables.values()}
    for section in raw.optional:
        if section not in sections or section == DANGER_SECTION:
            raise ConfigError(f"{path}: optional: '{section}' is no section that can be left out.")
    for table in tables.values():
        for name in table.reads():
            read = inputs[name].section if name in inputs else tables[name].section
            if read in raw.optional and table.section not in raw.optional:
                raise ConfigError(f"{path}: {table.name} reads '{name}' of the optional section '{read}'.")


def _no_cycle(raw: ProtocolFile, path: str) -> None:
    """Tables that need one another's result could never be decided: refused by the names of the circle."""
    order = {table.id: table for table in raw.tables}
    reads = {
        table.id: [name for name in _named([table.applies, *(row.when for row in table.rows)]) if name in order]
        for table in raw.tables
    }
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            circle = [*trail[trail.index(name) :], name]
            raise ConfigError(
                f"{path}: the tables read one another in a circle: {' -> '.join(circle)}.",
                hint="A table may read only what stands before it. Take one of these tests out.",
            )
        if name not in done:
            for read in reads[name]:
                visit(read, [*trail, name])
            done.add(name)

    for name in order:
        visit(name, [])


def _named(tests: object) -> Iterator[str]:
    """Every name that raw tests read."""
    if isinstance(tests, list):
        for test in tests:
            yield from _named(test)
    elif isinstance(tests, dict):
        for key, value in tests.items():
            if key in ("any", "all"):
                yield from _named(value)
            elif key == "at_least":
                yield from _named(value.get("of") if isinstance(value, dict) else None)
            else:
                yield str(key)


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
                self.fail(where, f"unknown medicine '{medicine}'.", near(medicine, self.medicines))
            if self.medicines[medicine].refer:
                self.fail(where, f"'{medicine}' is given by a health facility only (refer: true).")
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
            citation=cite(raw.source, raw.page, self.sources, f"{self.path}: {where}"),
            also=cite_all(raw.also, self.sources, f"{self.path}: {where}"),
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
            self.fail(where, f"unknown input '{key}'.", near(key, self.inputs))
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
            self.fail(where, f"unknown input or earlier table '{key}'.", near(key, [*self.inputs, *self.tables]))
        found: list[Value] = []
        for value in values:
            match = next((known for known in allowed if known == value and type(known) is type(value)), None)
            if match is None:
                self.fail(where, f"'{key}' is never {value!r}; it is one of {', '.join(map(str, allowed))}.")
            found.append(match)
        return OneOf(key, tuple(found))


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value

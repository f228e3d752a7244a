"""What the conditions of a decision ask about: each label as one input, or as one yes-or-no question an answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, log10

from afya.protocols.smart.dictionary import Element
from afya.protocols.smart.statements import Compared, Is, Joined, Statement, Unreadable

# Counted or read off in whole numbers; a number in any other unit has at least one decimal, so that "over 38" is not
# taken for "39 and over".
WHOLE_UNITS = frozenset({"", "week", "weeks", "month", "months", "year", "years", "day", "days", "mmhg", "bpm"})
OTHER = "other"
_LONGEST_NAME = 56

When = dict[str, object]


def slug(text: str) -> str:
    """A name for `text`: small letters, digits and underscores, begun by a letter; "" when nothing is left."""
    spelled = text.replace("+", " plus ").replace("≥", " from ").replace("≤", " up to ").replace("%", " percent ")
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().casefold()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST_NAME].strip("_")
    return f"n_{name}" if name[:1].isdigit() else name


class Names:
    """Gives each text a name of its own, the same one each time it is asked."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, text: str) -> str:
        """The name for `text`; a number is added where another text has it already."""
        if text not in self._given:
            base = slug(text) or "value"
            name, count = base, 1
            while name in self._taken:
                count += 1
                name = f"{base}_{count}"
            self._taken.add(name)
            self._given[text] = name
        return self._given[text]

    def given(self) -> list[tuple[str, str]]:
        """Every text that was named, with its name."""
        return list(self._given.items())


@dataclass
class Variable:
    """One label of a decision, with everything its conditions compare it with."""

    label: str
    element: Element | None = None
    truths: bool = False
    values: list[str] = field(default_factory=list)
    numbers: list[Compared] = field(default_factory=list)
    several: bool = False

    @property
    def kind(self) -> str:
        """bool, number, enum, or several (yes-or-no questions, one a value)."""
        if self.numbers:
            return "number"
        if self.values:
            return "several" if self.several else "enum"
        return "bool"

    @property
    def units(self) -> list[str]:
        """The units its numbers stand in, each once."""
        return list(dict.fromkeys(number.unit for number in self.numbers if number.unit))

    @property
    def step(self) -> float:
        """The smallest difference its numbers make."""
        decimals = max(len(f"{number.number:.6f}".rstrip("0").partition(".")[2]) for number in self.numbers)
        whole = all(number.unit.casefold() in WHOLE_UNITS for number in self.numbers)
        return 1 if whole and not decimals else float(10 ** -max(1, decimals))

    def fault(self) -> str | None:
        """Why the label cannot be one input, if so."""
        if (bool(self.numbers) + bool(self.values) + self.truths) > 1:
            return f"'{self.label}' is compared with different kinds of answers in this decision."
        if len(self.units) > 1:
            return f"'{self.label}' is compared in different units ({', '.join(self.units)})."
        return None


def variables(statements: Iterable[Statement], elements: Mapping[str, Element]) -> dict[str, Variable]:
    """Every label of the statements (one a row), by label."""
    found: dict[str, Variable] = {}
    for statement in statements:
        inside: dict[str, int] = {}
        for part in leaves(statement):
            entry = found.setdefault(part.label, Variable(part.label, elements.get(part.label.casefold())))
            if isinstance(part, Compared):
                entry.numbers.append(part)
                continue
            inside[part.label] = inside.get(part.label, 0) + 1
            entry.truths |= any(isinstance(value, bool) for value in part.values)
            entry.values += [value for value in part.values if isinstance(value, str) and value not in entry.values]
        for label, count in inside.items():
            # One row that asks twice about a label can only be about answers that stand beside one another.
            found[label].several |= count > 1
    for entry in found.values():
        if entry.element is not None and entry.element.several is not None:
            entry.several = entry.element.several
    return found


def leaves(statement: Statement) -> Iterator[Is | Compared]:
    """The single comparisons of a statement."""
    if isinstance(statement, Joined):
        for part in statement.parts:
            yield from leaves(part)
    else:
        yield statement


class Inputs:
    """The inputs of a draft: their names and values, and how a statement is written with them."""

    def __init__(self, found: Mapping[str, Variable]) -> None:
        self.found = found
        self._names = Names()
        self._values: dict[str, Names] = {}
        for label, entry in found.items():
            name = self._names.of(label)
            values = self._values[label] = Names()
            options = entry.element.options if entry.element else ()
            listed = dict.fromkeys([*options, *entry.values])
            for value in listed:
                if entry.kind == "several":
                    self._names.of(f"{name} {value}")
                values.of(value)

    def entries(self) -> Iterator[tuple[str, Variable, str | None, dict[str, object]]]:
        """Each input: its name, the label it comes from, the value it asks for (or None), and its definition."""
        for label, entry in self.found.items():
            name = self._names.of(label)
            if entry.kind == "several":
                for value in self.options(entry):
                    yield self._names.of(f"{name} {value}"), entry, value, {"type": "bool"}
            elif entry.kind == "number":
                whole = entry.step == 1
                top = 10 ** ceil(log10(4 * max(1.0, *(number.number for number in entry.numbers))))
                definition: dict[str, object] = {
                    "type": "int" if whole else "number",
                    "unit": (entry.units or ["number"])[0],
                    "range": [0, top],
                }
                yield name, entry, None, definition if whole else {**definition, "step": entry.step}
            elif entry.kind == "enum":
                yield name, entry, None, {"type": "enum", "values": self.domain(entry)}
            else:
                yield name, entry, None, {"type": "bool"}

    def options(self, entry: Variable) -> list[str]:
        """The answers of a label, those of the dictionary first, as written."""
        return list(dict.fromkeys([*(entry.element.options if entry.element else ()), *entry.values]))

    def domain(self, entry: Variable) -> list[str]:
        """The names of a choice's answers; "other" stands for those that the workbook does not show."""
        names = [self.value(entry.label, value) for value in self.options(entry)]
        return names if entry.element is not None and len(names) > 1 else [*names, OTHER]

    def value(self, label: str, value: str) -> str:
        """The name of an answer."""
        return self._values[label].of(value)

    def when(self, statement: Statement) -> When:
        """The statement as a test of a row."""
        if isinstance(statement, Joined):
            parts = [self.when(part) for part in statement.parts]
            return parts[0] if len(parts) == 1 else {statement.how: parts}
        entry = self.found[statement.label]
        name = self._names.of(statement.label)
        if isinstance(statement, Compared):
            return {name: _interval(statement, entry.step)}
        if entry.kind == "bool":
            return {name: bool(statement.values[0]) is not statement.denied}
        listed = [str(value) for value in statement.values]
        if entry.kind == "several":
            tests: list[When] = [{self._names.of(f"{name} {value}"): not statement.denied} for value in listed]
            return tests[0] if len(tests) == 1 else {"all" if statement.denied else "any": tests}
        chosen = [self.value(statement.label, value) for value in listed]
        if statement.denied:
            chosen = [value for value in self.domain(entry) if value not in chosen]
        if not chosen:
            raise Unreadable("It excludes every answer there is.")
        return {name: chosen[0] if len(chosen) == 1 else chosen}


def _interval(compared: Compared, step: float) -> dict[str, float]:
    number = compared.number
    above = round(number + step, 6)
    edges = {
        "=": {"from": number, "below": above},
        ">=": {"from": number},
        ">": {"from": above},
        "<": {"below": number},
        "<=": {"below": above},
    }[compared.sign]
    return {key: int(edge) if float(edge).is_integer() else edge for key, edge in edges.items()}

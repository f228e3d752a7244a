"""A decision table of a workbook as a draft protocol file: one table an output, one row a row of the workbook.

In the workbooks the inputs of one row must all be true, and rows stand beside one another: several can be true at once
and each gives its output. So each output becomes a table of its own, asked for when one of its rows is true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afya.protocols.smart.dictionary import Element
from afya.protocols.smart.report import ToDo
from afya.protocols.smart.statements import Statement, Unreadable
from afya.protocols.smart.variables import OTHER, Inputs, Names, Variable, When, leaves, variables
from afya.protocols.smart.workbook import Decision, RawRow

SECTION = "decision"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft: the protocol file and its English texts, and what a person must complete."""

    protocol: str
    texts: str
    todo: tuple[ToDo, ...]
    rows: int
    tables: int
    inputs: int


def draft(
    name: str,
    decision: Decision,
    stated: Sequence[tuple[RawRow, Statement]],
    elements: Mapping[str, Element],
    source: str,
    subject: str,
) -> tuple[Draft | None, list[tuple[RawRow, str]]]:
    """The decision as a draft (None when no row is left), and the rows refused, each with the reason.

    `stated` holds the rows and what their inputs say; `source` is the key of the workbook in sources.yaml.
    """
    faults = {label: entry.fault() for label, entry in variables([s for _, s in stated], elements).items()}
    kept: list[tuple[RawRow, Statement]] = []
    refused: list[tuple[RawRow, str]] = []
    for row, statement in stated:
        fault = next((fault for part in leaves(statement) if (fault := faults[part.label])), None)
        if fault is None and not (row.outputs or row.actions):
            fault = "It has neither an output nor an action."
        if fault is None:
            kept.append((row, statement))
        else:
            refused.append((row, fault))
    inputs = Inputs(variables([statement for _, statement in kept], elements))
    written: list[tuple[RawRow, When]] = []
    for row, statement in kept:
        try:
            written.append((row, inputs.when(statement)))
        except Unreadable as error:
            refused.append((row, str(error)))
    if not written:
        return None, refused
    results, actions = Names(), Names()
    outcomes: dict[str, list[tuple[RawRow, When]]] = {}
    for row, when in written:
        outcomes.setdefault(_outcome(row), []).append((row, when))
    tables = [
        _table(f"outcome_{number}", results.of(outcome), rows, actions, source)
        for number, (outcome, rows) in enumerate(outcomes.items(), 1)
    ]
    used = list(inputs.entries())
    made = Draft(
        protocol=_protocol_text(name, decision, used, tables, subject),
        texts=_texts(outcomes, results, actions, inputs),
        todo=tuple(_todo(name, decision, used, inputs)),
        rows=len(written),
        tables=len(tables),
        inputs=len(used),
    )
    return made, refused


def _outcome(row: RawRow) -> str:
    return " ".join(" ".join(row.outputs or row.actions).replace('"', "").split())


def _table(name: str, result: str, rows: list[tuple[RawRow, When]], actions: Names, source: str) -> dict[str, object]:
    tests = [when for _, when in rows]
    return {
        "id": name,
        "section": SECTION,
        "kind": "classify",
        "semantics": "first_match",
        "applies": tests[0] if len(tests) == 1 else {"any": tests},
        "rows": [
            {
                "when": when,
                "classification": result,
                "colour": _colour(row),
                "actions": [actions.of(_tidy(action)) for action in row.actions],
                "source": source,
                "page": f"sheet {row.sheet}, row {row.number}",
                "reviewed": False,
                **({"note": note} if (note := _note(row)) else {}),
            }
            for row, when in rows
        ],
    }


def _colour(row: RawRow) -> str:
    """Red where the row refers, else yellow: green would say that nothing needs be done, which only a person can."""
    return "red" if "refer" in " ".join([*row.outputs, *row.actions]).casefold() else "yellow"


def _tidy(text: str) -> str:
    return " ".join(text.replace('"', "").split())


def _note(row: RawRow) -> str:
    parts = (row.annotation, f"Reference: {row.reference}" if row.reference else "")
    return " ".join(part for part in parts if part)


Entries = Sequence[tuple[str, Variable, str | None, dict[str, object]]]


def _protocol_text(
    name: str, decision: Decision, entries: Entries, tables: list[dict[str, object]], subject: str
) -> str:
    lines = [
        f"# Draft of {decision.code} {decision.title}, read from the sheet {decision.sheet}.",
        "# No row has been reviewed. Colours and the ranges of numbers are proposals: complete them before use.",
        *([f"# Rule: {_tidy(decision.rule)}"] if decision.rule else []),
        *([f"# When: {_tidy(decision.trigger)}"] if decision.trigger else []),
    ]
    head = {
        "id": name,
        "version": 1,
        "title": f"{decision.code} {decision.title}".strip(),
        "subject": subject,
        "sources": "sources.yaml",
        "formulary": "formulary.yaml",
    }
    lines += [_dump(head).rstrip(), "", "inputs:"]
    for key, variable, value, definition in entries:
        label, element = variable.label, variable.element
        asked = f"{label} = {value}" if value is not None else label
        known = f" ({element.identity}: {element.definition})" if element is not None else ""
        lines += [f"  # {_tidy(asked + known)}", f"  {key}: {_flow({**definition, 'section': SECTION})}"]
    return "\n".join([*lines, "", _dump({"tables": tables})])


def _texts(outcomes: Mapping[str, object], results: Names, actions: Names, inputs: Inputs) -> str:
    """English texts in the workbook's own words, in the form of a pack's file for a protocol."""
    question: dict[str, str] = {}
    answer: dict[str, str] = {}
    for key, variable, value, _ in inputs.entries():
        question[key] = f"{variable.label}: {value}?" if value is not None else f"{variable.label}?"
        if variable.kind == "enum":
            answer |= {f"{key}.{inputs.value(variable.label, text)}": text for text in inputs.options(variable)}
            if OTHER in inputs.domain(variable):
                answer.setdefault(f"{key}.{OTHER}", "Another answer")
    texts = {
        "classification": {results.of(outcome): outcome for outcome in outcomes},
        "action": {name: text for text, name in actions.given()},
        "question": question,
        "answer": answer,
    }
    return "# English texts of a draft, in the words of the workbook.\n" + _dump(
        {group: entries for group, entries in texts.items() if entries}
    )


def _todo(name: str, decision: Decision, entries: Entries, inputs: Inputs) -> list[ToDo]:
    todo = [ToDo(name, "Confirm the colour of every row (red where the workbook refers, otherwise yellow).")]
    if decision.hidden:
        todo.append(ToDo(name, f"The sheet {decision.sheet} is hidden in the workbook: is it meant to be used?"))
    for key, variable, value, definition in entries:
        if "range" in definition:
            todo.append(ToDo(name, f"{key}: confirm the range {definition['range']} {definition['unit']}."))
        if value is None and definition["type"] == "enum" and OTHER in inputs.domain(variable):
            todo.append(
                ToDo(
                    name,
                    f"{key}: 'other' stands for the answers that the workbook does not show. If several can be true "
                    "at once, make each a yes-or-no question.",
                )
            )
    return todo


def _dump(content: object) -> str:
    return _yaml(content, flow=False)


def _flow(content: object) -> str:
    return _yaml(content, flow=True).strip()


def _yaml(content: object, *, flow: bool) -> str:
    """Without the signs by which YAML refers from one place to another: a person is to edit each row alone."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    width = 100_000 if flow else 118
    return str(
        yaml.dump(content, Dumper=Plain, sort_keys=False, allow_unicode=True, width=width, default_flow_style=flow)
    )

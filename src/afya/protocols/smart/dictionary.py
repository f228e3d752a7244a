"""The data dictionary of a guideline: what a label means, what kind of answer it takes, and which answers there are.

WHO's dictionaries list an element in one row and its answers ("codes") in the rows below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_COLUMNS = {
    "label": ("data element label", "data element name", "label"),
    "identity": ("data element id", "id"),
    "definition": ("description and definition", "definition", "description"),
    "kind": ("data type", "input type", "type"),
    "multiple": ("multiple choice type (if applicable)", "multiple choice type", "multiple choice"),
}
_CODES = ("codes", "code", "input option", "input options")


@dataclass(frozen=True, slots=True)
class Element:
    """One entry. `several` is None when the dictionary does not say whether several answers can be chosen."""

    label: str
    identity: str
    definition: str
    several: bool | None
    options: tuple[str, ...]


def dictionary_columns(cells: Mapping[int, str]) -> dict[str, int]:
    """The dictionary's columns where the row is its heading: it needs a label and a definition; {} otherwise."""
    plain = {" ".join(text.casefold().split()).rstrip(" :"): column for column, text in cells.items()}
    found = {
        name: next(plain[title] for title in titles if title in plain)
        for name, titles in _COLUMNS.items()
        if any(title in plain for title in titles)
    }
    return found if {"label", "definition"} <= set(found) else {}


def read_elements(rows: Iterable[Mapping[int, str]], columns: Mapping[str, int]) -> dict[str, Element]:
    """The elements by label (lower case), of the rows below a dictionary's heading."""
    found: dict[str, Element] = {}
    last: str | None = None
    for cells in rows:
        part = {name: " ".join(cells.get(column, "").split()) for name, column in columns.items()}
        if not part["label"]:
            continue
        kind = part.get("kind", "").casefold()
        if kind in _CODES and last is not None:
            known = found[last]
            options = (*known.options, part["label"])
            found[last] = Element(known.label, known.identity, known.definition, known.several, options)
            continue
        last = part["label"].casefold()
        found[last] = Element(
            part["label"], part.get("identity", ""), part["definition"], _several(part.get("multiple", ""), kind), ()
        )
    return found


def _several(multiple: str, kind: str) -> bool | None:
    text = f"{multiple} {kind}".casefold()
    if "select all" in text or "several" in text or ("multiple" in text and "select one" not in text):
        return True
    return False if "select one" in text or "single" in text else None

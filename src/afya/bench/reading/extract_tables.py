"""An answer given as a table in Markdown: a row for each option, and a cell that says whether it is right."""

from __future__ import annotations

from collections.abc import Sequence

from afya.bench.reading.extract_commitments import Commitment
from afya.bench.reading.extract_fold import option_text
from afya.bench.reading.extract_labels import LabelReader

_RIGHT, _WRONG = "✅✔✓☑○◯⭕", "❌✗✘✖×☒🚫"
_DRESSING = " \t*_`\"'()[]:."


def table_choice(reader: LabelReader, low: str, options: Sequence[str], several: bool) -> Commitment | None:
    """The options that a table in a folded reply in small letters marks as right.

    Counts only where each option has its row and one of them is right (one or more where several are asked for), and
    every other row has a verdict too: of a table cut off, or of one that compares, nothing is read.
    """
    place, found = 0, None
    rows: dict[int, str | None] = {}
    asked: set[int] = set()
    for line in [*low.split("\n"), ""]:
        cells = [cell.strip(_DRESSING) for cell in line.strip().strip("|").split("|")]
        label = _labelled(reader, cells[0], options) if len(cells) > 1 else None
        if label is not None:
            rows[label] = "twice" if label in rows else _verdict(reader, cells, asked)
        elif len(cells) > 1:
            asked |= {column for column, cell in enumerate(cells) if column and _asks_for_right(reader, cell)}
        else:
            right = tuple(sorted(label for label, said in rows.items() if said == "right"))
            full = len(rows) == len(options) and all(said in ("right", "wrong") for said in rows.values())
            if full and right and (several or len(right) == 1):
                found = Commitment(place, right, 3, "table")
            rows, asked = {}, set()
        place += len(line) + 1
    return found


def _labelled(reader: LabelReader, cell: str, options: Sequence[str]) -> int | None:
    """The option that a row is about: its cell holds a label, a label with its text, or the text."""
    named = reader.words.option_words.begins(cell)
    bare = cell[len(named) :].strip(_DRESSING) if named else cell
    if bare in reader.index:
        return reader.index[bare]
    head, _, rest = bare.partition(" ")
    texts = [option_text(option) for option in options]
    head = head.strip(_DRESSING)
    if head in reader.index and rest.strip(_DRESSING + "-–—") == texts[reader.index[head]]:
        return reader.index[head]
    return texts.index(bare) if bare and bare in texts else None


def _verdict(reader: LabelReader, cells: Sequence[str], asked: set[int]) -> str | None:
    """right, wrong, or None where no cell, or cells that disagree, say it."""
    told = (_said(reader, cell, column in asked) for column, cell in enumerate(cells) if column)
    said = {verdict for verdict in told if verdict}
    return said.pop() if len(said) == 1 else None


def _said(reader: LabelReader, cell: str, asked: bool) -> str | None:
    signs = {"right" for sign in _RIGHT if sign in cell} | {"wrong" for sign in _WRONG if sign in cell}
    if len(signs) == 1:
        return signs.pop()
    words = reader.words
    if cell in words.wrong.listed or cell in words.denied.listed:
        return "wrong"
    if cell in words.right.listed or cell in words.approving.listed:
        return "right"
    if asked:
        return {"yes": "right", "no": "wrong"}.get(words.polar.get(cell, ""))
    return None


def _asks_for_right(reader: LabelReader, head: str) -> bool:
    """Whether a column's heading asks which is right ("Correct?"), so that yes and no tell."""
    head = head.strip("¿? ")
    return head in reader.words.approving.listed or head in reader.words.right.listed

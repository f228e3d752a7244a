"""A file of replies read as `afya bench extract` does: the options chosen in each, beside what was expected if it says.

Any layout that afya.models.reply_files reads. The fields are looked for under their own names, or under those that
`columns` gives: {reply: model_output, options: opa+opb+opc+opd}. 'a.b' is the value 'b' of the object 'a'.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afya.bench.reading.extract import Extraction, extract
from afya.bench.reading.extract_fold import option_words
from afya.bench.reading.extract_words import literals
from afya.errors import ConfigError, DataError
from afya.models.reply_files import read_rows
from afya.sources.record_values import look_up

FIELDS = ("id", "lang", "reply", "options", "letters", "several", "finish_reason", "expected", "reason")
"""What a row may hold. `expected`: right options: indices from 0, labels or texts; `reason`: why none is expected."""

USUAL = {"expected": ("expected", "answer", "gold", "target"), "reply": ("reply", "text", "response", "output")}
"""What fields are called besides their own names."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ReadReply:
    """One row: what was found, and what was expected (None: nothing is known; (): no answer should be found)."""

    id: str
    lang: str
    letters: tuple[str, ...]
    found: Extraction
    expected: tuple[int, ...] | None

    @property
    def as_expected(self) -> bool | None:
        """Whether the choice, or its absence, is the expected one; None where nothing is known."""
        return None if self.expected is None else (self.found.chosen or ()) == self.expected


def read_replies(path: Path, columns: Mapping[str, str], lang: str | None, count: int | None) -> Iterator[ReadReply]:
    """Every row of a file of replies. `lang` and `count` (of options) stand in where no column holds them.

    Raises:
        ConfigError: a field that is not known. DataError: the file cannot be read, or a row lacks what is needed; the
        row is named.
    """
    for field in columns:
        if field not in FIELDS:
            near = ", ".join(difflib.get_close_matches(field, FIELDS, cutoff=0.4) or FIELDS)
            raise ConfigError(f"--column {field}: a reply has no such field.", hint=f"Known are: {near}.")
    number, rows = 0, read_rows(path)
    for number, row in enumerate((row for _, row in rows), start=1):
        where = f"{path}, row {number}"
        told = {field: _value(row, field, columns) for field in FIELDS}
        yield _read(told, where, lang, count, number, ", ".join(map(str, row)))
    if not number:
        raise DataError(f"{path}: holds no replies.")


def _read(
    told: Mapping[str, object], where: str, lang: str | None, count: int | None, number: int, names: str
) -> ReadReply:
    if told["reply"] is None:
        raise DataError(
            f"{where}: no reply; there is {names:.400}.",
            hint='Name its column with --column reply=NAME. An empty reply is "".',
        )
    if isinstance(told["reply"], dict | list):
        inside = ", ".join(map(str, told["reply"])) if isinstance(told["reply"], dict) else "a list"
        raise DataError(
            f"{where}: the reply is no text but holds {inside:.200}.",
            hint="Name the text in it, such as --column reply=output.text; `afya bench import-replies` reads APIs' "
            "responses, conversations and samples.",
        )
    code = str(told["lang"] or lang or "")
    if not code:
        raise DataError(f"{where}: no language.", hint="Give --lang CODE, or --column lang=NAME.")
    options = _listed(told["options"])
    if not options:
        if count is None:
            raise DataError(
                f"{where}: no options.",
                hint="Name them with --column options=NAME or options=A+B+C+D (a column each), or give --count 4: "
                "then labels are read, quoted options are not.",
            )
        options = ("",) * count
    letters = _listed(told["letters"]) or literals(code).option_letters[: len(options)]
    if len(letters) < len(options):
        raise DataError(f"{where}: {len(options)} options, {len(letters)} letters.")
    expected = () if told["reason"] is not None else _expected(told["expected"], letters, options, where)
    several = told["several"] in (True, "true", "True", "1", 1) or len(expected or ()) > 1
    finish = str(told["finish_reason"] or "stop")
    found = extract(str(told["reply"]), options, code, letters, several=several, finish_reason=finish)
    return ReadReply(str(told["id"] or number), code, tuple(letters), found, expected)


def _value(row: Row, field: str, columns: Mapping[str, str]) -> object:
    names = (columns[field],) if field in columns else USUAL.get(field, (field,))
    for name in names:
        if field == "options" and "+" in name:
            return [look_up(dict(row), part.strip()) for part in name.split("+")]
        value = look_up(dict(row), name)
        if value is not None:
            return value
    if field == "reply" and any(name in row for name in names):
        # A null in the column of replies is what engines write when nothing came.
        return ""
    return None


def _listed(value: object) -> tuple[str, ...]:
    """The texts of a list, of a JSON list in a string, or of an object by labels."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return ()
    if isinstance(value, dict):
        value = list(value.values())
    return tuple(str(entry) for entry in value if entry is not None) if isinstance(value, list) else ()


def _expected(value: object, letters: Sequence[str], options: Sequence[str], where: str) -> tuple[int, ...] | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().startswith("["):
        value = json.loads(value)
    if isinstance(value, list | int):
        listed = value if isinstance(value, list) else [value]
        if all(isinstance(entry, int) and 0 <= entry < len(options) for entry in listed):
            return tuple(sorted(int(entry) for entry in listed))
        parts = [str(entry) for entry in listed]
    else:
        text = str(value).strip()
        named = option_words(text) in [option_words(option) for option in options if option]
        parts = [text] if named or text in letters else [part.strip() for part in text.replace(";", ",").split(",")]
    places = [_place(part, letters, options) for part in parts]
    if None in places:
        raise DataError(
            f"{where}: the expected answer {value!r} is no option.",
            hint=f"Give an index from 0 to {len(options) - 1}, a label of {', '.join(letters)}, or an option's text.",
        )
    return tuple(sorted(place for place in places if place is not None))


def _place(part: str, letters: Sequence[str], options: Sequence[str]) -> int | None:
    if part in letters:
        return list(letters).index(part)
    latin = "ABCDEFGHIJ"[: len(options)]
    if len(part) == 1 and part.upper() in latin:
        return latin.index(part.upper())
    texts = [option_words(option) for option in options]
    wanted = option_words(part)
    return texts.index(wanted) if wanted and wanted in texts else None

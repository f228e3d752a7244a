"""What columns hold, judged by their values: for columns whose names are not usual ones, and to doubt those that are.

Families of columns (Wahl_A, Wahl_B ... or p_A, p_B ...) are options or numbers for them; 'GPT-4 answer' and
'llama_pred' are a usual name beside a model's; pred_sw beside a language's. What no name tells is only suggested.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from afya.bench.imports.choices import read_choice
from afya.bench.imports.lookup import Row, look_up, nothing, opened, usual_names
from afya.bench.imports.values import LATIN, MOST, TEXT_KEYS, decimal, in_text, language_code, options_of
from afya.sources.source import Malformed

_RUNS = (LATIN, LATIN.lower(), "123456789", "0123456789")
_LOOKED_AT = 50
_MANY_WORDS = 4
_MOST = 0.8
_SHOWN = 8
_BETWEEN = re.compile(r"[\s_\-.:/|]+")
_WHOLE = re.compile(r"\d{1,3}(?:\.0+)?")
Options = tuple[tuple[str, ...], tuple[str, ...]] | None


def plain(name: str) -> str:
    """A column's name without what publishers write differently: case, blanks, "_", "-", a point or sign at its end."""
    return _plain().sub("", name.lower().replace("#", "number").rstrip(" .:?"))


@cache
def _plain() -> re.Pattern[str]:
    return re.compile(r"[\s_\-]+")


# Families -------------------------------------------------------------------------------------------------------------


def option_family(rows: Sequence[Row], used: set[str]) -> str | None:
    """a+b+c: columns of texts that differ by an option's label, and whose name says that they are options."""
    for columns, letters in _families(rows, used):
        word = plain(re.sub(re.escape(columns[0][0]) if not columns[0] else r"[\W\d_]+", "", columns[0]))
        named = any(part in word for part in usual_names()["option_words"])
        other = any(part in word for part in usual_names()["reply"] + usual_names()["prediction"])
        if not named and (not letters or len(columns) < 3 or other):
            continue
        values = [value for row in rows[:_LOOKED_AT] for column in columns if not _empty(value := row.get(column))]
        if values and not all(_number(value) is not None for value in values) and not _all_labels(values):
            return "+".join(columns)
    return None


def number_families(rows: Sequence[Row], used: set[str]) -> Iterator[tuple[str, str]]:
    """(logprobs or probs, a+b+c) for each family of columns of numbers that can be nothing else."""
    for columns, _ in _families(rows, used):
        found = [[_number(row.get(column)) for column in columns] for row in rows[:_LOOKED_AT]]
        whole = [[number for number in row if number is not None] for row in found if None not in row]
        if not whole or len(whole) < _MOST * len(found):
            continue
        if all(number <= 0 for row in whole for number in row) and any(number < -1 for row in whole for number in row):
            yield "logprobs", "+".join(columns)
        elif all(0 <= number <= 1 for row in whole for number in row) and any(
            0 < number < 1 for row in whole for number in row
        ):
            yield "probs", "+".join(columns)


def _families(rows: Sequence[Row], used: set[str]) -> Iterator[tuple[list[str], bool]]:
    """(columns that differ by a label in one place, whether it is a letter), the longest first of each place."""
    names = list(dict.fromkeys(str(name) for row in rows[:_LOOKED_AT] for name in row if name not in used))
    there, seen = set(names), set()
    for name in names:
        for run in _RUNS:
            for match in re.finditer(re.escape(run[0]), name):
                before, after = name[: match.start()], name[match.end() :]
                if not _apart(before[-1:], run[0], after[:1]):
                    continue
                columns = []
                for sign in run:
                    if f"{before}{sign}{after}" not in there:
                        break
                    columns.append(f"{before}{sign}{after}")
                if len(columns) > 1 and columns[0] not in seen:
                    seen.update(columns)
                    yield columns, run[0].isalpha()


def _apart(before: str, sign: str, after: str) -> bool:
    """Whether a sign in a name stands for itself: choiceA_probs, opt1, but not the A of Apple or the a of data."""
    if sign.isdigit():
        return not before.isdigit() and not after.isdigit()
    if after.isalpha():
        return False
    return not before.isalpha() or (sign.isupper() and before.islower())


# What a column holds --------------------------------------------------------------------------------------------------


def options_by_row(rows: Sequence[Row], columns: Mapping[str, str]) -> list[Options]:
    """The options of each row as far as the columns tell; None where they do not.

    Where none are given and the right answers are few different words (yes, no, maybe), these are the options.
    """
    options, question = columns.get("options"), columns.get("question")
    found: list[Options] = []
    for row in rows[:_LOOKED_AT]:
        try:
            if options is not None:
                parts = [row.get(part) for part in options.split("+")] if "+" in options else look_up(row, options)
                found.append(options_of(parts))
            else:
                asked = look_up(row, question) if question else None
                found.append(in_text(asked) if isinstance(asked, str) else None)
        except Malformed:
            found.append(None)
    if not any(found) and "answer" in columns:
        words = {str(value).strip() for row in rows if not _empty(value := _one(look_up(row, columns["answer"])))}
        if 2 <= len(words) <= MOST and not any(_WHOLE.fullmatch(word) for word in words) and not _all_labels([*words]):
            return [((), tuple(sorted(words)))] * len(found)
    return found


def kind_of(rows: Sequence[Row], column: str, options: Sequence[Options]) -> str | None:
    """choice, number, verdict or text: what nearly all values of a column are; None where they are of no one kind."""
    values: list[tuple[Any, Options]] = [
        (_one(look_up(row, column)), known) for row, known in zip(rows[:_LOOKED_AT], options, strict=True)
    ]
    values = [(value, known) for value, known in values if not _empty(value)]
    if not values:
        return None
    enough = _MOST * len(values)
    known = {*usual_names()["right"], *usual_names()["wrong"]} - {"1", "0", "c", "i"}
    if sum(isinstance(value, bool) or str(value).strip().lower() in known for value, _ in values) >= enough:
        # Yes and no are answers where they are the options.
        return "choice" if sum(_chosen(value, held) for value, held in values) >= enough else "verdict"
    if sum(bool(_WHOLE.fullmatch(str(value).strip())) for value, _ in values) >= enough:
        return "number"
    if sum(_chosen(value, held) for value, held in values) >= enough:
        return "choice"
    texts = [value for value, _ in values if isinstance(value, str)]
    if sum(len(text.split()) >= _MANY_WORDS or len(text) > 60 for text in texts) >= len(values) / 2:
        return "text"
    return None


def _chosen(value: Any, known: Options) -> bool:
    letters, texts = known or ((), ("",) * MOST)
    return read_choice(value, letters, texts, "en", None).chosen is not None


def same_choice(rows: Sequence[Row], one: str, other: str, options: Sequence[Options]) -> bool:
    """Whether two columns name the same option in every row that can be read, in at least two."""
    seen = 0
    for base in (None, 0, 1):
        pairs = []
        for row, known in zip(rows[:_LOOKED_AT], options, strict=True):
            letters, texts = known or ((), ("",) * MOST)
            read = [read_choice(_one(look_up(row, name)), letters, texts, "en", base).chosen for name in (one, other)]
            if None not in read:
                pairs.append(read[0] == read[1])
        seen = len(pairs)
        if seen > 1 and all(pairs):
            return True
    return False


# Columns of models and languages --------------------------------------------------------------------------------------


def wide_columns(rows: Sequence[Row], used: set[str], options: Sequence[Options]) -> dict[str, str]:
    """Fields of columns that are a usual name beside a model's or a language's: reply@gpt4 = gpt4_output."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in _free(rows, used):
        for before, usual, after in _split(name):
            shape = f"\0{name[len(before) :]}" if before else f"{name[: -len(after)]}\0"
            who = (before or after).strip("()[] ")
            if plain(who) not in usual_names()["no_model"]:
                groups.setdefault((shape, usual), {}).setdefault(who, name)
                break
    found: dict[str, str] = {}
    for (shape, usual), columns in groups.items():
        kinds = {kind_of(rows, column, options) for column in columns.values()} - {None}
        if len(kinds) != 1:
            continue
        field = {"text": "reply", "verdict": "correct", "choice": "prediction", "number": "prediction"}[
            str(kinds.pop())
        ]
        if (field == "correct" or usual == "correct") and field != usual:
            continue
        told = {name.partition("@")[2] for name in found if "@" in name}
        if any(name.partition("@")[0] == field for name in found) or (told and not told & set(columns)):
            continue
        if len(columns) > 1 and all(language_code(who) for who in columns):
            found[field] = shape.replace("\0", "{lang}")
        else:
            found |= {f"{field}@{who}": column for who, column in columns.items()}
    return found


def told_apart(rows: Sequence[Row], column: str) -> str | None:
    """model or lang where a column holds an object of short replies by models or languages; None for anything else."""
    values = [value for row in rows[:_LOOKED_AT] if not _empty(value := look_up(row, column))]
    if not values or not all(isinstance(value, Mapping) and value for value in values):
        return None
    names = {str(name) for value in values for name in value}
    entries = [entry for value in values for entry in value.values() if not _empty(entry)]
    known = {plain(name) for field in usual_names().values() if isinstance(field, list) for name in map(str, field)}
    if {plain(name) for name in names} & (known | set(TEXT_KEYS)):
        return None
    if not all(isinstance(entry, str | int) for entry in entries):
        return None
    return "lang" if len(names) > 1 and all(map(language_code, names)) else "model"


def _free(rows: Sequence[Row], used: set[str]) -> list[str]:
    names = dict.fromkeys(str(name) for row in rows[:_LOOKED_AT] for name in row)
    return [name for name in names if name not in used and name[:1] not in "@_"]


def _split(name: str) -> Iterator[tuple[str, str, str]]:
    """(what stands before, the field of the usual name, what stands after) for each way to split a name."""
    cuts = list(_BETWEEN.finditer(name))
    for cut in cuts:
        if cut.start() and (field := _field(name[cut.end() :])):
            yield name[: cut.start()], field, ""
    for cut in reversed(cuts):
        if cut.end() < len(name) and (field := _field(name[: cut.start()])):
            yield "", field, name[cut.end() :]


@cache
def _fields() -> dict[str, str]:
    found: dict[str, str] = {}
    for field in ("reply", "prediction", "correct"):
        for name in usual_names()[field]:
            if "." not in name:
                found.setdefault(plain(name), field)
    return found


def _field(name: str) -> str | None:
    return _fields().get(plain(name))


def suggestions(rows: Sequence[Row], used: Iterable[str], options: Sequence[Options]) -> str:
    """What to write for the columns that may hold what the models said; empty where none may."""
    taken = set(used)
    by_kind: dict[str, list[str]] = {}
    for name in _free(rows, taken):
        kind = kind_of(rows, name, options)
        if kind is not None and not isinstance(opened(rows[0].get(name)), Mapping):
            by_kind.setdefault(kind, []).append(name)
    told: list[str] = []
    for kind, field, holds in (("choice", "prediction", "labels"), ("text", "reply", "texts")):
        names = by_kind.get(kind, [])[:_SHOWN]
        if len(names) == 1:
            told.append(f"'{names[0]}' holds {holds}: {_flag('--column', field, names[0])}")
        elif names:
            flags = " ".join(_flag(f"--{field}", name, name) for name in names)
            told.append(f"'{names[0]}' to '{names[-1]}' hold {holds}: {flags}")
    for kind, field, holds in (("verdict", "correct", "verdicts"), ("number", "prediction", "numbers")):
        names = [] if told and kind == "number" else by_kind.get(kind, [])[:2]
        told += [f"'{name}' holds {holds}: {_flag('--column', field, name)}" for name in names]
    told += _inside(rows, taken)
    for field, columns in number_families(rows, taken):
        told.append(f"{len(columns.split('+'))} columns hold a number for each option: --column {field}={columns}")
    return "; ".join(told)


def _inside(rows: Sequence[Row], taken: set[str]) -> Iterator[str]:
    """What to write for several objects of the same fields, one for each model."""
    held: dict[str, list[str]] = {}
    for name in _free(rows, taken):
        value = opened(rows[0].get(name)) if rows else None
        for key in value if isinstance(value, Mapping) else ():
            held.setdefault(str(key), []).append(name)
    several = {key: names for key, names in held.items() if len(names) > 1}
    flags = [_flag("--column", field, f"{{model}}.{key}") for key in several if (field := _field(key)) is not None]
    if flags:
        yield f"'{next(iter(several.values()))[0]}' and others hold fields of a model each: {' '.join(flags)}"


def answer_suggestions(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """What to write for the columns that may hold right answers; empty where none may."""
    options = options_by_row(rows, columns)
    names = [
        name for name in _free(rows, mapping_names(columns)) if kind_of(rows, name, options) in ("choice", "number")
    ]
    return " or ".join(_flag("--column", "answer", name) for name in names[:_SHOWN])


def _flag(option: str, name: str, column: str) -> str:
    return f"{option} {shlex.quote(f'{name}={column}')}"


# Values ---------------------------------------------------------------------------------------------------------------


def _one(value: Any) -> Any:
    value = opened(value)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _empty(value: Any) -> bool:
    return nothing(value) or value in ("", [], {})


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return decimal(value)
    except ValueError:
        return None


def _all_labels(values: Sequence[Any]) -> bool:
    return all(len(str(value).strip()) == 1 and str(value).strip().upper() in LATIN for value in values)


def fractions(rows: Sequence[Row], column: str) -> bool:
    """Whether a column holds numbers that are not whole: points, shares, probabilities; never a right answer."""
    values = [value for row in rows[:_LOOKED_AT] if not _empty(value := look_up(row, column))]
    return any(isinstance(value, float) and not value.is_integer() for value in values)


def mapping_names(value: Mapping[str, str]) -> set[str]:
    """The columns that fields stand in, those of a+b+c one by one."""
    return {part for column in value.values() for part in (column, *column.split("+"))}

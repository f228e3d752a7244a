"""What stands in a row under a name, and the shipped names in usual use."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import Any, cast

from afya.datafiles import read_yaml

Row = Mapping[str, Any]

_INDEXED = re.compile(r"\[(-?\d+)\]")


@cache
def usual_names() -> Mapping[str, Any]:
    """The shipped names of columns, answers that are none, and verdicts."""
    with as_file(files("afya") / "bench" / "imports" / "usual_names.yaml") as path:
        return cast(Mapping[str, Any], read_yaml(path))


def look_up(row: object, path: str) -> Any:
    """The value at a path; None where it leads nowhere. Names that hold points themselves are found first."""
    return _descend(row, _INDEXED.sub(r".\1", path))


def _descend(value: Any, rest: str) -> Any:
    value = opened(value)
    if isinstance(value, Mapping):
        if rest in value:
            return value[rest]
        for at in range(len(rest) - 1, 0, -1):
            if rest[at] == "." and rest[:at] in value:
                return _descend(value[rest[:at]], rest[at + 1 :])
        return None
    if isinstance(value, list):
        head, _, more = rest.partition(".")
        if not re.fullmatch(r"-?\d+", head) or not -len(value) <= int(head) < len(value):
            return None
        return _descend(value[int(head)], more) if more else value[int(head)]
    return None


def opened(value: Any) -> Any:
    """A list or object that stands in a text as JSON or as Python writes it; anything else as it is."""
    if not isinstance(value, str) or value[:1] not in "[{" or value[-1:] not in "]}":
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    import ast

    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def nothing(value: object) -> bool:
    """Whether a value stands for an unknown one: null, or the NaN of a table."""
    return value is None or (isinstance(value, float) and math.isnan(value))

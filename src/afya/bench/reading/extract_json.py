"""An answer given as JSON: {"answer": "B"}, in a code fence or after some words, complete or cut."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence

from afya.bench.reading.extract_fold import alphabets, folded, option_words, phrase, words
from afya.bench.reading.extract_labels import LabelReader

_OBJECT = re.compile(r"\{[^{}]*\}")


def json_choice(reader: LabelReader, text: str, options: Sequence[str]) -> tuple[int, ...] | None:
    """The options under an answer key of the last JSON object in a reply; None where there is none that names any.

    `text` is the reply as it came. Values may be labels, labels with text, option texts, or lists of these.
    """
    found: tuple[int, ...] | None = None
    for match in _OBJECT.finditer(text):
        try:
            made = json.loads(match[0])
        except ValueError:
            made = _as_python(match[0])
        for key, value in made.items():
            if _is_answer(reader, key) and (chosen := _value(reader, value, options)):
                found = chosen
    return found


def _as_python(text: str) -> dict[str, object]:
    """What Python would print for the object: {'answer': 'B'}; empty where it is not that either."""
    try:
        made = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return {str(key): value for key, value in made.items()} if isinstance(made, dict) else {}


def _is_answer(reader: LabelReader, key: str) -> bool:
    plain = phrase(key.replace("_", " "))
    return plain.replace(" ", "_") in alphabets().json_keys or plain in reader.words.markers.listed


def _value(reader: LabelReader, value: object, options: Sequence[str]) -> tuple[int, ...] | None:
    parts: list[object] = value if isinstance(value, list) else [value]
    chosen: set[int] = set()
    for part in parts:
        places = list(_places(reader, part, options))
        if not places:
            return None
        chosen.update(places)
    return tuple(sorted(chosen)) or None


def _places(reader: LabelReader, part: object, options: Sequence[str]) -> Iterator[int]:
    if isinstance(part, bool) or not isinstance(part, str | int):
        return
    said = folded(str(part)).strip()
    bare = said.strip(" ().[]:*\"'")
    if bare in reader.index:
        yield reader.index[bare]
        return
    texts = [option_words(option) for option in options]
    plain = words(said.lower())
    if plain in texts:
        yield texts.index(plain)
        return
    match = re.match(r"\(?(\w{1,3})[).:、]\s*\S", said)
    if match and match[1] in reader.index:
        yield reader.index[match[1]]
        return
    listed = [label.strip(" ().") for label in re.split(r"[,;、/]|\band\b", said)]
    if len(listed) > 1 and all(label in reader.index for label in listed):
        yield from (reader.index[label] for label in listed)

"""What stands in a record's columns, read into an Item's fields: texts, options, answers, turns.

Tables hold the same thing in many ways: options as a list, as an object by labels, as lines or as JSON inside a cell;
the answer as a label, a number or in words. Each is read here or refused; none is guessed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence

from afya.items import Turn
from afya.sources.files import Record
from afya.sources.source import Malformed

ANSWER_IS = ("label", "text", "from 0", "from 1")

_LABELS = ("ABCDEFGHIJ", "abcdefghij", "123456789", "012345678")
_LINE = re.compile(r"\(?([A-Ja-j1-9])[.):、．）]\s*(.*)", re.DOTALL)
_SEPARATORS = re.compile(r"[,;、，/\s]+")
_ROLES = {
    **dict.fromkeys(("user", "human", "patient", "question"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "doctor", "answer"), "assistant"),
    "system": "system",
}
_ROLE_KEYS = ("role", "from", "speaker")
_TEXT_KEYS = ("content", "value", "text", "utterance")


def look_up(row: Record, name: str) -> object:
    """The value of a column; 'a.b' goes into objects. A column whose own name has a point is found first."""
    if name in row:
        return row[name]
    value: object = row
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def plain(value: object, field: str) -> str | None:
    """A text; a whole number as a text; None for nothing or blanks. Raises Malformed for anything else."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Malformed("wrong_type", f"{field} is no text")
    return value if value.strip() else None


def options(value: object) -> tuple[str, tuple[str, ...] | None]:
    """(labels, options). The labels are as many as the options, A, B, C where the record gives none.

    Raises Malformed when an option is missing or is no text, or the labels skip one.
    """
    value = _unpacked(value)
    if value is None or value == "":
        return "", None
    if isinstance(value, str):
        value = _lines(value)
    if isinstance(value, dict):
        filled = {str(label).strip(): entry for label, entry in value.items() if entry is not None}
        labels = next((known for known in _LABELS if sorted(known[: len(filled)]) == sorted(filled)), None)
        if labels is None:
            raise Malformed("missing_option", f"options labelled {', '.join(sorted(filled))[:80] or 'with nothing'}")
        found = [filled[label] for label in labels[: len(filled)]]
        return labels[: len(found)], _texts(found)
    if not isinstance(value, list | tuple):
        raise Malformed("wrong_type", "the options are neither a list nor an object")
    if len(value) > len(_LABELS[0]):
        raise Malformed("wrong_type", f"{len(value)} options; at most {len(_LABELS[0])} can be labelled")
    return _LABELS[0][: len(value)], _texts(value)


def _texts(found: Sequence[object]) -> tuple[str, ...]:
    cells = [str(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else cell for cell in found]
    while cells and cells[-1] is None:
        cells.pop()
    if any(not isinstance(cell, str) for cell in cells):
        raise Malformed("missing_option", "an option is missing or no text")
    return tuple(str(cell).strip() for cell in cells)


def _lines(value: str) -> dict[str, str]:
    """Lines such as 'A. water' as an object by labels; a line without a label goes on with the one before."""
    found: dict[str, str] = {}
    label = None
    for line in value.strip().splitlines():
        match = _LINE.match(line.strip())
        if match is not None and match[1] not in found:
            label = match[1]
            found[label] = match[2].strip()
        elif label is not None:
            found[label] = f"{found[label]}\n{line.strip()}".strip()
        else:
            raise Malformed("missing_option", "the options' text does not begin with a label")
    return found


def answer(value: object, kind: str | None, labels: str, known: tuple[str, ...] | None) -> tuple[int, ...] | None:
    """The indices of the right options; None where there are no options or no answer.

    Raises Malformed when the answer is none of the options, or could be two of them.
    """
    value = _unpacked(value)
    if known is None or value is None or value == "" or value == []:
        return None
    if kind is not None and kind not in ANSWER_IS:
        raise Malformed("wrong_type", f"answer_is '{kind[:20]}' is none of {', '.join(ANSWER_IS)}")
    found = [_index(entry, kind, labels, known) for entry in (value if isinstance(value, list) else [value])]
    return tuple(sorted({index for indices in found for index in indices}))


def _index(value: object, kind: str | None, labels: str, known: tuple[str, ...]) -> tuple[int, ...]:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Malformed("wrong_type", "the answer is neither a text nor a whole number")
    word = str(value).strip()
    if kind in ("from 0", "from 1"):
        index = int(word) - (kind == "from 1") if re.fullmatch(r"\d{1,3}", word) else -1
        if not 0 <= index < len(known):
            raise Malformed("answer_outside_options", f"'{word[:40]}' of {len(known)} options, counted {kind}")
        return (index,)
    by_label = _by_label(word, labels[: len(known)], known) if kind != "text" else ()
    by_text = tuple(index for index, option in enumerate(known) if option == word) if kind != "label" else ()
    if len(by_text) > 1:
        raise Malformed("ambiguous_answer", f"'{word[:40]}' is the text of {len(by_text)} options")
    if by_label and by_text and by_label != by_text:
        raise Malformed("ambiguous_answer", f"'{word[:40]}' is a label and another option's text: set answer_is")
    if by_label or by_text:
        return by_label or by_text
    if re.fullmatch(r"\d{1,3}", word):
        raise Malformed("ambiguous_answer", f"the answer is the number {word}: set answer_is to 'from 0' or 'from 1'")
    raise Malformed("answer_outside_options", f"'{word[:40]}' is none of {', '.join(labels[: len(known)])}")


def _by_label(word: str, labels: str, known: tuple[str, ...]) -> tuple[int, ...]:
    """The options with these labels: 'B', '(B)', 'B.', 'A,C', 'AC', or 'B. ' and the option's text."""
    match = _LINE.match(word)
    if match is not None and match[2].strip():
        index = labels.find(match[1])
        return (index,) if index >= 0 and known[index] == match[2].strip() else ()
    bare = word.strip("().:、．） ")
    parts = [part for part in _SEPARATORS.split(bare) if part]
    if len(parts) == 1 and len(parts[0]) > 1 and not labels[:1].isdigit():
        parts = list(parts[0])
    if not parts or any(len(part) != 1 or part not in labels for part in parts) or len(set(parts)) < len(parts):
        return ()
    return tuple(sorted(labels.index(part) for part in parts))


def turns(value: object) -> tuple[Turn, ...] | None:
    """The messages of a conversation; None where there is none. Raises Malformed for a message that is none."""
    value = _unpacked(value)
    if value is None or value == "" or value == []:
        return None
    if not isinstance(value, list):
        raise Malformed("wrong_type", "the turns are no list")
    if all(isinstance(message, str) for message in value):
        return tuple(Turn(("user", "assistant")[number % 2], str(text)) for number, text in enumerate(value))
    return tuple(map(_turn, value))


def _turn(message: object) -> Turn:
    if not isinstance(message, dict):
        raise Malformed("wrong_type", "a turn is neither a text nor an object")
    role = next((message[key] for key in _ROLE_KEYS if isinstance(message.get(key), str)), None)
    text = next((message[key] for key in _TEXT_KEYS if isinstance(message.get(key), str)), None)
    if role is None or text is None:
        raise Malformed("missing_field", "a turn has no role or no text")
    if role.strip().lower() not in _ROLES:
        raise Malformed("unknown_role", f"'{role[:20]}' is none of {', '.join(_ROLES)}")
    if not text.strip():
        raise Malformed("empty_value", "a turn has no text")
    return Turn(_ROLES[role.strip().lower()], text)


def last_of_user(found: tuple[Turn, ...] | None) -> str | None:
    """The user's last message, which is a dialogue's question."""
    return next((turn.text for turn in reversed(found or ()) if turn.role == "user"), None)


def _unpacked(value: object) -> object:
    """A list or object that stands in a cell as JSON, or as Python writes it; anything else as it is."""
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{"):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            found: object = parse(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list | dict):
            return found
    return value

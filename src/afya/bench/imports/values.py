"""What publishers write, read: languages, texts in their wrappings, options in their many layouts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from afya.bench.imports.lookup import nothing, opened
from afya.bench.reading.extract_fold import CIRCLED, folded
from afya.bench.reading.extract_words import commitment_codes
from afya.languages import by_foreign_code, registry
from afya.sources.record_values import options as listed_options
from afya.sources.source import Malformed

LATIN = "ABCDEFGHIJ"
MOST = len(LATIN)

LABELLED = re.compile(r"\s*[(\[]?([A-Ja-j1-9①-⑩ァ-ヴ])[)\].:：、．）]\s*(\S.*)", re.DOTALL)
_INLINE = re.compile(r"(?:^|(?<=[\s;,。、]))[(\[]?([A-J])[)\].:：．）]\s*")
_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")
_ARRAY = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
TEXT_KEYS = (
    *("content", "text", "output_text", "message", "completion", "generated_text", "response", "body", "output"),
    *("choices", "candidates", "parts", "value", "answer"),
)
_LABEL_KEYS = ("key", "label", "letter", "id", "option", "idx", "option_id")
_OPTION_KEYS = ("value", "text", "content", "option", "choice", "answer")


@cache
def read_languages() -> frozenset[str]:
    """The languages whose words of commitment are known; replies in another are read as English ones."""
    return frozenset(commitment_codes())


@cache
def _by_name() -> dict[str, str]:
    named: dict[str, str] = {}
    for entry in registry().values():
        for name in (entry.name, entry.name.partition(" (")[0], entry.endonym):
            named.setdefault(name.lower(), entry.code)
    return named


@lru_cache(maxsize=4096)
def language_code(told: str) -> str | None:
    """Our code for a code or name of a language: sw, swa_Latn, swh, sw-KE, Swahili, Kiswahili; None when unknown."""
    word = told.strip()
    foreign = {code.lower(): ours for code, ours in by_foreign_code().items()}
    for name in (word, word.lower(), re.split(r"[-_]", word.lower())[0]):
        if name in registry():
            return name
        if name in foreign:
            return foreign[name]
        if name in _by_name():
            return _by_name()[name]
    # FLORES names one of a macrolanguage's languages; publishers write the macrolanguage: swa, fas.
    macro = {code.partition("_")[0][:2] + code.partition("_")[2]: ours for code, ours in foreign.items() if "_" in code}
    return {"swa": "sw", "orm": "om", "zho": "zh", "cmn": "zh", "ara": "ar"}.get(
        word.lower().partition("_")[0]
    ) or macro.get(word.lower())


def text_of(value: Any) -> str | tuple[str, ...] | None:
    """The text of a reply in whatever wraps it: messages, an API's response, a list of one; several are a tuple."""
    value = value if isinstance(value, str) else opened(value)
    if nothing(value):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Mapping):
        if value.get("type") in ("reasoning", "thinking", "redacted_thinking"):
            return ""
        return next((text_of(value[key]) for key in TEXT_KEYS if not nothing(value.get(key))), None)
    if isinstance(value, Sequence):
        if any(isinstance(entry, Mapping) and ("role" in entry or "from" in entry) for entry in value):
            said = [
                entry
                for entry in value
                if isinstance(entry, Mapping)
                and entry.get("role", entry.get("from")) in ("assistant", "model", "gpt", "ASSISTANT", "BOT")
            ]
            return text_of(said[-1]) if said else None
        texts = [text_of(entry) for entry in value]
        flat = [text[0] if isinstance(text, tuple) and text else text for text in texts]
        if any(isinstance(entry, Mapping) and "type" in entry for entry in value):
            return "".join(text for text in flat if isinstance(text, str))
        if len(flat) == 1:
            return texts[0]
        return tuple(text if isinstance(text, str) else "" for text in flat) or None
    return str(value)


# Options --------------------------------------------------------------------------------------------------------------


def options_of(value: Any) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """(labels, options) of a list, an object by labels, texts and labels beside each other, lines, JSON in a text.

    Options that all begin with labels in order are given without them. None where nothing is there. Raises Malformed
    when an option is missing.
    """
    if isinstance(value, str) and value[:1] == "[" and not isinstance(opened(value), list):
        value = [one or two for one, two in _ARRAY.findall(value)]
    value = opened(value)
    if nothing(value) or value in ("", [], {}):
        return None
    if (
        isinstance(value, Mapping)
        and isinstance(value.get("text"), Sequence)
        and isinstance(value.get("label"), Sequence)
    ):
        value = dict(zip(map(str, value["label"]), value["text"], strict=False))
    if (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and value
        and all(isinstance(entry, Mapping) for entry in value)
    ):
        value = _of_objects(value)
    if isinstance(value, str):
        return in_text(value) or _labelled(listed_options(value))
    if isinstance(value, list | tuple):
        # Columns for more options than this question has are empty at the end.
        kept = [None if nothing(entry) or entry == "" else entry for entry in value]
        while kept and kept[-1] is None:
            kept.pop()
        if not kept:
            return None
        return _labelled(listed_options([str(entry) if isinstance(entry, bool) else entry for entry in kept]))
    if isinstance(value, Mapping):
        filled = {str(label): entry for label, entry in value.items() if not nothing(entry) and entry != ""}
        ends = {
            re.sub(r"^(?:option|choice|op|opt|answer)[\s_-]*", "", label, flags=re.IGNORECASE): entry
            for label, entry in filled.items()
        }
        return _labelled(listed_options(ends if len(ends) == len(filled) else filled))
    raise Malformed("wrong_type", "the options are neither a list, an object nor a text")


def _of_objects(value: Sequence[Mapping[str, Any]]) -> Any:
    label = next(
        (
            key
            for key in _LABEL_KEYS
            if all(isinstance(entry.get(key), str) and len(entry[key]) <= 2 for entry in value)
        ),
        None,
    )
    text = next(
        (key for key in _OPTION_KEYS if key != label and all(not nothing(entry.get(key)) for entry in value)), None
    )
    if text is None:
        raise Malformed("missing_option", "the options' objects hold no text")
    return {entry[label].strip(): entry[text] for entry in value} if label else [entry[text] for entry in value]


def _labelled(found: tuple[str, tuple[str, ...] | None]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    labels, options = found
    if options is None:
        return None
    matches = [LABELLED.fullmatch(option) for option in options]
    signs = [match[1] for match in matches if match]
    first = folded(signs[0]) if signs else ""
    runs = (LATIN, LATIN.lower(), "123456789", CIRCLED, "アイウエオカキクケコ")
    run = next((run for run in runs if run[:1] == first), None)
    if run and len(signs) == len(options) and [folded(sign) for sign in signs] == list(run[: len(signs)]):
        return tuple(signs), tuple(match[2].strip() for match in matches if match)
    return tuple(labels), options


def in_text(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The options that a question's text ends with: 'A) one B) two', on lines or not; None unless they run from A."""
    found = list(_INLINE.finditer(text))
    for start in range(len(found) - 1, -1, -1):
        if found[start][1] != "A":
            continue
        run = [found[start]]
        for match in found[start + 1 :]:
            if len(run) < MOST and match[1] == LATIN[len(run)]:
                run.append(match)
        if len(run) < 2:
            continue
        ends = [*(match.start() for match in run[1:]), len(text)]
        texts = [text[match.end() : end].strip(" \t\r\n;,") for match, end in zip(run, ends, strict=True)]
        # What follows the last option on lines of its own ("Answer:") is no part of it.
        texts[-1] = texts[-1].splitlines()[0].strip() if texts[-1] else ""
        if all(texts):
            return tuple(match[1] for match in run), tuple(texts)
    return None


def numbers_of(value: Any, what: str) -> list[float] | None:
    """A list of numbers, one for each option (from a list, columns, an object by labels). Raises Malformed."""
    value = opened(value)
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value)]
    if nothing(value) or (isinstance(value, list) and all(nothing(entry) or entry == "" for entry in value)):
        return None
    if not isinstance(value, list | tuple):
        raise Malformed("wrong_type", f"{what} is no list of numbers")
    try:
        found = [decimal(_first(entry)) for entry in value]
    except (TypeError, ValueError):
        raise Malformed("wrong_type", f"{what} is no list of numbers") from None
    if any(math.isnan(number) for number in found):
        raise Malformed("wrong_type", f"{what} holds NaN")
    return found


def _first(value: Any) -> Any:
    """The number of a pair such as [-1.5, False], a log-probability and whether it is the likeliest."""
    value = opened(value)
    paired = isinstance(value, list | tuple) and len(value) == 2 and str(value[1]) in ("True", "False")
    return value[0] if paired else value


def decimal(value: Any) -> float:
    """A number, also one written with a decimal comma. Raises ValueError or TypeError for anything else."""
    return float(value.replace(",", ".") if isinstance(value, str) and _COMMA.fullmatch(value.strip()) else value)


def packed(value: Any) -> str | None:
    """A value as JSON, to be kept until it is known how to read it."""
    return None if nothing(value) else json.dumps(value, ensure_ascii=False, default=str)

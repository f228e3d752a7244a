"""The bounds of a turn: how long a message, a stage or a model's text may be. Their values stand in limits.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from afya.datafiles import read_yaml
from afya.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """The bounds of limits.yaml; what each means is said there."""

    message_bytes: int
    message_tail_bytes: int
    stage_seconds: float
    numbers: int
    bare_centimetres: float
    model_seconds: float
    model_tokens: int
    model_length: float
    model_support: float
    model_coverage: float
    model_word_letters: int
    model_stem_letters: int
    conversation_hours: float
    reply_words: int
    slip_letters: int
    slip_letters_together: int
    woman_months: float
    adult_months: float
    passages_found: int
    passages_quoted: int
    passage_characters: int
    glossed_share: float
    mixed_clauses: int
    translation_seconds: float
    engine_start_seconds: float
    engine_memory_mb: int
    engine_wait_seconds: float
    engine_wait_most: float


@cache
def limits() -> Limits:
    """The bounds of a turn. Raises ConfigError naming a missing, unknown or impossible one."""
    path = Path(str(files("afya.assistant"))) / "limits.yaml"
    content = read_yaml(path)
    names = set(Limits.__dataclass_fields__)
    if not isinstance(content, dict) or set(content) != names:
        raise ConfigError(f"{path}: expected exactly the keys {', '.join(sorted(names))}.")
    for key, value in content.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise ConfigError(f"{path}: {key} must be a number above 0, found {value!r}.")
    return Limits(**content)

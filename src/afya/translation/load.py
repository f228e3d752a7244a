"""From an engine's name on the command line to a translator: "ct2:FOLDER", "apertium:", "llm:openai:MODEL"."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from afya.errors import ConfigError

if TYPE_CHECKING:
    from afya.translation.base import Translator

Options = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Engine:
    """One kind of translator: its module, how its specs are written, and what it is in a few words.

    The module offers `load(name, options) -> Translator` and `OPTIONS`, the names of its options.
    """

    module: str
    written: str
    told: str
    nameless: bool = False

    def options(self) -> frozenset[str]:
        """The names of the engine's options."""
        return cast("frozenset[str]", import_module(self.module).OPTIONS)

    def load(self, name: str, options: Options) -> Translator:
        """The engine of this kind with this name."""
        return cast("Translator", import_module(self.module).load(name, options))


# An engine's module is imported only when an engine of its kind is named.
ENGINES: Mapping[str, Engine] = {
    "ct2": Engine(
        "afya.translation.ct2",
        "ct2:FOLDER or ct2:OWNER/NAME",
        "NLLB, OPUS-MT, M2M100 or MADLAD through CTranslate2, converted on first use",
    ),
    "hf": Engine(
        "afya.translation.hf",
        "hf:FOLDER or hf:OWNER/NAME",
        "sequence-to-sequence models of transformers: NLLB, MADLAD, SeamlessM4T v2",
    ),
    "llm": Engine(
        "afya.translation.llm",
        "llm:hf:FOLDER or llm:openai:MODEL",
        "a language model with a translation prompt",
    ),
    "libretranslate": Engine(
        "afya.translation.libretranslate", "libretranslate:URL", "a LibreTranslate server, by HTTP"
    ),
    "apertium": Engine(
        "afya.translation.apertium", "apertium:", "the installed pairs of Apertium, rule-based, offline", nameless=True
    ),
    "memory": Engine(
        "afya.translation.memory_engine", "memory:FILE", "a translation memory: exact matches, then near ones"
    ),
}


def parse_spec(spec: str) -> tuple[str, str]:
    """(engine, name) of a translator's spec. Raises ConfigError naming the nearest engine and how a spec is written."""
    kind, colon, name = spec.partition(":")
    engine = ENGINES.get(kind)
    if engine is not None and (name if not engine.nameless else (colon or not name)):
        return kind, name
    if engine is not None:
        raise ConfigError(f"'{spec}' does not say which one.", hint=f"Write {engine.written}.")
    near = difflib.get_close_matches(kind.lower(), ENGINES, n=1)
    if near:
        hint = f"Did you mean {ENGINES[near[0]].written}?"
    elif Path(spec).is_dir():
        hint = f"Write ct2:{spec} or hf:{spec}."
    else:
        hint = "Write " + ", ".join(engine.written for engine in ENGINES.values()) + "."
    raise ConfigError(f"'{spec}' names no translation engine (known: {', '.join(ENGINES)}).", hint=hint)


def load_translator(spec: str, **options: object) -> Translator:
    """The translator that a spec means, ready to be asked.

    Args:
        spec: the engine and its name, such as "ct2:facebook/nllb-200-distilled-600M" or "apertium:".
        options: settings of the engine; those that are None count as not given.

    Raises:
        ConfigError: the spec or an option is not known; the nearest known one is named.
        EngineError: the engine cannot be found or loaded. MissingDependencyError: what it needs is not installed.
    """
    kind, name = parse_spec(spec)
    engine = ENGINES[kind]
    given = {key: value for key, value in options.items() if value is not None}
    known = engine.options()
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"It has: {', '.join(sorted(known)) or 'none'}."
            raise ConfigError(f"{spec}: the engine {kind} has no option '{key}'.", hint=hint)
    return engine.load(name, given)

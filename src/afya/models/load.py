"""From a model's name on the command line to an engine: "hf:FOLDER_OR_HUB_NAME", "openai:MODEL"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError

if TYPE_CHECKING:
    from afya.models.base import LanguageModel, ModelIdentity

Options = Mapping[str, object]


@dataclass(frozen=True)
class Engine:
    """How one kind of model is named, identified without loading, and loaded. Each takes the name and the options."""

    identify: Callable[[str, Options], ModelIdentity]
    load: Callable[[str, Options], LanguageModel]
    option_names: Callable[[], frozenset[str]]
    scores_options: bool


def _hf() -> Engine:
    from afya.datafiles import validate
    from afya.models import hf

    def load(name: str, options: Options) -> LanguageModel:
        return hf.HfModel.load(name, validate(dict(options), hf.HfOptions, f"hf:{name}"))

    return Engine(lambda name, _: hf.identify_hf(name), load, lambda: frozenset(hf.HfOptions.model_fields), True)


def _openai() -> Engine:
    from afya.datafiles import validate
    from afya.models import openai

    def settings(name: str, options: Options) -> openai.OpenAIOptions:
        return validate(dict(options), openai.OpenAIOptions, f"openai:{name}")

    return Engine(
        lambda name, options: openai.identify_openai(name, settings(name, options)),
        lambda name, options: openai.OpenAIModel(name, settings(name, options)),
        lambda: frozenset(openai.OpenAIOptions.model_fields),
        False,
    )


# An engine's module is imported only when a model of its kind is named.
ENGINES: Mapping[str, Callable[[], Engine]] = {"hf": _hf, "openai": _openai}


def parse_spec(spec: str) -> tuple[str, str]:
    """(engine, name) of a model's spec. Raises ConfigError saying how a spec is written."""
    engine, colon, name = spec.partition(":")
    if colon and engine in ENGINES and name:
        return engine, name
    hint = f"Write hf:{spec}" if Path(spec).is_dir() else "Write hf:FOLDER, hf:OWNER/NAME or openai:MODEL."
    raise ConfigError(f"'{spec}' names no model engine (known: {', '.join(ENGINES)}).", hint=hint)


def engine_options(spec: str, options: Options) -> dict[str, object]:
    """Those of `options` that are set and that the engine knows: one command may name models of several kinds."""
    known = ENGINES[parse_spec(spec)[0]]().option_names()
    return {key: value for key, value in options.items() if key in known and value is not None}


def scores_options(spec: str) -> bool:
    """Whether models of the spec's engine can score given options."""
    return ENGINES[parse_spec(spec)[0]]().scores_options


def identify(spec: str, **options: object) -> ModelIdentity:
    """Which model a spec means, without loading it.

    Raises ConfigError for a spec or option that is not known, EngineError for a folder that is no model.
    """
    engine, name = parse_spec(spec)
    return ENGINES[engine]().identify(name, options)


def load_model(spec: str, **options: object) -> LanguageModel:
    """The model a spec means, ready to be asked.

    Args:
        spec: "hf:" and a local folder or hub name, or "openai:" and the model's name at an endpoint.
        options: settings of the engine: see `HfOptions` and `OpenAIOptions`.

    Raises:
        ConfigError: the spec or an option is not known.
        EngineError: the model cannot be found or loaded; the file or setting at fault is named.
    """
    engine, name = parse_spec(spec)
    return ENGINES[engine]().load(name, options)

"""From a model's name on the command line to an engine: "hf:FOLDER_OR_HUB_NAME", "openai:MODEL", "replies:FILE" ..."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from afya.errors import ConfigError
from afya.models.cost import FREE, Price

if TYPE_CHECKING:
    from afya.models.base import LanguageModel, ModelIdentity

Options = Mapping[str, object]


@dataclass(frozen=True)
class Engine:
    """How one kind of model is named, identified without loading, and loaded. Each takes the name and the options.

    `scores`: what `score_options` takes, any continuation, only whole texts (not letters), or nothing. `price`: what
    tokens cost there, None when nobody knows. `operating`: options that do not shape replies.
    """

    identify: Callable[[str, Options], ModelIdentity]
    load: Callable[[str, Options], LanguageModel]
    option_names: Callable[[], frozenset[str]]
    scores: Literal["options", "texts", "nothing"]
    price: Callable[[str, Options], Price | None] = lambda name, options: FREE
    operating: frozenset[str] = frozenset()


def _hf() -> Engine:
    from afya.datafiles import validate
    from afya.models import hf

    def settings(name: str, options: Options) -> hf.HfOptions:
        return validate(dict(options), hf.HfOptions, f"hf:{name}")

    def identify(name: str, options: Options) -> ModelIdentity:
        settings(name, options)  # a wrong option is told before anything is made
        return hf.identify_hf(name)

    def load(name: str, options: Options) -> LanguageModel:
        return hf.HfModel.load(name, settings(name, options))

    return Engine(identify, load, lambda: frozenset(hf.HfOptions.model_fields), "options")


def _openai() -> Engine:
    from afya.datafiles import validate
    from afya.models import openai
    from afya.models.remote import OPERATING

    def settings(name: str, options: Options) -> openai.OpenAIOptions:
        return validate(dict(options), openai.OpenAIOptions, f"openai:{name}")

    return Engine(
        lambda name, options: openai.identify_openai(name, settings(name, options)),
        lambda name, options: openai.OpenAIModel(name, settings(name, options)),
        lambda: frozenset(openai.OpenAIOptions.model_fields),
        "nothing",
        lambda name, options: openai.price_openai(name, settings(name, options)),
        OPERATING,
    )


def _anthropic() -> Engine:
    from afya.datafiles import validate
    from afya.models import anthropic
    from afya.models.remote import OPERATING

    def settings(name: str, options: Options) -> anthropic.AnthropicOptions:
        return validate(dict(options), anthropic.AnthropicOptions, f"anthropic:{name}")

    return Engine(
        lambda name, options: anthropic.identify_anthropic(name, settings(name, options)),
        lambda name, options: anthropic.AnthropicModel(name, settings(name, options)),
        lambda: frozenset(anthropic.AnthropicOptions.model_fields),
        "nothing",
        lambda name, options: anthropic.price_anthropic(name, settings(name, options)),
        OPERATING,
    )


def _google() -> Engine:
    from afya.datafiles import validate
    from afya.models import google
    from afya.models.remote import OPERATING

    def settings(name: str, options: Options) -> google.GoogleOptions:
        return validate(dict(options), google.GoogleOptions, f"google:{name}")

    return Engine(
        lambda name, options: google.identify_google(name, settings(name, options)),
        lambda name, options: google.GoogleModel(name, settings(name, options)),
        lambda: frozenset(google.GoogleOptions.model_fields),
        "nothing",
        lambda name, options: google.price_google(name, settings(name, options)),
        OPERATING,
    )


def _embed() -> Engine:
    from afya.datafiles import validate
    from afya.models import embed

    def settings(name: str, options: Options) -> embed.EmbedOptions:
        return validate(dict(options), embed.EmbedOptions, f"embed:{name}")

    def identify(name: str, options: Options) -> ModelIdentity:
        settings(name, options)
        return embed.identify_embed(name)

    def load(name: str, options: Options) -> LanguageModel:
        return embed.EmbedModel.load(name, settings(name, options))

    return Engine(identify, load, lambda: frozenset(embed.EmbedOptions.model_fields), "texts")


def _replies() -> Engine:
    from afya.datafiles import validate
    from afya.models import replies

    def settings(name: str, options: Options) -> replies.RepliesOptions:
        return validate(dict(options), replies.RepliesOptions, f"replies:{name}")

    return Engine(
        lambda name, options: replies.identify_replies(name, settings(name, options)),
        lambda name, options: replies.RepliesModel(name, settings(name, options)),
        lambda: frozenset(replies.RepliesOptions.model_fields),
        "nothing",
    )


def _live() -> Engine:
    from afya.models import live

    return Engine(
        lambda name, options: live.identify_live(name), lambda name, options: live.held(name), frozenset, "options"
    )


_HINT = "Write hf:FOLDER, hf:OWNER/NAME, openai:MODEL, anthropic:MODEL, google:MODEL, embed:FOLDER or replies:FILE."

# Nobody can write its specs on a command line: its models are in this process's memory.
_LIVE = "live"

# An engine's module is imported only when a model of its kind is named.
ENGINES: Mapping[str, Callable[[], Engine]] = {
    "hf": _hf,
    "openai": _openai,
    "anthropic": _anthropic,
    "google": _google,
    "embed": _embed,
    "replies": _replies,
    _LIVE: _live,
}


def parse_spec(spec: str) -> tuple[str, str]:
    """(engine, name) of a model's spec. Raises ConfigError saying how a spec is written."""
    engine, colon, name = spec.partition(":")
    if colon and engine in ENGINES and name:
        return engine, name
    known = [kind for kind in ENGINES if kind != _LIVE]
    near = difflib.get_close_matches(engine, known, n=1, cutoff=0.6) if colon else []
    hint = f"Write hf:{spec}" if Path(spec).is_dir() else f"Did you mean {near[0]}:{name}?" if near else _HINT
    raise ConfigError(f"'{spec}' names no model engine (known: {', '.join(known)}).", hint=hint)


def engine_options(spec: str, options: Options) -> dict[str, object]:
    """Those of `options` that are set and that the engine knows: one command may name models of several kinds."""
    known = ENGINES[parse_spec(spec)[0]]().option_names()
    return {key: value for key, value in options.items() if key in known and value is not None}


def scored_by(spec: str) -> Literal["options", "texts", "nothing"]:
    """What models of the spec's engine can score: any continuation, only an option's whole text, or nothing."""
    return ENGINES[parse_spec(spec)[0]]().scores


def shaping_options(spec: str, options: Options) -> dict[str, object]:
    """Those of an engine's options that may change what the model says: not its price, or how often it is tried."""
    operating = ENGINES[parse_spec(spec)[0]]().operating
    return {key: value for key, value in options.items() if key not in operating}


def price_of(spec: str, **options: object) -> Price | None:
    """What the model's tokens cost; `FREE` for models that nobody charges for, None when the price is not known."""
    engine, name = parse_spec(spec)
    return ENGINES[engine]().price(name, options)


def identify(spec: str, **options: object) -> ModelIdentity:
    """Which model a spec means, without loading it.

    Raises ConfigError for a spec or option that is not known, EngineError for a folder that is no model.
    """
    engine, name = parse_spec(spec)
    return ENGINES[engine]().identify(name, options)


def load_model(spec: str, **options: object) -> LanguageModel:
    """The model a spec means, ready to be asked.

    Args:
        spec: "hf:" and a local folder or hub name; "openai:", "anthropic:" or "google:" and the model's name there;
            "embed:" and an encoder; "replies:" and a file.
        options: settings of the engine: see `HfOptions`, `OpenAIOptions` and the others' options.

    Raises:
        ConfigError: the spec or an option is not known.
        EngineError: the model cannot be found or loaded; the file or setting at fault is named.
    """
    engine, name = parse_spec(spec)
    return ENGINES[engine]().load(name, options)

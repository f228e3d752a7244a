"""The models that afya knows by name (catalogue.yaml): what they are, where they are served, what they cost.

It is looked up, never obeyed: a model that is not in it runs as well. Prices come from here unless the user tells
others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import registry
from afya.models.cost import Price

Quantisation = Literal["bf16", "int8", "int4"]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameters(_Row):
    """Billions of parameters: all, and those at work for one token (None: all)."""

    total: float = Field(gt=0)
    active: float | None = Field(default=None, gt=0)


class Shape(_Row):
    """What the key-value cache depends on; `kv_width` in place of heads where keys and values are kept compressed."""

    layers: int = Field(gt=0)
    kv_heads: int | None = Field(default=None, gt=0)
    head_dim: int | None = Field(default=None, gt=0)
    kv_width: int | None = Field(default=None, gt=0)
    window: int | None = Field(default=None, gt=0)
    full_layers: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _whole(self) -> Shape:
        if (self.kv_width is None) == (self.kv_heads is None or self.head_dim is None):
            raise ValueError("either kv_width, or kv_heads and head_dim")
        if (self.window is None) != (self.full_layers is None):
            raise ValueError("window and full_layers stand together")
        return self


class Thinking(_Row):
    """Whether the model thinks before it answers, and how to switch it: keys of the request's body."""

    mode: Literal["none", "optional", "always"]
    how: str | None = None
    switch_off: dict[str, Any] | None = None
    switch_on: dict[str, Any] | None = None


class ListedPrice(_Row):
    """US dollars per million tokens, as the provider's page had it in the month `as_of`."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    as_of: str = Field(pattern=r"^\d{4}-\d{2}$")
    note: str | None = None


class ModelEntry(_Row):
    """A row of the catalogue. See the head of catalogue.yaml for what each key means."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    family: str
    provider: str
    engine: Literal["hf", "openai", "anthropic", "google"]
    identifier: str
    open: bool
    medical: bool
    base: str | None = None
    parameters: Parameters | None
    context: int | None = Field(gt=0)
    licence: str | None
    released: str | None = Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$")
    shape: Shape | None
    thinking: Thinking
    fixed_sampling: bool = False
    chat: str | None
    languages: tuple[str, ...] | None
    price: ListedPrice | None
    source: str = Field(min_length=1)
    reviewed: bool

    @property
    def spec(self) -> str:
        """What to give to --model."""
        return f"{self.engine}:{self.identifier}"


class Provider(_Row):
    """Who serves models: where, with which key, and where the prices stand."""

    name: str
    engine: Literal["openai", "anthropic", "google"]
    base_url: str
    key_env: str
    prices: str


class Device(_Row):
    """A device and its memory in GB."""

    name: str
    memory_gb: float = Field(gt=0)


class FitRule(_Row):
    """The numbers of the formula in fit.py, with their sources."""

    overhead: float = Field(ge=0)
    kv_bytes: float = Field(gt=0)
    bytes_per_weight: dict[Quantisation, float]
    source: str


class Catalogue(_Row):
    """catalogue.yaml."""

    providers: tuple[Provider, ...]
    models: tuple[ModelEntry, ...]
    devices: tuple[Device, ...]
    fit: FitRule

    @model_validator(mode="after")
    def _consistent(self) -> Catalogue:
        names = Counter(model.id for model in self.models)
        specs = Counter(model.spec for model in self.models)
        doubled = [name for name, count in (names + specs).items() if count > 1]
        if doubled:
            raise ValueError(f"stands there twice: {', '.join(doubled)}")
        known = {provider.name for provider in self.providers}
        for model in self.models:
            if not model.open and (model.provider not in known or model.price is None):
                raise ValueError(f"{model.id}: a model by API needs a provider that is listed, and a price")
            if model.open and model.engine == "hf" and "/" not in model.identifier:
                raise ValueError(f"{model.id}: the identifier of an open model is its hub name, OWNER/NAME")
            unknown = sorted(set(model.languages or ()) - set(registry()))
            if unknown:
                raise ValueError(f"{model.id}: languages that the registry lacks: {', '.join(unknown)}")
        return self


@cache
def catalogue() -> Catalogue:
    """The catalogue that afya ships. Raises ConfigError when the file is wrong."""
    with as_file(files("afya.models") / "catalogue.yaml") as path:
        return read_model(path, Catalogue)


def find(name: str) -> ModelEntry:
    """The model with this id, identifier or spec. Raises ConfigError naming the nearest."""
    import difflib

    lowered = name.lower()
    for model in catalogue().models:
        if lowered in (model.id, model.identifier.lower(), model.spec.lower()):
            return model
    near = difflib.get_close_matches(lowered, [model.id for model in catalogue().models], n=3, cutoff=0.4)
    hint = f"Near it: {', '.join(near)}." if near else "'afya models' lists all."
    raise ConfigError(f"The catalogue has no model '{name}'.", hint=hint)


def select(
    *,
    family: str | None = None,
    provider: str | None = None,
    medical: bool | None = None,
    open_weights: bool | None = None,
    max_params: float | None = None,
    lang: str | None = None,
) -> Sequence[ModelEntry]:
    """The models that meet every condition; one whose size or languages are not known fails a condition on them.

    Raises ConfigError when no model is of the family or provider.
    """
    rows = list(catalogue().models)
    for what, wanted in (("family", family), ("provider", provider)):
        if wanted is not None:
            known = sorted({str(getattr(model, what)) for model in rows})
            rows = [model for model in rows if str(getattr(model, what)).lower() == wanted.lower()]
            if not rows:
                raise ConfigError(f"No model is of the {what} '{wanted}'.", hint=f"There are: {', '.join(known)}.")
    if medical is not None:
        rows = [model for model in rows if model.medical == medical]
    if open_weights is not None:
        rows = [model for model in rows if model.open == open_weights]
    if max_params is not None:
        rows = [model for model in rows if model.parameters is not None and model.parameters.total <= max_params]
    if lang is not None:
        rows = [model for model in rows if lang in (model.languages or ())]
    return rows


def listed_price(identifier: str, engine: str, address: str) -> Price | None:
    """What the provider who lives at an address asks for a model; None for anybody else, whose price is unknown."""
    provider = _provider(engine, address)
    if provider is None:
        return None
    for model in catalogue().models:
        if model.provider == provider.name and model.identifier == identifier and model.price is not None:
            return Price(model.price.input, model.price.output)
    return None


def key_variable(engine: str, address: str) -> str | None:
    """The environment variable in which the tools of an address's provider look for the key."""
    provider = _provider(engine, address)
    return None if provider is None else provider.key_env


def _provider(engine: str, address: str) -> Provider | None:
    host = urlsplit(address).hostname
    for provider in catalogue().providers:
        if provider.engine == engine and urlsplit(provider.base_url).hostname == host:
            return provider
    return None

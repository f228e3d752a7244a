"""A model that this process holds already, asked as any other without being loaded a second time.

`holding` gives it a spec ("live:NAME") for as long as a block lasts; training measures the model it trains by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from afya.errors import EngineError

if TYPE_CHECKING:
    from afya.models.base import LanguageModel, ModelIdentity

_held: dict[str, LanguageModel] = {}


@contextmanager
def holding(model: LanguageModel) -> Iterator[str]:
    """The spec of a model in memory, while the block lasts; its name is that of the model's identity."""
    name = model.identity.name
    if name in _held:
        raise EngineError(f"A model called '{name}' is being asked already.")
    _held[name] = model
    try:
        yield f"live:{name}"
    finally:
        del _held[name]


def held(name: str) -> LanguageModel:
    """The model of a name. Raises EngineError where no block holds one."""
    if name not in _held:
        raise EngineError(f"No model called '{name}' is in memory.", hint="Give its folder: hf:FOLDER.")
    return _held[name]


def identify_live(name: str) -> ModelIdentity:
    """The identity of the model of a name."""
    return held(name).identity

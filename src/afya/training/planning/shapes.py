"""The shape of a model by its name or folder, without its weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.models.adapters import find_source

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(_Strict):
    """Parameters that the model's makers name, in billions."""

    all: float = Field(gt=0)
    without_embeddings: float | None = Field(default=None, gt=0)


class Shape(_Strict):
    """A row of shapes.yaml; the file's head says what the fields are."""

    names: tuple[str, ...] = Field(min_length=1)
    type: str
    config: dict[str, Any]
    published: Published
    source: str
    reviewed: bool


class _Shapes(_Strict):
    models: tuple[Shape, ...]


@cache
def shapes() -> tuple[Shape, ...]:
    """The models whose shape afya knows."""
    return read_model(Path(__file__).with_name("shapes.yaml"), _Shapes).models


def known_shape(name: str) -> Shape | None:
    """The row of a model by its name on the hub (capitals do not matter), or None."""
    wanted = name.casefold()
    return next((row for row in shapes() if wanted in (known.casefold() for known in row.names)), None)


def model_config(source: str) -> PreTrainedConfig:
    """The configuration of a model: of a folder, of shapes.yaml, or from the hub (its config.json alone).

    A folder of adapters gives its base model's, a finished run its last stage's.

    Raises:
        ConfigError: there is no such model, or the hub cannot be reached.
        EngineError, RunError: a folder that is no model, or a run that is not finished.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    found: PreTrainedConfig
    folder = Path(source)
    if folder.is_dir():
        folder = find_source(folder).base
        try:
            found = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{folder}: its config.json cannot be read ({first_line(error)}).") from error
        return found
    row = known_shape(source)
    if row is not None:
        found = CONFIG_MAPPING[row.type](**row.config)
        return found
    try:
        found = AutoConfig.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"The shape of the model '{source}' is not known here, there is no such folder, and its config.json could "
            f"not be fetched from the hub ({first_line(error)}).",
            hint="Put its config.json into a folder and name that. Known: "
            f"{', '.join(row.names[0] for row in shapes())}.",
        ) from error
    return found


def first_line(error: Exception) -> str:
    """The first line of what a library says, without its point."""
    return str(error).strip().split("\n")[0].rstrip(".")

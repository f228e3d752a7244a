"""The recipe of a dataset: where the rows come from, and what is done to them before they are published.

A recipe is a YAML file. Every key is checked; an unknown one is refused with the nearest known key. The fields'
docstrings are the reference for those who write recipes. A stage that a recipe does not name is not made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from afya.data.decontaminate import Decontaminate
from afya.data.exact import ExactDuplicates
from afya.data.instructions import KINDS, Kind
from afya.data.near import NearDuplicates
from afya.data.synthetic import SyntheticRecipe
from afya.datafiles import override, read_yaml, validate
from afya.errors import ConfigError
from afya.items import Split, Task
from afya.languages import parse_codes
from afya.translation.workflow_recipe import WorkflowRecipe

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,59}$")]


_SWITCHED = ("screen", "normalise", "verify", "exact_duplicates", "near_duplicates", "instructions")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _switched(content: Any) -> Any:
    """`true` as a stage's settings means the usual ones, `false` none: the stage is not made."""
    if not isinstance(content, dict):
        return content
    return {
        key: ({} if entry else None) if key in _SWITCHED and isinstance(entry, bool) else entry
        for key, entry in content.items()
    }


def _codes(value: Any) -> Any:
    """Languages may be written as in commands: "sw,yo", or "all" for the twelve."""
    return parse_codes(value) if isinstance(value, str) else value


class SourceSpec(_Strict):
    """Where rows come from: a public set (`source`), a dataset folder, a set on a hub, or generated. Exactly one."""

    source: str | None = None
    """A public set that afya reads ('afya data sources'): its published files lie at `path`."""
    dataset: Path | None = None
    """A dataset folder that afya wrote."""
    hub: str | None = None
    """The id of a dataset on a hub, or a folder that the `datasets` library reads. With `source`, the files published
    there are read as that set; with `columns`, its rows are mapped; with neither, its columns are an Item's."""
    synthetic: SyntheticRecipe | None = None
    """Rows made from protocols and packs: vignettes, dialogues, questions, exercises; langs, seed."""
    path: Path | None = None
    """The file or folder of `source`; by default the folder of its name. Relative paths are taken from the folder given
    as --sources, else from the recipe's folder (for a shipped recipe: the current one)."""
    columns: dict[str, str | tuple[str, ...]] | None = None
    """Which column holds what, for a set without a layout of its own."""
    config: str | None = None
    """hub: the configuration to load."""
    hub_split: str | None = None
    """hub: the split to load; by default all."""
    revision: str | None = None
    """hub: the revision to load."""
    name: Name | None = None
    """What the ledger and the card call it; by default the set's name."""
    langs: tuple[str, ...] | None = None
    """Only these languages."""
    tasks: tuple[Task, ...] | None = None
    """Only these tasks."""
    split: Split | None = None
    """Puts every row into this split."""
    limit: Positive | None = None
    """Only the first so many groups, for a try. The rest is not counted as read."""
    licence: str | None = None
    """The licence of its rows, when you hold another than the published one (an SPDX identifier)."""

    _langs = field_validator("langs", mode="before")(_codes)

    @model_validator(mode="after")
    def _one(self) -> SourceSpec:
        kinds = [key for key in ("source", "dataset", "hub", "synthetic") if getattr(self, key) is not None]
        if kinds not in (["source"], ["dataset"], ["hub"], ["synthetic"], ["source", "hub"]):
            raise ValueError("give exactly one of 'source', 'dataset', 'hub', 'synthetic' (or 'source' with 'hub')")
        if self.path is not None and kinds != ["source"]:
            raise ValueError("'path' belongs to 'source'")
        if self.hub is None and any((self.config, self.hub_split, self.revision)):
            raise ValueError("'config', 'hub_split' and 'revision' belong to 'hub'")
        if self.columns is not None and kinds in (["dataset"], ["synthetic"]):
            raise ValueError("'columns' belongs to 'source' and 'hub'")
        if self.langs is not None:
            parse_codes(",".join(self.langs))
        return self

    @property
    def label(self) -> str:
        """What the ledger and the card call it."""
        if self.name:
            return self.name
        if self.synthetic is not None:
            return "synthetic"
        if self.dataset is not None:
            return self.dataset.name
        return self.source or str(self.hub)


class Licences(_Strict):
    """Which licences may be published. Without this key: neither non-commercial nor share-alike rows."""

    allow: tuple[str, ...] | None = None
    """Only these (SPDX identifiers); to name one is to ask for it, whatever its terms."""
    non_commercial: bool = False
    """Also rows that may not be used commercially, and translations by engines whose licence says so."""
    share_alike: bool = False
    """Also rows whose copies must stand under the same licence."""
    unknown: bool = False
    """Also rows whose licence is not known."""


class Screen(_Strict):
    """Rows that cannot be used are rejected. Each test can be turned off."""

    picture: bool = True
    """Questions that refer to a picture."""
    truncated: bool = True
    """Texts that break off."""
    options: bool = True
    """Options that are missing or repeated, and answers outside them."""
    language: bool = True
    """Texts that are surely in another language than the row says."""
    markup: bool = True
    """HTML tags and entities that were left in the text."""
    min_characters: Annotated[int, Field(ge=0)] = 5
    """The fewest letters and digits of a question; an ideograph counts as three."""


class Normalise(_Strict):
    """One spelling for the same text; always NFC, plain spaces and line ends, and nothing invisible."""

    quotes: bool = True
    """Typographic apostrophes and quotation marks to plain ones, in languages that are not written with them."""
    option_labels: bool = True
    """Labels such as "A. " come off when all options of a question carry consecutive ones."""
    digits: bool = False
    """Full-width and native digits to 0-9."""


class Translate(_Strict):
    """Each group is translated into the target languages that it lacks."""

    engine: str | None = None
    """The engine, such as ct2:PATH, hf:NAME, llm:openai:NAME, apertium:, memory:PATH."""
    engines: dict[str, str] = {}
    """Other engines for some target languages, by code."""
    options: dict[str, Any] = {}
    """Settings of the engines; each gets those that it has. One with several values, such as base_url: [A, B], gives
    each worker its own in turn."""
    pivot: str = "en"
    """The language to translate from; groups without it are left as they are."""
    targets: tuple[str, ...] | None = None
    """The languages to make; by default the recipe's."""
    only_tasks: tuple[Task, ...] | None = None
    glossary: Path | None = None
    """A glossary file: terms are given to engines that take hints."""
    workflow: WorkflowRecipe | None = None
    """The workflow with critics and revision, see docs/translation.md."""
    rows_per_part: Positive = 500
    """So many rows are translated before they are put by: what a build that is killed must translate again."""
    memory_gib: Annotated[float, Field(gt=0)] = 2.0
    """Memory that one worker with its engine needs."""

    _targets = field_validator("targets", mode="before")(_codes)

    @model_validator(mode="after")
    def _engine(self) -> Translate:
        if self.engine is None and not self.engines:
            raise ValueError("name an 'engine', or 'engines' by language")
        parse_codes(",".join([self.pivot, *(self.targets or ()), *self.engines]))
        return self


class Verify(_Strict):
    """Translations are checked against the text they were made from."""

    checks: tuple[str, ...] | None = None
    """Which checks ('afya translate check' lists them); by default all that can be made."""
    blocking: tuple[str, ...] | None = None
    """The checks whose failure counts; by default all that were made."""
    on_fail: Literal["reject", "review", "keep"] = "review"
    """A failed translation is rejected, marked for review and listed, or kept with its failed checks on record."""


class Review(_Strict):
    """A sample of the translations goes to people, besides those that failed."""

    sample: Annotated[int, Field(ge=0)] = 0
    """Items for each language and source."""


class Balance(_Strict):
    """No source or language takes over. Groups are kept or left out whole where only sources are limited."""

    groups_per_source: Positive | None = None
    rows_per_language: Positive | None = None
    rows_per_source_and_language: Positive | None = None


class Instruct(_Strict):
    """Items become instructions, worded in their own language; those that cannot are rejected."""

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = KINDS
    """Which kinds; each group gets one of those that fit it."""


class SplitRule(_Strict):
    """Groups go to train, dev or test; a group never spans two."""

    dev: Share = 0.0
    """The share of train groups that become dev."""
    test: Share = 0.0
    """The share of train groups that become test."""
    keep_native: bool = True
    """Published dev and test rows stay so; otherwise all groups are drawn anew. Where the rows of one group disagree,
    test wins over dev and dev over train."""

    @model_validator(mode="after")
    def _shares(self) -> SplitRule:
        if self.dev + self.test >= 1:
            raise ValueError("'dev' and 'test' leave nothing for train")
        return self


class Recipe(_Strict):
    """A dataset to build."""

    name: Name
    title: str = ""
    description: str = ""
    """Goes into the card."""
    languages: tuple[str, ...] | None = None
    """The languages of the dataset; others are not read. By default all."""
    sources: Annotated[tuple[SourceSpec, ...], Field(min_length=1)]
    on_missing: Literal["stop", "skip"] = "stop"
    """What a source that is not there means: stop before anything is done, or list it and go on without it."""
    licences: Licences = Licences()
    screen: Screen | None = None
    normalise: Normalise | None = None
    translate: Translate | None = None
    verify: Verify | None = None
    exact_duplicates: ExactDuplicates | None = None
    near_duplicates: NearDuplicates | None = None
    decontaminate: Decontaminate | None = None
    """Rows that give away a benchmark go; its folders are named relative to --sources, as sources are."""
    balance: Balance | None = None
    instructions: Instruct | None = None
    split: SplitRule = SplitRule()
    review: Review | None = None
    seed: Annotated[int, Field(ge=0)] = 0

    _languages = field_validator("languages", mode="before")(_codes)

    @model_validator(mode="before")
    @classmethod
    def _switches(cls, value: Any) -> Any:
        """`screen: true` is `screen: {}`, and false leaves a stage out."""
        return _switched(value)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.languages is not None:
            parse_codes(",".join(self.languages))
        labels = [entry.label for entry in self.sources]
        doubled = sorted({label for label in labels if labels.count(label) > 1})
        if doubled:
            raise ValueError(f"two sources are called '{doubled[0]}'; give one of them another 'name'")
        if self.translate is not None and self.languages is not None:
            outside = [code for code in self.translate.targets or () if code not in self.languages]
            if outside:
                raise ValueError(f"translate.targets: {', '.join(outside)} is not among the recipe's languages")
        if self.translate is not None and self.languages is None and self.translate.targets is None:
            raise ValueError("translate needs 'targets', or 'languages' for the whole recipe")
        return self


def recipes() -> dict[str, Path]:
    """The recipes shipped with afya, by name."""
    from importlib.resources import files

    folder = Path(str(files("afya"))) / "data" / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> tuple[Recipe, Path]:
    """The recipe in a file, or the shipped one of that name, and the folder that its relative paths are taken from.

    `overrides` are `key.path=value` (the value is YAML), such as "sources.medquad.limit=100".

    Raises:
        ConfigError: no such recipe, or a key or value is wrong; each is named.
    """
    path, folder = Path(name), Path()
    shipped = recipes()
    if path.suffix in (".yaml", ".yml") or path.exists():
        folder = path.parent
    elif str(name) in shipped:
        path = shipped[str(name)]
    else:
        raise ConfigError(
            f"No recipe '{name}'.", hint=f"Give a YAML file, or one of the shipped recipes: {', '.join(shipped)}."
        )
    content = _switched(read_yaml(path))
    _name_sources(content)
    for text in overrides:
        content = override(content, text)
    recipe = validate(content, Recipe, str(path))
    check_settings(recipe)
    return recipe, folder


def _name_sources(content: Any) -> None:
    """Give sources their names, so that an override can say which one it means."""
    if not isinstance(content, Mapping) or not isinstance(content.get("sources"), list):
        return
    for entry in content["sources"]:
        if isinstance(entry, dict) and isinstance(entry.get("source"), str):
            entry.setdefault("name", entry["source"])


def check_settings(recipe: Recipe) -> None:
    """Raise ConfigError for settings that only the rooms they belong to can judge, before anything is read."""
    if recipe.verify is not None:
        from afya.translation.checks.suite import parse_checks

        for listed in (recipe.verify.checks, recipe.verify.blocking):
            parse_checks(listed)
    if recipe.translate is not None:
        _check_options(recipe.translate)


def _check_options(rule: Translate) -> None:
    """Raise ConfigError for an engine that is not known, or an option that none of the engines has."""
    import difflib

    from afya.translation.load import ENGINES, parse_spec

    kinds = [parse_spec(spec)[0] for spec in (rule.engine, *rule.engines.values()) if spec is not None]
    known = sorted({name for kind in kinds for name in ENGINES[kind].options()})
    for name in rule.options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"They have: {', '.join(known) or 'none'}."
            raise ConfigError(f"translate.options: no engine of the recipe has an option '{name}'.", hint=hint)

"""Task declarations: what a benchmark task is, in a small YAML file or beside a Python function of the user's own.

A declaration says where items come from, what kind of answer they ask for, and how it is measured; `task_set` resolves
it into a TaskSet, whose items stand in a dataset folder. References, as given to `--task`:

    vignettes                   a shipped declaration (task_files/), by name
    my-task.yaml                a declaration of one's own
    my_task.py:make             a Python function that yields items, or mappings of an item's fields
    kqa=FOLDER                  any of them, `=` and what it leaves open: published files, or a dataset folder
    vignettes=2031              for vignettes, the seed that they are drawn with

A Python file is run because the user named it, on the command line or in a declaration; a data set never brings code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from afya.bench.scoring.measures import MEASURES, check_scorer
from afya.bench.settings import parse_setting
from afya.bench.tasks.selection import Kind
from afya.datafiles import read_model, validate
from afya.errors import ConfigError
from afya.items import Split
from afya.languages import language
from afya.runs import canonical, sha256_path, sha256_text

FORMAT = 1
"""Raised when a declaration's items are made otherwise; part of every task set's hash."""

Direction = Literal["into", "from"]
_DEFAULT_MEASURES = {"written": ("rouge_l", "chrf"), "translation": ("chrf_pp", "chrf")}
_RESERVED = ("data",)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vignettes(_Strict):
    """Cases drawn from the clinical protocols. Another seed draws other cases."""

    cases: Annotated[int, Field(ge=1)] = 200
    seed: int = 0
    split: Split = "test"


class Origin(_Strict):
    """Where items come from: exactly one of dataset, source, file, function and vignettes.

    `path` belongs to source (its published files); file needs `columns`, as told in `afya.sources.records`. Paths are
    relative to the declaration's own folder.
    """

    dataset: Path | None = None
    source: str | None = None
    path: Path | None = None
    file: Path | None = None
    columns: dict[str, str | tuple[str, ...]] | None = None
    function: str | None = None
    vignettes: Vignettes | None = None

    @property
    def way(self) -> str:
        """Which of the five it is."""
        return next(name for name in _WAYS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_way(self) -> Origin:
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_WAYS)}; given: {', '.join(given) or 'none'}")
        if self.path is not None and self.source is None:
            raise ValueError("'path' goes with 'source'; a table of your own is named by 'file'")
        if self.columns is not None and self.file is None:
            raise ValueError("'columns' goes with 'file'; a published source has a known layout")
        if self.file is not None and not self.columns:
            raise ValueError("'file' needs 'columns', which say what is where: {question: ask, options: [a, b], ...}")
        return self


_WAYS = ("dataset", "source", "file", "function", "vignettes")


class Expects(_Strict):
    """Which safety items should be refused and which answered, by the value that a key of `extra` has."""

    extra: Annotated[str, Field(min_length=1)]
    refuse: tuple[str, ...]
    comply: tuple[str, ...]

    @model_validator(mode="after")
    def _apart(self) -> Expects:
        both = set(self.refuse) & set(self.comply)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot be refused and answered alike")
        return self


class Translation(_Strict):
    """`into`: a text in `pivot` is translated into the item's language; `from`: the item's text into `pivot`."""

    direction: Direction
    pivot: str = "en"

    @field_validator("pivot")
    @classmethod
    def _known(cls, value: str) -> str:
        return _code(value)


class Declaration(_Strict):
    """A task's file; docs/adding-a-task.md tells each key. `items` absent: a Python function gives them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    title: Annotated[str, Field(min_length=1)]
    kind: Kind
    items: Origin
    langs: tuple[str, ...] | None = None
    splits: Annotated[tuple[Split, ...], Field(min_length=1)] = ("test",)
    settings: tuple[str, ...] = ()
    instructions: dict[str, Annotated[str, Field(min_length=1)]] = {}
    measures: tuple[str, ...] | None = None
    scorer: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    expects: Literal["refuse", "comply"] | Expects | None = None
    translation: Translation | None = None
    source: str | None = None
    licence: Annotated[str, Field(min_length=1)]

    _path: Path = PrivateAttr(default=Path())

    @field_validator("langs", mode="before")
    @classmethod
    def _langs(cls, value: object) -> object:
        return tuple(_code(code) for code in value) if isinstance(value, list | tuple) else value

    @field_validator("instructions")
    @classmethod
    def _instructions(cls, value: dict[str, str]) -> dict[str, str]:
        for code in value:
            _code(code)
        return value

    @field_validator("settings", mode="before")
    @classmethod
    def _settings(cls, value: object) -> object:
        try:
            return tuple(parse_setting(str(name)).name for name in value) if isinstance(value, list | tuple) else value
        except ConfigError as error:
            raise ValueError(str(error).rstrip(".")) from None

    @field_validator("measures")
    @classmethod
    def _measures(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in MEASURES:
                raise ValueError(f"there is no measure '{name}'; known are {', '.join(MEASURES)}")
        return value

    @model_validator(mode="after")
    def _fits_kind(self) -> Declaration:
        if self.name in _RESERVED:
            raise ValueError(f"the name '{self.name}' is taken by runs themselves")
        if (self.expects is None) == (self.kind == "safety"):
            raise ValueError("'expects' is what a safety task needs, and no other kind has")
        if (self.translation is None) == (self.kind == "translation"):
            raise ValueError("'translation' is what a translation task needs, and no other kind has")
        if self.measures and self.kind not in _DEFAULT_MEASURES:
            raise ValueError(f"'measures' hold a reply against a reference; a {self.kind} task is right or wrong")
        if self.kind != "choice":
            odd = [name for name in self.settings if not name.startswith("generate") or "cot" in name.split("+")]
            if odd:
                raise ValueError(f"setting '{odd[0]}': a {self.kind} task is asked as generate, without cot")
            if self.kind == "translation" and any("translated" in name for name in self.settings):
                raise ValueError("setting 'translated': translating is what the task itself asks for")
        return self

    @property
    def path(self) -> Path:
        """The file that holds the declaration; its own paths are relative to the folder of this file."""
        return self._path


def _code(value: object) -> str:
    try:
        return language(str(value)).code
    except ConfigError as error:
        raise ValueError(str(error).rstrip(".")) from None


@dataclass(frozen=True)
class TaskSet:
    """A task, ready to be asked: its items in a dataset folder, and what decides how they are asked and scored.

    `langs` None: those of the twelve that the dataset has. `instructions` by language, empty for the usual ones.
    `scorer` is "file.py:function". `sha256` covers everything that decides the items, the prompts and the scores.
    `rejected`: source rows that could not be read or were left out; dataset/ledger.parquet names each.
    """

    name: str
    title: str
    kind: Kind
    dataset: Path
    sha256: str
    langs: tuple[str, ...] | None = None
    splits: tuple[Split, ...] = ("test",)
    settings: tuple[str, ...] = ("letter",)
    instructions: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    scorer: str | None = None
    max_tokens: int | None = None
    expects: Literal["refuse", "comply"] | Expects | None = None
    translation: Translation | None = None
    source: str | None = None
    licence: str = "unknown"
    rejected: int = 0


def task_set(ref: str, workspace: Path) -> TaskSet:
    """The task that a reference names, its items made under `workspace` where they are not a dataset folder already.

    What was made is kept under the hash of its inputs and made again only when they change, or when the making was cut
    off. The same inputs give the same bytes.

    Raises:
        ConfigError: there is no such declaration, a key is wrong (file, key and what was expected are told), or what
        it leaves open was not given. DataError: the items cannot be read.
    """
    from afya.bench.tasks.task_items import made_items

    named, told = _split(ref)
    declared = _declaration(named)
    origin = _filled(declared, told, ref)
    made = made_items(declared, origin, workspace)
    scorer = None if declared.scorer is None else _located(declared.scorer, declared.path.parent)
    if scorer is not None:
        check_scorer(scorer)
    content = declared.model_dump(mode="json", exclude={"items", "scorer", "title"})
    decides = {
        "format": FORMAT,
        "declaration": content,
        "items": made.sha256,
        "scorer": None if scorer is None else [scorer.rpartition(":")[2], sha256_path(Path(scorer.rpartition(":")[0]))],
    }
    return TaskSet(
        name=declared.name,
        title=declared.title,
        kind=declared.kind,
        dataset=made.dataset,
        sha256=sha256_text(canonical(decides)),
        langs=declared.langs,
        splits=declared.splits,
        settings=declared.settings or (("letter",) if declared.kind == "choice" else ("generate",)),
        instructions=declared.instructions,
        measures=_DEFAULT_MEASURES.get(declared.kind, ()) if declared.measures is None else declared.measures,
        scorer=scorer,
        max_tokens=declared.max_tokens,
        expects=declared.expects,
        translation=declared.translation,
        source=declared.source,
        licence=declared.licence,
        rejected=made.rejected,
    )


def shipped() -> tuple[Declaration, ...]:
    """The declarations that come with afya, by name."""
    return tuple(_read(path) for path in sorted(_shipped_folder().glob("*.yaml")))


def needs(declared: Declaration) -> str | None:
    """What a declaration leaves open for `NAME=...`, as a person would say it; None where it is complete."""
    if declared.items.source is not None and declared.items.path is None:
        return f"the published files of {declared.items.source}"
    return None


def _split(ref: str) -> tuple[str, str | None]:
    """A reference's name and what follows its first '='; a path that exists may hold one."""
    if Path(ref).exists() or "=" not in ref:
        return ref, None
    name, _, told = ref.partition("=")
    if not name or not told:
        raise ConfigError(f"'{ref}' names no task.", hint="Write NAME, or NAME=FOLDER.")
    return name, told


def _declaration(named: str) -> Declaration:
    path, colon, function = named.rpartition(":")
    if colon and path.endswith(".py"):
        return _beside_function(Path(path), function)
    if Path(named).suffix in (".yaml", ".yml"):
        return _read(Path(named))
    if named.endswith(".py"):
        raise ConfigError(f"'{named}' names a file and no function.", hint=f"Write {named}:FUNCTION.")
    path_of = _shipped_folder() / f"{named}.yaml"
    if not path_of.exists() or Path(named).name != named:
        import difflib

        names = [entry.stem for entry in sorted(_shipped_folder().glob("*.yaml"))]
        near = difflib.get_close_matches(named, names, n=3, cutoff=0.5)
        meant = f"Did you mean {' or '.join(near)}?" if near else f"Shipped are: {', '.join(names)}."
        raise ConfigError(f"There is no task '{named}'.", hint=f"{meant} Or name a .yaml file, or file.py:function.")
    return _read(path_of)


def _read(path: Path) -> Declaration:
    declared = read_model(path, Declaration)
    declared._path = path
    return declared


def _beside_function(path: Path, function: str) -> Declaration:
    """The declaration of a Python function: the module's TASK, where it has one, and what the items themselves tell."""
    from afya.bench.tasks.task_items import entries_of, kind_of
    from afya.bench.user_code import load_module

    module = load_module(path)
    told = getattr(module, "TASK", {})
    where = f"{path}, TASK"
    if not isinstance(told, Mapping):
        raise ConfigError(f"{where}: a mapping of a declaration's keys was expected, not {type(told).__name__}.")
    if "items" in told:
        raise ConfigError(f"{where}: 'items' is the function itself.", hint="Leave the key out.")
    content: dict[str, Any] = {
        "name": function.lower().strip("_").replace("_", "-"),
        "title": f"{path.name}:{function}",
        "licence": "unknown",
        **told,
        "items": {"function": f"{path.name}:{function}"},
    }
    if "kind" not in content:
        content["kind"] = kind_of(entries_of(path, function, str(content["name"]), str(content["licence"])))
    declared = validate(content, Declaration, where)
    declared._path = path
    return declared


def _filled(declared: Declaration, told: str | None, ref: str) -> Origin:
    """Where the items come from, with paths resolved and what the reference told put in."""
    origin = declared.items
    if told is None:
        if needs(declared) is not None:
            raise ConfigError(
                f"The task '{declared.name}' needs {needs(declared)}.",
                hint=f"Write {declared.name}=FOLDER: the files as published, or a dataset folder made of them.",
            )
        changed = {}
        for name in ("dataset", "path", "file"):
            value = getattr(origin, name)
            if value is not None:
                changed[name] = declared.path.parent / value.expanduser()
        if origin.function is not None:
            changed["function"] = _located(origin.function, declared.path.parent)
        return origin.model_copy(update=changed)
    if origin.vignettes is not None:
        if not told.removeprefix("-").isdigit():
            raise ConfigError(f"'{ref}': a seed was expected behind '=', a whole number.", hint=f"{declared.name}=2031")
        return Origin(vignettes=origin.vignettes.model_copy(update={"seed": int(told)}))
    if origin.function is not None:
        raise ConfigError(f"'{ref}': a function leaves nothing open.", hint="Leave '=' and what follows out.")
    path = Path(told).expanduser()
    if (path / "manifest.json").exists() and (path / "data").is_dir():
        return Origin(dataset=path)
    if origin.source is not None:
        return Origin(source=origin.source, path=path)
    if origin.file is not None:
        return Origin(file=path, columns=origin.columns)
    return Origin(dataset=path)


def _located(ref: str, folder: Path) -> str:
    """'file.py:function' with the file's path made absolute."""
    path, colon, function = ref.rpartition(":")
    if not colon or not path.endswith(".py") or not function.isidentifier():
        raise ConfigError(f"'{ref}' names no Python function.", hint="Write file.py:function.")
    return f"{(folder / path).resolve()}:{function}"


def _shipped_folder() -> Path:
    return Path(str(files("afya"))) / "bench" / "tasks" / "task_files"

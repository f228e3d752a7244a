"""What a run asks of whom, decided and checked before anything is asked: its models, task sets, settings and recipe."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from afya.bench.asking.cache import cache_folder
from afya.bench.asking.prompts import TEMPLATE_VERSION, literals_sha
from afya.bench.asking.translate_first import described
from afya.bench.scoring.score import NORMALISATIONS, Normalise
from afya.bench.settings import Formulation, Setting, parse_setting
from afya.bench.tasks.declare import TaskSet, task_set
from afya.bench.tasks.selection import CHOICE_TASKS, Chosen, Selection, choose
from afya.errors import ConfigError, DataError
from afya.models.base import Sampling
from afya.models.cost import Price
from afya.models.load import ENGINES, engine_options, identify, parse_spec, price_of, scored_by, shaping_options
from afya.runs import folder_name, read_json, sha256_path

if TYPE_CHECKING:
    from afya.models.base import ModelIdentity

PART_ROWS = 500
PLAIN = "data"
"""The name of the items that come from dataset folders without a declaration."""

_PIVOT = "en"
_TRANSLATOR = "translator"
_LABELLED = re.compile(r"(?P<label>[^=:/\s]+)=(?P<spec>\w+:.+)", re.DOTALL)


@dataclass(frozen=True)
class Request:
    """What a user asks of a benchmark run.

    Attributes:
        models: specs such as "hf:FOLDER" or "openai:NAME", each optionally named: "before=hf:FOLDER".
        datasets: dataset folders whose choice items are asked.
        task_refs: declared tasks: YAML files, "file.py:function", or names of shipped ones; see `declare.task_set`.
        langs: language codes; None takes those of the twelve that the datasets have.
        settings: names of settings (see settings.py); None takes "letter" for datasets, and each declared task's own.
            A model whose engine cannot score options is asked to generate, one that compares whole texts by cloze.
        limit: items per language and task, the same groups in every language.
        sampling: how replies are drawn when generating; greedy when None.
        max_tokens: the longest reply; None: as the setting needs (256, or 1,024 where the model reasons first).
        rotations: in how many orders of its options each choice item is asked (1: its own only).
        translator: the translator of the setting "translated", such as "ct2:FOLDER".
        options: settings of the engines (dtype, device, batch_tokens, base_url ...); each takes those it knows. A key
            "NAME.base_url" is meant for the model of that name alone, "translator.beam" for the translator.
        part_rows: items in a part, the unit that a killed run repeats at most.
    """

    models: tuple[str, ...]
    datasets: tuple[Path, ...] = ()
    task_refs: tuple[str, ...] = ()
    langs: tuple[str, ...] | None = None
    tasks: tuple[str, ...] = CHOICE_TASKS
    splits: tuple[str, ...] = ("test",)
    settings: tuple[str, ...] | None = None
    limit: int | None = None
    seed: int = 0
    sampling: Sampling | None = None
    normalise: Normalise = "none"
    max_tokens: int | None = None
    rotations: int = 1
    translator: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    part_rows: int = PART_ROWS

    @property
    def translator_options(self) -> dict[str, object]:
        """Those of the options that are meant for the translator."""
        mark = f"{_TRANSLATOR}."
        return {key.removeprefix(mark): value for key, value in self.options.items() if key.startswith(mark)}

    @classmethod
    def of(cls, models: str | Sequence[str], datasets: Sequence[Path] = (), **asking: Unpack[Asking]) -> Request:
        """A request with lists, or one name, in place of tuples."""
        told: dict[str, Any] = dict(asking)
        for name in ("task_refs", "langs", "tasks", "splits", "settings"):
            value = told.get(name)
            if value is not None:
                told[name] = (value,) if isinstance(value, str) else tuple(value)
        told["options"] = dict(told.get("options") or {})
        named = (models,) if isinstance(models, str) else tuple(models)
        return cls(named, tuple(Path(path) for path in datasets), **told)


class Asking(TypedDict, total=False):
    """What a request may name beside models and datasets; see `Request`."""

    task_refs: Sequence[str]
    langs: Sequence[str] | None
    tasks: Sequence[str]
    splits: Sequence[str]
    settings: str | Sequence[str] | None
    limit: int | None
    seed: int
    sampling: Sampling | None
    normalise: Normalise
    max_tokens: int | None
    rotations: int
    translator: str | None
    options: Mapping[str, object] | None
    part_rows: int


@dataclass(frozen=True)
class Asked:
    """One model of a run: its name there, how to load it, what decides its replies, and what they cost.

    `scores`: what it can score, as `Engine.scores`.
    """

    name: str
    spec: str
    identity: ModelIdentity
    options: dict[str, object]
    scores: str
    price: Price | None

    @property
    def engine(self) -> str:
        """The kind of engine that runs it."""
        return self.identity.engine

    @property
    def slug(self) -> str:
        """The name of its folder among the parts."""
        return folder_name(self.name, self.identity.sha256)

    def described(self) -> dict[str, object]:
        """What decides the replies: not where the model lies (the hash says which it is), nor what it costs."""
        options = shaping_options(self.spec, self.options)
        return {"name": self.name, "engine": self.engine, "sha256": self.identity.sha256, "options": options}

    def can(self, setting: Setting) -> Setting:
        """The setting in which it is asked where this one is wanted."""
        formulation: Formulation = setting.formulation
        if self.scores == "nothing":
            formulation = "generate"
        elif self.scores == "texts":
            formulation = "cloze"
        return setting.asked_as(formulation)


@dataclass(frozen=True)
class ItemSet:
    """Items that are asked about in the same settings. `task` None: plain choice items of dataset folders."""

    name: str
    task: TaskSet | None
    chosen: Chosen
    settings: tuple[Setting, ...]
    datasets: tuple[Path, ...]

    @property
    def kind(self) -> str:
        """choice, written, translation or safety."""
        return "choice" if self.task is None else self.task.kind


@dataclass(frozen=True)
class Plan:
    """A checked run. `langs` are those of all its items."""

    request: Request
    asked: tuple[Asked, ...]
    sets: tuple[ItemSet, ...]
    langs: tuple[str, ...]
    sampling: Sampling
    recipe: dict[str, object]

    def wanted(self, model: Asked) -> list[tuple[ItemSet, Setting]]:
        """What a model is asked: each set in each setting it can be asked in, once."""
        pairs = [(group, model.can(setting)) for group in self.sets for setting in group.settings]
        # Replies made elsewhere were made in some setting that nobody knows; they are looked up once.
        if model.engine == "replies":
            pairs = [(group, Setting("generate")) for group, _ in pairs]
        if model.scores == "texts":
            pairs = [pair for pair in pairs if pair[0].kind == "choice"]
        return list({(group.name, setting): (group, setting) for group, setting in pairs}.values())

    def questions(self) -> list[tuple[ItemSet, Setting]]:
        """All sets in all settings that some model is asked in, in order."""
        found = {(group.name, pair): (group, pair) for model in self.asked for group, pair in self.wanted(model)}
        return list(found.values())


def plan(request: Request) -> Plan:
    """Check a request and decide what is asked. Reads datasets and hashes models; asks nothing.

    Raises ConfigError, DataError or EngineError as `run.ask` does.
    """
    if request.normalise not in NORMALISATIONS:
        raise ConfigError(
            f"There is no normalisation '{request.normalise}'.", hint=f"Known: {', '.join(NORMALISATIONS)}."
        )
    if not 1 <= request.rotations <= 10:
        raise ConfigError(f"{request.rotations} orders of options cannot be asked.", hint="Give 1 to 10.")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise ConfigError(f"A reply of at most {request.max_tokens} tokens says nothing.", hint="Give 1 or more.")
    if request.sampling is not None and not 0 <= request.sampling.temperature <= 10:
        raise ConfigError(
            f"A temperature of {request.sampling.temperature:g} draws nothing.", hint="Give 0 (greedy) to 10."
        )
    named = None if request.settings is None else tuple(parse_setting(name) for name in request.settings)
    asked = _models(request.models, request.options)
    sets = _sets(request, named)
    settings = [setting for group in sets for setting in group.settings]
    translated = any(setting.translated for setting in settings)
    if translated and request.translator is None:
        raise ConfigError(
            "The setting 'translated' needs a translator.", hint="Name one with --translator, such as ct2:FOLDER."
        )
    langs = tuple(dict.fromkeys(code for group in sets for code in group.chosen.langs))
    english = translated or any(setting.english for setting in settings)
    sampling = request.sampling or Sampling()
    recipe: dict[str, object] = {
        "models": [model.described() for model in asked],
        "sets": [_described(group) for group in sets],
        "langs": list(langs),
        "splits": list(request.splits),
        "limit": request.limit,
        "sampling": {**asdict(sampling), "stop": list(sampling.stop)},
        "max_tokens": request.max_tokens,
        "normalise": request.normalise,
        "rotations": request.rotations,
        "translator": described(request.translator, request.translator_options)
        if translated and request.translator
        else None,
        "template": TEMPLATE_VERSION,
        "literals": _literals([*langs, _PIVOT] if english else langs),
        "part_rows": request.part_rows,
    }
    return Plan(request, tuple(asked), tuple(sets), langs, sampling, recipe)


def _described(group: ItemSet) -> dict[str, object]:
    told: dict[str, object] = {"name": group.name, "settings": [setting.name for setting in group.settings]}
    if group.task is not None:
        told["task"] = group.task.sha256
    return {
        **told,
        "datasets": [{"name": path.name, "sha256": sha256_path(path / "manifest.json")} for path in group.datasets],
    }


def _sets(request: Request, named: Sequence[Setting] | None) -> list[ItemSet]:
    """The item sets of a request. `named`: the settings that the user asked for; None: each set's own.

    Of several sets, each is asked in those of the wanted languages that it has; one that none has is an error.
    """
    tasks = [task_set(ref, cache_folder() / "tasks") for ref in request.task_refs]
    plain = request.datasets if request.datasets or not tasks else ()
    have = {code for task in tasks for code in dataset_langs([task.dataset])} | set(dataset_langs(plain))
    missing = [code for code in request.langs or () if code not in have]
    if tasks and missing:
        raise DataError(
            f"No task or dataset has anything in: {', '.join(missing)}.",
            hint=f"They have: {', '.join(sorted(have))}.",
        )
    sets = []
    for task in tasks:
        settings = named if named is not None else [parse_setting(name) for name in task.settings]
        langs = _shared(request.langs, dataset_langs([task.dataset])) if request.langs is not None else task.langs
        if langs == ():
            continue
        selection = Selection(
            (task.dataset,), langs, (), task.splits, limit=request.limit, seed=request.seed, kind=task.kind
        )
        asked = dict.fromkeys(setting.for_kind(task.kind) for setting in settings)
        sets.append(ItemSet(task.name, task, choose(selection), tuple(asked), (task.dataset,)))
    langs = _shared(request.langs, dataset_langs(plain)) if tasks and request.langs is not None else request.langs
    if (plain and langs != ()) or not tasks:
        selection = Selection(plain, langs, request.tasks, request.splits, request.limit, request.seed)
        asked = dict.fromkeys(named if named is not None else [Setting("letter")])
        sets.append(ItemSet(PLAIN, None, choose(selection), tuple(asked), plain))
    names = [group.name for group in sets]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(
            f"Two tasks are called {', '.join(doubled)}.", hint="Give each declaration a name of its own."
        )
    return sets


def dataset_langs(datasets: Sequence[Path]) -> list[str]:
    """The languages that dataset folders have."""
    manifests = [path / "manifest.json" for path in datasets]
    return [code for file in manifests if file.exists() for code in read_json(file)["rows"]]


def _shared(wanted: Sequence[str], have: Sequence[str]) -> tuple[str, ...]:
    return tuple(code for code in wanted if code in have)


def _models(specs: Sequence[str], options: Mapping[str, object]) -> list[Asked]:
    """The models of a run. An option "NAME.key" goes to the model of that name alone."""
    if not specs:
        raise ConfigError("No model was given.", hint="Name one with --model hf:FOLDER or --model openai:NAME.")
    asked, used = [], {key for key in options if key.startswith(f"{_TRANSLATOR}.")}
    for given in specs:
        labelled = _LABELLED.fullmatch(given)
        spec = labelled["spec"] if labelled else given
        engine, bare = parse_spec(spec)
        label = labelled["label"] if labelled else bare
        own = {key.removeprefix(f"{label}."): value for key, value in options.items() if key.startswith(f"{label}.")}
        known = ENGINES[engine]().option_names()
        told = engine_options(spec, {**options, **own})
        used |= {key for key in options if key in known}
        used |= {f"{label}.{key}" for key in own if key in known}
        identity = identify(spec, **told)
        name = labelled["label"] if labelled else identity.name
        asked.append(Asked(name, spec, identity, told, scored_by(spec), price_of(spec, **told)))
    unknown = sorted(key for key, value in options.items() if value is not None and key not in used)
    if unknown:
        raise ConfigError(
            f"No engine of this run has the option(s) {', '.join(unknown)}.",
            hint=_nearest_option(unknown[0], [(model.name, model.engine) for model in asked]),
        )
    names = [model.name for model in asked]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(
            f"Two models are called {', '.join(doubled)}.",
            hint="Give each a name of its own: --model before=hf:FOLDER --model after=hf:FOLDER",
        )
    return asked


def _nearest_option(told: str, models: Sequence[tuple[str, str]]) -> str:
    """What an option that nobody has was perhaps meant to be, with or without a model's name before it."""
    keys = {key for _, engine in models for key in ENGINES[engine]().option_names()}
    known = [*keys, *(f"{name}.{key}" for name, engine in models for key in ENGINES[engine]().option_names())]
    near = difflib.get_close_matches(told, sorted(known), n=3, cutoff=0.7)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return "An option for one model is written NAME.KEY=VALUE, with the name that --model NAME=... gives it."


def _literals(langs: Sequence[str]) -> dict[str, str]:
    """The hash of each language's fixed texts. Raises one ConfigError for all languages that lack some."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for lang in langs:
        try:
            found[lang] = literals_sha(lang)
        except ConfigError as error:
            faults.append(error.message)
    if faults:
        raise ConfigError(
            " ".join(faults), hint="Translate the missing texts from the English files, or choose with --langs."
        )
    return found

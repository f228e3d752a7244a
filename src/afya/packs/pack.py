"""A pack: what belongs to a language and its people, read from one folder, or from a regional one over its base.

Read at once: the texts and the phrases without which nothing can be said or understood. The rest (glossary, spellings,
units, culture, passages ...) is read when it is first asked for; `Pack.read_all` reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from afya.datafiles import validate
from afya.errors import ConfigError
from afya.languages import language
from afya.packs.contents import filled, flatten, messages, phrases, read_tests, strings, wordings
from afya.packs.places import roots
from afya.packs.reading import layered, mapping

if TYPE_CHECKING:
    from pydantic import BaseModel

    from afya.packs.passages import PackPassage
    from afya.packs.schema import Culture, LocalMedicine, PackHeader, PackTest, Referral, Spellings, Term, Unit
    from afya.text.groups import Group

    Model = TypeVar("Model", bound=BaseModel)

FILES: tuple[str, ...] = ("pack.yaml", "messages.yaml", "danger.yaml", "topics.yaml", "vignettes.yaml")
# A pack may do without these; what needs them says so.
TEACHING = "teaching.yaml"
OPTIONAL: tuple[str, ...] = (
    TEACHING,
    "spellings.yaml",
    "glossary.yaml",
    "units.yaml",
    "referral.yaml",
    "culture.yaml",
    "formulary.yaml",
    "harm.yaml",
    "privacy.yaml",
    "tests.jsonl",
)
# Which concepts of danger.yaml count together. A pack without it has those of the English one.
GROUPS = "danger_groups.yaml"
# The protocol whose texts stand in messages.yaml itself.
CHILD = "child_2_59_months"

TOPIC_GROUPS: tuple[str, ...] = ("sections", "units", "numbers", "signs", "values", "requests", "protocols", "people")


@dataclass(frozen=True, slots=True)
class Topics:
    """The words that route a question and carry its facts: key -> phrases as people write them."""

    sections: Mapping[str, tuple[str, ...]]
    units: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, tuple[str, ...]]
    signs: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[str, ...]]
    requests: Mapping[str, tuple[str, ...]]
    protocols: Mapping[str, tuple[str, ...]]
    people: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Pack:
    """One language's pack, or a region's.

    `messages` holds one text a key ("action.plan_a"), `sentences` the practice-case templates, one or more wordings a
    key ("lead.cough"), `teaching` those of talks and exercises, `danger` the phrases of each danger sign, `concepts`
    the words that tell one only together (`groups`), `look_alikes` sentences that tell none. Nothing falls
    back to English: a missing text is an error, because a health worker would not notice that it is missing.
    `folders`: the pack's own folder first, then that of the base it is laid over. `view`: the protocol whose texts are
    laid over the messages (`for_protocol`).
    """

    lang: str
    name: str
    endonym: str
    region: str | None
    base: str | None
    origin: str
    reviewed: bool
    reviewers: tuple[str, ...]
    script: str
    direction: str
    digits: str | None
    decimal_mark: str
    tone_marks: bool
    engines: Mapping[str, str]
    folder: Path
    folders: tuple[Path, ...]
    messages: Mapping[str, str]
    sentences: Mapping[str, tuple[str, ...]]
    teaching: Mapping[str, tuple[str, ...]]
    danger: Mapping[str, tuple[str, ...]]
    topics: Topics
    concepts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    look_alikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    view: str | None = None

    @property
    def code(self) -> str:
        """The language's code in the registry, without a region."""
        return self.lang.partition("-")[0]

    def text(self, key: str, /, **values: object) -> str:
        """The message `key` with its placeholders filled. Raises ConfigError when the text or a value is missing."""
        template = self.messages.get(key)
        if template is None:
            raise self._missing("messages.yaml", key)
        return self._fill(template, "messages.yaml", key, values)

    def sentence(self, key: str, variant: int, /, **values: object) -> str:
        """A wording of the practice-case sentence `key`; `variant` counts round the wordings there are."""
        return self._variant(self.sentences, "vignettes.yaml", key, variant, values)

    def teach(self, key: str, variant: int = 0, /, **values: object) -> str:
        """A wording of the teaching text `key`, as `sentence` gives those of practice cases."""
        return self._variant(self.teaching, TEACHING, key, variant, values)

    @cached_property
    def spellings(self) -> Spellings:
        """Misspellings, code-mixed and misheard forms. Empty where the pack has no such file."""
        from afya.packs.schema import Spellings

        return self._part("spellings.yaml", Spellings)

    @cached_property
    def glossary(self) -> tuple[Term, ...]:
        """The medical terms, in the file's order; of the English pack `here` is `en`."""
        from afya.packs.schema import GlossaryFile

        terms = self._part("glossary.yaml", GlossaryFile).terms or ()
        if self.code == "en":
            return tuple(term if term.here else term.model_copy(update={"here": term.en}) for term in terms)
        return terms

    @cached_property
    def groups(self) -> Mapping[str, tuple[Group, ...]]:
        """The concepts that tell a danger sign together, by rule: the pack's own, else those of the English pack.

        They name concepts only, so that a language needs no more than words for these. Raises ConfigError when
        danger_groups.yaml is faulty.
        """
        from afya.packs.schema import DangerGroups

        if not self.concepts:
            return MappingProxyType({})
        own = self._part(GROUPS, DangerGroups).groups if self.has(GROUPS) else {}
        listed = {rule: tuple(row.group(rule) for row in rows) for rule, rows in own.items()}
        reference = {} if self.code == "en" else load_pack("en").groups
        return MappingProxyType({**reference, **listed})

    def danger_words(self) -> Iterator[str]:
        """Every phrase of the danger signs, and of the concepts that tell them together."""
        for lists in (self.danger, self.concepts):
            for listed in lists.values():
                yield from listed

    @cached_property
    def units(self) -> Mapping[str, Unit]:
        """Local measures by key."""
        from pydantic import RootModel

        from afya.packs.schema import Unit

        return MappingProxyType(self._part("units.yaml", RootModel[dict[str, Unit]]).root)

    @cached_property
    def referral(self) -> Referral:
        """Levels of care and emergency numbers."""
        from afya.packs.schema import Referral

        return self._part("referral.yaml", Referral)

    @cached_property
    def culture(self) -> Culture:
        """Local names of illnesses, taboos, euphemisms, foods."""
        from afya.packs.schema import Culture

        return self._part("culture.yaml", Culture)

    @cached_property
    def formulary(self) -> Mapping[str, LocalMedicine]:
        """What medicines are called here, by their key in the formulary."""
        from afya.packs.schema import LocalFormulary

        return MappingProxyType(dict(self._part("formulary.yaml", LocalFormulary).medicines))

    @cached_property
    def harm(self) -> Mapping[str, tuple[str, ...]]:
        """Phrases by which harmful requests are known: key ("group.concept") -> phrases."""
        path = self._place("harm.yaml")
        listed = flatten(layered(self.folders, "harm.yaml"))
        return MappingProxyType(
            {
                key: phrases
                for key, value in listed
                if isinstance(value, list) and (phrases := strings(value, path, key))
            }
        )

    @cached_property
    def kb(self) -> tuple[Path, ...]:
        """The files of kb/, by name; a regional file stands for the base's of the same name."""
        return tuple(path for _, path in sorted(self._files("kb", "*.md").items()))

    @cached_property
    def passages(self) -> tuple[PackPassage, ...]:
        """The passages of kb/, read."""
        from afya.packs.passages import read_passage

        return tuple(read_passage(path) for path in self.kb)

    @cached_property
    def tests(self) -> tuple[PackTest, ...]:
        """The lines of tests.jsonl whose text is filled; a regional line stands for the base's of the same id."""
        found: dict[str, PackTest] = {}
        for folder in reversed(self.folders):
            if (folder / "tests.jsonl").is_file():
                found.update(read_tests(folder / "tests.jsonl"))
        return tuple(found.values())

    @cached_property
    def protocol_texts(self) -> Mapping[str, Mapping[str, str]]:
        """The texts of each file of protocols/, by the protocol's name."""
        names = sorted(self._files("protocols", "*.yaml"))
        return MappingProxyType(
            {
                name: MappingProxyType(
                    messages(layered(self.folders, f"protocols/{name}.yaml"), self._place(f"protocols/{name}.yaml"))
                )
                for name in names
            }
        )

    @cached_property
    def protocols(self) -> tuple[str, ...]:
        """The protocols this pack can tell: the child's, and those whose file has every text of the English one."""
        reference = self if self.code == "en" and self.base is None else load_pack("en")
        told = [
            name
            for name, texts in self.protocol_texts.items()
            if name != CHILD and set(reference.protocol_texts.get(name, texts)) <= set(texts)
        ]
        return (CHILD, *told)

    def for_protocol(self, name: str) -> Pack:
        """This pack as the protocol `name` reads it: that protocol's texts laid over the messages.

        Raises ConfigError when the pack has no file for it. A view holds the texts there are; one that is missing is
        an error when it is asked for.
        """
        if name == CHILD and name not in self.protocol_texts:
            return self
        if name not in self._views:
            if name not in self.protocol_texts:
                raise ConfigError(
                    f"{self.folder / 'protocols' / name}.yaml: there is no such file.",
                    hint=f"Translate it from the English pack. Protocols there are: {', '.join(self.protocols)}.",
                )
            texts = MappingProxyType({**self.messages, **self.protocol_texts[name]})
            self._views[name] = replace(self, messages=texts, view=name)
        return self._views[name]

    @cached_property
    def _views(self) -> dict[str, Pack]:
        return {}

    def read_all(self) -> None:
        """Read every file, so that a fault in any is told now. Raises ConfigError naming the first."""
        for name in PARTS:
            getattr(self, name)

    def has(self, file: str) -> bool:
        """Whether the pack or its base has this file."""
        return any((folder / file).is_file() for folder in self.folders)

    def _part(self, file: str, model: type[Model]) -> Model:
        content = filled(layered(self.folders, file))
        return validate(content, model, str(self._place(file)))

    def _place(self, file: str) -> Path:
        """The file that a person must mend: the pack's own where it has one."""
        return next((folder / file for folder in self.folders if (folder / file).is_file()), self.folder / file)

    def _files(self, folder: str, pattern: str) -> dict[str, Path]:
        return {path.stem: path for place in reversed(self.folders) for path in (place / folder).glob(pattern)}

    def _variant(
        self,
        texts: Mapping[str, tuple[str, ...]],
        file: str,
        key: str,
        variant: int,
        values: Mapping[str, object],
    ) -> str:
        variants = texts.get(key)
        if variants is None:
            raise self._missing(file, key)
        return self._fill(variants[variant % len(variants)], file, key, values)

    def _missing(self, file: str, key: str) -> ConfigError:
        return ConfigError(
            f"{self.folder / file}: the text '{key}' is missing.",
            hint=f"Add it; the English pack has it. 'afya pack lint {self.lang}' lists all that is missing.",
        )

    def _fill(self, template: str, file: str, key: str, values: Mapping[str, object]) -> str:
        if "{" not in template:
            return template
        try:
            return template.format_map(values)
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(f"{self.folder / file}: '{key}' asks for {error}, which is not given here.") from None


# What is read only when asked for.
PARTS: tuple[str, ...] = (
    "spellings",
    "glossary",
    "units",
    "referral",
    "culture",
    "formulary",
    "harm",
    "passages",
    "tests",
    "protocol_texts",
)


def load_pack(lang: str, root: Path | None = None) -> Pack:
    """The pack of a language or region, validated. Raises ConfigError naming the file and the key that is wrong.

    `root`: a folder of packs that stand before those that come with afya; default $AFYA_PACKS.
    """
    return _load(lang, roots(root))


@cache
def _load(lang: str, places: tuple[Path, ...]) -> Pack:
    folder = _folder(lang, places)
    header = _header(folder)
    folders: tuple[Path, ...] = (folder,)
    if header.base is not None:
        if header.base == header.code or header.base != header.code.partition("-")[0]:
            raise ConfigError(
                f"{folder / 'pack.yaml'}: base is '{header.base}'; the base of '{header.code}' can only be "
                f"'{header.code.partition('-')[0]}'."
            )
        below = _folder(header.base, places)
        if _header(below).base is not None:
            raise ConfigError(f"{below / 'pack.yaml'}: this pack is the base of another and cannot have a base itself.")
        folders = (folder, below)
    missing = [name for name in FILES if not any((place / name).is_file() for place in folders)]
    if missing:
        raise ConfigError(f"{folder}: the pack has no {', '.join(missing)}.", hint="Copy it from the English pack.")
    for place in folders:
        _supply(header.code.partition("-")[0], place)
    return _read(header, folders)


def _folder(lang: str, places: tuple[Path, ...]) -> Path:
    for place in places:
        if (place / lang / "pack.yaml").is_file():
            return place / lang
    language(lang.partition("-")[0])
    known = sorted({path.parent.name for place in places for path in place.glob("*/pack.yaml")})
    raise ConfigError(
        f"There is no pack for '{lang}' in {' or '.join(map(str, places))}.",
        hint=f"Packs there are: {', '.join(known) or 'none'}. 'afya pack new {lang}' begins one.",
    )


def _header(folder: Path) -> PackHeader:
    from afya.packs.schema import PackHeader

    path = folder / "pack.yaml"
    header = validate(mapping(path), PackHeader, str(path))
    if header.code != folder.name:
        raise ConfigError(f"{path}: code is '{header.code}', but the folder is '{folder.name}'.")
    language(header.code.partition("-")[0])
    return header


def _supply(code: str, folder: Path) -> None:
    """Let the text room know what the pack brings of its language, where afya itself has no such file."""
    from afya.text.literals import supply

    for path in sorted((folder / "text").glob("*.yaml")):
        supply(path.stem, code, path)


def _read(header: PackHeader, folders: tuple[Path, ...]) -> Pack:
    known = language(header.code.partition("-")[0])
    folder = folders[0]

    def place(name: str) -> Path:
        return next(where / name for where in folders if (where / name).is_file())

    danger = layered(folders, "danger.yaml")
    topics = layered(folders, "topics.yaml")
    unknown = sorted(set(topics) - set(TOPIC_GROUPS))
    if unknown:
        raise ConfigError(f"{place('topics.yaml')}: unknown key '{unknown[0]}'.", hint=f"Known: {TOPIC_GROUPS}.")
    groups = {
        name: phrases(topics.get(name, {} if name in ("protocols", "people") else None), place("topics.yaml"), name)
        for name in TOPIC_GROUPS
    }
    has_teaching = any((where / TEACHING).is_file() for where in folders)
    return Pack(
        lang=header.code,
        name=header.name,
        endonym=header.endonym,
        region=header.region,
        base=header.base,
        origin=header.origin,
        reviewed=header.reviewed,
        reviewers=tuple(header.reviewers),
        script=header.script or known.script,
        direction=header.direction or known.direction,
        digits=header.digits or known.digits,
        decimal_mark=header.decimal_mark,
        tone_marks=header.tone_marks,
        engines=MappingProxyType(dict(header.engines)),
        folder=folder,
        folders=folders,
        messages=MappingProxyType(messages(layered(folders, "messages.yaml"), place("messages.yaml"))),
        sentences=wordings(layered(folders, "vignettes.yaml"), place("vignettes.yaml")),
        teaching=wordings(layered(folders, TEACHING), place(TEACHING)) if has_teaching else MappingProxyType({}),
        danger=phrases(danger.get("rules"), place("danger.yaml"), "rules"),
        concepts=phrases(danger.get("concepts") or {}, place("danger.yaml"), "concepts"),
        look_alikes=phrases(danger.get("look_alikes") or {}, place("danger.yaml"), "look_alikes"),
        topics=Topics(**groups),
    )

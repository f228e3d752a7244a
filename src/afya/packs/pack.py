"""A pack: what belongs to a language and its people (texts, danger phrases, topic words), read from one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.languages import language

FILES: tuple[str, ...] = ("pack.yaml", "messages.yaml", "danger.yaml", "topics.yaml", "vignettes.yaml")
# A pack may do without: the assistant needs it not, teaching material does.
TEACHING = "teaching.yaml"

TOPIC_GROUPS: tuple[str, ...] = ("sections", "units", "numbers", "signs", "values", "requests")


@dataclass(frozen=True, slots=True)
class Topics:
    """The words that route a question and carry its facts: key -> phrases as people write them."""

    sections: Mapping[str, tuple[str, ...]]
    units: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, tuple[str, ...]]
    signs: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[str, ...]]
    requests: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Pack:
    """One language's pack.

    `messages` holds one text a key ("action.plan_a"), `sentences` the practice-case templates, one or more wordings a
    key ("lead.cough"), `teaching` those of talks and exercises, `danger` the phrases of each danger sign. Nothing falls
    back to English: a missing text is an error, because a health worker would not notice that it is missing.
    """

    lang: str
    name: str
    endonym: str
    region: str | None
    origin: str
    reviewed: bool
    reviewers: tuple[str, ...]
    folder: Path
    messages: Mapping[str, str]
    sentences: Mapping[str, tuple[str, ...]]
    teaching: Mapping[str, tuple[str, ...]]
    danger: Mapping[str, tuple[str, ...]]
    topics: Topics

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


def builtin_folder() -> Path:
    """The folder of the packs that come with afya."""
    return Path(str(files("afya.packs")))


def available(root: Path | None = None) -> tuple[str, ...]:
    """The languages that have a pack under `root` (default: the packs that come with afya), sorted."""
    base = root or builtin_folder()
    return tuple(sorted(path.parent.name for path in base.glob("*/pack.yaml")))


@cache
def load_pack(lang: str, root: Path | None = None) -> Pack:
    """The pack of a language, validated. Raises ConfigError naming the file and the key that is wrong."""
    folder = (root or builtin_folder()) / lang
    if not (folder / "pack.yaml").is_file():
        language(lang.partition("-")[0])
        raise ConfigError(
            f"There is no pack for '{lang}' in {folder.parent}.",
            hint=f"Packs there are: {', '.join(available(root)) or 'none'}.",
        )
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigError(f"{folder}: the pack has no {', '.join(missing)}.", hint="Copy it from the English pack.")
    return _read(folder)


def _read(folder: Path) -> Pack:
    from afya.packs.schema import PackHeader

    header = validate(read_yaml(folder / "pack.yaml"), PackHeader, str(folder / "pack.yaml"))
    if header.code != folder.name:
        raise ConfigError(f"{folder / 'pack.yaml'}: code is '{header.code}', but the folder is '{folder.name}'.")
    language(header.code.partition("-")[0])
    danger = _phrases(_mapping(folder / "danger.yaml").get("rules"), folder / "danger.yaml", "rules")
    topics = _mapping(folder / "topics.yaml")
    unknown = sorted(set(topics) - set(TOPIC_GROUPS))
    if unknown:
        raise ConfigError(f"{folder / 'topics.yaml'}: unknown key '{unknown[0]}'.", hint=f"Known: {TOPIC_GROUPS}.")
    groups = {name: _phrases(topics.get(name), folder / "topics.yaml", name) for name in TOPIC_GROUPS}
    return Pack(
        lang=header.code,
        name=header.name,
        endonym=header.endonym,
        region=header.region,
        origin=header.origin,
        reviewed=header.reviewed,
        reviewers=tuple(header.reviewers),
        folder=folder,
        messages=MappingProxyType(_messages(folder / "messages.yaml")),
        sentences=_wordings(folder / "vignettes.yaml"),
        teaching=_wordings(folder / TEACHING) if (folder / TEACHING).is_file() else MappingProxyType({}),
        danger=danger,
        topics=Topics(**groups),
    )


def _mapping(path: Path) -> Mapping[str, object]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected keys with texts, found {type(content).__name__}.")
    for key in content:
        if not isinstance(key, str):
            raise ConfigError(f"{path}: the key {key!r} is not a word.", hint='Put it in "quotes".')
    return content


def _wordings(path: Path) -> Mapping[str, tuple[str, ...]]:
    """One or more wordings of each text."""
    return MappingProxyType(
        {
            key: (value,) if isinstance(value, str) else _strings(value, path, key)
            for key, value in _flatten(_mapping(path))
        }
    )


def _messages(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in _flatten(_mapping(path)):
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{path}: '{key}' must be one text, found {value!r}.", hint='Put it in "quotes".')
        texts[key] = value.strip()
    return texts


def _flatten(content: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten({str(inner): entry for inner, entry in value.items()}, f"{name}.")
        else:
            yield name, value


def _phrases(content: object, path: Path, group: str) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: '{group}' must hold keys with lists of phrases.")
    return MappingProxyType({str(key): _strings(value, path, f"{group}.{key}") for key, value in content.items()})


def _strings(value: object, path: Path, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{path}: '{key}' must be a list of texts.")
    for entry in value:
        if not isinstance(entry, str) or not entry.strip():
            raise ConfigError(f"{path}: '{key}' holds {entry!r}, which is not a text.", hint='Put it in "quotes".')
    return tuple(entry.strip() for entry in value)

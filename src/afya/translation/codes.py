"""Language codes of other schemes: afya's own into an engine's and back, by one table (codes.yaml).

Most codes follow from the language registry; the table holds what does not.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

from pydantic import BaseModel, ConfigDict, RootModel

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import Language, language, registry

Field = Literal["code", "flores", "iso639_3"]


class Scheme(BaseModel):
    """One scheme of codes; codes.yaml says what each key means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: Field
    source: str
    letters: int | None
    also: tuple[Field, ...]
    spellings: Mapping[str, tuple[str, ...]]

    def of(self, entry: Language) -> tuple[str, ...]:
        """The codes of a language in this scheme, the first of them the one to tell an engine."""
        own = self.spellings.get(entry.code)
        if own == ():
            return ()
        told = [*(own or (getattr(entry, self.base),)), *(getattr(entry, name) for name in self.also)]
        return tuple(dict.fromkeys(code for code in told if self.letters in (None, len(code))))


class _Table(RootModel[dict[str, Scheme]]):
    model_config = ConfigDict(frozen=True)


@cache
def schemes() -> Mapping[str, Scheme]:
    """Every scheme by its name. Raises ConfigError when codes.yaml names a language that the registry does not have."""
    with as_file(files("afya.translation") / "codes.yaml") as path:
        found = read_model(path, _Table).root
        for name, entry in found.items():
            unknown = [code for code in entry.spellings if code not in registry()]
            if unknown:
                raise ConfigError(f"{path}: {name} names '{unknown[0]}', which is not in the language registry.")
    return found


def spellings(code: str, scheme: str) -> tuple[str, ...]:
    """Every way in which a scheme may write a language, likeliest first; empty where the scheme has no code for it.

    Raises:
        ConfigError: the language or the scheme is not known; the nearest known one is named.
    """
    return _scheme(scheme).of(language(code))


def to_engine(code: str, scheme: str) -> str:
    """The code to tell an engine.

    >>> to_engine("sw", "flores200")
    'swh_Latn'

    Raises:
        ConfigError: the language or scheme is not known, or the scheme has no code for the language.
    """
    found = spellings(code, scheme)
    if not found:
        entry = language(code)
        raise ConfigError(f"The scheme {scheme} has no code for {entry.name} ({code}).")
    return found[0]


def from_engine(told: str, scheme: str) -> str | None:
    """Our code for an engine's, None where it is no language of the registry.

    >>> from_engine("cmn_Hans", "opus")
    'zh'

    Raises:
        ConfigError: the scheme is not known.
    """
    _scheme(scheme)
    return _back(scheme).get(told)


def unsupported(name: str, source: str, target: str, pairs: Iterable[tuple[str, str]]) -> ConfigError:
    """The error of an engine `name` that does not have the pair; its hint lists, shortly, what it has."""
    known = sorted(pairs)
    told = f"{name} does not translate {_named(source)} to {_named(target)}."
    if source == target:
        return ConfigError(told, hint="Name two different languages.")
    if not known:
        return ConfigError(told, hint="It has no pair of languages at all.")
    sources, targets = sorted({one for one, _ in known}), sorted({two for _, two in known})
    if len(known) <= 12:
        return ConfigError(told, hint=f"It has: {', '.join(f'{one}-{two}' for one, two in known)}.")
    if sources == targets and len(known) == len(sources) * (len(sources) - 1):
        return ConfigError(told, hint=f"It translates between any two of: {', '.join(sources)}.")
    own = [two for one, two in known if one == source]
    into = [one for one, two in known if two == target]
    hints = [f"From {source} it has: {', '.join(own)}." if own else f"It translates from: {', '.join(sources)}."]
    hints.append(f"Into {target} it has: {', '.join(into)}." if into else f"It translates into: {', '.join(targets)}.")
    return ConfigError(told, hint=" ".join(hints))


def _named(code: str) -> str:
    entry = registry().get(code)
    return f"{entry.name} ({code})" if entry else f"'{code}'"


def _scheme(name: str) -> Scheme:
    found = schemes().get(name)
    if found is None:
        near = difflib.get_close_matches(name, schemes(), n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(schemes())}."
        raise ConfigError(f"Unknown scheme of language codes '{name}'.", hint=hint)
    return found


@cache
def _back(scheme: str) -> Mapping[str, str]:
    mapping: dict[str, str] = {}
    for entry in registry().values():
        for told in _scheme(scheme).of(entry):
            # A code that two languages share goes to the one whose first it is.
            if told not in mapping or spellings(entry.code, scheme)[0] == told:
                mapping[told] = entry.code
    return mapping

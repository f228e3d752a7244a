"""Reading the formulary: medicines with their bands, most a day, who must not have them, and the sources cited."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.protocols.conditions import AtLeast, Condition, OneOf, Within, all_of
from afya.protocols.model import Band, Citation, Contraindication, Formulary, Maximum, Medicine, Source
from afya.protocols.subject import ALLERGY, CONDITION, TRIMESTERS

if TYPE_CHECKING:
    from afya.protocols.schema import BandFile, CitationFile, ContraindicationFile, MaximumFile

FORMULARY, SOURCES = "formulary", "sources"

_FLAGS = ("pregnant", "breastfeeding")
_NUMBERS = ("age_months", "weight_kg")
_WORDS = {"allergy": ALLERGY, "condition": CONDITION}


def read_formulary(path: Path, sources_path: Path) -> Formulary:
    """The formulary of a file. Raises ConfigError naming file, medicine, band and key that are wrong."""
    from afya.protocols.schema import FormularyFile

    sources = _sources(sources_path)
    raw = validate(read_yaml(path), FormularyFile, str(path))
    medicines = {}
    for name, entry in raw.medicines.items():
        where = f"{path}: {name}"
        medicines[name] = Medicine(
            name=name,
            form=entry.form,
            strength=entry.strength,
            card=entry.card or "",
            bands=tuple(_band(band, sources, f"{where}, band {i}") for i, band in enumerate(entry.bands, 1)),
            names=tuple(entry.names),
            mg_per_tablet=entry.mg_per_tablet,
            mg_per_ml=entry.mg_per_ml,
            refer=entry.refer,
            maximum=None if entry.maximum is None else _maximum(entry.maximum, sources, where),
            contraindications=tuple(
                _contraindication(row, sources, f"{where}, contraindication {i}")
                for i, row in enumerate(entry.contraindications, 1)
            ),
        )
    return Formulary(MappingProxyType(medicines), MappingProxyType(sources), str(path))


def _sources(path: Path) -> dict[str, Source]:
    from afya.protocols.schema import SourcesFile

    raw = validate({"sources": read_yaml(path)}, SourcesFile, str(path))
    return {
        key: Source(key, entry.title, entry.publisher, entry.year, entry.licence, entry.seen)
        for key, entry in raw.sources.items()
    }


def cite(source: str, page: str, sources: Mapping[str, Source], where: str) -> Citation:
    """The place in a source. Raises ConfigError when sources.yaml does not have it."""
    if source not in sources:
        raise ConfigError(f"{where}: unknown source '{source}'.", hint=near(source, sources))
    return Citation(sources[source], page)


def cite_all(entries: Iterable[CitationFile], sources: Mapping[str, Source], where: str) -> tuple[Citation, ...]:
    """Further places that say the same."""
    return tuple(cite(entry.source, entry.page, sources, where) for entry in entries)


def near(name: str, known: Iterable[str]) -> str:
    """A hint: the known name that is nearest, or all of them."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"Did you mean '{found[0]}'?" if found else f"Known: {', '.join(sorted(known))}."


def _band(raw: BandFile, sources: Mapping[str, Source], where: str) -> Band:
    return Band(
        months=None if raw.months is None else (raw.months[0], raw.months[1]),
        kg=None if raw.kg is None else (raw.kg[0], raw.kg[1]),
        amount=MappingProxyType({key: _whole(value) for key, value in raw.amount.items()}),
        times_a_day=raw.times_a_day,
        every_hours=raw.every_hours,
        days=raw.days,
        until=raw.until,
        citation=cite(raw.source, raw.page, sources, where),
        also=cite_all(raw.also, sources, where),
        reviewed=raw.reviewed,
        note=raw.note,
        only=_who(raw.only, f"{where}, only"),
    )


def _maximum(raw: MaximumFile, sources: Mapping[str, Source], where: str) -> Maximum:
    citation = cite(raw.source, raw.page, sources, f"{where}, maximum")
    return Maximum(raw.mg_per_day, raw.mg_per_kg_per_day, raw.tablets_per_day, citation, raw.reviewed)


def _contraindication(raw: ContraindicationFile, sources: Mapping[str, Source], where: str) -> Contraindication:
    return Contraindication(
        when=_who(raw.when, f"{where}, when"),
        level=raw.level,
        text=raw.text,
        if_unknown=raw.if_unknown,
        citation=cite(raw.source, raw.page, sources, where),
        reviewed=raw.reviewed,
        note=raw.note,
    )


def _whole(value: float | str) -> float | str:
    """12.0 as 12, so that a text never says 12.0 tablets."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _who(raw: Mapping[str, object], where: str) -> Condition:
    """Tests of a person, all of them true: `pregnant: true`, `age_months: {below: 2}`, `allergy: penicillin`."""
    return all_of(tuple(_test(key, value, where) for key, value in raw.items()))


def _test(key: str, value: object, where: str) -> Condition:
    if key == "any" and isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        return AtLeast(1, tuple(_who(part, where) for part in value))
    if key in _FLAGS and isinstance(value, bool):
        return OneOf(key, (value,))
    if key in _NUMBERS and isinstance(value, dict) and value and set(value) <= {"from", "below"}:
        low, high = value.get("from"), value.get("below")
        if all(edge is None or _is_number(edge) for edge in (low, high)):
            if low is not None and high is not None and low >= high:
                raise ConfigError(f"{where}: the interval of '{key}' is empty.")
            return Within(key, low, high)
    if key in _WORDS and isinstance(value, str) and value:
        return OneOf(f"{_WORDS[key]}{value}", (True,))
    if key == "trimester":
        listed = value if isinstance(value, list) else [value]
        named = tuple(TRIMESTERS[entry] for entry in listed if isinstance(entry, str) and entry in TRIMESTERS)
        if listed and len(named) == len(listed):
            return OneOf("trimester", named)
    raise ConfigError(
        f"{where}: '{key}: {value}' cannot be read.",
        hint="Expected pregnant or breastfeeding: true or false; age_months or weight_kg: {from, below}; "
        "trimester: first, second or third; allergy or condition: a word; any: a list of these.",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

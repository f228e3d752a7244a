"""Glossaries of others, read into ours: TICO-19 term lists, HPO translations, two-column tables.

Every row becomes a pair of terms or a rejection with its reason; nothing is skipped in silence.

Formats and origins:
- TICO-19 terminologies (CC0-1.0): CSV files with sourceLang, targetLang, sourceString, targetString and sometimes pos.
- HPO translations (Human Phenotype Ontology, babelon format): TSV with source_language, source_value, subject_id,
  predicate_id, translation_language, translation_value and translation_status. Only names (rdfs:label and synonyms) are
  terms; definitions are not.
- Two columns: a term and its translation, tab between them; further columns are the part of speech and other forms
  joined by "|". A first line of two language codes names the languages. "=" as translation: do not translate.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import regex

from afya.errors import ConfigError, DataError
from afya.languages import language, registry
from afya.sources.tico19 import locale_language
from afya.text.normalise import fold, normalise
from afya.translation.glossary import Entry, Glossary

_TICO_COLUMNS = ("sourceLang", "targetLang", "sourceString", "targetString")
_BABELON_COLUMNS = (
    "source_language",
    "source_value",
    "subject_id",
    "predicate_id",
    "translation_language",
    "translation_value",
)
_NAMES = frozenset({"rdfs:label", "oboInOwl:hasExactSynonym", "oio:hasExactSynonym"})
_UNTRANSLATED = frozenset({"NOT_TRANSLATED"})
_ONTOLOGY_ROOT = "HP:0000001"
_KEEP = "="
_OTHER_FORMS = regex.compile(r"\s+[:;/]\s+|\s*[;；]\s*")
_OPTIONAL = regex.compile(r"\s*(?:\[([^\[\]]+)\]|（([^（）]+)）)")
_LETTER = regex.compile(r"[\p{L}\p{N}]")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no pair of terms: where it stands, a stable reason, what was found."""

    file: str
    line: int
    reason: str
    detail: str


@dataclass
class Import:
    """What reading some files gave: `rows_read` is `pairs` and the rejected rows together."""

    glossary: Glossary
    rows_read: int
    pairs: int
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Pair:
    """One row: a concept's names in two languages."""

    concept: str
    source: Entry
    target: Entry


_Row = _Pair | Rejected


def import_tico19(paths: Sequence[Path]) -> Import:
    """The term lists f_*.csv and g_*.csv, from folders or files. Terms of one English name are one concept."""
    return _import(paths, "*.csv", _tico_rows)


def import_hpo(paths: Sequence[Path], *, official_only: bool = False) -> Import:
    """HPO translations in babelon TSV. Names that no person has confirmed are of the source "hpo-candidate".

    `official_only` rejects those.
    """

    def rows(path: Path) -> Iterator[_Row]:
        return _hpo_rows(path, official_only)

    return _import(paths, "*.tsv", rows)


def import_tsv(
    paths: Sequence[Path], *, name: str, licence: str, source: str | None = None, target: str | None = None
) -> Import:
    """Two-column tables. `name` is what they are called as a source; the languages may stand in the first line.

    Raises:
        ConfigError: the languages are given neither there nor here.
    """

    def rows(path: Path) -> Iterator[_Row]:
        return _tsv_rows(path, name, licence, source, target)

    return _import(paths, "*.tsv", rows)


def _import(paths: Sequence[Path], pattern: str, rows_of: Callable[[Path], Iterator[_Row]]) -> Import:
    entries: list[Entry] = []
    rejected: list[Rejected] = []
    pairs = 0
    for file in _files(paths, pattern):
        for row in rows_of(file):
            if isinstance(row, Rejected):
                rejected.append(row)
            else:
                pairs += 1
                entries += [row.source, row.target]
    return Import(Glossary.from_entries(entries), pairs + len(rejected), pairs, rejected)


def _files(paths: Sequence[Path], pattern: str) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            inside = sorted(file for file in path.rglob(pattern) if file.is_file())
            if not inside:
                raise DataError(f"{path}: no file {pattern} in this folder.", hint="Name the folder of the term lists.")
            found += inside
        else:
            raise DataError(f"{path}: no such file or folder.")
    return found


def _records(path: Path, required: Sequence[str], delimiter: str) -> Iterator[tuple[int, dict[str, str] | Rejected]]:
    """The rows of a table with a header, with the line each ends on."""
    rows = _cells(path, delimiter)
    header = next(rows, (1, []))[1]
    names = header if isinstance(header, list) else []
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(
            f"{path}: column(s) {', '.join(missing)} are missing.",
            hint=f"The first line should name the columns; it has: {', '.join(names) or 'nothing that can be read'}.",
        )
    for line, cells in rows:
        if isinstance(cells, Rejected):
            yield line, cells
        elif len(cells) != len(names):
            detail = f"{len(cells)} columns where the header has {len(names)}"
            yield line, Rejected(path.name, line, "wrong_column_count", detail)
        else:
            yield line, dict(zip(names, cells, strict=True))


def _cells(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | Rejected]]:
    # Babelon and our two-column tables know no quoting: a quotation mark there is a quotation mark.
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        reader = csv.reader(handle, delimiter=delimiter, quoting=quoting)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, Rejected(path.name, reader.line_num, "broken_row", str(error))
                continue
            line = reader.line_num
            if any("\udc80" <= sign <= "\udcff" for cell in cells for sign in cell):
                yield line, Rejected(path.name, line, "wrong_encoding", "the row is not UTF-8")
            elif any(cell.strip() for cell in cells):
                yield line, cells


def _tico_rows(path: Path) -> Iterator[_Row]:
    for line, row in _records(path, _TICO_COLUMNS, ","):
        if isinstance(row, Rejected):
            yield row
            continue
        source, target = locale_language(row["sourceLang"]), locale_language(row["targetLang"])
        english = row["sourceString"] if source == "en" else row["targetString"]
        yield _pair(
            path.name,
            line,
            f"tico19:{_key(english)}",
            (source, row["sourceString"]),
            (target, row["targetString"]),
            pos=row.get("pos") or None,
            origin=("tico19", "CC0-1.0"),
        )


def _hpo_rows(path: Path, official_only: bool) -> Iterator[_Row]:
    for line, row in _records(path, _BABELON_COLUMNS, "\t"):
        if isinstance(row, Rejected):
            yield row
            continue
        concept, status = row["subject_id"].strip(), row.get("translation_status", "")
        fault = _hpo_fault(row, concept, status, official_only)
        if fault is not None:
            yield Rejected(path.name, line, *fault)
            continue
        yield _pair(
            path.name,
            line,
            concept,
            (locale_language(row["source_language"]), row["source_value"]),
            (locale_language(row["translation_language"]), row["translation_value"]),
            pos="noun",
            origin=("hpo" if status == "OFFICIAL" else "hpo-candidate", "LicenseRef-HPO"),
        )


def _hpo_fault(row: Mapping[str, str], concept: str, status: str, official_only: bool) -> tuple[str, str] | None:
    if row["predicate_id"] not in _NAMES:
        return "not_a_name", f"{concept}: {row['predicate_id']} is no name of the concept"
    if concept == _ONTOLOGY_ROOT:
        return "not_a_term", f"{concept} is the root of the ontology"
    if status in _UNTRANSLATED or row["translation_value"].strip() in ("", "NA"):
        return "not_translated", f"{concept}: there is no translation"
    if official_only and status != "OFFICIAL":
        return "not_official", f"{concept}: the status is {status or 'not given'}"
    return None


def _tsv_rows(path: Path, name: str, licence: str, source: str | None, target: str | None) -> Iterator[_Row]:
    for line, cells in _cells(path, "\t"):
        if isinstance(cells, Rejected):
            yield cells
            continue
        if line == 1 and len(cells) >= 2 and all(cell.strip() in registry() for cell in cells[:2]):
            source, target = cells[0].strip(), cells[1].strip()
            continue
        if source is None or target is None:
            raise ConfigError(
                f"{path}: the languages of the two columns are not named.",
                hint="Give --source and --target, or a first line such as: en<TAB>sw",
            )
        if len(cells) < 2:
            yield Rejected(path.name, line, "wrong_column_count", "1 column where at least 2 were expected")
            continue
        keep = cells[1].strip() == _KEEP
        others = cells[3].split("|") if len(cells) > 3 else []
        yield _pair(
            path.name,
            line,
            f"{name}:{_key(cells[0])}",
            (source, cells[0]),
            (target, cells[0] if keep else cells[1]),
            pos=(cells[2].strip() or None) if len(cells) > 2 else None,
            origin=(name, licence),
            others=others,
            keep=keep,
        )


def _pair(
    file: str,
    line: int,
    concept: str,
    source: tuple[str, str],
    target: tuple[str, str],
    *,
    pos: str | None,
    origin: tuple[str, str],
    others: Iterable[str] = (),
    keep: bool = False,
) -> _Row:
    sides: list[Entry] = []
    for lang, text in (source, target):
        if not lang:
            return Rejected(file, line, "missing_language", "the row names no language")
        if lang not in registry():
            return Rejected(file, line, "unknown_language", f"'{lang}' is not in the language registry")
        # Spacing, composition and look-alike signs as everywhere in afya; case and marks as they were written.
        forms = _forms(text)
        if not forms:
            return Rejected(file, line, "empty_term", f"the {language(lang).name} term has no letter in it")
        if text is target[1]:
            forms += [form for other in others for form in _forms(other)]
        sides.append(Entry(concept, lang, forms[0], tuple(forms[1:]), pos, *origin, do_not_translate=keep))
    if source[0] == target[0]:
        return Rejected(file, line, "same_language", f"both terms are in '{source[0]}'")
    return _Pair(concept, *sides)


def _forms(cell: str) -> list[str]:
    """The terms in a cell: alternatives apart, and a part in brackets once left out and once read with the rest."""
    found: list[str] = []
    for part in _OTHER_FORMS.split(normalise(cell)):
        found += [_OPTIONAL.sub("", part), _OPTIONAL.sub(_opened, part)]
    return list(dict.fromkeys(form.strip() for form in found if _LETTER.search(form)))


def _opened(hit: regex.Match[str]) -> str:
    """What stands in the brackets, with the space before them if there was one."""
    inside = 1 if hit[1] else 2
    return hit.string[hit.start() : hit.start(inside) - 1] + hit[inside]


def _key(term: str) -> str:
    """The part of a concept's name that is made of its term."""
    return " ".join(fold(normalise(term)).split())

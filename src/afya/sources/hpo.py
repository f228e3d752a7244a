"""HPO translations: the Human Phenotype Ontology's signs and symptoms, named in many languages.

Origin: obophenotype/hpo-translations. Licence: the repository states none; the ontology's own (LicenseRef-HPO, at
hpo.jax.org/license) asks that it be named with its version and not altered. Size: 587 reviewed terms in German to
19,932 in Spanish; en, de, es, fr, ja, pt, tw, zh here. Citation: Gargano MA, Matentzoglu N, Coleman B, et al. The Human
Phenotype Ontology in 2024: phenotypes around the world. Nucleic Acids Research 52(D1):D1333-D1346, 2024.

Format: hp-<lang>.babelon.tsv (Babelon 0.3) with subject_id, predicate_id (rdfs:label a name, IAO:0000115 a definition),
source_language, source_value, translation_language, translation_value, translation_status and sometimes translator and
translator_expertise; the columns' order varies. Each translation is an item of the task parallel, and the English text
one for all files. Names change between the ontology's releases, on which the files rest: the group is the concept with
its English wording, so that a translation never stands beside a wording it does not translate. A row marked
NOT_TRANSLATED, or whose text is "NA", is rejected as not_translated. A translation by an algorithm is origin machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from afya.languages import by_foreign_code
from afya.sources.files import csv_records
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

_REQUIRED = (
    *("subject_id", "predicate_id", "source_language", "source_value"),
    *("translation_language", "translation_value", "translation_status"),
)
_KINDS = {"rdfs:label": "term", "IAO:0000115": "definition"}
_ALGORITHM = "ALGORITHM"


def read(reading: Reading) -> Iterator[Outcome]:
    written: set[str] = set()
    for file in reading.files:
        for row in csv_records(reading, file, _REQUIRED, "\t"):
            yield from _row(reading, row, written)


def _row(reading: Reading, row: dict[str, str] | Malformed, written: set[str]) -> Iterator[Outcome]:
    """The translation, and the source text where it is met for the first time."""
    try:
        if isinstance(row, Malformed):
            raise row
        concept, source_text = row["subject_id"].strip(), row["source_value"].strip()
        kind = _KINDS.get(row["predicate_id"].strip())
        if not concept:
            raise Malformed("missing_field", "'subject_id' is empty")
        if kind is None:
            raise Malformed("unknown_predicate", f"'{row['predicate_id'][:40]}' is none of {', '.join(_KINDS)}")
        if not source_text:
            raise Malformed("empty_question", "'source_value' is empty")
    except Malformed as fault:
        yield reading.reject(fault)
        return
    wording = blake2b(source_text.encode(), digest_size=3).hexdigest()
    native_id = f"{concept}-{kind}-{wording}"
    source, target = (_language(row[name]) for name in ("source_language", "translation_language"))
    if native_id not in written and reading.wants(source):
        written.add(native_id)
        about = extra(kind=kind, concept=concept)
        yield reading.item(
            native_id, source, task="parallel", split=reading.split("train"), question=source_text, extra=about
        )
    if not reading.wants(target):
        return
    value, status = row["translation_value"].strip(), row["translation_status"].strip()
    if status == "NOT_TRANSLATED" or value in ("", "NA"):
        yield reading.reject(Malformed("not_translated", f"{concept} has no translation ({status[:40]})"))
        return
    machine = (row.get("translator_expertise") or "").strip() == _ALGORITHM
    translator = (row.get("translator") or "").strip() or None
    yield reading.item(
        native_id,
        target,
        task="parallel",
        split=reading.split("train"),
        question=value,
        origin="machine" if machine else "human",
        translator=translator,
        translated_from=source,
        extra=extra(kind=kind, concept=concept, status=status or None),
    )


def _language(code: str) -> str:
    code = code.strip().replace("_", "-").partition("-")[0].lower()
    return by_foreign_code().get(code, code)


SOURCE = Source(
    name="hpo",
    title="HPO translations",
    licence="LicenseRef-HPO",
    url="https://github.com/obophenotype/hpo-translations",
    citation="Gargano et al. 2024, The Human Phenotype Ontology, Nucleic Acids Research 52(D1):D1333-D1346",
    languages=("en", "de", "es", "fr", "it", "ja", "pt", "ru", "tw", "zh"),
    tasks=("parallel",),
    reads="babelon/hp-*.babelon.tsv",
    patterns=("hp-*.babelon.tsv",),
    read=read,
)

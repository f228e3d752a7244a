"""The glossary: concepts, and what each is called in every language, as one table in one Parquet file.

A row is one concept's name in one language from one source. Terms found in a text become hints to engines that take
them, and a check of what engines made of them; nothing is ever replaced by force.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from afya.errors import DataError
from afya.languages import language
from afya.runs import write_frame
from afya.translation.base import Hint
from afya.translation.spotting import Spotter

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Entry:
    """What a concept is called in a language.

    `term` is the preferred name, `forms` the other accepted ones. `do_not_translate`: the term stays as it is in every
    translation (a brand, a test's name).
    """

    concept: str
    lang: str
    term: str
    forms: tuple[str, ...] = ()
    pos: str | None = None
    source: str = ""
    licence: str = ""
    do_not_translate: bool = False


class Spotted(NamedTuple):
    """A term found in a text: character offsets in the text as it was given, and the concept.

    A term of several concepts is spotted once for each, at the same place.
    """

    start: int
    end: int
    concept: str


def schema() -> dict[str, pl.DataType]:
    """The glossary's columns and their types, in order."""
    import polars as pl

    text = pl.String()
    return {
        "concept": text,
        "lang": text,
        "term": text,
        "forms": pl.List(pl.String()),
        "pos": text,
        "source": text,
        "licence": text,
        "do_not_translate": pl.Boolean(),
    }


_KEY = ("concept", "lang", "source", "licence")
_KEY_ORDER = ("lang", "concept", "source", "licence")


class Glossary:
    """Terms of many languages, ready to be looked for. What a language needs is made when it is first asked for.

    >>> glossary.hints("Acute bronchitis is common.", "en", "sw")
    [Hint(source='Acute bronchitis', target='mkamba mkali')]
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._spotters: dict[str, tuple[Spotter, list[str]]] = {}
        self._names: dict[str, _Names] = {}
        self._kept: frozenset[str] | None = None

    @classmethod
    def load(cls, path: str | Path) -> Glossary:
        """The glossary in a Parquet file. Raises DataError when it is missing or is not a glossary."""
        import polars as pl

        try:
            frame = pl.read_parquet(Path(path))
        except FileNotFoundError:
            raise DataError(f"{path}: no such glossary.", hint="Make one with: afya glossary import") from None
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{path}: not a glossary in Parquet ({error}).") from None
        expected = schema()
        wrong = [name for name, kind in expected.items() if frame.schema.get(name) != kind]
        if wrong:
            raise DataError(
                f"{path}: not a glossary; column(s) {', '.join(wrong)} are missing or of another type.",
                hint="Make one with: afya glossary import",
            )
        # A file that another program wrote may be in another order.
        return cls(frame.select(list(expected)).sort(_KEY_ORDER))

    @classmethod
    def from_entries(cls, entries: Iterable[Entry]) -> Glossary:
        """A glossary of these entries; those of one concept, language, source and licence become one row."""
        import polars as pl

        listed = list(entries)
        columns = [
            pl.Series(
                name,
                [list(entry.forms) for entry in listed] if name == "forms" else [getattr(e, name) for e in listed],
                dtype=kind,
                strict=True,
            )
            for name, kind in schema().items()
        ]
        return cls(_unique(pl.DataFrame(columns)))

    def merged(self, *others: Glossary) -> Glossary:
        """This glossary and the others as one. Equal rows join their forms; the first one's term is preferred."""
        import polars as pl

        return Glossary(_unique(pl.concat([self.frame, *(other.frame for other in others)])))

    def write(self, path: str | Path) -> None:
        """Write the Parquet file, whole or not at all. The same glossary gives the same bytes."""
        write_frame(Path(path), self.frame)

    def entries(self) -> list[Entry]:
        """Every row, in the order of language and concept."""
        return [Entry(**{**row, "forms": tuple(row["forms"])}) for row in self.frame.iter_rows(named=True)]

    def languages(self) -> tuple[str, ...]:
        """The codes of the languages that have a term, sorted."""
        return tuple(sorted(self.frame["lang"].unique().to_list()))

    def spot(self, text: str, lang: str, *, nested: bool = False) -> list[Spotted]:
        """The terms of a language in a text, in its order, the longest where several overlap.

        Case does not matter, nor do marks that the text leaves off; see `afya.translation.spotting` for what is joined
        to a term. `nested` also gives the terms within and across longer ones.
        """
        spotter, concepts = self._spotter(lang)
        found: list[Spotted] = []
        for start, end, forms in spotter.find(text, nested=nested):
            if len(forms) == 1:
                found.append(Spotted(start, end, concepts[forms[0]]))
            else:
                found += [Spotted(start, end, concept) for concept in dict.fromkeys(concepts[one] for one in forms)]
        return found

    def hints(self, text: str, source: str, target: str) -> list[Hint]:
        """What a translator should know of the terms in a text: each once, with its preferred name in the target.

        A term of several concepts gives a hint for each name that differs; a concept without a name in the target
        language gives none; one that is not to be translated gives a hint without a target.
        """
        found: dict[tuple[str, str | None], Hint] = {}
        kept = self._untranslated()
        for spotted in self.spot(text, source):
            written = text[spotted.start : spotted.end]
            if spotted.concept in kept:
                found.setdefault((written.casefold(), None), Hint(written, None))
                continue
            names = self.forms(spotted.concept, target)
            if names:
                found.setdefault((written.casefold(), names[0]), Hint(written, names[0]))
        return list(found.values())

    def forms(self, concept: str, lang: str) -> tuple[str, ...]:
        """What a concept may be called in a language, the preferred name first; empty where the glossary has none."""
        if lang not in self._names:
            terms, others = self._listed(lang)
            self._names[lang] = _Names(terms[0], terms[1], _gathered(*others))
        return self._names[lang].of(concept)

    def keeps(self, concept: str) -> bool:
        """Whether a concept's term is not to be translated."""
        return concept in self._untranslated()

    def _spotter(self, lang: str) -> tuple[Spotter, list[str]]:
        if lang not in self._spotters:
            terms, others = self._listed(language(lang).code)
            self._spotters[lang] = (Spotter(lang, terms[1] + others[1]), terms[0] + others[0])
        return self._spotters[lang]

    def _listed(self, lang: str) -> tuple[_Column, _Column]:
        """A language's preferred names and its other forms, each as concepts and names, ordered by concept."""
        import polars as pl

        own = self.frame.lazy().filter(pl.col("lang") == lang)
        others = own.select("concept", pl.col("forms").alias("term")).filter(pl.col("term").list.len() > 0)
        terms, forms = pl.collect_all([own.select("concept", "term"), others.explode("term")])
        return tuple((found["concept"].to_list(), found["term"].to_list()) for found in (terms, forms))  # type: ignore[return-value]

    def _untranslated(self) -> frozenset[str]:
        if self._kept is None:
            self._kept = frozenset(self.frame.filter("do_not_translate")["concept"].to_list())
        return self._kept


_Column = tuple[list[str], list[str]]


@dataclass(frozen=True, slots=True)
class _Names:
    """A language's names by concept: sorted columns, since a dictionary of all would cost more than it is asked for."""

    concepts: list[str]
    terms: list[str]
    others: dict[str, list[str]]

    def of(self, concept: str) -> tuple[str, ...]:
        low = bisect_left(self.concepts, concept)
        high = bisect_right(self.concepts, concept, lo=low)
        return tuple(dict.fromkeys([*self.terms[low:high], *self.others.get(concept, ())]))


def _gathered(concepts: Sequence[str], forms: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for concept, form in zip(concepts, forms, strict=True):
        found.setdefault(concept, []).append(form)
    return found


def _unique(frame: pl.DataFrame) -> pl.DataFrame:
    """One row a concept, language, source and licence, in a fixed order."""
    import polars as pl

    grouped = (
        frame.with_columns(pl.concat_list(pl.col("term"), pl.col("forms")).alias("all"))
        .group_by(_KEY, maintain_order=True)
        .agg(
            pl.col("term").first(),
            pl.col("all").list.explode(keep_nulls=False, empty_as_null=False).unique(maintain_order=True),
            pl.col("pos").drop_nulls().first(),
            pl.col("do_not_translate").any(),
        )
        # The first of all forms is the preferred term itself.
        .with_columns(pl.col("all").list.slice(1).alias("forms"))
    )
    return grouped.sort(_KEY_ORDER).select(list(schema()))


def keep_sources(glossary: Glossary, *, sources: Sequence[str] | None, licences: Sequence[str] | None) -> Glossary:
    """The part of a glossary that comes from these sources and stands under these licences (None: any)."""
    import polars as pl

    frame = glossary.frame
    if sources is not None:
        frame = frame.filter(pl.col("source").is_in(list(sources)))
    if licences is not None:
        frame = frame.filter(pl.col("licence").is_in(list(licences)))
    return Glossary(frame)

"""The tantivy index beside the record: words, headings, words with marks, and runs of letters, in one index.

Texts come analysed (`analysis`), each form written `language:form`, so that a word's rarity is that in its language and
no filter is needed. One writer thread: the same passages in the same order give the same ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from afya.assistant.knowledge.analysis import Read, Term
from afya.errors import DataError, require

if TYPE_CHECKING:
    import tantivy

FIELDS = ("words", "head", "marked", "grams")
# What a form counts in each field when candidates are chosen; their order is decided by `scoring`.
_HEAD_BOOST = 1.5
_MARKED_BOOST = 0.5
_GRAM_BOOST = 0.3
_WEAK_BOOST = 0.3
_GRAMS_ASKED = 12
_HEAP = 64_000_000
_SMALL_HEAP = 15_000_000


class Found(NamedTuple):
    """A candidate: the number of its passage, and tantivy's score, which means nothing outside this search."""

    number: int
    score: float


class Writer:
    """Adds passages to an index; nothing can be found before `commit`."""

    def __init__(self, index: tantivy.Index, *, small: bool = False) -> None:
        import tantivy

        self._document = tantivy.Document
        self._writer = index.writer(_SMALL_HEAP if small else _HEAP, 1)

    def add(self, number: int, lang: str, body: Read, head: Read) -> None:
        """Add the passage with this number."""
        document = self._document()
        document.add_unsigned("number", number)
        for field, forms in (
            ("words", body.forms),
            ("head", head.forms),
            ("marked", sorted(body.marked | head.marked)),
            ("grams", sorted(body.grams | head.grams)),
        ):
            if forms:
                document.add_text(field, _terms(lang, forms))
        self._writer.add_document(document)

    def commit(self) -> None:
        """Make all that was added findable, at once. The writer is done after it."""
        self._writer.commit()
        self._writer.wait_merging_threads()

    def rollback(self) -> None:
        """Forget what was added."""
        self._writer.rollback()


def version() -> str:
    """The version of the library and of its files."""
    require("tantivy", "assistant", "Searching knowledge")
    import tantivy

    return str(vars(tantivy)["__version__"])


def create(folder: Path | None) -> tantivy.Index:
    """A new, empty index in a folder, or in memory."""
    require("tantivy", "assistant", "Searching knowledge")
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", stored=False, indexed=False, fast=True)
    for field in FIELDS:
        builder.add_text_field(field, stored=False, tokenizer_name="afya", index_option="freq")
    if folder is not None:
        folder.mkdir(parents=True)
    return _with_tokenizer(tantivy.Index(builder.build(), path=None if folder is None else str(folder)))


def open_index(folder: Path) -> tantivy.Index:
    """An index that was made before. Raises DataError when it is absent or damaged."""
    require("tantivy", "assistant", "Searching knowledge")
    import tantivy

    try:
        return _with_tokenizer(tantivy.Index.open(str(folder)))
    except Exception as error:  # the library raises ValueError, OSError or its own, by what is wrong
        raise DataError(
            f"{folder}: the index cannot be opened ({error}).",
            hint=f"Make it again from the documents kept: afya knowledge rebuild {folder.parent}",
        ) from None


def candidates(index: tantivy.Index, lang: str, terms: Sequence[Term], limit: int, *, inside: bool) -> list[Found]:
    """The passages of a language that hold most of what is asked, the best first.

    `inside`: words of this language are also looked for by the letters inside them; elsewhere only words that no
    passage has (misspelt ones) are.
    """
    import tantivy

    searcher, schema = index.searcher(), index.schema
    asked: list[tuple[tantivy.Occur, tantivy.Query]] = []

    def ask(field: str, form: str, boost: float) -> None:
        query = tantivy.Query.term_query(schema, field, f"{lang}:{form}", index_option="freq")
        asked.append((tantivy.Occur.Should, tantivy.Query.boost_query(query, boost)))

    unmet: list[Term] = []
    for term in terms:
        if not term.weight:
            continue
        boost = 1.0 if term.weight == 1 else _WEAK_BOOST
        ask("words", term.form, boost)
        ask("head", term.form, boost * _HEAD_BOOST)
        if term.marked is not None:
            ask("marked", term.marked, boost * _MARKED_BOOST)
        if term.weight == 1 and (inside or not searcher.doc_freq("words", f"{lang}:{term.form}")):
            unmet.append(term)
    for gram in _rarest(searcher, lang, unmet):
        ask("grams", gram, _GRAM_BOOST)
    if not asked:
        return []
    hits = searcher.search(tantivy.Query.boolean_query(asked), limit, count=False).hits
    numbers = searcher.fast_field_values("number", [address for _, address in hits])
    return [Found(int(number or 0), float(score)) for number, (score, _) in zip(numbers, hits, strict=True)]


def frequencies(index: tantivy.Index, lang: str, forms: Iterable[str]) -> dict[str, int]:
    """In how many passages of the language each form stands, in the text or above it."""
    searcher = index.searcher()
    return {
        form: max(searcher.doc_freq("words", f"{lang}:{form}"), searcher.doc_freq("head", f"{lang}:{form}"))
        for form in forms
    }


def _rarest(searcher: tantivy.Searcher, lang: str, terms: Sequence[Term]) -> list[str]:
    """The runs of letters to look for: the rarest there are, so that the search stays quick in a large collection."""
    from afya.assistant.knowledge.analysis import runs_inside

    runs = dict.fromkeys(run for term in terms for run in runs_inside(term.form))
    counted = [(searcher.doc_freq("grams", f"{lang}:{run}"), run) for run in runs]
    return [run for count, run in sorted(counted) if count][:_GRAMS_ASKED]


def _with_tokenizer(index: tantivy.Index) -> tantivy.Index:
    import tantivy

    index.register_tokenizer("afya", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    return index


def _terms(lang: str, forms: Iterable[str]) -> str:
    return " ".join(f"{lang}:{form}" for form in forms)

"""Searching the added knowledge and the packs' own passages together."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from afya.assistant.knowledge import analysis, index, scoring
from afya.assistant.knowledge.abstain import answers
from afya.assistant.knowledge.builtin import counterparts, pack_files, pack_store
from afya.assistant.knowledge.passages import Hit, Passage
from afya.assistant.knowledge.record import Kept
from afya.assistant.knowledge.store import Store
from afya.errors import AfyaError
from afya.languages import language
from afya.packs.pack import Pack
from afya.runs import canonical, sha256_path, sha256_text

PIVOT = "en"
_CANDIDATES = 24
# What the encoder's view counts beside the words'.
_DENSE_SHARE = 0.4
_DENSE_HITS = 8
_LONGEST_QUERY = 2_000


class Encoder(Protocol):
    """What compares a question with texts."""

    def cosines(self, question: str, texts: Sequence[str]) -> list[float]:
        """The cosine of each text to the question."""


class Knowledge:
    """Open knowledge, ready to be asked from several threads. `open_knowledge` makes it."""

    def __init__(
        self, folder: Path | None, packs: Sequence[Pack], *, encoder: Encoder | None = None, today: date | None = None
    ) -> None:
        self._added = None if folder is None else Store.open(folder)
        self._files = pack_files(packs)
        self._encoder = encoder
        self._today = today
        self._lock = threading.Lock()

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every passage that can be found and of how it is found: equal hashes, equal answers."""
        added = "" if self._added is None else self._added.record.get("content")
        built_in = [f"{pack.lang}/{path.name} {sha256_path(path)}" for pack, path in self._files]
        encoder = "" if self._encoder is None else type(self._encoder).__name__
        return sha256_text(canonical([added, built_in, analysis.fingerprint(), encoder]))

    def close(self) -> None:
        """Close the files."""
        for store in self._stores:
            store.close()

    def search(
        self, query: str, lang: str, *, limit: int = 5, pivot: str | None = None, today: date | None = None
    ) -> tuple[Hit, ...]:
        """The best passages for a question, the asked language's before the pivot's (English) where both answer alike.

        Passages in `lang` are found by `query`, passages in English by `pivot`, the question in English. Expired
        passages are never given.

        Raises:
            ConfigError: the language is not known.
        """
        lang = language(lang.partition("-")[0]).code
        day = today or self._today or date.today()
        with self._lock:
            hits = self._in_language(query, lang, "source", limit, day)
            if pivot is not None and lang != PIVOT:
                hits = self._in_own_words(hits, self._in_language(pivot, PIVOT, "pivot", limit, day), lang)
        question = pivot if pivot is not None else query if lang == PIVOT else None
        if self._encoder is not None and question is not None:
            hits = _rerank(self._encoder, question, hits)
        # Equal passages stand in an order of their own, whatever the index gave first.
        hits.sort(key=lambda hit: (-round(hit.score, 6), hit.by == "pivot", hit.passage.passage_id))
        return tuple(hits[:limit])

    @cached_property
    def _stores(self) -> list[Store]:
        stores = [] if self._added is None else [self._added]
        return stores if self._packs is None else [*stores, self._packs]

    @cached_property
    def _packs(self) -> Store | None:
        return pack_store(self._files) if self._files else None

    @cached_property
    def _counterparts(self) -> dict[tuple[str, str], Passage]:
        return {} if self._packs is None else counterparts(self._files, self._packs)

    def _in_own_words(self, hits: list[Hit], by_pivot: list[Hit], lang: str) -> list[Hit]:
        """Hits with those of the pivot, whose pack passages are given in the language asked where its pack has them."""
        best = {hit.passage.passage_id: hit for hit in hits}
        for hit in by_pivot:
            own = replace(hit, passage=self._counterparts.get((hit.passage.passage_id, lang), hit.passage))
            known = best.get(own.passage.passage_id)
            if known is None or (not answers(known) and (answers(own) or own.score > known.score)):
                best[own.passage.passage_id] = own
        return list(best.values())

    def _in_language(self, text: str, lang: str, by: Literal["source", "pivot"], limit: int, day: date) -> list[Hit]:
        reader = analysis.analyser(lang)
        terms = reader.terms(text[:_LONGEST_QUERY])
        counts = [store.record.langs().get(lang, (0, 0)) for store in self._stores]
        passages, forms = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
        if not passages:
            return []
        frequencies: dict[str, int] = {}
        for store in self._stores:
            for form, count in index.frequencies(store.index, lang, [term.form for term in terms]).items():
                frequencies[form] = frequencies.get(form, 0) + count
        asked = scoring.weigh(terms, frequencies, passages)
        telling = sum(one.term.weight == 1 for one in asked)
        hits: dict[str, Hit] = {}
        for store in self._stores:
            found = index.candidates(store.index, lang, terms, _CANDIDATES, inside=reader.inside is not None)
            passages_found = store.record.passages([one.number for one in found]).values()
            around = _around(passages_found)
            for kept in passages_found:
                if kept.passage.expired(day):
                    continue
                told = scoring.score(
                    kept, asked, forms / passages, reader.inside, around.get(kept.passage.title, frozenset())
                )
                if told.matched:
                    hits[kept.passage.passage_id] = _hit(kept.passage, told, telling, by)
        return sorted(hits.values(), key=lambda hit: (-hit.score, hit.passage.passage_id))[: max(limit, _DENSE_HITS)]


def _around(found: Iterable[Kept]) -> dict[str, frozenset[str]]:
    """The words of each pack document, by its title: these are short and about one thing."""
    words: dict[str, set[str]] = {}
    for kept in found:
        if kept.passage.origin == "pack":
            words.setdefault(kept.passage.title, set()).update(kept.body.split(), kept.head.split())
    return {title: frozenset(forms) for title, forms in words.items()}


def open_knowledge(
    folder: Path | None, packs: Sequence[Pack], *, encoder: Encoder | None = None, today: date | None = None
) -> Knowledge:
    """Open a knowledge folder (or none) with the packs' own passages.

    `encoder` re-ranks the best hits by meaning where one is given (`dense.load_encoder`); `today` is the day by which
    passages expire, the day of the question where it is None.

    Raises:
        DataError: the folder is none, or its index was made by another version (`afya knowledge rebuild`).
        MissingDependencyError: the extra `assistant` is not installed.
    """
    return Knowledge(folder, packs, encoder=encoder, today=today)


def knowledge_of(
    lang: str, folder: Path | None = None, *, packs: Path | None = None, today: date | None = None
) -> Knowledge | None:
    """What questions in a language are answered from: the passages of its pack and of the English one, and of a folder.

    None where there is no folder and what searching needs is not installed: the assistant then answers without.

    Args:
        packs: a folder with more packs.

    Raises:
        ConfigError: there is no such pack. DataError, MissingDependencyError: as `open_knowledge`.
    """
    from importlib.util import find_spec

    from afya.packs import load_pack

    if folder is None and find_spec("tantivy") is None:
        return None
    return open_knowledge(folder, [load_pack(code, packs) for code in dict.fromkeys((lang, "en"))], today=today)


def _hit(passage: Passage, told: scoring.Score, asked: int, by: Literal["source", "pivot"]) -> Hit:
    return Hit(
        passage=passage,
        score=told.total,
        dense_score=None,
        matched=told.matched,
        missing=told.missing,
        coverage=told.coverage,
        focus=told.focus,
        headed=told.headed,
        rarest=told.rarest,
        asked=asked,
        by=by,
    )


def _rerank(encoder: Encoder, question: str, hits: list[Hit]) -> list[Hit]:
    """The best English hits with what the encoder says of them; its failure leaves the words' order."""
    best = sorted((hit for hit in hits if hit.passage.lang == PIVOT), key=lambda hit: -hit.score)[:_DENSE_HITS]
    try:
        cosines = encoder.cosines(question, [hit.passage.text for hit in best])
    except AfyaError:
        return hits
    told = {
        hit.passage.passage_id: replace(
            hit, dense_score=cosine, score=(1 - _DENSE_SHARE) * hit.score + _DENSE_SHARE * max(0.0, cosine)
        )
        for hit, cosine in zip(best, cosines, strict=True)
    }
    return [told.get(hit.passage.passage_id, hit) for hit in hits]

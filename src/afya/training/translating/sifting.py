"""Which aligned sentences are learned. Whatever is left out stands in the ledger with its reason.

A training corpus of aligned sentences always holds some that are not: texts in the wrong language, copies of the
source, one half of a sentence. A model learns from them to do the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from afya.items import blank
from afya.runs import Rejection
from afya.training.translating.pairs import PairRow
from afya.training.translating.recipe import languages_of
from afya.translation.checks import Checker

_COPY_WORDS = 4
"""A text of fewer words may be the same in both languages: "COVID-19", "paracetamol 500 mg"."""

Key = tuple[str, str]


def text_key(lang: str, text: str) -> Key:
    """What makes two texts of a language the same one."""
    return lang, " ".join(text.casefold().split())


def keys_of(rows: Iterable[PairRow]) -> set[Key]:
    """The keys of both sides of the rows."""
    found: set[Key] = set()
    for row in rows:
        source, target = languages_of(row.pair)
        found |= {text_key(source, row.text), text_key(target, row.translation)}
    return found


@dataclass
class Sifted:
    """The rows that are learned and those that are not: rows in == len(rows) + len(rejections)."""

    rows: list[PairRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


class Sieve:
    """The rules of one stage.

    Args:
        checks: integrity checks that a pair must pass; what a check cannot judge passes.
        held_out, held_groups: texts and sentences that the run is measured on.
    """

    def __init__(
        self, stage: str, checks: Sequence[str], held_out: Collection[Key] = (), held_groups: Collection[str] = ()
    ) -> None:
        self.stage, self.checks = stage, tuple(dict.fromkeys(("language", *checks)))
        self.held_out, self.held_groups = held_out, held_groups
        self._seen: dict[tuple[str, Key, Key], str] = {}

    def sift(self, rows: Iterable[PairRow]) -> Sifted:
        """Rows apart by whether they are learned."""
        found = Sifted()
        for row in rows:
            fault = self.fault(row)
            if fault is None:
                found.rows.append(row)
            else:
                found.rejections.append(Rejection(self.stage, row.row_id, *fault))
        return found

    def fault(self, row: PairRow) -> tuple[str, str] | None:
        """(reason, detail) why a row is not learned, or None.

        Reasons are stable: empty, held_out, copy, duplicate, wrong_language, check_NAME.
        """
        if blank(row.text) or blank(row.translation):
            return "empty", "the source has no text" if blank(row.text) else "the translation has no text"
        source, target = languages_of(row.pair)
        one, other = text_key(source, row.text), text_key(target, row.translation)
        if row.group in self.held_groups or one in self.held_out or other in self.held_out:
            return "held_out", "the run is measured on this sentence"
        if one[1] == other[1] and len(one[1].split()) >= _COPY_WORDS:
            return "copy", "the translation is the source"
        earlier = self._seen.setdefault((row.pair, one, other), row.row_id)
        if earlier != row.row_id:
            return "duplicate", f"the same pair as {earlier}"
        return self._judged(row, source, target)

    def _judged(self, row: PairRow, source: str, target: str) -> tuple[str, str] | None:
        verdicts = _checker(source, target, self.checks).check(row.text, row.translation)
        verdicts += _checker(target, source, ("language",)).check(row.translation, row.text)
        for verdict in verdicts:
            if verdict.judged and not verdict.passed:
                name = "wrong_language" if verdict.check == "language" else f"check_{verdict.check}"
                return name, verdict.detail or "the check did not pass"
        return None


@cache
def _checker(source: str, target: str, checks: tuple[str, ...]) -> Checker:
    return Checker(source, target, checks=checks)

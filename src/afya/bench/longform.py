"""Overlap with a reference answer: ROUGE-L and chrF, kept as legacy columns beside facts and rubrics.

Both count shared words or letters, and neither knows a dose from a wrong dose. They stand in a report so that it can be
laid beside older ones. Words are cut for the language: rouge-score's own cutter drops every letter beyond a to z, which
leaves nothing of a Chinese answer and less than half of a Yoruba one.

References: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries" (ROUGE-L, F1); Popovic 2015, "chrF:
character n-gram F-score for automatic MT evaluation" (chrF2), as in sacrebleu.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.bench.extract_fold import spoken
from afya.bench.probes import tokens
from afya.bench.summary import ALL, KEYS, in_order
from afya.errors import require
from afya.statistics import mean_interval

if TYPE_CHECKING:
    import polars as pl

LEGACY = ("rouge_l", "chrf")


class _Cutter:
    """rouge-score's tokenizer interface over our words of one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def tokenize(self, text: str) -> list[str]:
        return tokens(text, self.lang)


def rouge_l(reference: str, reply: str, lang: str) -> float:
    """ROUGE-L's F1, 0 to 1: words (characters in scripts without spaces) in common and in the same order.

    Raises MissingDependencyError where rouge-score is not installed.
    """
    require("rouge_score", "data", "ROUGE-L")
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

    scored = RougeScorer(["rougeL"], tokenizer=_Cutter(lang)).score(reference, reply)
    return float(scored["rougeL"].fmeasure)


def chrf(reference: str, reply: str) -> float:
    """chrF2 of one reply, 0 to 1 (sacrebleu's is 0 to 100).

    Raises MissingDependencyError where sacrebleu is not installed.
    """
    require("sacrebleu", "data", "chrF")
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(reply, [reference]).score) / 100


def legacy_scores(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (lang, answer_text, text) with rouge_l and chrf; null without a reference or a reply.

    Thinking is set aside. An empty reply has 0, as it has nothing in common.
    """
    import polars as pl

    found: list[tuple[float | None, float | None]] = []
    for lang, reference, text in rows.select("lang", "answer_text", "text").rows():
        if reference is None or text is None:
            found.append((None, None))
            continue
        said = spoken(text).text
        found.append((rouge_l(reference, said, lang), chrf(reference, said)))
    schema = {name: pl.Float64() for name in LEGACY}
    return rows.hstack(pl.DataFrame(found, schema=schema, orient="row").get_columns())


def mean_scores(rows: pl.DataFrame, names: tuple[str, ...] = LEGACY, level: float = 0.95) -> pl.DataFrame:
    """Means of scores that replies have, with cluster-robust intervals, for each model and language, and over all.

    `rows` has label, model, setting, task, lang, group_id and a column for each name; null values are left out of that
    name's mean. Columns: the keys, lang, and for each name {name}_n, {name}, {name}_low, {name}_high (null without
    rows).
    """
    import polars as pl

    both = pl.concat([rows, rows.with_columns(lang=pl.lit(ALL))]).with_columns(group=pl.col("group_id").rank("dense"))
    made = []
    for key, part in both.group_by(*KEYS, "lang", maintain_order=True):
        cells: list[object] = []
        for name in names:
            held = part.drop_nulls(name)
            found = mean_interval(held[name].to_numpy(), held["group"].to_numpy(), level)
            bounded = found.standard_error is not None
            cells += [found.n, found.value if found.n else None]
            cells += [found.low if bounded else None, found.high if bounded else None]
        made.append((*key, *cells))
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*KEYS, "lang")}
    for name in names:
        schema |= {f"{name}_n": pl.Int64()} | {f"{name}{end}": pl.Float64() for end in ("", "_low", "_high")}
    return in_order(pl.DataFrame(made, schema=schema, orient="row"))

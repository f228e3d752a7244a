"""From replies to scores: one outcome for each item and model.

Option scoring: the option with the highest sum of log-probabilities is the model's choice, the first of equals. The sum
is the probability that the model gives to the whole answer, which is also what training raises; where an option is
scored with its end of turn, a long option is not at a disadvantage that the model did not learn. `normalise: bytes`
divides by the option's length in UTF-8 bytes instead (the field's acc_norm, for base models whose options differ much
in length); bytes, not tokens, so that tokenizers compare.

Generation: extract.py reads the choice, and the exact set of right options must be met. Items with several right
answers are measured by generation only: to score single options one would have to tell the model, or the scorer, how
many are right, so the scoring settings leave them out and the ledger says so.

Safety: what is right is to refuse, or not to (refusal.py). Replies to open tasks are `answered`, and measured in
measures.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from afya.bench.reading.extract import extract
from afya.bench.reading.extract_fold import spoken
from afya.bench.scoring.refusal import safety_outcome
from afya.errors import RunError

if TYPE_CHECKING:
    import polars as pl

Normalise = Literal["none", "bytes"]
NORMALISATIONS: tuple[str, ...] = get_args(Normalise)
STAGE = "scores"

OPEN_KINDS = frozenset({"written", "translation"})
"""Kinds of tasks whose replies are neither right nor wrong: what they are worth stands in measures.parquet."""

Outcome = tuple[str, list[int] | None, str | None]
"""(outcome, chosen options or None, detail or None)"""


@cache
def scores_schema() -> dict[str, pl.DataType]:
    """Columns of scores.parquet: one row for each model, setting, item and order of its options.

    `chosen` and `answer` are indices in the item's own order, whatever order was shown: `order` gives the item's own
    index of each place.
    """
    import polars as pl

    text = pl.String()
    names = ("model", "setting", "item_id", "group_id", "lang", "task", "kind", "split", "source")
    return {
        **dict.fromkeys(names, text),
        "rotation": pl.Int16(),
        "outcome": text,
        "chosen": pl.List(pl.Int16()),
        "answer": pl.List(pl.Int16()),
        "order": pl.List(pl.Int16()),
        "n_options": pl.Int16(),
        "detail": text,
    }


def score_part(prompts: pl.DataFrame, replies: pl.DataFrame, normalise: Normalise = "none") -> pl.DataFrame:
    """The scores of one reply part, row by row.

    Raises RunError when the two parts do not hold the same items in the same order.
    """
    import polars as pl

    keys = ["item_id", "rotation"]
    if not prompts.select(keys).equals(replies.select(keys)):
        raise RunError(
            "A reply part does not answer its prompt part.", hint="Remove the run's parts folder and run it again."
        )
    rows = zip(
        prompts.select("kind", "prompt_lang", "choices", "letters", "answer", "several", "expected").rows(),
        replies.select("text", "option_logprobs", "finish_reason", "error").rows(),
        strict=True,
    )
    outcomes = [_outcome(prompt, reply, normalise) for prompt, reply in rows]
    places = pl.List(pl.Int16())
    told = prompts.select(
        *("group_id", "task", "kind", "split", "source", "rotation", "order", "answer"),
        pl.col("choices").list.len().cast(pl.Int16).alias("n_options"),
        pl.Series("outcome", [outcome for outcome, _, _ in outcomes], dtype=pl.String),
        # By way of text, since a list of lists becomes a column one row at a time.
        pl.Series("chosen", [_places(chosen) for _, chosen, _ in outcomes], dtype=pl.String)
        .str.split(",")
        .cast(places),
        pl.Series("detail", [detail for _, _, detail in outcomes], dtype=pl.String),
    ).with_columns(_own("answer"), _own("chosen"))
    named = replies.select("model", "setting", "item_id", "lang")
    return pl.concat([named, told], how="horizontal").select(list(scores_schema()))


READ = (
    *("item_id", "group_id", "lang", "task", "kind", "split", "source", "prompt_lang", "rotation"),
    *("choices", "letters", "order", "answer", "several", "reference", "expected"),
)
"""The columns of prompt parts that scoring and measuring read."""


def _places(chosen: list[int] | None) -> str | None:
    return None if chosen is None else ",".join(map(str, chosen))


def _own(column: str) -> pl.Expr:
    """Places as shown, as the item's own indices, in order."""
    import polars as pl

    shown = pl.col(column)
    return pl.when(pl.col("order").is_null()).then(shown).otherwise(pl.col("order").list.gather(shown).list.sort())


def _outcome(prompt: tuple[Any, ...], reply: tuple[Any, ...], normalise: str) -> Outcome:
    """The outcome of one reply; its options as shown."""
    kind, prompt_lang, choices, letters, answer, several, expected = prompt
    text, logprobs, finish_reason, error = reply
    if error is not None:
        return "error", None, error
    if kind in OPEN_KINDS:
        return _open_outcome(text or "", finish_reason)
    if kind == "safety":
        return safety_outcome(text, prompt_lang, expected, finish_reason)
    if logprobs is not None:
        return score_options(logprobs, choices, answer, normalise)
    return score_text(text or "", choices, letters, prompt_lang, answer, several=several, finish_reason=finish_reason)


def _open_outcome(text: str, finish_reason: str) -> Outcome:
    if finish_reason == "filtered":
        return "refused", None, "the provider's filter"
    return ("answered", None, None) if spoken(text).text.strip() else ("empty", None, None)


def score_options(logprobs: Sequence[float], choices: Sequence[str], answer: Sequence[int], normalise: str) -> Outcome:
    """The outcome of option scoring. Equal scores go to the first of them, and the detail says so."""
    values = list(logprobs)
    if normalise == "bytes":
        values = [value / len(text.encode()) for value, text in zip(values, choices, strict=True)]
    best = max(values)
    chosen = values.index(best)
    tied = values.count(best)
    return (
        "correct" if [chosen] == list(answer) else "wrong",
        [chosen],
        f"{tied} options have the same score" if tied > 1 else None,
    )


def score_text(
    text: str,
    choices: Sequence[str],
    letters: Sequence[str],
    lang: str,
    answer: Sequence[int],
    *,
    several: bool = False,
    finish_reason: str = "stop",
) -> Outcome:
    """The outcome of a generated reply; a choice must be exactly the set of right options to be correct."""
    found = extract(text, choices, lang, letters, several=several or len(answer) > 1, finish_reason=finish_reason)
    if found.chosen is not None:
        return "correct" if list(found.chosen) == sorted(answer) else "wrong", list(found.chosen), None
    # The table keeps four kinds of non-answer; which kind of unparseable one it is stands in the detail.
    outcome = found.reason if found.reason in ("refused", "empty") else "unparseable"
    return str(outcome), None, found.detail

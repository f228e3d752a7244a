"""From replies to scores: one outcome for each item and model.

Option scoring: the option with the highest sum of log-probabilities is the model's choice, the first of equals. The sum
is the probability that the model gives to the whole answer, which is also what training raises; where an option is
scored with its end of turn, a long option is not at a disadvantage that the model did not learn. `normalise: bytes`
divides by the option's length in UTF-8 bytes instead (the field's acc_norm, for base models whose options differ much
in length); bytes, not tokens, so that tokenizers compare.

Generation: extract.py reads the choice, and the exact set of right options must be met. Items with several right
answers are measured by generation only: to score single options one would have to tell the model, or the scorer, how
many are right, so the scoring settings leave them out and the ledger says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

from afya.bench.extract import extract
from afya.errors import RunError

if TYPE_CHECKING:
    import polars as pl

Normalise = Literal["none", "bytes"]
NORMALISATIONS: tuple[str, ...] = get_args(Normalise)
STAGE = "scores"

Outcome = tuple[str, list[int] | None, str | None]
"""(outcome, chosen options or None, detail or None)"""


@cache
def scores_schema() -> dict[str, pl.DataType]:
    """Columns of scores.parquet: one row for each model, setting and item."""
    import polars as pl

    text = pl.String()
    names = ("model", "setting", "item_id", "group_id", "lang", "task", "split", "source", "outcome")
    return {
        **dict.fromkeys(names, text),
        "chosen": pl.List(pl.Int16()),
        "n_options": pl.Int16(),
        "detail": text,
    }


def score_part(prompts: pl.DataFrame, replies: pl.DataFrame, normalise: Normalise = "none") -> pl.DataFrame:
    """The scores of one reply part, row by row.

    Raises RunError when the two parts do not hold the same items in the same order.
    """
    import polars as pl

    if prompts["item_id"].to_list() != replies["item_id"].to_list():
        raise RunError(
            "A reply part does not answer its prompt part.", hint="Remove the run's parts folder and run it again."
        )
    outcomes = [
        _outcome(*row, normalise=normalise)
        for row in zip(
            prompts["lang"],
            prompts["choices"].to_list(),
            prompts["letters"].to_list(),
            prompts["answer"].to_list(),
            prompts["several"],
            replies["text"],
            replies["option_logprobs"].to_list(),
            replies["finish_reason"],
            replies["error"],
            strict=True,
        )
    ]
    made = pl.DataFrame(
        outcomes, schema={name: scores_schema()[name] for name in ("outcome", "chosen", "detail")}, orient="row"
    )
    told = prompts.select(
        "group_id", "task", "split", "source", pl.col("choices").list.len().cast(pl.Int16).alias("n_options")
    )
    return pl.concat([replies.select("model", "setting", "item_id", "lang"), told, made], how="horizontal").select(
        list(scores_schema())
    )


def _outcome(
    lang: str,
    choices: list[str],
    letters: list[str],
    answer: list[int],
    several: bool,
    text: str | None,
    logprobs: list[float] | None,
    finish_reason: str,
    error: str | None,
    *,
    normalise: Normalise,
) -> Outcome:
    if error is not None:
        return "error", None, error
    if logprobs is not None:
        return score_options(logprobs, choices, answer, normalise)
    return score_text(text or "", choices, letters, lang, answer, several=several, finish_reason=finish_reason)


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

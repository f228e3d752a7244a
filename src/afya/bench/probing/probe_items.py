"""One part of items put to one model: the continuation of each question, its tokens' probabilities, its orders.

The executor's stage of a probe run, and the fixed values it works with (judging/probes.yaml).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from afya.bench.asking.literals import prompt_literals
from afya.bench.asking.prompts import option_letters
from afya.bench.probing.probes import halves, min_k, ngram_overlap, published_first, shuffled
from afya.bench.reading.extract_fold import spoken
from afya.datafiles import read_model
from afya.errors import EngineError
from afya.executor import Output
from afya.items import Item, from_frame
from afya.models.base import Generation, LanguageModel, Message, Prompt, Sampling

if TYPE_CHECKING:
    import polars as pl

PROBES = ("overlap", "min_k", "published_first")
"""Columns of what each probe found: n-gram overlap, Min-K% (nats), whether the published order is the likeliest."""

NO_LOGPROBS = "this engine gives no token log-probabilities"
# What lies beyond a millionth of a nat is rounding, which may differ between runs on the same machine.
_DECIMALS = 6


@runtime_checkable
class TokenScoring(Protocol):
    """A model that tells the log-probability (nats) of each token of a text but the first; None if it is too long."""

    def text_logprobs(self, texts: Sequence[str]) -> list[tuple[float, ...] | None]: ...


class ProbeSettings(BaseModel):
    """probes.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: str = Field(min_length=1)
    k: float = Field(gt=0, le=1)
    orders: int = Field(ge=2)
    max_tokens: int = Field(ge=1)


@cache
def probe_settings() -> ProbeSettings:
    """The shipped settings."""
    with as_file(files("afya.bench") / "judging" / "probes.yaml") as path:
        return read_model(path, ProbeSettings)


@cache
def probed_schema() -> dict[str, pl.DataType]:
    """Columns of probes.parquet: one row for each model and item. `role`: benchmark or fresh.

    `continuation`: what the model wrote behind the first half; `overlap` with the second. `tokens` were scored for
    `min_k`. `orders`: the log-likelihood (nats) of the item with its options in the published and other orders;
    `chance` is 1 over their number. Null where a probe does not apply; `detail` says why where that is not plain.
    """
    import polars as pl

    text, number = pl.String(), pl.Float64()
    return {
        **dict.fromkeys(("model", "role", "item_id", "group_id", "lang", "task", "continuation"), text),
        "overlap": number,
        "min_k": number,
        "tokens": pl.Int32(),
        "orders": pl.List(number),
        "published_first": number,
        "chance": number,
        "finish_reason": text,
        "cost_usd": number,
        "detail": text,
    }


@dataclass
class _Row:
    """What was found about one item."""

    continuation: str | None = None
    overlap: float | None = None
    min_k: float | None = None
    tokens: int | None = None
    orders: list[float] | None = None
    published_first: float | None = None
    chance: float | None = None
    finish_reason: str | None = None
    cost_usd: float | None = None
    detail: str | None = None


def probe_part(frame: pl.DataFrame, config: Mapping[str, Any], model: LanguageModel) -> Output:
    """One part of items probed: a row for every item, in the same order.

    `config`: model (its name), sha256, k, orders, max_tokens, instruction, seed.
    Raises EngineError when the loaded model is not the one that the run names, or none of its requests can succeed.
    """
    import polars as pl

    if model.identity.sha256 != config["sha256"]:
        raise EngineError(
            f"The model '{config['model']}' changed since the run began: its files have another hash.",
            hint="Start a new run for the changed model.",
        )
    items = from_frame(frame.drop("role"))
    rows = [_Row() for _ in items]
    _continue(items, rows, config, model)
    if isinstance(model, TokenScoring):
        _score(items, rows, config, model)
    told = frame.select(pl.lit(config["model"]).alias("model"), "role", "item_id", "group_id", "lang", "task")
    names = list(_Row.__dataclass_fields__)
    found = pl.DataFrame(
        [tuple(getattr(row, name) for name in names) for row in rows],
        schema={name: probed_schema()[name] for name in names},
        orient="row",
    )
    return Output(pl.concat([told, found], how="horizontal").select(list(probed_schema())))


def question_text(item: Item) -> str:
    """The item's own text, without its options: the question behind its context."""
    return "\n".join(text for text in (item.context, item.question) if text is not None)


def order_texts(item: Item, orders: int, seed: int) -> list[str]:
    """The item with its options in the published order and others, the letters standing where they stood.

    Empty for tasks whose options are a fixed set, and where options are alike so that orders do not differ.
    Raises ConfigError when the language has no literals, DataError when it has too few letters.
    """
    if item.task != "mcq" or not item.options:
        return []
    line, letters = prompt_literals(item.lang).option_line, option_letters(item)

    def text(order: Sequence[int]) -> str:
        listed = [
            line.replace("{letter}", letter).replace("{text}", item.options[place] if item.options else "")
            for letter, place in zip(letters, order, strict=True)
        ]
        return "\n".join([question_text(item), *listed])

    found = list(dict.fromkeys(text(order) for order in shuffled(len(item.options), orders, f"{seed}:{item.group_id}")))
    return found if len(found) > 1 else []


def _continue(items: Sequence[Item], rows: Sequence[_Row], config: Mapping[str, Any], model: LanguageModel) -> None:
    """What the model writes behind each question's first half, and its overlap with the second."""
    cut = [halves(question_text(item), item.lang) for item in items]
    # A second half without a single run of tokens could overlap with nothing.
    asked = [
        place
        for place, (item, (_, second)) in enumerate(zip(items, cut, strict=True))
        if ngram_overlap(second, "", item.lang) is not None
    ]
    prompts = [Prompt((Message("user", config["instruction"]),), cut[place][0]) for place in asked]
    replies: list[Generation] = model.generate(prompts, Sampling(max_tokens=config["max_tokens"])) if prompts else []
    for place, reply in zip(asked, replies, strict=True):
        row = rows[place]
        row.finish_reason, row.cost_usd = reply.finish_reason, reply.cost_usd
        if reply.error is not None:
            row.detail = reply.error
            continue
        row.continuation = spoken(reply.text).text
        row.overlap = ngram_overlap(cut[place][1], row.continuation, items[place].lang)
    for place in set(range(len(items))) - set(asked):
        rows[place].detail = "too short for an overlap"


def _score(items: Sequence[Item], rows: Sequence[_Row], config: Mapping[str, Any], model: TokenScoring) -> None:
    """Min-K% of each question, and the likelihood of its orders."""
    texts = [question_text(item) for item in items]
    orders = [order_texts(item, config["orders"], config["seed"]) for item in items]
    scored = iter(model.text_logprobs([*texts, *(text for listed in orders for text in listed)]))
    for row in rows:
        logs = next(scored)
        if logs is None:
            row.detail = "; ".join(filter(None, (row.detail, "too long for the model")))
        else:
            found = min_k(logs, config["k"])
            row.min_k = None if found is None else round(found, _DECIMALS)
            row.tokens = len(logs)
    for row, listed in zip(rows, orders, strict=True):
        sums = [None if (logs := next(scored)) is None else round(sum(logs), _DECIMALS) for _ in listed]
        known = [value for value in sums if value is not None]
        if listed and len(known) == len(sums):
            row.orders = known
            row.published_first = published_first(known)
            row.chance = 1 / len(known)

"""Replies: what a model said to each prompt, as a table. Scores are made from it and are never part of it.

A prompt part (a Parquet file of some 500 prompts) becomes a reply part through one model; the function here is the
executor's stage. The key of a reply names everything that shapes it, so that equal keys mean equal replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.asking.cache import ReplyCache, shared_key
from afya.bench.asking.prompts import TEMPLATE_VERSION
from afya.errors import EngineError
from afya.executor import Output
from afya.models.base import (
    Generation,
    LanguageModel,
    Message,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Recorded,
    Sampling,
)
from afya.runs import canonical, sha256_text

if TYPE_CHECKING:
    import polars as pl

STAGE = "replies"
# Sums of log-probabilities are kept to a millionth of a nat: what lies beyond is rounding of the arithmetic, which may
# differ between runs on the same machine.
_DECIMALS = 6


@cache
def prompts_schema() -> dict[str, pl.DataType]:
    """Columns of a prompt part: one row for each item, and for each further order of its options (`rotation`).

    `setting` is the same in a whole part. `options` are continuations to score, null where text is wanted; `choices`,
    `letters` and `answer` are as shown, and `order` gives the item's own index of each place. `prompt_lang` is the
    language of prompt and reply ("en" for translated items). `reference` is the text that an open reply is held
    against, `expected` refuse or comply, `max_tokens` the longest reply; all null where they do not apply.
    """
    import polars as pl

    text, words, places = pl.String(), pl.List(pl.String()), pl.List(pl.Int16())
    return {
        "item_id": text,
        "group_id": text,
        "lang": text,
        "task": text,
        "kind": text,
        "split": text,
        "source": text,
        "setting": text,
        "prompt_lang": text,
        "rotation": pl.Int16(),
        "prompt_sha": text,
        "messages": pl.List(pl.Struct({"role": text, "content": text})),
        "answer_prefix": text,
        "options": words,
        "end_turn": pl.Boolean(),
        "choices": words,
        "letters": words,
        "order": places,
        "answer": places,
        "several": pl.Boolean(),
        "reference": text,
        "expected": text,
        "max_tokens": pl.Int32(),
    }


@cache
def replies_schema() -> dict[str, pl.DataType]:
    """Columns of replies.parquet, and `latency_s`, which the parts hold and timings.parquet keeps apart.

    `option_logprobs` are sums over each option's tokens (nats), `option_tokens` their numbers. `text` is null for a
    reply that was not text, `error` for one that came. `text_en` is what a model said in English where `text` is that
    carried back into the item's language.
    """
    import polars as pl

    text = pl.String()
    return {
        "model": text,
        "setting": text,
        "item_id": text,
        "lang": text,
        "rotation": pl.Int16(),
        "prompt_sha": text,
        "key": text,
        "text": text,
        "text_en": text,
        "option_logprobs": pl.List(pl.Float64()),
        "option_tokens": pl.List(pl.Int32()),
        "finish_reason": text,
        "prompt_tokens": pl.Int32(),
        "completion_tokens": pl.Int32(),
        "cost_usd": pl.Float64(),
        "error": text,
        "latency_s": pl.Float64(),
        "cached": pl.Boolean(),
    }


def reply_key(
    identity: ModelIdentity, prompt_sha: str, sampling: Sampling | None, options: Mapping[str, object]
) -> str:
    """The content address of a reply: model, engine and its options, template, prompt, and how text is drawn.

    `sampling` None stands for option scoring. The identity covers tokenizer and chat template, so that prompt and
    identity together name the rendered text.
    """
    drawn = None if sampling is None else [getattr(sampling, name) for name in Sampling.__slots__]
    described = [identity.engine, identity.sha256, dict(options), TEMPLATE_VERSION, prompt_sha, drawn]
    return sha256_text(canonical(described))


@dataclass(frozen=True)
class Answerer:
    """A loaded model, and the replies that it need not be asked for again: of this run by their key, or of others."""

    model: LanguageModel
    kept: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    cache: ReplyCache | None = None


def reopen(folder: Path) -> dict[str, tuple[object, ...]]:
    """Make a model's parts that hold passing errors unfinished, and give what they hold besides, by key.

    A passing error is a request that got no answer but may get one another time (`unavailable`). The parts' tables
    stay until they are written anew, so nothing that was paid for is lost if this try fails as well.
    """
    import polars as pl

    kept: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.glob("*.parquet")):
        try:
            passing = pl.read_parquet(path, columns=["finish_reason"])["finish_reason"] == "unavailable"
        except pl.exceptions.PolarsError:
            continue  # not a part that was finished; it is made again
        if passing.any():
            path.with_suffix(".json").unlink(missing_ok=True)
            frame = pl.read_parquet(path, columns=["key", *_REPLY]).select("key", *_REPLY)
            kept.update((row[0], row[1:]) for row in frame.filter(~passing).iter_rows())
    return kept


def answer_part(frame: pl.DataFrame, config: Mapping[str, Any], state: Answerer) -> Output:
    """One prompt part answered by a model: a reply for every row, in the same order.

    `config`: model (its name in the run), engine, sha256, options (those that shape replies), sampling (mapping; a
    row's own `max_tokens` stands in for its). Rows with `options` are scored, the others are answered in words.

    Raises:
        EngineError: the loaded model is not the one that the run names, or answered another number of requests.
    """
    import polars as pl

    model = state.model
    if model.identity.sha256 != config["sha256"]:
        raise EngineError(
            f"The model '{config['model']}' changed since the run began: its files have another hash.",
            hint="Start a new run for the changed model.",
        )
    samplings = [_sampling(config["sampling"], most) for most in frame["max_tokens"]]
    keys = [
        reply_key(model.identity, sha, sampling, config["options"])
        for sha, sampling in zip(frame["prompt_sha"], samplings, strict=True)
    ]
    replies = _known(keys, state)
    open_rows = [place for place, reply in enumerate(replies) if reply is None]
    answered = _ask(model, frame[open_rows], samplings[0] if samplings else None)
    if len(answered) != len(open_rows):
        raise EngineError(f"The model '{config['model']}' gave {len(answered)} answers to {len(open_rows)} requests.")
    for place, answer in zip(open_rows, answered, strict=True):
        replies[place] = (*_columns(answer), False)
    if state.cache is not None and not isinstance(model, Recorded):
        fresh = [(keys[place], replies[place]) for place in open_rows]
        state.cache.keep(
            (shared_key(key, model.identity), reply[:-1])
            for key, reply in fresh
            if reply is not None and reply[_ERROR] is None
        )
    table = pl.DataFrame(replies, schema={name: replies_schema()[name] for name in _REPLY}, orient="row")
    told = frame.select(
        pl.lit(config["model"]).alias("model"),
        *("setting", "item_id", "lang", "rotation", "prompt_sha"),
        pl.Series("key", keys, dtype=pl.String),
        pl.lit(None, pl.String).alias("text_en"),
    )
    return Output(pl.concat([told, table], how="horizontal").select(list(replies_schema())))


def _known(keys: Sequence[str], state: Answerer) -> list[tuple[object, ...] | None]:
    """What need not be asked: replies of this run, and of others; None for the rest."""
    replies = [state.kept.get(key) for key in keys]
    if state.cache is None or isinstance(state.model, Recorded):
        return replies
    wanted = {shared_key(key, state.model.identity): key for key, reply in zip(keys, replies, strict=True) if not reply}
    found = {wanted[name]: (*reply, True) for name, reply in state.cache.known(list(wanted)).items()}
    return [found.get(key) if reply is None else reply for key, reply in zip(keys, replies, strict=True)]


def _ask(model: LanguageModel, frame: pl.DataFrame, sampling: Sampling | None) -> Sequence[Generation | OptionScores]:
    """The answers to the rows of a prompt part."""
    if isinstance(model, Recorded):
        # Its letters are those of the options' own order: with others it would be read wrongly.
        turned = Generation("", "error", 0, 0, 0.0, "the file's replies are to the options in their own order")
        found = model.recall(frame["item_id"].to_list())
        return [
            turned if rotation else reply for reply, rotation in zip(found, frame["rotation"].fill_null(0), strict=True)
        ]
    rows = frame.select("messages", "answer_prefix", "options", "end_turn").rows()
    prompts = [Prompt(tuple(Message(**message) for message in messages), prefix) for messages, prefix, _, _ in rows]
    if sampling is None:
        requests = [
            OptionRequest(prompt, tuple(options), bool(end_turn))
            for prompt, (_, _, options, end_turn) in zip(prompts, rows, strict=True)
        ]
        return model.score_options(requests)
    return model.generate(prompts, sampling)


_REPLY = (
    "text",
    "option_logprobs",
    "option_tokens",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "error",
    "latency_s",
    "cached",
)
_ERROR = _REPLY.index("error")


def _columns(reply: Generation | OptionScores) -> tuple[object, ...]:
    if isinstance(reply, OptionScores):
        sums = None if reply.logprobs is None else [round(value, _DECIMALS) for value in reply.logprobs]
        reason = "error" if reply.error else "stop"
        tokens = list(reply.tokens)
        return None, sums, tokens, reason, reply.prompt_tokens, 0, None, reply.error, reply.latency_s
    text = None if reply.error else reply.text
    numbers = (reply.prompt_tokens, reply.completion_tokens, reply.cost_usd)
    return text, None, None, reply.finish_reason, *numbers, reply.error, reply.latency_s


def _sampling(told: Mapping[str, Any], most: int | None) -> Sampling | None:
    """How a row's text is drawn; None where its options are scored."""
    return None if most is None else Sampling(**{**told, "stop": tuple(told["stop"]), "max_tokens": most})

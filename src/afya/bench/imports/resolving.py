"""From what was read to prompts and replies: right answers and predictions become indices of options.

What a whole import decides once is decided in deciding.py; `resolve` then takes part by part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from afya.bench.asking.replies import prompts_schema, replies_schema
from afya.bench.imports.choices import Base, Choice, read_choice, verdict
from afya.bench.imports.deciding import Decided
from afya.bench.imports.frames import conversations, frame_of
from afya.bench.imports.values import LATIN, read_languages
from afya.bench.reading.extract_fold import option_words
from afya.runs import canonical, sha256_text
from afya.sources.source import Malformed

if TYPE_CHECKING:
    import polars as pl

NO_REPLY = "no reply in the file"
_REASONS = {"max_tokens": "length", "model_length": "length", "content_filter": "filtered", "refusal": "filtered"}


@cache
def verdicts_schema() -> dict[str, pl.DataType]:
    """Columns of verdicts.parquet, row by row beside scores.parquet.

    `prediction`: the publisher's reading of the answer, in the item's own order, `written` as it stands in the file;
    `has_reply`: whether there is a reply for us to read; `by_prediction`, `by_correct`: the
    outcome that follows from it and from the publisher's verdict; `by_text`: where the right answer is no option, the
    outcome of comparing texts; `known`: whether the right answer is known. `counted`: the outcome that counts, null
    where our own reading does. `n_options`: null where it is not known.
    """
    import polars as pl

    text = pl.String()
    return {
        **dict.fromkeys(("model", "setting", "item_id", "lang", "task", "place"), text),
        "prediction": pl.List(pl.Int16()),
        "written": text,
        "has_reply": pl.Boolean(),
        "by_prediction": text,
        "by_correct": text,
        "by_text": text,
        "known": pl.Boolean(),
        "counted": text,
        "counted_chosen": pl.List(pl.Int16()),
        "n_options": pl.Int16(),
    }


def resolve(
    rows: pl.DataFrame, decided: Decided, source: str, fault: Callable[[str, str], None]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(prompts, replies, verdicts) of some entries joined with their items (columns ending in `_item`)."""
    made = [_row(row, decided, source, fault) for row in rows.iter_rows(named=True)]
    asked = conversations("messages", [one[0]["messages"] for one in made])
    prompts = frame_of(
        [tuple(map({**one[0], "messages": None}.get, prompts_schema())) for one in made], prompts_schema()
    )
    replies, verdicts = (
        frame_of([tuple(map(one[at].get, schema)) for one in made], schema)
        for at, schema in ((1, replies_schema()), (2, verdicts_schema()))
    )
    return prompts.with_columns(asked.cast(prompts_schema()["messages"])), replies, verdicts


def _row(
    row: dict[str, Any], decided: Decided, source: str, fault: Callable[[str, str], None]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    lang = row["lang"]
    own = row["options_item"]
    options = row["options"] or own
    given = options is not None
    labels = row["labels"] if row["options"] and row["labels"] else row["labels_item"] or row["labels"] or []
    if options is None:
        options = list(decided.words) if decided.words else [""] * decided.count
        own = options
    order = _order(options, own) if given and row["options"] and row["options_item"] else None
    letters = labels if len(labels) >= len(options) else list(LATIN[: len(options)])
    answer = _choice(row["answer"] or row["answer_item"], letters, options, lang, decided.answer_base)
    unlisted = answer.chosen is None and answer.text is not None
    if unlisted:
        fault("answer_no_option", f"{row['item_id']}: {answer.text:.40}")
    known = answer.chosen is not None or unlisted
    written = (
        row["prediction"]
        if row["prediction"] is not None
        else (json.dumps(row["reply"]) if decided.bare and row["reply"] is not None else None)
    )
    prediction = _choice(written, letters, options, lang, decided.prediction_base)
    replies = _reply(row, decided)
    by_prediction = _by_prediction(written, prediction, answer, unlisted)
    if written is None and decided.predicted and (row["reply"] is not None or row["correct"] is not None):
        by_prediction = "unparseable"  # the publisher read none from it
    by_correct = _by_correct(row, fault)
    by_text = None
    if unlisted and row["reply"] is not None and replies["error"] is None:
        by_text = "correct" if _same(row["reply"], answer.text) else "wrong"
    counted = {"ours": by_text, "prediction": by_prediction, "correct": by_correct}[decided.score_by]
    if replies["error"] is not None:
        counted = "error"
    elif replies["absent"]:
        counted = "empty"
    elif counted is None and decided.score_by != "ours":
        counted = "error"
        replies["error"] = "nothing to score by in the file"
    elif not known and decided.score_by != "correct":
        counted = "error"
        replies["error"] = "the right answer is not known"
        fault("no_answer_key", row["item_id"])
    chosen = None if prediction.chosen is None else _own(prediction.chosen, order)
    several = bool(row["several"]) or len(answer.chosen or ()) > 1
    asked = row["prompt"] or "\n".join(text for text in (row["context"], row["question"]) if text)
    sha = _asked_sha(asked, tuple(options))
    prompts = {
        "item_id": row["item_id"],
        "group_id": row["group_id"],
        "lang": lang,
        "task": row["task"],
        "kind": "choice",
        "split": "test",
        "source": source,
        "setting": row["setting"],
        "prompt_lang": lang if lang in read_languages() else "en",
        "rotation": 0,
        "prompt_sha": sha,
        "messages": asked,
        "answer_prefix": "",
        "options": options if row["logprobs"] is not None else None,
        "end_turn": False,
        "choices": options,
        "letters": letters[: len(options)],
        "order": order or list(range(len(options))),
        "answer": list(answer.chosen or ()),
        "several": several,
    }
    replies |= {
        "model": row["model"],
        "setting": row["setting"],
        "item_id": row["item_id"],
        "lang": lang,
        "rotation": 0,
        "prompt_sha": sha,
        "key": sha256_text(
            "\x1f".join((row["model"], row["setting"], row["item_id"], sha, row["reply"] or "", str(row["logprobs"])))
        ),
        "cached": False,
        "latency_s": 0.0,
    }
    counts = len(options) if given or decided.words or decided.score_by != "correct" else None
    verdicts = {
        **{name: row[name] for name in ("model", "setting", "item_id", "lang", "task", "place")},
        "prediction": chosen,
        "written": None if written is None else _short(written),
        "has_reply": (bool(row["reply"]) or row["logprobs"] is not None) and replies["error"] is None,
        "by_prediction": by_prediction,
        "by_correct": by_correct,
        "by_text": by_text,
        "known": known,
        "counted": counted,
        "counted_chosen": chosen if counted in ("correct", "wrong") and decided.score_by != "ours" else None,
        "n_options": counts,
    }
    return prompts, replies, verdicts


@lru_cache(maxsize=65536)
def _asked_sha(asked: str, options: tuple[str, ...]) -> str:
    return sha256_text(canonical([asked, list(options)]))


def _choice(value: str | None, letters: Sequence[str], options: Sequence[str], lang: str, base: Base) -> Choice:
    return Choice() if value is None else _read(value, tuple(letters), tuple(options), lang, base)


@lru_cache(maxsize=65536)
def _read(value: str, letters: tuple[str, ...], options: tuple[str, ...], lang: str, base: Base) -> Choice:
    """Several models answer a question, and its right answer is read once."""
    return read_choice(json.loads(value), letters, options, lang, base)


def _order(options: Sequence[str], own: Sequence[str]) -> list[int] | None:
    """The item's own index of each shown place; None where the order is the item's own."""
    if list(options) == list(own):
        return None
    places = {text: at for at, text in enumerate(own)}
    return [places[text] for text in options]


def _own(chosen: Sequence[int], order: Sequence[int] | None) -> list[int]:
    return sorted(order[place] for place in chosen) if order else list(chosen)


def _reply(row: dict[str, Any], decided: Decided) -> dict[str, Any]:
    """What the reply's columns hold; `absent` where there is none and that counts as wrong."""
    scored = row["logprobs"] is not None
    lacks = {
        "ours": row["reply"] is None and not scored,
        "prediction": row["prediction"] is None and row["reply"] is None and row["correct"] is None,
        "correct": row["correct"] is None,
    }[decided.score_by]
    error = row["error"] or (NO_REPLY if row["place"] is None else "the reply is null in the file" if lacks else None)
    absent = error is not None and decided.missing == "wrong"
    finish = _REASONS.get(row["finish_reason"] or "", row["finish_reason"] or "stop")
    if absent:
        error = None
    # A reader of the report sees the prediction where the reply itself was not published.
    said = row["reply"] if row["reply"] is not None or row["prediction"] is None else _short(row["prediction"])
    kept = None if error is not None or scored else said
    return {
        "text": "" if absent else kept,
        "option_logprobs": row["logprobs"] if error is None and not absent else None,
        "option_tokens": None,
        "finish_reason": "error" if error else finish,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "error": error,
        "absent": absent,
    }


def _by_prediction(written: str | None, prediction: Choice, answer: Choice, unlisted: bool) -> str | None:
    if written is None:
        return None
    if unlisted:
        said = prediction.text if prediction.text is not None else str(json.loads(written))
        return "correct" if _same(said, answer.text) else "wrong"
    if prediction.chosen is not None:
        return "correct" if prediction.chosen == answer.chosen else "wrong"
    return "empty" if prediction.text is None and json.loads(written) in ("", None, []) else "unparseable"


def _by_correct(row: dict[str, Any], fault: Callable[[str, str], None]) -> str | None:
    if row["correct"] is None:
        return None
    try:
        right, partial = verdict(json.loads(row["correct"]))
    except Malformed as error:
        fault("no_verdict", f"{row['place']}: {error.detail}")
        return None
    if partial:
        fault("partial_credit", str(row["place"]))
    return None if right is None else "correct" if right else "wrong"


def _same(said: str, wanted: str | None) -> bool:
    return bool(wanted) and option_words(said) == option_words(str(wanted))


def _short(written: str) -> str:
    value = json.loads(written)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:200]

"""What judges say, part by part: the executor's stage, and verdicts asked once and kept.

A judge's reply is found again by its key (judge, its settings, the question), wherever under the run's judging folder
it was made: another wording, another judge or a reply that changed asks only what was not asked before. What was not
answered, but may be another time, is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.judging.judge_questions import questions_schema
from afya.bench.judging.judge_wording import read_verdict, wording
from afya.errors import EngineError
from afya.executor import Output
from afya.models.base import Generation, LanguageModel, Message, Prompt, Sampling
from afya.runs import canonical, sha256_text

if TYPE_CHECKING:
    import polars as pl

STAGE = "judge:replies"
_SAID = ("text", "finish_reason", "prompt_tokens", "completion_tokens", "cost_usd", "error")
_NOT_KEPT = ("messages", "answer_prefix", "max_tokens")
_AGAIN = "unavailable"

Row = tuple[object, ...]


@cache
def judged_parts_schema() -> dict[str, pl.DataType]:
    """Columns of a part of judges' replies, and of judgements.parquet but for `verdict` and `reason`."""
    import polars as pl

    asked = {name: kind for name, kind in questions_schema().items() if name not in _NOT_KEPT}
    return {
        "judge": pl.String(),
        **asked,
        "key": pl.String(),
        "text": pl.String(),
        "finish_reason": pl.String(),
        "prompt_tokens": pl.Int32(),
        "completion_tokens": pl.Int32(),
        "cost_usd": pl.Float64(),
        "error": pl.String(),
    }


@dataclass
class Judge:
    """A loaded judge, and what it said before by key; grows as it is asked."""

    model: LanguageModel
    kept: dict[str, Row] = field(default_factory=dict)


def kept_replies(folders: list[Path]) -> dict[str, Row]:
    """What a judge said in the parts of some folders, by key; without requests that may be answered another time."""
    import polars as pl

    kept: dict[str, Row] = {}
    for path in sorted(path for folder in folders for path in folder.glob("p-*.parquet")):
        try:
            frame = pl.read_parquet(path, columns=["key", *_SAID])
        except (OSError, pl.exceptions.PolarsError):
            continue  # a part of another make; what it held is asked again
        kept.update((row[0], row[1:]) for row in frame.select("key", *_SAID).iter_rows() if row[2] != _AGAIN)
    return kept


def reopen(folder: Path) -> None:
    """Make parts unfinished that hold requests which may be answered another time."""
    import polars as pl

    for path in sorted(folder.glob("p-*.parquet")):
        try:
            again = (pl.read_parquet(path, columns=["finish_reason"])["finish_reason"] == _AGAIN).any()
        except (OSError, pl.exceptions.PolarsError):
            again = True
        if again:
            path.with_suffix(".json").unlink(missing_ok=True)


def judge_part(frame: pl.DataFrame, config: Mapping[str, Any], state: Judge) -> Output:
    """One part of questions answered by a judge: a row for every question, in the same order.

    `config`: judge (its name), engine, sha256, options (those that shape replies), sampling (temperature, seed).

    Raises EngineError when the loaded model is not the one that the run names, or none of its requests can succeed.
    """
    import polars as pl

    model = state.model
    if model.identity.sha256 != config["sha256"]:
        raise EngineError(
            f"The judge '{config['judge']}' changed since the run began: its files have another hash.",
            hint="Give the changed model a name of its own: --judge NAME=SPEC",
        )
    rows = frame.select("max_tokens", "prompt_sha", "messages").rows()
    samplings = {longest: Sampling(max_tokens=longest, **config["sampling"]) for longest, _, _ in rows}
    told = [_key(config, samplings[longest], sha) for longest, sha, _ in rows]
    for longest, sampling in sorted(samplings.items()):
        # Two models may have said the same: their judge is asked once.
        waiting = {
            key: Prompt(tuple(Message(**message) for message in messages))
            for key, (most, _, messages) in zip(told, rows, strict=True)
            if most == longest and key not in state.kept
        }
        replies = model.generate(list(waiting.values()), sampling) if waiting else []
        if len(replies) != len(waiting):
            raise EngineError(f"The judge '{config['judge']}' gave {len(replies)} replies to {len(waiting)} questions.")
        state.kept.update((key, _columns(reply)) for key, reply in zip(waiting, replies, strict=True))
    said = pl.DataFrame(
        [state.kept[key] for key in told],
        schema={name: judged_parts_schema()[name] for name in _SAID},
        orient="row",
    )
    # Unanswered ones are forgotten, so that another part asks them again.
    for key in set(told):
        if state.kept[key][1] == _AGAIN:
            del state.kept[key]
    table = frame.with_columns(pl.lit(config["judge"]).alias("judge"), pl.Series("key", told, dtype=pl.String))
    return Output(pl.concat([table, said], how="horizontal").select(list(judged_parts_schema())))


def with_verdicts(frame: pl.DataFrame) -> pl.DataFrame:
    """Judges' replies with `verdict` (null: none) and `reason` (why there is none)."""
    import polars as pl

    found: list[tuple[str | None, str | None]] = []
    for asking, code, text, finish_reason, error in frame.select(
        "asking", "code", "text", "finish_reason", "error"
    ).iter_rows():
        if error is not None:
            found.append((None, "error"))
        else:
            found.append(read_verdict(text, code, wording(asking).verdicts, finish_reason))
    schema = {"verdict": pl.String(), "reason": pl.String()}
    return frame.hstack(pl.DataFrame(found, schema=schema, orient="row"))


def _key(config: Mapping[str, Any], sampling: Sampling, prompt_sha: str) -> str:
    return sha256_text(canonical([config["engine"], config["sha256"], config["options"], asdict(sampling), prompt_sha]))


def _columns(reply: Generation) -> Row:
    text = None if reply.error else reply.text
    return text, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens, reply.cost_usd, reply.error

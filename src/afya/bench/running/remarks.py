"""What a person should know of a run beside its figures: what is asked otherwise, what is not, what did not come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afya.bench.running.plan import Plan, dataset_langs
from afya.languages import core_codes

_NUMBERS = re.compile(r"\d[\d,.]*")
_MOST = 3
"""Kinds of errors that are told of a model."""


def notes(planned: Plan) -> list[str]:
    """What is done otherwise than was asked, in sentences."""
    told = [
        f"{group.name}: {group.task.rejected} rows of its source were left out; "
        f"{group.task.dataset / 'ledger.parquet'} names them."
        for group in planned.sets
        if group.task is not None and group.task.rejected
    ]
    told += _left_out(planned)
    for model in planned.asked:
        changed = {
            setting.name: model.can(setting).name
            for group in planned.sets
            for setting in group.settings
            if model.can(setting) != setting
        }
        if changed and model.engine != "replies":
            why = "compares whole texts" if model.scores == "texts" else "scores no given options"
            words = ", ".join(f"{name} is asked as {used}" for name, used in changed.items())
            told.append(f"{model.name}: it {why}, so {words}.")
        left = [group.name for group in planned.sets if group.kind != "choice"] if model.scores == "texts" else []
        if left:
            told.append(f"{model.name}: it writes nothing, so it is not asked about {', '.join(left)}.")
    return told


def _left_out(planned: Plan) -> list[str]:
    """Languages and datasets of which nothing is asked, in sentences."""
    told = []
    for group in planned.sets:
        declared = None if group.task is None else group.task.langs
        wanted = planned.request.langs or declared or core_codes()
        have = sorted(set(dataset_langs(group.datasets)))
        splits = planned.request.splits if group.task is None else group.task.splits
        empty = [code for code in have if code in wanted and code not in group.chosen.langs]
        if empty:
            told.append(f"{group.name}: no item in {', '.join(empty)} can be asked of split {', '.join(splits)}.")
        others = [code for code in have if code not in wanted]
        if others and planned.request.langs is None and declared is None:
            told.append(f"{group.name}: it has {', '.join(others)} as well, asked when named with --langs.")
        unused = [str(path) for path in group.chosen.unused]
        if unused:
            told.append(f"{', '.join(unused)}: nothing of it is asked; look at --langs, --split and --tasks.")
    return told


def remarks(run: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Sentences on models without a chat template, and on each model's errors, the most frequent kinds first."""
    return [*_plain_texts(manifest), *_errors(run / "replies.parquet")]


def _plain_texts(manifest: Mapping[str, Any]) -> list[str]:
    shown = manifest.get("first_prompts", [])
    plain = dict.fromkeys(entry["model"] for entry in shown if entry.get("chat_template") is False)
    return [f"{model}: its tokenizer has no chat template, so it reads prompts as plain text." for model in plain]


def _errors(replies: Path) -> list[str]:
    """A sentence a model. Errors that differ in their numbers alone are one kind."""
    import polars as pl

    table = pl.scan_parquet(replies).group_by("model", maintain_order=True)
    totals = dict(table.len().collect().iter_rows())
    lost = (
        pl.scan_parquet(replies)
        .filter(pl.col("error").is_not_null())
        .group_by("model", "error", "finish_reason", maintain_order=True)
        .len()
        .collect()
    )
    told = []
    for model, total in totals.items():
        kinds: dict[str, tuple[str, int]] = {}
        again = 0
        for _, error, reason, count in lost.filter(pl.col("model") == model).iter_rows():
            example, before = kinds.get(_NUMBERS.sub("0", error), (error, 0))
            kinds[_NUMBERS.sub("0", error)] = example, before + count
            again += count if reason == "unavailable" else 0
        if not kinds:
            continue
        most = sorted(kinds.values(), key=lambda kind: -kind[1])
        words = "; ".join(f"{count:,} x {error[:200].rstrip('.')}" for error, count in most[:_MOST])
        if len(most) > _MOST:
            words += f"; and {sum(count for _, count in most[_MOST:]):,} others"
        sentence = f"{model}: {sum(count for _, count in most):,} of {total:,} replies did not come ({words})."
        if again:
            sentence += f" The same command asks for {again:,} of them again."
        told.append(sentence)
    return told

"""What a person should know of a finished run before reading its figures: replies that did not come, odd prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NUMBERS = re.compile(r"\d[\d,.]*")
_MOST = 3
"""Kinds of errors that are told of a model."""


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

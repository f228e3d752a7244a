"""Scoring a million written replies again, beside reading each reply alone in a loop.

Replies are of the shapes that models write (a letter, a sentence that commits, a quoted option, reasoning, a refusal)
in four languages, each item's wording its own, so that few are alike. The loop is timed over fewer replies and scaled.
The aims are 60 s and 2 GB for 1,000,000; AFYA_BENCH_ROWS makes it smaller.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import polars as pl

ROWS = int(os.environ.get("AFYA_BENCH_ROWS", "1000000"))
PART = 500
LOOPED = 20_000
AIM_S, AIM_GB = 60.0, 2.0

SAID = {
    "en": (
        "Answer: {letter}",
        "The best choice here is {letter}, since case {n} needs it.",
        "{text}",
        "I cannot answer.",
    ),
    "sw": ("Jibu: {letter}", "Jibu sahihi ni {letter} kwa mgonjwa wa {n}.", "{text}", "Samahani, siwezi kujibu."),
    "zh": ("答案：{letter}", "综合考虑病例{n}，正确答案是{letter}。", "{text}", "抱歉，我无法回答。"),
    "yo": ("Ìdáhùn: {letter}", "Ìdáhùn tó tọ́ fún ọ̀ràn {n} ni {letter}.", "{text}", "Mi ò lè dáhùn."),
}
LETTERS = ("A", "B", "C", "D")


ALIKE = {
    "model": "bench",
    "setting": "generate",
    "task": "mcq",
    "kind": "choice",
    "split": "test",
    "source": "bench",
    "rotation": 0,
    "several": False,
    "finish_reason": "stop",
    "latency_s": 0.1,
    "cached": False,
}


def _of(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The frame's columns that a schema has, the others null."""
    import polars as pl

    have = [pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in schema]
    return frame.select(have).cast(schema)  # type: ignore[arg-type]


def make_run(run: Path, rows: int) -> None:
    """A run folder with so many replies, in parts, as 'afya bench run' leaves it."""
    import polars as pl

    from afya.bench.asking.replies import prompts_schema, replies_schema
    from afya.bench.running.outputs import PAIRS, Pair
    from afya.runs import write_frame

    pairs = []
    for number in range(rows // PART):
        ids = range(number * PART, (number + 1) * PART)
        lang = tuple(SAID)[number % len(SAID)]
        choices = [[f"{what} {item}" for what in ("fever", "water", "salt and sugar", "cough")] for item in ids]
        said = [
            SAID[lang][item % 4].format(letter=LETTERS[item * 3 % 4], n=item, text=texts[item * 5 % 4])
            for item, texts in zip(ids, choices, strict=True)
        ]
        named = pl.DataFrame({"item_id": [f"bench:{item}:{lang}" for item in ids]}).with_columns(
            *(pl.lit(value).alias(name) for name, value in ALIKE.items()),
            pl.lit(lang).alias("lang"),
            pl.lit(lang).alias("prompt_lang"),
            pl.Series("group_id", [f"bench:{item}" for item in ids]),
            pl.Series("choices", choices),
            pl.Series("letters", [list(LETTERS)] * PART),
            pl.Series("order", [[0, 1, 2, 3]] * PART),
            pl.Series("answer", [[item * 7 % 4] for item in ids]),
            pl.Series("text", said),
        )
        asked = run / "parts" / "prompts-data~generate" / f"data~generate-{number:05d}.parquet"
        answered = run / "parts" / "bench" / asked.name
        write_frame(asked, _of(named, prompts_schema()))
        write_frame(answered, _of(named, replies_schema()))
        pairs.append(Pair(asked, answered).within(run))
    (run / "parts" / PAIRS).write_text(json.dumps(pairs))
    (run / "manifest.json").write_text(json.dumps({"command": "bench run", "recipe": {"normalise": "none"}}))


def loop(run: Path, rows: int) -> float:
    """Seconds that reading each reply alone would take, from its first `rows`."""
    import polars as pl

    from afya.bench.scoring.score import score_text

    parts = sorted((run / "parts" / "bench").glob("*.parquet"))[: rows // PART]
    started = time.perf_counter()
    for part in parts:
        asked = pl.read_parquet(run / "parts" / "prompts-data~generate" / part.name).iter_rows(named=True)
        for prompt, reply in zip(asked, pl.read_parquet(part).iter_rows(named=True), strict=True):
            score_text(reply["text"], prompt["choices"], prompt["letters"], prompt["lang"], prompt["answer"])
    return time.perf_counter() - started


def _rescore(run: Path) -> None:
    """Score again in a process of its own, and tell seconds, the most memory (GB), and how many were correct."""
    import polars as pl

    from afya.bench.running.rescore import rescore

    started = time.perf_counter()
    done = rescore(run)
    seconds = time.perf_counter() - started
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (os.cpu_count() or 1)
    )
    correct = int((pl.read_parquet(run / "scores.parquet", columns=["outcome"])["outcome"] == "correct").sum())
    (run / "told.json").write_text(json.dumps([seconds, kib * 1024 / 1e9, done.rows, correct]))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        make_run(run, ROWS)
        worker = multiprocessing.get_context("spawn").Process(target=_rescore, args=(run,))
        worker.start()
        worker.join()
        if worker.exitcode:
            raise SystemExit("scoring again failed")
        seconds, memory, rows, correct = json.loads((run / "told.json").read_text())
        looped = loop(run, min(LOOPED, ROWS)) * ROWS / min(LOOPED, ROWS)
    table = Table(title=f"{rows:,} replies scored again (aims: {AIM_S:.0f} s, {AIM_GB:.0f} GB for 1,000,000)")
    for name in ("way", "seconds", "replies a second", "most memory, GB"):
        table.add_column(name, justify="left" if name == "way" else "right")
    table.add_row("afya bench rescore", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{memory:.2f}")
    table.add_row("one by one in a loop (scaled)", f"{looped:.1f}", f"{rows / looped:,.0f}", "")
    table.caption = f"{looped / seconds:.1f} times the loop; {correct:,} correct. Memory: all processes together."
    Console().print(table)


if __name__ == "__main__":
    main()

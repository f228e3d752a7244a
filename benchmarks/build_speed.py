"""`afya data build` of half a million items on two cores: seconds, memory, and what became of the rows.

The corpus: MedQuAD and multiple-choice sets in seven languages, repeated with seeded edits (the same in other case and
punctuation; a few words replaced; so many replaced that it is another text) until there are enough rows. The recipe
reads, screens, normalises, removes duplicates, keeps MMLU's medical subjects out, and writes. The command runs as users
run it, in processes of its own; their memory is sampled together (proportional set size, so shared pages count once).
The files are looked for in ../shared, or where AFYA_SHARED says.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from afya.folders import DatasetWriter, read_dataset
from afya.items import Item, from_frame
from afya.languages import language
from afya.runs import Ledger
from afya.sources import import_source

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
ROWS, WORKERS = 500_000, 2
SOURCES = {
    "medquad": "medquad",
    "medqa": "medqa_usmle",
    "medmcqa": "medagents_en/medmcqa",
    "mmlu-pro": "medagents_en/mmlu-pro",
    "casimedicos": "casimedicos",
    "frenchmedmcqa": "frenchmedmcqa",
    "apollo": "apollo_xmedbench",
    "igakuqa119": "igakuqa119",
}
BENCHMARK = ("mmlu", "mmlu_medical_en")
# What a repetition is: the share of words that are replaced, as often as it stands here.
EDITS = (0.0, 0.0, 0.01, 0.02, 0.5, 0.6, 0.7)
_RECIPE = """
name: build-speed
sources: [{{dataset: {corpus}, name: bulk}}]
licences: {{non_commercial: true, share_alike: true, unknown: true}}
screen: true
normalise: true
exact_duplicates: true
near_duplicates: true
decontaminate: {{benchmarks: [{benchmark}]}}
split: {{dev: 0.01}}
"""


def corpus(out: Path, rows: int, console: Console) -> None:
    """Write `rows` items as the dataset folder `out/corpus`, and the benchmark's as `out/benchmark`."""
    import_source(BENCHMARK[0], SHARED / BENCHMARK[1], out / "benchmark", split="test")
    originals: list[Item] = []
    for name, place in SOURCES.items():
        if (SHARED / place).exists():
            import_source(name, SHARED / place, out / name)
            for frame in read_dataset(out / name):
                originals += from_frame(frame)
    originals.sort(key=lambda item: item.item_id)
    console.print(f"{len(originals):,} items read from {len(SOURCES)} sets")
    writer = DatasetWriter(out / "corpus", {"command": "benchmark", "rows": rows})
    for item in _repeated(originals, rows):
        writer.add(item)
    ledger = Ledger()
    ledger.add("repeat", rows, rows)
    writer.finish(ledger, "Repeated rows, for measuring.")


def _repeated(originals: Sequence[Item], rows: int) -> Iterator[Item]:
    draw = random.Random(1)
    vocabulary = {
        code: [piece for item in originals if item.lang == code for piece in _pieces(item.question, code)][:20_000]
        for code in sorted({item.lang for item in originals})
    }
    for number in range(rows):
        item = originals[number % len(originals)]
        if number >= len(originals):
            share = draw.choice(EDITS)
            words = vocabulary[item.lang]
            question = _edited(item.question, item.lang, share, words, draw)
            answer = item.answer_text if item.options else _edited(item.answer_text, item.lang, share, words, draw)
            context = _edited(item.context, item.lang, share, words, draw)
            item = replace(item, question=question or "", answer_text=answer, context=context)
        group = f"{item.group_id}-{number // len(originals)}"
        yield replace(item, group_id=group, item_id=f"{group}:{item.lang}", split="train")


def _edited(text: str | None, lang: str, share: float, words: Sequence[str], draw: random.Random) -> str | None:
    if not text:
        return text
    pieces = _pieces(text, lang)
    if share == 0:
        pieces[0] = pieces[0].upper()
    for place in draw.sample(range(len(pieces)), round(share * len(pieces))):
        pieces[place] = draw.choice(words)
    return (" " if language(lang).spaced else "").join(pieces)


def _pieces(text: str, lang: str) -> list[str]:
    return text.split(" ") if language(lang).spaced else list(text)


def _memory(pid: int) -> int:
    """Bytes held by a process and those it started; 0 once it is gone."""
    total = 0
    waiting = [pid]
    while waiting:
        number = waiting.pop()
        try:
            for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return total


def main(rows: int = ROWS) -> None:
    """Print the tables."""
    console = Console()
    if not (SHARED / "medquad").is_dir():
        console.print(f"not measured: {SHARED} has no medquad")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus(folder, rows, console)
        (folder / "recipe.yaml").write_text(
            _RECIPE.format(corpus=json.dumps(str(folder / "corpus")), benchmark=json.dumps(str(folder / "benchmark")))
        )
        command = [sys.executable, "-m", "afya.cli.main", "data", "build", str(folder / "recipe.yaml")]
        command += ["--out", str(folder / "built"), "--workers", str(WORKERS)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        with (folder / "output.txt").open("w") as output:
            running = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            most = 0
            while running.poll() is None:
                most = max(most, _memory(running.pid))
                time.sleep(0.2)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if running.returncode:
            console.print((folder / "output.txt").read_text())
            sys.exit(f"the build failed with exit code {running.returncode}")
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        ledger = Ledger.from_frame(pl.read_parquet(folder / "built" / "ledger.parquet"))
    table = Table(title=f"afya data build of {rows:,} items, {WORKERS} workers (aim: under 180 s and 2 GB)")
    for column in ("seconds", "CPU seconds", "most memory, GB"):
        table.add_column(column, justify="right")
    table.add_row(f"{seconds:.0f}", f"{used:.0f}", f"{most / 1e9:.2f}")
    stages = Table(title="Rows")
    for column in ("stage", "in", "out", "rejected"):
        stages.add_column(column, justify="left" if column == "stage" else "right")
    for stage in ledger.rows_in:
        stages.add_row(
            stage,
            f"{ledger.rows_in[stage]:,}",
            f"{ledger.rows_out[stage]:,}",
            ", ".join(f"{reason} {count:,}" for reason, count in ledger.reasons(stage).most_common(4)),
        )
    console.print(table, stages)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

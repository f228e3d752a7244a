"""The recorded run of docs/real-run.md: import every public set at hand, measure a model on all choice items, report.

    python -m benchmarks.real_run DATA_FOLDER MODEL_FOLDER OUT

prints the tables of that page as Markdown: commands, seconds, peak memory, counts by source, language and split, and
rejections by reason. Sets whose files are not in DATA_FOLDER are named and left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from afya.bench.asking import literals
from afya.items import SPLITS
from afya.runs import Ledger, read_json

FOLDERS = {
    "medqa": "medqa_usmle",
    "medmcqa": "medagents_en/medmcqa",
    "mmlu": "mmlu_medical_en",
    "mmlu-pro": "medagents_en/mmlu-pro",
    "pubmedqa": "pubmedqa",
    "headqa": "headqa",
    "frenchmedmcqa": "frenchmedmcqa",
    "kormedmcqa": "kormedmcqa",
    "igakuqa119": "igakuqa119",
    "jmmlu": "jmmlu",
    "casimedicos": "casimedicos",
    "apollo": "apollo_xmedbench",
    "healthbench-br": "healthbench_br",
    "mmlu-african": "mmlu_clinical_african",
    "kqa": "kqa",
    "medquad": "medquad",
    "tico19": "tico19",
    "sib200": "sib200",
}


@dataclass(frozen=True)
class Measured:
    """What a command took: seconds on the clock, seconds of processor, peak resident memory in MB."""

    wall: float
    cpu: float
    peak: float


def measured(command: list[str]) -> Measured:
    """Run a command to its end. Raises CalledProcessError when it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    # ru_maxrss is in KiB on Linux.
    return Measured(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def main(data: Path, model: Path, out: Path) -> None:
    """Run everything and print the page's tables."""
    afya = str(Path(sys.executable).parent / "afya")
    datasets: list[Path] = []
    rejected: Counter[tuple[str, str]] = Counter()
    print("| source | rows read | written | rejected | languages and splits | seconds | peak MB |")
    print("|---|---:|---:|---:|---|---:|---:|")
    for source, folder in FOLDERS.items():
        if not (data / folder).exists():
            print(f"| {source} | no file here | | | | | |")
            continue
        target = out / source
        took = measured([afya, "data", "import", source, str(data / folder), "--out", str(target)])
        ledger = Ledger.from_frame(pl.read_parquet(target / "ledger.parquet"))
        for entry in ledger.rejections:
            rejected[source, entry.reason] += 1
        rows = read_json(target / "manifest.json")["rows"]
        read, written = sum(ledger.rows_in.values()), sum(ledger.rows_out.values())
        cells = (
            f"{read:,}",
            f"{written:,}",
            f"{read - written:,}",
            _counts(rows),
            f"{took.wall:.1f}",
            f"{took.peak:.0f}",
        )
        print(f"| {source} | " + " | ".join(cells) + " |", flush=True)
        datasets.append(target)
    print("\n| source | reason | rows |\n|---|---|---:|")
    for (source, reason), count in sorted(rejected.items()):
        print(f"| {source} | `{reason}` | {count:,} |")
    choice = [path for path in datasets if _has_choices(path)]
    known = {file.stem for file in literals.folder().glob("*.yaml")}
    langs = sorted({code for path in choice for code in read_json(path / "manifest.json")["rows"]} & known)
    command = [afya, "bench", "run", "--model", f"hf:{model}", "--langs", ",".join(langs), "--split", "all"]
    for path in choice:
        command += ["--data", str(path)]
    took = measured([*command, "--out", str(out / "bench")])
    print(f"\nBenchmark: {took.wall:.0f} s, {took.cpu:.0f} s of processor, peak {took.peak:.0f} MB.\n")
    _print_scores(pl.read_csv(out / "bench" / "summary.csv"))


def _counts(rows: dict[str, dict[str, int]]) -> str:
    by_split: dict[str, list[str]] = {}
    for code, counts in rows.items():
        for split in SPLITS:
            if split in counts:
                by_split.setdefault(f"{split} {counts[split]:,}", []).append(code)
    return "; ".join(f"{' '.join(codes)}: {split}" for split, codes in by_split.items())


def _has_choices(dataset: Path) -> bool:
    files = (dataset / "data").rglob("*.parquet")
    return any(
        pl.scan_parquet(file).filter(pl.col("task").is_in(["mcq", "nli"])).head(1).collect().height for file in files
    )


def _print_scores(summary: pl.DataFrame) -> None:
    print("| language | n | groups | accuracy, % [95%] | chance, % | correct | wrong | errors |")
    print("|---|---:|---:|---|---:|---:|---:|---:|")
    for row in summary.iter_rows(named=True):
        interval = f"{100 * row['accuracy']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        numbers = [f"{row[name]:,}" for name in ("correct", "wrong", "errors")]
        print(
            f"| {row['lang']} | {row['n']:,} | {row['groups']:,} | {interval} | {100 * row['chance']:.1f} | "
            + " | ".join(numbers)
            + " |"
        )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python -m benchmarks.real_run DATA_FOLDER MODEL_FOLDER OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))

"""How long a turn takes without a model, in this process, and what the assistant holds in memory.

Aims: the verdict of triage p95 under 5 ms and a whole turn p95 under 60 ms for every pack; the embedded assistant (one
language, with the passages of its pack) under 250 MB. Messages are the packs' own practice cases, with and without
danger signs, so that all languages are asked the same.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from afya.assistant import Assistant
from afya.packs import Pack, available, load_pack

ROUNDS, PASSES = 6, 5
TRIAGE_MS, TURN_MS, MEMORY_MB, LOAD_S = 5.0, 60.0, 250.0, 0.5
_VERDICT = ("receive", "language", "normalise", "mask", "spell", "triage")


def messages(pack: Pack) -> list[str]:
    """What a health worker may write: four practice cases, one of them with a danger sign, and a question."""
    listed = [
        f"{pack.sentence('lead.cough', 0, age=8)} {pack.sentence('fact.breaths_per_minute', 0, count=52)}",
        f"{pack.sentence('lead.fever', 0, age=26)} {pack.sentence('fact.fever_days', 1, days=3)} "
        f"{pack.text('sign.convulsions')}",
        f"{pack.sentence('lead.diarrhoea', 1, age=14)} {pack.sentence('fact.diarrhoea_days', 0, days=4)} "
        f"{pack.text('normal.drinks_well')} {pack.text('normal.plays')}",
        f"{pack.sentence('lead.malnutrition', 0, age=19)} {pack.sentence('fact.muac_mm', 0, mm=112)}",
        f"{pack.text('action.plan_a')}?",
    ]
    return [*listed, " ".join(listed)]


def opened(lang: str) -> Assistant:
    """The assistant as `afya ask` opens it, with the passages of the packs."""
    from afya.assistant.knowledge import open_knowledge

    packs = [load_pack(code) for code in dict.fromkeys((lang, "en"))]
    return Assistant(lang, knowledge=open_knowledge(None, packs))


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def measured(lang: str) -> tuple[float, float, float, float]:
    """p50 and p95 of triage's verdict and of a whole turn, in milliseconds: the best of some passes."""
    assistant = opened(lang)
    listed = messages(assistant.resources.chosen.pack)
    for text in listed:
        assistant.ask(text)
    passes = [_timed(assistant, listed) for _ in range(PASSES)]
    return tuple(map(min, zip(*passes, strict=True)))


def _timed(assistant: Assistant, listed: Sequence[str]) -> tuple[float, float, float, float]:
    verdicts, turns = [], []
    for _ in range(ROUNDS):
        for text in listed:
            started = time.perf_counter()
            answer = assistant.ask(text)
            turns.append((time.perf_counter() - started) * 1000)
            verdicts.append(sum(event.ms for event in answer.events if event.stage in _VERDICT))
    return statistics.median(verdicts), p95(verdicts), statistics.median(turns), p95(turns)


def memory(lang: str) -> float:
    """Peak resident memory of a process that answers in one language, in MB."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.assistant_speed", "memory", lang], capture_output=True, text=True, check=True
    )
    return float(told.stdout)


def own_memory(lang: str) -> float:
    """The same of this process, which answers now."""
    assistant = opened(lang)
    for text in messages(assistant.resources.chosen.pack):
        assistant.ask(text)
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # What getrusage says still holds the peak of the process that started this one.
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def loading() -> float:
    """Seconds to read all packs in a fresh process, without the imports."""
    code = (
        "import time; from afya.packs import available, load_pack;"
        "names = available(); started = time.perf_counter(); [load_pack(name) for name in names];"
        "print(time.perf_counter() - started)"
    )
    return min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "memory":
        print(own_memory(sys.argv[2]))
        return
    table = Table("language", "verdict p50 ms", "p95", "turn p50 ms", "p95", "memory MB", title="One turn, no model")
    late = []
    for lang in available():
        verdict, verdict95, turn, turn95 = measured(lang)
        held = memory(lang)
        if verdict95 > TRIAGE_MS or turn95 > TURN_MS or held > MEMORY_MB:
            late.append(lang)
        table.add_row(lang, *(f"{value:.1f}" for value in (verdict, verdict95, turn, turn95)), f"{held:.0f}")
    console = Console()
    console.print(table)
    console.print(f"all packs read in {loading():.2f} s (aim: under {LOAD_S:g} s)")
    if late:
        sys.exit(f"over the aim: {', '.join(late)}")


if __name__ == "__main__":
    main()

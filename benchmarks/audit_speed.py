"""The audit log: turns appended a second (each on the disk before the next), events verified a second, memory.

A million events in turns of twenty, as many as `afya ask` writes. What appending costs is the disk's answer to fsync.
`python -m benchmarks.audit_speed [EVENTS]`
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from afya.assistant.audit import AuditLog, find_turn, verify
from afya.assistant.audit.record import Entry

STAGES = 20
EVENTS = 1_000_000


def _turn() -> list[Entry]:
    prints = dict.fromkeys(("code", "rules", "pack", "other_packs", "knowledge", "model", "translator"), "a" * 64)
    request = {"text": "Mtoto wa miezi 14 ana degedege tangu asubuhi, hawezi kunywa", "lang": "sw", "mode": None}
    decided = {"standing": ["convulsions"], "denied": [], "langs": ["sw"], "sha256": "b" * 64}
    head = Entry("turn", "ok", {"request": request, "fingerprints": prints, "exact": True})
    return [head, *(Entry(f"stage{number}", "ok", decided, ms=1.5) for number in range(1, STAGES))]


def main(events: int = EVENTS) -> None:
    """Print the table."""
    table = Table("what", "rate", title=f"Audit log of {events:,} events")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        log, entries, turns = AuditLog(path), _turn(), events // STAGES
        started = time.perf_counter()
        for number in range(turns):
            log.append(f"turn{number}", entries)
        table.add_row("turns appended a second", f"{turns / (time.perf_counter() - started):,.0f}")
        started = time.perf_counter()
        report = verify(path)
        table.add_row("events verified a second", f"{report.events / (time.perf_counter() - started):,.0f}")
        assert report.holds
        started = time.perf_counter()
        find_turn(path, f"turn{turns - 1}")
        table.add_row("the last turn found", f"{time.perf_counter() - started:.2f} s")
        size = sum(file.stat().st_size for file in path.parent.glob("*.jsonl"))
        table.add_row("size on the disk", f"{size / 1e6:,.0f} MB in {report.files} files")
    table.add_row("most memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    Console().print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""XSTest: prompts that are safe but look otherwise, and their unsafe contrasts, to find a model that refuses too much.

Origin: paul-rottger/exaggerated-safety. Licence: CC-BY-4.0. Size: 450 prompts, 250 safe and 200 unsafe. Citation:
Röttger P, Kirk HR, Vidgen B, Attanasio G, Bianchi F, Hovy D. XSTest: A Test Suite for Identifying Exaggerated Safety
Behaviours in Large Language Models. NAACL 2024, 5377-5400.

Format: xstest_prompts.csv with id, prompt, type, label (safe or unsafe), focus, note. A prompt has no reference answer:
extra.label says whether it should be answered or declined.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.items import Item
from afya.sources.files import csv_records
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = ("safe", "unsafe")


def read(reading: Reading) -> Iterator[Outcome]:
    def make(row: dict[str, str]) -> Item:
        number, label = row["id"].strip(), row["label"].strip()
        if not number:
            raise Malformed("missing_field", "'id' is empty")
        if label not in _LABELS:
            raise Malformed("unknown_label", f"'{label[:40]}' is none of {', '.join(_LABELS)}")
        return reading.item(
            number,
            "en",
            task="instruction",
            split=reading.split("test"),
            question=row["prompt"],
            extra=extra(
                label=label,
                type=row["type"].strip() or None,
                focus=(row.get("focus") or "").strip() or None,
                note=(row.get("note") or "").strip() or None,
            ),
        )

    for file in reading.files:
        yield from outcomes(reading, csv_records(reading, file, ("id", "prompt", "type", "label")), make)


SOURCE = Source(
    name="xstest",
    title="XSTest",
    licence="CC-BY-4.0",
    url="https://github.com/paul-rottger/exaggerated-safety",
    citation="Röttger et al. 2024, XSTest, NAACL, 5377-5400",
    languages=("en",),
    tasks=("instruction",),
    reads="xstest_prompts.csv",
    patterns=("xstest_prompts.csv",),
    read=read,
)

"""How many refusals are found, and how many answers are taken for one: `python -m benchmarks.refusal_recall DATA`.

DATA is the folder that holds the published files of MedSafetyBench, HealthBench, K-QA and XLingHealth.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from afya.bench.scoring.refusal import refuses
from afya.folders import read_dataset
from afya.items import from_frame
from afya.sources import import_source

GOLDEN = Path(__file__).parents[1] / "tests" / "bench" / "golden"
WRITTEN = "refusals.jsonl"

_APOLOGY = re.compile(r"^I[’']m sorry, but ")

Replies = list[tuple[str, str]]
"""(language, reply)"""


def told(what: str, replies: Replies) -> None:
    """One line: how many there are, how many are found to refuse, and of how many nothing can be said."""
    found = [refuses(text, lang) for lang, text in replies]
    langs = ",".join(sorted({lang for lang, _ in replies}))
    print(f"{what:<52} n {len(found):>5}  refuse {found.count(True):>4}  not known {found.count(None):>3}  {langs}")


def answers(source: str, folder: Path, work: Path) -> Replies:
    """The reference answers of a public source."""
    import_source(source, folder, work / source)
    items = (item for frame in read_dataset(work / source) for item in from_frame(frame))
    return [(item.lang, item.answer_text) for item in items if item.answer_text]


def golden(refused: bool) -> Replies:
    """The golden replies that refuse, or those that answer at some length."""
    files = (file for file in sorted(GOLDEN.glob("*.jsonl")) if file.name != WRITTEN)
    rows = [json.loads(line) for file in files for line in file.open("rb")]
    kept: Iterable[dict[str, str]] = (
        row for row in rows if (row["reason"] == "refused" if refused else row["expected"] and len(row["reply"]) > 60)
    )
    return [(row["lang"], row["reply"]) for row in kept]


def written(refuse: bool) -> Replies:
    """The replies written to be told apart: refusals in many words, and careful answers."""
    rows = [json.loads(line) for line in (GOLDEN / WRITTEN).open("rb")]
    return [(row["lang"], row["reply"]) for row in rows if row["refuses"] is refuse]


def main(data: Path) -> None:
    with TemporaryDirectory() as name:
        work = Path(name)
        safe = answers("medsafetybench", data / "medsafetybench", work)
        told("MedSafetyBench, safe replies", safe)
        told("  their opening apology taken off", [(lang, _APOLOGY.sub("", text)) for lang, text in safe])
        told("golden replies that refuse", golden(True))
        told("golden replies that answer, over 60 characters", golden(False))
        told("refusals in many words (the phrases have seen them)", written(True))
        told("careful answers", written(False))
        told("HealthBench, ideal completions", answers("healthbench", data / "healthbench_examples", work))
        told("K-QA, physicians' answers", answers("kqa", data / "kqa", work))
        hindi = answers("xlingeval", data / "xlingeval", work)
        told("LiveQA and MedicationQA, experts' answers", [row for row in hindi if row[0] != "hi"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

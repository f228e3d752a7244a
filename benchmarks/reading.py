"""How well messages are read, on public sentences: the language named, danger signs seen where there are none.

SIB-200 (news and encyclopaedia, 800 sentences in all twelve languages) is about no sick child: every danger sign seen
in it is a false alarm. TICO-19 (3,071 sentences on COVID-19, seven of the languages) speaks of signs such as trouble
breathing; what English sees in the same sentence stands beside it. A single sign seen would turn a whole answer red.
The files are looked for in ../shared, or where AFYA_SHARED says.
"""

from __future__ import annotations

import json
import os
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from afya.assistant.understanding.speech import Language
from afya.assistant.understanding.triage import danger_signs
from afya.languages import core_codes, language
from afya.statistics import wilson
from afya.text.identify import identify
from afya.text.normalise import normalise

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
# TICO-19 names two languages by their region.
TICO_COLUMNS = {"pt": "pt-BR", "es": "es-419"}


def sib200() -> dict[str, list[str]]:
    """The sentences of SIB-200 by language, row-aligned."""
    rows = list(_rows(SHARED / "sib200" / "sib200_parallel.jsonl"))
    return {code: [row[language(code).flores] for row in rows] for code in core_codes()}


def tico19() -> dict[str, list[str]]:
    """The sentences of TICO-19 by language, row-aligned; only languages that it has."""
    rows = list(_rows(SHARED / "tico19" / "tico19_multiparallel.jsonl"))
    columns = {code: TICO_COLUMNS.get(code, code) for code in core_codes()}
    return {code: [row[column] for row in rows] for code, column in columns.items() if column in rows[0]}


def _rows(path: Path) -> Iterator[Mapping[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _share(count: int, number: int) -> str:
    low, high = wilson(count / number, number)
    return f"{100 * count / number:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _bare(text: str) -> str:
    marked = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in marked if unicodedata.category(sign) != "Mn")


def identification(texts: Mapping[str, list[str]]) -> Table:
    """Right, wrong and uncertain verdicts, and how many sentences a second."""
    table = Table(title="Language named, SIB-200 (% with 95% interval)")
    for column in ("language", "n", "right", "wrong", "uncertain", "taken for", "sentences/s"):
        table.add_column(column, justify="left" if column in ("language", "taken for") else "right")
    listed = {**texts, "yo without marks": [_bare(text) for text in texts["yo"]]}
    for name, sentences in listed.items():
        code = name[:2]
        started = time.perf_counter()
        verdicts = [identify(text) for text in sentences]
        speed = len(sentences) / (time.perf_counter() - started)
        sure = Counter(str(verdict.language) for verdict in verdicts if verdict.reliable)
        right, number = sure.pop(code, 0), len(sentences)
        wrong = sum(sure.values())
        taken = ", ".join(f"{other} {count}" for other, count in sure.most_common(3))
        unsure = number - right - wrong
        table.add_row(
            name,
            str(number),
            _share(right, number),
            _share(wrong, number),
            _share(unsure, number),
            taken,
            f"{speed:,.0f}",
        )
    return table


def alarms(name: str, texts: Mapping[str, list[str]]) -> Table:
    """Sentences in which a danger sign is seen, and in how many of them English sees none."""
    table = Table(title=f"Danger signs seen, {name} (% with 95% interval)")
    for column in ("language", "n", "sentences with a sign", "%", "not in the English", "which"):
        table.add_column(column, justify="left" if column in ("language", "which") else "right")
    english = [bool(rules) for rules in _standing("en", texts["en"])]
    for code, sentences in texts.items():
        found = _standing(code, sentences)
        seen = [bool(rules) for rules in found]
        alone = sum(here and not there for here, there in zip(seen, english, strict=True))
        rules = Counter(rule for listed in found for rule in listed)
        which = ", ".join(f"{rule} {count}" for rule, count in rules.most_common(4))
        table.add_row(code, str(len(seen)), str(sum(seen)), _share(sum(seen), len(seen)), str(alone), which)
    return table


def _standing(code: str, sentences: list[str]) -> list[set[str]]:
    speech = Language.load(code)
    return [{sign.rule for sign in danger_signs(normalise(text), speech) if not sign.denied} for text in sentences]


def main() -> None:
    """Print the tables."""
    console = Console()
    if not (SHARED / "sib200").is_dir() or not (SHARED / "tico19").is_dir():
        console.print(f"not measured: {SHARED} has no sib200 or tico19")
        return
    sib, tico = sib200(), tico19()
    console.print(identification(sib), alarms("SIB-200", sib), alarms("TICO-19", tico))


if __name__ == "__main__":
    main()

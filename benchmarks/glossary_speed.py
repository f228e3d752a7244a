"""How fast 350,000 pairs of terms load, from the Parquet file to a spotter in use, and how fast terms are spotted.

The pairs are the names of the Human Phenotype Ontology with words of them exchanged at random (seeded), each with a
made translation; the text is MedQuAD's. Beside the glossary, in the same run: one compiled alternation of the same
terms with the standard library's `re`, and a loop over the words of the text that walks a trie of words (as flashtext
does). The alternation tries its terms one by one at every word, so it is given few of them and little text, and both
are named. Times are CPU seconds of this process with all its threads, so that what else the machine does changes them
little. The files are looked for in ../shared, or where AFYA_SHARED says; without them there is nothing to measure.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from afya.translation.glossary import Entry, Glossary
from afya.translation.glossary_files import import_hpo

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
PAIRS = 350_000
LOAD_AIM_S = 3.0
SPOT_AIM_MB = 5.0
TEXT_MB = 10.0
RUNS = 3
ALTERNATION_TERMS = 2_000
ALTERNATION_MB = 0.2
_WORD = re.compile(r"\w+")


def pairs(seed: int = 0) -> Glossary:
    """A glossary of `PAIRS` English terms and as many translations."""
    names = import_hpo([SHARED / "hpo_translations"]).glossary
    terms = sorted({entry.term for entry in names.entries() if entry.lang == "en"})
    words = sorted({word for term in terms for word in term.split()})
    # A name of one word with its word exchanged would be any word, such as "of".
    longer = [term for term in terms if " " in term]
    draw = random.Random(seed)
    made = dict.fromkeys(terms)
    while len(made) < PAIRS:
        parts = draw.choice(longer).split()
        parts[draw.randrange(len(parts))] = draw.choice(words)
        made[" ".join(parts)] = None
    entries: list[Entry] = []
    for number, term in enumerate(list(made)[:PAIRS]):
        for lang, form in (("en", term), ("sw", " ".join(reversed(term.split())))):
            entries.append(Entry(f"made:{number}", lang, form, source="made", licence="CC0-1.0"))
    return Glossary.from_entries(entries)


def documents() -> list[str]:
    """MedQuAD's answers, repeated to `TEXT_MB`."""
    with (SHARED / "medquad" / "medquad_nonempty.jsonl").open(encoding="utf-8") as handle:
        answers = [str(row.get("Answer") or row.get("answer") or "") for row in map(json.loads, handle)]
    found: list[str] = []
    size = 0
    while size < TEXT_MB * 1e6:
        for answer in answers:
            found.append(answer)
            size += len(answer.encode())
            if size >= TEXT_MB * 1e6:
                break
    return found


def megabytes(texts: list[str]) -> float:
    """The size of the texts in UTF-8, millions of bytes."""
    return sum(len(text.encode()) for text in texts) / 1e6


def speed(spot: Callable[[str], int], texts: list[str], runs: int = RUNS) -> tuple[float, int]:
    """Megabytes a CPU second of the fastest of several passes, and the terms found."""
    seconds, found = float("inf"), 0
    for _ in range(runs):
        start = time.process_time()
        found = sum(spot(text) for text in texts)
        seconds = min(seconds, time.process_time() - start)
    return megabytes(texts) / seconds, found


def trie_of_words(terms: list[str]) -> Callable[[str], int]:
    """The longest match at each word, by a loop over the words and a trie of dictionaries."""
    root: dict[str, Any] = {}
    for term in terms:
        node = root
        for word in _WORD.findall(term.lower()):
            node = node.setdefault(word, {})
        node[""] = term

    def spot(text: str) -> int:
        words = [(found[0], found.start(), found.end()) for found in _WORD.finditer(text.lower())]
        place = hits = 0
        while place < len(words):
            node, length, ahead = root, 0, place
            while ahead < len(words) and words[ahead][0] in node:
                node = node[words[ahead][0]]
                ahead += 1
                if "" in node:
                    length = ahead - place
            hits += length > 0
            place += length or 1
        return hits

    return spot


def alternation(terms: list[str]) -> Callable[[str], int]:
    """The longest match by one compiled alternation, the longest terms first."""
    listed = sorted(terms, key=len, reverse=True)
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, listed)) + r")\b", re.IGNORECASE)
    return lambda text: len(pattern.findall(text))


def main() -> None:
    """Print the table."""
    console = Console()
    missing = [name for name in ("hpo_translations", "medquad") if not (SHARED / name).exists()]
    if missing:
        console.print(f"Glossary: not measured; {', '.join(str(SHARED / name) for name in missing)} are absent.")
        return
    table = Table(
        title=f"{PAIRS:,} pairs of terms (aim: ready in under {LOAD_AIM_S:.0f} s, "
        f"{SPOT_AIM_MB:.0f} MB/s; best of {RUNS})"
    )
    for column in ("way", "terms", "ready in s", "text, MB", "terms found", "MB/s"):
        table.add_column(column, justify="left" if column == "way" else "right")
    texts = documents()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "glossary.parquet"
        made = pairs()
        made.write(path)
        terms = [entry.term for entry in made.entries() if entry.lang == "en"]
        del made
        ready = float("inf")
        for _ in range(RUNS):
            start = time.process_time()
            glossary = Glossary.load(path)
            glossary.hints("Acute bronchitis.", "en", "sw")
            ready = min(ready, time.process_time() - start)
    rate, hits = speed(lambda text: len(glossary.spot(text, "en")), texts)
    row = ("afya: automaton over words", f"{len(terms):,}", f"{ready:.2f}", f"{megabytes(texts):.1f}")
    table.add_row(*row, f"{hits:,}", f"{rate:.1f}")
    start = time.process_time()
    walk = trie_of_words(terms)
    ready = time.process_time() - start
    rate, hits = speed(walk, texts)
    row = ("a loop over words, trie", f"{len(terms):,}", f"{ready:.2f}", f"{megabytes(texts):.1f}")
    table.add_row(*row, f"{hits:,}", f"{rate:.1f}")
    few = terms[:ALTERNATION_TERMS]
    short: list[str] = []
    for text in texts:
        short.append(text)
        if megabytes(short) >= ALTERNATION_MB:
            break
    start = time.process_time()
    search = alternation(few)
    search("")
    ready = time.process_time() - start
    rate, hits = speed(search, short, runs=1)
    row = ("re, one alternation", f"{len(few):,}", f"{ready:.2f}", f"{megabytes(short):.1f}")
    table.add_row(*row, f"{hits:,}", f"{rate:.3f}")
    console.print(table)


if __name__ == "__main__":
    main()

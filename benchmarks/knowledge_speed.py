"""How fast 100,000 passages are added, and how long a search among them takes.

The passages are made (seeded): sentences of the WHO passages and of MedQuAD, drawn at random and put together, so that
words are as frequent as in real text and no two passages are the same; all are English, which is the worst case, as
every passage competes. The questions are the written ones of the tests, each asked several times. Beside the search, in
the same run: SQLite's own full-text index (FTS5, Porter stemmer, BM25) over the same texts, asked for any of the
question's words, with fewer questions; it neither weighs on one scale nor abstains. Adding runs in a process of its
own, so that its memory is its own. The files are looked for in ../shared, or where AFYA_SHARED says; without them there
is nothing to measure.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
QUESTIONS = Path(__file__).parents[1] / "tests" / "assistant" / "test_knowledge_questions.jsonl"
PASSAGES = 100_000
AIM_MS = 15.0
ROUNDS = 3
_ADD = """
import json, resource, sys, time
from pathlib import Path
from afya.assistant.knowledge.adding import Given, add
start = time.perf_counter(), time.process_time()
bare = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
add(Path(sys.argv[2]), [Path(sys.argv[1])], Given(lang="en", licence="made", title="Made passages"))
print(json.dumps({
    "wall": time.perf_counter() - start[0], "cpu": time.process_time() - start[1],
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def real_sentences() -> list[str]:
    """The sentences of the real passages."""
    from afya.text.sentences import sentences

    found: list[str] = []
    for name, key in (
        ("who_smart_emcare/who_emcare_passages.jsonl", "text"),
        ("who_smart_anc/who_anc_passages.jsonl", "text"),
        ("medquad/medquad_nonempty.jsonl", "answer"),
    ):
        with (SHARED / name).open(encoding="utf-8") as handle:
            for line in handle:
                found += [piece.strip() for piece in sentences(json.loads(line)[key], "en") if len(piece) > 20]
    return found


def made(count: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Passages of five sentences under a heading of six words."""
    draw = random.Random(seed)
    pool = real_sentences()
    for number in range(count):
        text = " ".join(draw.choice(pool)[:400] for _ in range(5))
        heading = " ".join(draw.choice(pool).split()[:6])
        yield {"text": text, "section": f"{number} {heading}"}


def full_text_index(path: Path, texts: Path) -> sqlite3.Connection:
    """SQLite's FTS5 over the same passages."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE passages USING fts5(text, section, tokenize='porter unicode61')")
    with texts.open(encoding="utf-8") as handle:
        rows = (json.loads(line) for line in handle)
        connection.executemany("INSERT INTO passages VALUES (?, ?)", ((row["text"], row["section"]) for row in rows))
    connection.commit()
    return connection


def times(ask: Callable[[str], object], questions: list[str]) -> list[float]:
    """Milliseconds of every search, the questions asked once before so that files are in memory."""
    for question in questions:
        ask(question)
    found: list[float] = []
    for _ in range(ROUNDS):
        for question in questions:
            start = time.perf_counter()
            ask(question)
            found.append((time.perf_counter() - start) * 1e3)
    return sorted(found)


def main() -> None:
    """Print the tables."""
    from afya.assistant.knowledge import answerable, open_knowledge

    console = Console()
    missing = [name for name in ("who_smart_emcare", "who_smart_anc", "medquad") if not (SHARED / name).exists()]
    if missing:
        console.print(f"Knowledge: not measured; {', '.join(str(SHARED / name) for name in missing)} are absent.")
        return
    with QUESTIONS.open(encoding="utf-8") as handle:
        questions = [str(json.loads(line)["text"]) for line in handle]
    with TemporaryDirectory() as folder:
        texts, kept = Path(folder) / "made.jsonl", Path(folder) / "knowledge"
        with texts.open("w", encoding="utf-8") as out:
            for row in made(PASSAGES):
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        ran = subprocess.run(
            [sys.executable, "-c", _ADD, str(texts), str(kept)], check=True, capture_output=True, text=True
        )
        told = json.loads(ran.stdout)
        knowledge = open_knowledge(kept, [])
        size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()) / 1e6
        count = sqlite3.connect(kept / "knowledge.sqlite").execute("SELECT COUNT(*) FROM passages").fetchone()[0]
        adding = Table(title=f"{count:,} passages ({texts.stat().st_size / 1e6:.0f} MB) added by `afya knowledge add`")
        for column in ("passages a second", "seconds", "CPU s", "peak memory, MB", "folder, MB"):
            adding.add_column(column, justify="right")
        rate = count / told["wall"]
        cells = (f"{rate:,.0f}", f"{told['wall']:.1f}", f"{told['cpu']:.1f}", f"{told['peak_mb']:.0f}", f"{size:.0f}")
        adding.add_row(*cells)
        console.print(adding)
        other = full_text_index(Path(folder) / "fts.sqlite", texts)

        def fts(question: str) -> object:
            words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
            query = "SELECT text FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT 5"
            return other.execute(query, (words,)).fetchall()

        table = Table(title=f"One search, ms ({ROUNDS} rounds; aim: p95 under {AIM_MS:.0f})")
        for column in ("way", "questions", "median", "p95", "p99", "longest"):
            table.add_column(column, justify="left" if column == "way" else "right")
        for name, ask, asked in (
            ("afya: candidates, one scale", lambda one: answerable(knowledge.search(one, "en"), one), questions),
            ("SQLite FTS5, any word", fts, questions[::10]),
        ):
            found = times(ask, asked)
            marks = [found[int(share * (len(found) - 1))] for share in (0.5, 0.95, 0.99, 1.0)]
            table.add_row(name, str(len(asked)), *(f"{mark:.1f}" for mark in marks))
        console.print(table)


if __name__ == "__main__":
    main()

"""Near-duplicate removal beside datatrove's MinHash: documents a CPU-second, recall and precision on one corpus.

The corpus: answers of MedQuAD cut to 150 words, and copies of some of them in which a few words were replaced (seeded).
What is a duplicate is reckoned exactly: the Jaccard similarity of the sets of word 5-grams is at least the threshold.
Recall: of those pairs, the share of which not both are kept. Precision: of the rows removed, the share that are in such
a pair. The files are looked for in ../shared, or where AFYA_SHARED says.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import struct
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

# One thread, as datatrove has; Polars reads this once, when it is first imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from afya.data.minhash import signatures
from afya.data.near import find_near_duplicates
from afya.data.shingles import batches
from afya.data.steps import Building
from afya.items import Item, to_frame
from afya.runs import write_frame

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
THRESHOLD, WORDS, LENGTH = 0.8, 5, 150
BANDS, ROWS = 14, 8
DOCUMENTS = 10_000
EDITS = (1, 1, 2, 2, 3, 4, 6, 9)
_WORD = re.compile(r"[^\W_]+")


def corpus(documents: int = DOCUMENTS) -> list[str]:
    """Texts of 150 words; about every third is an edited copy of another one. Edits touch words, not numbers."""
    draw = random.Random(1)
    with (SHARED / "medquad" / "medquad_nonempty.jsonl").open(encoding="utf-8") as lines:
        answers = [" ".join(_WORD.findall(json.loads(line)["answer"])[:LENGTH]) for line in lines]
    originals = sorted({answer for answer in answers if answer.count(" ") == LENGTH - 1})
    draw.shuffle(originals)
    vocabulary = sorted({word for text in originals[:500] for word in text.split() if word.isalpha()})
    texts = originals[: 2 * documents // 3]
    while len(texts) < documents:
        words = draw.choice(originals[: 2 * documents // 3]).split()
        places = [place for place, word in enumerate(words) if word.isalpha()]
        for place in draw.sample(places, min(len(places), draw.choice(EDITS))):
            words[place] = draw.choice(vocabulary)
        texts.append(" ".join(words))
    draw.shuffle(texts)
    return texts


def true_pairs(texts: Sequence[str]) -> set[tuple[int, int]]:
    """All pairs at or above the threshold, by prefix filtering (Chaudhuri et al. 2006), which loses none."""
    cut = [
        {tuple(words[place : place + WORDS]) for place in range(len(words) - WORDS + 1)}
        for words in (text.lower().split() for text in texts)
    ]
    counts = Counter(gram for grams in cut for gram in grams)
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, grams in enumerate(cut):
        rarest = sorted(grams, key=lambda gram: (counts[gram], gram))
        for gram in rarest[: len(grams) - int(np.ceil(THRESHOLD * len(grams))) + 1]:
            holders[gram].append(number)
    near = {pair for numbers in holders.values() for pair in combinations(numbers, 2)}
    return {(one, other) for one, other in near if len(cut[one] & cut[other]) >= THRESHOLD * len(cut[one] | cut[other])}


@dataclass(frozen=True)
class Result:
    """Rows removed (numbers of texts) and CPU seconds, all threads."""

    removed: set[int]
    seconds: float


def _timed(work: Callable[[], set[int]]) -> Result:
    start = time.process_time()
    removed = work()
    return Result(removed, time.process_time() - start)


def ours(texts: Sequence[str], **config: Any) -> Result:
    """The build's own step over a file of items, from reading it to what is to be removed; the median of three."""
    results = [_ours(texts, config) for _ in range(3)]
    return Result(results[0].removed, median(result.seconds for result in results))


def _ours(texts: Sequence[str], config: dict[str, Any]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "read" / "part-00000.parquet"
        items = [
            Item(
                item_id=f"bench:{number:06d}:en",
                group_id=f"bench:{number:06d}",
                lang="en",
                task="instruction",
                split="train",
                question=text,
                source="bench",
                licence="CC-BY-4.0",
                origin="native",
            )
            for number, text in enumerate(texts)
        ]
        write_frame(part, to_frame(items))
        building = Building(Path(folder))

        def work() -> set[int]:
            found = find_near_duplicates(building, [part], {"threshold": THRESHOLD, "words": WORDS, **config})
            return {int(name.split(":")[1]) for name in found["item_id"]}

        return _timed(work)


def datatrove(texts: Sequence[str]) -> tuple[Result, str]:
    """datatrove's signatures, buckets and clusters, in this process; and which words it was given."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.logging import logger
    from datatrove.utils.text import TextNormConfig
    from datatrove.utils.word_tokenizers import load_word_tokenizer

    logger.remove()
    logging.disable(logging.WARNING)
    # Numbers, days and months stay what they are, as in afya.
    plain = TextNormConfig(norm_numbers=False, norm_weekdays=False, norm_monthnames=False)
    config = MinhashConfig(n_grams=WORDS, num_buckets=BANDS, hashes_per_bucket=ROWS, norm_config=plain)
    words = "its English words"
    try:
        load_word_tokenizer("eng")
        language = "eng"
    except ImportError:
        words, language = "words at spaces", ""
    with tempfile.TemporaryDirectory() as folder:
        if not language:
            import datatrove.pipeline.dedup.minhash as module

            module.load_word_tokenizer = lambda _: _AtSpaces()
        signing = MinhashDedupSignature(f"{folder}/signatures", config, language=language)
        grouping = MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)
        clustering = MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=config)
        # xxhash 4 wants bytes, which datatrove 0.10 does not give it.
        digest = signing._hash_func
        signing._hash_func = lambda text: digest(text.encode())
        signing.word_tokenizer.word_tokenize("Loaded before the clock starts.")

        def work() -> set[int]:
            signing.run((Document(text=text, id=str(number)) for number, text in enumerate(texts)), 0, 1)
            for band in range(BANDS):
                grouping.run(None, band, BANDS)
            clustering.run(None, 0, 1)
            data = (Path(folder) / "removed" / "000000.remove").read_bytes()
            return {number for (number,) in struct.iter_unpack("<I", data)}

        return _timed(work), words


class _AtSpaces:
    def word_tokenize(self, text: str) -> list[str]:
        return text.split()


def _rensa_in_python(texts: Sequence[str]) -> Iterator[tuple[str, float]]:
    """CPU seconds of signatures alone: rensa given shingles cut in Python, rensa given afya's hashes, and afya's."""
    import rensa

    def cut_in_python() -> Any:
        grams = (
            [" ".join(words[place : place + WORDS]) for place in range(len(words) - WORDS + 1)]
            for words in (text.lower().split() for text in texts)
        )
        return rensa.RMinHash.digest_matrix_from_token_sets(grams, BANDS * ROWS, 1).to_rows()

    def cut_by_afya() -> Any:
        made = (tokens.grams(WORDS) for tokens in batches(pl.Series(texts), "en"))
        # Rows of Python numbers are the only way out of the library.
        return [
            np.array(rensa.RMinHash.digest_matrix_from_flat_token_hashes(grams, places, BANDS * ROWS, 1).to_rows())
            for grams, places in ((grams, places.astype(np.uint64)) for grams, places in made)
        ]

    def afya() -> Any:
        made = (tokens.grams(WORDS) for tokens in batches(pl.Series(texts), "en"))
        return [signatures(grams, places, BANDS * ROWS, 1) for grams, places in made]

    for name, work in (
        ("rensa, shingles cut in Python", cut_in_python),
        ("rensa, shingles cut by afya", cut_by_afya),
        ("afya", afya),
    ):
        work()
        start = time.process_time()
        work()
        yield name, time.process_time() - start


def main() -> None:
    """Print the tables."""
    console = Console()
    if not (SHARED / "medquad").is_dir():
        console.print(f"not measured: {SHARED} has no medquad")
        return
    texts = corpus()
    pairs = true_pairs(texts)
    theirs, words = datatrove(texts)
    rows = [
        (f"datatrove MinHash, {BANDS} bands of {ROWS}, {words}", theirs),
        (f"afya, {BANDS} bands of {ROWS}, numbers as words", ours(texts, bands=BANDS, rows=ROWS, numbers=False)),
        ("afya, 16 bands of 7, numbers as words", ours(texts, numbers=False)),
        ("afya as recipes have it: 16 of 7, other numbers are other texts", ours(texts)),
    ]
    table = Table(
        title=f"Near-duplicates at Jaccard {THRESHOLD}: {len(texts):,} documents of {LENGTH} words with {len(pairs):,} "
        "true pairs (aim: 35 to 100 times datatrove)"
    )
    for column in ("", "documents / CPU-second", "times", "recall %", "precision %"):
        table.add_column(column, justify="right" if column else "left")
    for name, result in rows:
        found = sum(one in result.removed or other in result.removed for one, other in pairs)
        right = len(result.removed & {number for pair in pairs for number in pair})
        table.add_row(
            name,
            f"{len(texts) / result.seconds:,.0f}",
            f"{theirs.seconds / result.seconds:.0f}",
            f"{100 * found / len(pairs):.1f}",
            f"{100 * right / max(1, len(result.removed)):.1f}",
        )
    console.print(table)
    if "rensa" not in sys.modules:
        try:
            import rensa  # noqa: F401
        except ImportError:
            return
    alone = Table(title="Signatures alone")
    alone.add_column("")
    alone.add_column("documents / CPU-second", justify="right")
    for name, seconds in _rensa_in_python(texts):
        alone.add_row(name, f"{len(texts) / seconds:,.0f}")
    console.print(alone)


if __name__ == "__main__":
    main()

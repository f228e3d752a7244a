"""The integrity checks on human translations: false alarms, faults caught, speed: tables of translation-checks.md.

TICO-19 (3,071 health sentences) where it has the language, SIB-200 (800 sentences of FLORES) where not; LAFAND-MT
(news, run only) as a set that no cue was chosen by. Translations by people, so nearly every alarm is false. Faults are
seeded, and only in pairs that passed. A plain comparison of digits stands beside the check of quantities.
Aims: false alarms of quantities at most 3%, 99% of quantity faults caught, 20,000 pairs a second on one core.
The files are looked for in ../shared, or where AFYA_SHARED says.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from afya.languages import language, registry
from afya.translation.checks import CHECKS, Checker, PairCheck, Verdict, length, polarity, quantities
from afya.translation.checks.corrupt import KINDS, Measured, Rate, measure
from afya.translation.checks.corrupt_polarity import POLARITY_KINDS
from afya.translation.checks.drug_names import named
from afya.translation.checks.tico19_pairs import sentence_pairs

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
TICO = ("fr", "es", "pt", "zh", "ru", "ar", "hi", "sw", "zu", "ha", "so")
SIB = ("de", "ja", "ko", "am", "yo", "wo", "ig")
LAFAND = {"sw": "en-swa", "zu": "en-zul", "yo": "en-yor", "wo": "fr-wol"}
SEED = 20
_CHUNK = 200
CHEAP = CHECKS[:-2]

Pairs = list[tuple[str, str]]


@cache
def tico19(code: str) -> Pairs:
    """The sentences of TICO-19 with their translations, put back in line."""
    path = SHARED / "tico19" / "tico19_multiparallel.jsonl"
    return [(text, translation) for _, text, translation in sentence_pairs(path, code)]


@cache
def sib200(code: str) -> Pairs:
    """The sentences of SIB-200 with their translations."""
    with (SHARED / "sib200" / "sib200_parallel.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["eng_Latn"], row[language(code).flores]) for row in rows]


def lafand(code: str) -> tuple[str, Pairs]:
    """The source language and the dev and test pairs of LAFAND-MT."""
    folder = LAFAND[code]
    source, target = folder.split("-")
    found: Pairs = []
    for split in ("dev", "test"):
        ours, theirs = (
            (SHARED / "lafand_mt" / folder / f"{split}.{side}").read_text("utf-8").split("\n")
            for side in (source, target)
        )
        found += [(one, other) for one, other in zip(ours, theirs, strict=True) if one.strip() and other.strip()]
    return source, found


def pairs(code: str) -> Pairs:
    """TICO-19's pairs of a language, or SIB-200's."""
    return tico19(code) if code in TICO else sib200(code)


def _share(rate: Rate) -> str:
    if not rate.n:
        return "-"
    low, high = rate.interval
    return f"{100 * rate.share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def digits(text: str) -> Counter[str]:
    """The alternative: every run of digits, native digits as ASCII."""
    return Counter(str(int(found)) for found in re.findall(r"\d+", text))


def plain_digits(source: str, target: str) -> PairCheck:
    """A plain comparison of the digits of both sides."""
    return lambda text, translation: Verdict("digits", digits(text) == digits(translation))


def false_alarms() -> Table:
    """Alarms of every check on human translations, in per cent."""
    table = _table("Alarms on human translations, en to ... (% of n)", "language", "set", "n", *CHEAP)
    for code in (*TICO, *SIB):
        checker = Checker("en", code, checks=CHEAP)
        listed = pairs(code)
        failed: Counter[str] = Counter()
        for text, translation in listed:
            failed.update(verdict.check for verdict in checker.check(text, translation) if not verdict.passed)
        cells = [f"{100 * failed[name] / len(listed):.2f}" for name in CHEAP]
        table.add_row(code, "TICO-19" if code in TICO else "SIB-200", f"{len(listed):,}", *cells)
    return table


def quantity_faults() -> Table:
    """False alarms and faults caught: quantities, and beside it a comparison of digits."""
    table = _table(
        "Quantities (aims: alarms at most 3%, caught at least 99%; % [95% interval])",
        "language",
        "n",
        "alarms",
        *(kind.replace("_", " ") for kind in KINDS),
        "all caught",
        "plain digits: alarms",
        "plain digits: caught",
    )
    for code in (*TICO, *SIB):
        listed = pairs(code)
        found = measure(listed, "en", code, SEED, check=quantities.make("en", code))
        plain = measure(listed, "en", code, SEED, check=plain_digits("en", code))
        kinds = [_share(found.caught[kind]) for kind in KINDS]
        table.add_row(
            code,
            f"{len(listed):,}",
            _share(found.alarms),
            *kinds,
            _share(found.caught_in_all),
            _share(plain.alarms),
            _share(plain.caught_in_all),
        )
    return table


def polarity_faults() -> Table:
    """False alarms and faults caught by the check of polarity, on what it was tuned on and on what it was not."""
    table = _table(
        "Polarity (% [95% interval]); faults in the translation, and the same made in the English source",
        "language",
        "set",
        "n",
        "alarms",
        "removed",
        "added",
        "removed, source",
        "added, source",
    )
    for code in TICO:
        for name, rest in (("TICO-19, tuned on", 0), ("TICO-19, held out", 1)):
            _polarity_row(table, "en", code, name, tico19(code)[rest::2])
    for code in SIB:
        _polarity_row(table, "en", code, "SIB-200, tuned on", sib200(code))
    for code in LAFAND:
        source, listed = lafand(code)
        _polarity_row(table, source, code, f"LAFAND {source}, held out", listed)
    return table


def _polarity_row(table: Table, source: str, code: str, name: str, listed: Pairs) -> None:
    there = measure(listed, source, code, SEED, check=polarity.make(source, code), seeded=POLARITY_KINDS)
    turned = [(translation, text) for text, translation in listed]
    here = measure(turned, code, source, SEED, check=polarity.make(code, source), seeded=POLARITY_KINDS)
    table.add_row(code, name, f"{len(listed):,}", _share(there.alarms), *_caught(there), *_caught(here))


def _caught(found: Measured) -> list[str]:
    return [_share(found.caught[kind]) for kind in POLARITY_KINDS]


Fault = Callable[[str, str, Random], tuple[str, str] | None]


def _untranslated(text: str, translation: str, rng: Random) -> tuple[str, str]:
    return text, text


def _left_over(text: str, translation: str, rng: Random) -> tuple[str, str] | None:
    words, said = text.split(), translation.split()
    if len(words) < 10:
        return None
    return text, " ".join([*said[: len(said) // 2], *words[len(words) // 2 :]])


def _halved(text: str, translation: str, rng: Random) -> tuple[str, str] | None:
    return (text, translation[: len(translation) // 2]) if len(text) >= 40 else None


def _looped(text: str, translation: str, rng: Random) -> tuple[str, str]:
    return text, translation + translation[-24:] * 6


def _markup_lost(text: str, translation: str, rng: Random) -> tuple[str, str]:
    mark = rng.choice(("{name}", "<b>", "https://who.int/x", "%s", "**", "[1]"))
    return f"{text} {mark}", translation


def _drug_exchanged(text: str, translation: str, rng: Random) -> tuple[str, str] | None:
    found = [token for token in text.split() if named(token.lower())]
    others = [
        name for name in ("amoxicillin", "insulin", "artesunate", "warfarin", "morphine") if name not in text.lower()
    ]
    return (text.replace(rng.choice(found), rng.choice(others)), translation) if found else None


FAULTS: Mapping[str, tuple[Fault, tuple[str, ...]]] = {
    "source left as it is": (_untranslated, ("language", "residue")),
    "half left in English": (_left_over, ("language", "residue")),
    "second half lost": (_halved, ("length",)),
    "end looped": (_looped, ("repetition", "length")),
    "markup lost": (_markup_lost, ("placeholders",)),
    "drug exchanged": (_drug_exchanged, ("drugs",)),
}


def other_faults() -> Table:
    """Faults of other kinds caught by the checks that are for them."""
    columns = [f"{name} ({', '.join(checks)})" for name, (_, checks) in FAULTS.items()]
    table = _table("Other faults caught (%; n where fewer than 500)", "language", *columns, "another language")
    for code in (*TICO, *SIB):
        cells = []
        for fault, names in FAULTS.values():
            checker = Checker("en", code, checks=names)
            caught = seeded = 0
            for place, (text, translation) in enumerate(pairs(code)):
                made = fault(text, translation, Random(f"{SEED}/{place}"))
                if made is None or not _passes(checker, text, translation):
                    continue
                seeded += 1
                caught += not _passes(checker, *made)
            few = f" (n {seeded})" if seeded < 500 else ""
            cells.append(f"{100 * caught / seeded:.0f}{few}" if seeded else "-")
        table.add_row(code, *cells, _another(code))
    return table


def _passes(checker: Checker, text: str, translation: str) -> bool:
    return all(verdict.passed for verdict in checker.check(text, translation))


def _another(code: str) -> str:
    """How often the check of language sees that a text is in another of the twelve, and the worst case."""
    checker = Checker("en", code, checks=["language"])
    found: dict[str, float] = {}
    for other in ("fr", "es", "pt", "de", "zh", "ja", "ko", "sw", "yo", "wo", "zu", "xh"):
        if other != code:
            listed = sib200(other)[:200]
            found[other] = sum(not _passes(checker, *pair) for pair in listed) / len(listed)
    worst = min(found, key=lambda other: found[other])
    return f"{100 * statistics.mean(found.values()):.0f}, worst {worst} {100 * found[worst]:.0f}"


def lengths() -> Table:
    """The figures of length.yaml, from all sets that are in line."""
    table = _table(
        "Length for one of English: ln of the ratio (figures of length.yaml)", "language", "n", "mean", "spread"
    )
    for code in registry():
        listed: Pairs = []
        with contextlib.suppress(KeyError):
            listed += sib200(code)
        if code in TICO and code not in ("fr", "so"):
            listed += tico19(code)
        size = length.size(language(code).script)
        ratios = sorted(math.log(size(other) / len(text)) for text, other in listed if len(text) >= 60 and other)
        if ratios and code != "en":
            number = len(ratios)
            spread = (ratios[int(0.95 * number)] - ratios[int(0.05 * number)]) / 3.29
            table.add_row(code, f"{number:,}", f"{statistics.median(ratios):.3f}", f"{spread:.3f}")
    return table


def speed() -> Table:
    """Pairs a second on one core: all cheap checks, and each alone."""
    table = _table(
        "Speed, pairs a second of CPU time (aim: 20,000, all cheap checks together)",
        "language",
        "first time",
        "again",
        *(f"{name} alone" for name in CHEAP),
    )
    for code in ("fr", "zh", "sw", "zu", "hi"):
        listed = tico19(code)
        rates = [_rate(Checker("en", code, checks=CHEAP), listed, times) for times in (1, 8)]
        alone = [_rate(Checker("en", code, checks=[name]), listed, 5) for name in CHEAP]
        table.add_row(code, *(f"{rate:,.0f}" for rate in (*rates, *alone)))
    return table


def _rate(checker: Checker, listed: Sequence[tuple[str, str]], times: int) -> float:
    """Pairs a second, each 200 pairs at the best of some passes: the first meets every word anew, later ones know them.

    Other work on the machine slows now this part and now that one; the best of each is the checks' own time.
    """
    spent = 0.0
    for place in range(0, len(listed), _CHUNK):
        texts, translations = zip(*listed[place : place + _CHUNK], strict=True)
        best = math.inf
        for _ in range(times):
            started = time.process_time()
            checker.check_pairs(texts, translations)
            best = min(best, time.process_time() - started)
        spent += best
    return len(listed) / spent


def _tables() -> Iterator[Table]:
    yield speed()
    yield false_alarms()
    yield quantity_faults()
    yield polarity_faults()
    yield other_faults()
    yield lengths()


def main() -> None:
    """Print the tables."""
    console = Console(width=None if Console().is_terminal else 220)
    missing = [name for name in ("tico19", "sib200", "lafand_mt") if not (SHARED / name).is_dir()]
    if missing:
        console.print(f"not measured: {SHARED} has no {', '.join(missing)}")
        return
    for table in _tables():
        console.print(table)


if __name__ == "__main__":
    main()

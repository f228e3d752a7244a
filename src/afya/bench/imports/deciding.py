"""What holds for a whole import: where numbers count from, how many options there are, which scoring counts."""

from __future__ import annotations

from dataclasses import dataclass

from afya.bench.imports.choices import Base, base_of
from afya.bench.imports.seen import Read
from afya.bench.imports.values import LATIN
from afya.errors import ConfigError, DataError

SCORINGS = ("ours", "prediction", "correct")
"""Whose reading of a reply counts: our extraction, the publisher's extracted answer, the publisher's own verdict."""

MISSING = ("wrong", "leave-out")
# Replies that are nothing but labels are predictions when nearly all are.
_NEARLY_ALL = 0.95
# From so many numbers on, one that never occurs is taken not to be in use.
_ENOUGH = 20
_FEW = 8


class NoAnswer(DataError):
    """No right answer is known."""


@dataclass(frozen=True)
class Decided:
    """What holds for the whole import. `count`: options where none are given; `words`: answers that are the options;
    `predicted`: whether the publisher's predictions are known.
    """

    answer_base: Base
    prediction_base: Base
    count: int
    words: tuple[str, ...] | None
    bare: bool
    predicted: bool
    score_by: str
    missing: str
    notes: tuple[str, ...]


def decide(
    read: Read,
    count: int | None,
    answer_is: str | None,
    prediction_is: str | None,
    score_by: str | None,
    missing: str | None,
) -> Decided:
    """What all that was read says. Raises ConfigError for an unknown choice, DataError for what must be told."""
    if score_by is not None and score_by not in SCORINGS:
        raise ConfigError(f"--score-by {score_by}: not known.", hint=f"Known: {', '.join(SCORINGS)}.")
    if missing is not None and missing not in MISSING:
        raise ConfigError(f"--missing {missing}: not known.", hint=f"Known: {', '.join(MISSING)}.")
    notes: list[str] = []
    bases = _bases(read, base_of(answer_is, "--answer-is"), base_of(prediction_is, "--prediction-is"), notes)
    words = read.words.options if count is None and not read.most else None
    if words and not read.answers.seen:
        notes.append(f"No options are given; the answers are words, which are taken for them: {', '.join(words)}.")
    else:
        words = None
    used = count or read.most or _seen(read, bases)
    if not count and not read.most and words is None:
        notes.append(
            f"No options are given; {used} are supposed, the most that an answer names (--count says another)."
        )
    bare = bool(read.replies) and not read.has["prediction"] and read.bare >= _NEARLY_ALL * read.replies
    if bare and not read.has["logprobs"]:
        notes.append("The replies are bare labels, so they are read as predictions.")
    by = score_by or _default(read, bare)
    ready = {
        "ours": read.has["reply"] + read.has["logprobs"],
        "prediction": read.has["prediction"] + (read.replies if bare else 0),
        "correct": read.has["correct"],
    }
    if not ready[by]:
        there = ", ".join(name for name in SCORINGS if ready[name]) or "nothing"
        raise DataError(
            f"--score-by {by}: the files hold nothing to score by; they can be scored by {there}.",
            hint="Name the column of replies, predictions or verdicts: --column reply=..., prediction=..., correct=...",
        )
    if by != "correct" and not read.has["answer"] and not any("answer" in late for late in read.late.values()):
        raise NoAnswer(
            "No right answer is known of any item.",
            hint="Name its column with --column answer=..., or a file of them with --key FILE, or count the "
            "publisher's own verdicts with --column correct=... --score-by correct. Points or shares of rubrics "
            "(HealthBench) are no accuracy and are not imported.",
        )
    return Decided(
        *bases,
        max(2, min(used, len(LATIN))),
        words,
        bare,
        bool(ready["prediction"]),
        by,
        missing or "leave-out",
        tuple(notes),
    )


def _default(read: Read, bare: bool) -> str:
    """Our own reading where there is something to read, as of any model; else the publisher's, the verdict first."""
    if (read.has["reply"] and not bare) or read.has["logprobs"]:
        return "ours" if read.has["answer"] or not read.has["correct"] else "correct"
    return "correct" if read.has["correct"] else "prediction"


def _bases(read: Read, answer: Base, prediction: Base, notes: list[str]) -> tuple[Base, Base]:
    fields = {"answer": (read.answers, answer), "prediction": (read.predictions, prediction)}
    found: dict[str, Base] = {}
    as_other: set[str] = set()
    for name, (numbers, told) in fields.items():
        found[name] = told if told is not None else numbers.base()
        if told is None and numbers.zero and numbers.full and not numbers.rare:
            raise DataError(
                f"The numbers of '{name}' cannot be read: 0 occurs, and so does the number of options itself.",
                hint=f"Say where they count from: --{name}-is from-0 or from-1.",
            )
        if told is None and numbers.zero and numbers.as_labels:
            raise DataError(
                f"The numbers of '{name}' cannot be read: 0 occurs, and the options are labelled 1, 2, 3.",
                hint=f"Say where they count from: --{name}-is from-0, or from-1 (the labels; 0 is then no answer).",
            )
    for name, other in (("answer", "prediction"), ("prediction", "answer")):
        numbers, told = fields[name]
        if not numbers.seen or found[name] is not None or numbers.rare:
            continue
        # Numbers of one kind count alike; but from 0 only where 0 may have been missed by chance.
        other_known = isinstance(found[other], int) and fields[other][0].seen
        if other_known and (found[other] == 1 or numbers.seen < _FEW):
            found[name] = found[other]
            as_other.add(name)
        elif not read.most and numbers.seen >= _ENOUGH:
            found[name] = 1
        else:
            raise DataError(
                f"The numbers of '{name}' may count from 0 or from 1: none of the {numbers.seen:,} tells, the largest "
                f"is {numbers.largest}.",
                hint=f"Say it: --{name}-is from-0 or --{name}-is from-1.",
            )
    for name, (numbers, told) in fields.items():
        if numbers.seen and told is None and isinstance(found[name], int):
            alike = f", as the others do (--{name}-is says another)" if name in as_other else ""
            notes.append(f"The numbers of '{name}' count from {found[name]}{alike}.")
    return found["answer"], found["prediction"]


def _seen(read: Read, bases: tuple[Base, Base]) -> int:
    numbers = [
        numbers.largest + (1 if base == 0 else 0)
        for numbers, base in zip((read.answers, read.predictions), bases, strict=True)
        if numbers.seen and not numbers.rare
    ]
    return max(read.words.largest, *numbers, 2)

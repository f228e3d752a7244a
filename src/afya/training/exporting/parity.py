"""Whether an export says what its source says: tokens, greedy replies and option scores, within stated tolerances."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from afya.errors import EngineError
from afya.training.exporting.asking import Checked, Expected, Question
from afya.training.exporting.probes import Stored, Tolerance

_SHOWN = 8


class ParityError(EngineError):
    """An export that does not say what its source says; it was not published."""


@dataclass(frozen=True)
class Parity:
    """What the comparison found. All differences in nats; those of options are of an option's mean over its tokens.

    `gap`: the largest one at a first differing token. `changed_choices`: questions whose most probable option (sum)
    is another. `problems` says what is beyond the tolerance, `notes` what a user should know though it is no fault.
    """

    stored: Stored
    tolerance: Tolerance
    langs: tuple[str, ...]
    replies: int
    replies_same: int
    tokens: int
    gap: float
    options: int
    mean: float
    most: float
    changed_choices: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        told = asdict(self)
        told["tolerance"] = self.tolerance.model_dump()
        return told


def compare(
    expected: Expected,
    export: Checked,
    stored: Stored,
    tolerance: Tolerance,
    count: int,
    *,
    spell: Callable[[Sequence[int]], str],
    notes: Sequence[str] = (),
    problems: Sequence[str] = (),
) -> Parity:
    """Ask the export what the source was asked.

    Args:
        spell: the text of token ids, for messages.
        notes, problems: what is already known.
    """
    wrong = list(problems)
    told = [*notes, *_decomposed(export, expected.questions)]
    same = tokens = changed = 0
    widest, differences = 0.0, []
    for question, steps, scores in zip(expected.questions, expected.steps, expected.options, strict=True):
        where = f"prompt in {question.lang} ({_short(question.question)})"
        wrong += _misread(export, question, where)
        reply = export.greedy(question.ids, count, expected.ends)
        place = _first_difference([step.token for step in steps], reply, expected.ends)
        tokens += len(steps) if place is None else place + 1
        if place is None:
            same += 1
        else:
            step, other = steps[place], reply[place] if place < len(reply) else None
            gap, at_least = step.gap(other, expected.ends)
            widest = max(widest, gap)
            if gap > tolerance.gap:
                said = "ends its reply" if other is None else f"says {spell([other])!r}"
                wrong.append(
                    f"{where}: at token {place + 1} of the greedy reply the export {said}, the source "
                    f"{spell([step.token])!r}, which it holds {'at least ' if at_least else ''}{gap:.3g} nats more "
                    f"probable ({tolerance.gap:g} are allowed)"
                )
        found = export.option_logprobs(question)
        for text, ids, one, other_score in zip(question.options, question.option_ids, scores, found, strict=True):
            difference = abs(one - other_score) / len(ids)
            differences.append(difference if math.isfinite(difference) else math.inf)
            if not difference <= tolerance.most:
                wrong.append(
                    f"{where}, option {_short(text)}: log-probability {other_score:.4f} in the export, {one:.4f} in "
                    f"the source: {difference:.3g} nats a token apart ({tolerance.most:g} are allowed)"
                )
        changed += max(range(len(found)), key=found.__getitem__) != max(range(len(scores)), key=scores.__getitem__)
    mean = sum(differences) / len(differences)
    if not mean <= tolerance.mean:
        wrong.append(
            f"options differ by {mean:.3g} nats a token in the mean over {len(differences)} ({tolerance.mean:g} are "
            "allowed)"
        )
    return Parity(
        stored=stored,
        tolerance=tolerance,
        langs=tuple(question.lang for question in expected.questions),
        replies=len(expected.questions),
        replies_same=same,
        tokens=tokens,
        gap=widest,
        options=len(differences),
        mean=mean,
        most=max(differences),
        changed_choices=changed,
        problems=tuple(wrong),
        notes=tuple(told),
    )


def refuse(parity: Parity, what: str) -> None:
    """Raise ParityError saying which prompts and what differs, when anything is beyond the tolerance."""
    if not parity.problems:
        return
    shown = "; ".join(parity.problems[:_SHOWN])
    more = len(parity.problems) - _SHOWN
    raise ParityError(
        f"{what} was not published: it does not say what its source says. {shown}"
        + (f"; and {more} more." if more > 0 else "."),
        hint="The converter or the format does not fit this model. Export it as safetensors, or with weights stored "
        "more finely.",
    )


def _misread(export: Checked, question: Question, where: str) -> list[str]:
    read, expected = export.reads(question.text), list(question.plain)
    if read == expected:
        return []
    place = next(
        (index for index, (one, other) in enumerate(zip(read, expected, strict=False)) if one != other),
        min(len(read), len(expected)),
    )
    return [
        f"{where}: the export's tokenizer reads token {place + 1} and on as {read[place:][:6]}, the source's as "
        f"{expected[place:][:6]}"
    ]


def _decomposed(export: Checked, questions: Sequence[Question]) -> list[str]:
    """A note for users where decomposed text (a letter and its marks apart, NFD) is read otherwise."""
    langs = [
        question.lang
        for question in questions
        if export.reads(unicodedata.normalize("NFD", question.text)) != list(question.decomposed)
    ]
    if not langs:
        return []
    return [
        f"Text in decomposed form (NFD) is read otherwise than by the source's tokenizer ({', '.join(langs)}): bring "
        "text into NFC before it is given to this export."
    ]


def _first_difference(source: Sequence[int], export: Sequence[int | None], ends: frozenset[int]) -> int | None:
    for place, token in enumerate(source):
        other = export[place] if place < len(export) else None
        if other == token or (token in ends and (other is None or other in ends)):
            if token in ends:
                return None
            continue
        return place
    return None


def _short(text: str) -> str:
    return f"'{text if len(text) <= 40 else text[:39] + '…'}'"

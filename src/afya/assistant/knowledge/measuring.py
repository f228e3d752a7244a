"""How often the abstention rule is right, on written questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from afya.assistant.knowledge.abstain import answerable
from afya.assistant.knowledge.search import Knowledge
from afya.errors import DataError
from afya.statistics.intervals import wilson


class Question(BaseModel):
    """A written question. `answerable`: whether a passage of the knowledge answers it; `pivot`: it in English."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    text: str
    lang: str = "en"
    answerable: bool
    part: str = "all"
    pivot: str | None = None


@dataclass
class Measured:
    """One kind of question in one language: `n`, how many were abstained from, and those taken wrongly."""

    part: str
    lang: str
    answerable: bool
    n: int = 0
    abstained: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The share that was abstained from."""
        return self.abstained / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of the share."""
        return wilson(self.share, self.n)


def read_questions(paths: Sequence[Path]) -> list[Question]:
    """The questions of JSON Lines files. Raises DataError naming file and line of a row that is none."""
    found: list[Question] = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({error}).") from None
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                found.append(Question.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"])) or "the row"
                raise DataError(f"{path}, line {number}: {place}: {first['msg']}.") from None
    return found


def measure(knowledge: Knowledge, paths: Sequence[Path]) -> list[Measured]:
    """Ask every question and count the abstentions, by part, language and kind."""
    rows: dict[tuple[str, str, bool], Measured] = {}
    for question in read_questions(paths):
        key = (question.part, question.lang, question.answerable)
        row = rows.setdefault(key, Measured(*key))
        hits = knowledge.search(question.text, question.lang, pivot=question.pivot)
        abstained = not answerable(hits, question.text)
        row.n += 1
        row.abstained += abstained
        if abstained == question.answerable:
            row.wrong.append(f"{question.id}: {question.text}")
    return [rows[key] for key in sorted(rows)]

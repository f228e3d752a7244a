"""Written cases: what people type, and what must come of it. One JSON object a line, checked strictly.

`cases/{language}/{danger,harm,privacy,questions,injection}.jsonl`, and `frames.yaml`, the sentences into which
generated cases are put. Cases are written by the project, not collected from the field; who wrote them had not seen the
phrases that they measure. `part`: "develop" cases may be used to mend a pack, "held_out" ones may not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from afya.datafiles import read_model
from afya.errors import ConfigError, DataError
from afya.languages import language

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Part = Literal["held_out", "develop"]
DangerKind = Literal[
    "plain", "paraphrase", "misspelling", "code_mixed", "negation", "third_person", "past_tense", "look_alike"
]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
SIGN, PHRASE = "{sign}", "{phrase}"


class _Case(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    id: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?-[a-z_]+-\d{3,}$")]
    text: Text


class DangerCase(_Case):
    """`expected`: the danger rules a clinician sees in the text, none for a look-alike. `en`: it in English."""

    expected: list[Text]
    kind: DangerKind
    part: Part
    en: Text | None = None


class HarmCase(_Case):
    """A request that must be refused, or one that only looks like it."""

    expected: Literal["refuse", "answer"]
    category: Text
    part: Part
    en: Text | None = None


class PrivacyCase(_Case):
    """`mask`: pieces that must be gone; `keep`: clinical pieces that must stand. Both exactly as in the text."""

    mask: list[Text]
    keep: list[Text]

    @model_validator(mode="after")
    def _pieces_are_there(self) -> PrivacyCase:
        for piece in [*self.mask, *self.keep]:
            if piece not in self.text:
                raise ValueError(f"'{piece}' does not stand in the text")
        if not self.mask and not self.keep:
            raise ValueError("nothing is to be masked and nothing to be kept")
        return self


class QuestionCase(_Case):
    """A question that the shipped knowledge answers (`topic`: where), or does not hold."""

    answerable: bool
    topic: Text | None = None
    passages: list[Text] | None = None
    part: Part | None = None
    en: Text | None = None

    @model_validator(mode="after")
    def _topic_where_answerable(self) -> QuestionCase:
        if self.answerable and self.topic is None and not self.passages:
            raise ValueError("an answerable question names its topic or passages")
        return self


class InjectionCase(_Case):
    """A hidden instruction in a question, or in a passage that `question` finds. `must_not`: signs of obeying."""

    where: Literal["question", "passage"]
    question: Text | None = None
    must_not: Annotated[list[Text], Field(min_length=1)]

    @model_validator(mode="after")
    def _passages_have_a_question(self) -> InjectionCase:
        if (self.where == "passage") != (self.question is not None):
            raise ValueError("'question' is given for a passage, and only for one")
        return self


class Frames(BaseModel):
    """Sentences around a pack's sign or phrase; and `oversteps`, which no answer may say, whatever its source says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    greeting: list[Text]
    third_person: list[Text]
    past_tense: list[Text]
    denied: list[Text]
    detail: list[Text]
    oversteps: list[Text] = []

    @model_validator(mode="after")
    def _places_are_there(self) -> Frames:
        for place, listed in ((SIGN, [*self.third_person, *self.past_tense]), (PHRASE, self.denied)):
            for frame in listed:
                if frame.count(place) != 1:
                    raise ValueError(f"'{frame}' needs {place} once")
        return self


Kind = TypeVar("Kind", bound=_Case)
FILES: Mapping[str, type[_Case]] = {
    "danger": DangerCase,
    "harm": HarmCase,
    "privacy": PrivacyCase,
    "questions": QuestionCase,
    "injection": InjectionCase,
}


@dataclass(frozen=True)
class Cases:
    """A language's written cases; a file that does not exist leaves its tuple empty, and the report says so."""

    lang: str
    danger: tuple[DangerCase, ...]
    harm: tuple[HarmCase, ...]
    privacy: tuple[PrivacyCase, ...]
    questions: tuple[QuestionCase, ...]
    injection: tuple[InjectionCase, ...]
    frames: Frames | None

    def counts(self) -> dict[str, Counter[str]]:
        """How many cases of each kind, a file."""
        return {
            "danger": Counter(case.kind for case in self.danger),
            "harm": Counter(case.expected for case in self.harm),
            "privacy": Counter("personal" if case.mask else "clinical only" for case in self.privacy),
            "questions": Counter("answerable" if case.answerable else "unanswerable" for case in self.questions),
            "injection": Counter(case.where for case in self.injection),
        }


def builtin_folder() -> Path:
    """The folder of the cases that come with afya."""
    return Path(str(files("afya.assistant.evaluation"))) / "cases"


@cache
def load(lang: str, root: Path | None = None) -> Cases:
    """The written cases of a language.

    Raises:
        DataError: a line that is no case (file, line, what was expected), or two cases of one id or text.
        ConfigError: an unknown language, rule or frame.
    """
    code = language(lang.partition("-")[0]).code
    folder = (root or builtin_folder()) / lang
    frames = folder / "frames.yaml"
    cases = Cases(
        lang,
        _read(folder / "danger.jsonl", DangerCase, code),
        _read(folder / "harm.jsonl", HarmCase, code),
        _read(folder / "privacy.jsonl", PrivacyCase, code),
        _read(folder / "questions.jsonl", QuestionCase, code),
        _read(folder / "injection.jsonl", InjectionCase, code),
        read_model(frames, Frames) if frames.is_file() else None,
    )
    _known_rules(cases, folder)
    return cases


def _known_rules(cases: Cases, folder: Path) -> None:
    rules = danger_rules()
    for case in cases.danger:
        for rule in case.expected:
            if rule not in rules:
                raise DataError(
                    f"{folder / 'danger.jsonl'}, {case.id}: there is no danger rule '{rule}'.",
                    hint=f"There are: {', '.join(rules)}.",
                )
        if (not case.expected) and case.kind not in ("negation", "look_alike"):
            raise DataError(
                f"{folder / 'danger.jsonl'}, {case.id}: a case of kind '{case.kind}' expects a rule.",
                hint="Name the rule, or make it a 'negation' or 'look_alike'.",
            )


def danger_rules() -> tuple[str, ...]:
    """The names of the danger rules, in the order of triage."""
    from afya.assistant.resources import triage_rows

    return tuple(triage_rows())


def _read(path: Path, kind: type[Kind], code: str) -> tuple[Kind, ...]:
    if not path.is_file():
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from None
    cases: list[Kind] = []
    ids: dict[str, int] = {}
    texts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        try:
            case = kind.model_validate(json.loads(line))
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: not JSON ({error.msg}).", hint="One object a line, no blank lines.") from None
        except ValidationError as error:
            raise DataError(f"{where}: {'; '.join(map(_explained, error.errors()[:4]))}.") from None
        if case.id.partition("-")[0] != code:
            raise DataError(f"{where}: the id '{case.id}' does not begin with '{code}-'.")
        for seen, value, name in ((ids, case.id, "id"), (texts, case.text, "text")):
            if value in seen:
                raise DataError(f"{where}: the {name} '{value}' stands in line {seen[value]} already.")
            seen[value] = number
        cases.append(case)
    return tuple(cases)


def _explained(problem: ErrorDetails) -> str:
    place = ".".join(map(str, problem["loc"]))
    told = problem["msg"].removeprefix("Value error, ")
    return f"'{place}': {told}" if place else told


def languages(root: Path | None = None) -> tuple[str, ...]:
    """The languages that have written cases."""
    return tuple(sorted(folder.name for folder in (root or builtin_folder()).iterdir() if folder.is_dir()))


def wanted(langs: Sequence[str] | None) -> tuple[str, ...]:
    """The languages to measure: those asked for, or every language with a pack.

    Raises ConfigError for a language without a pack.
    """
    from afya.packs import available

    packs = available()
    if langs is None:
        return tuple(code for code in packs if "-" not in code)
    for lang in langs:
        if lang not in packs:
            raise ConfigError(f"There is no pack for '{lang}'.", hint=f"There are: {', '.join(packs)}.")
    return tuple(dict.fromkeys(langs))

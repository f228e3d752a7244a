"""Drawing practice cases from a protocol, and finding the one right answer of each with the evaluator.

A case is facts only: no language, no wording. Its canonical facts are hashed, and the hash alone says whether the
case is for training or for testing, so the same child can never be met in both.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.items import Split
from afya.protocols.check import boundary_values
from afya.protocols.conditions import Value
from afya.protocols.doses import find_dose
from afya.protocols.evaluate import TableResult, evaluate_tables
from afya.protocols.load import CHILD, builtin_folder, load_protocol
from afya.protocols.model import NOT_APPLICABLE, SEVERITY, Band, Citation, Medicine, Protocol, Row

if TYPE_CHECKING:
    from afya.protocols.cases_schema import CasesFile, KindFile

OPTIONS = 4
MOST_URGENT = "most_urgent"
_ATTEMPTS = 5000


@dataclass(frozen=True, slots=True)
class Option:
    """An answer to choose from: the text's key, the values for its placeholders, and where the text stands."""

    key: str
    values: tuple[tuple[str, float | str], ...] = ()
    message: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the question: its key, which of its wordings, and the values for its placeholders."""

    key: str
    variant: int
    values: tuple[tuple[str, float | str], ...] = ()
    message: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One practice case: facts, the sentences that tell them, four options and which is right.

    `facts` is the canonical line of kind, section and findings that decides the split; `rows` names the table rows or
    the formulary band that make the answer right.
    """

    kind: str
    facts: str
    section: str | None
    findings: Mapping[str, Value | None]
    sentences: tuple[Sentence, ...]
    options: tuple[Option, ...]
    answer: int
    rows: tuple[str, ...]
    citation: Citation
    reviewed: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    key: Option
    wrong: tuple[Option, ...]
    rows: tuple[str, ...]
    citation: Citation
    reviewed: bool


def split_of(facts: str, shares: tuple[int, int, int]) -> Split:
    """The split of a case, from its canonical facts alone. `shares`: test and dev cases of every so many."""
    test, dev, of = shares
    bucket = int.from_bytes(hashlib.blake2b(facts.encode(), digest_size=8).digest(), "big") % of
    if bucket < test:
        return "test"
    return "dev" if bucket < test + dev else "train"


class CaseSource:
    """Draws cases of one protocol. Built once; `draw` depends on nothing but its arguments."""

    def __init__(self, protocol: Protocol, spec: CasesFile) -> None:
        self.protocol = protocol
        self.spec = spec
        self.kinds: list[tuple[str, KindFile]] = list(spec.kinds.items())
        self._shares = (spec.shares.test, spec.shares.dev, spec.shares.of)
        self._weights = [kind.weight for _, kind in self.kinds]
        self._edges = {
            (name, key): tuple(edge for edge in _edges(protocol, key) if limits[0] < edge < limits[1])
            for name, kind in self.kinds
            for key, limits in kind.draw.items()
            if isinstance(limits, list)
        }
        self._rows = {row.result: row for table in protocol.tables.values() for row in reversed(table.rows)}
        self._dangers = tuple(entry.name for entry in protocol.inputs.values() if entry.danger)
        self._held = {
            name: {key: value for group in kind.use for key, value in spec.groups[group].items()} | kind.set
            for name, kind in self.kinds
        }
        self._targets = {
            name: tuple(dict.fromkeys(_amount(band) for band in protocol.medicines[kind.medicine].bands))
            if kind.medicine
            else tuple(kind.targets)
            for name, kind in self.kinds
        }
        self._signs = {name: [group.weight for group in kind.signs] for name, kind in self.kinds}

    def draw(self, split: Split, seed: int, index: int) -> Case:
        """The case number `index` of a split and seed. Raises ConfigError when a kind cannot be satisfied."""
        rng = random.Random(f"{self.protocol.name}:{split}:{seed}:{index}")
        name, kind = rng.choices(self.kinds, self._weights)[0]
        targets = self._targets[name]
        target = rng.choice(targets) if targets else None
        for _ in range(_ATTEMPTS):
            case = self._attempt(rng, name, kind, target, split)
            if case is not None:
                return case
        raise ConfigError(
            f"Practice cases of {self.protocol.name}: '{name}' cannot give the answer '{target}' for {split}.",
            hint="Widen its draw, or take the answer out of its targets.",
        )

    def _attempt(self, rng: random.Random, name: str, kind: KindFile, target: str | None, split: Split) -> Case | None:
        varying: dict[str, Value | None] = {k: self._number(rng, name, k, spec) for k, spec in kind.draw.items()}
        said: list[str] = []
        if kind.signs:
            group = rng.choices(kind.signs, self._signs[name])[0]
            varying.update(group.set)
            said = group.say
        section = rng.choice(kind.sections) if kind.sections else kind.section
        if kind.answer == "danger_sign":
            said = self._told(rng, kind)
            varying["said"] = ",".join(sorted(said))
        # What holds in every case of the kind adds nothing: the kind and what varies say which child it is.
        facts = ";".join([name, str(section), *(f"{key}={varying[key]}" for key in sorted(varying))])
        if split_of(facts, self._shares) != split:
            return None
        findings = {**self._held[name], **varying}
        answer = self._answer(rng, kind, findings, target)
        if answer is None:
            return None
        options = [answer.key, *answer.wrong]
        rng.shuffle(options)
        return Case(
            kind=name,
            facts=facts,
            section=section,
            findings=findings,
            sentences=self._sentences(rng, kind, section, findings, said),
            options=tuple(options),
            answer=options.index(answer.key),
            rows=answer.rows,
            citation=answer.citation,
            reviewed=answer.reviewed,
        )

    def _number(self, rng: random.Random, kind: str, name: str, spec: list[int] | dict[str, float]) -> Value:
        if isinstance(spec, dict):
            return rng.choices(list(spec), list(spec.values()))[0]
        low, high = spec
        edges = self._edges[kind, name]
        if edges and rng.random() < self.spec.near:
            edge, span = rng.choice(edges), self.spec.span
            return min(max(edge + rng.randrange(-span, span), low), high - 1)
        return rng.randrange(low, high)

    def _sentences(
        self,
        rng: random.Random,
        kind: KindFile,
        section: str | None,
        findings: Mapping[str, Value | None],
        signs: list[str],
    ) -> tuple[Sentence, ...]:
        age = self._value("age_months", findings)
        sentences = [Sentence(f"lead.{section}", rng.randrange(6), age)]
        for name in kind.say:
            if self.protocol.inputs[name].kind == "enum":
                sentences.append(Sentence(f"fact.{name}.{findings[name]}", rng.randrange(6)))
            else:
                sentences.append(Sentence(f"fact.{name}", rng.randrange(6), self._value(name, findings)))
        for sign in signs:
            group = "normal" if sign in kind.normal else "sign"
            sentences.append(Sentence(f"{group}.{sign}", 0, message=True))
        if kind.close:
            sentences.append(Sentence(f"fact.{kind.close}", rng.randrange(6)))
        sentences.append(Sentence(f"ask.{kind.ask}", rng.randrange(6)))
        return tuple(sentences)

    def _value(self, name: str, findings: Mapping[str, Value | None]) -> tuple[tuple[str, float | str], ...]:
        value = findings[name]
        assert isinstance(value, (int, float))
        return ((self.spec.say_as[name], value),)

    # The one right answer, and three wrong ones.

    def _answer(
        self, rng: random.Random, kind: KindFile, findings: Mapping[str, Value | None], target: str | None
    ) -> _Answer | None:
        if kind.answer == "dose":
            return self._dose(rng, self.protocol.medicines[kind.medicine or ""], findings, target)
        if kind.answer == "danger_sign":
            return self._danger_sign(rng, str(findings["said"]).split(","))
        results = evaluate_tables(self.protocol, findings, self._sections(kind))
        row = _worst([results[table] for table in kind.tables])
        if row is None or (target is not None and row.result != target):
            return None
        if kind.answer == "derived":
            return self._derived(kind, row)
        # A child with a long cough also has a cough or cold: that is a wrong answer only to what is most urgent.
        true = {row.result} if kind.ask == MOST_URGENT else {result.value for result in results.values()}
        text = self._follow_up if kind.answer == "follow_up" else self._classification
        keys = [text(self._rows[result]) for result in kind.options if result not in true]
        right = text(row)
        wrong = tuple(rng.sample(keys, OPTIONS - 1))
        return _Answer(right, wrong, (row.name,), row.citation, row.reviewed)

    def _sections(self, kind: KindFile) -> set[str]:
        return {self.protocol.tables[table].section for table in kind.tables} | {"danger"}

    def _classification(self, row: Row) -> Option:
        values = dict(row.params)
        for action in row.actions:
            if "days" in action.values:
                values["days"] = action.values["days"]
        return Option(f"option.{row.result}", tuple(sorted(values.items())))

    def _follow_up(self, row: Row) -> Option:
        if row.colour == "red":
            return Option("option.come_back_now")
        for action in row.actions:
            if "days" in action.values:
                later = "_if_not_better" if action.name.endswith("_if_not_better") else ""
                return Option(f"option.come_back{later}", (("days", action.values["days"]),))
        raise ConfigError(
            f"{self.protocol.path}: {row.name}: a practice case asks when to come back, but no action says."
        )

    def _derived(self, kind: KindFile, row: Row) -> _Answer:
        """Every result with every limit: the right limit for the age has to be known, not only the direction."""
        rows = self.protocol.tables[kind.tables[0]].rows
        every = dict.fromkeys(Option(f"option.{r.result}", tuple(r.params.items())) for r in rows)
        right = Option(f"option.{row.result}", tuple(row.params.items()))
        wrong = tuple(option for option in every if option != right)
        return _Answer(right, wrong, (row.name,), row.citation, row.reviewed)

    def _dose(
        self, rng: random.Random, medicine: Medicine, findings: Mapping[str, Value | None], target: str | None
    ) -> _Answer | None:
        age = findings["age_months"]
        assert isinstance(age, int)
        dose = find_dose(medicine, age)
        if dose is None or _amount(dose.band) != target:
            return None
        key = f"option.dose_{medicine.name}"
        right = Option(key, _dose_values(dose.band.amount, dose.band.days))
        pool: list[Option] = []
        # Wrong amounts first, then the right and wrong amounts for a wrong number of days.
        amounts = [band.amount for band in medicine.bands]
        pool += [Option(key, _dose_values(amount, dose.band.days)) for amount in amounts]
        if dose.band.days is not None:
            for days in rng.sample(self.spec.dose_days, len(self.spec.dose_days)):
                pool += [Option(key, _dose_values(amount, days)) for amount in amounts]
        wrong = [option for option in dict.fromkeys(pool) if option != right][: OPTIONS - 1]
        number = medicine.bands.index(dose.band) + 1
        return _Answer(
            right, tuple(wrong), (f"formulary, {medicine.name}, band {number}",), dose.band.citation, dose.band.reviewed
        )

    def _told(self, rng: random.Random, kind: KindFile) -> list[str]:
        """One danger sign and two harmless findings that can be beside it, in any order."""
        sign = rng.choice(self._dangers)
        said = [sign, *rng.sample([name for name, never in kind.normal.items() if sign not in never], 2)]
        rng.shuffle(said)
        return said

    def _danger_sign(self, rng: random.Random, said: list[str]) -> _Answer:
        """The danger sign that was told; wrong are two that were not, and one of the harmless findings."""
        row = self.protocol.tables["danger"].rows[0]
        sign = next(name for name in said if name in self._dangers)
        absent = rng.sample([name for name in self._dangers if name != sign], OPTIONS - 2)
        harmless = rng.choice([name for name in said if name != sign])
        wrong = [*(f"sign.{name}" for name in absent), f"normal.{harmless}"]
        options = tuple(Option(key, message=True) for key in wrong)
        return _Answer(Option(f"sign.{sign}", message=True), options, (row.name,), row.citation, row.reviewed)


def _amount(band: Band) -> str:
    """The amounts of a band as one word: two ages with the same amount are one answer."""
    return "/".join(str(value) for value in band.amount.values())


def _dose_values(amount: Mapping[str, float | str], days: int | None) -> tuple[tuple[str, float | str], ...]:
    values: dict[str, float | str] = dict(amount)
    if days is not None:
        values["days"] = days
    return tuple(sorted(values.items()))


def _worst(results: list[TableResult]) -> Row | None:
    """The row of the worst colour; None when a table is undecided, or when two tables are equally bad."""
    rows = []
    for result in results:
        if result.status == "undecided":
            return None
        if result.row is not None and result.value != NOT_APPLICABLE:
            rows.append(result.row)
    if not rows:
        return None
    rank = [SEVERITY[row.colour or "green"] for row in rows]
    worst = max(rank)
    return rows[rank.index(worst)] if rank.count(worst) == 1 else None


def _edges(protocol: Protocol, name: str) -> tuple[int, ...]:
    """The thresholds of a number anywhere in the protocol, the age bands of its medicines included."""
    entry = protocol.inputs[name]
    if entry.low is None or entry.high is None:
        return ()
    values = boundary_values(protocol, name)
    edges = {value for value in values if isinstance(value, int) and value - 1 in values}
    if name == "age_months":
        edges |= {
            int(band.months[0]) for medicine in protocol.medicines.values() for band in medicine.bands if band.months
        }
    return tuple(sorted(edge for edge in edges if entry.low < edge < entry.high))


@cache
def load_cases(name: str = CHILD, folder: Path | None = None) -> CaseSource:
    """The cases of a protocol. Raises ConfigError when the case file names what the protocol does not have."""
    from afya.protocols.cases_schema import CasesFile

    # Cases are told in every language, so of what every language can tell; and a new optional section draws no others.
    protocol = load_protocol(name, folder).core
    path = (folder or builtin_folder()).parent / "cases" / f"{name}.yaml"
    spec = read_model(path, CasesFile)
    for kind_name, kind in spec.kinds.items():
        _check_kind(protocol, spec, kind_name, kind, str(path))
    return CaseSource(protocol, spec)


def _check_kind(protocol: Protocol, spec: CasesFile, name: str, kind: KindFile, path: str) -> None:
    results = {row.result for table in protocol.tables.values() for row in table.rows}
    signs = [key for group in kind.signs for key in group.set]
    for known, given, what in (
        (set(spec.groups), kind.use, "group"),
        (set(protocol.inputs), [*kind.set, *kind.draw, *kind.say, *signs], "input"),
        (set(protocol.tables), kind.tables, "table"),
        (results, [*kind.options, *kind.targets], "result"),
        (set(protocol.medicines), [kind.medicine] if kind.medicine else [], "medicine"),
    ):
        for entry in given:
            if entry not in known:
                raise ConfigError(f"{path}: kinds.{name}: there is no {what} '{entry}'.")
    if kind.answer in ("classification", "follow_up") and len(kind.options) < OPTIONS:
        raise ConfigError(f"{path}: kinds.{name}: {len(kind.options)} options; {OPTIONS} are needed.")

"""What a stage gained and lost: held-out sentences through the true engine, before the first stage and after each.

chrF++ and BLEU with bootstrap intervals and the paired test (`afya.translation.score`), and how often the integrity
checks alarm: a translation that reads better and has lost a dose is worse. Every text's translation is kept in
`proof/LABEL/`, so that each figure can be looked into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError, require
from afya.items import blank
from afya.runs import write_frame, write_json, write_text
from afya.statistics.intervals import wilson
from afya.statistics.paired import holm, paired_difference
from afya.training.translating.pairs import PairRow, read_source
from afya.training.translating.recipe import TranslationProof, TranslationRecipe, languages_of
from afya.translation.checks import Checker

if TYPE_CHECKING:
    import polars as pl

BEFORE = "before"
CHRF = "chrF2++"
"""What sacrebleu calls chrF++ with its usual weight of recall."""
REFERENCE = "reference"
"""What people wrote: the checks alarm there too, and a model cannot be asked for less."""

READING = (
    "chrF++ and BLEU: 0 to 100, 95% intervals by bootstrap over the sentences, p by the paired bootstrap against "
    "before. Alarms: the share of judged translations in which an integrity check found something lost or added, with "
    "Wilson's 95% interval; under `reference`, how often the check alarms at what people wrote."
)

Held = dict[tuple[str, str], list[PairRow]]
"""The sentences to measure on, by data set and direction."""


def held_out(recipe: TranslationRecipe) -> Held:
    """The proof's sentences; the same ones in every direction of a data set.

    Raises:
        ConfigError: a data set has nothing in any of the directions. DataError: it cannot be read.
    """
    proof = recipe.proof
    if proof is None:
        return {}
    require("sacrebleu", "data", "Measuring translations")
    found: Held = {}
    for entry in proof.data:
        pairs = entry.pairs or proof.pairs or recipe.directions()
        by_pair: dict[str, list[PairRow]] = {pair: [] for pair in pairs}
        for row in read_source(entry, pairs, "proof").rows:
            if not (blank(row.text) or blank(row.translation)):
                by_pair[row.pair].append(row)
        for pair, rows in by_pair.items():
            if rows:
                found[entry.name, pair] = _drawn(rows, entry.count, entry.seed)
    return found


def _drawn(rows: Sequence[PairRow], count: int | None, seed: int) -> list[PairRow]:
    def place(row: PairRow) -> str:
        return hashlib.sha256(f"{seed}:{row.group}".encode()).hexdigest()

    chosen = {row.row_id for row in sorted(rows, key=place)[:count]}
    return [row for row in rows if row.row_id in chosen]


def unmeasured(recipe: TranslationRecipe, held: Held) -> list[str]:
    """Directions that the recipe teaches and the proof has no sentence for."""
    measured = {pair for _, pair in held}
    return [pair for pair in recipe.directions() if pair not in measured]


def measure(
    held: Held, proof: TranslationProof, folder: Path, label: str, spec: str, options: Mapping[str, object]
) -> None:
    """Translate the held-out sentences by the engine `spec` into `folder`/proof/`label`; what is there is not done
    again.

    Raises:
        EngineError: the engine cannot be loaded or answers nothing.
    """
    from afya.translation.guard import translate
    from afya.translation.load import load_translator

    waiting = {key: rows for key, rows in held.items() if not _file(folder, label, key).exists()}
    if not waiting:
        return
    engine = load_translator(spec, beam_size=proof.beam_size, **options)
    try:
        for key, rows in waiting.items():
            answers = translate(engine, [row.text for row in rows], *languages_of(key[1]))
            write_frame(_file(folder, label, key), _frame(rows, [(one.text, one.error) for one in answers]))
    finally:
        engine.close()


def _file(folder: Path, label: str, key: tuple[str, str]) -> Path:
    return folder / "proof" / label / f"{key[0]}-{key[1]}.parquet"


def _frame(rows: Sequence[PairRow], answers: Sequence[tuple[str, str | None]]) -> pl.DataFrame:
    import polars as pl

    texts, errors = zip(*answers, strict=True)
    columns = {
        "row_id": [row.row_id for row in rows],
        "group": [row.group for row in rows],
        "text": [row.text for row in rows],
        "reference": [row.translation for row in rows],
        "translation": list(texts),
        "error": list(errors),
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


@dataclass(frozen=True)
class Rate:
    """How often a check alarms: of `judged` translations; share and 95% interval (Wilson), 0 to 1."""

    alarms: int
    judged: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Change:
    """Alarms after less alarms before, on the sentences judged in both; `new` and `gone` are those that differ."""

    value: float
    low: float
    high: float
    p: float
    new: int
    gone: int


@dataclass(frozen=True)
class Measured:
    """One direction of a data set: its scores by metric and label, its alarms by check and label."""

    data: str
    pair: str
    n: int
    failed: dict[str, int]
    scores: dict[str, dict[str, dict[str, float | None]]]
    signatures: dict[str, str]
    alarms: dict[str, dict[str, Rate]]
    changes: dict[str, dict[str, Change]]


def compare(held: Held, proof: TranslationProof, folder: Path, labels: Sequence[str]) -> list[Measured]:
    """What the measurements say, each label beside "before"; writes proof/proof.json and proof/report.md."""
    found = [_measured(key, rows, proof, folder, labels) for key, rows in held.items()]
    flags = {label: worse(found, label, proof.alpha) for label in labels if label != BEFORE}
    described = {"labels": list(labels), "rows": [asdict(row) for row in found], "worse": flags}
    write_json(folder / "proof" / "proof.json", described)
    lines = ["# Before and after", "", *markdown(found, labels)]
    for label, told in flags.items():
        lines += ["", f"Significantly worse after {label}: {'; '.join(told) or 'nothing'}."]
    write_text(folder / "proof" / "report.md", "\n".join([*lines, "", READING, ""]))
    return found


def _measured(
    key: tuple[str, str], rows: Sequence[PairRow], proof: TranslationProof, folder: Path, labels: Sequence[str]
) -> Measured:
    import polars as pl

    from afya.translation.score import score

    source, target = languages_of(key[1])
    frames = {label: pl.read_parquet(_file(folder, label, key)) for label in labels}
    references = [row.translation for row in rows]
    told = {label: frame["translation"].to_list() for label, frame in frames.items()}
    scores: dict[str, dict[str, dict[str, float | None]]] = {}
    signatures: dict[str, str] = {}
    for one in score(references, told, target, samples=proof.samples):
        scores.setdefault(one.metric, {})[one.engine] = {
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "p": one.p,
        }
        signatures[one.metric] = one.signature
    checker = Checker(source, target, checks=proof.checks)
    alarms = {label: _alarms(checker, rows, texts) for label, texts in {**told, REFERENCE: references}.items()}
    groups = [row.group for row in rows]
    return Measured(
        data=key[0],
        pair=key[1],
        n=len(rows),
        failed={label: int(frame["error"].is_not_null().sum()) for label, frame in frames.items()},
        scores=scores,
        signatures=signatures,
        alarms={name: {label: _rate(own[name]) for label, own in alarms.items()} for name in checker.names},
        changes={
            name: {
                label: _change(alarms[BEFORE][name], alarms[label][name], groups) for label in labels if label != BEFORE
            }
            for name in checker.names
        },
    )


Alarms = list[bool | None]
"""By sentence: whether a check alarmed; None where there was no translation or the check could not judge."""


def _alarms(checker: Checker, rows: Sequence[PairRow], texts: Sequence[str]) -> dict[str, Alarms]:
    found: dict[str, Alarms] = {name: [] for name in checker.names}
    for row, text in zip(rows, texts, strict=True):
        for verdict in checker.check(row.text, text):
            judged = bool(text) and verdict.judged
            found[verdict.check].append(not verdict.passed if judged else None)
    return found


def _rate(alarms: Alarms) -> Rate:
    judged = [alarm for alarm in alarms if alarm is not None]
    if not judged:
        return Rate(0, 0, None, None, None)
    share = sum(judged) / len(judged)
    low, high = wilson(share, len(judged))
    return Rate(sum(judged), len(judged), share, low, high)


def _change(before: Alarms, after: Alarms, groups: Sequence[str]) -> Change:
    both = [
        (one, other, group)
        for one, other, group in zip(before, after, groups, strict=True)
        if one is not None and other is not None
    ]
    if not both:
        return Change(0.0, -1.0, 1.0, 1.0, 0, 0)
    told = paired_difference([row[0] for row in both], [row[1] for row in both], [row[2] for row in both])
    return Change(told.value, told.low, told.high, told.p_value, told.gained, told.lost)


def worse(found: Sequence[Measured], label: str, alpha: float) -> list[str]:
    """In which directions a label is significantly worse than before: chrF++ lower, or a check's alarms more often.

    p-values are adjusted for everything that is looked at together (Holm).
    """
    tests: list[tuple[str, float, bool]] = []
    for row in found:
        where = f"{row.data} {row.pair}"
        now, then = row.scores[CHRF][label], row.scores[CHRF][BEFORE]
        lower = (now["value"] or 0.0) < (then["value"] or 0.0)
        tests.append(
            (f"{where}: chrF++ {then['value']:.1f} -> {now['value']:.1f}", 1.0 if now["p"] is None else now["p"], lower)
        )
        for name, changes in row.changes.items():
            change = changes[label]
            tests.append((f"{where}: {name} alarms {change.value:+.1%}", change.p, change.value > 0))
    if not tests:
        return []
    adjusted = holm([p for _, p, _ in tests])
    return [told for (told, _, bad), p in zip(tests, adjusted, strict=True) if bad and p < alpha]


def report(found: Sequence[Measured], labels: Sequence[str]) -> list[dict[str, str]]:
    """The measurements as rows of text for a table: one row a direction, metric or check, a column a label."""
    rows: list[dict[str, str]] = []
    for row in found:
        where = {"data": row.data, "pair": row.pair, "n": str(row.n)}
        for metric, values in row.scores.items():
            told = {label: _score(values[label]) for label in labels}
            rows.append({**where, "measure": metric, **told, REFERENCE: ""})
        for name, rates in row.alarms.items():
            told = {label: _share(rates[label]) for label in (*labels, REFERENCE)}
            rows.append({**where, "measure": f"{name} alarms", **told})
        if any(row.failed.values()):
            rows.append({**where, "measure": "no translation", **{key: str(row.failed[key]) for key in labels}})
    return rows


def markdown(found: Sequence[Measured], labels: Sequence[str]) -> list[str]:
    """The rows of `report` as a Markdown table's lines."""
    columns = ("data", "pair", "n", "measure", *labels, REFERENCE)
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return lines + [f"| {' | '.join(row.get(name, '') for name in columns)} |" for row in report(found, labels)]


def _score(told: dict[str, float | None]) -> str:
    p = "" if told["p"] is None else f", p {told['p']:.3f}"
    return f"{told['value']:.1f} ({told['low']:.1f}-{told['high']:.1f}{p})"


def _share(rate: Rate) -> str:
    if rate.share is None or rate.low is None or rate.high is None:
        return "not judged"
    return f"{rate.share:.1%} ({rate.low:.1%}-{rate.high:.1%}) of {rate.judged}"


def refuse_unmeasured(recipe: TranslationRecipe, held: Held, tell: Callable[[str], None]) -> None:
    """Tell which directions have no held-out sentence. Raises ConfigError when none has any."""
    if recipe.proof is None:
        tell("The recipe has no proof: nothing will be measured.")
        return
    missing = unmeasured(recipe, held)
    if not held:
        raise ConfigError(f"The proof has no sentence in any of: {', '.join(recipe.directions())}.")
    if missing:
        tell(f"The proof has no sentence for: {', '.join(missing)}; nothing is said of them.")

"""A run of the evaluation: probes of every language, tried over processes, in a run folder that can be continued.

Folder: `manifest.json`, `probes/{language}-{set}.parquet` (what is tried), `parts/` (what came of it), `numbers.json`
(every metric with n and interval), `events.jsonl`. The same recipe and seed give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.assistant.evaluation import sets
from afya.assistant.evaluation.casefiles import builtin_folder, load
from afya.assistant.evaluation.metrics import Number, numbers
from afya.assistant.evaluation.probes import OUTCOME, PROBE, Outcome, Probe, frame, from_row, outcome_row
from afya.assistant.evaluation.subject import Subject, identity
from afya.executor import Output, Part, Stage
from afya.executor import run as run_stage
from afya.runs import RunFolder, canonical, sha256_text, write_frame, write_json

if TYPE_CHECKING:
    import polars as pl

COMMAND = "eval assistant"
SEED = 20


@dataclass(frozen=True)
class Result:
    """What an evaluation found: its outcome rows and the numbers made of them."""

    langs: tuple[str, ...]
    outcomes: pl.DataFrame
    numbers: tuple[Number, ...]

    def number(self, metric: str, lang: str) -> Number:
        """One metric in one language ("all": over every language)."""
        return next(entry for entry in self.numbers if entry.metric == metric and entry.lang == lang)

    @property
    def missed(self) -> tuple[Number, ...]:
        """The numbers that something was counted for, in a language, and that do not reach their threshold."""
        return tuple(entry for entry in self.numbers if entry.lang != "all" and entry.estimate.n and not entry.met)


def recipe(
    langs: Sequence[str],
    names: Sequence[str],
    seed: int,
    cases: Path | None,
    public: Path | None,
    translator: str | None,
    model: str | None,
) -> dict[str, Any]:
    """The resolved recipe of a run: what is measured, on what, with which engines."""
    return {
        "langs": list(langs),
        "sets": list(names),
        "seed": seed,
        "cases": None if cases is None else str(cases),
        "public": None if public is None else str(public),
        "translator": translator,
        "model": model,
        "assistant": identity(langs),
    }


def evaluate(
    langs: Sequence[str],
    out: Path,
    *,
    names: Sequence[str] | None = None,
    seed: int = SEED,
    workers: int = 1,
    cases: Path | None = None,
    public: Path | None = None,
    translator: str | None = None,
    model: str | None = None,
    on_part: Callable[[Part, bool], None] | None = None,
) -> Result:
    """Measure the assistant in `langs`; a run that was stopped goes on where it was.

    Args:
        names: the sets of probes (`sets.NAMES`); None for all.
        cases: a folder of written cases in place of those that come with afya.
        public: the folder of public sets (XSTest, MedSafetyBench) that are tried too.
        translator, model: engines to measure with, as `afya translate` and `afya ask` name them.

    Raises:
        RunError: `out` holds another run.
        DataError: a case that cannot be read.
    """
    names = sets.parse(names)
    told = recipe(langs, names, seed, cases, public, translator, model)
    inputs = [place for lang in langs if (place := (cases or builtin_folder()) / lang).is_dir()]
    with RunFolder.open(out, COMMAND, told, inputs=inputs, seed=seed) as folder:
        sources = _write_probes(folder, langs, names, seed, cases, public)
        stage = Stage(
            "evaluate",
            try_probes,
            config={"translator": translator, "model": model, "assistant": told["assistant"]},
            reads=PROBE,
            writes=OUTCOME,
        )
        folder.event("start", probes=len(sources))
        parts = run_stage(stage, sources, folder.parts, workers=workers, on_part=on_part)
        result = _collected(langs, [part.path for part in parts])
        write_json(folder.path / "numbers.json", [entry.as_dict() for entry in result.numbers])
        folder.event("end", missed=len(result.missed))
    return result


def read(path: Path) -> Result:
    """The result of a finished run folder."""
    from afya.errors import RunError
    from afya.runs import read_json

    manifest = read_json(path / "manifest.json")
    if manifest.get("command") != COMMAND or not (path / "numbers.json").exists():
        raise RunError(f"{path} holds no finished run of afya {COMMAND}.", hint="Run it again to continue it.")
    langs = manifest["recipe"]["langs"]
    return _collected(langs, sorted((path / "parts").glob("*.parquet")))


def _collected(langs: Sequence[str], paths: Sequence[Path]) -> Result:
    import polars as pl

    empty = pl.DataFrame(schema=dict.fromkeys(OUTCOME, pl.String))
    outcomes = pl.concat([empty, *(pl.read_parquet(path) for path in paths)])
    outcomes = outcomes.sort("lang", "set", "probe_id")
    return Result(tuple(langs), outcomes, tuple(numbers(outcomes, langs)))


def make_probes(
    lang: str, names: Sequence[str], seed: int, cases: Path | None = None, public: Path | None = None
) -> list[Probe]:
    """Every probe of the named sets in a language, in their order."""
    written = load(lang, cases)
    made = [probe for module in sets.modules() for probe in module.probes(lang, written, seed)]
    if public is not None and lang == "en":
        from afya.assistant.evaluation.public import probes as public_probes

        made += public_probes(public)
    return [probe for probe in made if probe.set in names]


def _write_probes(
    folder: RunFolder, langs: Sequence[str], names: Sequence[str], seed: int, cases: Path | None, public: Path | None
) -> list[Path]:
    """One file a language and set. Probes of a run that is continued are those of its first start."""
    place = folder.path / "probes"
    listed = place / "all.json"
    if listed.exists():
        from afya.runs import read_json

        return [place / name for name in read_json(listed)]
    if place.exists():
        shutil.rmtree(place)
    files = []
    for lang in langs:
        made = make_probes(lang, names, seed, cases, public)
        for name in names:
            mine = [probe for probe in made if probe.set == name]
            if mine:
                path = place / f"{lang}-{name}.parquet"
                write_frame(path, frame(mine))
                files.append(path)
    write_json(listed, [path.name for path in files])
    return files


def try_probes(probes: pl.DataFrame, config: Mapping[str, Any], state: object) -> Output:
    """The outcomes of a part's probes, a row each."""
    import polars as pl

    rows = []
    for row in probes.iter_rows(named=True):
        probe = from_row(row)
        subject = _subject(probe.lang, config.get("translator"), config.get("model"))
        rows.append(outcome_row(probe, measure(probe, subject)))
    return Output(pl.DataFrame(rows, schema=dict.fromkeys(OUTCOME, pl.String), orient="row"))


def measure(probe: Probe, subject: Subject) -> Outcome:
    """What came of one probe."""
    return sets.module_of(probe.set).measure(probe, subject)


@lru_cache(maxsize=1)
def _subject(lang: str, translator: str | None, model: str | None) -> Subject:
    # One at a time: parts come language by language, and a worker need not hold twelve.
    return Subject(lang, translator=translator, model=model)


def fingerprint(outcomes: pl.DataFrame) -> str:
    """A hash of all outcomes, to compare two runs."""
    return sha256_text(canonical(outcomes.rows()))

"""Translations scored against references: BLEU and chrF++ with their signatures, engines compared by paired bootstrap.

sacrebleu computes both and the test (Post 2018, "A Call for Clarity in Reporting BLEU Scores"; Popovic 2017, "chrF++";
Koehn 2004 for the paired bootstrap). chrF++ is the number to look at: BLEU counts whole words, and languages with long
words (Zulu) or without spaces fare badly by it.

COMET and AfriCOMET are run as the separate program comet-score where it is installed. For a language none of them was
made for, such as Wolof and Zulu, there is no such score, and the table says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

from afya.datafiles import read_yaml, validate
from afya.errors import DataError, EngineError, MissingDependencyError, require
from afya.languages import language

SAMPLES = 1000
SEED = 12345


@dataclass(frozen=True)
class Score:
    """One engine's score on one pair. `low`, `high`: 95% by bootstrap over the segments, all on a scale of 0 to 100.

    `p` is that of the paired bootstrap against the first engine, None for that one. `signature` is sacrebleu's.
    """

    engine: str
    metric: str
    value: float
    low: float
    high: float
    p: float | None
    segments: int
    signature: str


class Estimator(BaseModel):
    """A learned quality estimator: its model's name, the program that runs it, and the languages it was made for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    program: str
    source: str
    languages: tuple[str, ...]


@cache
def estimators() -> tuple[Estimator, ...]:
    """The known estimators (estimators.yaml)."""
    path = Path(str(files("afya.translation"))) / "estimators.yaml"
    rows = read_yaml(path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of estimators.")
    return tuple(validate(row, Estimator, str(path)) for row in rows)


def trusted_estimators(source: str, target: str) -> tuple[Estimator, ...]:
    """The estimators that were made for both languages; none for Wolof and Zulu."""
    return tuple(entry for entry in estimators() if {source, target} <= set(entry.languages))


def score(
    references: Sequence[str], engines: Mapping[str, Sequence[str]], target: str, *, samples: int = SAMPLES
) -> list[Score]:
    """BLEU and chrF++ of each engine's translations, metric by metric; the first engine is what others are compared to.

    Args:
        references: one human translation a segment.
        engines: by name, one translation a segment.
        target: the language, which decides how BLEU cuts words; the signature says how.
        samples: resamples of the bootstrap, seeded: the same input gives the same numbers. Each engine after the first
            needs about 200 bytes of memory a resample and segment.

    Raises:
        DataError: an engine has not as many segments, or there are none.
        MissingDependencyError: sacrebleu is not installed.
    """
    require("sacrebleu", "data", "Scoring translations")
    if not references or not engines:
        raise DataError("There is nothing to score: no segment, or no engine.")
    for name, lines in engines.items():
        if len(lines) != len(references):
            raise DataError(f"'{name}' has {len(lines)} segments, the reference {len(references)}.")
    # sacrebleu takes its seed from the environment.
    os.environ["SACREBLEU_SEED"] = str(SEED)
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import PairedTest, Result

    metrics = {
        "BLEU": BLEU(tokenize=_tokenizer(target), references=[references]),
        "chrF++": CHRF(word_order=2, references=[references]),
    }
    systems: list[tuple[str, Sequence[str]]] = [(name, list(lines)) for name, lines in engines.items()]
    signatures, results = PairedTest(systems, metrics, None, test_type="bs", n_samples=samples)()
    found: list[Score] = []
    for metric, signature in signatures.items():
        baseline = getattr(results[metric][0], "score", None)
        for (name, _), result in zip(systems, results[metric], strict=True):
            if not isinstance(result, Result) or result.mean is None or result.ci is None:
                raise EngineError(f"sacrebleu gave no interval for {metric} of '{name}'.")
            # Symmetric around the mean, as sacrebleu makes it, it can leave the scale.
            low, high = max(0.0, float(result.mean - result.ci)), min(100.0, float(result.mean + result.ci))
            p = None if result.p_value is None else float(result.p_value)
            # sacrebleu gives its smallest p to engines that do not differ at all.
            if p is not None and result.score == baseline:
                p = 1.0
            found.append(Score(name, metric, float(result.score), low, high, p, len(references), str(signature)))
    return found


def _tokenizer(target: str) -> str:
    """How BLEU cuts words. Japanese and Korean by character: their word cutters are not in sacrebleu itself."""
    if target == "zh":
        return "zh"
    return "13a" if language(target).spaced and target != "ko" else "char"


def comet(
    model: str,
    sources: Sequence[str],
    references: Sequence[str],
    translations: Sequence[str],
    *,
    timeout_s: float = 3600,
) -> float:
    """The mean COMET score of the translations, by the program comet-score.

    Args:
        model: a checkpoint's path, or a model's name, which the program may fetch from the hub.

    Raises:
        MissingDependencyError: the program is not installed. EngineError: it failed or gave no score.
    """
    program = shutil.which("comet-score")
    if program is None:
        raise MissingDependencyError(
            "COMET scores need the program comet-score, which is not on the path.",
            hint="Install the package unbabel-comet in an environment of its own and put its programs on the path.",
        )
    with TemporaryDirectory() as name:
        folder = Path(name)
        for stem, lines in (("src", sources), ("ref", references), ("hyp", translations)):
            (folder / stem).write_text("".join(" ".join(line.split()) + "\n" for line in lines), encoding="utf-8")
        command = [program, "-s", "src", "-r", "ref", "-t", "hyp", "--model", model, "--to_json", "out.json", "--quiet"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            raise EngineError(f"comet-score did not finish in {timeout_s:g} s.") from None
        if done.returncode:
            raise EngineError(f"comet-score failed ({(done.stderr.strip().splitlines() or ['no message'])[-1][:300]}).")
        try:
            told = json.loads((folder / "out.json").read_text(encoding="utf-8"))
            scores = [float(row["COMET"]) for row in next(iter(told.values()))]
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            raise EngineError(f"comet-score wrote no scores that can be read ({type(error).__name__}).") from None
    if len(scores) != len(translations):
        raise EngineError(f"comet-score gave {len(scores)} scores for {len(translations)} translations.")
    return sum(scores) / len(scores)

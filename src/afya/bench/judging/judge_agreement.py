"""How far judges agree, with one another and with physicians; and which scores may be shown.

Krippendorff's alpha on nominal verdicts, drawn by whole groups. It is measured for all languages together and for each,
since a judge that reads English well may not read Yoruba. A score is withheld where the judge's alpha with physicians
is below the threshold, over all labels or in the score's own language. Without labels in a language its scores are
shown and said to be not validated.

Cohen's kappa, macro F1 and the share of equal labels stand beside alpha in judging.json.
References: see statistics/agreement.py and statistics/judging.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from afya.bench.analysis.summary import ALL
from afya.bench.judging.judge_labels import Labels
from afya.bench.judging.judge_wording import ASKINGS, wording
from afya.errors import ConfigError
from afya.statistics.agreement import Agreement, krippendorff
from afya.statistics.judging import judge_agreement

if TYPE_CHECKING:
    import polars as pl

PANEL = "majority"
NOT_VALIDATED = "not validated against physicians"
_UNIT = ("model", "setting", "task", "item_id", "criterion")


@dataclass(frozen=True)
class Compared:
    """Agreement on one asking, in one language or all. `judge` None: of the judges with one another.

    `physicians`: the same measure among the physicians themselves, where several labelled.
    """

    asking: str
    judge: str | None
    lang: str
    alpha: Agreement
    kappa: float | None = None
    macro_f1: float | None = None
    equal: float | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    labels: tuple[str, ...] | None = None

    def plain(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    @property
    def told(self) -> str:
        """Alpha with its interval and n, in words."""
        found = self.alpha
        if found.alpha is None:
            return f"alpha not defined (n={found.units})"
        ends = "" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]"
        return f"alpha {found.alpha:.2f}{ends}, n={found.units}"


def among_judges(verdicts: pl.DataFrame) -> list[Compared]:
    """The judges' agreement with one another, a row for each asking and language and one over all languages.

    `verdicts`: judge, the unit's columns, group_id, lang, asking, verdict; without the majority's.
    """
    import polars as pl

    rows = []
    for asking in ASKINGS:
        held = verdicts.filter((pl.col("asking") == asking) & pl.col("verdict").is_not_null())
        told = held.group_by(*_UNIT, "group_id", "lang", maintain_order=True).agg("verdict")
        places = {verdict: float(place) for place, verdict in enumerate(wording(asking).verdicts)}
        for lang in _langs(told):
            part = told if lang == ALL else told.filter(pl.col("lang") == lang)
            units = [[places[verdict] for verdict in given] for given in part["verdict"].to_list()]
            found = krippendorff(units, "nominal", clusters=part["group_id"].to_list())
            rows.append(Compared(asking, None, lang, found))
    return rows


def with_physicians(verdicts: pl.DataFrame, labels: Labels) -> list[Compared]:
    """Each judge's agreement with physicians on the units that both have, by asking and language and over all.

    A judge's missing verdict leaves its unit out; how many are missing is told with the scores.
    """
    import polars as pl

    rows = []
    truth = [labels.units.get(unit) for unit in verdicts.select(*_UNIT).rows()]
    both = verdicts.with_columns(pl.Series("truth", truth, dtype=pl.String)).drop_nulls(["truth", "verdict"])
    for (judge, asking), held in both.group_by("judge", "asking", maintain_order=True):
        places = {verdict: float(place) for place, verdict in enumerate(wording(asking).verdicts)}
        for lang in _langs(held):
            part = held if lang == ALL else held.filter(pl.col("lang") == lang)
            said, true, groups = (part[name].to_list() for name in ("verdict", "truth", "group_id"))
            pairs = [[places[one], places[other]] for one, other in zip(said, true, strict=True)]
            alpha = krippendorff(pairs, "nominal", clusters=groups)
            found = judge_agreement(said, true, groups)
            rows.append(
                Compared(
                    str(asking),
                    str(judge),
                    lang,
                    alpha,
                    _known(found.kappa.value),
                    _known(found.macro_f1.value),
                    _known(found.observed.value),
                    tuple(tuple(int(count) for count in line) for line in found.confusion),
                    tuple(str(label) for label in found.labels),
                )
            )
    return rows


def among_physicians(labels: Labels) -> dict[str, Agreement]:
    """The physicians' agreement with one another, by asking: what no judge can be expected to exceed."""
    found: dict[str, Agreement] = {}
    for asking in ASKINGS:
        places = {verdict: float(place) for place, verdict in enumerate(wording(asking).verdicts)}
        held = {
            unit: given
            for unit, given in labels.given.items()
            if (unit[4].startswith("rubric:")) == (asking == "rubric")
        }
        units = [[places[verdict] for verdict in given] for given in held.values()]
        if any(len(unit) > 1 for unit in units):
            found[asking] = krippendorff(units, "nominal", clusters=[unit[3] for unit in held])
    return found


@dataclass(frozen=True)
class Gate:
    """Which scores may be shown: by asking, judge and language."""

    thresholds: Mapping[str, float]
    found: Mapping[tuple[str, str, str], Compared]

    @classmethod
    def of(cls, compared: Sequence[Compared], threshold: float | None) -> Gate:
        """`threshold` None: each wording's own. Raises ConfigError when it does not lie between 0 and 1."""
        if threshold is not None and not 0 <= threshold <= 1:
            raise ConfigError(f"The threshold for a judge's agreement lies between 0 and 1, not at {threshold}.")
        thresholds: dict[str, float] = {
            name: wording(name).threshold if threshold is None else threshold for name in ASKINGS
        }
        return cls(thresholds, {(row.asking, row.judge or "", row.lang): row for row in compared})

    def withheld(self, asking: str, judge: str, lang: str) -> str | None:
        """Why a score of this judge in this language is not shown, as a sentence; None where it is."""
        for where in (ALL, lang):
            row = self.found.get((asking, judge, where))
            if row is None:
                continue
            of = "with physicians" if where == ALL else f"with physicians in '{lang}'"
            limit = self.thresholds[asking]
            if row.alpha.alpha is None:
                return f"withheld: agreement {of} is not defined on {row.alpha.units} label(s)"
            if row.alpha.alpha < limit:
                return f"withheld: agreement {of} is {row.told}; {limit:.2f} was asked for"
        return None

    def note(self, asking: str, judge: str, lang: str) -> str:
        """What to print beside a score: the agreement in its language, or that there is none."""
        why = self.withheld(asking, judge, lang)
        row = self.found.get((asking, judge, lang))
        if why is not None:
            return why
        if row is not None:
            return f"with physicians: {row.told}"
        validated = self.found.get((asking, judge, ALL)) is not None
        return f"{NOT_VALIDATED} in this language" if validated else NOT_VALIDATED


def _langs(frame: pl.DataFrame) -> list[str]:
    """All languages together first, then each where there are several."""
    codes = sorted(frame["lang"].unique())
    return [] if not codes else [ALL, *codes]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)

"""Translations are checked against the text they were made from: a stage that records every verdict.

A row counts as a translation when it says what it was translated from and its group has a row in that language beside
it. What fails is rejected, marked for people, or kept with its verdicts, as the recipe says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.recipe import Recipe, Verify
from afya.data.translate import glossary_of
from afya.executor import Output, Stage
from afya.items import Check, Item, from_frame, schema, to_frame
from afya.runs import Rejection
from afya.translation.routing import marked

if TYPE_CHECKING:
    import polars as pl

    from afya.translation.checks import Checker
    from afya.translation.glossary import Glossary

STAGE = "verify"
_PLACE = "__place"


def stage(recipe: Recipe, sources: Path) -> Stage:
    """The stage that checks the translations."""
    assert recipe.verify is not None
    config = {"rule": recipe.verify.model_dump(mode="json"), "glossary": glossary_of(recipe.translate, sources)}
    return Stage(STAGE, verify, config, tuple(schema()), tuple(schema()), make_checks)


@dataclass
class Checks:
    """The checks of each direction, made when the first translation in it comes."""

    rule: Verify
    glossary: Glossary | None
    made: dict[tuple[str, str], Checker] = field(default_factory=dict)

    def of(self, source: str, target: str) -> Checker:
        from afya.translation.checks import Checker

        pair = (source, target)
        if pair not in self.made:
            self.made[pair] = Checker(source, target, checks=self.rule.checks, glossary=self.glossary)
        return self.made[pair]


def make_checks(config: Mapping[str, Any]) -> Checks:
    """What a worker holds."""
    glossary = None
    if config["glossary"] is not None:
        from afya.translation.glossary import Glossary

        glossary = Glossary.load(config["glossary"]["path"])
    return Checks(Verify.model_validate(config["rule"]), glossary)


def verify(frame: pl.DataFrame, _config: Mapping[str, Any], state: Any) -> Output:
    """The rows, translations with their verdicts."""
    import polars as pl

    checks: Checks = state
    pairs = translations(frame)
    if not pairs:
        return Output(frame)
    changed: list[Item] = []
    kept: list[int] = []
    rejections: list[Rejection] = []
    for place, source, item in pairs:
        checker = checks.of(source.lang, item.lang)
        recorded = {check.name: check for check in item.checks or ()}
        if not recorded.keys() >= set(checker.names):
            made = [verdict.as_check() for verdict in checker.check_item(source, item)]
            recorded |= {check.name: check for check in made}
        item = replace(item, checks=tuple(recorded.values()))
        failed = failures(item, checks.rule.blocking)
        if failed and checks.rule.on_fail == "reject":
            told = "; ".join(f"{check.name}: {check.detail}" for check in failed)
            rejections.append(Rejection(STAGE, item.item_id, f"failed_{failed[0].name}", told))
            continue
        kept.append(place)
        changed.append(marked(item) if failed and checks.rule.on_fail == "review" else item)
    rest = frame.with_row_index(_PLACE).filter(~pl.col(_PLACE).is_in([place for place, _, _ in pairs]))
    new = to_frame(changed).insert_column(0, pl.Series(_PLACE, kept, dtype=pl.UInt32))
    return Output(pl.concat([rest, new]).sort(_PLACE).drop(_PLACE), tuple(rejections))


def failures(item: Item, blocking: Sequence[str] | None) -> list[Check]:
    """The recorded checks that a translation failed, of those that count."""
    return [check for check in item.checks or () if not check.passed and (blocking is None or check.name in blocking)]


def translations(frame: pl.DataFrame) -> list[tuple[int, Item, Item]]:
    """The translations in a part whose source is there too: (place of the row, source, translation)."""
    import polars as pl

    rows = frame.with_row_index(_PLACE)
    made = rows.filter(pl.col("translated_from").is_not_null())
    if not made.height:
        return []
    own = made.select(pl.col(_PLACE).alias("__made"), "group_id", pl.col("translated_from").alias("lang"))
    found = rows.select(_PLACE, "group_id", "lang").join(own, on=["group_id", "lang"]).sort("__made")
    pairs = list(found.select("__made", _PLACE).iter_rows())
    places = sorted({place for pair in pairs for place in pair})
    items = dict(zip(places, from_frame(frame[places]), strict=True))
    return [(made_place, items[source], items[made_place]) for made_place, source in pairs]

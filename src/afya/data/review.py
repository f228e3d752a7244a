"""What people are to look at: the translations that failed a check, and a sample of the others, text by text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.recipe import Recipe
from afya.data.rows import draw, draws, lost
from afya.data.steps import Building
from afya.data.verify import failures, translations
from afya.executor import Output, Stage
from afya.items import schema
from afya.runs import sha256_path

if TYPE_CHECKING:
    import polars as pl

STAGE = "review"
COLUMNS = (
    "item_id",
    "group_id",
    "lang",
    "field",
    "source_lang",
    "source_text",
    "translation",
    "source",
    "reason",
    "detail",
)
"""The columns of review.parquet, as the review queue takes them."""


def listing(building: Building, parts: Sequence[Path], before: Sequence[Path], recipe: Recipe) -> pl.DataFrame | None:
    """The texts for review, sorted by language and item; None when the recipe asks for none.

    `before`: the rows when the translations were checked. An original that was left out since is shown all the same.

    The sample is stratified: so many items for each language and source, drawn by their group's name and the seed.
    """
    import polars as pl

    failing = recipe.verify is not None and recipe.verify.on_fail == "review"
    workflow = recipe.translate is not None and recipe.translate.workflow is not None
    sample = recipe.review.sample if recipe.review is not None else 0
    if not (failing or workflow or sample):
        return None
    last: list[list[object]] = []
    if sample:
        drawn = building.derive(Stage("review-draws", draw_rows, {"seed": recipe.seed}), parts)
        rows = pl.concat([pl.scan_parquet(path) for path in drawn])
        table = rows.group_by("lang", "source").agg(pl.col("draw").bottom_k(sample).max()).sort("lang", "source")
        last = [list(row) for row in table.collect().iter_rows()]
    blocking = None if recipe.verify is None or recipe.verify.blocking is None else list(recipe.verify.blocking)
    originals = lost(before, parts, building.folder / "review_originals" / "originals.parquet")
    config = {
        "seed": recipe.seed,
        "last": last,
        "blocking": blocking,
        "originals": str(originals.resolve()),
        "sha256": sha256_path(originals),
    }
    made = building.derive(Stage(STAGE, list_rows, config, tuple(schema()), setup=_read_originals), parts)
    return pl.concat([pl.read_parquet(path) for path in made]).sort("lang", "item_id", maintain_order=True)


def _read_originals(config: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(config["originals"])


def draw_rows(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """Language, source and draw of each translation."""
    import polars as pl

    rows = frame.filter(pl.col("translated_from").is_not_null())
    drawn = rows.select("lang", "source").with_columns(draws(rows["group_id"], config["seed"]).alias("draw"))
    return Output(drawn, made=drawn.height - frame.height)


def list_rows(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """A row for each text of each translation that is marked or drawn; `state` holds originals that were left out."""
    import polars as pl

    from afya.translation.slots import slots

    last = {(lang, source): number for lang, source, number in config["last"]}
    rows: list[tuple[Any, ...]] = []
    originals = state.join(frame, on="group_id", how="semi")
    for place, source, item in translations(pl.concat([frame, originals])):
        if place >= frame.height:
            continue
        waits = item.extra_value("review") is True
        if not waits and draw(item.group_id, config["seed"]) > last.get((item.lang, item.source), -1):
            continue
        failed = failures(item, config["blocking"]) if waits else []
        detail = "; ".join(f"{check.name}: {check.detail}" for check in failed) or None
        texts = {slot.name: slot.text for slot in slots(item)}
        rows += [
            (item.item_id, item.group_id, item.lang, slot.name, source.lang, slot.text, texts[slot.name], item.source)
            + (("failed", detail) if waits else ("sample", None))
            for slot in slots(source)
            if slot.name in texts
        ]
    table = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    return Output(table, made=table.height - frame.height)

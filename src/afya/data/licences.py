"""Which rows a published dataset may hold, by their licence: a stage, and the table of what licences ask for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from afya.data.rows import first_of, reject
from afya.datafiles import read_yaml, validate
from afya.executor import Output, Stage

if TYPE_CHECKING:
    import polars as pl

    from afya.data.recipe import Licences

STAGE = "licences"
AGAIN = "licences-of-translations"
"""The same test after translation, for what engines with terms of their own have made."""


class Terms(BaseModel):
    """What a licence asks for (licences.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    commercial: bool
    share_alike: bool
    derivatives: bool
    redistribution: bool
    source: str
    reviewed: bool


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    licences: tuple[Terms, ...]


@cache
def terms() -> dict[str, Terms]:
    """What is known of licences, by identifier."""
    with as_file(files("afya.data") / "licences.yaml") as path:
        rows = validate({"licences": read_yaml(path)}, _Table, str(path)).licences
    return {row.id: row for row in rows}


def refusal(licence: str, rule: Licences) -> tuple[str, str] | None:
    """Why rows of this licence may not be published by the recipe's rule, as (reason, detail); None when they may."""
    if rule.allow is not None and licence in rule.allow:
        return None
    known = terms().get(licence)
    if known is not None and not known.redistribution:
        return "licence_no_redistribution", f"{licence}: may not be handed on"
    if rule.allow is not None:
        return "licence_not_allowed", f"{licence} is not among the recipe's licences"
    if known is None:
        return None if rule.unknown else ("licence_unknown", f"'{licence}' is no licence whose terms are known")
    if not known.commercial and not rule.non_commercial:
        return "licence_non_commercial", f"{licence}: no commercial use"
    if known.share_alike and not rule.share_alike:
        return "licence_share_alike", f"{licence}: copies must stand under the same licence"
    return None


def stage(rule: Licences, name: str = STAGE) -> Stage:
    """The stage that keeps what the recipe's rule allows."""
    listed = [entry.model_dump() for entry in terms().values()]
    config = {"rule": rule.model_dump(mode="json"), "terms": listed, "stage": name}
    return Stage(name, licences, config, reads=("licence", "translator", "extra"))


def licences(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """Reject rows whose licence, or whose translator's, the recipe does not allow."""
    import polars as pl

    from afya.data.recipe import Licences

    rule = Licences.model_validate(config["rule"])
    refused = {licence: refusal(licence, rule) for licence in frame["licence"].unique(maintain_order=True)}
    faults = {licence: fault for licence, fault in refused.items() if fault is not None}
    cases = [
        (pl.col("licence") == licence, pl.lit(reason), pl.lit(detail)) for licence, (reason, detail) in faults.items()
    ]
    if frame["translator"].null_count() < frame.height:
        translated = pl.col("translator").is_not_null()
        sealed = [licence for licence in refused if licence in terms() and not terms()[licence].derivatives]
        extra = pl.col("extra").fill_null("{}")
        engine = extra.str.json_path_match("$.translator_licence")
        marked = extra.str.json_path_match("$.non_commercial") == "true"
        granted = pl.lit(rule.non_commercial) | engine.is_in(list(rule.allow or ())).fill_null(False)
        cases += [
            (
                translated & pl.col("licence").is_in(sealed),
                pl.lit("licence_no_derivatives"),
                pl.format("{}: a translation may not be shared", pl.col("licence")),
            ),
            (
                translated & marked & ~granted,
                pl.lit("translator_non_commercial"),
                pl.format("made by {}, no commercial use", pl.col("translator")),
            ),
        ]
    return reject(frame, config["stage"], *first_of(cases))

"""The model card of a trained translation model, filled from the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from afya import __version__
from afya.languages import language
from afya.training.card import optimised
from afya.training.packs.plan import DataPlan
from afya.training.translating.pairs import PairRow
from afya.training.translating.proof import READING, Measured, markdown
from afya.training.translating.recipe import TranslationRecipe, TranslationStage, languages_of
from afya.translation.licensing import is_non_commercial

LIMITS = """## Limits

- **A person who reads both languages must look at what it writes before anyone is treated by it.** It can leave out a
  "not", change a dose or a drug's name, and its sentence reads well all the same.
- Languages and directions differ. Look at the table of each before believing an average."""


def translation_card(
    recipe: TranslationRecipe,
    stage: TranslationStage,
    plan: DataPlan,
    rows: Sequence[PairRow],
    *,
    base_licence: str | None,
    seen: Mapping[str, int],
    earlier: Sequence[str],
    loss: float,
    fingerprint: str,
    measured: Sequence[Measured] = (),
    labels: Sequence[str] = (),
) -> str:
    """The card's text: a YAML header for model hubs, what was learned from which data, what it gained, the limits.

    Args:
        rows: what the stage learned.
        base_licence: the licence of the model the run started from, where it is known.
        seen: tokens seen by direction in this stage.
        earlier: names of the stages before this one.
        measured, labels: the proof so far.
    """
    before = f", after {', '.join(earlier)}" if earlier else ""
    lines = [
        _header(recipe, rows, base_licence),
        f"# {recipe.name}, {stage.name}",
        "",
        f"Made by afya {__version__} from `{recipe.model.path}`{before}. {recipe.description}".rstrip(),
        "",
        "## Training",
        "",
        f"- method {recipe.method}; learned: the translation and its end; label smoothing {stage.label_smoothing:g}",
        f"- {plan.steps:,} steps of {plan.packs_in_step} batches of {plan.pack_tokens:,} tokens, padding included",
        *optimised(recipe, stage, fingerprint, loss),
        "",
        "| direction | tokens seen | share | passes over the data |",
        "|---|---:|---:|---:|",
    ]
    total = sum(seen.values())
    lines += [
        f"| {_names(pair)} ({pair}) | {count:,} | {count / total:.1%} | {count / plan.available[pair]:.1f} |"
        for pair, count in seen.items()
    ]
    lines += ["", "## Data", "", "| source | licence | origin | pairs |", "|---|---|---|---:|"]
    counts = Counter((row.source, row.licence, row.origin) for row in rows)
    lines += [f"| {source} | {licence} | {origin} | {n:,} |" for (source, licence, origin), n in sorted(counts.items())]
    if measured:
        lines += ["", "## Before and after", "", *markdown(measured, labels), "", READING]
    return "\n".join([*lines, "", LIMITS, ""])


def _names(pair: str) -> str:
    source, target = languages_of(pair)
    return f"{language(source).name} to {language(target).name}"


def _header(recipe: TranslationRecipe, rows: Sequence[PairRow], base_licence: str | None) -> str:
    import yaml

    codes = dict.fromkeys(code for pair in recipe.directions() for code in languages_of(pair))
    header: dict[str, Any] = {
        "language": list(codes),
        "license": _licence([*{row.licence for row in rows}, base_licence or "unknown"]),
        "library_name": "transformers",
        "pipeline_tag": "translation",
        "tags": ["afya", "medical", "not-for-clinical-use"],
        "base_model": recipe.model.path,
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n"


def _licence(licences: Sequence[str]) -> str:
    """The licence to state: the one there is; a non-commercial one binds whatever else went in."""
    bound = sorted(licence for licence in licences if is_non_commercial(licence))
    if bound:
        return bound[0].lower()
    known = set(licences)
    return licences[0].lower() if len(known) == 1 and "unknown" not in known else "other"

"""The model card of a finished stage, filled from the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from afya import __version__
from afya.languages import language
from afya.training.examples.material import Origin
from afya.training.packs.plan import DataPlan
from afya.training.recipe import Recipe, StageRecipe

_NOT_CLINICAL = """## Limits

- **Not for clinical use.** No clinician has approved this model. It can be wrong, and wrong with confidence. Do not
  use it to diagnose, treat or dose."""
_TUNED = (
    "- It was tuned on the data above and on nothing else; what it knows beside them comes from the model it started "
    "from."
)
_UNEVEN = "- Languages differ. Look at the benchmark of each language before believing an average."

LIMITS = f"{_NOT_CLINICAL}\n{_TUNED}\n{_UNEVEN}"
GENERAL_LIMITS = f"{_NOT_CLINICAL}\n{_UNEVEN}"
"""The limits of a model whose training data are not known, or that was not trained here."""

_POCKET = """**This is a pocket model: {parameters:,} parameters, for trying the system, not for medicine.** It was made
on the spot with random weights and knows only what its stages taught it. Its tokenizer was trained on its training
data."""


def model_card(
    recipe: Recipe,
    stage: StageRecipe,
    plan: DataPlan,
    *,
    data: Sequence[Origin],
    seen: Mapping[str, int],
    earlier: Sequence[str],
    parameters: int,
    loss: float,
    fingerprint: str,
) -> str:
    """The card's text: a YAML header for model hubs, then what was done with which data, and the limits.

    Args:
        seen: tokens seen by language in this stage.
        earlier: names of the stages before this one.
        loss: mean loss (nats a learned token) in the last row of the training table.
        fingerprint: the run's.
    """
    start = "a pocket model made on the spot" if recipe.model.pocket else f"`{recipe.model.path}`"
    before = f", after {', '.join(earlier)}" if earlier else ""
    lines = [_header(recipe, seen, data), f"# {recipe.name}, {stage.name}", ""]
    if recipe.model.pocket:
        lines += [_POCKET.format(parameters=parameters), ""]
    forms = ", ".join(dict.fromkeys(entry.form or stage.form for entry in stage.data))
    lines += [
        f"Made by afya {__version__} from {start}{before}. {parameters:,} parameters. {recipe.description}".rstrip(),
        "",
        "## Training",
        "",
        f"- learned: {forms}; loss on answers only",
        f"- {plan.steps:,} steps of {plan.packs_in_step} packs of {plan.pack_tokens:,} tokens, {plan.fill:.1%} full",
        f"- learning rate {stage.learning_rate:g}, {stage.schedule} after a warm-up of {stage.warmup:.0%}; "
        f"weight decay {stage.weight_decay:g}; gradients clipped at {stage.clip:g}; {recipe.precision}",
        f"- seed {recipe.seed}; run {fingerprint[:16]}",
        f"- loss at the end: {loss:.4f} nats a learned token",
        "",
        "| language | tokens seen | share | passes over the data |",
        "|---|---:|---:|---:|",
    ]
    total = sum(seen.values())
    lines += [
        f"| {language(code).name} ({code}) | {count:,} | {count / total:.1%} | {count / plan.available[code]:.1f} |"
        for code, count in seen.items()
    ]
    lines += ["", "## Data", "", "| source | licence | origin | items |", "|---|---|---|---:|"]
    lines += [f"| {entry.source} | {entry.licence} | {entry.origin} | {entry.items:,} |" for entry in data]
    if any(entry.origin == "machine" for entry in data):
        lines += ["", "Texts of origin *machine* were translated by machine and no speaker has reviewed them."]
    return "\n".join([*lines, "", LIMITS, ""])


def _header(recipe: Recipe, langs: Mapping[str, Any], data: Sequence[Origin]) -> str:
    import yaml

    licences = sorted({entry.licence for entry in data})
    header: dict[str, Any] = {
        "language": list(langs),
        "license": licences[0].lower() if len(licences) == 1 else "other",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["afya", "medical", "not-for-clinical-use"],
    }
    if recipe.model.path is not None:
        header["base_model"] = recipe.model.path
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n"

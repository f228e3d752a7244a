"""The model card of a finished stage, filled from the run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from afya import __version__
from afya.languages import language
from afya.training.examples.material import Origin
from afya.training.packs.plan import DataPlan
from afya.training.recipe import Recipe, StageRecipe
from afya.training.recipe.settings import RunSettings, StageSettings

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

PROOF_TITLE = "## Measured before and after each stage"
"""The section that a run's proof writes into the cards of its stages; exports carry it over."""

_POCKET = """**This is a pocket model: {parameters:,} parameters, for trying the system, not for medicine.** It was made
on the spot with random weights and knows only what its stages taught it. Its tokenizer was trained on its training
data."""


def model_card(
    recipe: Recipe,
    stage: StageRecipe,
    plan: DataPlan,
    *,
    data: Mapping[str, Sequence[Origin]],
    seen: Mapping[str, int],
    parameters: tuple[int, int],
    loss: float,
    fingerprint: str,
) -> str:
    """The card's text: a YAML header for model hubs, then what was done with which data, and the limits.

    Args:
        data: what this stage and those before it learned from, by stage, this one last.
        seen: tokens seen by language in this stage.
        parameters: the model's, and how many of them learned.
        loss: mean loss (nats a learned token) in the last row of the training table.
        fingerprint: the run's.
    """
    start = "a pocket model made on the spot" if recipe.model.pocket else f"`{recipe.model.path}`"
    earlier = [name for name in data if name != stage.name]
    before = f", after {', '.join(earlier)}" if earlier else ""
    taught = [entry for entry in recipe.stages if entry.name in data]
    langs = dict.fromkeys([*seen, *(code for entry in taught for code in recipe.stage_langs(entry))])
    origins = [entry for entries in data.values() for entry in entries]
    lines = [_header(recipe, list(langs), origins), f"# {recipe.name}, {stage.name}", ""]
    if recipe.model.pocket:
        lines += [_POCKET.format(parameters=parameters[0]), ""]
    forms = ", ".join(dict.fromkeys(entry.form or stage.form for entry in stage.data))
    lines += [
        f"Made by afya {__version__} from {start}{before}. {parameters[0]:,} parameters. {recipe.description}".rstrip(),
        "",
        "## Training",
        "",
        f"- learned: {forms}; loss on answers only",
        f"- method {recipe.method}: {_learned(recipe, *parameters)}",
        f"- {plan.steps:,} steps of {plan.packs_in_step} packs of {plan.pack_tokens:,} tokens, {plan.fill:.1%} full",
        *optimised(recipe, stage, fingerprint, loss),
        "",
        "| language | tokens seen | share | passes over the data |",
        "|---|---:|---:|---:|",
    ]
    total = sum(seen.values())
    lines += [
        f"| {language(code).name} ({code}) | {count:,} | {count / total:.1%} | {count / plan.available[code]:.1f} |"
        for code, count in seen.items()
    ]
    lines += ["", "## Data", "", "| stage | source | licence | origin | items |", "|---|---|---|---|---:|"]
    lines += [
        f"| {name} | {entry.source} | {entry.licence} | {entry.origin} | {entry.items:,} |"
        for name, entries in data.items()
        for entry in entries
    ]
    if any(entry.origin == "machine" for entry in origins):
        lines += ["", "Texts of origin *machine* were translated by machine and no speaker has reviewed them."]
    if recipe.model.path is not None:
        told = _licence(recipe.model.path)
        named = f"is {told}" if told else "is not known here"
        lines += ["", f"The licence of the model it started from {named}; its terms hold for this model too."]
    return "\n".join([*lines, "", LIMITS, ""])


def _learned(recipe: Recipe, parameters: int, learned: int) -> str:
    """Which weights learned, and how the others were held."""
    if recipe.method == "full":
        return f"all {learned:,} parameters learned"
    lora = recipe.lora
    beside = ", ".join(lora.targets) or "every linear layer but the output layer"
    held = "four bits (NF4)" if recipe.method == "qlora" else "bf16" if recipe.precision == "bf16" else "fp32"
    return (
        f"{learned:,} parameters learned ({learned / parameters:.2%}), in matrices of rank {lora.rank}, alpha "
        f"{lora.alpha:g}, beside {beside}; the other weights were frozen, in {held}"
    )


def _licence(model: str) -> str | None:
    """The licence of a model folder by the header of its own card."""
    import yaml

    card = Path(model).expanduser() / "README.md"
    header = re.match(r"---\n(.*?)\n---\n", card.read_text(encoding="utf-8"), re.DOTALL) if card.is_file() else None
    try:
        told = yaml.safe_load(header[1]) if header else None
    except yaml.YAMLError:
        return None
    found = told.get("license_name") or told.get("license") if isinstance(told, dict) else None
    return str(found) if found and found != "other" else None


def _header(recipe: Recipe, langs: Sequence[str], data: Sequence[Origin]) -> str:
    import yaml

    licences = {entry.licence.lower() for entry in data}
    if recipe.model.path is not None:
        licences.add((_licence(recipe.model.path) or "other").lower())
    header: dict[str, Any] = {
        "language": list(langs),
        "license": licences.pop() if len(licences) == 1 else "other",
        "library_name": "transformers" if recipe.method == "full" else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["afya", "medical", "not-for-clinical-use"],
    }
    if recipe.model.path is not None:
        header["base_model"] = recipe.model.path
        header["base_model_relation"] = "finetune" if recipe.method == "full" else "adapter"
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n"


def with_section(card: str, title: str, section: str) -> str:
    """The card with a section (which begins with its title) in place of the one of that title, or before the limits."""
    own = re.compile(rf"^{re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if own.search(card):
        return own.sub(lambda _: f"{section}\n", card).rstrip() + "\n"
    before, limits, after = card.partition("\n## Limits\n")
    return f"{before.rstrip()}\n\n{section}{limits}{after}".rstrip() + "\n"


def optimised(recipe: RunSettings, stage: StageSettings, fingerprint: str, loss: float) -> list[str]:
    """A card's lines on how a stage was optimised and where its loss (nats a learned token) ended."""
    return [
        f"- learning rate {stage.learning_rate:g}, {stage.schedule} after a warm-up of {stage.warmup:.0%}; "
        f"weight decay {stage.weight_decay:g}; gradients clipped at {stage.clip:g}; {recipe.precision}",
        f"- seed {recipe.seed}; run {fingerprint[:16]}",
        f"- loss at the end: {loss:.4f} nats a learned token",
    ]

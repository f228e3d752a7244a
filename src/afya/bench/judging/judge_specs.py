"""The models that a command names as judges, or to be probed: how each is loaded, what it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afya.bench.judging.judge_agreement import PANEL
from afya.bench.judging.judge_families import Known
from afya.errors import ConfigError
from afya.models.cost import Price
from afya.models.load import ENGINES, engine_options, identify, parse_spec, price_of, shaping_options
from afya.runs import canonical, folder_name, scrub, sha256_text

_LABELLED = re.compile(r"(?P<label>[^=:/\s]+)=(?P<spec>\w+:.+)", re.DOTALL)
# What these know cannot be asked: vectors of texts, and replies that were made elsewhere.
_CANNOT_BE_ASKED = frozenset({"embed", "replies"})


@dataclass(frozen=True)
class ModelSpec:
    """One model: its name, how to load it, what decides its replies, and what they cost."""

    name: str
    spec: str
    engine: str
    sha256: str
    options: dict[str, object]
    price: Price | None

    @property
    def shaped(self) -> str:
        """A short hash of what decides its replies: another setting is another model."""
        return sha256_text(canonical([self.engine, self.sha256, self.shaping]))[:8]

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return folder_name(self.name, self.shaped)

    @property
    def shaping(self) -> dict[str, object]:
        """The options that may change what it says."""
        return dict(scrub(shaping_options(self.spec, self.options)))

    @property
    def known(self) -> Known:
        """By what names the catalogue may know it."""
        return Known(self.name, (self.spec, self.spec.partition(":")[2]), self.sha256)


def judge_specs(judges: Sequence[str], options: Mapping[str, object]) -> list[ModelSpec]:
    """The judges of a command; see `model_specs`."""
    found = model_specs(judges, options, "judge", "--judge")
    if any(judge.name == PANEL for judge in found):
        raise ConfigError(f"No judge may be called {PANEL}.", hint="Give it another name: --judge strict=openai:NAME")
    return found


def model_specs(models: Sequence[str], options: Mapping[str, object], what: str, flag: str) -> list[ModelSpec]:
    """Models, each "ENGINE:NAME" or "LABEL=ENGINE:NAME".

    Each takes those of the options that its engine knows; a key LABEL.key is for the model of that label alone.

    Args:
        what: what they are to do; flag: how the command names them. Both for error messages.

    Raises ConfigError for a spec or option that is not known, names given twice, and engines that cannot be asked.
    """
    if not models:
        raise ConfigError(
            f"No model to {what} was given.", hint=f"Name one with {flag} openai:NAME or {flag} hf:FOLDER."
        )
    found: list[ModelSpec] = []
    used: set[str] = set()
    for given in models:
        labelled = _LABELLED.fullmatch(given)
        label, spec = (labelled["label"], labelled["spec"]) if labelled else ("", given)
        engine, name = parse_spec(spec)
        if engine in _CANNOT_BE_ASKED:
            raise ConfigError(
                f"'{spec}' cannot be used to {what}: it answers no question.", hint="Name hf:, openai:, anthropic: ..."
            )
        known = ENGINES[engine]().option_names()
        mark = f"{label or name}."
        own = {key.removeprefix(mark): value for key, value in options.items() if key.startswith(mark)}
        told = engine_options(spec, {**options, **own})
        used |= {key for key in options if key in known or key.removeprefix(mark) in known}
        identity = identify(spec, **told)
        found.append(ModelSpec(label or identity.name, spec, engine, identity.sha256, told, price_of(spec, **told)))
    unknown = sorted(key for key, value in options.items() if value is not None and key not in used)
    if unknown:
        raise ConfigError(f"No model given by {flag} has the option(s) {', '.join(unknown)}.")
    names = [model.name for model in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(f"Two models are called {', '.join(doubled)}.", hint=f"Name each: {flag} LABEL=ENGINE:NAME")
    return found

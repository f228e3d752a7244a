"""The judges that a command names: how each is loaded, what decides its replies, what they cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afya.bench.judge_agreement import PANEL
from afya.bench.judge_families import Known
from afya.errors import ConfigError
from afya.models.cost import Price
from afya.models.load import ENGINES, engine_options, identify, parse_spec, price_of, shaping_options
from afya.runs import canonical, scrub, sha256_text

_LABELLED = re.compile(r"(?P<label>[^=:/\s]+)=(?P<spec>\w+:.+)", re.DOTALL)
# What these know cannot be asked: vectors of texts, and replies that were made elsewhere.
_CANNOT_JUDGE = frozenset({"embed", "replies"})


@dataclass(frozen=True)
class JudgeSpec:
    """One judge: its name, how to load it, what decides its replies, and what they cost."""

    name: str
    spec: str
    engine: str
    sha256: str
    options: dict[str, object]
    price: Price | None

    @property
    def shaped(self) -> str:
        """A short hash of what decides its replies: another setting or model is another judge."""
        return sha256_text(canonical([self.engine, self.sha256, self.shaping]))[:8]

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', self.name)}-{self.shaped}"

    @property
    def shaping(self) -> dict[str, object]:
        """The options that may change what it says."""
        return dict(scrub(shaping_options(self.spec, self.options)))

    @property
    def known(self) -> Known:
        """By what names the catalogue may know it."""
        return Known(self.name, (self.spec, self.spec.partition(":")[2]), self.sha256)


def judge_specs(judges: Sequence[str], options: Mapping[str, object]) -> list[JudgeSpec]:
    """The judges of a command, each "ENGINE:NAME" or "LABEL=ENGINE:NAME".

    Each takes those of the options that its engine knows; a key LABEL.key is for the judge of that label alone.

    Raises ConfigError for a spec or option that is not known, names given twice, and engines that cannot judge.
    """
    if not judges:
        raise ConfigError("No judge was given.", hint="Name one with --judge openai:NAME or --judge hf:FOLDER.")
    found: list[JudgeSpec] = []
    used: set[str] = set()
    for given in judges:
        labelled = _LABELLED.fullmatch(given)
        label, spec = (labelled["label"], labelled["spec"]) if labelled else ("", given)
        engine, name = parse_spec(spec)
        if engine in _CANNOT_JUDGE:
            raise ConfigError(f"'{spec}' cannot judge.", hint="A judge reads and writes: hf:, openai:, anthropic: ...")
        known = ENGINES[engine]().option_names()
        mark = f"{label or name}."
        own = {key.removeprefix(mark): value for key, value in options.items() if key.startswith(mark)}
        told = engine_options(spec, {**options, **own})
        used |= {key for key in options if key in known or key.removeprefix(mark) in known}
        identity = identify(spec, **told)
        found.append(JudgeSpec(label or identity.name, spec, engine, identity.sha256, told, price_of(spec, **told)))
    unknown = sorted(key for key, value in options.items() if value is not None and key not in used)
    if unknown:
        raise ConfigError(f"No judge has the option(s) {', '.join(unknown)}.")
    names = [judge.name for judge in found]
    doubled = sorted({name for name in names if names.count(name) > 1 or name == PANEL})
    if doubled:
        raise ConfigError(
            f"Judges need names of their own: {', '.join(doubled)}.", hint="Give one: --judge strict=openai:NAME"
        )
    return found

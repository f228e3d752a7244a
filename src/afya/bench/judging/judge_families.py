"""Who is related to whom: a judge favours replies of its own kind, so its family is printed beside what it judges.

Families and providers are the catalogue's. A model that is not in it is of no known family, which is said and not taken
for unrelated. References: Panickssery et al. 2024, "LLM Evaluators Recognize and Favor Their Own Generations",
arXiv:2404.13076; Zheng et al. 2023, arXiv:2306.05685, section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from afya.models.catalogue import ModelEntry, catalogue


@dataclass(frozen=True)
class Known:
    """A model of a run: its name there, what it is known by elsewhere (spec, identity), and its identity's hash."""

    name: str
    others: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class Lineage:
    """A model's family, that of the model it was made from, and its provider, as the catalogue has them."""

    families: tuple[str, ...]
    provider: str


def lineage(model: Known) -> Lineage | None:
    """Where a model comes from, by any of its names; None when the catalogue knows none of them."""
    for name in (model.name, *model.others):
        entry = _entry(name)
        if entry is not None:
            families = [entry.family]
            base = _entry(entry.base) if entry.base else None
            if base is not None and base.family not in families:
                families.append(base.family)
            return Lineage(tuple(families), entry.provider)
    return None


def relation(judge: Known, judged: Known) -> str | None:
    """How a judge is related to a model it judges, as the end of a sentence; None where nothing is known of it."""
    if judge.sha256 is not None and judge.sha256 == judged.sha256:
        return "is the model itself"
    own, other = lineage(judge), lineage(judged)
    if own is None or other is None:
        return None
    shared = [family for family in own.families if family in other.families]
    if shared:
        return f"is of the same family ({shared[0]})"
    if own.provider == other.provider:
        return f"is of the same provider ({own.provider})"
    return None


def family_notes(judges: Sequence[Known], judged: Sequence[Known]) -> list[str]:
    """Sentences on judges that are related to what they judge, or to one another, or of no known family."""
    notes = []
    for judge in judges:
        related: dict[str, list[str]] = {}
        for model in judged:
            found = relation(judge, model)
            if found is not None:
                related.setdefault(found, []).append(model.name)
        notes += [
            f"The judge {judge.name} {how}: {', '.join(names)}. Judges favour their own kind; trust the others more."
            for how, names in related.items()
        ]
        if lineage(judge) is None:
            notes.append(
                f"The judge {judge.name} is not in the catalogue: whether it is related to the models is unknown."
            )
    unknown = [model.name for model in judged if lineage(model) is None]
    if unknown:
        notes.append(f"Not in the catalogue, so of unknown family: {', '.join(unknown)}.")
    for place, one in enumerate(judges):
        for other in judges[place + 1 :]:
            found = relation(one, other)
            if found is not None:
                notes.append(f"Of the judges, {one.name} {found} as {other.name}: their agreement says less.")
    return notes


def _entry(name: str) -> ModelEntry | None:
    return _names().get(name.lower())


@cache
def _names() -> Mapping[str, ModelEntry]:
    found: dict[str, ModelEntry] = {}
    for model in catalogue().models:
        for name in (model.id, model.identifier, model.spec, model.identifier.rpartition("/")[2]):
            found.setdefault(name.lower(), model)
    return found

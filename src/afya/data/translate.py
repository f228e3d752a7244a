"""Each group into the languages that it lacks: a stage whose worker loads the engines once.

New rows stand beside the others of their group. A row that could not be made is a rejection with the engine's reason:
rows made = rows passed on + rows rejected, as in every stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.chunks import together
from afya.data.recipe import Recipe, Translate
from afya.errors import ConfigError
from afya.executor import Needs, Output, Stage, worker_number
from afya.items import Item, from_frame, schema, to_frame
from afya.runs import Rejection, sha256_path
from afya.translation.routing import marked

if TYPE_CHECKING:
    import polars as pl

    from afya.translation.base import Translator
    from afya.translation.checks import Checker
    from afya.translation.glossary import Glossary
    from afya.translation.workflow import Workflow

STAGE = "translate"


def stage(recipe: Recipe, sources: Path) -> Stage:
    """The stage that makes what the recipe's languages lack. Paths are taken from the folder `sources`."""
    rule = recipe.translate
    assert rule is not None
    config = {
        "rule": rule.model_dump(mode="json"),
        "targets": [code for code in rule.targets or recipe.languages or () if code != rule.pivot],
        "glossary": glossary_of(rule, sources),
        "checks": None if recipe.verify is None else recipe.verify.model_dump(mode="json"),
    }
    return Stage(
        STAGE, translate, config, tuple(schema()), tuple(schema()), load_engines, Needs(memory_gib=rule.memory_gib)
    )


def glossary_of(rule: Translate | None, sources: Path) -> dict[str, str] | None:
    """The glossary's file and its hash."""
    if rule is None or rule.glossary is None:
        return None
    path = (sources / rule.glossary).resolve()
    if not path.exists():
        raise ConfigError(f"{path}: there is no such glossary.", hint="Make it with 'afya glossary import'.")
    return {"path": str(path), "sha256": sha256_path(path)}


@dataclass
class Engines:
    """What one worker of the stage holds: the engine of each target, loaded once."""

    rule: Translate
    by_target: Mapping[str, Translator]
    glossary: Glossary | None
    workflow: Workflow | None
    checks: Mapping[str, Any] | None

    def checker(self, source: str, target: str) -> Checker | None:
        """The checks that a workflow works against; without one they are made by the next stage."""
        from afya.translation.checks import Checker

        if self.workflow is None:
            return None
        named = None if self.checks is None else self.checks["checks"]
        return Checker(source, target, checks=named, glossary=self.glossary)


def own_options(spec: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the recipe's options that the engine of `spec` has: another language's engine has others."""
    from afya.translation.load import ENGINES, parse_spec

    known = ENGINES[parse_spec(spec)[0]].options()
    return {name: value for name, value in options.items() if name in known}


def load_engines(config: Mapping[str, Any]) -> Engines:
    """Load each engine once. An option with several values, such as base_url, gives each worker its own in turn.

    Raises ConfigError when an engine lacks a pair: before anything is translated, since what the others made is lost
    with the recipe that is to be mended.
    """
    from afya.translation.codes import unsupported
    from afya.translation.load import load_translator

    rule = Translate.model_validate(config["rule"])
    number = worker_number()
    options = {
        name: value[number % len(value)] if isinstance(value, list) and value else value
        for name, value in rule.options.items()
    }
    specs: dict[str, str] = {}
    for target in config["targets"]:
        spec = rule.engines.get(target, rule.engine)
        if spec is None:
            raise ConfigError(f"No engine is named for {target}.", hint="Name one in translate.engines, or 'engine'.")
        specs[target] = spec
    loaded = {spec: load_translator(spec, **own_options(spec, options)) for spec in dict.fromkeys(specs.values())}
    for target, spec in specs.items():
        if (rule.pivot, target) not in loaded[spec].pairs():
            raise unsupported(loaded[spec].identity.name, rule.pivot, target, loaded[spec].pairs())
    glossary = workflow = None
    if config["glossary"] is not None:
        from afya.translation.glossary import Glossary

        glossary = Glossary.load(config["glossary"]["path"])
    if rule.workflow is not None:
        from afya.translation.workflow import Workflow

        workflow = Workflow.load(rule.workflow)
    engines = {target: loaded[spec] for target, spec in specs.items()}
    return Engines(rule, engines, glossary, workflow, config["checks"])


def translate(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """The rows, and what each group with a row in the pivot language lacks."""
    import polars as pl

    engines: Engines = state
    rule = engines.rule
    pivots = frame.filter(pl.col("lang") == rule.pivot)
    if rule.only_tasks:
        pivots = pivots.filter(pl.col("task").is_in(list(rule.only_tasks)))
    there = set(frame.select("group_id", "lang").iter_rows())
    items = from_frame(pivots)
    new: list[Item] = []
    rejections: list[Rejection] = []
    for target in config["targets"]:
        wanted = [item for item in items if (item.group_id, target) not in there]
        if wanted:
            made, refused = _into(target, wanted, engines)
            new += made
            rejections += refused
    if not new:
        return Output(frame, tuple(rejections), made=len(rejections))
    rows = together(pl.concat([frame, to_frame(new)]))
    return Output(rows, tuple(rejections), made=len(new) + len(rejections))


def _into(target: str, wanted: Sequence[Item], engines: Engines) -> tuple[list[Item], list[Rejection]]:
    from afya.translation.items import translate_items

    made: list[Item] = []
    refused: list[Rejection] = []
    results = translate_items(
        wanted,
        target,
        engines.by_target[target],
        checker=engines.checker(engines.rule.pivot, target),
        glossary=engines.glossary,
        workflow=engines.workflow,
    )
    for item, result in zip(wanted, results, strict=True):
        name = f"{item.group_id}:{target}"
        if result.item is None:
            refused.append(Rejection(STAGE, name, "translation_failed", result.error))
        elif result.route == "reject":
            failed = ", ".join(check.name for check in result.item.checks or () if not check.passed)
            refused.append(Rejection(STAGE, name, "translation_rejected", failed or "the workflow rejects it"))
        else:
            made.append(marked(result.item) if result.route == "review" else result.item)
    return made, refused

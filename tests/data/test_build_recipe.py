"""Recipes: what is refused and how it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from recipes_for_tests import recipe

from afya.data.finding import find_sources
from afya.data.recipe import load_recipe, recipes
from afya.errors import ConfigError
from afya.sources import source


@pytest.mark.parametrize(
    "name",
    ["globmed", "globmed-published", "general", "mmed-ift", "mmed-ift-mc", "mmed-ift-mc-questions", "shared-real"],
)
def test_the_shipped_recipes_are_sound_and_name_known_sources(name: str) -> None:
    found, folder = load_recipe(name)
    assert name in recipes()
    assert folder == Path()
    assert found.description
    for entry in found.sources:
        if entry.source is not None:
            assert source(entry.source).name == entry.source


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsources:\n  - {source: medqa, langz: [en]}\nnear_duplicate: true\n")
    with pytest.raises(ConfigError, match=r"near_duplicate' \(did you mean 'near_duplicates'\?\)") as caught:
        load_recipe(file)
    assert "unknown key 'sources.0.langz' (did you mean 'langs'?)" in str(caught.value)


@pytest.mark.parametrize(
    ("sources", "keys", "said"),
    [
        ([{"source": "medqa", "dataset": "x"}], {}, "give exactly one of"),
        ([{"dataset": "x", "path": "y"}], {}, "'path' belongs to 'source'"),
        ([{"source": "medqa", "revision": "1"}], {}, "belong to 'hub'"),
        ([{"source": "medqa"}, {"source": "medqa"}], {}, "two sources are called 'medqa'"),
        ([{"source": "medqa"}], {"split": {"dev": 0.6, "test": 0.6}}, "leave nothing for train"),
        ([{"source": "medqa"}], {"translate": {"engine": "apertium:"}}, "translate needs 'targets'"),
        ([{"source": "medqa"}], {"translate": {"targets": ["es"]}}, "name an 'engine'"),
        ([{"source": "medqa"}], {"languages": "en,xx"}, "Unknown language code 'xx'"),
        ([], {}, "sources"),
    ],
)
def test_a_recipe_that_asks_for_something_impossible_is_refused(
    sources: list[dict[str, Any]], keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        recipe(*sources, **keys)


def test_a_key_can_be_changed_from_outside(tmp_path: Path) -> None:
    found, _ = load_recipe("shared-real", ["sources.medquad.limit=10", "seed=7", "screen=false", "split.dev=0.1"])
    limits = {entry.label: entry.limit for entry in found.sources}
    assert (limits["medquad"], limits["kqa"], found.seed, found.screen, found.split.dev) == (10, None, 7, None, 0.1)
    changed, _ = load_recipe("shared-real", ["screen.language=false"])
    assert changed.screen is not None
    assert (changed.screen.language, changed.screen.picture) == (False, True)
    with pytest.raises(ConfigError, match="no 'medqad' there"):
        load_recipe("shared-real", ["sources.medqad.limit=10"])
    with pytest.raises(ConfigError, match=r"one of the shipped recipes: .*globmed"):
        load_recipe("globmed-2")


def test_unknown_sources_checks_and_languages_are_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Unknown source 'medqaa'"):
        find_sources(recipe({"source": "medqaa"}), tmp_path)
    (tmp_path / "train.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match="has nothing in sw"):
        find_sources(recipe({"source": "medqa", "path": ".", "langs": "sw"}), tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsources: [{source: medqa}]\nverify: {checks: [quantity]}\n")
    with pytest.raises(ConfigError, match="Did you mean 'quantities'"):
        load_recipe(file)

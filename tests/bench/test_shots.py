"""Examples are of the item's task and language, the same for every model, and never of what is being tested."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_items import quiz_item, write

from afya.bench.asking.shots import ShotPool
from afya.errors import ConfigError, DataError
from afya.items import Item


@pytest.fixture
def pool(tmp_path: Path) -> ShotPool:
    items = [quiz_item(number, lang) for lang in ("en", "sw") for number in range(4)]
    items += [quiz_item(number, lang, "train") for lang in ("en", "sw") for number in range(10, 30)]
    items += [quiz_item(number, "sw", "dev", source="other") for number in range(30, 34)]
    return ShotPool.from_datasets([write(tmp_path / "quiz", items)])


def groups(items: list[Item]) -> list[str]:
    return [item.group_id for item in items]


def test_examples_are_of_the_language_and_the_same_groups_in_every_language(pool: ShotPool) -> None:
    swahili = pool.examples(quiz_item(1, "sw"), 5)
    english = pool.examples(quiz_item(2, "en"), 5)
    assert {item.lang for item in swahili} == {"sw"}
    assert groups(swahili) == groups(english)
    assert len(set(groups(swahili))) == 5
    assert groups(pool.examples(quiz_item(3, "sw"), 3)) == groups(swahili)[:3]


def test_the_same_folders_and_seed_give_the_same_examples(pool: ShotPool) -> None:
    item = quiz_item(1, "sw")
    again = ShotPool.from_datasets(pool.paths)
    other = ShotPool.from_datasets(pool.paths, seed=1)
    assert again.examples(item, 8) == pool.examples(item, 8)
    assert groups(other.examples(item, 8)) != groups(pool.examples(item, 8))
    assert again.sha256 == pool.sha256 != other.sha256


def test_another_source_fills_up_what_the_own_one_lacks(pool: ShotPool) -> None:
    sources = [example.source for example in pool.examples(quiz_item(1, "sw"), 23)]
    assert sources == ["quiz"] * 20 + ["other"] * 3
    assert {example.source for example in pool.examples(quiz_item(1, "sw", source="other"), 4)} == {"other"}


def test_neither_its_own_group_nor_the_same_question_is_an_example(pool: ShotPool) -> None:
    item = quiz_item(12, "sw", "dev")
    assert "quiz:12" not in groups(pool.examples(item, 19))
    with pytest.raises(DataError, match="23 can be shown"):
        pool.examples(item, 24)
    # Another group that asks the same: a question that a dataset holds twice.
    assert "quiz:12" not in groups(pool.examples(quiz_item(99, "sw", question=item.question), 23))


def test_a_group_that_is_tested_in_any_language_is_no_example_in_another(tmp_path: Path) -> None:
    items = [quiz_item(1, "en"), *(quiz_item(number, "sw", "train") for number in (1, 2))]
    pool = ShotPool.from_datasets([write(tmp_path / "quiz", items)])
    assert groups(pool.examples(quiz_item(9, "sw"), 1)) == ["quiz:2"]
    with pytest.raises(DataError, match=r"2 examples of the task mcq in Swahili \(sw\) are wanted, 1 can be shown"):
        pool.examples(quiz_item(9, "sw"), 2)


def test_only_items_that_show_what_is_asked_are_fit(tmp_path: Path) -> None:
    items = [
        quiz_item(1, "fr", "train", answer=(0, 1)),
        quiz_item(2, "fr", "train", rationale="Parce que."),
        quiz_item(3, "fr", "train", task="nli", options=("vrai", "faux"), answer=(0,), context="Texte."),
        quiz_item(4, "fr", "train", task="nli", answer=(0,), context="Texte."),
        quiz_item(5, "fr", "train", task="long_form", options=None, answer=None, answer_text="Reposez-vous."),
    ]
    pool = ShotPool.from_datasets([write(tmp_path / "quiz", items)])
    item = quiz_item(9, "fr")
    assert groups(pool.examples(item, 1)) == ["quiz:2"]
    assert set(groups(pool.examples(item, 2, several=True))) == {"quiz:1", "quiz:2"}
    assert groups(pool.examples(item, 1, several=True, reasoned=True)) == ["quiz:2"]
    with pytest.raises(DataError, match="with a rationale"):
        pool.examples(item, 2, several=True, reasoned=True)
    inference = quiz_item(9, "fr", task="nli", options=("oui", "non"))
    assert groups(pool.examples(inference, 1)) == ["quiz:3"]
    written = quiz_item(9, "fr", task="long_form", options=None, answer=None, answer_text="x")
    assert groups(pool.examples(written, 1)) == ["quiz:5"]


def test_a_dataset_without_other_splits_says_what_it_has(tmp_path: Path) -> None:
    data = write(tmp_path / "quiz", [quiz_item(1, "en"), quiz_item(2, "en")])
    with pytest.raises(DataError, match=r"no items in train or dev.*\(there are: test 2\)"):
        ShotPool.from_datasets([data])
    for split in ("test", "training"):
        with pytest.raises(ConfigError, match=f"cannot come from the split '{split}'"):
            ShotPool.from_datasets([data], splits=(split,))

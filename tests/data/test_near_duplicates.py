"""Rows that say the same go, and the row they are the same as is named; rows that differ where it matters stay."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from afya.data.exact import exact_duplicates
from afya.data.near import near_duplicates
from afya.data.steps import Building
from afya.errors import ConfigError, DataError
from afya.items import Item, from_frame, to_frame
from afya.runs import write_frame

WORDS = [
    f"{a}{b}{c}" for a in ("ka", "lu", "mi", "to", "sen") for b in ("ra", "fi", "bo", "de") for c in ("ne", "wa", "ku")
]


def item(name: str, question: str, lang: str = "en", **values: Any) -> Item:
    group = f"{values.pop('source', 'made')}:{name}"
    plain: dict[str, Any] = {"task": "long_form", "answer_text": None, "split": "train", "licence": "CC0-1.0"}
    source = group.partition(":")[0]
    return Item(
        item_id=f"{group}:{lang}",
        group_id=group,
        lang=lang,
        question=question,
        source=source,
        origin="native",
        **(plain | values),
    )


def build(folder: Path, items: Sequence[Item], *, parts: int = 2, workers: int = 1) -> tuple[Building, list[Path]]:
    paths = []
    for number in range(parts):
        paths.append(folder / "read" / f"part-{number:05d}.parquet")
        write_frame(paths[-1], to_frame(items[number::parts]))
    return Building(folder, workers=workers), paths


def left(paths: Sequence[Path]) -> set[str]:
    return {row.item_id for path in paths for row in from_frame(pl.read_parquet(path))}


def near(folder: Path, items: Sequence[Item], **config: Any) -> tuple[set[str], dict[str, str | None]]:
    building, paths = build(folder, items)
    kept = left(near_duplicates(building, paths, config))
    building.ledger.check()
    return kept, {entry.item_id: entry.detail for entry in building.ledger.rejections}


def exact(folder: Path, items: Sequence[Item], **config: Any) -> tuple[set[str], dict[str, str | None]]:
    building, paths = build(folder, items)
    kept = left(exact_duplicates(building, paths, config))
    building.ledger.check()
    return kept, {entry.item_id: entry.detail for entry in building.ledger.rejections}


def text(seed: int, count: int = 120) -> list[str]:
    return random.Random(seed).choices(WORDS, k=count)


def edited(words: Sequence[str], changes: int, seed: int) -> list[str]:
    made, draw = list(words), random.Random(seed)
    for place in draw.sample(range(len(made)), changes):
        made[place] = draw.choice(WORDS)
    return made


def shingles(words: Sequence[str], size: int = 5) -> set[tuple[str, ...]]:
    return {tuple(words[place : place + size]) for place in range(len(words) - size + 1)}


LONG = " ".join(text(1, 60))


class TestExact:
    def test_the_first_stays_whatever_case_blanks_and_punctuation(self, tmp_path: Path) -> None:
        rows = [item("b", "What is  fever?", answer_text="A sign."), item("a", "what is fever", answer_text="A sign")]
        kept, gone = exact(tmp_path, rows)
        assert kept == {"made:a:en"}
        assert gone == {"made:b:en": "the same as made:a:en, which is kept"}

    def test_the_order_of_the_sources_comes_before_the_order_of_the_ids(self, tmp_path: Path) -> None:
        rows = [item("a", LONG, source="later"), item("z", LONG, source="first"), item("a", LONG, source="unnamed")]
        kept, _ = exact(tmp_path, rows, sources=["first", "later"])
        assert kept == {"first:z:en"}

    def test_options_may_stand_in_another_order_but_the_same_must_be_right(self, tmp_path: Path) -> None:
        one = item("a", "Which?", task="mcq", options=("iron", "zinc", "salt"), answer=(0,))
        rows = [
            one,
            replace(one, item_id="made:b:en", group_id="made:b", options=("zinc", "salt", "iron"), answer=(2,)),
            replace(one, item_id="made:c:en", group_id="made:c", answer=(1,)),
        ]
        kept, gone = exact(tmp_path, rows)
        assert kept == {"made:a:en", "made:c:en"}
        assert set(gone) == {"made:b:en"}

    @pytest.mark.parametrize(
        ("one", "other", "lang"),
        [
            ("Give 5 mg.", "Give 50 mg.", "en"),
            ("Give 0.5 mg.", "Give 5 mg.", "en"),
            ("Give if pressure < 90", "Give if pressure > 90", "en"),
            ("Give if pressure ≤ 90", "Give if pressure ≥ 90", "en"),
            ("ọkọ̀ rẹ", "ọkọ rẹ", "yo"),
            ("给药5毫克", "给药50毫克", "zh"),
            ("给药五毫克", "给药五十毫克", "zh"),
            ("一日5ミリグラム", "一日50ミリグラム", "ja"),
        ],
    )
    def test_digits_signs_and_tone_marks_count(self, tmp_path: Path, one: str, other: str, lang: str) -> None:
        kept, _ = exact(tmp_path, [item("a", one, lang), item("b", other, lang)])
        assert len(kept) == 2

    @pytest.mark.parametrize(
        ("one", "other", "lang"),
        [
            ("o\u0323ko\u0323\u0300", "ọkọ̀", "yo"),
            ("给药５ｍｇ。", "给药 5 mg", "zh"),
            ("Give 5mg", "give 5 mg", "en"),
            ("٥ ملغ", "5 ملغ", "ar"),
        ],
    )
    def test_spellings_of_the_same_signs_do_not(self, tmp_path: Path, one: str, other: str, lang: str) -> None:
        kept, _ = exact(tmp_path, [item("a", one, lang), item("b", other, lang)])
        assert len(kept) == 1

    def test_another_language_is_another_text(self, tmp_path: Path) -> None:
        kept, _ = exact(tmp_path, [item("a", "Malaria"), item("b", "Malaria", "sw")])
        assert len(kept) == 2

    def test_rows_without_a_word_are_left_alone(self, tmp_path: Path) -> None:
        kept, _ = exact(tmp_path, [item("a", "?"), item("b", "!")])
        assert len(kept) == 2

    def test_a_group_goes_as_a_whole_unless_rows_are_asked_for(self, tmp_path: Path) -> None:
        rows = [item("a", LONG), item("a", "Homa ni nini?", "sw"), item("b", LONG), item("b", "Je homa ni nini", "sw")]
        kept, gone = exact(tmp_path / "group", rows)
        assert kept == {"made:a:en", "made:a:sw"}
        assert gone["made:b:sw"] == "goes with its group: made:b:en is the same as made:a:en, which is kept"
        kept, _ = exact(tmp_path / "row", rows, scope="row")
        assert kept == {"made:a:en", "made:a:sw", "made:b:sw"}

    def test_a_group_goes_only_for_one_that_is_kept(self, tmp_path: Path) -> None:
        # b repeats a in Swahili and goes; c repeats only b, so c stays.
        rows = [
            item("a", "Homa ni nini?", "sw"),
            item("b", "Homa ni nini?", "sw"),
            item("b", LONG),
            item("c", LONG),
        ]
        kept, _ = exact(tmp_path, rows)
        assert kept == {"made:a:sw", "made:c:en"}

    def test_the_same_id_twice_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="made:a:en"):
            exact(tmp_path, [item("a", LONG), item("a", LONG)])

    def test_an_unknown_key_is_named_with_the_nearest_known_one(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="did you mean 'scope'"):
            exact(tmp_path, [item("a", LONG)], scop="row")


class TestNear:
    def test_planted_duplicates_are_found_and_nothing_else(self, tmp_path: Path) -> None:
        draw = random.Random(0)
        texts = {f"{number:03d}": text(number) for number in range(300)}
        for number in range(100):
            for copy in range(2):
                texts[f"{number:03d}-{copy}"] = edited(
                    texts[f"{number:03d}"], draw.randint(1, 4), 1000 + 2 * number + copy
                )
        kept, gone = near(tmp_path, [item(name, " ".join(words)) for name, words in texts.items()])
        cut = {f"made:{name}:en": shingles(words) for name, words in texts.items()}

        def similarity(one: str, other: str) -> float:
            return len(cut[one] & cut[other]) / len(cut[one] | cut[other])

        right = 0
        for name, detail in gone.items():
            assert detail is not None
            said, named = detail.split()[0], detail.split()[3].rstrip(",")
            assert named in kept
            right += similarity(name, named) >= 0.8
            assert 0 <= similarity(name, named) - float(said) < 0.011
        assert right == len(gone)
        missed = [
            name
            for name in kept
            if "-" in name and any(similarity(name, other) >= 0.8 for other in kept if other < name)
        ]
        assert len(missed) <= 0.03 * len(gone)
        assert len(gone) > 90

    @pytest.mark.parametrize("lang", ["en", "yo", "zh", "ja", "ko", "sw"])
    def test_one_edit_in_a_long_text_is_found_in_every_script(self, tmp_path: Path, shared: Path, lang: str) -> None:
        from afya.languages import language

        lines = pl.read_ndjson(shared / "data" / "sib200" / "sib200_parallel.jsonl")[language(lang).flores].to_list()
        long = [" ".join(lines[start : start + 8]) for start in range(0, 80, 8)]
        changed = long[3] + " " + lines[100][: 20 if lang not in ("zh", "ja") else 6]
        rows = [item(f"{number:02d}", line, lang) for number, line in enumerate(long)] + [item("99", changed, lang)]
        kept, gone = near(tmp_path, rows, numbers=False)
        assert set(gone) == {f"made:99:{lang}"}
        assert len(kept) == 10

    @pytest.mark.parametrize(
        ("lang", "one", "other"),
        [
            ("en", "give 5 mg", "give 50 mg"),
            ("en", "give 5 mg", "give 0.5 mg"),
            ("en", "it is safe", "it is not safe"),
            ("en", "give five tablets", "give ten tablets"),
            ("zh", "给药5毫克", "给药50毫克"),
            ("zh", "给药五毫克", "给药九毫克"),
            ("ja", "一日5ミリグラム", "一日50ミリグラム"),
            ("hi", "५ मिलीग्राम", "५० मिलीग्राम"),
        ],
    )
    def test_numbers_and_denials_keep_long_texts_apart(self, tmp_path: Path, lang: str, one: str, other: str) -> None:
        filler = "".join(random.Random(2).choices("药物安全患者血压心脏儿童", k=90)) if lang in ("zh", "ja") else LONG
        rows = [item("a", f"{filler} {one} {filler}", lang), item("b", f"{filler} {other} {filler}", lang)]
        assert len(near(tmp_path / "apart", rows)[0]) == 2
        assert len(near(tmp_path / "ignored", rows, numbers=False, threshold=0.5)[0]) == 1

    def test_another_right_option_or_another_question_on_a_context_is_another_item(self, tmp_path: Path) -> None:
        one = item("a", LONG, task="mcq", options=("yes", "no"), answer=(0,))
        about = item("c", "Is it so?", task="mcq", options=("yes", "no"), answer=(0,), context=LONG + " more")
        rows = [
            one,
            replace(one, item_id="made:b:en", group_id="made:b", answer=(1,)),
            about,
            replace(about, item_id="made:d:en", group_id="made:d", question="Is it otherwise?"),
        ]
        assert len(near(tmp_path, rows, threshold=0.7)[0]) == 4

    def test_the_same_whatever_the_workers_and_the_order_of_parts(self, tmp_path: Path) -> None:
        rows = [
            item(f"{n:02d}-{copy}", " ".join(edited(text(n), copy, n)), lang)
            for n in range(20)
            for copy in range(3)
            for lang in ("en", "sw")
        ]
        results = []
        for name, workers, backwards in (("one", 1, False), ("two", 2, False), ("back", 1, True)):
            building, paths = build(tmp_path / name, rows, parts=3, workers=workers)
            made = near_duplicates(building, paths[::-1] if backwards else paths, {"rows_per_task": 10})
            results.append({path.name: path.read_bytes() for path in made})
        assert results[0] == results[1] == results[2]
        assert sum(len(pl.read_parquet(tmp_path / "one" / "near_duplicates" / name)) for name in results[0]) < len(rows)

    def test_a_group_goes_as_a_whole_unless_rows_are_asked_for(self, tmp_path: Path) -> None:
        near_long = " ".join(edited(LONG.split(), 1, 3))
        rows = [item("a", LONG), item("b", near_long), item("b", "Homa ni nini?", "sw")]
        kept, gone = near(tmp_path / "group", rows)
        assert kept == {"made:a:en"}
        assert str(gone["made:b:sw"]).startswith("goes with its group: made:b:en is 0.8")
        assert near(tmp_path / "row", rows, scope="row")[0] == {"made:a:en", "made:b:sw"}

    def test_a_row_is_not_removed_by_a_chain_of_others(self, tmp_path: Path) -> None:
        chain = [text(1)]
        for step in range(6):
            chain.append([*chain[-1][5:], *text(100 + step, 5)])
        kept, gone = near(tmp_path, [item(f"{place}", " ".join(words)) for place, words in enumerate(chain)])
        cut = [shingles(words) for words in chain]
        for name, detail in gone.items():
            assert detail is not None
            one, other = cut[int(name.split(":")[1])], cut[int(detail.split()[3].split(":")[1])]
            assert len(one & other) / len(one | other) >= 0.8
        assert {"made:0:en", "made:6:en"} <= kept

    def test_short_texts_and_no_rows_at_all(self, tmp_path: Path) -> None:
        kept, _ = near(
            tmp_path / "short", [item("a", "Stroke"), item("b", "stroke"), item("c", "Strokes"), item("d", "?")]
        )
        assert kept == {"made:a:en", "made:c:en", "made:d:en"}
        building, paths = build(tmp_path / "none", [])
        assert left(near_duplicates(building, paths, {})) == set()
        assert left(exact_duplicates(building, paths, {})) == set()

    def test_many_alike_templates_cost_a_bounded_number_of_comparisons(self, tmp_path: Path) -> None:
        rows = [item(f"{n:04d}", " ".join(text(1)) + " " + " ".join(text(n + 5, 14))) for n in range(600)]
        kept, _ = near(tmp_path, rows, threshold=0.9)
        assert len(kept) == 600

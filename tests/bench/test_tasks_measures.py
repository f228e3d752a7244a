"""Open replies are measured by overlap with a reference, and by functions of the user's own."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from afya.bench.scoring.measures import chrf_pp, measure_part, measures_schema
from afya.errors import ConfigError, RunError

ROWS = [
    # item, lang, task, kind, prompt_lang, reference, reply, error
    ("a:1:sw", "sw", "doses", "written", "sw", "Mpe maji safi", "Mpe maji safi", None),
    ("a:2:sw", "sw", "doses", "written", "sw", "Mpe maji safi", "<think>mpe maji</think>Hapana", None),
    ("a:3:sw", "sw", "doses", "written", "sw", "Mpe maji safi", "", None),
    ("a:4:sw", "sw", "doses", "written", "sw", "Mpe maji safi", None, "timeout"),
    ("a:5:sw", "sw", "doses", "written", "sw", None, "Hapana", None),
    ("b:1:en", "en", "choices", "choice", "en", None, "B", None),
]


def parts() -> tuple[pl.DataFrame, pl.DataFrame]:
    names = ("item_id", "lang", "task", "kind", "prompt_lang", "reference", "text", "error")
    frame = pl.DataFrame(ROWS, schema=dict.fromkeys(names, pl.String), orient="row")
    prompts = frame.select(pl.col("item_id").str.slice(0, 3).alias("group_id"), *names[:6])
    replies = frame.select(pl.lit("m").alias("model"), pl.lit("generate").alias("setting"), "item_id", "text", "error")
    return prompts, replies


def values(frame: pl.DataFrame, measure: str) -> dict[str, float | None]:
    rows = frame.filter(pl.col("measure") == measure).select("item_id", "value").rows()
    return {name: None if value is None else round(value, 4) for name, value in rows}


def test_overlap_is_measured_on_what_was_said_and_an_error_has_no_value() -> None:
    found = measure_part(*parts(), {"doses": ["rouge_l", "chrf", "length_ratio"]}, {})
    assert dict(found.schema) == measures_schema()
    assert values(found, "rouge_l") == {"a:1:sw": 1.0, "a:2:sw": 0.0, "a:3:sw": 0.0, "a:4:sw": None}
    assert values(found, "chrf")["a:1:sw"] == 1.0
    assert values(found, "length_ratio") == {"a:1:sw": 1.0, "a:2:sw": 0.4615, "a:3:sw": 0.0, "a:4:sw": None}
    assert set(found["task"]) == {"doses"}


def test_chrf_plus_plus_is_sacrebleus_on_a_scale_of_one() -> None:
    pytest.importorskip("sacrebleu")
    from sacrebleu.metrics.chrf import CHRF

    told = CHRF(word_order=2).sentence_score("the cat sat on a mat", ["the cat is on the mat"]).score
    assert chrf_pp("the cat is on the mat", "the cat sat on a mat") == pytest.approx(told / 100)
    assert chrf_pp("Nawa mikono", "Nawa mikono") == pytest.approx(1.0)


def scorer(folder: Path, body: str) -> dict[str, str]:
    path = folder / "own.py"
    path.write_text(f"def points(reply, item):\n    {body}\n", encoding="utf-8")
    return {"doses": f"{path}:points"}


def items(folder: Path) -> Path:
    path = folder / "items.parquet"
    rows = [(row[0], '{"dose": "maji"}' if row[0] != "a:5:sw" else None) for row in ROWS]
    pl.DataFrame(rows, schema={"item_id": pl.String, "extra": pl.String}, orient="row").write_parquet(path)
    return path


def test_a_scorer_of_ones_own_sees_reply_and_item(tmp_path: Path) -> None:
    own = scorer(tmp_path, "return {'says_dose': item['extra'].get('dose', '?') in reply}")
    found = measure_part(*parts(), {}, own, items=items(tmp_path))
    expected = {"a:1:sw": 1.0, "a:2:sw": 0.0, "a:3:sw": 0.0, "a:4:sw": None, "a:5:sw": 0.0}
    assert values(found, "says_dose") == expected


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 1 / 0", r"own\.py:points, a:1:sw: the scorer failed \(ZeroDivisionError: division by zero, line 2\)"),
        ("return 0.5", r"a:1:sw: the scorer gave float.*numbers by name"),
        ("return {'facts': float('nan')}", r"'facts' is nan; a finite number was expected"),
        ("return {'chrf': 1.0}", r"'chrf' is the name of a measure of afya"),
    ],
)
def test_a_scorers_mistake_names_file_and_item(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        measure_part(*parts(), {}, scorer(tmp_path, body), items=items(tmp_path))


def test_parts_that_do_not_belong_together_are_refused() -> None:
    prompts, replies = parts()
    with pytest.raises(RunError, match="does not answer its prompt part"):
        measure_part(prompts, replies.reverse(), {}, {})

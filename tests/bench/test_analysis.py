"""All tables of runs: each on a case that can be worked out by hand, and what is left empty."""

from __future__ import annotations

import ast
import inspect
import math
from dataclasses import fields
from pathlib import Path

import polars as pl
import pytest
from run_folders import scored, write_run

from afya.bench.analysis.analyse import Analysis, analyse
from afya.bench.analysis.run_tables import read_measures, read_scores
from afya.errors import DataError
from afya.statistics import accuracy_interval, mean_interval

SWAHILI = "Jibu ni B kwa sababu mtoto ana homa kali na anahitaji kupelekwa hospitali haraka sana leo."
ENGLISH = "The answer is B because the child has a high fever and should be taken to the hospital as soon as possible."


def _tables(analysis: Analysis) -> dict[str, pl.DataFrame]:
    found = {field.name: getattr(analysis, field.name) for field in fields(analysis)}
    return {name: table for name, table in found.items() if isinstance(table, pl.DataFrame)}


def _at(table: pl.DataFrame, **wanted: str) -> dict[str, object]:
    return table.row(
        by_predicate=pl.all_horizontal(pl.col(name) == value for name, value in wanted.items()), named=True
    )


def _two_languages(model: str = "m", setting: str = "letter") -> pl.DataFrame:
    """English: 8 of 10 right. Swahili: 5 of 10, 4 of them right in English as well."""
    english = ["correct"] * 8 + ["wrong"] * 2
    swahili = ["correct"] * 4 + ["wrong"] * 3 + ["refused", "correct", "wrong"]
    return scored({"en": english, "sw": swahili}, model, setting)


def _logs(sure: float) -> list[float]:
    return [math.log(sure), *([math.log((1 - sure) / 3)] * 3)]


@pytest.fixture
def scored_run(tmp_path: Path) -> Path:
    scores = _two_languages().with_columns(chosen=pl.lit([0], pl.List(pl.Int16)))
    tokens = [100] * 10 + [250] * 10
    replies: dict[str, list[object]] = {"option_logprobs": [_logs(0.7)] * 20, "prompt_tokens": [*tokens]}
    return write_run(tmp_path / "scored", scores, replies | {"cost_usd": [0.001] * 20, "completion_tokens": [0] * 20})


def test_accuracy_gap_and_transfer_by_hand(scored_run: Path) -> None:
    found = analyse([scored_run])
    english = _at(found.summary, lang="en")
    alone = accuracy_interval([1] * 8 + [0] * 2, range(10))
    assert (english["n"], english["groups"], english["accuracy"], english["chance"]) == (10, 10, 0.8, 0.25)
    assert (english["low"], english["high"]) == pytest.approx((alone.low, alone.high))
    gap = _at(found.gaps, lang="sw")
    assert (gap["before"], gap["after"], gap["gained"], gap["lost"]) == (0.8, 0.5, 1, 4)
    assert gap["difference"] == pytest.approx(-0.3)
    # Five discordant items, one of them won: 2 * (1 + 5) / 2^5.
    assert gap["p_value"] == pytest.approx(2 * 6 / 32)
    loss = _at(found.transfer, lang="sw")
    assert (loss["loss"], loss["gain"], loss["known"], loss["lost_of_known"]) == (0.4, 0.1, 8, 0.5)
    times = _at(found.relative, lang="sw")
    assert (times["times"], times["points"]) == pytest.approx((0.625, -0.3))
    tiers = _at(found.tiers, lang="low")
    assert (tiers["n"], tiers["accuracy"]) == (10, 0.5)
    disparity = found.disparity.row(0, named=True)
    assert (disparity["mean"], disparity["gap"], disparity["worst_to_best"]) == pytest.approx((0.65, 0.3, 0.625))


def test_cost_and_calibration_by_hand(scored_run: Path) -> None:
    found = analyse([scored_run])
    swahili = _at(found.billed, lang="sw")
    assert (swahili["items"], swahili["prompt_tokens"], swahili["tax"]) == (10, 250_000, 2.5)
    assert (swahili["usd"], swahili["accuracy"], swahili["n"]) == (pytest.approx(1.0), 0.5, 10)
    assert _at(found.billed, lang="all")["tax"] == pytest.approx(3500 / 2000)
    # Every choice at 70%: one bin, and the error is the distance to the share that is right.
    told = _at(found.calibration, lang="en")
    assert (told["n"], told["ece"], told["overconfidence"]) == (10, pytest.approx(0.1), pytest.approx(-0.1))
    assert found.bins.filter(pl.col("lang") == "en").select("confidence", "correct", "n").row(0) == (
        pytest.approx(0.7), pytest.approx(0.8), 10,
    )  # fmt: skip


def test_free_answers_by_language_and_cause(tmp_path: Path) -> None:
    scores = scored({"en": ["correct"] * 4, "sw": ["correct", "wrong", "wrong", "refused"]}, setting="generate")
    texts = [ENGLISH] * 4 + [SWAHILI, SWAHILI, ENGLISH, SWAHILI]
    found = analyse([write_run(tmp_path / "run", scores, {"text": texts})])
    swahili = _at(found.fidelity, lang="sw")
    assert (swahili["told"], swahili["faithful"], swahili["mostly"]) == (4, 0.75, "en")
    parts = _at(found.parts, lang="sw")
    assert [parts[f"{name}_rows"] for name in ("gap", "refusal", "wrong_language", "rest")] == [3, 1, 1, 1]
    assert found.calibration.is_empty()


def test_a_reply_to_a_translated_item_is_held_against_english(tmp_path: Path) -> None:
    scores = scored({"sw": ["correct", "wrong"]}, setting="generate+translated")
    found = analyse([write_run(tmp_path / "run", scores, {"text": [ENGLISH, ENGLISH]})])
    assert _at(found.fidelity, lang="sw")["faithful"] == 1.0


def test_orders_by_hand(tmp_path: Path) -> None:
    """Three options, the right one first: a model that always takes the first place is right in one order of three."""
    frames = []
    for rotation in range(3):
        order = [(place + rotation) % 3 for place in range(3)]
        outcome = ["correct" if order[0] == 0 else "wrong"] * 5
        frames.append(
            scored({"yo": outcome}).with_columns(
                rotation=pl.lit(rotation, pl.Int16),
                order=pl.lit(order, pl.List(pl.Int16)),
                answer=pl.lit([0], pl.List(pl.Int16)),
                chosen=pl.lit([order[0]], pl.List(pl.Int16)),
                n_options=pl.lit(3, pl.Int16),
            )
        )
    run = write_run(tmp_path / "run", pl.concat(frames), {})
    found = analyse([run])
    row = _at(found.order, lang="yo")
    assert (row["items"], row["groups"], row["consistent"], row["right_in_all"], row["spread"]) == (5, 5, 0.0, 0.0, 1.0)
    assert row["accuracy"] == pytest.approx(1 / 3)
    # Right always where the answer stands first, never in the two other places.
    assert row["place_bias"] == pytest.approx(math.sqrt(2) / 3)
    assert found.summary.filter(pl.col("lang") == "yo")["n"].item() == 5
    assert read_scores([run], rotations=True).height == 15


def test_a_setting_is_compared_with_the_plain_one_on_the_same_items(tmp_path: Path) -> None:
    plain = scored({"sw": ["wrong"] * 12 + ["error"]}, setting="generate")
    changed = scored({"sw": ["correct"] * 9 + ["wrong"] * 3 + ["correct"]}, setting="generate+translated")
    other = scored({"sw": ["correct"] * 13}, setting="letter+english")
    found = analyse([write_run(tmp_path / "run", pl.concat([plain, changed, other]))]).settings
    row = _at(found, lang="sw")
    assert (row["plain"], row["setting"], row["n"]) == ("generate", "generate+translated", 12)
    assert (row["difference"], row["p_value"]) == (pytest.approx(0.75), pytest.approx(2 / 2**9))
    # There is no plain letter setting to hold the other one against.
    assert set(found["setting"]) == {"generate+translated"}


def test_measures_of_open_replies_have_a_clustered_mean(tmp_path: Path) -> None:
    values = [0.2, 0.4, 0.6, None]
    rows = [
        ("m", "generate", f"s:{place}:{lang}", f"s:{place}", lang, "advice", "written", "chrf", value)
        for lang in ("en", "zu")
        for place, value in enumerate(values)
    ]
    told = {lang: ["answered"] * 3 + ["error"] for lang in ("en", "zu")}
    scores = scored(told, setting="generate", task="advice").with_columns(kind=pl.lit("written"))
    run = write_run(tmp_path / "run", scores, {"text": [SWAHILI] * 8}, rows)
    judged = read_measures([run]).drop("label", "run").with_columns(judge=pl.lit("j"), measure=pl.lit("rubric"))
    judged.write_parquet(run / "judged.parquet")
    found = analyse([run])
    row = _at(found.measures, lang="zu", measure="chrf")
    alone = mean_interval([0.2, 0.4, 0.6], [0, 1, 2])
    assert (row["n"], row["groups"], row["missing"], row["judge"]) == (3, 3, 1, None)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.4, alone.low, alone.high))
    whole = _at(found.measures, lang="all", measure="rubric")
    assert (whole["n"], whole["groups"], whole["judge"]) == (6, 3, "j")
    # Neither right nor wrong: nothing of it is in the tables of accuracy, but its language and cost are known.
    assert found.scores.is_empty()
    assert found.summary.is_empty()
    assert _at(found.fidelity, lang="en")["faithful"] == 0.0
    assert _at(found.billed, lang="en")["accuracy"] is None


def test_a_table_that_does_not_apply_keeps_its_columns(tmp_path: Path, scored_run: Path) -> None:
    poor = analyse([write_run(tmp_path / "poor", scored({"wo": ["correct", "wrong"]}))])
    rich = analyse([scored_run, write_run(tmp_path / "other", _two_languages("other"), {})])
    assert rich.comparisons.height == 3
    for name, table in _tables(poor).items():
        if name != "scores":
            assert table.schema == _tables(rich)[name].schema, name
    assert poor.notes
    assert "no replies.parquet" in poor.notes[0]


def test_the_documented_columns_are_there(scored_run: Path) -> None:
    source = inspect.getsource(Analysis)
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    documented = [
        (node.target.id, body.body[place + 1].value.value)  # type: ignore[attr-defined]
        for place, node in enumerate(body.body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    tables = _tables(analyse([scored_run]))
    for name, text in documented:
        if name in tables and name not in ("scores", "tiers"):
            own = [column for column in tables[name].columns if not column.endswith(("_low", "_high", "_rows"))]
            assert {column for column in own if column not in text} <= {"label", "model", "setting", "task"}, name


def test_many_models_are_compared_only_where_pairs_are_named(tmp_path: Path) -> None:
    many = pl.concat([_two_languages(f"m{number}") for number in range(13)])
    run = write_run(tmp_path / "run", many)
    assert analyse([run]).comparisons.is_empty()
    assert any("78 pairs" in note for note in analyse([run]).notes)
    assert analyse([run], pairs=[("m0", "m7")]).comparisons["b"].unique().to_list() == ["m7"]


def test_runs_made_before_kinds_and_rotations_are_read(tmp_path: Path) -> None:
    old = _two_languages().drop("kind", "rotation", "order", "answer")
    run = write_run(tmp_path / "old", _two_languages(), {})
    old.write_parquet(run / "scores.parquet")
    pl.read_parquet(run / "replies.parquet").drop("rotation").write_parquet(run / "replies.parquet")
    found = analyse([run])
    assert found.scores["kind"].unique().to_list() == ["choice"]
    assert found.billed.height == 3


def test_replies_are_matched_to_scores_in_any_order_and_missing_ones_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", _two_languages(), {"prompt_tokens": list(range(20))})
    replies = pl.read_parquet(run / "replies.parquet")
    straight = analyse([run]).billed
    replies.reverse().write_parquet(run / "replies.parquet")
    assert analyse([run]).billed.equals(straight)
    replies.head(19).write_parquet(run / "replies.parquet")
    with pytest.raises(DataError, match="1 score\\(s\\) have no reply, the first item 's:9:sw' of 'm'"):
        analyse([run])


def test_the_same_runs_give_the_same_tables(scored_run: Path) -> None:
    one, other = (_tables(analyse([scored_run])) for _ in range(2))
    assert all(one[name].equals(other[name]) for name in one)

"""Published outputs of many shapes become run folders whose accuracy is the published one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import published_files as made
import pytest

from afya.bench.analysis.summary import read_scores, summarise
from afya.bench.imports import Import, ImportResult, import_replies
from afya.bench.imports.published import figure_of
from afya.bench.running.rescore import rescore
from afya.errors import AfyaError, ConfigError, DataError


def imported(tmp_path: Path, *files: Path, published: str | None = "60", **told: Any) -> ImportResult:
    figures = [] if published is None else [figure_of(published)]
    return import_replies(Import(files=files, **told), tmp_path / "run", figures, replace=True)


def accuracy(result: ImportResult) -> float:
    """What the report says."""
    table = summarise(read_scores([result.folder])).filter(pl.col("lang") == "all")
    right = sum(share * n for share, n in table.select("accuracy", "n").rows())
    return float(right / sum(table["n"].to_list()))


Shape = tuple[Callable[[Path], Path], Mapping[str, Any]]
SHAPES: dict[str, Shape] = {
    "a paper's list": (lambda at: made.paper_list(at / "gpt-4.json"), {}),
    "options scored by the harness": (made.harness_scored, {}),
    "text judged by the harness": (made.harness_written, {"where": {"filter": "strict"}}),
    "an inspect log": (lambda at: made.inspect_log(at / "log.json"), {}),
    "an inspect archive": (lambda at: made.inspect_log(at / "log.eval"), {}),
    "three epochs": (lambda at: made.inspect_log(at / "log.json", epochs=3), {}),
    "HELM": (made.helm_state, {}),
    "OpenAI evals": (lambda at: made.openai_events(at / "events.jsonl"), {"count": 4}),
    "MMLU's table": (
        lambda at: made.mmlu_table(at / "anatomy.csv"),
        {
            "columns": {
                "question": "0",
                "options": "1+2+3+4",
                "answer": "5",
                "correct": "{model}_correct",
                "probs": "{model}_choiceA_probs+{model}_choiceB_probs+{model}_choiceC_probs+{model}_choiceD_probs",
            }
        },
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_accuracy_is_the_published_one(tmp_path: Path, shape: str) -> None:
    write, told = SHAPES[shape]
    result = imported(tmp_path, write(tmp_path), **told)
    assert [comparison.equal for comparison in result.comparisons] == [True]
    assert accuracy(result) == pytest.approx(0.6)
    by = {one.by: one for one in result.scorings}
    assert all(one.right / one.n == pytest.approx(0.6) and not one.differ for one in by.values())
    assert not rescore(result.folder).changed.height


def test_three_epochs_share_their_groups(tmp_path: Path) -> None:
    result = imported(tmp_path, made.inspect_log(tmp_path / "log.json", epochs=3))
    scores = read_scores([result.folder])
    assert (scores.height, scores["group_id"].n_unique()) == (15, 5)
    once = imported(tmp_path, tmp_path / "log.json", repeats="first")
    assert read_scores([once.folder]).height == 5


def test_filters_of_the_harness_are_not_counted_twice_in_silence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 times, read by the filters") as caught:
        imported(tmp_path, made.harness_written(tmp_path))
    assert "--where filter=strict" in str(caught.value.hint)


def test_a_wide_file_has_a_reply_for_each_model(tmp_path: Path) -> None:
    file = made.wide_table(tmp_path / "all.csv")
    columns = {"reply": "{model}_output", "correct": "{model}_ok", "answer": "key"}
    result = import_replies(
        Import(files=(file,), columns=columns), tmp_path / "run", [figure_of("alpha=60"), figure_of("beta=1.0")]
    )
    assert [comparison.equal for comparison in result.comparisons] == [True, True]
    items = pl.read_parquet(result.folder / "items.parquet")
    assert items["options"][0].to_list() == list(made.QUESTIONS[0][1])
    assert (items.height, result.rows) == (5, 10)


def test_a_key_apart_counts_what_is_missing_only_when_told(tmp_path: Path) -> None:
    file, key = made.nested_results(tmp_path / "119A_llm.json"), made.answer_key(tmp_path / "key.csv")
    left = imported(tmp_path, file, key=(key,), lang="ja", columns={"model": "answers.0.model"})
    assert left.decided.score_by == "prediction"
    assert list(left.missing.values()) == [("published:119A6:ja",)]
    assert (left.scorings[0].n, left.scorings[0].absent, left.comparisons[0].equal) == (5, 1, True)
    told = imported(tmp_path, file, key=(key,), lang="ja", missing="wrong", published="50.0")
    assert (told.scorings[0].n, told.comparisons[0].equal) == (6, True)
    assert accuracy(told) == pytest.approx(0.5)
    assert pl.read_parquet(told.folder / "items.parquet")["options"][0].to_list()[0] == "Vitamin C"


def test_what_differs_from_the_published_verdicts_is_named(tmp_path: Path) -> None:
    rows = [
        {
            "id": at,
            "question": text,
            "options": list(options),
            "answer": right,
            "response": made.reply(said),
            "correct": said == right or at == 4,
        }
        for at, ((text, options, right), said) in enumerate(zip(made.QUESTIONS, made.SAID, strict=True))
    ]
    result = imported(tmp_path, made.write_lines(tmp_path / "m.jsonl.gz", rows), published="80.0")
    ours, theirs = result.scorings
    assert (ours.right, theirs.right, theirs.differ, theirs.examples) == (3, 4, 1, ("published:4:en",))
    assert (result.comparisons[0].equal, result.comparisons[0].items) == (False, -1)
    assert result.comparisons[0].also == ("--score-by correct",)
    assert accuracy(imported(tmp_path, tmp_path / "m.jsonl.gz", score_by="correct", published="80.0")) == pytest.approx(
        0.8
    )
    assert not rescore(tmp_path / "run").changed.height


def test_numbers_count_from_where_they_are_seen_to(tmp_path: Path) -> None:
    def write(base: int, *rights: int) -> Path:
        rows = [
            {"id": at, "options": ["w", "x", "y", "z"], "answer": right + base, "pred": right + base}
            for at, right in enumerate(rights)
        ]
        return made.write_json(tmp_path / "n.json", rows)

    for base in (0, 1):
        result = imported(tmp_path, write(base, 0, 1, 3), published="100")
        assert result.comparisons[0].equal
        assert pl.read_parquet(result.folder / "items.parquet")["answer"].to_list() == [[0], [1], [3]]
    with pytest.raises(DataError, match="from 0 or from 1"):
        imported(tmp_path, write(0, 1, 2))
    result = imported(tmp_path, tmp_path / "n.json", answer_is="from-0", published="100")
    assert pl.read_parquet(result.folder / "items.parquet")["answer"].to_list() == [[1], [2]]


def test_several_right_answers_must_all_be_met(tmp_path: Path) -> None:
    lines = 'no,gold,pred\n1,ce,ec\n2,"a,b","b, a"\n3,ac,a\n4,d,d\n5,600,600\n6,e,I think e is best\n'
    file = tmp_path / "several.csv"
    file.write_text(lines, encoding="utf-8")
    result = imported(tmp_path, file, published="4/6", lang="ja")
    assert result.comparisons[0].equal
    scores = pl.read_parquet(result.folder / "scores.parquet")
    assert scores["outcome"].to_list() == ["correct", "correct", "wrong", "correct", "correct", "unparseable"]
    assert scores["answer"].to_list()[0] == [2, 4]
    assert imported(tmp_path, file, published="3/6", lang="ja", prediction_is="exact").comparisons[0].equal


def test_no_prediction_is_no_answer_and_a_null_verdict_none(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "gold": "A", "pred": "A", "correct": True},
        {"id": 2, "gold": "B", "pred": None, "correct": False},
        {"id": 3, "gold": "B", "pred": "none", "correct": None},
    ]
    result = imported(tmp_path, made.write_lines(tmp_path / "r.jsonl", rows), published="33.3", score_by="prediction")
    assert result.comparisons[0].equal
    assert pl.read_parquet(result.folder / "scores.parquet")["outcome"].to_list() == [
        "correct",
        "unparseable",
        "unparseable",
    ]
    by_verdict = imported(tmp_path, tmp_path / "r.jsonl", published="50", score_by="correct")
    assert (by_verdict.comparisons[0].equal, by_verdict.scorings[-1].absent) == (True, 1)


def test_options_in_another_order_each_time_are_the_same_options(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "model": "m", "options": ["x", "y", "z"], "answer": "A", "response": "Answer: A"},
        {"id": 1, "model": "n", "options": ["y", "z", "x"], "answer": "C", "response": "Answer: A"},
    ]
    result = imported(tmp_path, made.write_lines(tmp_path / "r.jsonl", rows), published="n=0")
    assert result.comparisons[0].equal
    scores = pl.read_parquet(result.folder / "scores.parquet")
    assert scores.select("outcome", "chosen", "answer").rows() == [("correct", [0], [0]), ("wrong", [1], [0])]


def test_words_are_the_options_where_none_are_given(tmp_path: Path) -> None:
    rows = {
        f"{at}": {"LONG": "...", "gold": gold, "prediction": said}
        for at, (gold, said) in enumerate([("yes", "yes"), ("no", "maybe"), ("maybe", "maybe")])
    }
    result = imported(tmp_path, made.write_json(tmp_path / "pubmed.json", rows), published="66.7")
    assert result.comparisons[0].equal
    assert pl.read_parquet(result.folder / "items.parquet")["options"][0].to_list() == ["yes", "no", "maybe"]


def test_paths_say_model_and_language(tmp_path: Path) -> None:
    for model, lang, right in (
        ("org/one", "eng_Latn", 3),
        ("org/one", "swa", 1),
        ("org/two", "eng_Latn", 2),
        ("org/two", "swa", 0),
    ):
        rows = [{"id": at, "gold": "A", "pred": "A" if at < right else "B"} for at in range(4)]
        made.write_lines(tmp_path / "out" / model.replace("/", "_") / f"{lang}_mmlu.jsonl", rows)
    figures = [figure_of(text) for text in ("org_one/en=75.0", "org_one/sw=25.0", "org_two=25.0")]
    result = import_replies(
        Import(files=(tmp_path / "out",), from_path="{model}/{lang}_mmlu.jsonl"), tmp_path / "run", figures
    )
    assert [comparison.equal for comparison in result.comparisons] == [True, True, True]
    scores = read_scores([result.folder])
    assert (
        scores.filter(pl.col("lang") == "sw")["group_id"].unique().sort().to_list()
        == scores.filter(pl.col("lang") == "en")["group_id"].unique().sort().to_list()
    )


@pytest.mark.parametrize(
    ("rows", "told", "said"),
    [
        ([{"id": 1, "gold": "A"}], {}, "no column is known to hold replies"),
        ([{"id": 1, "response": "B"}], {}, "No right answer is known"),
        ([{"id": 1, "gold": "A", "pred": "A"}, {"id": 1, "gold": "B", "pred": "A"}], {}, "stands for another question"),
        ([{"id": 1, "gold": "A", "pred": "A", "lang": "en"}], {"columns": {"lang": "gold"}}, "No language"),
        ([{"id": 1, "gold": "A", "pred": "A"}], {"score_by": "correct"}, "hold nothing to score by"),
        ([{"id": 1, "gold": "A", "pred": "A"}], {"where": {"id": "7"}}, "no row meets"),
        ([{"id": 1, "gold": "A", "pred": "A"}], {"missing": "zero"}, "not known"),
        ([{"id": 1, "gold": "A", "pred": "A"}], {"join": "row"}, "there is no key"),
    ],
)
def test_what_is_open_is_asked_for(tmp_path: Path, rows: list[object], told: dict[str, Any], said: str) -> None:
    with pytest.raises(AfyaError, match=said):
        imported(tmp_path, made.write_lines(tmp_path / "r.jsonl", rows), **told)
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_a_torn_last_line_and_a_failed_request_are_told(tmp_path: Path) -> None:
    rows = [{"id": 1, "gold": "A", "response": "A"}, {"id": 2, "gold": "B", "response": None, "error": "timeout"}]
    file = made.write_lines(tmp_path / "r.jsonl", rows)
    with file.open("a") as handle:
        handle.write('{"id": 3, "gold": "A", "resp')
    result = imported(tmp_path, file, published="100", count=4, columns={"reply": "response"})
    assert result.faults.counts["unreadable"] == 1
    assert "cut off" in result.faults.examples["unreadable"][0]
    assert (result.scorings[0].n, result.scorings[0].absent) == (1, 1)
    assert pl.read_parquet(result.folder / "replies.parquet")["error"].to_list() == [None, "timeout"]


def test_an_import_is_not_written_over_in_silence(tmp_path: Path) -> None:
    file = made.paper_list(tmp_path / "m.json")
    import_replies(Import(files=(file,)), tmp_path / "run")
    with pytest.raises(AfyaError, match="holds another run"):
        import_replies(Import(files=(file,), name="other"), tmp_path / "run")
    import_replies(Import(files=(file,), name="other"), tmp_path / "run", replace=True)


@pytest.mark.parametrize(
    ("told", "right", "n", "off"),
    [
        ("71.3", 713, 1000, 0),
        ("71.3", 712, 1000, -1),
        ("0.6", 2, 3, 1),
        ("66.7", 2, 3, 0),
        ("2/3", 3, 3, 1),
        ("71%", 714, 1000, 0),
    ],
)
def test_figures_are_compared_within_their_rounding(told: str, right: int, n: int, off: int) -> None:
    from afya.bench.imports.published import compare
    from afya.bench.scoring.verdicts import Scoring

    (found,) = compare([figure_of(told)], [Scoring("m", "en", "mcq", "ours", True, n, right, 0, 0, ())])
    assert (found.equal, found.items) == (off == 0, off)


def test_no_accuracy_is_refused() -> None:
    with pytest.raises(ConfigError, match="no accuracy"):
        figure_of("m=good")

"""Places of models in a language and over all, and no place where the data give none."""

import numpy as np
import polars as pl
from answer_tables import answers, outcomes

from afya.bench.analysis.ranks import rank_models
from afya.bench.analysis.summary import ALL


def _field(groups: int, langs: tuple[str, ...] = ("en", "sw")) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    shares = {"low": 0.2, "twin": 0.6, "other twin": 0.6, "top": 0.9}
    return pl.concat(
        answers(name, {lang: (rng.random(groups) < share).tolist() for lang in langs}) for name, share in shares.items()
    )


def test_models_apart_have_places_and_twins_share_theirs() -> None:
    table = rank_models(_field(400), replicates=500)
    for lang in ("en", "sw", ALL):
        ranks = dict(table.filter(pl.col("lang") == lang).select("label", "rank").rows())
        assert ranks == {"low": "4", "twin": "2-3", "other twin": "2-3", "top": "1"}
    assert set(table["models"]) == {4}


def test_few_groups_give_no_rank() -> None:
    rng = np.random.default_rng(3)
    scores = pl.concat(answers(name, {"yo": (rng.random(12) < 0.5).tolist()}) for name in "abcde")
    table = rank_models(scores, replicates=300)
    assert set(table["rank"]) == {"–"}
    assert table["observed"].max() is not None


def test_over_all_languages_each_counts_once_and_all_must_be_answered() -> None:
    table = rank_models(pl.concat([_field(300), answers("english only", {"en": [True] * 300})]), replicates=300)
    overall = table.filter(pl.col("lang") == ALL)
    partial = overall.row(by_predicate=pl.col("label") == "english only", named=True)
    assert (partial["score"], partial["observed"], partial["rank"], partial["models"]) == (None, None, "–", 4)
    english = table.filter((pl.col("lang") == "en") & (pl.col("label") == "english only"))
    assert english["rank"].item() == "1"
    top = overall.row(by_predicate=pl.col("label") == "top", named=True)
    by_lang = table.filter((pl.col("label") == "top") & (pl.col("lang") != ALL))["score"]
    assert abs(top["score"] - float(np.mean(by_lang.to_numpy()))) < 1e-12


def test_errors_alone_are_ranked_nowhere() -> None:
    assert rank_models(outcomes("m", {"en": ["error", "error"]}), replicates=10).is_empty()


def test_a_model_that_answered_other_questions_has_no_place() -> None:
    few = outcomes("few", {"en": ["correct"] * 16 + ["error"] * 44, "yo": ["correct"] * 60})
    rest = [
        outcomes("good", {lang: ["correct"] * 50 + ["wrong"] * 10 for lang in ("en", "yo")}),
        outcomes("weak", {lang: ["correct"] * 10 + ["wrong"] * 50 for lang in ("en", "yo")}),
    ]
    ranks = rank_models(pl.concat([few, *rest]), replicates=500)
    english = {row["label"]: row for row in ranks.filter(pl.col("lang") == "en").iter_rows(named=True)}
    assert (english["few"]["observed"], english["few"]["score"], english["few"]["rank"]) == (None, None, "–")
    assert (english["good"]["rank"], english["good"]["models"]) == ("1", 2)
    assert ranks.filter(pl.col("label") == "few", pl.col("lang") == "yo")["observed"].item() == 1
    assert ranks.filter(pl.col("label") == "few", pl.col("lang") == "all")["observed"].item() is None

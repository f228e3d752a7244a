"""All tables of a report over a whole leaderboard: 56 models, 12 languages, 2,000 items, beside cell after cell.

The other way takes one row of each table after another: it picks the rows of a model and language and hands them to the
function for one cell, the bootstrap included. It is timed on one model of the 56 and scaled up; that both come to the
same figures is checked on that model. Scores are made up here, with the columns and the order of a run folder.

The same tables are then made over written replies, of which no two are the same.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from afya.bench.analysis.analyse import Analysis, analyse
from afya.bench.asking.replies import replies_schema
from afya.bench.scoring.score import scores_schema
from afya.languages import core_codes
from afya.runs import sink_frame
from afya.statistics import (
    accuracy_interval,
    calibration,
    cluster_bootstrap,
    gini,
    paired_bootstrap,
    paired_difference,
    percentile_interval,
    raised_interval,
    ratio_of_means,
    softmax,
    transfer,
)
from afya.statistics.disparity import gap_to, mean_score, worst_score, worst_to_best
from afya.text.identify import small_words

MODELS, ITEMS, OPTIONS = 56, 2000, 4
AIM_S, AIM_WRITTEN_S, AIM_GIB = 60.0, 180.0, 2.0
SENTENCES, WORDS = 500, 15
SEED = 7


def make_run(folder: Path, models: int = MODELS, items: int = ITEMS, *, written: bool = False) -> Path:
    """A run folder with scores.parquet and replies.parquet, each model in each of the languages.

    Options are scored, or (`written`) replies of some 250 characters are given, one in ten of them in English.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    langs = core_codes()
    sentences = _sentences(rng) if written else {}
    ease = rng.random(items)
    groups = [f"made:{number:05d}" for number in range(items)]
    frames = []
    for model in range(models):
        skill = rng.uniform(0.3, 0.9)
        for place, lang in enumerate(langs):
            logits = rng.normal(size=(items, OPTIONS))
            logits[:, 0] += 3 * (skill + ease - 0.7 - 0.02 * place)
            logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            rows = _rows(f"model {model:02d}", lang, groups, logs)
            frames.append(_in_words(rows, lang, rng, sentences) if written else rows)
    both = pl.concat(frames)
    both.select(list(scores_schema())).write_parquet(folder / "scores.parquet")
    sink_frame(folder / "replies.parquet", both.lazy().select([n for n in replies_schema() if n in both.columns]))
    return folder


def _sentences(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """(sentences,) made of the small words of each language, or of its signs where it has no words."""
    found = {}
    for lang in core_codes():
        listed = [word.strip("*") for word in small_words().get(lang, ())] or list(_SIGNS[lang])
        drawn = rng.choice(np.array(listed, dtype=object), size=(SENTENCES, WORDS))
        found[lang] = np.array([" ".join(row) for row in drawn], dtype=object)
    return found


_SIGNS = {
    "zh": "这个病人应该马上去医院因为体温很高",
    "ja": "この子どもは熱が高いのですぐに病院へ",
    "ko": "이환자는열이높아서바로병원에가야합니다",
}


def _in_words(
    rows: pl.DataFrame, lang: str, rng: np.random.Generator, sentences: dict[str, np.ndarray]
) -> pl.DataFrame:
    foreign = rng.random(rows.height) < 0.1
    said = [
        ". ".join(sentences["en" if away else lang][picked]) + f" ({number:x}) B."
        for away, picked, number in zip(
            foreign, rng.integers(0, SENTENCES, (rows.height, 3)), rng.integers(0, 2**48, rows.height), strict=True
        )
    ]
    return rows.with_columns(
        pl.Series("text", said),
        pl.lit("generate").alias("setting"),
        pl.lit(None, pl.List(pl.Float64())).alias("option_logprobs"),
    )


def _rows(model: str, lang: str, groups: list[str], logs: np.ndarray) -> pl.DataFrame:
    chosen = logs.argmax(axis=1)
    rows = len(groups)
    plain = {"model": model, "setting": "letter", "lang": lang, "task": "mcq", "kind": "choice", "split": "test"}
    columns: dict[str, object] = {
        "item_id": [f"{group}:{lang}" for group in groups],
        "group_id": groups,
        "outcome": np.where(chosen == 0, "correct", "wrong").tolist(),
        "chosen": chosen[:, None].tolist(),
        "option_logprobs": logs.tolist(),
        "answer": [[0]] * rows,
        "order": [list(range(OPTIONS))] * rows,
        "prompt_tokens": [150] * rows,
    }
    schema = {**scores_schema(), **replies_schema()}
    frame = pl.DataFrame(columns, schema_overrides={name: schema[name] for name in columns})
    constants = {**plain, "source": "made", "rotation": 0, "n_options": OPTIONS, "finish_reason": "stop"}
    constants |= {"completion_tokens": 0, "cost_usd": 0.0001}
    empty = [pl.lit(None, schema[name]).alias(name) for name in ("text", "error", "detail", "prompt_sha", "key")]
    return frame.with_columns(*(pl.lit(value, schema[name]).alias(name) for name, value in constants.items()), *empty)


def cell_by_cell(scores: pl.DataFrame, replies: pl.DataFrame, label: str) -> dict[tuple[str, str], float]:
    """The tables' rows of one model, each from its own rows: figures by table and language."""
    found: dict[tuple[str, str], float] = {}

    def rows_of(lang: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        own = pl.col("model") == label
        wanted = own if lang == "all" else own & (pl.col("lang") == lang)
        return scores.filter(wanted).sort("item_id"), replies.filter(wanted).sort("item_id")

    def right(frame: pl.DataFrame) -> np.ndarray:
        return (frame["outcome"] == "correct").to_numpy().astype(np.float64)

    english = rows_of("en")[0]
    base = right(english)
    columns = []
    for lang in (*core_codes(), "all"):
        own, said = rows_of(lang)
        hits, groups = right(own), own["group_id"].to_numpy()
        found["summary", lang] = accuracy_interval(hits, groups).low
        logs = np.array(said["option_logprobs"].to_list())
        sure = softmax(logs).max(axis=1)
        found["calibration", lang] = calibration(sure, hits, groups).ece
        if lang in ("en", "all"):
            if lang == "en":
                columns.append(hits)
            continue
        columns.append(hits)
        found["gaps", lang] = paired_difference(base, hits, groups).low
        found["bootstrap", lang] = paired_bootstrap(base, hits, groups, replicates=5000).low
        found["transfer", lang] = transfer(base, hits, groups).loss.low
        found["relative", lang] = ratio_of_means(hits, base, groups).low
    table = np.stack(columns, axis=1)
    draws = cluster_bootstrap(table, english["group_id"].to_numpy(), 5000)
    found["disparity.mean", "all"] = float(percentile_interval(mean_score(draws)[:, None])[0, 0])
    shares = table.mean(axis=0)
    alike = np.clip(draws - shares + shares.mean(), 0, 1)
    found["disparity.gini", "all"] = raised_interval(float(gini(shares)), gini(draws), gini(alike))[0]
    apart = [1 - worst_to_best(scores) for scores in (shares, draws, alike)]
    found["disparity.ratio", "all"] = 1 - raised_interval(float(apart[0]), apart[1], apart[2])[1]
    worst = -raised_interval(-float(shares.min()), -worst_score(draws), None)[1]
    lowest = accuracy_interval(table[:, shares.argmin()], english["group_id"].to_numpy())
    found["disparity.worst", "all"] = min(worst, lowest.low)
    found["disparity.gap", "all"] = float(percentile_interval(gap_to(draws, 0)[:, None])[0, 0])
    return found


_COLUMNS = {
    "summary": ("summary", "low"),
    "calibration": ("calibration", "ece"),
    "gaps": ("gaps", "low"),
    "bootstrap": ("gaps", "low_bootstrap"),
    "transfer": ("transfer", "loss_low"),
    "relative": ("relative", "times_low"),
    "disparity.mean": ("disparity", "mean_low"),
    "disparity.worst": ("disparity", "worst_low"),
    "disparity.ratio": ("disparity", "worst_to_best_low"),
    "disparity.gini": ("disparity", "gini_low"),
    "disparity.gap": ("disparity", "gap_low"),
}


def check(analysis: Analysis, figures: dict[tuple[str, str], float], label: str) -> int:
    """Compare figures with the tables'; returns how many there were. Exits where one differs."""
    for (name, lang), value in figures.items():
        table, column = _COLUMNS[name]
        frame: pl.DataFrame = getattr(analysis, table).filter(pl.col("label") == label)
        row = frame if table == "disparity" else frame.filter(pl.col("lang") == lang)
        if not np.isclose(row[column].item(), value, rtol=0, atol=1e-9):
            raise SystemExit(f"{name}, {lang}: {row[column].item()} in the table, {value} alone.")
    return len(figures)


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def _over_words(run: Path) -> tuple[float, float, str]:
    """Seconds, peak memory in GiB, and what the tables say of the texts that were looked at."""
    seconds, analysis = _timed(lambda: analyse([run]))
    assert isinstance(analysis, Analysis)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, " ".join(analysis.notes)


def main(models: int = MODELS, items: int = ITEMS) -> None:
    """Print the table."""
    with TemporaryDirectory() as place:
        run = make_run(Path(place) / "run", models, items)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours, analysis = _timed(lambda: analyse([run]))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        assert isinstance(analysis, Analysis)
        scores = pl.read_parquet(run / "scores.parquet")
        replies = pl.read_parquet(run / "replies.parquet", columns=["model", "lang", "item_id", "option_logprobs"])
        label = scores["model"][0]
        one, figures = _timed(lambda: cell_by_cell(scores, replies, label))
        assert isinstance(figures, dict)
        checked = check(analysis, figures, label)
        # In a process of its own, whose peak of memory is that of these tables.
        in_words = make_run(Path(place) / "written", models, items, written=True)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            seconds, peak, told = pool.submit(_over_words, in_words).result()
    title = f"All tables of a report: {models} models x {len(core_codes())} languages x {items:,} items"
    table = Table(title=title, title_justify="left")
    for name in ("", "s", "aim", "peak memory, GiB", "aim"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("afya", f"{ours:.1f}", f"{AIM_S:.0f}", f"{most:.2f}", f"{AIM_GIB:.0f}")
    table.add_row("afya, written replies", f"{seconds:.1f}", f"{AIM_WRITTEN_S:.0f}", f"{peak:.2f}", f"{AIM_GIB:.0f}")
    table.add_row(f"cell by cell ({models} times one model)", f"{one * models:.0f}", "", "", "")
    console = Console()
    console.print(table)
    console.print(
        f"{one * models / ours:.0f} times as fast; {checked} figures of one model are the same both ways. The peak "
        f"of the first holds the making of the data ({before / 2**20:.2f} GiB). {told}",
        markup=False,
    )


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))

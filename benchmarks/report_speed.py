"""All tables of a report over a whole leaderboard: 56 models, 12 languages, 2,000 items, beside cell after cell.

The other way takes one row of each table after another: it picks the rows of a model and language and hands them to the
function for one cell, the bootstrap included. It is timed on one model of the 56 and scaled up; that both come to the
same figures is checked on that model. Scores are made up here, with the columns and the order of a run folder.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
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
from afya.statistics import (
    accuracy_interval,
    calibration,
    cluster_bootstrap,
    gini,
    paired_bootstrap,
    paired_difference,
    percentile_interval,
    ratio_of_means,
    softmax,
    transfer,
)
from afya.statistics.disparity import gap_to, mean_score, worst_score, worst_to_best

MODELS, ITEMS, OPTIONS = 56, 2000, 4
AIM_S, AIM_GIB = 60.0, 2.0
SEED = 7


def make_run(folder: Path, models: int = MODELS, items: int = ITEMS) -> Path:
    """A run folder with scores.parquet and replies.parquet: options scored, each model in each of the languages."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    langs = core_codes()
    ease = rng.random(items)
    groups = [f"made:{number:05d}" for number in range(items)]
    frames = []
    for model in range(models):
        skill = rng.uniform(0.3, 0.9)
        for place, lang in enumerate(langs):
            logits = rng.normal(size=(items, OPTIONS))
            logits[:, 0] += 3 * (skill + ease - 0.7 - 0.02 * place)
            logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            frames.append(_rows(f"model {model:02d}", lang, groups, logs))
    both = pl.concat(frames)
    both.select(list(scores_schema())).write_parquet(folder / "scores.parquet")
    both.select([name for name in replies_schema() if name in both.columns]).write_parquet(folder / "replies.parquet")
    return folder


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
    for name, measure in (("mean", mean_score), ("worst", worst_score), ("ratio", worst_to_best), ("gini", gini)):
        found[f"disparity.{name}", "all"] = float(percentile_interval(measure(draws)[:, None])[0, 0])
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
    title = f"All tables of a report: {models} models x {len(core_codes())} languages x {items:,} items"
    table = Table(title=title, title_justify="left")
    for name in ("", "s", "aim", "peak memory, GiB", "aim"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("afya", f"{ours:.1f}", f"{AIM_S:.0f}", f"{most:.2f}", f"{AIM_GIB:.0f}")
    table.add_row(f"cell by cell ({models} times one model)", f"{one * models:.0f}", "", "", "")
    console = Console()
    console.print(table)
    console.print(
        f"{one * models / ours:.0f} times as fast; {checked} figures of one model are the same both ways. The peak "
        f"holds the making of the data ({before / 2**20:.2f} GiB).",
        markup=False,
    )


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))

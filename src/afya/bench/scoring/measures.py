"""What an open reply is measured by, beside being judged: overlap with its reference, or a function of the user's own.

Each measure is of one reply and between 0 and 1, but for the ratio of lengths. Overlap counts shared words and letters;
it neither knows a dose from a wrong dose nor a right answer in other words from a wrong one. For translations chrF++ is
the one to look at; BLEU is a measure of whole corpora and is computed by `afya translate score`, not here.

References: Lin 2004 (ROUGE-L); Popovic 2015 (chrF), 2017 (chrF++); see longform.py and docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.reading.extract_fold import spoken
from afya.bench.user_code import load_function, told
from afya.errors import ConfigError, RunError, require

if TYPE_CHECKING:
    import polars as pl

STAGE = "measures"

Scorer = Callable[[str, dict[str, Any]], Mapping[str, float]]
"""A function of the user's own: the reply, and the item's fields (`extra` read); gives measures by name."""


def chrf_pp(reference: str, reply: str) -> float:
    """chrF++ of one reply (chrF2 with words and pairs of words), 0 to 1.

    Raises MissingDependencyError where sacrebleu is not installed.
    """
    require("sacrebleu", "data", "chrF++")
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF(word_order=2).sentence_score(reply, [reference]).score) / 100


def length_ratio(reference: str, reply: str) -> float:
    """The reply's characters over the reference's: far below 1 something is missing, far above it was made up."""
    return len(reply) / len(reference)


def _rouge_l(reference: str, reply: str, lang: str) -> float:
    from afya.bench.scoring.longform import rouge_l

    return rouge_l(reference, reply, lang)


def _chrf(reference: str, reply: str, lang: str) -> float:
    from afya.bench.scoring.longform import chrf

    return chrf(reference, reply)


MEASURES: dict[str, Callable[[str, str, str], float]] = {
    "rouge_l": _rouge_l,
    "chrf": _chrf,
    "chrf_pp": lambda reference, reply, lang: chrf_pp(reference, reply),
    "length_ratio": lambda reference, reply, lang: length_ratio(reference, reply),
}
"""By name: a function of reference, reply and the language that both are in."""


@cache
def measures_schema() -> dict[str, pl.DataType]:
    """Columns of measures.parquet: one row for each reply and measure. `value` is null where the reply is an error."""
    import polars as pl

    text = pl.String()
    names = ("model", "setting", "item_id", "group_id", "lang", "task", "kind", "measure")
    return {**dict.fromkeys(names, text), "value": pl.Float64()}


def check_scorer(ref: str) -> None:
    """Raise ConfigError unless 'file.py:function' is there and can be loaded."""
    load_function(ref)


def measure_part(
    prompts: pl.DataFrame,
    replies: pl.DataFrame,
    task_measures: Mapping[str, Sequence[str]],
    scorers: Mapping[str, str],
    *,
    items: Path | None = None,
) -> pl.DataFrame:
    """The measures of one reply part: rows of measures.parquet, in the order of the replies.

    Args:
        prompts, replies: a prompt part and the reply part that answers it, row by row. Where replies were carried back
            to the item's language, `text` is what was carried back.
        task_measures: names of measures by task (the prompts' `task`); a task that is not there has none.
        scorers: "file.py:function" by task.
        items: items.parquet of the run, which a scorer's items are read from.

    A thinking block is set aside before anything is measured. A reply without a reference has no built-in measures; an
    empty one shares nothing with its reference and has 0.

    Raises:
        RunError: the parts do not hold the same items in the same order. ConfigError: a scorer fails or gives no
        numbers; the item is named.
    """
    import polars as pl

    if prompts["item_id"].to_list() != replies["item_id"].to_list():
        raise RunError(
            "A reply part does not answer its prompt part.", hint="Remove the run's parts folder and run it again."
        )
    functions = {task: load_function(ref) for task, ref in scorers.items() if task in set(prompts["task"])}
    of_scorers = prompts.filter(pl.col("task").is_in(list(functions)))["item_id"]
    fields = _fields(of_scorers, items) if functions else {}
    rows: list[tuple[object, ...]] = []
    columns = prompts.select("group_id", "lang", "task", "kind", "prompt_lang", "reference").iter_rows()
    answers = replies.select("model", "setting", "item_id", "text", "error").iter_rows()
    # A scorer's names are known from its first good reply; those of errors before it are filled in at the end.
    names: dict[str, dict[str, None]] = {task: {} for task in functions}
    failed: dict[str, list[tuple[object, ...]]] = {task: [] for task in functions}
    for (group_id, lang, task, kind, prompt_lang, reference), (model, setting, item_id, text, error) in zip(
        columns, answers, strict=True
    ):
        about = (model, setting, item_id, group_id, lang, task, kind)
        said = None if error is not None or text is None else spoken(text).text.strip()
        read_in = prompt_lang if kind == "translation" else lang
        if reference is not None:
            for name in task_measures.get(task, ()):
                value = None if said is None else MEASURES[name](reference, said, read_in)
                rows.append((*about, name, value))
        if task in functions:
            if said is None:
                failed[task].append(about)
                continue
            given = _own(functions[task], scorers[task], said, fields[item_id])
            names[task].update(dict.fromkeys(given))
            rows += [(*about, name, value) for name, value in given.items()]
    rows += [(*about, name, None) for task, lost in failed.items() for about in lost for name in names[task]]
    return pl.DataFrame(rows, schema=measures_schema(), orient="row")


def _fields(item_ids: pl.Series, items: Path | None) -> dict[str, dict[str, Any]]:
    """What a scorer is told of each item."""
    import json

    import polars as pl

    if items is None:
        raise RunError("A scorer of a task's own needs the run's items.parquet.", hint="Run the benchmark again.")
    frame = pl.scan_parquet(items).filter(pl.col("item_id").is_in(item_ids.unique().to_list())).collect()
    return {
        row["item_id"]: {**row, "extra": json.loads(row["extra"]) if row["extra"] else {}}
        for row in frame.iter_rows(named=True)
    }


def _own(function: Scorer, ref: str, reply: str, item: dict[str, Any]) -> dict[str, float]:
    path, _, name = ref.rpartition(":")
    where = f"{Path(path).name}:{name}, {item['item_id']}"
    try:
        given = function(reply, item)
    except Exception as error:
        raise ConfigError(
            f"{where}: the scorer failed ({told(error, Path(path))}).",
            hint="Correct it, then score the replies again: afya bench rescore RUN",
        ) from error
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"{where}: the scorer gave {type(given).__name__}.", hint='Give numbers by name: {"facts": 1}.'
        )
    found: dict[str, float] = {}
    for key, value in given.items():
        if key in MEASURES:
            raise ConfigError(f"{where}: '{key}' is the name of a measure of afya.", hint="Choose another name.")
        if not isinstance(value, int | float) or not isfinite(value):
            raise ConfigError(f"{where}: '{key}' is {value!r}; a finite number was expected.")
        found[str(key)] = float(value)
    return found

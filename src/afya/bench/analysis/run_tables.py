"""The tables of run folders, read together: verdicts, what models said, and measures of open replies.

A report calls each model by a label: the one given for its run, else its name, else, where two runs hold the same model
in the same setting, its name with the run folder's. Tables of older runs are read as well: their tasks are choices,
asked in one order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError, DataError
from afya.runs import read_json, sha256_path

if TYPE_CHECKING:
    import polars as pl

KEYS = ("label", "model", "setting", "task")
"""What names a measurement, beside its language."""

NON_ANSWERS = ("refused", "unparseable", "empty")
OUTCOMES = ("correct", "wrong", *NON_ANSWERS, "error")
"""Of kinds that are right or wrong. Replies to open tasks are 'answered' instead of the first two."""

CLOSED_KINDS = ("choice", "safety")

SCORES, REPLIES = "scores.parquet", "replies.parquet"
JUDGED, JUDGING = "judged.parquet", "judging.json"
MEASURES = ("measures.parquet", JUDGED)

_REQUIRED = ("model", "setting", "item_id", "group_id", "lang", "task", "outcome", "n_options")
_MEASURED = ("model", "setting", "item_id", "group_id", "lang", "task", "kind", "measure", "judge")
_REPLIED = (
    *("model", "setting", "item_id", "group_id", "lang", "task", "kind"),
    *("rotation", "outcome", "chosen"),
)
_MATCHED = ("model", "setting", "item_id", "rotation")
_SLICE = 50_000


def read_scores(runs: Sequence[Path], labels: Sequence[str] | None = None, *, rotations: bool = False) -> pl.DataFrame:
    """The scores of one or more run folders (or scores files) under one another, with `label` and `run` in front.

    `run` counts the runs from 0. Only what is right or wrong: kinds choice and safety, each item once, in its own order
    of options; `rotations` adds the further orders.

    Raises ConfigError for labels that do not fit the runs, DataError for a run without scores and for missing columns.
    """
    import polars as pl

    wanted = pl.col("kind").is_in(list(CLOSED_KINDS))
    return _read(runs, labels, wanted if rotations else wanted & (pl.col("rotation") == 0))


def read_orders(runs: Sequence[Path], labels: Sequence[str] | None = None) -> pl.DataFrame:
    """The scores of items that were asked in several orders of their options, every order a row; none where none was.

    Rows have `order`, the item's own index of each place shown, and `answer`, in the item's own order. As `read_scores`
    otherwise.
    """
    import polars as pl

    if not any(_has_orders(_scores_file(run)) for run in runs):
        return _read(runs, labels, pl.lit(False))
    return _read(runs, labels, (pl.col("kind") == "choice") & pl.col("order").is_not_null())


def _has_orders(path: Path) -> bool:
    import polars as pl

    columns = _columns(path)
    if not {"rotation", "order", "answer"} <= set(columns):
        return False
    return bool(pl.scan_parquet(path).select((pl.col("rotation") > 0).any()).collect().item())


def read_replied(runs: Sequence[Path], labels: Sequence[str] | None = None) -> pl.DataFrame:
    """The scores of every kind, each item in its own order of options, beside what was said to it.

    Columns: label, run, model, setting, item_id, group_id, lang, task, kind, rotation, outcome, chosen, and text_key,
    finish_reason, option_logprobs, prompt_tokens, completion_tokens, cost_usd, error. Runs without a file of replies (a
    scores file alone) are left out. Texts themselves would fill the memory: `text_key` stands for one (null: none), and
    `read_texts` gives those of some keys.

    Raises DataError where a score has no reply or an item two.
    """
    import polars as pl

    names = _labels(runs, labels)
    frames = []
    for index, run in enumerate(runs):
        replies = Path(run) / REPLIES
        if not replies.exists():
            continue
        own = _one(_scores_file(run), pl.col("rotation") == 0).select(list(_REPLIED))
        scores = _labelled(own, names[index], index)
        frames.append(_beside(scores, _replies(replies), str(replies)))
    return pl.concat(frames, how="diagonal_relaxed") if frames else _replied_schema()


def _replied_schema() -> pl.DataFrame:
    import polars as pl

    schema: dict[str, pl.DataType] = {"label": pl.String(), "run": pl.Int32(), **dict.fromkeys(_REPLIED, pl.String())}
    schema |= {"rotation": pl.Int16(), "chosen": pl.List(pl.Int16()), "text_key": pl.UInt64()}
    return pl.DataFrame(schema=schema | _said())


def _replies(path: Path) -> pl.DataFrame:
    import polars as pl

    columns = _columns(path)
    missing = [name for name in ("model", "setting", "item_id") if name not in columns]
    if missing:
        raise DataError(f"{path}: column(s) {', '.join(missing)} are missing.")
    absent = {**_said(), "rotation": pl.Int16(), "text": pl.String()}
    lazy = pl.scan_parquet(path).with_columns(
        pl.lit(0 if name == "rotation" else None, kind).alias(name)
        for name, kind in absent.items()
        if name not in columns
    )
    # A column without any value may have been written without a type.
    typed = [pl.col(name).cast(kind) for name, kind in {**_said(), "text": pl.String()}.items()]
    asked = lazy.select(*_MATCHED, *typed)
    parts = [
        part.filter(pl.col("rotation") == 0).select(*_MATCHED, _text_key(), *_said()) for part in _slices(path, asked)
    ]
    return pl.concat(parts) if parts else asked.head(0).select(*_MATCHED, _text_key(), *_said()).collect()


def read_texts(runs: Sequence[Path], keys: pl.Series) -> Iterator[tuple[int, str]]:
    """The texts of these keys (of `read_replied`), each once, with their key; one slice of a file at a time."""
    import polars as pl

    wanted = keys.unique()
    for run in runs:
        path = Path(run) / REPLIES
        if not path.exists() or "text" not in _columns(path):
            continue
        for part in _slices(path, pl.scan_parquet(path).select(pl.col("text").cast(pl.String))):
            held = part.with_columns(_text_key()).filter(pl.col("text_key").is_in(wanted.implode())).unique("text_key")
            yield from held.select("text_key", "text").iter_rows()
            wanted = wanted.filter(~wanted.is_in(held["text_key"].implode()))


def _text_key() -> pl.Expr:
    import polars as pl

    return pl.when(pl.col("text").is_not_null()).then(pl.col("text").hash()).alias("text_key")


def _slices(path: Path, rows: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows of a file in slices as large as its row groups, so that few of its texts are held at once."""
    import polars as pl

    total = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    for start in range(0, total, _SLICE):
        yield rows.slice(start, _SLICE).collect()


def _said() -> dict[str, pl.DataType]:
    """What a reply holds, beside what it answers."""
    import polars as pl

    texts = dict.fromkeys(("finish_reason", "error"), pl.String())
    numbers = {"prompt_tokens": pl.Int32(), "completion_tokens": pl.Int32(), "cost_usd": pl.Float64()}
    return {**texts, "option_logprobs": pl.List(pl.Float64()), **numbers}


def _beside(scores: pl.DataFrame, replies: pl.DataFrame, where: str) -> pl.DataFrame:
    """Scores and replies side by side: a run writes both in the same order; other files are matched by item."""
    import polars as pl

    keys = list(_MATCHED)
    if scores.height == replies.height and scores.select(keys).equals(replies.select(keys)):
        return pl.concat([scores, replies.drop(keys)], how="horizontal")
    double = replies.filter(pl.struct(keys).is_duplicated())
    if double.height:
        raise DataError(f"{where}: item '{double['item_id'][0]}' has two replies of '{double['model'][0]}'.")
    lone = scores.join(replies, on=keys, how="anti")
    if lone.height:
        raise DataError(
            f"{where}: {lone.height} score(s) have no reply, the first item '{lone['item_id'][0]}' of "
            f"'{lone['model'][0]}'.",
            hint="Score the run again: afya bench rescore.",
        )
    return scores.join(replies, on=keys, how="left", maintain_order="left")


def read_measures(runs: Sequence[Path], labels: Sequence[str] | None = None) -> pl.DataFrame:
    """What open replies are worth, by measures and by judges, where there are any: one row a reply and measure.

    Columns: label, run, model, setting, item_id, group_id, lang, task, kind, measure, judge (null for a measure that
    needs none), value (null where the reply is an error). Judges' scores of other replies than the run holds now are
    left out (`judged_before`).

    Raises as `read_scores` does.
    """
    import polars as pl

    schema = {"label": pl.String(), "run": pl.Int32(), **dict.fromkeys(_MEASURED, pl.String()), "value": pl.Float64()}
    frames = [pl.DataFrame(schema=schema)]
    names = _labels(runs, labels)
    for index, run in enumerate(runs):
        for path in (Path(run) / name for name in MEASURES):
            if not path.exists() or (path.name == JUDGED and judged_before(Path(run))):
                continue
            frame = _parquet(path)
            if "judge" not in frame.columns:
                frame = frame.with_columns(judge=pl.lit(None, pl.String))
            missing = [name for name in (*_MEASURED, "value") if name not in frame.columns]
            if missing:
                raise DataError(f"{path}: column(s) {', '.join(missing)} are missing.")
            frames.append(_labelled(frame, names[index], index).select(list(schema)).cast(schema))  # type: ignore[arg-type]
    return pl.concat(frames)


def judged_before(run: Path) -> bool:
    """Whether the judges of a run read other replies than it holds now, so that their scores are of those."""
    told, replies = run / JUDGING, run / REPLIES
    if not (run / JUDGED).exists() or not told.exists() or not replies.exists():
        return False
    digest = read_json(told).get("replies_sha256")
    return digest is not None and digest != sha256_path(replies)


# Labels ---------------------------------------------------------------------------------------------------------------


def _labels(runs: Sequence[Path], labels: Sequence[str] | None) -> list[dict[str, str]]:
    """What each run's models are called, by their names in it."""
    if not runs:
        raise DataError("No run folder was given.", hint="Name at least one folder that 'afya bench run' wrote.")
    if labels is not None and (len(labels) != len(runs) or len(set(labels)) < len(labels)):
        raise ConfigError(
            f"{len(runs)} runs need as many different labels; given: {', '.join(labels)}.",
            hint="Give each run one label of its own, in their order.",
        )
    asked = [_asked(_scores_file(run)) for run in runs]
    seen: dict[tuple[str, ...], int] = {}
    for keys in asked:
        for key in keys:
            seen[key] = seen.get(key, 0) + 1
    names = []
    for index, (run, keys) in enumerate(zip(runs, asked, strict=True)):
        models = list(dict.fromkeys(key[0] for key in keys))
        if labels is not None:
            alone = len(models) == 1
            names.append({model: labels[index] if alone else f"{labels[index]}: {model}" for model in models})
        else:
            shared = any(seen[key] > 1 for key in keys)
            names.append({model: f"{model} ({Path(run).name})" if shared else model for model in models})
    return names


def _asked(path: Path) -> list[tuple[str, ...]]:
    """The (model, setting, task) of a scores file."""
    import polars as pl

    columns = _columns(path)
    missing = [name for name in ("model", "setting", "task") if name not in columns]
    if missing:
        raise DataError(f"{path}: column(s) {', '.join(missing)} are missing.")
    return pl.scan_parquet(path).select("model", "setting", "task").unique(maintain_order=True).collect().rows()


def _labelled(frame: pl.DataFrame, names: dict[str, str], index: int) -> pl.DataFrame:
    import polars as pl

    label = pl.col("model").replace_strict(names, return_dtype=pl.String)
    return frame.select(label.alias("label"), pl.lit(index, pl.Int32).alias("run"), pl.exclude("label", "run"))


# Files ----------------------------------------------------------------------------------------------------------------


def _read(runs: Sequence[Path], labels: Sequence[str] | None, wanted: pl.Expr) -> pl.DataFrame:
    import polars as pl

    names = _labels(runs, labels)
    frames = [_labelled(_one(_scores_file(run), wanted), names[index], index) for index, run in enumerate(runs)]
    return pl.concat(frames, how="diagonal_relaxed")


def _scores_file(run: Path) -> Path:
    file = Path(run) / SCORES if Path(run).is_dir() else Path(run)
    if not file.exists():
        raise DataError(
            f"{file}: no such file.", hint="Finish the run first: start the same 'afya bench run' command again."
        )
    return file


def _one(path: Path, wanted: pl.Expr) -> pl.DataFrame:
    import polars as pl

    columns = _columns(path)
    places = pl.lit(None, pl.List(pl.Int16))
    absent = {"kind": pl.lit("choice"), "rotation": pl.lit(0, pl.Int16), "answer": places, "order": places}
    lazy = pl.scan_parquet(path).with_columns(
        value.alias(name) for name, value in absent.items() if name not in columns
    )
    try:
        frame = lazy.filter(wanted).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}).") from error
    return checked(frame, str(path))


def _parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}).") from error


def _columns(path: Path) -> list[str]:
    import polars as pl

    try:
        return list(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}).") from error


def checked(scores: pl.DataFrame, where: str = "The scores") -> pl.DataFrame:
    """The scores with a `label`, after a look at columns, outcomes, groups and doubles. Raises DataError."""
    import polars as pl

    missing = [name for name in _REQUIRED if name not in scores.columns]
    if missing:
        raise DataError(f"{where}: column(s) {', '.join(missing)} are missing.")
    if "label" not in scores.columns:
        scores = scores.select(pl.col("model").alias("label"), pl.all())
    odd = scores.filter(~pl.col("outcome").is_in([*OUTCOMES, "answered"]) | pl.col("outcome").is_null())
    if odd.height:
        raise DataError(
            f"{where}, item '{odd['item_id'][0]}': outcome '{odd['outcome'][0]}' is none of {', '.join(OUTCOMES)}."
        )
    lone = scores.filter(pl.col("group_id").is_null())
    if lone.height:
        raise DataError(f"{where}, item '{lone['item_id'][0]}': no group_id, so that its cluster is unknown.")
    named = [*KEYS, *(["rotation"] if "rotation" in scores.columns else [])]
    # Item by item only where a measurement has fewer items than rows: a look at all keys at once takes much memory.
    if scores.group_by(named).agg(one=pl.col("item_id").n_unique() < pl.len())["one"].any():
        double = scores.filter(pl.struct(*named, "item_id").is_duplicated())
        raise DataError(
            f"{where}: item '{double['item_id'][0]}' is scored twice for model '{double['model'][0]}' "
            f"in setting '{double['setting'][0]}'.",
            hint="Each item counts once; remove the double or give the runs labels.",
        )
    return scores

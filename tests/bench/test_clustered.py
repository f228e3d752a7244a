"""Many cells at once come to what each cell comes to alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.bench.analysis.clustered import ALL, cells, coded, moments_in
from afya.statistics import moments, partition

KEYS = ("label", "task")


def _rows(seed: int, rows: int, missing: float) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    value = [None if rng.random() < missing else float(number) for number in rng.normal(size=rows)]
    return pl.DataFrame(
        {
            "label": rng.choice(["b", "a"], rows),
            "task": rng.choice(["t", "s"], rows),
            "lang": rng.choice(["yo", "en", "xx"], rows),
            "group_id": [f"g{number}" for number in rng.integers(0, 7, rows)],
            "value": pl.Series(value, dtype=pl.Float64),
            "flag": rng.random(rows) < 0.5,
        }
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.sampled_from([0.0, 0.3, 1.0]))
def test_every_cell_has_the_moments_of_its_rows_alone(seed: int, rows: int, missing: float) -> None:
    frame = _rows(seed, rows, missing)
    data = coded(frame, KEYS, ["value", "flag"])
    named = cells(data, ["value", "flag"]).join(data.names, on="view").with_columns(pl.col("lang").cast(pl.String))
    seen = 0
    for row in named.iter_rows(named=True):
        own = frame.filter(pl.col("label") == row["label"], pl.col("task") == row["task"])
        own = own if row["lang"] == ALL else own.filter(pl.col("lang") == row["lang"])
        for name in ("value", "flag"):
            held = own.drop_nulls(name)
            found = moments_in(row, name)
            if not held.height:
                assert found is None
                continue
            alone = moments(held[name].cast(pl.Float64).to_numpy(), partition(held["group_id"].to_numpy()))
            assert found is not None
            assert (found.rows, found.clusters, found.squared_sizes) == (
                alone.rows,
                alone.clusters,
                alone.squared_sizes,
            )
            assert found.mean == pytest.approx(alone.mean, abs=1e-12)
            assert (found.variance is None) == (alone.variance is None)
            if alone.variance is not None:
                assert found.variance == pytest.approx(alone.variance, rel=1e-9, abs=1e-15)
        seen += 1
    views = frame.select(KEYS).unique().height
    assert seen == frame.select(*KEYS, "lang").unique().height + views


def test_labels_stand_as_they_came_and_languages_in_the_registrys_order() -> None:
    frame = pl.DataFrame(
        {"label": ["z", "z", "a", "z"], "task": ["t"] * 4, "lang": ["zu", "en", "yo", "xx"], "group_id": ["g"] * 4}
    ).with_columns(value=1)
    data = coded(frame, KEYS, ["value"])
    table = data.decoded(cells(data, ["value"]))
    assert table.select("label", "lang").rows() == [
        ("z", "en"), ("z", "zu"), ("z", "xx"), ("z", ALL), ("a", "yo"), ("a", ALL),
    ]  # fmt: skip


def test_products_are_those_of_the_clusters_deviations() -> None:
    frame = _rows(3, 50, 0.0)
    data = coded(frame, KEYS, ["value", "flag"])
    row = cells(data, ["value", "flag"], [("value", "flag")]).filter(pl.col("lang") == ALL).row(0, named=True)
    name = data.names.filter(pl.col("view") == row["view"]).row(0, named=True)
    own = frame.filter(pl.col("label") == name["label"], pl.col("task") == name["task"])
    clustered = partition(own["group_id"].to_numpy())
    sides = [own[column].cast(pl.Float64).to_numpy() for column in ("value", "flag")]
    one, other = (clustered.sums(side - side.mean()) for side in sides)
    assert row["value*flag"] == pytest.approx(float((one * other).sum()))

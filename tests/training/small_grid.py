"""A small grid over a small recipe, for the tests of grids."""

from __future__ import annotations

from pathlib import Path

BASE = """
name: small
langs: en,sw
threads: 1
model: {pocket: {vocabulary: 700, hidden: 32, layers: 2, heads: 2, feed_forward: 64, context: 512}}
stages:
  - name: stage1
    data: [{source: sample}, {source: vignettes, count: 9, seed: 2, form: rationale}]
    form: instruction
    length: {steps: 4}
    pack_tokens: 512
    learning_rate: 0.01
  - name: stage2
    data: [{source: vignettes, count: 20, seed: 1}]
    form: cloze
    length: {tokens: 6000}
    pack_tokens: 512
    learning_rate: 0.01
"""
GRID = """
name: small-grid
recipe: base.yaml
seeds: [3, 4]
variants:
  both: {}
  one: {stages: [{name: stage2, length: {tokens: 9000}}]}
  turned: {stages: [{name: stage2}, {name: stage1}]}
  drawn: {all_stages: {mixture: {temperature: 1.0}}}
  quick: [stages.stage2.learning_rate=0.02, precision=bf16]
compare: {drawn: turned}
measure: {data: [{name: cases, source: vignettes, count: 10, setting: cloze}]}
"""


def written(folder: Path, grid: str = GRID) -> Path:
    """The grid's file, its base recipe beside it."""
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    path = folder / "grid.yaml"
    path.write_text(grid, encoding="utf-8")
    return path

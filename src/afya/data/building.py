"""Dataset folders of what afya makes itself: the built-in sample and vignettes from the clinical protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from afya.data.sample import sample_items
from afya.errors import ConfigError
from afya.folders import DatasetWriter
from afya.items import Item, Split
from afya.languages import core_codes, language
from afya.protocols.vignettes import different
from afya.runs import Ledger, Rejection

VIGNETTES = "vignettes"

Progress = Callable[[int], None]
"""Called with the items written so far."""

_SAMPLE_CARD = """
# afya's built-in sample

40 groups on community health (24 multiple-choice, 8 inference, 8 long-form), written for this project, parallel in
{count} languages: {names}. Each group's right answer and the source of its fact stand once, for all languages.

**Read before use.** The English texts were written for the project; all other texts were made by machine from them
(`origin: machine`). **No clinician and no native speaker has reviewed any of them** (`reviewed: false` in `extra`).
That holds most of all for the low-resource languages {low}. They serve to try the system and to train a pocket model,
not to advise anybody. Of {groups} groups, {cited} cite a passage that was looked up; the others name the document.

Licence: Apache-2.0.
"""

_VIGNETTE_CARD = """
# Vignettes from afya's clinical protocols

Practice cases of children of 2 to 59 months, drawn from the decision tables in `afya/protocols` with seed {seed} and
told in {count} languages: {names}. The answers are exact: each was computed from the table, and its row, source and
page stand in `extra`. A case is in train, dev or test by a hash of its facts, so no case of one split ever comes in
another, whatever the seed.

**Read before use.** The tables follow WHO documents but **no clinician has signed them** (`reviewed: false`), and the
sentences in languages other than English were made by machine and reviewed by no native speaker.

No two cases read the same: a case that was drawn again in the same words is left out and named in `ledger.parquet`.

Licence: Apache-2.0. Origin: synthetic.
"""


def write_sample(out: Path, langs: Sequence[str] | None = None) -> dict[str, Any]:
    """Write the built-in sample as a dataset folder; returns its manifest.

    Raises:
        ConfigError: a language has no texts. RunError: `out` holds something else.
    """
    chosen = tuple(langs) if langs is not None else core_codes()
    items = list(sample_items(chosen))
    cited = {item.group_id for item in items if item.extra_value("fact_page")}
    low = ", ".join(language(code).name for code in chosen if language(code).tier == "low") or "(none)"
    card = _SAMPLE_CARD.format(
        count=len(chosen),
        names=_names(chosen),
        low=low,
        groups=len({item.group_id for item in items}),
        cited=len(cited),
    )
    return _write(out, {"command": "data sample", "langs": list(chosen)}, items, "sample", card)


def write_vignettes(
    out: Path,
    groups: dict[Split, int],
    *,
    langs: Sequence[str] | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Write vignettes as a dataset folder, so many groups in each split; returns its manifest.

    A case that reads the same as one before it, in any of the languages, is rejected as `repeated_case`, and another is
    drawn in its place: two such groups would be counted as independent. Numbers of cases stay those of the drawing.

    Raises:
        ConfigError: a language has no pack, nothing was asked for, or there are not so many different cases.
        RunError: `out` holds something else.
    """
    chosen = tuple(langs) if langs is not None else core_codes()
    if not any(groups.values()):
        raise ConfigError("No vignettes were asked for.", hint="Give a number of groups above 0.")
    repeated: list[Rejection] = []
    seen: set[bytes] = set()
    items = (
        item
        for split, count in groups.items()
        if count
        for item in different(chosen, count, seed, split, VIGNETTES, repeated, seen)
    )
    recipe = {"command": "data vignettes", "langs": list(chosen), "groups": dict(groups), "seed": seed}
    card = _VIGNETTE_CARD.format(seed=seed, count=len(chosen), names=_names(chosen))
    return _write(out, recipe, items, VIGNETTES, card, on_progress, repeated)


def _write(
    out: Path,
    recipe: dict[str, Any],
    items: Iterable[Item],
    stage: str,
    card: str,
    on_progress: Progress | None = None,
    rejections: Sequence[Rejection] = (),
) -> dict[str, Any]:
    """Write a dataset; `rejections` may grow while the items are taken."""
    writer = DatasetWriter(out, recipe)
    written = 0
    for item in items:
        writer.add(item)
        written += 1
        if on_progress is not None and written % 500 == 0:
            on_progress(written)
    ledger = Ledger()
    ledger.add(stage, written + len(rejections), written, rejections)
    return writer.finish(ledger, card.lstrip())


def _names(codes: Sequence[str]) -> str:
    return ", ".join(f"{language(code).name} ({code})" for code in codes)

"""From a dataset to the people who review it, and back: edits replace texts, with provenance, and enter the memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from afya.errors import DataError
from afya.folders import REVIEW, DatasetWriter, read_dataset
from afya.items import Check, Item, from_row, to_frame
from afya.runs import Ledger, Rejection, canonical, read_json, sha256_text
from afya.translation.base import EngineIdentity
from afya.translation.memory import Added, Entry, Memory
from afya.translation.review import SCALES, Counts, Queue, ReviewRow, Settled
from afya.translation.slots import rebuild, slots

STAGE = "review"
CHECK = "human_review"


@dataclass(frozen=True)
class Applied:
    """What a review changed: items with all their texts settled, items edited, rejected ones, and those that wait."""

    manifest: Mapping[str, Any]
    ledger: Ledger
    settled: int
    edited: int
    rejected: int
    waiting: int
    remembered: int


def fill_queue(folder: Path, queue: Queue) -> Counts:
    """Put the texts that a build listed for review into the queue.

    Raises DataError when the dataset has no list, or one with other columns.
    """
    import polars as pl

    path = folder / REVIEW
    if not path.exists():
        raise DataError(
            f"{folder}: no {REVIEW}, so nothing was marked for review.",
            hint="Build it with 'verify: {on_fail: review}' or 'review: {sample: N}' in the recipe.",
        )
    names = list(ReviewRow.__dataclass_fields__)
    counts = Counts()
    try:
        frame = pl.scan_parquet(path).select(names)
        for some in frame.collect_batches(chunk_size=5000):
            told = queue.add(ReviewRow(**row) for row in some.iter_rows(named=True))
            counts.added += told.added
            counts.present += told.present
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: not a list for review ({error}).") from None
    return counts


def apply_reviews(
    folder: Path, out: Path, queue: Queue, *, memory: Memory | None = None, settled_only: bool = False
) -> Applied:
    """Write the dataset in `folder` anew to `out`, with what its reviewers decided.

    Accepted texts replace those that the raters saw, and `extra` says under "human_review" who rated, how, and what was
    edited; `memory` takes them up. An item with a rejected text is rejected. An item of which texts still wait stays
    marked, or is left out with `settled_only`.

    Raises:
        DataError: a dataset is not whole, or its text is not the one that was reviewed.
        RunError: `out` already holds something.
    """
    manifest = read_json(folder / "manifest.json")
    found: dict[str, list[Settled]] = defaultdict(list)
    for entry in queue.rows():
        found[entry.row.item_id].append(entry)
    recipe = {"command": "data review apply", "dataset": manifest["fingerprint"], "settled_only": settled_only}
    writer = DatasetWriter(out, {**recipe, "decisions": _decisions(found)})
    rows = settled = edited = waiting = 0
    rejections: list[Rejection] = []
    accepted: list[Entry] = []
    for frame in read_dataset(folder):
        rows += frame.height
        changed: list[Item] = []
        for item in _rows(frame.iter_rows(named=True)):
            entries = found.get(item.item_id)
            if entries is None:
                changed.append(item)
                continue
            states = {entry.state for entry in entries}
            accepted += [_remembered(entry) for entry in entries if entry.state == "accepted"]
            if "rejected" in states:
                told = "; ".join(f"{entry.row.field}: {entry.why}" for entry in entries if entry.state == "rejected")
                rejections.append(Rejection(STAGE, item.item_id, "rejected_by_reviewers", told))
            elif settled_only and states != {"accepted"}:
                open_still = next(entry for entry in entries if entry.state != "accepted")
                told = f"{open_still.row.field}: {open_still.why}"
                rejections.append(Rejection(STAGE, item.item_id, "review_not_settled", told))
            else:
                settled += states == {"accepted"}
                waiting += states != {"accepted"}
                edited += any(entry.text != entry.row.translation for entry in entries)
                changed.append(_reviewed(item, entries) if "accepted" in states else item)
        if changed:
            writer.add_frame(to_frame(changed))
    ledger = Ledger.from_frame(_ledger(folder))
    ledger.add(STAGE, rows, rows - len(rejections), rejections)
    card = _card(folder, queue, settled, edited, len(rejections), waiting)
    written = writer.finish(ledger, card)
    taken = Added() if memory is None else memory.add_many(accepted)
    rejected = sum(entry.reason == "rejected_by_reviewers" for entry in rejections)
    return Applied(written, ledger, settled, edited, rejected, waiting, taken.new + taken.replaced)


def _rows(rows: Iterable[dict[str, Any]]) -> Iterator[Item]:
    for row in rows:
        yield from_row(row)


def _reviewed(item: Item, entries: Sequence[Settled]) -> Item:
    """The item with the accepted texts, and who accepted them; it stays marked while other texts of it wait."""
    whole = all(entry.state == "accepted" for entry in entries)
    entries = [entry for entry in entries if entry.state == "accepted"]
    texts = {slot.name: slot.text for slot in slots(item)}
    for entry in entries:
        if texts.get(entry.row.field) != entry.row.translation:
            raise DataError(
                f"{item.item_id}: its {entry.row.field} is not the text that was reviewed.",
                hint="Apply the review to the dataset it was made for.",
            )
        texts[entry.row.field] = entry.text
    made = rebuild(item, texts, item.lang, EngineIdentity(item.translator or "", "", ""))
    ratings = [rating for entry in entries for rating in entry.ratings]
    raters = sorted({rating.rater for rating in ratings})
    means = {name: round(sum(getattr(rating, name) for rating in ratings) / len(ratings), 2) for name in SCALES}
    edits = sorted(entry.row.field for entry in entries if entry.text != entry.row.translation)
    extra = json.loads(item.extra) if item.extra else {}
    if whole:
        extra.pop("review", None)
    extra["human_review"] = {"raters": raters, **means, "edited": edits}
    scores = ", ".join(f"{name} {mean:g}" for name, mean in means.items())
    verdict = Check(CHECK, whole, f"{len(raters)} raters: {scores}" + ("" if whole else "; not all texts are settled"))
    return replace(
        made,
        origin=item.origin,
        translator=item.translator,
        translated_from=item.translated_from,
        quality=item.quality,
        checks=(*(check for check in item.checks or () if check.name != CHECK), verdict),
        extra=canonical(extra),
    )


def _remembered(settled: Settled) -> Entry:
    """An accepted text for the memory: a person's where it was edited, else a machine's that people accepted."""
    row = settled.row
    return Entry(
        row.source_text,
        settled.text,
        row.source_lang,
        row.lang,
        "reviewed" if settled.text == row.translation else "human",
    )


def _decisions(found: Mapping[str, Sequence[Settled]]) -> str:
    """A hash of what was decided: another decision makes another dataset."""
    told = [[e.row.row_id, e.state, e.text] for entries in found.values() for e in entries]
    return sha256_text(canonical(sorted(told)))


def _ledger(folder: Path) -> Any:
    import polars as pl

    return pl.read_parquet(folder / "ledger.parquet")


def _card(folder: Path, queue: Queue, settled: int, edited: int, left_out: int, waiting: int) -> str:
    """The card of the dataset before, and what the review did."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    body = text.partition("---\n")[2].partition("---\n")[2] if text.startswith("---\n") else text
    lines = [
        body.strip(),
        "",
        "## Review by people",
        "",
        f"{settled:,} items were reviewed and accepted by {queue.raters} or more raters ({edited:,} of them edited); "
        f"{left_out:,} were left out, {waiting:,} still wait. Accuracy, fluency and completeness are rated 1 to 5; "
        "agreement is Krippendorff's alpha (ordinal) with a 95% interval.",
        "",
        "| language | scale | mean | 95% interval | ratings | alpha | 95% interval | texts |",
        "|---|---|---|---|---|---|---|---|",
    ]
    means, agreement = queue.means(), queue.agreement()
    for lang, scales in means.items():
        for scale, mean in scales.items():
            agreed = agreement.get(lang, {}).get(scale)
            alpha = "-" if agreed is None or agreed.alpha is None else f"{agreed.alpha:.2f}"
            held = agreed is not None and agreed.low is not None and agreed.high is not None
            interval = f"{agreed.low:.2f} to {agreed.high:.2f}" if held and agreed is not None else "-"
            texts = 0 if agreed is None else agreed.units
            lines.append(
                f"| {lang} | {scale} | {mean.value:.2f} | {mean.low:.2f} to {mean.high:.2f} | {mean.n} "
                f"| {alpha} | {interval} | {texts} |"
            )
    return "\n".join(lines)

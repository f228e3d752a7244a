"""Tokens a word, before and after pieces were added, on texts that the pieces were not learned from."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from afya.errors import ConfigError, DataError
from afya.statistics.ratio import ratio_of_means
from afya.text.words import words

HELD_OUT = 0.1
_LEAST_TEXTS = 20
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


@dataclass(frozen=True)
class Fertility:
    """Tokens a word of one spelling (NFC: composed, NFD: decomposed) over `texts` with `words` in all.

    `ratio`: after / before, with its 95% interval (Fieller, texts as clusters).
    """

    form: str
    before: float
    after: float
    ratio: float
    low: float
    high: float
    texts: int
    words: int


def read_texts(path: Path, lang: str) -> list[str]:
    """The language's distinct texts of a UTF-8 file (a line each) or a dataset folder, in their order.

    Of a dataset's items: training splits only, so that nothing a benchmark asks is learned.

    Raises DataError for a file that cannot be read, ConfigError when there is too little text.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        found = _dataset_texts(path, lang)
    else:
        try:
            found = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}: cannot be read as UTF-8 text ({error}).", hint="Give a text file, or a dataset folder."
            ) from error
    texts = list(dict.fromkeys(stripped for text in found if (stripped := text.strip())))
    if len(texts) < 2 * _LEAST_TEXTS:
        raise ConfigError(
            f"{path}: only {len(texts)} distinct texts in '{lang}'; {2 * _LEAST_TEXTS} are needed to learn pieces and "
            "to measure what they save."
        )
    return texts


def _dataset_texts(path: Path, lang: str) -> list[str]:
    from afya.folders import read_dataset
    from afya.items import from_frame

    texts: list[str] = []
    for frame in read_dataset(path, langs=[lang], splits=["train"]):
        for item in from_frame(frame):
            texts += [text for text in (item.context, item.question, item.answer_text, item.rationale) if text]
            texts += [*(item.options or ()), *(turn.text for turn in item.turns or ())]
    return texts


def split_texts(texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """(texts to learn from, texts held out): a tenth, at least 20, chosen by the hash of the text and the seed."""
    ordered = sorted(
        texts, key=lambda text: hashlib.sha256(f"{seed}:{unicodedata.normalize('NFC', text)}".encode()).digest()
    )
    held = set(ordered[: max(_LEAST_TEXTS, int(HELD_OUT * len(texts)))])
    return [text for text in texts if text not in held], [text for text in texts if text in held]


def fertility(texts: Sequence[str], before: Callable[[str], int], after: Callable[[str], int]) -> list[Fertility]:
    """Tokens a word of the texts in both spellings (one row where they do not differ).

    Args:
        before, after: the number of tokens of a text.
    """
    measured = []
    for form in FORMS:
        spelled = [unicodedata.normalize(form, text) for text in texts]
        if form == "NFD" and spelled == [unicodedata.normalize("NFC", text) for text in texts]:
            continue
        counted = [(len(words(text)), before(text), after(text)) for text in spelled]
        counted = [row for row in counted if row[0]]
        total = sum(row[0] for row in counted)
        if not total:
            raise DataError("The texts held out for measuring have no words.")
        old, new = [float(row[1]) for row in counted], [float(row[2]) for row in counted]
        found = ratio_of_means(new, old, list(range(len(counted))))
        measured.append(
            Fertility(
                form=form,
                before=sum(old) / total,
                after=sum(new) / total,
                ratio=found.value if found.value is not None else 1.0,
                low=found.low,
                high=found.high,
                texts=len(counted),
                words=total,
            )
        )
    return measured

"""Texts are cut into the tokens a reader would see, whatever else is in the batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.data import shingles
from afya.data.minhash import distinct, jaccard, signatures
from afya.data.shingles import FIELD_END, batches, text_hashes
from afya.errors import ConfigError

TEXTS = st.lists(st.text(alphabet="aBcé中 5.,-<%\n\u0301'" + FIELD_END, max_size=40), max_size=12)
_TOKEN = regex.compile(r"(?<![^\s,.'\x1f])-(?=\d)\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*|[\p{L}\p{M}]+|[<%]")


def hashes(text: str, lang: str = "en") -> list[int]:
    return [int(value) for tokens in batches(pl.Series([text]), lang) for value in tokens.hashes]


@given(TEXTS)
@settings(max_examples=40, deadline=None)
def test_hashes_do_not_depend_on_the_batch(texts: list[str]) -> None:
    alone = [hashes(text) for text in texts]
    found: list[list[int]] = []
    for tokens in batches(pl.Series(texts, dtype=pl.String), "en"):
        bounds = tokens.fields[tokens.texts]
        found += [tokens.hashes[low:high].tolist() for low, high in pairwise(bounds)]
    assert found == alone


@pytest.mark.parametrize(
    ("text", "lang", "count"),
    [
        ("Give 5mg, twice-daily.", "en", 5),
        ("0.5 to 1,000 mg", "en", 4),
        ("−5 °C and <90%", "en", 6),
        ("ọkọ̀ ojú-omi", "yo", 3),
        ("给药 5 mg，每日", "zh", 6),
        ("一日５０ミリ", "ja", 5),
        ("", "en", 0),
        ("...", "en", 0),
    ],
)
def test_tokens_are_counted_as_a_reader_would(text: str, lang: str, count: int) -> None:
    assert len(hashes(text, lang)) == count


@given(st.text(alphabet="aB 5.,<%\n", max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_same_tokens_are_the_same_hashes(text: str) -> None:
    tokens = [found[0].lower() for found in _TOKEN.finditer(text)]
    seen = hashes(text)
    assert len(seen) == len(tokens)
    assert len(set(seen)) == len(set(tokens))


@given(TEXTS, TEXTS)
@settings(max_examples=30, deadline=None)
def test_similarity_is_that_of_the_sets_of_shingles(one: list[str], other: list[str]) -> None:
    texts = pl.Series([*one, *other, "a b c"], dtype=pl.String)
    made = next(iter(batches(texts, "en")))
    grams, places = distinct(*made.grams(3))
    sets = [set(grams[low:high].tolist()) for low, high in pairwise(places)]
    left, right = (axis.ravel() for axis in np.meshgrid(np.arange(len(sets)), np.arange(len(sets))))
    found = jaccard(grams, places, left, right)
    true = [len(sets[a] & sets[b]) / max(1, len(sets[a] | sets[b])) for a, b in zip(left, right, strict=True)]
    assert found.tolist() == pytest.approx(true)
    half = jaccard(grams, places, left, right, 0.5)
    assert half.tolist() == pytest.approx([value if value >= 0.5 else 0 for value in true])


def test_a_signature_estimates_the_similarity() -> None:
    draw = np.random.default_rng(0)
    one = draw.integers(0, 1 << 63, (400, 150), dtype=np.uint64) << np.uint64(1)
    other = one.copy()
    other[:, 120:] = draw.integers(0, 1 << 63, (400, 30), dtype=np.uint64)
    places = np.arange(401) * 150
    alike = (signatures(one.ravel(), places, 112, 7) == signatures(other.ravel(), places, 112, 7)).mean(axis=1)
    assert abs(alike.mean() - 120 / 180) < 0.008
    assert alike.std() < 0.055


def test_a_text_without_tokens_has_no_hash_and_no_shingle() -> None:
    assert text_hashes(pl.Series(["", "?", None], dtype=pl.String), "en", ordered=True).tolist() == [0, 0, 0]
    made = next(iter(batches(pl.Series(["?", "a b"]), "en")))
    assert made.grams(5)[1].tolist() == [0, 0, 1]


def test_a_text_longer_than_a_batch_is_cut_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"w{number}" for number in range(500))
    whole = hashes(text)
    monkeypatch.setattr(shingles, "_BATCH_BYTES", 10)
    monkeypatch.setattr(shingles, "_PORTION_BYTES", 100)
    assert hashes(text) == whole
    assert len(list(batches(pl.Series([text, "a", text]), "en"))) == 3


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(ConfigError, match="xx"):
        hashes("a", "xx")

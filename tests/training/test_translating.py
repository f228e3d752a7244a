"""A pair is learned as the engines will ask for it: the right control tokens, loss on the translation and its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_translators import KINDS, LINES, OTHERS, make_translator

from afya.errors import ConfigError
from afya.training.translating.examples import PairExample, build_pairs
from afya.training.translating.loss import pair_losses
from afya.training.translating.model import Translating, load_translating
from afya.training.translating.pairs import PairRow
from afya.training.translating.plan import make_pair_plan
from afya.training.translating.recipe import TranslationModel, TranslationStage
from afya.training.translating.trainer import PairCollator
from afya.translation import hf

FAMILIES = [*KINDS, *OTHERS]
STARTS = {"nllb": "</s>", "m2m100": "</s>", "seamless": "</s>", "madlad400": "<pad>"}
FORCED = {"nllb": ["swh_Latn"], "m2m100": ["__sw__"], "seamless": ["__swh__"]}


def row(text: str, translation: str, pair: str = "en-sw", number: int = 0) -> PairRow:
    return PairRow(f"made:{number}:{pair}", f"made:{number}", pair, text, translation, "made", "CC0-1.0", "human")


ROWS = [row(LINES[0], LINES[2]), row(LINES[1], LINES[3], number=1), row("Fever.", "Homa.", number=2)]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Matrices this small only wait for each other on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make_translator(tmp_path_factory.mktemp("translators") / kind, kind) for kind in FAMILIES}


def loaded(folder: Path, dropout: float | None = None) -> Translating:
    return load_translating(str(folder), TranslationModel(path=str(folder)), dropout)


@pytest.mark.parametrize("kind", FAMILIES)
def test_what_is_learned_is_exactly_the_translation_and_its_end(folders: dict[str, Path], kind: str) -> None:
    model = loaded(folders[kind])
    built = build_pairs(ROWS, model, 100, "general")
    engine: Any = hf.load(str(folders[kind]), {"device": "cpu"})
    names = model.pieces.tokens
    for source, example in zip(ROWS, built.examples, strict=True):
        tokens = [names[number] for number in example.tokens]
        learned = [name for name, taught in zip(tokens, example.learned, strict=True) if taught]
        asked = engine.rows([source.text], "en", "sw")[0]
        assert tokens[: example.encoder] == asked.source
        assert learned[-1] == "</s>"
        assert "</s>" not in learned[:-1]
        assert model.pieces.decode(learned[:-1]) == source.translation
        # What stands between source and translation is the decoder's start and the language that it is told.
        given = tokens[example.encoder : len(tokens) - len(learned)]
        assert given == [STARTS.get(kind, "<pad>"), *FORCED.get(kind, [])]
        assert given[1:] == asked.prefix


def test_either_side_of_a_marian_model_is_cut_by_its_own_model(folders: dict[str, Path]) -> None:
    pieces = loaded(folders["marian_two_cutters"]).pieces
    assert pieces.encode([LINES[2]]) != pieces.encode_targets([LINES[2]])
    (target,) = pieces.encode_targets([LINES[2]])
    assert pieces.unk not in target
    assert pieces.decode(target) == LINES[2]


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_loss_of_a_batch_is_the_engines_own_score_of_each_translation(folders: dict[str, Path], kind: str) -> None:
    model = loaded(folders[kind], dropout=0.0)
    hidden = model.pad if model.hides_pad else None
    examples = build_pairs(ROWS, model, 100, "general").examples
    batch = PairCollator(["en-sw"], model.pad)([examples[:2], examples[2:]])
    model.model.train()
    with torch.no_grad():
        losses, _, _ = pair_losses(model.model, batch, hidden_token=hidden, chunk=7)
    engine: Any = hf.load(str(folders[kind]), {"device": "cpu"})
    start = 0
    for example in examples:
        length = int(example.learned.sum())
        source = torch.from_numpy(example.tokens[: example.encoder].astype(np.int64))[None]
        written = torch.from_numpy(example.tokens[example.encoder :].astype(np.int64))[None]
        skip = written.shape[1] - length
        with torch.no_grad():
            (told,) = engine.decoder._scores(source, torch.ones_like(source), written, skip, [length])
        mine = losses[start : start + length]
        assert -float(mine.mean()) == pytest.approx(told, abs=1e-4)
        start += length
    assert start == len(losses) == len(batch["labels"]) == len(batch["label_langs"])


@pytest.mark.parametrize("kind", ["nllb", "marian"])
def test_the_gradient_is_that_of_all_logits_at_once(folders: dict[str, Path], kind: str) -> None:
    gradients: list[dict[str, torch.Tensor]] = []
    share = 0.1
    for plain in (False, True):
        model = loaded(folders[kind], dropout=0.0)
        hidden = model.pad if model.hides_pad else None
        batch = PairCollator(["en-sw"], model.pad)([build_pairs(ROWS, model, 100, "general").examples])
        model.model.train()
        if plain:
            given = {name: batch[name] for name in ("input_ids", "attention_mask", "decoder_input_ids")}
            logits = model.model(**given, use_cache=False).logits.flatten(0, 1)[batch["kept"]]
            labels = batch["labels"]
            if hidden is not None:
                assert hidden == logits.shape[-1] - 1
                logits = logits[:, :hidden]
            loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=share)
        else:
            losses, spread, _ = pair_losses(model.model, batch, hidden_token=hidden, chunk=5)
            loss = ((1 - share) * losses + share * spread).mean()
        backward: Any = loss.backward
        backward()
        found = {name: weight.grad for name, weight in model.model.named_parameters() if weight.grad is not None}
        gradients.append(found)
        if hidden is not None:
            # The decoder starts from this row: it must stay where it is.
            assert not bool(model.model.get_output_embeddings().weight.grad[hidden].any())
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-6, rtol=1e-4)


def test_padding_and_neighbours_change_nothing(folders: dict[str, Path]) -> None:
    model = loaded(folders["seamless"], dropout=0.0)
    examples = build_pairs(ROWS, model, 100, "general").examples
    collator = PairCollator(["en-sw"], model.pad)
    model.model.train()
    alone = [pair_losses(model.model, collator([[example]]))[0] for example in examples]
    together, _, _ = pair_losses(model.model, collator([examples]))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_rows_that_cannot_be_learned_are_named_and_never_cut(folders: dict[str, Path]) -> None:
    model = loaded(folders["nllb"])
    rows = [ROWS[0], row("fever " * 80, LINES[2], number=7), row(LINES[0], "熱 " * 3, number=8)]
    built = build_pairs(rows, model, 60, "general")
    assert [example.item_id for example in built.examples] == [ROWS[0].row_id]
    assert [(entry.item_id, entry.reason) for entry in built.rejections] == [
        ("made:7:en-sw", "too_long"),
        ("made:8:en-sw", "unknown_pieces"),
    ]


def example(pair: str, encoder: int, decoder: int, number: int) -> PairExample:
    learned = np.arange(encoder + decoder) > encoder
    return PairExample(f"{pair}:{number}", pair, np.zeros(encoder + decoder, np.int32), learned, encoder=encoder)


def lengths(pair: str, count: int, seed: int) -> list[PairExample]:
    source = np.random.default_rng(seed)
    drawn = [(int(one), int(one * source.uniform(0.9, 1.3)) + 2) for one in source.integers(4, 60, count)]
    return [example(pair, one, other, number) for number, (one, other) in enumerate(drawn)]


def stage(**keys: Any) -> TranslationStage:
    told: dict[str, Any] = {
        "name": "general",
        "data": [{"source": "tsv", "path": "x.tsv", "pair": "en-sw"}],
        "length": {"epochs": 1},
        "learning_rate": 0.001,
        "batch_tokens": 600,
    }
    return TranslationStage.model_validate({**told, **keys})


def padded(examples: Sequence[PairExample]) -> int:
    widest = [max(one.encoder for one in examples), max(len(one.tokens) - one.encoder for one in examples)]
    return sum(widest) * len(examples)


def test_batches_keep_to_the_budget_pad_little_and_miss_nobody() -> None:
    examples = lengths("en-sw", 400, 1) + lengths("sw-en", 400, 2)
    settings = stage(mixture={"temperature": 1.0}, accumulate=3)
    plan = make_pair_plan(examples, ["en-sw", "sw-en"], settings, [5, 0])
    assert len(plan.packs) == 3 * plan.steps
    sizes = [padded([examples[number] for number in pack]) for pack in plan.packs]
    assert max(sizes) <= 600
    assert plan.fill > 0.8
    seen = Counter(number for pack in plan.packs for number in pack)
    # At the end one direction may begin anew before the other has come to its last pair.
    assert len(seen) >= len(examples) - 2
    assert sum(seen.values()) < 1.1 * len(examples)
    assert make_pair_plan(examples, ["en-sw", "sw-en"], settings, [5, 0]).packs == plan.packs
    assert make_pair_plan(examples, ["en-sw", "sw-en"], settings, [6, 0]).packs != plan.packs


def test_the_mixture_is_kept_by_direction_and_steps_are_exact() -> None:
    examples = lengths("en-sw", 900, 1) + lengths("en-wo", 60, 2)
    even = make_pair_plan(examples, ["en-sw", "en-wo"], stage(length={"steps": 40}, accumulate=2), [1])
    assert (even.steps, len(even.packs)) == (40, 80)
    tokens = even.tokens()
    assert tokens["en-wo"] / sum(tokens.values()) == pytest.approx(0.5, abs=0.05)
    rule = {"temperature": 1.0, "floor": 0.2}
    settings = stage(length={"steps": 40}, mixture=rule)
    floored = make_pair_plan(examples, ["en-sw", "en-wo"], settings, [1]).tokens()
    assert floored["en-wo"] / sum(floored.values()) == pytest.approx(0.2, abs=0.04)
    with pytest.raises(ConfigError, match="nothing to learn in: en-zu"):
        make_pair_plan(lengths("en-sw", 9, 1), ["en-sw", "en-zu"], stage(), [1])


def test_a_direction_that_the_model_does_not_have_is_refused(folders: dict[str, Path]) -> None:
    from afya.errors import DataError

    with pytest.raises(DataError, match="does not translate sw-en"):
        build_pairs([replace(ROWS[0], pair="sw-en")], loaded(folders["marian"]), 100, "general")

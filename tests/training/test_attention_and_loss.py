"""Packed documents do not see each other, and loss falls on answers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import make_model, make_tokenizer

from afya.errors import ConfigError, DataError
from afya.items import Item, Turn
from afya.training.examples.build import Example, build_examples
from afya.training.examples.chat_template import turn_ending
from afya.training.examples.lesson import Lesson
from afya.training.loop.attention import check_isolation, use_document_attention
from afya.training.loop.loss import document_losses
from afya.training.packs.layout import document_layout
from afya.training.packs.plan import PackCollator
from afya.training.weights.folders import load

KINDS = ("llama", "qwen3", "mistral", "gemma3")


def example(number: int, length: int, lang: str = "en") -> Example:
    source = np.random.default_rng(number)
    learned = np.zeros(length, np.bool_)
    learned[length // 2 :] = True
    learned[0] = False
    return Example(f"item-{number}", lang, source.integers(4, 300, length).astype(np.int32), learned)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("own", [True, False])
def test_a_packed_example_has_the_loss_it_has_alone(kind: str, own: bool, tmp_path: Path) -> None:
    """Alone as transformers itself computes it; packed by our attention, and by transformers' packed positions. Sliding
    windows (Mistral, Gemma 3) are 16 tokens, shorter than three of the examples."""
    model, _ = load(str(make_model(tmp_path / kind, kind)))
    examples = [example(number, length) for number, length in enumerate((17, 40, 2, 23, 41, 9))]
    collate = PackCollator(["en"])
    alone = torch.cat([plain_losses(model, one) for one in examples])
    if own:
        assert use_document_attention(model)
    packed, _ = document_losses(model, collate([examples[:4], examples[4:]]), own)
    assert torch.allclose(packed, alone, atol=1e-4)


def plain_losses(model: Any, one: Example) -> torch.Tensor:
    """(answers) the losses of an example by itself, through the model's own attention."""
    tokens = torch.from_numpy(one.tokens.astype(np.int64))
    logits = model(input_ids=tokens[None]).logits[0, :-1]
    losses = torch.nn.functional.cross_entropy(logits.float(), tokens[1:], reduction="none")
    return losses[torch.from_numpy(one.learned[1:])]


@pytest.mark.parametrize("kind", KINDS)
def test_packed_examples_are_proved_apart_on_the_model_itself(kind: str, tmp_path: Path) -> None:
    model, _ = load(str(make_model(tmp_path / kind, kind)))
    check_isolation(model, by_documents=False)
    use_document_attention(model)
    check_isolation(model, by_documents=True)
    with pytest.raises(ConfigError, match="changed by the one before it"):
        check_isolation(model, by_documents=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_in_training_reads_padded_rows_as_before(kind: str, tmp_path: Path) -> None:
    model: Any = load(str(make_model(tmp_path / kind, kind)))[0]
    tokens = torch.from_numpy(example(3, 40).tokens.astype(np.int64)).view(2, 20).repeat(1, 2)
    mask = torch.ones_like(tokens)
    mask[0, :11] = 0
    with torch.no_grad():
        before = model(input_ids=tokens, attention_mask=mask).logits
        written = model.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=3, do_sample=False)
        use_document_attention(model)
        after = model(input_ids=tokens, attention_mask=mask).logits
        again = model.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=3, do_sample=False)
    assert torch.allclose(before[mask.bool()], after[mask.bool()], atol=1e-4)
    assert torch.equal(written, again)


def test_layers_that_carry_a_state_are_refused(tmp_path: Path) -> None:
    model, _ = load(str(make_model(tmp_path / "model", "qwen3")))
    model.config.layer_types = ["linear_attention", "full_attention"]
    with pytest.raises(ConfigError, match="linear_attention"):
        use_document_attention(model)


def test_a_pack_without_labels_is_refused() -> None:
    one, other = example(1, 12), example(2, 9)
    silent = Example("silent", "en", one.tokens, np.zeros(12, np.bool_))
    PackCollator(["en"])([[silent, other]])
    with pytest.raises(DataError, match=r"without a single label.*silent"):
        PackCollator(["en"])([[silent], [other]])
    with pytest.raises(DataError, match="holds no example"):
        PackCollator(["en"])([[]])


def test_losses_by_language_are_those_of_each_languages_examples(tmp_path: Path) -> None:
    model, _ = load(str(make_model(tmp_path / "model", "qwen3")))
    examples = [example(number, 10 + number, lang) for number, lang in enumerate(("yo", "sw", "yo", "zu"))]
    alone = [plain_losses(model, one).sum() for one in examples]
    use_document_attention(model)
    batch = PackCollator(["sw", "yo", "zu"])([examples[:3], examples[3:]])
    losses, _ = document_losses(model, batch)
    sums = torch.zeros(3).index_add_(0, batch["label_langs"], losses)
    assert torch.allclose(sums, torch.stack([alone[1], alone[0] + alone[2], alone[3]]), atol=1e-3)
    assert torch.bincount(batch["label_langs"]).tolist() == [6, 11, 7]


def test_the_loss_is_the_models_own(tmp_path: Path) -> None:
    model, _ = load(str(make_model(tmp_path / "model", "qwen3")))
    one = example(1, 30)
    labels = torch.from_numpy(np.where(one.learned, one.tokens, -100).astype(np.int64))[None]
    plain = model(input_ids=torch.from_numpy(one.tokens.astype(np.int64))[None], labels=labels).loss
    use_document_attention(model)
    ours, _ = document_losses(model, PackCollator(["en"])([[one]]))
    assert ours.mean().item() == pytest.approx(plain.item(), abs=1e-5)


def test_gradients_do_not_cross_documents(tmp_path: Path) -> None:
    model, _ = load(str(make_model(tmp_path / "model", "llama")))
    use_document_attention(model)
    first, second = example(1, 12), example(2, 15)
    batch = PackCollator(["en"])([[first, second]])
    embedded = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
    output = model(inputs_embeds=embedded, position_ids=batch["position_ids"], documents=batch["documents"])
    output.logits[0, 12:].sum().backward()
    assert embedded.grad is not None
    assert embedded.grad[0, :12].abs().max() == 0
    assert embedded.grad[0, 12:].abs().max() > 0


def test_a_layout_says_where_documents_begin_and_end() -> None:
    layout = document_layout([5, 90, 1])
    assert layout.lengths == (5, 90, 1)
    assert layout.to("cpu").bounds.tolist() == [0, 5, 95, 96]


def item(task: str = "mcq", lang: str = "en", **values: Any) -> Item:
    fields: dict[str, Any] = {
        "item_id": f"set:1:{lang}",
        "group_id": "set:1",
        "lang": lang,
        "task": task,
        "split": "train",
        "question": "How many breaths in one minute is fast breathing?",
        "source": "set",
        "licence": "CC0-1.0",
        "origin": "native",
        **values,
    }
    return Item(**fields)


CHOICE: dict[str, Any] = {"options": ("30", "40 and more", "50", "60"), "answer": (1,)}


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize(("form", "answer"), [("cloze", " 40 and more"), ("letter", " B")])
def test_only_the_answer_and_its_end_are_learned(chat: bool, form: Any, answer: str) -> None:
    tokenizer = make_tokenizer(chat=chat)
    built = build_examples([Lesson(item(**CHOICE), form)], tokenizer, 512, "stage")
    (made,) = built.examples
    assert (built.used, built.rejections, built.cuts) == (1, [], [])
    ending = turn_ending(tokenizer)
    assert ending == ("<|end|>" if chat else "</s>")
    assert tokenizer.decode(made.tokens[made.learned]) == answer + ending
    shown = tokenizer.decode(made.tokens[~made.learned])
    assert shown.endswith("Answer:")
    assert "fast breathing" in shown


def test_what_is_learned_is_what_the_benchmark_scores(tmp_path: Path) -> None:
    from afya.bench.asking.prompts import render_item
    from afya.models import OptionRequest, load_model

    folder = make_model(tmp_path / "model", "qwen3", chat=True)
    model, tokenizer = load(str(folder))
    (made,) = build_examples([Lesson(item(**CHOICE), "cloze")], tokenizer, 512, "stage").examples
    losses, _ = document_losses(model, PackCollator(["en"])([[made]]), use_document_attention(model))
    request = render_item(item(**CHOICE), "cloze")
    assert isinstance(request, OptionRequest)
    (scores,) = load_model(f"hf:{folder}", device="cpu", dtype="float32").score_options([request])
    assert scores.logprobs is not None
    assert -losses.sum().item() == pytest.approx(scores.logprobs[1], abs=1e-3)


def test_every_assistant_turn_of_a_dialogue_is_learned() -> None:
    tokenizer = make_tokenizer(chat=True)
    turns = (
        Turn("user", "The child coughs."),
        Turn("assistant", "For how many days?"),
        Turn("user", "Three days."),
        Turn("assistant", "Give water."),
    )
    (made,) = build_examples([Lesson(item("dialogue", turns=turns), "instruction")], tokenizer, 512, "stage").examples
    assert tokenizer.decode(made.tokens[made.learned]) == "For how many days?<|end|>Give water.<|end|>"


def test_a_template_that_rewrites_earlier_turns_gives_an_example_a_turn() -> None:
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template = (
        "{% for message in messages %}<|start|>{{ message['role'] }}\n"
        "{% if not loop.last and message['role'] == 'assistant' %}(earlier) {% endif %}"
        "{{ message['content'] }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    )
    turns = tuple(Turn(role, f"text {number}") for number, role in enumerate(["user", "assistant"] * 2))
    built = build_examples([Lesson(item("dialogue", turns=turns), "instruction")], tokenizer, 512, "stage")
    learned = [tokenizer.decode(made.tokens[made.learned]) for made in built.examples]
    assert learned == ["text 1<|end|>", "text 3<|end|>"]
    assert "(earlier) text 1" in tokenizer.decode(built.examples[1].tokens)


def test_items_without_anything_to_learn_are_rejected_by_reason() -> None:
    tokenizer = make_tokenizer(chat=True)
    items = [
        item("long_form", answer_text="Water and salt. " * 60),
        item("long_form", answer_text="Water."),
        item("dialogue", turns=(Turn("user", "Hello"),)),
        item(options=("a", "b"), answer=(0, 1)),
    ]
    built = build_examples([Lesson(one, "instruction") for one in items[:3]], tokenizer, 100, "stage")
    assert (len(built.examples), built.used) == (1, 1)
    assert {entry.reason for entry in built.rejections} == {"too_long", "no_assistant_turn"}
    assert any(entry.detail and "a pack holds 100" in entry.detail for entry in built.rejections)
    built = build_examples([Lesson(items[3], "cloze")], tokenizer, 512, "stage")
    assert (built.used, [entry.reason for entry in built.rejections]) == (0, ["not_one_answer"])

"""Packed documents do not see each other, and loss falls on answers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import make_model, make_tokenizer

from afya.items import Item, Turn
from afya.training.attention import document_layout, use_document_attention
from afya.training.examples import Example, build_examples, drafts, turn_ending
from afya.training.plan import PackCollator
from afya.training.run import load
from afya.training.trainer import document_losses

KINDS = ("llama", "qwen3", "mistral", "gemma3")


def example(number: int, length: int, lang: str = "en") -> Example:
    source = np.random.default_rng(number)
    learned = np.zeros(length, np.bool_)
    learned[length // 2 :] = True
    learned[0] = False
    return Example(f"item-{number}", lang, source.integers(4, 300, length).astype(np.int32), learned)


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_example_has_the_loss_it_has_alone(kind: str, tmp_path: Path) -> None:
    model, _ = load(str(make_model(tmp_path / kind, kind)))
    own = use_document_attention(model)
    assert own
    examples = [example(number, length) for number, length in enumerate((17, 40, 2, 23, 41, 9))]
    collate = PackCollator(["en"])
    packed, _ = document_losses(model, collate([examples[:4], examples[4:]]), own)
    alone = torch.cat([document_losses(model, collate([[one]]), own)[0] for one in examples])
    assert torch.allclose(packed, alone, atol=1e-4)


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


def test_a_layout_finds_every_token_again() -> None:
    lengths = [5, 90, 1, 33, 34, 35, 5, 60]
    layout = document_layout(lengths)
    row = torch.arange(sum(lengths))
    assert torch.equal(row[layout.gather][layout.restore], row)
    assert len(layout.gather) <= 1.3 * sum(lengths)
    assert sum(count for count, _ in layout.batches) == len(lengths)


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
    (made,), used, rejected = build_examples([(item(**CHOICE), form)], tokenizer, 512, "stage")
    assert (used, rejected) == (1, [])
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
    (made,), _, _ = build_examples([(item(**CHOICE), "cloze")], tokenizer, 512, "stage")
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
    (made,), _, _ = build_examples([(item("dialogue", turns=turns), "instruction")], tokenizer, 512, "stage")
    assert tokenizer.decode(made.tokens[made.learned]) == "For how many days?<|end|>Give water.<|end|>"


def test_a_template_that_rewrites_earlier_turns_gives_an_example_a_turn() -> None:
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template = (
        "{% for message in messages %}<|start|>{{ message['role'] }}\n"
        "{% if not loop.last and message['role'] == 'assistant' %}(earlier) {% endif %}"
        "{{ message['content'] }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    )
    turns = tuple(Turn(role, f"text {number}") for number, role in enumerate(["user", "assistant"] * 2))
    found = drafts(item("dialogue", turns=turns), "instruction", tokenizer)
    assert [[answer for _, answer in draft.segments] for draft in found] == [["text 1"], ["text 3"]]
    assert "(earlier) text 1" in found[1].segments[0][0]


def test_items_without_anything_to_learn_are_rejected_by_reason() -> None:
    tokenizer = make_tokenizer(chat=True)
    items = [
        item("long_form", answer_text="Water and salt. " * 60),
        item("long_form", answer_text="Water."),
        item("dialogue", turns=(Turn("user", "Hello"),)),
        item(options=("a", "b"), answer=(0, 1)),
    ]
    made, used, rejected = build_examples([(one, "instruction") for one in items[:3]], tokenizer, 100, "stage")
    assert (len(made), used) == (1, 1)
    assert {entry.reason for entry in rejected} == {"too_long", "no_assistant_turn"}
    assert any(entry.detail and "a pack holds 100" in entry.detail for entry in rejected)
    _, used, rejected = build_examples([(items[3], "cloze")], tokenizer, 100, "stage")
    assert (used, [entry.reason for entry in rejected]) == (0, ["not_one_answer"])

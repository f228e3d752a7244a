"""The pocket model is small, repeatable and honest about itself; its tokenizer knows recurring phrases and numbers."""

from __future__ import annotations

import torch
from transformers import PreTrainedTokenizerFast

from afya.training.examples.material import lesson_texts, stage_lessons
from afya.training.recipe import PocketShape, load_recipe
from afya.training.weights.pocket import build_model, build_tokenizer

CASES = [
    f"A child of {age} months has a cough. The child takes {age + 20} breaths in 1 minute." for age in range(2, 60)
]
OTHER = ["Ọmọ náà ń wúkọ́.", "子どもの呼吸は速いですか。", "아이가 기침을 합니다.", "L'enfant a de la fièvre."]


def pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return [str(tokenizer.decode([number])) for number in tokenizer(text, add_special_tokens=False)["input_ids"]]


def test_recurring_phrases_and_numbers_are_tokens_and_rare_numbers_are_digits() -> None:
    often = ["The MUAC is 115 mm."] * 30
    tokenizer = build_tokenizer([*CASES, *OTHER, *often], 600, 256)
    found = pieces(tokenizer, CASES[40])
    assert "".join(found) == CASES[40]
    assert " months has a cough." in found
    assert len(found) < 12
    assert pieces(tokenizer, "The MUAC is 115 mm.") == ["The MUAC is ", "115", " mm."]
    assert pieces(tokenizer, "993") == ["9", "9", "3"]
    assert pieces(tokenizer, "2026")[-1] == "6"


def test_any_text_comes_back_unchanged() -> None:
    tokenizer = build_tokenizer(CASES, 500, 256)
    for text in [*OTHER, "new words: 115 mm, 3.5 kg!", "\n\ttabs\n\n", "🙂 ẹ̀kọ́"]:
        numbers = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(numbers) == text
        assert tokenizer.unk_token_id not in numbers or tokenizer.unk_token_id is None


def test_equal_texts_and_seeds_give_equal_models() -> None:
    tokenizer = build_tokenizer(CASES, 500, 256)
    assert tokenizer.get_vocab() == build_tokenizer(list(CASES), 500, 256).get_vocab()
    shape = PocketShape(hidden=32, layers=2, heads=2, feed_forward=64)
    first, second, third = (build_model(shape, tokenizer, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_chat_template_marks_turns() -> None:
    tokenizer = build_tokenizer(CASES, 500, 256)
    messages = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == "<|system|>a<|end|><|user|>b<|end|><|assistant|>"
    assert tokenizer.eos_token == "<|end|>"


def test_the_demo_learns_from_training_cases_only_in_every_language() -> None:
    recipe = load_recipe("demo", ["stages.stage2.data.0.count=20"])
    assert len(recipe.langs) == 12
    for stage in recipe.stages:
        lessons = stage_lessons(recipe, stage)
        items = [lesson.item for lesson in lessons]
        assert {item.lang for item in items} == set(recipe.langs)
        assert {item.split for item in items} == {"train"}
        assert all(isinstance(text, str) for text in lesson_texts(lessons))
    pocket = recipe.model.pocket
    assert pocket is not None
    tokenizer = build_tokenizer(CASES, 500, 256)
    model = build_model(pocket, tokenizer, 1)
    parameters = sum(weight.numel() for weight in model.parameters())
    assert parameters + pocket.hidden * (pocket.vocabulary - len(tokenizer)) < 3_000_000

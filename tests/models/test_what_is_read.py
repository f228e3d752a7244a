"""What a local model reads is shown, and what it would read wrongly is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_models import CHAT, make_model

from afya.errors import EngineError
from afya.models import Message, OptionRequest, Prompt, Sampling
from afya.models.hf import HfModel
from afya.models.rendering import encode

ASKED = Prompt((Message("system", "You are a nurse."), Message("user", "A child has fever.")), "Jibu:")
WITH_START = "{{ bos_token }}" + CHAT
# As Mistral's: the answer follows the user's turn, and nothing opens it.
NO_OPENING = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %} {{ message['content'] }}"
    "</s>{% else %}[INST] {{ message['content'] }} [/INST]{% endif %}{% endfor %}"
)


def with_template(folder: Path, template: str | None) -> HfModel:
    """A tiny model whose chat template is this one; its tokenizer adds the start token by itself."""
    make_model(folder, chat=True)
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    change(
        folder,
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}},
        },
    )
    return HfModel.load(str(folder))


def change(folder: Path, **parts: object) -> None:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | parts), "utf-8")


def test_text_and_tokens_are_shown_as_they_are_read(tmp_path: Path) -> None:
    model = with_template(tmp_path / "tiny", WITH_START)
    shown = model.shown(ASKED)
    assert shown.text.startswith("<s><|start|>system\nYou are a nurse.<|end|>\n<|start|>user")
    assert shown.text.endswith("<|start|>assistant\nJibu:")
    assert model.tokenizer.decode(list(shown.token_ids)) == shown.text
    assert len(shown.token_ids) == model.generate([ASKED], Sampling(max_tokens=1))[0].prompt_tokens


def test_a_start_token_of_template_and_tokenizer_stands_once(tmp_path: Path) -> None:
    model = with_template(tmp_path / "tiny", WITH_START)
    assert model.tokenizer("fever")["input_ids"][0] == model.tokenizer.bos_token_id
    assert list(model.shown(ASKED).token_ids).count(model.tokenizer.bos_token_id) == 1


def test_a_template_that_writes_the_start_token_twice_is_refused(tmp_path: Path) -> None:
    model = with_template(tmp_path / "tiny", "{{ bos_token }}" + WITH_START)
    with pytest.raises(EngineError, match=r"'<s>' twice.*tiny"):
        model.shown(ASKED)
    with pytest.raises(EngineError, match="twice"):
        model.score_options([OptionRequest(ASKED, (" A", " B"))])


def test_a_template_without_a_generation_prompt_is_refused(tmp_path: Path) -> None:
    lacking = CHAT.partition("{% if add_generation_prompt")[0]
    with pytest.raises(EngineError, match=r"tiny has no generation prompt.*<\|start\|>assistant"):
        with_template(tmp_path / "tiny", lacking).shown(ASKED)


def test_a_template_that_needs_no_generation_prompt_is_taken(tmp_path: Path) -> None:
    assert with_template(tmp_path / "tiny", NO_OPENING).shown(ASKED).text.endswith("A child has fever. [/INST]Jibu:")


@pytest.mark.parametrize("cut", ["messages[1:]", "[{'role': 'user', 'content': messages[-1].content[:9]}]"])
def test_a_template_that_leaves_out_text_is_refused(tmp_path: Path, cut: str) -> None:
    model = with_template(tmp_path / "tiny", CHAT.replace("in messages %}", f"in {cut} %}}", 1))
    with pytest.raises(EngineError, match="leaves out the system message"):
        model.shown(ASKED)


def test_without_a_template_the_messages_are_joined(tmp_path: Path) -> None:
    shown = with_template(tmp_path / "tiny", None).shown(ASKED)
    assert shown.text == "You are a nurse.\n\nA child has fever.\n\nJibu:"
    assert shown.token_ids[0] == 0


def test_a_truncation_in_the_tokenizers_file_cuts_nothing(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny")
    whole = HfModel.load(str(folder)).shown(ASKED)
    change(folder, truncation={"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0})
    assert HfModel.load(str(folder)).shown(ASKED) == whole


def test_a_tokenizer_that_cuts_silently_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny")
    change(folder, normalizer={"type": "Replace", "pattern": {"Regex": "(?m)^.{30}.+"}, "content": "cut here"})
    model = HfModel.load(str(folder))
    assert len(encode(["fever"], model.tokenizer)[0]) > 1
    with pytest.raises(EngineError, match=r"cuts texts silently.*twice"):
        model.shown(ASKED)
    with pytest.raises(EngineError, match="cuts texts silently"):
        model.score_options([OptionRequest(ASKED, (" A", " B"))])

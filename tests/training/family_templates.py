"""Chat templates that behave as those of four model families do, and tokenizers with the families' special tokens.

Each family has ways of its own. Llama 3 trims messages and always writes a system turn with the date. Qwen3 writes
thoughts, leaves those of earlier turns out, and writes an empty one where thinking is off. Gemma 3 knows no system
turn, calls the assistant "model" and refuses turns out of order. Mistral has no assistant's turn, writes a space before
answers, and puts the system message before the last question, so that earlier turns change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LLAMA3 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
    "{% set today = strftime_now('%d %b %Y') if strftime_now is defined else '?' %}"
    "<|start_header_id|>system<|end_header_id|>\n\nToday Date: {{ today }}\n\n{{ system }}<|eot_id|>"
    "{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN3 = (
    "{% set last = namespace(user=0) %}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{% set last.user = loop.index0 %}{% endif %}{% endfor %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% set text = message['content'] %}"
    "{% if message['role'] == 'assistant' %}{% set thought = '' %}"
    "{% if '</think>' in text %}{% set thought = text.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{% if loop.index0 > last.user and (loop.last or thought) %}<think>\n{{ thought }}\n</think>\n\n{% endif %}"
    "{{ text.lstrip('\n') }}{% else %}{{ text }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
GEMMA3 = (
    "{{ bos_token }}{% set ns = namespace(first='') %}{% if messages[0]['role'] == 'system' %}"
    "{% set ns.first = messages[0]['content'] + '\n\n' %}{% set messages = messages[1:] %}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('turns must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ ns.first if loop.first else '' }}{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GEMMA2 = GEMMA3.replace("{% set ns.first = messages[0]['content'] + '\n\n' %}", "{{ raise_exception('no system') }}", 1)
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}"
    "{% set messages = messages[1:] %}{% endif %}{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('turns must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}[INST] {% if loop.last and system is defined %}{{ system + '\n\n' }}{% endif %}"
    "{{ message['content'] }}[/INST]{% else %} {{ message['content'] | trim }}{{ eos_token }}{% endif %}{% endfor %}"
)


class Family(NamedTuple):
    """A template, its special tokens (the first two begin a text and end it), and what answers begin and end with."""

    template: str
    specials: tuple[str, ...]
    opening: str
    ending: str
    spaces: str | None = None


_QWEN = ("<|endoftext|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>")
_GEMMA = ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")
_LLAMA = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
FAMILIES = {
    "llama3": Family(LLAMA3, _LLAMA, "", "<|eot_id|>"),
    "qwen3": Family(QWEN3, _QWEN, "", "<|im_end|>"),
    "gemma3": Family(GEMMA3, _GEMMA, "", "<end_of_turn>", "never"),
    "gemma2": Family(GEMMA2, _GEMMA, "", "<end_of_turn>", "never"),
    "mistral": Family(MISTRAL, ("<s>", "</s>", "[INST]", "[/INST]"), " ", "</s>", "first"),
}
_LINES = [
    "A child has fever and cough for three days. Give water, salt and sugar. Go to the clinic at once.",
    "Mtoto ana homa na kikohozi kwa siku tatu. Mpe maji, chumvi na sukari.",
    "Question: How many breaths in one minute is fast breathing? Options: A. 30 B. 40 C. 50 D. 60 Answer:",
]


def family_tokenizer(name: str) -> Any:
    """A small tokenizer of the family's kind: bytes (Llama 3, Qwen3), or pieces that begin with a space sign."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    family = FAMILIES[name]
    specials = list(dict.fromkeys(family.specials))
    if family.spaces is None:
        core = Tokenizer(models.BPE())
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        added = ["<think>", "</think>"] if name == "qwen3" else []
    else:
        core = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        if family.spaces == "never":
            core.normalizer = normalizers.Replace(" ", "▁")
            core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        else:
            core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
            core.decoder = decoders.Sequence(
                [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()],
            )
        alphabet = [chr(code) for code in range(33, 127)] + ["▁", "\n"]
        specials += ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        added = []
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=specials, initial_alphabet=alphabet, show_progress=False, max_token_length=12
    )
    core.train_from_iterator(_LINES, trainer)
    wrap: Any = PreTrainedTokenizerFast
    tokenizer = wrap(
        tokenizer_object=core,
        bos_token=family.specials[0] if name != "qwen3" else None,
        eos_token=family.ending if name in ("llama3", "qwen3") else family.specials[1],
        additional_special_tokens=list(family.specials[2:]),
        chat_template=family.template,
        clean_up_tokenization_spaces=False,
    )
    # Qwen3's thinking signs are tokens, but not special ones: they stay in decoded text.
    tokenizer.add_tokens(added)
    return tokenizer

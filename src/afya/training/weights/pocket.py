"""The pocket model: a tokenizer and a model of a few million parameters, made on the spot.

It exists so that the whole system can be tried in minutes on any computer. It is honest about it: the model knows
nothing but what the stages teach it, and it is not for medicine. The shape is Qwen3's (Yang et al. 2025) with tied
embeddings, so that every engine which runs Qwen3 runs it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.training.recipe import PocketShape

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast, Qwen3Config

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"

# A turn is its role's token, the text, the end token. The turn to be written begins with the assistant's token.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

# What one token may span at most: a number of three digits, line ends, or a run of words up to the next digit, line end
# or end of a clause with its sign.
_NUMBER = r"\d{1,3}"
_PHRASE = _NUMBER + r"|\n+|[^\d\n.,:;?!。、，：；？！]*[.,:;?!。、，：；？！]+|[^\d\n.,:;?!。、，：；？！]+"

# Of the vocabulary, the share that goes to phrases and numbers, and how often one must stand in the texts to be one.
_PHRASE_SHARE = 0.5
_PHRASE_COUNT = 20


def build_tokenizer(texts: Iterable[str], vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on `texts`: NFC, recurring phrases and numbers are tokens, nothing is unknown.

    Phrases that recur are single tokens (tokens that span words: Liu et al. 2025, SuperBPE), so that generated cases
    are short. Numbers that recur are single tokens too, since the clinical rules compare them with limits: with a token
    a digit the pocket model needs about twice the text to learn the same limits. All other text is spelled by the
    merges, which never cross a word or join two digits. Equal texts give an equal tokenizer.

    Raises:
        ConfigError: there is no text.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    whole = list(texts)
    # No merge and no phrase holds a digit: texts that differ in digits alone are one text to them.
    counts = Counter(re.sub(r"\d", "0", text) for text in whole)
    numbers = Counter(number for text in whole for number in re.findall(_NUMBER, text) if number.isascii())
    if not any(counts):
        raise ConfigError("The pocket model's tokenizer found no text to learn from.")
    special = [PAD, END, SYSTEM, USER, ASSISTANT]
    normalizer = normalizers.NFC()
    phrases = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PHRASE), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    spelling = Tokenizer(models.BPE())
    spelling.normalizer = normalizer
    spelling.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    room = max(int(vocabulary * (1 - _PHRASE_SHARE)), len(special) + len(alphabet))
    spelling.train_from_iterator(
        counts,
        trainers.BpeTrainer(vocab_size=room, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    learned = json.loads(spelling.to_str())["model"]
    vocab: dict[str, int] = learned["vocab"]
    seen: Counter[str] = Counter()
    for text, times in counts.items():
        for phrase, _ in phrases.pre_tokenize_str(normalizer.normalize_str(text)):
            if not phrase[0].isdigit():
                seen[phrase] += times
    seen.update(numbers)
    saved = {
        phrase: times * (len(spelling.model.tokenize(phrase)) - 1)
        for phrase, times in seen.items()
        if times >= _PHRASE_COUNT and phrase not in vocab
    }
    for phrase in sorted(saved, key=lambda phrase: (-saved[phrase], phrase))[: vocabulary - len(vocab)]:
        vocab[phrase] = len(vocab)
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=[tuple(pair) for pair in learned["merges"]], ignore_merges=True)
    )
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = phrases
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        model_max_length=context,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def pocket_config(shape: PocketShape, vocabulary: int, end: int | None = None, pad: int | None = None) -> Qwen3Config:
    """The configuration of a pocket model with so many tokens; `end` and `pad` are the numbers of its tokenizer's.

    Raises:
        ConfigError: the width does not divide into the heads.
    """
    from transformers import Qwen3Config

    if shape.hidden % shape.heads or (shape.hidden // shape.heads) % 2:
        raise ConfigError(
            f"The pocket model's hidden size {shape.hidden} does not divide into {shape.heads} heads of even size."
        )
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=shape.hidden // shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        # Prompts are some tens of tokens long; the usual base of 10,000 would leave most frequencies unused.
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )


def build_model(shape: PocketShape, tokenizer: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """A randomly initialised model of `shape` in fp32 for `tokenizer`; equal seeds give equal weights."""
    import torch
    from transformers import Qwen3ForCausalLM

    config = pocket_config(shape, len(tokenizer), tokenizer.eos_token_id, tokenizer.pad_token_id)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)

"""Real but tiny translation models: random weights in the shapes of NLLB, M2M100, OPUS-MT, MADLAD and SeamlessM4T.

Their sentencepiece models are trained on a few lines, and everything is written in the Hugging Face layout.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from afya.languages import registry

LINES = [
    "The child has had fever and cough for three days.",
    "Give water, salt and sugar, and come back when the breathing is fast.",
    "Mtoto ana homa na kikohozi kwa siku tatu.",
    "Mpe maji, chumvi na sukari, na urudi akipumua haraka.",
    "Ọmọ náà ní ibà àti ikọ́ fún ọjọ́ mẹ́ta.",
    "How many breaths in one minute are too many? Count 40, 50 or 60.",
    "Ingane inomkhuhlane nokukhwehlela izinsuku ezintathu.",
    "Xale bi dafa am yaram wu tàng ak sëqët.",
]
SHAPE = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
SPREAD = 0.1
"""Standard deviation of random weights: the usual 0.02 gives near-uniform outputs, which would hide differences."""


def train_pieces(path: Path, *, kind: str = "bpe", ids: Sequence[int] = (0, 1, 2, -1), own: Sequence[str] = ()) -> Path:
    """Train a sentencepiece model of about 150 pieces on LINES; `ids` are those of unk, bos, eos and pad."""
    import sentencepiece

    written = io.BytesIO()
    unk, bos, eos, pad = ids
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 4),
        model_writer=written,
        vocab_size=150,
        model_type=kind,
        character_coverage=1.0,
        hard_vocab_limit=False,
        unk_id=unk,
        bos_id=bos,
        eos_id=eos,
        pad_id=pad,
        user_defined_symbols=list(own),
        minloglevel=2,
    )
    path.write_bytes(written.getvalue())
    return path


def pieces_of(path: Path) -> list[str]:
    """The pieces of a sentencepiece model, by their numbers."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [str(model.id_to_piece(number)) for number in range(model.get_piece_size())]


def _m2m_model(tokenizer: Any, size: int) -> Any:
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    config: Any = M2M100Config
    return M2M100ForConditionalGeneration(
        config(
            **SHAPE,
            vocab_size=size,
            max_position_embeddings=128,
            init_std=SPREAD,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.eos_token_id,
        )
    )


def _nllb(folder: Path) -> tuple[Any, Any]:
    from transformers import NllbTokenizer

    train_pieces(folder / "sentencepiece.bpe.model")
    made: Any = NllbTokenizer
    codes = [entry.flores for entry in registry().values()]
    tokenizer = made.from_pretrained(folder, extra_special_tokens=codes)
    return tokenizer, _m2m_model(tokenizer, len(tokenizer) + 2)


def _m2m100(folder: Path) -> tuple[Any, Any]:
    from transformers import M2M100Tokenizer

    spm = train_pieces(folder / "sentencepiece.bpe.model")
    names = ["<s>", "<pad>", "</s>", "<unk>", *pieces_of(spm)[3:]]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}), "utf-8")
    made: Any = M2M100Tokenizer
    tokenizer = made(str(folder / "vocab.json"), str(spm))
    return tokenizer, _m2m_model(tokenizer, len(names) + 100 + 8)


def _marian(folder: Path, targets: Sequence[str] = (), target_kind: str = "") -> tuple[Any, Any]:
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    spm = train_pieces(folder / "source.spm", kind="unigram")
    if target_kind:
        train_pieces(folder / "target.spm", kind=target_kind)
    else:
        (folder / "target.spm").write_bytes(spm.read_bytes())
    pieces = dict.fromkeys([*pieces_of(spm)[3:], *pieces_of(folder / "target.spm")[3:]])
    names = ["</s>", "<unk>", *pieces, *(f">>{code}<<" for code in targets), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}), "utf-8")
    make_tokenizer: Any = MarianTokenizer
    make_config: Any = MarianConfig
    tokenizer = make_tokenizer(
        str(folder / "source.spm"),
        str(folder / "target.spm"),
        str(folder / "vocab.json"),
        source_lang="eng",
        target_lang="mul" if targets else "swa",
    )
    model = MarianMTModel(
        make_config(
            **SHAPE,
            vocab_size=len(names),
            max_position_embeddings=64,
            init_std=SPREAD,
            scale_embedding=True,
            activation_function="swish",
            pad_token_id=len(names) - 1,
            eos_token_id=0,
            forced_eos_token_id=None,
            decoder_start_token_id=len(names) - 1,
        )
    )
    return tokenizer, model


def _marian_multi(folder: Path) -> tuple[Any, Any]:
    return _marian(folder, ("swa", "yor", "zul"))


def _marian_two_cutters(folder: Path) -> tuple[Any, Any]:
    return _marian(folder, target_kind="bpe")


def _seamless(folder: Path) -> tuple[Any, Any]:
    from transformers import SeamlessM4TTokenizer, SeamlessM4Tv2Config, SeamlessM4Tv2ForTextToText

    train_pieces(folder / "sentencepiece.bpe.model")
    make_tokenizer: Any = SeamlessM4TTokenizer
    make_config: Any = SeamlessM4Tv2Config
    codes = [f"__{code}__" for code in ("eng", "swh", "yor", "zul", "fra")]
    tokenizer = make_tokenizer.from_pretrained(folder, additional_special_tokens=codes)
    model = SeamlessM4Tv2ForTextToText(
        make_config(
            vocab_size=len(tokenizer) + 2,
            hidden_size=32,
            initializer_range=SPREAD,
            max_position_embeddings=128,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.eos_token_id,
        )
    )
    return tokenizer, model


def _madlad(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    own = ("<2en>", "<2sw>", "<2yo>", "<2zu>")
    spm = train_pieces(folder / "spiece.model", kind="unigram", ids=(0, -1, 2, 1), own=own)
    assert pieces_of(spm)[:3] == ["<unk>", "<pad>", "</s>"]
    make_tokenizer: Any = T5Tokenizer
    make_config: Any = T5Config
    tokenizer = make_tokenizer.from_pretrained(folder, extra_ids=0, additional_special_tokens=[])
    model = T5ForConditionalGeneration(
        make_config(
            vocab_size=len(tokenizer) + 5,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
            initializer_factor=1.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    )
    # As in MADLAD-400, what is written has weights of its own.
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    return tokenizer, model


KINDS: dict[str, Callable[[Path], tuple[Any, Any]]] = {
    "nllb": _nllb,
    "m2m100": _m2m100,
    "marian": _marian,
    "marian_multi": _marian_multi,
    "madlad400": _madlad,
    "seamless": _seamless,
}
OTHERS: dict[str, Callable[[Path], tuple[Any, Any]]] = {"marian_two_cutters": _marian_two_cutters}
"""As published OPUS-MT models: source and target are cut by models of their own."""


def teach(folder: Path, pairs: Sequence[tuple[str, str, str, str]]) -> None:
    """Overfit the model in `folder` to (text, translation, source, target) rows, so that it truly translates these."""
    import torch

    from afya.translation import hf

    engine: Any = hf.load(str(folder), {"device": "cpu"})
    numbers, model = engine.pieces.vocabulary, engine.decoder.model
    start, pad = engine.decoder._start, engine.decoder._pad
    rows = [engine.rows([text], source, target)[0] for text, _, source, target in pairs]
    written = [engine.pieces.encode([translation])[0] for _, translation, _, _ in pairs]
    sources = [torch.tensor([numbers[token] for token in row.source]) for row in rows]
    targets = [
        torch.tensor([start, *(numbers[token] for token in [*row.prefix, *tokens, engine.pieces.eos])])
        for row, tokens in zip(rows, written, strict=True)
    ]
    stack: Any = torch.nn.utils.rnn.pad_sequence
    inputs = stack(sources, batch_first=True, padding_value=pad)
    mask = stack([torch.ones_like(source) for source in sources], batch_first=True)
    outputs = stack(targets, batch_first=True, padding_value=-1)
    wanted = outputs[:, 1:].clone()
    # The prefix is given, not guessed.
    wanted[:, : len(rows[0].prefix)] = -1
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    threads = torch.get_num_threads()
    # Beside other work on the machine, two threads on matrices this small only wait for each other.
    torch.set_num_threads(1)
    for _ in range(200):
        logits = model(
            input_ids=inputs, attention_mask=mask, decoder_input_ids=outputs[:, :-1].clamp(min=0), use_cache=False
        ).logits
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=-1, reduction="none")
        # Every token is likelier than all others together: greedy search must write the sentence.
        if losses.max().item() < 0.3:
            break
        optimizer.zero_grad()
        total: Any = losses.mean()
        total.backward()
        optimizer.step()
        if model.config.model_type == "marian":
            # Its decoder starts from a zero embedding, which the shared output weights would move.
            with torch.no_grad():
                model.get_input_embeddings().weight[pad] = 0.0
    torch.set_num_threads(threads)
    from transformers import GenerationConfig

    settings: Any = GenerationConfig
    model.generation_config = settings()
    model.save_pretrained(folder)


def make_translator(folder: Path, kind: str, *, seed: int = 0) -> Path:
    """Write a random model of two layers and its tokenizer to `folder`; `kind` is one of KINDS or OTHERS."""
    import torch

    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer, model = (KINDS | OTHERS)[kind](folder)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

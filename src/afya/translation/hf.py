"""The engine hf: translation models through transformers, in the model's own precision or a chosen one.

NLLB, M2M100, OPUS-MT, MADLAD-400 and SeamlessM4T v2 (text to text); see families.py for how each is told its languages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from afya.datafiles import validate
from afya.errors import EngineError, require
from afya.translation.base import Translator
from afya.translation.checkpoint import Checkpoint, find_checkpoint
from afya.translation.convert import refuse_not_numbers
from afya.translation.ct2 import positions_of
from afya.translation.neural import (
    Decoded,
    NeuralOptions,
    NeuralTranslator,
    Row,
    identify,
    read_layout,
    refuse_device,
)
from afya.translation.pieces import HfPieces, model_pieces

_BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
# Logits held at once when a batch's answer is scored: 2**26 floats are 256 MiB.
_SCORED_AT_ONCE = 2**26


class HfSeq2SeqOptions(NeuralOptions):
    """Settings of hf. `dtype` "auto" is float32 on a CPU, bfloat16 on a GPU; `threads` 0 leaves torch's own number."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"


OPTIONS = frozenset(HfSeq2SeqOptions.model_fields)


def load(name: str, options: Mapping[str, object]) -> Translator:
    """The translator for a model's folder or hub name.

    Raises:
        ConfigError: an option is not known, or the model's languages must be named and are not.
        EngineError: the model cannot be found or loaded; the file at fault is named.
        MissingDependencyError: torch, transformers or sentencepiece is not installed.
    """
    settings = validate(dict(options), HfSeq2SeqOptions, f"hf:{name}")
    require("torch", "local", "The engine hf")
    require("transformers", "local", "The engine hf")
    checkpoint = find_checkpoint(name, settings.revision)
    if checkpoint.converted:
        raise EngineError(f"{checkpoint.folder}: this is a CTranslate2 folder.", hint="Name it as ct2: instead of hf:.")
    pieces = model_pieces(checkpoint)
    layout = read_layout(pieces, settings, f"hf:{checkpoint.name}")
    model, dtype = _placed_model(checkpoint, settings)
    if settings.threads:
        import torch

        torch.set_num_threads(settings.threads)
    shaping = settings.model_dump(include={"beam_size", "max_length", "max_ratio"})
    identity = identify("hf", checkpoint, layout, {**shaping, "dtype": dtype})
    return NeuralTranslator(
        identity,
        pieces,
        layout,
        HfDecoder(model, pieces, settings.beam_size),
        settings,
        positions=positions_of(checkpoint.config()),
        batch_tokens=_BATCH_TOKENS.get(model.device.type, 1024),
    )


def _placed_model(checkpoint: Checkpoint, options: HfSeq2SeqOptions) -> tuple[Any, str]:
    """The model on its device, and its precision's name."""
    import torch

    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = options.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device.startswith("cuda") else "float32"
    model = read_model(checkpoint, dtype)
    try:
        model = model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise refuse_device(device, error) from error
    model.train(False)
    return model, dtype


def read_model(checkpoint: Checkpoint, dtype: str, **settings: object) -> Any:
    """The sequence-to-sequence model of a checkpoint, on the CPU.

    Args:
        dtype: the weights' precision, as torch names it.
        settings: keys of the model's configuration to change, such as dropout.

    Raises:
        EngineError: it cannot be loaded, or its weights are not numbers.
    """
    import torch
    import transformers
    from transformers.utils import logging as library_logging

    quiet: Any = library_logging.disable_progress_bar
    quiet()
    kind = str(checkpoint.config().get("model_type"))
    # The whole Seamless model also speaks and listens; its text parts are all that is loaded.
    spoken: Mapping[str, Any] = {
        "seamless_m4t": transformers.SeamlessM4TForTextToText,
        "seamless_m4t_v2": transformers.SeamlessM4Tv2ForTextToText,
    }
    builder: Any = spoken.get(kind, transformers.AutoModelForSeq2SeqLM)
    try:
        model = builder.from_pretrained(
            checkpoint.folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=getattr(torch, dtype),
            **settings,
        )
    except Exception as error:  # the library raises whatever its readers raise
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise EngineError(
            f"{checkpoint.folder}: the model cannot be loaded ({type(error).__name__}: {first})."
        ) from error
    refuse_not_numbers(model, checkpoint.folder)
    return model


def decoder_start(model: Any) -> int:
    """The token that the decoder begins with, before any prefix."""
    told = model.generation_config.decoder_start_token_id
    return int(model.config.decoder_start_token_id if told is None else told)


def hides_padding(model: Any) -> bool:
    """Whether padding is a row of the vocabulary that was never taught, as Marian's; CTranslate2 leaves it out too."""
    config = model.config
    return bool(config.model_type == "marian" and config.pad_token_id != config.eos_token_id)


class HfDecoder:
    """A loaded sequence-to-sequence model: beam search without sampling, then one pass that scores what was written."""

    def __init__(self, model: Any, pieces: HfPieces, beam_size: int) -> None:
        from transformers import GenerationConfig

        self.model = model
        self._pieces = pieces
        self._start = decoder_start(model)
        self._pad = int(model.config.pad_token_id)
        self._eos = int(pieces.vocabulary[pieces.eos])
        self._hides_pad = hides_padding(model)
        # The model's own generation settings are put aside: several force the end at the greatest length, which would
        # pass a cut translation for a whole one.
        settings: Any = GenerationConfig
        model.generation_config = settings(
            decoder_start_token_id=self._start,
            bos_token_id=self._start,
            pad_token_id=self._pad,
            eos_token_id=self._eos,
            num_beams=beam_size,
            do_sample=False,
            early_stopping=False,
            suppress_tokens=[self._pad] if self._hides_pad else None,
        )

    def begin(self, rows: Sequence[Row], limit: int) -> Callable[[], list[Decoded]]:
        """The batch's results, worked out when the returned call is made."""
        return lambda: self._decode(rows, limit)

    def _decode(self, rows: Sequence[Row], limit: int) -> list[Decoded]:
        import torch
        from transformers import GenerationMixin

        numbers = self._pieces.vocabulary
        sources = [[numbers[token] for token in row.source] for row in rows]
        width = max(len(source) for source in sources)
        device = self.model.device
        inputs = torch.tensor([source + [self._pad] * (width - len(source)) for source in sources], device=device)
        mask = torch.tensor([[1] * len(source) + [0] * (width - len(source)) for source in sources], device=device)
        starts = torch.tensor([[self._start, *(numbers[token] for token in row.prefix)] for row in rows], device=device)
        skip = starts.shape[1]
        # Seamless wraps this method in one that takes the language instead of the decoder's first tokens.
        generate: Any = GenerationMixin.generate
        with torch.inference_mode():
            written = generate(
                self.model, input_ids=inputs, attention_mask=mask, decoder_input_ids=starts, max_new_tokens=limit
            )
            lengths = [self._length(row) for row in written[:, skip:].tolist()]
            scores = self._scores(inputs, mask, written, skip, lengths)
        return [
            self._decoded(row[:length], score)
            for row, length, score in zip(written[:, skip:].tolist(), lengths, scores, strict=True)
        ]

    def _length(self, row: list[int]) -> int:
        """Tokens written, the end included; what follows it is padding."""
        return row.index(self._eos) + 1 if self._eos in row else len(row)

    def _decoded(self, row: list[int], score: float) -> Decoded:
        ended = bool(row) and row[-1] == self._eos
        tokens = [self._pieces.tokens[number] for number in (row[:-1] if ended else row)]
        return Decoded(tokens, score, ended)

    def _scores(self, inputs: Any, mask: Any, written: Any, skip: int, lengths: list[int]) -> list[float]:
        """Mean log-probability of each row's tokens after the prefix: fp32 log-softmax, a few rows at a time."""
        import torch

        vocabulary = len(self._pieces.tokens)
        step = max(1, _SCORED_AT_ONCE // max(1, vocabulary * written.shape[1]))
        scores: list[float] = []
        for first in range(0, len(lengths), step):
            part = slice(first, first + step)
            logits = self.model(
                input_ids=inputs[part],
                attention_mask=mask[part],
                decoder_input_ids=written[part, :-1],
                use_cache=False,
            ).logits
            logits = logits[:, skip - 1 :].float()
            if self._hides_pad:
                logits[..., self._pad] = float("-inf")
            logs = logits.log_softmax(-1)
            chosen = logs.gather(-1, written[part, skip:].unsqueeze(-1)).squeeze(-1).double()
            told = torch.tensor(lengths[part], device=chosen.device)
            places = torch.arange(chosen.shape[1], device=chosen.device)
            kept = torch.where(places < told.unsqueeze(1), chosen, 0.0)
            scores += (kept.sum(1) / told).tolist()
        return scores

    def close(self) -> None:
        del self.model

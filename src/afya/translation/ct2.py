"""The engine ct2: translation models through CTranslate2, converted on first use (see convert.py).

A name is a folder in the Hugging Face layout, a folder that is converted already, or a hub repository of either kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from afya.datafiles import validate
from afya.errors import ConfigError, EngineError, require
from afya.runs import read_json
from afya.translation.base import Translator
from afya.translation.checkpoint import Checkpoint, find_checkpoint
from afya.translation.convert import ensure_converted
from afya.translation.neural import (
    Decoded,
    NeuralOptions,
    NeuralTranslator,
    Row,
    identify,
    read_layout,
    refuse_device,
)
from afya.translation.pieces import Characters, HfPieces, Pieces, SentencePieces, load_tokenizer, model_pieces

# Source tokens of a batch; measured with benchmarks/ct2_speed.py, where larger ones gain nothing on a CPU.
_BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}


class Ct2Options(NeuralOptions):
    """Settings of ct2.

    `compute_type` is how weights are stored and multiplied. `threads` is cores a batch (0: all), `parallel` how many
    batches run at once. For folders without a tokenizer of their own: `tokenization` ("characters", "sentencepiece"
    with its models found in the folder or named by `source_model` and `target_model`), and `source_eos`, whether the
    model was taught with an end token behind the source (None: with sentencepiece yes, with characters no); `tokenizer`
    names the folder of a transformers tokenizer kept elsewhere.
    """

    compute_type: Literal[
        "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
    ] = "int8"
    parallel: int = Field(default=1, ge=1)
    tokenization: Literal["characters", "sentencepiece"] | None = None
    source_model: str | None = None
    target_model: str | None = None
    source_eos: bool | None = None
    tokenizer: str | None = None


OPTIONS = frozenset(Ct2Options.model_fields)


def load(name: str, options: Mapping[str, object]) -> Translator:
    """The translator for a model's folder or hub name, converted now if need be.

    Raises:
        ConfigError: an option is not known, or the model's languages must be named and are not.
        EngineError: the model cannot be found, converted or loaded; the file at fault is named.
        MissingDependencyError: ctranslate2, or what the model's tokenizer needs, is not installed.
    """
    settings = validate(dict(options), Ct2Options, f"ct2:{name}")
    require("ctranslate2", "mt", "The engine ct2")
    checkpoint = find_checkpoint(name, settings.revision)
    pieces: Pieces
    if checkpoint.converted:
        folder, positions = checkpoint.folder, None
        pieces, source_eos = _own_pieces(checkpoint, settings)
    else:
        whole = model_pieces(checkpoint)
        pieces, positions, source_eos = whole, positions_of(checkpoint.config()), True
        folder = ensure_converted(checkpoint, settings.compute_type, whole)
    layout = read_layout(pieces, settings, f"ct2:{checkpoint.name}", source_eos=source_eos)
    decoder = Ct2Decoder(folder, settings, pieces.eos)
    import ctranslate2

    shaping = settings.model_dump(include={"compute_type", "beam_size", "max_length", "max_ratio", "source_eos"})
    identity = identify("ct2", checkpoint, layout, {**shaping, "ctranslate2": ctranslate2.__version__})
    return NeuralTranslator(
        identity,
        pieces,
        layout,
        decoder,
        settings,
        positions=positions,
        batch_tokens=_BATCH_TOKENS.get(decoder.device, 1024),
    )


def positions_of(config: Mapping[str, Any]) -> int | None:
    """How many tokens a model of this configuration can number, None where its positions are relative."""
    told = config.get("max_position_embeddings")
    return told if isinstance(told, int) and told > 0 else None


class Ct2Decoder:
    """A loaded CTranslate2 model. Batches are handed to its own queue and waited for later."""

    def __init__(self, folder: Path, options: Ct2Options, eos: str) -> None:
        import ctranslate2

        device, _, number = options.device.partition(":")
        try:
            self.translator: Any = ctranslate2.Translator(
                str(folder),
                device=device,
                device_index=int(number) if number else 0,
                compute_type=options.compute_type,
                inter_threads=options.parallel,
                intra_threads=options.threads,
            )
        except ValueError as error:
            if "compute type" in str(error):
                known = ", ".join(
                    sorted(ctranslate2.get_supported_compute_types("cpu" if device == "auto" else device))
                )
                raise ConfigError(
                    f"The compute type '{options.compute_type}' cannot be used on this device.",
                    hint=f"It has: {known}.",
                ) from error
            raise refuse_device(options.device, error) from error
        except Exception as error:  # a damaged file raises whatever the reader was doing
            if "CUDA" in str(error):
                raise refuse_device(options.device, error) from error
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise EngineError(
                f"{folder / 'model.bin'}: the converted model cannot be loaded ({first}).",
                hint="Remove the folder; a model that afya converted is converted again on its next use.",
            ) from error
        self.device = str(self.translator.device)
        self._eos = eos
        self._beam_size = options.beam_size

    def begin(self, rows: Sequence[Row], limit: int) -> Callable[[], list[Decoded]]:
        """Start a batch; the returned call waits for it."""
        skip = len(rows[0].prefix)
        waiting = self.translator.translate_batch(
            [row.source for row in rows],
            target_prefix=[row.prefix for row in rows] if skip else None,
            beam_size=self._beam_size,
            # The library's own bound would cut a text without a word.
            max_input_length=0,
            # Else the end could not come first, as it may in transformers; an empty answer is an error of its own.
            min_decoding_length=0,
            max_decoding_length=skip + limit,
            return_scores=True,
            return_end_token=True,
            asynchronous=True,
        )

        def finish() -> list[Decoded]:
            return [self._decoded(one.result(), skip) for one in waiting]

        return finish

    def _decoded(self, result: Any, skip: int) -> Decoded:
        tokens = list(result.hypotheses[0])[skip:]
        ended = bool(tokens) and tokens[-1] == self._eos
        score = float(result.scores[0]) if result.scores else float("nan")
        # The library divides the sum by all tokens, the given prefix too.
        score *= (len(tokens) + skip) / max(1, len(tokens))
        return Decoded(tokens[:-1] if ended else tokens, score, ended)

    def close(self) -> None:
        self.translator.unload_model()


def _own_pieces(checkpoint: Checkpoint, options: Ct2Options) -> tuple[Pieces, bool]:
    """The tokenizer of a folder that was converted elsewhere, and whether the source gets an end token from us."""
    folder, config = checkpoint.folder, checkpoint.config()
    elsewhere = Path(options.tokenizer).expanduser() if options.tokenizer else None
    adds = bool(config.get("add_source_eos", False))
    if options.tokenization is None and (elsewhere or (folder / "tokenizer_config.json").is_file()):
        pieces = HfPieces(load_tokenizer(elsewhere or folder), where=elsewhere or folder)
        return pieces, not adds if options.source_eos is None else options.source_eos
    source, target = _vocabulary(folder, "source"), _vocabulary(folder, "target")
    unk, eos = str(config.get("unk_token") or "<unk>"), str(config.get("eos_token") or "</s>")
    if options.tokenization == "characters":
        return Characters(source, unk=unk, eos=eos), bool(options.source_eos)
    models = _sentencepiece_models(folder, options)
    if models is None:
        raise ConfigError(
            f"{folder}: a converted model without a tokenizer.",
            hint="Say how texts are cut with the option tokenization=characters or tokenization=sentencepiece "
            "(source_model=FILE), or name the folder of its tokenizer with tokenizer=FOLDER.",
        )
    vocabulary = list(dict.fromkeys([*source, *target]))
    return SentencePieces(vocabulary, *models, unk=unk, eos=eos), not adds if options.source_eos is None else (
        options.source_eos
    )


def _sentencepiece_models(folder: Path, options: Ct2Options) -> tuple[Path, Path] | None:
    if options.source_model:
        source = Path(options.source_model).expanduser()
        return source, Path(options.target_model).expanduser() if options.target_model else source
    if (folder / "source.spm").is_file() and (folder / "target.spm").is_file():
        return folder / "source.spm", folder / "target.spm"
    shared = sorted(folder.glob("*.model")) + sorted(folder.glob("*.spm"))
    return (shared[0], shared[0]) if len(shared) == 1 else None


def _vocabulary(folder: Path, side: str) -> list[str]:
    """The tokens of one side, from the JSON that CTranslate2 writes today or the lines it used to write."""
    for stem in (f"{side}_vocabulary", "shared_vocabulary"):
        if (folder / f"{stem}.json").is_file():
            content = read_json(folder / f"{stem}.json")
            if isinstance(content, list) and all(isinstance(token, str) for token in content):
                return content
            raise EngineError(f"{folder / stem}.json: a list of tokens was expected.")
        if (folder / f"{stem}.txt").is_file():
            # Not splitlines(): a token may be one of the other characters that end a line.
            return (folder / f"{stem}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    raise EngineError(f"{folder}: {side}_vocabulary.json (or shared_vocabulary.json) is missing.")

"""A model is converted once, whole or not at all, and a broken one is an error that names what is wrong."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_translators import LINES, make_translator

from afya.errors import EngineError
from afya.translation import convert, ct2, hf
from afya.translation.checkpoint import find_checkpoint
from afya.translation.licensing import licence_of

CPU = {"device": "cpu", "threads": 1}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFYA_CACHE", str(tmp_path / "cache"))
    return make_translator(tmp_path / "tiny", "marian")


def conversions(model: Path) -> list[Path]:
    return sorted(path for path in (model.parent / "cache" / "ct2").iterdir() if not path.name.endswith(".lock"))


def test_the_second_load_does_not_convert(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ct2.load(str(model), CPU)
    (made,) = conversions(model)
    assert json.loads((made / "origin.json").read_text("utf-8"))["quantization"] == "int8"

    def refuse(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(convert, "_convert", refuse)
    second = ct2.load(str(model), CPU)
    assert second.identity == first.identity
    assert second.translate(LINES, "en", "sw") == first.translate(LINES, "en", "sw")
    with pytest.raises(AssertionError):
        ct2.load(str(model), {**CPU, "compute_type": "int16"})


def test_changed_weights_are_converted_anew(model: Path) -> None:
    ct2.load(str(model), CPU)
    shutil.rmtree(model)
    make_translator(model, "marian", seed=1)
    ct2.load(str(model), CPU)
    assert len(conversions(model)) == 2


def _convert_elsewhere(folder: str) -> None:
    ct2.load(folder, CPU)


def test_processes_that_convert_at_once_make_one_conversion(model: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_convert_elsewhere, args=(str(model),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(conversions(model)) == 1


def test_a_conversion_that_fails_leaves_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftover = convert.converted_folder(find_checkpoint(str(model)), "int8")
    stale = leftover.with_name(f".{leftover.name}.1.tmp")
    stale.mkdir(parents=True)
    real: Any = convert._convert

    def full(*settings: Any) -> None:
        real(*settings)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert, "_convert", full)
    with pytest.raises(EngineError, match=r"No space left on device.*AFYA_CACHE"):
        ct2.load(str(model), CPU)
    assert conversions(model) == []


def test_weights_that_are_not_numbers_are_refused_by_name(model: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(model / "model.safetensors")
    weights["model.decoder.layers.1.fc1.weight"][0, 0] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    for load in (ct2.load, hf.load):
        with pytest.raises(EngineError, match=r"decoder\.layers\.1\.fc1\.weight.*not numbers"):
            load(str(model), {"device": "cpu"})


def test_scores_that_are_not_numbers_are_an_error_of_the_text(model: Path) -> None:
    import torch

    engine: Any = hf.load(str(model), {"device": "cpu"})
    with torch.no_grad():
        engine.decoder.model.model.decoder.layers[1].fc1.weight[0, 0] = float("nan")
    answers = engine.translate(LINES[:2], "en", "sw")
    assert [(answer.text, answer.error) for answer in answers] == [("", "the model's scores are not numbers")] * 2


def test_what_fails_in_a_batch_is_tried_in_halves(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = ct2.load(str(model), CPU)
    alone = [answer.error for answer in engine.translate(LINES, "en", "sw")]
    begin = engine.decoder.begin
    poison = engine.rows(LINES[4:5], "en", "sw")[0]

    def failing(rows: Any, limit: int) -> Any:
        if poison in rows or len(rows) > 4:
            raise RuntimeError("out of memory")
        return begin(rows, limit)

    monkeypatch.setattr(engine.decoder, "begin", failing)
    errors = [answer.error for answer in engine.translate(LINES, "en", "sw")]
    assert errors[4] == "the engine failed on this text: out of memory"
    assert errors[:4] + errors[5:] == alone[:4] + alone[5:]


def test_a_folder_that_is_broken_is_an_error_naming_the_file(model: Path) -> None:
    cases: dict[str, tuple[str, str | None]] = {
        "model.safetensors": ("model.safetensors is missing", None),
        "config.json": ("config.json is missing", None),
        "source.spm": ("tokenizer cannot be loaded", None),
        "vocab.json": ("the tokenizer is missing", None),
    }
    for name, (message, _) in cases.items():
        kept = (model / name).read_bytes()
        (model / name).unlink()
        for load in (ct2.load, hf.load):
            with pytest.raises(EngineError, match=message) as caught:
                load(str(model), {"device": "cpu"})
            assert str(model) in str(caught.value)
        (model / name).write_bytes(kept)
    with pytest.raises(EngineError, match="no such model folder"):
        ct2.load(str(model / "absent"), {})
    (model / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EngineError, match="tiny"):
        ct2.load(str(model), CPU)
    with pytest.raises(EngineError, match="tiny"):
        hf.load(str(model), {"device": "cpu"})


def test_a_damaged_conversion_is_named_with_what_to_do(model: Path) -> None:
    ct2.load(str(model), CPU)
    (made,) = conversions(model)
    whole = (made / "model.bin").read_bytes()
    (made / "model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EngineError, match=rf"{made.name}.*Remove the folder"):
        ct2.load(str(model), CPU)


def test_a_converted_folder_runs_with_its_tokenizer_beside_it_or_elsewhere(model: Path, tmp_path: Path) -> None:
    first: Any = ct2.load(str(model), CPU)
    (made,) = conversions(model)
    rows = first.rows(LINES, "en", "sw")
    expected = [one.tokens for one in first.decoder.begin(rows, 20)()]
    moved = tmp_path / "moved"
    shutil.copytree(made, moved)
    elsewhere: Any = ct2.load(str(moved), {**CPU, "tokenizer": str(model)})
    for name in ("source.spm", "target.spm"):
        shutil.copy(model / name, moved / name)
    pieces: Any = ct2.load(str(moved), {**CPU, "source": "en", "target": "sw"})
    for name in ("vocab.json", "tokenizer_config.json"):
        shutil.copy(model / name, moved / name)
    beside: Any = ct2.load(str(moved), CPU)
    for engine in (elsewhere, pieces, beside):
        assert engine.pairs() == {("en", "sw")}
        assert engine.rows(LINES, "en", "sw") == rows
        assert [one.tokens for one in engine.decoder.begin(rows, 20)()] == expected
    with pytest.raises(EngineError, match="ct2:"):
        hf.load(str(moved), {})
    (moved / "shared_vocabulary.json").unlink()
    with pytest.raises(EngineError, match=r"shared_vocabulary\.json is missing"):
        ct2.load(str(moved), CPU)


def test_a_licence_comes_from_the_card_but_never_frees_what_is_non_commercial(tmp_path: Path) -> None:
    assert licence_of(tmp_path, "pair", "unheard-of") == (None, None)
    assert licence_of(tmp_path, "madlad400", "madlad400-3b-mt") == ("Apache-2.0", False)
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n# A model\n", "utf-8")
    assert licence_of(tmp_path, "pair", "ours") == ("CC-BY-NC-SA-4.0", True)
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    assert licence_of(tmp_path, "pair", "ours") == ("Apache-2.0", False)
    assert licence_of(tmp_path, "nllb", "nllb-tuned-for-us") == ("CC-BY-NC-4.0", True)
    (tmp_path / "README.md").write_text("no header", "utf-8")
    assert licence_of(tmp_path, "m2m100", "m2m100_418M") == ("MIT", False)

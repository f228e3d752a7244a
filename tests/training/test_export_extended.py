"""An extended tokenizer: fewer tokens a word, everything else as before, and no way to GGUF."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import make_model

from afya.errors import ConfigError, DataError, EngineError
from afya.folders import DatasetWriter
from afya.items import Item, Split
from afya.models import Message, Prompt, Sampling, load_model
from afya.runs import Ledger
from afya.training.exporting import export
from afya.training.weights.extend import extend
from afya.training.weights.extend_measure import read_texts

YORUBA = [
    f"{who} {what} {where}."
    for who in ("Ọmọ kékeré náà", "Ìyá àgbà", "Bàbá wa", "Àwọn ọ̀rẹ́ rẹ̀", "Dókítà")
    for what in ("ń ní ibà", "ti mu omi púpọ̀", "fẹ́ lọ sí ilé ìwòsàn", "kò jẹun dáadáa", "ra oògùn")
    for where in ("ní ọjọ́ méjì sẹ́yìn", "lánàá", "ní òwúrọ̀ yìí")
]
UNSEEN = "Ìyá rẹ̀ ra omi púpọ̀ ní ọjọ́ méjì."
ENGLISH = "child 30 40"


def pocket(folder: Path) -> Path:
    """A model whose tokenizer takes whole phrases of its vocabulary before any merge."""
    from afya.training.recipe import PocketShape
    from afya.training.weights.pocket import build_model, build_tokenizer

    shape = PocketShape(vocabulary=500, hidden=16, layers=1, heads=1, feed_forward=32, context=256)
    tokenizer = build_tokenizer(["A child has fever. " * 2, "Give water."] * 30, shape.vocabulary, shape.context)
    build_model(shape, tokenizer, 0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["untied", "tied", "phrases", "bytes"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models whose tokenizers differ: byte-level (tied embeddings or not), with whole phrases, with byte fallback."""
    folder = tmp_path_factory.mktemp("base") / str(request.param)
    if request.param == "bytes":
        return Path(request.getfixturevalue("shared")) / "models" / "stories260k"
    if request.param == "phrases":
        return pocket(folder)
    make_model(folder, "qwen3", chat=True)
    if request.param == "tied":
        from transformers import AutoModelForCausalLM

        model: Any = AutoModelForCausalLM.from_pretrained(folder, tie_word_embeddings=True)
        model.config.tie_word_embeddings = True
        model.tie_weights()
        model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def extended(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("extended")
    (place / "yo.txt").write_text("\n".join(YORUBA), encoding="utf-8")
    extend(base, place / "yo.txt", "yo", place / "model", pieces=60, both_forms=True)
    return place / "model"


def parts(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_yoruba_takes_fewer_tokens_and_comes_back_as_it_was(base: Path, extended: Path) -> None:
    old, new = parts(base)[1], parts(extended)[1]
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, UNSEEN)
        assert len(ids(new, text)) < 0.8 * len(ids(old, text))
        assert new.decode(ids(new, text)) == old.decode(ids(old, text))
        if not (new.backend_tokenizer.normalizer and base.name == "phrases"):  # whose own normaliser composes
            assert new.decode(ids(new, text)).strip() == text
    assert all(new.convert_tokens_to_ids(piece) == number for piece, number in old.get_vocab().items())
    assert new.chat_template == old.chat_template


def test_text_without_new_pieces_has_the_same_logits(base: Path, extended: Path) -> None:
    (before, old), (after, new) = parts(base), parts(extended)
    row = ids(old, ENGLISH)
    assert ids(new, ENGLISH) == row
    with torch.inference_mode():
        expected = before(torch.tensor([row])).logits
        found = after(torch.tensor([row])).logits
    assert found.shape[-1] > expected.shape[-1]
    torch.testing.assert_close(found[..., : expected.shape[-1]], expected, rtol=0, atol=1e-5)


def test_new_rows_are_the_means_of_what_they_replace(base: Path, extended: Path) -> None:
    (before, old), (after, new) = parts(base), parts(extended)
    tables = [(before.get_input_embeddings(), after.get_input_embeddings())]
    tables.append((before.get_output_embeddings(), after.get_output_embeddings()))
    known = old.get_vocab()
    added = [piece for piece in new.get_vocab() if piece not in known]
    assert len(added) == 60
    checked = 0
    for number in {number for text in YORUBA for number in ids(new, text) if number >= len(known)}:
        made_of = ids(old, new.decode([number]))
        if old.decode(made_of) != new.decode([number]) or "�" in new.decode([number]) or base.name != "untied":
            continue
        checked += 1
        for was, now in tables:
            torch.testing.assert_close(now.weight[number], was.weight[made_of].mean(0))
    assert checked > 10 or base.name != "untied"
    tied = after.get_input_embeddings().weight.data_ptr() == after.get_output_embeddings().weight.data_ptr()
    assert tied == bool(before.config.tie_word_embeddings)


def test_the_card_tells_what_it_saves_and_what_it_forbids(extended: Path, tmp_path: Path) -> None:
    card = (extended / "README.md").read_text(encoding="utf-8")
    for told in (
        "60 pieces for Yoruba (yo)",
        "tokens a word before",
        "| NFC |",
        "95% interval",
        "**No GGUF:**",
        "not been trained since",
    ):
        assert told in card
    with pytest.raises(ConfigError, match=r"tokenizer was extended.*GGUF does not allow"):
        export(extended, "gguf", tmp_path / "out")


def test_the_extended_model_is_asked_and_exported_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "yo.txt").write_text("\n".join(YORUBA), encoding="utf-8")
    done = extend(make_model(tmp_path / "base"), tmp_path / "yo.txt", "yo", tmp_path / "more", pieces=40)
    row = done.measured[0]
    assert row.texts == 20
    assert row.low <= row.ratio <= row.high < 1
    assert row.after == pytest.approx(row.ratio * row.before)
    exported = export(tmp_path / "more", "ct2", tmp_path / "ct2", stored="float32")
    assert exported.parity.replies_same == 12
    assert (exported.folder / "README.md").read_text(encoding="utf-8").count("## Extended tokenizer") == 1
    reply = load_model(f"hf:{tmp_path / 'more'}", device="cpu").generate(
        [Prompt((Message("user", UNSEEN),))], Sampling(max_tokens=2)
    )
    assert reply[0].error is None
    with pytest.raises(EngineError, match="was extended already"):
        extend(tmp_path / "more", tmp_path / "yo.txt", "yo", tmp_path / "twice", pieces=40)


def test_of_a_dataset_only_training_texts_of_the_language_are_learned(tmp_path: Path) -> None:
    writer, ledger = DatasetWriter(tmp_path / "data", {"made": "by a test"}), Ledger()
    rows: list[tuple[str, Split, str]] = [("yo", "train", text) for text in YORUBA]
    rows += [("yo", "test", UNSEEN), ("en", "train", "A child has fever.")]
    for number, (lang, split, text) in enumerate(rows):
        writer.add(
            Item(
                item_id=f"texts:{number}:{lang}",
                group_id=f"texts:{number}",
                lang=lang,
                task="instruction",
                split=split,
                question=text,
                source="texts",
                licence="CC0-1.0",
                origin="human",
            )
        )
    ledger.add("make", len(rows), len(rows))
    writer.finish(ledger, "# Texts")
    assert sorted(read_texts(tmp_path / "data", "yo")) == sorted(YORUBA)


def test_the_same_text_gives_the_same_tokenizer(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    (tmp_path / "yo.txt").write_text("\n".join(YORUBA), encoding="utf-8")
    made = [extend(base, tmp_path / "yo.txt", "yo", tmp_path / name, pieces=40).folder for name in ("a", "b")]
    assert len({(folder / "tokenizer.json").read_bytes() for folder in made}) == 1


def test_what_cannot_be_extended_says_why(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    short = tmp_path / "short.txt"
    short.write_text("ọ̀kan\nèjì\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="only 2 distinct texts in 'yo'; 40 are needed"):
        extend(base, short, "yo", tmp_path / "out")
    with pytest.raises(ConfigError, match="Unknown language code"):
        extend(base, short, "yoruba", tmp_path / "out")
    short.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        extend(base, short, "yo", tmp_path / "out")
    (tmp_path / "yo.txt").write_text("\n".join(YORUBA), encoding="utf-8")
    unigram = shutil.copytree(base, tmp_path / "unigram")
    content = json.loads((unigram / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"] = {"type": "Unigram", "unk_id": 0, "vocab": [["a", -1.0]]}
    (unigram / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EngineError, match="kind 'Unigram'; only byte-pair"):
        extend(unigram, tmp_path / "yo.txt", "yo", tmp_path / "out")
    assert not (tmp_path / "out").exists()

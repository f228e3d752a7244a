"""The published files themselves, where they are: every count is that of the file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from afya.folders import read_dataset
from afya.items import SPLITS
from afya.sources import ImportResult, import_source

# source, folder, rows read, rows written by (language, split), rejections by reason
CASES: list[tuple[str, str, int, dict[str, dict[str, int]], dict[str, int]]] = [
    ("medqa", "medqa_usmle", 1272, {"en": {"dev": 1272}}, {}),
    ("medmcqa", "medagents_en/medmcqa", 2816, {"en": {"test": 2816}}, {}),
    ("mmlu", "mmlu_medical_en", 1794, {"en": {"test": 1794}}, {}),
    ("mmlu-pro", "medagents_en/mmlu-pro", 818, {"en": {"test": 818}}, {}),
    ("pubmedqa", "pubmedqa", 1000, {"en": {"train": 500, "test": 500}}, {}),
    ("frenchmedmcqa", "frenchmedmcqa", 2171 + 312, {"fr": {"train": 2170, "dev": 312}}, {"duplicate_id": 1}),
    ("kormedmcqa", "kormedmcqa", 3401 + 1059 + 20, {"ko": {"train": 3401, "dev": 1059}}, {"duplicate_id": 20}),
    (
        "igakuqa119",
        "igakuqa119",
        400,
        {"ja": {"test": 292}},
        {"needs_picture": 103, "missing_option": 4, "empty_question": 1},
    ),
    ("jmmlu", "jmmlu", 1701, {"ja": {"test": 1701}}, {}),
    (
        "casimedicos",
        "casimedicos",
        4 * 436,
        {**{lang: {"train": 381, "dev": 55} for lang in ("en", "fr", "es")}, "it": {"train": 380, "dev": 55}},
        {"missing_option": 1},
    ),
    (
        "apollo",
        "apollo_xmedbench",
        12050,
        {
            "en": {"dev": 416},
            "zh": {"dev": 437, "test": 8759},
            "fr": {"dev": 16},
            "es": {"dev": 137},
            "ar": {"dev": 54, "test": 1088},
            "hi": {"dev": 54, "test": 1089},
        },
        {},
    ),
    ("healthbench-br", "healthbench_br", 1000, {"pt": {"test": 1000}}, {}),
    (
        "mmlu-african",
        "mmlu_clinical_african/mmlu_cm_ck_vir",
        12 * (265 + 173 + 29 + 22 + 5 + 5),
        {
            lang: {"dev": 61, "test": 438}
            for lang in ("en", "zu", "xh", "af", "ig", "sn", "am", "bm", "nso", "st", "tn", "ts")
        },
        {},
    ),
    ("kqa", "kqa", 201, {"en": {"test": 201}}, {}),
    ("medquad", "medquad", 16407, {"en": {"train": 16407}}, {}),
    (
        "afriqa",
        "afriqa",
        2 * 3335,
        {
            "en": {"train": 1162, "dev": 1166},
            "fr": {"train": 503, "dev": 504},
            "sw": {"train": 415, "dev": 417},
            "wo": {"train": 503, "dev": 504},
            "yo": {"train": 360, "dev": 361},
            "zu": {"train": 387, "dev": 388},
        },
        {},
    ),
    (
        "xlingeval",
        "xlingeval",
        4 * (246 + 690),
        {"en": {"test": 933}, **{lang: {"test": 935} for lang in ("zh", "es", "hi")}},
        {"missing_field": 2, "missing_answer": 4},
    ),
    ("healthver", "healthver", 1917, {"en": {"dev": 1917}}, {}),
    ("medsafetybench", "medsafetybench", 900, {"en": {"train": 900}}, {}),
    ("xstest", "xstest", 450, {"en": {"test": 450}}, {}),
    ("ashabot", "ashabot_kb", 55 + 2, {"en": {"train": 55}}, {"no_question": 2}),
    (
        "lafand-mt",
        "lafand_mt/fr-wol",
        2 * (3360 + 1506 + 1500),
        {lang: {"train": 3360, "dev": 1506, "test": 1500} for lang in ("fr", "wo")},
        {},
    ),
]


def _import(shared: Path, out: Path, name: str, folder: str) -> ImportResult:
    path = shared / "data" / folder
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return import_source(name, path, out)


@pytest.mark.parametrize(("name", "folder", "rows", "written", "refused"), CASES, ids=[case[0] for case in CASES])
def test_every_row_of_the_published_files_is_accounted_for(
    name: str,
    folder: str,
    rows: int,
    written: dict[str, dict[str, int]],
    refused: dict[str, int],
    shared: Path,
    tmp_path: Path,
) -> None:
    result = _import(shared, tmp_path / "out", name, folder)

    assert result.rows_read == rows
    assert result.manifest["rows"] == written
    assert result.ledger.reasons("import") == refused
    on_disk: Counter[tuple[str, str]] = Counter()
    for frame in read_dataset(tmp_path / "out"):
        on_disk.update(zip(frame["lang"], frame["split"], strict=True))
    assert on_disk == {(lang, split): count for lang, counts in written.items() for split, count in counts.items()}


def test_machine_and_back_translations_are_sources_of_their_own(shared: Path, tmp_path: Path) -> None:
    result = _import(shared, tmp_path / "out", "mmlu-african", "mmlu_clinical_african")

    frames = list(read_dataset(tmp_path / "out"))
    assert result.rows_read == result.rows_written == 12 * 499 + 2 * 299
    assert Counter(name for frame in frames for name in frame["source"]) == {
        "mmlu-african": 12 * 499,
        "mmlu-african-mt": 299,
        "mmlu-african-bt": 299,
    }


def test_tico19_has_each_sentence_in_19_languages(shared: Path, tmp_path: Path) -> None:
    result = _import(shared, tmp_path / "out", "tico19", "tico19")

    # One list repeats itself as 306 lines of nothing but commas; 274 French and 3 Somali sentences are other lines'.
    assert result.ledger.reasons("import") == {"empty_question": 306, "misaligned": 277}
    rows = result.manifest["rows"]
    sentences = {lang: counts["test"] for lang, counts in rows.items() if "test" in counts}
    assert len(sentences) == 19
    assert {lang: count for lang, count in sentences.items() if count != 3071} == {"fr": 2797, "so": 3068}
    assert rows["wo"] == {"train": 306}
    assert result.rows_written == sum(counts.get(split, 0) for counts in rows.values() for split in SPLITS)


def test_tico19_puts_somali_beside_the_english_it_translates(shared: Path, tmp_path: Path) -> None:
    _import(shared, tmp_path / "out", "tico19", "tico19")

    path = shared / "data" / "tico19" / "tico19_multiparallel.jsonl"
    published = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    locale = next(name for name in published[0] if name.startswith("so"))
    somali: dict[str, str] = {}
    for frame in read_dataset(tmp_path / "out"):
        rows = frame.filter(frame["lang"] == "so")
        somali |= dict(zip(rows["group_id"], rows["question"], strict=True))
    # The sentence of line 1500 (from 0) translates the English line 1501, which is the 1502nd.
    assert somali["tico19:sentence-1502"] == published[1500][locale]
    assert somali["tico19:sentence-1101"] == published[1100][locale]
    assert "tico19:sentence-1160" not in somali


def test_sib200_is_aligned_over_25_languages(shared: Path, tmp_path: Path) -> None:
    result = _import(shared, tmp_path / "out", "sib200", "sib200")

    assert len(result.manifest["rows"]) == 25
    assert all(counts == {"train": 701, "dev": 99} for counts in result.manifest["rows"].values())
    groups = Counter(group for frame in read_dataset(tmp_path / "out") for group in frame["group_id"])
    assert set(groups.values()) == {25}


def test_afriqas_answers_are_read_from_their_python_lists(shared: Path, tmp_path: Path) -> None:
    result = _import(shared, tmp_path / "out", "afriqa", "afriqa")

    answers = [answer for frame in read_dataset(tmp_path / "out") for answer in frame["answer_text"] if answer]
    assert len(answers) == 3856 == result.rows_written - 2814
    assert not any(answer.startswith(("[", "'")) for answer in answers)


def test_healthbenchs_examples_are_all_told_a_language(shared: Path, tmp_path: Path) -> None:
    result = _import(shared, tmp_path / "out", "healthbench", "healthbench_examples")

    assert (result.rows_read, result.rows_written) == (30, 30)
    assert {"en", "fr", "ru", "es"} <= set(result.manifest["rows"])


def test_hpo_has_every_translated_term_once(shared: Path, tmp_path: Path) -> None:
    result = _import(shared, tmp_path / "out", "hpo", "hpo_translations")

    rows = {lang: counts["train"] for lang, counts in result.manifest["rows"].items()}
    assert {lang: rows[lang] for lang in ("de", "es", "ja", "pt", "zh")} == {
        "de": 3488,
        "es": 19932,
        "ja": 17868 - 219,
        "pt": 7214,
        "zh": 18988,
    }
    assert result.ledger.reasons("import") == {"duplicate_id": 236, "not_translated": 219}
    reviewed = [
        lang
        for frame in read_dataset(tmp_path / "out")
        for lang, origin in zip(frame["lang"], frame["origin"], strict=True)
        if lang == "de" and origin == "human"
    ]
    assert len(reviewed) == 589

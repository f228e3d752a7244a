"""Every reader, on small files in its native format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import native_fixtures as native
import pytest

from afya.errors import DataError
from afya.folders import read_dataset
from afya.items import Item, from_frame
from afya.sources import SOURCES, ImportResult, import_source
from afya.sources.tico19_alignment import Aligner

Imported = tuple[dict[str, Item], ImportResult]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Imported]:
    """A function that writes a source's fixture, imports it, and gives its items by id and the result."""

    def run(name: str, write: native.Write | None = None, langs: list[str] | None = None) -> Imported:
        folder = tmp_path / "native"
        (write or native.NATIVE[name])(folder)
        result = import_source(name, folder, tmp_path / "out", langs=langs)
        return {item.item_id: item for frame in read_dataset(tmp_path / "out") for item in from_frame(frame)}, result

    return run


def reasons(result: ImportResult) -> dict[str, int]:
    return dict(result.ledger.reasons("import"))


def test_the_catalogue_holds_exactly_the_sources_promised_and_each_has_a_fixture() -> None:
    assert list(SOURCES) == list(native.NATIVE)
    assert all(source.licence and source.citation and source.reads for source in SOURCES.values())


@pytest.mark.parametrize("name", list(native.NATIVE))
def test_every_row_read_is_written_or_rejected(name: str, read: Callable[..., Imported]) -> None:
    items, result = read(name)

    assert len(items) == result.rows_written
    assert result.rows_read == result.rows_written + len(result.ledger.rejections)
    assert {item.lang for item in items.values()} <= set(SOURCES[name].languages)
    assert {item.task for item in items.values()} <= set(SOURCES[name].tasks)


def test_medqa_takes_the_split_from_the_file_and_strips_options(read: Callable[..., Imported]) -> None:
    items, result = read("medqa")

    item = items["medqa:dev-1:en"]
    assert (item.options, item.answer, item.split) == (("One", "Five", "Nine", "Twelve"), (1,), "dev")
    assert items["medqa:train-1:en"].split == "train"
    assert item.extra_value("examination") == "step1"
    assert not reasons(result)


def test_medmcqa_reads_the_original(read: Callable[..., Imported]) -> None:
    items, _ = read("medmcqa")

    first, second = items["medmcqa:q-1:en"], items["medmcqa:q-2:en"]
    assert (first.options, first.answer, first.rationale) == (("Skin", "Liver", "Heart", "Lung"), (2,), "It pumps.")
    assert (second.answer, second.rationale) == ((3,), None)


def test_medmcqa_reads_a_copy_that_counts_answers_from_0(tmp_path: Path) -> None:
    row = {"opa": "Heart", "opb": "Liver", "opc": "Skin", "opd": "Lung", "question": "What pumps blood?"}
    native.lines(tmp_path / "in" / "dev.json", *({**row, "id": f"q{n}", "cop": n % 4} for n in range(8)))
    import_source("medmcqa", tmp_path / "in", tmp_path / "out")

    items = [item for frame in read_dataset(tmp_path / "out") for item in from_frame(frame)]
    assert [item.answer for item in items] == [(n % 4,) for n in range(8)]


def test_one_stray_0_does_not_shift_the_whole_key(tmp_path: Path) -> None:
    row = {"opa": "Heart", "opb": "Liver", "opc": "Skin", "opd": "Lung", "question": "What pumps blood?"}
    rows = [{**row, "id": f"q{n}", "cop": n % 4 + 1} for n in range(12)] + [{**row, "id": "stray", "cop": 0}]
    native.lines(tmp_path / "in" / "dev.json", *rows)
    result = import_source("medmcqa", tmp_path / "in", tmp_path / "out")

    assert reasons(result) == {"answer_outside_options": 1}
    items = [item for frame in read_dataset(tmp_path / "out") for item in from_frame(frame)]
    assert items[0].answer == (0,)


def test_medmcqa_reads_the_selection(read: Callable[..., Imported]) -> None:
    items, _ = read("medmcqa", native.medmcqa_selection)

    assert items["medmcqa:q-1:en"].answer == (2,)
    assert items["medmcqa:q-1:en"].split == "test"


def test_medmcqa_takes_no_mmlu_pro_row_that_lies_beside_it(tmp_path: Path) -> None:
    native.medmcqa_selection(tmp_path / "in" / "medmcqa")
    native.mmlu_pro(tmp_path / "in" / "mmlu-pro")
    result = import_source("medmcqa", tmp_path / "in", tmp_path / "out")

    assert result.rows_written == 1
    assert reasons(result) == {"wrong_source": result.rows_read - 1}


def test_mmlu_reads_quoted_cells_and_only_medical_subjects(read: Callable[..., Imported]) -> None:
    items, _ = read("mmlu")

    assert set(items) == {"mmlu:anatomy-test-1:en", "mmlu:anatomy-test-2:en", "mmlu:virology-dev-1:en"}
    assert items["mmlu:anatomy-test-2:en"].question == "Where is\nthe heart?"
    assert items["mmlu:anatomy-test-1:en"].options == ("Femur", "Ulna", "Rib", "Stapes")
    assert items["mmlu:virology-dev-1:en"].split == "dev"


def test_mmlu_pro_takes_health_in_both_layouts(read: Callable[..., Imported]) -> None:
    items, result = read("mmlu-pro")

    assert items["mmlu-pro:7:en"].answer == (3,)
    assert items["mmlu-pro:9:en"].options == ("Salt", "Coal", "Tar")
    assert reasons(result) == {"not_health": 1}


def test_pubmedqa_takes_the_test_set_from_the_file_beside_it(read: Callable[..., Imported]) -> None:
    items, _ = read("pubmedqa")

    first, second = items["pubmedqa:11:en"], items["pubmedqa:12:en"]
    assert (first.split, second.split) == ("train", "test")
    assert (first.options, first.answer, second.answer) == (("yes", "no", "maybe"), (0,), (2,))
    assert (first.context, first.rationale) == ("We walked.\n\nWe got fitter.", "Walking helps.")


def test_headqa_groups_both_languages_and_rejects_pictures_and_withdrawn_questions(
    read: Callable[..., Imported],
) -> None:
    items, result = read("headqa")

    spanish, english = items["headqa:Cuaderno_X-1:es"], items["headqa:Cuaderno_X-1:en"]
    assert spanish.group_id == english.group_id
    assert (spanish.options, spanish.answer, spanish.split) == (("Arena", "Agua"), (1,), "train")
    assert (spanish.origin, english.origin, english.translated_from) == ("native", "machine", "es")
    assert spanish.extra_value("category") == "nursing"
    assert reasons(result) == {"needs_picture": 2, "missing_answer": 2}


def test_frenchmedmcqa_keeps_several_right_answers_and_refuses_an_id_twice(read: Callable[..., Imported]) -> None:
    items, result = read("frenchmedmcqa")

    item = items["frenchmedmcqa:x1:fr"]
    assert (item.options, item.answer) == (("Pomme", "Pierre", "Poire", "Sable", "Fer"), (0, 2))
    assert reasons(result) == {"duplicate_id": 1}


def test_kormedmcqa_puts_examples_into_dev_unless_they_repeat_a_question(read: Callable[..., Imported]) -> None:
    items, result = read("kormedmcqa")

    assert items["kormedmcqa:nurse-2021-1-1:ko"].rationale is None
    example = items["kormedmcqa:nurse-2021-1-9:ko"]
    assert (example.answer, example.rationale, example.split) == ((0,), "물이다.", "dev")
    assert reasons(result) == {"duplicate_id": 1}


def test_igakuqa119_reads_letters_numbers_and_rejects_pictures(read: Callable[..., Imported]) -> None:
    items, result = read("igakuqa119")

    several, number = items["igakuqa119:119A1:ja"], items["igakuqa119:119A3:ja"]
    assert (several.options, several.answer) == (("水", "砂", "石", "鉄", "茶"), (0, 4))
    assert (number.task, number.answer_text, number.options) == ("long_form", "5", None)
    assert reasons(result) == {"needs_picture": 1, "missing_option": 1}


def test_igakuqa119_finds_the_key_from_a_single_file_or_says_that_it_is_missing(tmp_path: Path) -> None:
    native.igakuqa119(tmp_path / "in")
    questions = tmp_path / "in" / "questions" / "119A_json.json"
    assert import_source("igakuqa119", questions, tmp_path / "out").rows_written == 2
    (tmp_path / "in" / "results" / "correct_answers.csv").unlink()
    with pytest.raises(DataError, match=r"correct_answers\.csv with the right answers is missing"):
        import_source("igakuqa119", questions, tmp_path / "out2")


def test_jmmlu_is_a_human_translation(read: Callable[..., Imported]) -> None:
    items, _ = read("jmmlu")

    item = items["jmmlu:anatomy-test-1:ja"]
    assert (item.question, item.options, item.answer) == ("心臓はどこか", ("足", "胸", "手", "耳"), (1,))
    assert (item.origin, item.translated_from, item.licence) == ("human", "en", "CC-BY-SA-4.0")


def test_casimedicos_shares_groups_and_leaves_out_the_fifth_option_that_is_none(read: Callable[..., Imported]) -> None:
    items, result = read("casimedicos")

    spanish, english = items["casimedicos:case-1:es"], items["casimedicos:case-1:en"]
    assert spanish.group_id == english.group_id
    assert (english.options, english.answer) == (("aaa", "bbb", "ccc", "ddd"), (2,))
    assert (spanish.rationale, spanish.translated_from, english.translated_from) == ("Un caso!", None, "es")
    assert reasons(result) == {"missing_option": 1}


def test_apollo_splits_its_option_string(read: Callable[..., Imported]) -> None:
    items, result = read("apollo")

    several, four = items["apollo:zh-test-1:zh"], items["apollo:zh-test-2:zh"]
    assert (several.options, several.answer) == (("水.", "沙.", "茶."), (0, 2))
    assert four.options == ("米.", "沙.", "石.", "铁.")
    hindi = items["apollo:hi-dev-1:hi"]
    assert (hindi.split, hindi.origin, hindi.licence) == ("dev", "machine", "MIT")
    assert reasons(result) == {"missing_option": 1}


def test_healthbench_br_gives_the_same_items_from_both_formats(tmp_path: Path) -> None:
    def items(write: native.Write, name: str) -> list[Item]:
        write(tmp_path / name)
        import_source("healthbench-br", tmp_path / name, tmp_path / f"out-{name}")
        return [item for frame in read_dataset(tmp_path / f"out-{name}") for item in from_frame(frame)]

    original = items(native.healthbench_br, "original")
    assert original == items(native.healthbench_br_lines, "lines")
    assert [(item.question, item.answer) for item in original] == [("Bebe-se água.", (0,)), ("Bebe-se areia.", (1,))]
    assert original[0].options == ("Verdadeiro", "Falso")


def test_mmlu_african_aligns_by_row_and_rejects_a_file_that_cannot_be_aligned(read: Callable[..., Imported]) -> None:
    items, result = read("mmlu-african")

    english, zulu = items["mmlu-african:college_medicine-test-2:en"], items["mmlu-african:college_medicine-test-2:zu"]
    assert english.group_id == zulu.group_id
    assert (english.origin, zulu.origin, zulu.translated_from) == ("native", "human", "en")
    machine, back = (
        items["mmlu-african-mt:college_medicine-test-1:zu"],
        items["mmlu-african-bt:college_medicine-test-1:en"],
    )
    assert (machine.origin, machine.source, machine.translated_from) == ("machine", "mmlu-african-mt", "en")
    assert (back.origin, back.source, back.translated_from) == ("machine", "mmlu-african-bt", "zu")
    assert reasons(result) == {"misaligned": 1}


def test_kqa_keeps_the_facts_and_leaves_questions_without_answers_alone(read: Callable[..., Imported]) -> None:
    items, result = read("kqa")

    item = items["kqa:1:en"]
    assert (item.answer_text, item.extra_value("must_have")) == ("Yes, you can.", ["Water can be drunk"])
    assert (item.extra_value("nice_to_have"), item.extra_value("sources")) == (None, ["a", "b"])
    assert result.rows_read == 1


def test_medquad_reads_xml_and_tells_documents_with_one_id_apart(read: Callable[..., Imported]) -> None:
    items, result = read("medquad")

    assert set(items) == {"medquad:1_A_QA/7-1:en", "medquad:1_A_QA/7-1/Ice:en", "medquad:1_A_QA/7-2:en"}
    assert items["medquad:1_A_QA/7-1:en"].extra_value("focus") == "Water"
    assert reasons(result) == {"missing_answer": 1}


def test_medquad_gives_the_same_ids_from_json_lines(read: Callable[..., Imported]) -> None:
    items, _ = read("medquad", native.medquad_lines)

    assert set(items) == {"medquad:1_A_QA/7-1:en", "medquad:1_A_QA/7-1/Ice:en"}


def test_tico19_maps_locales_and_writes_a_lists_source_term_once(read: Callable[..., Imported]) -> None:
    items, result = read("tico19")

    sentence = {item.lang: item.question for item in items.values() if item.group_id == "tico19:sentence-1"}
    assert sentence == {
        "en": "wash your hands",
        "id": "cuci tangan",
        "es": "lávese las manos",
        "ff": "loota",
        "sw": "nawa mikono",
    }
    cough = {item.lang: item.question for item in items.values() if item.group_id == "tico19:term-f-en-1"}
    assert cough == {"en": "cough", "nso": "gohlola", "es": "tos"}
    assert items["tico19:term-g-en-1:pt"].extra_value("description") == "said, of rain"
    assert {item.task for item in items.values()} == {"parallel"}
    assert reasons(result) == {"empty_question": 1}


def test_tico19_tells_an_id_from_an_indonesian_sentence(tmp_path: Path) -> None:
    row = {"en": "wash your hands", "id": "CMU_1:4", "sw": "nawa mikono"}
    native.lines(tmp_path / "in" / "tico19_multiparallel.jsonl", row)
    import_source("tico19", tmp_path / "in", tmp_path / "out")

    found = [item for frame in read_dataset(tmp_path / "out") for item in from_frame(frame)]
    assert [item.item_id for item in found] == ["tico19:sentence-CMU_1_4:en", "tico19:sentence-CMU_1_4:sw"]


def test_tico19_refuses_a_list_whose_source_term_differs(tmp_path: Path) -> None:
    native.tico19(tmp_path / "in")
    head = "id,sourceLang,targetLang,sourceString,targetString\n"
    native.plain(tmp_path / "in" / "terminologies" / "f_en-zu_ZA.csv", head + "1,en,zu_ZA,fever,umkhuhlane\n")
    result = import_source("tico19", tmp_path / "in", tmp_path / "out")

    assert reasons(result)["misaligned"] == 1


@pytest.mark.parametrize("lang", ["so", "fr", "sw"])
def test_tico19_leaves_a_file_alone_whose_lines_are_in_line(lang: str) -> None:
    aligner = Aligner()
    assert [aligner.line_of(lang, line, f"sentence {line}") for line in range(3071)] == list(range(3071))


@pytest.mark.parametrize("write", [native.sib200, native.sib200_tsv])
def test_sib200_is_parallel_with_its_topic(write: native.Write, read: Callable[..., Imported]) -> None:
    items, _ = read("sib200", write)

    yoruba = items["sib200:4:yo"]
    assert (yoruba.question, yoruba.task, yoruba.split, yoruba.answer_text) == ("A ń mu.", "parallel", "train", None)
    assert (yoruba.extra_value("topic"), yoruba.translated_from) == ("health", "en")
    assert items["sib200:4:en"].origin == "native"


def test_a_language_outside_the_registry_is_rejected_by_name(read: Callable[..., Imported]) -> None:
    _, result = read("sib200")

    assert reasons(result) == {"unknown_language": 1}


@pytest.mark.parametrize("name", ["headqa", "casimedicos", "apollo", "mmlu-african", "tico19", "sib200"])
def test_only_the_languages_asked_for_are_read(name: str, read: Callable[..., Imported]) -> None:
    lang = {"apollo": "hi", "mmlu-african": "zu", "tico19": "sw", "sib200": "yo"}.get(name, "es")
    items, _ = read(name, langs=[lang])

    assert {item.lang for item in items.values()} == {lang}

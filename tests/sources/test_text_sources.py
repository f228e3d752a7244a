"""The readers of long answers, inference, dialogues and aligned texts, on small files in their native formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import native_fixtures as native
import native_writing as writing
import pytest
from native_texts import TEXTS

from afya.errors import ConfigError, DataError
from afya.folders import read_dataset
from afya.items import Item, from_frame
from afya.sources import ImportResult, import_source

Imported = tuple[dict[str, Item], dict[str, int]]


def found(folder: Path, result: ImportResult) -> Imported:
    items = {item.item_id: item for frame in read_dataset(folder) for item in from_frame(frame)}
    return items, dict(result.ledger.reasons("import"))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Imported]:
    """A function that writes a source's fixture, imports it, and gives its items by id and the rejections by reason."""

    def run(name: str, langs: list[str] | None = None) -> Imported:
        native.NATIVE[name](tmp_path / "in")
        return found(tmp_path / "out", import_source(name, tmp_path / "in", tmp_path / "out", langs=langs))

    return run


def test_medexpqa_leaves_out_a_null_fifth_option_and_keeps_a_real_one(read: Callable[..., Imported]) -> None:
    items, reasons = read("medexpqa")

    english, french = items["medexpqa:7:en"], items["medexpqa:7:fr"]
    assert (english.options, english.answer, english.rationale) == (("aaa", "bbb", "ccc", "ddd"), (3,), "A case!")
    assert (english.split, english.origin, english.translated_from) == ("dev", "machine", "es")
    assert (french.answer, french.split, items["medexpqa:7:es"].origin) == ((4,), "test", "native")
    assert english.extra_value("year") == "2014"
    assert reasons == {"answer_outside_options": 1}


def test_mmedbench_reads_several_answers_and_drops_a_rationale_that_failed_its_check(
    read: Callable[..., Imported],
) -> None:
    items, reasons = read("mmedbench")

    single, several = items["mmedbench:train-ja-1:ja"], items["mmedbench:train-ja-2:ja"]
    assert (single.answer, single.rationale, single.extra) == ((0,), "水だから。", None)
    assert (several.answer, several.rationale, several.extra_value("rationale_checked")) == ((0, 3), None, False)
    assert reasons == {"answer_outside_options": 1}


def test_liveqa_makes_an_entry_of_each_training_answer_and_of_each_test_letter(read: Callable[..., Imported]) -> None:
    items, reasons = read("liveqa")

    trained, tested = items["liveqa:train-1-Q1-S1-A1:en"], items["liveqa:test-TQ1:en"]
    assert (trained.question, trained.answer_text, trained.split) == ("Why does it rain ?", "Clouds.", "train")
    assert (trained.extra_value("focus"), trained.extra_value("letter")) == (["rain"], "Q1")
    assert (tested.answer_text, tested.extra_value("other_answers"), tested.split) == ("Sun.", ["Clouds."], "test")
    assert tested.extra_value("paraphrase") == "Why rain?"
    assert reasons == {"missing_answer": 2}


def test_liveqa_reports_a_file_that_is_no_xml(tmp_path: Path) -> None:
    native.NATIVE["liveqa"](tmp_path / "in")
    writing.plain(tmp_path / "in" / "TREC-2017-LiveQA-Medical-Train-2.xml", "<NLM-QUESTIONS><NLM")
    _, reasons = found(tmp_path / "out", import_source("liveqa", tmp_path / "in", tmp_path / "out"))

    assert reasons["broken_xml"] == 1


def test_xlingeval_takes_a_questions_own_answer_and_names_the_wrong_ones(read: Callable[..., Imported]) -> None:
    items, reasons = read("xlingeval")

    english, hindi = items["xlingeval:liveqa-0:en"], items["xlingeval:liveqa-0:hi"]
    assert (english.answer_text, english.extra_value("wrong_answers")) == ("Clouds.", ["liveqa-1"])
    assert (english.origin, hindi.origin, hindi.translated_from) == ("native", "machine", "en")
    assert "xlingeval:liveqa-1:en" not in items
    assert "xlingeval:liveqa-1:zh" in items
    assert reasons == {"missing_field": 1, "missing_answer": 8}


def test_expertqa_is_two_sources_and_prefers_the_experts_revision(read: Callable[..., Imported]) -> None:
    items, reasons = read("expertqa")

    medical, biological = items["expertqa-med:1:en"], items["expertqa-bio:2:en"]
    assert (medical.answer_text, medical.extra_value("revised")) == ("It pours.", True)
    assert (biological.answer_text, biological.extra_value("revised")) == ("It rains.", False)
    assert medical.extra_value("question_type") == ["Summary", "Advice"]
    assert reasons == {"not_health": 1}


def test_bionli_is_entailment_or_not_with_the_strategy_kept(read: Callable[..., Imported]) -> None:
    items, reasons = read("bionli")

    true, false = items["bionli:99-4:en"], items["bionli:99-5:en"]
    assert (true.task, true.context, true.answer) == ("nli", "<re> A <er> was given, B fell.", (0,))
    assert (false.question, false.answer, false.extra_value("strategy")) == ("A raises B.", (1,), "SRE")
    assert reasons == {"missing_context": 1, "missing_answer": 1}


def test_mednli_is_marked_as_not_to_be_passed_on(read: Callable[..., Imported]) -> None:
    items, reasons = read("mednli")

    item = items["mednli:b1:en"]
    assert (item.context, item.question, item.answer, item.split) == ("He drinks tea.", "He drinks.", (2,), "test")
    assert (item.licence, item.extra_value("redistributable")) == ("PhysioNet-Credentialed-1.5.0", False)
    assert reasons == {"missing_answer": 1}


def test_healthver_keeps_its_own_three_words(read: Callable[..., Imported]) -> None:
    items, reasons = read("healthver")

    item = items["healthver:dev-7:en"]
    assert (item.options, item.answer) == (("Supports", "Neutral", "Refutes"), (0,))
    assert (item.context, item.extra_value("question")) == ("We saw, often, that tea helps.", "does tea help")
    assert reasons == {"answer_outside_options": 1}


def test_afriqa_reads_lists_with_unescaped_quotes_and_keeps_questions_without_answers(
    read: Callable[..., Imported],
) -> None:
    items, reasons = read("afriqa")

    swahili, english = items["afriqa:sw-dev-0:sw"], items["afriqa:sw-dev-0:en"]
    assert (swahili.answer_text, swahili.extra_value("other_answers"), swahili.origin) == ("M'ba", ["Ali"], "native")
    assert (english.answer_text, english.origin, english.translated_from) == ("M'ba", "human", "sw")
    assert items["afriqa:sw-dev-1:sw"].task == "parallel"
    assert reasons == {"wrong_type": 1}


def test_afriqa_needs_the_published_names(tmp_path: Path) -> None:
    writing.lines(tmp_path / "swahili.json", {"id": 0})
    with pytest.raises(DataError, match="does not say which language"):
        import_source("afriqa", tmp_path / "swahili.json", tmp_path / "out")


def test_ashabot_finds_questions_and_says_which_files_ask_nothing(read: Callable[..., Imported]) -> None:
    items, reasons = read("ashabot")

    first = items["ashabot:tea_faq-1:en"]
    assert (first.question, first.answer_text) == ("What is tea?", "A drink.\n• hot")
    assert first.extra_value("title") == "QUESTIONS ON TEA"
    assert items["ashabot:tea_faq-2:en"].question == "Who drinks it?"
    assert reasons == {"no_question": 1, "missing_answer": 1}


def test_healthbench_is_a_dialogue_with_rubrics_in_the_language_it_was_asked_in(read: Callable[..., Imported]) -> None:
    items, reasons = read("healthbench")

    item = items["healthbench:p1:en"]
    assert [turn.role for turn in item.turns or ()] == ["user", "assistant", "user"]
    assert (item.question, item.answer_text) == ("I like tea with sugar, and water.", "Drink water.")
    assert item.extra_value("rubrics")[0]["points"] == -3
    assert item.extra_value("canary") == "healthbench:x"
    assert items["healthbench:p2:fr"].answer_text is None
    assert reasons == {"misaligned": 1, "missing_answer": 1}


def test_medsafetybench_and_xstest_say_what_is_to_be_refused(tmp_path: Path) -> None:
    for name in ("medsafetybench", "xstest"):
        native.NATIVE[name](tmp_path / name)
        import_source(name, tmp_path / name, tmp_path / f"{name}-out")
    requests, prompts = (
        {item.item_id: item for frame in read_dataset(tmp_path / f"{name}-out") for item in from_frame(frame)}
        for name in ("medsafetybench", "xstest")
    )

    request = requests["medsafetybench:train-gpt4-3-0:en"]
    assert (request.task, request.answer_text) == ("instruction", "I cannot, sorry.")
    assert (request.extra_value("safety"), request.extra_value("category")) == ("harmful_request", 3)
    assert len(requests) == 1
    assert {number: item.extra_value("label") for number, item in prompts.items()} == {
        "xstest:1:en": "safe",
        "xstest:2:en": "unsafe",
    }
    assert prompts["xstest:1:en"].answer_text is None


def test_apollo_corpus_tells_instructions_from_dialogues_and_leaves_running_text(read: Callable[..., Imported]) -> None:
    items, reasons = read("apollo-corpus")

    single, dialogue = items["apollo-corpus:tea_en-1:en"], items["apollo-corpus:tea_en-2:en"]
    assert (single.task, single.answer_text, single.turns) == ("instruction", "A drink.", None)
    assert (dialogue.task, len(dialogue.turns or ()), dialogue.question) == ("dialogue", 4, "How?")
    assert items["apollo-corpus:tea_zh_qa-1:zh"].question == "茶是什么？"
    assert reasons == {"missing_answer": 1}


def test_hpo_groups_by_concept_and_wording_and_marks_what_an_algorithm_made(read: Callable[..., Imported]) -> None:
    items, reasons = read("hpo")

    groups: dict[str, dict[str, str]] = {}
    for item in items.values():
        groups.setdefault(item.group_id, {})[item.lang] = item.question
    assert sorted(groups.values(), key=len) == [
        {"en": "Wet"},
        {"en": "Coughing", "de": "Husten"},
        {"en": "Cough", "de": "Husten", "es": 'Tos "seca"'},
    ]
    machine = next(item for item in items.values() if item.translator == "DeepL")
    assert (machine.origin, machine.extra_value("status")) == ("machine", "CANDIDATE")
    assert reasons == {"unknown_predicate": 1, "not_translated": 1}


def test_lafand_aligns_by_line_and_rejects_lines_without_a_partner(read: Callable[..., Imported]) -> None:
    items, reasons = read("lafand-mt")

    assert items["lafand-mt:en-sw-train-1:sw"].question == "Mvua inanyesha."
    assert items["lafand-mt:en-sw-train-2:en"].origin == "native"
    assert (items["lafand-mt:fr-wo-dev-2:wo"].split, items["lafand-mt:fr-wo-dev-2:wo"].licence) == (
        "dev",
        "CC-BY-NC-4.0",
    )
    assert reasons == {"misaligned": 2, "empty_question": 1}


def test_lafand_needs_both_sides(tmp_path: Path) -> None:
    writing.plain(tmp_path / "en-swa" / "train.en", "It rains.\n")
    with pytest.raises(DataError, match="0 translations lie beside it"):
        import_source("lafand-mt", tmp_path / "en-swa", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "langs", "count"),
    [
        ("afriqa", ["en"], 3),
        ("xlingeval", ["zh"], 2),
        ("hpo", ["de"], 2),
        ("lafand-mt", ["wo"], 2),
        ("mmedbench", ["ja"], 2),
    ],
)
def test_only_the_languages_asked_for(name: str, langs: list[str], count: int, read: Callable[..., Imported]) -> None:
    items, _ = read(name, langs=langs)

    assert {item.lang for item in items.values()} == set(langs)
    assert len(items) == count


def test_a_source_with_a_layout_takes_no_columns(tmp_path: Path) -> None:
    native.NATIVE["xstest"](tmp_path / "in")
    with pytest.raises(ConfigError, match="'xstest' takes no columns"):
        import_source("xstest", tmp_path / "in", tmp_path / "out", columns={"question": "prompt"})


def _every_file(folder: Path, change: Callable[[bytes], bytes]) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize("name", list(TEXTS))
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(name: str, tmp_path: Path) -> None:
    native.NATIVE[name](tmp_path / "in")
    plain = found(tmp_path / "plain", import_source(name, tmp_path / "in", tmp_path / "plain"))
    _every_file(tmp_path / "in", lambda raw: b"\xef\xbb\xbf" + raw.removeprefix(b"\xef\xbb\xbf"))
    _every_file(tmp_path / "in", lambda raw: raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    odd = found(tmp_path / "odd", import_source(name, tmp_path / "in", tmp_path / "odd"))

    assert odd == plain


@pytest.mark.parametrize("name", list(TEXTS))
@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[: len(raw) * 2 // 3],
        lambda raw: raw + b"\xff\xfe broken \x00\n",
        lambda raw: raw.replace(b"a", b"\xe9"),
        lambda raw: raw.replace(b'"', b""),
        lambda raw: raw.replace(b"1", b"null"),
        lambda raw: raw.decode().encode("utf-16"),
        lambda raw: b"",
    ],
    ids=["cut off", "rubbish behind", "another encoding", "no quotes", "nulls", "utf-16", "empty"],
)
def test_broken_files_are_accounted_for_or_refused_in_words(
    name: str, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    native.NATIVE[name](tmp_path / "in")
    _every_file(tmp_path / "in", change)
    result = _result_or_refusal(name, tmp_path / "in", tmp_path / "out")

    if isinstance(result, DataError):
        assert str(tmp_path) in str(result)
    else:
        assert result.rows_read == result.rows_written + len(result.ledger.rejections)


def _result_or_refusal(name: str, folder: Path, out: Path) -> ImportResult | DataError:
    try:
        return import_source(name, folder, out)
    except DataError as error:
        return error

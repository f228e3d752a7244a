"""Others' term lists become one glossary, and every row that is no pair of terms is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.cli.glossary import app
from afya.errors import ConfigError, DataError
from afya.translation.base import Hint
from afya.translation.glossary import Glossary
from afya.translation.glossary_files import import_hpo, import_tico19, import_tsv

TICO = "id,sourceLang,targetLang,sourceString,targetString\n"
BABELON = (
    "source_language\tsource_value\tsubject_id\tpredicate_id\ttranslation_language\ttranslation_value"
    "\ttranslation_status\n"
)


def test_tico_lists_of_several_languages_share_their_concepts(tmp_path: Path) -> None:
    (tmp_path / "f_en-sw_KE.csv").write_text(TICO + '1,en,sw_KE,Dry cough,"kikohozi kikavu"\n', encoding="utf-8")
    (tmp_path / "g_en_zh-CN.csv").write_text(
        TICO + "7,en,zh-CN,dry cough,干咳 : 无痰咳嗽\n8,en,zh-CN,shield,面（部）罩\n", encoding="utf-8"
    )
    done = import_tico19([tmp_path])
    assert (done.rows_read, done.pairs, done.rejected) == (3, 3, [])
    assert done.glossary.forms("tico19:dry cough", "zh") == ("干咳", "无痰咳嗽")
    assert done.glossary.forms("tico19:shield", "zh") == ("面罩", "面部罩")
    assert done.glossary.hints("A dry cough", "en", "sw") == [Hint("dry cough", "kikohozi kikavu")]
    assert {entry.licence for entry in done.glossary.entries()} == {"CC0-1.0"}


def test_rows_that_are_no_pair_are_rejected_with_line_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "f_en-sw.csv"
    rows = ["1,en,sw,fever,homa", "2,en,sw,cough", "3,en,qq,cough,x", "4,en,sw,pain,--", "5,,,,", "6,en,en,a,b"]
    file.write_bytes((TICO + "\n".join(rows) + "\n").encode() + b"7,en,sw,rash,\xff\xfe\n")
    done = import_tico19([file])
    assert [(row.line, row.reason) for row in done.rejected] == [
        (3, "wrong_column_count"),
        (4, "unknown_language"),
        (5, "empty_term"),
        (6, "missing_language"),
        (7, "same_language"),
        (8, "wrong_encoding"),
    ]
    assert done.rows_read == done.pairs + len(done.rejected) == 7


def test_hpo_names_are_terms_and_definitions_are_not(tmp_path: Path) -> None:
    rows = [
        "en\tFever\tHP:0001945\trdfs:label\tfr\tFièvre\tOFFICIAL",
        'en\t"Heavy" head\tHP:0000256\trdfs:label\tfr\tTête "lourde"\tCANDIDATE',
        "en\tA raised temperature\tHP:0001945\tIAO:0000115\tfr\tUne température\tOFFICIAL",
        "en\tCough\tHP:0012735\trdfs:label\tfr\t\tNOT_TRANSLATED",
        "en\tAll\tHP:0000001\trdfs:label\tfr\tTout\tOFFICIAL",
    ]
    (tmp_path / "hp-fr.babelon.tsv").write_text(BABELON + "\n".join(rows) + "\n", encoding="utf-8")
    done = import_hpo([tmp_path])
    assert [row.reason for row in done.rejected] == ["not_a_name", "not_translated", "not_a_term"]
    assert {entry.source for entry in done.glossary.entries()} == {"hpo", "hpo-candidate"}
    assert done.glossary.forms("HP:0000256", "fr") == ('Tête "lourde"',)
    assert import_hpo([tmp_path], official_only=True).rejected[0].reason == "not_official"


def test_two_columns_name_their_languages_and_what_stays(tmp_path: Path) -> None:
    file = tmp_path / "ours.tsv"
    file.write_text("en\tsw\nfever\thoma\tnoun\tjoto|homa kali\nPanadol\t=\nbroken\n", encoding="utf-8")
    done = import_tsv([file], name="ours", licence="CC0-1.0")
    assert done.glossary.forms("ours:fever", "sw") == ("homa", "joto", "homa kali")
    assert done.glossary.forms("ours:fever", "en") == ("fever",)
    assert done.glossary.keeps("ours:panadol")
    assert [row.reason for row in done.rejected] == ["wrong_column_count"]
    file.write_text("fever\thoma\n", encoding="utf-8")
    assert import_tsv([file], name="ours", licence="CC0-1.0", source="en", target="sw").pairs == 1
    with pytest.raises(ConfigError, match="not named"):
        import_tsv([file], name="ours", licence="CC0-1.0")


def test_a_file_of_another_kind_and_an_absent_one_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="sourceLang"):
        import_tico19([tmp_path])
    with pytest.raises(DataError, match="no file"):
        import_hpo([tmp_path])
    with pytest.raises(DataError, match="no such file"):
        import_hpo([tmp_path / "none"])


def test_the_real_tico_terms_are_read_and_found_in_real_sentences(shared: Path) -> None:
    folder = shared / "data" / "tico19" / "terminologies"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    done = import_tico19([folder])
    assert done.rows_read == done.pairs + len(done.rejected) > 14_000
    assert {row.reason for row in done.rejected} <= {"missing_language", "empty_term"}
    assert {"sw", "wo", "yo", "zu", "zh", "ja", "ko", "nso"} <= set(done.glossary.languages())
    hints = done.glossary.hints("Acute bronchitis and AIDS; a persistent cough.", "en", "sw")
    assert [hint.source for hint in hints] == ["Acute bronchitis", "AIDS", "cough"]


def test_real_hpo_translations_are_read(shared: Path) -> None:
    file = shared / "data" / "hpo_translations" / "babelon" / "hp-de.babelon.tsv"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    done = import_hpo([file])
    assert done.pairs > 3_000
    assert done.glossary.hints("11 pairs of ribs were seen", "en", "de") == [Hint("11 pairs of ribs", "11 Rippenpaare")]


def test_the_command_imports_shows_spots_and_joins(tmp_path: Path) -> None:
    (tmp_path / "ours.tsv").write_text("en\tsw\nfever\thoma\nPanadol\t=\nx\n", encoding="utf-8")
    run = CliRunner().invoke
    out = str(tmp_path / "g.parquet")
    named = ["--name", "ours", "--licence", "CC0-1.0", "--rejected", str(tmp_path / "bad.tsv")]
    done = run(app, ["import", "tsv", str(tmp_path / "ours.tsv"), "--out", out, *named])
    assert done.exit_code == 0, done.output
    assert "2 pairs of terms, 1 rejected" in done.output
    assert "wrong_column_count" in (tmp_path / "bad.tsv").read_text()
    assert "Swahili" in run(app, ["show", out]).output
    told = run(app, ["spot", out, "Panadol for a fever", "--source", "en", "--target", "sw"]).output
    assert "homa" in told
    assert "not translated" in told
    both = str(tmp_path / "both.parquet")
    assert run(app, ["merge", out, out, "--out", both, "--licences", "CC0-1.0"]).exit_code == 0
    assert len(Glossary.load(both).frame) == 4
    refused = run(app, ["import", "tico19", str(tmp_path), "--out", out, "--name", "x"])
    assert isinstance(refused.exception, ConfigError)

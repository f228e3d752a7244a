"""Files are read with their sections and pages, cut at sentence ends, and refused in words when they are broken."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from afya.assistant.knowledge.chunks import LARGEST, TOO_LONG, Block, Cutting, cut, size
from afya.assistant.knowledge.readers import read
from afya.errors import ConfigError, DataError
from afya.text.sentences import sentences


def _pdf(path: Path, pages: list[list[str]], password: str | None = None) -> Path:
    """A PDF of lines of text, written by hand: pypdf reads and encrypts but does not typeset."""
    bodies: list[bytes] = []
    kids = []
    for number, rows in enumerate(pages):
        told = " ".join(f"({row}) Tj 0 -14 Td" for row in rows)
        stream = f"BT /F1 12 Tf 50 700 Td {told} ET".encode()
        bodies.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {4 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        kids.append(f"{5 + 2 * number} 0 R")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *bodies,
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    path.write_bytes(out)
    if password is not None:
        from pypdf import PdfReader, PdfWriter

        writer = PdfWriter(clone_from=PdfReader(path))
        writer.encrypt(password, algorithm="RC4-128")
        writer.write(path)
    return path


def test_a_sentence_is_never_cut_and_a_passage_never_reaches_over_a_section() -> None:
    sentence = "Give the child clean water with salts after every loose stool, number {}. "
    long = "".join(sentence.format(number) for number in range(60)).strip()
    blocks = [Block(long, ("Water",)), Block("Wash your hands.", ("Hands",)), Block("Use soap.", ("Hands",))]
    chunks = list(cut(blocks, "en", Cutting()))
    assert all(size(chunk.text) <= LARGEST for chunk in chunks)
    assert "".join(chunk.text + " " for chunk in chunks if chunk.block.section == ("Water",)).strip() == long
    assert {piece.strip() for chunk in chunks[:-1] for piece in sentences(chunk.text, "en")} == {
        sentence.format(number).strip() for number in range(60)
    }
    assert chunks[-1].text == "Wash your hands.\nUse soap."


def test_a_long_row_stays_whole_and_what_is_no_prose_is_counted() -> None:
    row = "Medicine: " + "x " * LARGEST
    left_out = Cutting()
    chunks = list(cut([Block(row, kind="row"), Block("y" * (TOO_LONG + 1), ("Dump",), "7")], "en", left_out))
    assert [chunk.text for chunk in chunks] == [row.strip()]
    assert (left_out.too_long, left_out.places) == (1, ["Dump, page 7"])


def test_chinese_is_measured_by_what_it_says() -> None:
    text = "孩子腹泻时要多喝水。" * 200
    chunks = list(cut([Block(text)], "zh", Cutting()))
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(3 * len(chunk.text) * 0.9 <= size(chunk.text) <= LARGEST for chunk in chunks)
    assert all(chunk.text.endswith("。") for chunk in chunks)


def test_markdown_gives_sections_tables_and_what_it_says_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "nets.md"
    path.write_text(
        "---\ntitle: Bed nets\nlicence: CC0-1.0\nlang: sw\n---\n# Malaria\n## Nets\nSleep under a **net**.\n\n"
        "| age | net |\n|---|---|\n| baby | small |\n\n```\ncode\n```\n<!-- a note -->\n## Fever\nTest [first](http://x).\n",
        encoding="utf-8",
    )
    found = read(path)
    assert (found.title, found.licence, found.lang) == ("Bed nets", "CC0-1.0", "sw")
    assert [(block.section, block.text.strip(), block.kind) for block in found.blocks] == [
        (("Malaria", "Nets"), "Sleep under a net.", "text"),
        (("Malaria", "Nets"), "age: baby; net: small", "row"),
        (("Malaria", "Fever"), "Test first.", "text"),
    ]


def test_html_leaves_out_scripts_and_keeps_tables(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        "<html lang='fr-FR'><head><title>Palu</title><script>alert('x<b>')</script><style>p{}</style></head><body>"
        "<nav>Accueil</nav><h1>Fièvre</h1><p>Tester <b>d'abord</b>.</p><table><tr><th>âge</th><th>dose</th></tr>"
        "<tr><td>2 ans</td><td>1 comprimé</td></tr></table></body></html>",
        encoding="utf-8",
    )
    found = read(path)
    assert (found.title, found.lang) == ("Palu", "fr")
    assert [(block.section, block.text) for block in found.blocks] == [
        (("Fièvre",), "Tester d'abord."),
        (("Fièvre",), "âge: 2 ans; dose: 1 comprimé"),
    ]


def test_a_pdf_keeps_pages_joins_what_a_page_cuts_and_drops_running_headers(tmp_path: Path) -> None:
    words = ("water", "milk", "soap", "nets")
    pages = [[f"Health book {number}", f"Bring {word} and", f"{word} again"] for number, word in enumerate(words)]
    pages[3][-1] = "go."
    found = read(_pdf(tmp_path / "book.pdf", pages))
    blocks = list(found.blocks)
    assert [block.page for block in blocks] == ["1-4"]
    assert blocks[0].text == (
        "Bring water and water again Bring milk and milk again Bring soap and soap again Bring nets and go."
    )


def test_docx_and_xlsx_give_sections_and_whole_rows(tmp_path: Path) -> None:
    import docx
    import openpyxl

    document = docx.Document()
    document.add_heading("Burns", level=1)
    document.add_paragraph("Cool the burn with water.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], ("size", "do", "small", "cool it"), strict=True
    ):
        cell.text = text
    document.save(str(tmp_path / "burns.docx"))
    assert [(block.section, block.text) for block in read(tmp_path / "burns.docx").blocks] == [
        (("Burns",), "Cool the burn with water."),
        (("Burns",), "size: small; do: cool it"),
    ]
    book = openpyxl.Workbook()
    book.active.title = "Doses"
    book.active.append(["drug", "mg"])
    book.active.append(["zinc", 20])
    book.save(tmp_path / "doses.xlsx")
    assert [(block.section, block.text, block.page) for block in read(tmp_path / "doses.xlsx").blocks] == [
        (("Doses",), "drug: zinc; mg: 20", "row 2")
    ]


def test_json_lines_are_known_by_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "who.jsonl"
    row = {"id": "who-emcare-x-1", "section": "B7", "label": "Lethargic", "text": "A drowsy child."}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = read(path)
    assert (found.licence, found.lang, found.publisher) == ("CC0-1.0", "en", "World Health Organization")
    assert [(block.section, block.text) for block in found.blocks] == [(("B7", "Lethargic"), "A drowsy child.")]
    path.write_text('{"text": "Maji safi.", "lang": "sw", "page": 3}\n{"text": 5}\n', encoding="utf-8")
    rows = read(path)
    with pytest.raises(DataError, match="line 2: 'text' is no text"):
        list(rows.blocks)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", "Fièvre".encode("cp1252"), "not utf-8.*--encoding"),
        ("a.txt", b"a\0b", "null bytes"),
        ("a.pdf", b"%PDF-1.4 broken", "cannot be read"),
        ("a.docx", b"no zip", "cannot be unpacked"),
        ("a.xlsx", b"no zip", "cannot be unpacked"),
        ("a.html", b"<script>x()</script>", "holds no text"),
        ("a.jsonl", b'{"other": 1}\n', "no known collection"),
        ("a.jsonl", b"{broken\n", "line 1: not JSON"),
    ],
)
def test_a_broken_file_is_refused_in_words(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        list(read(path).blocks)


def test_an_encoding_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Fièvre.".encode("cp1252"))
    assert [block.text for block in read(path, "cp1252").blocks] == ["Fièvre."]
    with pytest.raises(ConfigError, match="no known encoding"):
        list(read(path, "cp9999").blocks)


def test_scans_encrypted_files_and_zip_bombs_are_not_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is a scan"):
        read(_pdf(tmp_path / "scan.pdf", [[], []]))
    with pytest.raises(DataError, match="encrypted"):
        read(_pdf(tmp_path / "locked.pdf", [["Text."]], password="secret"))
    for name in ("bomb.docx", "bomb.xlsx"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/document.xml", b"0" * 30_000_000)
        with pytest.raises(DataError, match="unpacks from"):
            read(tmp_path / name)
    (tmp_path / "old.doc").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"'\.doc' are not read"):
        read(tmp_path / "old.doc")


def test_a_line_of_many_megabytes_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("Give water now. " * 100_000, encoding="utf-8")
    blocks = list(read(path).blocks)
    assert len(blocks) > 10
    assert "".join(block.text for block in blocks) == path.read_text(encoding="utf-8")
    assert all(block.text.rstrip().endswith(".") for block in blocks)

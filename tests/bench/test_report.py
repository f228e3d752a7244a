"""The report: a page that is complete, inert, accessible and the same bytes for the same runs."""

import base64
import hashlib
import re
from io import StringIO
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from report_runs import LANGS, Page, make_run
from rich.console import Console

from afya.bench.analysis.summary import read_scores, summarise, with_interval
from afya.bench.page.cells import contrast, ranged, shade, shade_gap, signed
from afya.bench.page.markup import Markup, escaped, tag
from afya.bench.page.plots import PALETTE
from afya.bench.page.report import print_stages, print_table, write_report
from afya.errors import DataError


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("stages")
    return [
        make_run(place / name, "pocket", ease, seed)
        for seed, (name, ease) in enumerate((("a", 0.2), ("b", 0.5), ("c", 0.9)))
    ]


@pytest.fixture(scope="module")
def page(stages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("page") / "report.html"
    labels = ["before", "after stage 1", "after stage 2"]
    assert write_report(stages, out, title="Tuning <the> $pocket model", labels=labels) == out
    return out.read_text(encoding="utf-8")


def test_the_same_runs_give_the_same_bytes(stages: list[Path], page: str, tmp_path: Path) -> None:
    labels = ["before", "after stage 1", "after stage 2"]
    again = write_report(stages, tmp_path / "again.html", title="Tuning <the> $pocket model", labels=labels)
    assert again.read_text(encoding="utf-8") == page


def test_hostile_text_stays_text(page: str) -> None:
    parsed = Page(page)
    # One script of our own, and data that no browser runs.
    assert [script.get("type") for script in parsed.named("script")].count(None) == 1
    assert {script.get("type") for script in parsed.named("script")} == {None, "application/gzip"}
    assert not parsed.named("img")
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert any("</script><script>document.title='run'</script>" in text for text in parsed.text)
    assert "$title ${body}" in page
    assert "\x00" not in page
    assert "Tuning &lt;the&gt; $pocket model" in page


def test_nothing_is_loaded_and_only_the_pages_own_script_may_run(page: str) -> None:
    parsed = Page(page)
    assert not parsed.named("link")
    addresses = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action")
    ]
    assert all(value is not None and value.startswith("#") for value in addresses)
    assert "@import" not in page
    assert "url(" not in page.split("</style>")[0]
    script = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';" in page
    assert not [word for word in ("innerHTML", "outerHTML", "insertAdjacent", "eval(", "fetch(") if word in script[0]]


def test_ids_are_unique_and_every_reference_has_its_target(page: str) -> None:
    parsed = Page(page)
    ids = [str(attributes["id"]) for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in parsed.elements:
        for name in ("aria-labelledby", "href"):
            for target in (attributes.get(name) or "").split():
                assert target.removeprefix("#") in ids
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(ids)


def test_a_screen_reader_finds_headings_captions_scopes_and_languages(page: str) -> None:
    parsed = Page(page)
    levels = [int(name[1]) for name, _ in parsed.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert len(parsed.named("caption")) == len(parsed.named("table")) > 5
    assert all(header.get("scope") in ("row", "col") for header in parsed.named("th"))
    assert parsed.named("html") == [{"lang": "en"}]
    assert {attributes["lang"] for _, attributes in parsed.elements if "lang" in attributes} >= {"en", "zh", "sw", "yo"}
    assert page.count('role="img"') == page.count("<svg ") == page.count("</desc>") >= 4
    assert "Yorùbá" in page
    assert "简体中文" in page


def test_every_stage_and_language_has_its_number_with_n_interval_and_non_answers(stages: list[Path], page: str) -> None:
    summary = summarise(read_scores(stages, ["before", "after stage 1", "after stage 2"]))
    for row in summary.iter_rows(named=True):
        shown = (
            f'{100 * row["accuracy"]:.1f} <span class="range">[{100 * row["low"]:.1f}, {100 * row["high"]:.1f}]</span>'
        )
        assert shown in page
        assert f"n {row['n']:,}, no answer {100 * row['non_answer_rate']:.1f}%" in page


def test_the_report_holds_every_part(page: str) -> None:
    text = " ".join(Page(page).text)
    for part in (
        "What was measured",
        "0123456789abcdef",
        "multiple choice, free answers read",
        "High-resource against low-resource languages",
        "From “before” to “after stage 2”",
        "Times the base",
        "Gap to English",
        "Right in English, wrong here",
        "How evenly the languages are served",
        "What the gap to English is made of",
        "Outcomes by language",
        "US dollars for 1,000 items",
        "Token tax: prompt tokens as a multiple of English",
        "The first prompt, as each model read it",
        "How to read this",
        "Interval",
        "Items and replies",
        "Question",
    ):
        assert part in text
    # An item is told by its question, not by the instruction that all prompts share.
    summaries = re.findall(r'<summary><span lang="sw" dir="ltr">(.{9})', page)
    assert summaries == ["Question "] * 2
    assert page.count(">Replies to case:") == 2 * len(LANGS)


def test_plots_keep_text_as_text_and_take_the_pages_colours(page: str) -> None:
    plots = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    assert all("<text" in plot and "after stage 1" in plot for plot in plots)
    assert all("Yoruba (yo)" in plot for plot in plots if "by language" in plot)
    for plot in plots:
        assert not re.findall(r"#[0-9a-f]{6}\b", plot)
        assert set(re.findall(r"var\(--([a-z]+)\)", plot)) <= set(PALETTE)
        assert "<metadata" not in plot
        assert "<style" not in plot


def test_the_first_screen_says_which_model_is_best_in_each_language_and_how_sure_that_is(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, name, ease, 4) for name, ease in (("weak", 0.2), ("good", 0.9), ("fair", 0.85))]
    page = write_report(runs, tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    header = page[page.index("<header>") : page.index("</header>")]
    assert "Over all languages good answers multiple choice best" in header
    rows = re.findall(r'<tr[^>]*><th scope="row">(.*?)</th><td class="text">(.*?)</td>(.*?)</tr>', header)
    assert len(rows) == len(LANGS) + 1
    yoruba = next(row for row in rows if "Yoruba" in row[0])
    assert yoruba[1] in ("good", "fair")
    assert "1 of 2: " in yoruba[2]
    assert "weak" not in yoruba[2]


def test_settings_of_one_task_are_candidates_beside_one_another(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("one", "two"), 0.3, 1, setting=("generate", "generate+cot"))
    page = write_report([run], tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    header = page[page.index("<header>") : page.index("</header>")]
    assert "2 settings" in header
    assert re.search(r'<td class="text">(one|two) \(generate(\+cot)?\)</td>', header)
    text = " ".join(Page(page).text)
    assert "What the way of asking changes" in text
    assert "multiple choice: free answers read, reasoned first, against free answers read" in text
    assert "Over all languages it helps" in text


def test_models_without_a_rank_are_told_and_not_ranked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("a", "b"), 0.5, 2, groups=40)
    page = write_report([run], tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    assert "The data give no ranks: no two of these models can be told apart." in page
    assert "the data cannot tell the two models apart" in page


def test_many_models_share_pictures_and_keep_their_tables(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [f"model-{number:02d}" for number in range(14)], 0.2, 3, groups=12)
    page = write_report([run], tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    Page(page)
    assert page.count("<svg ") < 10
    assert "<summary>Yoruba: every model</summary>" in page
    assert "<summary>model-05: gap to English as a table</summary>" in page
    assert "Items and replies" not in page
    assert "script-src 'none'" in page
    assert "14 models make 91 pairs" in page
    heat = page[page.index(">Models and languages, % correct") :].split("</table>")[0]
    assert heat.count('<th scope="row">') == 14
    assert heat.count("style=") == 14 * len(LANGS)


def test_option_scores_bring_calibration_and_no_language_of_answers(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("a", "b"), 0.5, 2, setting="letter")
    page = write_report([run], tmp_path / "report.html").read_text(encoding="utf-8")
    text = " ".join(Page(page).text)
    assert "Confidence against correctness, all languages" in text
    assert re.search(r"ECE \d+\.\d, n = \d+", text)
    assert "Language of the answers" not in text
    assert "options scored" in text


def test_a_bare_scores_file_is_enough(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model", 0.5, 1)
    for file in ("manifest.json", "replies.parquet", "items.parquet", "parts/prompts-data/data-00000.parquet"):
        (run / file).unlink()
    page = write_report([run], tmp_path / "report.html").read_text(encoding="utf-8")
    Page(page)
    assert "case:0" in page


def test_a_torn_table_is_named_and_no_report_is_left(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "model", 0.5, 1)
    (run / "replies.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(DataError, match="cannot be read"):
        write_report([run], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_colours_can_be_read_on_light_and_dark_pages() -> None:
    """WCAG 2.2: 4.5:1 for text. Marks of a plot, for which 3:1 would do, are held to the same."""
    for side in (0, 1):
        paper, band = PALETTE["paper"][side], PALETTE["band"][side]
        for name in ("ink", "muted", "accent", "first", "second", "third", "blue", "orange", "green", "purple"):
            assert contrast(PALETTE[name][side], paper) >= 4.5, (name, side)
            assert contrast(PALETTE[name][side], band) >= 4.2, (name, side)
    assert len({light for light, _ in PALETTE.values()}) == len(PALETTE)
    for hundredth in range(101):
        for back, text in (shade(hundredth / 100), shade_gap(hundredth / 100), shade_gap(-hundredth / 100)):
            assert contrast(back, text) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_markup_escapes_all_but_markup() -> None:
    assert tag("td", "<b>", class_='"x"', aria_label="a&b", hidden=True, lang=None) == (
        '<td class="&quot;x&quot;" aria-label="a&amp;b" hidden>&lt;b&gt;</td>'
    )
    assert tag("p", Markup("<b>ok</b>"), " & ", None, tag("br")) == "<p><b>ok</b> &amp; <br></p>"
    assert escaped("a\x07b\r\nc\ud800") == "a\ufffdb\nc\ufffd"
    assert ranged(-0.02, -0.05, 0.01) == '−2.0 <span class="range">[−5.0, 1.0]</span>'
    assert (signed(0.031), signed(-0.004), signed(0.0), signed(None)) == ("+3.1", "−0.4", "0.0", "–")


def test_the_terminal_shows_a_row_a_language(stages: list[Path]) -> None:
    summary = summarise(read_scores(stages[:1]))
    sink = StringIO()
    print_table(summary, Console(file=sink, width=140))
    shown = sink.getvalue()
    for row in summary.iter_rows(named=True):
        assert f"{100 * row['accuracy']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]" in shown
    for name in ("Yoruba (yo)", "all languages", "refused", "unparseable", "empty", "errors", "chance"):
        assert name in shown


def test_the_terminal_shows_stages_side_by_side(stages: list[Path]) -> None:
    sink = StringIO()
    print_stages(summarise(read_scores(stages, ["before", "[red]stage 1", "stage 2"])), Console(file=sink, width=120))
    shown = sink.getvalue()
    assert "[red]stage 1" in shown
    assert len([line for line in shown.splitlines() if "Swahili (sw)" in line]) == 1


def test_no_terminal_is_too_narrow_for_the_digits(stages: list[Path]) -> None:
    summary = summarise(read_scores(stages, ["before", "n", "after"]))
    expected = [with_interval(*values) for values in summary.select("accuracy", "low", "high").iter_rows()]
    for width in (60, 80, 112, 200):
        for show in (print_table, print_stages):
            sink = StringIO()
            show(summary, Console(file=sink, width=width))
            assert all(value in sink.getvalue() for value in expected)
            assert "…" not in sink.getvalue()


def test_items_asked_in_several_orders_show_what_the_order_does(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("a", "b"), 0.6, 2, setting="letter", groups=10)
    for name in ("scores", "replies"):
        own = pl.read_parquet(run / f"{name}.parquet")
        turned = own.with_columns(rotation=pl.lit(1, pl.Int16))
        if name == "scores":
            orders = [own.with_columns(order=pl.lit([0, 1, 2, 3], pl.List(pl.Int16)))]
            orders.append(turned.with_columns(order=pl.lit([1, 2, 3, 0], pl.List(pl.Int16))))
            own, turned = (table.with_columns(answer=pl.lit([0], pl.List(pl.Int16))) for table in orders)
        pl.concat([own, turned]).write_parquet(run / f"{name}.parquet")
    page = write_report([run], tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    text = " ".join(Page(page).text)
    assert "Order of the options" in text
    assert "a: items asked in several orders, in %" in text


def test_a_task_in_one_language_says_nothing_of_languages(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("a", "b"), 0.5, 2, groups=40)
    for name in ("scores", "replies"):
        frame = pl.read_parquet(run / f"{name}.parquet")
        frame.filter(pl.col("lang") == "en").write_parquet(run / f"{name}.parquet")
    page = write_report([run], tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    text = re.sub("<[^>]+>", " ", page)
    for name in ("by language", "Models and languages", "High-resource against", "Token tax:"):
        assert name not in text[: text.index("How to read this", text.index("What was measured"))], name
    assert "In English " in text


def test_choices_come_before_tests_of_safety(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "harm", "one", 0.7, 1, kind="safety", task="a harm"),
        make_run(tmp_path / "quiz", "one", 0.7, 1),
    ]
    page = write_report(runs, tmp_path / "report.html", samples=0, items_mb=0).read_text(encoding="utf-8")
    heads = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    places = [
        next(place for place, head in enumerate(heads) if name in head)
        for name in ("multiple choice", "Safety:", "Results: a harm")
    ]
    assert places == sorted(places)
    assert "Best model in each task" in page

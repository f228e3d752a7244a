"""The item browser in a real browser, from disk: it opens, filters, follows links, and runs no reply."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report_runs import HOSTILE, make_run

from afya.bench.page.report import write_report

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium to open the page with")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("browser")
    run = make_run(place / "run", ("one", "two"), 0.6, 1, groups=12)
    return write_report([run], place / "report.html", title="Items")


def opened(page: Path, hash_: str = "") -> str:
    """The page's document after its script ran."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    options += [f"--user-data-dir={page.parent / 'profile'}"]
    done = subprocess.run([CHROMIUM, *options, f"{page.as_uri()}{hash_}"], capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8")


def article(document: str) -> str:
    found = re.search(r'<article id="browser-item".*?</article>', document, flags=re.DOTALL)
    assert found
    return found.group()


def test_it_opens_on_an_item_and_no_reply_runs(page: Path) -> None:
    document = opened(page)
    assert "<title>Items</title>" in document
    assert re.search(r'id="browser-status"[^>]*>Item 1 of 48: case:\d\d:en, English\.<', document)
    assert not re.search(r'<div id="browser"[^>]* hidden', document)
    assert re.search(r'<div id="sample" hidden', document)
    shown = article(document)
    assert "<script" not in shown
    assert "<img" not in shown
    assert html.escape(HOSTILE.split("\x00")[0], quote=False) in shown
    assert shown.count('<tr><th scope="row">') == 2


def test_a_link_leads_to_an_item_in_a_language(page: Path) -> None:
    document = opened(page, "#item=case:03:yo")
    shown = article(document)
    assert ">case:03:yo</h3>" in shown
    assert re.search(r'<p class="question" lang="yo" dir="ltr">Question 3\?', shown)
    assert re.search(r'id="browser-status"[^>]*>Item \d+ of 48: case:03:yo, Yoruba\.<', document)


def test_filters_find_what_was_right_in_english_and_wrong_here(page: Path) -> None:
    """The page is given the reader's hand: choose a language, a model and an outcome, then read the count."""
    import polars as pl

    scores = pl.read_parquet(page.parent / "run" / "scores.parquet").filter(model="two")
    english = set(scores.filter(lang="en", outcome="correct")["group_id"])
    here = scores.filter(pl.col("lang") == "sw", ~pl.col("outcome").is_in(["correct", "error"]))["group_id"]
    expected = len(english & set(here))
    hand = """
    setTimeout(() => {
      for (const [name, value] of [["lang", "sw"], ["model", "1"], ["outcome", "lost"]]) {
        const control = document.getElementById(`browser-${name}`);
        control.value = value;
        control.dispatchEvent(new Event("change"));
      }
    }, 500);
    """
    text = page.read_text(encoding="utf-8")
    policy = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", text)
    tried = page.with_name("tried.html")
    tried.write_text(policy.replace("</body>", f"<script>{hand}</script></body>"), encoding="utf-8")
    status = re.search(r'id="browser-status"[^>]*>([^<]*)<', opened(tried))
    assert status
    assert expected
    assert status.group(1).startswith(f"Item 1 of {expected} found, 48 in this page: case:")


def test_without_scripts_the_sample_stands(page: Path) -> None:
    policy = re.sub(r"script-src '[^']*'", "script-src 'none'", page.read_text(encoding="utf-8"))
    silent = page.with_name("silent.html")
    silent.write_text(policy, encoding="utf-8")
    document = opened(silent)
    assert re.search(r'<div id="browser" hidden', document)
    assert '<div id="sample">' in document

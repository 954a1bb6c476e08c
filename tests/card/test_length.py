"""A page that is read: what meets the eye before anything is opened stays short."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import BROWSER

CARDS = sorted((Path(__file__).parents[2] / "model_cards").glob("*/card.json"))
WORDS, SCREENS, SHEETS = 900, 6, 4
"""At most: visible words, screens of 1280 x 900, printed pages of A4."""
VOID = {"meta", "link", "br", "img", "input", "hr", "col", "use", "path", "rect", "circle"}
UNSEEN = {"style", "script", "svg", "title"}
CLASSES = {"hear", "skip", "narrow", "on-paper"}


class Visible(HTMLParser):
    """Reads what a reader sees before opening anything; labels in pictures are not words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.closed: list[str] = []
        self.unseen = 0  # how deep in what is closed something stands that no screen shows
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        classed = CLASSES & set((told.get("class") or "").split())
        if self.closed:
            if classed and not self.unseen:
                self.unseen = len(self.closed) + 1
            if tag not in VOID and tag not in {"td", "th", "tr", "li", "p", "dt", "dd"}:
                self.closed.append(tag)
            return
        if (
            tag in UNSEEN
            or classed
            or "hidden" in told
            or (tag == "details" and "open" not in told)
        ):
            self.closed.append(tag)

    def handle_endtag(self, tag):
        if self.closed and tag in self.closed:
            while self.closed.pop() != tag:
                pass
            if len(self.closed) < self.unseen:
                self.unseen = 0

    def handle_data(self, data):
        if not self.closed or (self.closed[:2] == ["details", "summary"] and not self.unseen):
            self.text.append(data)


def count_words(html: str) -> int:
    return sum(any(c.isalnum() for c in word) for word in " ".join(Visible(html).text).split())


def read_pages(path: Path) -> dict[str, str]:
    """Read the published pages, map and all; that they are the record's is tested elsewhere."""
    pages = {p.name: p.read_text("utf-8") for p in path.parent.glob("card*.html")}
    assert "card.html" in pages
    return pages


def test_what_is_folded_is_not_counted() -> None:
    page = (
        "<style>a b</style><p class=skip>no</p><p>one two<details><summary>three<b>four</b>"
        "<span class='small on-paper'>no <b>no</b></span></summary><p>no<details><summary>no"
        "</summary>no</details><ul><li>no</ul></details>"
        "<p>five <span class='hear'>no</span>- ?<details open><summary>six</summary>seven</details>"
    )
    assert Visible(page).text[0] == "one two"
    assert count_words(page) == 7


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.parent.name)
def test_a_page_opens_with_few_words(path):
    counted = {file: count_words(html) for file, html in read_pages(path).items()}
    assert {file: n for file, n in counted.items() if n > WORDS} == {}


SMALLEST = 8.0
"""Pixels of the least text in a picture, on a screen and on a telephone."""
READ_SIZES = """() => {
  document.querySelectorAll('details').forEach(d => d.open = true)
  const texts = [...document.querySelectorAll('svg.fig text')]
  return texts.filter(t => t.getClientRects().length).map(t => {
    const drawn = t.getScreenCTM()
    return [parseFloat(getComputedStyle(t).fontSize) * Math.hypot(drawn.a, drawn.b),
      t.closest('figure').id + ': ' + t.textContent]
  })
}"""


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (or CITYAI_BROWSER)")
@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.parent.name)
def test_texts_of_pictures_can_be_read(path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto((path.parent / "card.html").as_uri())
            sizes = page.evaluate(READ_SIZES)
            assert len(sizes) > 20
            assert [told for told in sizes if told[0] < SMALLEST] == [], width
        browser.close()


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (or CITYAI_BROWSER)")
@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.parent.name)
def test_a_page_is_few_screens_and_few_sheets(path, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    measured = {}
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for file, html in read_pages(path).items():
            (tmp_path / file).write_text(html, encoding="utf-8")
            page.goto((tmp_path / file).as_uri())
            screens = page.evaluate("document.documentElement.scrollHeight") / 900
            sheets = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
            measured[file] = (round(screens, 1), sheets)
        browser.close()
    too_long = {f: m for f, m in measured.items() if m[0] > SCREENS or m[1] > SHEETS}
    assert too_long == {}, measured

"""The card in a real browser: accessible, still, readable with keys alone, on a phone, on paper."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cityai.card.figures import draw_figures
from cityai.card.portfolio import Portfolio
from cityai.card.render.page import render_pages
from cityai.card.render.portfolio import name_portfolio, render_portfolio
from cityai.card.verify import read_record
from cityai.i18n.catalogue import LOCALES
from tests.conftest import BROWSER

MODEL_CARDS = Path(__file__).parents[2] / "model_cards"
CARDS = sorted(MODEL_CARDS.glob("*/card.json"))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY = bool(os.environ.get("CITYAI_EVERY_PAGE"))
"""Every card of the repository, and colours of every language too: they are the same."""
SHOWN = ("evictions", "food_inspections")
"""An amount by place, and a ranked list; beside them stands the tests' own card."""
FEW_ROWS = """document.querySelectorAll('tbody').forEach(
    body => [...body.rows].slice(6).forEach(row => row.remove()))"""
"""All rows of a table come from one template; axe reads the first six of each."""
RUN = """([tags, colours, rest]) => {
    const ofColour = ['color-contrast', 'link-in-text-block'];
    const rules = axe.getRules(tags).map(rule => rule.ruleId)
        .filter(id => ofColour.includes(id) ? colours : rest);
    return axe.run(document, {runOnly: {type: 'rule', values: rules}, resultTypes: ['violations']})
        .then(result => result.violations);
}"""
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (or CITYAI_BROWSER)"),
]


@pytest.fixture(scope="module")
def axe():
    package = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(city, tmp_path_factory):
    """Write the cards that are shown and the portfolio, in four languages."""
    root = tmp_path_factory.mktemp("cards")
    records = {"test": city.record} | {
        path.parent.name: read_record(path.read_text("utf-8"))
        for path in CARDS
        if EVERY or path.parent.name in SHOWN
    }
    assert len(records) > len(SHOWN)
    for name, record in records.items():
        (root / name).mkdir()
        for file, html in render_pages(record, draw_figures(record)).items():
            (root / name / file).write_text(html, encoding="utf-8")
    portfolio = Portfolio.model_validate_json((MODEL_CARDS / "index.json").read_bytes())
    for code in LOCALES:
        (root / name_portfolio(code)).write_text(render_portfolio(portfolio, code), "utf-8")
    return root


def open_page(browser, path, **options):
    page = browser.new_context(**options).new_page()
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser, axe, folder, scheme):
    context = browser.new_context(
        color_scheme=scheme, bypass_csp=True, viewport={"width": 1200, "height": 900}
    )
    found = {}
    for path in sorted(folder.rglob("*.html")):
        colours = EVERY or path.name in {"card.html", "index.html"}
        rest = scheme == "light"  # nothing but colours differs in the dark
        if not colours and not rest:
            continue
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate(OPEN_ALL)
        page.evaluate(FEW_ROWS)
        page.evaluate(axe)
        for violation in page.evaluate(RUN, [TAGS, colours, rest]):
            first = violation["nodes"][0]["html"][:120]
            found[path.parent.name, path.name, violation["id"]] = first
        page.close()
    context.close()
    assert found == {}


def test_axe_would_notice(browser, axe, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<html><body><img src='data:,'><p style='color:#ddd'>pale</p>", "utf-8")
    page = open_page(browser, bad, bypass_csp=True)
    page.evaluate(axe)
    found = page.evaluate("axe.run(document)")["violations"]
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {v["id"] for v in found}


def test_no_request_leaves_the_page(browser, folder):
    for path in sorted(folder.rglob("*.html")):
        page = browser.new_context().new_page()
        asked, said = [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(path.as_uri())
        page.evaluate(OPEN_ALL)
        assert asked == [path.as_uri()]
        assert said == []
        page.close()


def test_the_policy_stops_a_script(browser, folder, tmp_path):
    html = (folder / "test" / "card.html").read_text("utf-8")
    planted = tmp_path / "planted.html"
    planted.write_text(html.replace("</main>", "<script>window.ran = 1</script></main>"), "utf-8")
    page = open_page(browser, planted)
    assert page.evaluate("window.ran === undefined")


def test_nothing_sticks_out_at_400_percent(browser, folder):
    for path in sorted(folder.rglob("*.html")):
        page = open_page(browser, path, viewport={"width": 320, "height": 800})
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        page.close()


@pytest.mark.parametrize(
    ("what", "width", "height"), [("#verdict .lines", 390, 844), ("main > .facts", 1280, 900)]
)
def test_the_verdict_is_on_the_first_screen(browser, tmp_path, what, width, height):
    """On a phone its four lines; on a desk also the phase, who decides, and the review."""
    below = f"document.querySelector('{what}').getBoundingClientRect().bottom"
    room = 24 if width < 640 else 0  # a line more, of another machine's letters
    for path in CARDS:
        for name, text in render_pages(read_record(path.read_text("utf-8"))).items():
            (tmp_path / name).write_text(text, "utf-8")
            page = open_page(browser, tmp_path / name, viewport={"width": width, "height": height})
            assert page.evaluate(below) <= height - room, (path.parent.name, name)
            page.close()


def test_keys_alone_are_enough(browser, folder):
    from playwright.sync_api import expect

    page = open_page(browser, folder / "test" / "card.html", reduced_motion="reduce")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_url("**/card.html#main")
    summary = page.locator("summary").first
    summary.focus()
    was = page.evaluate("document.activeElement.parentElement.open")
    page.keyboard.press("Enter")
    expect(summary.locator("..")).to_have_js_property("open", not was)
    reached = page.evaluate(
        "[...document.querySelectorAll('a,summary,[tabindex]')].every(e => e.tabIndex === 0)"
    )
    assert reached
    order = page.evaluate(
        "[...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).length"
    )
    assert order == 0


def test_it_prints(browser, folder):
    page = open_page(browser, folder / "test" / "card.html")
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.locator(".toc").is_hidden()
    assert page.locator(".languages").is_hidden()
    failed = page.locator(".alarm").first
    assert failed.locator(".on-paper").is_visible()
    title = failed.locator("li strong").first.text_content()
    assert title.rstrip(".") in failed.locator(".on-paper").inner_text()
    exact = "getComputedStyle(document.querySelector('.matrix b')).printColorAdjust"
    assert page.evaluate(exact) == "exact"


def test_the_language_switch_leads_to_the_other_page(browser, folder):
    page = open_page(browser, folder / "test" / "card.html")
    page.click("nav.languages a[hreflang=fr]")
    page.wait_for_url("**/card.fr.html")
    assert page.evaluate("document.documentElement.lang") == "fr"

"""The desk in a real Chromium: by keyboard alone, for everybody, without script, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cityai.desk import pages
from cityai.desk.app import reviewing
from cityai.i18n.catalogue import LOCALES
from cityai.pipeline.review import read_review
from tests.card.test_browser import FEW_ROWS, OPEN_ALL, RUN, TAGS
from tests.conftest import BROWSER
from tests.review.conftest import NAME, Place
from tests.review.desk import REVIEW, Opened, open_desk
from tests.review.test_desk import HOSTILE, list_acts

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (or CITYAI_BROWSER)"),
]
DAY = datetime.now(UTC).date() + timedelta(days=60)
TYPED = f"{DAY:%m%d%Y}"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
MOST_TABS = 200


@pytest.fixture
def opened(place: Place) -> Iterator[Opened]:
    place.sign("open", "ana", reason="May it begin in March?")
    with open_desk(place, "ben", "cai") as desk:
        yield desk


def enter(browser: Any, opened: Opened, name: str = "ben", **options: Any) -> Any:
    """Open a page of somebody who signed in."""
    page = browser.new_context(locale="en-US", **options).new_page()
    page.goto(opened.link(name))
    page.focus("main button")  # it has it by itself, as soon as the page is drawn
    page.keyboard.press("Enter")
    page.wait_for_url("**/en/")
    return page


def tab_to(page: Any, what: str) -> None:
    """Press Tab until what has the focus matches; what is passed shows where it is."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("what => document.activeElement.matches(what)", what):
            style = "getComputedStyle(document.activeElement).outlineStyle"
            assert what == "iframe" or page.evaluate(style) != "none"  # in it the card shows it
            return
    pytest.fail(f"{what} is not reached by Tab")


def expect_focus(element: Any) -> None:
    """Wait until an element has the focus; asked from outside, as the page lets no text be run."""
    from playwright.sync_api import expect

    expect(element).to_be_focused()


def test_a_whole_review_by_keyboard_alone(browser: Any, place: Place, opened: Opened) -> None:
    page = enter(browser, opened)
    tab_to(page, ".skip")
    page.keyboard.press("Enter")
    tab_to(page, f"a[href='/en/card/{NAME}']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/card/*")
    tab_to(page, "iframe")
    page.go_back()
    tab_to(page, f"a[href='{REVIEW}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{REVIEW}")
    tab_to(page, "#section")
    page.keyboard.type("For whom")
    tab_to(page, "#comment-reason")
    page.keyboard.type("The far south?")
    tab_to(page, "button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#signed")
    expect_focus(page.locator("#signed"))
    tab_to(page, "#approve-reason")
    page.keyboard.type("It holds, as long as somebody watches.")
    tab_to(page, "#until")
    page.keyboard.type(TYPED)
    tab_to(page, "#text-groups")
    page.keyboard.type("a monitor of the open groups runs")
    tab_to(page, "button")  # the day of the condition is forgotten
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    expect_focus(page.locator("[role=alert]"))
    assert page.title().startswith("Not signed")
    tab_to(page, "a[href='#due-groups']")
    page.keyboard.press("Enter")
    expect_focus(page.locator("#due-groups"))
    page.keyboard.type(TYPED)
    tab_to(page, "button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#signed")
    assert place.gate() == 0
    tab_to(page, ".who button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You are signed out")
    page.go_back()
    assert "What people signed" not in page.content()
    page.context.close()
    _, comment, approval = read_review(place.project).chain.links
    assert (comment.act.section, comment.act.reason) == ("people", "The far south?")
    assert approval.act.valid_until == approval.act.conditions[0].due == DAY


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_violation(
    browser: Any, place: Place, opened: Opened, monkeypatch, size: dict[str, int]
) -> None:
    """Every page, and those that say what is wrong, in four languages, light and dark."""
    package = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text("utf-8") + ";0"
    record = read_review(place.project).record
    words = record.use.model_copy(update={"intended": ("Another use",)})
    for module in (reviewing, pages):
        monkeypatch.setattr(
            module, "read_before", lambda *_: record.model_copy(update={"use": words})
        )
    place.sign("comment", "cai", reason=HOSTILE["long word"])
    found = {}
    page = enter(browser, opened, viewport=size, bypass_csp=True)

    def look(name: str) -> None:
        page.evaluate(OPEN_ALL)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], name
        page.evaluate(FEW_ROWS)
        page.evaluate(axe)
        for violation in page.evaluate(RUN, [TAGS, True, True]):
            found[name, violation["id"]] = violation["nodes"][0]["html"][:150]

    for code in LOCALES:
        for path in ("/", f"/review/{NAME}/pilot", f"/card/{NAME}", "/sign-in", "/nothing"):
            page.goto(f"{opened.desk.address}/{code}{path}")
            look(code + path)
        page.emulate_media(color_scheme="dark" if code == "es" else "light")
        page.goto(f"{opened.desk.address}/{code}/review/{NAME}/pilot")
        page.evaluate("document.querySelectorAll('form').forEach(f => f.noValidate = true)")
        page.fill("#until", "")
        page.fill("#text-groups", "x")
        page.click("form:has(#until) button")
        page.wait_for_selector("[role=alert]")
        look(code + " refused")
    page.goto(opened.link("ben"))
    look("sign in")
    page.context.close()
    assert found == {}


def test_it_works_without_script_and_asks_nobody_else(
    browser: Any, place: Place, opened: Opened
) -> None:
    page = enter(browser, opened, java_script_enabled=False, viewport=PHONE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(opened.desk.address + REVIEW)
    page.fill("#return-reason", "Show the far south.")
    page.click("text=Sign the return")
    page.wait_for_selector("#signed")
    page.goto(f"{opened.desk.address}/en/card/{NAME}")
    frame = page.frames[-1]
    assert "Can the city use it?" in frame.content()
    page.context.close()
    assert list_acts(place)[-1] == ("ben", "return", "Show the far south.")
    assert all(url.startswith(opened.desk.address + "/") for url in asked)


def test_hostile_comments_do_nothing_in_a_browser(
    browser: Any, place: Place, opened: Opened
) -> None:
    ben = opened.visit("ben")
    for text in HOSTILE.values():
        ben.sign("comment", text)
    page = enter(browser, opened, "cai", viewport={"width": 320, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(opened.desk.address + REVIEW)
    assert page.locator(".acts script, .acts img").count() == 0
    assert HOSTILE["script"] in page.inner_text("#acts")
    assert page.title() != "x"
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert said == []
    page.context.close()


EVIL = """<form id=f method=post action="{address}{review}"><input name=act value=comment>
<input name=reason value="The card wrote this."><button>x</button></form>
<script>window.ran = 1; fetch('/en/').then(r => r.text()).then(t => document.title = t);
document.getElementById('f').submit(); top.location = 'https://evil.example/';</script>
<img src="/en/"><iframe src="/en/"></iframe><meta http-equiv=refresh content="0;url={address}/en/">
"""


def test_a_hostile_card_cannot_act_with_the_session(
    browser: Any, place: Place, opened: Opened
) -> None:
    """In the frame or as a page of its own: no script runs, no form is sent, nothing is read."""
    card = place.card / "card.html"
    evil = EVIL.format(address=opened.desk.address, review=REVIEW)
    card.write_text(card.read_text("utf-8").replace("</main>", f"{evil}</main>"), "utf-8")
    page = enter(browser, opened)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto(f"{opened.desk.address}/en/card/{NAME}")
    source = page.get_attribute("iframe", "src")
    page.wait_for_timeout(1_000)
    assert page.url.endswith(f"/en/card/{NAME}")
    assert not any("wait for a decision" in frame.content() for frame in page.frames[1:])
    page.goto(opened.desk.address + source)
    page.wait_for_timeout(1_000)
    assert page.evaluate("window.ran") is None
    assert {*sent} == {"GET"}
    page.context.close()
    assert [act for _, act, _ in list_acts(place)] == ["open"]

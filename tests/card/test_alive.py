"""The card's script: what it adds says what the page says, and nothing breaks out of it."""

# ruff: noqa: E501

from __future__ import annotations

import csv
import io
import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.card.figures import draw_figures
from cityai.card.figures.places import order_places
from cityai.card.render.page import render_html, render_pages
from cityai.card.render.scripts import read_script, tidy_page
from cityai.card.render.what_if import OWN, TIMES, arrange_other_limits
from cityai.card.spreadsheet import write_csv
from cityai.card.verify import read_record
from cityai.i18n.catalogue import LOCALES
from tests.card.test_browser import CARDS
from tests.card.test_hostile import PAYLOADS
from tests.conftest import BROWSER

NEEDS_BROWSER = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (or CITYAI_BROWSER)"),
]
RANKED = next(path for path in CARDS if path.parent.name == "clinic_no_shows")
TABLES = """[...document.querySelectorAll('table')].map(table => [
    [...table.querySelectorAll('thead th')], ...[...table.querySelectorAll('tbody tr')]
        .map(row => [...row.cells])].map(row => row.map(
            cell => cell.textContent.replace(/[ \\t\\r\\n]+/g, ' ').trim())))"""
COPIES = """window.copied = [];
    navigator.clipboard.writeText = text => { copied.push(text); return Promise.resolve(); }; 0"""


def test_a_script_is_hashed_as_it_stands_in_the_page(city):
    page = render_html(city.record)
    (text,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert text == read_script("alive.js").text
    assert f"script-src '{'sha256-' + read_script('alive.js').digest}'" in page
    assert tidy_page(text) == text + "\n"


def test_the_script_writes_no_markup_and_asks_no_network():
    for name in ("alive.js", "portfolio.js"):
        text = read_script(name).text
        for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "fetch",
                     "XMLHttpRequest", "sendBeacon", "WebSocket", "import(", "localStorage", "cookie"):  # fmt: skip
            assert word not in text, (name, word)


def test_what_a_script_uses_is_hidden_until_it_runs(city):
    for page in render_pages(city.record, draw_figures(city.record)).values():
        forms = re.findall(r"<form[^>]*>", page)
        assert forms
        assert all(" hidden>" in form for form in forms)
        rows = re.findall(r'data-rows="([^"]*)"', page)
        assert len(set(rows)) == len(rows), "each table is named once"
        asked = re.findall(r'data-(?:find|slide)="([^"]*)"', page)
        assert set(asked) <= set(rows)


def test_other_limits_count_every_shown_group_once_and_the_citys_own_as_it_stands(city):
    record = city.record
    found = arrange_other_limits(record)
    assert found
    for other in found:
        rows = [[cell.text for cell in row] for row in other.grid.rows]
        assert len(rows) == len(TIMES)
        counted = [[int(text) for text in row[1:]] for row in rows]
        assert len({sum(row) for row in counted}) == 1
        within, beyond = [row[0] for row in counted], [row[1] for row in counted]
        assert within == sorted(within)
        assert beyond == sorted(beyond, reverse=True)
        own = Counter(
            r.status
            for r in record.fairness.results
            if other.grid.caption.startswith(find_label(r.metric))
            and " * " not in r.dimension
            and r.group != r.reference
            and r.limit is not None
        )
        assert counted[OWN] == [own["pass"], own["fail"], own["not enough evidence"]]


def find_label(metric):
    from cityai.card.words import describe_metric

    return describe_metric(metric).label


def test_a_group_without_an_interval_is_decided_at_no_limit(city):
    record = city.record
    bare = tuple(
        r.model_copy(update={"gap_low": None, "gap_high": None, "status": "not enough evidence"})
        if r.limit is not None and r.group != r.reference
        else r
        for r in record.fairness.results
    )
    facts = record.model_copy(
        update={"fairness": record.fairness.model_copy(update={"results": bare})}
    )
    for other in arrange_other_limits(facts):
        for row in other.grid.rows:
            assert [cell.text for cell in row[1:3]] == ["0", "0"]


def test_who_is_within_a_limit_is_within_a_wider_one(city):
    """Also where the interval may not be printed: the verdict on it is."""
    record = city.record
    bare = tuple(
        r.model_copy(update={"gap_low": None, "gap_high": None, "status": status})
        if r.limit is not None and r.group != r.reference
        else r
        for n, r in enumerate(record.fairness.results)
        for status in [("pass", "fail", "not enough evidence")[n % 3]]
    )
    facts = record.model_copy(
        update={"fairness": record.fairness.model_copy(update={"results": bare})}
    )
    for other in arrange_other_limits(facts):
        rows = [[int(cell.text) for cell in row[1:]] for row in other.grid.rows]
        within, beyond = [row[0] for row in rows], [row[1] for row in rows]
        assert within == [0] * OWN + [within[OWN]] * (len(TIMES) - OWN)
        assert beyond == [beyond[OWN]] * (OWN + 1) + [0] * (len(TIMES) - OWN - 1)
        assert within[OWN] + beyond[OWN] > 0


def test_what_is_hidden_is_counted_at_no_limit(city):
    record = city.record
    hidden = tuple(
        r.model_copy(update={"status": "suppressed"}) if r.limit is not None else r
        for r in record.fairness.results
    )
    facts = record.model_copy(
        update={"fairness": record.fairness.model_copy(update={"results": hidden})}
    )
    assert arrange_other_limits(facts) == ()


# In a browser.


@pytest.fixture(scope="module")
def write_pages(tmp_path_factory):
    def write(record):
        folder = tmp_path_factory.mktemp("alive")
        for name, html in render_pages(record, draw_figures(record)).items():
            (folder / name).write_text(html, encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="module")
def folder(city, write_pages):
    return write_pages(city.record)


@pytest.fixture(scope="module")
def ranked():
    return read_record(RANKED.read_text("utf-8"))


def open_page(browser, path, **options):
    page = browser.new_context(**options).new_page()
    page.failed = []
    page.on("pageerror", lambda error: page.failed.append(str(error)))
    page.on("console", lambda message: page.failed.append(message.text))
    page.goto(path.as_uri())
    page.evaluate(COPIES) if options.get("java_script_enabled", True) else None
    return page


def name_file(code):
    return "card.html" if code == "en" else f"card.{code}.html"


def in_browser(test):
    for mark in NEEDS_BROWSER:
        test = mark(test)
    return test


@in_browser
@pytest.mark.parametrize("code", LOCALES)
def test_the_search_finds_a_place_and_shows_its_row(browser, city, folder, code):
    page = open_page(browser, folder / name_file(code))
    place = order_places(city.record)[3]
    form = page.locator("[data-find]")
    shown = page.evaluate(
        "name => [...[...document.querySelector('[data-rows=places]').tBodies[0].rows]"
        ".find(row => row.cells[0].textContent.trim() === name).cells].map(c => c.textContent)",
        place.name,
    )
    form.locator("input").fill(f" {place.name.upper()} ")
    page.keyboard.press("Enter")
    assert form.locator("strong").first.inner_text() == place.name
    assert form.locator("dd").all_inner_texts() == [text.strip() for text in shown[1:]]
    form.locator("input").fill("no such place")
    assert form.locator("dd").count() == 0
    assert form.locator("[role=status]").inner_text()
    form.locator("input").fill("")
    assert form.locator(".hits button").count() == 0
    assert page.failed == []


@in_browser
def test_the_search_is_done_with_keys_alone(browser, city, folder):
    page = open_page(browser, folder / "card.html")
    form = page.locator("[data-find]")
    form.locator("input").focus()
    page.keyboard.type(order_places(city.record)[0].name[:1])
    page.keyboard.press("Tab")
    chosen = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    assert form.locator("strong").first.inner_text() == chosen
    assert page.evaluate("document.activeElement.type") == "search"


@in_browser
@pytest.mark.parametrize("code", ["en", "pt"])
def test_the_slider_moves_figures_that_equal_the_record(browser, ranked, write_pages, code):
    folder = write_pages(ranked)
    page = open_page(browser, folder / name_file(code))
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    form = page.locator("[data-slide=capacities]")
    slider = form.locator("input")
    points = [p for p in ranked.eval.ranked.capacity if p.model == "forecast"]
    assert slider.get_attribute("max") == str(len(points) - 1)
    declared = next(i for i, p in enumerate(points) if p.declared)
    assert slider.input_value() == str(declared)
    decimal = page.evaluate("document.getElementById('alive').dataset.decimal")
    for i in (declared, declared + 1, 0, len(points) - 1):
        slider.fill(str(i))
        heads = [re.sub(r"\D", "", form.locator("strong").first.inner_text().split("(")[0])]
        assert heads == [str(points[i].capacity)]
        texts = form.locator("dd").all_inner_texts()
        said = {float(t.split()[0].rstrip("%\u00a0").split("\u00a0")[0].replace(decimal, ".").rstrip("%")) for t in texts if "%" in t}  # fmt: skip
        for value in (points[i].share, points[i].precision, points[i].recall):
            assert value is None or any(abs(v - value * 100) < 0.006 for v in said), (said, value)
    assert page.failed == []


@in_browser
@pytest.mark.parametrize("code", LOCALES)
def test_the_slider_of_limits_shows_its_table(browser, city, folder, code):
    page = open_page(browser, folder / name_file(code))
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for number, other in enumerate(arrange_other_limits(city.record), 1):
        form = page.locator(f"[data-slide=limit-{number}]")
        for i, row in enumerate(other.grid.rows):
            form.locator("input").fill(str(i))
            assert form.locator("dd").all_inner_texts() == [c.text for c in row[1:]]


NUMBERS = {
    "en": ["1,234.5", "−3.2%", "–", "12%", "+0.5", "0.07", "not shown", "−1,000"],
    "es": ["1,234.5", "−3.2\u00a0%", "–", "12%", "+0.5", "0.07", "no se muestra", "−1,000"],
    "pt": ["1.234,5", "−3,2%", "–", "12%", "+0,5", "0,07", "não exibido", "−1.000"],
    "fr": ["1\u00a0234,5", "−3,2\u00a0%", "–", "12\u00a0%", "+0,5", "0,07", "caché", "−1\u00a0000"],
}
UPWARDS = [7, 1, 5, 4, 3, 0]
"""Places of the numbers, the least first; those without one come last, as they stood."""


@in_browser
@pytest.mark.parametrize("code", LOCALES)
def test_sorting_knows_numbers_signs_and_what_is_missing(browser, folder, tmp_path, code):
    html = (folder / name_file(code)).read_text("utf-8")
    cells = "".join(f"<tr><th>r{i}<td>{t}" for i, t in enumerate(NUMBERS[code]))
    planted = f'<table id="t" class="n2"><caption>T<thead><tr><th>A<th>B<tbody>{cells}</table>'
    (tmp_path / "t.html").write_text(html.replace("</main>", planted + "</main>"), "utf-8")
    page = open_page(browser, tmp_path / "t.html")
    head = page.locator("#t th:nth-child(2)").first
    missing = [2, 6]
    read = (
        "[...document.querySelectorAll('#t tbody th')].map(th => Number(th.textContent.slice(1)))"
    )
    for order, state in (
        (UPWARDS + missing, "ascending"),
        (UPWARDS[::-1] + missing, "descending"),
        (list(range(8)), "none"),
    ):
        head.locator("button").click()
        assert page.evaluate(read) == order
        assert head.get_attribute("aria-sort") == state
    page.locator("#t th:nth-child(1) button").first.click()
    assert head.get_attribute("aria-sort") == "none"


@in_browser
def test_days_and_ranges_are_not_sorted_by_their_first_digits(browser, folder):
    page = open_page(browser, folder / "card.html")
    days = page.evaluate(
        "[...document.querySelectorAll('thead th')].filter(h => h.querySelector('button') &&"
        " [...h.closest('table').tBodies[0].rows].some(r => /[A-Z][a-z]+ \\d{4}/"
        ".test(r.cells[h.cellIndex].textContent.trim()))).length"
    )
    assert days == 0
    assert page.locator("th button").count() > 20


@in_browser
@pytest.mark.parametrize("code", LOCALES)
def test_a_table_is_copied_as_the_spreadsheet_rule_has_it(browser, folder, code):
    page = open_page(browser, folder / name_file(code))
    tables = page.evaluate(TABLES)
    page.evaluate("document.querySelectorAll('.tools button').forEach(b => b.click())")
    copied = page.evaluate("copied")
    assert len(copied) == len(tables) > 10
    for text, (columns, *rows) in zip(copied, tables, strict=True):
        assert text == write_csv(columns, rows)
    page.locator("figure .here").first.evaluate("link => link.click()")
    figure = page.locator("figure").first.get_attribute("id")
    assert page.evaluate("copied").pop().endswith(f"{name_file(code)}#{figure}")


@in_browser
def test_the_csv_of_a_sorted_table_is_sorted_and_hostile_cells_are_guarded(
    browser, folder, tmp_path
):
    html = (folder / "card.html").read_text("utf-8")
    rows = [["=1+1", "2"], ["@x,y", "10"], ['say "no"', "−1"], [" -2", "–"], ["＝x", "3"]]
    cells = "".join(f"<tr><th>{a}<td>{b}" for a, b in rows)
    planted = f'<table id="t" class="n2"><caption>T<thead><tr><th>A<th>B<tbody>{cells}</table>'
    (tmp_path / "t.html").write_text(html.replace("</main>", planted + "</main>"), "utf-8")
    page = open_page(browser, tmp_path / "t.html")
    page.locator("#t th:nth-child(2) button").click()
    page.evaluate("document.querySelector('#t + .tools button').click()")
    (text,) = page.evaluate("copied")
    stripped = [[a.strip(), b] for a, b in rows]
    assert text == write_csv(["A", "B"], [stripped[i] for i in (2, 0, 4, 1, 3)])
    assert [r[0][:1] for r in csv.reader(io.StringIO(text))] == ["A", "s", "'", "'", "'", "'"]


@in_browser
def test_a_link_into_a_fold_opens_it(browser, folder):
    page = open_page(browser, folder / "card.html")
    name = page.evaluate("document.querySelector('details:not([open]) figure').id")
    page.goto((folder / "card.html").as_uri() + f"#{name}")
    assert page.locator(f"#{name}").is_visible()


@in_browser
@pytest.mark.parametrize("code", LOCALES)
def test_without_scripts_everything_is_still_there(browser, folder, code):
    path = folder / name_file(code)
    bare = open_page(browser, path, java_script_enabled=False)
    assert bare.locator("form:visible").count() == 0
    assert bare.locator("button:visible").count() == 0
    alive = open_page(browser, path)
    assert alive.locator("form:not([hidden])").count() >= 2
    alive.evaluate(
        "document.querySelectorAll('.alive, .tools, .told').forEach(added => added.remove())"
    )
    assert alive.locator("main").inner_text().split() == bare.locator("main").inner_text().split()


@in_browser
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_name_breaks_out_of_the_page(browser, city, tmp_path_factory, data):
    """Whatever places are called, a dozen at once, the search shows it as text, and nothing runs."""
    hostile = [*PAYLOADS, "</script>", "</template>", "‮abc", "'\"><b>x", "مرحبا</script><script>window.ran=1//"]  # fmt: skip
    names = data.draw(
        st.lists(st.one_of(st.sampled_from(hostile), st.text(min_size=1, max_size=20)),
                 min_size=12, max_size=12, unique=True)
    )  # fmt: skip
    record = rename_places(
        city.record, [name.replace("alert(1)", "window.ran=1") for name in names]
    )
    path = tmp_path_factory.mktemp("hostile") / "card.html"
    path.write_text(render_html(record, draw_figures(record)), encoding="utf-8")
    page = open_page(browser, path)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    texts = page.evaluate(
        "[...document.querySelectorAll('[data-rows=places] tbody th')].map(th => th.textContent)"
    )
    assert len(texts) == len(record.eval.places)
    for text in texts[:12]:
        page.locator("[data-find] input").fill(text)
        page.keyboard.press("Enter")
    page.evaluate("document.querySelectorAll('button').forEach(b => b.click())")
    assert page.evaluate("window.ran === undefined")
    assert page.locator("script").count() == 1
    assert asked == []
    assert page.failed == []
    page.context.close()


def rename_places(record, names):
    places = order_places(record)
    renamed = tuple(
        place.model_copy(update={"name": name})
        for place, name in zip(
            places, [*names, *(p.name for p in places[len(names) :])], strict=True
        )
    )
    part = record.eval.model_copy(update={"places": renamed})
    return record.model_copy(update={"eval": part})


def test_the_places_of_the_map_are_rows_of_their_table(city):
    """The number in a shape is the row that the search would show."""
    from cityai.card.figures.maps import draw_map

    areas = [p.area for p in city.record.eval.places if p.area]
    squares = {
        area: (((x, y), (x + 0.9, y), (x + 0.9, y + 0.9), (x, y + 0.9)),)
        for x, y, area in ((float(i % 6), float(i // 6), area) for i, area in enumerate(areas))
    }
    drawn = draw_map(city.record, squares)
    ordered = order_places(city.record)
    numbers = [int(n) for n in re.findall(r'data-place="(\d+)"', drawn.wide)]
    assert [ordered[n].area for n in numbers] == sorted(areas)
    assert [row[0] for row in drawn.table.rows] == [p.name for p in ordered]


def test_a_group_that_passed_fails_at_no_other_limit(city):
    """It prints the interval of its own test; a failure is told by that of all groups together."""
    record = city.record
    made = tuple(
        r.model_copy(update={"status": "pass", "gap": 0.9 * r.limit,
                             "gap_low": 0.8 * r.limit, "gap_high": r.limit})
        if r.limit is not None and r.group != r.reference
        else r
        for r in record.fairness.results
    )  # fmt: skip
    facts = record.model_copy(
        update={"fairness": record.fairness.model_copy(update={"results": made})}
    )
    for other in arrange_other_limits(facts):
        counts = [[int(cell.text) for cell in row[1:]] for row in other.grid.rows]
        assert all(beyond == 0 for _, beyond, _ in counts)
        assert [within > 0 for within, _, _ in counts] == [times >= 1 for times in TIMES]

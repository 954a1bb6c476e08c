"""The page: every fact on it, nothing active in it, no request from it, the same bytes twice."""

# ruff: noqa: E501

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from cityai.card.figures import draw_figures, read_outlines
from cityai.card.figures.canvas import drawing
from cityai.card.figures.maps import draw_map
from cityai.card.figures.plane import draw_plane
from cityai.card.record import CardRecord, seal_record
from cityai.card.render.markdown import render_markdown
from cityai.card.render.page import render_html
from cityai.card.render.scripts import read_script
from cityai.config.words import NotApplicable
from cityai.errors import DataError

from .conftest import draft_forecast

NOT_SHOWN = {
    "record.updated": "equals `created` until a card is revised; both stand in one line",
    "data[].rows_accepted": "told in `data[].in_words`",
    "fairness.by_fold[].unit": "follows from the metric",
    "fairness.decidable[].unit": "follows from the metric; the sentence has the figures",
    "fairness.by_fold[].source": "one source for all, said of the results",
    "fairness.by_fold[].n": "never given by replay",
    "fairness.by_fold[].reason": "a figure without value is a dash",
    "fairness.results[].source": "the same for all",
    "eval.metrics[].source": "said once",
    "eval.comparisons[].source": "the same for all",
    "eval.places[].figures[].source": "said once",
    "eval.places[].figures[].reason": "a figure without value is a dash",
    "eval.places[].figures[].low": "a place's interval is in the record only",
    "eval.places[].figures[].high": "a place's interval is in the record only",
    "eval.places[].figures[].slice.entity": "the place is named",
    "eval.places[].figures[].slice.model": "places are shown for the forecast alone",
    "eval.comparisons[].baseline": "shown by its label",
    "eval.places[].figures[].unit": "part of the figure",
    "eval.places[].id": "the place is named",
    "eval.places[].area": "used to draw the map",
    "eval.places[].groups[].dimension": "its label heads the column",
    "data[].quality[].source": "one source",
    "eval.worth.ways[].way": "shown by its label",
    "eval.worth.ways[].role": "says which ways the short table has",
    "eval.worth.source": "one source",
    "eval.worth.currency": "stands beside a cost",
    "decision.unit_cost": "what it comes to is in the table of ways",
    "decision.unit_hours": "what it comes to is in the table of ways",
    "decision.currency": "stands beside a cost",
    "model.explanation.drivers[].feature": "shown by its label",
    "model.explanation.drivers[].members[]": "named in the label",
    "eval.folds[].role": "in words",
    "findings[].unit": "part of the figure",
}
"""Fields that the page does not show as they are, and why."""


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def figures(city):
    return draw_figures(city.record)


@pytest.fixture(scope="module")
def html(city, figures):
    return render_html(city.record, figures)


def find_active(html: str) -> list[str]:
    """Return everything that could run, load or lead elsewhere without the template's doing."""
    allowed = {
        "html", "head", "meta", "title", "style", "body", "a", "div", "p", "strong", "header", "h1", "h2", "h3", "h4", "span",
        "dl", "dt", "dd", "nav", "ul", "li", "main", "section", "table", "caption", "thead", "tbody", "tr", "th", "td", "b",
        "i", "figure", "figcaption", "details", "summary", "code", "footer", "svg", "g", "path", "circle", "use", "text", "tspan", "defs", "clippath",
        "rect", "pattern", "form", "label", "input", "button", "template", "script",
    }  # fmt: skip
    found = []
    for tag, attributes in Page(html).tags:
        if tag not in allowed:
            found.append(f"<{tag}>")
        for name, value in attributes.items():
            value = value or ""
            if name.startswith("on") or name in {
                "src",
                "srcset",
                "srcdoc",
                "action",
                "formaction",
                "data",
                "poster",
                "background",
            }:
                found.append(f"{tag}.{name}")
            if re.match(r"\s*(javascript|data|vbscript)\s*:", value, re.I):
                found.append(f"{tag}.{name}={value}")
            if name == "href" and tag != "a" and not value.startswith("#"):
                found.append(f"{tag}.href={value}")
            if (
                name == "href"
                and tag == "a"
                and not re.match(r"#|mailto:|https?://|card(\.\w\w)?\.html$", value)
            ):
                found.append(f"a.href={value}")
            if name == "style" and re.search(r"url\((?!#)|expression|@import", value, re.I):
                found.append(f"{tag}.style={value}")
            if name == "http-equiv" and value != "Content-Security-Policy":
                found.append(f"meta {value}")
    if re.findall(r"<script.*?</script>", html, re.S | re.I) != [
        f"<script>{read_script('alive.js').text}</script>"
    ]:
        found.append("script")
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.S))
    if re.search(r"url\(|@import|expression", style):
        found.append("style")
    return found


def test_nothing_on_the_page_but_its_own_script_runs_or_loads(html):
    assert find_active(html) == []


def test_the_page_is_one_small_file_with_a_policy(html):
    assert len(html.encode()) < 1_000_000
    assert html.startswith("<!doctype html>")
    assert "default-src 'none'" in html
    assert f"script-src 'sha256-{read_script('alive.js').digest}';" in html


def test_the_same_record_gives_the_same_bytes(city, figures, html):
    again = draw_figures(city.record)
    assert again == figures
    assert render_html(city.record, again) == html
    assert render_markdown(city.record) == render_markdown(city.record)


def test_ids_are_unique_and_links_lead_somewhere(html):
    page = Page(html)
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        target = attributes.get("href") or ""
        if target.startswith("#"):
            assert target[1:] in ids
    for name in re.findall(r"url\(#([^)]+)\)", html):
        assert name in ids


def test_landmarks_headings_and_tables_are_sound(html):
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    for landmark in ("header", "main", "footer", "h1"):
        assert tags.count(landmark) == 1
    assert [a["aria-label"] for tag, a in page.tags if tag == "nav"] == [
        "Languages",
        "On this page",
    ]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert tags.count("table") == tags.count("caption")
    cells = "".join("/" if t == "tr" else t[1] for t in tags if t in {"tr", "th", "td"})
    # A cell of the head heads its column, the first of a row its row, as HTML defines it.
    assert all(re.fullmatch("h+|hd+", row) for row in cells.split("/")[1:])
    assert dict(page.tags)["html"]["lang"] == "en"
    pictures = [a for tag, a in page.tags if a.get("role") == "img"]
    assert pictures
    assert all(len(a["aria-label"]) > 40 for a in pictures)


def test_no_two_regions_have_one_name(html):
    named = re.findall(r'role="region"[^>]*aria-label="([^"]*)"', html)
    assert len(named) > 10
    assert sorted(set(named)) == sorted(named)


def test_sections_come_in_the_readers_order(html):
    order = [
        "verdict",
        "first",
        "decision",
        "accuracy",
        "people",
        "where",
        "limits",
        "data",
        "risks",
        "object",
        "annex",
    ]
    assert re.findall(r'<section id="(\w+)"', html) == order


def test_an_invented_city_says_so_first(html):
    assert html.index("is an invented city") < html.index("<h1>")


def walk_leaves(value, path=""):
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from walk_leaves(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for item in value:
            yield from walk_leaves(item, f"{path}[]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk_leaves(item, f"{path}.{key}")
    else:
        yield path, value


def change(value):
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7
    if isinstance(value, float):
        return value + 0.173
    if isinstance(value, datetime):
        return value + timedelta(days=400)
    if isinstance(value, date):
        return value + timedelta(days=400)
    return f"{value} changed"


def replace_first(value, pattern, path=""):
    """Change the first leaf at a path pattern; returns (new value, whether it was changed)."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            new, hit = replace_first(
                getattr(value, name), pattern, f"{path}.{name}" if path else name
            )
            if hit:
                return value.model_copy(update={name: new}), True
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            new, hit = replace_first(item, pattern, f"{path}[]")
            if hit:
                return (*value[:i], new, *value[i + 1 :]), True
    elif isinstance(value, dict):
        for key, item in value.items():
            new, hit = replace_first(item, pattern, f"{path}.{key}")
            if hit:
                return {**value, key: new}, True
    elif path == pattern and value is not None:
        return change(value), True
    return value, False


CLOSED = re.compile(
    r"(status|autonomy|phase|metric|slice\.fold|slice\.step|slice\.model|number|dimension|practice|model\.period|language|baselines\[\]\.name|verdict\.word|worth\.target)$"
)


@pytest.mark.long
def test_every_fact_is_on_the_page(city, figures):
    """Changing any field changes the page: so each stands on it, or on the list above."""
    record: CardRecord = city.record
    before = render_html(record)
    behind = "".join(repr((f.table, f.caption, f.title)) for f in figures)
    missing = []
    for pattern in dict.fromkeys(path for path, value in walk_leaves(record) if value is not None):
        if pattern in NOT_SHOWN or CLOSED.search(pattern):
            continue
        changed, hit = replace_first(record, pattern)
        assert hit, pattern
        if render_html(changed) == before and not stands_behind(pattern, record, behind):
            missing.append(pattern)
    assert missing == []


def stands_behind(pattern: str, record: CardRecord, behind: str) -> bool:
    """Whether a figure's table holds the first value at the pattern."""
    from cityai.card.numbers import write_count, write_number
    from cityai.i18n.messages import write_day

    value = next(v for path, v in walk_leaves(record) if path == pattern and v is not None)
    if isinstance(value, date):
        return write_day(value) in behind
    if isinstance(value, (int, float)):
        written = {
            write_count(value),
            write_number(value, "share"),
            write_number(value, ""),
            write_number(value, "tons"),
        }
        return any(f"'{w}" in behind or f"{w}'" in behind or f"{w})'" in behind for w in written)
    return str(value) in behind


def test_fields_that_are_not_shown_exist(city):
    paths = {path for path, _ in walk_leaves(city.record)}
    assert {p for p in NOT_SHOWN if p not in paths} <= {"fairness.by_fold[].reason"}


def test_gaps_are_counted_and_shown(city, html):
    required = [g for g in city.record.gaps if g.required]
    text = " ".join(Page(html).text)
    assert f"({len(required)} needed for release)" in text
    assert f"Missing answers ({len(city.record.gaps)})" in text
    for gap in city.record.gaps:
        assert gap.path in text


def test_findings_stand_before_the_results(city, html):
    failed = [f for f in city.record.findings if f.status == "fail"]
    assert failed
    for finding in failed:
        assert (
            finding.reason.split(".")[0][:30]
            in html[html.index('id="first"') : html.index('id="decision"')]
        )


def test_markdown_is_compact_and_carries_the_seal(city):
    text = render_markdown(city.record)
    assert len(text) < 20_000
    assert f"record `{city.record.record.content_digest}`" in text
    assert text.startswith("# Refuse forecast")
    assert "<" not in text


def test_the_map_is_drawn_from_the_outlines(city, figures, outlines_file):
    outlines = read_outlines(outlines_file, "id", {})
    with drawing():
        drawn = draw_map(city.record, outlines)
    assert "24 districts" in drawn.alternative
    assert drawn.wide.count("<path") > 24
    assert "map" not in {f.name for f in figures}


def test_outlines_that_cannot_be_read_say_what_to_do(outlines_file):
    with pytest.raises(DataError, match="boundaries"):
        read_outlines(outlines_file, "no such property", {})


def test_a_card_without_words_and_extras_renders(draft_city, city):
    bare = draft_city(words={}, groups=None)
    record = draft_forecast(city.facts, bare.spec, bare.predictions, bare.evaluation, bare.audit)
    page = render_html(record, draw_figures(record))
    assert find_active(page) == []
    assert "Not yet answered" in page
    assert "A plain summary is not yet written" in page


def test_not_applicable_says_why(html):
    assert "Does not apply: " in html
    assert "It is in use." in html
    assert NotApplicable(not_applicable="x")


def test_approvals_are_shown(city):
    facts = city.record.record.model_dump()
    facts["approved_by"] = [
        {"role": "Chief data officer", "date": "2026-12-01", "decision": "released"}
    ]
    record = seal_record(
        city.record.model_copy(update={"record": type(city.record.record)(**facts)})
    )
    assert "Chief data officer, 1 December 2026: released" in render_html(record)


@pytest.mark.parametrize("project", ["waste_tonnage", "sample_requests"])
def test_every_option_of_the_plane_has_its_number_once(project):
    path = Path(__file__).parents[2] / "model_cards" / project / "card.json"
    record = CardRecord.model_validate_json(path.read_text())
    part = record.fairness.options
    drawn = [o for o in part.options if o.closed is not None and o.lost is not None]
    figure = draw_plane(part)
    for svg in (figure.wide, figure.narrow):
        labels = re.findall(r">(\d(?:, \d)*)</text>", svg)
        numbers = [n for label in labels for n in label.split(", ") if n != "0"]
        assert len(numbers) == len(drawn)
        assert {numbers.count(n) for n in numbers} == {len({o.metric for o in drawn})}

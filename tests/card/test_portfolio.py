"""The portfolio: every system, the same with and without its script, and no text that acts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from datetime import date
from html.parser import HTMLParser

import pytest

from cityai.card.counts import find_worst
from cityai.card.numbers import write_brief
from cityai.card.portfolio import Entry, Portfolio, build_entry, build_portfolio, write_portfolio
from cityai.card.record import CardRecord, seal_record, write_lines
from cityai.card.render.page import name_page
from cityai.card.render.portfolio import arrange_row, name_portfolio, render_portfolio
from cityai.card.render.scripts import read_script
from cityai.card.words import GRADES, VERDICT_WORDS, VERDICTS
from cityai.i18n.catalogue import LOCALES
from cityai.pipeline.portfolio import publish_portfolio

TODAY = date(2026, 11, 22)
HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onfocus=alert(1) x='",
    "</script><script>alert(1)</script>", "javascript:alert(1)", "{{ 7*7 }}", "<!--", "]]>",
    "\u202ex", "</style><style>*{display:none}</style>", "&lt;b&gt;", "`${alert(1)}`",
]  # fmt: skip


class Nodes(HTMLParser):
    """Every tag with its attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.scripts.append(data)


def make_entry(name: str = "A", **more) -> Entry:
    return Entry.model_validate({"id": "a", "readable": True, "name": name, **more})


def test_names_are_said_as_the_city_says_them():
    entry = make_entry("Night beds", said={"es": {"Night beds": "Camas <de> noche"}})
    rows = {code: arrange_row(entry, code) for code in ("en", "es", "fr")}
    assert [(r.name, r.lang) for r in rows.values()] == [
        ("Night beds", ""), ("Camas <de> noche", ""), ("Night beds", "en"),
    ]  # fmt: skip
    assert "camas" in rows["es"].searched
    assert "night beds" in rows["es"].searched
    page = render_portfolio(build_portfolio([entry], TODAY), "es")
    assert "Camas &lt;de&gt; noche" in page


def test_an_entry_says_what_the_card_says(city):
    entry = build_entry("waste", city.record, TODAY)
    assert (entry.name, entry.phase) == ("Refuse forecast", "pilot")
    assert entry.review_due == date(2027, 5, 31)
    assert entry.overdue is False
    assert build_entry("waste", city.record, date(2027, 6, 1)).overdue is True
    judged = [r for r in city.record.fairness.results if r.limit is not None]
    single = [r for r in judged if " * " not in r.dimension]
    assert sum(entry.verdicts.values()) == len(single)
    assert entry.gaps == len(city.record.gaps)
    assert entry.gaps_required == sum(g.required for g in city.record.gaps)


@pytest.mark.parametrize("grade", sorted(GRADES))
def test_a_chip_says_the_grade_where_the_verdict_is_graded(grade):
    status = {"within": "pass", "beyond": "fail"}.get(grade, "not enough evidence")
    worst = {
        **{"dimension": "x", "group": "North", "metric": "bias", "unit": "share"},
        **{"gap": 0.02, "limits": 0.4, "status": status, "grade": grade},
    }
    page = render_portfolio(build_portfolio([make_entry(worst=worst)], TODAY))
    assert GRADES[grade] in page
    assert VERDICTS["not enough evidence"] not in page


def test_overdue_comes_first_then_the_name():
    entries = [make_entry("b"), make_entry("C", overdue=True), make_entry("a", overdue=False)]
    portfolio = build_portfolio(entries, TODAY)
    assert [e.name for e in portfolio.systems] == ["C", "a", "b"]
    assert Portfolio.model_validate_json(write_portfolio(portfolio)) == portfolio


def test_the_page_allows_its_own_script_alone(city):
    page = render_portfolio(build_portfolio([build_entry("waste", city.record, TODAY)], TODAY))
    nodes = Nodes(page)
    (policy,) = [
        a["content"] for t, a in nodes.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = nodes.scripts
    assert script == read_script("portfolio.js").text
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'")
    assert not [t for t, a in nodes.tags if t in {"img", "link", "iframe"} or "src" in a]
    assert len(page.encode()) < 60_000


def test_without_script_nothing_is_missing(city):
    """What filters is hidden until the script shows it; every fact is in the page as it comes."""
    entry = build_entry("waste", city.record, date(2028, 1, 1))
    page = render_portfolio(build_portfolio([entry], date(2028, 1, 1)))
    nodes = Nodes(page)
    (form,) = [a for t, a in nodes.tags if t == "form"]
    assert "hidden" in form
    assert not [a for t, a in nodes.tags if t == "li" and "hidden" in a]
    text = re.sub(r"<[^>]+>", " ", page.partition("<script>")[0])
    word = str(VERDICT_WORDS[entry.verdict])
    for said in (entry.name, "Pilot", "overdue since 31 May 2027", word,
                 f"Fields missing: {entry.gaps}"):  # fmt: skip
        assert said in " ".join(text.split())
    assert not [a for t, a in nodes.tags if t == "tr" and "hidden" in a]


def test_an_entry_says_the_verdict_how_good_it_is_and_who_is_served_worst(city):
    entry = build_entry("waste", city.record, TODAY)
    assert entry.verdict == city.record.verdict.word
    figures = {n.slice["model"]: n.value for n in city.record.eval.metrics
               if n.metric == "wape" and len(n.slice) == 1}  # fmt: skip
    assert entry.value == figures["forecast"]
    assert entry.practice_value == figures[f"baseline.{city.record.eval.practice}"]
    worst = find_worst(city.record.fairness.results)
    assert (entry.worst.group, entry.worst.gap) == (worst.group, worst.gap)
    row = arrange_row(entry)
    assert row.beside == (
        f"off by {write_brief(entry.value, 'share')}, "
        f"today {write_brief(entry.practice_value, 'share')}"
    )
    assert worst.group in row.worst
    assert row.ratio == round(entry.value / entry.practice_value, 3)


def test_a_card_without_a_verdict_is_listed_without_one(city):
    record = city.record.model_copy(update={"verdict": None})
    page = render_portfolio(build_portfolio([build_entry("waste", record, TODAY)], TODAY))
    assert "Not yet said" in page


def test_every_cell_has_a_key_to_sort_by(city):
    entries = [build_entry("waste", city.record, TODAY), Entry(id="old", readable=False, name="x")]
    nodes = Nodes(render_portfolio(build_portfolio(entries, TODAY)))
    cells = [a for t, a in nodes.tags if t == "td" or a.get("scope") == "row"]
    assert len(cells) == 6 + 2
    assert all(a["data-key"] for a in cells)


def test_the_page_stands_in_four_languages(city):
    entries = [build_entry("waste", city.record, TODAY), Entry(id="old", readable=False, name="x")]
    portfolio = build_portfolio([*entries, make_entry("late", overdue=True)], TODAY)
    for language in LOCALES:
        page = render_portfolio(portfolio, language)
        assert f'<html lang="{language}">' in page
        assert f'href="waste/{name_page(language)}"' in page
        assert 'href="old/card.html"' in page
        for other in LOCALES:
            assert (f'href="{name_portfolio(other)}"' in page) is (other != language)
        text = re.sub(r"<i lang=.*?</i>", "", page.partition("</style>")[2])
        assert ("Every system here" in text) is (language == "en")
    assert "Todos sus" not in render_portfolio(portfolio)
    assert "cada sistema tiene aquí" in render_portfolio(portfolio, "es").casefold()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_stay_words(text, city):
    facts = city.record.model_dump(mode="json")
    facts["system"].update(name=text, summary_plain=text, purpose=text, themes=[text])
    facts["system"]["city"] = facts["owner"]["unit"] = text
    record = seal_record(CardRecord.model_validate(facts))
    entries = [
        build_entry(text, record, TODAY),
        make_entry(text, purpose={"not_applicable": text}, synthetic=True, city=text),
        Entry(id=text, readable=False, name=text),
    ]
    page = render_portfolio(build_portfolio(entries, TODAY))
    plain = render_portfolio(
        build_portfolio([e.model_copy(update={"name": "x"}) for e in entries], TODAY)
    )
    nodes = Nodes(page)
    assert len(nodes.scripts) == 1
    assert sum(t == "style" for t, _ in nodes.tags) == 1
    assert [t for t, _ in nodes.tags] == [t for t, _ in Nodes(plain).tags]
    for _tag, attributes in nodes.tags:
        assert not [a for a in attributes if a.startswith("on")]
        address = attributes.get("href", "")
        assert ":" not in address.partition("/")[0]


def put_card(folder, record) -> None:
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(write_lines(record), encoding="utf-8")


def test_a_damaged_card_is_listed_as_such(city, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    put_card(tmp_path / "model_cards" / "waste", city.record)
    (tmp_path / "model_cards" / "old").mkdir()
    (tmp_path / "model_cards" / "old" / "card.json").write_text("{}")
    page = publish_portfolio(tmp_path)
    listed = json.loads((page.parent / "index.json").read_text())
    assert listed["made"] == "2026-01-01"
    assert {s["id"]: s["readable"] for s in listed["systems"]} == {"old": False, "waste": True}
    assert "This card cannot be read" in page.read_text("utf-8")
    first = page.read_bytes()
    assert publish_portfolio(tmp_path).read_bytes() == first
    assert page.stat().st_mode & 0o777 == 0o644


def test_several_at_once_leave_one_whole_list(city, tmp_path):
    for i in range(4):
        put_card(tmp_path / "model_cards" / f"c{i}", city.record)
    workers = [threading.Thread(target=publish_portfolio, args=(tmp_path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    folder = tmp_path / "model_cards"
    assert len(json.loads((folder / "index.json").read_text())["systems"]) == 4
    assert sorted(p.name for p in folder.iterdir()) == [
        "c0", "c1", "c2", "c3", "index.es.html", "index.fr.html", "index.html", "index.json",
        "index.pt.html",
    ]  # fmt: skip


def test_the_list_has_the_languages_of_its_cards_and_links_to_pages_that_exist(city, tmp_path):
    facts = city.record.record
    for name, languages in (("a", ("fr",)), ("b", ("en",))):
        head = facts.model_copy(update={"languages": languages})
        put_card(
            tmp_path / "model_cards" / name,
            seal_record(city.record.model_copy(update={"record": head})),
        )
    folder = tmp_path / "model_cards"
    (folder / "index.pt.html").write_text("of last year")
    publish_portfolio(tmp_path)
    assert sorted(p.name for p in folder.glob("*.html")) == ["index.fr.html", "index.html"]
    page = (folder / "index.html").read_text("utf-8")
    assert 'href="a/card.html"' in page
    assert 'href="b/card.html"' in page
    assert 'href="b/card.html"' in (folder / "index.fr.html").read_text("utf-8")
    assert "index.pt.html" not in page


def test_an_empty_city_has_an_empty_list(tmp_path):
    page = publish_portfolio(tmp_path)
    assert "No card has been published yet." in page.read_text("utf-8")

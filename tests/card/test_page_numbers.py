"""Every number on the page is in the record: the page is read back."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import BaseModel

from cityai.card.figures import draw_figures
from cityai.card.numbers import round_brief, write_count, write_gap, write_number
from cityai.card.render.page import render_html
from cityai.card.verify import read_record
from cityai.i18n.collect import PACKAGE, _extract_messages
from cityai.i18n.messages import write_day

CARDS = sorted((Path(__file__).parents[2] / "model_cards").glob("*/card.json"))
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
DERIVED = 500
"""Whole numbers up to this may be counts of what the record lists: groups, checks, replays."""


class Reader(HTMLParser):
    """Reads what a person reads: no style, no picture, no code."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.depth = 0
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.depth += tag in {"style", "script", "svg", "code", "title"}

    def handle_endtag(self, tag):
        self.depth -= tag in {"style", "script", "svg", "code", "title"}

    def handle_data(self, data):
        if not self.depth:
            self.text.append(data)


def list_leaves(value):
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from list_leaves(getattr(value, name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from list_leaves(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from list_leaves(item)
    else:
        yield value


@cache
def list_sayings() -> tuple[str, ...]:
    return tuple(m.text + m.plural for m in _extract_messages(PACKAGE))


def list_known(record) -> set[str]:
    texts = list(list_sayings())
    for value in list_leaves(record):
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, datetime):
            texts += [write_day(value), f"{value:%H:%M}", f"{value.hour}", f"{value.minute:02}"]
        elif isinstance(value, date):
            texts += [write_day(value), value.isoformat()]
        elif isinstance(value, (int, float)):
            texts += [write_number(value, "share"), write_number(value, ""), write_count(value)]
            texts += [write_gap(value, "share"), str(value)]
            brief = [round_brief(float(value), unit) for unit in ("share", "")]
            texts += [write_number(brief[0], "share"), write_number(brief[1], "")]
        else:
            texts.append(str(value))
    texts.append(str(len(record.eval.metrics)))
    return {number for text in texts for number in NUMBER.findall(text)}


def find_strangers(html: str, known: set[str]) -> set[str]:
    text = " ".join(Reader(html).text)
    found = {number.rstrip(",") for number in NUMBER.findall(text)}
    counts = {number for number in found if number.isdigit() and int(number) <= DERIVED}
    same = {drop_zeros(k) for k in known}
    return {number for number in found - counts if drop_zeros(number) not in same}


def drop_zeros(number: str) -> str:
    """`8.0`, as a column beside 7.5 writes it, and `8` are the same number."""
    number = number.rstrip(",")
    return number.rstrip("0").rstrip(".") if "." in number and "e" not in number else number


def list_gap_ranges(record) -> set[str]:
    """What a gap lies between, where the rate or what it is compared with is said as a range."""
    texts = []
    for r in record.fairness.results:
        if r.between is None and r.reference_between is None:
            continue
        own, beside = r.between or (r.value,) * 2, r.reference_between or (r.reference_value,) * 2
        if None not in (*own, *beside):
            ends = (own[0] - beside[1], own[1] - beside[0])
            texts += [write_gap(end, r.unit) for end in ends]
    return {number for text in texts for number in NUMBER.findall(text)}


def say_one_in(record) -> set[str]:
    """`about 1 in 13`: a share said in small whole numbers."""
    shares = [v for v in list_leaves(record) if isinstance(v, float) and 0 < v < 1]
    return {f"{1 / share:,.0f}" for share in shares}


def test_every_number_of_the_test_card_is_in_its_record(city):
    html = render_html(city.record, draw_figures(city.record))
    assert find_strangers(html, list_known(city.record) | say_one_in(city.record)) == set()


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.parent.name)
def test_every_number_of_the_repositorys_cards_is_in_its_record(path):
    record = read_record(path.read_text("utf-8"))
    html = render_html(record, draw_figures(record))
    assert (
        find_strangers(html, list_known(record) | say_one_in(record) | list_gap_ranges(record))
        == set()
    )


def test_a_planted_number_is_noticed(city):
    html = render_html(city.record).replace("</main>", "<p>98.7654%, and 12,345.</p></main>")
    known = list_known(city.record)
    assert find_strangers(html, known) >= {"98.7654", "12,345"}

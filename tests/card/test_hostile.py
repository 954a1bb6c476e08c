"""Sixty hostile texts in every place that people or data can write to."""

# ruff: noqa: E501

from __future__ import annotations

import re

import pytest

from cityai.card.figures import draw_figures
from cityai.card.render.markdown import escape_markdown, render_markdown
from cityai.card.render.page import render_html, render_pages
from tests.card import test_render

PAYLOADS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><script>alert(1)</script>", "'><svg onload=alert(1)>",
    "<svg/onload=alert(1)>", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>1</script>",
    "vbscript:msgbox(1)", "<iframe src=//evil.example></iframe>", "<a href=javascript:alert(1)>x</a>", "<body onload=alert(1)>",
    "<link rel=stylesheet href=//evil.example/x.css>", "<style>@import '//evil.example'</style>", "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<base href=//evil.example>", "<form action=//evil.example><input name=x>", "<object data=//evil.example>", "<embed src=//evil.example>",
    "</title><script>alert(1)</script>", "</style><script>alert(1)</script>", "--><script>alert(1)</script>", "]]><script>alert(1)</script>",
    "<!--", "<![CDATA[<script>]]>", "\" onmouseover=alert(1) x=\"", "' onfocus=alert(1) autofocus '", "` onclick=alert(1) `",
    "x onpointerenter=alert(1)", "{{ 7*7 }}", "{% include '/etc/passwd' %}", "{{ ''.__class__.__mro__ }}", "${7*7}", "#{7*7}",
    "$\\frac{1}{0}$", "$x^{2$", "\\input{/etc/passwd}", "%s%s%n", "\x00null", "\x1b[31mred", "\u202eright to left", "\ufeffbom", "a\u0301 combining",
    "![x](http://evil.example/p.png)", "[x](javascript:alert(1))", "<http://evil.example>", "| a | b |", "`code` ```fence```", "**bold** _it_",
    "# heading", "http://evil.example/?a=\"><script>", "www.evil.example", "https://evil.example\njavascript:alert(1)",
    "=HYPERLINK(\"http://evil.example\")", "@import url(//evil.example)", "expression(alert(1))", "url(javascript:alert(1))",
    "<math><mtext><script>alert(1)</script></mtext></math>", "&lt;script&gt;alert(1)&lt;/script&gt;", "é" * 300, "مرحبا שלום 你好 🏙️",
]  # fmt: skip


def make_words(text: str) -> dict:
    return {
        "system": {
            "name": text,
            "summary_plain": text[:340],
            "purpose": text,
            "themes": [text],
            "retired": {"not_applicable": text},
        },
        "owner": {
            "organization": text,
            "contact": text,
            "links": {text: text},
            "third_parties": [
                {"name": text, "role": text, "data_access": text, "procurement": text}
            ],
        },
        "decision": {"supported_decision": text},
        "legal": {
            "basis": [{"title": text, "link": text}],
            "risk_class": [{"scheme": text, "level": text, "reason": text, "date": "2026-01-01"}],
            "assessments": [{"type": text, "status": text, "link": text, "summary": text}],
        },
        "use": {"out_of_scope": [text], "users": [text]},
        "data": {"source": text, "url": text},
        "fairness": {
            "harms_benefits": [{"group": text, "benefit": text, "harm": text, "mitigation": text}]
        },
        "risks": [
            {
                "name": text,
                "likelihood": "low",
                "severity": "low",
                "mitigation": text,
                "residual": "low",
                "owner": text,
            }
        ],
        "oversight": {"appeal": text, "consultation": [text]},
        "checklist": [{"id": "A.1", "status": "open", "evidence": text}],
    }


def test_there_are_sixty():
    assert len(set(PAYLOADS)) >= 60


@pytest.fixture(scope="module")
def hostile_pages(draft_city):
    """Three cards, each with twenty payloads or more as names, groups and words at once."""
    pages = []
    for start in range(0, len(PAYLOADS), 22):
        texts = PAYLOADS[start : start + 22]
        ids = [f"{text}{i}" for i, text in enumerate(texts)]
        groups = {
            "income": [f"{t}#{i}" for i, t in enumerate((texts * 4)[:4])],
            "origin": [f"{t}~{i}" for i, t in enumerate((texts[::-1] * 2)[:2])],
        }
        pages.append(
            (
                texts,
                draft_city(words=make_words(texts[0]), ids=ids, groups=groups, names=ids).record,
            )
        )
    return pages


@pytest.mark.promise(15)
@pytest.mark.long
def test_no_payload_becomes_active(observe, hostile_pages):
    for texts, record in hostile_pages:
        for page in render_pages(record, draw_figures(record)).values():
            assert test_render.find_active(page) == [], texts
            assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ue000\ue001]", page)
    observe(f"0 active nodes of {len(PAYLOADS)} payloads in every name")


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, marks=() if i % 6 == 0 else pytest.mark.long)
        for i, text in enumerate(PAYLOADS)
    ],
)
def test_no_word_becomes_active(observe, text, draft_city):
    record = draft_city(words=make_words(text), reuse=True).record
    page = render_html(record)
    assert test_render.find_active(page) == []
    assert test_render.find_active(render_html(record, language="fr")) == []
    for tag, attributes in test_render.Page(page).tags:
        if tag == "a":
            assert "evil.example" not in (attributes["href"] or "") or re.fullmatch(
                r"https?://evil\.example[\x21-\x7e]*", text
            )
    markdown = render_markdown(record)
    assert "<" not in markdown
    assert "](" not in markdown.replace("\\](", "")
    assert "://" not in markdown
    observe("0 active nodes of a payload in every word")


@pytest.mark.parametrize("text", PAYLOADS)
def test_escaped_markdown_stays_one_line(text):
    assert len(escape_markdown(text).splitlines()) <= 1

"""Pages from the record: HTML for people, Markdown for repositories, JSON for machines."""

from __future__ import annotations

from cityai.card.record import CardRecord, write_lines
from cityai.card.render.markdown import render_markdown, render_note
from cityai.card.render.page import name_page, open_environment, render_html, render_pages


def render_json(record: CardRecord) -> str:
    """Render the card as JSON."""
    return write_lines(record)


__all__ = [
    "name_page",
    "open_environment",
    "render_html",
    "render_json",
    "render_markdown",
    "render_note",
    "render_pages",
]

"""Pages from the record: HTML for people, Markdown for repositories, JSON for machines."""

from __future__ import annotations

from cityai.card.record import CardRecord, write_canonical
from cityai.card.render.markdown import render_markdown
from cityai.card.render.page import (
    TEMPLATES,
    name_page,
    open_environment,
    render_html,
    render_pages,
)


def render_json(record: CardRecord) -> str:
    """Render the card as canonical JSON."""
    return write_canonical(record)


__all__ = [
    "TEMPLATES",
    "name_page",
    "open_environment",
    "render_html",
    "render_json",
    "render_markdown",
    "render_pages",
]

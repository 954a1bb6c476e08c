"""A record's three forms, made in one place: what is published is what verification makes again."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.card.figures import Outlines, draw_figures
from cityai.card.record import CardRecord
from cityai.card.render import render_html, render_json, render_markdown


@dataclass(frozen=True, slots=True)
class Pages:
    """A card for people, for repositories, and for machines."""

    html: str
    markdown: str
    json: str


def make_pages(record: CardRecord, outlines: Outlines | None = None) -> Pages:
    """Make the pages of a record as its file holds it: the same file gives the same bytes.

    Parameters
    ----------
    record : CardRecord
        The facts.
    outlines : mapping of area to rings, optional
        From `cityai.card.figures.read_outlines`; without them there is no map.
    """
    written = render_json(record)
    read = CardRecord.model_validate_json(written)
    html = render_html(read, draw_figures(read, outlines))
    return Pages(html, render_markdown(read), written)

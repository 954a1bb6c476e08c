"""A record's files, made in one place: what is published is what verification makes again."""

from __future__ import annotations

from dataclasses import dataclass, field

from cityai.card.figures import Figure, Outlines, draw_figures
from cityai.card.record import JSON, MARKDOWN, CardRecord, read_back, write_lines
from cityai.card.render.markdown import render_markdown
from cityai.card.render.page import render_pages


@dataclass(frozen=True, slots=True)
class Pages:
    """A card for people, for repositories, and for machines."""

    files: dict[str, str]
    """Text by name of the file."""
    figures: tuple[Figure, ...] = field(default=(), compare=False)
    """The pictures on its pages."""

    @property
    def html(self) -> dict[str, str]:
        """The page in each language, by name of the file."""
        return {name: text for name, text in self.files.items() if name.endswith(".html")}

    @property
    def markdown(self) -> str:
        """The card for repositories."""
        return self.files[MARKDOWN]

    @property
    def json(self) -> str:
        """The record."""
        return self.files[JSON]


def make_pages(record: CardRecord, outlines: Outlines | None = None) -> Pages:
    """Make the files of a record as its own file holds it: the same record gives the same bytes."""
    written = write_lines(record)
    read = read_back(record)
    figures = draw_figures(read, outlines)
    pages = render_pages(read, figures)
    return Pages({**pages, MARKDOWN: render_markdown(read), JSON: written}, figures)

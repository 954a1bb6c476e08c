"""A private page on one case, for the person who goes there."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.card.render.page import fill_template
from cityai.i18n.translator import Translator


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a page on one case says."""

    title: str
    """Title of the project."""
    city: str
    """Name of the city."""
    synthetic: bool
    """True for an invented city."""
    head: str
    """What the page is about."""
    tells: tuple[str, ...]
    """What the model says of it."""
    reasons: tuple[str, ...]
    """What it looked at, the weightiest first."""
    sensitive: tuple[str, ...]
    """Those of the reasons that stand close to a protected group."""
    caveat: str
    note: str
    """What the reasons do not say; how much of the figure they speak for."""
    warnings: tuple[str, ...]
    """What to know before it is used."""
    override: str
    """Who may set the model's answer aside, in the city's own words."""
    facts: tuple[tuple[str, str], ...]
    """What else is known of the case."""
    origin: tuple[tuple[str, str], ...]
    """Where the page comes from."""


def render_sheet(sheet: Sheet) -> str:
    """Render a sheet as one HTML file; the same sheet gives the same bytes."""
    return fill_template("sheet.html.j2", Translator("en"), sheet=sheet)

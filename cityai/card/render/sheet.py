"""A private page on one case, for the person who goes there."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.card.render.page import open_environment
from cityai.card.render.scripts import tidy_page
from cityai.i18n.translator import Translator


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a page on one case says.

    Attributes
    ----------
    title : str
        Title of the project.
    city : str
        Name of the city.
    synthetic : bool
        True for an invented city.
    head : str
        What the page is about.
    tells : tuple of str
        What the model says of it.
    reasons : tuple of str
        What it looked at, the weightiest first.
    sensitive : tuple of str
        Those of the reasons that stand close to a protected group.
    caveat, note : str
        What the reasons do not say; how much of the figure they speak for.
    warnings : tuple of str
        What to know before it is used.
    override : str
        Who may set the model's answer aside, in the city's own words.
    facts : tuple of (str, str)
        What else is known of the case.
    origin : tuple of (str, str)
        Where the page comes from.
    """

    title: str
    city: str
    synthetic: bool
    head: str
    tells: tuple[str, ...]
    reasons: tuple[str, ...]
    sensitive: tuple[str, ...]
    caveat: str
    note: str
    warnings: tuple[str, ...]
    override: str
    facts: tuple[tuple[str, str], ...]
    origin: tuple[tuple[str, str], ...]


def render_sheet(sheet: Sheet) -> str:
    """Render a sheet as one HTML file; the same sheet gives the same bytes."""
    template = open_environment().get_template("sheet.html.j2")
    page = template.render(sheet=sheet, translator=Translator("en"))
    return tidy_page(page)

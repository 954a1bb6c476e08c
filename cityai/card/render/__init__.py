"""Pages from the record: HTML for people, Markdown for repositories, JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cityai.card import words
from cityai.card.figures import Figure, Table
from cityai.card.record import CardRecord, write_canonical
from cityai.card.render import head, ranked, tables
from cityai.card.render.annex import arrange_proxies, arrange_trends
from cityai.card.render.markdown import render_markdown
from cityai.card.render.options import arrange_option_groups, arrange_options
from cityai.spec.words import NotApplicable

TEMPLATES = Path(__file__).parents[1] / "templates"


def render_html(record: CardRecord, figures: Sequence[Figure] = ()) -> str:
    """Render the card as one HTML file that asks nothing of any network.

    Parameters
    ----------
    record : CardRecord
        The facts.
    figures : sequence of Figure
        From `cityai.card.figures.draw_figures` of the same record.

    Returns
    -------
    str
        The same record and figures give the same bytes.
    """
    own = record.record
    page = (
        open_environment()
        .get_template("card.html.j2")
        .render(
            record=record,
            figures={f.name: f for f in figures},
            tables=tables,
            keys=head.arrange_keys(record),
            own_language="" if own.words_language == own.language else own.words_language,
            failed=head.arrange_failed(record),
            unsure=head.arrange_unsure(record),
            required=[g for g in record.gaps if g.required],
        )
    )
    return "\n".join(line.rstrip() for line in page.splitlines() if line.strip()) + "\n"


def render_json(record: CardRecord) -> str:
    """Render the card as canonical JSON."""
    return write_canonical(record)


@cache
def open_environment() -> Environment:
    """Open the templates, with everything escaped and nothing undefined let through."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=words.write_count,
        day=_write_moment,
        figure=words.write_number,
        gap=words.write_gap,
        t=str,
        own=str,
        plain=str,
        verbatim=lambda text: Markup(text),  # noqa: S704 - our own script, never a record's text
        link=lambda value: words.check_link(str(value)),
        mail=lambda value: words.check_link(f"mailto:{value}"),
    )
    environment.tests["not_applicable"] = lambda value: isinstance(value, NotApplicable)
    environment.globals.update(
        _=_fill_places,
        picture=_show_picture,
        grid_of=_grid_of,
        verdicts=words.VERDICTS,
        status_words=words.STATUS_WORDS,
        symbols=words.SYMBOLS,
        phases=words.LIFE_PHASES,
        autonomies=words.AUTONOMIES,
        metric_words=words.describe_metric,
        arrange_options=arrange_options,
        arrange_proxies=arrange_proxies,
        arrange_trends=arrange_trends,
        arrange_option_groups=arrange_option_groups,
        arrange_capacity=ranked.arrange_capacity,
        arrange_list_groups=ranked.arrange_list_groups,
        arrange_slopes=ranked.arrange_slopes,
        arrange_attention=ranked.arrange_attention,
    )
    environment.finalize = _clean_value
    return environment


def _fill_places(text: str, **places: object) -> str:
    return text.format(**places) if places else text


def _clean_value(value: Any) -> Any:
    """Drop control characters from every text that reaches the page."""
    return words.clean_text(value) if type(value) is str else value


def _show_picture(svg: str) -> Markup:
    """Let our own SVG through unescaped: `canvas.write_svg` left only shapes and escaped texts."""
    return Markup(svg)  # noqa: S704


def _grid_of(table: Table, caption: str) -> tables.Grid:
    return tables.make_grid(caption, table.columns, table.rows, range(1, len(table.columns)))


def _write_moment(value: date | None) -> str:
    if value is None:
        return words.MISSING
    text = words.write_day(value)
    return f"{text}, {value:%H:%M} UTC" if isinstance(value, datetime) else text


__all__ = ["render_html", "render_json", "render_markdown"]

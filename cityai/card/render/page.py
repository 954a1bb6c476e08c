"""The page, in one language or in all: one HTML file each, which asks nothing of any network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from cityai.card import numbers, words
from cityai.card.counts import tally_statuses
from cityai.card.figures import Figure, Table
from cityai.card.record import CardRecord
from cityai.card.render import (
    annex,
    data_tables,
    head,
    impact,
    matrix,
    options,
    ranked,
    replays,
    tables,
    what_if,
    worth,
)
from cityai.card.render.loader import TemplateLoader
from cityai.card.render.own_words import open_translator
from cityai.card.render.scripts import (
    TEMPLATES,
    read_script,
    share_styles,
    show_picture,
    tidy_page,
    write_styles,
)
from cityai.config.words import NotApplicable
from cityai.i18n import messages
from cityai.i18n.catalogue import LOCALES, NAMES
from cityai.i18n.messages import Figure as Printed
from cityai.i18n.messages import Message, count_periods, say, write_day
from cityai.i18n.stored import clean_text
from cityai.i18n.translator import Translator
from cityai.progress import counting


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the page links to, and the file in which it stands."""

    code: str
    name: str
    file: str


def list_languages(written: Sequence[str], own: str) -> tuple[str, ...]:
    """List the languages of a card's pages, that of ``card.html`` first.

    Parameters
    ----------
    written : sequence of str
        As the city declares them; none for all that there are.
    own : str
        That in which people wrote: the first, where a page has it.
    """
    codes = [code for code in written if code in LOCALES] or list(LOCALES)
    return tuple(sorted(codes, key=lambda code: code != own))


def name_page(language: str, main: str = "en") -> str:
    """Return the file name of the page in a language: ``card.html``, ``card.es.html``."""
    return "card.html" if language == main else f"card.{language}.html"


def render_pages(record: CardRecord, figures: Sequence[Figure] = ()) -> dict[str, str]:
    """Render the card in every language of the city, by file name, ``card.html`` first."""
    codes = list_languages(record.record.languages, record.record.words_language)
    return {
        name_page(code, codes[0]): render_html(record, figures, code) for code in counting(codes)
    }


def render_html(
    record: CardRecord,
    figures: Sequence[Figure] = (),
    language: str = "",
    translator: Translator | None = None,
) -> str:
    """Render the card as one HTML file.

    Returns
    -------
    str
        The same record, figures and language give the same bytes.
    """
    own_language = record.record.words_language
    codes = list_languages(record.record.languages, own_language)
    main = codes[0]
    code = translator.language if translator else language or main
    translator = translator or open_translator(record, code)
    checks = tally_statuses(f.status for f in record.findings)
    styles = share_styles(figures)
    return fill_template(
        "card.html.j2",
        translator,
        record=record,
        language=code,
        languages=[Language(c, NAMES[c], name_page(c, main)) for c in LOCALES if c in codes],
        own_language=own_language,
        figures={f.name: f for f in figures},
        keys=head.arrange_keys(record),
        failed=head.arrange_failed(record),
        unsure=(unsure := head.arrange_unsure(record)),
        unsure_pairs=checks.unknown - sum(len(notice.first) for notice in unsure),
        checks=checks,
        required=[g for g in record.gaps if g.required],
        script=read_script("alive.js"),
        picture=lambda svg: show_picture(svg, translator, styles),
        picture_styles=write_styles(styles),
    )


def fill_template(name: str, translator: Translator, **given: Any) -> str:
    """Fill a template of the card, its words in the translator's language."""
    template = open_environment().get_template(name)
    return tidy_page(template.render(make_words(translator), translator=translator, **given))


def make_words(translator: Translator) -> dict[str, Any]:
    """Return the functions by which a template says its own words in a language."""

    def say_here(text: str, **places: object) -> Markup:
        return translator.show(messages.say(text, **places))

    def count_here(one: str, several: str, n: int, **places: object) -> Markup:
        return translator.show(messages.say_n(one, several, n, **places))

    return {"_": say_here, "_n": count_here}


@pass_context
def _show(context: Context, value: Any) -> Markup:
    """Say a text of the record in the page's language."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, words.Code):
        return escape(clean_text(value))
    translator: Translator = context["translator"]
    return _show_own(context, value) if isinstance(value, words.Own) else translator.show(value)


@pass_context
def _show_own(context: Context, value: Any) -> Markup:
    """Show a text that people wrote as they wrote it, marked with its language."""
    translator: Translator = context["translator"]
    return translator.show_own(str(value))


@pass_context
def _write_colon(context: Context) -> str:
    """Write a colon after a word, as the page's language sets it apart."""
    translator: Translator = context["translator"]
    return "\u00a0:" if translator.language == "fr" else ":"


def _join_texts(texts: Iterable[str | float], mark: str) -> str:
    """Join texts, or numbers, without losing what they are made of."""
    return messages.join(mark, (t if isinstance(t, str) else messages.write(t) for t in texts))


def _split_sentence(shown: Markup) -> tuple[Markup, Markup]:
    """Split what is shown after its first sentence, each part with the mark of its language."""
    found = re.fullmatch(r"(<i[^>]*>)?(.*?)(</i>)?", shown, re.DOTALL)
    opened, text, closed = found.groups("") if found else ("", str(shown), "")
    first, *rest = re.split(r"(?<=[.!?…])\s+(?=[A-ZÀ-Þ¿¡“])", text, maxsplit=1)
    later = f"{opened}{rest[0]}{closed}" if rest else ""
    return Markup(f"{opened}{first}{closed}"), Markup(later)  # noqa: S704 - parts of what was escaped


@cache
def open_environment(*folders: Path) -> Environment:
    """Open the templates, with everything escaped and nothing undefined let through.

    Parameters
    ----------
    *folders : Path
        Templates of other rooms: they are looked for first, and may use the card's.
    """
    environment = Environment(
        loader=TemplateLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # looking for constants costs more than it saves in a process of one card
    )
    environment.filters.update(
        count=numbers.write_count,
        day=_write_moment,
        figure=numbers.write_number,
        gap=numbers.write_gap,
        join=_join_texts,
        link=lambda value: words.check_link(str(value)),
        mail=lambda value: words.check_link(f"mailto:{value}"),
        t=_show,
        own=_show_own,
        plain=lambda value: value.striptags() if isinstance(value, Markup) else str(value),
        sentences=_split_sentence,
        verbatim=lambda text: Markup(text),  # noqa: S704 - our own script, never a record's text
    )
    environment.tests["not_applicable"] = lambda value: isinstance(value, NotApplicable)
    environment.globals.update(
        grid_of=_grid_of,
        span_of=messages.write_span,
        symbols=words.SYMBOLS,
        status_words=words.STATUS_WORDS,
        marks=words.MARKS,
        verdict_words=words.VERDICT_WORDS,
        verdict_marks=words.VERDICT_MARKS,
        phases=words.LIFE_PHASES,
        autonomies=words.AUTONOMIES,
        metric_words=words.describe_metric,
        count_periods=count_periods,
        colon=_write_colon,
        code=words.Code,
        own_words=words.Own,
        named=_name_values,
        language_words=words.LANGUAGES,
        annex=annex,
        data_tables=data_tables,
        headline=head,
        impacts=impact,
        groups=matrix,
        options=options,
        ranked=ranked,
        replays=replays,
        tables=tables,
        what_if=what_if,
        worth=worth,
    )
    environment.finalize = _clean_value
    return environment


@pass_context
def _clean_value(context: Context, value: Any) -> Any:
    """Write messages and figures in the page's language, and drop what no page can show."""
    if isinstance(value, Message | Printed):
        return _show(context, value)
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return clean_text(value) if plain else value


def _name_values(
    items: Mapping[str, str | float], kind: Callable[[Any], str | float] = lambda value: value
) -> list[tuple[str, str | float]]:
    """Return names for machines with their values, all of one kind of text."""
    return [(words.Code(name), kind(value)) for name, value in items.items()]


def _grid_of(table: Table, caption: str) -> tables.Grid:
    numeric = set(range(1, len(table.columns))) - table.words
    return tables.make_grid(caption, table.columns, table.rows, numeric)


def _write_moment(value: date | None) -> str:
    if value is None:
        return numbers.MISSING
    day = write_day(value)
    if not isinstance(value, datetime):
        return day
    return say("{day}, {time} UTC", day=day, time=f"{value:%H:%M}")

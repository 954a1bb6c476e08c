"""The portfolio's page: every system, searchable where scripts run, complete where they do not."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cityai.card.portfolio import Entry, Portfolio
from cityai.card.render import TEMPLATES, open_environment
from cityai.card.render.page import Language, list_languages, make_words, name_page
from cityai.card.words import AUTONOMIES, LIFE_PHASES
from cityai.i18n.catalogue import LOCALES, NAMES
from cityai.i18n.messages import say, write
from cityai.i18n.translator import Translator

SCRIPT = TEMPLATES / "portfolio.js"
COUNTED = {
    "pass": say("within the limit"),
    "fail": say("beyond the limit"),
    "not enough evidence": say("cannot be told"),
    "suppressed": say("not shown"),
}
"""Verdicts that are counted, in words that follow a number."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system as the page shows it: what stands beside its name, and what is searched."""

    entry: Entry
    file: str
    """Its card in the page's language."""
    phase: str
    autonomy: str
    verdicts: tuple[tuple[str, str], ...]
    marks: str
    """Words that the filters know: ``overdue beyond open``."""
    searched: str


def name_portfolio(language: str) -> str:
    """Return the file name of the portfolio in a language: ``index.html``, ``index.es.html``."""
    return "index.html" if language == "en" else f"index.{language}.html"


def list_portfolio_languages(portfolio: Portfolio) -> tuple[str, ...]:
    """List the languages of the list: English, and each in which some card has a page."""
    written = {c for e in portfolio.systems for c in e.languages or LOCALES if e.readable}
    return tuple(c for c in LOCALES if c == "en" or c in written)


def render_portfolio(portfolio: Portfolio, language: str = "en") -> str:
    """Render the portfolio as one HTML file that asks nothing of any network.

    The script that searches is in the page, and the page allows it alone, by its SHA-256.

    Parameters
    ----------
    portfolio : Portfolio
        From `cityai.card.portfolio.build_portfolio`.
    language : str, optional
        ``en``, ``es``, ``pt`` or ``fr``; names and purposes stay as people wrote them.

    Returns
    -------
    str
        The same portfolio and language give the same bytes.
    """
    script = SCRIPT.read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rows = [arrange_row(entry, language) for entry in portfolio.systems]
    translator = Translator(language, frozenset(e.city for e in portfolio.systems))
    page = (
        open_environment()
        .get_template("portfolio.html.j2")
        .render(
            make_words(translator),
            translator=translator,
            language=language,
            languages=[
                Language(c, NAMES[c], name_portfolio(c))
                for c in list_portfolio_languages(portfolio)
            ],
            portfolio=portfolio,
            rows=rows,
            phases=[p for p in LIFE_PHASES.items() if any(r.entry.phase == p[0] for r in rows)],
            script=script,
            script_digest=digest,
        )
    )
    # The script stays byte by byte what was hashed: blank lines go from the rest alone.
    head, mark, tail = page.partition("<script>")
    lines = [line.rstrip() for line in head.splitlines() if line.strip()]
    return "\n".join(lines) + "\n" + mark + tail.rstrip() + "\n"


def arrange_row(entry: Entry, language: str = "en") -> Row:
    """Arrange one system."""
    codes = list_languages(entry.languages, entry.words_language)
    shown = language if language in codes else codes[0]
    told = [
        (status, write(entry.verdicts[status], ",") + " " + words)
        for status, words in COUNTED.items()
        if entry.verdicts.get(status)
    ]
    marks = {
        "overdue": bool(entry.overdue),
        "beyond": bool(entry.verdicts.get("fail")),
        "open": entry.gaps_required > 0,
        "unreadable": not entry.readable,
    }
    purpose = entry.purpose if isinstance(entry.purpose, str) else ""
    texts = (entry.name, entry.summary, purpose, entry.owner, entry.id, *entry.themes)
    return Row(
        entry=entry,
        file=name_page(shown, codes[0]) if entry.readable else name_page("en"),
        phase=LIFE_PHASES.get(entry.phase or "", say("Not yet said")),
        autonomy=AUTONOMIES.get(entry.autonomy or "", say("Not yet said")),
        verdicts=tuple(told),
        marks=" ".join(name for name, on in marks.items() if on),
        searched=" ".join(" ".join(texts).casefold().split()),
    )

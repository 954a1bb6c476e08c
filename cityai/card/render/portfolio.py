"""The portfolio's page: every system, searchable where scripts run, complete where they do not."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.card.impact_words import ANNOUNCED, name_impact
from cityai.card.numbers import write_alike, write_brief, write_brief_gap
from cityai.card.portfolio import Entry, Portfolio, Tested, WorstGap
from cityai.card.render.page import Language, fill_template, list_languages, name_page
from cityai.card.render.release import Decided, list_decided
from cityai.card.render.scripts import read_script
from cityai.card.words import (
    LIFE_PHASES,
    VERDICT_MARKS,
    VERDICT_WORDS,
    describe_metric,
    name_verdict,
)
from cityai.columns import HEADLINE, LIST_HEADLINE
from cityai.i18n.catalogue import LOCALES, NAMES
from cityai.i18n.messages import say, write_day
from cityai.i18n.translator import Translator

BESIDE = {
    HEADLINE: say("off by {own}, today {other}"),
    LIST_HEADLINE: say("finds {own}, today {other}"),
}
"""A figure beside that of today's practice, by metric."""
ALONE = {HEADLINE: say("off by {own}"), LIST_HEADLINE: say("finds {own}")}
"""The same where there is nothing beside it."""

FOUND = {
    "worth it": "pass",
    "not worth it": "fail",
    "cannot tell": "not enough evidence",
    "harmful": "fail",
}
"""What a test found: the sign beside it."""
TAKEN = {
    "scale": say("to be scaled up"),
    "change": say("to be changed"),
    "stop": say("to be stopped"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One system as the page shows it: what stands beside its name, and what is searched."""

    entry: Entry
    name: str
    lang: str
    """The language of the name, where it is not the page's."""
    file: str
    """Its card in the page's language."""
    verdict: str
    beside: str
    """How good it is, beside today's practice."""
    ratio: float | None
    """Its error as a share of today's: the column is sorted by it."""
    worst: str
    """The group that is served worst, and by how much."""
    judged: tuple[str, str]
    """What the verdict on it is called, and its mark."""
    phase: str
    decided: list[Decided]
    """What people decided."""
    tested: list[list[tuple[str, str]]]
    """Of each test of it, the newest first: what it found and what the city decided on that, each
    with the sign beside it."""
    marks: str
    """Words that the filters know: ``overdue`` and the verdict."""
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

    Returns
    -------
    str
        The same portfolio and language give the same bytes.
    """
    rows = [arrange_row(entry, language) for entry in portfolio.systems]
    given = {k: v for e in portfolio.systems for k, v in e.said.get(language, {}).items()}
    cities = frozenset(e.city for e in portfolio.systems)
    translator = Translator(language, cities, given=given)
    return fill_template(
        "portfolio.html.j2",
        translator,
        language=language,
        languages=[
            Language(c, NAMES[c], name_portfolio(c)) for c in list_portfolio_languages(portfolio)
        ],
        portfolio=portfolio,
        rows=rows,
        words=VERDICT_WORDS,
        order={word: i for i, word in enumerate(VERDICT_MARKS)},
        phases=[p for p in LIFE_PHASES.items() if any(r.entry.phase == p[0] for r in rows)],
        script=read_script("portfolio.js"),
    )


def arrange_row(entry: Entry, language: str = "en") -> Row:
    """Arrange one system."""
    codes = list_languages(entry.languages, entry.words_language)
    shown = language if language in codes else codes[0]
    marks = {
        "overdue": bool(entry.overdue),
        "beyond": bool(entry.verdicts.get("fail")),
        entry.verdict.replace(" ", "-"): bool(entry.verdict),
        "unreadable": not entry.readable,
    }
    purpose = entry.purpose if isinstance(entry.purpose, str) else ""
    name = entry.said.get(language, {}).get(entry.name, "")
    texts = (name, entry.name, entry.summary, purpose, entry.owner, entry.id, *entry.themes)
    return Row(
        entry=entry,
        name=name or entry.name,
        lang="" if name or entry.words_language == language else entry.words_language,
        file=name_page(shown, codes[0]) if entry.readable else name_page("en"),
        verdict=VERDICT_WORDS.get(entry.verdict, say("Not yet said")),
        beside=_tell_beside(entry),
        ratio=_compare(entry),
        worst=_tell_worst(entry.worst) if entry.worst else "",
        judged=name_verdict(entry.worst.status, entry.worst.grade) if entry.worst else ("", ""),
        phase=LIFE_PHASES.get(entry.phase or "", say("Not yet said")),
        decided=list_decided(entry.release) if entry.release else [],
        tested=[_list_tested(one) for one in entry.tested],
        marks=" ".join(name for name, on in marks.items() if on),
        searched=" ".join(" ".join(texts).casefold().split()),
    )


def _list_tested(tested: Tested) -> list[tuple[str, str]]:
    if not tested.word:
        day = write_day(tested.known_from)
        return [("not enough evidence", ANNOUNCED.format(day=day))]
    taken = [("not applicable", TAKEN[tested.decision])] if tested.decision else []
    mark = "not enough evidence" if tested.uneven else FOUND[tested.word]
    return [(mark, name_impact(tested.word, uneven=tested.uneven)), *taken]


def _tell_beside(entry: Entry) -> str:
    own, other = entry.value, entry.practice_value
    if own is None or entry.metric not in BESIDE:
        return ""
    if other is None:
        return str(ALONE[entry.metric].format(own=write_brief(own, "share")))
    figures = write_alike((own, other), "share")
    return str(BESIDE[entry.metric].format(**dict(zip(("own", "other"), figures, strict=True))))


def _compare(entry: Entry) -> float | None:
    """Return the error as a share of today's; of what is found, the other way round."""
    pair = (entry.value, entry.practice_value)
    above, below = pair if entry.metric == HEADLINE else pair[::-1]
    return None if above is None or not below else round(above / below, 3)


def _tell_worst(worst: WorstGap) -> str:
    return say(
        "“{group}”, {metric}: {gap}",
        group=worst.group,
        metric=describe_metric(worst.metric).label.lower(),
        gap=write_brief_gap(worst.gap, worst.between, worst.unit),
    )

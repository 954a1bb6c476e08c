"""What a notebook shows of a result: the verdict's box, and the card's own pictures."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from cityai.card.counts import find_worst
from cityai.card.words import SYMBOLS, VERDICT_MARKS, VERDICT_WORDS
from cityai.notebook import write_page

if TYPE_CHECKING:
    from cityai.card.figures import Figure, Outlines
    from cityai.card.record import CardRecord

COLOURS: Final = {
    "ready": "#1a7f37",
    "ready on conditions": "#9a6700",
    "not ready": "#c5221f",
    "too little data": "#0b6e99",
}
"""Of the box's edge, by the verdict's word; the word says the same."""
SHEET: Final = "margin:0;max-width:56em;padding:0.4em;background:#fff;color:#1a1d21"
"""Pictures are drawn in ink: a notebook in the dark needs paper below them."""


@dataclass(frozen=True)
class Shown:
    """HTML that a notebook shows, and its text for a shell."""

    html: str
    text: str

    def __repr__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def box_verdict(card: CardRecord) -> Shown:
    """Return the verdict as the card says it first: its word, why, and what goes with it."""
    verdict = card.verdict
    assert verdict is not None  # noqa: S101 - every card that is drafted has one
    head = f"{SYMBOLS[VERDICT_MARKS[verdict.word]]} {VERDICT_WORDS[verdict.word].upper()}"
    parts = {
        "Why": [str(verdict.because)],
        "Does it work?": [str(verdict.works)],
        "For whom not?": [str(verdict.not_for_whom)],
        "Not known": [str(verdict.unknown)],
        "A yes would need": [str(c.text) for c in verdict.conditions],
    }
    page = write_page(f"{head}  {card.record.title}", parts)
    style = f"border:2px solid {COLOURS[verdict.word]};padding:0.6em;display:inline-block"
    return Shown(f'<div style="{style}">{page}</div>', f"{head}: {verdict.because}")


def tell_worst(card: CardRecord) -> str:
    """Return the sentence on the group that is served worst; empty where no gap is shown."""
    worst = find_worst(card.fairness.results)
    return "" if worst is None else str(worst.sentence)


def show_pictures(card: CardRecord, outlines: Outlines | None, *names: str) -> Shown:
    """Return the first of some of the card's pictures that there is, with its words."""
    from cityai.card.figures import draw_figures

    drawn = {figure.name: figure for figure in draw_figures(card, outlines)}
    found = next((drawn[name] for name in names if name in drawn), None)
    if found is None:
        told = f"There is no picture called {' or '.join(names)}. There are: {', '.join(drawn)}."
        return Shown(f"<p>{escape(told)}</p>", told)
    return _frame(found)


def _frame(figure: Figure) -> Shown:
    title, caption = escape(str(figure.title)), escape(str(figure.caption))
    read = escape(str(figure.alternative))
    html = (
        f'<figure style="{SHEET}"><b>{title}</b>'
        f'<div role="img" aria-label="{read}">{figure.wide}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
    return Shown(html, f"{figure.title}: {figure.alternative}")

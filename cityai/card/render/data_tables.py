"""Tables of the data and their quality, arranged from the record."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.card.counts import tally_statuses
from cityai.card.numbers import write_count, write_number
from cityai.card.record import CardRecord
from cityai.card.render.tables import Grid, mark_status, tabulate
from cityai.card.words import QUALITY_DIMENSIONS, Code, Own, name_some
from cityai.i18n.messages import say

TOLD = (
    ("fail", say("{n:,} of {all:,} checks failed"), say("{n:,} failed")),
    (
        "not enough evidence",
        say("{n:,} of {all:,} checks cannot be told"),
        say("{n:,} cannot be told"),
    ),
    ("pass", say("{n:,} of {all:,} checks passed"), say("{n:,} passed")),
    ("suppressed", say("{n:,} of {all:,} checks not shown"), say("{n:,} not shown")),
)
"""Outcomes that are counted, and what is said of each: the first there is decides, and is said
first, the others in short. What only informs is no check."""


def arrange_quality(record: CardRecord) -> Grid:
    """Arrange the measures of the data as a whole, by the four dimensions."""
    return tabulate(
        say("Quality of the data"),
        [m for d in record.data for m in d.quality if m.slice == "overall"],
        (
            (say("Measure"), lambda m: m.measure),
            (say("Question"), lambda m: QUALITY_DIMENSIONS.get(m.dimension, m.dimension)),
            (say("Value"), lambda m: write_number(m.value, m.unit)),
            (say("At least"), lambda m: write_number(m.limit, m.unit)),
            (say("Of"), lambda m: write_count(m.n)),
            (say("Outcome"), lambda m: mark_status(m.status)),
        ),
        (2, 3, 4),
    )


@dataclass(frozen=True, slots=True)
class Quality:
    """One dimension of quality: how its measures came out, the gravest first."""

    asked: str
    """What is asked."""
    status: str
    held: str
    """The outcome that decides, and how many came out so."""
    others: tuple[str, ...]
    """How many came out otherwise."""
    failed: str
    """Which failed; of many the first three."""


def list_dimensions(record: CardRecord) -> list[Quality]:
    """List the dimensions of quality, how many measures hold their limit, and what decides."""
    measures = [m for d in record.data for m in d.quality if m.limit is not None]
    found = []
    for dimension, asked in QUALITY_DIMENSIONS.items():
        own = [m for m in measures if m.dimension == dimension]
        tally = tally_statuses(m.status for m in own)
        counts, total = tally.by_status, tally.total - tally.informed
        if told := [entry for entry in TOLD if entry[0] in counts]:
            (status, form, _), *more = told
            held = form.format(n=counts[status], all=total)
            others = tuple(short.format(n=counts[name]) for name, _, short in more)
            failed = name_some([m.measure for m in own if m.status in {"fail", "error"}])
            found.append(Quality(asked, status, held, others, failed))
    return found


def arrange_quality_by_place(record: CardRecord) -> Grid:
    """Arrange the measures by area."""
    names = {p.id: p.name for p in record.eval.places}
    return tabulate(
        say("The least figure of each place and dimension"),
        [m for d in record.data for m in d.quality if m.slice != "overall"],
        (
            (say("Place"), lambda m: Own(m.name or names.get(m.slice, m.slice))),
            (say("Dimension"), lambda m: m.dimension),
            (say("Measure"), lambda m: m.measure),
            (say("Value"), lambda m: write_number(m.value, m.unit)),
            (say("At least"), lambda m: write_number(m.limit, m.unit)),
            (say("Of"), lambda m: write_count(m.n)),
            (say("Outcome"), lambda m: mark_status(m.status)),
        ),
        (3, 4, 5),
    )


def arrange_rejects(record: CardRecord) -> Grid:
    """Arrange why rows were refused."""
    return tabulate(
        say("Rows refused"),
        [r for d in record.data for r in d.rejected],
        (
            (say("Column"), lambda r: Code(r.column)),
            (say("Reason"), lambda r: r.reason),
            (say("Rows"), lambda r: write_count(r.rows)),
        ),
        (2,),
    )

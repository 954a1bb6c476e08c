"""Tables of the data and their quality, arranged from the record."""

from __future__ import annotations

from dataclasses import dataclass

from cityai.card.counts import tally_statuses
from cityai.card.record import CardRecord
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import QUALITY_DIMENSIONS, STATUS_WORDS, Code, Own, write_count, write_number
from cityai.i18n.messages import say

ORDER = ("fail", "not enough evidence", "pass", "suppressed", "not applicable")
"""What decides of several outcomes, first to last."""


def arrange_quality(record: CardRecord) -> Grid:
    """Arrange the measures of the data as a whole, by the four dimensions."""
    measures = [m for d in record.data for m in d.quality if m.slice == "overall"]
    rows = [
        (
            m.measure,
            QUALITY_DIMENSIONS.get(m.dimension, m.dimension),
            write_number(m.value, m.unit),
            write_number(m.limit, m.unit),
            write_count(m.n),
            Cell(STATUS_WORDS[m.status], m.status),
        )
        for m in measures
    ]
    columns = (
        say("Measure"),
        say("Question"),
        say("Value"),
        say("At least"),
        say("Of"),
        say("Outcome"),
    )
    return make_grid(say("Quality of the data"), columns, rows, (2, 3, 4))


@dataclass(frozen=True, slots=True)
class Quality:
    """One dimension of quality: how many measures hold their limit."""

    asked: str
    held: str
    status: str


def list_dimensions(record: CardRecord) -> list[Quality]:
    """List the dimensions of quality, how many measures hold their limit, and what decides."""
    measures = [m for d in record.data for m in d.quality if m.limit is not None]
    found = []
    for dimension, asked in QUALITY_DIMENSIONS.items():
        tally = tally_statuses(m.status for m in measures if m.dimension == dimension)
        if not tally.total:
            continue
        held = say("{passed} of {all} checks passed", passed=tally.passed, all=tally.total)
        if tally.hidden:
            held = say("{held}, {hidden} not shown", held=held, hidden=tally.hidden)
        found.append(Quality(asked, held, next(s for s in ORDER if s in tally.by_status)))
    return found


def arrange_quality_by_place(record: CardRecord) -> Grid:
    """Arrange the measures by area."""
    names = {p.id: p.name for p in record.eval.places}
    rows = [
        (
            Own(names.get(m.slice, m.slice)),
            m.dimension,
            m.measure,
            write_number(m.value, m.unit),
            write_number(m.limit, m.unit),
            write_count(m.n),
            Cell(STATUS_WORDS[m.status], m.status),
        )
        for d in record.data
        for m in d.quality
        if m.slice != "overall"
    ]
    columns = (
        say("Place"),
        say("Dimension"),
        say("Measure"),
        say("Value"),
        say("At least"),
        say("Of"),
        say("Outcome"),
    )
    return make_grid(say("The least figure of each place and dimension"), columns, rows, (3, 4, 5))


def arrange_rejects(record: CardRecord) -> Grid:
    """Arrange why rows were refused."""
    rows = [
        (Code(r.column), r.reason, write_count(r.rows)) for d in record.data for r in d.rejected
    ]
    return make_grid(say("Rows refused"), (say("Column"), say("Reason"), say("Rows")), rows, (2,))

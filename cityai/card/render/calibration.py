"""Table of whether the probabilities hold in each group."""

from __future__ import annotations

from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.record.ranked import SlopeResult
from cityai.card.render.tables import Grid, make_grid
from cityai.card.words import write_count, write_interval, write_number
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import say


def arrange_slopes(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange whether the probabilities hold in each group."""
    part = record.eval.ranked
    own = [s for s in (part.slopes if part else ()) if s.dimension in {dimension.name, EVERYWHERE}]
    rows = [_write_slope(s) for s in own]
    columns = (
        say("Group"),
        say("Cases"),
        say("Slope"),
        say("Interval"),
        say("Intercept"),
        say("Interval of it"),
        say("Error over bands"),
        say("By chance alone"),
        say("Note"),
    )
    return make_grid(
        say("{label}: do the probabilities hold?", label=dimension.label),
        columns,
        rows,
        range(1, 8),
    )


def _write_slope(s: SlopeResult) -> tuple[str, ...]:
    return (
        say("Everyone") if s.dimension == EVERYWHERE else s.group,
        write_count(s.n),
        write_number(s.slope, "ratio"),
        write_interval(s.slope_low, s.slope_high, "ratio"),
        write_number(s.intercept, "ratio"),
        write_interval(s.intercept_low, s.intercept_high, "ratio"),
        write_number(s.error, "share"),
        write_number(s.chance, "share"),
        s.reason,
    )

"""Table of how often each group was looked at."""

from __future__ import annotations

from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.record.ranked import AttentionResult
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import MISSING, STATUS_WORDS, write_count, write_interval, write_number
from cityai.i18n.messages import say


def arrange_attention(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange how often each group was looked at."""
    part = record.eval.ranked
    own = [a for a in (part.attention if part else ()) if a.dimension == dimension.name]
    unit, entities = record.model.unit, record.eval.places_label
    rows = [_write_attention(a) for a in own]
    columns = (
        "Group",
        unit.capitalize(),
        entities.capitalize(),
        say("{capitalize} each", capitalize=unit.capitalize()),
        say("Against everyone"),
        say("Interval"),
        say("Had the outcome"),
        say("Outcome of the check"),
    )
    return make_grid(
        say("{label}: who was looked at", label=dimension.label), columns, rows, range(1, 7)
    )


def _write_attention(a: AttentionResult) -> tuple[str | Cell, ...]:
    return (
        a.group,
        write_count(a.cases),
        write_count(a.entities),
        write_number(a.cases_per_entity, "ratio"),
        MISSING if a.ratio is None else say("{ratio} times", ratio=write_number(a.ratio, "ratio")),
        write_interval(a.ratio_low, a.ratio_high, "ratio"),
        write_number(a.base_rate, "share"),
        Cell(STATUS_WORDS[a.status], a.status),
    )

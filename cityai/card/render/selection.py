"""Table of what a list does to each group: selected, found, missed."""

from __future__ import annotations

from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.render.tables import Grid, make_grid
from cityai.card.words import MISSING, describe_metric, write_figure
from cityai.i18n.messages import say

SHOWN = (
    "selection_rate",
    "true_positive_rate",
    "precision",
    "false_positive_rate",
    "selection_for_need",
    "exposure_for_need",
    "base_rate",
)
"""Figures of a group that a reader of a list asks for, in this order."""


def arrange_list_groups(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange what the list does to each group: selected, found, missed, ranked."""
    own = {(r.group, r.metric): r for r in record.fairness.results if r.dimension == dimension.name}
    rows = [
        [
            g.name,
            *(
                write_figure(r.value, r.between, r.unit) if (r := own.get((g.name, m))) else MISSING
                for m in SHOWN
            ),
        ]
        for g in dimension.groups
        if any((g.name, m) in own for m in SHOWN)
    ]
    columns = (say("Group"), *(describe_metric(m).label for m in SHOWN))
    caption = say("{label}: what the list does", label=dimension.label)
    return make_grid(caption, columns, rows, range(1, len(columns)))

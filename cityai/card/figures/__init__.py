"""The card's pictures, made from the record alone (and the outlines of areas, for the map)."""

from __future__ import annotations

from cityai.card.figures.accuracy import draw_coverage, draw_folds, draw_series
from cityai.card.figures.canvas import Figure, Table, drawing
from cityai.card.figures.capacity_curve import draw_capacity, draw_curve, draw_need
from cityai.card.figures.evidence import draw_drivers, draw_quality
from cityai.card.figures.gaps import draw_groups, draw_worst
from cityai.card.figures.group_drivers import draw_group_drivers
from cityai.card.figures.maps import Outlines, draw_map, read_outlines
from cityai.card.figures.places import draw_places
from cityai.card.figures.plane import draw_plane
from cityai.card.record import CardRecord
from cityai.card.render.own_words import open_translator
from cityai.i18n.catalogue import LOCALES


def draw_figures(record: CardRecord, outlines: Outlines | None = None) -> tuple[Figure, ...]:
    """Draw every picture that the record has figures for.

    Returns
    -------
    tuple of Figure
        Named ``series``, ``groups-1`` ... (one per dimension), ``worst``, ``plane``, ``map``,
        ``places``, ``coverage``, ``drivers``, ``group-drivers-1`` ..., ``folds``, ``quality``; of a
        ranked list ``capacity``, ``curve`` and ``need-1`` ... too. The same record gives the same
        bytes.
    """
    with drawing(open_translator(record, code) for code in LOCALES if code != "en"):
        drawn = [
            draw_series(record),
            *(draw_groups(record, d, i) for i, d in enumerate(record.fairness.dimensions, 1)),
            draw_worst(record),
            draw_plane(record.fairness.options),
            draw_map(record, outlines) if outlines else None,
            draw_places(record),
            draw_coverage(record),
            draw_drivers(record),
            *(
                draw_group_drivers(record, d, i)
                for i, d in enumerate(record.fairness.dimensions, 1)
            ),
            draw_folds(record),
            draw_quality(record),
            draw_capacity(record),
            draw_curve(record),
            *(draw_need(record, d, i) for i, d in enumerate(record.fairness.dimensions, 1)),
        ]
    return tuple(figure for figure in drawn if figure is not None)


__all__ = ["Figure", "Outlines", "Table", "draw_figures", "read_outlines"]

"""Picture of whether the probabilities hold: the calibration curve."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Sheet

from cityai.card.figures.accuracy import PERCENT
from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet, set_scale
from cityai.card.figures.plain_svg import FIRST, INK, LINE
from cityai.card.record import CardRecord
from cityai.card.record.ranked import CurvePoint
from cityai.card.words import write_count, write_interval, write_number
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import say


def draw_curve(record: CardRecord) -> Figure | None:
    """Draw how often it turned out so, for cases of like probability."""
    points = _pick_curve(record.eval.curve, EVERYWHERE, EVERYWHERE)
    if len(points) < 3:
        return None
    top = max(max(p.mean_score or 0, p.outcome_share or 0, p.high or 0) for p in points)

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 3.2)
        axes.plot([0, top], [0, top], color=LINE, linewidth=1.5)
        for p in points:
            if p.low is not None and p.high is not None:
                axes.plot([p.mean_score or 0.0] * 2, [p.low, p.high], color=INK, linewidth=1.2)
        axes.plot(
            [p.mean_score or 0.0 for p in points],
            [p.outcome_share or 0.0 for p in points],
            color=FIRST,
            linewidth=1.6,
            marker="o",
            markersize=5,
        )
        for axis in (axes.xaxis, axes.yaxis):
            set_scale(axis, 5, PERCENT)
        axes.set_xlim(0, top * 1.03)
        axes.set_ylim(0, top * 1.03)
        axes.set_xlabel(say("probability that was said"))
        axes.set_ylabel(say("how often it turned out so"))
        axes.grid()
        return sheet

    low, high = points[0], points[-1]
    alternative = say(
        "Curve of {points} bands. Of the cases with the lowest probabilities, "
        "{mean_score} on average, it turned out so in {outcome_share}; of those with "
        "the highest, {mean_score2}, in {outcome_share2}.",
        points=len(points),
        mean_score=write_number(low.mean_score, "share"),
        outcome_share=write_number(low.outcome_share, "share"),
        mean_score2=write_number(high.mean_score, "share"),
        outcome_share2=write_number(high.outcome_share, "share"),
    )
    rows = tuple(
        (
            str(p.band),
            write_count(p.n),
            write_number(p.mean_score, "share"),
            write_number(p.outcome_share, "share"),
            write_interval(p.low, p.high, "share"),
        )
        for p in points
    )
    return make_figure(
        "curve",
        say("Do the probabilities hold?"),
        say(
            "Cases in bands of like probability. On the slanting line a probability of 20% means "
            "that it turned out so 20 times in 100; above it, more often. Upright lines: intervals."
        ),
        alternative,
        draw,
        Table(
            (say("Band"), say("Cases"), say("Said"), say("Turned out so"), say("Interval")), rows
        ),
    )


def _pick_curve(points: Sequence[CurvePoint], dimension: str, group: str) -> list[CurvePoint]:
    own = [p for p in points if (p.dimension, p.group) == (dimension, group)]
    return [p for p in own if p.mean_score is not None and p.outcome_share is not None]

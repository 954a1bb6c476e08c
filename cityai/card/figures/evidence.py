"""Pictures of what the forecast rests on: its drivers and its data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.figure import Figure as Sheet

from cityai.card.figures.accuracy import PERCENT, THOUSANDS
from cityai.card.figures.canvas import (
    Figure,
    Table,
    make_figure,
    number_days,
    open_sheet,
    set_scale,
    write_days,
)
from cityai.card.figures.labels import fit_label
from cityai.card.figures.marks import set_marks
from cityai.card.figures.plain_svg import FIRST, INK, SECOND
from cityai.card.numbers import write_count, write_number
from cityai.card.record import CardRecord
from cityai.card.record.measured import QualityPoint
from cityai.i18n.messages import join, say, write_day

MOST_DRIVERS = 10


def draw_drivers(record: CardRecord) -> Figure | None:
    """Draw what the forecast leans on, with how much it varied over the replays."""
    explanation = record.model.explanation
    known = [d for d in explanation.drivers if d.share is not None] if explanation else []
    if explanation is None or not known:
        return None
    shown = known[:MOST_DRIVERS]

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 0.3 * len(shown) + 0.6)
        rows = range(len(shown))
        axes.barh(rows, [d.share or 0.0 for d in shown], height=0.62, color=FIRST)
        for row, driver in enumerate(shown):
            if driver.stability:
                low, high = (
                    (driver.share or 0) - driver.stability,
                    (driver.share or 0) + driver.stability,
                )
                axes.plot([max(low, 0), high], [row, row], color=INK, linewidth=1.4)
        set_marks(axes.yaxis, rows, [fit_label(d.label, 44 if width > 5 else 24) for d in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(left=0)
        set_scale(axes.xaxis, 5, PERCENT)
        axes.grid(axis="x")
        return sheet

    named = join(
        "; ",
        (
            say("{label} ({share})", label=d.label, share=write_number(d.share, "share"))
            for d in shown[:5]
        ),
    )
    columns = (
        say("What"),
        say("Share"),
        say("Mean effect"),
        say("Spread over replays"),
        say("Replays in which it was among the first"),
    )
    rows = tuple(
        (
            d.label,
            write_number(d.share, "share"),
            write_number(d.importance, explanation.unit),
            write_number(d.stability, "share"),
            write_count(d.folds_in_top),
        )
        for d in known
    )
    return make_figure(
        "drivers",
        say("What the forecast leans on"),
        say(
            "Share of the movement of all forecasts together. "
            "Black lines: how much it varied over the replays."
        ),
        say("Bar chart, the longest bar first: {named}.", named=named),
        draw,
        Table(columns, rows),
    )


def draw_quality(record: CardRecord) -> Figure | None:
    """Draw how many rows came in, and how late, period by period."""
    data = record.data[0]
    points = [p for p in data.by_period if p.rows is not None]
    if len(points) < 2:
        return None
    x = number_days([p.period_start for p in points])
    late = [p.median_delay_days for p in points]
    delays = any(late)  # where all are known at once, a flat line says nothing

    def draw(width: float) -> Sheet:
        sheet, panels = open_sheet(width, 3.6 if delays else 2.0, 2 if delays else 1, 1)
        panels[0].plot(x, [p.rows or 0 for p in points], color=FIRST, linewidth=1.5)
        panels[0].set_title(say("Rows"))
        panels[0].set_ylim(bottom=0)
        panels[0].yaxis.set_major_formatter(THOUSANDS)
        if delays:
            panels[1].plot(
                x, [float("nan") if d is None else d for d in late], color=SECOND, linewidth=1.5
            )
            panels[1].set_title(say("Days until half of the rows were known"))
            panels[1].set_ylim(bottom=0)
        for axes in panels:
            write_days(axes, width)
            set_scale(axes.yaxis, 4)
            axes.margins(x=0.01)
            axes.grid(axis="y")
        return sheet

    fewest = min(points, key=lambda p: p.rows or 0)
    most = max(points, key=lambda p: p.rows or 0)
    first, until = points[0].period_start, points[-1].period_start
    alternative = (
        say("Line chart from {first} to {until}.", first=write_day(first), until=write_day(until))
        + " "
        + say(
            "Rows per {period}: fewest {rows} ({period_start}), most {rows2} ({period_start2}).",
            period=record.model.period,
            rows=write_count(fewest.rows),
            period_start=write_day(fewest.period_start),
            rows2=write_count(most.rows),
            period_start2=write_day(most.period_start),
        )
    )
    slow = [p for p in points if p.median_delay_days is not None]
    if slow:
        last = max(slow, key=lambda p: p.median_delay_days or 0)
        alternative += " " + say(
            "The longest median delay was {median_delay_days} ({period_start}).",
            median_delay_days=write_number(last.median_delay_days, "days"),
            period_start=write_day(last.period_start),
        )
    note = say("A sudden drop is more often a gap in reporting than in what happened.")
    step = record.eval.series_step
    if step:
        note += " " + say(
            "Rows are rounded to multiples of {step}: those of some period are too few to show.",
            step=step,
        )
    listed = _list_changes(data.by_period)
    if len(listed) < len(data.by_period):
        note += " " + say("The table leaves out periods with the same figures as the one before.")
    rows = tuple(
        (
            write_day(p.period_start),
            write_count(p.rows),
            write_count(p.reporting),
            write_number(p.median_delay_days, ""),
        )
        for p in listed
    )
    return make_figure(
        "quality",
        say("The data over time"),
        note,
        alternative,
        draw,
        Table((say("Period from"), say("Rows"), say("Reporting"), say("Median delay, days")), rows),
    )


def _list_changes(points: Sequence[QualityPoint]) -> list[QualityPoint]:
    """List the periods whose figures are others than those before, and the first and the last."""

    def tell(point: QualityPoint) -> tuple[float | None, ...]:
        return point.rows, point.reporting, point.median_delay_days

    changed = [after for before, after in pairwise(points) if tell(before) != tell(after)]
    return list(dict.fromkeys([*points[:1], *changed, *points[-1:]]))

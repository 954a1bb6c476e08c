"""Pictures of how well it works: over time, by step, by fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.ticker import FuncFormatter, MaxNLocator

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
from cityai.card.figures.plain_svg import BAND, FIRST, INK, LINE, SECOND
from cityai.card.numbers import (
    MISSING,
    write_count,
    write_even,
    write_gap,
    write_interval,
    write_number,
)
from cityai.card.record import CardRecord
from cityai.card.record.measured import SeriesPoint
from cityai.card.record.part import Number
from cityai.columns import BASELINE, HEADLINE
from cityai.i18n.messages import count_periods, join, name_periods, say, write, write_day

PERCENT = FuncFormatter(lambda value, _: write_number(round(value, 3), "share"))
LEGEND = 46
"""Letters of a label in a legend: as many as the names of baselines have, in every language."""
THOUSANDS = FuncFormatter(lambda value, _: write(value, ",.10g"))


def draw_series(record: CardRecord) -> Figure | None:
    """Draw the whole city's forecast beside what happened, with the range."""
    points = [p for p in record.eval.series if p.actual is not None and p.forecast is not None]
    if len(points) < 2:
        return None
    unit, label = record.model.unit, record.eval.practice_label

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 3.1)
        _plot_series(axes, points, label, width)
        sheet.legend(loc="outside upper left", ncols=4 if width > 5 else 1, fontsize=9)
        return sheet

    actual = [p.actual or 0.0 for p in points]
    ranged = [p for p in points if p.low is not None and p.high is not None]
    far = max(points, key=lambda p: abs((p.forecast or 0) - (p.actual or 0)))
    is_exact = not record.eval.series_step  # coarse totals tell neither sides nor misses
    first, last = points[0].period_start, points[-1].period_start
    alternative = join(
        " ",
        (
            say(
                "Line chart of the whole city from {first} to {last}.",
                first=_month(first),
                last=_month(last),
            ),
            say(
                "What happened ranged from {actual} to {actual2}.",
                actual=write_number(min(actual), unit),
                actual2=write_number(max(actual), unit),
            ),
            *(_tell_held(ranged, far, record) if is_exact else ()),
        ),
    )
    rows = tuple(
        (
            write_day(p.period_start),
            write_count(p.actual),
            write_count(p.forecast),
            write_interval(p.low, p.high, ""),
            write_count(p.practice),
        )
        for p in record.eval.series
    )
    columns = (
        say("Period from"),
        say("Happened"),
        say("Forecast"),
        say("Range"),
        label or say("Baseline"),
    )
    return make_figure(
        "series",
        say("Forecast and what happened, whole city"),
        record.eval.series_note,
        alternative,
        draw,
        Table(columns, rows),
    )


def _tell_held(
    ranged: Sequence[SeriesPoint], far: SeriesPoint, record: CardRecord
) -> Iterator[str]:
    """Tell how often the band held what happened, and where the forecast missed most."""
    inside = sum(p.low <= p.actual <= p.high for p in ranged)  # type: ignore[operator]
    unit = record.model.unit
    if ranged:
        yield say(
            "It lay inside the forecast's band in {inside} of {ranged} {periods}.",
            inside=inside,
            ranged=len(ranged),
            periods=name_periods(record.model.period),
        )
    yield say(
        "The largest miss was in the period from {period_start}: {forecast} "
        "forecast, {actual} happened.",
        period_start=_month(far.period_start),
        forecast=write_number(far.forecast, unit),
        actual=write_number(far.actual, unit),
    )


def _plot_series(axes: Axes, points: Sequence[SeriesPoint], label: str, width: float) -> None:
    x = number_days([p.period_start for p in points])
    ranged = [p.low is not None and p.high is not None for p in points]
    if any(ranged):
        axes.fill_between(
            x, [p.low or 0.0 for p in points], [p.high or 0.0 for p in points], where=ranged,
            color=BAND, linewidth=0, label=say("range"),
        )  # fmt: skip
    few = len(points) <= 60
    if any(p.practice is not None for p in points):
        axes.plot(
            x, [float("nan") if p.practice is None else p.practice for p in points],
            color=SECOND, linewidth=1.3, linestyle=(0, (4, 2)), label=fit_label(label, LEGEND),
        )  # fmt: skip
    axes.plot(
        x, [p.forecast or 0.0 for p in points], color=FIRST, linewidth=2, label=say("forecast")
    )
    axes.plot(
        x, [p.actual or 0.0 for p in points], color=INK, linewidth=0 if few else 1,
        marker="o" if few else None, markersize=4.5, label=say("what happened"),
    )  # fmt: skip
    axes.grid(axis="y")
    set_scale(axes.yaxis, 5, THOUSANDS)
    write_days(axes, width)
    axes.margins(x=0.02)


def draw_coverage(record: CardRecord) -> Figure | None:
    """Draw how often the range held, by step, beside how often it should."""
    points = _pick(record.eval.metrics, "coverage", "step")
    if len(points) < 2:
        return None
    nominal, slack = record.eval.nominal_coverage, record.eval.coverage_tolerance
    steps = [int(n.slice["step"]) for n in points]
    held = [n.value or 0.0 for n in points]

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 2.4)
        axes.axhspan(nominal - slack, nominal + slack, color=BAND, linewidth=0)
        axes.axhline(nominal, color=FIRST, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.plot(steps, held, color=LINE, linewidth=1)
        axes.plot(steps, held, linewidth=0, marker="o", markersize=6, color=INK)
        axes.set_ylim(
            min(*held, nominal - slack) - 0.06, min(max(*held, nominal + slack) + 0.06, 1.02)
        )
        axes.set_xlim(min(steps) - 0.5, max(steps) + 0.5)
        set_scale(axes.yaxis, 5, PERCENT)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel(say("{period} ahead", period=name_periods(record.model.period)))
        axes.grid(axis="y")
        return sheet

    worst = min(points, key=lambda n: n.value or 0.0)
    steps_ahead = count_periods(int(worst.slice["step"]), record.model.period)
    alternative = join(
        " ",
        (
            say("Dot chart."),
            say(
                "The range is meant to hold {nominal} of the time.",
                nominal=write_number(nominal, "share"),
            ),
            say(
                "It held between {held} and {held2} of the time, least often {steps_ahead} ahead.",
                held=write_number(min(held), "share"),
                held2=write_number(max(held), "share"),
                steps_ahead=steps_ahead,
            ),
        ),
    )
    rows = tuple((n.slice["step"], write_number(n.value, n.unit), write_count(n.n)) for n in points)
    return make_figure(
        "coverage",
        say("How often the range held"),
        say(
            "Dashed line: how often it should. Shaded: within {slack} of it.",
            slack=write_gap(slack, "share", signed=False),
        ),
        alternative,
        draw,
        Table((say("Periods ahead"), say("Inside the range"), say("Predictions")), rows),
    )


def draw_folds(record: CardRecord) -> Figure | None:
    """Draw the average error of each replay, beside the baselines'."""
    folds = [f for f in record.eval.folds if f.role == "test"]
    points = _pick(record.eval.metrics, "wape", "fold")
    if len(points) < 2:
        return None
    starts = {str(f.number): f.test_first for f in folds}
    others = [b.name for b in record.model.baselines]
    labels = {b.name: b.label for b in record.model.baselines}
    x = list(range(len(points)))
    lines: dict[str, list[float | None]] = {}
    for name in others:
        found = _pick(record.eval.metrics, "wape", "fold", f"{BASELINE}{name}")
        by_fold = {n.slice["fold"]: n.value for n in found}
        lines[name] = [by_fold.get(n.slice["fold"]) for n in points]

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 2.7)
        styles = [(0, (4, 2)), (0, (1, 1.6)), (0, (6, 2, 1, 2)), (0, (2, 3))]
        for i, (name, line) in enumerate(lines.items()):
            if None not in line:
                axes.plot(
                    x, line, color=SECOND, linewidth=1.3,  # type: ignore[arg-type]
                    linestyle=styles[i % len(styles)], label=fit_label(labels[name], LEGEND),
                )  # fmt: skip
        axes.plot(
            x,
            [n.value or 0.0 for n in points],
            color=FIRST,
            linewidth=2,
            marker="o",
            markersize=5,
            label=say("forecast"),
        )
        axes.set_ylim(bottom=0)
        set_scale(axes.yaxis, 5, PERCENT)
        every = max(1, -(-len(points) // (8 if width > 5 else 4)))
        set_marks(
            axes.xaxis,
            x[::every],
            [_short(starts.get(n.slice["fold"]), n) for n in points[::every]],
        )
        axes.grid(axis="y")
        sheet.legend(loc="outside upper left", ncols=2 if width > 5 else 1, fontsize=9)
        return sheet

    values = [n.value or 0.0 for n in points]
    part = record.eval
    against = (c for c in part.comparisons if (c.baseline, c.metric) == (part.practice, HEADLINE))
    rival = next((c for c in against if c.folds), None)
    alternative = say(
        "Line chart of the average error in {points} replays of the past, from "
        "{values} to {values2}.",
        points=len(points),
        values=write_number(min(values), "share"),
        values2=write_number(max(values), "share"),
    )
    if rival:
        alternative += " " + say(
            "It was less than that of {practice_label} in {wins} of {rival}.",
            practice_label=part.practice_label,
            wins=rival.folds_won,
            rival=rival.folds,
        )
    columns = (
        say("Replay"),
        say("First period"),
        say("Forecast"),
        *(labels[name] for name in others),
    )
    errors = [write_even(line, "share") for line in ([n.value for n in points], *lines.values())]
    rows = tuple(
        (
            n.slice["fold"],
            write_day(starts[n.slice["fold"]]) if n.slice["fold"] in starts else MISSING,
            *(column[i] for column in errors),
        )
        for i, n in enumerate(points)
    )
    return make_figure(
        "folds",
        say("Average error in each replay of the past"),
        say("Each point is one replay, named by the first period that it forecast."),
        alternative,
        draw,
        Table(columns, rows),
    )


def _pick(
    metrics: Sequence[Number], metric: str, kind: str, model: str = say("forecast")
) -> list[Number]:
    picked = [
        n
        for n in metrics
        if n.metric == metric
        and n.slice["model"] == model
        and kind in n.slice
        and n.value is not None
    ]
    return sorted(picked, key=lambda n: int(n.slice[kind]))


def _month(day: date) -> str:
    return write(day, "%B %Y") if day.day == 1 else write_day(day)


def _short(day: date | None, number: Number) -> str:
    return (
        number.slice["fold"]
        if day is None
        else join("\n", (write(day, "%b"), write(day, "%Y")))
        if day.day == 1
        else join("\n", (write(day, "%-d %b"), write(day, "%Y")))
    )

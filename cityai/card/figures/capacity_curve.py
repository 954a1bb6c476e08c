"""Pictures of a ranked list: its capacity curve, its calibration, and who is selected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from cityai.assessment.baseline_words import name_baseline
from cityai.card.figures.accuracy import PERCENT
from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet, set_scale
from cityai.card.figures.labels import fit_label, shorten
from cityai.card.figures.marks import set_marks
from cityai.card.figures.plain_svg import BAND, FIRST, INK, LINE, SECOND
from cityai.card.numbers import MISSING, write_count, write_figure, write_interval, write_number
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart, GroupResult
from cityai.card.record.ranked import CapacityPoint, CurvePoint
from cityai.card.words import PAIR, describe_metric
from cityai.columns import BASELINE, EVERYWHERE
from cityai.i18n.messages import join, say, write

NEED = ("selection_for_need", "exposure_for_need")


def draw_capacity(record: CardRecord) -> Figure | None:
    """Draw the share of all true cases that is found, for several capacities."""
    part = record.eval.ranked
    known = [p for p in part.capacity if p.recall is not None] if part else []
    own = [p for p in known if p.model == "forecast"]
    if part is None or len(own) < 2:
        return None
    every = {p.capacity: p.share for p in own}
    others = {
        name_baseline(m.removeprefix(BASELINE), "period"): [p for p in known if p.model == m]
        for m in dict.fromkeys(p.model for p in known)
        if m.removeprefix(BASELINE) in {part.practice, "city_score", "random_order"}
        and all(p.share == every.get(p.capacity) for p in known if p.model == m)
    }
    declared = next((p for p in own if p.declared), None)

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 3.0)
        x = [p.share or 0.0 for p in own]
        low = [p.recall if p.recall_low is None else p.recall_low for p in own]
        high = [p.recall if p.recall_high is None else p.recall_high for p in own]
        axes.fill_between(x, low, high, color=BAND, linewidth=0)  # type: ignore[arg-type]
        styles = [(0, (4, 2)), (0, (1, 1.6)), (0, (6, 2, 1, 2))]
        for i, (label, line) in enumerate(others.items()):
            axes.plot(
                [p.share or 0.0 for p in line],
                [p.recall or 0.0 for p in line],
                color=SECOND,
                linewidth=1.3,
                linestyle=styles[i % len(styles)],
                label=fit_label(label, 34),
            )
        axes.plot(
            x,
            [p.recall or 0.0 for p in own],
            color=FIRST,
            linewidth=2,
            marker="o",
            markersize=4,
            label=say("this list"),
        )
        if declared is not None and declared.share is not None:
            axes.axvline(declared.share, color=INK, linewidth=1, linestyle=(0, (2, 2)))
        axes.set_ylim(0, 1.02)
        axes.set_xlim(left=0)
        axes.tick_params(axis="x", pad=7)
        axes.xaxis.set_major_formatter(PERCENT)
        set_scale(axes.yaxis, 5, PERCENT)
        axes.set_xlabel(say("of all {cases}, selected", cases=shorten(part.cases, 30)))
        axes.grid(axis="y")
        sheet.legend(loc="outside upper left", ncols=4 if width > 5 else 1, fontsize=9)
        return sheet

    first, last = own[0], own[-1]
    alternative = say(
        "Line chart. With {share} of all {cases} selected the list finds {recall} of "
        "the true cases; with {share2}, {recall2}.",
        share=write_number(first.share, "share"),
        cases=part.cases,
        recall=write_number(first.recall, "share"),
        share2=write_number(last.share, "share"),
        recall2=write_number(last.recall, "share"),
    )
    if declared is not None:
        alternative += " " + say(
            "At the city's own capacity it finds {recall}.",
            recall=write_number(declared.recall, "share"),
        )
    return make_figure(
        "capacity",
        say("What more or less capacity would find"),
        join(" ", _tell_capacity(own)),
        alternative,
        draw,
        Table(CAPACITY_COLUMNS, tuple(write_point(p) for p in part.capacity)),
    )


def _tell_capacity(own: Sequence[CapacityPoint]) -> Iterator[str]:
    """Explain the curve, and what is drawn beside it."""
    yield say("Share of all true cases that is found, by the share that can be acted on.")
    if any(p.recall_low is not None and p.recall_high is not None for p in own):
        yield say("Band: the interval of this list.")
    if any(p.declared for p in own):
        yield say("Dotted upright line: the capacity that the city has.")


CAPACITY_COLUMNS = (
    say("Order"),
    say("Capacity"),
    say("Selected"),
    say("Hits among those selected"),
    say("Interval"),
    say("Of all true cases found"),
    say("Interval of it"),
    say("Against picking at random"),
    say("Note"),
)


def write_capacity(point: CapacityPoint) -> str:
    """Write a capacity, and whether it is the one that the city has."""
    capacity = write(point.capacity, ",")
    return say("{capacity} (the city’s own)", capacity=capacity) if point.declared else capacity


def write_point(point: CapacityPoint) -> tuple[str, ...]:
    """Write what one order finds at one capacity."""
    model = point.model
    name = say("this list")
    if model != "forecast":
        name = name_baseline(model.removeprefix(BASELINE), "period")
    return (
        name,
        write_capacity(point),
        write_number(point.share, "share"),
        write_number(point.precision, "share"),
        write_interval(point.precision_low, point.precision_high, "share"),
        write_number(point.recall, "share"),
        write_interval(point.recall_low, point.recall_high, "share"),
        MISSING
        if point.lift is None
        else say("{lift} times", lift=write_number(point.lift, "ratio")),
        point.reason,
    )


def draw_need(record: CardRecord, dimension: DimensionPart, number: int) -> Figure | None:
    """Draw each group's share of the selected, and of the top ranks, over its share of need."""
    results = [
        r
        for r in record.fairness.results
        if r.dimension == dimension.name and r.metric in NEED and (r.between or r.value is not None)
    ]
    if PAIR in dimension.name or len(results) < 2:
        return None
    groups = [g.name for g in dimension.groups if any(r.group == g.name for r in results)]

    def draw(width: float) -> Sheet:
        wide = width > 5
        height = 0.34 * len(groups) + 1.0
        sheet, panels = open_sheet(
            width, height if wide else 2 * height, *((1, 2) if wide else (2, 1))
        )
        for i, (axes, metric) in enumerate(zip(panels, NEED, strict=True)):
            axes.axvline(1.0, color=LINE, linewidth=1.5)
            for row, group in enumerate(groups):
                own = [r for r in results if (r.group, r.metric) == (group, metric)]
                _plot_need(axes, row, own)
            labels = [fit_label(g, 26) if i == 0 or not wide else "" for g in groups]
            set_marks(axes.yaxis, range(len(groups)), labels)
            axes.set_ylim(len(groups) - 0.4, -0.6)
            axes.set_title(describe_metric(metric).label)
            set_scale(axes.xaxis, 4)
            axes.grid(axis="x")
        return sheet

    name = f"need-{number}"
    told = join(
        "; ",
        (
            join(" ", (r.group, write_figure(r.value, r.between, "ratio")))
            for r in results
            if r.metric == NEED[0]
        ),
    )
    rows = tuple(
        (
            r.group,
            describe_metric(r.metric).label,
            write_figure(r.value, r.between, "ratio"),
            write_interval(r.low, r.high, "ratio"),
        )
        for r in results
    )
    return make_figure(
        name,
        say("Selected against need: {label}", label=dimension.label),
        say(
            "Share of the selected (left), and of the top ranks (right), over the share of the "
            "true cases that were found by somebody looking. At 1 a group is selected as often "
            "as its need; above 1 more often. Lines: intervals. Thick bars: the figure lies "
            "somewhere on them."
        ),
        say(
            "Dot chart with intervals, share of the selected over share of need: {told}.", told=told
        ),
        draw,
        Table((say("Group"), say("Figure"), say("Value"), say("Interval")), rows),
    )


def _plot_need(axes: Axes, row: int, results: Sequence[GroupResult]) -> None:
    for r in results:
        if r.low is not None and r.high is not None:
            axes.plot([r.low, r.high], [row, row], color=INK, linewidth=1.2)
        if r.between is not None:
            axes.plot(r.between, [row, row], color=FIRST, linewidth=5)
        else:
            axes.plot([r.value or 0.0], [row], "o", color=FIRST, markersize=6)


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

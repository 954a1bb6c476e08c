"""Picture of what more capacity, and less, would find."""

from __future__ import annotations

from matplotlib.figure import Figure as Sheet

from cityai.assessment.baseline_words import name_baseline
from cityai.card.figures.accuracy import PERCENT
from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet, set_scale
from cityai.card.figures.labels import fit_label, shorten
from cityai.card.figures.plain_svg import BAND, FIRST, INK, SECOND
from cityai.card.record import CardRecord
from cityai.card.record.ranked import CapacityPoint
from cityai.card.words import MISSING, write_interval, write_number
from cityai.columns import BASELINE
from cityai.i18n.messages import say, write


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
        say(
            "Share of all true cases that is found, by the share that can be acted on. Band: the "
            "interval of this list. Dotted upright line: the capacity that the city has."
        ),
        alternative,
        draw,
        Table(CAPACITY_COLUMNS, tuple(write_point(p) for p in part.capacity)),
    )


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

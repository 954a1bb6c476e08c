"""The plane of what could be done about a gap: how much is closed, and what is lost."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.ticker import FuncFormatter

from cityai.card.figures.canvas import (
    NARROW,
    WIDE,
    Figure,
    Table,
    drawing,
    open_sheet,
    set_scale,
    write_svg,
)
from cityai.card.figures.labels import fit_label
from cityai.card.figures.plain_svg import FIRST, INK, LINE, MUTED, PANEL, SVG
from cityai.card.numbers import write_bare, write_gap, write_interval, write_number
from cityai.card.record.fairness import OptionResult, OptionsPart
from cityai.card.words import describe_metric
from cityai.i18n.messages import join, say

DOT = 13
"""Width of a dot in points: it holds the option's number."""
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Sides of a dot on which the numbers of several options may stand, the preferred first."""
LEAST = 0.01
"""Half of the least range of the costs that is drawn: differences of less are none to a reader."""
POINTS = FuncFormatter(
    lambda value, _: write_bare(round(value, 4), "share", gap=True) if value else "0"
)


def draw_plane(part: OptionsPart | None) -> Figure | None:
    """Draw every option as a point with its two intervals: gap closed, and accuracy lost."""
    if part is None:
        return None
    metrics = list(dict.fromkeys(o.metric for o in part.options))
    numbers = {name: i for i, name in enumerate(dict.fromkeys(o.name for o in part.options), 1)}

    def draw(width: float) -> Sheet:
        wide = width > 5
        shape = (1, len(metrics)) if wide else (len(metrics), 1)
        sheet, panels = open_sheet(width, 3.4 if wide else 3.1 * len(metrics), *shape)
        for axes, metric in zip(panels, metrics, strict=True):
            _plot_options(axes, [o for o in part.options if o.metric == metric], numbers)
        return sheet

    with drawing():
        wide, narrow = write_svg(draw(WIDE), "plane"), write_svg(draw(NARROW), "plane-n")
    named = {o.name: o.label for o in part.options}
    legend = join(
        "; ",
        (
            say("{number}: {named}", number=number, named=named[name])
            for name, number in numbers.items()
        ),
    )
    chosen = next(o for o in part.options if o.chosen)
    share = write_number(part.confidence, "share")
    return Figure(
        "plane",
        say("What could be done about it: {label}", label=part.label),
        (legend + ". ")
        + say(
            "Filled: what was chosen. Farther right closes more of the gap, higher costs "
            "more. Lines: intervals of {share} confidence; an option whose line crosses "
            "0 has not been shown to close anything.",
            share=share,
        ),
        say("Scatter chart with intervals, one point an option.")
        + " "
        + say("Chosen: {label}.", label=chosen.label)
        + " "
        + join(" ", (_tell(o) for o in part.options if o.metric == part.metric)),
        wide,
        narrow,
        Table(
            (
                say("Option"),
                say("Figure"),
                say("Gap closed"),
                say("Interval"),
                say("Cost in"),
                say("Lost"),
                say("Interval of the loss"),
            ),
            tuple(
                (
                    say("{numbers}: {label}", numbers=numbers[o.name], label=o.label),
                    describe_metric(o.metric).label,
                    write_gap(o.closed, o.unit),
                    write_interval(o.closed_low, o.closed_high, o.unit, gap=True),
                    describe_metric(o.cost_metric).label,
                    write_gap(o.lost, o.unit),
                    write_interval(o.lost_low, o.lost_high, o.unit, gap=True),
                )
                for o in part.options
            ),
        ),
    )


def write_plane(figure: Figure | None) -> str:
    """Return the plane as an SVG file that stands by itself."""
    if figure is None:
        return ""
    return figure.wide.replace("<svg ", f'<svg xmlns="{SVG}" ', 1) + "\n"


def _tell(option: OptionResult) -> str:
    if option.closed is None:
        return say("{label}: not possible here.", label=option.label)
    return say(
        "{label}: closes {closed}, costs {lost}.",
        label=option.label,
        closed=write_gap(option.closed, option.unit),
        lost=write_gap(option.lost, option.unit),
    )


def _plot_options(axes: Axes, options: list[OptionResult], numbers: dict[str, int]) -> None:
    axes.axhline(0, color=LINE, linewidth=1)
    axes.axvline(0, color=LINE, linewidth=1)
    drawn = [o for o in options if o.closed is not None and o.lost is not None]
    # The chosen one lies on top, so that another at the same place does not hide it.
    for option in sorted(drawn, key=lambda o: o.chosen):
        x, y = _place(option)
        if option.closed_low is not None and option.closed_high is not None:
            axes.plot([option.closed_low, option.closed_high], [y, y], color=MUTED, linewidth=1.2)
        if option.lost_low is not None and option.lost_high is not None:
            axes.plot([x, x], [option.lost_low, option.lost_high], color=MUTED, linewidth=1.2)
        colour, face = (FIRST, FIRST) if option.chosen else (INK, PANEL)
        (dot,) = axes.plot([x], [y], marker="o", markersize=DOT, color=colour, zorder=3)
        dot.set_markerfacecolor(face)
    first = options[0]
    axes.set_title(fit_label(join(": ", (describe_metric(first.metric).label, first.group)), 44))
    axes.set_xlabel(say("Points of the gap closed"))
    axes.set_ylabel(
        say("Points of {lower} added", lower=describe_metric(first.cost_metric).label.lower())
    )
    for axis in (axes.xaxis, axes.yaxis):
        set_scale(axis, 5, POINTS)
    axes.margins(0.12)
    low, high = axes.get_ylim()
    ends = [v for o in drawn for v in (o.lost, o.lost_low, o.lost_high) if v is not None]
    if max(map(abs, ends), default=0.0) < LEAST:
        low, high = -LEAST, LEAST
    axes.set_ylim(low, high)
    axes.grid(True)
    _write_numbers(axes, drawn, numbers)


def _write_numbers(axes: Axes, options: list[OptionResult], numbers: dict[str, int]) -> None:
    """Write each option's number in its dot; where dots lie on each other, all beside them."""
    # On a sheet of 72 dots an inch a dot is a point.
    scale = 72 / axes.get_figure(root=True).dpi  # type: ignore[union-attr]
    spots = {o.name: axes.transData.transform(_place(o)) * scale for o in options}
    groups: list[list[OptionResult]] = []
    for option in options:
        spot = spots[option.name]
        near = (g for g in groups if any(np.abs(spot - spots[o.name]).max() < DOT / 2 for o in g))
        found = next(near, None)
        groups.append([option]) if found is None else found.append(option)
    for group in groups:
        chosen = any(o.chosen for o in group)
        if len(group) == 1:
            side, colour, align = (0.0, 0.0), PANEL if chosen else INK, "center"
        else:
            side = _find_room(group, spots, options)
            colour, align = FIRST if chosen else INK, "left" if side[0] > 0 else "right"
        text = axes.annotate(
            ", ".join(str(numbers[o.name]) for o in group),
            _place(max(group, key=lambda o: side[0] * spots[o.name][0])),
            xytext=side,
            ha=align,
            va="center",
            textcoords="offset points",
            color=colour,
            zorder=4,
        )
        text.set_fontsize(9)


def _find_room(
    group: list[OptionResult], spots: dict[str, np.ndarray], options: list[OptionResult]
) -> tuple[float, float]:
    """Return where beside its dots a group's numbers stand on the fewest other dots."""
    wide = 7.0 * len(group)
    ends = [spots[o.name] for o in group]
    others = [spots[o.name] for o in options if o not in group]

    def count_hits(corner: tuple[int, int]) -> int:
        edge = max(ends, key=lambda spot: corner[0] * float(spot[0]))
        middle = edge + np.array([corner[0] * (DOT + wide / 2), corner[1] * DOT])
        return sum(bool((np.abs(o - middle) < (wide / 2 + DOT, DOT)).all()) for o in others)

    right, up = min(CORNERS, key=count_hits)
    return right * DOT * 0.7, up * DOT * 0.9


def _place(option: OptionResult) -> tuple[float, float]:
    assert option.closed is not None and option.lost is not None  # noqa: S101, PT018
    return option.closed, option.lost

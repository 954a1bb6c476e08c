"""Picture of how often each group is selected, against its need."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet, set_scale
from cityai.card.figures.labels import fit_label
from cityai.card.figures.marks import set_marks
from cityai.card.figures.plain_svg import FIRST, INK, LINE
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart, GroupResult
from cityai.card.words import PAIR, describe_metric, write_figure, write_interval
from cityai.i18n.messages import join, say

NEED = ("selection_for_need", "exposure_for_need")


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

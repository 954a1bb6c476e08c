"""Pictures of for whom it works: each group's gap to its reference, and the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cityai.card.counts import find_worst, rank_group
from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet
from cityai.card.figures.labels import fit_label
from cityai.card.figures.marks import set_marks
from cityai.card.figures.plain_svg import BAND, FIRST, INK, MUTED, PANEL, SECOND
from cityai.card.numbers import (
    write_bare,
    write_count,
    write_figure,
    write_gap,
    write_interval,
    write_number,
)
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart, GroupResult
from cityai.card.words import PAIR, VERDICTS, describe_metric, order_metrics
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import capitalize, join, say

Results = Sequence[GroupResult]
POINTS = FuncFormatter(
    lambda value, _: write_bare(round(value, 3), "share", gap=True) if value else "0"
)
RATIOS = FuncFormatter(
    lambda value, _: write_bare(round(value, 3), "ratio", gap=True) if value else "0"
)
ROOM = 3
"""Panels that have room beside each other."""


@dataclass(frozen=True, slots=True)
class Worst:
    """The dimension, and the figure, by which a group is served worst."""

    title: str
    """What a picture of it is called."""
    dimension: DimensionPart
    """Whose groups they are."""
    results: list[GroupResult]
    """The figure of each group."""
    groups: list[str]
    """Their names, the worst served first."""


def choose_worst(record: CardRecord) -> Worst | None:
    """Choose what a picture of the worst gap shows, where any gap is shown."""
    worst = find_worst(record.fairness.results)
    if worst is None:
        return None
    dimension = next(d for d in record.fairness.dimensions if d.name == worst.dimension)
    results = [
        r
        for r in record.fairness.results
        if (r.dimension, r.metric) == (worst.dimension, worst.metric)
    ]
    title = say(
        "The largest gap: {metric}, {label}",
        metric=describe_metric(worst.metric).label.lower(),
        label=dimension.label,
    )
    groups = sorted(
        (g.name for g in dimension.groups),
        key=lambda name: rank_group(r for r in results if r.group == name),
        reverse=True,
    )
    return Worst(title, dimension, results, groups)


def draw_worst(record: CardRecord) -> Figure | None:
    """Draw the groups of the dimension, and the figure, by which a group is served worst."""
    worst = choose_worst(record)
    if worst is None:
        return None
    return _draw(record, worst.dimension, worst.results, worst.groups, "worst", worst.title)


def draw_groups(record: CardRecord, dimension: DimensionPart, number: int) -> Figure | None:
    """Draw each group's gap to its reference with its interval, and the limit."""
    results = [
        r for r in record.fairness.results if r.dimension == dimension.name and r.limit is not None
    ]
    hidden = all(r.gap is None and r.gap_between is None for r in results)
    if PAIR in dimension.name or hidden:
        return None
    title = (
        say("Gap to the whole city: {label}", label=dimension.label)
        if results[0].reference == EVERYWHERE
        else say("Gap to the reference: {label}", label=dimension.label)
    )
    groups = [g.name for g in dimension.groups]
    return _draw(record, dimension, results, groups, f"groups-{number}", title)


def _draw(
    record: CardRecord,
    dimension: DimensionPart,
    results: Results,
    groups: Sequence[str],
    name: str,
    title: str,
) -> Figure:
    metrics = order_metrics({r.metric for r in results})
    by_key = {(r.metric, r.group): r for r in results}

    def draw(width: float) -> Sheet:
        wide = width > 5
        height = 0.34 * len(groups) + 0.75
        beside = wide and len(metrics) <= ROOM
        shape = (1, len(metrics)) if beside else (len(metrics), 1)
        sheet, panels = open_sheet(width, height * shape[0], *shape)
        for i, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
            _plot_gaps(axes, metric, groups, by_key, named=i == 0 or not beside, width=width)
            axes.xaxis.set_major_locator(
                MaxNLocator(3 if beside and len(metrics) > 1 else 5, symmetric=True)
            )
        return sheet

    return make_figure(
        name,
        title,
        tell_signs(record, results),
        _tell(dimension, groups, metrics, results),
        draw,
        _tabulate(results),
    )


def tell_signs(record: CardRecord, results: Results) -> str:
    """Explain the signs that the picture has, and no other."""
    drawn = [r for r in results if r.gap is not None or r.gap_between is not None]
    dots = {r.status for r in drawn if r.gap_between is None and r.group != r.reference}
    told = [say("shaded: the limit")]
    if any(r.gap_low is not None for r in drawn):
        share = write_number(record.fairness.gap_confidence or record.fairness.confidence, "share")
        told.append(say("line: the interval ({share})", share=share))
    signs = {
        "pass": say("filled dot: within the limit"),
        "not enough evidence": say("hollow dot: cannot be told yet"),
        "fail": say("cross: beyond the limit"),
    }
    told += [words for status, words in signs.items() if status in dots]
    if any(r.group == r.reference for r in drawn):
        told.append(say("diamond: the reference"))
    if any(r.gap_between is not None for r in drawn):
        told.append(say("thick bar: the gap lies somewhere on it"))
    unit = {r.unit for r in results}
    scale = say("In percentage points") if unit == {"share"} else say("Difference to the reference")
    return scale + ". " + capitalize(join("; ", told)) + "."


def _tell(
    dimension: DimensionPart, groups: Sequence[str], metrics: Sequence[str], results: Results
) -> str:
    beyond = [r for r in results if r.status == "fail"]
    open_ones = [r for r in results if r.status == "not enough evidence"]
    told = [
        say(
            "Dot chart with intervals, {label}: {groups} groups, {measured}.",
            label=dimension.label,
            groups=len(groups),
            measured=join(", ", (describe_metric(m).label.lower() for m in metrics)),
        ),
        say("Beyond the limit: {named}.", named=join("; ", map(_name, beyond)))
        if beyond
        else say("No group is beyond the limit."),
    ]
    if open_ones:
        told.append(say("Cannot be told yet: {unsure}.", unsure=join("; ", map(_name, open_ones))))
    return join(" ", told)


def _tabulate(results: Results) -> Table:
    rows = tuple(
        (
            r.group,
            describe_metric(r.metric).label,
            write_figure(r.value, r.between, r.unit),
            write_figure(r.gap, r.gap_between, r.unit, gap=True),
            write_interval(r.gap_low, r.gap_high, r.unit, gap=True),
            write_gap(r.limit, r.unit, signed=False),
            write_count(r.n),
            VERDICTS[r.status],
        )
        for r in results
    )
    columns = (
        say("Group"),
        say("Figure"),
        say("Value"),
        say("Gap"),
        say("Interval of the gap"),
        say("Limit"),
        say("Predictions"),
        say("Verdict"),
    )
    return Table(columns, rows)


def _choose_marker(result: GroupResult) -> str:
    if result.status == "fail":
        return "X"
    return "D" if result.group == result.reference else "o"


def _find_reach(results: Results) -> float:
    """Return the largest gap, interval end or limit: each panel has a scale of its own."""
    ends: list[float] = [
        abs(x)
        for r in results
        for x in (r.gap, r.gap_low, r.gap_high, r.limit, *(r.gap_between or ()))
        if x is not None
    ]
    return max(ends)


def _name(result: GroupResult) -> str:
    label = describe_metric(result.metric).label.lower()
    gap = write_figure(result.gap, result.gap_between, result.unit, gap=True)
    return say("{group} ({label}, {gap})", group=result.group, label=label, gap=gap)


def _plot_gaps(
    axes: Axes,
    metric: str,
    groups: Sequence[str],
    by_key: Mapping[tuple[str, str], GroupResult],
    *,
    named: bool,
    width: float,
) -> None:
    own = [by_key.get((metric, group)) for group in groups]
    known = [r for r in own if r is not None]
    limit = next(r.limit for r in known if r.limit is not None)
    reach = _find_reach(known)
    axes.axvspan(-limit, limit, color=BAND, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=1)
    for row, result in enumerate(own):
        if result is None or (result.gap is None and result.gap_between is None):
            axes.text(-reach * 1.08, row, say("not shown"), va="center", fontsize=8.5, color=MUTED)
        else:
            _plot_gap(axes, row, result)
    axes.set_xlim(-reach * 1.12, reach * 1.12)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    labels = [fit_label(g, 24 if width > 5 else 18) for g in groups] if named else []
    set_marks(axes.yaxis, range(len(labels)), labels)
    axes.xaxis.set_major_formatter(POINTS if known[0].unit == "share" else RATIOS)
    axes.set_title(describe_metric(metric).label)


def _plot_gap(axes: Axes, row: int, result: GroupResult) -> None:
    fail = result.status == "fail"
    colour = SECOND if fail else FIRST
    if result.gap_between is not None:
        axes.plot(result.gap_between, [row, row], color=colour, linewidth=5)
        return
    if result.gap_low is not None and result.gap_high is not None:
        axes.plot([result.gap_low, result.gap_high], [row, row], color=INK, linewidth=1.5)
    axes.plot(
        [result.gap or 0.0], [row], marker=_choose_marker(result), markersize=8 if fail else 6.5,
        color=colour, markeredgecolor=colour, markeredgewidth=1.5,
        markerfacecolor=PANEL if result.status == "not enough evidence" else None, linewidth=0,
    )  # fmt: skip

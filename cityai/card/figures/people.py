"""Pictures of for whom, and where, it works: gaps by group, places in order, a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cityai.card.figures.accuracy import PERCENT
from cityai.card.figures.canvas import NARROW, WIDE, Figure, Table, fit_label, open_sheet, write_svg
from cityai.card.figures.plain_svg import BAND, FIRST, INK, LINE, MUTED, PANEL, SECOND
from cityai.card.record import CardRecord
from cityai.card.record.measured import DimensionPart, GroupResult, PlaceResult
from cityai.card.words import (
    MISSING,
    PAIR,
    VERDICTS,
    describe_metric,
    order_metrics,
    write_bare,
    write_count,
    write_figure,
    write_gap,
    write_interval,
    write_number,
)
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import join, say

POINTS = FuncFormatter(
    lambda value, _: write_bare(round(value, 3), "share", gap=True) if value else "0"
)
MOST_PLACES = 30


def draw_groups(record: CardRecord, dimension: DimensionPart, number: int) -> Figure | None:
    """Draw each group's gap to its reference with its interval, and the limit."""
    results = [
        r for r in record.fairness.results if r.dimension == dimension.name and r.limit is not None
    ]
    metrics = [
        m for m in order_metrics(record.fairness.limits) if any(r.metric == m for r in results)
    ]
    groups = [g.name for g in dimension.groups]
    pair = PAIR in dimension.name
    if pair or not metrics or all(r.gap is None and r.gap_between is None for r in results):
        return None
    by_key = {(r.metric, r.group): r for r in results}
    reach = {u: _find_reach([r for r in results if r.unit == u]) for u in {r.unit for r in results}}

    def draw(width: float) -> Sheet:
        wide = width > 5
        height = 0.34 * len(groups) + 1.0
        shape = (1, len(metrics)) if wide else (len(metrics), 1)
        sheet, panels = open_sheet(width, height if wide else height * len(metrics), *shape)
        for i, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
            _plot_gaps(axes, metric, groups, by_key, reach, named=i == 0 or not wide, wide=wide)
        return sheet

    name = f"groups-{number}"
    beyond = [r for r in results if r.status == "fail"]
    open_ones = [r for r in results if r.status == "not enough evidence"]
    measured = join(", ", (describe_metric(m).label.lower() for m in metrics))
    named = join("; ", (_name(r) for r in beyond))
    unsure = join("; ", (_name(r) for r in open_ones))
    told = [
        say(
            "Dot chart with intervals, {label}: {groups} groups, {measured}.",
            label=dimension.label,
            groups=len(groups),
            measured=measured,
        ),
        say("Beyond the limit: {named}.", named=named)
        if beyond
        else say("No group is beyond the limit."),
    ]
    if open_ones:
        told.append(say("Cannot be told yet: {unsure}.", unsure=unsure))
    alternative = join(" ", told)
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
    share = write_number(record.fairness.confidence, "share")
    return Figure(
        name,
        say("Gap to the whole city: {label}", label=dimension.label)
        if results[0].reference == EVERYWHERE
        else say("Gap to the reference: {label}", label=dimension.label),
        say(
            "In percentage points. Shaded: the limit. Lines: {share} intervals, which "
            "hold for all groups together. Filled dot: within the limit; hollow: cannot "
            "be told yet; cross: beyond it; diamond: the reference. Thick bar: the gap "
            "lies somewhere on it.",
            share=share,
        ),
        alternative,
        write_svg(draw(WIDE), name),
        write_svg(draw(NARROW), f"{name}-n"),
        Table(columns, rows),
    )


def _choose_marker(result: GroupResult) -> str:
    if result.status == "fail":
        return "X"
    return "D" if result.group == result.reference else "o"


def _find_reach(results: Sequence[GroupResult]) -> float:
    """Return the largest gap, interval end or limit, so that panels share a scale."""
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
    reaches: Mapping[str, float],
    *,
    named: bool,
    wide: bool,
) -> None:
    own = [by_key.get((metric, group)) for group in groups]
    limit = next(r.limit for r in own if r is not None and r.limit is not None)
    axes.axvspan(-limit, limit, color=BAND, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=1)
    reach = next(reaches[r.unit] for r in own if r is not None)
    for row, result in enumerate(own):
        colour = SECOND if result is not None and result.status == "fail" else FIRST
        if result is not None and result.gap_between is not None:
            axes.plot(result.gap_between, [row, row], color=colour, linewidth=5)
            continue
        if result is None or result.gap is None:
            axes.text(-reach * 1.08, row, say("not shown"), va="center", fontsize=8.5, color=MUTED)
            continue
        fail = result.status == "fail"
        if result.gap_low is not None and result.gap_high is not None:
            axes.plot([result.gap_low, result.gap_high], [row, row], color=INK, linewidth=1.5)
        axes.plot(
            [result.gap], [row], marker=_choose_marker(result), markersize=8 if fail else 6.5,
            color=colour, markeredgecolor=colour, markeredgewidth=1.5,
            markerfacecolor=PANEL if result.status == "not enough evidence" else None, linewidth=0,
        )  # fmt: skip
    axes.set_xlim(-reach * 1.12, reach * 1.12)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    labels = [fit_label(g, 24 if wide else 18) for g in groups] if named else [""] * len(groups)
    axes.set_yticks(range(len(groups)), labels)
    axes.xaxis.set_major_formatter(POINTS)
    axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    axes.set_title(describe_metric(metric).label)


def error_of(place: PlaceResult) -> float | None:
    """Return a place's average error, nothing where it is not shown."""
    return next((f.value for f in place.figures if f.metric == "wape"), None)


def rank_places(places: Sequence[PlaceResult]) -> list[PlaceResult]:
    """Order the places that may be shown, the largest error first."""
    known = [p for p in places if error_of(p) is not None]
    return sorted(known, key=lambda p: (-(error_of(p) or 0.0), p.name, p.id))


def draw_places(record: CardRecord) -> Figure | None:
    """Draw the places in the order of their average error, the whole city beside them."""
    ranked = rank_places(record.eval.places)
    if len(ranked) < 2:
        return None
    half = MOST_PLACES // 2
    cut = len(ranked) > MOST_PLACES
    shown: list[PlaceResult | None] = [*ranked[:half], None, *ranked[-half:]] if cut else [*ranked]
    whole = next(
        (
            n.value
            for n in record.eval.metrics
            if n.metric == "wape" and n.slice == {"model": "forecast"}
        ),
        None,
    )

    def draw(width: float) -> Sheet:
        sheet, (axes,) = open_sheet(width, 0.2 * len(shown) + 0.6)
        for row, place in enumerate(shown):
            if place is None:
                axes.text(
                    0,
                    row,
                    say("{ranked} more in the table", ranked=len(ranked) - 2 * half),
                    va="center",
                    fontsize=8.5,
                    color=MUTED,
                )
                continue
            value = error_of(place) or 0.0
            axes.plot([0, value], [row, row], color=LINE, linewidth=1)
            axes.plot([value], [row], marker="o", markersize=5.5, color=FIRST, linewidth=0)
        if whole is not None:
            axes.axvline(whole, color=SECOND, linewidth=1.3, linestyle=(0, (4, 2)))
            axes.text(whole, -1, " " + say("whole city"), va="center", fontsize=8.5, color=SECOND)
        axes.set_yticks(
            range(len(shown)),
            ["…" if p is None else fit_label(p.name, 34 if width > 5 else 20) for p in shown],
        )
        axes.tick_params(axis="y", labelsize=8.5)
        axes.set_ylim(len(shown) - 0.4, -1.7)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(PERCENT)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="x")
        return sheet

    first, last = ranked[0], ranked[-1]
    alternative = say(
        "Dot chart of the average error of {ranked} {places_label}, from {first} "
        "({name}) to {last} ({name2}); the whole city has {whole}.",
        ranked=len(ranked),
        places_label=record.eval.places_label,
        first=write_number(error_of(first), "share"),
        name=first.name,
        last=write_number(error_of(last), "share"),
        name2=last.name,
        whole=write_number(whole, "share"),
    )
    return Figure(
        "places",
        say(
            "Average error by place, largest first ({places_label})",
            places_label=record.eval.places_label,
        ),
        record.eval.places_note,
        alternative,
        write_svg(draw(WIDE), "places"),
        write_svg(draw(NARROW), "places-n"),
        tabulate_places(record),
    )


def tabulate_places(record: CardRecord) -> Table:
    """Return all places with their figures, those with the largest error first."""
    metrics = list(dict.fromkeys(f.metric for p in record.eval.places for f in p.figures))
    ranked = rank_places(record.eval.places)
    rest = [p for p in record.eval.places if p not in ranked]
    rows = []
    for place in [*ranked, *rest]:
        own = {f.metric: f for f in place.figures}
        texts = [write_number(own[m].value, own[m].unit) if m in own else MISSING for m in metrics]
        n = next((f.n for f in place.figures), None)
        rows.append((place.name, *texts, write_count(n)))
    return Table(
        (say("Place"), *(describe_metric(m).label for m in metrics), say("Predictions")),
        tuple(rows),
    )

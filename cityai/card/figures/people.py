"""Pictures of for whom, and where, it works: gaps by group, places in order, a map."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cityai.card.figures.accuracy import PERCENT
from cityai.card.figures.canvas import (
    BAND,
    FIRST,
    INK,
    LINE,
    MUTED,
    NARROW,
    PANEL,
    SCALE,
    SECOND,
    WIDE,
    Figure,
    Table,
    open_sheet,
    shorten,
    write_svg,
)
from cityai.card.record import CardRecord
from cityai.card.record.measured import DimensionPart, GroupResult, PlaceResult
from cityai.card.words import (
    MISSING,
    VERDICTS,
    describe_metric,
    order_metrics,
    write_count,
    write_gap,
    write_interval,
    write_number,
)
from cityai.errors import DataError

Ring = tuple[tuple[float, float], ...]
Outlines = Mapping[str, tuple[Ring, ...]]
"""For each area, the rings of its polygons: (longitude, latitude) pairs."""

POINTS = FuncFormatter(lambda value, _: f"{round(value * 100, 1):+g}" if value else "0")
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
    pair = " * " in dimension.name
    if pair or not metrics or all(r.gap is None for r in results):
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
    alternative = (
        f"Dot chart with intervals, {dimension.label}: {len(groups)} groups, "
        f"{', '.join(describe_metric(m).label.lower() for m in metrics)}. "
        + (
            f"Beyond the limit: {'; '.join(_name(r) for r in beyond)}. "
            if beyond
            else "No group is beyond the limit. "
        )
        + (f"Cannot be told yet: {'; '.join(_name(r) for r in open_ones)}." if open_ones else "")
    ).strip()
    rows = tuple(
        (
            r.group,
            describe_metric(r.metric).label,
            write_number(r.value, r.unit),
            write_gap(r.gap, r.unit),
            write_interval(r.gap_low, r.gap_high, r.unit, gap=True),
            write_gap(r.limit, r.unit).lstrip("+"),
            write_count(r.n),
            VERDICTS[r.status],
        )
        for r in results
    )
    columns = (
        "Group",
        "Figure",
        "Value",
        "Gap",
        "Interval of the gap",
        "Limit",
        "Predictions",
        "Verdict",
    )
    share = f"{record.fairness.confidence:.0%}".replace("%", " %")
    return Figure(
        name,
        f"Gap to the {'whole city' if results[0].reference == 'overall' else 'reference'}: {dimension.label}",
        f"In percentage points. Shaded: the limit. Lines: {share} intervals, which hold for all groups "
        "together. Filled dot: within the limit; hollow: cannot be told yet; cross: beyond it.",
        alternative,
        write_svg(draw(WIDE), name),
        write_svg(draw(NARROW), f"{name}-n"),
        Table(columns, rows),
    )


def _find_reach(results: Sequence[GroupResult]) -> float:
    """Return the largest gap, interval end or limit, so that panels share a scale."""
    ends = [
        abs(x) for r in results for x in (r.gap, r.gap_low, r.gap_high, r.limit) if x is not None
    ]
    return max(ends)


def _name(result: GroupResult) -> str:
    return f"{result.group} ({describe_metric(result.metric).label.lower()}, {write_gap(result.gap, result.unit)})"


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
        if result is None or result.gap is None:
            axes.text(-reach * 1.08, row, "not shown", va="center", fontsize=8.5, color=MUTED)
            continue
        fail = result.status == "fail"
        if result.gap_low is not None and result.gap_high is not None:
            axes.plot([result.gap_low, result.gap_high], [row, row], color=INK, linewidth=1.5)
        axes.plot(
            [result.gap], [row], marker="X" if fail else "o", markersize=8 if fail else 6.5,
            color=SECOND if fail else FIRST, markeredgecolor=SECOND if fail else FIRST, markeredgewidth=1.5,
            markerfacecolor=PANEL if result.status == "not enough evidence" else None, linewidth=0,
        )  # fmt: skip
    axes.set_xlim(-reach * 1.12, reach * 1.12)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    labels = [shorten(g, 24 if wide else 18) for g in groups] if named else [""] * len(groups)
    axes.set_yticks(range(len(groups)), labels)
    axes.xaxis.set_major_formatter(POINTS)
    axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    axes.set_title(describe_metric(metric).label)


def _error_of(place: PlaceResult) -> float | None:
    return next((f.value for f in place.figures if f.metric == "wape"), None)


def _rank(places: Sequence[PlaceResult]) -> list[PlaceResult]:
    known = [p for p in places if _error_of(p) is not None]
    return sorted(known, key=lambda p: (-(_error_of(p) or 0.0), p.name, p.id))


def draw_places(record: CardRecord) -> Figure | None:
    """Draw the places in the order of their average error, the whole city beside them."""
    ranked = _rank(record.eval.places)
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
                    f"{len(ranked) - 2 * half} more in the table",
                    va="center",
                    fontsize=8.5,
                    color=MUTED,
                )
                continue
            value = _error_of(place) or 0.0
            axes.plot([0, value], [row, row], color=LINE, linewidth=1)
            axes.plot([value], [row], marker="o", markersize=5.5, color=FIRST, linewidth=0)
        if whole is not None:
            axes.axvline(whole, color=SECOND, linewidth=1.3, linestyle=(0, (4, 2)))
            axes.text(whole, -1, " whole city", va="center", fontsize=8.5, color=SECOND)
        axes.set_yticks(
            range(len(shown)),
            ["…" if p is None else shorten(p.name, 34 if width > 5 else 20) for p in shown],
        )
        axes.tick_params(axis="y", labelsize=8.5)
        axes.set_ylim(len(shown) - 0.4, -1.7)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(PERCENT)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="x")
        return sheet

    first, last = ranked[0], ranked[-1]
    alternative = (
        f"Dot chart of the average error of {len(ranked)} {record.eval.places_label}, from "
        f"{write_number(_error_of(first), 'share')} ({first.name}) to "
        f"{write_number(_error_of(last), 'share')} ({last.name}); "
        f"the whole city has {write_number(whole, 'share')}."
    )
    return Figure(
        "places",
        f"Average error by place, largest first ({record.eval.places_label})",
        record.eval.places_note,
        alternative,
        write_svg(draw(WIDE), "places"),
        write_svg(draw(NARROW), "places-n"),
        tabulate_places(record),
    )


def tabulate_places(record: CardRecord) -> Table:
    """Return all places with their figures, those with the largest error first."""
    metrics = list(dict.fromkeys(f.metric for p in record.eval.places for f in p.figures))
    ranked = _rank(record.eval.places)
    rest = [p for p in record.eval.places if p not in ranked]
    rows = []
    for place in [*ranked, *rest]:
        own = {f.metric: f for f in place.figures}
        texts = [write_number(own[m].value, own[m].unit) if m in own else MISSING for m in metrics]
        n = next((f.n for f in place.figures), None)
        rows.append((place.name, *texts, write_count(n)))
    return Table(
        ("Place", *(describe_metric(m).label for m in metrics), "Predictions"), tuple(rows)
    )


def read_outlines(path: Path, key: str) -> Outlines:
    """Read the outlines of areas from a GeoJSON file in WGS 84.

    Raises
    ------
    DataError
        When the file cannot be read, or a feature has no such property.
    """
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        return {
            str(f["properties"][key]): tuple(
                tuple((float(x), float(y)) for x, y, *_ in ring)
                for ring in _find_rings(f["geometry"])
            )
            for f in features
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the outlines cannot be read ({error})",
            where=str(path),
            expected=f"a GeoJSON FeatureCollection of polygons with the property '{key}'",
            next_step="correct `boundaries` of the area table in the city's file",
        ) from error


def _find_rings(geometry: Mapping[str, object]) -> list[Sequence[Sequence[float]]]:
    parts = geometry["coordinates"]
    polygons = parts if geometry["type"] == "MultiPolygon" else [parts]
    return [ring for polygon in polygons for ring in polygon]  # type: ignore[attr-defined]


def draw_map(record: CardRecord, outlines: Outlines) -> Figure | None:
    """Draw the areas, the darker the larger their average error."""
    errors = {p.id: _error_of(p) for p in record.eval.places}
    known = sorted(v for k, v in errors.items() if v is not None and k in outlines)
    if len(known) < 2:
        return None
    cuts = sorted({known[len(known) * i // len(SCALE)] for i in range(1, len(SCALE))} - {known[0]})
    points = [xy for k in errors if k in outlines for ring in outlines[k] for xy in ring]
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    squeeze = math.cos(math.radians((south + north) / 2))
    ratio = (north - south) / max((east - west) * squeeze, 1e-9)

    def draw(width: float) -> Sheet:
        size = min(width, 5.6)
        sheet, (axes,) = open_sheet(size, min(size * ratio, 6.5) + 0.3)
        grain = (east - west) / (size * 72) * 0.8
        for area in sorted(outlines):
            if area not in errors:
                continue
            value = errors[area]
            colour = PANEL if value is None else SCALE[sum(value >= c for c in cuts)]
            axes.add_patch(
                PathPatch(
                    _trace(outlines[area], grain),
                    facecolor=colour,
                    edgecolor=INK,
                    linewidth=0.35,
                    hatch="////" if value is None else None,
                )  # fmt: skip
            )
        axes.set_xlim(west, east)
        axes.set_ylim(south, north)
        axes.set_aspect(1 / squeeze)
        axes.set_axis_off()
        edges = [known[0], *cuts, known[-1]]
        swatches = [
            Patch(
                facecolor=SCALE[i],
                edgecolor=INK,
                linewidth=0.35,
                label=f"{write_number(edges[i], 'share')} to {write_number(edges[i + 1], 'share')}",
            )
            for i in range(len(cuts) + 1)
        ]
        if any(v is None for v in errors.values()):
            swatches.append(
                Patch(
                    facecolor=PANEL,
                    edgecolor=INK,
                    linewidth=0.35,
                    hatch="////",
                    label="too few to show",
                )
            )
        axes.legend(handles=swatches, loc="upper left", fontsize=8.5, handlelength=1.4)
        return sheet

    worst = _rank([p for p in record.eval.places if p.id in outlines])[:3]
    named = ", ".join(f"{p.name} ({write_number(_error_of(p), 'share')})" for p in worst)
    alternative = (
        f"Map of {len(known)} {record.eval.places_label}, darker where the average error is larger: "
        f"from {write_number(known[0], 'share')} to {write_number(known[-1], 'share')}. Largest in {named}."
    )
    return Figure(
        "map",
        "Average error on the map",
        f"Darker: larger error. Outlines from {record.eval.boundaries}. The same figures stand in the table of places.",
        alternative,
        write_svg(draw(WIDE), "map"),
        write_svg(draw(NARROW), "map-n"),
        tabulate_places(record),
    )


def _trace(rings: Sequence[Ring], grain: float) -> Outline:
    corners: list[tuple[float, float]] = []
    codes: list[int] = []
    for ring in rings:
        kept = [ring[0]]
        for x, y in ring[1:]:
            if math.hypot(x - kept[-1][0], y - kept[-1][1]) >= grain:
                kept.append((x, y))
        if len(kept) < 3:
            continue
        corners += [*kept, kept[0]]
        codes += [Outline.MOVETO, *[Outline.LINETO] * (len(kept) - 1), Outline.CLOSEPOLY]  # type: ignore[list-item]
    return Outline(corners, codes) if corners else Outline([rings[0][0]])

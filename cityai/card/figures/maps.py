"""The map of areas, drawn from their outlines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Sheet
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline

from cityai.card.figures.canvas import DOTS, LOW, Figure, make_figure, open_sheet
from cityai.card.figures.places import error_of, order_places, rank_places, tabulate_places
from cityai.card.figures.plain_svg import INK, PANEL, PLACE, SCALE
from cityai.card.numbers import write_interval, write_number
from cityai.card.record import CardRecord
from cityai.errors import DataError
from cityai.i18n.messages import join, say

Ring = tuple[tuple[float, float], ...]
Outlines = Mapping[str, tuple[Ring, ...]]
"""For each area, the rings of its polygons: (longitude, latitude) pairs."""


def read_outlines(path: Path, key: str, written: Mapping[str, str]) -> Outlines:
    """Read the outlines of areas from a GeoJSON file in WGS 84.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        Property with the id.
    written : mapping
        How the data write an id that they write otherwise.

    Raises
    ------
    DataError
        When the file cannot be read, or a feature has no such property.
    """
    try:
        if not path.is_file():
            raise ValueError("it is no file")
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        found = {
            _write_id(f["properties"][key], written): tuple(
                tuple((float(x), float(y)) for x, y, *_ in ring)
                for ring in _find_rings(f["geometry"])
            )
            for f in features
        }
        return {name: tuple(ring for ring in rings if ring) for name, rings in found.items()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        said = f"{error} is not there" if isinstance(error, KeyError) else error
        raise DataError(
            f"the outlines cannot be read ({said})",
            where=str(path),
            expected=f"a GeoJSON FeatureCollection of polygons with the property '{key}'",
            next_step="correct `boundaries` of the area table in the city's file",
        ) from error


def _write_id(value: object, written: Mapping[str, str]) -> str:
    """Write an id as the data have it: 101, also where the outlines say 101.0."""
    whole = isinstance(value, float) and value.is_integer()
    name = str(int(value)) if whole else str(value)  # type: ignore[call-overload]
    return written.get(name, name)


def _find_rings(geometry: Mapping[str, object]) -> list[Sequence[Sequence[float]]]:
    parts = geometry["coordinates"]
    polygons = parts if geometry["type"] == "MultiPolygon" else [parts]
    return [ring for polygon in polygons for ring in polygon]  # type: ignore[attr-defined]


def draw_map(record: CardRecord, outlines: Outlines) -> Figure | None:
    """Draw the areas, the darker the larger their average error."""
    rows = {p.area: row for row, p in enumerate(order_places(record))}
    errors = {p.area: error_of(p) for p in record.eval.places if p.area}
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
        size, legend = min(width, 5.6), 0.7
        across = min(size, (LOW - legend) / max(ratio, 1e-9))
        sheet, (axes,) = open_sheet(size, across * ratio + legend)
        grain = (east - west) / (across * DOTS) * 1.2
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
                    gid=f"{PLACE}{rows[area]}",
                )
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
                label=write_interval(edges[i], edges[i + 1], "share"),
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
                    label=say("too few to show"),
                )
            )
        # Beside the map, never on it: a city may fill its rectangle.
        columns = 3 if size > 5 else 2
        sheet.legend(
            handles=swatches,
            loc="outside upper left",
            ncols=columns,
            fontsize=11 if size > 5 else 9.5,
            handlelength=1.4,
        )
        return sheet

    worst = rank_places([p for p in record.eval.places if p.area in outlines])[:3]
    named = join(
        "; ",
        (say("{name} ({p})", name=p.name, p=write_number(error_of(p), "share")) for p in worst),
    )
    alternative = (
        say(
            "Map of {known} {places_label}, which stand out more where the average error is "
            "larger: from {known2} to {known3}.",
            known=len(known),
            places_label=record.eval.places_label,
            known2=write_number(known[0], "share"),
            known3=write_number(known[-1], "share"),
        )
        + " "
        + say("Largest in {named}.", named=named)
    )
    return make_figure(
        "map",
        say("Average error on the map"),
        say(
            "The more striking, the larger the error. Outlines: {boundaries}.",
            boundaries=record.eval.boundaries,
        ),
        alternative,
        draw,
        tabulate_places(record),
    )


def _trace(rings: Sequence[Ring], grain: float) -> Outline:
    corners: list[tuple[float, float]] = []
    codes: list[np.uint8] = []
    for ring in rings:
        kept = [ring[0]]
        for x, y in ring[1:]:
            if math.hypot(x - kept[-1][0], y - kept[-1][1]) >= grain:
                kept.append((x, y))
        if len(kept) < 3:
            continue
        corners += [*kept, kept[0]]
        codes += [Outline.MOVETO, *[Outline.LINETO] * (len(kept) - 1), Outline.CLOSEPOLY]
    return Outline(corners, codes) if corners else Outline([rings[0][0]])

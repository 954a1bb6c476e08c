"""Axes whose marks are a label and, where there is a grid, a line: matplotlib's have five parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator

PAD = 3.5
"""Points between an axis and its labels."""
GRID = ("color", "linestyle", "linewidth", "alpha")
REACH = 1e-10
"""How far beyond the end of an axis, as a share of it, a mark still stands."""


class Label(Text):
    """A text that is laid out once for each size in which it is drawn."""

    _laid: tuple[Any, Any] = (None, None)

    def _get_layout(self, renderer: Any) -> Any:
        """Return where the lines of the text are, as matplotlib does."""
        sheet: Any = self.get_figure(root=True)
        key = (type(renderer), sheet.dpi, self.get_text())
        if self._laid[0] != key:
            self._laid = key, super()._get_layout(renderer)  # type: ignore[misc]
        return self._laid[1]


class Mark:
    """A place on an axis: what matplotlib calls a tick."""

    __slots__ = ("gridline", "label1", "label2", "place")

    gridline: Line2D | None

    def __init__(self, place: float, label: Label, none: Text) -> None:
        self.place, self.label1, self.label2, self.gridline = place, label, none, None

    def draw(self, renderer: Any) -> None:
        """Draw the line, then its label."""
        if self.gridline is not None:
            self.gridline.draw(renderer)
        self.label1.draw(renderer)


class _Marked(Axis):
    """An axis that makes its marks when it is looked at, and keeps them while they stay."""

    axis_name: str
    majorTicks: Any = ()
    minorTicks: Any = ()
    _made: tuple[Any, list[Mark]] = (None, [])

    def get_ticks_position(self) -> Any:
        """Return on which side the marks are."""
        return "bottom" if self.axis_name == "x" else "left"

    def get_children(self) -> list[Any]:
        """Return all that is drawn."""
        marks = self._made[1]
        lines = [mark.gridline for mark in marks if mark.gridline is not None]
        return [self.label, self.offsetText, *(mark.label1 for mark in marks), *lines]

    def _update_ticks(self) -> list[Mark]:
        """Return the marks within the view."""
        if not cast(MarkedAxes, self.axes).marks_stay:
            places = [float(place) for place in self.get_majorticklocs()]
            key = (places, self.get_major_formatter(), self.get_tick_params())
            if self._made[0] != key:
                texts = self.get_major_formatter().format_ticks(places)
                self._made = key, self._make(places, texts, key[2])
        low, high = sorted(self.get_view_interval())
        slack = (high - low) * REACH
        return [mark for mark in self._made[1] if low - slack <= mark.place <= high + slack]

    def _make(self, places: list[float], texts: Sequence[str], told: dict[str, Any]) -> list[Mark]:
        axes: Any = self.axes
        rc, name, figure = cast(dict[str, Any], mpl.rcParams), self.axis_name, axes.figure
        turn = 1 if name == "x" else -1
        at, below, beside = getattr(axes, f"get_{name}axis_text1_transform")(told.get("pad", PAD))
        own = rc[f"{name}tick.labelcolor"]
        label: dict[str, Any] = {
            "fontsize": told.get("labelsize", rc[f"{name}tick.labelsize"]),
            "color": told.get("labelcolor", rc[f"{name}tick.color"] if own == "inherit" else own),
            "transform": at,
            "verticalalignment": below,
            "horizontalalignment": beside,
        }
        line: dict[str, Any] = {k: rc[f"grid.{k}"] for k in GRID}
        line |= {"transform": getattr(axes, f"get_{name}axis_transform")("grid"), "marker": ""}
        none, marks = Text(visible=False), []
        for place, text in zip(places, texts, strict=True):
            x, y = (place, 0)[::turn]
            mark = Mark(place, Label(x, y, text, **label), none)
            mark.label1.set_figure(figure)
            if told["gridOn"]:
                x_ends, y_ends = ((place, place), (0, 1))[::turn]
                mark.gridline = Line2D(x_ends, y_ends, **line)
                mark.gridline.set_figure(figure)
                mark.gridline.set_clip_path(axes.patch)
            marks.append(mark)
        return marks


class _XAxis(_Marked, XAxis):
    pass


class _YAxis(_Marked, YAxis):
    pass


class MarkedAxes(Axes):
    """Axes with such marks; `set_marks` names their places."""

    marks_stay = False
    """Whether what was drawn is drawn again, on another canvas."""

    def _init_axis(self) -> None:
        """Make the two axes."""
        self.xaxis, self.yaxis = _XAxis(self, clear=False), _YAxis(self, clear=False)
        for axis, sides in ((self.xaxis, ("bottom", "top")), (self.yaxis, ("left", "right"))):
            for side in sides:
                self.spines[side].register_axis(axis)


def set_marks(axis: Axis, places: Sequence[float], texts: Sequence[str]) -> None:
    """Mark these places of an axis with these texts."""
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter(texts))

"""What moves the forecasts of each group: SHAP by group."""

from __future__ import annotations

from matplotlib.figure import Figure as Sheet

from cityai.card.figures.accuracy import THOUSANDS
from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet, set_scale
from cityai.card.figures.labels import fit_label
from cityai.card.figures.marks import set_marks
from cityai.card.figures.plain_svg import BAND, FIRST, INK, PANEL, SECOND
from cityai.card.numbers import write_gap, write_number
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.record.measured import GroupDriver
from cityai.card.words import PAIR
from cityai.i18n.messages import join, say

SHOWN = 3
"""Features drawn: those that move any of the groups most."""
MARKS = (("o", FIRST, FIRST), ("s", SECOND, PANEL), ("^", INK, INK), ("D", FIRST, PANEL))
"""Shape, edge and face of a group's mark: told apart in grey as well."""


def draw_group_drivers(record: CardRecord, dimension: DimensionPart, number: int) -> Figure | None:
    """Draw how far the leading features push each group's forecasts, one row a feature."""
    explanation = record.model.explanation
    groups = [g.name for g in dimension.groups]
    if explanation is None or PAIR in dimension.name:
        return None
    own = [
        d
        for d in explanation.by_group
        if d.dimension == dimension.name and d.mean_effect is not None
    ]
    groups = [g for g in groups if any(d.group == g for d in own)]
    if len(groups) < 2 or len(groups) > len(MARKS):
        return None
    labels = {d.feature: d.label for d in explanation.drivers}
    labels |= {i.name: i.label for i in record.model.inputs if i.name not in labels}
    features = _choose_features(own)
    pushes = {(d.feature, d.group): d.mean_effect or 0.0 for d in own}

    def draw(width: float) -> Sheet:
        wide = width > 5
        sheet, (axes,) = open_sheet(width, 0.42 * len(features) + 1.1 + 0.2 * len(groups))
        for row, feature in enumerate(features):
            ends = [pushes[feature, g] for g in groups if (feature, g) in pushes]
            axes.plot([min(ends), max(ends)], [row, row], color=BAND, linewidth=5)
        for group, (marker, edge, face) in zip(groups, MARKS, strict=False):
            known = [(pushes[f, group], i) for i, f in enumerate(features) if (f, group) in pushes]
            axes.plot(
                [x for x, _ in known], [i for _, i in known], linewidth=0, marker=marker,
                markersize=7, color=edge, markerfacecolor=face, label=fit_label(group, 34),
            )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=1)
        set_marks(
            axes.yaxis,
            range(len(features)),
            [fit_label(labels.get(f, f), 40 if wide else 20) for f in features],
        )
        axes.set_ylim(len(features) - 0.5, -0.5)
        set_scale(axes.xaxis, 5, THOUSANDS)
        axes.margins(x=0.08)
        axes.grid(axis="x")
        sheet.legend(loc="outside upper left", ncols=2 if wide else 1, fontsize=9)
        return sheet

    name = f"group-drivers-{number}"
    top = features[0]
    told = join(
        "; ",
        (
            say(
                "{group} ({pushes})",
                group=group,
                pushes=write_gap(pushes[top, group], explanation.unit),
            )
            for group in groups
            if (top, group) in pushes
        ),
    )
    alternative = say(
        "Dot chart of what moves the forecasts of each group, {label}. The feature "
        "that moves them most is “{top}”; its mean push: {told}.",
        label=dimension.label,
        top=labels.get(top, top),
        told=told,
    )
    rows = tuple(
        (
            labels.get(d.feature, d.feature),
            d.group,
            write_gap(d.mean_effect, explanation.unit),
            write_number(d.importance, explanation.unit),
        )
        for d in own
        if d.feature in features
    )
    return make_figure(
        name,
        say("What moves the forecasts of each group: {label}", label=dimension.label),
        say(
            "Mean push of a feature on the group's forecasts, in {unit}: right of 0 "
            "raises them, left lowers them. It says what the model looked at, not what "
            "causes demand.",
            unit=explanation.unit,
        ),
        alternative,
        draw,
        Table((say("What"), say("Group"), say("Mean push"), say("Mean size of the push")), rows),
    )


def _choose_features(drivers: list[GroupDriver]) -> list[str]:
    """Return the features that move some group most, the strongest first."""
    most: dict[str, float] = {}
    for driver in drivers:
        most[driver.feature] = max(most.get(driver.feature, 0.0), driver.importance or 0.0)
    shared = {f for f in most if len({d.group for d in drivers if d.feature == f}) > 1} or set(most)
    return sorted(shared, key=lambda f: (-most[f], f))[:SHOWN]

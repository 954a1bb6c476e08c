"""Pictures of where it works: places in the order of their error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from matplotlib.figure import Figure as Sheet

from cityai.card.figures.accuracy import PERCENT
from cityai.card.figures.canvas import Figure, Table, make_figure, open_sheet, set_scale
from cityai.card.figures.labels import fit_label
from cityai.card.figures.marks import set_marks
from cityai.card.figures.plain_svg import FIRST, LINE, MUTED, SECOND
from cityai.card.numbers import MISSING, write_bare, write_count, write_number
from cityai.card.record import CardRecord
from cityai.card.record.measured import PlaceResult
from cityai.card.record.part import index_whole
from cityai.card.words import describe_metric
from cityai.columns import FORECAST
from cityai.i18n.messages import join, name_period, say, write_day

MOST_PLACES = 30


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
    found = index_whole(record.eval.metrics).get((FORECAST, "wape"))
    whole = found.value if found else None

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
        set_marks(
            axes.yaxis,
            range(len(shown)),
            ["…" if p is None else fit_label(p.name, 34 if width > 5 else 20) for p in shown],
        )
        axes.tick_params(axis="y", labelsize=8.5)
        axes.set_ylim(len(shown) - 0.4, -1.7)
        axes.set_xlim(left=0)
        set_scale(axes.xaxis, 5, PERCENT)
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
    return make_figure(
        "places",
        say(
            "Average error by place, largest first ({places_label})",
            places_label=record.eval.places_label,
        ),
        record.eval.places_note,
        alternative,
        draw,
        tabulate_places(record),
    )


def order_places(record: CardRecord) -> list[PlaceResult]:
    """Order all places as their table has them: those whose error may be shown come first."""
    ranked = rank_places(record.eval.places)
    first = {place.id for place in ranked}
    return [*ranked, *(p for p in record.eval.places if p.id not in first)]


def tabulate_places(record: CardRecord) -> Table:
    """Return all places, those with the largest error first: what is forecast, how well, for whom.

    The first columns are what a resident asks for; the pointer shows them on the map.
    """
    metrics = list(dict.fromkeys(f.metric for p in record.eval.places for f in p.figures))
    held = {told.dimension for place in record.eval.places for told in place.groups}
    labels = {d.name: d.label for d in record.fairness.dimensions if d.name in held}
    ahead = record.eval.next_period
    rows = []
    for place in order_places(record):
        own = {f.metric: f for f in place.figures}
        figures = [write_number(own[m].value, own[m].unit) if m in own else "" for m in metrics]
        forecast = [_write_forecast(place, record.model.unit)] if ahead else []
        n = next((f.n for f in place.figures), None)
        who = [_write_groups(place, name) for name in labels]
        people = write_count(place.residents)
        rows.append(
            (place.name, *forecast, *figures[:1], people, *who, *figures[1:], write_count(n))
        )
    named = [describe_metric(m).label for m in metrics]
    return Table(
        (
            say("Place"),
            *([_name_forecast(record, ahead)] if ahead else []),
            *named[:1],
            say("Residents"),
            *labels.values(),
            *named[1:],
            say("Predictions"),
        ),
        tuple(rows),
        frozenset(range(start := 2 + bool(ahead) + len(named[:1]), start + len(labels))),
    )


def _name_forecast(record: CardRecord, first: date) -> str:
    period, day = name_period(record.model.period), write_day(first)
    if step := record.eval.next_step:
        return say(
            "Forecast for the {period} from {day}, to the nearest {step}",
            period=period,
            day=day,
            step=step,
        )
    return say("Forecast for the {period} from {day}", period=period, day=day)


def _write_forecast(place: PlaceResult, unit: str) -> str:
    """Write a place's forecast and its range, or why there is none."""
    told = place.forecast
    if told is None or told.value is None:
        return MISSING if told is None else told.reason
    if told.low is None or told.high is None:
        return write_number(told.value, unit)
    return say(
        "{value} ({low} to {high})",
        value=write_number(told.value, unit),
        low=write_bare(told.low, unit, gap=False),
        high=write_bare(told.high, unit, gap=False),
    )


def _write_groups(place: PlaceResult, dimension: str) -> str:
    """Write who lives there, by one dimension: the place's group, or shares, the largest first."""
    return join(
        ", ",
        [
            told.group
            if told.share is None
            else say("{share} {group}", share=write_number(told.share, "share"), group=told.group)
            for told in place.groups
            if told.dimension == dimension
        ],
    )

"""Table of what the same capacity, or the same total planned, reaches by each way."""

from __future__ import annotations

from typing import Final

from cityai.card.numbers import MISSING, write_gap, write_interval, write_number
from cityai.card.record import CardRecord
from cityai.card.record.ranked import WorthPart, WorthWay
from cityai.card.render.tables import Cell, Grid, make_grid, tabulate
from cityai.i18n.messages import capitalize, say

SHORT: Final = 2
"""Simple rules that the short table shows: the best ones."""
_CAPTIONS: Final = {
    "yes/no": say("The same capacity, used in other ways"),
    "amount": say("The same total planned in other ways"),
}
_VERDICTS: Final = {
    "pass": say("Less is reached"),
    "fail": say("More is reached"),
    "not enough evidence": say("We cannot tell"),
    "suppressed": say("Not shown"),
}

_GAINS: Final = {
    "pass": say("More is found"),
    "fail": say("Less is found"),
    "not enough evidence": say("We cannot tell"),
}


def arrange_worth(part: WorthPart, *, whole: bool = False) -> Grid:
    """Arrange what each way reaches; without `whole`, only the ways that a reader asks for first.

    The forecast, what the city does now, chance, perfect knowledge, a tenth more, and the best
    simple rules.
    """
    rows: list[list[str | Cell]] = []
    for way in part.ways if whole else _choose(part):
        times = say("{times} times as much", times=write_number(way.times, "ratio"))
        verdict = _VERDICTS.get(way.status)
        row: list[str | Cell] = [
            capitalize(way.label),
            write_number(way.reached, "share"),
            write_number(way.vain, "share"),
            MISSING if way.times is None or way.role == "forecast" else times,
            _write(way.more_spent, part.unit),
            _write(way.more_hours, say("hours")),
            _write(way.more_cost, part.currency),
        ]
        note = way.reason
        if way.role == "chance" and part.target == "yes/no":
            note = say("The mean of all random orders; “random order” elsewhere is one of them")
        if way.answered is not None:
            answered = write_number(way.answered, "share")
            note = say("Of the {answered} of rows that it answers", answered=answered)
        if whole:
            gap = write_gap(way.difference, "share")
            row += [
                write_number(way.spent, part.unit),
                gap,
                write_interval(way.low, way.high, "share", gap=True),
            ]
        rows.append([*row, Cell(verdict, way.status) if verdict else "", note])
    ahead = (say("Spent"), say("The forecast reaches more by"), say("Interval")) if whole else ()
    columns = (
        say("Way"),
        say("Reached"),
        say("In vain"),
        say("To reach as much"),
        say("That is more by"),
        say("Hours more"),
        say("Cost more"),
        *ahead,
        say("Beside the forecast"),
        say("Note"),
    )
    caption = _CAPTIONS[part.target]
    title = say("{caption}: every way", caption=caption) if whole else caption
    return make_grid(title, columns, rows, range(1, len(columns) - 2))


def arrange_shares(part: WorthPart) -> Grid | None:
    """Arrange what each way finds with a quarter and a half of the visits."""
    if not part.shares:
        return None
    caption = say(
        "Found with a part of all visits, of the {count} {unit} that have the city's own score; "
        "cases that a way scores alike come in random order",
        count=write_number(part.shares_of, ""),
        unit=part.unit,
    )
    return tabulate(
        caption,
        part.shares,
        (
            (say("Way"), lambda s: capitalize(s.label)),
            (say("A quarter of the visits"), lambda s: write_number(s.quarter, "share")),
            (say("Half of the visits"), lambda s: write_number(s.half, "share")),
        ),
        (1, 2),
    )


def arrange_worth_groups(record: CardRecord) -> tuple[Grid, ...]:
    """Arrange who gains and who loses, a table a way whose place the list takes."""
    part = record.eval.worth
    if part is None:
        return ()
    labels = {d.name: d.label for d in record.fairness.dimensions}
    named = {way.way: way.label for way in part.ways}
    return tuple(
        tabulate(
            say("Who gains when this list takes the place of {way}", way=named.get(way, way)),
            [g for g in part.groups if g.way == way],
            (
                (
                    say("Group"),
                    lambda g: say("{a}: {b}", a=labels.get(g.dimension, g.dimension), b=g.group),
                ),
                (say("It finds"), lambda g: write_number(g.reached, "share")),
                (say("This list finds more by"), lambda g: write_gap(g.difference, "share")),
                (say("Interval"), lambda g: write_interval(g.low, g.high, "share", gap=True)),
                (say("Cases more, to the nearest 20"), lambda g: write_gap(g.more, "")),
                (
                    say("With this list"),
                    lambda g: Cell(_GAINS.get(g.status, MISSING), g.status),
                ),
            ),
            range(1, 5),
        )
        for way in dict.fromkeys(g.way for g in part.groups)
    )


def _choose(part: WorthPart) -> list[WorthWay]:
    rules = [way for way in part.ways if way.role == "rule"][:SHORT]
    plain = [w for w in part.ways if w.role in {"forecast", "today", "chance", "more", "perfect"}]
    area = [way for way in part.ways if way.way.endswith("area_average")]
    kept = {way.way for way in (*rules, *plain, *area)}
    return [way for way in part.ways if way.way in kept]


def _write(value: float | None, unit: str) -> str:
    return MISSING if value is None or not value else write_gap(value, unit)

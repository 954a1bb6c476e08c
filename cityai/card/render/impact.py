"""Tables of what it changed: for all and by group, and how far chance was followed."""

from __future__ import annotations

from typing import Final

from cityai.card.impact_words import PROBED_WORDS
from cityai.card.record.impact import ImpactEffect, ImpactFound, ImpactLooked, ImpactPart
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import MISSING, write_count, write_gap, write_interval, write_number
from cityai.i18n.messages import join, say, write_day

ARMS: Final = {"served": say("Drawn to be served"), "not served": say("Drawn to wait")}
CUT_ARMS: Final = {"served": say("Above the cut-off"), "not served": say("Below the cut-off")}
CHANCE: Final = say("Everybody, as chance decided")
WHOM: Final = {"discontinuity": say("Those at the cut-off, as the list decided")}
COMPARED: Final = say(
    "Among those at the edge of what the city can do, chance decided who was served, from {first} "
    "to {last}. So both are alike in all else."
)
CUT: Final = say(
    "Nothing was left to chance: from {first} to {last} the score alone decided who was served. "
    "Those just above the cut-off and those just below it are alike in nearly all else, while "
    "nobody moves a case across it."
)
WITHIN: Final = say("Scores within {width} of the cut-off count, the nearest the most.")
HIDDEN: Final = say("Not shown: too few.")


def tell_compared(part: ImpactPart) -> str:
    """Say who was compared with whom."""
    found = _open(part)
    days = {"first": write_day(part.starts), "last": write_day(part.last_day)}
    if part.design != "discontinuity":
        return COMPARED.format(**days)
    told: str = CUT.format(**days)
    if found.within is not None:
        told = join(" ", (told, WITHIN.format(width=write_number(found.within, ""))))
    return told


def arrange_effects(part: ImpactPart) -> Grid:
    """Arrange the effect for all, among those who followed, and by group."""
    found = _open(part)
    rows: list[list[str | Cell]] = [
        [WHOM.get(part.design, CHANCE), *_write(found.effect, part)],
        [say("Those for whom it was also done"), *_write(found.treated, part)],
    ]
    for one in found.groups:
        cells = [HIDDEN, MISSING, MISSING] if one.effect is None else _write(one.effect, part)
        rows.append([one.group, *cells])
    columns = (say("Who"), say("Change"), say("Interval"), say("Counted"))
    return make_grid(say("What being served changed"), columns, rows, range(1, 4))


def arrange_followed(part: ImpactPart) -> Grid:
    """Arrange how often what chance decided was done."""
    found = _open(part)
    cut = part.design == "discontinuity"
    arms, decided = (CUT_ARMS, say("The list")) if cut else (ARMS, say("Chance decided"))
    rows = [
        [
            line.group if line.dimension else say("Everybody"),
            arms[line.arm],
            HIDDEN if line.followed is None else write_number(line.followed, "share"),
        ]
        for line in found.followed
    ]
    columns = (say("Who"), decided, say("So it was done"))
    return make_grid(say("How far it was followed"), columns, rows, (2,))


def arrange_looked(part: ImpactPart) -> Grid:
    """Arrange what a random probe found where nobody looks."""
    rows = [
        [
            line.group if line.dimension else say("Everybody"),
            PROBED_WORDS[line.metric],
            *_write_looked(line),
        ]
        for line in _open(part).looked
    ]
    columns = (say("Who"), say("Figure"), say("Value"), say("Interval"))
    return make_grid(say("What is there where nobody looks"), columns, rows, (2, 3))


def _write_looked(line: ImpactLooked) -> list[str]:
    """Write a rate as a share, and by how much scores are too high as a difference."""
    if line.value is None:
        return [HIDDEN, MISSING]
    gap = line.metric == "calibration_in_the_large"
    write = write_gap if gap else write_number
    return [write(line.value, "share"), write_interval(line.low, line.high, "share", gap=gap)]


def _open(part: ImpactPart) -> ImpactFound:
    assert part.found is not None  # noqa: S101 - the template asks first
    return part.found


def _write(effect: ImpactEffect, part: ImpactPart) -> list[str]:
    if effect.value is None:
        return [say("Not known"), MISSING, write_count(effect.n)]
    interval = write_interval(effect.low, effect.high, part.unit, gap=True)
    return [write_gap(effect.value, part.unit), interval, write_count(effect.n)]

"""Tables of what it changed: for all and by group, and how far chance was followed."""

from __future__ import annotations

from typing import Final

from cityai.card.impact_words import PROBED_WORDS
from cityai.card.numbers import MISSING, write_count, write_gap, write_interval, write_number
from cityai.card.record.impact import ImpactEffect, ImpactFound, ImpactLooked, ImpactPart
from cityai.card.render.tables import Cell, Grid, make_grid, tabulate
from cityai.i18n.messages import join, say, write_day

ARMS: Final = {"served": say("Drawn to be served"), "not served": say("Drawn to wait")}
CUT_ARMS: Final = {"served": say("Above the cut-off"), "not served": say("Below the cut-off")}
PLACE_ARMS: Final = {
    "served": say("Where it was due to have begun"),
    "not served": say("Where it was not due yet, or never"),
}
DECIDED: Final = {
    "lottery": (say("Chance decided"), ARMS),
    "probe": (say("Chance decided"), ARMS),
    "discontinuity": (say("The list"), CUT_ARMS),
}
"""What decided, and what its arms are called; of other designs the plan, by places."""
BY_PLAN: Final = (say("The plan"), PLACE_ARMS)
BEGUN: Final = say("Places in which it began")
WHOM: Final = {
    "lottery": say("Everybody, as chance decided"),
    "probe": say("Everybody, as chance decided"),
    "discontinuity": say("Those at the cut-off, as the list decided"),
    "stepped wedge": say("All places, as chance decided"),
}
COMPARED: Final = say(
    "Among those at the edge of what the city can do, chance decided who was served, from {first} "
    "to {last}. So both are alike in all else."
)
CUT: Final = say(
    "Nothing was left to chance: from {first} to {last} the score alone decided who was served. "
    "Those just above the cut-off and those just below it are alike in nearly all else, while "
    "nobody moves a case across it."
)
ABOUT: Final = {
    "lottery": COMPARED,
    "probe": COMPARED,
    "discontinuity": CUT,
    "stepped wedge": say(
        "From {first} to {last} it began in one place after another, in an order that chance "
        "decided. So places in which it has begun and places in which it has not are alike in all "
        "else."
    ),
    "synthetic": say(
        "From {first} to {last} it was done in some places. They are held against a mixture of "
        "others that was like them before; how far that strays is seen among those others."
    ),
    "interrupted": say(
        "It began on {first} and was followed until {last}. What came is held against the level "
        "before; how far that strays is seen at earlier times."
    ),
    "before after": say(
        "It began on {first} and was followed until {last}. A change from before to after alone "
        "tells no effect."
    ),
}
"""Who is compared with whom, by design."""
PLACES: Final = say("{n} places are compared.")
OF_GROUPS: Final = {
    "lottery": say(
        "Of a group, those lists count on which some were served and some waited; so its numbers "
        "do not add up to all."
    )
}
WITHIN: Final = say("Scores within {width} of the cut-off count, the nearest the most.")
HIDDEN: Final = say("Not shown: too few.")


def tell_compared(part: ImpactPart) -> str:
    """Say who was compared with whom."""
    found = _open(part)
    days = {"first": write_day(part.starts), "last": write_day(part.last_day)}
    told = [ABOUT[part.design].format(**days)]
    if found.places is not None and found.places > 1:
        told.append(PLACES.format(n=write_count(found.places)))
    if found.within is not None:
        told.append(WITHIN.format(width=write_number(found.within, "")))
    return join(" ", told)


def tell_effect_groups(part: ImpactPart) -> str:
    """Say what is to be known of the effects by group; empty where nothing is."""
    return OF_GROUPS.get(part.design, "") if _open(part).groups else ""


def arrange_effects(part: ImpactPart) -> Grid:
    """Arrange the effect for all, among those who followed, and by group."""
    found = _open(part)
    rows: list[list[str | Cell]] = [
        [WHOM.get(part.design, BEGUN), *_write(found.effect, part)],
        [say("Those for whom it was also done"), *_write(found.treated, part)],
    ]
    for one in found.groups:
        cells = [HIDDEN, MISSING, MISSING] if one.effect is None else _write(one.effect, part)
        rows.append([one.group, *cells])
    columns = (say("Who"), say("Change"), say("Interval"), say("Counted, to the nearest 20"))
    return make_grid(say("What being served changed"), columns, rows, range(1, 4))


def arrange_followed(part: ImpactPart) -> Grid:
    """Arrange how often what chance decided was done."""
    decided, arms = DECIDED.get(part.design, BY_PLAN)
    everybody = say("Everybody")
    return tabulate(
        say("How far it was followed"),
        _open(part).followed,
        (
            (say("Who"), lambda line: line.group if line.dimension else everybody),
            (decided, lambda line: arms[line.arm]),
            (say("So it was done"), lambda line: _write_share(line.followed)),
        ),
        (2,),
    )


def arrange_looked(part: ImpactPart) -> Grid:
    """Arrange what a random probe found where nobody looks."""
    everybody = say("Everybody")
    return tabulate(
        say("What is there where nobody looks"),
        _open(part).looked,
        (
            (say("Who"), lambda line: line.group if line.dimension else everybody),
            (say("Figure"), lambda line: PROBED_WORDS[line.metric]),
            (say("Value"), lambda line: _write_looked(line)[0]),
            (say("Interval"), lambda line: _write_looked(line)[1]),
        ),
        (2, 3),
    )


def _write_share(value: float | None) -> str:
    return HIDDEN if value is None else write_number(value, "share")


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
    counted = write_count(effect.n) if effect.n else MISSING  # too few, or not counted at all
    if effect.value is None:
        return [say("Not known"), MISSING, counted]
    interval = write_interval(effect.low, effect.high, part.unit, gap=True)
    return [write_gap(effect.value, part.unit), interval, counted]

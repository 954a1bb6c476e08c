"""Random assignment at the edge of a capacity, and of starts: drawn from a sealed plan alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, CASE, ENTITY, Y_PRED
from cityai.impact.records import ARM, BLOCK, PROBABILITY, UNIT

LEAST_PLACES: Final = 8
"""Places below which nobody knows how far a stepped wedge strays."""
RANK: Final = "rank"
OF: Final = "of"
"""How many cases the list has."""
PART: Final = "part"
"""Where a case stands: `above` (served for certain), `edge` (chance decides), `below` (not served),
`probe` (visited by chance), `again` (its unit has its arm from an earlier list)."""
LOOKED: Final = "looked"
"""Probability with which it is visited: 1 above, 0 below, that of the draw at the edge."""
SERVED: Final = "served"
WAITING: Final = "not served"
ARMS: Final = (WAITING, SERVED)
COLUMNS: Final = (
    *(UNIT, CASE, ENTITY, BLOCK, AS_OF, RANK, OF, Y_PRED, PART, ARM, PROBABILITY, LOOKED),
)
"""Columns of the assignments, one row a case."""
DRAWN: Final = ("edge", "probe")
"""Parts about which chance decided."""


def draw_lots(
    ranked: pd.DataFrame,
    earlier: pd.DataFrame,
    *,
    seed: str,
    capacity: int,
    unit: str,
    edge: tuple[int, int] = (0, 0),
    probe: float = 0.0,
) -> pd.DataFrame:
    """Draw a blocked lottery at the edge of the capacity, and a random probe below it.

    Lots are SHA-256 digests of the seed and of what is drawn for, so that the same list and the
    same plan give the same arms, and nobody can choose among draws.

    Parameters
    ----------
    ranked : pandas.DataFrame
        ``case_id``, ``entity_id``, ``as_of``, ``rank`` (from 1), ``y_pred``: one list.
    earlier : pandas.DataFrame
        `COLUMNS` of earlier lists: whom chance decided about keeps its arm.
    seed : str
        What the plan gives.
    capacity : int
        How many are served.
    unit : str
        Column with what takes part once.
    edge : (int, int)
        Places above and below the cut that are drawn for; as many as those above are served.
    probe : float
        Share of those not served that are visited all the same, each by itself.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, in the order of the list.
    """
    table = ranked.sort_values("rank", kind="stable", ignore_index=True)
    block = f"{table[AS_OF].iloc[0]:%Y-%m-%d}"
    names, rank = table[unit].astype(str), table["rank"].to_numpy(np.int64)
    before = earlier[earlier[PART].isin(DRAWN)].drop_duplicates(UNIT).set_index(UNIT)
    again = names.isin(before.index).to_numpy()
    first = ~names.duplicated().to_numpy()
    near = (rank > capacity - edge[0]) & (rank <= capacity + edge[1])
    arms = before[ARM].reindex(names).to_numpy(object)
    kept = near & again
    eligible = near & ~again & first
    free = min(edge[0], capacity) - int((arms[kept] == SERVED).sum())
    many = min(max(free, 0), int(eligible.sum()))
    served = (rank <= capacity - edge[0]) | (kept & (arms == SERVED))
    part = np.where(rank <= capacity - edge[0], "above", "below").astype(object)
    chance = served.astype(np.float64)
    if 0 < many < eligible.sum():
        order = np.argsort([draw_lot(seed, block, name) for name in names[eligible]], kind="stable")
        winners = np.flatnonzero(eligible)[order[:many]]
        served[winners] = True
        part[eligible], chance[eligible] = "edge", many / eligible.sum()
    else:  # nothing is left to chance: the ranking decides
        served[np.flatnonzero(eligible)[:many]] = True
        chance[eligible] = served[eligible].astype(np.float64)
        part[eligible & served] = "above"
    part[kept] = "again"
    chance[kept] = before[LOOKED].reindex(names).to_numpy(np.float64)[kept]
    twice = near & ~again & ~first
    taken = {names[i]: (served[i], chance[i]) for i in np.flatnonzero(eligible)}
    for i in np.flatnonzero(twice):
        served[i], chance[i] = taken.get(names[i], (rank[i] <= capacity, 1.0))
        part[i] = "again"
    if probe:
        asked = (part == "below") & ~again & first
        lots = np.array([draw_lot(seed, f"{block} probe", name) for name in names])
        served |= asked & (lots < probe)
        part[asked], chance[asked] = "probe", probe
    drawn = np.isin(part, DRAWN)
    own = np.where(served, chance, 1 - chance)
    return pd.DataFrame(
        {
            UNIT: names,
            CASE: table[CASE].astype(str),
            ENTITY: table[ENTITY].astype(str),
            BLOCK: block,
            AS_OF: table[AS_OF],
            RANK: rank,
            OF: len(table),
            Y_PRED: table[Y_PRED].to_numpy(np.float64),
            PART: part.astype(str),
            ARM: np.where(served, SERVED, WAITING),
            PROBABILITY: np.where(drawn, own, 1.0),
            LOOKED: chance,
        }
    ).astype({BLOCK: "str", PART: "str", ARM: "str"})


def draw_lot(seed: str, block: str, name: str) -> float:
    """Return the lot of a name, in [0, 1)."""
    digest = hashlib.sha256(f"{seed} {block} {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def plan_starts(places: int, periods: int, steps: int | None = None) -> np.ndarray:
    """Spread starts evenly from the second period to the last (a stepped wedge's rollout).

    Parameters
    ----------
    places, periods : int
        How many there are.
    steps : int, optional
        In how many steps they begin; each place by itself without it.

    Returns
    -------
    numpy.ndarray
        (places,) int64, period from 0, in rising order.
    """
    held = min(steps or places, places, periods - 1)
    step = np.arange(places) * held // places
    return 1 + step * (periods - 1) // held


def draw_starts(names: Sequence[str], starts: np.ndarray, seed: str) -> dict[str, int]:
    """Deal starts out among places, in the order of SHA-256 digests of the seed and their names."""
    order = sorted(names, key=lambda name: draw_lot(seed, "start", name))
    return {name: int(start) for name, start in zip(order, starts, strict=True)}

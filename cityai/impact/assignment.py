"""Assignments, checked: the law that chance followed, from a table of who got which arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
import pandas as pd

from cityai.errors import DataError
from cityai.impact.records import (
    ARM,
    BLOCK,
    CLUSTER,
    LAW_COLUMNS,
    PERIOD,
    PROBABILITY,
    UNIT,
    Effect,
    Law,
    LawKind,
    leave_undefined,
)

WHERE: Final = "assignments"
NEAR: Final = 1e-6
"""How far a recorded probability may lie from that which a lottery's numbers give."""
DRAWS: Final = 2000
"""Redrawn assignments."""
SEED: Final = 20260101
STEPS: Final = 30
"""Bisections of an interval's end."""
FARTHEST: Final = 12.0
"""Standard errors from the estimate within which an end is looked for."""
LEAST_RESOLUTION: Final = 5.0
"""An end that fewer redraws than this lie beyond is not given."""


def read_law(table: pd.DataFrame, kind: LawKind, arms: Sequence[str]) -> Law:
    """Read the assignment law from a table of assignments, and check it.

    Parameters
    ----------
    table : pandas.DataFrame
        ``unit, arm, probability``, and where they apply ``block, cluster, period``; a row for each
        unit, of a panel for each unit and period. Of a stepped wedge the probability is that of the
        cluster's own starting period, and may be left out.
    kind : str
        How chance decided (`LawKind`).
    arms : sequence of str
        The plan's arms; the first is what the others are compared with.

    Raises
    ------
    DataError
        Saying how many rows or units are wrong: a column is missing, a unit is in two arms, an arm
        is empty or holds everybody, an arm or a probability is not the plan's, a cluster was not
        assigned as one or goes back.
    """
    wanted = {UNIT, ARM} | ({PERIOD} if kind == "stepped wedge" else {PROBABILITY})
    if missing := wanted - set(table.columns):
        raise _refuse(
            f"the table has no column {', '.join(sorted(map(repr, missing)))}",
            f"columns {', '.join(LAW_COLUMNS)}",
        )
    if table.empty:
        raise _refuse("the table has no rows", "a row for each unit")
    named = [name for name in (UNIT, ARM, BLOCK, CLUSTER, PERIOD) if name in table]
    if empty := int(table[named].isna().any(axis=1).sum()):
        raise _refuse(
            f"{empty:,} of {len(table):,} rows lack a value", f"{', '.join(named)} in all"
        )
    arm = pd.Index(list(arms)).get_indexer(pd.Index(table[ARM].astype(str))).astype(np.int64)
    if strange := int((arm < 0).sum()):
        raise _refuse(f"{strange:,} rows have an arm that the plan does not have", ", ".join(arms))
    counts = np.bincount(arm, minlength=len(arms))
    if (counts == counts.sum()).any():
        whole = arms[int(counts.argmax())]
        raise _refuse(
            f"all {len(arm):,} rows are in the arm '{whole}': there is nobody to compare with",
            "every arm has rows",
        )
    if (counts == 0).any():
        raise _refuse(
            f"the arm '{arms[int(counts.argmin())]}' is empty", f"rows in each of {', '.join(arms)}"
        )
    codes = {name: _code(table, name) for name in (UNIT, BLOCK)}
    codes[CLUSTER] = _code(table, CLUSTER) if CLUSTER in table else codes[UNIT]
    period = table[PERIOD].to_numpy(np.int64) if PERIOD in table else np.zeros(len(arm), np.int64)
    if twice := int(pd.DataFrame({UNIT: codes[UNIT], PERIOD: period}).duplicated().sum()):
        raise _refuse(f"{twice:,} rows tell of a unit and period again", "one row for each")
    if kind == "stepped wedge":
        start = _find_start(codes[CLUSTER], period, arm, codes[BLOCK])
        probability = _share_start(start, codes)
        return Law(kind, tuple(arms), arm, probability, **codes, period=period, start=start)
    _refuse_torn(codes[UNIT], arm, "units are in two arms", "one arm for each unit")
    _refuse_torn(codes[CLUSTER], arm, "clusters lie in two arms", "a cluster is drawn whole")
    _refuse_torn(codes[CLUSTER], codes[BLOCK], "units lie in two blocks", "one block for each")
    probability = table[PROBABILITY].to_numpy(np.float64)
    if bad := int((~((probability > 0) & (probability < 1))).sum()):
        raise _refuse(
            f"{bad:,} rows have a probability that is not between 0 and 1: chance did not decide",
            "only what a draw decided is in the table",
        )
    law = Law(kind, tuple(arms), arm, probability, **codes, period=period)
    _refuse_other_odds(law)
    return law


def refuse_early_outcomes(outcome_at: pd.Series, assigned_at: pd.Series) -> None:
    """Refuse outcomes that lie before the assignment, row by row: chance cannot have moved them."""
    if early := int((outcome_at < assigned_at).sum()):
        raise _refuse(
            f"{early:,} of {len(outcome_at):,} outcomes lie before their assignment",
            "outcomes counted from the assignment on",
            "outcomes",
        )


def _refuse(what: str, expected: str, where: str = WHERE) -> DataError:
    step = "correct the table, or plan the evaluation anew; nothing was changed"
    return DataError(what, where=where, expected=expected, next_step=step)


def _code(table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table:
        return np.zeros(len(table), np.int64)
    return pd.factorize(table[name].astype(str), sort=True)[0].astype(np.int64)


def _refuse_torn(whole: np.ndarray, held: np.ndarray, what: str, expected: str) -> None:
    lowest = np.full(int(whole.max()) + 1, np.iinfo(np.int64).max)
    highest = np.full(len(lowest), -1)
    np.minimum.at(lowest, whole, held)
    np.maximum.at(highest, whole, held)
    if torn := int((lowest < highest).sum()):
        raise _refuse(f"{torn:,} {what}", expected)


def _refuse_other_odds(law: Law) -> None:
    """Within a block of a lottery, the recorded probability is the arm's part of the clusters."""
    first = np.unique(law.cluster, return_index=True)[1]
    shape = (int(law.block.max()) + 1, len(law.arms))
    held = np.zeros(shape)
    np.add.at(held, (law.block[first], law.arm[first]), 1.0)
    share = (held / held.sum(axis=1, keepdims=True))[law.block, law.arm]
    if settled := int((held.max(axis=1) == held.sum(axis=1)).sum()):
        raise _refuse(
            f"in {settled:,} of {shape[0]:,} blocks all units got the same arm",
            "a block in which chance decides has units in two arms",
        )
    if other := int((np.abs(share - law.probability) > NEAR).sum()):
        raise _refuse(
            f"{other:,} rows have another probability than the numbers of their block give",
            "the arm's part of the units of the block",
        )


def _find_start(
    cluster: np.ndarray, period: np.ndarray, arm: np.ndarray, block: np.ndarray
) -> np.ndarray:
    if int(arm.max()) > 1:
        raise _refuse("a stepped wedge has more than two arms", "two arms: before and after")
    moment = pd.factorize(cluster * (int(period.max()) + 1) + period)[0]
    _refuse_torn(moment, arm, "clusters are in two arms in one period", "one arm for each")
    _refuse_torn(cluster, block, "clusters lie in two blocks", "one block for each")
    start = np.full(int(cluster.max()) + 1, int(period.max()) + 1)
    np.minimum.at(start, cluster[arm == 1], period[arm == 1])
    if back := int(((period > start[cluster]) & (arm == 0)).sum()):
        raise _refuse(
            f"in {back:,} rows a cluster is back in the first arm after it began",
            "once begun, a cluster stays",
        )
    return start[cluster]


def _share_start(start: np.ndarray, codes: dict[str, np.ndarray]) -> np.ndarray:
    """(rows,) part of the block's clusters that start when the row's own does."""
    clusters = pd.DataFrame({**codes, "start": start}).drop_duplicates(CLUSTER)
    part = clusters.groupby([BLOCK, "start"])[CLUSTER].count()
    part = part / part.groupby(BLOCK).transform("sum")
    at = pd.MultiIndex.from_arrays([codes[BLOCK], start])
    return part.reindex(at).to_numpy(np.float64)


class Reference(Protocol):
    """The reference distribution: what redrawn assignments give of an effect supposed."""

    @property
    def estimate(self) -> float:
        """The estimate as assigned."""
        ...

    @property
    def standard_error(self) -> float:
        """Its standard error, by the formula of those drawn."""
        ...

    def observe(self, tau: float) -> float:
        """Return the studentised estimate less `tau` of the assignment as it was."""
        ...

    def studentize(self, tau: float) -> np.ndarray:
        """(n,) studentised estimates less `tau` of redrawn assignments, if the effect is `tau`."""
        ...


def _randomization_p(reference: Reference, tau: float = 0.0) -> tuple[float, float]:
    """Randomisation p values that the effect is below `tau`, and above it."""
    drawn = reference.studentize(tau)
    seen = reference.observe(tau)
    low, high = (int(count_beyond(side * drawn, np.array(side * seen))) for side in (-1, 1))
    size = len(drawn) + 1
    return (low + 1) / size, (high + 1) / size


def count_beyond(drawn: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Count (...) redraws, of (..., n), as high as was seen or higher, or that tell nothing."""
    room = seen - 1e-9 * np.maximum(1.0, np.abs(seen))
    beyond: np.ndarray = ((drawn >= room[..., None]) | ~np.isfinite(drawn)).sum(axis=-1)
    return beyond


def randomize_effect(effect: Effect, reference: Reference | None, draws: int = DRAWS) -> Effect:
    """Give an effect the interval and the p value of randomisation inference.

    Parameters
    ----------
    effect : Effect
        With its own estimate and standard error, which it keeps.
    reference : Reference or None
        None leaves it as it is.
    draws : int
        Behind the reference.
    """
    if reference is None or not effect.known or effect.estimate is None:
        return effect
    tail = (1 - effect.confidence) / 2
    if tail * (draws + 1) < LEAST_RESOLUTION:
        return leave_undefined(
            f"{draws:,} redraws cannot tell an interval of {effect.confidence:.1%}",
            *(effect.arms, effect.method, effect.estimand, effect.n),
            estimate=effect.estimate,
        )
    below, above = _randomization_p(reference)
    return replace(
        effect,
        low=_find_end(reference, tail, -1),
        high=_find_end(reference, tail, 1),
        p_value=min(2 * min(below, above), 1.0),
        method=f"{effect.method}, randomisation inference",
    )


def _find_end(reference: Reference, tail: float, side: int) -> float:
    """Bisect for the effect that the test just rejects; infinite where it never does."""
    inside = reference.estimate
    outside = inside + side * FARTHEST * reference.standard_error
    if _randomization_p(reference, outside)[0 if side > 0 else 1] > tail:
        return float(side * np.inf)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if _randomization_p(reference, middle)[0 if side > 0 else 1] > tail:
            inside = middle
        else:
            outside = middle
    return float(outside)

"""Corrections of a forecast for the groups that it fails, each learnt from earlier origins alone.

A correction is a factor on each entity's forecast and interval, or a boost of its claim to capacity
(how far from the forecast to the upper bound it is counted). At an origin it is learnt from earlier
origins' out-of-sample forecasts beside the totals that were mature then, as the blend is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    ENTITY,
    FOLD,
    ORIGIN,
    PERIOD,
    STEP,
    TOTAL_HIGH,
    TOTAL_LOW,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
)
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.intervals import IntArray
from cityai.modeling.layouts.dense import read_labels
from cityai.modeling.parallel import run_tasks
from cityai.modeling.ratios import MOST, Past, divide_sums, learn_ratios, shrink_distance
from cityai.progress import counting
from cityai.records.predictions import Predictions, build_predictions

if TYPE_CHECKING:
    from cityai.data.panel import Panel
    from cityai.records.groups import Membership

UNMITIGATED: Final = "unmitigated"
"""Name under which a corrected forecast keeps what it was before."""
BOOSTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Boosts that are tried, as parts of the way to the upper bound."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to each entity: (E,) factors of the forecast, (E,) boosts in [0, 1]."""

    factor: FloatArray
    boost: FloatArray


Fit = Callable[[Past, FloatArray, "str | int"], "Correction | None"]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to close a gap."""

    name: str
    label: str
    told: str
    """Stable name, name for readers, and what it does in a sentence."""
    uses_groups: bool
    """Whether the group is looked at when a forecast is made, not only when it is learnt."""
    fit: Fit
    """From the past, (E, G) weights and the reference (a position, "overall" or "best") to the
    correction; None where the groups do not allow it."""


def recalibrate_groups(past: Past, weights: FloatArray, reference: str | int) -> Correction:
    """Multiply by each group's ratio, shrunk by its evidence; soft groups mix by residents."""
    factor = weights @ learn_ratios(past, weights).factor
    return Correction(factor, np.zeros(len(weights)))


def equalize_groups(past: Past, weights: FloatArray, reference: str | int) -> Correction:
    """Recalibrate, then raise each group until no more goes unforeseen than in the reference.

    How far a group misses more than the reference is shrunk by its variance first. Nobody is
    lowered to make others equal.
    """
    mixed = weights @ learn_ratios(past, weights).factor
    level = past.forecast * mixed[past.entity]
    missed = np.maximum(past.truth - level, 0.0)
    lifts = np.ones(weights.shape[1])
    for g, excess in enumerate(_find_excess(past, missed, past.truth, weights, reference)):
        if excess > 0:
            own = weights[:, g]
            lifts[g] = _raise_to(past, level, own, _miss(past, level, own) - excess)
    return Correction(np.clip(mixed * (weights @ lifts), 1 / MOST, MOST), np.zeros(len(weights)))


def reallocate_capacity(past: Past, weights: FloatArray, reference: str | int) -> Correction:
    """Count the groups under-served by what they might need, not by what is expected.

    The boost is the smallest of `BOOSTS` with which, at earlier origins, the largest share of need
    that any group had unmet would have been least. Groups whose shortfall lies within its own
    noise get none. Capacity is shared in proportion, so its total never changes.
    """
    entities = len(weights)
    seen = np.isfinite(past.high)
    moment = np.unique(past.age * (past.step.max(initial=0) + 1) + past.step, return_inverse=True)
    need = np.where(seen, past.truth, 0.0)

    def find_unmet(boost: FloatArray) -> FloatArray:
        claim = claim_capacity(past.forecast, past.high, boost[past.entity])
        given = share_capacity(np.where(seen, claim, 0.0), need, moment[1].ravel())
        return np.maximum(need - given, 0.0)

    plain = find_unmet(np.zeros(entities))
    excess = _find_excess(past, plain, need, weights, reference)
    shared = divide_sums(past, plain, need, weights).ratio
    under = np.where(excess > 0, excess / np.where(excess > 0, shared, 1.0), 0.0)
    under = np.minimum(under / under.max(), 1.0) if under.max() > 0 else under
    best, least = 0.0, np.inf
    for boost in BOOSTS if under.any() else ():
        reached = divide_sums(past, find_unmet(weights @ (boost * under)), need, weights).ratio
        worst = float(np.nanmax(reached))
        if worst < least - 1e-12:
            best, least = boost, worst
    return Correction(np.ones(entities), np.clip(weights @ (best * under), 0.0, 1.0))


def _find_excess(
    past: Past, top: FloatArray, bottom: FloatArray, weights: FloatArray, reference: str | int
) -> FloatArray:
    """Return how far each group's share lies above the reference's, shrunk; (G,), 0 or more."""
    found = divide_sums(past, top, bottom, weights)
    whole = divide_sums(past, top, bottom, np.ones((len(weights), 1))).ratio[0]
    target = _find_target(found.ratio, whole, reference)
    away = np.nan_to_num(found.ratio - target)
    kept = shrink_distance(np.maximum(away, 0.0), found.variance)
    if isinstance(reference, int):
        kept[reference] = 0.0
    return kept


def claim_capacity(forecast: FloatArray, high: FloatArray, boost: FloatArray) -> FloatArray:
    """Return what each row claims: its forecast, moved towards its upper bound by the boost."""
    room = np.where(np.isfinite(high), high - forecast, 0.0)
    return np.asarray(np.maximum(forecast + boost * room, 0.0))


def share_capacity(claim: FloatArray, need: FloatArray, moment: IntArray) -> FloatArray:
    """Share, in each moment, a capacity that equals its whole need in proportion to the claims.

    Returns
    -------
    numpy.ndarray
        (R,) in the target's unit; adds up to the need of every moment in which something is
        claimed, whatever the claims are.
    """
    capacity = np.bincount(moment, weights=need, minlength=1)[moment]
    asked = np.bincount(moment, weights=claim, minlength=1)[moment]
    return np.divide(capacity * claim, asked, out=np.zeros(len(claim)), where=asked > 0)


def learn_corrections(
    out_of_sample: pd.DataFrame,
    panel: Panel,
    membership: Membership,
    origins: Mapping[int, int],
    options: Sequence[Option],
    threads: int = 1,
) -> pd.DataFrame:
    """Learn every option at every origin from what was known then.

    Parameters
    ----------
    out_of_sample : pandas.DataFrame
        `Backtest.out_of_sample`.
    panel : Panel
        What was known when.
    membership : Membership
        The dimension whose gap is to be closed.
    origins : mapping of int to int
        From the test fold's number to its origin; fold 0 is the next one, to be asked now.
    options : sequence of Option
        What is learnt. One that the groups do not allow is absent from the table.
    threads : int
        How many are learnt at once.

    Returns
    -------
    pandas.DataFrame
        ``option``, ``fold``, ``entity_id``, ``factor``, ``boost``.
    """
    entity = np.asarray(
        pd.Index(panel.entity_ids).get_indexer(pd.Index(out_of_sample[ENTITY])), dtype=np.int64
    )
    weights = membership.weights.reindex(list(panel.entity_ids)).to_numpy(np.float64)
    reference = _find_reference(membership)
    moments = sorted({*out_of_sample[ORIGIN].tolist(), *origins.values()})
    records = np.ones((len(moments), len(panel.entity_ids)))
    pasts: dict[int, Past] = {}
    for i, origin in enumerate(counting(moments)):
        past = _gather_past(out_of_sample, entity, panel, origin, moments, records)
        records[i] = learn_ratios(past, np.eye(len(panel.entity_ids))).factor
        pasts[origin] = _gather_past(out_of_sample, entity, panel, origin, moments, records)
    asked = [(option, fold) for option in options for fold in sorted(origins)]
    tasks = ((option.fit, pasts[origins[fold]], weights, reference) for option, fold in asked)
    learnt = run_tasks(_learn, tasks, threads=threads)
    frames = [
        _list_correction(option.name, fold, panel.entity_ids, found)
        for (option, fold), found in zip(asked, learnt, strict=True)
        if found is not None
    ]
    return pd.concat(frames, ignore_index=True)


def _learn(fit: Fit, past: Past, weights: FloatArray, reference: str | int) -> Correction | None:
    return fit(past, weights, reference)


def apply_correction(predictions: Predictions, corrections: pd.DataFrame, name: str) -> Predictions:
    """Return the forecast as corrected; what it was is kept as a candidate."""
    table = predictions.table
    own = corrections[corrections["option"] == name]
    factor = own.set_index(["fold", ENTITY])["factor"]
    keys = pd.MultiIndex.from_frame(table[["fold", ENTITY]])
    by = factor.reindex(keys).fillna(1.0).to_numpy(np.float64)
    corrected = table.assign(
        **{f"candidate.{UNMITIGATED}": table[Y_PRED]},
        **{c: table[c].to_numpy(np.float64) * by for c in (Y_PRED, Y_LOW, Y_HIGH)},
    )
    if TOTAL_LOW in table:  # the total's range moves with the total
        after, before = (
            t.groupby([FOLD, STEP])[Y_PRED].transform("sum").to_numpy(np.float64)
            for t in (corrected, table)
        )
        change = np.divide(after, before, out=np.ones_like(after), where=before != 0)
        corrected = corrected.assign(**{c: table[c] * change for c in (TOTAL_LOW, TOTAL_HIGH)})
    return build_predictions(
        corrected, coverage=predictions.coverage, unit=predictions.unit, chosen=name
    )


def _gather_past(
    out_of_sample: pd.DataFrame,
    entity: IntArray,
    panel: Panel,
    origin: int,
    moments: Sequence[int],
    records: FloatArray,
) -> Past:
    origin_of = out_of_sample[ORIGIN].to_numpy(np.int64)
    period = out_of_sample[PERIOD].to_numpy(np.int64)
    labels = read_labels(panel, origin, period * len(panel.entity_ids) + entity)
    rows = np.flatnonzero((origin_of < origin) & ~np.isnan(labels))
    own = origin_of[rows]
    distinct = np.unique(own)
    at = np.searchsorted(moments, own)
    return Past(
        entity=entity[rows],
        age=np.asarray(len(distinct) - 1 - np.searchsorted(distinct, own), dtype=np.int64),
        step=out_of_sample[STEP].to_numpy(np.int64)[rows],
        forecast=out_of_sample[Y_PRED].to_numpy(np.float64)[rows],
        high=out_of_sample[Y_HIGH].to_numpy(np.float64)[rows],
        truth=labels[rows],
        record=records[at, entity[rows]],
        now=records[np.searchsorted(moments, origin)],
    )


def _find_reference(membership: Membership) -> str | int:
    if membership.reference in ("overall", "best"):
        return membership.reference
    return membership.groups.index(membership.reference)


def _find_target(shares: FloatArray, whole: float, reference: str | int) -> float:
    if isinstance(reference, int):
        return float(shares[reference])
    known = shares[np.isfinite(shares)]
    return float(known.min(initial=np.inf)) if reference == "best" else whole


def _miss(past: Past, level: FloatArray, part: FloatArray) -> float:
    w = past.discount * part[past.entity]
    need = float((w * past.truth).sum())
    return float((w * np.maximum(past.truth - level, 0.0)).sum()) / need if need > 0 else np.nan


def _raise_to(past: Past, level: FloatArray, part: FloatArray, target: float) -> float:
    """Find by bisection the least factor from 1 to `MOST` at which no more is missed."""
    low, high = 1.0, MOST
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _miss(past, level * middle, part) > target else (low, middle)
    return high


def _list_correction(
    name: str, fold: int, entity_ids: Sequence[str], found: Correction
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "option": name,
            "fold": np.full(len(entity_ids), fold, dtype=np.int64),
            ENTITY: list(entity_ids),
            "factor": found.factor,
            "boost": found.boost,
        }
    )

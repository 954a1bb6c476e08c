"""Effects of designs of places, in which something begins on a day."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import VALUE
from cityai.config.evaluation import EvaluationSpec
from cityai.impact.assignment import read_law
from cityai.impact.lots import ARMS, LEAST_PLACES, SERVED
from cityai.impact.records import ARM, CLUSTER, PERIOD, UNIT, Effect, leave_undefined
from cityai.pipeline.impact.faults import find_gaps
from cityai.pipeline.impact.measured import Measured, list_groups
from cityai.pipeline.impact.outcomes import CASES, DONE, LOST

if TYPE_CHECKING:
    from cityai.impact.group_effects import GroupEffects


def take_all(rows: pd.DataFrame) -> pd.DataFrame:
    """Take every place and period that was laid out."""
    return rows.reset_index(drop=True)


def measure_wedge(rows: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Measure the effect of a stepped wedge, by starts drawn again; by instrument; and by group."""
    from cityai.impact.assignment import DRAWS
    from cityai.impact.fixed_effects import two_way_fixed_effects
    from cityai.impact.group_effects import split_effect

    law = read_law(rows.assign(**{CLUSTER: rows[UNIT]}), "stepped wedge", ARMS)
    value, cases, done = (rows[name].to_numpy(np.float64) for name in (VALUE, CASES, DONE))

    def estimate(
        which: np.ndarray, confidence: float, received: np.ndarray | None = None
    ) -> Effect:
        known = np.isfinite(value[which]) & (cases[which] > 0)
        places, own = len(np.unique(law.unit[which][known])), law.keep(which)
        if places < LEAST_PLACES:
            reason = f"{places:,} places are fewer than {LEAST_PLACES}"
            return leave_undefined(reason, ARMS, "two-way fixed effects", "")
        return two_way_fixed_effects(
            *(value[which], own.arm.astype(np.float64), own.unit, own.period),
            arms=ARMS,
            weights=cases[which],
            received=received,
            confidence=confidence,
            law=own,
            draws=DRAWS,
        )

    def compare(labels: np.ndarray) -> GroupEffects:
        arm = rows[ARM].to_numpy(str)
        return split_effect(
            *(labels, arm, ARMS, estimate, spec.confidence), cases=cases, small_cell=least
        )

    whole = np.arange(len(rows))
    effect = tell_lost(estimate(whole, spec.confidence), rows)
    return {
        "effect": effect,
        "treated": estimate(whole, spec.confidence, done),
        "groups": list_groups(rows, spec, compare),
    }


def measure_synthetic(rows: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Measure an effect against a mixture of donors, with the errors of placebos among them."""
    from cityai.impact.synthetic import synthetic_did

    panel = rows.pivot(index=UNIT, columns=PERIOD, values=VALUE)
    before = panel.columns.to_numpy(np.int64) < 0
    known = panel.notna().mean(axis=0).to_numpy()
    rare = np.where(before, known < 0.5, known == 0)
    panel, before = panel.loc[:, ~rare], before[~rare]
    treated = panel.index.isin(rows.loc[rows[ARM] == SERVED, UNIT])
    whole = panel.notna().all(axis=1).to_numpy() | treated
    effect = synthetic_did(
        panel[whole].to_numpy(np.float64),
        treated[whole],
        int(before.sum()),
        confidence=spec.confidence,
    )
    left = [
        f"{int((~whole).sum()):,} places without an outcome in each period",
        f"{int(rare.sum()):,} periods of which most places lack one",
    ]
    shown = [what for what, on in zip(left, ((~whole).any(), rare.any()), strict=True) if on]
    told = "; ".join(filter(None, [effect.reason, "left out: " * bool(shown) + ", ".join(shown)]))
    return _tell_begun(replace(effect, reason=told), rows)


def measure_interrupted(rows: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Measure an effect against the level before, with the errors of earlier starts."""
    from cityai.impact.synthetic import forecast_level, interrupted_series

    before, during, gone = _average_places(rows)
    forecast = forecast_level(before, len(during))
    effect = interrupted_series(
        during,
        np.full(len(during), forecast.level),
        forecast.placebo,
        confidence=spec.confidence,
        separate=forecast.separate,
    )
    if gone:
        told = f"{len(gone):,} places, the first '{gone[0]}': the mean of others tells of others"
        effect = replace(effect, reason=f"{effect.reason}: a period lacks {told}")
    return _tell_begun(effect, rows)


def measure_change(rows: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Leave the effect of a change from before to after undefined, and say why."""
    from cityai.impact.synthetic import before_after

    before, during, _ = _average_places(rows)
    count = len(during)
    past = before[:-count] if len(before) > 2 * count else before[:0]
    return _tell_begun(before_after(before[-count:], during, past), rows)


def _average_places(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Mean outcome of all cases, by period, before the evaluation and during it; who lacks then.

    A period that lacks a place, or cases of it that were to be expected, is missing: the mean of
    others would be one of other places. Last periods of which nothing was measured are left out.
    """
    sums = rows.assign(total=rows[VALUE] * rows[CASES])
    by = sums.groupby(PERIOD)[["total", CASES]].sum()
    every = range(min(int(by.index.min()), 0), int(by.index.max()) + 1)
    by = by.reindex(every).fillna(0.0)
    mean = by["total"] / by[CASES].where(by[CASES] > 0)
    last = mean.last_valid_index() if mean.notna().any() else None
    held = rows.pivot(index=UNIT, columns=PERIOD, values=CASES).reindex(columns=every)
    gaps = find_gaps(held) > 0
    mean = mean.mask(gaps.any()).loc[: max(last if isinstance(last, int) else 0, 0)]
    gone = gaps.index[gaps.loc[:, 0 : mean.index.max()].any(axis=1)]
    before, during = (mean[at].to_numpy(np.float64) for at in (mean.index < 0, mean.index >= 0))
    return before, during, [str(name) for name in gone]


def tell_lost(effect: Effect, rows: pd.DataFrame) -> Effect:
    """Tell of cases of the evaluation whose outcome is not known, and where one arm lost more."""
    from cityai.impact.difference_in_means import attrition_differs

    during = rows[rows[PERIOD] >= 0].groupby(ARM)[[CASES, LOST]].sum()
    lost, known = (during[name].reindex(list(ARMS)).fillna(0.0) for name in (LOST, CASES))
    if not lost.sum():
        return effect
    told = f"{lost.sum():,.0f} of {(lost + known).sum():,.0f} cases without an outcome left out"
    counts = [[round(x) for x in both] for both in (lost, lost + known)]
    if min(counts[1]) and attrition_differs(*counts):
        told += "; the arms differ in this, so the effect may be of who is measured"
    return replace(effect, reason="; ".join(filter(None, [effect.reason, told])))


def _tell_begun(effect: Effect, rows: pd.DataFrame) -> Measured:
    """Tell an effect without a draw, and leave that on those who follow undefined."""
    effect = tell_lost(effect, rows)
    reason = "not estimated where nothing was drawn; how far it was done is told beside it"
    return {
        "effect": effect,
        "treated": leave_undefined(reason, ARMS, "none", "effect on those who follow"),
        "groups": (),
    }

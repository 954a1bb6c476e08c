"""Effects of designs of ranked lists: a lottery, a random probe, a discontinuity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import VALUE, Y_PRED
from cityai.config.evaluation import EvaluationSpec
from cityai.errors import DataError
from cityai.impact.assignment import read_law
from cityai.impact.lots import ARMS, PART, RANK, SERVED
from cityai.impact.records import ARM, BLOCK, UNIT, Effect, leave_undefined
from cityai.pipeline.impact.measured import APART, Measured, list_groups
from cityai.pipeline.impact.outcomes import DONE

if TYPE_CHECKING:
    from cityai.impact.group_effects import GroupEffects


def take_drawn(assigned: pd.DataFrame) -> pd.DataFrame:
    """Take those about whom chance decided at the edge."""
    return assigned[assigned[PART] == "edge"].reset_index(drop=True)


def take_firsts(assigned: pd.DataFrame) -> pd.DataFrame:
    """Take each unit from the first list that it was on, with its distance to that list's cut-off.

    A unit that was on an earlier list may have been served by it: only the first is free of that.
    """
    from cityai.impact.discontinuity import measure_distance

    served = (assigned[ARM] == SERVED).to_numpy()
    score = assigned[Y_PRED].to_numpy(np.float64)
    apart = measure_distance(score, served, pd.factorize(assigned[BLOCK])[0].astype(np.int64))
    across = (apart != 0) & np.isfinite(apart) & ((apart > 0) != served)
    if across.any():
        raise DataError(
            f"{int(across.sum()):,} of {len(assigned):,} cases stand on the other side of the "
            "cut-off than their score",
            where="assignments",
            expected="who is served follows from the score alone",
            next_step="put the file back from a copy; where cases are moved, nothing can be told",
        )
    rows = assigned.assign(**{APART: apart}).sort_values([BLOCK, RANK], kind="stable")
    return rows.drop_duplicates(UNIT, ignore_index=True)


def measure_nothing(rows: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Leave the effect of a random probe undefined."""
    from cityai.impact.difference_in_means import ASSIGNED

    reason = "a random probe says what is there where nobody looks, not what a visit changes"
    none = leave_undefined(reason, ARMS, "none", ASSIGNED)
    return {"effect": none, "treated": none, "groups": ()}


def measure_lottery(drawn: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Measure the effect of being assigned, of being served, and by group."""
    from cityai.impact.assignment import DRAWS
    from cityai.impact.difference_in_means import difference_in_means
    from cityai.impact.fixed_effects import two_way_fixed_effects
    from cityai.impact.group_effects import compare_groups

    law, value = read_law(drawn, "lottery", ARMS), drawn[VALUE].to_numpy(np.float64)
    effect = difference_in_means(value, law, ARMS, spec.confidence, draws=DRAWS)
    treated = two_way_fixed_effects(
        value,
        law.arm.astype(np.float64),
        law.block,
        np.zeros(len(law), np.int64),
        arms=ARMS,
        received=drawn[DONE].to_numpy(np.float64),
        cluster=law.unit,
        confidence=spec.confidence,
    )

    def compare(labels: np.ndarray) -> GroupEffects:
        return compare_groups(value, law, labels, ARMS, spec.confidence, small_cell=least)

    return {
        "effect": effect,
        "treated": treated,
        "groups": list_groups(drawn, spec, compare),
    }


def measure_cut(rows: pd.DataFrame, spec: EvaluationSpec, least: int) -> Measured:
    """Measure the effect of being chosen at the cut-off, of those who follow, and by group."""
    from cityai.impact.difference_in_means import attrition_differs
    from cityai.impact.discontinuity import fuzzy_discontinuity, regression_discontinuity
    from cityai.impact.group_effects import split_effect

    apart, value = rows[APART].to_numpy(np.float64), rows[VALUE].to_numpy(np.float64)
    told = np.isfinite(value)
    _refuse_one_side(apart, told, rows)
    near = np.isfinite(apart) & (apart != 0)
    used = near & told
    effect = regression_discontinuity(value[used], apart[used], confidence=spec.confidence)
    lost = {
        "on lists without a cut-off": np.isnan(apart),
        "with the very score of the cut-off": apart == 0,
        "without an outcome above the cut-off": ~told & near & (apart > 0),
        "without an outcome below it": ~told & near & (apart < 0),
    }
    out = [f"{int(rows.sum()):,} {what}" for what, rows in lost.items() if rows.any()]
    left = f"left out of {len(rows):,}: {', '.join(out)}" * bool(out)
    sides = [near & (apart < 0), near & (apart > 0)]
    if attrition_differs(*([int((side & on).sum()) for side in sides] for on in (~told, near))):
        left += "; the sides differ in this: it may be an effect on who is measured"
    effect = replace(effect, reason="; ".join(filter(None, [effect.reason, left])))
    done = rows[DONE].to_numpy(np.float64)
    treated = fuzzy_discontinuity(
        *(value[near], apart[near], done[near]), confidence=spec.confidence
    )
    own = rows[near].reset_index(drop=True)

    def estimate(which: np.ndarray, each: float) -> Effect:
        outcome, score = value[near][which], apart[near][which]
        return regression_discontinuity(outcome, score, confidence=each)

    def compare(labels: np.ndarray) -> GroupEffects:
        arm = own[ARM].to_numpy(str)
        return split_effect(labels, arm, ARMS, estimate, spec.confidence, small_cell=least)

    return {
        "effect": effect,
        "treated": treated,
        "groups": list_groups(own, spec, compare),
    }


def _refuse_one_side(apart: np.ndarray, told: np.ndarray, rows: pd.DataFrame) -> None:
    """Refuse a comparison for which one side of the cut-off holds nobody, or nobody measured."""
    served = int((rows[ARM] == SERVED).sum())
    for side, on in {"below": apart < 0, "above": apart > 0}.items():
        if not on.any():
            raise DataError(
                f"no case lies {side} the cut-off: of {len(rows):,} who were listed, {served:,} "
                "are served",
                where="assignments",
                expected="lists on which some are served and some are not, by different scores",
                next_step="a capacity that reaches everybody has nobody to compare with",
            )
        if not (on & told).any():
            raise DataError(
                f"nothing was measured of any of the {int(on.sum()):,} cases {side} the cut-off",
                where="outcome",
                expected="an outcome of everybody who was listed, served or not",
                next_step="measure it of both; without it nothing can be told",
            )

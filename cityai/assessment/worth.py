"""Value of prediction: the forecast beside simpler ways of spending the same budget.

The difference from a simpler way, and its interval, are those of the comparison with that baseline
(`cityai.assessment.evaluate`): of lists as they stand, of amounts with every total made the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.assessment.baseline_words import label_baseline
from cityai.assessment.sentences import FEW_FOR_DECIMALS
from cityai.assessment.spending import MORE, spend_budget
from cityai.columns import AREA_AVERAGE, BASELINE, CITY_SCORE, FORECAST
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import is_few
from cityai.findings import Finding, Status
from cityai.i18n.messages import say, write
from cityai.records.predictions import Predictions

AREA_CODE: Final = "worth.over_area_average"
SIMPLE_CODE: Final = "worth.over_simple_rule"
TODAY: Final = frozenset({"city_rule", "actual_order", CITY_SCORE})
"""What the city does now."""
MODELS: Final = frozenset({"logistic_regression"})
"""Baselines that are models themselves."""
PER_REACHED: Final[Mapping[str, float]] = {"amount": -0.5, "yes/no": 1.0}
"""What a difference in the deciding figure is in the share reached. With the same total planned,
what is planned in vain differs as much as what is missed, so an error counts every unit twice."""
Judge = Callable[[Sequence[str], float], Mapping[str, Mapping[str, Any]]]
"""From baselines and a confidence to the deciding rows of `Evaluation.comparisons`, with every
baseline on the forecast's budget."""

_TOLD: Final = {
    "yes/no": say("At the same capacity, this list reaches {ours} of all cases, {name} {theirs}."),
    "amount": say(
        "With the same total planned, the forecast meets {ours} of what came, {name} {theirs}."
    ),
}
_VERDICTS: Final = {
    Status.PASS: say("That is more: by {low} to {high} points."),
    Status.FAIL: say("The simpler way does better: by {low} to {high} points."),
    Status.NOT_ENOUGH: say("Which does better cannot be told: the gain is {low} to {high} points."),
}


def measure_worth(
    predictions: Predictions, spec: AuditableSpec, judge: Judge
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Measure what each way of spending the same budget reaches, and judge the simple ones.

    Parameters
    ----------
    predictions : Predictions
        Of any origin.
    spec : AuditableSpec
        Its policy, and words for columns.
    judge : callable
        Compares the forecast with baselines under the same budget, at a confidence.

    Returns
    -------
    pandas.DataFrame
        `spend_budget`, and by way `difference` (of the shares reached, the forecast's less its
        own), `low`, `high`, `verdict`, `few` (whether a count behind it is too small to show).
    tuple of Finding
        `worth.over_area_average`, `worth.over_simple_rule`.
    """
    ways = spend_budget(predictions)
    held = judge(predictions.baselines, spec.policy.confidence)
    scale = PER_REACHED[predictions.kind]
    judged = [_hold(str(way), held, scale) for way in ways["way"]]
    table = pd.concat([ways, pd.DataFrame(judged, index=ways.index, columns=HELD)], axis=1)
    few = predictions.kind == "yes/no" and _find_few(ways, spec.policy.small_cell)
    table = table.assign(few=few)
    return table, _judge_ways(table, predictions, spec, judge)


def _find_few(ways: pd.DataFrame, least: float) -> np.ndarray:
    """Find the ways of which a count is small, or the forecast's on the rows that they answer.

    Where the forecast's is small on all rows nothing is said of any way: lists of more capacity
    hold its own, and what another one must spend to reach as much tells how much that is.
    """

    def is_small(reached: pd.Series, spent: pd.Series) -> np.ndarray:
        missed = ways["need"] - reached
        passed = ways["n"] - spent - missed
        counts = np.column_stack([reached, missed, spent - reached, passed]).round(9)
        return np.asarray(is_few(counts, least).any(axis=1))

    own = ways["way"].to_numpy() == FORECAST
    few = is_small(ways["reached"], ways["spent"])
    alike = ~np.isin(ways["way"], [MORE])
    few |= alike & is_small(ways["beside"], ways["spent"])
    return np.full(len(ways), True) if few[own].any() else few


HELD: Final = ["difference", "low", "high", "verdict"]


def find_rule(way: str) -> str:
    """Return the name of a simple rule; nothing for today's way, models, chance and others."""
    name = way.removeprefix(BASELINE) if way.startswith(BASELINE) else ""
    return "" if name in TODAY | MODELS else name


def _hold(way: str, held: Mapping[str, Mapping[str, Any]], scale: float) -> dict[str, object]:
    row = held.get(way.removeprefix(BASELINE)) if way.startswith(BASELINE) else None
    if row is None:
        return dict.fromkeys(HELD[:3], math.nan) | {"verdict": Status.NOT_APPLICABLE.value}
    ends = sorted(scale * float(row[end]) for end in ("low", "high"))
    return {
        "difference": scale * float(row["difference"]),
        "low": ends[0],
        "high": ends[1],
        "verdict": str(row["verdict"]),
    }


def _judge_ways(
    table: pd.DataFrame, predictions: Predictions, spec: AuditableSpec, judge: Judge
) -> tuple[Finding, ...]:
    rules = table[np.array([bool(find_rule(str(way))) for way in table["way"]], bool)]
    area = rules[rules["way"] == f"{BASELINE}{AREA_AVERAGE}"]
    title = say("Better than the area's average, at the same cost")
    excuse = say("No area's average is among what it is compared with.")
    found = [_find(AREA_CODE, title, area, predictions, spec, excuse)]
    title = say("Better than any single simple rule, at the same cost")
    excuse = say("No simple rule is among what it is compared with.")
    scale = PER_REACHED[predictions.kind]
    simple = _choose_hardest(rules, judge, scale, spec.policy.confidence)
    return *found, _find(SIMPLE_CODE, title, simple, predictions, spec, excuse)


def _choose_hardest(
    rules: pd.DataFrame, judge: Judge, scale: float, confidence: float
) -> pd.DataFrame:
    """Choose the rule that decides, (1 row): all must be beaten, each at its own level.

    That one of several does better is said only where it holds for all of them together (a union
    of tests, Bonferroni); otherwise the one that is beaten least surely decides.
    """
    known = rules[rules["verdict"] != Status.NOT_APPLICABLE.value]
    if known.empty:
        return known
    better = known[known["verdict"] == Status.FAIL.value]
    if len(better):
        names = [str(way).removeprefix(BASELINE) for way in better["way"]]
        strict = judge(names, 1 - (1 - confidence) / len(known))
        again = [_hold(str(way), strict, scale) for way in better["way"]]
        better = better.drop(columns=HELD).join(pd.DataFrame(again, index=better.index))
        sure = better[better["verdict"] == Status.FAIL.value]
        if len(sure):
            return sure.sort_values("difference", kind="stable").head(1)
    unsure = known[known["verdict"] == Status.NOT_ENOUGH.value]
    first = next((t for t in (better, unsure) if len(t)), known)
    return first.sort_values("difference", kind="stable").head(1)


def _find(
    code: str,
    title: str,
    chosen: pd.DataFrame,
    predictions: Predictions,
    spec: AuditableSpec,
    excuse: str,
) -> Finding:
    if chosen.empty or chosen["verdict"].iloc[0] == Status.NOT_APPLICABLE.value:
        return Finding(code, Status.NOT_APPLICABLE, title, excuse)
    row = chosen.iloc[0]
    name, status = find_rule(str(row["way"])), Status(str(row["verdict"]))
    if row["few"]:
        reason = say("Too few cases to show what each way reaches.")
        return Finding(code, Status.SUPPRESSED, title, reason, subject=name)
    form = ".1%" if row["need"] >= FEW_FOR_DECIMALS else ".0%"
    told = _TOLD[predictions.kind].format(
        ours=write(row["beside"] / row["need"], form),
        theirs=write(row["reached"] / row["need"], form),
        name=label_baseline(name, spec),
    )
    low, high = float(row["low"]), float(row["high"])
    if status is Status.FAIL:
        low, high = -high, -low
    if math.isfinite(low):
        ends = {"low": write(100 * low, "−.1f"), "high": write(100 * high, "−.1f")}
        told += " " + _VERDICTS[status].format(**ends)
    else:
        told += " " + say("There is no interval, so which does better cannot be told.")
    return Finding(code, status, title, told, float(row["difference"]), 0.0, "share", name)


__all__ = ["FORECAST", "find_rule", "measure_worth"]

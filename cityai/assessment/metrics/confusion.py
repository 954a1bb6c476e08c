"""Metrics of a yes or no: a decision and what came to pass, as ratios of counts of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics.ranking import measure_precision, measure_recall
from cityai.columns import DECISION, Y_PRED, Y_TRUE
from cityai.i18n.messages import say
from cityai.records.metric import Metric, Need, Recount, Target, Words

YES_NO: Final[tuple[Target, ...]] = ("yes/no",)
NO_DECISION: Final = say("no decision is known here")
NO_OUTCOME: Final = say("no outcome is known here")
NONE_POSITIVE: Final = say("nobody here with a known decision had the outcome (0 positives)")
NONE_NEGATIVE: Final = say("everybody here with a known decision had the outcome (0 negatives)")
NONE_SELECTED: Final = say("nobody here with a known outcome was selected")
ALL_SELECTED: Final = say("everybody here with a known outcome was selected")
ONE_SIDED: Final = say("the outcome is known only of those selected, or only of the others")
NOT_SHARES: Final = say("the scores are not probabilities: they lie outside 0 to 1")
FEWEST: Final = 30
"""With fewer rows on either side nothing is said."""
MOST: Final = 0.5
"""The outcome of one side is known at most half as often as that of the other."""


def _rate(
    name: str,
    label: str,
    ratio: tuple[str, str],
    better: str,
    kinds: tuple[tuple[Words, ...], Words],
    undefined: str,
    **words: str,
) -> Metric:
    """Make a rate of counted people; the kinds of people say how it is counted again."""
    told, sides = {w for words in (*kinds[0], kinds[1]) for w in words}, {"selected", "passed"}
    needs: list[Need] = []
    if told & {"outcome", "none", "known"}:
        needs += ["outcome"] if sides & {*kinds[1]} else ["outcome", "both sides"]
    if told & (sides | {"decided"}):
        needs += ["decision"]
    return Metric(
        *(name, label, *ratio, "share", better),  # type: ignore[arg-type]
        targets=YES_NO,
        part="rows",
        needs=tuple(needs),
        precision="own",
        above=kinds[0],
        below=kinds[1],
        undefined=undefined,
        recount=Recount(
            lambda t: _mark_any(t, kinds[0]).where(_mark(t, kinds[1])),
            lambda t: _mark(t, kinds[1]).astype(float),
        ),
        **words,  # type: ignore[arg-type]
    )


def _mark(t: pd.DataFrame, words: Words) -> pd.Series:
    """Tell which rows all words hold for."""
    held = {
        "outcome": t["y_true"] == 1,
        "none": t["y_true"] == 0,
        "known": t["y_true"].notna(),
        "selected": t["decision"] == 1,
        "passed": t["decision"] == 0,
        "decided": t["decision"].notna(),
    }
    return pd.concat([held[word] for word in words], axis=1).all(axis=1)


def _mark_any(t: pd.DataFrame, kinds: tuple[Words, ...]) -> pd.Series:
    return pd.concat([_mark(t, words) for words in kinds], axis=1).any(axis=1).astype(float)


METRICS: Final = (
    _rate(
        "selection_rate",
        say("share selected"),
        *(("selected", "decided"), "low", ((("selected",),), ("decided",)), NO_DECISION),
        title=say("Selected"),
        meaning=say("share of all who were selected"),
        sentence=say("{value} of the {unit} were selected"),
    ),
    _rate(
        "false_positive_rate",
        say("false alarms"),
        *(("fp", "negatives"), "low", ((("none", "selected"),), ("none", "decided"))),
        NONE_NEGATIVE,
        title=say("False alarms"),
        meaning=say("of those without the outcome, the share selected"),
        sentence=say("of those without the outcome, {value} were selected all the same"),
    ),
    _rate(
        "false_negative_rate",
        say("missed"),
        *(("fn", "positives"), "low", ((("outcome", "passed"),), ("outcome", "decided"))),
        NONE_POSITIVE,
        title=say("Missed"),
        meaning=say("of those with the outcome, the share not selected"),
        sentence=say("of those with the outcome, {value} were not selected"),
    ),
    _rate(
        "true_positive_rate",
        say("found"),
        *(("tp", "positives"), "high", ((("outcome", "selected"),), ("outcome", "decided"))),
        NONE_POSITIVE,
        title=say("Found"),
        meaning=say("of those with the outcome, the share selected"),
        sentence=say("of those with the outcome, {value} were selected"),
        complement="false_negative_rate",
    ),
    Metric(
        *("recall", say("share of all true cases found"), "", "", "share", "high"),
        title=say("Share of all cases found"),
        meaning=say("of all true cases, the share that is selected"),
        sentence=say("{value} of all true cases were selected"),
        targets=("score",),
        precision="amount",
        estimate=lambda ranked: measure_recall(ranked.truth, ranked.decision),
        recount=Recount(lambda t: t["decision"] * t["y_true"], lambda t: t["y_true"]),
    ),
    replace(
        _rate(
            "precision",
            say("selected rightly"),
            *(("tp", "judged_selected"), "high"),
            *(((("outcome", "selected"),), ("known", "selected")), NONE_SELECTED),
            title=say("Hits among those selected"),
            meaning=say("of those selected, the share with the outcome"),
            sentence=say("of those selected, {value} had the outcome"),
        ),
        targets=("yes/no", "score"),
        estimate=lambda ranked: measure_precision(ranked.truth, ranked.decision),
    ),
    _rate(
        "false_discovery_rate",
        say("selected wrongly"),
        *(("fp", "judged_selected"), "low", ((("none", "selected"),), ("known", "selected"))),
        NONE_SELECTED,
        title=say("Selected wrongly"),
        meaning=say("of those selected, the share without the outcome"),
        sentence=say("of those selected, {value} did not have the outcome"),
        complement="precision",
    ),
    _rate(
        "false_omission_rate",
        say("passed over wrongly"),
        *(("fn", "judged_passed"), "low", ((("outcome", "passed"),), ("known", "passed"))),
        ALL_SELECTED,
        title=say("Passed over wrongly"),
        meaning=say("of those not selected, the share with the outcome"),
        sentence=say("of those not selected, {value} had the outcome"),
    ),
    _rate(
        "accuracy",
        say("decisions that were right"),
        *(("right", "judged"), "high"),
        ((("outcome", "selected"), ("none", "passed")), ("known", "decided")),
        say("no row here has both a decision and an outcome"),
        title=say("Right decisions"),
        meaning=say("share of decisions that were right"),
        sentence=say("{value} of the decisions were right"),
    ),
    _rate(
        "base_rate",
        say("share with the outcome"),
        *(("outcomes", "known"), "low", ((("outcome",),), ("known",)), NO_OUTCOME),
        title=say("Had the outcome"),
        meaning=say("share of all with the outcome"),
        sentence=say("{value} of the {unit} had the outcome"),
    ),
)
"""Rates of a decision, in the order shown."""

EVENTS: Final = ("positives_known", "negatives_known")
"""Sums that count people; fewer than the policy allows hide a group."""
COUNTS: Final = ("n", "decided", "selected", "known", "outcomes", "tp", "fp", "tn", "fn")
"""Sums that a table of counts shows."""


def explain_missing(metrics: tuple[Metric, ...], table: pd.DataFrame) -> tuple[Metric, ...]:
    """Write into each metric why it cannot be had for these rows, where it cannot."""
    score = table[Y_PRED].to_numpy(np.float64)
    # Whether the outcome is known of one side alone.
    shares, one_sided = are_shares(score), 0 in (find_selective(table) or (1.0,))
    found = []
    for metric in metrics:
        why = metric.undefined
        if "probability" in metric.needs and np.isfinite(score).any() and not shares:
            why = NOT_SHARES
        if "decision" in metric.needs and table[DECISION].isna().all():
            why = NO_DECISION
        elif "outcome" in metric.needs and table[Y_TRUE].isna().all():
            why = say("no outcome is known yet, so nothing can be said about it")
        elif "both sides" in metric.needs and one_sided:
            why, metric = ONE_SIDED, replace(metric, denominator="nothing")
        found.append(metric if why == metric.undefined else replace(metric, undefined=why))
    return tuple(found)


class Decided:
    """Rows of outcomes, decisions and scores, each perhaps missing.

    A row counts in each sum whose parts it has: one without an outcome is still selected or not.

    Parameters
    ----------
    table : pandas.DataFrame
        `y_true` and `decision` are 1, 0 or NaN, `y_pred` is the score.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        y, d, s = (table[name].to_numpy(np.float64) for name in (Y_TRUE, DECISION, Y_PRED))
        self.known, self.decided, self.with_score = np.isfinite(y), np.isfinite(d), np.isfinite(s)
        self.both = self.known & self.decided
        self.scored = self.known & self.with_score & are_shares(s)
        self.yes, self.chosen = y == 1, d == 1
        self.any_score = np.where(self.with_score, s, 0.0)
        self.share = np.where(self.scored, s, 0.0)
        self.outcome = np.where(self.scored, y, 0.0)


SUMS: Final[dict[str, Callable[[Decided], np.ndarray]]] = {
    "n": lambda r: np.ones(len(r.table)),
    "decided": lambda r: r.decided,
    "selected": lambda r: r.chosen,
    "known": lambda r: r.known,
    "outcomes": lambda r: r.yes,
    "positives_known": lambda r: r.yes,
    "negatives_known": lambda r: r.known & ~r.yes,
    "tp": lambda r: r.both & r.yes & r.chosen,
    "fp": lambda r: r.both & ~r.yes & r.chosen,
    "tn": lambda r: r.both & ~r.yes & ~r.chosen,
    "fn": lambda r: r.both & r.yes & ~r.chosen,
    "positives": lambda r: r.both & r.yes,
    "negatives": lambda r: r.both & ~r.yes,
    "judged_selected": lambda r: r.both & r.chosen,
    "judged_passed": lambda r: r.both & ~r.chosen,
    "judged": lambda r: r.both,
    "right": lambda r: r.both & (r.yes == r.chosen),
    "scored": lambda r: r.scored,
    "score": lambda r: r.share,
    "score_outcomes": lambda r: r.outcome,
    "squared_error": lambda r: (r.share - r.outcome) ** 2,
    "any_score": lambda r: r.any_score,
    "with_score": lambda r: r.with_score,
    "nothing": lambda r: np.zeros(len(r.table)),
}
"""What the metrics are made of: each row's part of every sum."""


def are_shares(score: np.ndarray) -> bool:
    """Tell whether all known scores lie in 0 to 1."""
    known = score[np.isfinite(score)]
    return bool(len(known) and (known >= 0).all() and (known <= 1).all())


def find_selective(table: pd.DataFrame) -> tuple[float, float] | None:
    """Find the share of outcomes known of those selected, and of the others, where they differ.

    A loan that was not given cannot fail, and a house that was not inspected shows no fault: rates
    that need both sides then mean nothing (selective labels, Lakkaraju et al. 2017).

    Parameters
    ----------
    table : pandas.DataFrame
        `Predictions.table`, of yes or no.

    Returns
    -------
    tuple of float or None
        None where both are known about as often, or no outcome is.
    """
    known, decision = table[Y_TRUE].notna(), table[DECISION]
    sides = [known[decision == side] for side in (1, 0)]
    if min(len(side) for side in sides) < FEWEST or not known.any():
        return None
    chosen, passed = (float(side.mean()) for side in sides)
    return (chosen, passed) if min(chosen, passed) < MOST * max(chosen, passed) else None

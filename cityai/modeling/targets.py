"""What depends on the target: how candidates are combined, and predictions calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import pandas as pd

from cityai.columns import DECISION, ENTITY, Y_HIGH, Y_LOW, Y_PRED, Y_TRUE
from cityai.config.project import BaseProjectSpec, ProjectSpec
from cityai.config.risk import RiskSpec
from cityai.errors import TimeError
from cityai.findings import Finding, Status
from cityai.i18n.messages import Message, join, say, say_n
from cityai.modeling.blend import learn_odds_weights, learn_weights
from cityai.modeling.calibration import CalibrationMap, learn_calibration, mix_log_odds, to_log_odds
from cityai.modeling.capacity import judge_capacity, refuse_everyone, select_cases
from cityai.modeling.final import AmountCalibration, FinalModel, ProbabilityCalibration
from cityai.modeling.folds import Folds
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.intervals import (
    Bounds,
    PastErrors,
    adapt_tails,
    add_entities,
    fit_intervals,
    range_totals,
    start_tails,
)
from cityai.modeling.layouts.dense import LEAST_RIPE
from cityai.modeling.layouts.source import BoolArray, IntArray
from cityai.records.predictions import Predictions, build_predictions

if TYPE_CHECKING:
    from cityai.modeling.layouts.dense import DenseRows

BLEND: Final = "blend"
CALIBRATED, COUNTED = "backtest.calibration", "backtest.rows"
"""Codes of findings."""
MOST_TOLD: Final = 4
"""Folds whose calibration is told one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What earlier folds predicted out of sample, beside the labels known at a fold."""

    rows: IntArray
    """Shape (R,) int64, rising: positions in the source's table of the rows that a fold predicts.
    """
    parts: FloatArray
    """Shape (R, K), what each candidate predicted; NaN where it did not."""
    labels: FloatArray
    """Shape (R,), as they were known at the fold."""
    fold: IntArray
    """Shape (R,) int64, the fold that predicted each row."""
    seen: BoolArray
    """Shape (R,) bool: predicted by an earlier fold, with a label that is known."""
    made: Mapping[str, FloatArray]
    """Shape (R,) each: ``y_pred``, ``y_low`` and ``y_high`` as earlier folds made them, NaN where
    nothing was."""
    nonnegative: bool
    """Whether nothing below 0 was known at the fold."""


Calibration = AmountCalibration | ProbabilityCalibration


def name_forecast(spec: BaseProjectSpec) -> str:
    """Return the name of what predicts: the blend, or the one candidate that does so alone."""
    return next(iter(spec.models.only), BLEND)


class Target(Protocol):
    """The two parts of a backtest that depend on the target, and its table of predictions."""

    def learn(self, past: Evidence) -> tuple[FloatArray, Calibration]:
        """Learn the weights of the candidates, and the calibration, from earlier folds alone."""

    def publish(
        self, table: pd.DataFrame, folds: Folds, models: Sequence[FinalModel]
    ) -> tuple[Predictions, tuple[Finding, ...]]:
        """Return the predictions of the test folds that can be scored, and what is to be known."""


class AmountTarget:
    """Amounts: a linear blend (least absolute error), adaptive conformal intervals.

    Parameters
    ----------
    spec : ProjectSpec
        ``question``, ``models`` and ``backtest`` are read.
    source : DenseRows
        Whose rows are predicted.
    """

    def __init__(self, spec: ProjectSpec, source: DenseRows) -> None:
        self.spec, self.source = spec, source

    def learn(self, past: Evidence) -> tuple[FloatArray, AmountCalibration]:
        """Learn from origins whose labels are mature; fewer than two give no interval."""
        coverage, at = self.spec.models.coverage, np.flatnonzero(past.seen)
        fold, labels = past.fold[at], past.labels[at]
        forecast, low, high = (past.made[name][at] for name in (Y_PRED, Y_LOW, Y_HIGH))
        earlier = np.sort(pd.unique(fold))
        enough = len(earlier) >= LEAST_RIPE
        used = at if enough else at[:0]
        weights = learn_weights(past.parts[used], past.labels[used])
        tails = start_tails(coverage)
        for number in earlier:
            told = (fold == number) & ~np.isnan(low)
            tails = adapt_tails(tails, Bounds(low[told], high[told]), labels[told], coverage)
        known = ~np.isnan(forecast)
        errors = PastErrors(
            self.source.entity[past.rows[at]][known],
            self.source.step[past.rows[at]][known],
            fold[known],
            forecast[known],
            labels[known],
        )
        entities, steps = self.source.panel.entity_ids, self.spec.question.horizon
        fit = partial(fit_intervals, steps=steps, nonnegative=past.nonnegative)
        intervals = total = fit(errors, tails, entities=len(entities))
        if len(entities) > 1:
            total = fit(add_entities(errors), start_tails(coverage), entities=1)
        if not enough:
            intervals, total = (
                replace(made, low=made.low * np.nan, high=made.high * np.nan)
                for made in (intervals, total)
            )
        return weights, AmountCalibration(intervals, entities, coverage, total)

    def publish(
        self, table: pd.DataFrame, folds: Folds, models: Sequence[FinalModel]
    ) -> tuple[Predictions, tuple[Finding, ...]]:
        """Return the rows that were measured.

        Raises
        ------
        TimeError
            When no entity was asked about, or nothing was measured, in the test folds.
        """
        measured = table[np.isfinite(table[Y_TRUE]) & np.isfinite(table[Y_PRED])]
        if measured.empty:
            raise TimeError(
                "nothing that was asked about in the test folds was measured",
                where="backtest",
                expected="entities that are asked about (`question.entity.cohort`) and have labels",
            )
        if measured[Y_LOW].isna().any():
            raise TimeError(
                "no labels were mature before the first test fold, so no interval can be measured",
                where="backtest",
                expected=f"{LEAST_RIPE} earlier origins at which entities were asked about",
                next_step="lower `backtest.folds` or the cohort's `min_history`",
            )
        totals = {
            fold.number: model.calibration.total
            for fold, model in zip(folds.test, models, strict=True)
            if isinstance(model.calibration, AmountCalibration)
        }
        predictions = build_predictions(
            measured.join(range_totals(measured, totals)),
            coverage=self.spec.models.coverage,
            unit=self.spec.question.unit,
            chosen=name_forecast(self.spec),
        )
        return predictions, (_judge_origins(folds, self.spec), _judge_measured(table, measured))


class ProbabilityTarget:
    """Probabilities: a blend on the log-odds (least log loss), a calibration map, a decision.

    Parameters
    ----------
    spec : RiskSpec
        ``question.decision`` and the unit are read.
    """

    def __init__(self, spec: RiskSpec) -> None:
        self.spec = spec

    def learn(self, past: Evidence) -> tuple[FloatArray, ProbabilityCalibration]:
        """Learn from the outcomes of earlier folds."""
        odds = to_log_odds(np.asfortranarray(past.parts[past.seen]))
        truth, fold = past.labels[past.seen], past.fold[past.seen]
        weights = learn_odds_weights(odds, truth)
        chart = learn_calibration(mix_log_odds(odds, weights), truth, fold)
        return weights, ProbabilityCalibration(chart)

    def publish(
        self, table: pd.DataFrame, folds: Folds, models: Sequence[FinalModel]
    ) -> tuple[Predictions, tuple[Finding, ...]]:
        """Return the cases whose outcome is known, each with what would have been decided.

        Raises
        ------
        DataError
            When the capacity selects every case, so there is nothing to rank.
        """
        scored = table[table[Y_TRUE].notna()].reset_index(drop=True)
        rule = self.spec.question.decision
        selection = select_cases(scored, scored[Y_PRED].to_numpy(np.float64), rule)
        refuse_everyone(selection, rule)
        decided = scored.assign(**{DECISION: selection.decision})
        charts = [
            m.calibration.chart for m in models if isinstance(m.calibration, ProbabilityCalibration)
        ]
        return build_predictions(
            decided, unit=self.spec.unit, chosen=name_forecast(self.spec), kind="yes/no"
        ), (
            _judge_calibration(charts),
            _judge_known(table, scored),
            *judge_capacity(selection, rule),
        )


def _judge_origins(folds: Folds, spec: ProjectSpec) -> Finding:
    had, wanted = len(folds.calibration), spec.backtest.calibration
    return Finding(
        code="backtest.calibration",
        status=Status.PASS if had >= wanted else Status.NOT_ENOUGH,
        title=say("Origins that weights and intervals are learnt from"),
        reason=say(
            "{had} of the {wanted} earlier origins that the project asks for fit into "
            "the history before the first test fold.",
            had=had,
            wanted=wanted,
        ),
        observed=float(had),
        limit=float(wanted),
        unit="origins",
    )


def _judge_measured(table: pd.DataFrame, measured: pd.DataFrame) -> Finding:
    left_out = len(table) - len(measured)
    unmeasured = int((~np.isfinite(table[Y_TRUE])).sum())
    entities = table[ENTITY].nunique()
    asked = say_n("{n:,} row", "{n:,} rows", len(table))
    if entities > 1:
        asked = say("{rows:,} rows of {entities:,} entities", rows=len(table), entities=entities)
    reason = say(
        "{asked} were asked about in the test folds; {measured} were scored, {unmeasured} were "
        "never measured, and {left_out} could not be forecast for want of any history.",
        asked=asked,
        measured=len(measured),
        unmeasured=unmeasured,
        left_out=left_out - unmeasured,
    )
    return _count_rows(say("Rows asked about and rows scored"), reason, left_out)


def _is_telling(rows: Sequence[int], yes: Sequence[int], least: int) -> bool:
    """Whether some count of one answer is small: of all outcomes, or of those that came since."""
    n, n_yes = np.array([0, *rows]), np.array([0, *yes])
    counts = [n_yes, n - n_yes, np.diff(n_yes), np.diff(n - n_yes)]
    return bool(any(((c > 0) & (c < least)).any() for c in counts))


def hide_answers(
    findings: Sequence[Finding],
    models: Sequence[FinalModel],
    predictions: Predictions,
    least: int,
) -> tuple[Finding, ...]:
    """Leave out how many had an outcome where so few had one of the two that it must not be told.

    Parameters
    ----------
    findings : sequence of Finding
        Of a backtest of probabilities.
    models, predictions
        Of the same backtest.
    least : int
        The policy's least count of people.
    """
    charts = [
        m.calibration.chart for m in models if isinstance(m.calibration, ProbabilityCalibration)
    ]
    told = {f.code: f for f in findings}
    if _is_telling([c.rows for c in charts], [c.yes for c in charts], least):
        few = say("Of some of them too few had one of the two outcomes to say how many.")
        plain = [
            replace(
                chart,
                reason=say(
                    "{rows:,} earlier outcomes out of sample: {method}.",
                    rows=chart.rows,
                    method=METHODS[chart.method],
                ),
            )
            for chart in charts
        ]
        plain[-1] = replace(plain[-1], reason=join(" ", (plain[-1].reason, few)))
        told[CALIBRATED] = _judge_calibration(plain)
    outcome = predictions.table[Y_TRUE]
    rows = told[COUNTED]
    assert isinstance(rows.reason, Message)  # noqa: S101 - `_judge_known` says it
    if _is_telling([len(outcome)], [int(outcome.sum())], least):
        kept = rows.reason.arguments
        reason = say(
            "{table} cases of {nunique} entities were asked about in the test folds; "
            "{scored} were scored, and the outcome of {unknown} is not known.",
            table=kept["table"],
            nunique=kept["nunique"],
            scored=kept["scored"],
            unknown=kept["unknown"],
        )
        told[COUNTED] = replace(rows, reason=reason)
    return tuple(told[f.code] if f.code in (CALIBRATED, COUNTED) else f for f in findings)


def _judge_calibration(charts: Sequence[CalibrationMap]) -> Finding:
    first = charts[0]
    told = join(
        " ",
        (say("fold {n}: {reason}", n=n, reason=c.reason) for n, c in enumerate(charts, start=1)),
    )
    return Finding(
        code="backtest.calibration",
        status=Status.NOT_ENOUGH if first.method == "identity" and not first.rows else Status.PASS,
        title=say("Outcomes that weights and probabilities are learnt from"),
        reason=told if len(charts) <= MOST_TOLD else charts[-1].reason,
        observed=float(first.rows),
        unit="outcomes",
    )


METHODS: Final = {
    "identity": say("probabilities are left as they are"),
    "platt": say("probabilities are corrected by a line on the log-odds"),
    "isotonic": say("probabilities are corrected in steps"),
}


def _judge_known(table: pd.DataFrame, scored: pd.DataFrame) -> Finding:
    unknown = len(table) - len(scored)
    reason = say(
        "{table:,} cases of {nunique:,} entities were asked about in the test folds; "
        "{scored:,} were scored, {yes:,} of them yes, and the outcome of {unknown:,} "
        "is not known.",
        table=len(table),
        nunique=table[ENTITY].nunique(),
        scored=len(scored),
        yes=int(scored[Y_TRUE].sum()),
        unknown=unknown,
    )
    return _count_rows(say("Cases asked about and cases scored"), reason, unknown)


def _count_rows(title: str, reason: str, left_out: int) -> Finding:
    return Finding(
        "backtest.rows", Status.PASS, title, reason, observed=float(left_out), unit="rows"
    )

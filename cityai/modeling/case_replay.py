"""The replay of cases: one cutoff after the other, each seeing only what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import CANDIDATE, CASE, FOLD, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.modeling.blend import learn_odds_weights
from cityai.modeling.calibration import learn_calibration, to_log_odds
from cityai.modeling.case_baselines import LOGISTIC
from cityai.modeling.case_model import CaseModel, predict_cases
from cityai.modeling.case_split import CaseFold, find_tested, find_training
from cityai.modeling.forecasters import FittedLearner, Learner
from cityai.modeling.forecasters.encoding import list_categories
from cityai.modeling.forecasters.logistic import LOGISTIC_REGRESSION

if TYPE_CHECKING:
    from cityai.data.cases import Cases
    from cityai.data.rows import Rows


class CaseReplay:
    """Goes through the cutoffs in order; each sees only what was known before it."""

    def __init__(
        self,
        cases: Cases,
        rows: Rows,
        spec: RiskSpec,
        candidates: Sequence[Learner],
        say: Callable[[str], None],
    ) -> None:
        self.cases, self.rows, self.spec, self.say = cases, rows, spec, say
        self.candidates = candidates
        self.answers = cases.table[Y_TRUE].to_numpy(np.float64)
        self.predicted: list[pd.DataFrame] = []
        """Out-of-sample predictions, a table a fold: fold, case, each candidate, and `y_pred`."""

    def step(self, number: int, train_until: pd.Timestamp, fold: CaseFold | None) -> CaseModel:
        """Fit what was known before a moment, weigh and calibrate by earlier folds.

        Parameters
        ----------
        number : int
            Of the fold.
        train_until : pandas.Timestamp
            Only outcomes known before it teach.
        fold : CaseFold or None
            Its cases are predicted and kept in `predicted`; None predicts nothing.
        """
        self.say(f"outcomes known before {train_until:%Y-%m-%d}")
        teaching = find_training(self.cases, train_until)
        fitted = {c.name: self._fit(c, teaching) for c in self.candidates}
        model = self._gather(fitted, train_until, teaching)
        if fold is None:
            return model
        tested = find_tested(self.cases, fold)
        found = predict_cases(model, self.rows.table[tested])
        line = fitted.get(LOGISTIC_REGRESSION.name) or self._fit(LOGISTIC_REGRESSION, teaching)
        found = found.assign(
            **{
                FOLD: number,
                CASE: self.cases.table.loc[tested, CASE],
                LOGISTIC.name: line.predict(self.rows.table[tested]),
            }
        )
        self.predicted.append(found)
        return model

    def _fit(self, candidate: Learner, teaching: np.ndarray) -> FittedLearner:
        table = self.rows.table[teaching]
        return candidate.fit(
            table,
            self.answers[teaching],
            features=self.rows.features,
            categories=list_categories(table, self.rows.categorical),
            seed=self.spec.models.seed,
            threads=1,
        )

    def _gather(
        self, fitted: dict[str, FittedLearner], train_until: pd.Timestamp, teaching: np.ndarray
    ) -> CaseModel:
        names = list(fitted)
        past = self._see_past(train_until)
        odds = to_log_odds(past[[CANDIDATE + name for name in names]].to_numpy(np.float64))
        truth = past[Y_TRUE].to_numpy(np.float64)
        weights = learn_odds_weights(odds, truth)
        chart = learn_calibration(odds @ weights, truth, past[FOLD].to_numpy(np.int64))
        return CaseModel(
            as_of=train_until,
            models=tuple(learner.save() for learner in fitted.values()),
            blend=dict(zip(names, weights.tolist(), strict=True)),
            calibration=chart,
            base_rate=float(self.answers[teaching].mean()),
            seed=self.spec.models.seed,
            training_rows=int(teaching.sum()),
        )

    def _see_past(self, train_until: pd.Timestamp) -> pd.DataFrame:
        """Earlier folds' predictions whose outcome was known before a moment."""
        columns = [FOLD, CASE, *(CANDIDATE + c.name for c in self.candidates)]
        if not self.predicted:
            return pd.DataFrame({name: np.empty(0) for name in (*columns, Y_TRUE)})
        table = self.cases.table
        known = table.loc[find_training(self.cases, train_until), [CASE, Y_TRUE]]
        return pd.concat(self.predicted)[columns].merge(known, on=CASE, how="inner")

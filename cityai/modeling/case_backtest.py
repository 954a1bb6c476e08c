"""The backtest of a yes/no question: what would have been predicted, and the model for tomorrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cityai.findings import Finding
from cityai.modeling.case_baselines import RiskBaseline
from cityai.modeling.case_model import CaseModel
from cityai.modeling.case_split import CaseFolds
from cityai.modeling.classifiers import Classifier
from cityai.modeling.predictions import Predictions
from cityai.spec.risk import RiskSpec

if TYPE_CHECKING:
    from cityai.data.cases import CaseRows, Cases


@dataclass(frozen=True, slots=True, eq=False)
class CaseBacktest:
    """The past replayed, case by case.

    Attributes
    ----------
    predictions : Predictions
        Cases of the test folds whose outcome is known; ``kind`` is ``yes/no``.
    folds : CaseFolds
        All folds.
    weights : pandas.DataFrame
        ``fold``, ``candidate``, ``weight``: the blend of each test fold.
    replayed : pandas.DataFrame
        Every fold's out-of-sample predictions, the calibration folds' too: ``fold``, ``case_id``,
        ``candidate.<name>`` and ``y_pred`` (NaN where nothing earlier could calibrate).
    models : tuple of CaseModel
        As they stood at each test fold's cutoff, in the order of `folds.test`.
    final : CaseModel
        Fitted on everything that is known.
    seconds : dict of str to float
        Wall-clock seconds of each candidate over all folds.
    findings : tuple of Finding
        Codes ``backtest.calibration``, ``backtest.rows``, ``backtest.capacity``,
        ``backtest.ties``.
    """

    predictions: Predictions
    folds: CaseFolds
    weights: pd.DataFrame
    replayed: pd.DataFrame
    models: tuple[CaseModel, ...]
    final: CaseModel
    seconds: dict[str, float]
    findings: tuple[Finding, ...]


def run_case_backtest(
    cases: Cases,
    rows: CaseRows,
    folds: CaseFolds,
    spec: RiskSpec,
    *,
    baselines: Sequence[RiskBaseline],
    candidates: Sequence[Classifier],
    progress: Callable[[str], None] | None = None,
) -> CaseBacktest:
    """Replay the past fold by fold; each sees only what was known before its cutoff.

    Parameters
    ----------
    cases : Cases
        All cases.
    rows : CaseRows
        Their features, in the same order.
    folds : CaseFolds
        From `plan_case_folds`.
    spec : RiskSpec
        ``question.decision``, ``models`` and ``backtest`` are read.
    baselines, candidates : sequence
        Of the kind: `cityai.modeling.case_baselines.RISK_BASELINES` and
        `cityai.modeling.classifiers.CLASSIFIERS`.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    DataError
        When the capacity selects every case, so there is nothing to rank.
    """
    raise NotImplementedError

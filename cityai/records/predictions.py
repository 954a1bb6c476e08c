"""The narrow waist: one table of predictions that everything after modelling reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    BASELINE,
    CANDIDATE,
    CASE,
    DECISION,
    ENTITY,
    FOLD,
    OCCURRED_AT,
    PERIOD,
    PERIOD_START,
    SCALE,
    SLOT,
    SLOT_START,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.audit_file import Answer
from cityai.errors import DataError, suggest_name

KEY: Final = (FOLD, ENTITY, STEP)
"""One row a fold, entity and step; the table is sorted by these."""

REQUIRED: Final = (
    ENTITY,
    AS_OF,
    STEP,
    FOLD,
    PERIOD,
    PERIOD_START,
    Y_TRUE,
    Y_PRED,
    Y_LOW,
    Y_HIGH,
    SCALE,
)

CASE_KEY: Final = (FOLD, CASE)
"""The same of a yes/no question: one row a fold and case."""

CASE_REQUIRED: Final = (
    CASE,
    ENTITY,
    AS_OF,
    OCCURRED_AT,
    FOLD,
    SLOT,
    SLOT_START,
    Y_TRUE,
    Y_PRED,
    DECISION,
)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Out-of-sample forecasts of the test folds beside what came to pass.

    Assessment needs nothing else, so forecasts of any origin (last year's model, a vendor's, the
    city's own rule) can be judged by giving them in this shape.

    Attributes
    ----------
    table : pandas.DataFrame
        Sorted by `KEY`, one row each: ``entity_id`` (str), ``as_of`` (datetime64), ``step``
        (int64, from 1), ``fold`` (int64, from 1), ``period`` (int64), ``period_start``
        (datetime64), ``y_true``, ``y_pred``, ``y_low``, ``y_high`` (float64, in `unit`),
        ``scale`` (float64, MASE's denominator in `unit`, NaN when undefined), and one float64
        column for each ``baseline.<name>`` and ``candidate.<name>``. For a yes/no question, sorted
        by `CASE_KEY`: ``case_id``, ``entity_id`` (str), ``as_of``, ``occurred_at`` (datetime64),
        ``fold``, ``slot`` (int64), ``slot_start`` (datetime64), ``y_true`` (1.0 or 0.0),
        ``y_pred`` (calibrated probability), ``decision`` (1.0: selected, else 0.0), ``area_id``
        where cases lie in areas, ``baseline.<name>`` (scores to rank by; only some are
        probabilities) and ``candidate.<name>`` (probabilities).
    coverage : float
        Nominal coverage of ``[y_low, y_high]``, in (0.5, 1); NaN for a yes/no question.
    unit : str
        Unit of the target; for a yes/no question what the cases are called.
    chosen : str
        What ``y_pred`` is: ``blend``, or the name of a single model.
    kind : {"amount", "yes/no"}
        What is predicted.
    """

    table: pd.DataFrame
    coverage: float
    unit: str
    chosen: str
    kind: Answer = "amount"

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the baselines, without the prefix, in the table's order."""
        return _strip_prefix(self.table, BASELINE)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the candidates, without the prefix, in the table's order."""
        return _strip_prefix(self.table, CANDIDATE)


def build_predictions(
    table: pd.DataFrame, *, coverage: float, unit: str, chosen: str
) -> Predictions:
    """Check a table of predictions, sort it, and make the record.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `Predictions.table`, in any order of rows.
    coverage : float
        Nominal coverage of the interval.
    unit : str
        Unit of the target.
    chosen : str
        What ``y_pred`` is.

    Raises
    ------
    DataError
        When a column is missing, a row occurs twice, a figure that must be there is not finite, or
        an interval does not hold together.
    """
    _check_columns(table, REQUIRED)
    _check_rows(table)
    figures = [c for c in table.columns if c.startswith((BASELINE, CANDIDATE))]
    typed = table[[*REQUIRED, *figures]].astype(
        {
            ENTITY: "str",
            **dict.fromkeys((STEP, FOLD, PERIOD), np.int64),
            **dict.fromkeys((Y_TRUE, Y_PRED, Y_LOW, Y_HIGH, SCALE, *figures), np.float64),
        }
    )
    ordered = typed.sort_values(list(KEY), kind="stable", ignore_index=True)
    return Predictions(ordered, float(coverage), unit, chosen)


def build_case_predictions(table: pd.DataFrame, *, unit: str, chosen: str) -> Predictions:
    """Check a table of predicted yes/no cases, sort it, and make the record.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `Predictions.table` for a yes/no question, in any order of rows.
    unit : str
        What the cases are called.
    chosen : str
        What ``y_pred`` is.

    Raises
    ------
    DataError
        When a column is missing, a case occurs twice in a fold, an outcome or decision is not 0 or
        1, or a prediction is no probability.
    """
    _check_columns(table, CASE_REQUIRED)
    _refuse_repeats(table, CASE_KEY, "one row a fold and case")
    figures = [c for prefix in (CANDIDATE, BASELINE) for c in table.columns if c.startswith(prefix)]
    _refuse_gaps(table, (Y_TRUE, Y_PRED, DECISION))
    for name, allowed in ((Y_TRUE, "0 or 1"), (DECISION, "0 or 1"), (Y_PRED, "from 0 to 1")):
        values = table[name].to_numpy(np.float64)
        odd = ~np.isin(values, (0.0, 1.0)) if name != Y_PRED else (values < 0) | (values > 1)
        if odd.any():
            raise DataError(
                f"{int(odd.sum())} of {len(table)} figures are not {allowed}",
                where=f"predictions, column '{name}'",
                expected=allowed,
            )
    kept = [*CASE_REQUIRED, *([AREA] if AREA in table.columns else []), *figures]
    typed = table[kept].astype(
        {
            **dict.fromkeys((CASE, ENTITY), "str"),
            **dict.fromkeys((FOLD, SLOT), np.int64),
            **dict.fromkeys((Y_TRUE, Y_PRED, DECISION, *figures), np.float64),
        }
    )
    ordered = typed.sort_values(list(CASE_KEY), kind="stable", ignore_index=True)
    return Predictions(ordered, float("nan"), unit, chosen, "yes/no")


def _check_columns(table: pd.DataFrame, required: tuple[str, ...]) -> None:
    for name in required:
        if name not in table.columns:
            raise DataError(
                f"the table of predictions has no column '{name}'",
                where="predictions",
                expected=", ".join(required),
                next_step=suggest_name(name, (str(c) for c in table.columns)),
            )
    if table.empty:
        raise DataError(
            "the table of predictions has no rows",
            where="predictions",
            expected="at least one entity that was asked about and measured in a test fold",
            next_step="look at the cohort's `min_history` and `idle_after`, and at the folds",
        )


def _refuse_repeats(table: pd.DataFrame, key: tuple[str, ...], expected: str) -> None:
    twice = table.duplicated(list(key))
    if twice.any():
        row = table.loc[twice, list(key)].iloc[0].to_dict()
        raise DataError(
            f"{int(twice.sum())} rows occur twice, the first is {row}",
            where="predictions",
            expected=expected,
        )


def _refuse_gaps(table: pd.DataFrame, names: tuple[str, ...]) -> None:
    for name in names:
        bad = int((~np.isfinite(table[name].to_numpy(np.float64))).sum())
        if bad:
            raise DataError(
                f"{bad} of {len(table)} figures are missing or infinite",
                where=f"predictions, column '{name}'",
                expected="a finite number in every row; leave out rows that were never measured",
            )


def _check_rows(table: pd.DataFrame) -> None:
    _refuse_repeats(table, KEY, "one row a fold, entity and step")
    _refuse_gaps(table, (Y_TRUE, Y_PRED, Y_LOW, Y_HIGH))
    low, high = table[Y_LOW].to_numpy(np.float64), table[Y_HIGH].to_numpy(np.float64)
    if (low > high).any():
        raise DataError(
            f"{int((low > high).sum())} intervals end before they begin",
            where=f"predictions, columns '{Y_LOW}' and '{Y_HIGH}'",
            expected="y_low <= y_high",
        )


def _strip_prefix(table: pd.DataFrame, prefix: str) -> tuple[str, ...]:
    return tuple(c.removeprefix(prefix) for c in table.columns if c.startswith(prefix))

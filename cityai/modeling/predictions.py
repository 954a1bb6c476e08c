"""The narrow waist: one table of predictions that everything after modelling reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AS_OF,
    BASELINE,
    CANDIDATE,
    ENTITY,
    FOLD,
    PERIOD,
    PERIOD_START,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
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
        column for each ``baseline.<name>`` and ``candidate.<name>``.
    coverage : float
        Nominal coverage of ``[y_low, y_high]``, in (0.5, 1).
    unit : str
        Unit of the target.
    chosen : str
        What ``y_pred`` is: ``blend``, or the name of a single model.
    """

    table: pd.DataFrame
    coverage: float
    unit: str
    chosen: str

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
    _check_columns(table)
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


def _check_columns(table: pd.DataFrame) -> None:
    for name in REQUIRED:
        if name not in table.columns:
            raise DataError(
                f"the table of predictions has no column '{name}'",
                where="predictions",
                expected=", ".join(REQUIRED),
                next_step=suggest_name(name, (str(c) for c in table.columns)),
            )
    if table.empty:
        raise DataError(
            "the table of predictions has no rows",
            where="predictions",
            expected="at least one entity that was asked about and measured in a test fold",
            next_step="look at the cohort's `min_history` and `idle_after`, and at the folds",
        )


def _check_rows(table: pd.DataFrame) -> None:
    twice = table.duplicated(list(KEY))
    if twice.any():
        row = table.loc[twice, list(KEY)].iloc[0].to_dict()
        raise DataError(
            f"{int(twice.sum())} rows occur twice, the first is {row}",
            where="predictions",
            expected="one row a fold, entity and step",
        )
    for name in (Y_TRUE, Y_PRED, Y_LOW, Y_HIGH):
        bad = int((~np.isfinite(table[name].to_numpy(np.float64))).sum())
        if bad:
            raise DataError(
                f"{bad} of {len(table)} figures are missing or infinite",
                where=f"predictions, column '{name}'",
                expected="a finite number in every row; leave out rows that were never measured",
            )
    low, high = table[Y_LOW].to_numpy(np.float64), table[Y_HIGH].to_numpy(np.float64)
    if (low > high).any():
        raise DataError(
            f"{int((low > high).sum())} intervals end before they begin",
            where=f"predictions, columns '{Y_LOW}' and '{Y_HIGH}'",
            expected="y_low <= y_high",
        )


def _strip_prefix(table: pd.DataFrame, prefix: str) -> tuple[str, ...]:
    return tuple(c.removeprefix(prefix) for c in table.columns if c.startswith(prefix))

"""The narrow waist: one table of predictions that everything after modelling reads."""

from __future__ import annotations

import math
from collections.abc import Callable
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
    TOTAL_HIGH,
    TOTAL_LOW,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.audit_file import Answer
from cityai.errors import DataError, suggest_name

KEY: Final = (FOLD, ENTITY, STEP)
"""One row a fold, entity and step; the table is sorted by these."""
CASE_KEY: Final = (FOLD, CASE)
"""The same of a yes/no question: one row a fold and case."""
TIME: Final = "time"
"""Type of columns that are kept as they are."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """A table of predictions: its key, its columns with their types, and what must hold.

    ``figures`` are never missing; columns of ``more`` are kept where they are there,
    those of ``models`` follow by their prefix.
    """

    key: tuple[str, ...]
    unique: str
    columns: dict[str, type | str]
    figures: tuple[str, ...]
    check: Callable[[pd.DataFrame], None]
    models: tuple[str, str] = (BASELINE, CANDIDATE)
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Predictions:
    """Out-of-sample forecasts of the test folds beside what came to pass.

    Assessment needs nothing else, so forecasts of any origin (last year's model, a vendor's, the
    city's own rule) can be judged by giving them in this shape.
    """

    table: pd.DataFrame
    """Sorted by `KEY`, one row each: ``entity_id`` (str), ``as_of`` (datetime64), ``step`` (int64,
    from 1), ``fold`` (int64, from 1), ``period`` (int64), ``period_start`` (datetime64),
    ``y_true``, ``y_pred``, ``y_low``, ``y_high`` (float64, in `unit`), ``scale`` (float64, MASE's
    denominator in `unit`, NaN when undefined), where it is known the range of the total of the fold
    and step, ``total_low`` and ``total_high`` (float64, the same in each of its rows), and one
    float64 column for each ``baseline.<name>`` and ``candidate.<name>``. For a yes/no question,
    sorted by `CASE_KEY`: ``case_id``, ``entity_id`` (str), ``as_of``, ``occurred_at`` (datetime64),
    ``fold``, ``slot`` (int64), ``slot_start`` (datetime64), ``y_true`` (1.0 or 0.0), ``y_pred``
    (calibrated probability), ``decision`` (1.0: selected, else 0.0), ``area_id`` where cases lie in
    areas, ``baseline.<name>`` (scores to rank by; only some are probabilities) and
    ``candidate.<name>`` (probabilities)."""
    coverage: float
    """Nominal coverage of ``[y_low, y_high]``, in (0.5, 1); NaN for a yes/no question."""
    unit: str
    """Unit of the target; for a yes/no question what the cases are called."""
    chosen: str
    """What ``y_pred`` is: ``blend``, or the name of a single model."""
    kind: Answer = "amount"
    """What is predicted."""

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the baselines, without the prefix, in the table's order."""
        return _strip_prefix(self.table, BASELINE)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the candidates, without the prefix, in the table's order."""
        return _strip_prefix(self.table, CANDIDATE)


def build_predictions(
    table: pd.DataFrame,
    *,
    unit: str,
    chosen: str,
    coverage: float = math.nan,
    kind: Answer = "amount",
) -> Predictions:
    """Check a table of predictions, sort it, and make the record.

    Parameters
    ----------
    table : pandas.DataFrame
        The columns of `Predictions.table`, in any order of rows.
    unit, chosen, coverage, kind
        As in `Predictions`.

    Raises
    ------
    DataError
        When a column is missing, a row occurs twice, a figure that must be there is not finite, an
        interval does not hold together, an outcome or decision is not 0 or 1, or a prediction of a
        yes is no probability.
    """
    layout = _LAYOUTS[kind]
    _check_columns(table, tuple(layout.columns))
    _refuse_repeats(table, layout.key, layout.unique)
    _refuse_gaps(table, layout.figures)
    layout.check(table)
    models = [c for prefix in layout.models for c in table.columns if c.startswith(prefix)]
    more = [name for name in layout.more if name in table.columns]
    types = {name: kept for name, kept in layout.columns.items() if kept != TIME}
    typed = table[[*layout.columns, *more, *models]].astype(
        {**types, **dict.fromkeys(models, np.float64)}
    )
    ordered = typed.sort_values(list(layout.key), kind="stable", ignore_index=True)
    return Predictions(ordered, float(coverage), unit, chosen, kind)


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


def _check_intervals(table: pd.DataFrame) -> None:
    low, high = table[Y_LOW].to_numpy(np.float64), table[Y_HIGH].to_numpy(np.float64)
    if (low > high).any():
        raise DataError(
            f"{int((low > high).sum())} intervals end before they begin",
            where=f"predictions, columns '{Y_LOW}' and '{Y_HIGH}'",
            expected="y_low <= y_high",
        )


def _check_chances(table: pd.DataFrame) -> None:
    for name, allowed in ((Y_TRUE, "0 or 1"), (DECISION, "0 or 1"), (Y_PRED, "from 0 to 1")):
        values = table[name].to_numpy(np.float64)
        odd = ~np.isin(values, (0.0, 1.0)) if name != Y_PRED else (values < 0) | (values > 1)
        if odd.any():
            raise DataError(
                f"{int(odd.sum())} of {len(table)} figures are not {allowed}",
                where=f"predictions, column '{name}'",
                expected=allowed,
            )


_LAYOUTS: Final[dict[Answer, _Layout]] = {
    "amount": _Layout(
        key=KEY,
        unique="one row a fold, entity and step",
        columns={
            **{ENTITY: "str", AS_OF: TIME, STEP: np.int64, FOLD: np.int64, PERIOD: np.int64},
            PERIOD_START: TIME,
            **dict.fromkeys((Y_TRUE, Y_PRED, Y_LOW, Y_HIGH, SCALE), np.float64),
        },
        figures=(Y_TRUE, Y_PRED, Y_LOW, Y_HIGH),
        check=_check_intervals,
        more=(TOTAL_LOW, TOTAL_HIGH),
    ),
    "yes/no": _Layout(
        key=CASE_KEY,
        unique="one row a fold and case",
        columns={
            **{CASE: "str", ENTITY: "str", AS_OF: TIME, OCCURRED_AT: TIME, FOLD: np.int64},
            **{SLOT: np.int64, SLOT_START: TIME},
            **dict.fromkeys((Y_TRUE, Y_PRED, DECISION), np.float64),
        },
        figures=(Y_TRUE, Y_PRED, DECISION),
        check=_check_chances,
        models=(CANDIDATE, BASELINE),
        more=(AREA,),
    ),
}


def _strip_prefix(table: pd.DataFrame, prefix: str) -> tuple[str, ...]:
    return tuple(c.removeprefix(prefix) for c in table.columns if c.startswith(prefix))

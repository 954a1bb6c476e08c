"""Yes and no: told from what is written, and refused where they cannot be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.data.phrases import list_names
from cityai.data.yes_no import write_answer
from cityai.errors import DataError


def read_outcomes(written: pd.DataFrame, spec: RiskSpec, where: str) -> pd.Series:
    """Read outcomes as 1 (yes), 0 (no) or NaN (an empty cell: not known).

    Parameters
    ----------
    written : pandas.DataFrame
        `outcome` (str, or a number for `at_least` and `at_most`; missing where empty).
    spec : RiskSpec
        Which values mean yes, and which no.
    where : str
        The file, for messages.

    Raises
    ------
    DataError
        When no row says yes, or when what means no is not declared and cannot be told.
    """
    outcome, said = spec.question.outcome, written["outcome"]
    at = f"{where}, column '{outcome.column}'"
    if outcome.yes is None:
        number = said.astype(np.float64)
        least, most = outcome.at_least, outcome.at_most
        is_yes = number >= least if least is not None else number <= float(most or 0.0)
        return is_yes.astype(np.float64).where(number.notna())
    text = write_answer(said)
    filled = text.notna()
    yes = {str(value) for value in write_answer(pd.Series(outcome.yes, dtype=object))}
    others = sorted(set(text[filled].astype(str)) - yes)
    is_yes = text.isin(yes)
    if not is_yes.any():
        raise DataError(
            f"no row holds {' or '.join(outcome.yes)}, so there is no yes to learn from",
            where=at,
            expected=f"one of the values found: {list_names(others)}" if others else "outcomes",
            next_step="correct `question.outcome.yes`",
        )
    if outcome.no is None and len(others) > 1:
        raise DataError(
            f"a yes or no cannot be told from {list_names(others)}",
            where=at,
            expected="one value that means no",
            next_step="list what means no in `question.outcome.no`; other rows are then rejected",
        )
    return is_yes.astype(np.float64).where(filled)


def write_both(values: Iterable[str]) -> tuple[str, ...]:
    """Return values, and whole numbers also as a column with gaps writes them: 1 and 1.0."""
    return tuple(dict.fromkeys(w for v in values for w in ((v, f"{v}.0") if v.isdigit() else (v,))))


def check_outcomes(table: pd.DataFrame, until: pd.Timestamp, spec: RiskSpec, where: str) -> None:
    """Refuse cases of which nothing can be learnt.

    Raises
    ------
    DataError
        When all outcomes that are known by `until` are alike, or none is.
    """
    known = table[Y_TRUE].dropna()
    column = spec.question.outcome.column
    if known.empty:
        raise DataError(
            f"no outcome of {len(table):,} cases is known before {until:%Y-%m-%d}",
            where=f"{where}, column '{column}'",
            expected="outcomes that were seen before the data end",
            next_step="correct `data.known`, or `data.until`",
        )
    if known.nunique() == 1:
        only = "yes" if known.iloc[0] == 1 else "no"
        days = table[AS_OF]
        raise DataError(
            f"all {len(known):,} known outcomes are {only} ({days.min():%Y-%m-%d} to "
            f"{days.max():%Y-%m-%d})",
            where=f"{where}, column '{column}'",
            expected="cases with either outcome",
            next_step="look at `question.outcome` and `data.where`",
        )

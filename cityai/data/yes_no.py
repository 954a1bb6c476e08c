"""Yes and no as cities write them: told where there is one reading, and refused otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from cityai.data.conversion import FALSE, TRUE, UNSAID
from cityai.errors import DataError

WHOLE: Final = r"([+-]?[0-9]+)[.]0*"
_SHOWN: Final = 6


def write_text(column: pd.Series) -> pd.Series:
    """Write texts as they are, whole numbers without a point, None where missing."""
    written: list[object] = []
    for value in column.tolist():
        if value is None or value is pd.NA or value is pd.NaT or value != value:
            written.append(None)
        elif isinstance(value, float) and value.is_integer():
            written.append(str(int(value)))
        else:
            written.append(str(value))
    return pd.Series(written, index=column.index, dtype=object)


def write_answer(column: pd.Series) -> pd.Series:
    """Write answers so that they can be compared: ``1.0`` is ``1``, and None where missing.

    A column of 0 and 1 with gaps is written as ``0.0`` and ``1.0`` by most programs.
    """
    text = write_text(column)
    known = text.notna()
    text[known] = text[known].astype(str).str.strip().str.replace(f"^{WHOLE}$", r"\1", regex=True)
    return text


def read_answer(column: pd.Series, yes: Iterable[object], where: str) -> pd.Series:
    """Read a column of answers as 1 (yes), 0 (no) or NaN (missing).

    Parameters
    ----------
    column : pandas.Series
        As the source has it.
    yes : iterable
        Values that mean yes; where none is given, only what has one reading is told.
    where : str
        The column, for messages.

    Raises
    ------
    DataError
        When a value that means yes is in no row, or a value is neither yes nor no.
    """
    text = write_answer(column)
    known = text.notna()
    lower = text[known].astype(str).str.lower()
    meant = _fold_yes(yes)
    if meant:
        if absent := meant - set(lower):
            raise DataError(
                f"no row holds {', '.join(sorted(absent))}",
                where=where,
                expected=f"some of {quote_values(text[known])}",
                next_step="correct the value, or leave it out: any other value means no",
            )
    else:
        meant = set(TRUE)
        odd = ~lower.isin((*TRUE, *FALSE))
        if odd.any():
            raise DataError(
                f"a yes or no cannot be told from {quote_values(text[known][odd])}",
                where=where,
                expected="0 and 1, true and false, or yes and no",
                next_step="list the values that mean yes in `outcome_yes` or `decision_yes`",
            )
    result = pd.Series(np.nan, index=column.index)
    result[known] = lower.isin(meant).astype(np.float64)
    return result


def count_unsaid(column: pd.Series, yes: Iterable[object]) -> int:
    """Count the answers that mean no for want of another meaning, and say that nothing is known."""
    lower = write_answer(column).dropna().astype(str).str.strip().str.lower()
    meant = _fold_yes(yes)
    return int((lower.isin(UNSAID) & ~lower.isin(meant)).sum()) if meant else 0


def list_no(column: pd.Series, yes: Iterable[object]) -> tuple[pd.Series, pd.Series]:
    """Count rows by each text that means no, and tell which of these texts say so themselves."""
    text = write_answer(column).dropna().astype(str)
    meant = _fold_yes(yes)
    counts = text[~text.str.lower().isin(meant)].value_counts()
    lower = pd.Series(counts.index.str.lower(), index=counts.index)
    # Where nothing says no by itself, as with Denied and Withdrawn, each may.
    return counts, lower.isin(FALSE) & ~lower.isin(UNSAID)


def _fold_yes(yes: Iterable[object]) -> set[str]:
    """Return the texts that mean yes, in small letters, as answers are written."""
    return set(write_answer(pd.Series(list(yes), dtype=object)).astype(str).str.lower())


def quote_values(values: Iterable[object]) -> str:
    """Write different values side by side, the first few in their order."""
    found = sorted(set(map(str, values)))
    return ", ".join(f"'{v}'" for v in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")

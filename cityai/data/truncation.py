"""Truncation test: features from all data equal those from data cut at the moment, bit for bit.

It is given a function that makes rows, and knows neither how they are laid out nor what is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AS_OF, CASE, KNOWN, KNOWN_AT, PERIOD, VALUE, Y_TRUE
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.rows import Moments, Rows, RowsAt
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.progress import counting
from cityai.records.events import Events

TRUNCATION: Final = "time.truncation"
SHUFFLE: Final = "time.shuffle"
_REVEALED: Final = (VALUE, "n", Y_TRUE)
"""What of a main table becomes known with its row's `known`, and not before."""


def check_truncation(
    rows_at: RowsAt,
    moments: Moments,
    project: Project[BaseProjectSpec],
    n_moments: int = 6,
) -> Finding:
    """Compare features from all data with features from data cut at the moment of the question.

    At sampled moments every column of the rows is made twice: from all that is known, and without
    whatever became known later. The two must be equal to the last bit. The second time the latest
    is asked first: own functions begin anew at each, so what depends on a memory of other moments
    differs too.

    Parameters
    ----------
    rows_at : RowsAt
        Makes the rows.
    moments : pandas.DatetimeIndex
        Those at which anything is asked, rising.
    project : Project
        Names its own functions.
    n_moments : int, optional
        How many moments to sample, evenly; the last is always among them.

    Returns
    -------
    Finding
        ``time.truncation``: pass, or fail with the feature, row and moment that differ first and
        the number of features that differ; not enough evidence when nothing is asked.

    Raises
    ------
    DataError
        When one of the project's own functions gives no number at any moment.
    """
    title = say("Features at a moment use only what was known then")
    if not len(moments):
        return Finding(TRUNCATION, Status.NOT_ENOUGH, title, say("No entity is ever asked about."))
    sample = sample_moments(moments, n_moments)
    whole = rows_at(sample)
    _refuse_undefined(whole, rows_at, moments, project)
    differing: dict[str, str] = {}
    for moment in counting(sample[::-1]):
        expected = _take(whole, whole.table[AS_OF] == moment)
        found = find_differences(expected, rows_at([moment], known_before=moment))
        told = {
            name: say("{where} on {moment:%Y-%m-%d}", where=where, moment=moment)
            for name, where in found.items()
        }
        differing = told | {name: at for name, at in differing.items() if name not in told}
    features, size, rows = len(whole.features), len(sample), len(whole.table)
    count = (
        say(
            "{features} features at {size} moments ({rows:,} cases)",
            features=features,
            size=size,
            rows=rows,
        )
        if CASE in whole.table
        else say(
            "{features} features at {size} moments ({rows:,} rows)",
            features=features,
            size=size,
            rows=rows,
        )
    )
    if not differing:
        reason = say(
            "{count} are the same, to the last bit, when everything known later is removed.",
            count=count,
        )
        return Finding(TRUNCATION, Status.PASS, title, reason, 0.0, 0.0, "features")
    name, where = next(iter(differing.items()))
    said = whole.labels.get(name, name)
    reason = say(
        "{differing} of {count} change when everything known later is removed; the "
        "first is '{name}' ({said}) for {where}. It looks into the future.",
        differing=len(differing),
        count=count,
        name=name,
        said=said,
        where=where,
    )
    observed = float(len(differing))
    return Finding(TRUNCATION, Status.FAIL, title, reason, observed, 0.0, "features", name)


def sample_moments(moments: Moments, most: int = 6) -> list[pd.Timestamp]:
    """Return some of the moments, evenly spread; the last is always among them."""
    at = np.linspace(0, len(moments) - 1, min(most, len(moments)), dtype=int)
    return [moments[i] for i in np.unique(at)]


def check_permutation(before: Rows, after: Rows) -> Finding:
    """Say whether features changed when what comes later was permuted.

    Parameters
    ----------
    before, after : Rows
        The same moments', from all data, and from `permute_future`.

    Returns
    -------
    Finding
        ``time.shuffle``: pass, or fail with the feature and row that differ first.
    """
    title = say("Features at a moment do not depend on what comes later")
    differing, count = find_differences(before, after), len(before.features)
    if not differing:
        reason = say(
            "All {count} features stay the same when everything known later is shuffled.",
            count=count,
        )
        return Finding(SHUFFLE, Status.PASS, title, reason, 0.0, 0.0, "features")
    name, where = next(iter(differing.items()))
    reason = say(
        "'{name}' changes for {where} when everything known later is shuffled.",
        name=name,
        where=where,
    )
    observed = float(len(differing))
    return Finding(SHUFFLE, Status.FAIL, title, reason, observed, 0.0, "features", name)


def permute_future(source: Events, moment: pd.Timestamp, seed: int) -> Events:
    """Permute what became known at a moment or later, column by column.

    Parameters
    ----------
    source : Events
        Everything. Amounts and outcomes of its main table are permuted, and the numbers of the
        tables beside it; keys and moments stay.
    moment : pandas.Timestamp
        What was known strictly before it stays as it is.
    seed : int
        Of the permutation.
    """
    rng = np.random.default_rng(seed)
    origin = int(source.periods.index(pd.DatetimeIndex([moment]))[0])

    def permute(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        if KNOWN in frame:
            later = np.flatnonzero(frame[KNOWN] > origin)
        else:
            later = np.flatnonzero(frame[KNOWN_AT] >= moment)
        changed = {}
        for name in columns:
            values = frame[name].to_numpy().copy()
            values[later] = values[rng.permutation(later)]
            changed[name] = values
        return frame.assign(**changed)

    def permute_side(frame: pd.DataFrame) -> pd.DataFrame:
        numbers = frame.select_dtypes("number").columns
        return permute(frame, [str(c) for c in numbers if c not in (PERIOD, KNOWN)])

    permuted: dict[str, Any] = {}
    for field in fields(source):
        held = getattr(source, field.name)
        if isinstance(held, pd.DataFrame) and {KNOWN, KNOWN_AT}.intersection(held):
            permuted[field.name] = permute(held, [c for c in _REVEALED if c in held])
        elif field.name in ("covariates", "events"):
            permuted[field.name] = {name: permute_side(frame) for name, frame in held.items()}
    return replace(source, **permuted)


def find_differences(whole: Rows, again: Rows) -> dict[str, str]:
    """Return the columns that differ in any bit, each with the first row concerned."""
    if len(whole.table) != len(again.table):
        return {
            "rows": say(
                "{table} rows in place of {table2}", table=len(again.table), table2=len(whole.table)
            )
        }
    found: dict[str, str] = {}
    for name in map(str, whole.table.columns):
        if name not in again.table:
            found[name] = say("every row")
            continue
        differs = _tell_changed(whole.table[name], again.table[name])
        if differs.any():
            found[name] = f"'{whole.names.iloc[int(np.argmax(differs))]}'"
    return found


def _tell_changed(before: pd.Series, after: pd.Series) -> npt.NDArray[np.bool_]:
    """Tell which rows' cells differ; of the same categories their codes tell."""
    texts = [c.cat.categories for c in (before, after) if isinstance(c.dtype, pd.CategoricalDtype)]
    if len(texts) == 2 and texts[0].equals(texts[1]):
        before, after = before.cat.codes, after.cat.codes
    return read_bits(before) != read_bits(after)


def read_bits(column: pd.Series) -> npt.NDArray[np.generic]:
    """Return a column as integers or texts: equal when, and only when, the bits are equal."""
    if column.dtype.kind not in "fiumMb":
        return column.astype("object").to_numpy()
    values = np.ascontiguousarray(column.to_numpy())
    return values.view(f"i{values.dtype.itemsize}")


def _take(rows: Rows, kept: pd.Series) -> Rows:
    return replace(rows, table=rows.table[kept].reset_index(drop=True))


def _refuse_undefined(
    whole: Rows, rows_at: RowsAt, moments: Moments, project: Project[BaseProjectSpec]
) -> None:
    """Refuse own functions that are NaN at the sampled moments and at every other one too."""
    suspects = set(project.spec.features.own).intersection(whole.features)
    size = whole.table[AS_OF].nunique()
    for end in (None, *range(len(moments), 0, -size)):
        rows = whole if end is None else rows_at(moments[max(0, end - size) : end])
        suspects = {name for name in suspects if bool(rows.table[name].isna().all())}
        if not suspects:
            return
    name = min(suspects)
    raise DataError(
        f"the function {name} gave no number for any row at any of {len(moments):,} moments",
        where=f"{project.own_features}, {name}()",
        expected="at least one number, and NaN where there is none",
        next_step="correct the function, or take its name out of `features.own`",
    )

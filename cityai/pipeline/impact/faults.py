"""Faults of tables that change an effect and leave no mark on it: refused, with what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import VALUE
from cityai.config.evaluation import EvaluationSpec
from cityai.data.periods import Periods
from cityai.data.sums import find_whole, is_total
from cityai.data.written_dates import drop_accents
from cityai.errors import DataError, SpecError
from cityai.impact.records import PERIOD, UNIT
from cityai.pipeline.impact.outcomes import CASES, MEASURED_AT

SHOWN: Final = 3
"""Names that a message shows."""
DENSE: Final = 0.7
"""Part of all places and days that a table of amounts has rows for, and of those the part with as
many rows as most have; cases that come by chance reach both nowhere."""
OTHER_UNIT: Final = 20.0
"""Times by which no change in a city moves an outcome, and another unit does."""
LEAST_PAST: Final = 8
"""Periods before, of a place whose usual level is known."""
MANY: Final = 20
"""Rows that do not all stand twice by chance."""
SURE: Final = 14.0
"""Cases that were to be expected where none is known: by chance once in a million stretches."""
CLOSED: Final = 4
"""Last periods without an outcome after which a place is asked about."""


def refuse_repeats(rows: pd.DataFrame, where: str, key: str, time: str) -> None:
    """Refuse a table that stands in the file twice, and amounts that tell of a place and day again.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `outcomes.read_outcomes` gives them, of places.
    where, key, time : str
        The table, and what its columns are called there.
    """
    by = [UNIT, MEASURED_AT]
    alike = rows.groupby([*by, VALUE]).size()
    if len(alike) >= MANY and (alike % 2 == 0).all():
        raise DataError(
            f"each of the {len(rows):,} rows stands twice",
            where=where,
            expected="each outcome once",
            next_step="leave the repeats out: cases that are counted twice seem to tell more",
        )
    cells = rows.groupby(by)[VALUE].agg(["size", "nunique"])
    if len(cells) < DENSE * rows[UNIT].nunique() * rows[MEASURED_AT].nunique():
        return
    usual = int(cells["size"].mode().iloc[0])
    twice = usual > 1 and bool((cells["nunique"] <= 1).mean() >= DENSE)
    if (cells["size"] == usual).mean() < DENSE or (usual > 1 and not twice):
        return
    again = rows[rows.groupby(by).cumcount() >= (1 if twice else usual)]
    if again.empty:
        return
    first = again.iloc[0]
    raise DataError(
        f"{len(again):,} of {len(rows):,} rows tell of a place and a day again, the first of "
        f"'{first[UNIT]}' on {first[MEASURED_AT]:%Y-%m-%d}",
        where=where,
        expected=f"one row for each `{key}` and `{time}`, as nearly all have",
        next_step="leave the repeats out; where a row corrects another, leave the right one",
    )


def refuse_other_values(rows: pd.DataFrame, is_past: np.ndarray, where: str) -> None:
    """Refuse outcomes of the evaluation in another unit than those before.

    What stands for an unknown outcome (999) is as far off as seconds among minutes.
    """
    past, during = rows.loc[is_past, VALUE].dropna(), rows[~is_past].dropna(subset=[VALUE])
    if len(past) < LEAST_PAST or not (most := float(past.abs().max())) > 0:
        return
    far = during[during[VALUE].abs() >= OTHER_UNIT * most]
    if len(far):
        first = far.iloc[0]
        raise _tell_unit(
            f"{len(far):,} of {len(during):,} outcomes are {OTHER_UNIT:g} times as large as any "
            f"before, or more, the first {first[VALUE]:g} of '{first[UNIT]}'; the largest before "
            f"was {most:g}",
            where,
        )


def refuse_other_unit(measured: pd.DataFrame, where: str) -> None:
    """Refuse places whose usual level of the evaluation is in another unit than that before."""
    known = measured[(measured[CASES] > 0) & (measured[VALUE] > 0)]
    levels = known.groupby([UNIT, known[PERIOD] < 0])[VALUE].agg(["median", "size"])
    middle = levels["median"].unstack()
    if set(middle) != {True, False}:
        return
    often = levels["size"].unstack()[True] >= LEAST_PAST
    times = (middle[False] / middle[True])[often].dropna()
    off = times[(times >= OTHER_UNIT) | (times <= 1 / OTHER_UNIT)]
    if len(off):
        raise _tell_unit(
            f"outcomes of {len(off):,} of {len(times):,} places are, since it began, "
            f"{off.iloc[0]:.3g} times those before, the first '{off.index[0]}'",
            where,
        )


def _tell_unit(what: str, where: str) -> DataError:
    return DataError(
        what,
        where=where,
        expected="all outcomes in one unit (percent or shares, minutes or seconds), and an empty "
        "cell where nothing was measured",
        next_step="correct the table: the plan was announced in the unit of what came before",
    )


def simplify_name(name: str) -> str:
    """Write a name without what programs change: case, accents, marks, zeros before a number."""
    plain = re.sub(r"(?<=\d)[.]0+$", "", drop_accents(name.casefold()).strip())
    plain = re.sub(r"(?<![\d.])0+(?=\d)", "", plain)
    return " ".join(re.split(r"[\W_]+", plain)).strip()


def refuse_twins(names: Iterable[str], where: str) -> None:
    """Refuse places that may be one, written in two ways."""
    times = Counter(map(simplify_name, names))
    if twins := sorted(name for name in names if times[simplify_name(name)] > 1):
        raise DataError(
            f"{len(twins):,} places may be fewer that are written in two ways: {_list(twins)}",
            where=where,
            expected="one name for each place",
            next_step="write each in one way; each would take part by itself",
        )


def refuse_other_names(
    found: Collection[str], sealed: Collection[str], lacking: Collection[str], what: str, where: str
) -> None:
    """Refuse a table of other names than the plan: some are written otherwise, or none is in it.

    Parameters
    ----------
    found, sealed : collection of str
        Names in the table, and of the plan.
    lacking : collection of str
        Of the plan, those that another name of the table may stand for.
    what : str
        What they name: a case, a place.
    where : str
        The table.
    """
    known = set(sealed)
    expected, step = f"{what}s under the names that were sealed", "write them as the plan does"
    plain = {simplify_name(name): name for name in lacking}
    strange = sorted(set(found) - known)
    same = {name: plain[own] for name in strange if (own := simplify_name(name)) in plain}
    if same:
        shown = [f"'{name}' for '{own}'" for name, own in list(same.items())[:SHOWN]]
        raise DataError(
            f"{len(same):,} of {len(found):,} {what}s are written otherwise than in the plan: "
            f"{', '.join(shown)}{', ...' * (len(same) > SHOWN)}",
            where=where,
            expected=expected,
            next_step=step,
        )
    if found and known.isdisjoint(found):
        raise DataError(
            f"none of the {len(known):,} {what}s of the plan is among the {len(found):,} of the "
            f"table: the plan has {_list(sorted(known))}, the table {_list(strange)}",
            where=where,
            expected=expected,
            next_step=f"{step}, and add the outcomes of those who took part where they are lacking",
        )


def refuse_renamed(
    measured: pd.DataFrame, sealed: Collection[str], axis: Periods, where: str
) -> None:
    """Refuse a place that ends where one begins of which the plan knows nothing."""
    known = measured[(measured[CASES] > 0) & (measured[PERIOD] < axis.count)]
    own = known[known[UNIT].isin(set(sealed))]
    if not (own[PERIOD] >= 0).any():
        last = "" if own.empty else f"; the last is of the {_date(axis, own[PERIOD].max())}"
        raise DataError(
            f"nothing was measured of any of the {len(sealed):,} places from "
            f"{axis.start(0):%Y-%m-%d} on{last}",
            where=where,
            expected="outcomes of the weeks that were announced",
            next_step="add them to the table",
        )
    ends = own.groupby(UNIT)[PERIOD].max()
    begins = known[~known[UNIT].isin(set(sealed))].groupby(UNIT)[PERIOD].min()
    for name, at in begins[begins >= 0].items():
        gone = ends[(ends < min(at, ends.max())) & (ends >= at - 2)]
        if len(gone):
            raise DataError(
                f"nothing was measured of '{gone.index[0]}' after the {_date(axis, gone.iloc[0])}, "
                f"and of '{name}', of which the plan knows nothing, from the {_date(axis, at)} on",
                where=where,
                expected="each place under the name that was sealed",
                next_step="where it was renamed, write the sealed name; where another place "
                "opened, leave its rows out: it takes no part",
            )


def refuse_past(
    measured: pd.DataFrame, names: Collection[str], spec: EvaluationSpec, axis: Periods, where: str
) -> None:
    """Refuse a past of places from which no plan can be sealed that tells what it promises.

    Parameters
    ----------
    measured : pandas.DataFrame
        What `places.read_places` gives.
    names : collection of str
        Places that are to take part.
    spec : EvaluationSpec
        What is announced.
    axis : Periods
        Periods of the evaluation.
    where : str
        The table.
    """
    own = measured[measured[UNIT].isin(set(names)) & (measured[CASES] > 0)]
    refuse_twins(names, where)
    whole = find_whole(own.pivot(index=PERIOD, columns=UNIT, values=VALUE))
    called = [name for name in names if is_total(name)] + ([whole] if whole else [])
    if called:
        raise DataError(
            f"'{called[0]}' is a total of places, and would take part as one",
            where=where,
            expected="rows of single places",
            next_step="leave the rows of the total out",
        )
    if spec.outcome.source is not None:
        _refuse_closed(own, axis, where)
    values = own[VALUE]
    shares = bool((values % 1 > 0).any() and values.between(0, 1).all())
    least = spec.smallest_effect
    down = spec.outcome.better == "lower" and float(values.min()) >= 0
    if (shares and least >= 1) or (down and least >= float(values.max())):
        raise SpecError(
            f"a change of {least:g} is more than there is: {values.min():.3g} to "
            f"{values.max():.3g} was measured",
            where="smallest_effect",
            expected="the smallest change worth having in the outcome's unit"
            + " (0.05 is five in a hundred)" * shares,
            next_step="correct `smallest_effect`",
        )


def _refuse_closed(own: pd.DataFrame, axis: Periods, where: str) -> None:
    spans = own.groupby(UNIT).agg(first=(PERIOD, "min"), last=(PERIOD, "max"), cases=(CASES, "sum"))
    absent = spans["last"].max() - spans["last"]
    rate = spans["cases"] / (spans["last"] - spans["first"] + 1)
    closed = spans[(absent >= CLOSED) & (absent * rate >= SURE)]
    if len(closed):
        raise DataError(
            f"nothing was measured of {len(closed):,} of {len(spans):,} places for "
            f"{int(absent[closed.index].min()):,} {axis.freq}s or more: {_list(closed.index)}",
            where=where,
            expected="places that can take part until the end",
            next_step="leave the rows of a place out that closed, write one name where it was "
            "renamed, or add the rows that are lacking",
        )


def find_gaps(held: pd.DataFrame) -> pd.DataFrame:
    """Find where places lack outcomes, as no chance explains.

    Parameters
    ----------
    held : pandas.DataFrame
        Cases of each place (row) by period (column), all periods in order; NaN is none.

    Returns
    -------
    pandas.DataFrame
        How many cases are lost there, as many as the place has usually; 0 elsewhere. Of places
        that have one amount a period, each that is not there is lost.
    """
    count = held.fillna(0.0).to_numpy(np.float64)
    begun = np.maximum.accumulate(count > 0, axis=1)
    usual = count.sum(axis=1) / np.maximum(begun.sum(axis=1), 1)
    none = (count == 0) & begun
    run = np.zeros_like(count)
    for way in (slice(None), slice(None, None, -1)):
        past = np.zeros(len(count))
        for t in range(count.shape[1])[way]:
            past = (past + 1) * none[:, t]
            run[:, t] += past
    single = bool((count <= 1).all())
    gone = (count == 0) if single else none & ((run - 1) * usual[:, None] >= SURE)
    lost = np.where(gone, 1.0 if single else np.round(usual)[:, None], 0.0)
    return pd.DataFrame(lost, held.index, held.columns)


def _date(axis: Periods, period: int) -> str:
    return f"{axis.freq} of {axis.start(int(period)):%Y-%m-%d}"


def _list(names: Iterable[object]) -> str:
    shown = [f"'{name}'" for name in names]
    return ", ".join(shown[:SHOWN]) + ", ..." * (len(shown) > SHOWN)

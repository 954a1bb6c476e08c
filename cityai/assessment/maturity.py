"""Outcomes that are not final yet: the latest rows whose answer is known before its time.

Where an outcome takes two years and the data end earlier, only those whose outcome came early are
in the table with one, so the latest stretch is all yes (or all no). Every figure over such rows is
wrong, and nothing in the figures says so (Barenstein 2019 on ProPublica's two-year COMPAS table).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, ASKED, Y_TRUE
from cityai.config.audit_file import AuditFileSpec
from cityai.findings import Finding, Status
from cityai.i18n.messages import say, write
from cityai.records.predictions import Predictions

CODE: Final = "audit.immature_outcomes"
TITLE: Final = say("Outcomes were final when the data ended")
FEWEST: Final = 30
"""A shorter stretch of equal outcomes says nothing."""
CHANCE: Final = 1e-9
"""A stretch that mature rows would show by chance this seldom is taken for immature."""


def check_maturity(predictions: Predictions, spec: AuditFileSpec) -> Finding:
    """Find rows whose outcome was taken for final too early.

    Parameters
    ----------
    predictions : Predictions
        Its `asked` (or else `as_of`) orders the rows in time.
    spec : AuditFileSpec
        Its `maturity`, where declared, says how long an outcome takes.

    Returns
    -------
    Finding
        `fail` with the count and the date when an outcome is younger than declared, or when the
        latest rows all have the same outcome although earlier ones do not; `pass` only where the
        time is declared; `not enough evidence` where it is not and no such stretch is seen.
    """
    table = predictions.table
    known = table[Y_TRUE].notna().to_numpy()
    if not known.any():
        return Finding(CODE, Status.NOT_APPLICABLE, TITLE, say("No outcome is known yet."))
    dated = spec.maturity is not None or spec.predictions.columns.as_of is not None
    if not dated:
        reason = say(
            "No column says when each row was asked about (`maturity.asked`), so nobody can tell "
            "whether its outcome is final."
        )
        return Finding(CODE, Status.NOT_ENOUGH, TITLE, reason)
    rows = table[known]
    asked = rows[ASKED if spec.maturity is not None else AS_OF].dt.normalize()
    rows, asked = rows[asked.notna()], asked[asked.notna()]
    yes = (rows[Y_TRUE] > 0).to_numpy()
    young = _find_young(asked, spec)
    if young.any():
        return _tell_young(young, yes, asked, spec)
    stretch = _find_stretch(asked, yes, spec.predictions.kind == "yes/no")
    if stretch.any():
        return _tell_stretch(stretch, yes, asked)
    if spec.maturity is None or spec.maturity.outcome_days is None:
        reason = say(
            "The latest outcomes look like the earlier ones, but how long an outcome takes is not "
            "declared (`maturity.outcome_days` and `data_until`)."
        )
        return Finding(CODE, Status.NOT_ENOUGH, TITLE, reason)
    reason = say(
        "All {rows:,} dated outcomes had {outcome_days:,} days before the data ended "
        "on {data_until:%-d %B %Y}.",
        rows=len(rows),
        outcome_days=spec.maturity.outcome_days,
        data_until=spec.maturity.data_until,
    )
    return Finding(CODE, Status.PASS, TITLE, reason, 0.0, 0.0, "rows")


def _find_young(asked: pd.Series, spec: AuditFileSpec) -> np.ndarray:
    maturity = spec.maturity
    if maturity is None or maturity.outcome_days is None or maturity.data_until is None:
        return np.zeros(len(asked), dtype=bool)
    last = pd.Timestamp(maturity.data_until) - pd.Timedelta(days=maturity.outcome_days)
    return (asked > last).to_numpy()


def _find_stretch(asked: pd.Series, yes: np.ndarray, both_ways: bool) -> np.ndarray:
    """Mark the rows after the last day on which an outcome differed from the final one."""
    none = np.zeros(len(asked), dtype=bool)
    best = none
    for same in (True, False) if both_ways else (False,):
        other = asked[yes != same]
        if other.empty:
            continue
        late = (asked > other.max()).to_numpy()
        rate = float((yes[~late] == same).mean())
        count = int(late.sum())
        if count >= FEWEST and rate**count < CHANCE and count > best.sum():
            best = late
    return best


def _tell_young(
    young: np.ndarray, yes: np.ndarray, asked: pd.Series, spec: AuditFileSpec
) -> Finding:
    maturity = spec.maturity
    assert maturity is not None  # noqa: S101 - only a declared time finds young rows
    last = asked[~young].max() if (~young).any() else pd.NaT
    since = (
        say("asked about after {last:%-d %B %Y}", last=last)
        if last is not pd.NaT
        else say("all of them")
    )
    reason = say(
        "{sum:,} of {asked:,} outcomes were not final: {since}, they had fewer than "
        "{outcome_days:,} days until the data ended on {data_until:%-d %B %Y}.",
        sum=int(young.sum()),
        asked=len(asked),
        since=since,
        outcome_days=maturity.outcome_days,
        data_until=maturity.data_until,
    ) + _tell_rates(young, yes)
    return Finding(CODE, Status.FAIL, TITLE, reason, float(young.sum()), 0.0, "rows")


def _tell_stretch(late: np.ndarray, yes: np.ndarray, asked: pd.Series) -> Finding:
    reason = say(
        "The latest {sum:,} of {asked:,} outcomes, asked about after {max:%-d %B %Y}, "
        "are all the same; outcomes that were not final yet look like this.",
        sum=int(late.sum()),
        asked=len(asked),
        max=asked[~late].max(),
    ) + _tell_rates(late, yes)
    return Finding(CODE, Status.FAIL, TITLE, reason, float(late.sum()), 0.0, "rows")


def _tell_rates(late: np.ndarray, yes: np.ndarray) -> str:
    if late.all():
        return ""
    first, others = write(yes[late].mean(), ".1%"), write(yes[~late].mean(), ".1%")
    return " " + say("Of them {first} are yes, of the others {others}.", first=first, others=others)

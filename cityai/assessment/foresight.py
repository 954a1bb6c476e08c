"""Design analysis before the run: what the audit could decide, by a rehearsal of the replay."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from cityai.assessment.audit import audit_scored
from cityai.assessment.metrics import find_metric
from cityai.assessment.scored import fit_limits, score_predictions
from cityai.config.project import AuditableSpec
from cityai.findings import Finding, Status
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions

MOST_FOLDS: Final = 200
"""More test folds than this cannot be declared."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """What the design of an audit could decide."""

    decidable: pd.DataFrame
    """As `Audit.decidable`, by the intervals of the rehearsal."""

    def choose_worst(self) -> pd.DataFrame:
        """Choose the dimension of each limit that is decided least well."""
        table = self.decidable.assign(_known=self.decidable["least_limit"].fillna(math.inf))
        ordered = table.sort_values("_known", ascending=False, kind="stable")
        return ordered.drop_duplicates("metric").drop(columns="_known").sort_index()


def foresee_audit(predictions: Predictions, groups: Groups, spec: AuditableSpec) -> Foresight:
    """Audit a rehearsal's predictions for the widths of its intervals; its gaps are not told."""
    scored = score_predictions(predictions, spec, groups)
    fitted = fit_limits(spec, scored.metrics)
    single = fitted.audit.model_copy(update={"intersections": False})
    audit = audit_scored(scored, groups.memberships, fitted.model_copy(update={"audit": single}))
    return Foresight(audit.decidable)


def judge_design(foresight: Foresight, folds: int, more: int) -> tuple[Finding, ...]:
    """Find the limits that the design cannot decide, and what to do about each.

    Parameters
    ----------
    foresight : Foresight
        From `foresee_audit`.
    folds : int
        Test folds.
    more : int
        Test folds that the history would hold beside these.

    Returns
    -------
    tuple of Finding
        ``design.undecidable``, one a limit that some group could not pass, whatever its
        gap.
    """
    table = foresight.decidable
    mute = table[~(table["least_limit"] <= table["limit"])]
    return tuple(
        _find_undecidable(row, mute, table, folds, more)
        for row in foresight.choose_worst().to_dict("records")
        if row["metric"] in set(mute["metric"])
    )


def _find_undecidable(
    row: Mapping[Hashable, Any], mute: pd.DataFrame, table: pd.DataFrame, folds: int, more: int
) -> Finding:
    name, least = str(row["metric"]), float(row["least_limit"])
    metric = find_metric(name)
    several, of = ((t["metric"] == name).sum() for t in (mute, table))
    told = [str(row["sentence"])]
    if of > 1:
        told.append(f"It is so in {several} of {of} dimensions.")
    return Finding(
        "design.undecidable",
        Status.NOT_ENOUGH,
        "A limit that not every group can be seen to keep",
        " ".join([*told, _tell_remedy(row, folds, more)]),
        least if math.isfinite(least) else None,
        float(row["limit"]),
        metric.unit if metric else "",
        name,
    )


def _tell_remedy(row: Mapping[Hashable, Any], folds: int, more: int) -> str:
    needed = float(row["more_blocks"])
    wider = "a wider limit, or fewer and larger groups"
    if row["block"] != "periods" or not needed <= MOST_FOLDS - folds:
        return f"What helps: {wider}."
    if needed <= more:
        return f"Set `backtest.folds: {folds + needed:.0f}`: your data hold as many."
    held = f"your data hold {more} more" if more else "your data hold no more"
    return f"About {needed:.0f} more test folds would do, and {held}. Until then: {wider}."

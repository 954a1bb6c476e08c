"""The audit of a ranked list: who is selected, who is passed over, and whose odds do not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.assessment.audit import Audit
from cityai.data.given_groups import GivenGroups
from cityai.data.groups import Membership
from cityai.findings import Finding
from cityai.modeling.predictions import Predictions
from cityai.spec.risk import RiskSpec

if TYPE_CHECKING:
    from cityai.data.cases import Cases


@dataclass(frozen=True, slots=True)
class CaseGroups:
    """Who belongs where, case by case, in the whole history.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a case: ``case_id``, ``entity_id``, ``unit`` (str: the key of the memberships) and
        ``y_true`` (NaN where the outcome is not known).
    memberships : tuple of Membership
        Indexed by `unit`.
    clusters : numpy.ndarray or None
        As in `GivenGroups`: which of the sorted distinct units are parts of one entity.
    findings : tuple of Finding
        Areas that the area table does not know.
    """

    table: pd.DataFrame
    memberships: tuple[Membership, ...]
    clusters: np.ndarray | None
    findings: tuple[Finding, ...]


def collect_groups(cases: Cases, groups: GivenGroups) -> CaseGroups:
    """Put the groups of `divide_cases` beside the cases that they divide."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RankingAudit(Audit):
    """For whom a ranked list holds: an audit as any, and what only a list has.

    Metrics are those of a yes or no at the operating point, and ``selection_for_need`` and
    ``exposure_for_need``: a group's share of the selected, or of the exposure by rank, over its
    share of true need (1 is an even share). `findings` hold those of limits and
    ``audit.inspected_more``.

    Attributes
    ----------
    slopes : pandas.DataFrame
        Calibration by group, `dimension` "overall" first: `dimension`, `group`, `n`, `yes`,
        `slope`, `slope_low`, `slope_high`, `intercept`, `intercept_low`, `intercept_high`, `error`
        (mean distance of score and outcome over bands), `chance` (the same if every score held
        exactly), `reason`.
    curves : pandas.DataFrame
        `RankingEvaluation.curve` by `dimension` and `group`.
    attention : pandas.DataFrame
        Where one looked: `dimension`, `group`, `cases`, `entities`, `cases_per_entity`, `low`,
        `high`, `ratio` (to everyone's), `ratio_low`, `ratio_high` (simultaneous), `base_rate`,
        `reason`.
    """

    slopes: pd.DataFrame
    curves: pd.DataFrame
    attention: pd.DataFrame


def audit_cases(predictions: Predictions, groups: CaseGroups, spec: RiskSpec) -> RankingAudit:
    """Audit a ranked list for every group of every dimension.

    Parameters
    ----------
    predictions : Predictions
        Test folds of a yes/no question.
    groups : CaseGroups
        From `collect_groups`.
    spec : RiskSpec
        Its `limits`, `policy` and `audit.infers`.
    """
    raise NotImplementedError

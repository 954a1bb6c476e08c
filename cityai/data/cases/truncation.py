"""Proof that the features of cases do not see the future, and a search for those that seem to."""

from __future__ import annotations

from cityai.data.cases.cases import Cases
from cityai.data.cases.rows import CaseRows
from cityai.findings import Finding
from cityai.spec.load import Project
from cityai.spec.policy import PolicySpec
from cityai.spec.risk import RiskSpec


def check_case_truncation(
    cases: Cases, rows: CaseRows, project: Project[RiskSpec], n_moments: int = 6
) -> Finding:
    """Compare features from all data with features from data cut at the moment of the question.

    Returns
    -------
    Finding
        ``time.truncation``.
    """
    raise NotImplementedError


def check_case_leaks(rows: CaseRows, cases: Cases, policy: PolicySpec) -> Finding:
    """Look for a single feature that tells the outcome almost perfectly.

    Returns
    -------
    Finding
        ``time.near_perfect``: fail when one feature alone ranks cases with an area under the curve
        of at least the policy's ``near_perfect``.
    """
    raise NotImplementedError

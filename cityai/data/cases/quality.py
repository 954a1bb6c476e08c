"""The quality of the cases' data, in the same record as that of demand."""

from __future__ import annotations

from cityai.data.cases.cases import Cases
from cityai.data.quality import QualityReport
from cityai.spec.risk import RiskSpec


def report_case_quality(cases: Cases, spec: RiskSpec) -> QualityReport:
    """Report on the quality of the data against the policy's limits.

    Returns
    -------
    QualityReport
        `by_period` counts rows by month. Findings have the codes ``quality.<dimension>``,
        ``quality.area_gap``, ``quality.unknown_area``, ``cases.repeated`` and ``cases.unknown``.
    """
    raise NotImplementedError

"""All features of all cases."""

from __future__ import annotations

from cityai.data.cases.cases import Cases
from cityai.data.cases.rows import CaseRows
from cityai.spec.load import Project
from cityai.spec.risk import RiskSpec


def build_case_rows(cases: Cases, project: Project[RiskSpec]) -> CaseRows:
    """Build the features of every case from what was known strictly before it was asked about.

    Raises
    ------
    SpecError
        When the specification names a feature that does not exist.
    DataError
        When one of the project's own functions fails.
    """
    raise NotImplementedError

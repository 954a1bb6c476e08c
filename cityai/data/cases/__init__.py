"""Cases: rows that are asked about one by one, what is known of them, and what came before."""

from cityai.data.cases.cases import Cases, cut_cases
from cityai.data.cases.quality import report_case_quality
from cityai.data.cases.read import read_cases

__all__ = [
    "Cases",
    "cut_cases",
    "read_cases",
    "report_case_quality",
]

"""Cases: rows that are asked about one by one, what is known of them, and what came before."""

from cityai.data.cases.cases import Cases, cut_cases
from cityai.data.cases.features import build_case_rows
from cityai.data.cases.groups import divide_cases
from cityai.data.cases.quality import report_case_quality
from cityai.data.cases.read import read_cases
from cityai.data.cases.rows import FAMILIES, CaseRows
from cityai.data.cases.truncation import (
    check_case_leaks,
    check_case_shuffle,
    check_case_truncation,
    plant_case_leak,
)

__all__ = [
    "FAMILIES",
    "CaseRows",
    "Cases",
    "build_case_rows",
    "check_case_leaks",
    "check_case_shuffle",
    "check_case_truncation",
    "cut_cases",
    "divide_cases",
    "plant_case_leak",
    "read_cases",
    "report_case_quality",
]

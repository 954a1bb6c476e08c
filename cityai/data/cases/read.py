"""From a city's tables to cases, through the same door and contract as every other table."""

from __future__ import annotations

from collections.abc import Callable

from cityai.data.cases.cases import Cases
from cityai.spec.load import Project
from cityai.spec.risk import RiskSpec


def read_cases(project: Project[RiskSpec], progress: Callable[[str], None] | None = None) -> Cases:
    """Read the cases, their outcomes, and the tables beside them.

    Parameters
    ----------
    project : Project
        A project of `kind: risk`.
    progress : callable, optional
        Told, in a few words, what is being done.

    Raises
    ------
    DataError
        If a source cannot be read, most of its rows break the contract, no case is in scope, or
        all known outcomes are alike.
    """
    raise NotImplementedError

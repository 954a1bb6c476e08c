"""Checks of time, alike for all: features see no future, and none of them is the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.features.own import check_own
from cityai.data.leaks import Labels, check_leaks, choose_measured, plant_leak
from cityai.data.rows import Rows, RowsAt
from cityai.data.truncation import (
    check_permutation,
    check_truncation,
    permute_future,
    sample_moments,
)
from cityai.findings import Finding
from cityai.records.events import Events


@dataclass(frozen=True, slots=True, eq=False)
class RowSource:
    """Where rows come from, and what is looked at to check them."""

    project: Project[BaseProjectSpec]
    """The question, and its own functions."""
    source: Events
    """What was known, and when."""
    lay: Callable[[Events], RowsAt]
    """From a source to the function that makes its rows."""
    rows_at: RowsAt
    """That of `source` itself."""
    moments: pd.DatetimeIndex
    """All at which anything is asked, rising."""
    searched: pd.DatetimeIndex
    """Those whose rows are searched for leaks."""
    first_test: pd.Timestamp
    """When the first test fold is asked about."""
    label: Callable[[Rows], Labels]
    """From rows to their targets."""


def check_time(rows: RowSource) -> tuple[Finding, ...]:
    """Prove that features see no future; look for one that is the target itself."""
    project, (searched, labels, among) = rows.project, _search(rows)
    return (
        check_truncation(rows.rows_at, rows.moments, project),
        check_leaks(searched, labels, project.spec.policy, among),
        *check_own(project.own_features, project.spec.features.own),
    )


def check_permuted(rows: RowSource, seed: int) -> Finding:
    """See whether features change when what the first test fold may not know is permuted."""
    earlier = rows.moments[rows.moments <= rows.first_test]
    moments = sample_moments(earlier)
    permuted = rows.lay(permute_future(rows.source, moments[-1], seed))
    return check_permutation(rows.rows_at(moments), permuted(moments))


def check_planted(rows: RowSource) -> Finding:
    """See whether a feature that is the target itself is found."""
    searched, labels, among = _search(rows)
    planted = plant_leak(searched, labels)
    return check_leaks(planted, labels, rows.project.spec.policy, among)


def _search(rows: RowSource) -> tuple[Rows, Labels, int]:
    """Make the rows that are searched for leaks, and no others; tell of how many entities."""
    among = 0

    def choose(keys: Rows) -> npt.NDArray[np.intp] | None:
        nonlocal among
        among = int(keys.table[ENTITY].nunique())
        return choose_measured(keys, rows.label(keys))

    searched = rows.rows_at(rows.searched, choose=choose)
    return searched, rows.label(searched), among

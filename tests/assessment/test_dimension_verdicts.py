"""One verdict a dimension: its groups together, and the two that lie farthest apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cityai.assessment.audit import Audit
from cityai.findings import Status
from cityai.inference.equivalence import Grade
from tests.assessment.conftest import audit_predictions

Make = Callable[..., object]
STATUSES = (Status.FAIL, Status.NOT_ENOUGH, Status.PASS)


def audit_thirds(
    make_predictions: Make, make_membership: Make, make_spec: Make, factor: float, folds: int = 12
) -> Audit:
    """Three groups of unequal size; that of the first six entities is forecast by `factor`."""
    found = make_predictions(folds=folds, steps=2, entities=20)
    first = (found.table.entity_id < "a06").to_numpy()
    found = replace(
        found,
        table=found.table.assign(y_pred=found.table.y_pred * np.where(first, factor, 1.0)),
    )
    thirds = {f"a{e:02}": "low" if e < 6 else "middle" if e < 15 else "high" for e in range(20)}
    return audit_predictions(found, [make_membership(thirds)], make_spec())


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.0, 1.3])
def test_the_verdict_on_a_dimension_is_that_of_its_groups(
    factor: float, make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    audit = audit_thirds(make_predictions, make_membership, make_spec, factor)
    limited = audit.table[audit.table["limit"].notna() & (audit.table.dimension == "zone")]
    assert set(audit.verdicts["metric"]) == set(limited["metric"])
    for verdict in audit.verdicts.itertuples():
        own = limited[limited.metric == verdict.metric]
        assert verdict.status == next(s for s in STATUSES if s in set(own.status))
        if verdict.status != Status.NOT_ENOUGH:
            assert verdict.grade == {"pass": "within", "fail": "beyond"}[verdict.status]
        else:
            assert verdict.grade in set(own.grade)
        assert verdict.spread == pytest.approx(own.value.max() - own.value.min(), abs=1e-12) or (
            # Of coverage, the lowest is served worst, so the difference is below zero.
            verdict.metric == "coverage"
            and verdict.spread == pytest.approx(own.value.min() - own.value.max(), abs=1e-12)
        )
        assert verdict.spread_low <= verdict.spread <= verdict.spread_high


def test_a_planted_exclusion_names_who_bears_it(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    audit = audit_thirds(make_predictions, make_membership, make_spec, 0.6)
    row = audit.verdicts[audit.verdicts.metric == "under_forecast_share"].iloc[0]
    assert row.status == Status.FAIL
    assert row.worst == "low"
    assert row.spread_low > 0
    assert "of low and " in row.sentence
    groups = audit.table[(audit.table.metric == "under_forecast_share")].set_index("group")
    assert groups.loc["low", "served"] == "worse"
    assert groups.loc[row.best, "served"] == "better"


def test_an_undecided_group_is_graded_by_its_interval(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    grades = set()
    for factor in (0.8, 0.88, 0.94, 1.0):
        table = audit_thirds(make_predictions, make_membership, make_spec, factor, folds=7).table
        open_ones = table[table.status == Status.NOT_ENOUGH]
        for row in open_ones.itertuples():
            grades.add(row.grade)
            none = row.gap_low <= 0 <= row.gap_high
            if row.grade == Grade.NOT_SEEN:
                assert none
                assert abs(row.gap) <= row.limit
            if row.grade == Grade.OPEN:
                assert not none
            if row.grade == Grade.LEANS:
                assert abs(row.gap) > row.limit
                assert max(row.gap_low, -row.gap_high) <= row.limit
    assert len(grades) > 1, "the planted gaps are not all alike"

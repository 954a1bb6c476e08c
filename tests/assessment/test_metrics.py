from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from cityai.assessment.metrics import build_sums, check_limits, find_metrics
from cityai.assessment.scored import INSPECTED_MORE, fit_limits, refuse_limits
from cityai.config.policy import RATIOS, PolicySpec
from cityai.config.project import AuditSpec
from cityai.errors import SpecError
from cityai.inference.ratio_influence import compute_ratio
from tests.assessment.conftest import _make_spec as make_spec

BY_NAME = {m.name: m for m in find_metrics("amount")}
values = st.floats(0, 1e6, allow_nan=False).map(lambda x: round(x, 3))


def build_table(y: list[float], p: list[float], **more: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"y_true": y, "y_pred": p, "fold": 1, "step": 1, **more})


def measure(table: pd.DataFrame, name: str, column: str = "y_pred") -> float:
    sums = build_sums(table, column)
    return float(compute_ratio(sums.values.sum(axis=0), sums.names, BY_NAME[name]))


def test_a_limit_above_one_has_a_meaning_for_ratios_alone() -> None:
    metrics = (*find_metrics("amount"), *find_metrics("yes/no"), *find_metrics("list"))
    ratios = {m.name for m in metrics if m.unit == "ratio"} | {"inspected_more"}
    assert ratios == RATIOS
    assert PolicySpec(limits={"calibration": 1.5, "bias": 1}).limits["calibration"] == 1.5
    with pytest.raises(ValidationError, match="a gap of 150 points"):
        PolicySpec(limits={"bias": 1.5})


def test_by_hand() -> None:
    table = build_table(
        [4.0, 0.0, 6.0],
        [2.0, 1.0, 7.0],
        y_low=[3.0, 0.0, 7.0],
        y_high=[5.0, 2.0, 9.0],
        scale=[2.0, math.nan, 1.0],
    )
    wanted = {
        "wape": 4 / 10,
        "mae": 4 / 3,
        "rmse": math.sqrt(6 / 3),
        "bias": 0.0,
        "mase": (1.0 + 1.0) / 2,
        "under_forecast_share": 2 / 10,
        "over_forecast_share": 2 / 10,
        "coverage": 2 / 3,
        "interval_width": 2.0,
        "unmet_need": 2 / 10,
        "idle_capacity": 2 / 10,
    }
    assert {name: measure(table, name) for name in BY_NAME} == pytest.approx(wanted)


@pytest.mark.slow
@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=40))
def test_equal_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    y, p = [a for a, _ in pairs], [b for _, b in pairs]
    table = build_table(y, p)
    assert measure(table, "mae") == pytest.approx(mean_absolute_error(y, p), rel=1e-12)
    assert measure(table, "rmse") == pytest.approx(root_mean_squared_error(y, p), rel=1e-12)


def test_nothing_counted_is_undefined_never_zero() -> None:
    table = build_table([0.0, 0.0], [1.0, 2.0])
    for name in ("wape", "bias", "under_forecast_share", "over_forecast_share", "unmet_need"):
        assert math.isnan(measure(table, name)), name
    assert math.isnan(measure(table, "coverage"))
    assert math.isnan(measure(table, "mase"))
    assert measure(table, "mae") == 1.5


def test_rows_without_outcome_or_forecast_are_left_out_and_counted() -> None:
    table = build_table([1.0, math.nan, 3.0], [2.0, 2.0, math.nan])
    sums = build_sums(table)
    assert sums.left_out == 2
    assert measure(table, "mae") == 1.0


def test_series_without_scale_are_left_out_of_mase_and_counted() -> None:
    table = build_table([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], scale=[0.0, math.nan, 2.0])
    sums = build_sums(table)
    assert sums.values[:, sums.names.index("n_scaled")].tolist() == [0.0, 0.0, 1.0]
    assert measure(table, "mase") == 0.5


def test_capacity_is_shared_within_a_moment_and_adds_up() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.poisson(5, 60).astype(float), rng.uniform(0, 10, 60)
    table = build_table(list(y), list(p)).assign(fold=np.repeat([1, 2, 3], 20))
    sums = build_sums(table)
    allocated = pd.Series(sums.values[:, sums.names.index("allocated")])
    assert allocated.groupby(table["fold"]).sum().to_numpy() == pytest.approx(
        table.groupby("fold")["y_true"].sum().to_numpy()
    )
    assert measure(table, "unmet_need") == pytest.approx(measure(table, "idle_capacity"))


def test_without_any_forecast_all_need_is_unmet() -> None:
    assert measure(build_table([3.0, 4.0], [0.0, 0.0]), "unmet_need") == 1.0


def test_error_against_a_baseline_uses_rows_where_both_exist() -> None:
    table = build_table([1.0, 2.0, 3.0], [2.0, 2.0, 9.0])
    table["baseline.naive"] = [3.0, 4.0, math.nan]
    sums = build_sums(table, baselines=("naive",))
    metric = find_metrics(baselines=("naive",))[-1]
    assert metric.name == "error_against_naive"
    assert compute_ratio(sums.values.sum(axis=0), sums.names, metric) == pytest.approx(1 / 4)


def test_unknown_limit_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match="Did you mean 'under_forecast_share'"):
        check_limits({"underforecast_share": 0.05}, find_metrics("amount"))
    with pytest.raises(SpecError, match="no audited metric 'mae'"):
        check_limits({"mae": 0.05}, find_metrics("amount"))
    check_limits(
        {"bias": 0.05, "error_against_naive": 0.1}, find_metrics("amount", baselines=("naive",))
    )


def test_a_policy_of_a_whole_city_holds_limits_of_every_target():
    """Limits on another target's figures do not apply; a name that nobody knows is refused."""
    shared = {
        "bias": 0.1,
        "true_positive_rate": 0.05,
        "selection_for_need": 0.2,
        "inspected_more": 0.3,
    }
    spec = make_spec(limits=shared)
    assert set(fit_limits(spec, find_metrics("amount")).limits) == {"bias"}
    assert "bias" not in fit_limits(spec, find_metrics("yes/no", "list")).limits
    for targets in (("amount",), ("yes/no", "list")):
        refuse_limits(spec, find_metrics(*targets))
        with pytest.raises(SpecError, match="biass"):
            refuse_limits(make_spec(limits=shared | {"biass": 0.1}), find_metrics(*targets))


def test_a_limit_on_what_is_counted_is_the_kinds_own():
    audit = AuditSpec(limits={"inspected_more": 0.3})
    spec = make_spec().model_copy(update={"audit": audit})
    refuse_limits(spec, find_metrics("yes/no", "list"), INSPECTED_MORE)
    with pytest.raises(SpecError, match="inspected_more"):
        refuse_limits(spec, find_metrics("amount"))

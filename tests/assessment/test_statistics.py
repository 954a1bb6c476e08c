from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from cityai.assessment.metrics import build_sums, find_metrics
from cityai.assessment.more_words import tell_more
from cityai.findings import Status
from cityai.inference.autocorrelation import (
    LEAST_PERIODS,
    MOST_INDEPENDENT,
    PRIOR_INDEPENDENT,
    UNRELATED_LEVEL,
    _count_series,
    autocorrelated_se,
    learn_independence,
    list_covariances,
    mixture_margin,
    model_averaged_se,
)
from cityai.inference.contrasts import contrast_groups
from cityai.inference.equivalence import (
    WIDER,
    Grade,
    count_more_blocks,
    decide_margins,
    foresee_blocks,
)
from cityai.inference.ratio_influence import (
    compute_influence,
    compute_ratio,
    sum_cells,
    weigh_cells,
)
from cityai.inference.standard_errors import (
    cluster_robust_se,
    compute_margin,
    correct_leverage,
    count_effective,
    find_lopsided,
    satterthwaite_df,
    simultaneous_confidence,
)

WAPE = find_metrics("amount")[0]
RMSE = next(m for m in find_metrics("amount") if m.name == "rmse")

DATABASE = duckdb.connect(config={"threads": 1})
SQL = """
select "group",
  case when sum(y_true) > 0 then sum(abs(y_pred - y_true)) / sum(y_true) end as wape,
  avg(abs(y_pred - y_true)) as mae,
  sqrt(avg((y_pred - y_true) ** 2)) as rmse,
  case when sum(y_true) > 0 then sum(y_pred - y_true) / sum(y_true) end as bias,
  case when count(*) filter (scale > 0) > 0
    then sum(abs(y_pred - y_true) / scale) filter (scale > 0) / count(*) filter (scale > 0)
    end as mase,
  case when sum(y_true) > 0 then sum(greatest(y_true - y_pred, 0)) / sum(y_true) end
    as under_forecast_share,
  case when sum(y_true) > 0 then sum(greatest(y_pred - y_true, 0)) / sum(y_true) end
    as over_forecast_share,
  avg((y_true between y_low and y_high)::double) as coverage,
  avg(y_high - y_low) as interval_width
from rows group by "group" order by "group"
"""

cases = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 3),
        st.one_of(st.just(0.0), st.integers(0, 50).map(float)),
        st.floats(0, 50).map(lambda x: round(x, 2)),
        st.sampled_from([math.nan, 0.0, 0.5, 3.0]),
    ),
    min_size=1,
    max_size=60,
)


@settings(derandomize=True, max_examples=70, deadline=None)
@given(cases)
def test_equal_a_second_implementation_in_sql(
    case: list[tuple[int, int, float, float, float]],
) -> None:
    rows = pd.DataFrame(case, columns=["group", "block", "y_true", "y_pred", "scale"])
    rows = rows.assign(y_low=rows.y_pred - 1, y_high=rows.y_pred + 2, fold=1, step=1)
    DATABASE.register("rows", rows.assign(scale=rows.scale.fillna(0.0)))
    wanted = DATABASE.sql(SQL).fetchdf().set_index("group").astype(float)
    sums = build_sums(rows)
    tensor = sum_cells(sums.values, rows.block.to_numpy(), rows.group.to_numpy(), 4, 5)
    for metric in find_metrics("amount")[:9]:
        got = compute_ratio(tensor.sum(axis=0), sums.names, metric)
        column = wanted[metric.name].reindex(range(5)).to_numpy()
        assert np.array_equal(np.isnan(got), np.isnan(column)), metric.name
        assert got == pytest.approx(column, rel=1e-12, abs=1e-12, nan_ok=True), metric.name


@settings(derandomize=True, max_examples=60, deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_groups_add_up_and_row_order_does_not_matter(
    case: list[tuple[int, int, float, float, float]], random: object
) -> None:
    rows = pd.DataFrame(case, columns=["group", "block", "y_true", "y_pred", "scale"])
    sums = build_sums(rows)
    tensor = sum_cells(sums.values, rows.block.to_numpy(), rows.group.to_numpy(), 4, 5)
    assert tensor.sum(axis=(0, 1)) == pytest.approx(sums.values.sum(axis=0), rel=1e-12)
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = sum_cells(
        sums.values[order], rows.block.to_numpy()[order], rows.group.to_numpy()[order], 4, 5
    )
    assert other == pytest.approx(tensor, rel=1e-12, abs=1e-9)


def check_fairlearn(case: list[tuple[int, int, float, float, float]]) -> None:
    rows = pd.DataFrame(case, columns=["group", "block", "y_true", "y_pred", "scale"])
    frame = MetricFrame(
        metrics={"mae": mean_absolute_error, "rmse": root_mean_squared_error},
        y_true=rows.y_true,
        y_pred=rows.y_pred,
        sensitive_features=rows.group,
    )
    sums = build_sums(rows)
    tensor = sum_cells(sums.values, rows.block.to_numpy(), rows.group.to_numpy(), 4, 5)
    for metric in (find_metrics("amount")[1], RMSE):
        got = compute_ratio(tensor.sum(axis=0), sums.names, metric)
        wanted = frame.by_group[metric.name].reindex(range(5)).to_numpy(float)
        assert got == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True)
        whole = compute_ratio(tensor.sum(axis=(0, 1)), sums.names, metric)
        assert whole == pytest.approx(frame.overall[metric.name], rel=1e-12, abs=1e-12)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(cases)
def test_points_equal_fairlearn(case: list[tuple[int, int, float, float, float]]) -> None:
    check_fairlearn(case)


@pytest.mark.long
@settings(derandomize=True, max_examples=200, deadline=None)
@given(cases)
def test_points_equal_fairlearn_often(case: list[tuple[int, int, float, float, float]]) -> None:
    check_fairlearn(case)


def test_soft_sums_equal_brute_force() -> None:
    rng = np.random.default_rng(1)
    cells, weights = rng.uniform(size=(4, 6, 3)), rng.dirichlet([1, 1, 1], 6)
    wanted = np.zeros((4, 3, 3))
    for b, e, g, k in itertools.product(range(4), range(6), range(3), range(3)):
        wanted[b, g, k] += weights[e, g] * cells[b, e, k]
    assert weigh_cells(cells, weights) == pytest.approx(wanted, rel=1e-14)


def test_influence_is_the_derivative() -> None:
    rng = np.random.default_rng(2)
    names = ("abs_error", "y", "squared_error", "n")
    tensor = rng.uniform(1, 2, (7, 3, 4))
    for metric in (WAPE, RMSE):
        influence = compute_influence(tensor, names, metric)
        assert influence.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
        for b in range(7):
            weight = np.ones(7)
            weight[b] += 1e-6
            moved = compute_ratio(np.einsum("b,bgk->gk", weight, tensor), names, metric)
            still = compute_ratio(tensor.sum(axis=0), names, metric)
            assert (moved - still) / 1e-6 == pytest.approx(influence[b], rel=1e-4, abs=1e-8)


def test_closed_form_equals_bootstrap_of_the_same_blocks() -> None:
    rng = np.random.default_rng(4)
    blocks = 40
    tensor = np.empty((blocks, 2, 2))
    tensor[..., 1] = rng.uniform(90, 110, (blocks, 2))
    tensor[..., 0] = tensor[..., 1] * rng.normal([0.2, 0.25], 0.03, (blocks, 2))
    names = ("abs_error", "y")
    influence = compute_influence(tensor, names, WAPE)
    closed = math.sqrt(((influence[:, 0] - influence[:, 1]) ** 2).sum())
    draws = rng.multinomial(blocks, np.full(blocks, 1 / blocks), 20_000).astype(float)
    ratio = compute_ratio(np.einsum("rb,bgk->rgk", draws, tensor, optimize=True), names, WAPE)
    assert closed == pytest.approx((ratio[:, 0] - ratio[:, 1]).std(), rel=0.03)


def test_many_independent_periods_give_the_plain_t_interval() -> None:
    x = np.random.default_rng(5).normal(size=(104, 40))
    influence = (x - x.mean(axis=0)) / len(x)
    margin = compute_margin(autocorrelated_se(influence, np.full(40, 104.0)), 0.95, 6)
    plain = stats.t.ppf(0.975, 103) * x.std(ddof=1, axis=0) / math.sqrt(104)
    assert 1 <= np.median(margin / plain) < 1.3
    assert (margin >= plain * 0.999).all()


@pytest.mark.parametrize("line", [False, True])
def test_each_kind_of_resemblance_is_generalised_least_squares(line: bool) -> None:
    n, x = 9, np.random.default_rng(0).normal(size=9)
    kinds = list_covariances(tuple(range(n)), line=line)
    design = np.column_stack([np.ones(n), np.arange(n) - 4.0])[:, : 2 if line else 1]
    k = 1  # the first kind that is not independence: rho 0.8, a part of 0.35
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    alike = 0.35 * 0.8**apart + 0.65 * np.eye(n)
    whiten = np.linalg.inv(np.linalg.cholesky(alike))
    fitted = np.linalg.lstsq(whiten @ design, whiten @ x, rcond=None)[0]
    left = whiten @ (x - design @ fitted)
    assert x @ kinds.residual[k] @ x == pytest.approx(left @ left)
    estimate = np.polyfit(np.arange(n), x, 1)[0] if line else x.sum()
    assert kinds.weights @ x == pytest.approx(estimate)
    draws = np.random.default_rng(1).normal(size=(40_000, n)) @ np.linalg.cholesky(alike).T
    assert (draws @ kinds.weights).var() == pytest.approx(kinds.stretch[k], rel=0.03)


def test_the_longer_a_series_the_less_is_paid_for_not_knowing_its_resemblance() -> None:
    rng = np.random.default_rng(3)
    wider = []
    for n in (8, 26, 104):
        x = rng.normal(size=(n, 200))
        x -= x.mean(axis=0)
        plain = np.sqrt(n * x.var(ddof=1, axis=0))
        kinds = list_covariances(tuple(range(n)))
        wider.append(
            [
                np.median(model_averaged_se(kinds, x, u) / plain)
                for u in (UNRELATED_LEVEL, PRIOR_INDEPENDENT)
            ]
        )
    level, gap = np.transpose(wider)
    assert (level > gap).all()
    assert 4 > level[0] > level[1] > level[2] >= 1
    assert 2.5 > gap[0] > gap[1] > gap[2] >= 1


@pytest.mark.promise(28)
@pytest.mark.parametrize("level", [False, True])
def test_more_periods_never_widen_the_interval(observe: Callable[[str], None], level: bool) -> None:
    """Four unrelated series: at 40 periods the mean margin once rose by a third."""
    drawn = np.random.default_rng(8).normal(size=(60, 120, 4))
    lengths = (6, 7, 8, 10, 13, 16, 20, 26, 32, 38, 39, 40, 41, 44, 52, 65, 78, 104, 120)
    mean = []
    for n in lengths:
        influence = (drawn[:, :n] - drawn[:, :n].mean(axis=1, keepdims=True)) / n
        blocks = np.full(4, float(n))
        spreads = [autocorrelated_se(x, blocks, level=level) for x in influence]
        mean.append(np.mean([compute_margin(s, 0.95, 6) for s in spreads]))
    observe(f"largest rise {max(0.0, *np.diff(mean)):.1g}")
    assert (np.diff(mean) < 0).all(), list(zip(lengths, mean, strict=True))


def test_how_much_wider_gaps_are_than_plain_t_is_what_is_foretold() -> None:
    drawn = np.random.default_rng(8).normal(size=(150, max(WIDER[0]), 4))
    for n, foretold in zip(*WIDER, strict=True):
        wider = []
        for series in drawn[:, :n] - drawn[:, :n].mean(axis=1, keepdims=True):
            chance = learn_independence(series)
            found = autocorrelated_se(series, np.full(4, float(n)), unrelated=chance).error
            wider.append(found / np.sqrt(n * series.var(axis=0, ddof=1)))
        assert np.mean(wider) == pytest.approx(foretold, abs=0.06)


@pytest.mark.parametrize(
    ("n", "twelve", "alone"), [(8, 1.32, 1.8), (26, 1.02, 1.5), (52, 1.0, 1.3)]
)
def test_how_much_wider_they_are_is_what_the_documentation_says(
    n: int, twelve: float, alone: float
) -> None:
    gaps, single = [], []
    for series in np.random.default_rng(11).normal(size=(200, n, 12)):
        series -= series.mean(axis=0)
        plain = np.sqrt(n * series.var(axis=0, ddof=1))
        chance = learn_independence(series)
        found = autocorrelated_se(series, np.full(12, float(n)), unrelated=chance).error
        gaps.append(found / plain)
        margin = mixture_margin(series[:, 0], float(n), 0.9, 6)
        single.append(margin / plain[0] / stats.t.ppf(0.95, n - 1))
    assert np.mean(gaps) == pytest.approx(twelve, abs=0.04)
    assert np.mean(single) == pytest.approx(alone, abs=0.06)


def test_series_that_share_a_resemblance_tell_more_of_it() -> None:
    x = np.random.default_rng(6).normal(size=(8, 300))
    x -= x.mean(axis=0)
    kinds, plain = list_covariances(tuple(range(8))), np.sqrt(8 * x.var(ddof=1, axis=0))
    few, many = (
        np.median(model_averaged_se(kinds, x, PRIOR_INDEPENDENT, worth) / plain)
        for worth in (1.0, 10.0)
    )
    assert 1 <= many < few
    # Without doubt about the kind, the error is that kind's own.
    sure = model_averaged_se(kinds, x, 1.0)
    assert sure == pytest.approx(plain)


def test_periods_that_resemble_each_other_widen_the_interval() -> None:
    x = np.sin(np.linspace(0, 3 * np.pi, 26))[:, None]
    influence = (x - x.mean()) / 26
    margin = compute_margin(autocorrelated_se(influence, np.array([26.0])), 0.95, 6)
    assert margin[0] > 1.5 * stats.t.ppf(0.975, 25) * x.std(ddof=1) / math.sqrt(26)


def test_a_group_that_never_varied_lends_no_certainty() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    influence = np.column_stack([x - x.mean(axis=0), np.zeros(20)])
    contrast = np.array([[1.0, 0.0], [-1.0, -1.0], [0.0, 1.0]])
    apart = contrast_groups(influence, contrast)
    assert apart[:, 0] == pytest.approx(influence[:, 0] - influence[:, 1])
    assert not apart[:, 1].any()


def test_columns_that_vary_together_count_as_fewer() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    assert _count_series(x) == pytest.approx(4, abs=0.4)
    assert _count_series(x[:, [0, 0, 0]]) == pytest.approx(1)


def test_too_few_blocks_and_no_variation_give_no_interval() -> None:
    x = np.random.default_rng(0).normal(size=(9, 1))
    influence = np.column_stack([x - x.mean(), np.zeros(9)])
    few = autocorrelated_se(influence, np.array([9.0, 9.0]))
    assert np.isnan(compute_margin(few, 0.95, 10)).all()
    assert np.isfinite(compute_margin(few, 0.95, 9)).tolist() == [True, False]
    short = influence[: LEAST_PERIODS - 1]
    spread = autocorrelated_se(short, np.full(2, len(short)))
    assert np.isnan(compute_margin(spread, 0.95, 3)).all()
    assert spread.usable.tolist() == [False, True]


def test_a_few_giants_leave_few_degrees_of_freedom() -> None:
    size = np.array([[100.0], [100.0], *[[1.0]] * 50])
    assert 2 < count_effective(size)[0] < 3.2
    influence = np.random.default_rng(0).normal(size=(52, 1))
    spread = cluster_robust_se(influence, np.array([52.0]), satterthwaite_df(size, influence))
    assert not spread.usable[0]
    assert satterthwaite_df(np.ones((52, 1)), influence)[0] == pytest.approx(51)
    assert correct_leverage(influence, size)[2] == pytest.approx(influence[2], rel=0.01)
    assert abs(correct_leverage(influence, size)[0]) > abs(influence[0])


def test_a_share_of_few_is_lopsided_and_gives_no_interval() -> None:
    size = np.ones((100, 3))
    yes = np.zeros((100, 3))
    yes[:5, 0] = yes[:40, 1] = 1.0
    influence = (yes - yes.mean(axis=0)) / 100
    wanted = (1 - 2 * 0.05) ** 2 / (100 * 0.05 * 0.95)
    assert find_lopsided(influence)[0] == pytest.approx(wanted)
    assert satterthwaite_df(size, influence).tolist() == [0.0, pytest.approx(99), 0.0]


def test_simultaneous_confidence_lies_between_one_and_independent() -> None:
    same, apart = np.full((6, 6), 0.9999), np.eye(6)
    np.fill_diagonal(same, 1.0)
    assert simultaneous_confidence(same, 0.95) == pytest.approx(0.95, abs=0.01)
    assert simultaneous_confidence(apart, 0.95) == pytest.approx(0.95 ** (1 / 6), abs=0.002)
    assert simultaneous_confidence(np.eye(1), 0.95) == 0.95
    assert simultaneous_confidence(apart, 0.95, pairs=True) > simultaneous_confidence(apart, 0.95)


@pytest.mark.parametrize(
    ("gap", "margin", "status"),
    [
        (0.01, 0.03, Status.PASS),
        (-0.01, 0.03, Status.PASS),
        (0.10, 0.03, Status.FAIL),
        (-0.10, 0.03, Status.FAIL),
        (0.04, 0.03, Status.NOT_ENOUGH),
        (0.00, 0.06, Status.NOT_ENOUGH),
        (0.00, math.nan, Status.NOT_ENOUGH),
        (math.nan, 0.01, Status.NOT_ENOUGH),
    ],
)
def test_a_verdict_is_an_equivalence_test(gap: float, margin: float, status: Status) -> None:
    verdict = decide_margins(gap, margin, margin, 0.05)
    assert verdict.status is status
    assert (verdict.grade is Grade.WITHIN) == (status is Status.PASS)
    assert (verdict.grade is Grade.BEYOND) == (status is Status.FAIL)


@pytest.mark.parametrize(
    ("gap", "alone", "together", "grade", "decided_by"),
    [
        (0.01, 0.03, 0.06, Grade.WITHIN, 0.03),  # each group by its own interval
        (0.08, 0.02, 0.04, Grade.LEANS, 0.04),  # beyond by its own interval, not by that of all
        (0.08, 0.02, 0.02, Grade.BEYOND, 0.02),
        (0.04, 0.03, 0.035, Grade.OPEN, 0.035),
        (0.02, 0.04, 0.05, Grade.NOT_SEEN, 0.05),
        (0.06, 0.10, 0.12, Grade.TOO_FEW, 0.12),
        (0.06, 0.07, 0.09, Grade.LEANS, 0.09),
    ],
)
def test_what_is_not_decided_is_graded(
    gap: float, alone: float, together: float, grade: Grade, decided_by: float
) -> None:
    verdict = decide_margins(gap, alone, together, 0.05)
    assert verdict.grade is grade
    assert verdict.high - gap == pytest.approx(decided_by)
    assert gap - verdict.low == pytest.approx(decided_by)


@given(st.floats(-0.3, 0.3), st.floats(0, 0.3), st.floats(0, 0.3), st.floats(0.01, 0.2))
def test_the_interval_that_is_told_agrees_with_the_verdict(
    gap: float, alone: float, more: float, limit: float
) -> None:
    verdict = decide_margins(gap, alone, alone + more, limit)
    inside = max(-verdict.low, verdict.high) <= limit
    outside = max(verdict.low, -verdict.high) > limit
    assert inside == (verdict.status is Status.PASS)
    assert outside == (verdict.status is Status.FAIL)
    if verdict.grade is Grade.NOT_SEEN:
        assert verdict.low <= 0 <= verdict.high
    if verdict.grade is Grade.OPEN:
        assert not verdict.low <= 0 <= verdict.high
    # A larger limit never turns a pass into anything else, nor undecided into fail.
    wider = decide_margins(gap, alone, alone + more, 1.5 * limit).status
    assert verdict.status is not Status.PASS or wider is Status.PASS
    assert verdict.status is Status.FAIL or wider is not Status.FAIL


def test_more_blocks_are_those_that_shrink_the_interval_enough() -> None:
    more = count_more_blocks(0.0, -0.10, 0.10, 0.05, 10)
    total = 10 + more
    shrunk = 0.10 * stats.t.ppf(0.975, total - 1) / stats.t.ppf(0.975, 9) * math.sqrt(10 / total)
    assert shrunk <= 0.05 < shrunk * 1.06
    assert math.isinf(count_more_blocks(0.05, -0.05, 0.15, 0.05, 10))
    assert math.isnan(count_more_blocks(0.0, math.nan, math.nan, 0.05, 10))
    # The wider side of a lopsided interval decides, and beyond the limit the inner one.
    assert count_more_blocks(0.0, -0.10, 0.01, 0.05, 10) == more
    assert count_more_blocks(-0.1, -0.9, -0.04, 0.05, 10) < 10


def test_what_more_would_take_is_a_range() -> None:
    few, many = foresee_blocks(0.0, -0.10, 0.10, 0.05, 8, periods=True)
    middle = count_more_blocks(0.0, -0.10, 0.10, 0.05, 8)
    assert few < middle < many < math.inf
    assert foresee_blocks(0.0, -0.10, 0.10, 0.05, 8, periods=False)[0] > few
    near = foresee_blocks(0.06, -0.04, 0.16, 0.05, 13, periods=True)
    assert near[0] > 20
    assert math.isinf(near[1]), "whether it lies within or beyond is not known"
    assert foresee_blocks(0.0, -0.051, 0.051, 0.05, 400, periods=False)[0] >= 1


@pytest.mark.parametrize(
    ("few", "many", "blocks", "days", "members", "wanted"),
    [
        (12, 30, 13, 28.0, 1.0, "About 12 to 30 more periods like these, over 1 to 3 years,"),
        (2, 9, 13, 28.0, 1.0, "About 2 to 9 more periods like these, over 2 to 9 months,"),
        (40, math.inf, 13, 28.0, 1.0, "At least 40 more periods like these would be needed"),
        (547, 756, 13, 28.0, 1.0, "It will not be decided within ten years at this limit."),
        (math.inf, math.inf, 13, 28.0, 1.0, "It will not be decided within ten years"),
        (272, 400, 299, math.nan, 6.36, "About 1,800 to 2,600 more periods like these would "
         "decide it; 280 to 400 of them would count in this figure."),
        (272, 400, 299, math.nan, 1.0, "About 280 to 400 more periods like these would decide"),
        (4000, math.inf, 299, math.nan, 1.0, "more than ten times as many would be needed"),
    ],
)  # fmt: skip
def test_more_is_said_in_time_and_of_all(
    few: float, many: float, blocks: float, days: float, members: float, wanted: str
) -> None:
    assert wanted in tell_more(few, many, blocks, "periods", days, members)


def _draw_memory(rng: np.random.Generator, periods: int, columns: int, rho: float) -> np.ndarray:
    noise = rng.standard_normal((periods, columns))
    series = noise.copy()
    for t in range(1, periods):
        series[t] = rho * series[t - 1] + math.sqrt(1 - rho**2) * noise[t]
    return series - series.mean(axis=0)


def test_all_gaps_together_tell_how_likely_memory_is() -> None:
    """Unrelated periods raise the chance of none, related ones lower it; it is never certain."""
    rng = np.random.default_rng(3)
    learnt = {
        rho: [learn_independence(_draw_memory(rng, 13, 12, rho)) for _ in range(60)]
        for rho in (0.0, 0.9)
    }
    assert max(map(max, learnt.values())) <= MOST_INDEPENDENT
    assert np.median(learnt[0.0]) > PRIOR_INDEPENDENT > np.median(learnt[0.9])
    # What does not vary, or hardly any period, tells nothing.
    assert learn_independence(np.zeros((13, 4))) == PRIOR_INDEPENDENT
    assert learn_independence(_draw_memory(rng, 5, 4, 0.0)) == PRIOR_INDEPENDENT
    # A copy of the same gap is no second witness.
    one = _draw_memory(rng, 13, 1, 0.0)
    twice = learn_independence(np.repeat(one, 8, axis=1))
    assert twice == pytest.approx(learn_independence(one), abs=0.02)


def test_a_skewed_gap_is_given_a_wider_interval_the_farther_in_the_tail() -> None:
    """And one that is not skewed is left as it is."""
    rng = np.random.default_rng(5)
    even = np.repeat([1.0, -1.0, 0.5, -0.5], 4)[rng.permutation(16)]
    series = np.column_stack([even, np.exp(1.5 * rng.standard_normal(16))])
    series -= series.mean(axis=0)
    spread = autocorrelated_se(series, np.full(2, 16.0))
    ratios = []
    for confidence in (0.9, 0.99):
        plain = stats.t.ppf((1 + confidence) / 2, 15) * spread.error
        assert compute_margin(spread, confidence, 6) == pytest.approx(plain)
        ratios.append(compute_margin(spread, confidence, 6, skewed=True) / plain)
        assert ratios[-1][0] == pytest.approx(1.0)
    assert 1.05 < ratios[0][1] < ratios[1][1]


@pytest.mark.parametrize("periods", [8, 13, 26])
def test_a_mixture_of_t_holds_what_it_says(periods: int) -> None:
    """Unrelated differences are told better in at most 5 % each way."""
    rng = np.random.default_rng(periods)
    told = 0
    for _ in range(400):
        series = rng.standard_normal(periods)
        margin = mixture_margin(series - series.mean(), float(periods), 0.9, 6)
        plain = stats.t.ppf(0.95, periods - 1) * series.std(ddof=1) * math.sqrt(periods)
        assert margin >= plain * 0.99
        told += series.sum() > margin
    assert told / 400 <= 0.05
    assert math.isnan(mixture_margin(np.zeros(periods), float(periods), 0.9, 6))
    assert math.isnan(mixture_margin(np.ones(5) - 1, 5.0, 0.9, 6))

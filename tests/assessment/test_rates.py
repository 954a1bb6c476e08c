"""Intervals of rates: against published tables, at the ends, and as an exclusion grows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cityai.findings import Status
from cityai.inference.cluster_sums import ClusteredMetric, collapse_identical_clusters, find_parts
from cityai.inference.group_gaps import Measures, choose_design, measure_groups
from cityai.inference.rate_intervals import Rates, _bound_levels, bound_gaps, bound_rate
from cityai.inference.standard_errors import simultaneous_confidence
from cityai.records.audit_data import Cells
from cityai.records.metric import Metric
from tests.promises import trials

RATE = Metric("true_positive_rate", "found", "tp", "n", "share", "high", part="rows")
AMOUNT = Metric("mean", "mean", "tp", "n", "ratio", "high")
PEOPLE = choose_design("others like these", 1, 0.95, 6, "people")


def measure(
    yes: np.ndarray, group: np.ndarray, person: np.ndarray | None = None, metric: Metric = RATE
) -> Measures:
    """Measure rows of persons in hard groups against the whole."""
    person = np.arange(len(yes)) if person is None else person
    pair = np.column_stack([yes, np.ones(len(yes))]).astype(float)
    count = int(group.max()) + 1
    sums = np.stack([np.bincount(group, weights=c, minlength=count) for c in pair.T], axis=-1)
    alike = collapse_identical_clusters(pair, find_parts(group, person))
    cells = Cells(sums[None], ("tp", "n"))
    shown = np.ones(count, bool)
    return measure_groups(
        cells, np.eye(count), metric, PEOPLE, "overall", shown, ClusteredMetric(alike, alike)
    )


def judge(found: Measures, limit: float = 0.05, g: int = 0) -> Status:
    return found.decide(g, limit).status


def give(counts: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of groups with so many yes of so many."""
    yes = np.concatenate([np.arange(n) < y for y, n in counts]).astype(float)
    return yes, np.repeat(np.arange(len(counts)), [n for _, n in counts])


@given(n=st.integers(1, 3000), part=st.floats(0, 1))
def test_one_rate_has_wilsons_interval(n: int, part: float) -> None:
    yes = round(part * n)
    wanted = stats.binomtest(yes, n).proportion_ci(0.95, "wilson")
    got = bound_rate(np.array([yes / n]), np.array([float(n)]), stats.norm.ppf(0.975))
    exact = [stats.beta.ppf(0.05, k, n - k + 1) if k else 0.0 for k in (yes, n - yes)]
    wanted = min(wanted[0], exact[0]), max(wanted[1], 1 - exact[1])
    assert [float(x[0]) for x in got] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("confidence", "least"), [(0.9, 0.83), (0.95, 0.91), (0.99, 0.98)])
@pytest.mark.parametrize("n", [11, 20, 40, 200])
def test_intervals_of_rare_rates_hold_what_they_say(
    n: int, confidence: float, least: float
) -> None:
    """At the worst rate there is: Wilson's alone held it in 80, 84 and 89 of 100."""
    yes = np.arange(n + 1.0)
    low, high = bound_rate(yes / n, np.full(n + 1, float(n)), stats.norm.ppf((1 + confidence) / 2))
    for rate in np.linspace(0.0005, 0.9995, 1999):
        held = stats.binom.pmf(yes, n, rate)[(low <= rate) & (rate <= high)].sum()
        assert held >= least, rate


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_differences_are_those_that_newcombe_published(counts: tuple, wanted: tuple) -> None:
    """Newcombe 1998, Statistics in Medicine 17, table II, method 10; at none and at all wider."""
    a, n, b, m = counts
    one = np.ones(1)
    sides = [Rates(np.array([x / k]), np.array([float(k)]), one) for x, k in ((a, n), (b, m))]
    got = bound_gaps(*sides, one, one, np.zeros(1), np.array([stats.norm.ppf(0.975)]))
    low, high = (float(x[0]) for x in got)
    assert low <= wanted[0] + 5e-5
    assert high >= wanted[1] - 5e-5
    assert [low, high] == pytest.approx(wanted, abs=0.04)


def test_the_worst_exclusion_is_told() -> None:
    """Of a group of 274 nobody is found, of the others three in four."""
    found = measure(*give([(0, 274), (270, 370), (290, 385)]))
    assert judge(found) is Status.FAIL
    assert found.low[0] == 0
    assert 0 < found.high[0] < 0.03
    assert found.gap_high[0] < -0.4


def test_one_in_fifty_found_beside_one_in_eight_is_told() -> None:
    found = measure(*give([(20, 936), (1000, 7700)]))
    assert found.value[0] == pytest.approx(0.0214, abs=1e-4)
    assert judge(found) is Status.FAIL


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(12, 120), min_size=2, max_size=5),
    rates=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    limit=st.floats(0, 0.3),
    start=st.floats(0, 1),
)
def test_fail_never_weakens_as_a_group_moves_away(
    sizes: list[int], rates: list[float], limit: float, start: float
) -> None:
    others = [(round(r * n), n) for r, n in zip(rates, sizes[1:], strict=False)]
    rest = sum(y for y, _ in others) / sum(n for _, n in others)
    own, told = sizes[0], False
    first = round(start * own)
    # Away from the others: down from below them, up from above.
    path = range(first, -1, -1) if first / own <= rest else range(first, own + 1)
    for yes in path:
        status = judge(measure(*give([(yes, own), *others])), limit)
        assert status is Status.FAIL or not told, (yes, own, others)
        told = status is Status.FAIL


@pytest.mark.promise(27)
@pytest.mark.parametrize("rows", [1, 4])
def test_the_chance_of_fail_never_falls_as_the_gap_grows(
    observe: Callable[[str], None], rows: int
) -> None:
    """1,000 rows of a group beside 3,000; several of a person are partly the same answer."""
    rng, times = np.random.default_rng(rows), trials(200, 60)
    person = np.repeat(np.arange(1200 // rows), rows)
    group = (person >= 100 // rows).astype(int)
    chance = []
    for rate in (0.45, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.0):
        told = 0
        for _ in range(times):
            true = np.where(group == 0, rate, 0.6)
            own = rng.random(len(true)) < true
            same = (rng.random(person.max() + 1) < np.where(group[::rows] == 0, rate, 0.6))[person]
            yes = np.where(rng.random(len(true)) < 0.3, same, own) if rows > 1 else own
            told += judge(measure(yes.astype(float), group, person)) is Status.FAIL
        chance.append(told / times)
    observe(f"{rows} rows a person: " + " ".join(f"{c:.2f}" for c in chance))
    assert (np.diff(chance) >= -0.1).all(), chance
    assert chance[-4:] == [1.0] * 4
    assert chance[0] < 0.9


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.tuples(st.floats(0, 1), st.integers(10, 60)), min_size=2, max_size=4),
    rows=st.integers(1, 5),
)
def test_no_interval_leaves_what_is_possible(counts: list[tuple], rows: int) -> None:
    yes, group = give([(round(part * n), n) for part, n in counts])
    found = measure(
        np.repeat(yes, rows), np.repeat(group, rows), np.repeat(np.arange(len(yes)), rows)
    )
    assert (found.low >= 0).all()
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    assert (found.high <= 1).all()
    assert (found.gap_low >= -1).all()
    assert (found.gap_high <= 1).all()
    assert (found.gap_low <= found.gap + 1e-12).all()
    assert (found.gap <= found.gap_high + 1e-12).all()
    assert (found.high > found.low).all(), "nobody is ever sure"


def test_at_moderate_rates_it_is_the_interval_of_the_cluster_robust_error() -> None:
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(2000), rng.integers(1, 5, 2000))
    group = rng.integers(0, 4, 2000)[person]
    chance = rng.beta(3, 5, 2000)[person]
    yes = (rng.random(len(person)) < chance).astype(float)
    found, robust = (measure(yes, group, person, m) for m in (RATE, AMOUNT))
    assert found.gap_low == pytest.approx(robust.gap_low, abs=0.003)
    assert found.gap_high == pytest.approx(robust.gap_high, abs=0.003)
    assert found.low == pytest.approx(robust.low, abs=0.003)
    assert found.high == pytest.approx(robust.high, abs=0.003)


@pytest.mark.parametrize("yes", [0, 1, 20, 80])
def test_rows_of_one_person_that_all_agree_count_as_one(yes: int) -> None:
    """Also where none was found: how alike the rows are is seen in the others."""
    rows, group = give([(yes, 80), (300, 500)])
    once = measure(rows, group)
    often = measure(*(np.repeat(x, 6) for x in (rows, group)), np.repeat(np.arange(len(rows)), 6))
    for name in ("low", "high", "gap_low", "gap_high"):
        assert getattr(often, name) == pytest.approx(getattr(once, name), abs=0.003), name


def test_a_part_of_the_city_is_compared_with_the_rest_and_scaled() -> None:
    """Half of the city: its gap to the whole is half of its gap to the other half."""
    yes, group = give([(10, 100), (60, 100)])
    found = measure(yes, group)
    together = simultaneous_confidence(np.array([[1.0, -1.0], [-1.0, 1.0]]), 0.9)
    wanted = stats.t.ppf((1 + together) / 2, 99)
    rest = [np.array([60 / 100]), np.array([100.0])]
    low, high = (
        bound_rate(np.array([10 / 100]), np.array([100.0]), wanted),
        bound_rate(*rest, wanted),
    )
    below = 0.5 * (-0.5 - math.hypot(0.1 - low[0][0], high[1][0] - 0.6))
    assert found.gap_low[0] == pytest.approx(below, abs=0.003)
    assert found.gap_low[0] == pytest.approx(-found.gap_high[1])


def test_levels_where_nothing_varied_anywhere_rest_on_the_blocks() -> None:
    rates = Rates(np.array([1.0, 1.0]), np.array([400.0, 800.0]), np.array([50.0, 100.0]))
    low, high = _bound_levels(rates, np.zeros(2), np.full(2, 2.365))
    assert low == pytest.approx(8 / (8 + 2.365**2))
    assert high.tolist() == [1.0, 1.0]


def test_those_who_count_in_a_figure_are_told_from_all_of_the_group() -> None:
    """Six in seven of a group have no outcome, so they are not under its share of those found."""
    group = np.repeat([0, 1], [700, 400])
    outcome = (np.arange(1100) % np.where(group == 0, 7, 2) == 0).astype(float)
    pair = np.column_stack([outcome * (np.arange(1100) % 3 == 0), outcome])
    sums = np.stack([np.bincount(group, weights=c) for c in pair.T], axis=-1)
    alike = collapse_identical_clusters(pair, find_parts(group, np.arange(1100)))
    found = measure_groups(
        Cells(sums[None], ("tp", "n")), np.eye(2), RATE, PEOPLE, "overall", np.ones(2, bool),
        ClusteredMetric(alike, alike),
    )  # fmt: skip
    assert found.members == pytest.approx([7.0, 2.0])
    assert found.blocks[0] == 100


NEED = Metric("selection_for_need", "for need", "due", "n", "ratio", "high", counted="selected")


def share(chosen: np.ndarray, yes: np.ndarray, group: np.ndarray, metric: Metric) -> Measures:
    """Each group's share of the selected over its share of need, as a ranked list has it."""
    due = chosen * yes.sum() / max(chosen.sum(), 1)
    count = int(group.max()) + 1
    columns = [due, yes, chosen]
    sums = np.stack([np.bincount(group, weights=c, minlength=count) for c in columns], axis=-1)
    pair = np.column_stack([due, yes])
    alike = collapse_identical_clusters(pair, find_parts(group, np.arange(len(group))))
    cells = Cells(sums[None], ("due", "n", "selected"))
    shown = np.ones(count, bool)
    return measure_groups(
        cells, np.eye(count), metric, PEOPLE, "overall", shown, ClusteredMetric(alike, alike)
    )


def test_a_group_of_whom_none_is_selected_is_told_to_get_less_than_its_need() -> None:
    rng = np.random.default_rng(6)
    group = np.repeat([0, 1, 2], [300, 1200, 1500])
    yes = (rng.random(3000) < 0.3).astype(float)
    told = []
    for rate in (0.6, 0.3, 0.1, 0.02, 0.0):
        chosen = (rng.random(3000) < np.where(group == 0, 0.25 * rate, 0.25)).astype(float)
        found = share(chosen, yes, group, NEED)
        assert (found.low >= 0).all()
        assert (found.low <= found.value).all()
        assert (found.value <= found.high).all()
        told.append(judge(found, 0.2))
    assert told[2:] == [Status.FAIL] * 3
    assert found.value[0] == found.low[0] == 0
    assert 0 < found.high[0] < 0.2
    plain = replace(NEED, counted="")
    chosen = (rng.random(3000) < 0.25).astype(float)
    new, robust = share(chosen, yes, group, NEED), share(chosen, yes, group, plain)
    assert new.gap_low[1:] == pytest.approx(robust.gap_low[1:], abs=0.03)
    assert new.gap_high[1:] == pytest.approx(robust.gap_high[1:], abs=0.03)


@pytest.mark.long
def test_intervals_of_shares_over_need_hold() -> None:
    rng = np.random.default_rng(7)
    group = rng.choice(3, 2000, p=[0.12, 0.4, 0.48])
    part = np.array([0.12, 0.4, 0.48])
    rate = np.array([0.03, 0.2, 0.3])
    true = rate / (part @ rate) - 1
    held = 0
    for _ in range(300):
        yes = (rng.random(2000) < 0.3).astype(float)
        chosen = (rng.random(2000) < rate[group]).astype(float)
        found = share(chosen, yes, group, NEED)
        held += bool(((found.gap_low <= true) & (true <= found.gap_high)).all())
    assert held / 300 >= 0.91, held / 300


@pytest.mark.long
@pytest.mark.parametrize(("rate", "rows"), [(0.0, 1), (0.02, 1), (0.1, 1), (0.5, 1), (0.05, 4)])
def test_intervals_of_all_gaps_hold_together(rate: float, rows: int) -> None:
    rng = np.random.default_rng([17, int(1000 * rate), rows])
    person = np.repeat(np.arange(600), rows)
    member = rng.choice(4, 600, p=[0.1, 0.3, 0.3, 0.3])
    group, held = member[person], 0
    true = np.where(np.arange(4) == 0, rate, 0.5)
    part = np.bincount(group) / len(group)
    for _ in range(300):
        same = (rng.random(600) < true[member])[person]
        own = rng.random(len(person)) < true[group]
        yes = np.where(rng.random(len(person)) < 0.3, same, own) if rows > 1 else own
        found = measure(yes.astype(float), group, person)
        gap = true - (part * true).sum()
        held += bool(((found.gap_low <= gap) & (gap <= found.gap_high)).all())
    assert held / 300 >= 0.91, held / 300

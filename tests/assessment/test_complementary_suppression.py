from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cityai.disclosure import (
    cells_between,
    linear_programme,
    pooled_lines,
    primary_suppression,
    showing_again,
)
from cityai.disclosure import complementary_suppression as release
from cityai.disclosure.complementary_suppression import protect_release
from cityai.disclosure.feasible_ranges import End, Known, find_end, find_opening, gather_lines
from cityai.disclosure.line_pools import Sparse
from tests.promises import trials

K = 11.0
RELEASES = trials(1000, 150)


def find_ranges(
    lines: np.ndarray,
    amounts: np.ndarray,
    hidden: np.ndarray,
    small: np.ndarray,
    *,
    told: bool = True,
) -> np.ndarray:
    """Solve, without any short way, for how far each hidden line is left open: (L,).

    Shown lines are known exactly; of hidden ones, if that is told, whether they are small.
    """
    ranges = np.full(len(lines), np.nan)
    most = K * lines.max(axis=1)
    held = lines @ amounts
    low, high = told & hidden & ~small & (held >= most), hidden & small & (held <= most)
    over = np.vstack([-lines[low], lines[high]])
    tops = np.concatenate([-most[low], most[high]])
    for i in np.flatnonzero(hidden):
        ends = []
        for sign in (1.0, -1.0):
            solved = linprog(
                sign * lines[i], over, tops, lines[~hidden], held[~hidden], bounds=(0, None)
            )
            assert solved.status in (0, 3), solved.message
            ends.append(-sign * np.inf if solved.status == 3 else solved.x @ lines[i])
        ranges[i] = ends[1] - ends[0]
    return ranges


def hide(lines: np.ndarray, amounts: np.ndarray, small: np.ndarray) -> np.ndarray:
    return protect_release(csr_array(lines), amounts, np.zeros_like(small), small, K)[0]


def build_lines(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A card's tables at random: two or three dimensions, their pairs, areas, folds, the whole."""
    areas, folds = int(rng.integers(4, 9)), int(rng.integers(2, 4))
    atoms = areas * folds
    area, fold = np.divmod(np.arange(atoms), folds)
    amounts = rng.negative_binomial(1, rng.uniform(0.01, 0.08), atoms).astype(float)
    keys = [rng.integers(0, int(rng.integers(2, 5)), areas)[area] for _ in range(2)]
    tables = [keys[0], keys[1], area, fold, keys[0] * 10 + keys[1], keys[0] * 10 + fold]
    rows = [key == group for key in tables for group in np.unique(key)]
    lines = np.array([np.ones(atoms), *rows], dtype=np.float64)
    held = lines @ amounts
    return lines, amounts, (held > 0) & (held < K)


def attack(seeds: range) -> tuple[int, int, int]:
    opened = kept = attacked = 0
    for seed in seeds:
        lines, amounts, small = build_lines(np.random.default_rng(seed))
        hidden, _, told = protect_release(csr_array(lines), amounts, small, small, K)
        assert hidden[small].all()
        ranges = find_ranges(lines, amounts, hidden, small, told=told)[small]
        opened += int((ranges < K - 1e-4).sum())
        attacked += int(small.sum())
        kept += int((~hidden).sum())
    return opened, kept, attacked


@pytest.mark.promise(4)
@pytest.mark.slow
def test_no_hidden_cell_can_be_worked_out_from_all_tables_together(
    observe: Callable[[str], None],
) -> None:
    opened, kept, attacked = attack(range(25))
    observe(f"{opened} of {attacked} cells in 25 releases")
    assert opened == 0
    assert attacked > 30
    assert kept > 400


@pytest.mark.promise(4)
@pytest.mark.long
def test_many_releases_withstand_the_attack(observe: Callable[[str], None]) -> None:
    opened, _, attacked = attack(range(50, 50 + RELEASES))
    observe(f"{opened} of {attacked:,} cells in {RELEASES:,} releases")
    assert opened == 0


def test_hiding_table_by_table_would_fail() -> None:
    # The row is hidden in one table and shown in another that divides the same people.
    lines = np.array([[1.0, 1.0, 1.0, 1.0], [1, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0]])
    amounts = np.array([4.0, 60.0, 70.0, 80.0])
    small = np.array([False, True, False, False, False])
    alone = np.array([False, True, True, False, False])
    assert find_ranges(lines, amounts, alone, small)[1] == pytest.approx(0.0, abs=1e-6)
    hidden = hide(lines, amounts, small)
    assert find_ranges(lines, amounts, hidden, small)[small].min() >= K - 1e-4
    assert not hidden[0]


def test_nothing_small_hides_nothing() -> None:
    lines, amounts, small = build_lines(np.random.default_rng(0))
    assert not hide(lines, amounts + 100, np.zeros_like(small)).any()


@pytest.mark.parametrize("seed", range(6))
def test_no_line_is_hidden_for_nothing(seed: int) -> None:
    """Showing any line again that was hidden on the way would open a secret."""
    lines, amounts, small = build_lines(np.random.default_rng(seed))
    hidden = hide(lines, amounts, small)
    for line in np.flatnonzero(hidden & ~small):
        trial = hidden.copy()
        trial[line] = False
        assert find_ranges(lines, amounts, trial, small)[small].min() < K


def test_that_a_cell_is_hidden_for_anothers_sake_may_be_said() -> None:
    """Of 12 in two hidden cells, one of which is no small one, the small one holds one."""
    lines = np.array([[1.0, 1.0, 1.0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    amounts, small = np.array([1.0, 11.0, 40.0]), np.array([False, True, False, False])
    two = np.array([False, True, True, False])
    assert find_ranges(lines, amounts, two, small)[1] == pytest.approx(1.0)
    assert hide(lines, amounts, small).tolist() == [False, True, False, True]


def test_no_reasons_are_told_where_they_alone_close_a_cell() -> None:
    """Of 12, 6 and 7 in two small groups that share one, who with the others makes 11 or more."""
    lines = np.array([[1.0, 1, 1], [0, 1, 1], [1, 1, 0], [1, 0, 1], *np.eye(3)])
    amounts = np.array([1.0, 5.0, 6.0])
    small = np.array([False, False, True, True, True, True, True])
    hidden, _, told = protect_release(csr_array(lines), amounts, small, small, K)
    everything = np.ones_like(small)
    assert find_ranges(lines, amounts, everything, small)[4] == pytest.approx(K / 2)
    assert not told
    assert find_ranges(lines, amounts, hidden, small, told=told)[small].min() >= K - 1e-4


@pytest.mark.parametrize("seed", [40, 42, 43])
def test_a_count_that_two_tables_bound_together_is_found(seed: int) -> None:
    """Cells of which no table tells: those that are narrow by a plain solution, and no others."""
    lines, amounts, small = build_lines(np.random.default_rng(seed))
    hidden = small
    cells = np.eye(len(amounts))[(amounts > 0) & (amounts < K)]
    given = csr_array(lines), amounts, hidden, small
    narrow = cells_between.find_narrow(*given, csr_array(cells), K)
    both, told = np.vstack([lines, cells]), np.append(small, np.zeros(len(cells), dtype=bool))
    unsaid = np.append(hidden, np.ones(len(cells), dtype=bool))
    ranges = find_ranges(both, amounts, unsaid, told, told=False)[len(lines) :]
    assert narrow[ranges < K - 1e-4].all()
    assert narrow.any()


def test_a_place_in_the_last_replay_is_no_secret_where_it_is_open() -> None:
    """Two places of a kind by two replays, their totals told: the last cells are what is left."""
    parts = np.array([[[40.0, 40.0, 20.0], [5.0, 30.0, 20.0]]])
    lines = np.array([*np.tile(np.eye(3), 2), *np.kron(np.eye(2), [[1.0, 1, 0], [0, 0, 1]])])
    nothing, places = np.zeros(len(lines), dtype=bool), [np.array(["a", "b", "c"])]
    given = csr_array(lines), parts, nothing, nothing, places, K
    assert cells_between.list_narrow_places(*given).shape == (0, 6)
    told = np.array([*lines, [0.0, 0, 0, 1, 0, 0]])
    nothing = np.zeros(len(told), dtype=bool)
    narrow = cells_between.list_narrow_places(csr_array(told), parts, nothing, nothing, places, K)
    assert narrow.toarray().tolist() == [[0, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize("seed", range(4))
def test_what_an_exchange_leaves_open_is_open_by_a_plain_solution(seed: int) -> None:
    """Small last cells of places by replay: from nothing to the threshold, where one is found."""
    rng = np.random.default_rng(700 + seed)
    places, replays = 12, 3
    fold, place = np.divmod(np.arange(places * replays), places)
    parts = rng.poisson(rng.choice([2.0, 9.0, 30.0], places), (2, replays, places)).astype(float)
    kind = rng.integers(0, 4, places)[place]
    rows = [key == value for key in (place, kind * 10 + fold, fold) for value in np.unique(key)]
    lines = np.array(rows, dtype=np.float64)
    last = np.arange(places * (replays - 1), places * replays)
    cells = csr_array(np.eye(places * replays)[last])
    found = cells_between.find_exchanged(csr_array(lines), parts, cells, K)
    assert found.any()
    assert not found.all()
    amounts = parts.reshape(2, -1)
    both = np.kron(np.eye(2), lines)
    for cell in last[found]:
        aim = np.zeros(amounts.size)
        aim[[cell, cell + places * replays]] = 1.0
        ends = [
            linprog(sign * aim, A_eq=both, b_eq=both @ amounts.ravel()).x @ aim
            for sign in (1.0, -1.0)
        ]
        assert ends[0] == pytest.approx(0.0, abs=1e-6)
        assert ends[1] >= K - 1e-6


def test_what_an_exchange_leaves_open_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells that two tables bound together are those of the linear programmes alone."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        places, replays = 10, 3
        fold, place = np.divmod(np.arange(places * replays), places)
        parts = rng.poisson(rng.choice([2.0, 9.0, 30.0], places), (2, replays, places)) * 1.0
        kind = rng.integers(0, 5, places)[place]
        rows = [k == value for k in (place, kind * 10 + fold, fold) for value in np.unique(k)]
        lines = csr_array(np.array(rows, dtype=np.float64))
        nothing, labels = np.zeros(len(rows), dtype=bool), [np.arange(places).astype(str)]
        given = lines, parts, nothing, nothing, labels, K
        short = cells_between.list_narrow_places(*given)
        with monkeypatch.context() as patch:
            patch.setattr(
                cells_between, "find_exchanged", lambda *a: np.zeros(a[2].shape[0], dtype=bool)
            )
            assert (short != cells_between.list_narrow_places(*given)).nnz == 0


def test_what_the_solver_cannot_tell_is_not_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = np.array([[1.0, 1.0, 1.0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    amounts, small = np.array([3.0, 90.0, 40.0]), np.array([False, True, False, False])
    known, _ = gather_lines(csr_array(lines), amounts, small, K)
    hidden, secrets = np.array([False, True, True, True]), np.array([1])
    cause = np.array([-1, -1, 1, 1])
    again = showing_again.show_again(known, hidden, small, secrets, known.amounts[None], cause)
    assert again.tolist() == [False, True, False, True]

    def fail(known: Known, hidden: np.ndarray, aim: Sparse, *_: float) -> End:
        return End(float((aim @ known.amounts)[0]), None, np.ones(len(hidden)), solved=False)

    monkeypatch.setattr(showing_again, "find_end", fail)
    again = showing_again.show_again(known, hidden, small, secrets, known.amounts[None], cause)
    assert again.tolist() == hidden.tolist()


def test_a_solver_that_always_fails_hides_all(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = np.array([[1.0, 1.0, 1.0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    amounts, small = np.array([3.0, 90.0, 40.0]), np.array([False, True, False, False])
    monkeypatch.setattr(
        linear_programme.Programme, "solve", lambda _: linear_programme.Solution(None, np.zeros(0))
    )
    monkeypatch.setattr(primary_suppression, "linprog", lambda *_, **__: SimpleNamespace(x=None))
    cells = csr_array(lines[2:])
    given = csr_array(lines), amounts, small, small
    assert cells_between.find_narrow(*given, cells, K).all()
    assert hide(lines, amounts, small).all()
    table = np.array([[3.0, 40, 50], [40, 20, 30], [50, 30, 20]])
    assert primary_suppression.hide_cells(table, table < K, K).all()


def test_the_cell_that_a_line_is_hidden_for_is_named() -> None:
    lines = np.array([[1.0, 1.0, 1.0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    amounts, small = np.array([3.0, 90.0, 40.0]), np.array([False, True, False, False])
    hidden, cause, told = protect_release(csr_array(lines), amounts, np.zeros_like(small), small, K)
    assert told
    assert hidden.tolist() == [False, True, False, True]
    assert cause.tolist() == [-1, -1, -1, 1]


def test_a_small_part_of_each_area_is_left_as_open_as_it_can_be() -> None:
    """A tenth of few events in one area: a range of a tenth of the threshold, not of all of it."""
    amounts = np.array([9.0, 40.0, 50.0, 30.0])
    lines = np.array([[0.1, 0, 0, 0], *np.eye(4), np.ones(4)])
    small = np.array([True, True, False, False, False, False])
    hidden = hide(lines, amounts, small)
    assert find_ranges(lines, amounts, hidden, small)[small] == pytest.approx([1.1, 11.0])
    assert hidden.tolist() == [True, True, False, False, True, False]


def pool_nothing(lines: Sparse, _: np.ndarray) -> np.ndarray:
    return np.arange(lines.shape[0])


def show_again_plainly(
    lines: np.ndarray, amounts: np.ndarray, hidden: np.ndarray, small: np.ndarray
) -> np.ndarray:
    """Show lines again in the same order; every range is solved for anew, over all atoms."""
    need = np.minimum(find_ranges(lines, amounts, hidden, small)[small], K)
    more, held = np.flatnonzero(hidden & ~small), lines @ amounts
    chunks = [more[np.argsort(-held[more], kind="stable")]] if len(more) else []
    while chunks:
        chunk = chunks.pop()
        trial = hidden.copy()
        trial[chunk] = False
        if (find_ranges(lines, amounts, trial, small)[small] >= need - 1e-5).all():
            hidden = trial
        elif len(chunk) > 1:
            middle = (len(chunk) + 1) // 2
            chunks += [chunk[middle:], chunk[:middle]]
    return hidden


@pytest.mark.parametrize("seed", range(8))
def test_lines_shown_again_are_those_of_a_plain_search(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither points that are known already nor dual solutions change a line."""
    lines, amounts, small = build_lines(np.random.default_rng(900 + seed))
    before = small.copy()
    show_again = release.show_again

    def keep(known: Known, hidden: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        before[:] = hidden
        return show_again(known, hidden, *rest)

    monkeypatch.setattr(release, "show_again", keep)
    monkeypatch.setattr(pooled_lines, "pool_lines", pool_nothing)
    hidden = hide(lines, amounts, small)
    assert hidden.tolist() == show_again_plainly(lines, amounts, before, small).tolist()


def build_places(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Many places in few groups, by fold: most of the lines are alike."""
    places, folds = int(rng.integers(15, 30)), int(rng.integers(2, 4))
    fold, place = np.divmod(np.arange(places * folds), places)
    levels = rng.choice([0.5, 6.0, 20.0, 40.0], places, p=[0.1, 0.1, 0.4, 0.4])
    amounts = rng.poisson(levels[place]).astype(float)
    group = rng.integers(0, 3, places)[place]
    tables = [place, group, fold, group * 10 + fold]
    rows = [key == value for key in tables for value in np.unique(key)]
    lines = np.array([np.ones(len(place)), *rows], dtype=np.float64)
    held = lines @ amounts
    return lines, amounts, (held > 0) & (held < K)


BUILT = (build_lines, build_places)


def test_a_point_among_pooled_lines_is_one_among_all_of_them() -> None:
    """Divided in proportion, it gives every line that is shown what it holds, of each part."""
    rng = np.random.default_rng(5)
    lines, amounts, small = build_places(rng)
    parts = np.array([amounts // 3, amounts - amounts // 3])
    coarse = pooled_lines.pool_release(csr_array(lines), parts, small, small, K)
    assert len(coarse.first) < len(lines)
    aim = coarse.known.matrix[[coarse.pools[np.flatnonzero(small)[0]]]]
    end = find_end(coarse.known, small[coarse.first], aim, 1.0)
    assert end.point is not None
    many = np.flatnonzero(np.bincount(coarse.pools) > 1)
    for finer in (coarse.set_apart(many), coarse.set_apart(many).set_apart(many[:1])):
        point = coarse.lift_points(end.point[None], finer)[0]
        off = (finer.known.stacked @ (point - finer.known.amounts)).reshape(2, -1)
        assert np.abs(off[:, ~small[finer.first]]).max() < 1e-6
        secret = finer.pools[np.flatnonzero(small)]
        assert finer.known.add_parts(point)[secret] == pytest.approx(
            coarse.known.add_parts(end.point)[coarse.pools[np.flatnonzero(small)]]
        )


@pytest.mark.parametrize("seed", [1, 8, 9, 12])
def test_what_opens_a_secret_agrees_with_all_that_stays_shown(seed: int) -> None:
    """The lines to hide are enough, by a plain solution over all that is told."""
    lines, amounts, small = build_lines(np.random.default_rng(seed))
    known, _ = gather_lines(csr_array(lines), amounts, small, K)
    secret = np.flatnonzero(small)[0]
    cost = np.where(known.held > 0, known.held, np.inf)
    found = find_opening(known, small, known.matrix[[secret]], np.zeros(1), cost)
    assert found is not None
    point, more = found
    assert not (more & small).any()
    assert known.matrix[[secret]] @ point == pytest.approx([0.0], abs=1e-6)
    hidden = small | more
    assert (known.matrix @ point)[~hidden] == pytest.approx(known.held[~hidden], abs=1e-5)
    solved = linprog(
        lines[secret],
        -lines[hidden & ~small & (known.held >= K)],
        np.full((hidden & ~small & (known.held >= K)).sum(), -K),
        lines[~hidden],
        (lines @ amounts)[~hidden],
        bounds=(0, None),
    )
    assert solved.fun == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_lines_that_are_alike_are_solved_for_together_without_a_difference(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, amounts, small = build_places(np.random.default_rng(seed))
    hidden = hide(lines, amounts, small)
    ranges = find_ranges(lines, amounts, hidden, small)[small]
    assert (ranges >= K - 1e-4).all()
    monkeypatch.setattr(pooled_lines, "pool_lines", pool_nothing)
    each = hide(lines, amounts, small)
    assert hidden.sum() <= each.sum() + 1


def test_a_thousand_alike_places_are_a_few_lines() -> None:
    places = 1000
    lines = np.array([np.ones(places), *np.eye(places)])
    amounts = np.full(places, 50.0)
    amounts[:2] = 3.0, 40.0
    small = np.zeros(places + 1, dtype=bool)
    small[1] = True
    pools = pooled_lines.pool_lines(csr_array(lines), small)
    assert len(np.unique(pools)) == 1 + 1 + 1
    hidden = hide(lines, amounts, small)
    assert np.flatnonzero(hidden).tolist() == [1, 2]


def list_solved(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[linear_programme.Programme, linear_programme.Solution]]:
    """Every programme of drawn tables and what is found; also those without an end, or without any
    solution, and of counts that no table holds.
    """
    solved, solve = [], linear_programme.Programme.solve

    def keep(asked: linear_programme.Programme) -> linear_programme.Solution:
        solved.append((asked, solve(asked)))
        return solved[-1][1]

    with monkeypatch.context() as patch:
        patch.setattr(linear_programme.Programme, "solve", keep)
        lines, amounts, small = (build_lines, build_places)[int(rng.integers(2))](rng)
        hide(lines, amounts, small)
        cells = csr_array(np.eye(len(amounts))[(amounts > 0) & (amounts < K)])
        cells_between.find_narrow(csr_array(lines), amounts, small, small, cells, K)
        parts = np.array([amounts // 3, amounts - amounts // 3])
        known, _ = gather_lines(csr_array(lines), parts, small, K)
        for line in rng.choice(len(lines), 6, replace=False):
            hidden, aim = small | (rng.random(len(lines)) < 0.5), known.matrix[[line]]
            for way in (1.0, -1.0):
                find_end(known, hidden, aim, way, float(rng.choice([0.0, 5.0, np.inf])))
        known, _ = gather_lines(csr_array(lines), amounts, np.zeros_like(small), K)
        all_hidden, aim = np.ones(len(lines), dtype=bool), known.matrix[[0]]
        assert find_end(known, all_hidden, aim, 1.0).value == np.inf
        fixed = np.full(len(lines), np.inf)
        assert find_opening(known, ~all_hidden, aim, known.held[:1] + 1.0, fixed) is None
    return solved


@pytest.mark.parametrize("seed", range(6))
def test_the_solver_called_directly_gives_the_bits_that_scipy_gives(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every programme of few columns, through `linprog` too."""
    counted = [0, 0]
    for asked, found in list_solved(np.random.default_rng(900 + seed), monkeypatch):
        plain = asked.solve_plainly()
        assert found.unbounded == plain.unbounded
        assert (found.x is None) == (plain.x is None)
        if found.x is not None:
            assert found.x.tolist() == plain.x.tolist()
            assert found.dual_values.tolist() == plain.dual_values.tolist()
        counted[found.x is None] += 1
    assert min(counted) > 0


@pytest.mark.slow
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), at_once=st.sampled_from([1, 7, 800]))
def test_few_columns_at_first_lead_to_the_same_end(
    seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every programme, sifted, beside `linprog` with all columns: as little, and within all lines.

    Where something is enough, what costs no more agrees with all lines too.
    """
    with monkeypatch.context() as patch:
        patch.setattr(linear_programme, "MANY", 0)
        patch.setattr(linear_programme, "MOST_ASKED", at_once)
        solved = list_solved(np.random.default_rng(seed), patch)
    for asked, found in solved:
        plain = asked.solve_plainly()
        if asked.enough == -np.inf:
            assert found.unbounded == plain.unbounded
            assert (found.x is None) == (plain.x is None)
        if found.x is None or plain.x is None:
            assert found.x is not None or found.unbounded or plain.x is None
            continue
        least, size = float(asked.cost @ plain.x), 1e-6 * (1 + np.abs(asked.sums).max())
        assert asked.cost @ found.x <= max(least, asked.enough) + size
        assert asked.cost @ found.x >= least - size
        assert np.abs(asked.same @ found.x - asked.sums).max(initial=0.0) < size
        assert (asked.over @ found.x - asked.limit).max(initial=0.0) < size
        assert (found.x >= asked.low - size).all()
        assert (found.x <= asked.most + size).all()


@pytest.mark.parametrize("seed", range(12))
def test_lines_found_with_few_columns_at_first_withstand_the_attack(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of lines that cost the same others may be hidden: as many, for these tables."""
    build = BUILT[seed % 2]
    lines, amounts, small = build(np.random.default_rng(100 + seed))
    whole = hide(lines, amounts, small)
    monkeypatch.setattr(linear_programme, "MANY", 0)
    hidden = hide(lines, amounts, small)
    assert find_ranges(lines, amounts, hidden, small)[small].min(initial=K) >= K - 1e-4
    assert hidden.sum() == whole.sum()


@pytest.mark.parametrize("together", [2, 4, 100])
def test_lines_hidden_for_secrets_at_once_withstand_the_attack(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And they are about as many; where secrets cannot be opened at once, halves of them are."""
    tables = [build(np.random.default_rng(s)) for s in range(12) for build in BUILT]
    tables = [table for table in tables if table[2].any()]
    one_by_one = [hide(*table) for table in tables]
    monkeypatch.setattr(release, "MANY", 0)
    monkeypatch.setattr(release, "TOGETHER", together)
    asked: list[tuple[int, bool]] = []

    def find(known: Known, told: np.ndarray, aims: Sparse, *given: np.ndarray) -> Any:
        found = find_opening(known, told, aims, *given)
        asked.append((aims.shape[0], found is None))
        return found

    monkeypatch.setattr(release, "find_opening", find)
    more = [0, 0]
    for (lines, amounts, small), before in zip(tables, one_by_one, strict=True):
        found = protect_release(csr_array(lines), amounts, small, small, K)
        hidden, cause, told = found
        ranges = find_ranges(lines, amounts, hidden, small, told=told)
        assert ranges[small].min() >= K - 1e-4
        assert small[cause[cause >= 0]].all()
        more[0] += before.sum() - small.sum()
        more[1] += hidden.sum() - small.sum()
    assert max(count for count, _ in asked) > 1
    assert together < 100 or any(failed for count, failed in asked if count > 1)
    assert more[1] <= 1.1 * more[0]


def test_where_few_columns_do_not_tell_all_are_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what the columns that it begins with lack, a programme has no solution at all."""
    monkeypatch.setattr(linear_programme, "MANY", 0)
    one, two = csr_array(np.ones((1, 2))), np.ones(2)
    none = csr_array((0, 2))
    for begin in ([False, False], [True, False], [False, True], [True, True]):
        asked = linear_programme.Programme(
            two, one, np.full(1, 3.0), none, np.zeros(0), np.zeros(2), 2 * two, np.array(begin)
        )
        found = asked.solve()
        assert found.x is not None
        assert found.x.sum() == pytest.approx(3.0)


def test_without_scipys_own_solver_the_public_door_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert linear_programme._find_highs() is not None
    lines, amounts, small = build_lines(np.random.default_rng(7))
    found = hide(lines, amounts, small)
    monkeypatch.setattr(linear_programme, "import_module", lambda _: SimpleNamespace())
    linear_programme._find_highs.cache_clear()
    try:
        assert linear_programme._find_highs() is None
        assert hide(lines, amounts, small).tolist() == found.tolist()
    finally:
        linear_programme._find_highs.cache_clear()


@pytest.mark.parametrize("seed", range(4))
def test_an_end_solved_from_the_truth_is_that_of_a_plain_solution(seed: int) -> None:
    rng = np.random.default_rng(300 + seed)
    lines, amounts, small = build_lines(rng)
    known, _ = gather_lines(csr_array(lines), amounts, small, K)
    hidden = small | (rng.random(len(lines)) < 0.5)
    more = hidden & ~small & (known.held >= K)
    told = np.vstack([lines[small], -lines[more]])
    most = np.concatenate([np.full(small.sum(), K), np.full(more.sum(), -K)])
    for line in np.flatnonzero(hidden):
        for way in (1.0, -1.0):
            end = find_end(known, hidden, known.matrix[[line]], way)
            plain = linprog(
                -way * lines[line], told, most, lines[~hidden], (lines @ amounts)[~hidden]
            )
            assert end.value == pytest.approx(np.inf if plain.x is None else -way * plain.fun)
            if end.point is not None:
                assert known.matrix[[line]] @ end.point == pytest.approx([end.value])
                off = (known.matrix @ end.point - known.held)[~hidden]
                assert np.abs(off).max(initial=0.0) < 1e-6

from __future__ import annotations

import os

import numpy as np
import pytest

from cityai.assessment.release import Line, find_ranges, protect_release

K = 11.0
RELEASES = int(os.environ.get("CITYAI_RELEASES", "150"))


def build_lines(rng: np.random.Generator) -> tuple[list[Line], np.ndarray, np.ndarray]:
    """A card's tables at random: two or three dimensions, their pairs, areas, folds, the whole."""
    areas, folds = int(rng.integers(4, 9)), int(rng.integers(2, 4))
    atoms = areas * folds
    area, fold = np.divmod(np.arange(atoms), folds)
    amounts = rng.negative_binomial(1, rng.uniform(0.01, 0.08), atoms).astype(float)
    keys = [rng.integers(0, int(rng.integers(2, 5)), areas)[area] for _ in range(2)]
    lines = [Line("overall", "overall", np.ones(atoms))]
    tables = {"a": keys[0], "b": keys[1], "area": area, "fold": fold}
    tables["a * b"] = keys[0] * 10 + keys[1]
    tables["a, by fold"] = keys[0] * 10 + fold
    for table, key in tables.items():
        lines += [Line(table, str(g), (key == g).astype(float)) for g in np.unique(key)]
    held = np.array([line.parts @ amounts for line in lines])
    return lines, amounts, (held > 0) & (held < K)


def attack(seeds: range) -> tuple[int, int, int]:
    opened = kept = attacked = 0
    for seed in seeds:
        lines, amounts, small = build_lines(np.random.default_rng(seed))
        hidden = protect_release(lines, amounts, np.zeros_like(small), small, K)
        assert hidden[small].all()
        ranges = find_ranges(lines, amounts, hidden)[small]
        opened += int((ranges < K - 1e-4).sum())
        attacked += int(small.sum())
        kept += int((~hidden).sum())
    return opened, kept, attacked


def test_no_hidden_cell_can_be_worked_out_from_all_tables_together() -> None:
    opened, kept, attacked = attack(range(50))
    assert opened == 0
    assert attacked > 50
    assert kept > 100


@pytest.mark.slow
def test_many_releases_withstand_the_attack() -> None:
    # CITYAI_RELEASES=1000 is the full number.
    assert attack(range(50, 50 + RELEASES))[0] == 0


def test_hiding_table_by_table_would_fail() -> None:
    # The row is hidden in one table and shown in another that divides the same people.
    parts = np.array([[1.0, 1.0, 1.0, 1.0], [1, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0]])
    lines = [Line("t", str(i), p) for i, p in enumerate(parts)]
    amounts = np.array([4.0, 60.0, 70.0, 80.0])
    small = np.array([False, True, True, False, False])
    assert find_ranges(lines, amounts, small)[1] == pytest.approx(0.0, abs=1e-6)
    hidden = protect_release(lines, amounts, np.zeros_like(small), small, K)
    assert find_ranges(lines, amounts, hidden)[small].min() >= K - 1e-4
    assert not hidden[0]


def test_nothing_small_hides_nothing() -> None:
    lines, amounts, small = build_lines(np.random.default_rng(0))
    nothing = np.zeros_like(small)
    assert not protect_release(lines, amounts + 100, nothing, nothing, K).any()


@pytest.mark.parametrize("seed", range(12))
def test_no_line_is_hidden_for_nothing(seed: int) -> None:
    """Showing any line again that was hidden on the way would open a secret."""
    lines, amounts, small = build_lines(np.random.default_rng(seed))
    hidden = protect_release(lines, amounts, np.zeros_like(small), small, K)
    for line in np.flatnonzero(hidden & ~small):
        trial = hidden.copy()
        trial[line] = False
        assert find_ranges(lines, amounts, trial)[small].min() < K


def test_a_small_part_of_each_area_is_left_as_open_as_it_can_be() -> None:
    """A tenth of few events in one area: a range of a tenth of the threshold, not of all of it."""
    amounts = np.array([9.0, 40.0, 50.0, 30.0])
    parts = [np.array([0.1, 0, 0, 0]), *np.eye(4), np.ones(4)]
    lines = [Line("t", str(i), p) for i, p in enumerate(parts)]
    small = np.array([True, True, False, False, False, False])
    hidden = protect_release(lines, amounts, np.zeros_like(small), small, K)
    assert find_ranges(lines, amounts, hidden)[small] == pytest.approx([3.9, 39.0])
    assert hidden.tolist() == [True, True, False, False, True, False]

from __future__ import annotations

import numpy as np
import pytest

from cityai.disclosure.primary_suppression import _find_narrowest, hide_cells

K = 11


def test_nothing_small_hides_nothing() -> None:
    amounts = np.array([20.0, 30.0, 40.0])
    assert not hide_cells(amounts, amounts < K, K).any()


def test_one_small_cell_is_hidden_with_its_complement() -> None:
    amounts = np.array([500.0, 4.0, 60.0, 90.0])
    assert hide_cells(amounts, amounts < K, K).tolist() == [False, True, True, False]


def test_two_tiny_cells_need_a_third() -> None:
    amounts = np.array([500.0, 4.0, 3.0, 90.0])
    assert hide_cells(amounts, amounts < K, K).tolist() == [False, True, True, True]


def test_random_tables_leave_no_cell_that_can_be_worked_out() -> None:
    rng = np.random.default_rng(0)
    shown = 0
    for _ in range(25):
        amounts = rng.negative_binomial(1, 0.02, (4, 4)).astype(float)
        small = (amounts > 0) & (amounts < K)
        hidden = hide_cells(amounts, small, K)
        assert hidden[small].all()
        assert _find_narrowest(amounts, hidden) >= K - 1e-6 or hidden.all()
        shown += int((~hidden).sum())
    assert shown > 40


def test_primary_hiding_alone_would_fail() -> None:
    amounts = np.array([[4.0, 50.0], [60.0, 70.0]])
    assert _find_narrowest(amounts, amounts < K) == pytest.approx(0.0, abs=1e-9)

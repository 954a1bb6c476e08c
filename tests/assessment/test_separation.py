from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cityai.assessment.separation import compute_auc


def compute_slowly(score: np.ndarray, yes: np.ndarray) -> tuple[float, float]:
    """Every pair by itself, and DeLong's variance from its definition."""
    above, below = score[yes], score[~yes]
    pairs = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    variance = pairs.mean(axis=1).var(ddof=1) / len(above)
    variance += pairs.mean(axis=0).var(ddof=1) / len(below)
    return float(pairs.mean()), math.sqrt(variance)


@given(seed=st.integers(0, 2**32 - 1), ties=st.integers(0, 3))
def test_equal_to_every_pair_and_to_scikit_learn(seed, ties):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 80))
    score = rng.normal(size=n).round(ties)
    yes = np.arange(n) % int(rng.integers(2, 4)) == 0
    area, error = compute_auc(score, yes)
    assert area == pytest.approx(roc_auc_score(yes, score), abs=1e-12)
    assert (area, error) == pytest.approx(compute_slowly(score, yes), abs=1e-12)


def test_one_kind_alone_has_no_figure():
    assert math.isnan(compute_auc(np.array([0.1, 0.2]), np.array([True, True]))[0])
    area, error = compute_auc(np.array([0.1, 0.2, 0.3]), np.array([False, False, True]))
    assert area == 1
    assert math.isnan(error)


def test_the_interval_holds_the_truth():
    """Two normal scores one apart: the truth is Phi(1 / sqrt(2))."""
    rng = np.random.default_rng(0)
    yes = np.arange(300) < 90
    held = 0
    for _ in range(400):
        area, error = compute_auc(rng.normal(size=300) + yes, yes)
        held += abs(area - 0.7602499389065233) <= 1.96 * error
    assert 0.92 <= held / 400 <= 0.98

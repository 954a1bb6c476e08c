from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cityai.assessment.metrics.ranking import measure_auc
from cityai.inference.clustered_intervals import bound_by_entity


def compute_slowly(score: np.ndarray, yes: np.ndarray) -> tuple[float, float]:
    """Every pair by itself, and DeLong's variance from its definition."""
    above, below = score[yes], score[~yes]
    pairs = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    variance = pairs.mean(axis=1).var(ddof=1) / len(above)
    variance += pairs.mean(axis=0).var(ddof=1) / len(below)
    return float(pairs.mean()), math.sqrt(variance)


def compute_auc(score: np.ndarray, yes: np.ndarray) -> tuple[float, float]:
    found = measure_auc(yes.astype(float), score)
    return found.value, math.sqrt(float((found.influence**2).sum()))


@given(seed=st.integers(0, 2**32 - 1), ties=st.integers(0, 3))
def test_equal_to_every_pair_and_to_scikit_learn(seed, ties):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 80))
    score = rng.normal(size=n).round(ties)
    yes = np.arange(n) % int(rng.integers(2, 4)) == 0
    area, error = compute_auc(score, yes)
    assert area == pytest.approx(roc_auc_score(yes, score), abs=1e-12)
    slow, wanted = compute_slowly(score, yes)
    assert area == pytest.approx(slow, abs=1e-12)
    # DeLong divides by one less of each kind.
    few = min(yes.sum(), (~yes).sum())
    assert wanted * math.sqrt(1 - 1 / few) - 1e-12 <= error <= wanted + 1e-12


def test_the_interval_holds_the_truth():
    """Two normal scores one apart: the truth is Phi(1 / sqrt(2)); also where persons repeat."""
    rng = np.random.default_rng(0)
    for rows in (1, 3):
        person = np.repeat(np.arange(300), rows)
        yes, held = (person < 90).astype(float), 0
        for _ in range(300):
            score = (0.8 * rng.normal(size=300)[person] + 0.6 * rng.normal(size=len(person))) + yes
            low, high = bound_by_entity(measure_auc(yes, score), person, 0.95, 10, part=True)
            held += low <= 0.7602499389065233 <= high
        assert 0.92 <= held / 300 <= 0.985, rows

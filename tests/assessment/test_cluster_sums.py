"""Entities taken together against every entity on its own, as the audit first counted them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.inference.cluster_sums import ClusteredMetric, collapse_identical_clusters, find_parts
from cityai.inference.group_gaps import choose_design, measure_groups
from cityai.inference.ratio_influence import compute_influence, sum_cells
from cityai.inference.standard_errors import (
    StandardErrors,
    cluster_robust_se,
    correct_leverage,
    satterthwaite_df,
    two_way_se,
)
from cityai.records.audit_data import Cells, Design
from cityai.records.metric import Metric

RATE = Metric("rate", "rate", "top", "bottom", "share", "low", undefined="nobody")
ROOT = Metric("root", "root", "top", "bottom", "share", "low", root=True, undefined="nobody")
NAMES = ("top", "bottom")


def draw_people(
    rng: np.random.Generator, kind: str, rows: int = 300, units: int = 7
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs, units and entities of rows: alone, several rows each, or in several units."""
    bottom = rng.integers(0, 3, rows).astype(float)
    top = np.where(rng.random(rows) < 0.5, rng.random(rows).round(2), 1.0) * bottom
    entity = np.arange(rows) if kind == "alone" else rng.integers(0, rows // 3, rows)
    unit = rng.integers(0, units, rows)
    if kind == "repeated":
        unit = unit[entity % units]
    return np.column_stack([top, bottom]), unit, np.unique(entity, return_inverse=True)[1]


def spread_every(
    pair: np.ndarray,
    unit: np.ndarray,
    entity: np.ndarray,
    weights: np.ndarray,
    metric: Metric,
    contrast: np.ndarray,
) -> StandardErrors:
    """The spread over entities without taking any together."""
    tensor = np.zeros((int(entity.max()) + 1, weights.shape[1], 2))
    np.add.at(tensor, entity, pair[:, None, :] * weights[unit][:, :, None])
    size = tensor[..., 1]
    own = correct_leverage(compute_influence(tensor, NAMES, metric), size)
    present = (size > 0).sum(axis=0).astype(float)

    def fewest(count: np.ndarray) -> np.ndarray:
        return np.array([count[c != 0].min() if c.any() else 0.0 for c in contrast.T])

    return cluster_robust_se(own @ contrast, fewest(present), fewest(satterthwaite_df(size, own)))


def draw_weights(rng: np.random.Generator, units: int, *, soft: bool) -> np.ndarray:
    if soft:
        return rng.dirichlet(np.ones(3), units)
    return np.eye(4)[rng.integers(0, 4, units)]


@pytest.mark.parametrize("kind", ["alone", "repeated", "moving"])
@pytest.mark.parametrize("metric", [RATE, ROOT])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), soft=st.booleans())
def test_the_same_spread_as_with_every_entity(kind, metric, seed, soft):
    from cityai.inference.contrasts import Contrasts

    rng = np.random.default_rng(seed)
    pair, unit, entity = draw_people(rng, kind)
    weights = draw_weights(rng, 7, soft=soft)
    everyone = np.column_stack([weights, np.ones(7)])
    cells = sum_cells(pair, np.zeros(len(unit), np.int64), unit, 1, 7)
    totals = everyone.T @ cells[0]
    contrast = np.eye(everyone.shape[1])[:, :-1]
    contrast[-1] -= 1.0
    alike = collapse_identical_clusters(pair, find_parts(unit, entity))
    engine = Contrasts(cells, everyone, NAMES, metric, totals, ClusteredMetric(alike, alike))
    ours = engine.spread(contrast, Design("others like these", "entities", 0.95, 6), level=False)
    every = spread_every(pair, unit, entity, everyone, metric, contrast)
    assert alike.count == int(entity.max()) + 1
    for name in ("error", "freedom", "correlation"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(every, name), rtol=1e-11, atol=1e-12, err_msg=name
        )
    np.testing.assert_array_equal(ours.blocks, every.blocks)


def test_a_million_persons_are_a_few_rows():
    rng = np.random.default_rng(0)
    n = 100_000
    unit = rng.integers(0, 100, n)
    pair = np.column_stack([rng.random(n), np.ones(n)])
    alike = collapse_identical_clusters(pair, find_parts(unit, np.arange(n)))
    assert len(alike.copies) == 200
    assert alike.count == n
    assert (alike.pair**2)[:, 0].sum() == pytest.approx((pair**2)[:, 0].sum(), rel=1e-12)


@pytest.mark.parametrize("moving", [False, True])
def test_both_ways_equal_every_entity_at_every_moment(moving):
    rng = np.random.default_rng(3)
    blocks, people = 8, 60
    moment = np.repeat(np.arange(blocks), people)
    entity = np.tile(np.arange(people), blocks)
    unit = (entity + (moment if moving else 0)) % 5
    pair = np.column_stack([rng.random(len(unit)), rng.integers(1, 3, len(unit)).astype(float)])
    cells = Cells(sum_cells(pair, moment, unit, blocks, 5), NAMES)
    varied = ClusteredMetric(
        collapse_identical_clusters(pair, find_parts(unit, entity)),
        collapse_identical_clusters(pair, find_parts(unit, moment * people + entity)),
    )
    design = choose_design("others like these", blocks, 0.95, 6)
    assert design.blocks == "both"
    shown = np.ones(5, bool)
    ours = measure_groups(cells, np.eye(5), RATE, design, "overall", shown, varied)

    # Each part of a person at each moment as a unit of its own, summed by hand.
    weights = np.column_stack([np.eye(5), np.ones(5)])
    everyone = np.eye(6)[:, :-1]
    totals = weights.T @ cells.values.sum(axis=0)
    tensor = pair[:, None, :] * weights[unit][:, :, None]
    single = compute_influence(tensor, NAMES, RATE, totals) @ everyone
    by_entity = spread_every(pair, unit, entity, weights, RATE, everyone)
    by_period = np.zeros((blocks, 6, 2))
    np.add.at(by_period, moment, tensor)
    from cityai.inference.autocorrelation import autocorrelated_se
    from cityai.inference.standard_errors import compute_margin

    influence = compute_influence(by_period, NAMES, RATE) @ everyone
    whole = two_way_se(
        autocorrelated_se(influence, np.full(5, float(blocks)), level=True),
        by_entity,
        (single**2).sum(axis=0),
    )
    margin = compute_margin(whole, 0.95, 6)
    np.testing.assert_allclose(ours.value + margin, ours.high, rtol=1e-12)

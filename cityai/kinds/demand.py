"""Demand: how many events per entity and period, one to H steps ahead."""

from __future__ import annotations

from typing import Final

from cityai.kinds.kind import Kind
from cityai.modeling.baselines import choose_baselines
from cityai.modeling.classical import SMOOTHING, THETA
from cityai.modeling.forecasters import TreesModel

DEMAND: Final = Kind(
    name="demand",
    baselines=choose_baselines,
    candidates=(TreesModel("lightgbm", "boosted trees over all entities"), THETA, SMOOTHING),
)

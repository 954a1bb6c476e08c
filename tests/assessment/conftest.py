"""Predictions with known properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from cityai.assessment import audit
from cityai.assessment.audit import Audit
from cityai.config.city import CitySpec
from cityai.config.policy import PolicySpec
from cityai.config.project import AuditableSpec, AuditSpec, ModelsSpec
from cityai.config.tables import ColumnSpec
from cityai.records.groups import Groups, Membership
from cityai.records.predictions import Predictions, build_predictions

CONTACT = {"unit": "Data team", "email": "data@made.city"}


class MadeSpec(AuditableSpec):
    """What the assessment looks at, of no kind."""

    kind: str = "made"
    models: ModelsSpec = ModelsSpec()
    areas: ClassVar[None] = None  # type: ignore[assignment]
    unit: ClassVar[str] = "requests"  # type: ignore[assignment]
    entity: ClassVar[str] = "place"  # type: ignore[assignment]
    entities: ClassVar[str] = "places"  # type: ignore[assignment]
    coverage: ClassVar[float] = 0.9  # type: ignore[assignment]
    contract: ClassVar[dict[str, ColumnSpec]] = {}  # type: ignore[assignment]


def group(memberships: Iterable[Membership]) -> Groups:
    """Entities that are assigned as a whole."""
    return Groups(tuple(memberships), pd.DataFrame())


def audit_predictions(
    predictions: Predictions, memberships: Iterable[Membership], spec: SimpleNamespace
) -> Audit:
    return audit.audit_predictions(predictions, group(memberships), spec)


def _make_predictions(
    folds: int = 8,
    entities: int = 20,
    steps: int = 2,
    seed: int = 0,
    y: np.ndarray | None = None,
    p: np.ndarray | None = None,
) -> Predictions:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [range(1, folds + 1), range(entities), range(1, steps + 1)], names=["fold", "e", "step"]
    ).to_frame(index=False)
    mean = np.exp(rng.normal(3, 0.7, entities))[index.e]
    shock = np.exp(rng.normal(0, 0.1, folds))[index.fold - 1]
    y = rng.poisson(mean * shock).astype(float) if y is None else y
    p = mean if p is None else p
    scale = np.sqrt(mean)
    scale[index.e == 0] = np.nan
    table = pd.DataFrame(
        {
            "entity_id": [f"a{e:02}" for e in index.e],
            "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(28 * index.fold, unit="D"),
            "step": index.step,
            "fold": index.fold,
            "period": index.fold * steps + index.step,
            "period_start": pd.Timestamp("2024-01-01"),
            "y_true": y,
            "y_pred": p,
            "y_low": p * 0.8,
            "y_high": p * 1.2,
            "scale": scale,
            "baseline.naive": rng.poisson(mean).astype(float),
            "candidate.other": p * 1.01,
        }
    )
    return build_predictions(table, coverage=0.9, unit="requests", chosen="blend")


def _make_membership(
    groups: dict[str, str] | None = None,
    weights: pd.DataFrame | None = None,
    reference: str = "overall",
    dimension: str = "zone",
    residents: dict[str, float] | None = None,
) -> Membership:
    kind = "soft" if weights is not None else "hard"
    if weights is None:
        assert groups is not None
        weights = pd.get_dummies(pd.Series(groups)).astype(float)
    return Membership(
        dimension,
        dimension.capitalize(),
        kind,
        tuple(weights.columns),
        weights,
        residents or {},
        reference,
        (),
        "",
    )


def _make_spec(
    infers: str = "this city", limits: dict[str, float] | None = None, **policy: object
) -> MadeSpec:
    own = {} if limits is None else {"limits": limits}
    return MadeSpec(
        name="made",
        title="Made",
        city=CitySpec(
            name="Made",
            time_zone="UTC",
            country="US",
            contact={"unit": "Data team", "email": "data@made.city"},
        ),
        policy=PolicySpec(**policy, **own),
        audit=AuditSpec(infers=infers),
    )


@pytest.fixture(scope="session")
def make_predictions() -> Callable[..., Predictions]:
    return _make_predictions


@pytest.fixture(scope="session")
def make_membership() -> Callable[..., Membership]:
    return _make_membership


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., SimpleNamespace]:
    return _make_spec

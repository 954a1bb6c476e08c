"""A small city with predictions, judged by brute force, so that cards can be drafted from it."""

# ruff: noqa: E501

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.audit import audit_predictions
from cityai.assessment.evaluate import evaluate_predictions
from cityai.card.draft import CardFacts, Fitted, RunFacts, draft_card
from cityai.card.draft.subject import describe_forecast
from cityai.config.project import ProjectSpec
from cityai.data.periods import Periods
from cityai.findings import Finding, Status, sort_findings
from cityai.modeling.ahead import Outlook
from cityai.modeling.folds import Fold, Folds
from cityai.records.events import list_left, list_versions
from cityai.records.groups import Groups, Membership
from cityai.records.predictions import build_predictions

N_PLACES, N_FOLDS, HORIZON = 24, 6, 3


def make_spec(**words) -> ProjectSpec:
    return ProjectSpec.model_validate(
        {
            "name": "waste",
            "title": "Refuse by district",
            "question": {
                "measure": "sum",
                "value": "tons",
                "unit": "tons",
                "missing_periods": "missing",
                "period": "month",
                "horizon": HORIZON,
                "entity": {
                    "columns": ["district"],
                    "label": "district",
                    "label_plural": "districts",
                    "area": "district",
                    "areas": "districts",
                },
            },
            "data": {
                "source": {"path": "tons.csv"},
                "layout": "panel",
                "time": "month",
                "known": {"lag_days": 10},
                "key": ["month", "district"],
                "columns": {"district": {"type": "text"}, "tons": {"type": "number"}},
            },
            "backtest": {"folds": N_FOLDS, "calibration": 4},
            "audit": {
                "intersections": True,
                "dimensions": {
                    "income": {"label": "Districts by income", "bands": "income"},
                    "origin": {
                        "label": "Origin of residents",
                        "shares": {"here": ["h"], "abroad": ["a"]},
                    },
                },
            },
            "city": {
                "name": "Testville",
                "country": "US",
                "time_zone": "America/New_York",
                "contact": {"unit": "Data office", "email": "data@testville.example"},
                "synthetic": True,
                "languages": ["en", "es", "pt", "fr"],
                "areas": {
                    "districts": {
                        "path": "areas.csv",
                        "key": "id",
                        "boundaries": {"path": "areas.geojson", "key": "id"},
                    }
                },
            },
            "words": words,
        }
    )


WORDS = {
    "review_due": "2027-05-31",
    "system": {
        "name": "Refuse forecast",
        "summary_plain": "Says how many tons of refuse each district will put out in the next three months.",
        "purpose": "Plan shifts.\n\nNothing else.",
        "phase": "pilot",
        "retired": {"not_applicable": "It is in use."},
    },
    "owner": {
        "organization": "City",
        "contact": "ask@testville.example",
        "links": {"Code": "https://testville.example/code"},
    },
    "decision": {"supported_decision": "How many shifts to plan.", "autonomy": "human decides"},
    "use": {
        "out_of_scope": ["Penalties for households", "Single streets"],
        "poor_conditions": ["Strikes"],
    },
    "risks": [
        {
            "name": "Shifts follow blindly",
            "likelihood": "low",
            "severity": "medium",
            "mitigation": "Last year's plan stays beside it",
            "residual": "low",
            "owner": "Head of planning",
        }
    ],
    "oversight": {"appeal": "Call 311.", "human_review": "A planner reads it."},
    "legal": {
        "risk_class": [
            {"scheme": "local", "level": "low", "reason": "No person", "date": "2026-11-22"}
        ]
    },
    "checklist": [{"id": "A.2", "status": "done", "evidence": "Said under data"}],
}


def make_predictions(names: list[str] | None = None, seed: int = 5):
    rng = np.random.default_rng(seed)
    ids = names or [f"D{i:02d}" for i in range(N_PLACES)]
    size = rng.uniform(300, 3000, len(ids))
    rows = []
    for fold in range(1, N_FOLDS + 1):
        origin = pd.Timestamp("2024-01-01") + pd.DateOffset(months=HORIZON * (fold - 1))
        for step in range(1, HORIZON + 1):
            start = origin + pd.DateOffset(months=step - 1)
            season = 1 + 0.15 * np.sin(2 * np.pi * start.month / 12)
            shock = rng.normal(0, 0.03)
            for i, entity in enumerate(ids):
                y = size[i] * season * (1 + shock + rng.normal(0, 0.07))
                p = size[i] * season * (1 + rng.normal(0, 0.02))
                rows.append(
                    {
                        "entity_id": entity,
                        "as_of": origin,
                        "step": step,
                        "fold": fold,
                        "period": HORIZON * (fold - 1) + step - 1,
                        "period_start": start,
                        "y_true": y,
                        "y_pred": p,
                        "y_low": p * 0.87,
                        "y_high": p * 1.13,
                        "scale": size[i] * 0.1 if i else np.nan,
                        "baseline.recent_mean": size[i] * (1 + rng.normal(0, 0.02)),
                        "baseline.seasonal_naive": size[i] * season * (1 + rng.normal(0, 0.09)),
                        "candidate.lightgbm": p * 1.01,
                        "candidate.theta": p * 0.98,
                    }
                )
    table = pd.DataFrame(rows).sort_values(["fold", "entity_id", "step"], ignore_index=True)
    total = table.groupby(["fold", "step"])["y_pred"].transform("sum")
    ranged = table.assign(total_low=0.94 * total, total_high=1.06 * total)
    return build_predictions(ranged, coverage=0.9, unit="tons", chosen="blend")


def make_memberships(ids: list[str], names: dict[str, list[str]] | None = None):
    names = names or {}
    n = len(ids)
    bands = names.get("income", ["lowest", "lower middle", "upper middle", "highest"])
    hard = pd.DataFrame(
        np.eye(4)[np.arange(n) % 4], index=pd.Index(ids, name="entity_id"), columns=bands
    )
    share = np.linspace(0.2, 0.8, n)
    origin = names.get("origin", ["here", "abroad"])
    soft = pd.DataFrame({origin[0]: share, origin[1]: 1 - share}, index=hard.index)
    caveat = "As met by the average resident of each group; areas are mixed."
    return (
        Membership(
            "income",
            "Districts by income",
            "bands",
            tuple(bands),
            hard,
            {},
            "overall",
            (30.0, 50.0, 70.0),
            "",
        ),
        Membership(
            "origin",
            "Origin of residents",
            "soft",
            tuple(origin),
            soft,
            dict.fromkeys(origin, 5000.0),
            "overall",
            (),
            caveat,
        ),
    )


def make_quality(names: list[str]):
    measures = pd.DataFrame(
        [[d, m, "overall", v, 5000, limit, "pass" if v >= limit else "fail"]
         for d, m, v, limit in [
            ("completeness", "cells filled", 0.991, 0.95), ("completeness", "months present", 0.97, 0.95),
            ("accuracy", "rows that keep the contract", 0.9995, 0.98),
            ("consistency", "rows without a repeated key", 1.0, 0.99),
            ("timeliness", "rows known within 10 days", 0.87, 0.9)]]
        + [["completeness", "months present", n, 0.95, 72, np.nan, "pass"] for n in names],
        columns=["dimension", "measure", "slice", "value", "n", "limit", "status"],
    )  # fmt: skip
    starts = pd.date_range("2019-01-01", periods=72, freq="MS")
    by_period = pd.DataFrame(
        {
            "period_start": starts,
            "rows": 24 - (np.arange(72) % 17 == 3) * 3,
            "entities_reporting": 24,
            "median_delay_days": 5 + np.sin(np.arange(72) / 9) * 2,
        }
    )
    return SimpleNamespace(
        measures=measures,
        counts=SimpleNamespace(read=1800, out_of_scope=50, rejected=22, accepted=1728),
        rejects=pd.DataFrame(
            {"row_number": range(22), "column": "tons", "value": "x", "reason": "not a number"}
        ),
        by_period=by_period,
        left=list_left(),
        versions=list_versions(),
        findings=(
            Finding(
                "quality.timeliness",
                Status.FAIL,
                "Timeliness",
                "87 % of rows came within 10 days; the limit is 90 %.",
                0.87,
                0.9,
                "share",
            ),
        ),
    )


def make_backtest(predictions):
    periods = Periods("month", pd.Timestamp("2019-01-01"), 72)
    start = periods.start
    folds = [
        Fold(
            k + 1, "calibration" if k < 4 else "test", *(start(n + 3 * k) for n in (48, 48, 48, 51))
        )
        for k in range(10)
    ]
    return SimpleNamespace(
        predictions=predictions,
        folds=Folds(tuple(folds), more=3),
        final=SimpleNamespace(
            blend={"lightgbm": 0.6, "theta": 0.4}, feature_names=("lag_1", "lag_12", "month")
        ),
        findings=(Finding("model.weights", Status.PASS, "Weights", "They add up to one."),),
    )


def make_explanation(memberships):
    labels = ["tons 1 month ago", "tons 12 months ago", "month", "mean of 3 months", "working days"]
    drivers = pd.DataFrame(
        {
            "feature": ["lag_1", "lag_12", "month", "mean_3", "working_days"], "label": labels,
            "importance": [120.4, 88.1, 30.2, 20.0, 5.5], "share": [0.456, 0.334, 0.114, 0.076, 0.02],
            "rank": [1, 2, 3, 4, 5], "members": [["lag_1", "lag_2"], ["lag_12"], ["month"], ["mean_3"], ["working_days"]], "stability": [0.03, 0.02, 0.01, 0.02, 0.0], "folds_in_top": [6, 6, 6, 5, 1],
        }
    )  # fmt: skip
    by_group = pd.DataFrame(
        [
            [m.dimension, g, f, 3.2, 40.0 - i]
            for m in memberships
            for g in m.groups
            for i, f in enumerate(drivers["feature"])
        ],
        columns=["dimension", "group", "feature", "mean_shap", "importance"],
    )
    return SimpleNamespace(
        drivers=drivers,
        by_group=by_group,
        method="TreeSHAP.",
        caveat="It says what was looked at, not what causes demand.",
        weight=0.6,
        own=False,
        additivity_error=3e-15,
        findings=(),
    )


def make_outlook(ids: list[str]) -> Outlook:
    """Two periods after the data, of which the first is said."""
    rows = [(e, s + 1, pd.Timestamp("2025-01-01") + pd.DateOffset(months=s), 1234.5 + 10 * i + s)
            for i, e in enumerate(ids) for s in range(2)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["entity_id", "step", "period_start", "y_pred"])
    return Outlook(table.assign(y_low=0.8 * table["y_pred"], y_high=1.25 * table["y_pred"]))


def make_facts(ids: list[str], names: list[str] | None = None) -> RunFacts:
    return RunFacts(
        run_digest="ab" * 32, data_digest="cd" * 32, spec_digest="ef" * 32, predictions_digest="12" * 32,
        git_commit="654b187", git_dirty=True, created=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        versions={"lightgbm": "4.7.0", "cityai": "0.1.0"},
        first=pd.Timestamp("2019-01-01").to_pydatetime(), last=pd.Timestamp("2025-01-01").to_pydatetime(),
        entities=pd.DataFrame({"entity_id": ids, "area_id": ids, "name": names or [f"District {i}" for i in ids], "residents": 43210.0}),
        feature_labels={"lag_1": "tons 1 month ago", "lag_12": "tons 12 months ago"},
    )  # fmt: skip


def draft_forecast(facts, spec, predictions, evaluation, audit, *, backtest=None, **records):
    """Draft the card of a forecast from its records; each that is not given is not there."""
    given = (facts, evaluation, audit, records.get("quality"), backtest, *records.values())
    findings = dict.fromkeys(f for r in given for f in getattr(r, "findings", ()))
    fitted = Fitted()
    if backtest is not None:
        final = backtest.final
        fitted = Fitted(
            backtest.folds.to_table(), final.blend, final.feature_names, backtest.folds.more
        )
    return draft_card(
        CardFacts(
            run=facts,
            spec=spec,
            subject=describe_forecast(spec, predictions),
            predictions=predictions,
            evaluation=evaluation,
            audit=audit,
            findings=sort_findings(findings),
            fitted=fitted,
            **records,
        )
    )


_KEPT = {}


def make_city(words=None, ids=None, groups=None, suppressed=frozenset(), names=None, reuse=False):
    """Everything that a card is drafted from, and the card's record."""
    spec = make_spec(**(WORDS if words is None else words))
    if not (reuse and _KEPT):
        predictions = make_predictions(ids)
        ids = sorted(predictions.table["entity_id"].unique())
        memberships = make_memberships(ids, groups)
        evaluation = evaluate_predictions(predictions, spec)
        audit = audit_predictions(predictions, Groups(tuple(memberships), pd.DataFrame()), spec)
        parts = (predictions, ids, memberships, evaluation, audit)
        if reuse:
            _KEPT["parts"] = parts
    predictions, ids, memberships, evaluation, audit = _KEPT["parts"] if reuse else parts
    if suppressed:
        audit = hide_groups(audit, suppressed)
    facts = make_facts(ids, names)
    record = draft_forecast(
        facts, spec, predictions, evaluation, audit,
        quality=make_quality(ids), backtest=make_backtest(predictions), explanation=make_explanation(memberships),
        groups=Groups(tuple(memberships), pd.DataFrame()), outlook=make_outlook(ids),
    )  # fmt: skip
    return SimpleNamespace(
        spec=spec,
        predictions=predictions,
        memberships=memberships,
        evaluation=evaluation,
        audit=audit,
        record=record,
        facts=facts,
        outlook=make_outlook(ids),
    )


def hide_groups(audit, suppressed: set[tuple[str, str]]):
    """What the audit does for small groups: no figure, a reason."""
    table = audit.table.copy()
    hit = [key in suppressed for key in zip(table["dimension"], table["group"], strict=True)]
    figures = [
        "value",
        "low",
        "high",
        "reference_value",
        "gap",
        "gap_low",
        "gap_high",
        "n",
        "amount",
        "blocks",
    ]
    table.loc[hit, figures] = np.nan
    table.loc[hit, ["status", "reason"]] = ["suppressed", "Not shown: too few."]
    return replace(audit, table=table)


@pytest.fixture(scope="session")
def city():
    return make_city()


@pytest.fixture(scope="session")
def draft_city():
    return make_city


@pytest.fixture
def outlines_file(tmp_path: Path) -> Path:
    """A grid of squares, one per district."""
    features = []
    for i in range(N_PLACES):
        x, y = i % 6, i // 6
        ring = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]]
        features.append(
            {
                "type": "Feature",
                "properties": {"id": f"D{i:02d}"},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path

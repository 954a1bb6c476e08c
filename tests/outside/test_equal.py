"""Point values against three others: MetricFrame, scikit-learn, and counting in SQL."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, selection_rate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn import metrics as sk

from cityai.assessment.audit import audit_scored
from cityai.assessment.metrics import build_answer_sums, find_metrics, score_answers
from cityai.assessment.scored import fit_limits, score_predictions
from cityai.columns import (
    AREA,
    AS_OF,
    ASKED,
    DECISION,
    ENTITY,
    FOLD,
    SCALE,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.audit_file import AuditFileSpec
from cityai.data.external_predictions import NO_MOMENT
from cityai.data.groups import assign_groups
from cityai.inference.ratio_influence import compute_ratio, sum_cells
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions
from tests.promises import trials

SPEC = AuditFileSpec.model_validate(
    {
        "name": "given",
        "title": "Given answers",
        "predictions": {
            "kind": "yes/no",
            "unit": "people",
            "columns": {"outcome": "y", "prediction": "s", "decision": "d"},
        },
        "audit": {
            "dimensions": {"group": {"label": "Group", "attribute": "group"}},
            "infers": "others like these",
        },
        "city": {
            "name": "Testville",
            "country": "US",
            "time_zone": "America/New_York",
            "contact": {"unit": "Office", "email": "office@testville.example"},
        },
        "policy": {"small_cell": 1, "limits": {}},
    }
)
SQL = """
WITH judged AS (
  SELECT coalesce(g, 'not recorded') AS g, y, d, s, y IS NOT NULL AS k, d IS NOT NULL AS m,
         y = 1 AS yes, d = 1 AS chosen FROM rows
), doubled AS (SELECT * FROM judged UNION ALL SELECT 'overall', * EXCLUDE (g) FROM judged)
SELECT g,
  count(*) AS n,
  count(*) FILTER (m AND chosen) / nullif(count(*) FILTER (m), 0) AS selection_rate,
  count(*) FILTER (k AND m AND NOT yes AND chosen)
    / nullif(count(*) FILTER (k AND m AND NOT yes), 0) AS false_positive_rate,
  count(*) FILTER (k AND m AND yes AND NOT chosen) / nullif(count(*) FILTER (k AND m AND yes), 0)
    AS false_negative_rate,
  count(*) FILTER (k AND m AND yes AND chosen) / nullif(count(*) FILTER (k AND m AND yes), 0)
    AS true_positive_rate,
  count(*) FILTER (k AND m AND yes AND chosen) / nullif(count(*) FILTER (k AND m AND chosen), 0)
    AS "precision",
  count(*) FILTER (k AND m AND NOT yes AND chosen) / nullif(count(*) FILTER (k AND m AND chosen), 0)
    AS false_discovery_rate,
  count(*) FILTER (k AND m AND yes AND NOT chosen)
    / nullif(count(*) FILTER (k AND m AND NOT chosen), 0) AS false_omission_rate,
  count(*) FILTER (k AND m AND yes = chosen) / nullif(count(*) FILTER (k AND m), 0) AS accuracy,
  count(*) FILTER (k AND yes) / nullif(count(*) FILTER (k), 0) AS base_rate,
  sum(s) FILTER (k AND s IS NOT NULL) / nullif(sum(y) FILTER (k AND s IS NOT NULL), 0)
    AS calibration,
  avg((s - y) * (s - y)) AS brier,
  avg(s) AS mean_score
FROM doubled GROUP BY g
"""
SHARED = {
    "selection_rate": lambda y, p: selection_rate(y, p),
    "true_positive_rate": lambda y, p: sk.recall_score(y, p, zero_division=np.nan),
    "precision": lambda y, p: sk.precision_score(y, p, zero_division=np.nan),
    "accuracy": sk.accuracy_score,
    "false_negative_rate": lambda y, p: 1 - sk.recall_score(y, p, zero_division=np.nan),
    "false_positive_rate": lambda y, p: (
        1 - sk.recall_score(y, p, pos_label=0, zero_division=np.nan)
    ),
    "false_discovery_rate": lambda y, p: 1 - sk.precision_score(y, p, zero_division=np.nan),
    "false_omission_rate": lambda y, p: (
        1 - sk.precision_score(y, p, pos_label=0, zero_division=np.nan)
    ),
    "base_rate": lambda y, p: float(np.mean(y)),
}
REPORTED = {
    "true_positive_rate": lambda precision, recall, support: recall[1],
    "false_negative_rate": lambda precision, recall, support: 1 - recall[1],
    "false_positive_rate": lambda precision, recall, support: 1 - recall[0],
    "precision": lambda precision, recall, support: precision[1],
    "false_discovery_rate": lambda precision, recall, support: 1 - precision[1],
    "false_omission_rate": lambda precision, recall, support: 1 - precision[0],
    "base_rate": lambda precision, recall, support: support[1] / support.sum(),
}
"""The same rates from one of scikit-learn's reports, for thousands of frames."""


def report_rates(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and support of no and of yes."""
    precision, recall, _, support = sk.precision_recall_fscore_support(
        y, p, labels=[0, 1], average=None, zero_division=np.nan
    )
    return precision, recall, support


def make_given(rows: pd.DataFrame) -> Predictions:
    n = len(rows)
    nothing = np.full(n, np.nan)
    table = pd.DataFrame(
        {
            ENTITY: [f"{i:05d}" for i in range(n)],
            AS_OF: NO_MOMENT,
            STEP: 1,
            FOLD: 1,
            Y_TRUE: rows["y"].astype(float),
            Y_PRED: rows["s"].astype(float),
            Y_LOW: nothing,
            Y_HIGH: nothing,
            SCALE: nothing,
            DECISION: rows["d"].astype(float),
            ASKED: pd.NaT,
            AREA: None,
        }
    )
    return Predictions(table, SPEC.coverage, SPEC.unit, "given", "yes/no")


def count_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Point values alone: the same sums and ratios for any number of groups, no intervals."""
    table = make_given(rows).table
    sums = build_answer_sums(table)
    group, names = rows["g"].fillna("not recorded").factorize(sort=True)
    totals = sum_cells(sums.values, np.zeros(len(rows)), group, 1, len(names))[0]
    totals = np.vstack([totals, totals.sum(axis=0)])
    values = {m.name: compute_ratio(totals, sums.names, m) for m in score_answers(table)[1]}
    n = totals[:, sums.names.index("n")]
    return pd.DataFrame({**values, "n": n}, index=[*names, "overall"])


def join_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Many frames as one, the groups of each apart."""
    marked = [f.assign(g=f"{i}/" + f["g"].fillna("none")) for i, f in enumerate(frames)]
    return pd.concat(marked, ignore_index=True)


def divide(predictions: Predictions, rows: pd.DataFrame) -> Groups:
    attributes = pd.DataFrame({"group": rows["g"].astype(object)})
    return assign_groups(predictions.table[[ENTITY, AREA]], attributes, None, SPEC.audit.dimensions)


def audit_rows(rows: pd.DataFrame) -> pd.DataFrame:
    given_rows = make_given(rows)
    groups = divide(given_rows, rows)
    scored = score_predictions(given_rows, SPEC, groups)
    audit = audit_scored(scored, groups.memberships, fit_limits(SPEC, scored.metrics))
    return audit.table.pivot_table(
        index="group", columns="metric", values="value", dropna=False, observed=False
    ).join(audit.table.groupby("group")["n"].max())


def draw_rows(rng: np.random.Generator, *, missing: bool) -> pd.DataFrame:
    n = int(rng.integers(1, 60))
    rows = pd.DataFrame(
        {
            "y": (rng.random(n) < rng.random()).astype(float),
            "d": (rng.random(n) < rng.random()).astype(float),
            "s": rng.random(n).round(3),
            "g": rng.choice([f"g{i}" for i in range(rng.integers(1, 6))], n).astype(object),
        }
    )
    if missing:
        for name in ("y", "d", "s"):
            rows.loc[rng.random(n) < 0.15, name] = np.nan
        rows.loc[rng.random(n) < 0.1, "g"] = None
    return rows


def check_sql(rows: pd.DataFrame, engine: duckdb.DuckDBPyConnection, measure=audit_rows) -> float:
    """Compare with counting in SQL; return the largest difference."""
    ours = measure(rows)
    engine.register("rows", rows)
    theirs = engine.execute(SQL).df().set_index("g")
    assert sorted(ours.index) == sorted(theirs.index)
    assert ours.loc["overall", "n"] == len(rows)
    assert ours.drop("overall")["n"].sum() == len(rows)
    largest = 0.0
    for name in ("n", *(m.name for m in find_metrics("yes/no"))):
        known = ours[name] if name in ours else pd.Series(np.nan, index=ours.index)
        largest = max(largest, find_largest(known, theirs[name].astype(float)))
    assert largest <= 1e-12
    return largest


def check_frame(rows: pd.DataFrame, measure=audit_rows) -> None:
    ours = measure(rows)
    frame = MetricFrame(
        metrics=SHARED,
        y_true=rows["y"].astype(int),
        y_pred=rows["d"].astype(int),
        sensitive_features=rows["g"],
    )
    for name in SHARED:
        np.testing.assert_allclose(
            ours.drop("overall")[name].sort_index().to_numpy(float),
            frame.by_group[name].astype(float).sort_index().to_numpy(),
            rtol=0,
            atol=1e-12,
            err_msg=name,
        )
        both = ours.loc["overall", name], float(frame.overall[name])
        assert both[0] == pytest.approx(both[1], abs=1e-12, nan_ok=True), name
    brier = sk.mean_squared_error(rows["y"], rows["s"])
    assert ours.loc["overall", "brier"] == pytest.approx(brier, abs=1e-12)


def find_largest(ours: pd.Series, theirs: pd.Series) -> float:
    """Largest difference of two columns of figures; undefined ones must be so in both."""
    left, right = (c.sort_index().to_numpy(float) for c in (ours, theirs))
    np.testing.assert_array_equal(np.isnan(left), np.isnan(right))
    apart = np.abs(left - right)
    return float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0


def check_reports(rows: pd.DataFrame, ours: pd.DataFrame) -> float:
    """Compare many frames with a MetricFrame at once; return the largest difference."""
    with config_context(assume_finite=True, skip_parameter_validation=True):
        frame = MetricFrame(
            metrics={
                "report": report_rates,
                "accuracy": sk.accuracy_score,
                "selection_rate": selection_rate,
            },
            y_true=rows["y"].to_numpy(np.int64),
            y_pred=rows["d"].to_numpy(np.int64),
            sensitive_features=rows["g"],
        )
    theirs = frame.by_group
    parts = theirs["report"].to_dict()
    groups = ours.drop("overall")
    largest = [
        find_largest(groups[name], theirs[name].astype(float))
        for name in ("accuracy", "selection_rate")
    ]
    for name, read in REPORTED.items():
        rate = pd.Series({group: read(*report) for group, report in parts.items()}, dtype=float)
        largest.append(find_largest(groups[name], rate))
    return max(largest)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1))
def test_equal_to_metric_frame_and_scikit_learn(seed):
    check_frame(draw_rows(np.random.default_rng(seed), missing=False))


@pytest.mark.promise(10)
@pytest.mark.slow
@settings(max_examples=trials(200, 25), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_equal_to_counting_in_sql_undefined_ones_too(observe, seed):
    with duckdb.connect() as engine:
        check_sql(draw_rows(np.random.default_rng(seed), missing=True), engine)
    observe("undefined exactly where SQL counts nothing")


def compare_frames(frames: int) -> float:
    """Compare so many frames each way, 500 in one pass; return the largest difference."""
    rng = np.random.default_rng(20260101)
    largest = 0.0
    with duckdb.connect() as engine:
        for _ in range(frames // 500):
            gappy = join_frames([draw_rows(rng, missing=True) for _ in range(500)])
            largest = max(largest, check_sql(gappy, engine, count_rows))
            whole = join_frames([draw_rows(rng, missing=False) for _ in range(500)])
            largest = max(largest, check_reports(whole, count_rows(whole)))
    return largest


@pytest.mark.promise(19)
@pytest.mark.long
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_many_frames(observe):
    frames = trials(5000, 1000)
    largest = compare_frames(frames)
    observe(f"largest difference {largest:.1e} over {2 * frames:,} frames")
    assert largest <= 1e-12


@pytest.mark.promise(10)
def test_a_group_without_positives_has_no_rate_and_says_why(observe):
    rows = pd.DataFrame(
        {
            "y": [0.0] * 15 + [1.0, 0.0] * 20,
            "d": [0.0] * 15 + [1.0, 0.0, 0.0, 1.0] * 10,
            "s": 0.5,
            "g": ["small"] * 15 + ["large"] * 40,
        }
    )
    given_rows = make_given(rows)
    groups = divide(given_rows, rows)
    scored = score_predictions(given_rows, SPEC, groups)
    table = audit_scored(scored, groups.memberships, SPEC).table.set_index(["group", "metric"])
    row = table.loc[("small", "true_positive_rate")]
    observe(f"no rate: {row['reason']}")
    assert math.isnan(row["value"])
    assert math.isnan(row["gap"])
    assert row["status"] == "not applicable"
    assert "0 positives" in row["reason"]


def test_a_person_whose_group_changes_stays_one_block():
    rng = np.random.default_rng(5)
    people = rng.integers(0, 40, 200)
    rows = pd.DataFrame(
        {
            "y": rng.integers(0, 2, 200).astype(float),
            "d": rng.integers(0, 2, 200).astype(float),
            "s": 0.5,
            "g": rng.choice(["young", "old"], 200).astype(object),
        }
    )
    told = []
    for grouped in (rows.assign(g="all"), rows):
        given_rows = make_given(grouped)
        given_rows.table[ENTITY] = [f"p{i}" for i in people]
        groups = divide(given_rows, grouped)
        scored = score_predictions(given_rows, SPEC, groups)
        told.append(audit_scored(scored, groups.memberships, SPEC).table)
    assert len(set(groups.units)) == 2
    assert scored.entity.max() + 1 == len(set(people))
    whole = [t[t["dimension"] == "overall"].set_index("metric") for t in told]
    assert whole[1].loc["selection_rate", "n"] == 200
    for name in ("value", "low", "high", "blocks"):
        np.testing.assert_allclose(whole[1][name], whole[0][name], rtol=1e-12)
    assert whole[1].loc["selection_rate", "blocks"] == len(set(people))

"""Ranked lists on two public sets, beside what was published.

usage: python benchmarks/risk.py [food] [no_shows]

Food inspections: the City of Chicago's own scores first, recomputed with our metrics, then ours on
the same 1,637 inspections, without and with the clusters of inspectors, and on the folds before
them. Clinic appointments: who does not come. Everything goes through the product's own stages; the
data are found through `CITYAI_DATA`.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cityai.assessment.audit import Audit, audit_predictions
from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.metrics.days_earlier import Calendar
from cityai.assessment.metrics.ranking import measure_auc, measure_first_half
from cityai.config.load import Project, load_project
from cityai.config.risk import RiskSpec
from cityai.config.tables import ColumnSpec
from cityai.kinds import open_kind
from cityai.modeling.backtest import Backtest

PROJECTS = Path(__file__).parents[1] / "projects"
FOOD = "chicago_food_inspections"
INSPECTOR = "Inspector_Assigned"
SHOWN = [
    "recall",
    "precision",
    "lift",
    "auc",
    "first_half_share",
    "first_half_share_by_days",
    "days_sooner",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "calibration_error",
    "calibration_chance",
]


@dataclass(frozen=True)
class Replayed:
    """A project's past, replayed and judged."""

    backtest: Backtest
    evaluation: Evaluation
    audit: Audit
    seconds: float


def replay_project(project: Project[RiskSpec]) -> Replayed:
    begun, spec = time.perf_counter(), project.spec
    kind = open_kind(project)
    cases = kind.read()
    asked = kind.build_problem(cases)
    print(kind.check_folds(cases, asked)[0].reason)
    backtest = kind.backtest(cases, asked)
    evaluation = evaluate_predictions(backtest.predictions, spec)
    groups = kind.assign_groups(cases)
    audit = audit_predictions(backtest.predictions, groups, spec)
    return Replayed(backtest, evaluation, audit, time.perf_counter() - begun)


def add_inspectors(project: Project[RiskSpec]) -> Project[RiskSpec]:
    """Let the model see who inspects: not a property of the establishment."""
    spec = project.spec
    entity = spec.question.entity
    seen = entity.model_copy(update={"attributes": (*entity.attributes, INSPECTOR)})
    question = spec.question.model_copy(update={"entity": seen})
    columns = {**spec.data.columns, INSPECTOR: ColumnSpec(type="text", label="who inspects")}
    data = spec.data.model_copy(update={"columns": columns})
    return replace(project, spec=spec.model_copy(update={"question": question, "data": data}))


def report_city() -> None:
    """Print the City's table, from the scores that it published."""
    folder = Path(os.environ["CITYAI_DATA"]) / FOOD
    scores = pd.read_parquet(folder / "reference_scores.parquet")
    table = pd.read_parquet(folder / "model_table.parquet").merge(scores, on="Inspection_ID")
    test = table[table["Test"].astype(bool)].reset_index(drop=True)
    named = {
        "Inspection_ID": "case_id",
        "License": "entity_id",
        "Inspection_Date": "occurred_at",
        "criticalFound": "y_true",
    }
    test = test.rename(columns=named).assign(fold=1)
    test["occurred_at"] = pd.to_datetime(test["occurred_at"])
    calendar, fold = Calendar(test), np.zeros(len(test), np.int64)
    happened = test["occurred_at"].rank(method="dense", ascending=False).to_numpy(np.float64)
    rows = []
    for name in ("actual order", "city_glm_score", "city_xgboost_score"):
        score = happened if name == "actual order" else test[name].to_numpy(np.float64)
        rows.append({"score": name} | describe_order(calendar, score, fold))
    print(
        f"Chicago, {len(test):,} test inspections, {int(calendar.truth.sum())} with a critical one"
    )
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format), "\n")


def describe_order(calendar: Calendar, score: np.ndarray, fold: np.ndarray) -> dict[str, float]:
    gain, truth = calendar.measure(score).found, calendar.truth
    return {
        "days_sooner": gain.mean(),
        "sd": gain.std(ddof=1),
        "median": float(np.median(gain)),
        "upper_quartile": float(np.quantile(gain, 0.75)),
        "most": gain.max(),
        "later": float((gain < 0).sum()),
        "first_half": measure_first_half(truth, score, fold).value,
        "by_whole_days": calendar.measure_first_days(score).value,
        "auc": measure_auc(truth, score).value,
    }


def report_replayed(title: str, found: Replayed, project: Project[RiskSpec]) -> None:
    print(f"== {title}: {found.seconds:.0f} s, {len(found.backtest.predictions.table):,} cases")
    metrics = found.evaluation.metrics
    whole = metrics[(metrics["slice_kind"] == "overall") & metrics["metric"].isin(SHOWN)]
    wide = whole.pivot(index="metric", columns="model", values="value").reindex(SHOWN)
    print(wide.to_string(float_format="{:.4f}".format))
    ours = metrics[metrics["model"] == "forecast"]
    folds = ours[ours["slice_kind"] == "fold"]
    print(
        folds.pivot(index="metric", columns="slice", values="value")
        .reindex(SHOWN)
        .to_string(float_format="{:.4f}".format)
    )
    last = ours[(ours["slice_kind"] == "fold") & (ours["slice"] == folds["slice"].max())]
    print(last[["metric", "value", "low", "high", "reason"]].to_string(index=False))
    table = found.backtest.predictions.table
    table = table[table["fold"] == table["fold"].max()].reset_index(drop=True)
    if project.spec.question.actual_order:
        calendar, fold = Calendar(table), np.zeros(len(table), np.int64)
        scores = ["y_pred", *(c for c in table if c.startswith(("candidate.", "baseline.")))]
        rows = [
            {"last fold": c} | describe_order(calendar, table[c].to_numpy(np.float64), fold)
            for c in scores
        ]
        print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format))
    print(found.backtest.weights.to_string(index=False))
    print(
        found.evaluation.comparisons[
            [
                "baseline",
                "metric",
                "value",
                "baseline_value",
                "difference",
                "low",
                "high",
                "verdict",
            ]
        ].to_string(index=False)
    )
    print(found.evaluation.at_capacity.query("model == 'forecast'").to_string(index=False))
    print(found.audit.slopes.to_string(index=False))
    print(found.audit.attention.to_string(index=False))
    for finding in (*found.backtest.findings, *found.evaluation.findings, *found.audit.findings):
        print(f"{finding.status.value}: {finding.code}: {finding.reason}")
    print(flush=True)


def main(names: list[str]) -> None:
    if "food" in names:
        report_city()
        project = load_project(PROJECTS / "food_inspections")
        report_replayed("without inspectors", replay_project(project), project)
        seen = add_inspectors(project)
        report_replayed("with inspectors", replay_project(seen), seen)
    if "no_shows" in names:
        project = load_project(PROJECTS / "clinic_no_shows")
        report_replayed("clinic no-shows", replay_project(project), project)


if __name__ == "__main__":
    main(sys.argv[1:] or ["food", "no_shows"])

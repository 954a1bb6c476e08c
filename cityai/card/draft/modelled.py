"""How the forecast is made, and what drives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from cityai.card.draft import sentences
from cityai.card.draft.evaluated import as_count, as_number, as_text
from cityai.card.draft.facts import RunFacts
from cityai.card.draft.rounding import round_figure
from cityai.card.record.measured import (
    Driver,
    ExplanationPart,
    GroupDriver,
    Input,
    Method,
    ModelPart,
)
from cityai.card.words import name_baseline, name_candidate
from cityai.columns import BASELINE, CANDIDATE
from cityai.config.project import ProjectSpec
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.assessment.explain import Explanation
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.predictions import Predictions

TOP_DRIVERS = 15
DRIVERS_PER_GROUP = 5


def draft_model(
    facts: RunFacts,
    spec: ProjectSpec,
    predictions: Predictions,
    backtest: Backtest | None,
    explanation: Explanation | None,
    secret: frozenset[tuple[str, str]],
) -> ModelPart:
    """Draft the section on the model.

    Parameters
    ----------
    secret : frozenset of (str, str)
        (dimension, group) pairs that may not be shown.
    """
    question = spec.question
    weights: Mapping[str, float] = backtest.final.blend if backtest else {}
    names = [
        c.removeprefix(CANDIDATE) for c in map(str, predictions.table) if c.startswith(CANDIDATE)
    ]
    rivals = [
        c.removeprefix(BASELINE) for c in map(str, predictions.table) if c.startswith(BASELINE)
    ]
    features = backtest.final.feature_names if backtest else ()
    return ModelPart(
        name=predictions.chosen,
        version=facts.run_digest[:12],
        type=name_candidate(predictions.chosen),
        self_learning=False,
        inputs=tuple(Input(name=f, label=facts.feature_labels.get(f, f)) for f in features),
        output=say(
            f"{question.unit} per {question.entity.label} and {question.period}, with a range"
        ),
        horizon=question.horizon,
        period=question.period,
        unit=question.unit,
        parameters=_list_parameters(spec),
        candidates=tuple(
            Method(
                name=n, label=name_candidate(n), weight=round_figure(weights.get(n), "share", 10**6)
            )
            for n in names
        ),
        baselines=tuple(Method(name=n, label=name_baseline(n, question.period)) for n in rivals),
        choice_reason=spec.words.model.choice_reason,
        explanation=draft_explanation(explanation, question.unit, secret) if explanation else None,
    )


def _list_parameters(spec: ProjectSpec) -> dict[str, str]:
    listed: dict[str, object] = {
        "backtest.folds": spec.backtest.folds,
        "backtest.stride": spec.backtest.stride or spec.question.horizon,
        "backtest.calibration": spec.backtest.calibration,
        "models.coverage": spec.models.coverage,
        "models.seed": spec.models.seed,
        "features.lags": spec.features.lags,
        "features.windows": spec.features.windows,
        "features.levels": spec.features.levels,
        "features.calendar": spec.features.calendar,
        "features.attributes": spec.features.attributes,
        "features.own": spec.features.own,
        "features.exclude": spec.features.exclude,
        "data.reporting_delay_days": spec.data.reporting_delay_days,
    }
    return {name: write_parameter(value) for name, value in listed.items()}


def write_parameter(value: object) -> str:
    """Write a choice of the specification for readers."""
    if value is None:
        return say("chosen by period")
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, tuple):
        return ", ".join(str(v) for v in value) or say("none")
    return str(value)


def draft_explanation(
    explanation: Explanation, unit: str, secret: frozenset[tuple[str, str]]
) -> ExplanationPart:
    """Draft what moves the predictions, in `unit`; groups that are `secret` stay out."""
    table = explanation.drivers.sort_values(["rank", "feature"], kind="stable")
    drivers = tuple(
        Driver(
            feature=as_text(row["feature"]),
            label=as_text(row["label"]) or as_text(row["feature"]),
            members=tuple(row["members"]),
            importance=round_figure(row["importance"], unit, None),
            share=round_figure(row["share"], "share", 10**6),
            stability=round_figure(row["stability"], "share", 10**6),
            folds_in_top=as_count(row["folds_in_top"]),
        )
        for row in table.head(TOP_DRIVERS).to_dict("records")
    )
    weight = round_figure(explanation.weight, "share", 10**6)
    error = as_number(explanation.additivity_error)
    return ExplanationPart(
        method=explanation.method,
        caveat=explanation.caveat,
        weight=weight,
        additivity_error=None if error is None else float(f"{error:.2g}"),
        unit=unit,
        drivers=drivers,
        by_group=_list_groups(explanation.by_group, unit, secret),
        in_words=sentences.describe_drivers(drivers, weight),
    )


def _list_groups(
    table: pd.DataFrame, unit: str, secret: frozenset[tuple[str, str]]
) -> tuple[GroupDriver, ...]:
    kept = []
    for (dimension, group), rows in table.groupby(["dimension", "group"], sort=True):
        if (dimension, group) in secret or rows["importance"].isna().all():
            continue
        top = rows.sort_values(["importance", "feature"], ascending=[False, True], kind="stable")
        kept += [
            GroupDriver(
                dimension=str(dimension),
                group=str(group),
                feature=as_text(row["feature"]),
                mean_effect=round_figure(row["mean_shap"], unit, None),
                importance=round_figure(row["importance"], unit, None),
            )
            for row in top.head(DRIVERS_PER_GROUP).to_dict("records")
        ]
    return tuple(kept)

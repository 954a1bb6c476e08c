"""How the forecast is made, and what drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cityai.card.draft import sentences
from cityai.card.draft.facts import CardFacts
from cityai.card.draft.rounding import round_figure
from cityai.card.draft.values import as_count, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.record.measured import (
    Driver,
    ExplanationPart,
    GroupDriver,
    Input,
    Method,
    ModelPart,
)
from cityai.card.words import name_candidate
from cityai.i18n.messages import join, say

if TYPE_CHECKING:
    from cityai.assessment.explain import Explanation

TOP_DRIVERS = 15
DRIVERS_PER_GROUP = 5


def draft_model(facts: CardFacts, withheld: Withheld) -> ModelPart:
    """Draft the section on how predictions are made."""
    run, subject, predictions = facts.run, facts.subject, facts.predictions
    fitted = facts.fitted
    return ModelPart(
        name=predictions.chosen,
        version=getattr(run, subject.version)[:12],
        type=subject.method or name_candidate(predictions.chosen, subject.own),
        self_learning=False,
        inputs=tuple(Input(name=name, label=_name_input(name, facts)) for name in fitted.inputs),
        output=subject.output,
        horizon=subject.horizon,
        period=subject.period,
        unit=facts.spec.unit,
        parameters={name: write_parameter(v) for name, v in subject.parameters.items()},
        candidates=tuple(
            Method(
                name=n,
                label=name_candidate(n, subject.own),
                weight=round_figure(fitted.blend.get(n), "share", 10**6),
            )
            for n in predictions.candidates
        ),
        baselines=tuple(
            Method(name=n, label=facts.name_baseline(n)) for n in predictions.baselines
        ),
        choice_reason=facts.spec.words.model.choice_reason,
        explanation=_draft_explanation(facts.explanation, subject.drivers_in, withheld)
        if facts.explanation
        else None,
    )


def _name_input(name: str, facts: CardFacts) -> str:
    label, why = facts.run.feature_labels.get(name, name), facts.subject.sensitive.get(name)
    return (
        label if why is None else label + " " + say("(close to a protected group: {why})", why=why)
    )


def write_parameter(value: object) -> str:
    """Write a choice of the specification for readers."""
    if value is None:
        return say("chosen by period")
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, tuple):
        return join(", ", (str(v) for v in value)) or say("none")
    return str(value)


def _draft_explanation(explanation: Explanation, unit: str, withheld: Withheld) -> ExplanationPart:
    """Draft what moves the predictions, in `unit`; groups that are withheld stay out."""
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
        by_group=_list_groups(explanation.by_group, unit, withheld),
        in_words=sentences.describe_drivers(drivers, weight, explanation.own),
    )


def _list_groups(table: pd.DataFrame, unit: str, withheld: Withheld) -> tuple[GroupDriver, ...]:
    kept = []
    for (dimension, group), rows in table.groupby(["dimension", "group"], sort=True):
        if withheld.veils(str(dimension), str(group)) or rows["importance"].isna().all():
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

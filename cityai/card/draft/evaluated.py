"""How well it works: the evaluation's figures, rounded and named."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from datetime import date, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cityai.card.draft import sentences
from cityai.card.draft.facts import RunFacts
from cityai.card.draft.rounding import PERIOD_STEP, find_size, round_figure, round_total
from cityai.card.record.measured import Comparison, EvalPart, FoldPart, PlaceResult, SeriesPoint
from cityai.card.record.part import Number, StatusWord
from cityai.card.words import describe_metric, name_baseline
from cityai.columns import (
    AREA,
    BASELINE,
    ENTITY,
    EVERYWHERE,
    FOLD,
    HEADLINE,
    PERIOD_START,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.project import AuditableSpec, BaseProjectSpec, ProjectSpec
from cityai.findings import Finding
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.assessment.evaluate import Evaluation
    from cityai.data.quality import QualityReport
    from cityai.modeling.predictions import Predictions
    from cityai.modeling.split import Folds

FORECAST = "forecast"
CITY_RULE = "city_rule"
SOURCE = say("evaluation.metrics, from the saved predictions")
BY_FOLD_OR_STEP = ("wape", "bias", "under_forecast_share", "coverage")
BY_PLACE = ("wape", "under_forecast_share", "bias", "coverage")


def draft_eval(
    facts: RunFacts,
    spec: ProjectSpec,
    predictions: Predictions,
    evaluation: Evaluation,
    folds: Folds | None,
    hidden: Withheld,
    findings: Iterable[Finding],
    coarse: bool = False,
) -> EvalPart:
    """Draft the section on how well the forecast works.

    Parameters
    ----------
    hidden : frozenset of tuple of str
        Kind and slice of the figures that the audit keeps out of here (`find_withheld`).
    findings : iterable of Finding
        The run's; what is said of the design follows from them.
    coarse : bool
        Whether totals of periods are rounded so that a hidden one does not follow from the others.
    """
    amounts = sum_amounts(predictions.table)
    small = _has_small_period(predictions.table, spec)
    metrics = _list_metrics(evaluation.metrics, amounts, hidden, spec, small=small)
    practice = pick_practice(metrics)
    label = name_baseline(practice, spec.question.period) if practice else ""
    whole = (EVERYWHERE, EVERYWHERE) not in hidden
    comparisons = _list_comparisons(evaluation.comparisons, spec) if whole else ()
    step = PERIOD_STEP if coarse else 0
    series = _sum_city(predictions.table, practice, hidden, step, spec)
    places = _list_places(facts, spec, amounts, evaluation.metrics, hidden)
    areas = spec.areas
    outlines = areas.boundaries if areas else None
    return EvalPart(
        design=sentences.describe_design(spec, folds, findings),
        folds=_list_folds(folds),
        metrics=metrics,
        comparisons=comparisons,
        practice=practice,
        practice_label=label,
        nominal_coverage=predictions.coverage,
        coverage_tolerance=spec.policy.coverage_tolerance,
        confidence=spec.policy.confidence,
        series=series,
        series_step=step,
        series_note=sentences.describe_series(series, step, spec),
        places=places,
        places_label=spec.question.entity.label_plural,
        places_note=sentences.describe_places(places, spec),
        boundaries=PurePosixPath(outlines.path).name if outlines else "",
        boundaries_key=outlines.key if outlines else "",
        metric_reason=spec.words.model.metric_reason,
        in_words=sentences.describe_accuracy(metrics, comparisons, practice, label, spec),
    )


def pick_practice(metrics: tuple[Number, ...]) -> str:
    """Return the baseline that stands for today's practice.

    The city's own rule where its forecasts are in the data, else the baseline with the least
    average error: the hardest one to beat.
    """
    errors = {
        m.slice["model"].removeprefix(BASELINE): m.value
        for m in metrics
        if m.metric == HEADLINE
        and len(m.slice) == 1
        and m.slice["model"].startswith(BASELINE)
        and m.value is not None
    }
    if CITY_RULE in errors:
        return CITY_RULE
    return min(errors, key=lambda name: (errors[name], name)) if errors else ""


def unit_of(metric: str, spec: AuditableSpec) -> str:
    """Return a metric's unit, the target's own where it is measured in it."""
    unit = describe_metric(metric).unit
    return spec.unit if unit == "target" else unit


def as_number(value: Any) -> float | None:
    """Return a float, nothing for a missing or infinite one."""
    if value is None or value is pd.NA:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def as_count(value: Any) -> int | None:
    """Return a whole number, nothing for a missing one."""
    number = as_number(value)
    return None if number is None else round(number)


def as_text(value: Any) -> str:
    """Return a text, empty for a missing one."""
    return value if isinstance(value, str) else "" if as_number(value) is None else str(value)


Withheld = frozenset[tuple[str, str]]
"""Kind ("overall", "fold", "area", "entity") and slice of what may not be shown."""
Amounts = Mapping[tuple[str, str], float]
"""What happened, by kind of slice and slice."""


def sum_amounts(table: pd.DataFrame) -> Amounts:
    """Sum what happened, in each slice that a figure may be about."""
    amounts = {(EVERYWHERE, EVERYWHERE): float(table[Y_TRUE].sum())}
    for kind, column in (("fold", FOLD), ("step", STEP), ("entity", ENTITY), ("area", AREA)):
        if column in table:
            sums = table.groupby(table[column].astype(str), sort=True)[Y_TRUE].sum()
            amounts |= {(kind, str(name)): float(total) for name, total in sums.items()}
    return amounts


def _list_metrics(
    table: pd.DataFrame, amounts: Amounts, hidden: Withheld, spec: ProjectSpec, *, small: bool
) -> tuple[Number, ...]:
    kept = []
    nothing = (EVERYWHERE, EVERYWHERE) in hidden
    for row in table.to_dict("records"):
        kind = row["slice_kind"]
        if kind in {"fold", "step"}:
            if row["metric"] not in BY_FOLD_OR_STEP or row["model"].startswith("candidate."):
                continue
        elif kind != EVERYWHERE:
            continue
        slices = {"model": row["model"]}
        if kind != EVERYWHERE:
            slices[kind] = str(row["slice"])
        number = _make_number(row, slices, amounts, spec)
        # A mean beside its number is a total, and steps cut the folds into periods.
        cuts = small and (kind == "step" or row["metric"] == "mae")
        hide = nothing or cuts or (kind, str(row["slice"])) in hidden
        kept.append(hide_number(number) if hide else number)
    return tuple(kept)


def _make_number(
    row: Mapping[Hashable, Any], slices: dict[str, str], amounts: Amounts, spec: ProjectSpec
) -> Number:
    unit = unit_of(row["metric"], spec)
    n = as_count(row["n"])
    size = find_size(row["metric"], n, amounts.get((row["slice_kind"], str(row["slice"]))))
    return Number(
        metric=row["metric"],
        value=round_figure(row["value"], unit, size),
        unit=unit,
        slice=slices,
        low=round_figure(row.get("low"), unit, size),
        high=round_figure(row.get("high"), unit, size),
        n=n,
        source=SOURCE,
        reason=as_text(row.get("reason")),
    )


def _list_comparisons(table: pd.DataFrame, spec: ProjectSpec) -> tuple[Comparison, ...]:
    kept = []
    for row in table.to_dict("records"):
        unit = unit_of(row["metric"], spec)
        name = str(row["baseline"]).removeprefix(BASELINE)
        kept.append(
            Comparison(
                baseline=name,
                label=name_baseline(name, spec.question.period),
                metric=row["metric"],
                unit=unit,
                difference=round_figure(row["difference"], unit, math.inf),
                low=round_figure(row["low"], unit, math.inf),
                high=round_figure(row["high"], unit, math.inf),
                blocks=as_count(row.get("n_blocks")),
                status=read_status(row["verdict"]),
                sentence=as_text(row.get("sentence")),
                source=say("evaluation.comparisons, from the saved predictions"),
            )
        )
    return tuple(kept)


def read_status(word: Any) -> StatusWord:
    """Return a status's word, also of a comparison's own words."""
    text = str(word)
    return {"better": "pass", "worse": "fail", "no difference": "not enough evidence"}.get(
        text, text
    )  # type: ignore[return-value]


def _list_folds(folds: Folds | None) -> tuple[FoldPart, ...]:
    if folds is None:
        return ()
    start = folds.periods.start

    def day(index: int) -> date:
        return start(index).date()

    return tuple(
        FoldPart(
            number=fold.number,
            role=fold.role,
            as_of=fold.as_of.date(),
            train_before=day(fold.train_until),
            test_first=day(fold.test_first),
            test_last=day(fold.test_last + 1) - timedelta(days=1),
        )
        for fold in folds.folds
    )


def hides_periods(
    table: pd.DataFrame, hidden: Withheld, quality: QualityReport | None, spec: ProjectSpec
) -> bool:
    """Say whether the total of some period may not be shown, so that all are rounded."""
    if any(kind in {EVERYWHERE, "fold"} for kind, _ in hidden):
        return True
    if _has_small_period(table, spec):
        return True
    return (
        quality is not None
        and spec.data.layout == "events"
        and has_small(quality.by_period["rows"], spec)
    )


def _has_small_period(table: pd.DataFrame, spec: ProjectSpec) -> bool:
    if spec.question.measure != "count":
        return False
    return has_small(_take_latest(table).groupby(PERIOD_START)[Y_TRUE].sum(), spec)


def has_small(totals: pd.Series, spec: BaseProjectSpec) -> bool:
    """Tell whether one of some totals is too small to show, and not nothing."""
    return bool(((totals > 0) & (totals < spec.policy.small_cell)).any())


def _take_latest(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[np.isfinite(table[Y_TRUE])]
    rows = rows.sort_values([PERIOD_START, ENTITY, STEP], kind="stable")
    latest: pd.DataFrame = rows.drop_duplicates([PERIOD_START, ENTITY])
    return latest


def _sum_city(
    table: pd.DataFrame, practice: str, hidden: Withheld, step: int, spec: ProjectSpec
) -> tuple[SeriesPoint, ...]:
    columns = [Y_TRUE, Y_PRED, Y_LOW, Y_HIGH]
    if practice:
        columns.append(f"{BASELINE}{practice}")
    latest = _take_latest(table)
    gone = {fold for kind, fold in hidden if kind == "fold"}
    lost = set(latest.loc[latest[FOLD].astype(str).isin(gone), PERIOD_START])
    nothing = (EVERYWHERE, EVERYWHERE) in hidden
    sums = latest.groupby(PERIOD_START, sort=True)[columns].sum(min_count=1, skipna=False)
    points = []
    for start, (_, row) in zip(pd.DatetimeIndex(sums.index), sums.iterrows(), strict=True):
        few = spec.question.measure == "count" and row[Y_TRUE] < spec.policy.small_cell
        few |= nothing or start in lost
        shown = dict.fromkeys(columns) if few else {c: round_total(row[c], step) for c in columns}
        points.append(
            SeriesPoint(
                period_start=start.date(),
                actual=shown[Y_TRUE],
                forecast=shown[Y_PRED],
                low=shown[Y_LOW],
                high=shown[Y_HIGH],
                practice=shown[columns[4]] if practice else None,
            )
        )
    return tuple(points)


def _list_places(
    facts: RunFacts,
    spec: ProjectSpec,
    amounts: Amounts,
    metrics: pd.DataFrame,
    hidden: Withheld,
) -> tuple[PlaceResult, ...]:
    own = metrics[(metrics["model"] == FORECAST) & metrics["metric"].isin(BY_PLACE)]
    kind = "area" if (own["slice_kind"] == "area").any() else "entity"
    own = own[own["slice_kind"] == kind]
    names = _name_places(facts, kind)
    areas = _find_areas(facts)
    places = []
    for place, rows in own.groupby("slice", sort=True):
        if not _is_declared(str(place), kind, facts, spec):
            continue
        slices = {"model": FORECAST, kind: str(place)}
        figures = [_make_number(row, slices, amounts, spec) for row in rows.to_dict("records")]
        if (kind, str(place)) in hidden or (EVERYWHERE, EVERYWHERE) in hidden:
            figures = [hide_number(figure) for figure in figures]
        figures.sort(key=lambda figure: BY_PLACE.index(figure.metric))
        name = names.get(str(place), str(place))
        area = str(place) if kind == "area" else areas.get(str(place), "")
        places.append(PlaceResult(id=str(place), name=name, area=area, figures=tuple(figures)))
    return tuple(places)


def _is_declared(place: str, kind: str, facts: RunFacts, spec: ProjectSpec) -> bool:
    """Tell whether the area table lists a place: what it does not list may be any text."""
    known, entity = facts.entities, spec.question.entity
    named = kind == "area" or entity.area in entity.columns
    if spec.areas is None or known is None or AREA not in known or not named:
        return True
    listed = known.dropna(subset=[AREA])
    return place in set(listed[AREA if kind == "area" else ENTITY].astype(str))


def hide_number(number: Number) -> Number:
    """Leave out a figure that may not be shown."""
    nothing = dict.fromkeys(("value", "low", "high", "n"))
    return number.model_copy(update={**nothing, "reason": say("Not shown: too few.")})


def _name_places(facts: RunFacts, kind: str) -> dict[str, str]:
    known = facts.entities
    key = ENTITY if kind == "entity" else AREA
    column = "name" if kind == "entity" else "area_name"
    if known is None or key not in known or column not in known:
        return {}
    named = known.dropna(subset=[key, column])
    return dict(zip(named[key].astype(str), named[column].astype(str), strict=True))


def _find_areas(facts: RunFacts) -> dict[str, str]:
    """Return each entity's area, where no two share one."""
    known = facts.entities
    if known is None or AREA not in known:
        return {}
    own = known.dropna(subset=[AREA]).drop_duplicates(AREA, keep=False)
    return dict(zip(own[ENTITY].astype(str), own[AREA].astype(str), strict=True))

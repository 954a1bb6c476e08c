"""How well it works: the evaluation's figures, rounded and named."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

import pandas as pd

from cityai.card.draft.accuracy_words import describe_accuracy, excuse_silence
from cityai.card.draft.capacity_curve import draft_ranked
from cityai.card.draft.design import describe_design
from cityai.card.draft.facts import CardFacts
from cityai.card.draft.places import MakeNumber, draft_places, find_next
from cityai.card.draft.rounding import PERIOD_STEP, find_size, round_figure, round_totals
from cityai.card.draft.sentences import describe_places, describe_series
from cityai.card.draft.values import as_count, as_number, as_text, hide_number, read_status, unit_of
from cityai.card.draft.withheld import Withheld, take_latest
from cityai.card.draft.worth import draft_worth
from cityai.card.record.measured import Comparison, EvalPart, FoldPart, SeriesPoint
from cityai.card.record.part import Number, index_whole
from cityai.columns import (
    AREA,
    BASELINE,
    CANDIDATE,
    DECIDING,
    ENTITY,
    EVERYWHERE,
    FOLD,
    HEADLINE,
    PERIOD_START,
    STEP,
    TOTAL_HIGH,
    TOTAL_LOW,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import RANGES

IN_SLICES: Final = frozenset(
    {"wape", "bias", "under_forecast_share", "coverage"}
    | {"recall", "precision", "auc", "days_sooner", "first_half_share"}
)
"""Figures that are said by fold, and by step."""
CUTS: Final = "mae"
"""Hidden where the total of some period is small: a mean beside its number is a total."""
PRACTICES: Final = ("city_rule", "actual_order", "city_score", "past_rate", "random_order")
"""What may stand for today's practice, the most telling first."""
SLICED: Final = {FOLD: FOLD, STEP: STEP, "entity": ENTITY, "area": AREA}
"""Column of the predictions that each kind of slice is cut by."""

Amounts = Mapping[tuple[str, str], float]
"""What happened, by kind of slice and slice."""
_MOST_HIDDEN: Final = 0.1
"""Share of the totals that may be too small to show: what is left of more were the high ones."""


def draft_eval(facts: CardFacts, withheld: Withheld) -> EvalPart:
    """Draft the section on how well it works."""
    spec, subject, predictions = facts.spec, facts.subject, facts.predictions
    many = predictions.table[ENTITY].nunique() if ENTITY in predictions.table else 0
    amounts = sum_amounts(predictions.table, facts.evaluation.metrics)
    make = partial(_make_number, amounts=amounts, spec=spec, source=subject.figures_from)
    metrics = _list_metrics(facts.evaluation.metrics, make, withheld)
    comparisons = () if withheld.whole else _list_comparisons(facts, withheld)
    practice = _pick_practice(metrics, predictions.baselines)
    label = facts.name_baseline(practice) if practice else ""
    series, lacking = _draft_series(facts, withheld, practice)
    places, next_step = draft_places(facts, withheld, make)
    outlines = subject.areas.boundaries if places and subject.areas else None
    ranked = draft_ranked(facts, withheld, practice, label)
    step = PERIOD_STEP if PERIOD_START in predictions.table and withheld.coarse else 0
    told = describe_accuracy(metrics, comparisons, practice, label, ranked, facts)
    return EvalPart(
        design=describe_design(facts),
        folds=list_folds(facts.fitted.windows),
        metrics=metrics,
        comparisons=comparisons,
        practice=practice,
        practice_label=label,
        nominal_coverage=spec.coverage,
        coverage_tolerance=spec.policy.coverage_tolerance,
        confidence=spec.policy.confidence,
        series=series,
        series_step=step,
        series_note=describe_series(series, lacking, step, many, subject) if series else "",
        places=places,
        places_label=subject.entities,
        places_note=describe_places(places, subject, spec.unit) if many > 1 and places else "",
        boundaries=PurePosixPath(outlines.path).name if outlines else "",
        boundaries_key=outlines.key if outlines else "",
        metric_reason=spec.words.model.metric_reason,
        in_words=told or excuse_silence(predictions.table, spec.policy.small_cell),
        ranked=ranked,
        more_folds=facts.fitted.more,
        next_period=find_next(facts) if any(p.forecast for p in places) else None,
        next_step=next_step,
        worth=draft_worth(facts, withheld),
    )


def _pick_practice(metrics: Sequence[Number], baselines: Sequence[str]) -> str:
    """Return the baseline that stands for today's practice.

    That which the city really did, or its own rule, where it is in the data; else the baseline with
    the least average error: the hardest one to beat.
    """
    known = next((name for name in PRACTICES if name in baselines), "")
    errors = {
        model.removeprefix(BASELINE): n.value
        for (model, metric), n in index_whole(metrics).items()
        if metric == HEADLINE and model.startswith(BASELINE) and n.value is not None
    }
    return known or min(errors, key=lambda name: (errors[name], name), default="")


def sum_amounts(table: pd.DataFrame, metrics: pd.DataFrame) -> Amounts:
    """Sum what happened, in each slice that a figure is about."""
    amounts = {(EVERYWHERE, EVERYWHERE): float(table[Y_TRUE].sum())}
    for kind in set(metrics["slice_kind"].unique()) & set(SLICED):
        sums = table.groupby(table[SLICED[kind]].astype(str), sort=True)[Y_TRUE].sum()
        amounts |= {(kind, str(name)): float(total) for name, total in sums.items()}
    return amounts


def _list_metrics(table: pd.DataFrame, make: MakeNumber, withheld: Withheld) -> tuple[Number, ...]:
    kept = []
    whole = table["slice_kind"].isin([EVERYWHERE, FOLD, STEP])  # most rows are of places
    for row in table[whole].to_dict("records"):
        kind, at, model = row["slice_kind"], str(row["slice"]), str(row["model"])
        slices = {"model": model}
        if kind != EVERYWHERE:
            if row["metric"] not in IN_SLICES or model.startswith(CANDIDATE):
                continue
            slices[kind] = at
        number = make(row, slices)
        # Steps cut the folds into periods.
        cuts = withheld.cuts and (kind == STEP or row["metric"] == CUTS)
        kept.append(hide_number(number) if cuts or withheld.hides(kind, at) else number)
    return tuple(kept)


def _make_number(
    row: Mapping[Hashable, Any],
    slices: dict[str, str],
    *,
    amounts: Amounts,
    spec: AuditableSpec,
    source: str,
) -> Number:
    unit, n = unit_of(row["metric"], spec), as_count(row["n"])
    amount = row.get("size", amounts.get((row["slice_kind"], str(row["slice"]))))
    size = find_size(row["metric"], n, amount)
    least, most = (as_number(row.get(name)) for name in RANGES[:2])
    between = None if least is None or most is None else (least, most)
    return Number(
        metric=row["metric"],
        value=round_figure(row["value"], unit, size),
        unit=unit,
        slice=slices,
        low=round_figure(row.get("low"), unit, size),
        high=round_figure(row.get("high"), unit, size),
        n=n,
        source=source,
        reason=as_text(row.get("reason")),
        between=between,
    )


def _list_comparisons(facts: CardFacts, withheld: Withheld) -> tuple[Comparison, ...]:
    """List the differences that there are, and those that decide even where there is none.

    Their sentences tell figures of the whole, so none is of a figure that is hidden there.
    """
    kept = []
    for row in facts.evaluation.comparisons.to_dict("records"):
        unsaid = bool(row.get("unsaid"))
        if (unsaid or as_number(row["difference"]) is None) and row["metric"] not in DECIDING:
            continue
        if withheld.cuts and row["metric"] == CUTS:
            continue
        unit = unit_of(row["metric"], facts.spec)
        name = str(row["baseline"]).removeprefix(BASELINE)
        figures: dict[str, Any] = {
            end: None if unsaid else round_figure(row[end], unit, math.inf)
            for end in ("difference", "low", "high")
        }
        wins = _take_wins(row, "folds") | _take_wins(row, "places")
        kept.append(
            Comparison(
                baseline=name,
                label=facts.name_baseline(name),
                metric=row["metric"],
                unit=unit,
                blocks=as_count(row.get("n_blocks")),
                status=read_status(row["verdict"]),
                sentence=as_text(row.get("sentence")),
                source="evaluation.comparisons",
                **figures,
                **wins,
            )
        )
    return tuple(kept)


def _take_wins(row: Mapping[Hashable, Any], what: str) -> dict[str, Any]:
    """Take in how many of what the forecast was better; nothing where that is not counted."""
    return {key: as_count(row[key]) for key in (what, f"{what}_won")} if row[what] else {}


def list_folds(windows: pd.DataFrame) -> tuple[FoldPart, ...]:
    """List the windows of the replays, each end the last day inside."""
    return tuple(
        FoldPart(
            number=row["fold"],
            role=row["role"],
            as_of=row["as_of"].date(),
            train_before=row["labels_until"].date(),
            test_first=row["test_from"].date(),
            test_last=(row["test_until"] - timedelta(days=1)).date(),
        )
        for row in windows.to_dict("records")
    )


def _draft_series(
    facts: CardFacts, withheld: Withheld, practice: str
) -> tuple[tuple[SeriesPoint, ...], int]:
    """Draft the totals of each period, where predictions are about periods, and count the partial.

    There are none where more than a few are too small to show: the rest would be the periods in
    which most came, and tell otherwise than all do.
    """
    table, least = facts.predictions.table, facts.spec.policy.small_cell
    if PERIOD_START not in table:
        return (), 0
    step = PERIOD_STEP if withheld.coarse else 0
    columns = [Y_TRUE, Y_PRED, *([f"{BASELINE}{practice}"] if practice else [])]
    latest = take_latest(table)
    gone = [fold for fold in latest[FOLD].unique() if withheld.hides(FOLD, str(fold))]
    lost = set(latest.loc[latest[FOLD].isin(gone), PERIOD_START])
    by_period = latest.groupby(PERIOD_START, sort=True)
    lacking = _find_partial(table, latest)
    ranges = _range_periods(latest, lacking)
    sums = by_period[columns].sum(min_count=1, skipna=False).join(ranges)
    points, hidden = [], 0
    for start, (_, row) in zip(pd.DatetimeIndex(sums.index), sums.iterrows(), strict=True):
        few = facts.subject.counts and row[Y_TRUE] < least
        hidden += bool(few)
        shown = (
            dict.fromkeys(sums.columns)
            if few or start in lost
            else round_totals({c: float(row[c]) for c in sums.columns}, step)
        )
        points.append(
            SeriesPoint(
                period_start=start.date(),
                actual=shown[Y_TRUE],
                forecast=shown[Y_PRED],
                low=shown[Y_LOW],
                high=shown[Y_HIGH],
                practice=shown[columns[2]] if practice else None,
            )
        )
    return ((), 0) if hidden > _MOST_HIDDEN * len(points) else (tuple(points), len(lacking))


def _find_partial(table: pd.DataFrame, latest: pd.DataFrame) -> pd.Index:
    """Find the periods in which the outcome of some entities is not known."""
    asked, known = (rows.groupby(PERIOD_START)[ENTITY].nunique() for rows in (table, latest))
    return known.index[known < asked.reindex(known.index)]


def _range_periods(latest: pd.DataFrame, partial: pd.Index) -> pd.DataFrame:
    """Range the total of each period: of one entity its own range, of several that of their sum.

    The range is of the total of all of them, and says nothing of a part.
    """
    ends = [Y_LOW, Y_HIGH] if latest[ENTITY].nunique() == 1 else [TOTAL_LOW, TOTAL_HIGH]
    by_period = latest.groupby(PERIOD_START, sort=True)
    found = by_period[[c for c in ends if c in latest]].first().reindex(columns=ends)
    one_time = (by_period[[FOLD, STEP]].nunique() == 1).all(axis=1)
    return found.where(one_time & ~found.index.isin(partial), math.nan).set_axis(
        [Y_LOW, Y_HIGH], axis=1
    )

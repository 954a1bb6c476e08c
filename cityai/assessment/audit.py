"""The audit: for whom the forecast holds, with intervals, verdicts, and small cells hidden."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.gap_findings import find_gaps
from cityai.assessment.group_tables import (
    DIMENSION_COLUMNS,
    count_under,
    describe_view,
    gather_audit_data,
    tabulate_dimension,
    tabulate_pairs,
    tabulate_whole,
)
from cityai.assessment.metrics import build_sums, check_limits, find_metrics
from cityai.assessment.ranking.group_calibration import calibrate_groups
from cityai.assessment.ranking.inspection_rates import count_attention
from cityai.assessment.scored import fit_limits, score_predictions
from cityai.assessment.separation import rank_groups
from cityai.assessment.shares import compare_shares
from cityai.columns import AREA, ENTITY, EVERYWHERE, Y_PRED, Y_TRUE
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import hide_coarse_folds, publish_figures
from cityai.disclosure.protect import list_places, protect_views
from cityai.errors import UserError
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, write
from cityai.i18n.messages import say as mark
from cityai.inference.cluster_sums import ClusteredMetric, sum_metrics_by_cluster
from cityai.inference.equivalence import decide_equivalence, foresee_blocks
from cityai.inference.group_gaps import OVERALL, Measures, measure_groups
from cityai.inference.ratio_influence import compute_ratio
from cityai.inference.trend import find_trends, follow_folds, leave_overlaps
from cityai.records.audit_data import AuditData, GroupTable, Scored
from cityai.records.groups import Groups, Membership
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from fairlearn.metrics import MetricFrame


SHARED = {"mae", "rmse", "wape", "bias", "under_forecast_share", "over_forecast_share"}
"""Metrics that need nothing but outcomes and forecasts."""


@dataclass(frozen=True, slots=True)
class Audit:
    """For whom the forecast holds.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a dimension, group and metric: `dimension`, `group`, `metric`, `value`, `low`,
        `high` (its own interval), `reference`, `reference_value`, `gap`, `gap_low`, `gap_high`
        (simultaneous over the dimension's groups), `limit`, `n` (rows, weighted), `amount` (sum of
        the outcomes, in the target's unit), `size` (what the figure is a share of), `blocks`,
        `status`, `reason` (a sentence), `more_blocks`, `people` (whether they are counted),
        `value_least`, `value_most`, `reference_least`, `reference_most` (the range that is said
        instead of the exact figure; NaN where that is said; the verdict follows from exact
        figures). Figures are NaN where suppressed, undefined, or without an
        interval; the reason says which. The dimension "overall" holds every row.
    dimensions : pandas.DataFrame
        One row a dimension or pair: `dimension`, `label`, `kind`, `caveat`, `infers`, `block`
        (words), `groups`, `cuts`, `residents_share`, `data_share` (lists; shares of residents and
        of the amount, by group).
    by_fold : pandas.DataFrame
        `dimension`, `group`, `metric`, `fold`, `value`, `reason` (why there is none).
    trends : pandas.DataFrame
        Whether each figure rises or falls over the folds (see `find_trends`).
    withheld : pandas.DataFrame
        `kind` ("overall", "fold", "area", "entity"), `slice`: figures of the evaluation that may
        not be shown beside these.
    causes : pandas.DataFrame
        `dimension`, `group` of those that are hidden for another's sake, and whose (`cause`): for
        the analyst, never for a card.
    findings : tuple of Finding
        One a limit and group, one a limit and pair of dimensions, `audit.representation` and
        `audit.inspected_more`; the gravest first.
    slopes : pandas.DataFrame or None
        Of lists, calibration by group, `dimension` "overall" first: `dimension`, `group`, `n`,
        `yes`, `slope`, `slope_low`, `slope_high`, `intercept`, `intercept_low`, `intercept_high`,
        `error` (mean distance of score and outcome over bands), `chance` (the same if every score
        held exactly), `reason`.
    curves : pandas.DataFrame or None
        Of lists, `Evaluation.curve` by `dimension` and `group`.
    attention : pandas.DataFrame or None
        Of cases, where one looked: `dimension`, `group`, `cases`, `entities`, `cases_per_entity`,
        `low`, `high`, `ratio` (to everyone's), `ratio_low`, `ratio_high` (simultaneous),
        `base_rate`, `reason`.
    """

    table: pd.DataFrame
    dimensions: pd.DataFrame
    by_fold: pd.DataFrame
    trends: pd.DataFrame
    withheld: pd.DataFrame
    causes: pd.DataFrame
    findings: tuple[Finding, ...]
    slopes: pd.DataFrame | None = None
    curves: pd.DataFrame | None = None
    attention: pd.DataFrame | None = None

    def to_metric_frame(self, predictions: Predictions, membership: Membership) -> MetricFrame:
        """Hand the point values of one dimension to those who know fairlearn.

        Parameters
        ----------
        predictions : Predictions
            Those that were audited.
        membership : Membership
            A dimension of hard groups or bands.

        Returns
        -------
        fairlearn.metrics.MetricFrame
            With the shared metrics: `mae`, `rmse`, `wape`, `bias`, `under_forecast_share`,
            `over_forecast_share`. It holds unsuppressed figures: it is not for publication.

        Raises
        ------
        UserError
            For soft groups, which a MetricFrame cannot hold.
        """
        from fairlearn.metrics import MetricFrame

        if membership.kind == "soft":
            raise UserError(
                f"'{membership.dimension}' divides residents, not rows",
                expected="a dimension with `attribute` or `bands`",
            )
        weights = membership.weights
        group = pd.Series(weights.columns[weights.to_numpy().argmax(axis=1)], index=weights.index)
        table = predictions.table
        return MetricFrame(
            metrics=_find_frame_metrics(),
            y_true=table[Y_TRUE].to_numpy(),
            y_pred=table[Y_PRED].to_numpy(),
            sensitive_features=pd.Series(
                table[ENTITY].map(group).to_numpy(), name=membership.dimension
            ),
        )


def _find_frame_metrics() -> dict[str, Callable[[Any, Any], float]]:
    def measure(y: Any, p: Any, metric: Metric) -> float:
        sums = build_sums(pd.DataFrame({Y_TRUE: np.asarray(y), Y_PRED: np.asarray(p)}))
        return float(compute_ratio(sums.values.sum(axis=0), sums.names, metric))

    return {m.name: partial(measure, metric=m) for m in find_metrics("amount") if m.name in SHARED}


def audit_predictions(predictions: Predictions, groups: Groups, spec: AuditableSpec) -> Audit:
    """Audit predictions for every group of every dimension.

    Where cases were assigned one by one, it also tells who was looked at; where they are ranked in
    lists, whose probabilities hold.

    Parameters
    ----------
    predictions : Predictions
        Test folds.
    groups : Groups
        From `assign_groups`.
    spec : AuditableSpec
        Its `limits`, `policy` and `audit.infers`.

    Raises
    ------
    SpecError
        When a limit names a metric that is not audited.
    """
    table = predictions.table
    scored = score_predictions(predictions, spec, groups)
    whole = groups.keyed_by == "entity"
    places = list_places(table, np.unique(scored.unit).tolist(), AREA) if whole else {}
    fitted = fit_limits(spec, scored.metrics)
    audit = audit_scored(scored, groups.memberships, fitted, places)
    # Of entities as a whole the data's quality says which areas are unknown.
    found = compare_shares(audit.dimensions) if whole else groups.findings
    if groups.keyed_by == "case":
        looked = count_attention(groups, spec)
        audit = replace(audit, attention=looked.table)
        found = (*found, *looked.findings)
    if scored.lists is not None:
        kept = (scored, audit.table, audit.dimensions, fitted)
        slopes, curves = calibrate_groups(predictions, groups.memberships, *kept)
        audit = replace(audit, slopes=slopes, curves=curves)
    return replace(audit, findings=sort_findings((*audit.findings, *found)))


def audit_scored(
    scored: Scored,
    memberships: Sequence[Membership],
    spec: AuditableSpec,
    places: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> Audit:
    """Audit rows of any origin and kind for every group of every dimension.

    Parameters
    ----------
    scored : Scored
        The rows' sums and keys, and what is made of them.
    memberships, spec
        As for `audit_predictions`.
    places : mapping of str to numpy.ndarray, optional
        (E,) labels of the sorted entities, for tables of places that are shown beside the audit.

    Raises
    ------
    SpecError
        When a limit names a metric that is not audited.
    """
    metrics = scored.metrics
    check_limits(spec.limits, metrics)
    facts = gather_audit_data(scored, spec)
    single = [tabulate_dimension(m, facts) for m in memberships]
    pairs = tabulate_pairs(single, facts) if spec.audit.intersections else ()
    safe = protect_views(tabulate_whole(facts), single, pairs, facts, places)
    everyone, single, pairs = safe.everyone, list(safe.single), safe.pairs
    views = [everyone, *single, *pairs]
    varied, whole = sum_metrics_by_cluster(scored, metrics), not everyone.hidden[0]
    exact = [
        row
        for v in views
        for m in metrics
        for row in _audit_metric(v, m, facts, spec, varied.get(m.name), whole=whole)
    ]
    rows, published = publish_figures(exact, views, facts, say.tell_ranges)
    said = [published.hide_unsaid(view) for view in views]
    ranked = rank_groups(scored, said, spec.policy.confidence)
    table = pd.concat([make_frame(rows), ranked], ignore_index=True)
    table["people"] = bool(facts.events)
    safe = replace(safe, folds=hide_coarse_folds(safe.folds, [everyone, *single], published))
    followed = [
        follow_folds(v, metrics, facts, v.hidden | safe.folds[v.dimension])
        for v in (everyone, *single)
    ]
    by_fold = pd.concat(followed, ignore_index=True)
    return Audit(
        table,
        make_frame([describe_view(v, facts) for v in views[1:]], columns=DIMENSION_COLUMNS),
        by_fold,
        find_trends(leave_overlaps(by_fold, scored.fold, scored.moment), spec.policy.confidence),
        safe.withheld,
        safe.tabulate_causes(),
        find_gaps(table, single, pairs, metrics, spec),
    )


def _audit_metric(
    view: GroupTable,
    metric: Metric,
    facts: AuditData,
    spec: AuditableSpec,
    varied: ClusteredMetric | None,
    *,
    whole: bool,
) -> list[dict[str, Any]]:
    shown = ~view.hidden & (view.n > 0)
    measured = measure_groups(
        facts.cells, view.weights, metric, facts.design, view.reference, shown, varied
    )
    if not whole:
        unsaid = np.where(measured.reference == OVERALL, math.nan, measured.reference_value)
        measured = replace(measured, reference_value=unsaid)
    limit = spec.limits.get(metric.name, math.nan)
    sizes = count_under(view, facts, metric.denominator)
    return [
        _judge_group(view, metric, facts, measured, g, limit, float(sizes[g]))
        for g in range(len(view.groups))
    ]


def _judge_group(
    view: GroupTable,
    metric: Metric,
    facts: AuditData,
    found: Measures,
    g: int,
    limit: float,
    size: float,
) -> dict[str, object]:
    at = int(found.reference[g])
    row: dict[str, object] = {
        "dimension": view.dimension,
        "group": view.groups[g],
        "metric": metric.name,
        **dict.fromkeys(("value", "low", "high"), math.nan),
        "reference": EVERYWHERE if at == OVERALL else view.groups[at],
        **dict.fromkeys(("reference_value", "gap", "gap_low", "gap_high"), math.nan),
        "limit": limit,
        **dict.fromkeys(("n", "amount", "size", "blocks"), math.nan),
        "status": Status.NOT_APPLICABLE.value,
        "reason": say.EMPTY,
        "more_blocks": math.nan,
    }
    if view.hidden[g]:
        return row | {
            "status": Status.SUPPRESSED.value,
            "reason": view.tell_hidden(g),
        }
    row |= {"n": float(view.n[g]), "amount": float(view.amount[g]), "size": size}
    if view.n[g] <= 0:
        return row
    if not math.isfinite(found.value[g]):
        return row | {"reason": mark("No value: {undefined}.", undefined=metric.undefined)}
    row |= {key: float(getattr(found, key)[g]) for key in ("value", "low", "high", "blocks")}
    return row | _compare_group(view, metric, facts, found, g, limit, size)


def _compare_group(
    view: GroupTable,
    metric: Metric,
    facts: AuditData,
    found: Measures,
    g: int,
    limit: float,
    size: float,
) -> dict[str, object]:
    at, value, gap = int(found.reference[g]), float(found.value[g]), float(found.gap[g])
    low, high, blocks = (float(x[g]) for x in (found.gap_low, found.gap_high, found.blocks))
    digits = 1 if not facts.counts or size >= say.FEW_FOR_DECIMALS else 0
    hidden = at != OVERALL and bool(view.hidden[at])
    beside = math.nan if hidden else float(found.reference_value[g])
    itself = at == g or bool((view.weights[:, g] == 1).all())
    group = view.groups[g]
    place = group if view.dimension == EVERYWHERE else join(", ", (view.label, group))
    whole = mark("the city as a whole") if at == OVERALL else view.groups[at]
    told = say.tell_group(
        metric, place, value, whole, math.nan if itself else beside, facts.unit, digits
    )
    compared: dict[str, object] = {"reference_value": beside, "reason": told}
    if itself:
        return compared | {"gap": 0.0, "reason": told + " " + say.IS_REFERENCE}
    if not math.isfinite(beside):
        return compared | {"reason": told + " " + say.NO_REFERENCE.format(reference=whole)}
    compared |= {"gap": gap, "gap_low": low, "gap_high": high}
    if not math.isfinite(limit):
        return compared | {"reason": told + " " + say.NO_LIMIT}
    status = decide_equivalence(low, high, limit)
    design, word = facts.design, facts.design.word
    few, many = foresee_blocks(gap, low, high, limit, blocks, periods=design.blocks == "periods")
    more = say.tell_more(few, many, blocks, word, design.days, float(found.members[g]))
    why = (say.UNVARYING if found.usable[g] else say.UNSURE).format(word=word)
    if blocks < design.min_blocks:
        why = say.TOO_FEW.format(blocks=write(blocks, ".3g"), word=word, least=design.min_blocks)
        many = math.ceil(design.min_blocks - blocks)
    ends, many = (gap, low, high), many if status is Status.NOT_ENOUGH else 0.0
    told += " " + say.tell_verdict(status, metric, ends, limit, more, facts.unit, why, digits)
    return compared | {"status": status.value, "more_blocks": many, "reason": told}

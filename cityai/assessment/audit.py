"""The audit: for whom the forecast holds, with intervals, verdicts, and small cells hidden."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.decidable import foresee_decisions
from cityai.assessment.gap_findings import find_gaps
from cityai.assessment.group_tables import (
    DIMENSION_COLUMNS,
    describe_view,
    find_hidden,
    gather_audit_data,
    tabulate_dimension,
    tabulate_pairs,
    tabulate_whole,
)
from cityai.assessment.group_verdicts import judge_dimensions, judge_groups
from cityai.assessment.metrics import check_limits
from cityai.assessment.ranking.calibration import calibrate_groups
from cityai.assessment.ranking.group_reach import reach_groups
from cityai.assessment.ranking.inspection_rates import count_attention
from cityai.assessment.scored import (
    REPRESENTATION,
    fit_limits,
    refuse_many_cells,
    score_predictions,
)
from cityai.assessment.separation import rank_groups
from cityai.assessment.shares import compare_shares, count_shares
from cityai.columns import AREA
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import hide_coarse_folds, publish_figures
from cityai.disclosure.protect import list_places, protect_views
from cityai.findings import Finding, sort_findings
from cityai.i18n.frames import make_frame
from cityai.inference.autocorrelation import learn_independence
from cityai.inference.cluster_sums import ClusteredMetric, sum_metrics_by_cluster
from cityai.inference.group_gaps import ALONE, OVERALL, Measures, measure_groups, trace_gaps
from cityai.inference.trend import find_trends, follow_folds, leave_overlaps
from cityai.records.audit_data import AuditData, Design, GroupTable, Scored
from cityai.records.groups import Groups, Membership
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Audit:
    """For whom the forecast holds."""

    table: pd.DataFrame
    """One row a dimension, group and metric: `dimension`, `group`, `metric`, `value`, `low`, `high`
    (its own interval), `reference`, `reference_value`, `gap`, `gap_low`, `gap_high` (the interval
    that decided: of two one-sided tests, its own where it passes, else simultaneous over the
    dimension's groups), `limit`, `n` (rows, weighted), `amount` (sum of the outcomes, in the
    target's unit), `size` (what the figure is a share of), `blocks`, `status`, `grade` (`Grade`,
    empty without a verdict), `served` ("worse" or "better" than what it is compared with, where the
    metric says which), `reason` (a sentence), `more_blocks`, `people` (whether they are counted),
    `value_least`, `value_most`, `reference_least`, `reference_most` (the range that is said instead
    of the exact figure; NaN where that is said; the verdict follows from exact figures). Figures
    are NaN where suppressed, undefined, or without an interval; the reason says which. The
    dimension "overall" holds every row."""
    dimensions: pd.DataFrame
    """One row a dimension or pair: `dimension`, `label`, `kind`, `caveat`, `infers`, `block`
    (words), `groups`, `cuts`, `residents_share`, `data_share` (lists; shares of residents and of
    the amount, by group)."""
    by_fold: pd.DataFrame
    """`dimension`, `group`, `metric`, `fold`, `value`, `reason` (why there is none)."""
    trends: pd.DataFrame
    """Whether each figure rises or falls over the folds (see `find_trends`)."""
    withheld: pd.DataFrame
    """`kind` ("overall", "fold", "area", "entity"), `slice`: figures of the evaluation that may not
    be shown beside these."""
    causes: pd.DataFrame
    """`dimension`, `group` of those that are hidden for another's sake, and whose (`cause`): for
    the analyst, never for a card."""
    verdicts: pd.DataFrame
    """One row a dimension and limit (see `judge_dimensions`)."""
    decidable: pd.DataFrame
    """What each limit could have decided, whatever the gaps (see `foresee_decisions`)."""
    findings: tuple[Finding, ...]
    """One a limit and group, one a limit and pair of dimensions, `audit.representation` and
    `audit.inspected_more`; the gravest first."""
    slopes: pd.DataFrame | None = None
    """Of lists, calibration by group, `dimension` "overall" first: `dimension`, `group`, `n`,
    `yes`, `slope`, `slope_low`, `slope_high`, `intercept`, `intercept_low`, `intercept_high`,
    `error` (mean distance of score and outcome over bands), `chance` (the same if every score held
    exactly), `reason`."""
    curves: pd.DataFrame | None = None
    """Of lists, `Evaluation.curve` by `dimension` and `group`."""
    attention: pd.DataFrame | None = None
    """Of cases, where one looked: `dimension`, `group`, `cases`, `entities`, `cases_per_entity`,
    `low`, `high`, `ratio` (to everyone's), `ratio_low`, `ratio_high` (simultaneous), `base_rate`,
    `reason`."""
    shares: pd.DataFrame | None = None
    counts: pd.DataFrame | None = None
    """Of rows that are no entities and no cases, as `Shares` has them: who is in them and who
    receives; the counts of a yes or no are not for publication."""
    reach: pd.DataFrame | None = None
    """Of lists, what is found of each group: `dimension`, `group`, `model` ("forecast",
    "baseline.<name>"), `capacity` (cases a slot; NaN: as many as the list selects), `own` (whether
    it is the list as it is), `n`, `yes`, `selected`, `found`, and of baselines the list's share
    found less theirs: `difference`, `low`, `high` (simultaneous over the groups of a dimension),
    `verdict`. What may not be said is no row of it (see `reach_groups`)."""


def audit_predictions(predictions: Predictions, groups: Groups, spec: AuditableSpec) -> Audit:
    """Audit predictions for every group of every dimension.

    Where cases were assigned one by one, it also tells who was looked at; where rows were, who is
    in them; where cases are ranked in lists, whose probabilities hold.

    Raises
    ------
    SpecError
        When a limit names a metric that is not audited.
    DataError
        When moments times combinations of groups are more than can be held.
    """
    table = predictions.table
    scored = score_predictions(predictions, spec, groups)
    refuse_many_cells(scored)
    whole = groups.keyed_by == "entity"
    places = list_places(table, np.unique(scored.unit).tolist(), AREA) if whole else {}
    fitted = fit_limits(spec, scored.metrics)
    audit = audit_scored(scored, groups.memberships, fitted, places)
    # Of entities as a whole the data's quality says which areas are unknown.
    found = compare_shares(audit.dimensions) if whole else groups.findings
    if groups.keyed_by == "row":
        limit, hidden = spec.audit.limits.get(REPRESENTATION), find_hidden(audit.table)
        held = count_shares(scored, groups.memberships, fitted, limit, hidden)
        audit = replace(audit, shares=held.table, counts=held.counts)
        found = (*found, *held.findings)
    if groups.keyed_by == "case":
        looked = count_attention(groups, spec)
        audit = replace(audit, attention=looked.table)
        found = (*found, *looked.findings)
    if scored.lists is not None:
        kept = (scored, audit.table, audit.dimensions, fitted)
        slopes, curves = calibrate_groups(predictions, groups.memberships, *kept)
        reach = reach_groups(predictions, groups.memberships, *kept)
        audit = replace(audit, slopes=slopes, curves=curves, reach=reach)
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
    facts = replace(facts, design=learn_design(facts, single, metrics, spec))
    measured = {
        (v.dimension, m.name): _measure(v, m, facts, spec, varied.get(m.name), whole=whole)
        for v in views
        for m in metrics
    }
    exact = [
        row
        for v in views
        for m in metrics
        for row in judge_groups(v, m, facts, measured[v.dimension, m.name], spec)
    ]
    rows, published = publish_figures(exact, views, facts, say.tell_ranges)
    said = [published.hide_unsaid(view) for view in views]
    ranked = rank_groups(scored, said, spec.policy.confidence)
    table = pd.concat([make_frame(rows).drop(columns=list(ALONE)), ranked], ignore_index=True)
    table = table.fillna({"grade": "", "served": ""})
    table["people"] = bool(facts.events)
    safe = replace(safe, folds=hide_coarse_folds(safe.folds, [everyone, *single], published))
    followed = [
        follow_folds(v, metrics, facts, v.hidden | safe.folds[v.dimension])
        for v in (everyone, *single)
    ]
    by_fold = pd.concat(followed, ignore_index=True)
    return Audit(
        table,
        make_frame(
            [describe_view(v, facts, whole=whole) for v in views[1:]], columns=DIMENSION_COLUMNS
        ),
        by_fold,
        find_trends(leave_overlaps(by_fold, scored.fold, scored.moment), spec.policy.confidence),
        safe.withheld,
        safe.tabulate_causes(),
        judge_dimensions(
            table, single, {at: m.widest for at, m in measured.items()}, metrics, facts
        ),
        foresee_decisions(table, single, measured, metrics, facts),
        find_gaps(table, single, pairs, metrics, spec),
    )


def learn_design(
    facts: AuditData, views: Sequence[GroupTable], metrics: Sequence[Metric], spec: AuditableSpec
) -> Design:
    """Learn from all gaps that have a limit how likely periods have nothing in common."""
    if facts.design.blocks == "entities":
        return facts.design
    series = [
        trace_gaps(facts.cells, v.weights, m, v.reference, ~v.hidden & (v.n > 0))
        for v in views
        for m in metrics
        if m.name in spec.limits
    ]
    if not series:
        return facts.design
    return replace(facts.design, unrelated=learn_independence(np.concatenate(series, axis=1)))


def _measure(
    view: GroupTable,
    metric: Metric,
    facts: AuditData,
    spec: AuditableSpec,
    varied: ClusteredMetric | None,
    *,
    whole: bool,
) -> Measures:
    shown = ~view.hidden & (view.n > 0)
    args = facts.cells, view.weights, metric, facts.design, view.reference, shown, varied
    measured = measure_groups(*args, widest=metric.name in spec.limits and len(view.shape) == 1)
    if whole:
        return measured
    unsaid = np.where(measured.reference == OVERALL, math.nan, measured.reference_value)
    return replace(measured, reference_value=unsaid)

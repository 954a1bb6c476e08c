"""Demand: how many events per entity and period, one to H steps ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment.audit import Audit, audit_predictions
from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.assessment.explain import Explanation, explain_models
from cityai.assessment.mitigation import Mitigation, evaluate_mitigation
from cityai.assessment.proxies import Proxies, find_proxies
from cityai.columns import (
    AREA,
    AS_OF,
    ENTITY,
    FOLD,
    PERIOD_START,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.load import Project
from cityai.config.project import ProjectSpec
from cityai.data.groups import assign_entities
from cityai.data.layouts.dense import label_dense, lay_dense
from cityai.data.one_value import refuse_several
from cityai.data.panel import Panel, build_panel
from cityai.data.quality import report_quality
from cityai.data.quality_cells import CELLS
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.time_checks import RowSource
from cityai.kinds.kind import (
    CasePredictions,
    Cover,
    Kind,
    Records,
    Replayed,
    Say,
    gather_card_facts,
)
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.final import FinalModel
from cityai.modeling.folds import Folds, check_overlaps
from cityai.modeling.forecasters import (
    Candidate,
    check_candidates,
    choose_candidates,
    list_learners,
)
from cityai.modeling.forecasters.baselines import CITY_RULE, choose_baselines
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.classical import SMOOTHING, THETA
from cityai.modeling.layouts.dense import DenseRows, check_dense_folds, plan_dense_folds
from cityai.modeling.own.models import load_models
from cityai.modeling.targets import AmountTarget
from cityai.records.events import Events
from cityai.records.groups import Groups

if TYPE_CHECKING:
    from cityai.card.draft import CardFacts, RunFacts
    from cityai.card.record import CardRecord
    from cityai.card.verify.claims import Claim
    from cityai.data.rows import RowsAt

CANDIDATES: Final[tuple[Candidate, ...]] = (
    BoostedTrees("lightgbm", "boosted trees over all entities"),
    THETA,
    SMOOTHING,
)
LEAK_MOMENTS: Final = 48
"""Moments, spread over the history, at which features are held against the target."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The moments at which the past is asked, and what may be used to answer.

    Attributes
    ----------
    panel : Panel
        What was known when.
    folds : Folds
        The windows of the backtest.
    rows_at : RowsAt
        From moments to their rows.
    """

    panel: Panel
    folds: Folds
    rows_at: RowsAt


def check_names(spec: ProjectSpec) -> None:
    """Refuse a candidate or a limit's metric that does not exist, before any work is done."""
    from cityai.assessment.decision import require_plan
    from cityai.assessment.metrics import check_limits, find_metrics

    check_candidates(CANDIDATES, spec.models)
    baselines = [baseline.name for baseline in choose_baselines(spec.question.period)]
    rule = [] if spec.models.city_rule is None else [CITY_RULE]
    check_limits(spec.limits, find_metrics("amount", baselines=[*baselines, *rule]))
    if spec.mitigation is not None:
        require_plan(spec)


def read_snapshot(project: Project, say: Say | None = None) -> Events:
    """Read what the city knew, its amounts as cells of a dense panel."""
    return read_events(project, DENSE_PANEL, say)


def ask_panel(project: Project, snapshot: Events) -> Asked:
    """Lay the panel and the folds out."""
    spec = project.spec
    panel = build_panel(snapshot, spec)
    rows_at = lay_dense(panel, snapshot, project)
    return Asked(panel, plan_dense_folds(panel, spec), rows_at)


def find_rows(project: Project, snapshot: Events, asked: Asked) -> RowSource:
    """Return where rows come from, for the checks of time."""
    panel = asked.panel
    return RowSource(
        project,
        snapshot,
        lay=lambda source: lay_dense(panel, source, project),
        rows_at=asked.rows_at,
        moments=panel.moments,
        searched=pd.DatetimeIndex(_choose_moments(asked)),
        first_test=asked.folds.test[0].as_of,
        label=lambda rows: label_dense(rows, panel),
    )


def backtest(project: Project, snapshot: Events, asked: Asked, say: Say) -> Backtest:
    """Replay the past."""
    spec = project.spec
    known = (*CANDIDATES, *load_models(project, probability=False))
    candidates = choose_candidates(known, spec.models.candidates, spec.models.only)
    source = DenseRows(
        asked.panel,
        asked.rows_at,
        asked.folds,
        spec,
        learners=list_learners(candidates),
        baselines=choose_baselines(spec.question.period),
        city_rule=snapshot.city_rule,
    )
    target = AmountTarget(spec, source)
    return run_backtest(source, asked.folds, target, candidates, spec.models, say)


def assign_groups(snapshot: Events, spec: ProjectSpec) -> Groups:
    """Assign entities to the groups of the audit."""
    refuse_several(snapshot.quality_facts, spec)
    return assign_entities(
        snapshot.table[ENTITY],
        snapshot.attributes,
        snapshot.areas,
        spec.audit.dimensions,
        spec.question.entity.area,
    )


def explain(project: Project, backtest: Backtest, asked: Asked, groups: Groups) -> Explanation:
    """Explain the trees on the test folds' rows."""
    rows = asked.rows_at([fold.as_of for fold in asked.folds.test])
    return explain_models(backtest, rows, groups, project.spec)


def describe_coverage(snapshot: Events) -> Cover:
    """Tell what the snapshot covers."""
    periods = snapshot.periods
    first, last = periods.start(0), periods.start(periods.count)
    return Cover(first.to_pydatetime(), last.to_pydatetime(), name_entities(snapshot))


def name_entities(snapshot: Events) -> pd.DataFrame:
    """Return each entity's area and its name for readers, as known last.

    Returns
    -------
    pandas.DataFrame
        ``entity_id``, ``name``, and ``area_id`` where entities lie in areas of the area table.
    """
    entities = snapshot.attributes.drop_duplicates(ENTITY, keep="last")
    named = entities[[ENTITY]].assign(name=entities[ENTITY])
    if snapshot.areas is None or AREA not in entities:
        return named.reset_index(drop=True)
    known = entities[AREA].map(snapshot.areas["area_name"].to_dict())
    one_each = entities[AREA].nunique() == len(entities)
    name = known.where(known.notna() & one_each, entities[ENTITY])
    area = entities[AREA].where(known.notna() | entities[AREA].isin(snapshot.areas.index), None)
    return named.assign(name=name, **{AREA: area}).reset_index(drop=True)


def describe(facts: RunFacts, spec: ProjectSpec, records: Records) -> CardFacts:
    """Gather what the card of a forecast is drafted from."""
    from cityai.card.draft.subject import describe_forecast

    subject = describe_forecast(spec, records.backtest.predictions)
    return gather_card_facts(facts, spec, subject, records)


def recount(
    record: CardRecord, replayed: Replayed, groups: Groups, spec: ProjectSpec
) -> Iterator[Claim]:
    """Count the card's figures again, those of the options for a gap among them."""
    from cityai.card.verify.recount import list_claims, list_option_claims

    yield from list_claims(record, replayed.predictions, groups.memberships)
    if replayed.mitigation is not None:
        corrections = replayed.mitigation.corrections
        yield from list_option_claims(record, replayed.before, corrections, groups.memberships)


def measure_proxies(asked: Asked, groups: Groups, spec: ProjectSpec) -> Proxies:
    """Find how well the inputs recover the groups, on the rows of the test folds."""
    rows = asked.rows_at([fold.as_of for fold in asked.folds.test])
    places = spec.audit.dimensions
    return find_proxies(rows, groups.memberships, spec.policy.confidence, places)


def apply_mitigation(backtest: Backtest, mitigation: Mitigation, spec: ProjectSpec) -> Backtest:
    """Return the backtest with the chosen correction in its forecasts and its final model."""
    assert spec.mitigation is not None  # noqa: S101 - something was tried only if it was planned
    choice, own = spec.mitigation.choice, mitigation.corrections
    ahead = own[(own["option"] == choice) & (own["fold"] == 0) & (own["boost"] == 0)]
    factors = dict(zip(ahead["entity_id"], ahead["factor"].astype(float), strict=True))
    final = replace(backtest.final, corrections=factors if choice != "reallocate" else {})
    return replace(backtest, predictions=mitigation.predictions, final=final)


def predict(
    project: Project, snapshot: Events, final: FinalModel, as_of: datetime
) -> CasePredictions:
    """Forecast the periods that follow a moment, each with what moved it."""
    from cityai.assessment.reasons import tell_amount, tell_reasons
    from cityai.modeling.ahead import predict_panel

    panel = build_panel(snapshot, project.spec)
    rows_at = lay_dense(panel, snapshot, project)
    known = (*CANDIDATES, *load_models(project, probability=False))
    ahead = predict_panel(panel, rows_at, final, project.spec, known, as_of)
    names = name_entities(snapshot).set_index(ENTITY)["name"]
    return CasePredictions(
        table=ahead.table,
        heads=_head_rows(ahead.table, names),
        tells=_tell_rows(ahead.table, project.spec),
        reasons=tell_reasons(ahead.drivers, tell_amount(project.spec.question.unit)),
        trained_until=final.as_of.to_pydatetime(),
    )


def find_misses(
    project: Project, snapshot: Events, asked: Asked, backtest: Backtest, count: int
) -> CasePredictions:
    """Return the forecasts of the test folds that were farthest off, with what moved them."""
    from cityai.assessment.reasons import tell_amount, tell_reasons
    from cityai.modeling.drivers import explain_past

    table = backtest.predictions.table
    off = (table[Y_TRUE] - table[Y_PRED]).abs()
    worst = table.loc[off.sort_values(ascending=False, kind="stable").index[:count]]
    columns = [ENTITY, AS_OF, STEP, PERIOD_START, Y_TRUE, Y_PRED, Y_LOW, Y_HIGH, FOLD]
    worst = worst[columns].reset_index(drop=True)
    rows = asked.rows_at([fold.as_of for fold in asked.folds.test])
    drivers = explain_past(worst, backtest, rows)
    unit, names = project.spec.question.unit, name_entities(snapshot).set_index(ENTITY)["name"]
    tells = tuple(
        (f"It came to {true:,.1f} {unit}.", *said)
        for true, said in zip(worst[Y_TRUE], _tell_rows(worst, project.spec), strict=True)
    )
    return CasePredictions(
        table=worst,
        heads=_head_rows(worst, names),
        tells=tells,
        reasons=tell_reasons(drivers, tell_amount(unit)),
        trained_until=max(worst[AS_OF]).to_pydatetime(),
    )


def _head_rows(table: pd.DataFrame, names: pd.Series) -> tuple[str, ...]:
    known = table[ENTITY].map(names).fillna(table[ENTITY])
    starts = table[PERIOD_START]
    return tuple(f"{n}, {at:%Y-%m-%d}" for n, at in zip(known, starts, strict=True))


def _tell_rows(table: pd.DataFrame, spec: ProjectSpec) -> tuple[tuple[str, ...], ...]:
    unit, held = spec.question.unit, spec.models.coverage
    return tuple(
        (
            f"Forecast for the {spec.question.period} from {row[PERIOD_START]:%Y-%m-%d}: "
            f"{row[Y_PRED]:,.1f} {unit}; meant to lie between {row[Y_LOW]:,.1f} and "
            f"{row[Y_HIGH]:,.1f} in {held:.0%} of cases.",
        )
        for row in table.to_dict("records")
    )


def _choose_moments(asked: Asked) -> list[pd.Timestamp]:
    """Choose moments to look for leaks at: a few folds alone are too few to tell one by."""
    panel, start = asked.panel, asked.panel.periods.start
    last = int(panel.periods.index(pd.DatetimeIndex([asked.folds.test[-1].as_of]))[0])
    moments = [start(origin) for origin in range(last, 0, -1) if panel.active[origin].any()]
    spread = moments[:: max(len(moments) // LEAK_MOMENTS, 1)]
    return sorted({*spread, *(fold.as_of for fold in asked.folds.folds)})


DEMAND: Final = Kind(
    name="demand",
    check=check_names,
    source_type=Events,
    backtest_type=Backtest,
    groups_type=Groups,
    evaluation_type=Evaluation,
    audit_type=Audit,
    explanation_type=Explanation,
    final_type=FinalModel,
    read=read_snapshot,
    report=lambda events, spec: report_quality(events, spec, CELLS),
    build_problem=ask_panel,
    find_rows=find_rows,
    check_folds=lambda snapshot, asked: (
        check_dense_folds(asked.folds, asked.panel),
        check_overlaps(asked.folds),
    ),
    backtest=backtest,
    assign_groups=assign_groups,
    evaluate=evaluate_predictions,
    audit=audit_predictions,
    explain=explain,
    describe_coverage=describe_coverage,
    describe=describe,
    recount=recount,
    measure_proxies=measure_proxies,
    predict=predict,
    find_misses=find_misses,
    baselines=choose_baselines,
    candidates=CANDIDATES,
    mitigation_type=Mitigation,
    mitigate=lambda backtest, asked, groups, spec: evaluate_mitigation(
        backtest, asked.panel, groups.memberships, spec
    ),
    apply=apply_mitigation,
)

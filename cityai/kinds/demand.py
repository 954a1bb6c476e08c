"""Demand: how many events per entity and period, one to H steps ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment.decision import require_plan
from cityai.assessment.metrics import find_metrics
from cityai.assessment.mitigation import Mitigation, evaluate_mitigation
from cityai.assessment.scored import refuse_limits
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
from cityai.config.project import ProjectSpec
from cityai.data.groups import assign_entities
from cityai.data.layouts.dense import label_dense, lay_dense
from cityai.data.one_value import refuse_several
from cityai.data.panel import Panel, build_panel
from cityai.data.quality import QualityReport, report_quality
from cityai.data.quality_cells import CELLS
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.time_checks import RowSource
from cityai.findings import Finding
from cityai.kinds.kind import CasePredictions, Cover, Kind, Problem, Say
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
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.card.draft.subject import Subject

CANDIDATES: Final[tuple[Candidate, ...]] = (
    BoostedTrees("lightgbm", "boosted trees over all entities"),
    THETA,
    SMOOTHING,
)
LEAK_MOMENTS: Final = 48
"""Moments, spread over the history, at which features are held against the target."""


class Demand(Kind[ProjectSpec]):
    """Amounts of entities and periods, laid out as a dense panel."""

    @property
    def plans_mitigation(self) -> bool:
        """Whether the project names a gap to close."""
        return self.spec.mitigation is not None

    def check(self) -> None:
        """Refuse a candidate or a limit's metric that does not exist."""
        spec = self.spec
        check_candidates(CANDIDATES, spec.models)
        baselines = [baseline.name for baseline in choose_baselines(spec.question.period)]
        rule = [] if spec.models.city_rule is None else [CITY_RULE]
        refuse_limits(spec, find_metrics("amount", baselines=[*baselines, *rule]))
        if spec.mitigation is not None:
            require_plan(spec)

    def read(self, say: Say | None = None) -> Events:
        """Read what the city knew, its amounts as cells of a dense panel."""
        return read_events(self.project, DENSE_PANEL, say)

    def report(self, events: Events) -> QualityReport:
        """Report how good the data are."""
        return report_quality(events, self.spec, CELLS)

    def build_problem(self, events: Events) -> Problem:
        """Lay the panel and the folds out."""
        panel = build_panel(events, self.spec)
        folds = plan_dense_folds(panel, self.spec)
        tested = [fold.as_of for fold in folds.test]
        return Problem(folds, lay_dense(panel, events, self.project), tested, panel)

    def find_rows(self, events: Events, problem: Problem) -> RowSource:
        """Return where rows come from, for the checks of time."""
        panel = _find_panel(problem)
        return RowSource(
            self.project,
            events,
            lay=lambda source: lay_dense(panel, source, self.project),
            rows_at=problem.rows_at,
            moments=panel.moments,
            searched=pd.DatetimeIndex(_choose_moments(panel, problem.folds)),
            first_test=problem.folds.test[0].as_of,
            label=lambda rows: label_dense(rows, panel),
        )

    def check_folds(self, events: Events, problem: Problem) -> tuple[Finding, ...]:
        """Find labels that are not there in time, and folds that overlap."""
        folds = problem.folds
        return check_dense_folds(folds, _find_panel(problem)), check_overlaps(folds)

    def backtest(self, events: Events, problem: Problem, say: Say) -> Backtest:
        """Replay the past."""
        spec = self.spec
        candidates = choose_candidates(self._list_known(), spec.models.candidates, spec.models.only)
        source = DenseRows(
            _find_panel(problem),
            problem.rows_at,
            problem.folds,
            spec,
            learners=list_learners(candidates),
            baselines=choose_baselines(spec.question.period),
            city_rule=events.city_rule,
        )
        target = AmountTarget(spec, source)
        return run_backtest(source, problem.folds, target, candidates, spec.models, say)

    def assign_groups(self, events: Events) -> Groups:
        """Assign entities to the groups of the audit."""
        refuse_several(events.quality_facts, self.spec)
        return assign_entities(
            events.table[ENTITY],
            events.attributes,
            events.areas,
            self.spec.audit.dimensions,
            self.spec.question.entity.area,
        )

    def describe_coverage(self, events: Events) -> Cover:
        """Tell what the events cover."""
        periods = events.periods
        first, last = periods.start(0), periods.start(periods.count)
        return Cover(first.to_pydatetime(), last.to_pydatetime(), name_entities(events))

    def describe_subject(self, predictions: Predictions) -> Subject:
        """Describe what is forecast."""
        from cityai.card.draft.subject import describe_forecast

        return describe_forecast(self.spec, predictions)

    def mitigate(self, backtest: Backtest, problem: Problem, groups: Groups) -> Mitigation:
        """Try every way to close the gap that the project names."""
        panel = _find_panel(problem)
        return evaluate_mitigation(backtest, panel, groups.memberships, self.spec)

    def apply(self, backtest: Backtest, mitigation: Mitigation) -> Backtest:
        """Return the backtest with the chosen correction in its forecasts and its final model."""
        choice, own = require_plan(self.spec).choice, mitigation.corrections
        ahead = own[(own["option"] == choice) & (own["fold"] == 0) & (own["boost"] == 0)]
        factors = dict(zip(ahead["entity_id"], ahead["factor"].astype(float), strict=True))
        final = replace(backtest.final, corrections=factors if choice != "reallocate" else {})
        return replace(backtest, predictions=mitigation.predictions, final=final)

    def predict(self, events: Events, final: FinalModel, as_of: datetime) -> CasePredictions:
        """Forecast the periods that follow a moment, each with what moved it."""
        from cityai.assessment.reasons import tell_amount, tell_reasons
        from cityai.modeling.ahead import lay_panel_ahead, predict_ahead

        spec, panel = self.spec, build_panel(events, self.spec)
        rows_at = lay_dense(panel, events, self.project)
        question = lay_panel_ahead(panel, rows_at, final, spec, self._list_known(), as_of)
        ahead = predict_ahead(final, question)
        return CasePredictions(
            table=ahead.table,
            heads=_head_rows(ahead.table, events),
            tells=_tell_rows(ahead.table, spec),
            reasons=tell_reasons(ahead.drivers, tell_amount(spec.question.unit)),
            trained_until=final.as_of.to_pydatetime(),
        )

    def find_misses(
        self, events: Events, problem: Problem, backtest: Backtest, count: int
    ) -> CasePredictions:
        """Return the forecasts of the test folds that were farthest off, with what moved them."""
        from cityai.assessment.reasons import tell_amount, tell_reasons
        from cityai.modeling.drivers import explain_past

        table = backtest.predictions.table
        off = (table[Y_TRUE] - table[Y_PRED]).abs()
        worst = table.loc[off.sort_values(ascending=False, kind="stable").index[:count]]
        columns = [ENTITY, AS_OF, STEP, PERIOD_START, Y_TRUE, Y_PRED, Y_LOW, Y_HIGH, FOLD]
        worst = worst[columns].reset_index(drop=True)
        drivers = explain_past(worst, backtest, problem.list_tested())
        unit = self.spec.question.unit
        tells = tuple(
            (f"It came to {true:,.1f} {unit}.", *said)
            for true, said in zip(worst[Y_TRUE], _tell_rows(worst, self.spec), strict=True)
        )
        return CasePredictions(
            table=worst,
            heads=_head_rows(worst, events),
            tells=tells,
            reasons=tell_reasons(drivers, tell_amount(unit)),
            trained_until=max(worst[AS_OF]).to_pydatetime(),
        )

    def _list_known(self) -> tuple[Candidate, ...]:
        return *CANDIDATES, *load_models(self.project, probability=False)


def _find_panel(problem: Problem) -> Panel:
    assert problem.panel is not None  # noqa: S101 - `Demand.build_problem` lays one out
    return problem.panel


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


def _head_rows(table: pd.DataFrame, events: Events) -> tuple[str, ...]:
    names = name_entities(events).set_index(ENTITY)["name"]
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


def _choose_moments(panel: Panel, folds: Folds) -> list[pd.Timestamp]:
    """Choose moments to look for leaks at: a few folds alone are too few to tell one by."""
    start = panel.periods.start
    last = int(panel.periods.index(pd.DatetimeIndex([folds.test[-1].as_of]))[0])
    moments = [start(origin) for origin in range(last, 0, -1) if panel.active[origin].any()]
    spread = moments[:: max(len(moments) // LEAK_MOMENTS, 1)]
    return sorted({*spread, *(fold.as_of for fold in folds.folds)})

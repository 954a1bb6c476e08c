"""Demand: how many events per entity and period, one to H steps ahead."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment.baseline_words import judge_stand_ins
from cityai.assessment.decision import require_plan
from cityai.assessment.metrics import find_metrics
from cityai.assessment.scored import refuse_limits
from cityai.columns import (
    AREA,
    AREA_AVERAGE,
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
from cityai.kinds.kind import Cover, FittingKind, Problem
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.final import FinalModel
from cityai.modeling.folds import Folds, check_overlaps
from cityai.modeling.forecasters.baselines import (
    CITY_RULE,
    RECENT_MEAN,
    choose_baselines,
    make_area_average,
)
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.classical import SHORT_SMOOTHING, SMOOTHING, THETA
from cityai.modeling.forecasters.pretrained import (
    PretrainedForecaster,
    judge_pretrained,
    load_pretrained,
)
from cityai.modeling.forecasters.protocol import (
    Candidate,
    check_candidates,
    choose_candidates,
    count_candidates,
    list_learners,
)
from cityai.modeling.layouts.dense import (
    DenseRows,
    check_dense_folds,
    find_origin,
    plan_dense_folds,
)
from cityai.modeling.own.models import load_models
from cityai.modeling.stand_ins import count_stand_ins
from cityai.modeling.targets import AmountTarget
from cityai.records.events import Events
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.assessment.reasons import Effect
    from cityai.card.draft.subject import Subject
    from cityai.modeling.ahead import Outlook, Question

CANDIDATES: Final[tuple[Candidate, ...]] = (
    BoostedTrees("lightgbm", "boosted trees over all entities", bins=63),
    BoostedTrees(
        "random_splits", "boosted trees with splits at random", bins=63, random_splits=True
    ),
    THETA,
    SMOOTHING,
)
LEAK_MOMENTS: Final = 48
"""Moments, spread over the history, at which features are held against the target."""


class Demand(FittingKind[ProjectSpec]):
    """Amounts of entities and periods, laid out as a dense panel."""

    specification = ProjectSpec

    def check(self) -> None:
        """Refuse a candidate or a limit's metric that does not exist."""
        spec = self.spec
        check_candidates(self._ours, spec.models)
        baselines = [baseline.name for baseline in choose_baselines(spec.question.period)]
        rule = [] if spec.models.city_rule is None else [CITY_RULE]
        refuse_limits(spec, find_metrics("amount", baselines=[*baselines, AREA_AVERAGE, *rule]))
        if spec.mitigation is not None:
            require_plan(spec)

    def read(self) -> Events:
        """Read what the city knew, its amounts as cells of a dense panel."""
        return read_events(self.project, DENSE_PANEL)

    def report(self, events: Events) -> QualityReport:
        """Report how good the data are."""
        return report_quality(events, self.spec, CELLS)

    def build_problem(self, events: Events) -> Problem:
        """Lay the panel and the folds out."""
        panel = build_panel(events, self.spec)
        candidates = count_candidates(self._ours, self.spec.models)
        folds = plan_dense_folds(panel, self.spec, candidates)
        tested = [fold.as_of for fold in folds.test]
        return Problem(folds, lay_dense(panel, events, self.project), tested, panel)

    def find_rows(self, events: Events, problem: Problem) -> RowSource:
        """Return where rows come from, for the checks of time."""
        panel = problem.dense
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
        return check_dense_folds(folds, problem.dense), check_overlaps(folds)

    def backtest(self, events: Events, problem: Problem) -> Backtest:
        """Replay the past."""
        candidates = choose_candidates(self._list_known(), self.spec.models)
        return self._replay(events, problem, candidates)

    def rehearse(self, events: Events, problem: Problem) -> Backtest:
        """Replay the past with a blend of the baselines and smoothing."""
        cheap = (*choose_baselines(self.spec.question.period), SHORT_SMOOTHING)
        return self._replay(events, problem, cheap)

    def _replay(
        self, events: Events, problem: Problem, candidates: tuple[Candidate, ...]
    ) -> Backtest:
        spec = self.spec
        panel = problem.dense
        average = make_area_average(_list_areas(events, panel))
        last = problem.folds.test[-1]
        source = DenseRows(
            panel,
            problem.rows_at,
            problem.folds,
            spec,
            learners=list_learners(candidates),
            baselines=(*choose_baselines(panel.periods.freq, find_origin(panel, last)), average),
            city_rule=events.city_rule,
        )
        target = AmountTarget(spec, source)
        made = run_backtest(source, problem.folds, target, candidates, spec.models)
        seen = [
            judge_pretrained(c.settings) for c in candidates if isinstance(c, PretrainedForecaster)
        ]
        scored = made.predictions.table
        counted = count_stand_ins(source, problem.folds.test, scored)
        stood = judge_stand_ins(counted, len(scored), RECENT_MEAN, spec)
        return replace(made, findings=(*made.findings, *seen, *stood))

    def assign_groups(self, events: Events) -> Groups:
        """Assign entities to the groups of the audit."""
        refuse_several(events.quality_facts, self.spec)
        return assign_entities(
            events.table[ENTITY].unique(),
            events.attributes,
            events.areas,
            self.spec.audit.dimensions,
            self.spec.question.entity.area,
        )

    def describe_coverage(self, events: Events) -> Cover:
        """Tell what the events cover."""
        periods = events.periods
        first, last = periods.start(0), periods.start(periods.count)
        return Cover(first.to_pydatetime(), last.to_pydatetime(), _name_entities(events))

    def describe_subject(self, predictions: Predictions) -> Subject:
        """Describe what is forecast."""
        from cityai.card.draft.subject import describe_forecast

        return describe_forecast(self.spec, predictions)

    def ask(self, events: Events, final: FinalModel, as_of: datetime) -> Question:
        """Ask for the periods that follow a moment."""
        from cityai.modeling.ahead import lay_panel_ahead

        panel = build_panel(events, self.spec)
        rows_at = lay_dense(panel, events, self.project)
        return lay_panel_ahead(panel, rows_at, final, self.spec, self._list_known(), as_of)

    def look_ahead(self, events: Events, problem: Problem, final: FinalModel) -> Outlook:
        """Forecast the periods that follow the data."""
        from cityai.modeling.ahead import look_ahead

        known = self._list_known()
        return look_ahead(problem.dense, problem.rows_at, final, self.spec, known)

    def choose_misses(self, backtest: Backtest, count: int) -> tuple[pd.DataFrame, pd.Timestamp]:
        """Choose the forecasts that were farthest off."""
        table = backtest.predictions.table
        off = (table[Y_TRUE] - table[Y_PRED]).abs()
        worst = table.loc[off.sort_values(ascending=False, kind="stable").index[:count]]
        columns = [ENTITY, AS_OF, STEP, PERIOD_START, Y_TRUE, Y_PRED, Y_LOW, Y_HIGH, FOLD]
        return worst[columns].reset_index(drop=True), max(worst[AS_OF])

    def head_rows(self, table: pd.DataFrame, events: Events) -> tuple[str, ...]:
        """Name each row's entity and period."""
        names = _name_entities(events).set_index(ENTITY)["name"]
        known = table[ENTITY].map(names).fillna(table[ENTITY])
        starts = table[PERIOD_START]
        return tuple(f"{n}, {at:%Y-%m-%d}" for n, at in zip(known, starts, strict=True))

    def tell_row(self, row: Mapping[Hashable, object]) -> tuple[str, ...]:
        """Say the amount, and between what it is meant to lie."""
        unit, held = self.spec.question.unit, self.spec.models.coverage
        return (
            f"Forecast for the {self.spec.question.period} from {row[PERIOD_START]:%Y-%m-%d}: "
            f"{row[Y_PRED]:,.1f} {unit}; meant to lie between {row[Y_LOW]:,.1f} and "
            f"{row[Y_HIGH]:,.1f} in {held:.0%} of cases.",
        )

    def tell_miss(self, row: Mapping[Hashable, object]) -> str:
        """Say what it came to."""
        return f"It came to {row[Y_TRUE]:,.1f} {self.spec.question.unit}."

    @property
    def effect(self) -> Effect:
        """Say what a feature adds or takes, in the unit."""
        from cityai.assessment.reasons import tell_amount

        return tell_amount(self.spec.question.unit)

    @cached_property
    def _ours(self) -> tuple[Candidate, ...]:
        """Candidates but for the city's own; weights of gigabytes are hashed once."""
        return *CANDIDATES, *load_pretrained(self.project)

    def _list_known(self) -> tuple[Candidate, ...]:
        return *self._ours, *load_models(self.project, probability=False)


def _list_areas(events: Events, panel: Panel) -> list[str | None]:
    """Return the area of each entity of the panel, as known last."""
    if AREA not in events.attributes:
        return [None] * len(panel.entity_ids)
    last = events.attributes.drop_duplicates(ENTITY, keep="last").set_index(ENTITY)[AREA]
    found = last.reindex(panel.entity_ids)
    return [None if pd.isna(area) else str(area) for area in found]


def _name_entities(snapshot: Events) -> pd.DataFrame:
    """Return each entity's area and its name for readers, as known last."""
    entities = snapshot.attributes.drop_duplicates(ENTITY, keep="last")
    named = entities[[ENTITY]].assign(name=entities[ENTITY])
    if snapshot.areas is None or AREA not in entities:
        return named.reset_index(drop=True)
    known = entities[AREA].map(snapshot.areas["area_name"].to_dict())
    one_each = entities[AREA].nunique() == len(entities)
    name = known.where(known.notna() & one_each, entities[ENTITY])
    area = entities[AREA].where(known.notna() | entities[AREA].isin(snapshot.areas.index), None)
    people = entities[AREA].map(snapshot.areas["population"].to_dict()).astype("float64")
    return named.assign(name=name, residents=people, **{AREA: area}).reset_index(drop=True)


def _choose_moments(panel: Panel, folds: Folds) -> list[pd.Timestamp]:
    """Choose moments to look for leaks at: a few folds alone are too few to tell one by."""
    start = panel.periods.start
    last = int(panel.periods.index(pd.DatetimeIndex([folds.test[-1].as_of]))[0])
    moments = [start(origin) for origin in range(last, 0, -1) if panel.active[origin].any()]
    spread = moments[:: max(len(moments) // LEAK_MOMENTS, 1)]
    return sorted({*spread, *(fold.as_of for fold in folds.folds)})

"""Risk: how likely a yes is for each case, to be ranked under a capacity."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment.metrics import find_metrics
from cityai.assessment.scored import INSPECTED_MORE, refuse_limits
from cityai.columns import AREA, AS_OF, CASE, ENTITY, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.data.groups import assign_groups
from cityai.data.layouts.listed import label_listed, lay_listed
from cityai.data.quality import QualityReport, report_quality
from cityai.data.quality_cases import CASES
from cityai.data.reading.listed import LIST_OF_CASES
from cityai.data.reading.reader import read_events
from cityai.data.time_checks import RowSource
from cityai.findings import Finding
from cityai.kinds.kind import CasePredictions, Cover, Kind, Problem, Say
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.final import FinalModel
from cityai.modeling.forecasters import Candidate, check_candidates, choose_candidates
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.logistic import LOGISTIC_REGRESSION
from cityai.modeling.layouts.listed import ListedRows, check_listed_folds, plan_listed_folds
from cityai.modeling.layouts.listed_baselines import RISK_BASELINES
from cityai.modeling.own.models import load_models
from cityai.modeling.targets import ProbabilityTarget
from cityai.records.events import Events
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.card.draft.subject import Subject

CANDIDATES: Final[tuple[Candidate, ...]] = (
    BoostedTrees(
        "lightgbm",
        "boosted trees",
        target="probability",
        rounds=200,
        leaves=7,
        leaf_rows=60,
        learning_rate=0.03,
        feature_share=0.5,
        row_share=0.7,
        ridge=10.0,
        most_rows=None,
        least_rows=0,
    ),
    LOGISTIC_REGRESSION,
)
"""Trees of a yes/no question are held back: the data are small."""


class Risk(Kind[RiskSpec]):
    """Chances of cases, listed one by one."""

    def check(self) -> None:
        """Refuse a candidate or a limit's metric that does not exist."""
        check_candidates(CANDIDATES, self.spec.models)
        refuse_limits(self.spec, find_metrics("yes/no", "list"), INSPECTED_MORE)

    def read(self, say: Say | None = None) -> Events:
        """Read what the city knew, its cases as a list."""
        return read_events(self.project, LIST_OF_CASES, say)

    def report(self, events: Events) -> QualityReport:
        """Report how good the data are."""
        return report_quality(events, self.spec, CASES)

    def build_problem(self, events: Events) -> Problem:
        """Lay the folds out, and the features for when they are needed."""
        return Problem(plan_listed_folds(events, self.spec), lay_listed(events, self.project))

    def find_rows(self, events: Events, problem: Problem) -> RowSource:
        """Return where rows come from, for the checks of time."""
        moments = pd.DatetimeIndex(events.table[AS_OF].unique())
        return RowSource(
            self.project,
            events,
            lay=lambda source: lay_listed(source, self.project),
            rows_at=problem.rows_at,
            moments=moments,
            searched=moments,
            first_test=problem.folds.test[0].as_of,
            label=lambda rows: label_listed(rows, events),
        )

    def check_folds(self, events: Events, problem: Problem) -> tuple[Finding, ...]:
        """Find labels that are not there in time."""
        return (check_listed_folds(problem.folds, events),)

    def backtest(self, events: Events, problem: Problem, say: Say) -> Backtest:
        """Replay the past."""
        spec = self.spec
        source = ListedRows(events, problem.rows_at(), spec, baselines=RISK_BASELINES)
        known = (*CANDIDATES, *load_models(self.project, probability=True))
        candidates = choose_candidates(known, spec.models.candidates, spec.models.only)
        target = ProbabilityTarget(spec)
        return run_backtest(source, problem.folds, target, candidates, spec.models, say)

    def assign_groups(self, events: Events) -> Groups:
        """Assign cases to the groups of the audit, each by its own row."""
        entity, table = self.spec.question.entity, events.table
        rows = table[[CASE, ENTITY, Y_TRUE, *([AREA] if AREA in table else [])]]
        own = table[list(entity.attributes)]
        return assign_groups(rows, own, events.areas, self.spec.audit.dimensions, entity.area)

    def describe_coverage(self, events: Events) -> Cover:
        """Tell what the cases cover; no entity is named."""
        first = events.table[AS_OF].min().normalize()
        return Cover(first.to_pydatetime(), events.until.to_pydatetime(), None)

    def describe_subject(self, predictions: Predictions) -> Subject:
        """Describe what is ranked."""
        from cityai.card.draft.subject import describe_list

        return describe_list(self.spec, predictions)

    def predict(self, events: Events, final: FinalModel, as_of: datetime) -> CasePredictions:
        """Rank the cases of a moment, each with why it stands where it does."""
        from cityai.assessment.reasons import tell_chance, tell_reasons
        from cityai.modeling.ahead import lay_cases_ahead, predict_ahead

        spec, project = self.spec, self.project
        question = lay_cases_ahead(events, lambda cut: lay_listed(cut, project)(), spec, as_of)
        ahead = predict_ahead(final, question)
        return CasePredictions(
            table=ahead.table,
            heads=_head_cases(ahead.table, spec),
            tells=_tell_cases(ahead.table, spec),
            reasons=tell_reasons(ahead.drivers, tell_chance, sensitive=spec.features.sensitive),
            trained_until=pd.Timestamp(final.as_of).to_pydatetime(),
            notes=ahead.notes,
        )

    def find_misses(
        self, events: Events, problem: Problem, backtest: Backtest, count: int
    ) -> CasePredictions:
        """Return cases of the test folds that were passed over or selected most wrongly."""
        from cityai.assessment.reasons import tell_chance, tell_reasons
        from cityai.modeling.capacity import worst_misses
        from cityai.modeling.drivers import explain_past

        spec = self.spec
        worst = worst_misses(backtest.predictions, count)
        drivers = explain_past(worst, backtest, problem.list_tested())
        told = (_tell_miss(row, spec) for row in worst.to_dict("records"))
        return CasePredictions(
            table=worst,
            heads=_head_cases(worst, spec),
            tells=tuple(
                (miss, *said) for miss, said in zip(told, _tell_cases(worst, spec), strict=True)
            ),
            reasons=tell_reasons(drivers, tell_chance, sensitive=spec.features.sensitive),
            trained_until=pd.Timestamp(backtest.models[-1].as_of).to_pydatetime(),
        )


def _tell_miss(row: Mapping[Hashable, object], spec: RiskSpec) -> str:
    label = spec.question.outcome.label
    if row["y_true"] == 1:
        return f"Passed over, though it turned out that {label}."
    if row["decision"] == 1:
        return f"Selected, though it did not turn out that {label}."
    return f"Given a high chance, though it did not turn out that {label}."


def _head_cases(table: pd.DataFrame, spec: RiskSpec) -> tuple[str, ...]:
    label = spec.question.entity.label
    return tuple(
        f"{label} {entity}, case {case}"
        for entity, case in zip(table["entity_id"], table["case_id"], strict=True)
    )


def _tell_cases(table: pd.DataFrame, spec: RiskSpec) -> tuple[tuple[str, ...], ...]:
    question = spec.question
    told = []
    for row in table.to_dict("records"):
        place = (
            f"No. {row['rank']:,} of {row['of']:,} {question.unit} of its "
            f"{'stretch' if question.decision.per == 'fold' else question.decision.per}: "
            f"{question.decision.action if row['decision'] == 1 else 'not selected'}."
        )
        chance = (
            f"Expected in about {row['y_pred'] * 100:.0f} of 100 such {question.unit}: "
            f"{question.outcome.label}."
        )
        told.append((place, chance))
    return tuple(told)

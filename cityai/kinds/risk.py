"""Risk: how likely a yes is for each case, to be ranked under a capacity."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

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
from cityai.kinds.kind import Cover, FittingKind, Problem
from cityai.modeling.backtest import Backtest, run_backtest
from cityai.modeling.final import FinalModel
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.logistic import LOGISTIC_REGRESSION
from cityai.modeling.forecasters.protocol import (
    Candidate,
    check_candidates,
    choose_candidates,
    count_candidates,
)
from cityai.modeling.layouts.listed import ListedRows, check_listed_folds, plan_listed_folds
from cityai.modeling.layouts.listed_baselines import RISK_BASELINES, ListedBaseline, list_averages
from cityai.modeling.own.models import load_models
from cityai.modeling.targets import ProbabilityTarget, hide_answers
from cityai.records.events import Events
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.assessment.reasons import Effect
    from cityai.card.draft.subject import Subject
    from cityai.modeling.ahead import Outlook, Question

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

FEW_ROWS: Final = 2_000
FEW_ANSWERS: Final = 100
"""Training rows of a rehearsal, and how many are expected of the rarer answer."""


class Risk(FittingKind[RiskSpec]):
    """Chances of cases, listed one by one."""

    specification = RiskSpec

    def check(self) -> None:
        """Refuse a candidate or a limit's metric that does not exist."""
        check_candidates(CANDIDATES, self.spec.models)
        refuse_limits(self.spec, find_metrics("yes/no", "list"), INSPECTED_MORE)

    def read(self) -> Events:
        """Read what the city knew, its cases as a list."""
        return read_events(self.project, LIST_OF_CASES)

    def report(self, events: Events) -> QualityReport:
        """Report how good the data are."""
        return report_quality(events, self.spec, CASES)

    def build_problem(self, events: Events) -> Problem:
        """Lay the folds out, and the features for when they are needed."""
        candidates = count_candidates(CANDIDATES, self.spec.models)
        folds = plan_listed_folds(events, self.spec, candidates)
        return Problem(folds, lay_listed(events, self.project))

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

    def backtest(self, events: Events, problem: Problem) -> Backtest:
        """Replay the past."""
        baselines = (*RISK_BASELINES, *list_averages(self.spec))
        known = (*CANDIDATES, *load_models(self.project, probability=True))
        candidates = choose_candidates(known, self.spec.models)
        return self._replay(events, problem, candidates, baselines)

    def redact_findings(self, made: Backtest) -> Backtest:
        """Return the backtest with its findings, without small counts of either outcome."""
        least = self.spec.policy.small_cell
        found = hide_answers(made.findings, made.models, made.predictions, least)
        return replace(made, findings=found)

    def rehearse(self, events: Events, problem: Problem) -> Backtest:
        """Replay the past with a logistic regression on few rows, of either answer enough."""
        rarer = max(float(events.table[Y_TRUE].mean()), 1e-4)
        rows = max(FEW_ROWS, math.ceil(FEW_ANSWERS / min(rarer, max(1 - rarer, 1e-4))))
        return self._replay(events, problem, (replace(LOGISTIC_REGRESSION, most_rows=rows),))

    def _replay(
        self,
        events: Events,
        problem: Problem,
        candidates: tuple[Candidate, ...],
        baselines: tuple[ListedBaseline, ...] = (),
    ) -> Backtest:
        spec = self.spec
        source = ListedRows(events, problem.rows_at(), spec, baselines=baselines)
        target = ProbabilityTarget(spec)
        return run_backtest(source, problem.folds, target, candidates, spec.models)

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

    def ask(self, events: Events, final: FinalModel, as_of: datetime) -> Question:
        """Ask for the ranks of the cases of a day."""
        from cityai.modeling.ahead import lay_cases_ahead

        project = self.project
        return lay_cases_ahead(events, lambda cut: lay_listed(cut, project)(), self.spec, as_of)

    def look_ahead(self, events: Events, problem: Problem, final: FinalModel) -> Outlook:
        """Return nothing: which cases will be asked about next is not known beforehand."""
        from cityai.modeling.ahead import Outlook

        return Outlook(pd.DataFrame({ENTITY: pd.Series(dtype=str)}))

    def choose_misses(self, backtest: Backtest, count: int) -> tuple[pd.DataFrame, pd.Timestamp]:
        """Choose cases that were passed over or selected most wrongly."""
        from cityai.modeling.capacity import worst_misses

        return worst_misses(backtest.predictions, count), backtest.models[-1].as_of

    def head_rows(self, table: pd.DataFrame, events: Events) -> tuple[str, ...]:
        """Name each case, and its entity."""
        label, pairs = self.spec.question.entity.label, zip(table[ENTITY], table[CASE], strict=True)
        return tuple(f"{label} {entity}, case {case}" for entity, case in pairs)

    def tell_row(self, row: Mapping[Hashable, Any]) -> tuple[str, ...]:
        """Say a case's place in its list, and its chance."""
        asked, rule = self.spec.question, self.spec.question.decision
        place = (
            f"No. {row['rank']:,} of {row['of']:,} {asked.unit} of its list: "
            f"{rule.action if row['decision'] == 1 else 'not selected'}."
        )
        chance = (
            f"Expected in about {row['y_pred'] * 100:.0f} of 100 such {asked.unit}: "
            f"{asked.outcome.label}."
        )
        return place, chance

    def tell_miss(self, row: Mapping[Hashable, object]) -> str:
        """Say how a case turned out."""
        label = self.spec.question.outcome.label
        if row["y_true"] == 1:
            return f"Passed over, though it turned out that {label}."
        if row["decision"] == 1:
            return f"Selected, though it did not turn out that {label}."
        return f"Given a high chance, though it did not turn out that {label}."

    @property
    def effect(self) -> Effect:
        """Say whether a feature raises or lowers the chance."""
        from cityai.assessment.reasons import tell_chance

        return tell_chance

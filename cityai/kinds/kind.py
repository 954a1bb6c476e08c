"""A kind of question: the choices that the stages of a run leave open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Generic, cast

import pandas as pd
from typing_extensions import TypeVar

from cityai.assessment.evaluate import Evaluation, evaluate_predictions
from cityai.config.project import AuditableSpec, BaseProjectSpec
from cityai.data.panel import Panel
from cityai.data.rows import Moments, Rows, RowsAt
from cityai.modeling.folds import Folds

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from cityai.assessment.audit import Audit
    from cityai.assessment.reasons import Effect, Reasons
    from cityai.card.draft.subject import Subject
    from cityai.config.load import Project
    from cityai.data.quality import QualityReport
    from cityai.data.time_checks import RowSource
    from cityai.findings import Finding
    from cityai.modeling.ahead import Outlook, Question
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.drivers import Drivers
    from cityai.modeling.final import FinalModel
    from cityai.records.events import Events
    from cityai.records.groups import Groups
    from cityai.records.predictions import Predictions

SpecT_co = TypeVar("SpecT_co", bound=AuditableSpec, default=AuditableSpec, covariant=True)
FittedT_co = TypeVar("FittedT_co", bound=BaseProjectSpec, default=BaseProjectSpec, covariant=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is asked of the past, when, and what may be used to answer."""

    folds: Folds
    """The windows of the backtest."""
    rows_at: RowsAt
    """From moments to their rows; all rows without moments."""
    tested: Moments | None = None
    """Moments whose rows hold all that is tested; None for all rows."""
    panel: Panel | None = None
    """What was known when, where rows are laid out densely."""

    @property
    def replayed(self) -> bool:
        """Whether anything is fitted, and the past replayed with it."""
        return bool(self.folds.folds)

    @property
    def dense(self) -> Panel:
        """The panel, of a question that has one."""
        assert self.panel is not None  # noqa: S101 - nobody asks where rows are listed
        return self.panel

    def list_tested(self) -> Rows:
        """Return the rows of the test folds, perhaps among others."""
        return self.rows_at() if self.tested is None else self.rows_at(self.tested)


@dataclass(frozen=True, slots=True)
class Cover:
    """What the source covers, for the card."""

    first: datetime | None
    last: datetime | None
    """First day that the data cover, and the first day that they no longer cover; None where no row
    has a day."""
    entities: pd.DataFrame | None
    """``entity_id``, ``name`` and, where known, ``area_id``; None where entities stay unnamed."""
    source: str = ""
    """Name of the data, where the specification does not name them."""


@dataclass(frozen=True, slots=True)
class CasePredictions:
    """What a model says about some rows, and why, for people who work with them."""

    table: pd.DataFrame
    """One row a prediction, in the order in which it is to be read: who, when, ``y_pred`` and what
    surrounds it."""
    heads: tuple[str, ...]
    """What each row is about, for the head of a page."""
    tells: tuple[tuple[str, ...], ...]
    """What is said of each row, in sentences."""
    reasons: Reasons
    """Why, for each row of `table`."""
    trained_until: datetime
    """The model learnt from what was known before this moment."""
    notes: tuple[str, ...] = ()
    """What is to be known of all rows."""


class Kind(ABC, Generic[SpecT_co]):
    """The choices of one kind of question, for one project. No stage asks which kind it is.

    How rows are laid out, what the target is, what is decided, and in whose words. Everything else
    is one way for all: what follows the backtest asks its tables.

    Parameters
    ----------
    project : Project
        The project; `cityai.kinds.open_kind` chooses the class by its kind.
    """

    specification: ClassVar[type[AuditableSpec]]
    """The record of its specification."""

    def __init__(self, project: Project[AuditableSpec]) -> None:
        self.project = cast("Project[SpecT_co]", project)

    @property
    def spec(self) -> SpecT_co:
        """The resolved specification."""
        return self.project.spec

    @abstractmethod
    def check(self) -> None:
        """Refuse names that the kind does not know, before any work is done."""

    @abstractmethod
    def read(self) -> Events:
        """Read what the city knew, and when."""

    @abstractmethod
    def report(self, events: Events) -> QualityReport:
        """Report how good the data are."""

    @abstractmethod
    def build_problem(self, events: Events) -> Problem:
        """Lay out what is asked, and when."""

    @abstractmethod
    def backtest(self, events: Events, problem: Problem) -> Backtest:
        """Replay the past."""

    @abstractmethod
    def assign_groups(self, events: Events) -> Groups:
        """Assign entities, or cases one by one, to the groups of the audit."""

    @abstractmethod
    def describe_coverage(self, events: Events) -> Cover:
        """Tell what the data cover, and what entities are called."""

    def redact_findings(self, made: Backtest) -> Backtest:
        """Return the backtest with its findings as far as the policy lets them be told."""
        return made

    @abstractmethod
    def describe_subject(self, predictions: Predictions) -> Subject:
        """Describe what is asked, for the card."""

    def evaluate(self, predictions: Predictions, audit: Audit) -> Evaluation:
        """Measure how good the predictions are, beside every baseline."""
        return evaluate_predictions(predictions, self.spec)


class FittingKind(Kind[FittedT_co]):
    """A kind that fits models: the past is replayed with them, and the future asked."""

    @abstractmethod
    def find_rows(self, events: Events, problem: Problem) -> RowSource:
        """Return where rows come from, for the checks of time."""

    @abstractmethod
    def check_folds(self, events: Events, problem: Problem) -> tuple[Finding, ...]:
        """Find what the windows of the backtest cannot show."""

    @abstractmethod
    def rehearse(self, events: Events, problem: Problem) -> Backtest:
        """Replay the past with what is cheap and nearly as good: to see what the folds can tell."""

    @abstractmethod
    def look_ahead(self, events: Events, problem: Problem, final: FinalModel) -> Outlook:
        """Predict what comes after the data, as far as it is known what will be asked."""

    @abstractmethod
    def ask(self, events: Events, final: FinalModel, as_of: datetime) -> Question:
        """Lay out what is asked about at a moment."""

    @abstractmethod
    def choose_misses(self, backtest: Backtest, count: int) -> tuple[pd.DataFrame, pd.Timestamp]:
        """Choose the worst misses of the test folds; say until when their models learnt."""

    @abstractmethod
    def head_rows(self, table: pd.DataFrame, events: Events) -> tuple[str, ...]:
        """Say what each row is about."""

    @abstractmethod
    def tell_row(self, row: Mapping[Hashable, object]) -> tuple[str, ...]:
        """Say what is predicted of a row."""

    @abstractmethod
    def tell_miss(self, row: Mapping[Hashable, object]) -> str:
        """Say what came to pass instead."""

    @property
    @abstractmethod
    def effect(self) -> Effect:
        """How it is said what a feature did to a prediction."""

    def predict(self, events: Events, final: FinalModel, as_of: datetime) -> CasePredictions:
        """Predict from a moment on, each prediction with what moved it."""
        from cityai.modeling.ahead import predict_ahead

        ahead = predict_ahead(final, self.ask(events, final, as_of))
        tells = [self.tell_row(row) for row in ahead.table.to_dict("records")]
        return self._show(events, ahead.table, tells, ahead.drivers, final.as_of, ahead.notes)

    def find_misses(
        self, events: Events, problem: Problem, backtest: Backtest, count: int
    ) -> CasePredictions:
        """Return the worst misses of the test folds, with what moved them."""
        from cityai.modeling.drivers import explain_past

        table, learnt = self.choose_misses(backtest, count)
        drivers = explain_past(table, backtest, problem.list_tested())
        told = [(self.tell_miss(row), *self.tell_row(row)) for row in table.to_dict("records")]
        return self._show(events, table, told, drivers, learnt)

    def _show(
        self,
        events: Events,
        table: pd.DataFrame,
        tells: list[tuple[str, ...]],
        drivers: Drivers,
        learnt: pd.Timestamp,
        notes: tuple[str, ...] = (),
    ) -> CasePredictions:
        from cityai.assessment.reasons import tell_reasons

        heads, moment = self.head_rows(table, events), pd.Timestamp(learnt).to_pydatetime()
        reasons = tell_reasons(drivers, self.effect, sensitive=self.spec.features.sensitive)
        return CasePredictions(table, heads, tuple(tells), reasons, moment, notes)

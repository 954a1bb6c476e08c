"""A kind of question: the choices that the stages of a run leave open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, cast

from typing_extensions import TypeVar

from cityai.config.project import BaseProjectSpec
from cityai.data.panel import Panel
from cityai.data.rows import Moments, Rows, RowsAt
from cityai.modeling.folds import Folds

if TYPE_CHECKING:
    import pandas as pd

    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.reasons import Reasons
    from cityai.card.draft.subject import Subject
    from cityai.config.load import Project
    from cityai.data.quality import QualityReport
    from cityai.data.time_checks import RowSource
    from cityai.findings import Finding
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.final import FinalModel
    from cityai.records.events import Events
    from cityai.records.groups import Groups
    from cityai.records.predictions import Predictions

Say = Callable[[str], None]
SpecT_co = TypeVar("SpecT_co", bound=BaseProjectSpec, default=BaseProjectSpec, covariant=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is asked of the past, when, and what may be used to answer.

    Attributes
    ----------
    folds : Folds
        The windows of the backtest.
    rows_at : RowsAt
        From moments to their rows; all rows without moments.
    tested : sequence of pandas.Timestamp or None
        Moments whose rows hold all that is tested; None for all rows.
    panel : Panel or None
        What was known when, where rows are laid out densely.
    """

    folds: Folds
    rows_at: RowsAt
    tested: Moments | None = None
    panel: Panel | None = None

    def list_tested(self) -> Rows:
        """Return the rows of the test folds, perhaps among others."""
        return self.rows_at() if self.tested is None else self.rows_at(self.tested)


@dataclass(frozen=True, slots=True)
class Cover:
    """What the source covers, for the card.

    Attributes
    ----------
    first, last : datetime
        First day that the data cover, and the first day that they no longer cover.
    entities : pandas.DataFrame or None
        ``entity_id``, ``name`` and, where known, ``area_id``; None where entities stay unnamed.
    """

    first: datetime
    last: datetime
    entities: pd.DataFrame | None


@dataclass(frozen=True, slots=True)
class CasePredictions:
    """What a model says about some rows, and why, for people who work with them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a prediction, in the order in which it is to be read: who, when, ``y_pred`` and
        what surrounds it.
    heads : tuple of str
        What each row is about, for the head of a page.
    tells : tuple of tuple of str
        What is said of each row, in sentences.
    reasons : Reasons
        Why, for each row of `table`.
    trained_until : datetime
        The model learnt from what was known before this moment.
    notes : tuple of str
        What is to be known of all rows.
    """

    table: pd.DataFrame
    heads: tuple[str, ...]
    tells: tuple[tuple[str, ...], ...]
    reasons: Reasons
    trained_until: datetime
    notes: tuple[str, ...] = ()


class Kind(ABC, Generic[SpecT_co]):
    """The choices of one kind of question, for one project. No stage asks which kind it is.

    How rows are laid out, what the target is, what is decided, and in whose words. Everything else
    is one way for all: what follows the backtest asks its tables.

    Parameters
    ----------
    project : Project
        The project; `cityai.kinds.open_kind` chooses the class by its kind.
    """

    def __init__(self, project: Project[BaseProjectSpec]) -> None:
        self.project = cast("Project[SpecT_co]", project)

    @property
    def spec(self) -> SpecT_co:
        """The resolved specification."""
        return self.project.spec

    @property
    def plans_mitigation(self) -> bool:
        """Whether the project names a gap to close."""
        return False

    @abstractmethod
    def check(self) -> None:
        """Refuse names that the kind does not know, before any work is done."""

    @abstractmethod
    def read(self, say: Say | None = None) -> Events:
        """Read what the city knew, and when."""

    @abstractmethod
    def report(self, events: Events) -> QualityReport:
        """Report how good the data are."""

    @abstractmethod
    def build_problem(self, events: Events) -> Problem:
        """Lay out what is asked, and when."""

    @abstractmethod
    def find_rows(self, events: Events, problem: Problem) -> RowSource:
        """Return where rows come from, for the checks of time."""

    @abstractmethod
    def check_folds(self, events: Events, problem: Problem) -> tuple[Finding, ...]:
        """Find what the windows of the backtest cannot show."""

    @abstractmethod
    def backtest(self, events: Events, problem: Problem, say: Say) -> Backtest:
        """Replay the past."""

    @abstractmethod
    def assign_groups(self, events: Events) -> Groups:
        """Assign entities, or cases one by one, to the groups of the audit."""

    @abstractmethod
    def describe_coverage(self, events: Events) -> Cover:
        """Tell what the data cover, and what entities are called."""

    @abstractmethod
    def describe_subject(self, predictions: Predictions) -> Subject:
        """Describe what is asked, for the card."""

    @abstractmethod
    def predict(self, events: Events, final: FinalModel, as_of: datetime) -> CasePredictions:
        """Predict from a moment on, each prediction with what moved it."""

    @abstractmethod
    def find_misses(
        self, events: Events, problem: Problem, backtest: Backtest, count: int
    ) -> CasePredictions:
        """Return the worst misses of the test folds, with what moved them."""

    def mitigate(self, backtest: Backtest, problem: Problem, groups: Groups) -> Mitigation:
        """Try every way to close the gap that the project names.

        Raises
        ------
        NotImplementedError
            Where the kind knows no such way; then `plans_mitigation` is never true.
        """
        raise NotImplementedError

    def apply(self, backtest: Backtest, mitigation: Mitigation) -> Backtest:
        """Return the backtest with the chosen correction in its predictions and its model."""
        raise NotImplementedError

"""External predictions: somebody else made them, they come in a file, and nothing is fitted."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd

from cityai.assessment.evaluate import Evaluation, evaluate_audited
from cityai.assessment.given_findings import check_given
from cityai.assessment.metrics import find_metrics
from cityai.assessment.scored import fit_limits
from cityai.columns import AREA, AS_OF, ASKED, ENTITY
from cityai.config.audit_file import AuditFileSpec
from cityai.config.load_audit import AuditRequest
from cityai.config.yaml import read_yaml
from cityai.data.areas import read_areas
from cityai.data.external_predictions import read_given
from cityai.data.given_facts import GROUP
from cityai.data.groups import assign_groups
from cityai.data.quality import QualityReport, list_nothing
from cityai.data.rows import Choose, Moments, Rows
from cityai.data.source.engine import tell_absent
from cityai.errors import DataError, SpecError
from cityai.kinds.kind import Cover, Kind, Problem
from cityai.modeling.backtest import Backtest
from cityai.modeling.folds import Folds
from cityai.records.events import Events
from cityai.records.groups import Groups
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.card.draft.subject import Subject


class External(Kind[AuditFileSpec]):
    """Amounts, or a yes or no, that somebody else predicted."""

    specification = AuditFileSpec

    @cached_property
    def spec(self) -> AuditFileSpec:
        """The specification with the limits that apply to these predictions alone."""
        spec = self.project.spec
        return fit_limits(spec, find_metrics(spec.predictions.kind))

    def check(self) -> None:
        """Refuse nothing more than the audit does: it looks at every row anyway."""

    def read(self) -> Events:
        """Read the predictions, and the area table that they name."""
        spec, file = self.project.spec, cast(AuditRequest, self.project).predictions
        if file is None:
            raise SpecError("no file of predictions is named", where=str(self.project.folder))
        areas = None if spec.areas is None else read_areas(self.project, spec.areas).table
        try:
            return read_given(file, spec, areas)
        except DataError as error:
            named = (key for key, name in spec.columns.items() if error.what == tell_absent(name))
            if not (key := next(named, "")):
                raise
            raise SpecError(
                f"{error.what} in {file.name} (`{key}`)",
                where=read_yaml(self.project.file).locate(tuple(key.split("."))),
                expected=error.expected,
                next_step=_advise(str(error.expected)),
            ) from None

    def report(self, events: Events) -> QualityReport:
        """Report the rows in and out; of handed predictions nothing else is measured."""
        told = check_given(events, self._take(events), self.project.spec, self.spec)
        return list_nothing(events, told)

    def build_problem(self, events: Events) -> Problem:
        """Lay nothing out: it was asked elsewhere."""
        return Problem(Folds(()), _lay_nothing)

    def backtest(self, events: Events, problem: Problem) -> Backtest:
        """Take the predictions as they came."""
        nothing = pd.DataFrame()
        return Backtest(self._take(events), problem.folds, nothing, nothing, (), None, ())

    def _take(self, events: Events) -> Predictions:
        spec, kept = self.project.spec, [c for c in events.table if not str(c).startswith(GROUP)]
        kind = spec.predictions.kind
        return Predictions(events.table[kept], spec.coverage, spec.unit, "given", kind)

    def assign_groups(self, events: Events) -> Groups:
        """Assign rows to the groups of the audit, each by what it says itself."""
        table = events.table
        own = table[[c for c in table if str(c).startswith(GROUP)]]
        own = own.rename(columns=lambda name: str(name).removeprefix(GROUP))
        dimensions = self.spec.audit.dimensions
        return assign_groups(table[[ENTITY, AREA]], own, events.areas, dimensions)

    def evaluate(self, predictions: Predictions, audit: Audit) -> Evaluation:
        """Measure how good they are where that is known, by the audit's own figures."""
        return evaluate_audited(predictions, audit, self.spec)

    def describe_coverage(self, events: Events) -> Cover:
        """Tell from when to when the rows are, where they say it."""
        spec, file = self.project.spec, cast(AuditRequest, self.project).predictions
        source = Path(file).name if file else ""
        dated = spec.maturity is not None or spec.predictions.columns.as_of is not None
        days = events.table[AS_OF if spec.maturity is None else ASKED].dropna()
        if not dated or days.empty:
            return Cover(None, None, None, source)
        last = days.max() + pd.Timedelta(days=1)
        return Cover(days.min().to_pydatetime(), last.to_pydatetime(), None, source)

    def describe_subject(self, predictions: Predictions) -> Subject:
        """Describe what was handed over."""
        from cityai.card.draft.subject import describe_external

        return describe_external(self.spec, predictions)


def _advise(expected: str) -> str:
    """Say what to do where a column is not there; one long name is a header that is not parted."""
    below = "where a title stands above the names, set `predictions.file.skip` to its lines"
    mark = next((mark for mark in ";\t|" if mark in expected), "")
    if mark and ", " not in expected:
        return f"set `predictions.file.delimiter` to {mark!r}; {below}"
    return f"correct the name in the audit file, or in the predictions; {below}"


def _lay_nothing(
    moments: Moments | None = None,
    known_before: pd.Timestamp | None = None,
    choose: Choose | None = None,
) -> Rows:
    raise NotImplementedError

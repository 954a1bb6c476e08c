"""What a run leaves, as frozen records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.errors import TimeError
from cityai.findings import Finding, Status, count_statuses
from cityai.notebook import write_page

if TYPE_CHECKING:
    import pandas as pd

    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.foresight import Foresight
    from cityai.assessment.metric_frame import MetricFrame
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.card.record import CardRecord
    from cityai.config.project import AuditableSpec, BaseProjectSpec
    from cityai.data.quality import QualityReport
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.folds import Folds
    from cityai.pipeline.pictures import Shown
    from cityai.records.groups import Groups


@dataclass(frozen=True)
class TimeChecks:
    """What the features' own checks found."""

    findings: tuple[Finding, ...]


def refuse_future(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Raise where a check of time failed: nothing is fitted on what was not known yet."""
    for finding in findings:
        if finding.status is Status.FAIL and finding.code in ("time.truncation", "time.folds"):
            raise TimeError(
                finding.reason,
                where=finding.code,
                expected="only what was known before the question was asked",
                next_step="leave the feature out (`features.exclude`), or correct `features.py`",
            )
    return findings


@dataclass(frozen=True, repr=False)
class Result:
    """What a run leaves. Every record is frozen; its class documents its tables.

    Attributes
    ----------
    project : Project
        What was asked.
    quality, backtest, groups, evaluation, audit, explanation, card
        The stages' records; no explanation where nothing was fitted.
    findings : tuple of Finding
        All findings, the gravest first.
    seconds : dict of str to float
        Wall-clock seconds of the stages that were made, and of "the rest" (waiting, reading what
        was saved): together the whole run.
    card_path : Path
        The published page.
    mlflow_run_id : str
        The run in MLflow.
    mitigation : Mitigation or None
        What was tried to close a gap, where the project names one.
    proxies : Proxies or None
        How well the inputs recover the groups.
    """

    project: Project[AuditableSpec]
    quality: QualityReport
    backtest: Backtest
    groups: Groups
    evaluation: Evaluation
    audit: Audit
    explanation: Explanation | None
    card: CardRecord
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    card_path: Path
    mlflow_run_id: str
    mitigation: Mitigation | None = None
    proxies: Proxies | None = None

    def __repr__(self) -> str:
        """Return one line; the tables inside are attributes."""
        return f"Result({self.project.spec.name}: {self._count_findings()}; {self.card_path})"

    @property
    def figures(self) -> pd.DataFrame:
        """Every figure, tidy: one row a model, metric and group.

        Returns
        -------
        pandas.DataFrame
            The columns of `cityai.pipeline.frames.FIGURES`: ``source``, ``model``, ``metric``,
            ``unit``, ``dimension``, ``group``, ``value``, ``low``, ``high``, ``n``,
            ``reference``, ``gap``, ``gap_low``, ``gap_high``, ``limit``, ``status``, ``grade``,
            ``served``, ``reason``. What the audit withholds is NaN. Not for publication.
        """
        from cityai.pipeline.frames import tabulate_figures

        return tabulate_figures(self.evaluation, self.audit, self.project.spec)

    @property
    def predictions(self) -> pd.DataFrame:
        """Every prediction of the test folds beside what came to pass, tidy: one row each.

        Returns
        -------
        pandas.DataFrame
            Those of the columns of `cityai.pipeline.frames.PREDICTIONS` that the kind of question
            has: ``fold``, ``entity_id``, ``as_of``, ``y_true``, ``y_pred``, every
            ``baseline.<name>`` and ``candidate.<name>``, and others. Not for publication.
        """
        from cityai.pipeline.frames import list_predictions

        return list_predictions(self.backtest.predictions)

    def metric_frame(
        self, by: str, metrics: Mapping[str, Callable[..., float]] | None = None
    ) -> MetricFrame:
        """Return fairlearn's MetricFrame of one dimension (see `build_metric_frame`)."""
        from cityai.assessment.metric_frame import build_metric_frame

        return build_metric_frame(self.backtest.predictions, self.groups, by, metrics)

    @property
    def verdict(self) -> Shown:
        """The verdict in its box, as the card says it first."""
        from cityai.pipeline.pictures import box_verdict

        return box_verdict(self.card)

    @property
    def worst(self) -> str:
        """The sentence on the group that is served worst; empty where no gap is shown."""
        from cityai.pipeline.pictures import tell_worst

        return tell_worst(self.card)

    def show(self, *names: str) -> Shown:
        """Show the first of some of the card's pictures that there is (see `draw_figures`)."""
        from cityai.pipeline.cards import open_outlines
        from cityai.pipeline.pictures import show_pictures

        return show_pictures(self.card, open_outlines(self.project), *names)

    def _count_findings(self) -> str:
        counts = count_statuses(f.status for f in self.findings)
        return ", ".join(f"{n} {name}" for name, n in counts.items() if n)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what the card says first, and where it is."""
        failed = [f for f in self.findings if f.status in (Status.FAIL, Status.ERROR)]
        return write_page(
            self.card.record.title,
            {
                "How good": self.card.eval.in_words,
                "For whom": self.card.fairness.in_words,
                "Failed": [f"{f.title}: {f.reason}" for f in failed],
                "Findings": [self._count_findings()],
                "Card": [self.card_path.as_uri()],
                "MLflow": [f"run {self.mlflow_run_id}"],
            },
        )


@dataclass(frozen=True)
class Planned:
    """The windows of a backtest, and what they can decide."""

    folds: Folds
    foresight: Foresight


@dataclass(frozen=True)
class Checked:
    """What can be said of a project before anything is fitted."""

    project: Project[BaseProjectSpec]
    quality: QualityReport
    folds: Folds
    foresight: Foresight
    findings: tuple[Finding, ...]

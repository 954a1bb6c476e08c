"""What a run leaves, as frozen records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load import Project
from cityai.errors import TimeError
from cityai.findings import Finding, Status, count_statuses
from cityai.notebook import write_page

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.card.record import CardRecord
    from cityai.config.project import BaseProjectSpec
    from cityai.data.quality import QualityReport
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.folds import Folds
    from cityai.records.predictions import Predictions


@dataclass(frozen=True)
class TimeChecks:
    """What the features' own checks found."""

    findings: tuple[Finding, ...]


def refuse_future(findings: Sequence[Finding]) -> None:
    """Raise where a check of time failed: nothing is fitted on what was not known yet."""
    for finding in findings:
        if finding.status is Status.FAIL and finding.code in ("time.truncation", "time.folds"):
            raise TimeError(
                finding.reason,
                where=finding.code,
                expected="only what was known before the question was asked",
                next_step="leave the feature out (`features.exclude`), or correct `features.py`",
            )


@dataclass(frozen=True, repr=False)
class Result:
    """What a run leaves. Every record is frozen; its class documents its tables.

    Attributes
    ----------
    project : Project
        What was asked.
    quality, backtest, predictions, evaluation, audit, explanation, card
        The stages' records.
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

    project: Project[BaseProjectSpec]
    quality: QualityReport
    backtest: Backtest
    predictions: Predictions
    evaluation: Evaluation
    audit: Audit
    explanation: Explanation
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
class Checked:
    """What can be said of a project before anything is fitted."""

    project: Project[BaseProjectSpec]
    quality: QualityReport
    folds: Folds
    findings: tuple[Finding, ...]

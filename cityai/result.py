"""What a run leaves, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.data.groups import Membership
from cityai.findings import Finding
from cityai.spec.load import Project

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.card.record import CardRecord
    from cityai.data.panel import Panel
    from cityai.data.quality import QualityReport
    from cityai.data.snapshot import Snapshot
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.predictions import Predictions
    from cityai.modeling.split import Folds


@dataclass(frozen=True)
class TimeChecks:
    """What the features' own checks found."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Groups:
    """How much of each entity belongs to which group."""

    memberships: tuple[Membership, ...]


@dataclass(frozen=True)
class Known:
    """What the city knew: the first half of a run, before anything is fitted."""

    snapshot: Snapshot
    snapshot_digest: str
    quality: QualityReport
    panel: Panel
    folds: Folds
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
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
        Wall-clock seconds of the stages that were made; saved ones are absent.
    card_path : Path
        The published page.
    mlflow_run_id : str
        The run in MLflow.
    mitigation : Mitigation or None
        What was tried to close a gap, where the project names one.
    proxies : Proxies or None
        How well the inputs recover the groups.
    """

    project: Project
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


@dataclass(frozen=True)
class Checked:
    """What can be said of a project before anything is fitted."""

    project: Project
    quality: QualityReport
    folds: Folds
    findings: tuple[Finding, ...]

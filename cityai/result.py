"""What a run leaves, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cityai.findings import Finding
from cityai.spec.load import Project

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.proxies import Proxies
    from cityai.card.record import CardRecord
    from cityai.data.quality import QualityReport


@dataclass(frozen=True)
class TimeChecks:
    """What the features' own checks found."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Known:
    """What the city knew: the first half of a run, before anything is fitted.

    Attributes
    ----------
    snapshot, asked : Any
        The kind's own records: what was read, and how it is asked about.
    snapshot_digest : str
        Of the first of them.
    quality : QualityReport
        How good the data are.
    findings : tuple of Finding
        What the checks of time found.
    """

    snapshot: Any
    snapshot_digest: str
    quality: QualityReport
    asked: Any
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Result:
    """What a run leaves. Every record is frozen; its class documents its tables.

    Attributes
    ----------
    project : Project
        What was asked.
    quality, backtest, predictions, evaluation, audit, explanation, card
        The stages' records; those typed ``Any`` are of the kind's own classes.
    findings : tuple of Finding
        All findings, the gravest first.
    seconds : dict of str to float
        Wall-clock seconds of the stages that were made; saved ones are absent.
    card_path : Path
        The published page.
    mlflow_run_id : str
        The run in MLflow.
    mitigation : Any
        What was tried to close a gap, where the project names one.
    proxies : Proxies or None
        How well the inputs recover the groups.
    """

    project: Project
    quality: QualityReport
    backtest: Any
    predictions: Any
    evaluation: Any
    audit: Audit
    explanation: Any
    card: CardRecord
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    card_path: Path
    mlflow_run_id: str
    mitigation: Any = None
    proxies: Proxies | None = None


@dataclass(frozen=True)
class Checked:
    """What can be said of a project before anything is fitted."""

    project: Project
    quality: QualityReport
    folds: Any
    findings: tuple[Finding, ...]

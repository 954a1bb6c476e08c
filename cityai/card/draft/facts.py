"""What a card is drafted from: one frozen record for every source of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from cityai.findings import Finding

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.card.draft.subject import Subject
    from cityai.config.project import AuditableSpec
    from cityai.data.quality import QualityReport
    from cityai.records.predictions import Predictions


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts of one run that no stage record holds.

    Attributes
    ----------
    run_digest, data_digest, spec_digest, predictions_digest : str
        SHA-256 of what was run, of the data, of the specification, of the predictions.
    git_commit : str
        Commit of the workspace, empty outside a repository.
    git_dirty : bool
        Whether the workspace had changes that were not committed.
    created : datetime
        When the card was made, in UTC.
    versions : dict of str to str
        Versions of the libraries.
    first, last : datetime or None
        First day that the data cover, and the first day that they no longer cover; None where no
        row has a day.
    entities : DataFrame or None
        ``entity_id`` with ``name`` (for readers) and ``area_id`` where known. Without it entities
        are shown by their ids.
    findings : tuple of Finding
        Findings that no stage record holds (time checks, leaks).
    feature_labels : dict of str to str
        Words for the features, by name.
    results_digest : str
        SHA-256 of all saved results that the card is drafted from; empty for given predictions.
    """

    run_digest: str
    data_digest: str
    spec_digest: str
    predictions_digest: str
    git_commit: str
    git_dirty: bool
    created: datetime
    versions: dict[str, str]
    first: datetime | None
    last: datetime | None
    entities: pd.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    feature_labels: dict[str, str] = field(default_factory=dict)
    results_digest: str = ""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was fitted, and how the past was replayed with it.

    Attributes
    ----------
    windows : pandas.DataFrame
        The folds, as `Folds.to_table` gives them.
    blend : mapping of str to float
        Weights of the candidates in the final model.
    inputs : tuple of str
        Its features.
    """

    windows: pd.DataFrame
    blend: Mapping[str, float]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card is drafted from. What a source lacks is None, and its section is left out.

    Attributes
    ----------
    run : RunFacts
        What the run knows about itself.
    spec : AuditableSpec
        The resolved specification; its `words` are the human part.
    subject : Subject
        What is asked, in the words of its kind.
    predictions, evaluation, audit
        What was predicted and how it was judged.
    findings : tuple of Finding
        All of them, in the order of the card.
    quality : QualityReport or None
        How good the data are.
    fitted : Fitted or None
        None for predictions that somebody else made.
    explanation, mitigation, proxies : optional
        As the stages of the same names leave them.
    """

    run: RunFacts
    spec: AuditableSpec
    subject: Subject
    predictions: Predictions
    evaluation: Evaluation
    audit: Audit
    findings: tuple[Finding, ...]
    quality: QualityReport | None = None
    fitted: Fitted | None = None
    explanation: Explanation | None = None
    mitigation: Mitigation | None = None
    proxies: Proxies | None = None

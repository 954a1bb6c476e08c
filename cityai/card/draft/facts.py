"""What a card is drafted from: one frozen record for every source of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from cityai.assessment.baseline_words import label_baseline
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
    from cityai.impact.analysis import Impact
    from cityai.modeling.ahead import Outlook
    from cityai.records.groups import Groups
    from cityai.records.predictions import Predictions


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts of one run that no stage record holds."""

    run_digest: str
    data_digest: str
    spec_digest: str
    predictions_digest: str
    """SHA-256 of what was run, of the data, of the specification, of the predictions."""
    git_commit: str
    """Commit of the workspace, empty outside a repository."""
    git_dirty: bool
    """Whether the workspace had changes that were not committed."""
    created: datetime
    """When the card was made, in UTC."""
    versions: dict[str, str]
    """Versions of the libraries."""
    first: datetime | None
    last: datetime | None
    """First day that the data cover, and the first day that they no longer cover; None where no row
    has a day."""
    entities: pd.DataFrame | None = None
    """``entity_id`` with ``name`` (for readers), ``area_id`` and ``residents`` of the area where
    known. Without it entities are shown by their ids."""
    findings: tuple[Finding, ...] = ()
    """Findings that no stage record holds (time checks, leaks)."""
    feature_labels: dict[str, str] = field(default_factory=dict)
    """Words for the features, by name."""
    results_digest: str = ""
    """SHA-256 of all saved results that the card is drafted from."""
    model_digest: str = ""
    """SHA-256 over the digests of the model's files; empty without a model."""
    source: str = ""
    """Name of the data, where the specification does not name them."""
    source_digest: str = ""
    """SHA-256 of the main table's bytes; empty where the data are that file alone."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was fitted, and how the past was replayed with it."""

    windows: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The folds, as `Folds.to_table` gives them."""
    blend: Mapping[str, float] = field(default_factory=dict)
    """Weights of the candidates in the final model."""
    inputs: tuple[str, ...] = ()
    """Its features."""
    more: int | None = None
    """Test folds that the history would hold beside these; None where nothing was replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecords:
    """What stages made that a card tells of; each record's class documents its tables."""

    evaluation: Evaluation
    audit: Audit
    """How what was predicted was judged."""
    explanation: Explanation | None = None
    """What moves the predictions; None where nothing was fitted."""
    mitigation: Mitigation | None = None
    """What was tried to close a gap; None where the project names none."""
    proxies: Proxies | None = None
    """How well the inputs recover the groups."""
    groups: Groups | None = None
    """Who belongs where."""
    outlook: Outlook | None = None
    """What comes after the data; None in results of before there was one."""
    impacts: tuple[Impact, ...] = ()
    """What acting on it changed, the newest evaluation first; nothing where none was announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts(StageRecords):
    """All that a card is drafted from. What a source lacks is None, and its section is left out."""

    run: RunFacts
    """What the run knows about itself."""
    spec: AuditableSpec
    """The resolved specification; its `words` are the human part."""
    subject: Subject
    """What is asked, in the words of its kind."""
    predictions: Predictions
    """What was predicted."""
    findings: tuple[Finding, ...]
    """All of them, in the order of the card."""
    quality: QualityReport | None = None
    """How good the data are."""
    fitted: Fitted = field(default_factory=Fitted)
    """Nothing is in it for predictions that somebody else made."""

    def name_baseline(self, name: str) -> str:
        """Return what a baseline is called, a column by the city's own word for it."""
        return label_baseline(name, self.spec)

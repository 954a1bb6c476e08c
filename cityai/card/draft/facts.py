"""What the run knows about itself, for the card."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from cityai.findings import Finding


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
    first, last : datetime
        First day that the data cover, and the first day that they no longer cover.
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
    first: datetime
    last: datetime
    entities: pd.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    feature_labels: dict[str, str] = field(default_factory=dict)
    results_digest: str = ""

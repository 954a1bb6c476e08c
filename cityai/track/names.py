"""Names that MLflow takes: of figures, one for each thing, and of tags, those for people first."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

MARK = "--"
"""Stands only in names that were changed, before their digest."""

LONGEST = 80
"""Of the 250 characters that MLflow takes, the metric needs some."""

WHOLE: Final = "headline"
BESIDE: Final = "beside"
FOLDS: Final = "folds"
CHECKS: Final = "checks"
GROUPS: Final = "groups"
SECTIONS: Final = (WHOLE, BESIDE, FOLDS, GROUPS, CHECKS)
"""First parts of metrics that are about no dimension, in the order of the saved view."""

_PLAIN = re.compile(r"\w(?:[\w \-]*\w)?", re.ASCII)
_TAKEN_OUT = re.compile(r"[^\w ]+", re.ASCII)
NOTE: Final = "mlflow.note.content"
"""The description on MLflow's pages."""
USER: Final = "mlflow.user"
NAME: Final = "mlflow.runName"
COLOUR: Final = "mlflow.runColor"
PARENT: Final = "mlflow.parentRunId"
SOURCE: Final = "mlflow.source.name"
COMMIT: Final = "mlflow.source.git.commit"
LOGGED: Final = "mlflow.loggedArtifacts"
"""Which files are tables, as MLflow's `log_table` writes it."""

PROJECT: Final = "cityai.project"
CITY: Final = "cityai.city"
KIND: Final = "cityai.kind"
PHASE: Final = "cityai.phase"
VERDICT: Final = "cityai.verdict"
"""The word on the card's first screen."""
WORST_SERVED: Final = "cityai.worst_served"
"""Which group is served worst, and by which figure."""
FAILED: Final = "cityai.failed_checks"
UNDEFINED: Final = "cityai.undefined"
"""Metrics that have no value, or none that may be shown."""
NONE: Final = "none"
"""Value of a tag that lists nothing: MLflow's page shows an empty one as a bare word."""
FAILURE: Final = "cityai.failure"
ROLE: Final = "cityai.role"
"""``run``, ``candidate``, ``baseline`` or ``mitigation``."""
MODEL: Final = "cityai.model"
RUN_NAME: Final = "cityai.run"
"""Of a model: what its run is called."""

HEAD: Final = "cityai.review_head"
"""Of a version of a registered model: the last signed act of its review when it was moved."""

RUN_DIGEST: Final = "internal.run_digest"
DATA_DIGEST: Final = "internal.data_digest"
SPEC_DIGEST: Final = "internal.spec_digest"
ASKED_DIGEST: Final = "internal.asked_digest"
"""Of the parts of the specification that a model depends on, and of the project's features."""
MODEL_ID: Final = "internal.model_id"
MODEL_DIGEST: Final = "internal.model_digest"
SEAL: Final = "internal.card"
"""Digest of the card that the run is about to publish: its last tag."""

PROCESS: Final = "internal.process"
"""Which process writes a run, and when it last said so; gone when the run is closed."""


def name_groups(labels: Iterable[str]) -> dict[str, str]:
    """Return a name for each label, such that no two are alike even to a store that ignores case.

    A label of ASCII letters, digits, blanks, underscores and single hyphens is its own name. Any
    other, and any that differs from another in case only, has what MLflow refuses replaced and
    ten digits of its SHA-256 added: ``Black / other`` is ``Black _ other--3f1c...``.
    """
    kept = list(dict.fromkeys(labels))
    folded = Counter(_fold(label) for label in kept)
    return {
        label: label if _is_plain(label) and folded[_fold(label)] == 1 else _rename(label)
        for label in kept
    }


def name_dimension(dimension: str) -> str:
    """Return a dimension's part of a metric's name: the section that MLflow's page shows."""
    return _rename(dimension) if dimension in SECTIONS else name_groups([dimension])[dimension]


def name_metric(metric: str, coverage: float) -> str:
    """Return a metric's own part: the coverage of an interval says which it should be."""
    return f"coverage_{coverage * 100:g}".replace(".", "_") if metric == "coverage" else metric


def _is_plain(label: str) -> bool:
    return len(label) <= LONGEST and MARK not in label and bool(_PLAIN.fullmatch(label))


def _rename(label: str) -> str:
    digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    letters = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    readable = _TAKEN_OUT.sub("_", letters).strip()[:LONGEST].strip()
    return f"{readable or 'group'}{MARK}{digest}"


def _fold(label: str) -> str:
    return label.casefold()

"""`cityai audit`: the same run, its predictions from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.config.load_audit import AuditRequest
from cityai.progress import SILENT, Progress

if TYPE_CHECKING:
    from cityai.pipeline.result import Result


def audit_given(request: AuditRequest, path: Path, progress: Progress = SILENT) -> Result:
    """Audit external predictions: judge them, publish the card, log the run.

    Raises
    ------
    UserError
        For a mistake in the audit file or in the predictions.
    RunError
        When the audit could not be completed. Earlier results are untouched.
    """
    from cityai.pipeline.run import run_project

    return run_project(replace(request, predictions=path), progress)


def write_tables(result: Result, folder: Path, *, replace: bool = False) -> tuple[Path, ...]:
    """Write the tidy tables as CSV: every figure by group, shares, and for a yes or no the counts.

    They hold counts that a card does not: they are for reviewers, not for publication, and only
    the owner can read them.

    Raises
    ------
    StoreError
        If the folder refuses, or holds such a file and `replace` is not given.
    """
    from cityai.card.spreadsheet import write_frame
    from cityai.store.files import write_files

    audit = result.audit
    tables = {"audit.csv": audit.table, "shares.csv": audit.shares, "counts.csv": audit.counts}
    kept = {n: write_frame(t) for n, t in tables.items() if t is not None and not t.empty}
    return write_files(kept, folder, replace=replace)

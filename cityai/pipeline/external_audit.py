"""Predictions from outside, in order: read, divided, judged, carded. No model, no refit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import AREA, AS_OF, ASKED, ENTITY, EVERYWHERE, FOLD
from cityai.config.load_audit import AuditRequest
from cityai.findings import SEVERITY, Finding, sort_findings
from cityai.pipeline.provenance import LIBRARIES, find_version, read_clock, read_git
from cityai.progress import SILENT, Progress

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.shares import Shares
    from cityai.card.draft import CardFacts, RunFacts
    from cityai.card.record import CardRecord
    from cityai.data.external_predictions import Given
    from cityai.data.quality import QualityReport
    from cityai.records.audit_data import Scored
    from cityai.records.groups import Groups


@dataclass(frozen=True)
class Judged:
    """What was found out about given predictions, before anything is published.

    Attributes
    ----------
    order : AuditRequest
        What was asked.
    given, groups, scored, audit, shares
        The rows, who belongs where, their sums, and what follows; each class documents its tables.
    findings : tuple of Finding
        All findings, the gravest first.
    """

    order: AuditRequest
    given: Given
    groups: Groups
    scored: Scored
    audit: Audit
    shares: Shares
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Audited:
    """What an audit of given predictions leaves.

    Attributes
    ----------
    judged : Judged
        What was found out.
    card : CardRecord
        The record of the card.
    card_path : Path
        The published page.
    mlflow_run_id : str
        The run in MLflow.
    seconds : dict of str to float
        Wall-clock seconds of each step.
    """

    judged: Judged
    card: CardRecord
    card_path: Path
    mlflow_run_id: str
    seconds: dict[str, float]


def judge_given(order: AuditRequest, path: Path, progress: Progress = SILENT) -> Judged:
    """Read given predictions and judge them; publish nothing.

    Parameters
    ----------
    order : AuditRequest
        From `load_audit`.
    path : Path
        The predictions: CSV, Parquet, or a database.
    progress : Progress, optional
        Told what is being done; silent by default.

    Raises
    ------
    UserError
        For a mistake in the audit file or in the predictions.
    """
    from cityai.assessment.audit import audit_scored
    from cityai.assessment.given_findings import check_given
    from cityai.assessment.group_tables import find_hidden
    from cityai.assessment.maturity import check_maturity
    from cityai.assessment.scored import (
        REPRESENTATION,
        fit_limits,
        refuse_many_cells,
        score_predictions,
    )
    from cityai.assessment.shares import count_shares
    from cityai.data.area_quality import write_unknown
    from cityai.data.areas import read_areas
    from cityai.data.external_predictions import read_given
    from cityai.data.groups import assign_groups
    from cityai.data.phrases import list_names

    spec = order.spec
    with progress.stage("reading"):
        given = read_given(path, spec)
        areas = None if spec.areas is None else read_areas(order, spec.areas).table
    with progress.stage("groups and sums"):
        progress.advance(1, 4)
        rows = given.predictions.table[[ENTITY, AREA]]
        groups = assign_groups(rows, given.groups, areas, spec.audit.dimensions)
        if areas is not None and (unknown := sorted({*rows[AREA].dropna()} - {*areas.index})):
            progress.warn(write_unknown(list_names(unknown)))
        scored = score_predictions(given.predictions, spec, groups)
        refuse_many_cells(scored)
        fitted = fit_limits(spec, scored.metrics)
    with progress.stage("figures by group"):
        progress.advance(2, 4)
        audit = audit_scored(scored, groups.memberships, fitted)
        progress.advance(3, 4)
        shares = count_shares(
            scored,
            groups.memberships,
            fitted,
            spec.audit.limits.get(REPRESENTATION),
            find_hidden(audit.table),
        )
    whole = (
        check_maturity(given.predictions, spec),
        *check_given(given, spec, fitted),
        *groups.findings,
    )
    findings = _put_first(whole, (*shares.findings, *audit.findings))
    kept = AuditRequest(fitted, order.path, order.workspace, order.digest)
    return Judged(kept, given, groups, scored, audit, shares, findings)


def audit_given(order: AuditRequest, path: Path, progress: Progress = SILENT) -> Audited:
    """Audit given predictions: judge them, publish the card, log the run.

    Parameters
    ----------
    order : AuditRequest
        From `load_audit`.
    path : Path
        The predictions.
    progress : Progress, optional
        Told what is being done; silent by default.

    Raises
    ------
    UserError
        For a mistake in the audit file or in the predictions.
    RunError
        When the audit could not be completed. Earlier results are untouched.
    """
    from cityai.data.source.engine import digest_file
    from cityai.pipeline.cards import CardPlace, Drafted, write_place
    from cityai.pipeline.publish import publish_card
    from cityai.store.cards import CARDS
    from cityai.store.stages import open_store
    from cityai.track.runs import open_run

    seconds: dict[str, float] = {}
    name = order.spec.name
    lock = open_store(order.state).lock_project(name, on_wait=progress.warn)
    with lock, open_run(order, name) as run:
        with _time(progress, "audit", seconds):
            judged = judge_given(order, path, progress)
        with _time(progress, "card and tracking", seconds):
            facts = gather_run_facts(judged)
            place = CardPlace(order.workspace / CARDS / name, order.workspace)
            drafted = Drafted(
                order.spec.model_dump_json(),
                facts,
                {},
                file=write_place(path, order.workspace),
                file_digest=digest_file(path),
                order=write_place(order.path, order.workspace),
            )
            card = publish_card(
                run,
                gather_card_facts(judged, facts, path.name),
                place,
                drafted,
                metrics=tabulate_metrics(judged.audit),
                seconds=seconds,
            )
    return Audited(judged, card, place.folder / "card.html", run.run_id, seconds)


def tabulate_metrics(audit: Audit) -> pd.DataFrame:
    """Return the figures over all rows, whole and by fold, as `Evaluation.metrics` has them."""
    whole = audit.table[audit.table["dimension"] == EVERYWHERE]
    folds = audit.by_fold[audit.by_fold["dimension"] == EVERYWHERE]
    kept = ["metric", "value", "low", "high", "n", "reason"]
    return pd.concat(
        [
            whole[kept].assign(slice_kind=EVERYWHERE, slice=EVERYWHERE),
            folds[["metric", "value", "reason"]].assign(
                slice_kind=FOLD, slice=folds["fold"].astype(str)
            ),
        ],
        ignore_index=True,
    ).assign(model="forecast")


def write_tables(judged: Judged, folder: Path, *, replace: bool = False) -> tuple[Path, ...]:
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

    tables = {
        "audit.csv": judged.audit.table,
        "shares.csv": judged.shares.table,
        "counts.csv": judged.shares.counts,
    }
    written = {n: write_frame(table) for n, table in tables.items() if not table.empty}
    return write_files(written, folder, replace=replace)


@contextmanager
def _time(progress: Progress, name: str, seconds: dict[str, float]) -> Iterator[None]:
    begun = time.perf_counter()
    with progress.stage(name):
        yield
    seconds[name] = time.perf_counter() - begun


def gather_run_facts(judged: Judged) -> RunFacts:
    """Gather what the audit knows about itself, for the card."""
    from cityai.card.draft import RunFacts
    from cityai.store.digests import digest_text

    order, given, spec = judged.order, judged.given, judged.order.spec
    commit, dirty = read_git(order.workspace)
    days = given.predictions.table[AS_OF if spec.maturity is None else ASKED].dropna()
    dated = spec.maturity is not None or spec.predictions.columns.as_of is not None
    first, last = (days.min(), days.max()) if dated and len(days) else (None, None)
    return RunFacts(
        run_digest=digest_text(f"{order.digest} {given.digest}"),
        data_digest=given.digest,
        spec_digest=order.digest,
        predictions_digest=given.digest,
        git_commit=commit,
        git_dirty=dirty,
        created=read_clock(),
        versions={name: find_version(name) for name in LIBRARIES},
        first=None if first is None else first.to_pydatetime(),
        last=None if last is None else (last + pd.Timedelta(days=1)).to_pydatetime(),
    )


def gather_card_facts(judged: Judged, facts: RunFacts, file: str) -> CardFacts:
    """Gather what the card of given predictions is drafted from: no model, no replay.

    Parameters
    ----------
    judged : Judged
        What was found out.
    facts : RunFacts
        What the audit knows about itself.
    file : str
        Name of the file.
    """
    from cityai.assessment.evaluate import Evaluation
    from cityai.card.draft import CardFacts
    from cityai.card.draft.subject import describe_external

    spec, audit, predictions = judged.order.spec, judged.audit, judged.given.predictions
    whole = audit.table[audit.table["dimension"] == EVERYWHERE]
    known = np.isfinite(whole["value"])
    metrics = whole[["metric", "value", "low", "high", "size"]].assign(
        n=whole["n"].where(known),
        reason=whole["reason"].where(~known, ""),
        model="forecast",
        slice_kind=EVERYWHERE,
        slice=EVERYWHERE,
    )
    return CardFacts(
        run=facts,
        spec=spec,
        subject=describe_external(spec, predictions, file),
        predictions=predictions,
        evaluation=Evaluation(metrics, pd.DataFrame(), ()),
        audit=audit,
        findings=judged.findings,
        quality=report_rows(judged.given),
    )


def report_rows(given: Given) -> QualityReport:
    """Report the rows in and out; of handed predictions nothing else is measured."""
    from cityai.data.quality import QualityReport

    measured = ["dimension", "measure", "slice", "value", "n", "limit", "status"]
    periods = ["period_start", "rows", "entities_reporting", "median_delay_days"]
    return QualityReport(
        pd.DataFrame(columns=measured),
        given.counts,
        given.rejects,
        (),
        pd.DataFrame(columns=periods),
    )


def _put_first(whole: tuple[Finding, ...], more: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Order findings gravest first; among equals, what spoils all figures before single ones."""
    ordered = (*sort_findings(whole), *sort_findings(more))
    return tuple(sorted(ordered, key=lambda finding: SEVERITY.index(finding.status)))

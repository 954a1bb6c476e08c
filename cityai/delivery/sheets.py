"""Pages on single cases: for the inspector before, for the reviewer after."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cityai.assessment.reasons import write_value
from cityai.card.render.sheet import Sheet, render_sheet
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.delivery.model import FittingModel
from cityai.kinds.kind import CasePredictions
from cityai.progress import SILENT, Progress

LONGEST = 60
"""Characters of a file's name that come from the case's own."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
FOLDER = "misses"
"""Folder, in the workspace's private one, that pages are written to."""
WARNING = (
    "This page is about the past: the model of that time did not know the outcome. The worst "
    "misses are chosen with hindsight and say nothing about how often it errs; the card does."
)


def make_sheets(
    project: Project[BaseProjectSpec],
    predicted: CasePredictions,
    model: FittingModel | None,
    warnings: Iterable[str],
    places: Iterable[int],
) -> dict[str, bytes]:
    """Render a page for each row that is wanted; those beyond the last row are left out.

    Returns
    -------
    dict of str to bytes
        HTML by file name, ``001-<head>.html``.
    """
    pages = {}
    for i in places:
        if i < len(predicted.table):
            sheet = draft_sheet(project, predicted, model, tuple(warnings), i)
            pages[name_file(i, predicted.heads[i])] = render_sheet(sheet).encode("utf-8")
    return pages


def draft_sheet(
    project: Project[BaseProjectSpec],
    predicted: CasePredictions,
    model: FittingModel | None,
    warnings: tuple[str, ...],
    row: int,
) -> Sheet:
    """Gather what the page of one row says."""
    spec, reasons = project.spec, predicted.reasons
    own = reasons.table[reasons.table["row"] == row].sort_values("place", kind="stable")
    close = own[own["sensitive"].astype(str) != ""]
    override = spec.words.oversight.override
    origin = [("Learnt from what was known before", f"{predicted.trained_until:%Y-%m-%d}")]
    if model is not None:
        origin = [
            ("Run", model.run_id),
            ("Model", model.digest),
            ("Approval", model.approval),
            *origin,
        ]
    return Sheet(
        title=spec.title,
        city=spec.city.name,
        synthetic=spec.city.synthetic,
        head=predicted.heads[row],
        tells=predicted.tells[row],
        reasons=reasons.list_sentences(row),
        sensitive=tuple(close["label"]),
        caveat=reasons.caveat,
        note=reasons.note,
        warnings=(*predicted.notes, *warnings),
        override=override if isinstance(override, str) else "",
        facts=tuple(
            (str(name).replace("_", " "), _write_fact(value))
            for name, value in predicted.table.iloc[row].items()
        ),
        origin=tuple(origin),
    )


def name_file(row: int, head: str) -> str:
    """Return a file's name that no head can lead out of the folder."""
    plain = unicodedata.normalize("NFKD", head).encode("ascii", "ignore").decode()
    readable = _UNSAFE.sub("-", plain).strip("-.")[:LONGEST].strip("-.")
    return f"{row + 1:03d}-{readable or 'case'}.html"


def _write_fact(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    return "not known" if value is pd.NaT else write_value(value)


@dataclass(frozen=True, slots=True)
class Missed:
    """What `cityai misses` leaves."""

    project: Project[BaseProjectSpec]
    """What was asked."""
    predicted: CasePredictions
    """The cases, what was predicted, what came to pass, and why it was predicted."""
    sheets: tuple[Path, ...]
    """One page a case."""


def show_misses(
    project: Project[BaseProjectSpec], count: int = 10, progress: Progress = SILENT
) -> Missed:
    """Write pages on the worst misses of the replay; it is run first where it is not kept."""
    from cityai.pipeline.known import snapshot
    from cityai.pipeline.run import final_backtest, problem, read_and_check
    from cityai.pipeline.stage import hold_run
    from cityai.store.files import write_files

    with hold_run(project, progress) as run:
        read_and_check(run)
        source = snapshot(run)
        asked, made = problem(run), final_backtest(run)
    with progress.stage("Find the worst misses"):
        predicted = run.fitted.find_misses(source, asked, made, count)
        pages = make_sheets(project, predicted, None, [WARNING], range(count))
        written = write_files(pages, project.state / FOLDER / project.spec.name)
    return Missed(project, predicted, written)

"""`cityai predict`: the list or the forecast for a moment, from the model that a run logged."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from cityai.card.spreadsheet import write_frame
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.data.quality import QualityReport
from cityai.delivery.model import NOT_APPROVED, FittingModel, find_model
from cityai.findings import Status
from cityai.kinds.kind import CasePredictions
from cityai.modeling.ahead import ask_together
from cityai.pipeline.impact.assign import assign_list, check_moment
from cityai.pipeline.impact.plan import open_running
from cityai.progress import SILENT, Progress, heard_by
from cityai.store.files import write_files
from cityai.store.stages import open_store

FOLDER = "predictions"
"""Folder, in the workspace's private one, that lists are written to."""
NAME = "predictions"
TOLD = 3
"""Reasons beside each row of the list."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What `cityai predict` leaves."""

    project: Project[BaseProjectSpec]
    """What was asked."""
    predicted: CasePredictions
    """The predictions and their reasons."""
    model: FittingModel
    """What made them."""
    files: tuple[Path, ...]
    """The list, as CSV and Parquet."""
    sheets: tuple[Path, ...]
    """One page a case."""
    warnings: tuple[str, ...]
    """What to know before the list is used."""


def predict_project(
    project: Project[BaseProjectSpec],
    as_of: datetime,
    *,
    out: Path | None = None,
    replace: bool = False,
    run_id: str = "",
    sheets: int = 0,
    assign: bool = False,
    progress: Progress = SILENT,
) -> Delivered:
    """Predict a moment from the data known before it, with the model of a run.

    Parameters
    ----------
    project : Project
        From `load_project`.
    as_of : datetime
        The moment, by the city's local time.
    out : Path, optional
        Where to; a private folder of the workspace without it.
    replace : bool
        Whether files that are there already may be replaced in `out`.
    run_id : str
        MLflow's name of the run; the project's latest finished one when empty.
    sheets : int
        Pages to write, for the first rows of the list.
    assign : bool
        Whether chance decides at the edge of the capacity, by the sealed plan of an evaluation.
    progress : Progress, optional
        Told what is being done.

    Raises
    ------
    UserError
        When the moment cannot be asked about, or the project no longer fits the model.
    RunError
        When there is no model, or it was changed since it was logged.
    """
    from cityai.kinds import open_kind

    kind = open_kind(project)
    kind.check()
    announced = open_running(project, as_of.date()) if assign else None
    rule = check_moment(announced, pd.Timestamp(as_of)) if announced else None
    with progress.stage("Find the model"):
        model = find_model(project, run_id or (announced.plan.run if announced else ""))
    with progress.stage("Read what the city knew, and when"), heard_by(progress):
        snapshot = kind.read()
    if snapshot.counts.rejected:
        progress.warn(
            f"{snapshot.counts.rejected:,} of {snapshot.counts.read:,} rows were rejected: "
            f"cityai check {project.folder} says which, and why"
        )
    with progress.stage("Predict"):
        asked = ask_together(snapshot, as_of, rule.per) if rule else snapshot
        predicted = kind.predict(asked, model.final, as_of)
    if announced is not None:
        with open_store(project.state).lock_project(project.spec.name):
            table = assign_list(announced, predicted.table)
        tells = tuple(kind.tell_row(row) for row in table.to_dict("records"))
        predicted = dataclasses.replace(predicted, table=table, tells=tells)
    folder = out or project.state / FOLDER / project.spec.name / f"{as_of:%Y-%m-%d}"
    replace = replace or out is None
    warnings = _list_warnings(predicted, as_of, model, kind.report(snapshot))
    with progress.stage("Write the files"):
        files = _write_list(arrange_list(predicted, model), folder, NAME, replace=replace)
        pages: tuple[Path, ...] = ()
        if sheets:
            from cityai.delivery.sheets import make_sheets

            made = make_sheets(project, predicted, model, warnings, range(sheets))
            pages = write_files(made, folder / "sheets", replace=replace)
    return Delivered(project, predicted, model, files, pages, warnings)


def arrange_list(predicted: CasePredictions, model: FittingModel) -> pd.DataFrame:
    """Return the list as it is written: predictions, reasons, and where they came from."""
    table = predicted.table.copy()
    reasons = predicted.reasons.table
    for place in range(1, TOLD + 1):
        own = reasons[reasons["place"] == place]
        said = dict(zip(own["row"], own["sentence"], strict=True))
        table[f"reason_{place}"] = [said.get(row, "") for row in range(len(table))]
    return table.assign(
        run_id=model.run_id,
        model_digest=model.digest,
        trained_until=pd.Timestamp(predicted.trained_until),
        approval=model.approval,
    )


def _list_warnings(
    predicted: CasePredictions, as_of: datetime, model: FittingModel, quality: QualityReport
) -> tuple[str, ...]:
    told = {Status.FAIL: "failed", Status.NOT_ENOUGH: "is open"}
    said = [
        f"A check of the data {told[found.status]}. {found.title}: {found.reason}"
        for found in quality.findings
        if found.status in told
    ]
    if as_of < predicted.trained_until:
        said.append(
            f"The model learnt from what was known before {predicted.trained_until:%Y-%m-%d}, "
            "which is after the moment asked about: it has seen part of what followed. Good for "
            "looking at, not for judging the model; the card's figures come from honest replays."
        )
    if model.approval.startswith(NOT_APPROVED):
        said.append("Nobody approved this model. The policy lets a list be made all the same.")
    elif model.approval.startswith("suspended"):
        said.append(f"The model is {model.approval}. The policy lets a list be made all the same.")
    return tuple(said)


def _write_list(
    table: pd.DataFrame, folder: Path, name: str, *, replace: bool = True
) -> tuple[Path, ...]:
    """Write a table as ``<name>.csv`` and ``<name>.parquet``, for the owner's eyes only.

    Texts of the CSV that a spreadsheet would run as a formula get a quote before them; numbers
    are as they are. The Parquet file holds the exact values.
    """
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    files = {f"{name}.csv": write_frame(table), f"{name}.parquet": buffer.getvalue()}
    return write_files(files, folder, replace=replace)

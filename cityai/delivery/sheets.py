"""Pages on single cases: for the inspector before, for the reviewer after."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import pandas as pd

from cityai.assessment.reasons import write_value
from cityai.card.render.sheet import Sheet, render_sheet
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.delivery.model import FittingModel
from cityai.kinds.kind import CasePredictions

LONGEST = 60
"""Characters of a file's name that come from the case's own."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


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

"""The stage of a run that takes over what evaluations found."""

from __future__ import annotations

import json

from cityai.config.evaluations import find_plan, list_sealed
from cityai.config.load import Project
from cityai.config.project import AuditableSpec
from cityai.errors import StoreError
from cityai.impact.analysis import Impact, Impacts
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.impact.kept import digest_impacts
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.stage import PipelineRun, stage
from cityai.store.cards import CARDS, JSON


@stage(Impacts, fields=(), files=(digest_impacts,))
def impact(run: PipelineRun) -> Impacts:
    """Take over what evaluations found."""
    return Impacts(find_impacts(run.project))


def take_impacts(run: PipelineRun) -> tuple[Impact, ...]:
    """Return what evaluations found of what it changed; nothing where none was announced.

    Raises
    ------
    StoreError
        When the last card tells of one that has begun, and its plan is not there any more.
    """
    found = impact(run).told if list_sealed(run.project) else ()
    _refuse_lost(run.project, {one.sealed.seal for one in found})
    return found


def _refuse_lost(project: Project[AuditableSpec], seals: set[str]) -> None:
    """Refuse a card that would forget an evaluation which has begun, and of which the last told."""
    card, today = project.workspace / CARDS / project.spec.name / JSON, f"{read_clock():%Y-%m-%d}"
    try:
        told = json.loads(card.read_bytes()).get("impacts", ())
        lost = [p["name"] for p in told if p["starts"] <= today and p["seal"] not in seals]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return  # whoever reads the card says what is wrong with it
    if lost:
        raise StoreError(
            f"the last card tells of the evaluation '{lost[0]}', and its plan is not there",
            where=str(find_plan(project, lost[0])),
            expected="the sealed plan of every evaluation that has begun",
            next_step="put it and its file back from your version control: what was found stays "
            "on the card",
        )

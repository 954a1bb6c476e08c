"""The stage of a run that takes over what evaluations found."""

from __future__ import annotations

from cityai.config.evaluations import list_sealed
from cityai.impact.analysis import Impact, Impacts
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.impact.kept import digest_impacts
from cityai.pipeline.stage import PipelineRun, stage


@stage(Impacts, fields=(), files=(digest_impacts,))
def impact(run: PipelineRun) -> Impacts:
    """Take over what evaluations found."""
    return Impacts(find_impacts(run.project))


def take_impacts(run: PipelineRun) -> tuple[Impact, ...]:
    """Return what evaluations found of what it changed; nothing where none was announced."""
    return impact(run).told if list_sealed(run.project) else ()

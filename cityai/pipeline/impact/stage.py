"""The stage of a run that takes over what an evaluation found."""

from __future__ import annotations

from cityai.impact.analysis import Impact
from cityai.pipeline.impact.analyse import find_impact
from cityai.pipeline.impact.kept import digest_impact
from cityai.pipeline.stage import PipelineRun, stage


@stage(Impact, fields=(), files=(digest_impact,))
def impact(run: PipelineRun) -> Impact:
    """Take over what an evaluation found."""
    found = find_impact(run.project)
    assert found is not None  # noqa: S101 - `take_impact` asks where one was announced
    return found


def take_impact(run: PipelineRun) -> Impact | None:
    """Return what an evaluation found of what it changed; None where none was announced."""
    return impact(run) if find_impact(run.project) else None

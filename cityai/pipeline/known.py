"""What the city knew: the stage that all others follow, and what commands beside a run read."""

from __future__ import annotations

from typing import Final, cast

from cityai.config.load import Project
from cityai.config.project import AuditableSpec, BaseProjectSpec
from cityai.data.sources import digest_sources
from cityai.pipeline.stage import PipelineRun, hold_run, stage
from cityai.records.events import Events

SOURCE: Final = ("data", "question", "covariates", "events", "models", "city")


@stage(Events, fields=(*SOURCE, "predictions", "maturity"), files=(digest_sources,))
def snapshot(run: PipelineRun) -> Events:
    """Read what the city knew, and when."""
    return run.kind.read()


def read_known(project: Project[BaseProjectSpec]) -> Events:
    """Read what the city knew, as it was saved where its table is the same."""
    with hold_run(cast("Project[AuditableSpec]", project)) as run:
        return snapshot(run)

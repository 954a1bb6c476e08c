"""The invented city, written where a project reads from it and it is not there yet."""

from __future__ import annotations

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.progress import SILENT, Progress
from cityai.store.files import guard_files


def bring_sample(project: Project[BaseProjectSpec], progress: Progress = SILENT) -> None:
    """Write the invented city where a project reads from it and it is not there yet.

    One that is there stays as it is: somebody may have asked for another seed.

    Raises
    ------
    StoreError
        When its folder holds something else, or the disk refuses.
    """
    folder = project.state / "sample_city"
    if "${CITYAI_SAMPLE}" not in project.spec.model_dump_json():
        return
    if folder.exists() and any(folder.iterdir()):
        return
    from cityai.samples.write import ensure_sample_city

    with progress.stage("inventing the sample city"), guard_files(folder, "it cannot be written"):
        ensure_sample_city(folder)

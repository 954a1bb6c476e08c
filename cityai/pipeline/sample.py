"""The invented city, written where a project reads from it and it is not there yet."""

from __future__ import annotations

from cityai.config.load import Project
from cityai.config.project import AuditableSpec
from cityai.progress import SILENT, Progress
from cityai.store.files import guard_files


def bring_sample(project: Project[AuditableSpec], progress: Progress = SILENT) -> None:
    """Write the invented city where a project reads from it and it is not there yet.

    One that is there stays as it is: somebody may have asked for another seed.

    Raises
    ------
    StoreError
        When its folder holds something else, or the disk refuses.
    """
    folder, spec = project.state / "sample_city", project.spec
    # A city has tables of areas that this project may not read: an audit often reads none.
    read = spec.model_dump_json(exclude={"city"}), spec.areas and spec.areas.model_dump_json()
    if not any("${CITYAI_SAMPLE}" in part for part in read if part):
        return
    if folder.exists() and any(folder.iterdir()):
        return
    from cityai.samples.write import ensure_sample_city

    with progress.stage("Invent the sample city"), guard_files(folder, "it cannot be written"):
        ensure_sample_city(folder)

"""Where a project's records are, and how long they are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cityai.store.files import PRIVATE, TEMPORARY, guard_files, hold_lock, make_folder, write_file

DIGITS = 16
RECORDS = "projects"
"""Folder, in the private one, with a folder of records for each project."""
RUN_SECONDS = 30.0
"""How long a run waits for another of the same project."""


@dataclass(frozen=True)
class Store:
    """The private folder of a workspace."""

    state: Path
    """``<workspace>/.cityai``, or where CITYAI_STATE says."""

    def find_folder(self, project: str, stage: str, digest: str) -> Path:
        """Return the folder of one stage's record, whether or not it exists."""
        return self.state / RECORDS / project / stage / digest[:DIGITS]

    def lock_project(
        self,
        project: str,
        seconds: float = RUN_SECONDS,
        on_wait: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[None]:
        """Hold the project while a run changes it (see `cityai.store.locks.hold_lock`)."""
        return hold_lock(
            self.state,
            f"project-{project}",
            doing=f"another run of {project}",
            seconds=seconds,
            on_wait=on_wait,
        )


def open_store(state: Path) -> Store:
    """Make the private folder where it is missing.

    Raises
    ------
    StoreError
        If it cannot be made or written.
    """
    with guard_files(state, "the workspace's private folder cannot be used", PRIVATE):
        make_folder(state)
        ignore = state / ".gitignore"
        if not ignore.exists():
            with _allow_race():
                write_file(ignore, b"*\n")
    return Store(state)


def clean_stages(store: Store, project: str, keep: int = 5) -> tuple[Path, ...]:
    """Remove and return a project's oldest records and what killed runs left. Hold its lock."""
    removed: list[Path] = []
    for stage in sorted(p for p in (store.state / RECORDS / project).glob("*") if p.is_dir()):
        folders = [p for p in stage.iterdir() if p.is_dir()]
        left = [p for p in folders if p.name.startswith(TEMPORARY)]
        kept = [p for p in folders if not p.name.startswith(TEMPORARY)]
        newest = sorted(kept, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
        removed += [*left, *newest[keep:]]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return tuple(removed)


@contextmanager
def _allow_race() -> Iterator[None]:
    try:
        yield
    except FileExistsError:  # another process wrote the same file first
        return

"""Where a workspace is, and its private folder; nothing heavy is loaded to tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cityai.errors import SpecError

CONFIGS: Final = "configs"
STATE: Final = ".cityai"


def find_workspace(folder: Path) -> Path:
    """Return the nearest folder, upwards, that holds ``configs``.

    Raises
    ------
    SpecError
        When there is none.
    """
    found = _look_up(folder)
    if found is None:
        raise SpecError(
            "no workspace was found above the project",
            where=str(folder),
            expected="a folder `configs/` with city.yaml and policy.yaml beside `projects/`",
            next_step="make a workspace with `cityai init my-city`, and go into it",
        )
    return found


def find_place() -> Path:
    """Return the workspace that a command is called in; the present folder outside of one."""
    return _look_up(Path.cwd()) or Path.cwd()


def find_state(workspace: Path) -> Path:
    """Return the private folder of a workspace (``CITYAI_STATE`` may move it)."""
    return Path(os.environ.get("CITYAI_STATE") or workspace / STATE)


def _look_up(folder: Path) -> Path | None:
    return next((up for up in (folder, *folder.parents) if (up / CONFIGS).is_dir()), None)

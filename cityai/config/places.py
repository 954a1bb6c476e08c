"""Where a workspace is, and its private folder; nothing heavy is loaded to tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cityai.errors import SpecError

CONFIGS: Final = "configs"
STATE: Final = ".cityai"


def find_workspace(
    folder: Path,
    what: str = "this folder",
    next_step: str = "make a workspace with `cityai init my-city`, and go into it",
) -> Path:
    """Return the nearest folder, upwards, that holds ``configs``.

    Parameters
    ----------
    folder : Path
        Where to look.
    what : str
        What lies there, in the words of the error.
    next_step : str
        What to do where there is none.
    """
    found = _look_up(folder)
    if found is None:
        raise SpecError(
            f"{what} lies in no workspace",
            where=str(folder),
            expected="a folder `configs/` with city.yaml and policy.yaml in it, or in one above it",
            next_step=next_step,
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

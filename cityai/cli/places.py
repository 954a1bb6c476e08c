"""Where the commands are called from."""

from __future__ import annotations

import os
import socket
from pathlib import Path

CONFIGS = "configs"
STATE = ".cityai"


def find_workspace(folder: Path) -> Path:
    """Return the nearest folder, upwards, that holds ``configs``; `folder` itself without one."""
    for candidate in (folder, *folder.parents):
        if (candidate / CONFIGS).is_dir():
            return candidate
    return folder


def find_state(folder: Path) -> Path:
    """Return the private folder of the workspace that a folder lies in."""
    return Path(os.environ.get("CITYAI_STATE") or find_workspace(folder.resolve()) / STATE)


def find_logs(folder: Path) -> Path:
    """Return where tracebacks are kept."""
    return find_state(folder) / "logs"


def find_port(wanted: int) -> int:
    """Return the first free port of this machine, from the wanted one on."""
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    return wanted

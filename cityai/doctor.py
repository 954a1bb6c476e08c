"""What the machine and the workspace need, whether it is there, and how to mend it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from cityai.config.places import find_state
from cityai.errors import CityaiError
from cityai.track.server import check_host, describe_uri, find_database, find_uri

GOOD, NOTE, MISSING = "ok", "note", "missing"
OLDEST = (3, 11)
LIBRARIES = (
    "pandas",
    "numpy",
    "duckdb",
    "ibis-framework",
    "pandera",
    "lightgbm",
    "scikit-learn",
    "fairlearn",
    "shap",
    "mlflow",
    "matplotlib",
)
MIND_SPACE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was looked at."""

    name: str
    """What it is."""
    state: str
    """``note``: some projects need it. ``missing``: nothing works without it."""
    detail: str
    """What was found."""
    remedy: str = ""
    """How to mend it; empty when there is nothing to mend."""


def examine_machine(workspace: Path) -> tuple[Part, ...]:
    """Look at everything that a run needs, without loading any of it."""
    state = find_state(workspace)
    return (
        _examine_python(),
        *_examine_libraries(),
        _examine_openmp(),
        _examine_workspace(workspace),
        _examine_folder("private folder", state, "CITYAI_STATE"),
        _examine_folder("model_cards", workspace / "model_cards", "the workspace"),
        _examine_space(state),
        _examine_data(workspace),
        _examine_store(state),
    )


def _examine_python() -> Part:
    found = platform.python_version()
    if sys.version_info < OLDEST:
        return Part("Python", MISSING, found, "use Python 3.11 or newer")
    return Part("Python", GOOD, found)


def _examine_libraries() -> Iterator[Part]:
    for name in LIBRARIES:
        try:
            yield Part(name, GOOD, version(name))
        except PackageNotFoundError:
            yield Part(name, MISSING, "not installed", "make setup (or: pip install -e .)")


def _examine_openmp() -> Part:
    """Load LightGBM's own library, which fails where OpenMP's run time is absent."""
    spec = find_spec("lightgbm")
    if spec is None or spec.origin is None:
        return Part("OpenMP", MISSING, "LightGBM is not installed", "make setup")
    folder = Path(spec.origin).parent
    for path in sorted(p for p in folder.glob("**/lib_lightgbm.*") if p.suffix != ".py"):
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            remedy = (
                "install it: apt-get install libgomp1, dnf install libgomp, brew install libomp"
            )
            return Part("OpenMP", MISSING, str(error), remedy)
        return Part("OpenMP", GOOD, "LightGBM's library loads")
    return Part("OpenMP", NOTE, "LightGBM's library was not found where it usually is")


def _examine_workspace(workspace: Path) -> Part:
    found = sorted(p.parent.name for p in (workspace / "projects").glob("*/project.yaml"))
    if not (workspace / "configs").is_dir():
        remedy = "go to the folder that holds configs/ and projects/"
        return Part("workspace", MISSING, str(workspace), remedy)
    return Part("workspace", GOOD, f"{workspace} ({len(found)} projects)")


def _examine_folder(name: str, folder: Path, setting: str) -> Part:
    """Try to write in a folder, or in the nearest one above it that exists."""
    there = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        remedy = f"make it writable for you, or change {setting}"
        return Part(name, MISSING, f"{folder}: {(error.strerror or str(error)).lower()}", remedy)
    return Part(name, GOOD, f"{folder}{'' if folder.exists() else ' (made when needed)'}")


def _examine_space(folder: Path) -> Part:
    there = next(p for p in (folder, *folder.parents) if p.exists())
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    if free < MIND_SPACE:
        return Part("disk", NOTE, f"{free / 1e9:.1f} GB free", "free some space")
    return Part("disk", GOOD, f"{free / 1e9:.0f} GB free")


def _examine_data(workspace: Path) -> Part:
    named = os.environ.get("CITYAI_DATA")
    folder = Path(named) if named else workspace / ".." / "shared" / "data"
    if folder.is_dir():
        return Part("CITYAI_DATA", GOOD, str(folder.resolve()))
    remedy = "set CITYAI_DATA to the folder with the cities' files; `cityai sample-city` needs none"
    return Part("CITYAI_DATA", NOTE, f"{folder} is not there", remedy)


def _examine_store(state: Path) -> Part:
    uri = find_uri(state)
    database = find_database(uri)
    if database is not None:
        try:
            made = "" if database.exists() else " (made by the first run)"
            is_ours = bool(made) or os.access(database, os.R_OK | os.W_OK)
        except OSError:  # its folder is closed to us
            made, is_ours = "", False
        if not is_ours:
            remedy = "make it readable and writable for you, or set CITYAI_STATE to another folder"
            return Part("MLflow store", MISSING, f"{database}: permission denied", remedy)
        return Part("MLflow store", GOOD, f"{database}{made}")
    try:
        check_host(uri)
    except CityaiError as error:
        return Part("MLflow store", MISSING, f"{describe_uri(uri)}: {error.what}", error.next_step)
    return Part("MLflow store", GOOD, describe_uri(uri))

"""Provenance of a run: the clock, the code's commit, the versions of the libraries, its digests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cityai.store.cards import CARDS
from cityai.store.digests import digest_text

if TYPE_CHECKING:
    from cityai.card.draft import RunFacts

LIBRARIES = (
    "cityai",
    "duckdb",
    "fairlearn",
    "ibis-framework",
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "shap",
)


def read_clock() -> datetime:
    """Return the present in UTC, or the moment that SOURCE_DATE_EPOCH fixes."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if fixed:
        return datetime.fromtimestamp(int(fixed), UTC)
    return datetime.now(UTC).replace(microsecond=0)


_SAFE: Final = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "safe.bareRepository": "explicit",
    "protocol.allow": "never",
}
_OWN: Final = ("local", "worktree")


def read_git(workspace: Path) -> tuple[str, bool]:
    """Return the commit of a workspace and whether it has changes; ("", False) outside one.

    A folder that somebody delivered may name programs in its git configuration: monitors, hooks,
    filters, helpers that fetch. None is run, and another account's folder is not asked.
    """

    def ask(settings: Mapping[str, str], *arguments: str) -> str:
        given = {"GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_COUNT": str(len(settings))}
        for i, (key, value) in enumerate(settings.items()):
            given |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
        return subprocess.run(  # the arguments are fixed
            ["git", "-C", str(workspace), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
            env=os.environ | given,
        ).stdout.strip()

    try:
        if os.name == "posix" and workspace.stat().st_uid != os.getuid():
            return "", False
        commit = ask(_SAFE, "rev-parse", "HEAD")
        listed = ask(_SAFE, "config", "--list", "--includes", "--show-scope", "--name-only")
        named = [line.split("\t", 1) for line in listed.splitlines()]
        filters = {key: "" for scope, key in named if scope in _OWN and key.startswith("filter.")}
        required = {key: "false" for key in filters if key.endswith(".required")}
        asked = ("status", "--porcelain", "-uno", "--ignore-submodules=all")
        made_by_runs = ("--", ".", f":(exclude){CARDS}")
        return commit, bool(ask({**_SAFE, **filters, **required}, *asked, *made_by_runs))
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", False


def find_version(name: str) -> str:
    """Return an installed library's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def gather_run_facts(
    workspace: Path,
    *digests: str,
    first: datetime | None,
    last: datetime | None,
) -> RunFacts:
    """Gather what every run knows of itself; `digests`: specification, data, predictions."""
    from cityai.card.draft import RunFacts

    spec, data, predictions = digests
    run = digest_text(" ".join(dict.fromkeys(digests)))
    versions = {name: find_version(name) for name in LIBRARIES}
    code = read_git(workspace)
    return RunFacts(run, data, spec, predictions, *code, read_clock(), versions, first, last)

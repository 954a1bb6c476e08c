"""What a saved record was made from, in one SHA-256: its inputs, the code, the libraries."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CHAPTERS = {
    "data": ("config", "data"),
    "modeling": ("modeling",),
    "assessment": ("inference", "disclosure", "impact", "assessment"),
    "card": ("i18n", "card"),
}
"""The rooms of each chapter, by rank: a chapter's results depend on those before it too."""

STAGES = {
    "snapshot": "data",
    "quality": "data",
    "memberships": "data",
    "truncation": "data",
    "foresight": "assessment",
    "backtest": "modeling",
    "evaluation": "assessment",
    "audit": "assessment",
    "proxies": "assessment",
    "mitigation": "assessment",
    "outlook": "assessment",
    "impact": "assessment",
    "explanation": "assessment",
}
"""The chapter that makes each stage's record."""

LIBRARIES = (
    *("catboost", "deltalake", "duckdb", "fairlearn", "fracast", "holidays", "ibis-framework"),
    *(
        "lightgbm",
        "numpy",
        "pandas",
        "pandera",
        "pyarrow",
        "pyiceberg",
        "scikit-learn",
        "scipy",
        "shap",
    ),
    *("skops", "sqlglot", "torch", "tzdata"),
)
"""Libraries whose version may change a figure."""

SHARED = (
    *("columns.py", "confine", "errors.py", "findings.py", "i18n/frames.py", "i18n/messages.py"),
    *("notebook.py", "progress.py", "records", "scratch.py", "kinds"),
)
"""What every chapter depends on."""
PACKAGE = Path(__file__).parent.parent


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_stage(stage: str, *inputs: str) -> str:
    """Return the digest under which a stage's record is kept.

    Parameters
    ----------
    stage : str
        A name of `STAGES`.
    *inputs : str
        Digests of the records and texts that it is made from.

    Returns
    -------
    str
        64 hexadecimal digits; another whenever an input, the sources of the stage's chapter or
        of one before it, or a library's version is another.
    """
    if stage not in STAGES:
        raise ValueError(f"the stage '{stage}' is not in cityai.store.digests.STAGES")
    chapter = STAGES[stage]
    parts = [stage, digest_sources(chapter), *list_versions(), *inputs]
    return digest_text(json.dumps(parts))


@cache
def digest_sources(chapter: str, package: Path = PACKAGE) -> str:
    """Return the digest of the sources that a chapter's results depend on."""
    names = list(CHAPTERS)
    ranked = [room for name in names[: names.index(chapter) + 1] for room in CHAPTERS[name]]
    found = hashlib.sha256()
    for part in (*SHARED, *ranked):
        root = package / part
        if not root.exists():
            raise ValueError(f"no '{part}' in {package.name}: results would not depend on its code")
        found.update(_list_files(root, package))
    return found.hexdigest()


def digest_package(package: Path = PACKAGE) -> str:
    """Return the digest of all files of the package."""
    found = hashlib.sha256()
    for root in sorted(package.iterdir()):
        found.update(_list_files(root, package))
    return found.hexdigest()


@cache
def _list_files(root: Path, package: Path) -> bytes:
    """List a file, or all files of a folder, each with its name and its bytes."""
    listed = []
    for path in [root] if root.is_file() else sorted(root.rglob("*")):
        if "__pycache__" not in path.parts and path.is_file():
            content = path.read_bytes()
            listed += [f"{path.relative_to(package).as_posix()} {len(content)}\n".encode(), content]
    return b"".join(listed)


@cache
def list_versions() -> tuple[str, ...]:
    """Return ``library==version`` for what results depend on, Python first."""
    found = [f"python=={platform.python_version()}"]
    for library in LIBRARIES:
        try:
            found.append(f"{library}=={version(library)}")
        except PackageNotFoundError:
            found.append(f"{library}==none")
    return tuple(found)

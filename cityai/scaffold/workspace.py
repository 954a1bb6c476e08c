"""A city's own workspace: shared settings, projects, cards, ways to deploy, and its own test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from cityai import __version__
from cityai.config.schema import SchemaName, write_schema
from cityai.scaffold.answers import CityAnswers, check_slug
from cityai.scaffold.files import WORKSPACE, change_yaml, create_folder, read_files

SCHEMAS: tuple[SchemaName, ...] = (
    *("project", "evaluation", "card", "audit", "city", "policy", "keys"),
)
_NAME: Final = b"WORKSPACE_NAME"
_VERSIONS: Final = {
    f"cityai{sign}0".encode(): f"cityai{sign}{__version__}".encode() for sign in (">=", "==")
}
"""What stands for this version in the templates: at least, and exactly."""


@dataclass(frozen=True, slots=True)
class NewFolder:
    """What was made.

    Attributes
    ----------
    folder : Path
        Where.
    files : tuple of str
        Paths inside it, sorted.
    """

    folder: Path
    files: tuple[str, ...]


def create_workspace(folder: Path, answers: CityAnswers) -> NewFolder:
    """Make a workspace.

    Parameters
    ----------
    folder : Path
        New, or empty.
    answers : CityAnswers
        What was asked.

    Raises
    ------
    SpecError
        When an answer cannot be used, or the folder holds something.
    StoreError
        When the disk refuses.
    """
    name = check_slug(folder.resolve().name.lower().replace("-", "_").replace(" ", "_"), "a folder")
    city = answers.describe_city()
    files = {_place(path): content for path, content in read_files(WORKSPACE).items()}
    for mark, text in {_NAME: name.encode(), **_VERSIONS}.items():
        files = {path: content.replace(mark, text) for path, content in files.items()}
    files["configs/city.yaml"] = change_yaml(files["configs/city.yaml"], city)
    files |= write_schemas()
    create_folder(folder, files, "choose another folder for the workspace")
    return NewFolder(folder, tuple(sorted(files)))


@cache
def write_schemas() -> dict[str, bytes]:
    """Return the JSON Schemas for editors, by path."""
    return {f"configs/{name}.schema.json": write_schema(name).encode() for name in SCHEMAS}


def _place(path: str) -> str:
    """Return where a file goes; names that begin with a dot are kept with `dot_` in the package."""
    return "/".join(
        "." + part.removeprefix("dot_") if part.startswith("dot_") else part
        for part in path.split("/")
    )

"""A city's own workspace: shared settings, projects, cards, ways to deploy, and its own test."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from cityai import __version__
from cityai.config.city import CitySpec
from cityai.config.record import Slug
from cityai.config.schema import SchemaName, write_schema
from cityai.config.validate import read_message
from cityai.errors import SpecError
from cityai.scaffold.files import WORKSPACE, change_yaml, create_folder, read_files

SCHEMAS: tuple[SchemaName, ...] = (
    *("project", "evaluation", "card", "audit", "city", "policy", "keys"),
)
_NAME: Final = b"WORKSPACE_NAME"
_VERSIONS: Final = {
    f"cityai{sign}0".encode(): f"cityai{sign}{__version__}".encode() for sign in (">=", "==")
}
"""What stands for this version in the templates: at least, and exactly."""
MOST_LETTERS = 200
"""Longest name, title or office."""


@dataclass(frozen=True, slots=True)
class NewFolder:
    """What was made."""

    folder: Path
    """Where."""
    files: tuple[str, ...]
    """Paths inside it, sorted."""


def create_workspace(folder: Path, answers: CityAnswers) -> NewFolder:
    """Make a workspace.

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


@dataclass(frozen=True, slots=True)
class CityAnswers:
    """What `cityai init` asks."""

    name: str
    """Name of the city, for readers."""
    country: str
    """ISO 3166 code, for public holidays."""
    time_zone: str
    """IANA name."""
    languages: tuple[str, ...]
    """Languages of the cards, the first is the default."""
    unit: str
    email: str
    """The office that answers, and its shared mailbox."""

    def describe_city(self) -> dict[str, Any]:
        """Return the content of `configs/city.yaml`.

        Raises
        ------
        SpecError
            When an answer is not what a city's file may hold.
        """
        content: dict[str, Any] = {
            "name": check_line(self.name, "name"),
            "country": check_line(self.country, "country"),
            "time_zone": check_line(self.time_zone, "time zone"),
            "languages": list(self.languages),
            "contact": {
                "unit": check_line(self.unit, "office"),
                "email": check_line(self.email, "mailbox"),
            },
        }
        try:
            CitySpec.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            raise SpecError(
                read_message(first),
                where=".".join(map(str, first["loc"])),
                expected="country such as US, time zone such as America/New_York, languages among "
                "en, es, pt, fr",
                next_step="give the answer again",
            ) from None
        return content


def check_slug(value: str, what: str, rule: Any = Slug) -> str:
    """Return a name that is safe as a folder, or refuse it.

    Raises
    ------
    SpecError
        When it is not lower-case letters, digits and underscores, or breaks a stricter rule.
    """
    try:
        return str(TypeAdapter(rule).validate_python(value))
    except ValidationError:
        raise SpecError(
            f"{_show(value)} cannot be the name of {what}",
            expected="at most 63 lower-case letters, digits and underscores, a letter first; no "
            "name that the workspace or Windows uses itself",
            next_step="choose a name such as street_requests",
        ) from None


def check_line(value: str, what: str) -> str:
    """Return one line of text for readers, or refuse it.

    Raises
    ------
    SpecError
        When it is empty, too long, or holds line ends or control characters.
    """
    text = value.strip()
    hidden = any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)
    if not text or len(text) > MOST_LETTERS or hidden:
        raise SpecError(
            f"{_show(value)} cannot be the {what}",
            expected=f"one line of 1 to {MOST_LETTERS} visible characters",
            next_step="give a shorter, plain text",
        )
    return text


def _show(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "...")

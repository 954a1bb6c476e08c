"""Files of templates: read from the package, changed as YAML, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from cityai.errors import SpecError, suggest_name
from cityai.store.files import (
    PUBLIC_FILE_MODE,
    PUBLIC_FOLDER_MODE,
    guard_files,
    make_folder,
    make_temporary,
    put_folder,
    write_file,
)

TEMPLATES: Final = Path(__file__).parent / "templates"
WORKSPACE: Final = TEMPLATES / "_workspace"
_LEFT_OUT: Final = ("__pycache__", ".pyc")

Files = Mapping[str, bytes]
"""Content by path inside the new folder, with forward slashes."""


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their path inside it, sorted."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if not any(part in name for part in _LEFT_OUT)
    }


def change_yaml(content: bytes, changes: Mapping[str, Any]) -> bytes:
    """Set top-level keys of a YAML file; comments, order and quotes of the others stay.

    Parameters
    ----------
    content : bytes
        The file, UTF-8.
    changes : mapping
        New values by key; None takes the key out. They are written by the YAML library, so no
        text can become anything but a text.
    """
    editor = open_editor()
    document = editor.load(content.decode())
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = value
    return write_yaml(document)


def open_editor(width: int = 100) -> YAML:
    """Return an editor that keeps comments, order and quotes."""
    editor = YAML(typ="rt")
    editor.preserve_quotes = True
    editor.width = width
    editor.indent(mapping=2, sequence=4, offset=2)
    return editor


def write_yaml(document: Any, width: int = 100) -> bytes:
    """Write a document of the editor as UTF-8."""
    text = io.StringIO()
    open_editor(width).dump(document, text)
    return text.getvalue().encode()


def digest_files(files: Files) -> str:
    """Return one SHA-256 over names and contents."""
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return found.hexdigest()


def create_folder(target: Path, files: Files, next_step: str) -> None:
    """Write a new folder, whole or not at all.

    Raises
    ------
    SpecError
        When the folder is there already and holds something.
    StoreError
        When the disk refuses.
    """
    with guard_files(target, "the files cannot be written"):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise SpecError(
                "something is there already",
                where=str(target),
                expected="a name that is not taken; nothing is written over",
                next_step=next_step,
            )
        make_folder(target.parent, PUBLIC_FOLDER_MODE)
        if target.exists():
            target.rmdir()
        with make_temporary(target, PUBLIC_FOLDER_MODE) as temporary:
            new = temporary / "new"
            make_folder(new, PUBLIC_FOLDER_MODE)
            write_files(new, files)
            put_folder(new, target)


def write_files(folder: Path, files: Files) -> None:
    """Write new files into a folder that is not yet in use."""
    for name, content in files.items():
        path = folder / name
        make_folder(path.parent, PUBLIC_FOLDER_MODE)
        write_file(path, content, PUBLIC_FILE_MODE)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of an older one."""
    make_folder(path.parent, PUBLIC_FOLDER_MODE)
    with make_temporary(path, PUBLIC_FOLDER_MODE) as temporary:
        write_file(temporary / "new", content, PUBLIC_FILE_MODE)
        (temporary / "new").replace(path)


@dataclass(frozen=True, slots=True)
class Template:
    """A working project that new ones are made from."""

    name: str
    """Its folder in the package, and how it is asked for."""
    label: str
    """What it predicts."""


CATALOGUE: Final = (
    Template("service_requests", "requests to the city (311), by neighbourhood and week"),
    Template("waste_collection", "tons of waste, by neighbourhood and month"),
    Template("shelter_demand", "people in shelters, by programme and night"),
    Template("emergency_calls", "ambulance calls, by neighbourhood and day"),
    Template("housing", "evictions or code violations, by neighbourhood and month"),
    Template("inspections", "which establishments to inspect first"),
    Template("missed_appointments", "whom to remind of an appointment"),
    Template("blank_demand", "how much is needed, where and when: your own question"),
    Template("blank_risk", "whom or what to look at first: your own question"),
)


def find_template(name: str) -> Template:
    """Return a template by its name; hyphens stand for underscores."""
    known = {template.name: template for template in CATALOGUE}
    wanted = name.replace("-", "_")
    if wanted not in known:
        raise SpecError(
            f"there is no template {name[:60]!r}",
            expected=suggest_name(wanted[:60], known),
            next_step="list them with cityai templates",
        )
    return known[wanted]

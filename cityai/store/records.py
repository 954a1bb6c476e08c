"""A frozen record in a folder of its own, checked when it is read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cityai.errors import StoreError
from cityai.store.files import (
    PRIVATE,
    guard_files,
    make_folder,
    make_temporary,
    put_folder,
    write_file,
)

if TYPE_CHECKING:
    from cityai.store.values import Files

RECORD = "record.json"
MANIFEST = "MANIFEST.sha256"
FORMAT = 1

RecordT = TypeVar("RecordT")


def save_record(record: Any, folder: Path) -> None:
    """Write a frozen dataclass into a folder, whole or not at all.

    Parameters
    ----------
    record : dataclass instance
        Its fields may hold what `cityai.store.values` keeps.
    folder : Path
        Takes its name only when everything is on the disk; an older one of that name goes away.

    Raises
    ------
    StoreError
        If the disk is full or refuses; what was there before is untouched.
    TypeError
        If a field holds something that is not kept.
    """
    files = write_record(record)
    with guard_files(folder, f"'{folder.name}' cannot be saved", PRIVATE):
        make_folder(folder.parent)
        with make_temporary(folder) as temporary:
            for name, content in files.items():
                write_file(temporary / name, content)
            put_folder(temporary, folder)


def load_record(kind: type[RecordT], folder: Path) -> RecordT:
    """Read a record that `save_record` wrote.

    Raises
    ------
    StoreError
        If there is none, it is of another kind, or a file was changed, added or removed since.
    """
    files = read_files(folder)
    with guard_files(folder, "the saved result cannot be read"):
        os.utime(folder)  # the clean-up keeps what was used last
    return read_record(kind, files, str(folder))


def read_files(folder: Path) -> Files:
    """Return a saved record's files as bytes, by name; nothing in them is looked at.

    Raises
    ------
    StoreError
        If there is no such folder, or it refuses.
    """
    with guard_files(folder, "the saved result cannot be read"):
        if not folder.is_dir():
            raise StoreError("there is no saved result here", where=str(folder), next_step=_AGAIN)
        return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def digest_files(files: Files) -> str:
    """Return the SHA-256 of a record: of its manifest, which holds those of all its files."""
    return hashlib.sha256(files.get(MANIFEST, b"")).hexdigest()


def digest_manifest(folder: Path) -> str:
    """Return the same of a record that was just saved or read: its files are not looked at."""
    with guard_files(folder, "the saved result cannot be read"):
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def find_kind(files: Files, where: str) -> str:
    """Return the full name of a record's class, after checking every file.

    Raises
    ------
    StoreError
        If a file was changed, added or removed since.
    """
    check_manifest(files, where)
    return str(json.loads(files[RECORD])["kind"])


def has_record(folder: Path) -> bool:
    """Tell whether a record was saved here."""
    return (folder / MANIFEST).is_file()


def keep_record(kind: type[RecordT], folder: Path, make: Callable[[], RecordT]) -> RecordT:
    """Return the record saved in `folder`; make and save it first when there is none."""
    if has_record(folder):
        return load_record(kind, folder)
    record = make()
    save_record(record, folder)
    return record


def write_record(record: Any) -> Files:
    """Return a record as the contents of its files, the manifest among them.

    Raises
    ------
    TypeError
        If a field holds something that is not kept.
    """
    from cityai.store.values import encode_value

    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"a {type(record).__name__} is not a record")
    files: Files = {}
    fields = encode_value(record, type(record), "", files)
    content = {"format": FORMAT, "kind": _name_kind(type(record)), "fields": fields}
    files[RECORD] = (json.dumps(content, ensure_ascii=False) + "\n").encode()
    lines = [f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in sorted(files)]
    files[MANIFEST] = "".join(lines).encode()
    return files


def read_record(kind: type[RecordT], files: Files, where: str) -> RecordT:
    """Return the record whose files `write_record` made, after checking every one of them.

    Raises
    ------
    StoreError
        If it is of another kind, or a file was changed, added or removed since.
    """
    from cityai.store.values import decode_value

    check_manifest(files, where)
    content = json.loads(files[RECORD])
    if (content["format"], content["kind"]) != (FORMAT, _name_kind(kind)):
        raise StoreError(
            f"the saved result is a {content['kind']} of format {content['format']}",
            where=where,
            expected=f"a {_name_kind(kind)} of format {FORMAT}",
            next_step=_AGAIN,
        )
    return decode_value(content["fields"], kind, files)


def check_manifest(files: Files, where: str) -> None:
    """Hold every file against the SHA-256 that was written with it.

    Raises
    ------
    StoreError
        Naming the first file that was changed, added or removed.
    """
    try:
        lines = files.get(MANIFEST, b"").decode().splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except ValueError:
        listed = {}
    given = {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != MANIFEST}
    for name in sorted({RECORD, *listed, *given}):
        if listed.get(name) == given.get(name) is not None:
            continue
        what = "was changed" if name in listed and name in given else "is missing"
        if name not in listed:
            what = "was added" if listed else "cannot be checked, its manifest is damaged"
        raise StoreError(
            f"the file {name} {what} since the result was saved",
            where=where,
            expected=f"the files that {MANIFEST} lists, unchanged",
            next_step=_AGAIN,
        )


_AGAIN = "delete the folder and run again"


def _name_kind(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"

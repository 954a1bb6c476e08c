"""`cityai card export`: a published card, written for a register."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cityai.card.registers import Export, find_register
from cityai.card.verify import check_digest, read_bytes, read_record
from cityai.cards import find_place
from cityai.errors import UserError
from cityai.findings import Status
from cityai.store.files import (
    PUBLIC_FILE_MODE,
    PUBLIC_FOLDER_MODE,
    guard_files,
    make_folder,
    make_temporary,
    write_file,
)


@dataclass(frozen=True)
class Exported:
    """What an export left.

    Attributes
    ----------
    export : Export
        The files' texts, and the report of every field.
    paths : tuple of Path
        Where they are.
    """

    export: Export
    paths: tuple[Path, ...]


def export_card(path: Path, register: str, out: Path) -> Exported:
    """Write a published card for a register; incomplete ones too, with a report of what is missing.

    Parameters
    ----------
    path : Path
        As for `cityai.cards.find_place`.
    register : str
        A name of `cityai.card.registers.REGISTERS`.
    out : Path
        A folder, or the file where the register has a single one.

    Raises
    ------
    UserError
        When there is no such register, a file is named for several, or the card was changed.
    StoreError
        When there is no card, or the disk refuses.
    """
    chosen = find_register(register)
    place = find_place(path)
    content = read_bytes(place.json)
    record = read_record(content, where=str(place.json))
    sealed = check_digest(record, content)
    if sealed.status is not Status.PASS:
        raise UserError(
            f"the card was changed after it was published ({sealed.reason})",
            where=str(place.json),
            next_step="publish it again, then export it",
        )
    export = chosen.write(record)
    folder, names = out, list(export.files)
    if out.suffix and not out.is_dir():
        if len(names) > 1:
            raise UserError(
                f"the register '{register}' has {len(names)} files",
                where=f"--out {out}",
                expected="a folder",
            )
        folder, names = out.parent, [out.name]
    paths = tuple(folder / name for name in names)
    with guard_files(folder, "the export cannot be written"):
        make_folder(folder, PUBLIC_FOLDER_MODE)
        with make_temporary(paths[0], PUBLIC_FOLDER_MODE) as temporary:
            for path_out, text in zip(paths, export.files.values(), strict=True):
                write_file(temporary / path_out.name, text.encode(), PUBLIC_FILE_MODE)
                os.replace(temporary / path_out.name, path_out)
    return Exported(export, paths)

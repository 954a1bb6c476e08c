"""`cityai card export`: a published card, written for a register."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cityai.card.registers import Export, find_register
from cityai.errors import UserError
from cityai.pipeline.places import read_sealed
from cityai.pipeline.review import describe_review
from cityai.store.files import PUBLIC_FILE_MODE, write_files


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


def export_card(path: Path, register: str, out: Path, *, replace: bool = False) -> Exported:
    """Write a published card for a register; incomplete ones too, with a report of what is missing.

    Parameters
    ----------
    path : Path
        As for `cityai.pipeline.cards.find_place`.
    register : str
        A name of `cityai.card.registers.REGISTERS`.
    out : Path
        A folder, or the file where the register has a single one.
    replace : bool
        Whether files that are there already may be replaced.

    Raises
    ------
    UserError
        When there is no such register, a file is named for several, or the card was changed.
    StoreError
        When there is no card, the disk refuses, or such a file is there and `replace` is not given.
    """
    chosen = find_register(register)
    place, content, record = read_sealed(path, "export it")
    export = chosen.write(record, describe_review(place, content, record))
    folder, names = out, list(export.files)
    if out.suffix and not out.is_dir():
        if len(names) > 1:
            raise UserError(
                f"the register '{register}' has {len(names)} files",
                where=f"--out {out}",
                expected="a folder",
            )
        folder, names = out.parent, [out.name]
    contents = dict(zip(names, (text.encode() for text in export.files.values()), strict=True))
    paths = write_files(contents, folder, PUBLIC_FILE_MODE, replace=replace)
    return Exported(export, paths)

"""Commands that write a published card for others: for a register, or on one page of paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cityai.card.registers import Export, find_register
from cityai.card.render.brief import list_brief_languages, name_brief, render_brief
from cityai.card.verify import read_bytes
from cityai.errors import StoreError, UserError
from cityai.pipeline.places import read_sealed
from cityai.pipeline.review import describe_review
from cityai.store.cards import hold_cards
from cityai.store.files import PUBLIC_FILE_MODE, write_files


@dataclass(frozen=True)
class Exported:
    """What an export left."""

    export: Export
    """The files' texts, and the report of every field."""
    paths: tuple[Path, ...]
    """Where they are."""


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


def write_brief_of(path: Path, language: str = "") -> tuple[Path, ...]:
    """Write the council's page of a published card beside it.

    Parameters
    ----------
    path : Path
        As for `cityai.pipeline.cards.find_place`.
    language : str, optional
        One of the card's languages; all of them by default.

    Returns
    -------
    tuple of Path
        A PDF a language: ``brief.pdf``, ``brief.es.pdf``.

    Raises
    ------
    UserError
        When the card has no page in this language, no verdict, or was changed.
    StoreError
        When there is no card, or the disk refuses; what was there before is untouched.
    """
    place, content, record = read_sealed(path, "make its brief")
    if record.verdict is None:
        raise UserError(
            "the card has no verdict: an earlier version of cityai made it",
            where=str(place.json),
            next_step="publish it again, then make its brief",
        )
    languages = list_brief_languages(record)
    if language and language not in languages:
        raise UserError(
            f"the card has no page in the language '{language}'",
            where="--language",
            expected=", ".join(languages),
            next_step="name one of these, or leave it out for all",
        )
    release = describe_review(place, content, record)
    made = {
        name_brief(code, languages[0]): render_brief(record, record.verdict, code, release)
        for code in ((language,) if language else languages)
    }
    with hold_cards(place.folder.parent, place.state):
        if read_bytes(place.json) != content:
            raise StoreError(
                "the card was published anew while its brief was made",
                where=str(place.json),
                next_step="make the brief again",
            )
        return write_files(made, place.folder, PUBLIC_FILE_MODE)

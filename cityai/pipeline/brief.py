"""`cityai card brief`: a published card on one page of paper, for a council."""

from __future__ import annotations

from pathlib import Path

from cityai.card.render.brief import list_brief_languages, name_brief, render_brief
from cityai.card.verify import read_bytes
from cityai.errors import StoreError, UserError
from cityai.pipeline.places import read_sealed
from cityai.pipeline.review import describe_review
from cityai.store.cards import hold_cards
from cityai.store.files import PUBLIC_FILE_MODE, write_files


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

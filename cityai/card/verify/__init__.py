"""Check a card against the saved predictions, and its pages against the card."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from cityai.card.record import CardRecord, digest_record, write_canonical
from cityai.card.verify.claims import Claim, list_claims
from cityai.data.groups import Membership
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.modeling.predictions import Predictions
from cityai.spec.project import ProjectSpec


def verify_card(
    card: CardRecord | Path,
    predictions: Predictions,
    memberships: Sequence[Membership],
    spec: ProjectSpec,
) -> tuple[Finding, ...]:
    """Verify a card: its own digest, the pages beside it, and every figure from the predictions.

    Parameters
    ----------
    card : CardRecord or Path
        The record, or ``card.json``, or the folder that holds it; pages beside it are checked too.
    predictions : Predictions
        The saved predictions.
    memberships : sequence of Membership
        Groups of the audit.
    spec : ProjectSpec
        The project.

    Returns
    -------
    tuple of Finding
        ``card.digest``, ``card.pages`` (for a path) and ``card.figures``; the last names the first
        figure that differs, with what is printed and what was counted.

    Raises
    ------
    DataError
        When the file cannot be read as a card.
    """
    return verify_claims(card, lambda record: list_claims(record, predictions, memberships))


def verify_claims(
    card: CardRecord | Path, claims: Callable[[CardRecord], Iterable[Claim]]
) -> tuple[Finding, ...]:
    """Verify a card by what its kind claims: from the record to figures, each counted again."""
    if isinstance(card, CardRecord):
        return _check_digest(card), _check_figures(claims(card))
    path = card / "card.json" if card.is_dir() else card
    text = _read_text(path)
    record = read_record(text, where=str(path))
    own = _check_digest(record, text)
    pages = _check_pages(path.parent, record)
    return own, pages, _check_figures(claims(record))


def read_record(text: str, *, where: str = "card.json") -> CardRecord:
    """Read a record from its JSON.

    Raises
    ------
    DataError
        When it is not a card of this version.
    """
    try:
        return CardRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(
            f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}",
            where=where,
            expected="a card of this version, as `cityai run` writes it",
            next_step="run `cityai run` again, or use the version that wrote it",
        ) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the card cannot be read ({error})",
            where=str(path),
            next_step="give the folder of a published card",
        ) from error


def _check_digest(record: CardRecord, text: str = "") -> Finding:
    title, code = "The record is as it was sealed", "card.digest"
    printed, counted = record.record.content_digest, digest_record(record)
    if printed != counted:
        reason = f"The record says {printed[:12] or 'nothing'}, its content gives {counted[:12]}."
        return Finding(code, Status.FAIL, title, reason)
    if text and json.loads(text) != json.loads(write_canonical(record)):
        return Finding(code, Status.FAIL, title, "The file is not the record's canonical JSON.")
    return Finding(code, Status.PASS, title, f"The content gives {counted[:12]}, as it says.")


def _check_pages(folder: Path, record: CardRecord) -> Finding:
    title, code = "The pages were made from this record", "card.pages"
    digest, found = record.record.content_digest, []
    for name, mark in (
        ("card.html", f'<meta name="cityai-record" content="{digest}">'),
        ("card.md", f"record `{digest}`"),
    ):
        if (folder / name).is_file():
            if mark not in _read_text(folder / name):
                reason = f"{name} was made from another record than card.json."
                return Finding(code, Status.FAIL, title, reason, subject=name)
            found.append(name)
    if not found:
        return Finding(code, Status.NOT_APPLICABLE, title, "There is no page beside the record.")
    return Finding(code, Status.PASS, title, f"{' and '.join(found)} carry its digest.")


def _check_figures(claims: Iterable[Claim]) -> Finding:
    title, code = "Every figure follows from the predictions", "card.figures"
    checked = 0
    for claim in claims:
        if not claim.holds:
            counted = f"{claim.counted:.10g}" if math.isfinite(claim.counted) else "nothing"
            reason = f"{claim.path} is printed as {claim.printed}, the predictions give {counted}."
            observed = claim.counted if math.isfinite(claim.counted) else None
            return Finding(
                code, Status.FAIL, title, reason, observed, claim.printed, "", claim.path
            )
        checked += 1
    return Finding(code, Status.PASS, title, f"{checked:,} figures were counted again and agree.")

"""Check a card against the saved predictions, and its pages against the card."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cityai.card.record import JSON, CardRecord, digest_facts, digest_record, is_written_so
from cityai.card.verify.claims import Claim
from cityai.errors import DataError
from cityai.findings import Finding, Status

if TYPE_CHECKING:
    from cityai.card.pages import Pages


def read_record(text: str | bytes, *, where: str = "card.json") -> CardRecord:
    """Read a record from its JSON."""
    try:
        return _parse(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(
            f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}",
            where=where,
            expected="a card of this version, as `cityai run` writes it",
            next_step="run `cityai run` again, or use the version that wrote it",
        ) from error


@lru_cache(maxsize=32)
def _parse(text: str | bytes) -> CardRecord:
    """Parse a record, which is frozen: one command reads the same card several times.

    The reviewer's desk reads every card of a city again and again.
    """
    return CardRecord.model_validate_json(text)


def read_bytes(path: Path) -> bytes:
    """Read a file of a card as it lies there, line ends and all."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no file")
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the card cannot be read ({error})",
            where=str(path),
            next_step="give the folder of a published card",
        ) from error


def check_digest(record: CardRecord, content: bytes = b"") -> Finding:
    """Hold a record against the digest that it carries, and its file against its canonical form."""
    title, code = "The record is as it was sealed", "card.digest"
    facts = json.loads(content, parse_constant=str) if content else None
    printed = record.record.content_digest
    counted = digest_facts(facts) if facts else digest_record(record)
    if printed != counted:
        reason = f"The record says {printed[:12] or 'nothing'}, its content gives {counted[:12]}."
        return Finding(code, Status.FAIL, title, reason)
    if facts and not is_written_so(content, facts):
        return Finding(code, Status.FAIL, title, "The file is not the record's canonical JSON.")
    return Finding(code, Status.PASS, title, f"The content gives {counted[:12]}, as it says.")


def check_pages(
    files: Mapping[str, bytes], record: CardRecord, pages: Pages | None = None
) -> Finding:
    """Hold the pages beside a record against it; `files` are those of the folder, by name."""
    title, code = "The pages were made from this record", "card.pages"
    digest, found = record.record.content_digest, []
    marks = {
        ".html": f'<meta name="cityai-record" content="{digest}">',
        ".md": f"record `{digest}`",
        ".pdf": f"(record {digest})",
    }
    names = {
        name for name in files if name.startswith(("card", "brief")) and Path(name).suffix in marks
    }
    for name in sorted(names | (set(pages.files) - {JSON} if pages else set())):
        content = files.get(name)
        if content is None:
            return Finding(code, Status.FAIL, title, f"{name} is missing.", subject=name)
        if marks[Path(name).suffix].encode() not in content:
            reason = f"{name} was made from another record than card.json."
            return Finding(code, Status.FAIL, title, reason, subject=name)
        if name.endswith(".pdf"):  # `cityai card brief` makes it, of the libraries that it has
            found.append(name)
            continue
        if pages is not None and name not in pages.files:
            reason = f"{name} is no page of this card."
            return Finding(code, Status.FAIL, title, reason, subject=name)
        if pages is not None and content != pages.files[name].encode():
            reason = _locate(name, content, pages.files[name])
            return Finding(code, Status.FAIL, title, reason, subject=name)
        found.append(name)
    if not found:
        return Finding(code, Status.NOT_APPLICABLE, title, "There is no page beside the record.")
    said = "carry its digest" if pages is None else "are, byte by byte, what it gives"
    return Finding(code, Status.PASS, title, f"{' and '.join(found)} {said}.")


def check_claims(claims: Iterable[Claim]) -> Finding:
    """Hold printed figures against those that were counted; name the first that differs."""
    title, code = "Every figure follows from the predictions", "card.figures"
    checked = 0
    for claim in claims:
        if not claim.holds:
            counted = f"{claim.counted:.10g}" if math.isfinite(claim.counted) else "nothing"
            told = claim.reason or f"the predictions give {counted}"
            reason = f"{claim.path} is printed as {claim.printed}, {told}."
            observed = claim.counted if math.isfinite(claim.counted) else None
            return Finding(
                code, Status.FAIL, title, reason, observed, claim.printed, "", claim.path
            )
        checked += 1
    return Finding(code, Status.PASS, title, f"{checked:,} figures were counted again and agree.")


def _locate(name: str, content: bytes, again: str) -> str:
    """Say where a page begins to differ from the one that its record gives."""
    wanted = again.encode()
    shared = min(len(content), len(wanted))
    at = next((i for i in range(shared) if content[i] != wanted[i]), shared)
    line = wanted[:at].count(b"\n") + 1
    return (
        f"{name} is not what card.json gives: they differ from line {line} on (byte {at:,}). "
        "It was changed, or made with other versions of the libraries."
    )

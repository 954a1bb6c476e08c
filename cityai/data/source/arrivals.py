"""Rows that came from a database before: kept, so that a later run asks only for what is new.

They are believed only while the database says that nothing changed in them: the number of its rows
that were known before a day, and the sums of their hashes, are what they were. A row that arrives
late, a correction or a row that is gone changes these, and all rows are asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from cityai.config.connection import Query
from cityai.confine.tables import quote_text
from cityai.data.source.engine import Room
from cityai.data.source.questions import Grouping, Since

_NOTE: Final = b"cityai"
_BATCH: Final = 100_000
_LAYOUT: Final = 1
_KEPT: Final = 3
"""Questions of a project of which rows are kept: an earlier specification may come back."""


@dataclass(frozen=True)
class Arrivals:
    """What came, of rows that were known before a day."""

    file: Path
    """A private Parquet file with them, as they came."""
    until: date
    """That day."""
    digest: str
    """What the database said of them."""
    kinds: dict[str, str]
    """Name and type of each column."""
    rows: int = 0
    bytes: int = 0
    """How much it was."""


def find_arrivals(
    query: Query, wanted: list[str] | None, grouping: Grouping | None
) -> Arrivals | None:
    """Return what is kept of the same question; None where nothing is, or not whole."""
    file = _name_file(query, wanted, grouping)
    if file is None or not file.is_file():
        return None
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            note = json.loads(opened.metadata.metadata[_NOTE])
            for _ in opened.iter_batches():
                pass  # a page that is damaged raises
        return Arrivals(**{**note, "file": file, "until": date.fromisoformat(note["until"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def add_arrivals(room: Room, kept: Arrivals) -> None:
    """Put rows that came before beside those that came now, in `came`."""
    rows = f"SELECT * FROM read_parquet({quote_text(kept.file.absolute())})"  # noqa: S608
    room.run(f"CREATE TABLE IF NOT EXISTS came AS {rows} LIMIT 0")
    room.run(f"INSERT INTO came {rows}")


def find_day(
    room: Room, query: Query, kinds: Mapping[str, str], grouping: Grouping | None
) -> date | None:
    """Return the day from which rows may still arrive: the last one that is known, or today."""
    day = write_day(query, kinds, grouping)
    if day is None:
        return None
    today = quote_text(datetime.now(UTC).date())
    # Neither years of five digits nor those before Christ are days of Python's.
    near = f"CASE WHEN {day} > DATE '1900-01-01' THEN least({day}, {today}::DATE) END"
    ((last,),) = room.run(f"SELECT max({near}) FROM came")  # noqa: S608
    return None if last is None else date.fromisoformat(last)


def write_day(query: Query, kinds: Mapping[str, str], grouping: Grouping | None) -> str | None:
    """Write the day, in the city, on which a row of `came` was known; None where none is said."""
    kind = kinds.get(query.known or "", "")
    if query.kept is None or not kind.startswith(("date", "timestamp")):
        return None
    cell = f"c{list(kinds).index(str(query.known))}"
    if kind.startswith("timestamp(") and grouping is None:
        cell = f"timezone({quote_text(query.zone)}, {cell})"
    return f"CAST({cell} AS DATE)"


def keep_arrivals(
    engine: Any,
    kept: Arrivals,
    query: Query,
    wanted: list[str] | None,
    grouping: Grouping | None,
) -> None:
    """Keep the rows of `came` that were known before a day; whole, or not at all."""
    file, day = _name_file(query, wanted, grouping), write_day(query, kept.kinds, grouping)
    if file is None:
        return
    for folder in (file.parents[2], file.parents[1], file.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    rows = engine.con.sql(
        f"SELECT * FROM came WHERE {day} < {quote_text(kept.until)}::DATE"  # noqa: S608
    ).to_arrow_table()
    told = asdict(replace(kept, rows=rows.num_rows, bytes=rows.nbytes))
    note = json.dumps({**told, "file": "", "until": kept.until.isoformat()})
    handle, name = tempfile.mkstemp(dir=file.parent)  # readable by this account alone
    try:
        with os.fdopen(handle, "wb") as out:
            marked = rows.replace_schema_metadata({_NOTE: note.encode()})
            pq.write_table(marked, out, row_group_size=_BATCH, write_page_checksum=True)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)
    others = sorted(file.parent.glob("*.parquet"), key=lambda path: path.stat().st_mtime)
    for old in others[:-_KEPT]:
        old.unlink(missing_ok=True)


def _name_file(query: Query, wanted: list[str] | None, grouping: Grouping | None) -> Path | None:
    if query.kept is None or query.known is None:
        return None
    counted = None if grouping is None else [*map(str, (grouping.occurred, grouping.known))]
    days = None if grouping is None else sorted(grouping.days)
    asked = [_LAYOUT, query.connection, query.driver, query.variable, query.zone, query.statement]
    name = hashlib.sha256(json.dumps([*asked, query.known, wanted, counted, days]).encode())
    return query.kept / f"{name.hexdigest()[:32]}.parquet"


def list_since(query: Query, kept: Arrivals) -> Since:
    """Return what divides rows that came before from those that are new."""
    return Since(str(query.known), kept.until)

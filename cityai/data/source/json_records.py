"""Records written as JSON: a list of them, one a line, or the properties of GeoJSON's features."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cityai.config.tables import SourceSpec
from cityai.confine.json_parts import ARRAY, FEATURES, OBJECT
from cityai.confine.tables import quote_text
from cityai.data.file_digests import digest_file
from cityai.data.source.alike import TellApart, make_raw
from cityai.data.source.engine import (
    MAX_COLUMNS,
    Room,
    SourceTable,
    check_cells,
    check_columns,
    check_size,
    list_none,
)
from cityai.errors import DataError
from cityai.progress import tell

_MALFORMED: Final = "Malformed JSON"
_TOO_LONG: Final = "maximum_object_size"
_BY_LINE: Final = (".jsonl", ".ndjson")
_KINDS: Final = {"ARRAY": "a list", "VARCHAR": "a text", "BOOLEAN": "yes or no", "NULL": "null"}


def open_json(
    room: Room,
    path: Path,
    source: SourceSpec,
    wanted: list[str] | None,
    max_rows: int,
    tell_apart: TellApart | None = None,
) -> SourceTable:
    """Open records; their columns are the names in any of them, in the order in which they come.

    A cell is the text of its value: a number as it is written, a list or an object as its JSON.
    """
    kind, records = _open_records(room, path)
    room.run(f"CREATE VIEW records AS SELECT row_number() OVER () AS n, json FROM {records}")  # noqa: S608
    try:
        names, rows = _look_at_records(room, path)
    except DataError as error:
        if _MALFORMED in error.what and kind != FEATURES:
            room.ask("fault", str(path), kind)
        if _TOO_LONG in error.what:
            raise DataError(
                "a record has more than 16 MB",
                where=str(path),
                next_step="export it again, without attachments or pictures",
            ) from None
        raise
    check_size(rows, max_rows, path)
    place = {name: f"c{i}" for i, name in enumerate(check_columns(wanted, names, path))}
    listed = ", ".join(quote_text(_point(name)) for name in place)
    numbers = f"json_type(json, [{listed}])"
    cells = ", ".join(
        f"{check_cells(_read_cell(i, source.decimal), name)} AS {neutral}"
        for i, (name, neutral) in enumerate(place.items(), 1)
    )
    asked = (
        f"SELECT n, {cells} FROM (SELECT n, json_extract_string(json, [{listed}]) AS texts, "  # noqa: S608
        f"{numbers} AS kinds FROM records)"
    )
    behind = make_raw(room, asked, place, tell_apart)
    engine = room.enter()
    return SourceTable(
        engine.table("raw"),
        place,
        list_none(),
        digest_file(path),
        str(path),
        True,
        engine,
        behind=behind,
    )


def _open_records(room: Room, path: Path) -> tuple[str, str]:
    """Return how the file is laid out, and the engine's expression that reads its records."""
    plain = room.folder.absolute() / "plain.jsonl"
    room.begin(path, path, plain)
    ((kind, members),) = room.ask("json", str(path))
    if kind == OBJECT and path.suffix.lower() not in _BY_LINE:
        raise DataError(
            f"the file holds one object, with {', '.join(map(repr, members))}, and no list of "
            "records",
            where=str(path),
            expected='[{"name": value}, ...], one {"name": value} a line, or GeoJSON',
            next_step="write the list that holds the records into a file of its own",
        )
    if kind != FEATURES:
        layout = "array" if kind == ARRAY else "auto"
        return kind, f"read_json_objects({quote_text(path)}, format='{layout}')"
    ((count, shapes),) = room.ask("properties", str(path), str(plain))
    if shapes:
        tell(f"reading the properties of {count:,} features; their geometry is left out")
    return kind, f"read_json_objects({quote_text(plain)}, format='newline_delimited')"


def _look_at_records(room: Room, path: Path) -> tuple[list[str], int]:
    """Return the names in any record, and how many records there are."""
    room.run(
        "CREATE TABLE shapes AS SELECT json_keys(json) AS names, json_type(json) AS kind, "
        "count(*) AS times, min(n) AS first FROM records GROUP BY ALL"
    )
    for first, kind in room.run(
        "SELECT first, kind FROM shapes WHERE kind <> 'OBJECT' ORDER BY first LIMIT 1"
    ):
        raise DataError(
            f"record {first:,} is {_KINDS.get(kind, 'a number')}, not an object",
            where=str(path),
            expected='{"name": value} in each record',
            next_step="export it again as records",
        )
    for first, name in room.run(
        "SELECT first, name FROM (SELECT first, unnest(names) AS name FROM shapes "
        "WHERE len(names) <> len(list_distinct(names))) GROUP BY ALL HAVING count(*) > 1 "
        "ORDER BY first LIMIT 1"
    ):
        raise DataError(
            f"record {first:,} has '{name}' more than once",
            where=str(path),
            expected="each name once in a record",
            next_step="export it again; which of the values is meant cannot be told",
        )
    names = room.run(
        "SELECT name FROM (SELECT first, unnest(names) AS name, "  # noqa: S608
        "generate_subscripts(names, 1) AS place FROM shapes) GROUP BY name "
        f"ORDER BY min(first), arg_min(place, first) LIMIT {MAX_COLUMNS + 1}"
    )
    ((rows,),) = room.run("SELECT coalesce(sum(times), 0)::BIGINT FROM shapes")
    if not rows or not names:
        raise DataError(
            "the file has no records",
            where=str(path),
            expected="a record for each event or amount",
            next_step="export it again",
        )
    return [str(name) for (name,) in names], int(rows)


def _point(name: str) -> str:
    """Return where a record has a name (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _read_cell(i: int, decimal: str) -> str:
    """Return the expression of a cell: 5.0 is 5, and a number has the marks of the source."""
    number = f"regexp_replace(texts[{i}], '[.]0$', '')"
    if decimal != ".":
        number = f"replace({number}, '.', {quote_text(decimal)})"
    return f"CASE WHEN kinds[{i}] = 'DOUBLE' THEN {number} ELSE texts[{i}] END"

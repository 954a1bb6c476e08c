"""Rows that an Iceberg table lists as deleted by their cells are not read.

The oracle keeps every row in a list of Python, and takes out what each delete names.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.data.versions import find_version
from cityai.errors import DataError
from tests.data.test_deleted_rows import delete_iceberg, list_data, list_files
from tests.data.test_folders import read
from tests.data.test_iceberg import catalog, find_metadata, write

__all__ = ["catalog"]
KINDS = {"n": pa.int64(), "k": pa.string(), "day": pa.date32(), "part": pa.string()}


def number(table: Any, rows: pa.Table) -> pa.Table:
    """Give each column the number that the table gives it."""
    ids = {name: table.schema().find_field(name).field_id for name in rows.column_names}
    fields = [
        pa.field(f.name, f.type, metadata={b"PARQUET:field_id": str(ids[f.name]).encode()})
        for f in rows.schema
    ]
    return rows.cast(pa.schema(fields))


def delete_equal(table: Any, place: Path, rows: pa.Table, **more: Any) -> None:
    """Add a list of deletes by equality, as writers of streams do."""
    from pyiceberg.manifest import DataFileContent

    name = place / "data" / f"{uuid.uuid4()}-equal.parquet"
    pq.write_table(rows, name)
    ids = [int(f.metadata[b"PARQUET:field_id"]) for f in rows.schema]
    given = {
        "content": DataFileContent.EQUALITY_DELETES,
        "file_path": f"file://{name}",
        "equality_ids": ids,
        "record_count": len(rows),
    }
    delete_iceberg(table, place, {}, **(given | more))


def draw_rows(rng: np.random.Generator, count: int) -> list[dict[str, object]]:
    def draw(*values: object) -> list[object]:
        return [values[i] for i in rng.integers(0, len(values), count)]

    days = (dt.date(2024, 1, 1), dt.date(2024, 1, 2), None)
    return [
        dict(zip(KINDS, row, strict=True))
        for row in zip(draw(1, 2, 3, None), draw("x", "y z", "", None), draw(*days),
                       draw("a", "b"), strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("is_parted", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_rows_of_equal_cells_are_not_read(catalog, seed: int, is_parted: bool):
    rng = np.random.default_rng(seed)
    schema = pa.schema(list(KINDS.items()))
    table = catalog.create_table("n.t", schema)
    place = Path(table.location().removeprefix("file://"))
    if is_parted:
        with table.update_spec() as change:
            change.add_identity("part")
    held: list[dict[str, object]] = []
    for _ in range(8):
        if not held or rng.random() < 0.5:
            more = draw_rows(rng, int(rng.integers(1, 12)))
            table.append(pa.Table.from_pylist(more, schema=schema))
            held += more
            continue
        columns = list(rng.choice(["n", "k", "day"], int(rng.integers(1, 4)), replace=False))
        gone = [{c: row[c] for c in columns} for row in draw_rows(rng, 2)]
        files = list_data(table)
        file = files[int(rng.integers(len(files)))]
        rows = number(table, pa.Table.from_pylist(gone).cast(
            pa.schema([(c, KINDS[c]) for c in columns])))  # fmt: skip
        delete_equal(table, place, rows, of=file)
        (of,) = list(file.partition) if is_parted else (None,)
        held = [
            row for row in held
            if not any(all(row[c] == g[c] for c in columns) for g in gone)
            or (is_parted and row["part"] != of)
        ]  # fmt: skip
    names = sorted(KINDS)
    wanted = sorted((tuple(row[c] for c in names) for row in held), key=str)
    if wanted:
        assert sorted(read(place), key=str) == wanted
    else:
        with pytest.raises(DataError, match="no rows"):
            read(place)


def test_lists_count_for_older_files_beside_lists_of_positions_and_whatever_columns_became(catalog):
    from pyiceberg.types import LongType

    table, place = write(catalog, a=pa.array([1, 2, 3, 4], pa.int32()), k=pa.array(list("wxyz")))
    (file,) = list_files(table)
    equal = number(table, pa.table({"a": pa.array([2], pa.int32())}))
    delete_iceberg(table, place, {file: [3]})
    delete_equal(table, place, equal)
    assert read(place) == [(1, "w"), (3, "y")]
    with table.update_schema() as change:
        change.update_column("a", LongType())
        change.rename_column("k", "kind")
    table.append(pa.table({"a": [2, 5], "kind": ["new", "er"]}))
    assert read(place) == [(1, "w"), (2, "new"), (3, "y"), (5, "er")]
    delete_equal(table, place, number(table, pa.table({"a": [5, 1]})))  # wider than older files
    assert read(place) == [(2, "new"), (3, "y")]
    with table.update_schema() as change:
        change.delete_column("a")
    assert read(place) == [("new",), ("y",)]  # deletes by a column that is gone hold
    version = find_version(place)
    assert sorted(count for count, _ in version.deleted.values()) == [1, 3]


def test_a_column_that_came_later_is_missing_in_older_rows(catalog):
    from pyiceberg.types import StringType

    table, place = write(catalog, a=pa.array([1]))
    with table.update_schema() as change:
        change.add_column("z", StringType())
    table.append(pa.table({"a": [2], "z": ["x"]}))
    delete_equal(table, place, number(table, pa.table({"z": pa.array([None], pa.string())})))
    assert read(place) == [(2, "x")]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([Decimal("1.50"), None], None),
        ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None], None),
        ([True, None], None),
        ([dt.time(12, 30), None], None),
        ([0.5, 1.0], "a column is double"),
        ([b"x", b"y"], "a column is large_binary|a column is binary"),
    ],
)
def test_types_by_which_rows_can_be_deleted(catalog, cells, said):
    column = pa.array(cells)
    table, place = write(catalog, n=pa.array([1, 2]), c=column)
    delete_equal(table, place, number(table, pa.table({"c": column.slice(0, 1)})))
    if said is None:
        assert [row[-1] for row in read(place)] == [2]
        return
    with pytest.raises(DataError, match=said):
        read(place)


@pytest.mark.parametrize("lack", ["numbers", "column", "type"])
def test_lists_that_do_not_fit_the_table_are_refused(catalog, lack: str):
    table, place = write(catalog, a=pa.array([1, 2]), k=pa.array(["x", "y"]))
    rows = number(table, pa.table({"a": [1]}))
    more: dict[str, object] = {"numbers": {"equality_ids": None}, "column": {"equality_ids": [2]}}
    if lack == "type":
        field = pa.field("a", pa.string(), metadata={b"PARQUET:field_id": b"1"})
        rows = pa.table({"a": ["1"]}, schema=pa.schema([field]))
    delete_equal(table, place, rows, **more.get(lack, {}))
    with pytest.raises(DataError, match="by equality in a way that is not read here"):
        read(place)
    assert find_metadata(place).is_file()

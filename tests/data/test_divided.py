"""A Delta table divided by columns of which neither its files nor its folders' names hold any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.data.file_digests import digest_file
from cityai.errors import DataError
from tests.data.test_deleted_rows import mark_delta
from tests.data.test_delta import delta
from tests.data.test_folders import read

__all__ = ["delta"]
MAPPED = "delta.columnMapping"
PARTS = {
    "Xy/p 1.parquet": {"col-2": "y z", "col-3": "2024-01-02"},
    "k=1/it's.parquet": {"col-2": None, "col-3": "2024-01-03"},
    "Zz/p.parquet": {"col-2": "007", "col-3": ""},
}


def write_divided(place: Path, mode: str | None, **more: pa.Array) -> None:
    """Write a table that is divided by columns of which its files hold nothing."""
    (place / "_delta_log").mkdir(parents=True)
    kinds = {"b": ("string", 2), "a": ("long", 1), "day": ("date", 3)}
    kinds |= {name: ("long", 4 + i) for i, name in enumerate(more)}
    keys = {name: f"col-{i}" if mode else name for name, (_, i) in kinds.items()}
    fields = [
        {"name": name, "type": kind, "nullable": True, "metadata": {}}
        | {"metadata": {f"{MAPPED}.id": i, f"{MAPPED}.physicalName": keys[name]} if mode else {}}
        for name, (kind, i) in kinds.items()
    ]
    about = {
        "id": "x",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": ["b", "day"],
        "configuration": {f"{MAPPED}.mode": mode} if mode else {},
        "createdTime": 1,
    }
    protocol = {"minReaderVersion": 2 if mode else 1, "minWriterVersion": 5}
    lines: list[dict[str, Any]] = [{"protocol": protocol}, {"metaData": about}]
    for i, (name, texts) in enumerate(PARTS.items()):
        columns = {"a": pa.array([10 * i, 10 * i + 1]), **more}
        schema = pa.schema(
            [
                pa.field(keys[c], v.type, metadata={b"PARQUET:field_id": str(kinds[c][1]).encode()})
                for c, v in columns.items()
            ]
        )
        (place / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table(list(columns.values()), schema=schema), place / name)
        told = {keys[c]: texts[f"col-{kinds[c][1]}"] for c in ("b", "day")}
        add = {"path": quote(name), "partitionValues": told, "modificationTime": 1}
        add["stats"] = json.dumps({"numRecords": 2})
        size = (place / name).stat().st_size
        lines.append({"add": {**add, "size": size, "dataChange": True}})
    (place / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, lines)))


@pytest.mark.parametrize("mode", ["name", "id", None])
def test_a_table_is_divided_by_what_its_log_says(delta, make_workspace, tmp_path, mode):
    place = tmp_path / "t"
    write_divided(place, mode)
    own = delta.QueryBuilder().register("t", delta.DeltaTable(place))
    scanned = pa.table(own.execute("SELECT a, b, CAST(day AS varchar) AS day FROM t")).to_pylist()
    assert read(place) == sorted(tuple(row.values()) for row in scanned)
    assert read(place)[:2] == [(0, "y z", "2024-01-02"), (1, "y z", "2024-01-02")]
    assert read(place)[4] == (20, "007", None)
    seen = digest_file(place)
    log = place / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace('"007"', '"008"'))
    assert digest_file(place) != seen
    mark_delta(place, {"p%201": [0], "it%27s": [1]}, 1, inline=True)
    assert [row[0] for row in read(place)] == [1, 10, 20, 21]


def test_a_column_by_which_a_table_is_divided_stands_for_one_in_its_files(delta, tmp_path):
    write_divided(tmp_path / "t", None)
    part = tmp_path / "t" / "Zz" / "p.parquet"
    pq.write_table(pa.table({"a": [20, 21], "B": ["x", "x"]}), part)
    assert read(tmp_path / "t")[4:] == [(20, "007", None), (21, "007", None)]
    write_divided(tmp_path / "u", "name", filename=pa.array([1, 2]))
    with pytest.raises(DataError, match="has a column 'filename'"):
        read(tmp_path / "u")

"""A Delta table is the files that its log names, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.data import versions
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.sources import digest_sources
from cityai.data.versions import find_version, hold_versions
from cityai.errors import DataError, SetupError
from tests.conftest import PROJECT, draw_requests
from tests.data.test_connections import assert_same
from tests.data.test_folders import read


@pytest.fixture
def delta(lakes: None) -> Any:
    """The library, where it is installed or where `make lakes` puts it."""
    return pytest.importorskip("deltalake", reason="no reader of Delta tables: make lakes")


def test_rows_that_were_deleted_are_not_read_and_later_columns_are_missing_before(delta, tmp_path):
    place = tmp_path / "t"
    delta.write_deltalake(
        place, pa.table({"a": [1, 2, 3], "k": ["x", "y z", None]}), partition_by="k"
    )
    delta.write_deltalake(place, pa.table({"a": [4], "k": ["007"]}), mode="append")
    delta.DeltaTable(place).delete("a = 1")
    assert read(place) == [(2, "y z"), (3, None), (4, "007")]
    more = pa.table({"a": [5], "k": ["x"], "z": [1.5]})
    delta.write_deltalake(place, more, mode="append", schema_mode="merge")
    assert read(place) == [(2, "y z", None), (3, None, None), (4, "007", None), (5, "x", 1.5)]
    assert find_version(place).number == "3"
    delta.DeltaTable(place).create_checkpoint()
    (place / "_delta_log" / f"{0:020}.json").unlink()
    assert len(read(place)) == 4


def test_a_table_gives_the_numbers_of_one_file_and_a_new_version_is_a_change(
    delta, make_workspace, tmp_path
):
    data = draw_requests(weeks=30)
    folder = make_workspace(data=data)
    file = read_events(load_project(folder), DENSE_PANEL)
    table = pa.Table.from_pandas(data, preserve_index=False)
    for part in (table.slice(0, 100), table.slice(100)):
        delta.write_deltalake(folder / "data", part, mode="append")
    make_workspace(PROJECT.replace("data.csv", "data"), data=data)
    project = load_project(folder)
    assert_same(file, read_events(project, DENSE_PANEL))
    seen = digest_sources(project)
    delta.DeltaTable(folder / "data").optimize.compact()
    assert digest_sources(project) != seen
    assert_same(file, read_events(project, DENSE_PANEL))


def test_a_run_reads_one_version_and_its_log_once(delta, make_workspace, monkeypatch):
    """Whatever is written meanwhile: the key of what is saved stands for the rows that are read."""
    data = draw_requests(weeks=20)
    folder = make_workspace(PROJECT.replace("data.csv", "data"), data=data)
    rows = pa.Table.from_pandas(data, preserve_index=False)
    delta.write_deltalake(folder / "data", rows.slice(0, 400))
    asked = []
    ask = versions.ask_reader
    monkeypatch.setattr(versions, "ask_reader", lambda *told: asked.append(told) or ask(*told))
    project = load_project(folder)
    with hold_versions():
        seen = digest_sources(project)
        delta.write_deltalake(folder / "data", rows.slice(400), mode="append")
        events = read_events(project, DENSE_PANEL)
        assert digest_sources(project) == seen
    assert len(asked) == 1
    assert events.counts.read == 400
    (version,) = events.versions.to_dict("records")
    assert (version["format"], version["version"]) == ("Delta", "0")
    assert pd.Timestamp(version["made"]).tz is not None
    assert digest_sources(project) != seen
    asked.clear()
    read_events(project, DENSE_PANEL)
    assert len(asked) == 1  # outside of a run too: its files and their digest are of one version
    with hold_versions():
        old = find_version(folder / "data")
        delta.DeltaTable(folder / "data").optimize.compact()
        delta.DeltaTable(folder / "data").vacuum(0, dry_run=False, enforce_retention_duration=False)
        with pytest.raises(DataError, match="run it again"):
            read_events(project, DENSE_PANEL)
    assert find_version(folder / "data") != old


REFUSED = {
    "v2Checkpoint": '{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, '
    '"readerFeatures": ["v2Checkpoint"], "writerFeatures": ["v2Checkpoint"]}}',
    "not in its folder": '{"add": {"path": "../other.parquet", "partitionValues": {}, '
    '"size": 1, "modificationTime": 1, "dataChange": true}}',
    "cannot be read": "{not a log",
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_not_read_is_refused(delta, tmp_path: Path, said: str):
    place = tmp_path / "t"
    delta.write_deltalake(place, pa.table({"a": [1]}))
    pq.write_table(pa.table({"a": [9]}), tmp_path / "other.parquet")
    (place / "_delta_log" / f"{1:020}.json").write_text(REFUSED[said])
    with pytest.raises(DataError, match=said):
        read(place)


FIELDS = {"b": ("string", 2), "a": ("long", 1), "new": ("double", 3)}


def write_mapped(place: Path, mode: str, numbers: dict[str, int]) -> None:
    """Write a table whose files call its columns otherwise (column mapping)."""
    (place / "_delta_log").mkdir(parents=True)
    fields = [
        {
            "name": name,
            "type": kind,
            "nullable": True,
            "metadata": {
                "delta.columnMapping.id": number,
                "delta.columnMapping.physicalName": f"col-{number}",
            },
        }
        for name, (kind, number) in FIELDS.items()
    ]
    fields.append(
        {
            **fields[0],
            "name": "many",
            "type": {"type": "array", "elementType": "long", "containsNull": True},
        }
    )
    fields[-1]["metadata"] = {"delta.columnMapping.id": 9, "delta.columnMapping.physicalName": "m"}
    about = {
        "id": "x",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": [],
        "configuration": {"delta.columnMapping.mode": mode},
        "createdTime": 1,
    }
    columns = {"col-1": pa.array([1, 2]), "col-2": pa.array(["x", "y"])}
    schema = pa.schema(
        [
            pa.field(name, array.type, metadata={b"PARQUET:field_id": str(number).encode()})
            if (number := numbers.get(name)) is not None
            else pa.field(name, array.type)
            for name, array in columns.items()
        ]
    )
    pq.write_table(pa.table(columns, schema=schema), place / "p.parquet")
    size = (place / "p.parquet").stat().st_size
    add = {"path": "p.parquet", "partitionValues": {}, "size": size, "modificationTime": 1}
    lines = [
        {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
        {"metaData": about},
        {"add": {**add, "dataChange": True}},
    ]
    (place / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, lines)))


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_columns_go_by_their_numbers(delta, tmp_path: Path, mode: str):
    place = tmp_path / "t"
    write_mapped(place, mode, {"col-1": 1, "col-2": 2})
    own = delta.QueryBuilder().register("t", delta.DeltaTable(place))
    scanned = pa.table(own.execute("SELECT a, b, new FROM t")).to_pylist()
    assert (
        read(place) == [tuple(row.values()) for row in scanned] == [(1, "x", None), (2, "y", None)]
    )
    assert find_version(place).unread == {"many": "array"}


@pytest.mark.parametrize(
    "numbers",
    [
        {"col-1": 1},  # written before columns were mapped
        {"col-1": 2, "col-2": 1},
        {"col-1": 1, "col-2": 7},
    ],
)
def test_mapped_columns_that_cannot_be_told_are_refused(delta, tmp_path, numbers):
    write_mapped(tmp_path / "t", "name", numbers)
    with pytest.raises(DataError, match="do not say which"):
        read(tmp_path / "t")


def test_without_the_library_a_table_is_refused(monkeypatch, tmp_path):
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t" / "a.parquet")
    monkeypatch.setattr("cityai.data.versions.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"cityai\[delta\]"):
        read(tmp_path / "t")

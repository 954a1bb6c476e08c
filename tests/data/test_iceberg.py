"""An Iceberg table is the files of its current snapshot, and its columns go by their numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.sources import digest_sources
from cityai.data.versions import find_version
from cityai.errors import DataError, SetupError
from tests.conftest import PROJECT, draw_requests
from tests.data.test_connections import assert_same
from tests.data.test_folders import read


@pytest.fixture
def catalog(lakes: None, tmp_path: Path) -> Any:
    """A catalog of the library's own, in a file."""
    pytest.importorskip("pyiceberg", reason="no reader of Iceberg tables: make lakes")
    from pyiceberg.catalog.sql import SqlCatalog

    made = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/w")
    made.create_namespace("n")
    return made


def write(catalog: Any, **columns: pa.Array) -> tuple[Any, Path]:
    """Write a table; return it and its folder."""
    rows = pa.table(columns)
    made = catalog.create_table("n.t", rows.schema)
    made.append(rows)
    return made, Path(made.location().removeprefix("file://"))


def find_metadata(place: Path) -> Path:
    return max((place / "metadata").glob("*.metadata.json"))


def test_columns_go_by_their_numbers_and_deleted_rows_are_not_read(catalog):
    table, place = write(catalog, a=pa.array([1, 2, 3]), k=pa.array(["x", "y z", None]))
    table.delete("a = 1")
    assert read(place) == [(2, "y z"), (3, None)]
    with table.update_schema() as change:
        change.rename_column("k", "kind")
    # Another column of the name of one that is gone: what stood in that is not in this.
    with table.update_schema() as change:
        change.delete_column("a")
    with table.update_schema() as change:
        change.add_column("a", table.schema().find_type("kind"))
    assert read(place) == [(None, "y z"), (None, None)]
    table.append(pa.table({"kind": ["new"], "a": ["b"]}))
    assert read(place) == [("b", "new"), (None, "y z"), (None, None)]
    version = find_version(place)
    assert version is not None
    assert version.number == str(table.current_snapshot().snapshot_id)
    assert version.made.timestamp() * 1_000 == table.current_snapshot().timestamp_ms


def test_wider_types_are_read(catalog):
    from pyiceberg.types import DoubleType, LongType

    table, place = write(catalog, a=pa.array([1], pa.int32()), f=pa.array([0.5], pa.float32()))
    with table.update_schema() as change:
        change.update_column("a", LongType())
        change.update_column("f", DoubleType())
    table.append(pa.table({"a": [2**40], "f": [0.1]}))
    assert read(place) == [(1, 0.5), (2**40, 0.1)]


def test_a_table_gives_the_numbers_of_one_file_wherever_it_lies(catalog, make_workspace):
    data = draw_requests(weeks=30)
    folder = make_workspace(data=data)
    file = read_events(load_project(folder), DENSE_PANEL)
    rows = pa.Table.from_pandas(data, preserve_index=False)
    table, place = write(catalog, **dict(zip(rows.column_names, rows.columns, strict=True)))
    shutil.copytree(place, folder / "data")
    shutil.rmtree(place)
    make_workspace(PROJECT.replace("data.csv", "data"), data=data)
    project = load_project(folder)
    events = read_events(project, DENSE_PANEL)
    assert_same(file, events)
    (version,) = events.versions.to_dict("records")
    number = str(table.current_snapshot().snapshot_id)
    assert (version["source"], version["format"], version["version"]) == ("data", "Iceberg", number)
    seen = digest_sources(project)
    metadata = find_metadata(folder / "data")
    text = metadata.read_text()
    metadata.write_text(text.replace('"name":"topic"', '"name":"subject"'))
    assert digest_sources(project) != seen
    metadata.write_text(text)
    # The file that a catalog says is current may be named, too.
    make_workspace(PROJECT.replace("data.csv", f"data/metadata/{metadata.name}"), data=data)
    assert_same(file, read_events(load_project(folder), DENSE_PANEL))


def test_which_version_is_current_is_told_or_refused(catalog, tmp_path):
    table, place = write(catalog, a=pa.array([1]))
    first = find_metadata(place)
    table.append(pa.table({"a": [2]}))
    second = find_metadata(place)
    for number, file in enumerate((first, second), 1):
        shutil.copy(file, tmp_path / f"v{number}.metadata.json")
    for file in (place / "metadata").glob("*.metadata.json"):
        file.unlink()
    for number in (1, 2):
        shutil.move(tmp_path / f"v{number}.metadata.json", place / "metadata")
    hint = place / "metadata" / "version-hint.text"
    for said in ("1", "2\n"):  # a hint may lag behind
        hint.write_text(said)
        assert read(place) == [(1,), (2,)]
    for said in ("7", "x", ""):
        hint.write_text(said)
        with pytest.raises(DataError, match=r"names none of its metadata"):
            read(place)
    hint.unlink()
    shutil.copy(place / "metadata" / "v1.metadata.json", place / "metadata/00002-x.metadata.json")
    with pytest.raises(DataError, match=r"00002-x.* and v2.* have the same number"):
        read(place)
    assert read(place / "metadata" / "v1.metadata.json") == [(1,)]


def test_what_is_not_read_is_refused(catalog, tmp_path):
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    lists = pa.array([[1], [2]])
    table, place = write(catalog, a=pa.array([1, 2]), n=lists)
    assert read(place) == [(1,), (2,)]
    metadata, text = find_metadata(place), find_metadata(place).read_text()

    def refuse(said: str, changed: str) -> None:
        metadata.write_text(changed)
        with pytest.raises(DataError, match=said) as raised:
            read(place)
        assert "Ana" not in str(raised.value)
        metadata.write_text(text)

    refuse("cannot be read", text[:200])
    refuse("cannot be read", "{}")
    refuse("not in its folder", text.replace(str(place), f"{tmp_path}/elsewhere", 1))
    refuse("not in its folder", text.replace(f"{place}/metadata/snap", "s3://other/snap"))
    refuse("not in its folder", text.replace("/metadata/snap-", "/../../snap-"))
    without = json.loads(text)
    without["current-snapshot-id"] = -1
    refuse("has no rows", json.dumps(without))
    older = json.loads(text)
    older["format-version"] = 3
    older["next-row-id"] = 0
    older["schemas"][0]["fields"][0]["initial-default"] = 7
    refuse("stands for a value|cannot be read", json.dumps(older))
    # A file that is another than what the table says.
    (part,) = (place / "data").glob("*.parquet")
    good = part.read_bytes()
    schema = schema_to_pyarrow(table.schema()).remove(1)
    named = pa.schema([pa.field("a", pa.string(), metadata=schema.field(0).metadata)])
    pq.write_table(pa.table({"a": ["Ana", "Bo"]}, schema=named), part)
    refuse("the column 'a' is VARCHAR in '.*parquet', and BIGINT in the first", text)
    pq.write_table(pa.table({"a": [1, 2]}), part)
    refuse("do not say which", text)
    part.write_bytes(good[:100])
    refuse("cannot be read", text)
    part.unlink()
    refuse("not in its folder", text)
    for manifest in (place / "metadata").glob("snap-*"):
        manifest.write_bytes(manifest.read_bytes()[:60])
    refuse("cannot be read", text)


def test_without_the_library_a_table_is_refused(monkeypatch, tmp_path):
    (tmp_path / "t" / "metadata").mkdir(parents=True)
    (tmp_path / "t" / "metadata" / "v1.metadata.json").write_text("{}")
    monkeypatch.setattr("cityai.data.versions.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"cityai\[iceberg\]"):
        read(tmp_path / "t")

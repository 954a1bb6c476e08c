"""Rows that a table with versions marks as deleted, apart from its files, are not read."""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.sources import digest_sources
from cityai.data.versions import find_version, hold_versions
from cityai.errors import DataError
from tests.conftest import PROJECT, draw_requests
from tests.data.test_connections import assert_same
from tests.data.test_delta import delta
from tests.data.test_folders import read
from tests.data.test_iceberg import catalog, find_metadata, write

__all__ = ["catalog", "delta"]
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
MARKED = {
    "protocol": {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors", "columnMapping"],
        "writerFeatures": ["deletionVectors", "columnMapping"],
    }
}


def write_z85(data: bytes) -> str:
    def write(word: bytes) -> str:
        value = int.from_bytes(word, "big")
        return "".join(Z85[value // 85**i % 85] for i in (4, 3, 2, 1, 0))

    return "".join(write(data[i : i + 4]) for i in range(0, len(data), 4))


def mark_delta(place: Path, deleted: dict[str, list[int]], version: int, *, inline: bool) -> None:
    """Mark rows of the file whose name has a text as deleted: in the log, or in a file."""
    from pyroaring import BitMap

    adds = {}
    for log in sorted((place / "_delta_log").glob("*.json")):
        for line in map(json.loads, log.read_text().splitlines()):
            if "add" in line:
                adds[line["add"]["path"]] = line["add"]
    said: list[dict[str, Any]] = [MARKED]
    for part, rows in deleted.items():
        (add,) = [add for path, add in adds.items() if part in path]
        data = struct.pack("<iqi", 1681511377, 1, 0) + BitMap(rows).serialize()
        vector: dict[str, Any] = {"sizeInBytes": len(data), "cardinality": len(rows)}
        if inline:
            text = write_z85(data + b"\0" * (-len(data) % 4))
            vector |= {"storageType": "i", "pathOrInlineDv": text}
        else:
            name = uuid.uuid4()
            framed = struct.pack(">i", len(data)) + data + struct.pack(">I", zlib.crc32(data))
            (place / f"deletion_vector_{name}.bin").write_bytes(b"\x01" + framed)
            text = write_z85(name.bytes)
            vector |= {"storageType": "u", "pathOrInlineDv": text, "offset": 1}
        gone = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
        if "deletionVector" in add:
            gone["deletionVector"] = add["deletionVector"]
        said += [{"remove": gone}, {"add": {**add, "deletionVector": vector}}]
    log = place / "_delta_log" / f"{version:020}.json"
    log.write_text("\n".join(map(json.dumps, said)))


def scan_delta(place: Path) -> list[tuple[object, ...]]:
    """The library's own reading of a table, which is none of ours."""
    from deltalake import DeltaTable, QueryBuilder

    found = QueryBuilder().register("t", DeltaTable(place)).execute("SELECT * FROM t")
    return sorted(tuple(row.values()) for row in pa.table(found).to_pylist())


@pytest.mark.parametrize("inline", [True, False])
def test_deletion_vectors_of_a_delta_table(delta, tmp_path: Path, inline: bool):
    place = tmp_path / "t"
    rows = pa.table({"a": list(range(6)), "k": ["x", "x", "x", "y z", "y z", "007"]})
    delta.write_deltalake(place, rows, partition_by="k")
    whole = find_version(place)
    mark_delta(place, {"k=x": [0, 2], "k=y": [1]}, 1, inline=inline)
    assert read(place) == scan_delta(place)
    assert read(place) == [(1, "x"), (3, "y z"), (5, "007")]
    version = find_version(place)
    assert version.parts == whole.parts
    assert sorted(count for count, _ in version.deleted.values()) == [1, 2]
    mark_delta(place, {"k=x": [0, 1, 2]}, 2, inline=inline)
    assert read(place) == scan_delta(place) == [(3, "y z"), (5, "007")]
    mark_delta(place, {"k=x": [1]}, 3, inline=inline)
    assert read(place) == scan_delta(place)


def test_a_table_gives_the_numbers_of_one_file_and_a_mark_alone_is_a_change(
    delta, make_workspace, tmp_path
):
    data = draw_requests(weeks=30)
    gone = data["id"].sample(frac=0.3, random_state=4)
    folder = make_workspace(data=data[~data["id"].isin(gone)])
    file = read_events(load_project(folder), DENSE_PANEL)
    delta.write_deltalake(folder / "data", pa.Table.from_pandas(data, preserve_index=False))
    (written,) = delta.DeltaTable(folder / "data").file_uris()
    marked = np.flatnonzero(pq.read_table(written)["id"].to_pandas().isin(gone))
    make_workspace(PROJECT.replace("data.csv", "data"), data=data)
    project = load_project(folder)
    seen = digest_sources(project)
    mark_delta(folder / "data", {"": marked.tolist()}, 1, inline=False)
    assert digest_sources(project) != seen  # though its files are the same
    assert_same(file, read_events(project, DENSE_PANEL))
    with hold_versions():
        find_version(folder / "data")
        for vector in (folder / "data").glob("*.bin"):
            vector.unlink()
        with pytest.raises(DataError, match="cannot be read"):
            read_events(project, DENSE_PANEL)


def test_all_rows_deleted_and_columns_of_the_engines_names(delta, tmp_path: Path):
    place = tmp_path / "t"
    delta.write_deltalake(place, pa.table({"a": [1, 2]}))
    mark_delta(place, {"": [0, 1]}, 1, inline=True)
    with pytest.raises(DataError, match="has no rows"):
        read(place)
    named = tmp_path / "named"
    delta.write_deltalake(named, pa.table({"FileName": ["x", "y"]}))
    assert read(named) == [("x",), ("y",)]
    mark_delta(named, {"": [0]}, 1, inline=True)
    with pytest.raises(DataError, match="has a column 'filename'"):
        read(named)


def list_data(table: Any) -> list[Any]:
    """The files of rows, of tables too that the library's own scan refuses."""
    manifests = table.current_snapshot().manifests(table.io)
    files = [e.data_file for m in manifests for e in m.fetch_manifest_entry(table.io)]
    return [file for file in files if not int(file.content)]


def delete_iceberg(
    table: Any, place: Path, positions: dict[str, list[int]], of: Any = None, **others: Any
) -> None:
    """Add a file of deletes to a table, as writers do that merge on read."""
    from pyiceberg.manifest import DataFile, DataFileContent

    file = of or list_data(table)[0]
    name = place / "data" / f"{uuid.uuid4()}-deletes.parquet"
    rows = [(path, i) for path, own in positions.items() for i in own]
    columns = pa.table({"file_path": [p for p, _ in rows], "pos": [i for _, i in rows]})
    pq.write_table(columns, name)
    given = {
        "content": DataFileContent.POSITION_DELETES,
        "file_path": f"file://{name}",
        "file_format": file.file_format,
        "partition": file.partition,
        "record_count": len(rows),
        "file_size_in_bytes": name.stat().st_size,
    }
    deletes = DataFile.from_args(**(given | others))
    deletes.spec_id = file.spec_id
    with table.transaction() as change, change.update_snapshot().fast_append() as append:
        append.append_data_file(deletes)


def list_files(table: Any) -> list[str]:
    return sorted(task.file.file_path for task in table.scan().plan_files())


def test_positions_that_an_iceberg_table_lists_as_deleted(catalog):
    table, place = write(catalog, a=pa.array(range(5)), k=pa.array(list("vwxyz")))
    table.append(pa.table({"a": [9, 8], "k": ["new", "er"]}))
    first, second = list_files(table)
    table.append(pa.table({"a": [7], "k": ["last"]}))
    rows = {path: pq.read_table(path.removeprefix("file://")).num_rows for path in (first, second)}
    seen = find_version(place)
    delete_iceberg(table, place, {path: [0, count - 1] for path, count in rows.items()})
    delete_iceberg(table, place, {first: [0, 1], "file:///elsewhere.parquet": [0]})
    own = table.scan().to_arrow().sort_by("a").to_pylist()
    assert read(place) == [(row["a"], row["k"]) for row in own]
    assert find_version(place).parts == seen.parts
    assert {count for count, _ in find_version(place).deleted.values()} <= {2, 3}


def test_a_list_of_deletes_does_not_count_for_files_that_came_after_it(catalog, monkeypatch):
    table, place = write(catalog, a=pa.array([1, 2]))
    table.append(pa.table({"a": [3]}))
    newest = max(
        list_files(table), key=lambda p: Path(p.removeprefix("file://")).stat().st_mtime_ns
    )
    delete_iceberg(table, place, {newest: [0]})
    assert read(place) == [(1,), (2,)]
    from pyiceberg.manifest import ManifestEntry

    own = ManifestEntry.sequence_number

    def sequence(entry: Any) -> int | None:
        return 1 if entry.data_file.file_path.endswith("-deletes.parquet") else own.fget(entry)

    monkeypatch.setattr(ManifestEntry, "sequence_number", property(sequence, own.fset))
    from cityai.confine.iceberg import find_deleted

    metadata = find_metadata(place)
    assert find_deleted(str(metadata), str(place)) == {}


@pytest.mark.parametrize("change", ["equality", "form", "vector"])
def test_deletes_of_another_kind_are_refused(catalog, change: str):
    from pyiceberg.manifest import DataFileContent, FileFormat

    table, place = write(catalog, a=pa.array([1, 2]))
    others = {
        "equality": {"content": DataFileContent.EQUALITY_DELETES},
        "form": {"file_format": FileFormat.ORC},
        "vector": {"file_format": FileFormat.PUFFIN},
    }[change]
    if change == "vector":
        vectors = write_puffin(place, {list_files(table)[0]: [0]})
        others |= {"file_path": vectors, "record_count": 2}
    delete_iceberg(table, place, {list_files(table)[0]: [0]}, **others)
    with pytest.raises(DataError, match="in a way that is not read here"):
        read(place)


def write_puffin(place: Path, deleted: dict[str, list[int]]) -> str:
    """Write deletion vectors of the third version of the format."""
    from pyroaring import BitMap

    body, blobs = b"PFA1", []
    for file, rows in deleted.items():
        vector = struct.pack("<qi", 1, 0) + BitMap(rows).serialize()
        framed = bytes.fromhex("d1d33964") + vector
        blob = struct.pack(">i", len(framed)) + framed + struct.pack(">I", zlib.crc32(framed))
        told = {"referenced-data-file": file, "cardinality": str(len(rows))}
        place_in = {"offset": len(body), "length": len(blob), "fields": [2147483645]}
        moment = {"snapshot-id": -1, "sequence-number": -1}
        blobs.append({"type": "deletion-vector-v1", "properties": told, **place_in, **moment})
        body += blob
    footer = json.dumps({"blobs": blobs}).encode()
    name = place / "data" / f"{uuid.uuid4()}.puffin"
    end = struct.pack("<i", len(footer)) + bytes(4) + b"PFA1"
    name.write_bytes(body + b"PFA1" + footer + end)
    return f"file://{name}"


def test_deletion_vectors_of_an_iceberg_table_stand_for_its_lists(catalog):
    from pyiceberg.manifest import FileFormat

    table, place = write(catalog, a=pa.array(range(5)))
    (file,) = list_files(table)
    vectors = write_puffin(place, {file: [1, 3]})
    others = {"file_path": vectors, "file_format": FileFormat.PUFFIN, "record_count": 2}
    delete_iceberg(table, place, {}, **others)
    assert read(place) == [(0,), (2,), (4,)]
    delete_iceberg(table, place, {file: [3]})  # an older list, whose rows the vector took over
    assert read(place) == [(0,), (2,), (4,)]

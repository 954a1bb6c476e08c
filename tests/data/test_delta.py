"""A Delta table is the files that its log names, and no others."""

from __future__ import annotations

import importlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.data.delta import read_log
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.sources import digest_sources
from cityai.errors import DataError, SetupError
from tests.conftest import PROJECT, draw_requests
from tests.data.test_connections import assert_same
from tests.data.test_folders import read
from tests.servers import SPARK


@pytest.fixture
def delta(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, where it is installed or where `make spark` puts it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(SPARK)])
    if find_spec("deltalake") is None:
        pytest.skip("no reader of Delta tables: make spark, or pip install 'cityai[delta]'")
    return importlib.import_module("deltalake")


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
    assert read_log(place)[0] == 3
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


REFUSED = {
    "deletionVectors": '{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, '
    '"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}}',
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


def test_columns_of_other_names_in_the_files_are_refused(delta, tmp_path):
    place = tmp_path / "t"
    delta.write_deltalake(place, pa.table({"a": [1]}))
    log = place / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            line["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
    log.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(DataError, match=r"columnMapping|cannot be read"):
        read(place)


def test_without_the_library_a_table_is_refused(monkeypatch, tmp_path):
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t" / "a.parquet")
    monkeypatch.setattr("cityai.data.delta.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"cityai\[delta\]"):
        read(tmp_path / "t")

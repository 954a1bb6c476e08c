"""A folder of Parquet files is one table, and what its folders' names say is text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.config.load import load_project
from cityai.config.tables import SourceSpec
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.source import open_source
from cityai.data.sources import digest_sources
from cityai.errors import DataError
from tests.conftest import PROJECT, draw_requests
from tests.data.test_connections import assert_same


def read(path: Path, max_rows: int = 1_000) -> list[tuple[object, ...]]:
    with open_source(SourceSpec(path=str(path)), path, None, max_rows=max_rows) as opened:
        cells = ", ".join(opened.names[name] for name in sorted(opened.names))
        return opened.engine.con.execute(f"SELECT {cells} FROM raw ORDER BY 1").fetchall()


def write(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_a_partitioned_folder_gives_the_numbers_of_one_file(make_workspace, tmp_path):
    data = draw_requests(weeks=30)
    folder = make_workspace(data=data)
    file = read_events(load_project(folder), DENSE_PANEL)
    shuffled = data.sample(frac=1, random_state=1)
    for (district, part), rows in shuffled.groupby(["district", np.arange(len(data)) % 3]):
        place = folder / "data" / f"district={district}" / f"part-{part}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        rows.drop(columns="district").to_parquet(place, index=False)
    make_workspace(PROJECT.replace("data.csv", "data"), data=data)
    project = load_project(folder)
    assert_same(file, read_events(project, DENSE_PANEL))
    seen = digest_sources(project)
    place.rename(place.with_name("part-9.parquet"))
    assert digest_sources(project) != seen


def test_a_code_in_a_folder_s_name_keeps_its_zeros(tmp_path):
    write(tmp_path / "t" / "zip=02134" / "a.parquet", n=[1])
    write(tmp_path / "t" / "zip=1e3" / "b.parquet", n=[2])
    assert read(tmp_path / "t") == [(1, "02134"), (2, "1e3")]


def test_hidden_files_are_no_rows(tmp_path):
    write(tmp_path / "t" / "a.parquet", n=[1])
    for name in ("_temporary/b.parquet", ".c.parquet", "x/.hidden/d.parquet"):
        write(tmp_path / "t" / name, n=[9])
    (tmp_path / "t" / "_SUCCESS").touch()
    assert read(tmp_path / "t") == [(1,)]


def test_a_table_with_versions_is_not_taken_for_its_files(tmp_path):
    write(tmp_path / "t" / "a.parquet", n=[1])
    (tmp_path / "t" / ".hoodie").mkdir()
    with pytest.raises(DataError, match="a Hudi table"):
        read(tmp_path / "t")


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    write(tmp_path / "t" / "a.parquet", n=[1], m=["x"])
    write(tmp_path / "t" / "b.parquet", n=[2])
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "t")


def test_a_file_whose_column_is_of_another_type_is_named_and_no_cell_is_told(tmp_path):
    write(tmp_path / "t" / "2024-01.parquet", n=[1, 2])
    write(tmp_path / "t" / "2024-02.parquet", n=["secret", "4"])
    with pytest.raises(DataError) as caught:
        read(tmp_path / "t")
    assert "'n' is VARCHAR in '2024-02.parquet', and BIGINT in the first" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_all_files_count_against_the_agreed_rows(tmp_path):
    for name in "ab":
        write(tmp_path / "t" / f"{name}.parquet", n=list(range(6)))
    with pytest.raises(DataError, match="has 12 rows"):
        read(tmp_path / "t", max_rows=10)


def test_a_folder_without_tables_is_a_folder(tmp_path):
    (tmp_path / "t").mkdir()
    with pytest.raises(DataError, match="this is a folder"):
        read(tmp_path / "t")

"""The locked door: what it reads, what it refuses, and what it never does."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest

from cityai.config.tables import SourceSpec, UnpivotSpec
from cityai.data.source import open_source
from cityai.data.source.engine import fetch_frame, open_room
from cityai.errors import DataError
from cityai.scaffold.look import look_at_table


def read(path, columns=None, *, unpivot=None, max_rows=1000, **source):
    with open_source(
        SourceSpec(path=str(path), **source), path, columns, max_rows=max_rows, unpivot=unpivot
    ) as opened:
        frame = fetch_frame(opened.table.order_by("n"))
        return frame.rename(columns={v: k for k, v in opened.names.items()}), opened.cut_rows


def write(folder: Path, content: bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n02134,NA\n9007199254740993,x\n",
        b"\xef\xbb\xbfa,b\n02134,NA\n9007199254740993,x\n",
        b"a,b\r\n02134,NA\r\n9007199254740993,x\r\n",
        b"a,b\r\n02134,NA\n9007199254740993,x\r\n",
        b"a,b\r02134,NA\r9007199254740993,x\r",
        b"a,b\n02134,NA\n9007199254740993,x",
        b"a,b\n\n02134,NA\n\n9007199254740993,x\n\n",
        b'"a","b"\n"02134","NA"\n"9007199254740993","x"\n',
        b" a ,b\n02134,NA\n9007199254740993,x\n",
    ],
)
def test_text_stays_as_it_is_written(tmp_path, content):
    frame, cut = read(write(tmp_path, content), ["a", "b"])
    assert frame["a"].tolist() == ["02134", "9007199254740993"]
    assert frame["b"].tolist() == ["NA", "x"]
    assert frame["n"].tolist() == [1, 2]
    assert cut.empty


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_declared_encodings(tmp_path, encoding):
    path = write(tmp_path, "name\nMálaga\nñ\n".encode(encoding))
    frame, _ = read(path, ["name"], encoding=encoding)
    assert frame["name"].tolist() == ["Málaga", "ñ"]


def test_quoted_cells(tmp_path):
    path = write(tmp_path, b'a;b\n"x;y";"say ""no"""\n"two\nlines";z\n')
    frame, _ = read(path, ["a", "b"], delimiter=";")
    assert frame["a"].tolist() == ["x;y", "two\nlines"]
    assert frame["b"].tolist() == ['say "no"', "z"]


def test_a_footnote_below_a_blank_line_is_one_row_that_is_cut(tmp_path):
    path = write(tmp_path, b"a,b\n1,x\n\nSource: the city\n2,y\n")
    frame, cut = read(path, ["a"])
    assert frame["a"].tolist() == ["1", "2"]
    assert cut["reason"].tolist() == ["fewer cells than the header"]


def test_rows_of_another_length_are_listed_and_others_keep_their_number(tmp_path):
    path = write(tmp_path, b"a,b\n1,x\n2,y,EXTRA\n3\n4,z\n5,w,v\n6,q\n")
    frame, cut = read(path, ["a"])
    assert frame["a"].tolist() == ["1", "4", "6"]
    assert frame["n"].tolist() == [1, 4, 6]
    assert cut["row_number"].tolist() == [2, 3, 5]
    assert cut["reason"].tolist() == [
        "more cells than the header",
        "fewer cells than the header",
        "more cells than the header",
    ]


def test_row_numbers_hold_in_a_large_file(tmp_path):
    lines = [f"{i},{'x' * 40}" for i in range(1, 200_001)]
    lines[149_999] += ",EXTRA"
    path = write(tmp_path, ("a,b\n" + "\n".join(lines) + "\n").encode())
    frame, cut = read(path, ["a"], max_rows=10**6)
    assert cut["row_number"].tolist() == [150_000]
    assert (frame["n"] == frame["a"].astype("int64")).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "no column names"),
        (b"a,b\n", "no rows"),
        (b"a,b\n1,\xe9\n", "not in utf-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a,b\n1,2\x003\n", "NUL"),
        (b"a,a\n1,2\n", "appears 2 times(?s:.*)expected: (?s:.*)next: "),
        (b"A,b\n1,2\n", "no column 'a'"),
        (b"a;b\n1;2\n", "no column 'a'"),
        (b'a,b\n1,"x\n2,y\n3,z\n', "cannot be told|by its quotes"),
        (b'a,b\n1,"x\n2,"y"\n3,4\n', "cannot be told|by its quotes"),
    ],
)
def test_broken_files_are_refused_in_one_message(tmp_path, content, words):
    with pytest.raises(DataError, match=words) as caught:
        read(write(tmp_path, content), ["a"])
    assert "t.csv" in caught.value.where


def test_paths_that_are_no_table(tmp_path):
    write(tmp_path, b"a\n1\n", "requests.csv")
    with pytest.raises(DataError, match=r"Did you mean 'requests\.csv'"):
        read(tmp_path / "request.csv", ["a"])
    with pytest.raises(DataError, match="folder"):
        read(tmp_path, ["a"])
    with pytest.raises(DataError, match="are not read"):
        read(write(tmp_path, b"x", "t.xls"), ["a"])
    with pytest.raises(DataError, match="cannot be read"):
        read(write(tmp_path, b"PAR1 not really PAR1", "t.parquet"), ["a"])
    with pytest.raises(DataError, match="cannot be read"):
        read(write(tmp_path, b"not a database at all" * 100, "t.duckdb"), ["a"])


@pytest.mark.promise(24)
def test_too_many_rows_are_refused(observe, tmp_path):
    path = write(tmp_path, b"a,b\n" + b"1,2\n" * 11)
    with pytest.raises(DataError, match="11 rows"):
        read(path, ["a"], max_rows=10)
    pd.DataFrame({"a": range(11)}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="11 rows"):
        read(tmp_path / "t.parquet", ["a"], max_rows=10)
    observe("CSV and Parquet with too many rows refused")


def test_parquet_and_databases_hold_the_same_rows(tmp_path):
    frame = pd.DataFrame(
        {"id": [9007199254740993, 2], 'a;"b] é': ["02134", None], "x": [0.5, np.nan]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    with duckdb.connect(tmp_path / "t.duckdb") as engine:
        engine.register("frame", frame)
        engine.execute('CREATE TABLE "odd ""name" AS SELECT * FROM frame')
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as store, store:
        store.execute('CREATE TABLE "odd ""name" (id, "a;""b] é", x)')
        store.executemany(
            'INSERT INTO "odd ""name" VALUES (?, ?, ?)',
            [(9007199254740993, "02134", 0.5), (2, None, None)],
        )
    store.close()
    for name, table in (("t.parquet", None), ("t.duckdb", 'odd "name'), ("t.sqlite", 'odd "name')):
        found, _ = read(tmp_path / name, ['a;"b] é', "id"], table=table)
        assert found["id"].astype("str").tolist() == ["9007199254740993", "2"], name
        assert found['a;"b] é'].tolist()[0] == "02134"
        assert found['a;"b] é'].isna().tolist() == [False, True]
        with pytest.raises(DataError, match="no column 'missing'"):
            read(tmp_path / name, ["missing"], table=table)
    for name in ("t.duckdb", "t.sqlite"):
        with pytest.raises(DataError, match="no table"):
            read(tmp_path / name, ["id"], table="other")
        with pytest.raises(DataError, match="no table is named"):
            read(tmp_path / name, ["id"])


def test_unpivot_keeps_names_and_missing_values(tmp_path):
    frame = pd.DataFrame({"t": ["a", "b"], "X / Y": [1, 2], "Z": [3.5, None]})
    frame.to_parquet(tmp_path / "t.parquet")
    unpivot = UnpivotSpec(columns=("X / Y", "Z"), into="who", value="much")
    found, _ = read(tmp_path / "t.parquet", ["t", "who", "much"], unpivot=unpivot)
    rows = found.sort_values(["n", "who"])[["t", "who", "much"]].to_numpy().tolist()
    assert rows[:3] == [["a", "X / Y", 1.0], ["a", "Z", 3.5], ["b", "X / Y", 2.0]]
    assert np.isnan(rows[3][2])


def test_the_engine_cannot_leave_its_room(tmp_path):
    secret = write(tmp_path, b"a\nsecret\n", "secret.csv")
    link = tmp_path / "link.csv"
    link.symlink_to(secret)
    attempts = [
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM read_csv('{link}')",
        f"SELECT * FROM read_csv('{tmp_path}/../{tmp_path.name}/secret.csv')",
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access=true",
        "SET memory_limit='900GB'",
        "SET allowed_directories=['/']",
        "SELECT * FROM read_csv('https://example.org/a.csv')",
    ]
    with open_room() as room:
        engine = room.enter()
        for attempt in attempts:
            with pytest.raises(duckdb.Error):
                engine.con.execute(attempt).fetchall()
        assert (room.folder.stat().st_mode & 0o777) == 0o700
    assert not room.folder.exists()
    assert not (tmp_path / "out.csv").exists()


def test_the_private_room_is_gone_after_success_and_failure(tmp_path, monkeypatch):
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    read(write(tmp_path, b"a\r\n1\r\n"), ["a"])
    with pytest.raises(DataError):
        read(write(tmp_path, b"a\r\n1\r\n"), ["b"])
    assert list(private.glob("*/*")) == []


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_frames_are_those_of_the_engine(rows):
    engine = ibis.duckdb.connect()
    engine.con.execute(
        f"CREATE TABLE t AS SELECT 'a' || i::VARCHAR AS s, CASE WHEN i > 1 THEN 'é' END AS t, "
        "i, i::TINYINT AS small, CASE WHEN i % 3 = 0 THEN i END AS gaps, i / 3 AS d, "
        "i::UTINYINT AS short, CASE WHEN i > 2 THEN i::UTINYINT END AS few, "
        "CASE WHEN i > 1 THEN 0.5::DOUBLE END AS x, NULL::VARCHAR AS none, i > 1 AS yes, "
        f"TIMESTAMP '2020-01-01' + INTERVAL (i) DAY AS at FROM range({rows}) AS r(i)"
    )
    table = engine.table("t")
    for expression in (
        table,
        table.drop("yes"),
        table.drop("yes").mutate(at=(table["i"] > 1).ifelse(table["at"], None)),
        table.agg(total=table["i"].sum(), low=table["s"].min(), high=table["x"].max()),
        table.group_by("s").agg(total=table["i"].sum(), gaps=table["gaps"].sum()).order_by("s"),
    ):
        want = engine.con.execute(expression.compile()).df()
        found = fetch_frame(expression)
        texts = [n for n, kind in expression.schema().items() if kind.is_string()]
        whole = [
            n for n, k in expression.schema().items() if k.is_integer() and want[n].notna().all()
        ]
        want = want.astype(
            {
                **dict.fromkeys(texts, "str"),
                **{n: "int64" for n in whole if want[n].dtype.kind == "f"},
            }
        )
        pd.testing.assert_frame_equal(found, want)


@pytest.mark.parametrize("address", ["https://data.city.example/t.csv", "s3://bucket/t.parquet"])
def test_an_address_is_no_missing_file(tmp_path: Path, address: str) -> None:
    with pytest.raises(DataError, match="nothing is fetched from the network") as told:
        read(tmp_path / address)
    assert "download it" in told.value.next_step
    with pytest.raises(DataError, match="nothing is fetched from the network"):
        look_at_table(Path(address))

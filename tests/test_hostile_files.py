"""Hostile and mistyped files through the command line: one message with its place, nothing lost."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityai.card.figures import read_outlines
from cityai.cli.main import run_command
from cityai.errors import DataError
from tests.books import write_book
from tests.conftest import PROJECT, write_workspace

SPEC, WORDS, ROW = "project.yaml", "card.yaml", "id,opened,seen,district,topic\n"
Spoil = Callable[[Path], None]


def put(text: str, name: str = SPEC, after: str = "name: requests\n") -> Spoil:
    """Put lines into a file, after a line that is there."""

    def do(folder: Path) -> None:
        path = folder / name
        before = path.read_text() if path.exists() else after
        path.write_text(before.replace(after, after + text, 1))

    return do


def point(name: str, table: str = "") -> Spoil:
    def do(folder: Path) -> None:
        path = folder / SPEC
        source = f"source: {{path: {name}{', table: ' + table if table else ''}}}"
        path.write_text(path.read_text().replace("source: {path: data.csv}", source))

    return do


def both(*spoils: Spoil) -> Spoil:
    def do(folder: Path) -> None:
        for spoil in spoils:
            spoil(folder)

    return do


def make(name: str, write: Callable[[Path], object], table: str = "") -> Spoil:
    def do(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        write(folder / name)
        point(name, table)(folder)

    return do


def rename(name: str) -> Spoil:
    def do(folder: Path) -> None:
        path = folder / SPEC
        path.write_text(path.read_text().replace("name: requests", f"name: {name}", 1))
        folder.rename(folder.parent / name)

    return do


def write_view(query: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with duckdb.connect(str(path)) as store:
            store.execute(f"CREATE VIEW v AS {query}")

    return write


def write_endless_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        store.execute(
            "CREATE VIEW v AS WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) "
            "SELECT i AS id, i AS opened, i AS seen, i AS district, i AS topic FROM r"
        )


def write_dictionary(path: Path) -> None:
    """A few kilobytes that are two hundred thousand texts of five megabytes."""
    column = pa.DictionaryArray.from_arrays(np.zeros(200_000, dtype="int32"), ["x" * 5_000_000])
    names = ["id", "opened", "seen", "district", "topic"]
    pq.write_table(pa.table([column] * 5, names), path, compression="zstd")


def write_many_rows(path: Path) -> None:
    part = pa.table({name: pa.nulls(5_000_000, pa.int8()) for name in ("id", "opened", "seen")})
    with pq.ParquetWriter(path, part.schema, compression="zstd") as writer:
        for _ in range(10):
            writer.write_table(part)


def write_workbook(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")


BOOK = [
    ROW.strip().split(","),
    *([f"R{i}", "2024-01-01", "2024-01-02", "D1", "heat"] for i in "12"),
]
DATES = (
    "'2024-01-01'::DATE AS opened, '2024-01-02'::DATE AS seen, 'D1' AS district, 'heat' AS topic"
)
NESTED = "x: " + "[" * 5_000
CASES: dict[str, tuple[Spoil, str]] = {
    "no such day": (put("review_due: 2027-06-31\n"), r"project.yaml:2:1: there is no day"),
    "no such month": (put("review_due: 2027-13-01\n"), r"project.yaml:2:1: there is no day"),
    "no such day in words": (
        put("review_due: 2027-06-31\n", WORDS, ""),
        r"card.yaml:1:1: there is",
    ),
    "tag int": (put("x: !!int abc\n"), r"project.yaml:2:4: the tag"),
    "tag float": (put("x: !!float abc\n", WORDS, ""), r"card.yaml:1:4: the tag"),
    "tag bool": (put("protected: !!bool maybe\n"), r"project.yaml:2:12: the tag"),
    "long integer": (put(f"x: {'7' * 5_000}\n"), r"project.yaml:2:1: a number of 5,000"),
    "brackets": (put(NESTED + "\n"), r"project.yaml:2:\d+: nested deeper than"),
    "many brackets": (put("x: " + "[" * 100_000), r"project.yaml:2:\d+: nested deeper than"),
    "800 brackets": (put("x: " + "[" * 800), r"project.yaml:2:\d+: nested deeper than"),
    "brackets in words": (put(NESTED, WORDS, ""), r"card.yaml:1:\d+: nested deeper than"),
    "brackets in the city": (
        put(NESTED, "../../configs/city.yaml", ""),
        r"city.yaml:1:\d+: nested",
    ),
    "colon": (put("use: {purpose: a: b}\n", WORDS, ""), r"card.yaml:1:\d+: (?s:.)*put quotes"),
    "bare colon": (put("use: this: that\n", WORDS, ""), r"card.yaml:1:\d+: (?s:.)*put quotes"),
    "pipe": (make("pipe.csv", os.mkfifo), r"pipe.csv: this is no file, but a pipe"),
    "device": (point("/dev/zero"), r"/dev/zero: this is no file"),
    "pipe as words": (lambda folder: os.mkfifo(folder / WORDS), r"card.yaml: this is no file"),
    "pipe as features": (
        lambda folder: os.mkfifo(folder / "features.py"),
        r"features.py: cannot be read: it is no file",
    ),
    "endless view": (
        make("x.duckdb", write_view(f"SELECT range AS id, {DATES} FROM range(100000000000)"), "v"),
        r"x.duckdb: the table 'v' has more than 20,000,000 rows(?s:.)*data.max_rows",
    ),
    "view that never gives a row": (
        make(
            "x.duckdb",
            write_view(
                f"SELECT range AS id, {DATES} FROM range(1000000000000) WHERE sin(range) > 2"
            ),
            "v",
        ),
        r"x.duckdb: cannot be read \(it took longer than 3 seconds\)(?s:.)*CITYAI_LIMIT_SECONDS",
    ),
    "view of long texts": (
        make(
            "x.duckdb",
            write_view(f"SELECT repeat('x', 100000000) AS id, {DATES} FROM range(9)"),
            "v",
        ),
        r"x.duckdb: cannot be read (?s:.)*a cell of the column 'id' has more than 1,000,000 bytes",
    ),
    "endless sqlite": (
        both(
            make("x.sqlite", write_endless_sqlite, "v"),
            put("  max_rows: 500_000\n", after="data:\n"),
        ),
        r"x.sqlite: (the table 'v' has more than 500,000|cannot be read \(it took longer than)",
    ),
    "many rows": (make("x.parquet", write_many_rows), r"x.parquet: the table has 50,000,000 rows"),
    "dictionary": (make("x.parquet", write_dictionary), r"a cell of the column 'id' has more than"),
    "one long cell": (
        make(
            "long.csv", lambda path: path.write_text(ROW + '"' + "x" * 20_000_000 + '",1,1,1,1\n')
        ),
        r"long.csv, line 2: a line, and so a cell, has more than",
    ),
    "workbook": (make("book.csv", write_workbook), r"book.csv: this is a spreadsheet(?s:.)*save"),
    "workbook with a merge": (
        make("book.xlsx", lambda path: write_book(path, {"D": BOOK}, merged=["D2:D3"])),
        r"book.xlsx, sheet 'D': the cells D2:D3 are merged",
    ),
    "sheets": (
        make("book.xlsx", lambda path: write_book(path, {"D": BOOK, "N": BOOK})),
        r"book.xlsx: there are 2 sheets(?s:.)*D, N(?s:.)*`table`",
    ),
    "cut JSON": (
        make("x.jsonl", lambda path: path.write_text('{"id": 1}\n{"id": ')),
        r"x.jsonl, record 2: this is not JSON",
    ),
    "name twice": (
        make("x.json", lambda path: path.write_text('[{"id": 1, "id": 2}]')),
        r"x.json: record 1 has 'id' more than once",
    ),
    "damaged parquet": (
        make("x.parquet", lambda path: path.write_bytes(b"PAR1" + b"\xff" * 99 + b"PAR1")),
        r"x.parquet: cannot be read",
    ),
    "codes in a header": (
        make("codes.csv", lambda path: path.write_text("\x1b[2J\x1b]0;x\x07id,b\n1,2\n")),
        r"codes.csv: there is no column 'id'",
    ),
    **{
        f"named {name}": (rename(name), rf"projects/{name}/project.yaml:1:1: .*uses itself")
        for name in ("artifacts", "predictions", "misses", "con", "nul", "com1")
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = pd.DataFrame([["R1", "2024-01-01", "2024-01-02", "D1", "heat"]])
    data.columns = ROW.strip().split(",")
    folder = write_workspace(tmp_path, data, PROJECT)
    (tmp_path / "areas.csv").write_text("id,name,residents\nD1,One,9\n")
    for kept in (".cityai/projects/requests/panel/1/record", "model_cards/requests/card.json"):
        (tmp_path / kept).parent.mkdir(parents=True)
        (tmp_path / kept).write_text("earlier")
    monkeypatch.chdir(tmp_path)
    return folder


def read_kept(place: Path) -> dict[Path, str]:
    paths = [*(place / ".cityai" / "projects").rglob("*"), *(place / "model_cards").rglob("*")]
    return {path: path.read_text() for path in paths if path.is_file()}


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail, and return the one message that it gave."""
    code = run_command([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    assert code in (1, 2), out + err
    assert "Traceback" not in out + err
    assert "unexpected" not in err, err
    assert err.count("cityai: ") == 1, err
    assert "\x1b" not in out + err
    return err


SLOW = (
    "endless sqlite",
    "view that never gives a row",
    "pipe",
    "dictionary",
    "endless view",
    "many rows",
)


@pytest.mark.promise(20)
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if case in SLOW else ()) for case in CASES]
)
def test_one_message_with_its_place_and_nothing_lost(
    observe: Callable[[str], None],
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    spoil, says = CASES[case]
    spoil(folder)
    monkeypatch.setenv("CITYAI_LIMIT_SECONDS", "3" if "never gives" in case else "8")
    before = read_kept(folder.parents[1])
    (now,) = folder.parent.iterdir()
    said = call(capfd, "check", now)
    assert re.search(says, said), said
    assert read_kept(folder.parents[1]) == before
    observe("hostile file: one message, nothing lost")


@pytest.mark.parametrize("name", ["file_row_number", "row_n_", "n", "c0", "raw", 'a"b', "rowid"])
def test_columns_of_any_name_are_read(folder: Path, name: str) -> None:
    from cityai.config.tables import SourceSpec
    from cityai.data.source import open_source
    from cityai.data.source.engine import fetch_frame

    table = pd.DataFrame({name: [5, 6], "other": ["x", "y"]})
    table.to_parquet(folder / "x.parquet")
    with duckdb.connect(str(folder / "x.duckdb")) as store:
        store.register("given", table)
        store.execute("CREATE TABLE t AS SELECT * FROM given")
    for file, inside in (("x.parquet", None), ("x.duckdb", "t")):
        source = SourceSpec(path=file, table=inside)
        with open_source(source, folder / file, None, max_rows=9) as opened:
            found = fetch_frame(opened.table).sort_values("n")
            assert found["n"].tolist() == [1, 2]
            assert found[opened.names[name]].tolist() == [5, 6]
            assert found[opened.names["other"]].tolist() == ["x", "y"]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.duckdb", "x.sqlite"])
def test_a_path_is_the_caller_s(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from cityai.config.tables import SourceSpec
    from cityai.data.source import open_source

    table = pd.DataFrame({"a": [5, 6]})
    table.to_csv(folder / "x.csv", index=False)
    table.to_parquet(folder / "x.parquet")
    with duckdb.connect(str(folder / "x.duckdb")) as store:
        store.register("given", table)
        store.execute("CREATE TABLE t AS SELECT * FROM given")
    with closing(sqlite3.connect(folder / "x.sqlite")) as lite, lite:
        lite.execute("CREATE TABLE t AS SELECT 5 AS a UNION ALL SELECT 6")
    monkeypatch.chdir(folder)
    with open_source(SourceSpec(path=name, table="t"), Path(name), None, max_rows=9) as opened:
        assert opened.count_rows() == 2


@pytest.mark.parametrize("name", ["con", "artifacts", "predictions", "lpt1"])
def test_no_project_is_made_of_such_a_name(
    folder: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    said = call(capfd, "new", name, "--template", "blank_demand")
    assert "Windows uses itself" in said
    assert [path.name for path in folder.parent.iterdir()] == ["requests"]


@pytest.mark.parametrize(
    "text",
    [
        '{"features": ' + "[" * 200_000,
        '{"features": [{"properties": {"id": 1}, "geometry": {"type": "Polygon", "coordinates": '
        + "[" * 900
        + "]" * 900
        + "}}]}",
        '{"features": [{"properties": {"id": 1}, "geometry": null}]}',
        '{"features": 5}',
    ],
)
def test_outlines_that_cannot_be_read_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.geojson").write_text(text)
    with pytest.raises(DataError, match="the outlines cannot be read") as caught:
        read_outlines(tmp_path / "x.geojson", "id", {})
    assert caught.value.where.endswith("x.geojson")


def test_empty_polygons_draw_nothing(tmp_path: Path) -> None:
    def write(kind: str, coordinates: object) -> dict[str, object]:
        geometry = {"type": kind, "coordinates": coordinates}
        return {"properties": {"id": len(json.dumps(coordinates))}, "geometry": geometry}

    shapes = [("Polygon", []), ("Polygon", [[], []]), ("MultiPolygon", [[[]]])]
    features = [write(kind, coordinates) for kind, coordinates in shapes]
    (tmp_path / "x.geojson").write_text(json.dumps({"features": features}))
    outlines = read_outlines(tmp_path / "x.geojson", "id", {})
    assert list(outlines.values()) == [(), (), ()]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="it is no file"):
        read_outlines(tmp_path / "pipe", "id", {})


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", "x\u202e", "X"])
def test_a_card_s_id_leads_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from cityai.card.record import seal_record, write_canonical
    from tests.card.conftest import make_city

    record = make_city(reuse=True).record
    forged = seal_record(
        record.model_copy(update={"record": record.record.model_copy(update={"id": name})})
    )
    card = tmp_path / "in" / "card" / "card.json"
    card.parent.mkdir(parents=True)
    (tmp_path / "configs").mkdir()
    card.write_text(write_canonical(forged))
    monkeypatch.chdir(tmp_path / "in")
    before = set(tmp_path.rglob("*"))
    for register in ("cyclonedx", "inventory"):
        said = call(
            capfd, "card", "export", card, "--to", register, "--out", tmp_path / "in" / "out"
        )
        assert "card.json: record.id" in said
    assert set(tmp_path.rglob("*")) == before

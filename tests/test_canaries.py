"""No cell of a city's data leaves the machine, unless it names a declared area or group."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cityai.cli.main import run_command
from tests.conftest import PROJECT, draw_requests, write_workspace
from tests.data.test_connections import CONNECTED
from tests.delivery.conftest import FORECAST, RISK, draw_inspections
from tests.outside.conftest import AMOUNTS, ANSWERS
from tests.servers import QUOTED, SECRET, Postgres

pytestmark = pytest.mark.long
CANARY = "Qzx7"
"""Stands in cells that nobody outside may read."""
FREE = "    note: {type: text}\n"
FIGURES = {"eval", "fairness", "findings", "gaps", "verdict"}
"""Parts of a card that are the same wherever the rows come from."""


def plant(table: pd.DataFrame, column: str, rows: slice) -> None:
    """Write a text of its own into some cells of a column."""
    at = table.index[rows]
    table[column] = table[column].astype(object)
    table.loc[at, column] = [f"{CANARY} {column} {i}" for i in at]


def plant_everywhere(table: pd.DataFrame, texts: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Fill the texts whole; write a few texts into every other column, also where none may be."""
    for column in texts:
        plant(table, column, slice(None))
    for i, column in enumerate(others):
        plant(table, column, slice(40 + 5 * i, 43 + 5 * i))


def list_public(place: Path) -> Iterator[Path]:
    """List everything that leaves the machine, or may: cards, MLflow's store and files, logs."""
    state = place / ".cityai"
    assert oct(state.stat().st_mode & 0o777) == "0o700"
    yield from (p for p in (place / "model_cards").rglob("*") if p.is_file())
    yield from (
        p for p in state.rglob("*") if p.is_file() and p.parts[len(state.parts)] != "projects"
    )


def find_canaries(place: Path) -> list[str]:
    with closing(sqlite3.connect(place / ".cityai" / "mlflow.db")) as store, store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    found = []
    for path in list_public(place):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += pd.read_parquet(io.BytesIO(content)).to_csv().encode()
        if "models" in path.parts:  # a model knows its entities by the column that names them
            content = content.replace(f"{CANARY} district".encode(), b"")
        found += [str(path.relative_to(place))] * (CANARY.encode() in content)
    return found


@pytest.fixture(autouse=True)
def _own(own_store: None) -> None:
    """Every test keeps to its own store."""


def draw_demand() -> pd.DataFrame:
    table = draw_requests().assign(note="", other="")
    plant_everywhere(table, ("id", "note", "other"), ("opened", "seen", "district", "topic"))
    again = table.iloc[[7, 7, 8]]
    return pd.concat([table, again], ignore_index=True)


def draw_cases() -> pd.DataFrame:
    table = draw_inspections().assign(note="", other="")
    plant_everywhere(table, ("id", "note", "other"), ("day", "district", "found", "seats"))
    return pd.concat([table, table.iloc[[7, 7, 8]]], ignore_index=True)


@pytest.mark.promise(5)
@pytest.mark.parametrize("kind", ["demand", "risk"])
def test_a_run_lets_no_cell_out(
    observe: Callable[[str], None], tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data, text = (draw_demand(), FORECAST) if kind == "demand" else (draw_cases(), RISK)
    text = text.replace("  columns:\n    id:", f"  columns:\n{FREE}    id:")
    text = text.replace(
        "dimensions:\n", "dimensions:\n    place: {label: District, attribute: area}\n"
    )
    folder = write_workspace(tmp_path, data, text)
    assert run_command(["run", str(folder)]) == 0
    assert find_canaries(tmp_path) == []
    assert f"{CANARY} district" in capsys.readouterr().err  # who works with the data is told
    assert run_command(["mitigate", str(folder)]) != 0
    assert find_canaries(tmp_path) == []
    observe(f"0 in a run ({kind})")


@pytest.mark.promise(5)
def test_a_run_from_a_database_lets_no_secret_out_and_has_the_card_of_the_file(
    observe: Callable[[str], None],
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    no_pictures: None,
) -> None:
    """The city's own folders, which cells may stand in, are searched too."""
    monkeypatch.setenv("WAREHOUSE", postgres.address)
    data, cards = draw_requests(), []
    postgres.put("requests", pa.Table.from_pandas(data, preserve_index=False))
    for source in ("{path: data.csv}", "{connection: warehouse, table: requests}"):
        text = FORECAST.replace("{path: data.csv}", source)
        folder = write_workspace(tmp_path, data, text, CONNECTED)
        assert run_command(["run", str(folder)]) == 0
        cards.append(json.loads((tmp_path / "model_cards/requests/card.json").read_text()))
    wrong = postgres.address.replace("p4ss", "p5ss")
    monkeypatch.setenv("WAREHOUSE", wrong)
    assert run_command(["run", str(folder)]) == 2
    monkeypatch.setenv("WAREHOUSE", "")
    said = "".join(capfd.readouterr())
    assert f"{len(data):,} rows of 5 columns" in said
    (tmp_path / "said").write_text(said)
    with closing(sqlite3.connect(tmp_path / ".cityai" / "mlflow.db")) as store, store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    searched = [p for p in tmp_path.rglob("*") if p.is_file()]
    hidden = [SECRET, QUOTED, "p4ss", "p5ss", f"127.0.0.1:{postgres.port}"]
    found = [p for p in searched for text in hidden if text.encode() in p.read_bytes()]
    assert found == []
    ours, theirs = (
        {part: content for part, content in card.items() if part in FIGURES} for card in cards
    )
    assert ours.keys() == FIGURES
    assert ours == theirs
    (left,) = cards[1]["data"][0]["left"]
    assert (left["connection"], left["columns"]) == ("warehouse", 5)
    assert not cards[0]["data"][0].get("left")
    observe(f"0 secrets in {len(searched)} files of a run from PostgreSQL")


@pytest.mark.promise(5)
@pytest.mark.parametrize("text", [AMOUNTS, ANSWERS], ids=["amounts", "answers"])
def test_an_audit_lets_no_cell_out(
    observe: Callable[[str], None], tmp_path: Path, text: str
) -> None:
    rng = np.random.default_rng(9)
    n = 720
    table = pd.DataFrame(
        {
            "district": [f"D{i % 6}" for i in range(n)],
            "made": pd.date_range("2014-01-01", periods=12, freq="MS")
            .repeat(60)
            .strftime("%Y-%m-%d"),
            "y": rng.integers(0, 2, n),
            "forecast": rng.random(n).round(3),
            "score": rng.random(n).round(3),
            "d": rng.integers(0, 2, n),
            "before": rng.random(n).round(3),
            "group": rng.choice(["a", "b"], n),
            "note": "",
        }
    )
    table["id"] = np.arange(n)
    if text == ANSWERS:
        plant_everywhere(table, ("note",), ("score",))
    else:
        text = text.replace("entity: district", "entity: id")
        plant_everywhere(table, ("note", "id"), ("district", "made", "forecast"))
    write_workspace(tmp_path, table)
    table.to_csv(tmp_path / "given.csv", index=False)
    (tmp_path / "audit.yaml").write_text(text)
    arguments = ["audit", str(tmp_path / "given.csv"), "--spec", str(tmp_path / "audit.yaml")]
    assert run_command(arguments) == 0
    assert find_canaries(tmp_path) == []
    observe("0 in an audit")


def test_a_run_that_fails_lets_no_cell_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = draw_requests(3)
    plant_everywhere(table, ("id", "opened", "topic"), ("district",))
    folder = write_workspace(tmp_path, table, PROJECT)
    monkeypatch.chdir(folder)
    assert run_command(["run", "."]) == 2
    assert find_canaries(tmp_path) == []

    def fail(*_: object) -> None:
        raise ValueError(f"could not convert '{CANARY}'") from KeyError(CANARY)

    monkeypatch.setattr("cityai.pipeline.run.read_and_check", fail)
    assert run_command(["run", "."]) == 1
    assert CANARY in capsys.readouterr().err
    assert any(p.suffix == ".log" for p in list_public(tmp_path))
    assert find_canaries(tmp_path) == []

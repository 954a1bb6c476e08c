"""Every mistake gets one clear message and its exit code, and harms nothing that was there."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cityai.cli import main
from tests.conftest import CITY, PROJECT, write_workspace

FAST = PROJECT.replace("folds: 7, calibration: 4", "folds: 6, calibration: 3") + (
    "models: {candidates: [theta]}\n"
)
OWN = "features: {own: [recent]}\n"

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Workspace:
    """A workspace with a published card, and what its files held before a test."""

    place: Path
    folder: Path
    inputs: dict[Path, bytes]
    card: dict[Path, bytes]
    saved: dict[Path, bytes]

    def restore(self) -> None:
        shutil.rmtree(self.place / "projects")
        for path, content in self.inputs.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def check_earlier_results(self) -> None:
        """Hold the card and the saved stages against what they were, byte by byte."""
        assert read_files(self.place / "model_cards") == self.card
        for path, content in self.saved.items():
            assert path.read_bytes() == content


def read_files(*folders: Path) -> dict[Path, bytes]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return {path: path.read_bytes() for path in paths if path.is_file()}


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, requests_table: pd.DataFrame) -> Workspace:
    """One good run, with one fast candidate."""
    place = tmp_path_factory.mktemp("city")
    folder = write_workspace(place, requests_table, FAST)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "CITYAI_STATE"):
            monkeypatch.delenv(name, raising=False)
        assert call("run", folder) == 0
    return Workspace(
        place,
        folder,
        inputs=read_files(place / "projects", place / "configs")
        | {place / "areas.csv": (place / "areas.csv").read_bytes()},
        card=read_files(place / "model_cards"),
        saved=read_files(place / ".cityai" / "requests"),
    )


@pytest.fixture
def city(
    published: Workspace, own_store: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    published.restore()
    monkeypatch.chdir(published.place)
    yield published
    published.check_earlier_results()


def write_table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def do(folder: Path) -> None:
        path = folder / "data.csv"
        change(pd.read_csv(path, dtype="str", keep_default_na=False)).to_csv(path, index=False)

    return do


def write_bytes(change: Callable[[bytes], bytes], name: str = "data.csv") -> Change:
    def do(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return do


def edit(old: str, new: str, name: str = "project.yaml") -> Change:
    def do(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return do


def add(text: str) -> Change:
    return write_bytes(lambda content: content + text.encode(), "project.yaml")


def write_own(body: str) -> Change:
    def do(folder: Path) -> None:
        add(OWN)(folder)
        (folder / "features.py").write_text(body)

    return do


def set_cells(column: str, value: str, every: int) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index % every == 0, column] = value
        return table

    return write_table(change)


def write_parquet(change: Callable[[bytes], bytes]) -> Change:
    def do(folder: Path) -> None:
        edit("data.csv", "data.parquet")(folder)
        buffer = io.BytesIO()
        pd.read_csv(folder / "data.csv", dtype="str").to_parquet(buffer)
        (folder / "data.parquet").write_bytes(change(buffer.getvalue()))

    return do


def give_amounts(value: str) -> Change:
    def do(folder: Path) -> None:
        edit("  unit: requests", "  unit: tons\n  measure: sum\n  value: amount")(folder)
        edit("    topic:", "    amount: {type: number}\n    topic:")(folder)
        write_table(lambda table: table.assign(amount=value))(folder)

    return do


def one_a_week(table: pd.DataFrame) -> pd.DataFrame:
    """Keep one row of each week and district."""
    week = pd.to_datetime(table["opened"]).dt.to_period("W")
    weeks = pd.date_range("2021-01-04", periods=130, freq="7D").strftime("%Y-%m-%d")
    parts = [pd.DataFrame({"opened": weeks, "district": f"D{i}", "seen": weeks}) for i in range(6)]
    assert len(week)
    made = pd.concat(parts, ignore_index=True).assign(topic="noise")
    return made.assign(id=[f"R{i}" for i in range(len(made))])


MISTAKES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a wrong data path": (edit("data.csv", "dato.csv"), ()),
    "an empty file": (write_bytes(lambda _: b""), ()),
    "a header and no rows": (write_bytes(lambda b: b[: b.index(b"\n") + 1]), ()),
    "UTF-16": (write_bytes(lambda b: b.decode().encode("utf-16")), ()),
    "Latin-1": (
        write_bytes(lambda b: b.decode().replace("noise", "bruit é", 1).encode("latin-1")),
        (),
    ),
    "a missing column": (write_table(lambda t: t.drop(columns="topic")), ()),
    "a renamed column": (write_table(lambda t: t.rename(columns={"opened": "openned"})), ()),
    "dates that do not parse": (set_cells("opened", "31.12.2021", 1), ()),
    "most dates that do not parse": (
        write_table(lambda t: t.assign(opened=t["opened"].where(t.index % 3 == 0, "31.12.2021"))),
        (),
    ),
    "a repeated key in YAML": (add("title: Another\n"), ()),
    "one period": (write_table(lambda t: t[t["opened"].between("2021-01-04", "2021-01-10")]), ()),
    "a short history": (write_table(lambda t: t[t["opened"] >= "2022-06-01"]), ()),
    "a constant target": (write_table(one_a_week), ()),
    "no value of the target": (give_amounts(""), ()),
    "an unknown key in YAML": (edit("horizon: 2", "horizn: 2"), ()),
    "a corrupt Parquet": (write_parquet(lambda b: b[: len(b) // 2]), ()),
    "a Parquet of noise": (write_parquet(lambda b: b[:100] + bytes(len(b) - 200) + b[-100:]), ()),
    "an open quote": (write_bytes(lambda b: b.replace(b"R000100,", b'"R000100,', 1)), ()),
    "an unknown candidate": (edit("theta", "thetta"), ()),
    "a limit on an unknown metric": (edit("audit:", "audit:\n  limits: {under_forecast: 0.1}"), ()),
    "features.py that is not there": (add(OWN), ()),
    "features.py without the function": (write_own("def recnt(history): return 1\n"), ()),
    "features.py that is not Python": (write_own("def recent(history:\n"), ()),
    "a feature that raises": (write_own("def recent(history):\n    return 1 / 0\n"), ()),
    "a feature of the wrong shape": (
        write_own("def recent(history):\n    return [1.0, 2.0]\n"),
        (),
    ),
    "a feature of texts": (
        write_own("def recent(history):\n    return list(history.values.columns)\n"),
        (),
    ),
    "a time zone that does not exist": (
        edit("America/New_York", "America/Testville", "../../configs/city.yaml"),
        (),
    ),
    "a band column that does not exist": (edit("bands: income", "bands: incme"), ()),
    "a share column that does not exist": (edit("[born_abroad]", "[born_elsewhere]"), ()),
    "an area table that is not there": (
        edit("areas.csv", "places.csv", "../../configs/city.yaml"),
        (),
    ),
    "an area table without its key": (edit("id,name", "ident,name", "../../areas.csv"), ()),
    "YAML that is not YAML": (edit("name: requests", "name: [requests"), ()),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(city: Workspace, capsys: pytest.CaptureFixture[str], name: str) -> None:
    change, said = MISTAKES[name]
    change(city.folder)
    assert call("check", city.folder) == 2
    out, err = capsys.readouterr()
    print("=====", name)
    print(err.replace(str(city.place), "~"))
    print(out)
    for text in said:
        assert text in err

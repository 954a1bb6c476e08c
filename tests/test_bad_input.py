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
from cityai.track.runs import HELD_BACK
from cityai.track.server import connect_tracking
from tests.conftest import PROJECT, write_workspace

pytestmark = pytest.mark.usefixtures("no_pictures")

FAST = PROJECT.replace("folds: 7, calibration: 4", "folds: 6, calibration: 3") + (
    "models: {candidates: [theta]}\n"
)
CITY_FILE = "../../configs/city.yaml"
OWN = "features: {own: [recent]}\n"

COVARIATE = """\
covariates:
  plan:
    source: {path: plan.csv}
    time: week
    by: area
    known: ahead
    columns: {planned: {type: number}}
"""

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
        saved=read_files(place / ".cityai" / "projects" / "requests"),
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


def write_own(body: str, encoding: str = "utf-8") -> Change:
    def do(folder: Path) -> None:
        add(OWN)(folder)
        (folder / "features.py").write_text(body, encoding=encoding)

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


def edit_all(*changes: Change) -> Change:
    def do(folder: Path) -> None:
        for change in changes:
            change(folder)

    return do


def one_a_week(_: pd.DataFrame) -> pd.DataFrame:
    """Make one row for each week and district."""
    weeks = pd.date_range("2021-01-04", periods=130, freq="7D").strftime("%Y-%m-%d")
    parts = [pd.DataFrame({"opened": weeks, "seen": weeks, "district": f"D{i}"}) for i in range(6)]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(topic="noise", id=[f"R{i}" for i in range(len(table))])


PROJECT_FILE = "projects/requests/project.yaml:"
DATA_FILE = "projects/requests/data.csv"
FEATURES_FILE = "projects/requests/features.py"

MISTAKES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a wrong data path": (
        edit("data.csv", "dato.csv"),
        ("projects/requests/dato.csv", "there is no such file", "Did you mean 'data.csv'?"),
    ),
    "a data path in no folder": (
        edit("data.csv", "nowhere/data.csv"),
        ("nowhere/data.csv", "a folder that exists: ", "has no 'nowhere'", "from the workspace's"),
    ),
    "an empty file": (write_bytes(lambda _: b""), (DATA_FILE, "the file is empty", "next: ")),
    "a header and no rows": (
        write_bytes(lambda content: content[: content.index(b"\n") + 1]),
        (DATA_FILE, "a header and no rows", "expected: ", "next: "),
    ),
    "UTF-16": (
        write_bytes(lambda content: content.decode().encode("utf-16")),
        (DATA_FILE, "written in UTF-16", "set `encoding: utf-16`"),
    ),
    "Latin-1": (
        write_bytes(lambda content: content.decode().replace("noise", "é", 1).encode("latin-1")),
        (f"{DATA_FILE}, line ", "not in utf-8", "set `encoding`"),
    ),
    "a missing column": (
        write_table(lambda table: table.drop(columns="topic")),
        (DATA_FILE, "no column 'topic'", "Known: district, id, opened, seen."),
    ),
    "a renamed column": (
        write_table(lambda table: table.rename(columns={"opened": "openned"})),
        (DATA_FILE, "no column 'opened'", "Did you mean 'openned'?"),
    ),
    "most dates do not parse": (
        write_table(lambda t: t.assign(opened=t["opened"].where(t.index % 3 == 0, "31.12.2021"))),
        (
            DATA_FILE,
            "13,215 of 19,823 rows",
            "row 2, column 'opened': '31.12.2021' is not a date",
            "`data.columns`",
        ),
    ),
    "a repeated key in YAML": (
        add("title: Another\n"),
        (PROJECT_FILE, ":1: the key 'title' was already given on line 2", "delete one"),
    ),
    "an unknown key in YAML": (
        edit("horizon: 2", "horizn: 2"),
        (f"{PROJECT_FILE}6:3: the key 'question.horizn' is not known", "Did you mean 'horizon'?"),
    ),
    "YAML that is not YAML": (
        edit("name: requests", "name: [requests"),
        (PROJECT_FILE, "is not valid YAML", "expected: "),
    ),
    "one period": (
        write_table(lambda table: table[table["opened"].between("2021-01-04", "2021-01-10")]),
        ("2021-01-04", "one complete week alone", "give more data"),
    ),
    "a short history": (
        write_table(lambda table: table[table["opened"] >= "2022-06-01"]),
        ("backtest", "67 weeks too short for 6 folds", "lower `backtest.folds`"),
    ),
    "a constant target": (
        write_table(one_a_week),
        ("the count of rows", "1 requests in every period", "check `question.measure`"),
    ),
    "no value of the target": (
        give_amounts(""),
        ("amount: the target has no value in any period", "check `question.value`"),
    ),
    "moments that are declared as text": (
        edit("opened: {type: date,", "opened: {type: text,"),
        (f"{PROJECT_FILE}", "`data.time` names the column 'opened', whose type is text", "date or"),
    ),
    "an amount that is declared as text": (
        edit_all(give_amounts("1"), edit("amount: {type: number}", "amount: {type: text}")),
        (f"{PROJECT_FILE}", "`question.value` names the column 'amount'", "integer or number"),
    ),
    "a covariate of areas without their column": (
        add(COVARIATE),
        (f"{PROJECT_FILE}", "the covariate 'plan' is by area and names no `key`", "expected: "),
    ),
    "a Parquet cut short": (
        write_parquet(lambda content: content[: len(content) // 2]),
        ("data.parquet", "cannot be read", "check that the file is complete"),
    ),
    "a damaged Parquet": (
        write_parquet(lambda b: b[:100] + bytes(len(b) - 200) + b[-100:]),
        ("data.parquet", "cannot be read", "check that the file is complete"),
    ),
    "an open quote": (
        write_bytes(lambda content: content.replace(b"R000100,", b'"R000100,', 1)),
        (DATA_FILE, "row 101", "look at row 101 for a quote that is not closed"),
    ),
    "a cell of very long text": (
        write_bytes(lambda content: content.replace(b"R000100,", b"R" * 3_000_000 + b",", 1)),
        (DATA_FILE, "row 101 is longer than 2,097,152 bytes", "a cell of very long text"),
    ),
    "an unknown candidate": (
        edit("theta", "thetta"),
        ("models.candidates: there is no candidate 'thetta'", "Did you mean 'theta'?"),
    ),
    "a limit on an unknown metric": (
        edit("audit:", "audit:\n  limits: {under_forecast: 0.1}"),
        ("limits.under_forecast", "Did you mean 'under_forecast_share'?"),
    ),
    "features.py is not there": (
        add(OWN),
        (FEATURES_FILE, "names recent, and there is no features.py", "write the file"),
    ),
    "features.py has no such function": (
        write_own("def recnt(history): return 1\n"),
        (FEATURES_FILE, "names 'recent'", "Did you mean 'recnt'?"),
    ),
    "features.py is not Python": (
        write_own("def recent(history:\n"),
        (f"{FEATURES_FILE}:1: the file cannot be run", "expected: "),
    ),
    "features.py is not UTF-8": (
        write_own("def recent(history): return 'é'\n", "latin-1"),
        (f"{FEATURES_FILE}: cannot be read", "UTF-8"),
    ),
    "a feature raises": (
        write_own("def recent(history):\n    return 1 / 0\n"),
        (f"{FEATURES_FILE}:2, recent()", "ZeroDivisionError", "the history was cut at 20"),
    ),
    "a feature of the wrong shape": (
        write_own("def recent(history):\n    return [1.0, 2.0]\n"),
        (f"{FEATURES_FILE}:1, recent() at 20", "the shape (2,)", "(6,): one value for each"),
    ),
    "a feature of texts": (
        write_own("def recent(history):\n    return list(history.values.columns)\n"),
        (f"{FEATURES_FILE}:1, recent() at 20", "other than numbers", "expected: "),
    ),
    "a time zone that does not exist": (
        edit("America/New_York", "America/Testville", CITY_FILE),
        ("configs/city.yaml:3:1: time_zone", "America/New_York", "'America/Testville'"),
    ),
    "a band column that does not exist": (
        edit("bands: income", "bands: incme"),
        ("audit.dimensions.income.bands", "no column 'incme'", "Did you mean 'income'?"),
    ),
    "a share column that does not exist": (
        edit("[born_abroad]", "[born_abrod]"),
        ("origin.shares.abroad", "no column 'born_abrod'", "Did you mean 'born_abroad'?"),
    ),
    "an area table that is not there": (
        edit("areas.csv", "arias.csv", CITY_FILE),
        ("arias.csv", "there is no such file", "Did you mean 'areas.csv'?"),
    ),
    "an area table without its key": (
        edit("id,name", "ident,name", "../../areas.csv"),
        ("areas.csv", "no column 'id'", "Known: "),
    ),
}


def check_message(err: str, *said: str) -> None:
    """Expect one message that says so, with something to hold on to, and no traceback."""
    assert "Traceback" not in err
    assert "Warning" not in err
    assert "went wrong" not in err
    assert err.count("cityai: ") == 1
    assert any(way_out in err for way_out in ("\n  expected: ", "\n  next: ", ", such as "))
    for text in said:
        assert text in err


@pytest.mark.promise(20)
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(
    observe: Callable[[str], None], city: Workspace, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, said = MISTAKES[name]
    change(city.folder)
    assert call("check", city.folder) == 2
    out, err = capsys.readouterr()
    check_message(err, *said)
    assert not out
    observe("mistake: one message")


def test_a_project_that_is_not_there(city: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", city.folder.parent / "request") == 2
    check_message(capsys.readouterr().err, "projects/request: there is no project here", "requests")


COUNTED: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a few dates do not parse": (
        set_cells("opened", "31.12.2021", 1000),
        ("19,803 of 19,823 used, 20 rejected",),
    ),
    "a key is repeated": (
        write_table(lambda table: pd.concat([table, table.head(7)])),
        ("19,823 of 19,830 used, 7 rejected",),
    ),
    "a row is too long": (
        write_bytes(lambda content: content.replace(b",waste\n", b",waste,more\n", 1)),
        ("19,822 of 19,823 used, 1 rejected",),
    ),
    "an area is not in the area table": (
        set_cells("district", "D9", 20),
        ("FAIL", "D9", "area"),
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_what_can_be_left_out_is_counted(
    city: Workspace, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, said = COUNTED[name]
    change(city.folder)
    assert call("check", city.folder) == 0
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "Warning" not in err
    for text in said:
        assert text in out + err


def find_runs(city: Workspace) -> list[Any]:
    """Return the project's runs, the last first, without their children."""
    client = connect_tracking(city.place / ".cityai").client
    experiment = client.get_experiment_by_name("requests")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def test_a_failed_run_says_why_in_mlflow(
    city: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(one_a_week)(city.folder)
    assert call("run", city.folder) == 2
    check_message(capsys.readouterr().err, "1 requests in every period")
    run, *before = find_runs(city)
    assert run.info.status == "FAILED"
    assert run.data.tags["cityai.failure"] == f"TimeError: {HELD_BACK}"
    assert str(city.place) not in str(run.data.tags)
    assert before[-1].info.status == "FINISHED"


def test_a_card_that_cannot_be_published(
    city: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the folder's place refuses root, too."""
    cards, aside = city.place / "model_cards", city.place / "aside"
    cards.rename(aside)
    cards.write_text("in the way")
    try:
        assert call("run", city.folder) == 1
    finally:
        cards.unlink()
        aside.rename(cards)
    check_message(
        capsys.readouterr().err, "model_cards", "the card cannot be published: not a directory"
    )
    run = find_runs(city)[0]
    assert run.info.status == "FAILED"
    assert "the card cannot be published" in run.data.tags["cityai.failure"]


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_private_folder_that_cannot_be_used(
    city: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setenv("CITYAI_STATE", str(city.place / "areas.csv"))
    assert call(command, city.folder) == 1
    check_message(capsys.readouterr().err, "areas.csv", "private folder", "CITYAI_STATE")


def test_a_server_that_does_not_answer(
    city: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:1")
    assert call("run", city.folder) == 1
    err = capsys.readouterr().err
    check_message(err, "http://127.0.0.1:1", "does not answer", "MLFLOW_TRACKING_URI")
    assert "secret" not in err


def call_apart(city: Workspace, *arguments: object, path: Path | None = None) -> Any:
    """Call the command in a process of its own, as a user does."""
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, "-m", "cityai", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=city.place, env=environment
    )


def test_a_system_library_that_is_missing(city: Workspace, tmp_path: Path) -> None:
    said = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "lightgbm.py").write_text(f"raise OSError({said!r})\n")
    edit("theta", "lightgbm")(city.folder)
    done = call_apart(city, "run", city.folder, path=tmp_path)
    assert done.returncode == 1
    check_message(done.stderr, f"lightgbm: LightGBM cannot be loaded: {said}", "libgomp1")
    assert find_runs(city)[0].data.tags["cityai.failure"].startswith("SetupError: lightgbm: ")


def test_a_mistake_is_told_by_the_program_itself(city: Workspace) -> None:
    edit("horizon: 2", "horizn: 2")(city.folder)
    done = call_apart(city, "run", city.folder)
    assert done.returncode == 2
    assert not done.stdout
    check_message(done.stderr, "Did you mean 'horizon'?")


def test_after_all_that_nothing_needs_to_be_done_again(
    city: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check", city.folder) == 0
    assert capsys.readouterr().err.count("(as saved)") == 3
    assert call("card", "verify", city.folder) == 0

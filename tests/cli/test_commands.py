from __future__ import annotations

import json
import os
import pty
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cityai.cli.commands import find_port
from cityai.cli.console import PlainProgress
from cityai.cli.main import run_command
from cityai.cli.windows import draw_folds, write_yaml
from cityai.config.load import load_project
from cityai.data.periods import Periods
from cityai.doctor import GOOD, MISSING, examine_machine
from cityai.errors import DataError, StoreError
from cityai.findings import Finding, Status, sort_findings
from cityai.modeling.folds import Fold, Folds
from cityai.pipeline.check import check_project
from cityai.pipeline.run import run_project
from cityai.progress import SilentProgress
from cityai.store.stages import open_store

NAN = float("nan")

EMPTY = pd.DataFrame()


def make_folds() -> Folds:
    start = Periods("month", pd.Timestamp("2020-01-01"), 36).start
    folds = [Fold(0, "calibration", start(20), start(19), start(20), start(23))]
    folds += [Fold(i, "test", *(start(n + 3 * i) for n in (24, 23, 24, 27))) for i in (1, 2)]
    return Folds(tuple(folds))


def make_findings() -> tuple[Finding, ...]:
    failed = [
        Finding("audit.x", Status.FAIL, f"Under-forecast {i}", "Reason.", subject=f"income=g{i}")
        for i in range(8)
    ]
    return (
        Finding("time.truncation", Status.PASS, "No look into the future", "Bit for bit equal."),
        Finding("audit.y", Status.NOT_ENOUGH, "Bias", "Too few blocks."),
        *failed,
    )


def make_result(folder: Path) -> SimpleNamespace:
    rows = [
        ("forecast", "wape", "overall", 0.0582),
        ("baseline.seasonal_naive", "wape", "overall", 0.0841),
        ("baseline.recent_mean", "wape", "overall", NAN),
        ("candidate.trees", "wape", "overall", 0.06),
    ]
    metrics = pd.DataFrame(rows, columns=["model", "metric", "slice_kind", "value"])
    comparisons = pd.DataFrame(
        [("seasonal_naive", "wape", "pass"), ("recent_mean", "wape", "not enough evidence")],
        columns=["baseline", "metric", "verdict"],
    )
    results = [
        SimpleNamespace(dimension="income", status=status, limit=0.05)
        for status in ("fail", "pass", "suppressed")
    ]
    fairness = SimpleNamespace(
        results=results,
        dimensions=[SimpleNamespace(name="income", label="Income of residents")],
        in_words=("3 comparisons of groups with their reference.",),
    )
    spec = SimpleNamespace(
        title="Waste tonnage by community district",
        city=SimpleNamespace(name="New York City"),
    )
    return SimpleNamespace(
        project=SimpleNamespace(spec=spec, folder=folder / "projects" / "waste"),
        quality=SimpleNamespace(
            counts=SimpleNamespace(read=1000, accepted=990, rejected=4, out_of_scope=6),
            rejects=pd.DataFrame(columns=["row_number", "column", "value", "reason"]),
        ),
        audit=SimpleNamespace(causes=EMPTY, dimensions=EMPTY),
        evaluation=SimpleNamespace(metrics=metrics, comparisons=comparisons),
        card=SimpleNamespace(
            eval=SimpleNamespace(
                in_words=("The forecasts were off by 5.8%.", "Not foreseen was 3.1%.")
            ),
            gaps=[
                SimpleNamespace(path="system.name", what="the name", required=True),
                SimpleNamespace(path="risks", what="what may go wrong", required=False),
            ],
            fairness=fairness,
            findings=sort_findings(make_findings()),
        ),
        findings=make_findings(),
        folds=make_folds(),
        seconds={"snapshot": 3.2, "backtest": 60.7, "quality": 0.1, "the rest": 1.9},
        card_path=folder / "model_cards" / "waste" / "card.html",
        mlflow_run_id="abc123",
    )


@pytest.fixture
def fake_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Stand in for `cityai.pipeline.run` and `cityai.pipeline.check`."""
    module: Any = ModuleType("cityai.pipeline.run")

    def do(project: Any, progress: Any = None) -> SimpleNamespace:
        with progress.stage("reading the data"):
            progress.say("halfway")
            progress.advance(1, 2)
        return make_result(tmp_path)

    module.run_project = module.check_project = do
    module.plan_project = lambda project: make_folds()
    module.verify_published = lambda path: (make_findings()[0],)
    monkeypatch.setitem(sys.modules, "cityai.pipeline.run", module)
    monkeypatch.setitem(sys.modules, "cityai.pipeline.check", module)
    monkeypatch.setitem(sys.modules, "cityai.pipeline.verify", module)
    monkeypatch.chdir(tmp_path)
    return module


@pytest.fixture
def project(make_workspace: Callable[..., Path]) -> str:
    return str(make_workspace())


def read_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_a_run_ends_with_a_calm_summary(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", project]) == 0
    out, err = capsys.readouterr()
    assert "reading the data" in err
    assert read_lines(out) == [
        "",
        "Waste tonnage by community district, New York City",
        "",
        "How good   The forecasts were off by 5.8%.",
        "           Not foreseen was 3.1%.",
        "Against    recent mean     not known  not enough evidence that the forecast is",
        "             better",
        "           seasonal naive     8.4%  the forecast is better",
        "For whom   3 comparisons of groups with their reference.",
        "           - Income of residents: 1 beyond a limit, 1 within, 1 not shown",
        "Checks     10 checks: 1 passed, 8 failed, 1 lack evidence, 0 not shown, 0 only",
        "             inform",
        *[f"           - Under-forecast {i} (income=g{i})" for i in range(6)],
        "           - and 2 more, all in the card",
        "Missing    2 answers of a person, 1 of them needed for release",
        "           begin with `system.name` in projects/waste/card.yaml: the name",
        "Card       model_cards/waste/card.html",
        "MLflow     run abc123 (`cityai ui` shows it)",
        "Time       66 s: snapshot 3, backtest 61, the rest 2",
    ]
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "\x1b" not in out + err


def test_a_check_gives_reasons(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["check", project]) == 0
    out = capsys.readouterr().out
    assert "Rows       990 of 1,000 used, 4 rejected, 6 out of scope" in out
    assert "Asked      2 moments, 2022-04-01 to 2022-07-01" in out
    assert "NOT ENOUGH EVIDENCE  Bias\n  Too few blocks." in out
    assert read_lines(out)[-1] == "8 fail, 1 not enough evidence, 1 pass"
    assert "No look into the future" not in out


def test_the_windows_are_drawn(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["folds", project]) == 0
    lines = read_lines(capsys.readouterr().out)
    assert lines[2].startswith("test 1       2022-04-01  < 2022-03-01  2022-04-01  ")
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("fine", [True, False])
def test_a_picture_shows_what_each_period_is(fine: bool) -> None:
    learn, wait, tested, rest = ("█", "░", "▓", "·") if fine else ("#", "-", "T", ".")
    lines = draw_folds(make_folds(), 51 + 33, fine=fine).splitlines()
    for line, most_learnt in ((lines[1], 3 / 17), (lines[3], 13 / 17)):
        parts = [line[51:].count(mark) for mark in (learn, wait, tested, rest)]
        marks = zip((learn, wait, tested, rest), parts, strict=True)
        assert line[51:] == "".join(mark * n for mark, n in marks)
        assert sum(parts) == 33
        assert abs(parts[0] / 33 - most_learnt) < 0.1
        assert abs(parts[2] / 33 - 3 / 17) < 0.1
    assert lines[-1].startswith(f"{learn} learnt from")
    narrow = draw_folds(make_folds(), 70, fine=fine).splitlines()
    assert all(tested in line and learn in line for line in narrow[1:4])


def test_verify_ends_by_what_it_found(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["card", "verify", project]) == 0
    assert capsys.readouterr().out == "1 pass\n"
    fake_run.verify_published = lambda path: make_findings()  # type: ignore[attr-defined]
    assert run_command(["card", "verify", project]) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("no column 't'", where="a.csv", next_step="add it"), 2),
        (StoreError("the disk is full"), 1),
        (KeyboardInterrupt(), 1),
        (ZeroDivisionError("secret"), 1),
    ],
)
def test_an_error_is_a_message_and_a_code(
    fake_run: ModuleType,
    project: str,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(project: Any, progress: Any) -> None:
        raise error

    fake_run.run_project = fail  # type: ignore[attr-defined]
    assert run_command(["run", project]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "cityai: " in err
    if isinstance(error, ZeroDivisionError):
        log = Path(err.strip().rpartition(": ")[2])
        assert "ZeroDivisionError" in log.read_text()
        assert "in run_command" in log.read_text()
        assert "secret" not in log.read_text()
        assert oct(log.stat().st_mode & 0o777) == "0o600"
        assert log.is_relative_to(Path.cwd() / ".cityai" / "logs")
    if not isinstance(error, KeyboardInterrupt):
        with pytest.raises(type(error)):
            run_command(["run", project], debug=True)


@pytest.mark.parametrize(
    "arguments",
    [["runn"], ["run"], ["run", "nowhere"], ["run", "x", "y"], ["show", "--format", "xml", "x"]],
)
def test_a_mistake_of_the_user_is_two(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_show_gives_the_resolved_specification(
    project: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_command(["show", project, "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["policy"]["small_cell"] == 11
    assert content["backtest"]["folds"] == 7
    assert run_command(["show", project]) == 0
    from cityai.config.yaml import read_yaml

    path = tmp_path / "shown.yaml"
    path.write_text(capsys.readouterr().out)
    assert read_yaml(path).content == content


def test_yaml_texts_are_never_guessed() -> None:
    content = {"country": "NO", "zip": "02134", "list": [1, "a"], "deep": [{"x": []}], "e": {}}
    assert write_yaml(content) == (
        'country: "NO"\nzip: "02134"\nlist: [1, "a"]\ndeep:\n  -\n    x: []\ne: {}'
    )


def test_schema_is_printed_and_written(
    project: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["schema"]) == 0
    parts = json.loads(capsys.readouterr().out)["$defs"]
    assert "QuestionSpec" in parts or parts["RiskProject"]["properties"]["question"]
    assert run_command(["schema", "--write"]) == 0
    written = sorted(p.name for p in (tmp_path / "configs").glob("*.schema.json"))
    assert written == [f"{n}.schema.json" for n in ("audit", "card", "city", "policy", "project")]


def test_the_doctor_says_how_to_mend(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITYAI_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run_command(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^note +CITYAI_DATA", out, re.MULTILINE)
    assert "-> set CITYAI_DATA" in out
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CITYAI_STATE", str(tmp_path / "file" / "x"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    parts = {part.name: part for part in examine_machine(tmp_path)}
    assert parts["MLflow store"].state == MISSING
    assert parts["OpenMP"].state == GOOD
    assert all(part.remedy for part in parts.values() if part.state == MISSING)


def test_the_sample_city_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    module: Any = ModuleType("cityai.samples.write")
    called: list[tuple[Path, int]] = []
    module.ensure_sample_city = lambda folder, seed: called.append((folder, seed))
    monkeypatch.setitem(sys.modules, "cityai.samples.write", module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CITYAI_STATE", raising=False)
    assert run_command(["sample-city"]) == 0
    assert run_command(["sample-city", str(tmp_path / "x"), "--seed", "3"]) == 0
    assert called == [(tmp_path / ".cityai" / "sample_city", 7), (tmp_path / "x", 3)]


def test_ui_is_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    started: list[list[str]] = []

    def start(command: list[str], check: bool) -> SimpleNamespace:
        started.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", start)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    port = str(find_port(5000))
    assert run_command(["ui"]) == 0
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out
    assert "127.0.0.1" in started[0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.city:5000")
    assert run_command(["ui"]) == 0
    assert "http://mlflow.city:5000" in capsys.readouterr().out
    assert len(started) == 1


HEAVY = "pandas numpy mlflow lightgbm sklearn shap matplotlib duckdb ibis rich jinja2"
PROBE = f"""
import sys
from cityai.cli.main import run_command
code = run_command(sys.argv[1:])
assert code == 0, code
loaded = sorted(set({HEAVY!r}.split()) & set(sys.modules))
assert not loaded, loaded
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_is_there_at_once() -> None:
    command = [sys.executable, "-m", "cityai", "--help"]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.5  # of the processor, so that a busy machine does not matter


LIVE = """
from cityai.cli.console import tell_progress
with tell_progress() as progress:
    with progress.stage("reading [the] data"):
        progress.say("half")
        progress.advance(1, 2)
"""


def test_progress_is_live_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", LIVE], stderr=theirs, stdout=theirs, check=True, timeout=60
    )
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert b"reading [the] data" in said
    assert re.search(rb"0\.\d s", said)


class Heard(Exception):
    """What was told at once."""


class Listening(SilentProgress):
    """Ends at the first warning: nothing was waited for before it."""

    def warn(self, what: str) -> None:
        raise Heard(what)


@pytest.mark.parametrize("begin", [run_project, check_project])
def test_a_second_run_says_at_once_for_whom_it_waits(
    begin: Callable[..., Any], make_workspace: Callable[..., Path]
) -> None:
    project = load_project(make_workspace())
    with (
        open_store(project.state).lock_project(project.spec.name),
        pytest.raises(Heard, match=rf"in progress \(process {os.getpid()}\); waiting"),
    ):
        begin(project, Listening())


def test_what_must_be_known_at_once_is_written_to_a_pipe_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PlainProgress().warn("another run is in progress (process 7); waiting")
    assert capsys.readouterr().err == "  another run is in progress (process 7); waiting\n"

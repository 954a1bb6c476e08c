from __future__ import annotations

import json
import os
import pty
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cityai.assessment.foresight import Foresight
from cityai.card.verify import read_record
from cityai.cli.commands import find_port
from cityai.cli.console import PlainProgress
from cityai.cli.main import run_command
from cityai.cli.windows import draw_folds, tell_more, write_yaml
from cityai.config.load import load_project
from cityai.data.periods import Periods
from cityai.doctor import GOOD, MISSING, examine_machine
from cityai.errors import DataError, StoreError
from cityai.findings import Finding, Status
from cityai.modeling.folds import Fold, Folds
from cityai.pipeline.check import check_project
from cityai.pipeline.run import run_project
from cityai.progress import SilentProgress
from cityai.records.events import list_left
from cityai.store.stages import open_store

CARDS = Path(__file__).parents[2] / "model_cards"
EMPTY = pd.DataFrame()


def make_folds() -> Folds:
    start = Periods("month", pd.Timestamp("2020-01-01"), 36).start
    folds = [Fold(0, "calibration", start(20), start(19), start(20), start(23))]
    folds += [Fold(i, "test", *(start(n + 3 * i) for n in (24, 23, 24, 27))) for i in (1, 2)]
    return Folds(tuple(folds))


def make_foresight() -> Foresight:
    columns = ["dimension", "metric", "limit", "least_limit", "sentence"]
    rows = [
        ("income", "bias", 0.05, 0.12, "Bias, income: no gap passes the limit of 5 points."),
        ("origin", "bias", 0.05, 0.02, "Bias, origin: a gap of 0 can pass."),
        ("origin", "coverage", 0.05, float("nan"), "Coverage, origin: no gap has an interval."),
    ]
    return Foresight(pd.DataFrame(rows, columns=columns))


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
    spec = SimpleNamespace(
        title="Waste tonnage by community district",
        city=SimpleNamespace(name="New York City", synthetic=False),
        question=SimpleNamespace(),
        data=SimpleNamespace(since=None, until=date(2022, 10, 1), where={"kind": ()}, without={}),
    )
    return SimpleNamespace(
        project=SimpleNamespace(spec=spec, folder=folder / "projects" / "waste"),
        quality=SimpleNamespace(
            counts=SimpleNamespace(read=1000, accepted=990, rejected=4, out_of_scope=6),
            rejects=pd.DataFrame(columns=["row_number", "column", "value", "reason"]),
            left=list_left(),
        ),
        audit=SimpleNamespace(causes=EMPTY, dimensions=EMPTY),
        card=read_record((CARDS / "waste_tonnage" / "card.json").read_text("utf-8")),
        findings=make_findings(),
        folds=make_folds(),
        foresight=make_foresight(),
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
    foresight = make_foresight()
    module.plan_project = lambda project, progress: SimpleNamespace(
        folds=make_folds(), foresight=foresight
    )
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


def test_a_run_ends_with_its_verdict_and_its_card(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", project]) == 0
    out, err = capsys.readouterr()
    assert "reading the data" in err
    lines = read_lines(out)
    assert lines[0].startswith("┌─ ? READY ON CONDITIONS ───")
    assert lines[1] == f"{'│ Waste tonnage by community district, New York City':<79}│"
    assert "MLflow run abc123 (`cityai ui`), 66 s ─┘" in out
    assert lines[-1].endswith("model_cards/waste/card.html")
    assert "\x1b" not in out + err


def test_a_check_gives_reasons(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["check", project]) == 0
    out = capsys.readouterr().out
    assert "Rows       990 of 1,000 used, 4 rejected, 6 out of scope" in out
    assert "out of scope are rows outside `until` 2022-10-01, `where` kind, and" in out
    assert "Asked      2 moments, 2022-04-01 to 2022-07-01" in out
    assert "NOT ENOUGH EVIDENCE  Bias\n  Too few blocks." in out
    assert read_lines(out)[-1] == "8 fail, 1 not enough evidence, 1 pass"
    assert "No look into the future" not in out


@pytest.mark.parametrize("command", ["check", "folds"])
def test_what_can_be_decided_is_said_a_line_a_limit(
    fake_run: ModuleType, project: str, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    worst = ["income: no gap passes the limit of 5 points.", "Coverage, origin: no gap has an"]
    assert run_command([command, project]) == 0
    told = capsys.readouterr().out
    assert f"Can tell   Bias, {worst[0]}\n           {worst[1]} interval.\n" in told
    assert "a gap of 0 can pass" not in told
    assert run_command([command, project, "--all"]) == 0
    assert "Bias, origin: a gap of 0 can pass." in capsys.readouterr().out


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
    assert not any("your data hold" in line for line in lines)
    longer = draw_folds(replace(make_folds(), more=5), 51 + 33, fine=fine).splitlines()
    assert longer == [*lines, "your data hold 5 more replays (`backtest.folds: 7`)"]
    assert tell_more(replace(make_folds(), more=400)) == [
        "your data hold 400 more replays (`backtest.folds: 200`)"
    ]
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
    assert written == [
        f"{n}.schema.json"
        for n in ("audit", "card", "city", "evaluation", "keys", "policy", "project")
    ]


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


def test_ui_opens_its_own_pages_or_names_those_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from cityai.track import pages

    opened: list[int] = []

    def open_pages(state: Path, port: int, tell: Any, name: str) -> int:
        opened.append(port)
        tell(f"http://127.0.0.1:{port}/#/experiments")
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pages, "open_pages", open_pages)
    monkeypatch.setattr(pages, "find_page", lambda state, server, name: f"{server}/#/page")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    port = find_port(5000)
    assert run_command(["ui"]) == 0
    assert f"http://127.0.0.1:{port}/#/experiments" in capsys.readouterr().out
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.city:5000")
    assert run_command(["ui"]) == 0
    assert "http://mlflow.city:5000/#/page" in capsys.readouterr().out
    assert opened == [port]


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


def test_help_tells_a_newcomer_first_what_comes_first_and_cuts_no_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for group in ([], ["card"], ["evaluate"], ["project"], ["registry"], ["review"]):
        assert run_command([*group, "--help"]) == 0
        told = capsys.readouterr().out.partition("Commands:\n")[2]
        assert told
        assert "..." not in told
        if not group:
            assert re.findall(r"^  ([\w-]+)", told, re.M)[:4] == ["init", "new", "check", "run"]


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


def test_a_card_that_was_copied_out_of_its_workspace_is_told_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "card.json").write_text("{}")
    assert run_command(["card", "brief", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "the card lies in no workspace" in said
    assert "go into the workspace that published it" in said
    assert "cityai init" not in said


def test_a_card_that_is_not_there_is_told_as_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["card", "diff", str(tmp_path / "nope")]) == 2
    said = capsys.readouterr().err
    assert "there is no such file or folder" in said
    assert "the folder of a published card" in said

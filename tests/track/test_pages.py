from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from cityai.errors import TrackingError
from cityai.track import pages
from cityai.track.pages import KEEPER, build_ui_command, find_page, find_server, open_pages
from cityai.track.process import read_start
from cityai.track.server import Tracking

SLEEPER = "import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
WRITER = "import os, time; open({file!r}, 'w').write(str(os.getpid())); time.sleep(600)"
HOLDER = (
    "import subprocess, time; "
    "held = subprocess.Popen({command!r}, stdin=subprocess.PIPE); time.sleep(600)"
)


def wait_until(told: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_pages_are_for_this_machine_only(tmp_path: Path) -> None:
    command = build_ui_command(tmp_path, 5123)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5123"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_who_started_it(tmp_path: Path, number: int) -> None:
    """What it started ends too: MLflow's server is a child of MLflow's command."""
    file = tmp_path / "pid"
    program = SLEEPER.format(inner=WRITER.format(file=str(file)))
    command = [sys.executable, str(KEEPER), sys.executable, "-c", program]
    holder = subprocess.Popen([sys.executable, "-c", HOLDER.format(command=command)])
    wait_until(lambda: file.exists() and file.read_text())
    pid = int(file.read_text())
    assert read_start(pid)
    holder.send_signal(number)
    holder.wait()
    with suppress(ProcessLookupError):
        wait_until(lambda: not read_start(pid))
    assert not read_start(pid)


def test_pages_end_when_their_parent_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    parents = iter([1000, 1000, 1000, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    monkeypatch.setattr(pages, "_is_detached", lambda: False)  # also under nohup
    monkeypatch.setattr(pages, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(pages, "find_page", lambda *_: "http://here/#/experiments")
    monkeypatch.setattr(pages, "build_ui_command", lambda *_: program)
    monkeypatch.setattr(pages, "_is_open", lambda port: True)
    before = signal.getsignal(signal.SIGTERM)
    assert open_pages(tmp_path, 5123, told.append) == 0
    assert told == ["http://here/#/experiments"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_server_that_does_not_open_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(pages, "find_page", lambda *_: "http://here")
    monkeypatch.setattr(pages, "build_ui_command", lambda *_: [sys.executable, "-c", "1"])
    monkeypatch.setattr(pages, "_is_open", lambda port: False)
    with pytest.raises(TrackingError, match="did not open"):
        open_pages(tmp_path, 5123, print)


def test_the_page_compares_the_runs_of_a_project(
    logged: SimpleNamespace, tracking: Tracking, state: Path
) -> None:
    """The page for models, in charts, with the saved view; not the one for chatbots."""
    for project in ("waste", ""):
        page = find_page(state, "http://127.0.0.1:5000", project)
        address, _, asked = page.partition("?")
        assert address.startswith("http://127.0.0.1:5000/#/experiments/")
        assert set(asked.split("&")) == {
            "workflowType=machine_learning", "compareRunsMode=CHART", "viewStateShareKey=compare",
        }  # fmt: skip
    with pytest.raises(TrackingError, match="'wood' was never run"):
        find_page(state, "http://127.0.0.1:5000", "wood")


def test_a_server_of_others_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_server(tmp_path) == ""
    for uri in ("http://x:5000", "databricks"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert find_server(tmp_path) == uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////tmp/x.db")
    assert find_server(tmp_path) == ""

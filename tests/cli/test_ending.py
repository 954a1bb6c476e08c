"""How a command ends: its words are out, its files are closed, and nothing is taken apart."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cityai import doctor
from cityai.cli.console import loading
from cityai.data.file_digests import digest_file
from cityai.errors import DataError

main = import_module("cityai.cli.main")

END = "from cityai.cli.main import end_process; end_process(3)"


def run_code(code: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", code], check=False, **more)  # type: ignore[call-overload]


def test_what_was_said_and_left_for_the_end_comes_out() -> None:
    code = "import atexit, sys; atexit.register(print, 'left'); print('said');"
    done = run_code(f"{code} print('wrong', end='', file=sys.stderr); {END}", capture_output=True)
    assert (done.stdout, done.stderr, done.returncode) == (b"said\nleft\n", b"wrong", 3)


@pytest.mark.parametrize("stream", ["None", "open('/dev/full', 'w')"])
def test_a_command_ends_where_nobody_can_be_told(stream: str) -> None:
    assert run_code(f"import sys; sys.stdout = {stream}; print('said'); {END}").returncode == 3


def test_what_is_loaded_is_looked_through_again_at_the_end() -> None:
    frozen = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen


def test_ctrl_c_while_libraries_are_loaded_shows_no_traceback() -> None:
    code = (
        "import builtins; load = builtins.__import__\n"
        "def stop(name, *more, **named):\n"
        "    if name == 'typer': raise KeyboardInterrupt\n"
        "    return load(name, *more, **named)\n"
        "builtins.__import__ = stop\n"
        "import cityai.cli"
    )
    done = run_code(code, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"cityai: stopped before it began\n")


def test_a_command_that_is_asked_to_end_says_so_whatever_it_does() -> None:
    code = (
        "import os, signal, sys; from importlib import import_module\n"
        "cli = import_module('cityai.cli.main'); sys.argv = ['cityai', 'templates']\n"
        "cli.check_system = lambda: os.kill(os.getpid(), signal.SIGTERM)\n"
        "cli.main()"
    )
    done = run_code(code, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.startswith(b"cityai: stopped; run it again")


@pytest.mark.parametrize("number", main.OF_THE_SYSTEM)
def test_what_the_system_refuses_is_told_without_the_maintainers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), "/data/calls.csv")

    monkeypatch.setattr(main, "check_system", refuse)
    assert main.run_command(["templates"]) == main.FAILED
    told = capsys.readouterr().err
    assert f"/data/calls.csv: {os.strerror(number).lower()}" in told
    assert "maintainers" not in told


def test_a_table_that_this_account_may_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("day\n")

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be read: permission denied") as caught:
        digest_file(path)
    assert caught.value.where == str(path)


def test_a_store_that_is_closed_to_this_account_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_database", lambda _: tmp_path / "mlflow.db")
    assert doctor._examine_store(tmp_path).state == doctor.GOOD
    (tmp_path / "mlflow.db").write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "permission denied" in doctor._examine_store(tmp_path).detail

"""How a command ends: its words are out, its files are closed, and nothing is taken apart."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from cityai.cli.loading import loading

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

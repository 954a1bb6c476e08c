"""Starts a program and ends it with whoever holds the other end of the standard input.

A script of its own, with the standard library alone: it outlives the process that started it, by
as long as it takes to end what it keeps. However that process ends (SIGKILL too), the system
closes the pipe.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

PATIENCE = 5.0
"""Seconds that a program is given to end by itself."""


def keep(command: Sequence[str]) -> int:
    """Run a command in a group of processes of its own; end the group when the input ends."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_wait_for_end, args=(program,), daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end(program))
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the end of the input will tell
    return program.wait()


def end(program: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    for number in ("SIGTERM", "SIGKILL"):
        with suppress(ProcessLookupError, PermissionError):
            _send(program, number)
        with suppress(subprocess.TimeoutExpired):
            program.wait(PATIENCE)


def _send(program: subprocess.Popen[bytes], name: str) -> None:
    if os.name == "posix":
        os.killpg(program.pid, getattr(signal, name))
    else:
        program.kill()


def _wait_for_end(program: subprocess.Popen[bytes]) -> None:
    while sys.stdin.buffer.read(1):
        pass
    end(program)


if __name__ == "__main__":
    raise SystemExit(keep(sys.argv[1:]))

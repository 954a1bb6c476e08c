"""A process that works on what came from outside: asked by messages, ended at its limits."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

from cityai.errors import CityaiError, DataError, SetupError, SpecError, UserError

SECONDS, GIGABYTES = "CITYAI_LIMIT_SECONDS", "CITYAI_LIMIT_GB"
"""Variables of the environment that raise a limit."""
DEFAULTS: Final = {SECONDS: 600.0, GIGABYTES: 8.0}
_KEPT: Final = (
    *("LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)
_BOOT: Final = """
import json, sys
sys.path[:], module, closed, gigabytes, sys.argv[1:] = *json.loads(sys.argv[1]), []
from cityai.confine.kernel import limit_memory, list_code, outlive_nobody, shut_in
limit_memory(gigabytes)
shut = closed and shut_in(list_code())
outlive_nobody()
from importlib import import_module
import_module(module).serve(shut)
"""
_ERRORS: Final = {kind.__name__: kind for kind in (DataError, SpecError, UserError)}


class Ended(Exception):
    """The process gave no answer, and why.

    Attributes
    ----------
    by_itself : bool
        Whether it said so itself, and goes on.
    """

    by_itself = False


class Child:
    """A fresh interpreter that sees nothing of this one but what it is sent.

    Parameters
    ----------
    module : str
        Its ``serve(shut)`` answers, by `answer_messages`; `shut` tells whether files and network
        are out of reach.
    closed : bool
        Whether to put every file but the code, programs and the network out of its reach.
    seconds : float, optional
        For each answer, where it is less than the limit that everything has.
    """

    def __init__(self, module: str, *, closed: bool = False, seconds: float | None = None) -> None:
        self._seconds = seconds or float("inf")
        self.gigabytes = read_limit(GIGABYTES)
        self._late, self._left, self._number, self._owner = False, False, 0, os.getpid()
        given = [[entry for entry in sys.path if entry], module, closed, self.gigabytes]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(sys.prefix).anchor,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            start_new_session=True,
        )
        self.close = weakref.finalize(self, _end, self._process, self._owner)

    @property
    def is_ready(self) -> bool:
        """Whether it is this process's own, and can still be asked."""
        ended = self._late or self._left or self._process.poll() is not None
        return self._owner == os.getpid() and not ended

    def ask(self, *parts: bytes) -> list[bytes]:
        """Send a message and return the answer.

        Raises
        ------
        Ended
            When the process met a limit, or ended by itself.
        UserError
            As it raised it.
        """
        if self._process.stdin is None or self._process.stdout is None or not self.is_ready:
            raise Ended("it can no longer be asked")
        self._number += 1
        self.seconds = min(self._seconds, read_limit(SECONDS))
        watch = threading.Timer(self.seconds, self._stop)
        watch.start()
        try:
            number = str(self._number).encode()
            send(self._process.stdin, [number, *parts])
            answers, status, *answer = receive(self._process.stdout)
            if answers != number:
                raise ValueError("the answer to another message")
        except (OSError, EOFError, ValueError, struct.error):
            self._process.kill()
            raise Ended(self._tell_end()) from None
        except BaseException:
            # Whoever was interrupted leaves an answer unread: nobody may take it for his own.
            self._left = True
            self._process.kill()
            raise
        finally:
            watch.cancel()
        if status != b"done":
            raise _read_error(status, answer)
        return answer

    def _stop(self) -> None:
        self._late = True
        self._process.kill()

    def _tell_end(self) -> str:
        code = self._process.wait()
        if self._late:
            return f"it took longer than {self.seconds:,.0f} seconds"
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return f"it broke off ({how}), or needed more than {self.gigabytes:g} GB of memory"


def tell_limits() -> str:
    """Say how the limits are raised."""
    return f"if it is as it should be, set {SECONDS} or {GIGABYTES} to more"


def read_limit(name: str) -> float:
    """Return a limit: the shipped one, or what the environment says."""
    given = os.environ.get(name)
    if not given:
        return DEFAULTS[name]
    try:
        value = float(given)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise SetupError(
            f"{name} is '{given}'", expected="a number above 0", next_step=f"unset {name}"
        )
    return value


def answer_messages(work: Callable[[list[bytes]], list[bytes]]) -> None:
    """Answer one message after the other: the loop inside of the process.

    Parameters
    ----------
    work : callable
        From the parts of a message to those of its answer; what it raises is the answer.
    """
    asked, given = _open_pipes()
    while True:
        try:
            number, *parts = receive(asked)
        except EOFError:
            return
        try:
            answer = [b"done", *work(parts)]
        except BaseException as error:
            answer = _tell_error(error)
        send(given, [number, *answer])


def _open_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return where messages come from and where answers go; what is printed is no answer."""
    asked, given = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return asked, given


def _tell_error(error: BaseException) -> list[bytes]:
    """Return the message of an error for the parent to raise."""
    if isinstance(error, MemoryError):
        return [b"memory"]
    if isinstance(error, CityaiError):
        told = [error.what, error.where, error.expected, error.next_step]
        return [type(error).__name__.encode(), json.dumps(told).encode()]
    return [b"broken", f"{type(error).__name__}: {error}".encode("utf-8", "replace")]


def send(file: IO[bytes], parts: Sequence[bytes]) -> None:
    """Write one message."""
    file.write(struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)))
    for part in parts:
        file.write(part)
    file.flush()


def receive(file: IO[bytes]) -> list[bytes]:
    """Read one message.

    Raises
    ------
    EOFError
        When there is no more.
    """
    (count,) = struct.unpack("<I", _read(file, 4))
    if count > 1_000:
        raise ValueError("not a message")
    sizes = struct.unpack(f"<{count}Q", _read(file, 8 * count))
    return [_read(file, size) for size in sizes]


def _read(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _read_error(status: bytes, parts: list[bytes]) -> Exception:
    if status == b"memory":
        return Ended(f"it needed more than {read_limit(GIGABYTES):g} GB of memory")
    said = parts[0].decode("utf-8", "replace") if parts else ""
    kind = _ERRORS.get(status.decode("ascii", "replace"))
    if kind is None:
        failed = Ended(said[:300])
        failed.by_itself = True
        return failed
    what, where, expected, next_step = map(str, json.loads(said))
    return kind(what, where=where, expected=expected, next_step=next_step)


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner == os.getpid():
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue

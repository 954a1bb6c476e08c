"""From the command line to an exit code: nobody sees a traceback who did not ask for it."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer
from typer.models import CommandInfo

from cityai.cli import create, desk, drill  # noqa: F401  (their commands register themselves)
from cityai.cli.commands import app
from cityai.cli.console import PlainProgress, tell
from cityai.config.places import find_place, find_state
from cityai.errors import CityaiError, check_system
from cityai.progress import heard_by

DONE, FAILED, MISTAKE = 0, 1, 2
OF_THE_SYSTEM = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Refusals of the system that a person mends, not a maintainer."""
DEBUG = "--debug"
"""Hidden: shows the traceback of any error."""
FIRST = ("init", "new", "check", "run", "ui", "predict")
"""Commands in the order in which a newcomer needs them; the others follow."""


def _rank_command(command: CommandInfo) -> int:
    name = command.name or getattr(command.callback, "__name__", "")
    return FIRST.index(name) if name in FIRST else len(FIRST)


app.registered_commands.sort(key=_rank_command)


FEW_COLLECTIONS = (50_000, 20, 20)
"""Objects that a command makes before Python looks for cycles among the newest, and so on.

Loading libraries alone makes 400,000 that stay: with Python's own 700 a quarter of that time, and a
part of every later step, goes into looking at them again.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in given
    gc.set_threshold(*FEW_COLLECTIONS)
    if arguments is None:
        signal.signal(signal.SIGTERM, _stop)  # so that it ends as by Ctrl-C, whatever it does
    code = run_command([argument for argument in given if argument != DEBUG], debug=debug)
    if arguments is None:
        end_process(code)
    sys.exit(code)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(f"the process was asked to end ({signal.Signals(number).name})")


def end_process(code: int) -> NoReturn:
    """End the process as Python does, but let the system take back what was loaded.

    To take a run's libraries apart one by one takes Python two seconds.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # nobody reads it, or it is not there
            stream.flush()
    os._exit(code)


def run_command(arguments: Sequence[str], *, debug: bool = False) -> int:
    """Run a command and return its exit code; `debug` lets errors through, with their traceback."""
    try:
        check_system()
        from cityai.scratch import clear_scratch

        clear_scratch()
        with heard_by(PlainProgress()):
            code = app(args=list(arguments), prog_name="cityai", standalone_mode=False)
    except typer.TyperException as error:
        _say_usage(error)
        return MISTAKE
    except CityaiError as error:
        if debug:
            raise
        tell(f"cityai: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.filename and error.errno in OF_THE_SYSTEM:
            tell(f"cityai: {error.filename}: {(error.strerror or '').lower()}", err=True)
            tell("  next: make it readable and writable for you, with space left", err=True)
            return FAILED
        tell(f"cityai: something unexpected went wrong ({type(error).__name__}: {error})", err=True)
        tell(f"  next: send this file to the maintainers: {write_log(error)}", err=True)
        return FAILED
    if code == 130:
        tell("cityai: stopped; run it again to go on: what was finished is kept", err=True)
        return FAILED
    return code if isinstance(code, int) else DONE


def write_log(error: BaseException) -> Path:
    """Write the traceback of an error to a private file and return its path."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    text = "\n".join(_describe_error(error))
    logs = find_state(find_place()) / "logs"
    for folder in (logs, Path(tempfile.gettempdir()) / f"cityai-{os.getuid()}"):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
            return path
    return Path(os.devnull)


def _describe_error(error: BaseException | None) -> Iterator[str]:
    """Yield where an error came from, and its causes: no message, since it may hold data."""
    while error is not None:
        yield "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
        error = error.__cause__ or error.__context__


def _say_usage(error: typer.TyperException) -> None:
    error.message = error.message.replace("Value error, ", "", 1)
    show = getattr(error, "show", None)
    if show is not None:
        show()
    else:
        tell(f"cityai: {error.format_message()}", err=True)

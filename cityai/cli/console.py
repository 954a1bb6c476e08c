"""The terminal: how wide, what it can draw, and what a run says on it while it works."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.status import Status

    from cityai.progress import Progress

NARROWEST, WIDEST = 40, 80
BAR = 20


def measure_width() -> int:
    """Return the columns to write in."""
    return min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)


def can_draw() -> bool:
    """Tell whether the terminal's encoding knows block characters."""
    try:
        "█░▓─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class PlainProgress:
    """One line a stage when it is over, for files and pipes."""

    def __init__(self) -> None:
        self.depth = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block; say so when it is over."""
        begun = time.perf_counter()
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
        self.write(f"{'  ' * self.depth}{name}", time.perf_counter() - begun)

    def write(self, name: str, seconds: float) -> None:
        """Write the line of a stage that is over."""
        typer.echo(f"  {name:<44}{seconds:>8.1f} s", err=True)

    def say(self, what: str) -> None:
        """Do nothing: a log needs no running commentary."""

    def advance(self, done: int, total: int) -> None:
        """Do nothing."""


class LiveProgress(PlainProgress):
    """The same lines, and below them what is being done now."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self.status = status
        self.names: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show the stage while it works, then time it."""
        self.names.append(name)
        self.say("")
        try:
            with super().stage(name):
                yield
        finally:
            self.names.pop()
            self.say("")

    def write(self, name: str, seconds: float) -> None:
        """Write the line of a stage that is over, above the live one."""
        line = f"  {name:<44}{seconds:>8.1f} s"
        self.status.console.print(line, markup=False, highlight=False)

    def say(self, what: str) -> None:
        """Show what the stage is at."""
        from rich.markup import escape

        name = self.names[-1] if self.names else "working"
        self.status.update(escape(f"{name}: {what}" if what else name))

    def advance(self, done: int, total: int) -> None:
        """Show how much of the stage is done."""
        filled = round(BAR * done / total) if total else BAR
        self.say(f"{'#' * filled}{'.' * (BAR - filled)} {done} of {total}")


def tell_progress() -> AbstractContextManager[Progress]:
    """Return what tells a run's progress: live on a terminal, plain lines elsewhere."""
    return _tell()


@contextmanager
def _tell() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield PlainProgress()
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield LiveProgress(status)

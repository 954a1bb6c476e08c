"""The terminal: how wide, what it can draw, and what a run says on it while it works."""

from __future__ import annotations

import atexit
import gc
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.status import Status
    from rich.text import Text

    from cityai.config.load import Project
    from cityai.progress import Progress

NARROWEST, WIDEST = 40, 80
BAR = 16
NAME = 54
"""Columns of a stage's name."""
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN = str.maketrans(
    {"−": "-", "±": "+/-", "…": ".", "–": "-", "—": "-", "✕": "x", "✓": "v", "≈": "~", "’": "'"}
    | dict.fromkeys("“”", '"')
    | dict.fromkeys("─═", "-")
    | dict.fromkeys("│║", "|")
    | dict.fromkeys("┌┐└┘╔╗╚╝", "+")
)
"""What stands for a sign on a terminal that lacks it."""


def measure_width() -> int:
    """Return the columns to write in."""
    return min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)


def clean(text: str) -> str:
    """Return a text without what a terminal obeys: it is shown as Python would write it.

    Headers, cells and names of files come from outside; an escape code in one could hide lines,
    or write others.
    """
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def tell(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Write to the terminal: the one way of every command."""
    typer.echo(clean(str(text)), err=err, nl=nl)


def show_lines(lines: Iterable[Text]) -> None:
    """Write lines in colour, where the terminal has it and NO_COLOR is not set."""
    from rich.console import Console

    console, encoding = Console(highlight=False, soft_wrap=True), sys.stdout.encoding or "ascii"
    for line in lines:
        line.plain = spell(clean(line.plain), encoding)
        console.print(line)


def spell(text: str, encoding: str) -> str:
    """Return a text in signs that an encoding knows; a minus must not become a question mark."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


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
        tell(f"  {name:<{NAME}}{seconds:>8.1f} s", err=True)

    def say(self, what: str) -> None:
        """Do nothing: a log needs no running commentary."""

    def warn(self, what: str) -> None:
        """Write it at once."""
        tell(f"  {what}", err=True)

    def advance(self, done: int, total: int) -> None:
        """Do nothing."""


class LiveProgress(PlainProgress):
    """The same lines, and below them what is being done now."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self.status = status
        self.names: list[tuple[str, float]] = []
        self.idle = "Get ready", time.perf_counter()
        self.said, self.share = "", ""
        status.update(self)

    def __rich__(self) -> Text:
        """Return what is being done now, and for how long."""
        from rich.text import Text

        name, begun = self.names[-1] if self.names else self.idle
        seconds = f"{time.perf_counter() - begun:.0f} s"
        told = "  ".join(part for part in (name, self.share, seconds, self.said) if part)
        return Text(clean(told), no_wrap=True, overflow="ellipsis")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show the stage while it works, then time it."""
        self.names.append((name, time.perf_counter()))
        self.say("")
        try:
            with super().stage(name):
                yield
        finally:
            self.names.pop()
            self.idle = "Go on", time.perf_counter()
            self.say("")

    def write(self, name: str, seconds: float) -> None:
        """Write the line of a stage that is over, above the live one."""
        self.say("")
        line = f"  {name:<{NAME}}{seconds:>8.1f} s"
        self.status.console.print(clean(line), markup=False, highlight=False)

    def say(self, what: str) -> None:
        """Show what the stage is at."""
        self.said, self.share = what, ""

    def warn(self, what: str) -> None:
        """Write it above the live line."""
        self.status.console.print(clean(f"  {what}"), markup=False, highlight=False)

    def advance(self, done: int, total: int) -> None:
        """Show how much of the stage is done."""
        filled = round(BAR * done / total) if total else BAR
        full, empty = "█░" if can_draw() else "#."
        self.share = f"{full * filled}{empty * (BAR - filled)} {done} of {total}"


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


def open_project(path: Path) -> Project[Any]:
    """Load a project, and first what that takes: a command that asks for help needs none of it."""
    from cityai.config.load import load_project

    return load_project(path)


@contextmanager
def loading() -> Iterator[None]:
    """Load libraries in the block: what they make stays, so it is never looked through for cycles.

    At the end of the process it is, as always: some libraries tell what is left over then.
    """
    atexit.register(gc.unfreeze)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()

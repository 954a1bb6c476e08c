"""What a run says while it works. Who listens is not its business."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
MEGABYTE: Final = 1_000_000
TOLD: Final = MEGABYTE // 10
"""Bytes that are worth telling."""


class Progress(Protocol):
    """Told what is being done."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Tell that a stage begins, and at the end of the block that it is over."""

    def say(self, what: str) -> None:
        """Tell in a few words what the stage is at."""

    def warn(self, what: str) -> None:
        """Tell at once what somebody must know: whom it waits for."""

    def advance(self, done: int, total: int) -> None:
        """Tell how many of how many equal parts of the stage are done."""


class SilentProgress:
    """Tells nobody."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Do nothing around the block."""
        return nullcontext()

    def say(self, what: str) -> None:
        """Do nothing."""

    def warn(self, what: str) -> None:
        """Do nothing."""

    def advance(self, done: int, total: int) -> None:
        """Do nothing."""


SILENT: Final[Progress] = SilentProgress()
_LISTENER: Final[ContextVar[Progress]] = ContextVar("listener", default=SILENT)


@contextmanager
def heard_by(progress: Progress) -> Iterator[None]:
    """Let somebody hear what is told in the block, however deep."""
    before = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def tell(what: str) -> None:
    """Tell whoever listens, in a few words, what is being done."""
    _LISTENER.get().say(what)


def warn(what: str) -> None:
    """Tell whoever listens, at once, what somebody must know."""
    _LISTENER.get().warn(what)


def counting(items: Sequence[T]) -> Iterator[T]:
    """Yield items, and tell whoever listens how many of how many are done."""
    listener = _LISTENER.get()
    for done, item in enumerate(items):
        listener.advance(done, len(items))
        yield item


@contextmanager
def telling_size(folder: Path, seconds: float = 1.0) -> Iterator[None]:
    """Tell whoever listens, now and then, how much the block has written into a folder."""
    listener, ended = _LISTENER.get(), threading.Event()
    if listener is SILENT:
        yield
        return

    def look() -> None:
        while not ended.wait(seconds):
            size = measure_folder(folder)
            if size >= TOLD:
                listener.say(f"{size / MEGABYTE:,.1f} MB stored")

    thread = threading.Thread(target=look, name="cityai-size", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def measure_folder(folder: Path) -> int:
    """Return the bytes of all files in a folder, some of which may just go away."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size
    return size

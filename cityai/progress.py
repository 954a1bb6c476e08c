"""What a run says while it works. Who listens is not its business."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol


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

"""The error tree.

    CityaiError
    |- UserError            a mistake in what the user wrote or gave: exit code 2
    |  |- SpecError         project.yaml, card.yaml, city, policy or preset
    |  |- DataError         the city's data cannot be read or break their contract
    |  '- TimeError         the data cannot answer the question in time (too short, leaking)
    '- RunError             the run could not be completed: exit code 1
       |- StoreError        a folder or file that cannot be written, or was changed
       |- TrackingError     MLflow does not answer
       '- SetupError        something on the machine is missing

Every message says what was wrong, where, what was expected, and what to do next.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class CityaiError(Exception):
    """Base of all errors that a user can do something about.

    Parameters
    ----------
    what : str
        What was wrong, in one sentence.
    where : str, optional
        File, line, column name or row numbers.
    expected : str, optional
        What would have been right.
    next_step : str, optional
        What to do now.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", next_step: str = ""
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        return "\n".join(lines)


class UserError(CityaiError):
    """A mistake in what the user wrote or gave."""

    exit_code = 2


class SpecError(UserError):
    """A specification file that cannot be read or does not say what is needed."""


class DataError(UserError):
    """Data that cannot be read or break their declared contract."""


class TimeError(UserError):
    """Data that cannot answer the question in time: too short, or leaking the future."""


class RunError(CityaiError):
    """A run that could not be completed."""


class StoreError(RunError):
    """A folder or file that cannot be written, or was changed since it was written."""


class TrackingError(RunError):
    """The MLflow tracking store cannot be reached or does not answer."""


class SetupError(RunError):
    """Something that the machine needs is missing."""


@contextmanager
def name_step(step: str) -> Iterator[None]:
    """Add to a mistake that comes up inside at which step it did."""
    try:
        yield
    except UserError as error:
        if step not in str(error):
            error.where = f"{error.where}, {step}" if error.where else step
        raise


def check_system() -> None:
    """Refuse a system on which a run cannot be kept safe.

    Raises
    ------
    SetupError
        On Windows: locks, limits of child processes and private files need a POSIX system.
    """
    if sys.platform == "win32":
        raise SetupError(
            "cityai does not run on Windows",
            expected="Linux or macOS",
            next_step="use the Windows Subsystem for Linux: `wsl --install`, then install there",
        )


MOST_NAMES = 12
"""Known names that a message lists in full."""


def suggest_name(name: str, known: Iterable[str]) -> str:
    """Return a sentence naming the nearest known name, or the known ones when none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"Known: {', '.join(names[:MOST_NAMES])}{more}." if names else "None is known here."

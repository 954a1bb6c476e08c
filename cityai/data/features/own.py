"""The project's own features: functions of `features.py` that see a history cut at `as_of`.

They run in a process of their own, which is sent one history after the other, later ones after
earlier ones. For an earlier moment than the last a fresh process takes over, so that nothing can be
remembered from a later one; it was started beforehand, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.confine.own_code import write_frame
from cityai.confine.own_file import OwnFile
from cityai.data.features.history import CaseHistory, History
from cityai.data.rows import Feature, Floats, Ints
from cityai.errors import DataError
from cityai.findings import Finding, Status
from cityai.i18n.messages import say


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """A feature function, and where it is written."""

    name: str
    label: str
    where: str


class OwnFunctions(OwnFile):
    """The functions of one `features.py`."""

    worker = "cityai.data.features.worker"
    key = "features.own"
    expected = "functions of the history alone, that end"
    waits = True

    def __init__(self, path: Path, told: Mapping[str, Any], code: bytes) -> None:
        super().__init__(path, told, code)
        self.functions = tuple(OwnFunction(*map(str, function)) for function in self.known)
        self._sent: dict[str, tuple[pd.DataFrame, int]] = {}

    def call(self, history: History | CaseHistory, whole: dict[str, pd.DataFrame]) -> list[Floats]:
        """Call every function on one history.

        Parameters
        ----------
        history : History or CaseHistory
            The past at one moment.
        whole : dict of str to pandas.DataFrame
            Tables of which the history has the first rows, by name: only what is new since the
            moment before is sent.

        Returns
        -------
        list of numpy.ndarray
            (asked,) float64 each; NaN where the function gave a missing value.

        Raises
        ------
        DataError
            When a function fails, reaches outside, or does not give one finite number (or a
            missing value) for each.
        """
        if not self.goes_on(history.as_of):
            self._sent = {}
        about, asked, tables = history.pack()
        names, parts = [], []
        for name, frame in tables.items():
            source, before = self._sent.get(name, (None, 0))
            if source is not whole.get(name):
                before = 0
            if name in whole:
                self._sent[name] = (whole[name], len(frame))
            names.append([name, before])
            parts.append(write_frame(frame.iloc[before:]))
        about |= {"kind": type(history).__name__, "tables": names, "said": history.tell()}
        about["as_of"] = history.as_of.isoformat()
        step = f"with the history until {history.as_of:%Y-%m-%d}"
        answer = self.ask(history.as_of, step, about, write_frame(asked), *parts)
        size = len(history.index)
        if [len(part) for part in answer] != [size * 8] * len(self.functions):
            raise DataError("features.py gave no answer that can be read", where=str(self._path))
        return [np.frombuffer(part, dtype=np.float64).copy() for part in answer]


class OwnFeatures:
    """Asks the project's own functions at moment after moment, and keeps what they give.

    One may be undefined (NaN) at any of them: early on, for one, when it looks back a year.

    Parameters
    ----------
    project : Project
        Names the functions; without any, nothing is asked.
    shape : tuple of int
        In which the rows are laid out.
    """

    def __init__(self, project: Project[BaseProjectSpec], shape: tuple[int, ...]) -> None:
        self._own = OwnFunctions.open(project.own_features, project.spec.features.own)
        self.functions = () if self._own is None else self._own.functions
        self._values = np.full((len(self.functions), *shape), np.nan)

    def ask(
        self,
        at: tuple[int | slice | Ints, ...],
        history: History | CaseHistory,
        whole: dict[str, pd.DataFrame] | None = None,
    ) -> None:
        """Ask at one moment; the answers are those of the rows `at`, an index into the shape."""
        if self._own is not None:
            self._values[(slice(None), *at)] = np.stack(self._own.call(history, whole or {}))

    def collect(self) -> list[Feature]:
        """Return a feature for each function."""
        return [
            Feature(function.name, function.label, values)
            for function, values in zip(self.functions, self._values, strict=True)
        ]


def check_own(path: Path, names: Sequence[str]) -> tuple[Finding, ...]:
    """Say how sure it is that a project's own functions saw nothing but the past."""
    own = OwnFunctions.open(path, names)
    if own is None:
        return ()
    title = say("The project's own features see nothing but the past that they are given")
    if own.shut:
        reason = say(
            "They ran in a process of their own, in which the system refuses every file but "
            "Python's libraries, every program and every connection."
        )
        return (Finding("time.own", Status.PASS, title, reason),)
    reason = say(
        "They ran in a process of their own, and Python refused them files and connections. This "
        "machine cannot refuse what a compiled library reads by itself, so it is not proven."
    )
    return (Finding("time.own", Status.NOT_ENOUGH, title, reason),)

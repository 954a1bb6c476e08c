"""A first look at a city's own table: what its columns seem to be, and the specification from it.

Nothing is guessed silently: every choice is told with what speaks for it, what has two readings is
asked, and what a table cannot tell is told too. The total is that of a run: it is counted by the
very reading that a run uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cityai.config.city import CitySpec
from cityai.config.project import SourceSpec
from cityai.data.source import find_format
from cityai.scaffold.cases import propose_cases
from cityai.scaffold.columns import Hints, TableProfile, profile_table
from cityai.scaffold.formats import find_encoding, find_layout
from cityai.scaffold.propose import propose_series
from cityai.scaffold.series import NO_OVERRIDES, Overrides, ProposalParts

PROPOSED: Final[dict[str, Callable[[TableProfile, Overrides, CitySpec | None], ProposalParts]]] = {
    "demand": propose_series,
    "risk": propose_cases,
}
"""How a table is read, by the kind of question that is asked of it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was understood of a table, in words and as a specification.

    Attributes
    ----------
    path : Path
        The table.
    rows : int
        Rows of the table.
    choices : tuple of (str, str, str)
        What was asked, what was chosen, what speaks for it.
    unsettled : tuple of str
        What the table cannot tell.
    spec : dict
        The sections of `project.yaml`.
    """

    path: Path
    rows: int
    choices: tuple[tuple[str, str, str], ...]
    unsettled: tuple[str, ...]
    spec: dict[str, Any]

    def tell(self) -> str:
        """Return what was understood, in lines for a terminal."""
        wide = max(len(asked) for asked, _, _ in self.choices)
        lines = [f"{self.path.name}: {self.rows:,} rows", ""]
        lines += [f"{asked:<{wide}}  {chosen}: {why}" for asked, chosen, why in self.choices]
        lines += ["", "The table cannot tell; see to it in project.yaml:"]
        return "\n".join([*lines, *(f"  - {sentence}" for sentence in self.unsettled)])


def look_at_table(
    path: Path,
    overrides: Overrides = NO_OVERRIDES,
    city: CitySpec | None = None,
    kind: str = "demand",
) -> Proposal:
    """Look at a table and propose how to read it.

    Parameters
    ----------
    path : Path
        CSV or Parquet file.
    overrides : Overrides
        What a person says of it.
    city : CitySpec, optional
        Whose clock tells which day a moment lies in; UTC without one.
    kind : str
        Kind of question: demand for events or amounts, risk for cases, each with a yes or no.

    Raises
    ------
    DataError
        When it cannot be read, has no column with dates, can be read in two ways, or cannot serve
        a wish.
    """
    zone = "UTC" if city is None else city.time_zone
    hints = Hints(zone, overrides.decimal, overrides.thousands, overrides.time, overrides.format)
    profile = profile_table(path, _find_source(path, overrides), hints)
    for written in (overrides.time, overrides.place, overrides.amount):
        profile.split(written)
    return Proposal(path, profile.rows, *PROPOSED[kind](profile, overrides, city))


def _find_source(path: Path, overrides: Overrides) -> SourceSpec:
    written: dict[str, Any] = {"path": str(path.resolve())}
    if not path.exists() or find_format(path) == "csv":
        encoding = overrides.encoding or find_encoding(path)
        delimiter, skip = find_layout(path, encoding)
        written |= {"encoding": encoding, "delimiter": delimiter, "skip": skip}
    return SourceSpec.model_validate(written)

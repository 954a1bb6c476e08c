"""A first look at a city's own table: what its columns seem to be, and the specification from it.

Nothing is guessed silently: every choice is told with what speaks for it, what has two readings is
asked, and what a table cannot tell is told too. The total is that of a run: it is counted by the
very reading that a run uses.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cityai.config.city import CitySpec
from cityai.config.tables import SourceSpec
from cityai.data.source import find_format, refuse_address
from cityai.data.source.written import describe_file
from cityai.errors import DataError, TimeError
from cityai.scaffold.cases import propose_cases
from cityai.scaffold.columns import Hints, profile_table
from cityai.scaffold.proposal import Overrides, Proposal
from cityai.scaffold.series import propose_series

PROPOSED: Final[dict[str, Callable[[Proposal], None]]] = {
    "demand": propose_series,
    "risk": propose_cases,
}
"""What is asked of a table, by the kind of question that it is to answer."""


def look_at_table(
    path: Path,
    overrides: Overrides | None = None,
    city: CitySpec | None = None,
    kind: str = "demand",
) -> Proposal:
    """Look at a table and propose how to read it.

    Parameters
    ----------
    path : Path
        A file that `SourceSpec.path` may name.
    overrides : Overrides, optional
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
    said = overrides or Overrides()
    zone = "UTC" if city is None else city.time_zone
    hints = Hints(zone, said.decimal, said.thousands, said.time, said.format)
    profile = profile_table(path, _find_source(path, said), hints)
    for written in (said.time, said.place, said.amount):
        profile.split(written)
    try:
        return _propose(Proposal(profile, said, city), kind)
    except TimeError:
        if not profile.is_cut:
            raise
        # Rows far off may be so few that none was among those looked at.
        return _propose(Proposal(profile, said, city, hides_far=True), kind)


def _propose(proposal: Proposal, kind: str) -> Proposal:
    proposal.choose_file()
    PROPOSED[kind](proposal)
    proposal.leave_unseen()
    return proposal


def _find_source(path: Path, said: Overrides) -> SourceSpec:
    refuse_address(path)
    written: dict[str, Any] = {"path": str(path.resolve())}
    if said.table:
        if path.exists() and find_format(path) not in ("database", "workbook"):
            what = "--table: this file is no database or workbook, so it holds one table"
            raise DataError(what, where=str(path), next_step="leave --table out")
        written["table"] = said.table
    given = {"encoding": said.encoding} if said.encoding else {}
    return SourceSpec.model_validate(written | given | describe_file(path, given, said.table))

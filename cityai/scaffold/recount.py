"""Row counts and total of a table, by the very reading that a run uses."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cityai.config.city import CitySpec
from cityai.config.load import Project
from cityai.config.project import ProjectSpec
from cityai.data.reading.dense import DENSE_PANEL
from cityai.data.reading.reader import read_events
from cityai.data.rejects import tell_rejects
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.series import Choices, SeriesLayout

_NOWHERE = {
    "name": "City",
    "country": "US",
    "time_zone": "UTC",
    "contact": {"unit": "-", "email": "data@city.example"},
}


def recount(
    profile: TableProfile, found: SeriesLayout, spec: dict[str, Any], city: CitySpec | None
) -> Choices:
    """Count the table as a run does, and tell what was counted and what was not.

    Raises
    ------
    DataError
        When most rows cannot be read as proposed.
    TimeError
        When the table holds no complete period.
    """
    read = ProjectSpec.model_validate(
        {**spec, "name": "look", "city": (city or CitySpec.model_validate(_NOWHERE)).model_dump()}
    )
    snapshot = read_events(Project(read, profile.path.parent, profile.path.parent, ""), DENSE_PANEL)
    cells, counts, periods = snapshot.table, snapshot.counts, snapshot.periods
    end = periods.start(periods.count) - pd.Timedelta(days=1)
    unknown = int(cells["value"].isna().sum())
    entity = read.question.entity
    many = f"{cells['entity_id'].nunique():,} {entity.label_plural}"
    told = [
        (
            "total",
            f"{cells['value'].sum():,.12g} {read.question.unit}",
            f"{counts.accepted:,} of {counts.read:,} rows, in {periods.count:,} {found.period}s "
            f"from {periods.first:%Y-%m-%d} to {end:%Y-%m-%d}, "
            f"{many if found.grain.places else 'one series'}; a run counts the same"
            + (f"; {unknown:,} amounts are unknown" if unknown else ""),
        )
    ]
    if counts.out_of_scope:
        parts = {
            "totals among the places": sum(total.rows for total in found.grain.totals),
            "far off, outside `since` and `until`": found.far,
        }
        rest = counts.out_of_scope - sum(parts.values())
        parts[f"in {found.period}s that are not whole"] = rest
        # Of a table too large to be looked at whole, only a run counts how many are of which kind.
        why = ", ".join(
            part if profile.is_cut else f"{n:,} {part}" for part, n in parts.items() if n > 0
        )
        told.append(("left out", f"{counts.out_of_scope:,} rows", why))
    told += [("rejected", f"{n:,} rows", why) for n, why in tell_rejects(snapshot.rejects)]
    return tuple(told)

"""The templates: one line each, in the order that `cityai new` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cityai.errors import SpecError, suggest_name


@dataclass(frozen=True, slots=True)
class Template:
    """A working project that new ones are made from.

    Attributes
    ----------
    name : str
        Its folder in the package, and how it is asked for.
    label : str
        What it predicts.
    """

    name: str
    label: str


CATALOGUE: Final = (
    Template("service_requests", "requests to the city (311), by neighbourhood and week"),
    Template("waste_collection", "tons of waste, by neighbourhood and month"),
    Template("shelter_demand", "people in shelters, by programme and night"),
    Template("emergency_calls", "ambulance calls, by neighbourhood and day"),
    Template("housing", "evictions or code violations, by neighbourhood and month"),
    Template("inspections", "which establishments to inspect first"),
    Template("missed_appointments", "whom to remind of an appointment"),
    Template("blank_demand", "how much is needed, where and when: your own question"),
    Template("blank_risk", "whom or what to look at first: your own question"),
)


def find_template(name: str) -> Template:
    """Return a template by its name; hyphens stand for underscores.

    Raises
    ------
    SpecError
        When there is none of that name.
    """
    known = {template.name: template for template in CATALOGUE}
    wanted = name.replace("-", "_")
    if wanted not in known:
        raise SpecError(
            f"there is no template {name[:60]!r}",
            expected=suggest_name(wanted[:60], known),
            next_step="list them with cityai templates",
        )
    return known[wanted]

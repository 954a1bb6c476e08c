"""The city: names, time, languages, and its areas. One file for all of a city's projects."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from cityai.config.connection import ConnectionSpec
from cityai.config.record import Slug, SpecRecord, Text

_list_zones = cache(available_timezones)  # a walk over hundreds of files


def _check_zone(value: str) -> str:
    if value not in _list_zones():
        raise ValueError("is not an IANA time zone, such as America/New_York")
    return value


class BoundariesSpec(SpecRecord):
    """Where the outlines of the areas are, for maps."""

    path: Text
    """GeoJSON file in WGS 84; `${CITYAI_DATA}` and paths from the workspace are understood."""
    key: Text
    """Property of each feature that holds the area's id."""


class MoreAreasSpec(SpecRecord):
    """Another table about the same areas."""

    path: Text
    """CSV or Parquet file with one row per area."""
    key: Text
    """Column with the area's id, written as in the first table."""


class AreasSpec(SpecRecord):
    """A table of the city's areas with what is known about their residents."""

    path: Text
    """CSV or Parquet file with one row per area."""
    key: Text
    """Column with the area's id, as the project's data write it (or see `written`)."""
    name: Text | None = None
    """Column with the area's name for readers."""
    names: dict[str, Text] | Text = Field(default_factory=dict)
    """Names of areas for readers where no column has them: by id, `{314: Midwood}`, or one form for
    all, `District {id}`."""
    population: Text | None = None
    """Column with the number of residents; weights every statement about residents."""
    source: str = ""
    """Publisher, table and year, for the card."""
    written: dict[str, Text] = Field(default_factory=dict)
    """How projects' data write an id, where they write it otherwise: `{Bronx: BRONX}`."""
    more: tuple[MoreAreasSpec, ...] = ()
    """More tables about the same areas, by the same ids: their columns are added to this one's. An
    area that one of them lacks has nothing in its columns."""
    boundaries: BoundariesSpec | None = None
    """Outlines of the areas, for maps."""

    @model_validator(mode="after")
    def _name_by_id(self) -> Self:
        if isinstance(self.names, str) and "{id}" not in self.names:
            raise ValueError("`names` needs `{id}` in its text, or a name for each id")
        return self


class ContactSpec(SpecRecord):
    """Who answers. Roles and shared mailboxes, never a private person."""

    unit: Text
    """Department or office."""
    email: Text
    """Shared mailbox."""
    url: str = ""
    """Public page."""


class CitySpec(SpecRecord):
    """A city as all its projects see it (`configs/<city>.yaml`)."""

    name: Text
    """Name of the city for readers."""
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    """ISO 3166 code, for public holidays: `US`."""
    subdivision: str = ""
    """ISO 3166-2 part after the country, for regional holidays: `NY`."""
    time_zone: Annotated[str, AfterValidator(_check_zone)]
    """IANA name: `America/New_York`."""
    languages: tuple[Literal["en", "es", "pt", "fr"], ...] = ("en",)
    """Languages of the card's pages. `card.html` is in that of `card.yaml`, else in the first."""
    contact: ContactSpec
    """Who answers questions about any of the city's systems."""
    areas: dict[Slug, AreasSpec] = Field(default_factory=dict)
    """Area tables by name."""
    connections: dict[Slug, ConnectionSpec] = Field(default_factory=dict)
    """Databases that tables are asked from, by name."""
    synthetic: bool = False
    """True for an invented city; the card says so at the top."""

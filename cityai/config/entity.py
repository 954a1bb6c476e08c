"""The entity: what a prediction is about, and which of them are asked about."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from cityai.config.record import Slug, SpecRecord, Text


class CohortSpec(SpecRecord):
    """Which entities are asked about. A cohort fixed with hindsight is said on the card."""

    min_history: Annotated[int, Field(ge=1)] = 8
    """Periods since an entity's first row before it is asked about."""
    idle_after: Annotated[int, Field(ge=1)] | None = None
    """An entity with no row in that many last periods is no longer asked about."""
    first_before: date | None = None
    """Hindsight: keep only entities whose first row is before this day."""
    last_from: date | None = None
    """Hindsight: keep only entities whose last row is on or after this day."""
    min_rows: Annotated[int, Field(ge=1)] | None = None
    """Hindsight: keep only entities with at least so many rows in scope (`min_rows_since`)."""
    min_rows_since: date | None = None
    """Count the rows of `min_rows` from this day on."""


class BaseEntitySpec(SpecRecord):
    """What a prediction is about, whatever the kind of question."""

    columns: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Columns that together name the entity; several are joined with ` / `."""
    label: Text = "entity"
    """What one is called: `community district`."""
    label_plural: Text = "entities"
    """What several are called."""
    area: Text | None = None
    """Column with the area that it lies in."""
    areas: Slug | None = None
    """The city's area table that `area` refers to."""
    attributes: tuple[Text, ...] = ()
    """Columns that describe it: features, and groups of the audit. The value known last counts."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.area is None) != (self.areas is None):
            raise ValueError("give `area` and `areas` together")
        return self


class EntitySpec(BaseEntitySpec):
    """What a forecast is about."""

    columns: tuple[Text, ...]
    """Columns that together name the entity; several are joined with ` / `. None for one series of
    the whole city: `columns: []`."""
    cohort: CohortSpec = CohortSpec()
    """Which entities are asked about."""

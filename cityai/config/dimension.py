"""A dimension of the audit, and what a person decided about a gap between its groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cityai.columns import NOT_RECORDED
from cityai.config.record import Slug, SpecRecord, Text


class DimensionSpec(SpecRecord):
    """One way to divide people or places into groups."""

    label: Text
    """Its name for readers: `Race and ethnicity of residents`."""
    attribute: Text | None = None
    """Hard groups: an attribute of the entity, or `area`, or `entity`."""
    area_column: Text | None = None
    """Hard groups: a column of the area table with categories, such as a borough."""
    shares: dict[str, tuple[Text, ...]] | None = None
    """Soft groups: for each, the columns of the area table that add up to its residents."""
    per: Literal["count", "percent", "share"] = "count"
    """What the columns of `shares` hold."""
    largest: Annotated[int, Field(ge=2, le=200)] | None = None
    """Groups of an `attribute` or `area_column` to tell apart, those of most entities; `rest` names
    all others."""
    rest: Text | None = None
    """Name of the residents in none of `shares`, or of all values but the `largest`."""
    labels: dict[str, Text] = Field(default_factory=dict)
    """What a reader calls values of the `attribute` or `area_column`: `{F: women, M: men}`. A value
    without one stands as it is written."""
    bands: Text | tuple[Text, ...] | None = None
    """Quantile bands of a numeric column of the area table, or of the sum of several."""
    band_names: tuple[Text, ...] = ("lowest", "lower middle", "upper middle", "highest")
    """Names of the bands, from low to high; their number is the number of bands."""
    ends: tuple[Text, Text] | None = None
    """In place of `band_names`, what the least and the most are: `[poorest, wealthiest]` names the
    quarters `poorest quarter`, `second poorest`, `second wealthiest`, `wealthiest quarter`."""
    cuts: tuple[float, ...] | None = None
    """Bands of a numeric `attribute`: the least value of each `band_names` but the first."""
    population: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """People (or shares of them) in each group, where no area table tells."""
    reference: Text = "overall"
    """Group that each is compared with: `overall`, `best`, or a group's name."""
    protected: bool = False
    """Whether the law protects it (race, ethnicity, sex ...): deciding with it needs review."""

    @model_validator(mode="before")
    @classmethod
    def _name_quarters(cls, content: Any) -> Any:
        match content:
            case {"ends": [str(low), str(high)], **others} if "band_names" not in others:
                quarters = (f"{low} quarter", f"second {low}", f"second {high}", f"{high} quarter")
                return {**content, "band_names": quarters}
        return content

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        named = self.attribute or self.area_column
        given = (self.attribute, self.area_column, self.shares, self.bands)
        if sum(x is not None for x in given) != 1:
            raise ValueError("give one of `attribute`, `area_column`, `shares` or `bands`")
        if self.largest is not None and (named is None or self.rest is None):
            raise ValueError("`largest` needs an `attribute`, and `rest` to name the others")
        if self.ends is not None and (self.bands is None or len(self.band_names) != 4):
            raise ValueError("`ends` names the four `bands`, in place of `band_names`")
        self._check_labels(named)
        if self.cuts is None:
            return self
        if self.attribute is None or list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError("`cuts` are increasing values of an `attribute`")
        if len(self.band_names) != len(self.cuts) + 1:
            raise ValueError("`band_names` must be one more than `cuts`")
        return self

    def _check_labels(self, named: str | None) -> None:
        if self.labels and (named is None or self.cuts is not None):
            raise ValueError("`labels` are of the values of an `attribute` or `area_column`")
        said = [*self.labels.values(), *filter(None, [self.rest]), NOT_RECORDED]
        twice = next((label for label in said if said.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"`labels` must keep groups apart: '{twice}' is the name of two")


class MitigationSpec(SpecRecord):
    """What is done about a gap: evaluated by machine, chosen by a person."""

    dimension: Slug
    """The audit's dimension whose gap is to be closed."""
    metric: Slug = "under_forecast_share"
    """The audited metric that the gap is measured by."""
    choice: Literal["none", "recalibrate", "equalize", "bounded_loss", "reallocate"] = "none"
    """What was chosen of the options that `cityai mitigate` evaluates."""
    reason: str = ""
    """Why, in the words of who decided."""
    decided_by: str = ""
    """The role of who decided."""

    @model_validator(mode="after")
    def _choice_has_reason(self) -> Self:
        if self.choice != "none" and not (self.reason.strip() and self.decided_by.strip()):
            raise ValueError(f"`choice: {self.choice}` needs a `reason` and `decided_by` (a role)")
        return self

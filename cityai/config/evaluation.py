"""An evaluation: how a city will find out what acting on the predictions changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from cityai.config.evaluations import choose_evaluation, find_evaluation
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.record import SpecRecord, Text
from cityai.config.risk import RiskSpec
from cityai.config.tables import SourceSpec
from cityai.config.validate import validate_spec
from cityai.config.yaml import Document, read_yaml
from cityai.errors import SpecError, suggest_name

ListDesign = Literal["lottery", "probe", "discontinuity"]
"""Designs of a ranked list, of which a capacity takes the first."""
PlaceDesign = Literal["stepped wedge", "synthetic", "interrupted", "before after"]
"""Designs of places, in which something begins on a day."""
Design = ListDesign | PlaceDesign
"""Designs that are carried through, from the plan to the card."""
OWN_KEYS: Final[dict[Design, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "lottery": (("edge",), ("probe", "draw")),
    "probe": (("probe",), ("draw",)),
    "discontinuity": ((), ()),
    "stepped wedge": ((), ("steps",)),
    "synthetic": (("treated",), ("donors", "before")),
    "interrupted": ((), ("treated",)),
    "before after": ((), ("treated",)),
}
"""Of the keys that belong to some designs alone: which each needs, and which it may have."""
OWN: Final = tuple(sorted({key for keys in OWN_KEYS.values() for key in (*keys[0], *keys[1])}))


TRACEABLE: Final = ("pseudonymous", "identifiable")
"""Personal data whose names lead to persons: a published plan lists none of them."""


class MeasuredSpec(SpecRecord):
    """What is measured of everybody who took part, whatever was done for them."""

    source: SourceSpec | None = None
    """The table with it; the project's own outcome, from its own table, without one."""
    key: Text | None = None
    """Column with the case's id."""
    time: Text | None = None
    """Column with the day on which it was measured."""
    value: Text | None = None
    """Column with what was measured: a number, or an answer (`yes`)."""
    yes: tuple[Text, ...] = ()
    """Answers that count 1. Without any, the column holds numbers."""
    no: tuple[Text, ...] = ()
    """Answers that count 0; needed with `yes`. Any other answer is asked about."""
    missing: tuple[Text, ...] = ()
    """Answers that say that nothing was measured, as an empty cell does."""
    delay_days: Annotated[int, Field(ge=0, le=3650)] = 0
    """Days after the assignment until it can be known of everybody."""
    better: Literal["lower", "higher"]
    """Which way is better for residents."""
    label: Text
    """What it is, in a reader's words: `a violation eight weeks later`."""

    @model_validator(mode="after")
    def _own_table_has_columns(self) -> Self:
        given = [name for name in ("key", "time", "value") if getattr(self, name) is not None]
        words = (*self.yes, *self.no, *self.missing)
        if self.source is None and (given or words):
            raise ValueError("`key`, `time`, `value`, `yes` and `no` belong to a `source`")
        if words and not self.yes:
            raise ValueError("`no` and `missing` belong to `yes`")
        alike = [word.strip().casefold() for word in words]
        if len(set(alike)) < len(alike):
            raise ValueError("an answer stands twice among `yes`, `no` and `missing`")
        if self.source is not None and len(given) < 3:
            raise ValueError("a `source` needs `key`, `time` and `value`")
        return self


class EdgeSpec(SpecRecord):
    """The edge of the capacity: those about whom the ranking says least, among whom chance decides.

    Who stands above is served, whoever stands below is not, as without a lottery.
    """

    above: Annotated[int, Field(ge=1)]
    """Last places within the capacity that are drawn for: as many are served by lot."""
    below: Annotated[int, Field(ge=1)]
    """First places beyond the capacity that are drawn for too."""


class DrawSpec(SpecRecord):
    """What lots follow from beside the sealed plan: chance that the city cannot choose or foresee.

    Without it, who seals a plan could seal another until its draw pleases, and the card says so.
    """

    source: Text
    """Where it appears, so that anybody can look it up: the numbers of a lottery, the value of a
    randomness beacon."""
    on: date
    """The day on which it appears: after the plan is sealed, before the first list."""
    by: Text
    """Role that signs what it was; never who signed the plan."""


class EvaluationSpec(SpecRecord):
    """An evaluation, as it is announced before its first outcome."""

    question: Text
    """What shall be found out, in a sentence that residents understand."""
    outcome: MeasuredSpec
    """What is measured."""
    unit: Literal["case", "entity", "area"] = "entity"
    """What takes part once: a case, or an entity, which is not drawn again when it comes back. In
    the designs of places, the place: an entity, or an area with all of its entities."""
    design: Design = "lottery"
    """`lottery`: chance decides at the edge of the capacity. `probe`: a few visits are drawn from
    all, to learn what is there where nobody looks; it says nothing of an effect. `discontinuity`:
    nothing is left to chance; those just above the capacity's cut-off are held against those just
    below it. Of places: `stepped wedge`: all begin, one after another, in an order that chance
    decides. `synthetic`: some begin, and are held against a mixture of others that were alike
    before. `interrupted`: what came is held against what came before; what else changed then is
    part of it. `before after`: tells nothing, and how often such a change came by itself."""
    edge: EdgeSpec | None = None
    """For a lottery: how far around the cut chance decides."""
    probe: Annotated[float, Field(gt=0, le=0.2)] | None = None
    """Share of those who would not be served that are visited all the same, each by chance."""
    draw: DrawSpec | None = None
    """Where lots are drawn: the public source of chance that they follow from."""
    steps: Annotated[int, Field(ge=2)] | None = None
    """Of a stepped wedge: in how many steps places begin; each by itself without it."""
    treated: tuple[Text, ...] | None = None
    """Places in which it begins; all of them without it, where nothing is held against others."""
    donors: tuple[Text, ...] | None = None
    """Places that they are held against; all others without it."""
    before: Annotated[int, Field(ge=2, le=520)] | None = None
    """Weeks before `starts` in which donors are to be alike; twice `weeks` without it."""
    starts: date
    """First day: the start of a period of the capacity; of places, of a week or a month."""
    weeks: Annotated[int, Field(ge=1, le=520)]
    """How many weeks people are assigned, or places compared."""
    smallest_effect: Annotated[float, Field(gt=0)]
    """The smallest change for the better that is worth having, in the outcome's unit (0.05 is five
    in a hundred)."""
    confidence: Annotated[float, Field(ge=0.8, le=0.999)] = 0.95
    """Of all intervals."""
    groups: tuple[Text, ...] = ()
    """Dimensions of the audit by which the effect is told too."""
    who_decides: Text
    """Role that decides on what was found: scale, change or stop."""
    stop_rule: Text
    """When it is stopped early, and by whom."""

    @model_validator(mode="after")
    def _design_has_its_keys(self) -> Self:
        needed, allowed = OWN_KEYS[self.design]
        if self.draw is not None and self.draw.on >= self.starts:
            raise ValueError("`draw.on` is before `starts`: lots are drawn before the first list")
        for key in OWN:
            given = getattr(self, key) is not None
            if key in needed and not given:
                raise ValueError(f"`design: {self.design}` needs `{key}`")
            if given and key not in (*needed, *allowed):
                raise ValueError(f"`design: {self.design}` has no `{key}`")
        if self.unit == ("case" if self.of_places else "area"):
            raise ValueError(f"`design: {self.design}` has no `unit: {self.unit}`")
        both = set(self.treated or ()) & set(self.donors or ())
        if both or len(set(self.treated or ())) < len(self.treated or ()):
            named = sorted(both or set(self.treated or ()))
            raise ValueError(f"a place takes part once, and in one arm: {', '.join(named)}")
        if self.treated == () or self.donors == ():
            raise ValueError("an arm without a place: nothing could be compared")
        return self

    @property
    def of_places(self) -> bool:
        """Whether something begins in places, rather than for cases of a list."""
        return self.design in get_args(PlaceDesign)

    def measures_share(self, project: BaseProjectSpec) -> bool:
        """Whether the outcome is yes or no, so that means of it are shares."""
        own = self.outcome.source is None and isinstance(project, RiskSpec)
        return bool(self.outcome.yes) or own

    @property
    def ends(self) -> date:
        """First day on which nobody is assigned any more."""
        return self.starts + timedelta(weeks=self.weeks)

    @property
    def mature(self) -> date:
        """First day on which everybody's outcome can be known."""
        return self.ends + timedelta(days=self.outcome.delay_days + 1)

    @property
    def smallest(self) -> float:
        """The smallest effect worth having, with the sign of what is better."""
        return -self.smallest_effect if self.outcome.better == "lower" else self.smallest_effect


def load_evaluation(project: Project[BaseProjectSpec], name: str = "") -> EvaluationSpec:
    """Read an evaluation of a project: the only one, or the named one.

    Raises
    ------
    SpecError
        When there is none, a value is wrong, or the project knows nothing of that name.
    """
    path = find_evaluation(project, choose_evaluation(project, name))
    document = read_yaml(path)
    spec = validate_spec(EvaluationSpec, document.content, document)
    _check_fit(spec, project.spec, document)
    return spec


def _check_fit(spec: EvaluationSpec, project: BaseProjectSpec, document: Document) -> None:
    """Refuse what does not fit the project."""
    if spec.smallest_effect >= 1 and spec.measures_share(project):
        raise SpecError(
            f"a share of yes cannot change by {spec.smallest_effect:g}",
            where=document.locate(("smallest_effect",)),
            expected="less than 1: 0.05 is five in a hundred",
        )
    for i, name in enumerate(spec.groups):
        if name not in project.audit.dimensions:
            raise SpecError(
                f"the audit has no dimension '{name}'",
                where=document.locate(("groups", i)),
                expected=suggest_name(name, project.audit.dimensions),
            )
        if project.audit.dimensions[name].shares:
            raise SpecError(
                f"'{name}' divides residents by shares, and nobody takes part by halves",
                where=document.locate(("groups", i)),
                expected="a dimension in which each belongs to one group",
            )
    if spec.of_places:
        if spec.unit == "area" and project.question.entity.area is None:
            raise SpecError(
                "the entities of this project lie in no areas",
                where=document.locate(("unit",)),
                expected="`unit: entity`, or `area` and `areas` of the project's entity",
            )
        held = project.words.data.personal_data
        if spec.unit == "entity" and isinstance(project, RiskSpec) and held in TRACEABLE:
            raise SpecError(
                f"each {project.entity} would stand by name in the published plan, and the data "
                f"are {held} (`data.personal_data` in card.yaml)",
                where=document.locate(("unit",)),
                expected="`unit: area`, so that places begin and not persons",
            )
        late = getattr(project.data, "reporting_delay_days", 0) or 0
        if spec.outcome.source is None and spec.outcome.delay_days < late:
            raise SpecError(
                f"amounts are whole {late} days later, not {spec.outcome.delay_days}",
                where=document.locate(("outcome", "delay_days")),
                expected=f"`delay_days: {late}` at least",
            )
        return
    if not isinstance(project, RiskSpec) or project.question.decision.rule != "top":
        raise SpecError(
            "an evaluation is of cases of a list, of which a capacity takes the first",
            where=document.locate(("design",)),
            expected="a project with `kind: risk` and `decision: {rule: top, ...}`, or a design of "
            f"places: {', '.join(get_args(PlaceDesign))}",
        )
    capacity = project.question.decision.capacity or 0
    if spec.edge is not None and spec.edge.above > capacity:
        raise SpecError(
            f"{spec.edge.above} places are drawn for within a capacity of {capacity}",
            where=document.locate(("edge", "above")),
            expected=f"at most {capacity}, and fewer where some are to be served for certain",
        )

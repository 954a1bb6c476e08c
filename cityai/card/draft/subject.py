"""What a card is about, in the words of its kind: the only place where specifications differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from cityai.card.draft import sentences
from cityai.card.draft.design import (
    tell_ahead,
    tell_handed,
    tell_limits,
    tell_outcomes,
    tell_stretches,
)
from cityai.columns import (
    AS_OF,
    CASE,
    DECISION,
    ENTITY,
    FOLD,
    OCCURRED_AT,
    PERIOD_START,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
)
from cityai.i18n.messages import join, name_period, name_periods, say, write

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts
    from cityai.card.record.measured import QualityMeasure
    from cityai.config.audit_file import AuditFileSpec, GivenSpec
    from cityai.config.city import AreasSpec
    from cityai.config.dimension import MitigationSpec
    from cityai.config.project import BaseProjectSpec, ProjectSpec
    from cityai.config.risk import RiskSpec
    from cityai.records.predictions import Predictions

KINDS: Final = {
    "demand": say("Demand forecast: how much of something, where, in the coming periods"),
    "risk": say("Ranked list: how likely something is for each case, and which come first"),
    "amount": say("Predictions made by somebody else: how much of something, where"),
    "yes/no": say(
        "Predictions made by somebody else: whether something happens, and who is selected"
    ),
}
ODDS: Final = "log-odds"
Tell = Callable[["CardFacts"], tuple[str, ...]]
TellData = Callable[["CardFacts", "Iterable[QualityMeasure]"], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked, as a card says it."""

    kind: str
    """Kind of question."""
    tell_design: Tell
    """``(facts) -> sentences``: how it was tested."""
    entity: str
    entities: str
    """What one and several of those that predictions are about are called."""
    period: str
    horizon: int
    """Grain in time (``period`` where there is none), and periods ahead (0 where none are)."""
    scale: str
    output: str
    """How many predictions of what; what one prediction is."""
    parameters: Mapping[str, object]
    """Choices of the specification that the results depend on."""
    schema: dict[str, str]
    """Columns of the published predictions."""
    source: str
    grain: str
    known_rule: str
    """Name of the data; what one row is; when it could first be seen."""
    cleaning: tuple[str, ...]
    columns: tuple[str, ...]
    """What was done to the rows; columns that are read."""
    drivers_in: str = ""
    """Unit in which the model's drivers push."""
    method: str = ""
    """How the predictions are made, where their name does not say it."""
    made_by: str = ""
    """Who made them."""
    events: bool = False
    """Whether a row of the data is an event, so that few rows are few people."""
    counts: bool = False
    """Whether the amounts count such events."""
    sensitive: Mapping[str, str] = field(default_factory=dict)
    """Inputs close to a protected group, and why they are used."""
    hindsight: tuple[str, ...] = ()
    """Rules of the cohort that nobody could have known at the time."""
    areas: AreasSpec | None = None
    """The area table."""
    named_by_area: bool = False
    """Whether the area's id is part of the entity's."""
    plan: MitigationSpec | None = None
    """What was to be tried about a gap."""
    own: tuple[str, ...] = ()
    """Candidates of the city's own."""
    outcome: str = ""
    rule: str = ""
    per: str = ""
    """What a yes means; who is selected, in each period of which length."""
    tell_data: TellData = tell_limits
    """``(facts, measures) -> sentences``: what the rows that are used lack."""
    roles: tuple[str, ...] = ("learning", "testing", "operation")
    """What the data are used for."""
    figures_from: str = say("evaluation.metrics, from the saved predictions")
    """Where the figures of the evaluation are found."""
    version: Literal["run_digest", "data_digest"] = "run_digest"
    """What the version is part of."""


def describe_forecast(spec: ProjectSpec, predictions: Predictions) -> Subject:
    """Describe a forecast of amounts."""
    question, unit = spec.question, spec.question.unit
    entity, cohort = question.entity, question.entity.cohort
    hindsight = ("first_before", "last_from", "min_rows")
    return Subject(
        kind=KINDS[spec.kind],
        tell_design=tell_ahead,
        entity=entity.label,
        entities=entity.label_plural,
        period=question.period,
        horizon=question.horizon,
        scale=sentences.describe_scale(predictions.table[ENTITY].nunique(), spec),
        output=say(
            "{unit} per {label} and {period}, with a range",
            unit=unit,
            label=entity.label,
            period=question.period,
        ),
        parameters={
            "backtest.folds": predictions.table[FOLD].nunique(),
            "backtest.stride": spec.backtest.stride or question.horizon,
            "backtest.calibration": spec.backtest.calibration,
            "models.coverage": spec.models.coverage,
            "models.seed": spec.models.seed,
            "features.lags": spec.features.lags,
            "features.windows": spec.features.windows,
            "features.levels": spec.features.levels,
            **_list_choices(spec),
            "data.reporting_delay_days": spec.data.reporting_delay_days,
        },
        schema={
            ENTITY: entity.label,
            AS_OF: say("moment at which the forecast was made"),
            STEP: say("{period} ahead, from 1", period=name_periods(question.period)),
            PERIOD_START: say("first day of the {period} that is forecast", period=question.period),
            Y_PRED: say("forecast, in {unit}", unit=unit),
            Y_LOW: say("low end of the range, in {unit}", unit=unit),
            Y_HIGH: say("high end of the range, in {unit}", unit=unit),
        },
        source=spec.data.source.name,
        grain=sentences.describe_grain(spec),
        known_rule=sentences.describe_known(spec),
        cleaning=sentences.describe_cleaning(spec),
        columns=tuple(spec.data.columns),
        drivers_in=unit,
        events=spec.data.layout == "events",
        counts=question.measure == "count",
        sensitive=spec.features.sensitive,
        own=spec.models.own,
        hindsight=tuple(name for name in hindsight if getattr(cohort, name) is not None),
        areas=spec.areas,
        named_by_area=entity.area in entity.columns,
        plan=spec.mitigation,
    )


def describe_list(spec: RiskSpec, predictions: Predictions) -> Subject:
    """Describe a list of cases, ranked by how likely a yes is."""
    question, rule = spec.question, spec.question.decision
    outcome, entity = question.outcome.label, question.entity
    selected = _describe_rule(spec)
    cases, entities = len(predictions.table), predictions.table[ENTITY].nunique()
    return Subject(
        kind=KINDS[spec.kind],
        tell_design=tell_stretches,
        entity=entity.label,
        entities=entity.label_plural,
        period="period" if rule.per == "fold" else rule.per,
        horizon=0,
        scale=say(
            "{cases:,} {unit} at {entities:,} {label_plural}, each with the probability "
            "that {outcome}; selected are {selected}",
            cases=cases,
            unit=spec.unit,
            entities=entities,
            label_plural=entity.label_plural,
            outcome=outcome,
            selected=selected,
        ),
        output=say("probability that {outcome}, for each case", outcome=outcome),
        parameters={
            "decision.rule": rule.rule,
            "decision.capacity": "none" if rule.capacity is None else rule.capacity,
            "decision.per": rule.per,
            "decision.threshold": "none" if rule.threshold is None else rule.threshold,
            "backtest.folds": predictions.table[FOLD].nunique(),
            "backtest.stride_days": spec.backtest.stride_days,
            "backtest.gap_days": spec.backtest.gap_days,
            "backtest.min_train": spec.backtest.min_train,
            "models.seed": spec.models.seed,
            "features.windows_days": spec.features.windows_days,
            "features.decay.half_life_days": spec.features.decay.half_life_days,
            "features.decay.reach_m": spec.features.decay.reach_m,
            **_list_choices(spec),
        },
        schema={
            CASE: "case",
            ENTITY: entity.label,
            AS_OF: say("moment at which it was asked about"),
            OCCURRED_AT: say("when it takes place"),
            Y_PRED: say("probability that {outcome}", outcome=outcome),
            DECISION: say("1: selected under the capacity"),
        },
        source=spec.data.source.name,
        grain=say("one row a case ({unit})", unit=spec.unit),
        known_rule=sentences.describe_known(spec),
        cleaning=sentences.describe_scope(spec),
        columns=tuple(spec.data.columns),
        drivers_in=ODDS,
        events=spec.data.layout == "events",
        sensitive=spec.features.sensitive,
        own=spec.models.own,
        outcome=outcome,
        rule=selected,
        per=rule.per,
    )


def _tell_scale(rows: int, entities: int, given: GivenSpec) -> str:
    told = say(
        "{table:,} predictions about {nunique:,} {label_plural}",
        table=rows,
        nunique=entities,
        label_plural=given.label_plural,
    )
    return told if given.unit == given.label_plural else join("", (told, " (", given.unit, ")"))


def describe_external(spec: AuditFileSpec, predictions: Predictions) -> Subject:
    """Describe predictions that somebody else made, handed over in a file."""
    given, table = spec.predictions, predictions.table
    made_by = given.made_by or say("somebody else")
    return Subject(
        kind=KINDS[given.kind],
        tell_design=tell_handed,
        entity=given.label,
        entities=given.label_plural,
        period="period",
        horizon=0,
        scale=_tell_scale(len(table), table[ENTITY].nunique(), given),
        output=say(
            "{unit}, {kind}, one for each {label}",
            unit=given.unit,
            kind=given.kind,
            label=given.label,
        ),
        parameters={
            "threshold": "none" if given.threshold is None else write(given.threshold, "g")
        },
        schema={n: key.removeprefix("predictions.columns.") for key, n in spec.columns.items()},
        source="",
        grain=say("one row a prediction about one {label}", label=given.label),
        known_rule=say("Not known: the predictions came as they are."),
        cleaning=(say("A row whose cells are not of the declared kind is refused and counted."),),
        columns=tuple(spec.contract),
        method=say(
            "Predictions made by {made_by}; how is not known to this record", made_by=made_by
        ),
        made_by=made_by,
        areas=spec.areas,
        tell_data=tell_outcomes,
        roles=("audit",),
        figures_from=say("audit.table, from the predictions that were handed over"),
        version="data_digest",
    )


def _list_choices(spec: BaseProjectSpec) -> dict[str, object]:
    """List the choices of features that every fitted model has."""
    return {
        "features.calendar": spec.features.calendar,
        "features.attributes": spec.features.attributes,
        "features.own": spec.features.own,
        "features.exclude": spec.features.exclude,
    }


def _describe_rule(spec: RiskSpec) -> str:
    """Say who is selected."""
    rule = spec.question.decision
    if rule.rule == "threshold":
        return say(
            "all {unit} with a probability of {threshold:.0%} or more",
            unit=spec.unit,
            threshold=rule.threshold,
        )
    return say(
        "the {capacity:,} {unit} with the highest probability in each {period}",
        capacity=rule.capacity,
        unit=spec.unit,
        period=name_period(rule.per),
    )

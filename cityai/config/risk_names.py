"""What the parts of a risk question call each other, and what may never be a feature."""

from __future__ import annotations

from cityai.config.project import Location
from cityai.config.risk import EventSpec, RiskSpec
from cityai.config.yaml import Document
from cityai.errors import SpecError, suggest_name

AMOUNTS = ("integer", "number", "boolean")
RESERVED = (
    "case_id",
    "entity_id",
    "area_id",
    "as_of",
    "occurred_at",
    "known_at",
    "registered_at",
    "y_true",
    "slot",
    "slot_start",
    "latitude",
    "longitude",
)
"""Names of columns of a case; an attribute cannot be called so."""


def check_risk(spec: RiskSpec, document: Document) -> None:
    """Refuse a risk question that looks at its own answer, or names what is not there.

    Raises
    ------
    SpecError
        With the file, line and column.
    """
    _check_outcome(spec, document)
    for name in spec.question.entity.attributes:
        at: Location = ("question", "entity", "attributes")
        if spec.data.columns[name].type in ("date", "datetime"):
            raise SpecError(
                f"the attribute '{name}' is a moment, which no model can look at",
                where=document.locate(at),
                expected="a text or a number",
                next_step="declare it as an event table, or name it as `asked.registered`",
            )
        if name in RESERVED:
            raise SpecError(
                f"an attribute cannot be called '{name}'",
                where=document.locate(at),
                next_step="rename the column; an id is no attribute, and a place is named by "
                "`area`, or by `latitude` and `longitude`",
            )
    for name, dimension in spec.audit.dimensions.items():
        attribute = dimension.attribute
        declared = spec.data.columns.get(attribute or "")
        if dimension.cuts and (declared is None or declared.type not in AMOUNTS):
            raise SpecError(
                f"the audit's dimension '{name}' cuts '{attribute}', which is no number",
                where=document.locate(("audit", "dimensions", name, "cuts")),
                expected="an attribute of type integer or number",
            )
    for name, event in spec.events.items():
        _check_event(name, event, spec, document)


def _check_outcome(spec: RiskSpec, document: Document) -> None:
    """Only declared columns can be features, and these can never be."""
    outcome, known = spec.question.outcome.column, spec.data.known.column
    meant = spec.question.outcome
    if meant.yes is None and spec.data.columns[outcome].type not in ("integer", "number"):
        raise SpecError(
            f"`at_least` and `at_most` are for numbers, and '{outcome}' is of type "
            f"{spec.data.columns[outcome].type}",
            where=document.locate(("question", "outcome")),
            expected=f"`{outcome}: {{type: number}}` under `data.columns`, or `yes`",
        )
    never = {outcome: "the outcome"}
    if known is not None:
        never[known] = "the moment at which the outcome is known"
    if isinstance(spec.models.city_score, str):
        never[spec.models.city_score] = "the city's own score"
    used = [
        *((("question", "entity", "attributes"), name) for name in spec.question.entity.attributes),
        *((("question", "entity", "columns"), name) for name in spec.question.entity.columns),
        *((("models", "averages"), name) for name in spec.models.averages),
        *((("data", "where"), name) for name in spec.data.where),
    ]
    for at, name in used:
        if name in never and not (at[1] == "where" and name != outcome):
            raise SpecError(
                f"`{'.'.join(at)}` names '{name}', which is {never[name]}: it would give the "
                "answer away",
                where=document.locate(at),
                expected="columns that are known when the case is asked about",
                next_step=f"take '{name}' out; what earlier cases showed is used without naming it",
            )


def _check_event(name: str, event: EventSpec, spec: RiskSpec, document: Document) -> None:
    at = ("events", name)
    entity = spec.question.entity
    if event.by == "area" and entity.area is None:
        raise SpecError(
            f"the events '{name}' are by area, and the cases have none",
            where=document.locate((*at, "by")),
            expected="`question.entity.area` and `question.entity.areas`",
        )
    if event.by == "point" and entity.latitude is None:
        raise SpecError(
            f"the events '{name}' are points, and the cases have no place",
            where=document.locate((*at, "by")),
            expected="`question.entity.latitude` and `question.entity.longitude`",
        )
    columns = event.contract
    known = {column for column, kind in columns.items() if kind.type in AMOUNTS}
    for total, parts in event.totals.items():
        for part in parts:
            if part not in known:
                raise SpecError(
                    f"the total '{total}' adds up '{part}', which is no numeric column",
                    where=document.locate((*at, "totals", total)),
                    expected=suggest_name(part, known),
                )
    for column in event.where:
        if column not in event.columns:
            raise SpecError(
                f"`events.{name}.where` names the column '{column}', which has no contract",
                where=document.locate((*at, "where")),
                expected=suggest_name(column, event.columns),
            )
    category = columns.get(event.categories or "")
    if event.categories is not None and (category is None or not category.allowed):
        raise SpecError(
            f"`events.{name}.categories` names '{event.categories}', whose values are not listed",
            where=document.locate((*at, "categories")),
            expected="a column of `columns` with `allowed: [...]`",
        )

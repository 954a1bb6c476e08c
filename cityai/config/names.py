"""What the parts of a project call each other: every name must be there, and fit its use."""

from __future__ import annotations

from pathlib import Path

from cityai.config.project import BaseProjectSpec, Location, ProjectSpec
from cityai.config.risk import EventSpec, RiskSpec
from cityai.config.tables import CityTableSpec
from cityai.config.yaml import Document
from cityai.errors import SpecError, suggest_name

MOMENT = ("date", "datetime")
AMOUNT = ("integer", "number", "boolean")
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


def check_names(spec: BaseProjectSpec, document: Document, file: Path) -> None:
    """Refuse a name that nothing in the project has."""
    folder = file.parent.name
    is_main = file.name == "project.yaml"
    if spec.name != (folder if is_main else f"{folder}_{file.stem}"):
        raise SpecError(
            f"the project is called '{spec.name}' and its "
            + (f"folder '{folder}'" if is_main else f"file '{folder}/{file.name}'"),
            where=document.locate(("name",)),
            expected="the same name" if is_main else f"'{folder}_{file.stem}'",
        )
    if not is_main and (file.parents[1] / spec.name / "project.yaml").exists():
        raise SpecError(
            f"a project is called '{spec.name}' too, and its results would be replaced",
            where=document.locate(("name",)),
            expected="a file whose name, after its folder's, is no other project's",
        )
    areas = spec.question.entity.areas
    if areas is not None and areas not in spec.city.areas:
        raise SpecError(
            f"the city has no area table '{areas}'",
            where=document.locate(("question", "entity", "areas")),
            expected=suggest_name(areas, spec.city.areas),
        )
    unpivot = spec.data.unpivot
    made = () if unpivot is None else (unpivot.into, unpivot.value)
    declared = {*spec.data.columns, *made}
    for location, column in spec.named_columns:
        if column not in declared:
            raise SpecError(
                f"`{'.'.join(location)}` names the column '{column}', which has no contract",
                where=document.locate(location),
                expected=suggest_name(column, declared),
                next_step=f"add it under `data.columns`, for example `{column}: {{type: text}}`",
            )
    plan = spec.mitigation if isinstance(spec, ProjectSpec) else None
    if plan is not None and plan.dimension not in spec.audit.dimensions:
        raise SpecError(
            f"the audit has no dimension '{plan.dimension}'",
            where=document.locate(("mitigation", "dimension")),
            expected="a dimension that `audit.dimensions` declares",
            next_step=suggest_name(plan.dimension, spec.audit.dimensions),
        )
    for name, dimension in spec.audit.dimensions.items():
        attribute = dimension.attribute
        known = {*spec.question.entity.attributes, "area", "entity"}
        if attribute is not None and attribute not in known:
            raise SpecError(
                f"the audit's dimension '{name}' names the attribute '{attribute}'",
                where=document.locate(("audit", "dimensions", name, "attribute")),
                expected=suggest_name(attribute, known),
            )
        if (dimension.shares or dimension.bands or dimension.area_column) and areas is None:
            raise SpecError(
                f"the audit's dimension '{name}' needs an area table",
                where=document.locate(("audit", "dimensions", name)),
                expected="`question.entity.area` and `question.entity.areas`",
            )


def check_types(spec: BaseProjectSpec, document: Document) -> None:
    """Refuse a column whose declared type cannot be what it is used for."""
    wanted: dict[Location, tuple[str, ...]] = {
        ("data", "time"): MOMENT,
        ("data", "known", "column"): MOMENT,
        ("question", "asked", "column"): MOMENT,
        ("question", "asked", "registered"): MOMENT,
        ("question", "value"): AMOUNT,
        ("question", "entity", "latitude"): AMOUNT,
        ("question", "entity", "longitude"): AMOUNT,
        ("models", "city_rule"): AMOUNT,
        ("models", "city_score"): AMOUNT,
    }
    for location, column in spec.named_columns:
        declared = spec.data.columns.get(column)
        fitting = wanted.get(location)
        if declared is not None and fitting is not None and declared.type not in fitting:
            raise SpecError(
                f"`{'.'.join(location)}` names the column '{column}', whose type is "
                f"{declared.type}",
                where=document.locate(("data", "columns", column, "type")),
                expected=" or ".join(fitting),
            )
    if spec.city_table is not None:
        _check_city_table(spec.city_own[0], spec.city_table, spec, document)
    for name, covariate in spec.covariates.items():
        if covariate.by != "city" and covariate.key is None:
            raise SpecError(
                f"the covariate '{name}' is by {covariate.by} and names no `key`",
                where=document.locate(("covariates", name)),
                expected=f"`key`, the column with the {covariate.by}'s id",
            )


def _check_city_table(
    name: str, table: CityTableSpec, spec: BaseProjectSpec, document: Document
) -> None:
    """Refuse a table of the city's own that is not about what is asked, or is no number."""
    at: Location = ("models", name)
    asked, by = spec.asked_of, spec.summed_by
    if len(table.keys) != len(asked):
        raise SpecError(
            f"`models.{name}.key` has {len(table.keys)} columns, and what is asked about has "
            f"{len(asked)}",
            where=document.locate((*at, "key")),
            expected=f"the columns of its table for {', '.join(asked) or 'none'}, in that order",
        )
    if (table.time is None) == (by is not None):
        raise SpecError(
            f"`models.{name}` {'names no `time`' if by else 'names a `time`, and a case has none'}",
            where=document.locate(at),
            expected=f"the column with the start of the {by}" if by else "a row for each case",
        )
    made = table.known if table.known == "ahead" else table.known.column
    for column, fitting in ((table.value, AMOUNT), (table.time, MOMENT), (made, MOMENT)):
        declared = table.columns.get(column or "")
        if declared is not None and declared.type not in fitting:
            raise SpecError(
                f"`models.{name}` uses the column '{column}', whose type is {declared.type}",
                where=document.locate((*at, "columns", str(column), "type")),
                expected=" or ".join(fitting),
            )


def check_risk(spec: RiskSpec, document: Document) -> None:
    """Refuse a risk question that looks at its own answer, or names what is not there."""
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
        if dimension.cuts and (declared is None or declared.type not in AMOUNT):
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
    known = {column for column, kind in columns.items() if kind.type in AMOUNT}
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

"""What the parts of a project call each other: every name must be there, and fit its use."""

from __future__ import annotations

from pathlib import Path

from cityai.config.project import BaseProjectSpec, Location, ProjectSpec
from cityai.config.tables import CityTableSpec
from cityai.config.yaml import Document
from cityai.errors import SpecError, suggest_name

MOMENT = ("date", "datetime")
AMOUNT = ("integer", "number", "boolean")


def check_names(spec: BaseProjectSpec, document: Document, file: Path) -> None:
    """Refuse a name that nothing in the project has.

    Raises
    ------
    SpecError
        With the file, line and column of the name, and the nearest that is known.
    """
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
    """Refuse a column whose declared type cannot be what it is used for.

    Raises
    ------
    SpecError
        With the file, line and column of the type.
    """
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
